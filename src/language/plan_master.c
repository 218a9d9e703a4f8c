/* plan_master: fields of master data by id, as they stand in the latest versions when the plan is made. A condition with constants keeps
 * only the ids that it holds for, so that rows ask one table, once per code. */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/json_read.h"
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

static bool read_time(const struct json *value, bool date, struct number *out) {
    int64_t ms;
    bool zoned;
    if (value->kind != JSON_TEXT || time_parse_iso(value->text, &ms, &zoned))
        return false;
    *out = number_whole(date ? ms / DAY_MS - (ms % DAY_MS < 0) : ms);
    return true;
}

/* A field's value as its property's type; false where it is none. */
static bool read_value(struct plan *plan, const struct json *value, uint8_t type, struct lookup_entry *entry) {
    if (!value)
        return false;
    switch (type) {
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        if (value->kind == JSON_INTEGER)
            entry->number = number_whole(value->integer);
        else if (value->kind == JSON_REAL)
            entry->number = number_of_real(value->real);
        return value->kind == JSON_INTEGER || value->kind == JSON_REAL;
    case PROPERTY_BOOL:
        entry->number = number_whole(value->kind == JSON_BOOL && value->boolean);
        return value->kind == JSON_BOOL;
    case PROPERTY_TIME:
    case PROPERTY_DATE:
        return read_time(value, type == PROPERTY_DATE, &entry->number);
    case PROPERTY_TEXT:
        if (value->kind == JSON_TEXT)
            entry->text = arena_copy(&plan->arena, value->text);
        return value->kind == JSON_TEXT;
    default:
        return false;
    }
}

struct reading {
    struct plan *plan;
    struct lookup *lookup;
    struct json_parser *parser;
    const char *field;
};

/* Takes one page; returns how many ids it had, *last the last of them. */
static size_t read_page(struct reading *r, struct slice page, struct slice *last) {
    const struct json *root;
    size_t count = 0;
    if (json_parse(r->parser, page, true, &root, NULL))
        return 0;
    for (const struct json *j = json_first(r->parser, root); j; j = json_next(r->parser, j), count++) {
        struct lookup_entry entry = {.id = arena_copy(&r->plan->arena, json_get_text(r->parser, j, "id"))};
        const struct json *value = json_get(r->parser, json_get(r->parser, j, "fields"), r->field);
        if (entry.id.data && read_value(r->plan, value, r->lookup->property_type, &entry))
            add(r->lookup, &entry);
        *last = entry.id;
    }
    return count;
}

struct lookup *plan_lookup(struct plan *plan, uint16_t type, uint16_t property, uint8_t property_type) {
    for (uint32_t i = 0; i < plan->lookup_count; i++) {
        struct lookup *l = plan->lookups[i];
        if (!l->condition && l->type == type && l->property == property && l->property_type == property_type)
            return l;
    }
    struct lookup *lookup = new_lookup(plan);
    lookup->type = type;
    lookup->property = property;
    lookup->property_type = property_type;
    const struct dictionary *d = plan->vocabulary->dictionary;
    const struct property *p = dictionary_property_at(dictionary_type_at(d, type), property);
    if (!plan->vocabulary->master || !p)
        return lookup;
    struct reading r = {plan, lookup, json_parser_create(), p->name.data};
    struct buffer page = {0};
    struct slice last = SLICE_NONE;
    size_t got;
    do {
        struct json_writer w = {.out = &page};
        buffer_clear(&page);
        master_list_json(plan->vocabulary->master, type, last, SLICE_NONE, 1000, &w);
        got = read_page(&r, buffer_slice(&page), &last);
    } while (got == 1000);
    buffer_release(&page);
    json_parser_free(r.parser);
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
    for (uint32_t i = 0; i < plan->master_count; i++)
        if (master_count(plan->vocabulary->master, plan->master_types[i]) != plan->master_versions[i])
            return true;
    return false;
}
