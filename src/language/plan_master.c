/* plan_master: fields of master data by id, as they stand in the latest versions when the plan is made. A condition with constants keeps
 * only the ids that it holds for, so that rows ask one table, once per code. */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"
#include "language/evaluate_text.h"
#include "language/plan_inside.h"

const struct lookup_entry *lookup_find(const struct lookup *lookup, struct slice id) {
    if (lookup->count == 0)
        return NULL;
    uint32_t at = (uint32_t)hash_bytes(id, 0) & (lookup->slots - 1);
    for (; lookup->entries[at].id.data; at = (at + 1) & (lookup->slots - 1))
        if (slice_equal(lookup->entries[at].id, id))
            return &lookup->entries[at];
    return NULL;
}

static void put(struct lookup *lookup, const struct lookup_entry *entry) {
    uint32_t at = (uint32_t)hash_bytes(entry->id, 0) & (lookup->slots - 1);
    while (lookup->entries[at].id.data)
        at = (at + 1) & (lookup->slots - 1);
    lookup->entries[at] = *entry;
}

static void add(struct lookup *lookup, const struct lookup_entry *entry) {
    if (lookup->count * 2 >= lookup->slots) {
        struct lookup old = *lookup;
        lookup->slots = lookup->slots ? lookup->slots * 2 : 64;
        lookup->entries = memory_get(lookup->slots, sizeof *lookup->entries);
        for (uint32_t i = 0; i < old.slots; i++)
            if (old.entries[i].id.data)
                put(lookup, &old.entries[i]);
        free(old.entries);
    }
    put(lookup, entry);
    lookup->count++;
}

static struct lookup *new_lookup(struct plan *plan) {
    struct lookup *lookup = memory_get(1, sizeof *lookup);
    plan->lookups = memory_resize(plan->lookups, plan->lookup_count + 1, sizeof *plan->lookups);
    return plan->lookups[plan->lookup_count++] = lookup;
}

static bool read_time(struct slice text, bool date, struct number *out) {
    int64_t ms;
    bool zoned;
    if (time_parse_iso(text, &ms, &zoned))
        return false;
    *out = number_whole(date ? ms / DAY_MS - (ms % DAY_MS < 0) : ms);
    return true;
}

/* A field's value as its property's type; false where it is none. */
static bool read_value(struct plan *plan, const struct record_head *record, const struct record_value *v, uint8_t type,
                       struct lookup_entry *entry) {
    bool date = type == PROPERTY_DATE, moment = date || type == PROPERTY_TIME;
    switch (v->kind) {
    case VALUE_NUMBER:
        entry->number = number_decimal(v->integer, v->scale);
        return type == PROPERTY_NUMBER || type == PROPERTY_MONEY;
    case VALUE_REAL:
        entry->number = number_of_real(v->real);
        return type == PROPERTY_NUMBER || type == PROPERTY_MONEY;
    case VALUE_BOOL:
        entry->number = number_whole(v->integer != 0);
        return type == PROPERTY_BOOL;
    case VALUE_TIME:
        entry->number = number_whole(!date ? v->integer : v->integer / DAY_MS - (v->integer % DAY_MS < 0));
        return moment;
    case VALUE_DATE:
        entry->number = number_whole(date ? v->integer : v->integer * DAY_MS);
        return moment;
    case VALUE_TEXT:
        if (moment)
            return read_time(record_text(record, v), date, &entry->number);
        entry->text = arena_copy(&plan->arena, record_text(record, v));
        return type == PROPERTY_TEXT;
    default:
        return false;
    }
}

/* id, valid_from and valid_to are about the version; master keeps them beside its fields. */
enum version_part { PART_FIELD, PART_ID, PART_FROM, PART_TO };

struct reading {
    struct plan *plan;
    struct lookup *lookup;
    enum version_part part;
};

static enum version_part part_of(const struct property *field) {
    return slice_is(field->name, "id") && field->type == PROPERTY_TEXT ? PART_ID
           : slice_is(field->name, "valid_from")                       ? PART_FROM
           : slice_is(field->name, "valid_to")                         ? PART_TO
                                                                       : PART_FIELD;
}

static bool read_part(const struct reading *r, struct slice id, const struct record_head *latest, int64_t valid_to,
                      struct lookup_entry *entry) {
    const struct record_value *v = record_find(latest, r->lookup->property);
    const uint8_t type = r->lookup->property_type;
    const int64_t moment = r->part == PART_FROM ? latest->time_ms : valid_to;
    if (r->part == PART_FIELD)
        return v && read_value(r->plan, latest, v, type, entry);
    if (r->part == PART_ID) {
        entry->text = arena_copy(&r->plan->arena, id);
        return true;
    }
    entry->number = number_whole(type == PROPERTY_DATE ? moment / DAY_MS - (moment % DAY_MS < 0) : moment);
    return moment != INT64_MAX && (type == PROPERTY_DATE || type == PROPERTY_TIME);
}

/* What is closed stays what it was. */
static bool read_id(void *context, struct slice id, const struct record_head *latest, int64_t valid_to) {
    struct reading *r = context;
    struct lookup_entry entry = {0};
    if (!id.size || !read_part(r, id, latest, valid_to, &entry))
        return true;
    entry.id = arena_copy(&r->plan->arena, id);
    add(r->lookup, &entry);
    return true;
}

struct lookup *plan_lookup(struct plan *plan, uint16_t type, uint16_t property, uint8_t property_type) {
    const struct master *master = plan->vocabulary->master;
    for (uint32_t i = 0; i < plan->lookup_count; i++) {
        struct lookup *l = plan->lookups[i];
        if (!l->condition && l->type == type && l->property == property && l->property_type == property_type)
            return l;
    }
    struct lookup *lookup = new_lookup(plan);
    lookup->type = type;
    lookup->property = property;
    lookup->property_type = property_type;
    const struct type *of = dictionary_type_at(plan->vocabulary->dictionary, type);
    const struct property *field = dictionary_property_at(of, property);
    if (!master || !field)
        return lookup;
    if (!plan->reads_master) /* the version first: what comes in between makes the plan stale */
        plan->master_version = master_version(master);
    plan->reads_master = true;
    master_walk(master, type, read_id, &(struct reading){plan, lookup, part_of(field)});
    return lookup;
}

/* --- conditions --- */

static bool number_holds(const struct plan *plan, enum op op, struct number n, const uint32_t *values, uint32_t count) {
    int order = count ? number_compare(n, plan->nodes[values[0]].number) : 0;
    switch (op) {
    case OP_EQUAL:
        return order == 0;
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    case OP_GREATER_EQUAL:
        return order >= 0;
    case OP_BETWEEN:
        return order >= 0 && number_compare(n, plan->nodes[values[1]].number) <= 0;
    default:
        assert(op == OP_IN);
        for (uint32_t i = 0; i < count; i++)
            if (number_compare(n, plan->nodes[values[i]].number) == 0)
                return true;
        return false;
    }
}

static bool entry_holds(const struct plan *plan, const struct lookup *of, enum op op, const struct lookup_entry *e,
                        const uint32_t *values, uint32_t count) {
    if (of->property_type != PROPERTY_TEXT)
        return number_holds(plan, op, e->number, values, count);
    for (uint32_t i = 0; i < count; i++)
        if (text_holds(op == OP_IN ? OP_EQUAL : op, e->text, plan->nodes[values[i]].text))
            return true;
    return false;
}

struct lookup *plan_lookup_condition(struct plan *plan, const struct lookup *of, enum op op, const uint32_t *values,
                                     uint32_t count) {
    for (uint32_t i = 0; i < plan->lookup_count; i++) {
        struct lookup *l = plan->lookups[i];
        if (l->condition == of && l->op == op && l->value_count == count &&
            (!count || memcmp(l->values, values, count * sizeof *values) == 0))
            return l;
    }
    struct lookup *found = new_lookup(plan);
    uint32_t *kept = arena_get(&plan->arena, (count + 1) * sizeof *kept);
    memcpy(kept, values, count * sizeof *values);
    found->type = of->type;
    found->property = of->property;
    found->property_type = of->property_type;
    found->condition = of;
    found->values = kept;
    found->value_count = count;
    found->op = (uint8_t)op;
    for (uint32_t i = 0; i < of->slots; i++)
        if (of->entries[i].id.data && entry_holds(plan, of, op, &of->entries[i], values, count))
            add(found, &of->entries[i]);
    return found;
}

bool plan_stale(const struct plan *plan) {
    for (uint32_t i = 0; i < plan->inner_count; i++)
        if (plan_stale(plan->inners[i]))
            return true;
    return plan->reads_master && master_version(plan->vocabulary->master) != plan->master_version;
}
