/* relation: see the header. */
#include "serve/relation.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"
#include "history/target.h"

#define NO_ROW UINT32_MAX

/* --- finding --- */

/* Rows of one type that name the other end by one identifier. */
struct named_edge {
    uint32_t relation; /* its place among the relations */
    bool said, ended;  /* whether it is over, as the newest row says that says it */
    int64_t said_ms;
};

/* Places by a key of two numbers, in the arena; open addressing. */
struct place_map {
    uint64_t *keys; /* 0: free */
    uint32_t *places;
    uint64_t mask;
};

static struct place_map map_create(struct arena *arena, size_t most) {
    uint64_t slots = 16;
    while (slots < 2 * most + 2)
        slots *= 2;
    struct place_map map = {arena_get(arena, slots * sizeof *map.keys), arena_get(arena, slots * sizeof *map.places),
                            slots - 1};
    memset(map.keys, 0, slots * sizeof *map.keys);
    return map;
}

/* Where the key's place is kept; *fresh: it was not there. A type's number is never the highest, so a key is never 0. */
static uint32_t *map_place(struct place_map *map, uint16_t type, uint32_t number, bool *fresh) {
    uint64_t key = ((uint64_t)type + 1) << 32 | number;
    uint64_t at = hash_mix(key) & map->mask;
    while (map->keys[at] && map->keys[at] != key)
        at = (at + 1) & map->mask;
    *fresh = map->keys[at] == 0;
    map->keys[at] = key;
    return &map->places[at];
}

struct finding {
    struct call *call;
    struct customer_id customer;
    const struct relations_wish *wish;
    struct relations *out;
    struct named_edge *edges;
    size_t edge_count;
    uint32_t *last; /* of a relation: its oldest row so far */
    struct place_map by_identifier, by_customer;
};

static bool wanted_type(const struct relations_wish *wish, const struct type *type) {
    return type->kind == TYPE_RELATION &&
           (!wish->type || type == wish->type || (wish->both && type->number == wish->type->inverse));
}

struct customer_id relation_other(const struct call *call, const struct record_head *row) {
    const struct record_value *written = record_find(row, RELATION_CUSTOMER);
    struct customer_id then = {written ? (uint32_t)written->integer : 0};
    return target_now(call->parts->identity, (struct identifier_id){row->document}, then);
}

static uint32_t relation_of(struct finding *f, const struct type *type, const struct record_head *row,
                            struct customer_id other, uint32_t i) {
    bool fresh;
    uint32_t *place = map_place(&f->by_customer, type->number, other.number, &fresh);
    if (fresh) {
        *place = (uint32_t)f->out->count++;
        f->out->all[*place] = (struct relation){.type = type,
                                                .other = other,
                                                .through = {row->document},
                                                .updated_ms = row->time_ms,
                                                .ended_ms = INT64_MIN,
                                                .source = row->source,
                                                .ended = true,
                                                .first_row = i};
    } else {
        f->out->next[f->last[*place]] = i;
    }
    f->last[*place] = i;
    f->out->next[i] = NO_ROW;
    f->out->all[*place].since_ms = row->time_ms;
    f->out->all[*place].updates++;
    return *place;
}

/* From the newest row to the oldest. */
static void take_row(struct finding *f, const struct record_head *row, uint32_t i) {
    const struct type *type = dictionary_type_at(f->call->parts->dictionary, row->type);
    struct customer_id other = relation_other(f->call, row);
    bool fresh;
    if (other.number == f->customer.number || other.number == 0)
        return;
    uint32_t relation = relation_of(f, type, row, other, i);
    uint32_t *place = map_place(&f->by_identifier, type->number, row->document, &fresh);
    if (fresh) {
        *place = (uint32_t)f->edge_count++;
        f->edges[*place] = (struct named_edge){relation, false, false, 0};
    }
    struct named_edge *edge = &f->edges[*place];
    const struct record_value *ended = record_find(row, RELATION_ENDED);
    if (!edge->said && ended && ended->kind == VALUE_BOOL)
        *edge = (struct named_edge){relation, true, ended->integer != 0, row->time_ms};
}

static bool wanted_state(const struct relations_wish *wish, const struct relation *r) {
    return r->ended ? wish->ended : wish->current;
}

static int latest_first(const void *a, const void *b) {
    const struct relation *x = a, *y = b;
    if (x->updated_ms != y->updated_ms)
        return x->updated_ms > y->updated_ms ? -1 : 1;
    if (x->type->number != y->type->number)
        return x->type->number < y->type->number ? -1 : 1;
    return (x->other.number > y->other.number) - (x->other.number < y->other.number);
}

static void conclude(struct finding *f) {
    struct relations *out = f->out;
    size_t kept = 0;
    for (size_t i = 0; i < f->edge_count; i++) {
        struct relation *r = &out->all[f->edges[i].relation];
        r->ended = r->ended && f->edges[i].ended;
        if (f->edges[i].ended && f->edges[i].said_ms > r->ended_ms)
            r->ended_ms = f->edges[i].said_ms;
    }
    for (size_t i = 0; i < out->count; i++)
        if (wanted_state(f->wish, &out->all[i]))
            out->all[kept++] = out->all[i];
    out->count = kept;
    if (kept > 1)
        qsort(out->all, kept, sizeof *out->all, latest_first);
}

void relations_find(struct call *call, struct customer_id customer, const struct history_rows *rows,
                    const struct relations_wish *wish, struct relations *out) {
    struct arena *arena = &call->bench->arena;
    const struct dictionary *d = call->parts->dictionary;
    size_t most = 0;
    for (size_t i = 0; i < rows->count; i++)
        most += wanted_type(wish, dictionary_type_at(d, history_row_type(rows, i)));
    struct finding f = {.call = call, .customer = customer, .wish = wish, .out = out};
    *out = (struct relations){.rows = rows};
    if (most == 0)
        return;
    out->all = arena_get(arena, most * sizeof *out->all);
    out->next = arena_get(arena, rows->count * sizeof *out->next);
    f.edges = arena_get(arena, most * sizeof *f.edges);
    f.last = arena_get(arena, most * sizeof *f.last);
    f.by_identifier = map_create(arena, most);
    f.by_customer = map_create(arena, most);
    for (size_t i = 0; i < rows->count; i++)
        if (wanted_type(wish, dictionary_type_at(d, history_row_type(rows, i))))
            take_row(&f, history_row(call->parts->history, rows, i, &call->bench->builder), (uint32_t)i);
    conclude(&f);
}

/* --- showing one --- */

/* What tells a person at a glance, in this order. */
static const struct slice key_attributes[] = {
    SLICE("name"),  SLICE("first_name"), SLICE("last_name"), SLICE("gender"), SLICE("birthday"),     SLICE("phone"),
    SLICE("email"), SLICE("city"),       SLICE("level"),     SLICE("title"),  SLICE("company.name"),
};

struct key_context {
    struct show *show;
    const struct type *type;
};

static void show_key(void *context, const struct attribute_now *attribute) {
    struct key_context *k = context;
    const struct property *property = dictionary_property_at(k->type, attribute->property);
    for (size_t i = 0; property && i < sizeof key_attributes / sizeof *key_attributes; i++)
        if (slice_equal(property->name, key_attributes[i])) {
            json_key_slice(k->show->json, property->name);
            show_value(k->show, k->type, attribute->record, attribute->value);
        }
}

/* {"oneid":..., "attributes":{...}} without the braces around. */
static void show_other(struct show *show, struct call *call, const char *key, struct customer_id other) {
    struct key_context context = {show, dictionary_type_at(call->parts->dictionary, DICTIONARY_CUSTOMER)};
    show_oneid(show, key, other);
    json_key(show->json, "attributes");
    json_object(show->json);
    history_attributes(call->parts->history, other, &call->bench->arena, show_key, &context);
    json_end_object(show->json);
}

static void show_fields(struct show *show, struct call *call, const struct relations *all, const struct relation *r) {
    uint8_t *shown = arena_get(&call->bench->arena, DICTIONARY_PROPERTIES_MAX + 1);
    memset(shown, 0, DICTIONARY_PROPERTIES_MAX + 1);
    json_key(show->json, "fields");
    json_object(show->json);
    for (uint32_t i = r->first_row; i != NO_ROW; i = all->next[i]) {
        const struct record_head *row = history_row(call->parts->history, all->rows, i, &call->bench->builder);
        for (uint16_t k = 0; k < row->value_count; k++) {
            const struct record_value *v = &record_values(row)[k];
            const struct property *property = dictionary_property_at(r->type, v->property);
            if (v->property <= RELATION_ENDED || property == NULL || shown[v->property]++)
                continue;
            json_key_slice(show->json, property->name);
            show_value(show, r->type, row, v);
        }
    }
    json_end_object(show->json);
}

/* Seen from this end: "out" is the name that was defined, "in" its inverse. */
static const char *direction_of(const struct type *type) {
    return type->inverse == type->number ? "both" : type->number < type->inverse ? "out" : "in";
}

void relation_show(struct show *show, struct call *call, const struct relations *all, const struct relation *r) {
    struct json_writer *w = show->json;
    json_object(w);
    json_member_text(w, "type", r->type->name);
    json_member_text(w, "inverse", dictionary_type_at(call->parts->dictionary, r->type->inverse)->name);
    json_member_cstring(w, "direction", direction_of(r->type));
    show_other(show, call, "to", r->other);
    json_key(w, "through");
    show_identifier(show, r->through);
    json_member_bool(w, "ended", r->ended);
    json_member_time(w, "since", r->since_ms);
    json_member_time(w, "updated", r->updated_ms);
    if (r->ended)
        json_member_time(w, "ended_at", r->ended_ms);
    json_key(w, "source");
    show_source(show, r->source);
    json_member_integer(w, "updates", r->updates);
    show_fields(show, call, all, r);
    json_end_object(w);
}

/* --- what happened, as subject and as contact --- */

/* Rows of others that were looked at for this call. */
struct looked {
    struct customer_id customer;
    struct history_rows rows;
    struct looked *before;
};

struct timeline {
    struct show *show;
    struct call *call;
    const struct history_rows *rows;
    struct looked *looked;
};

static const struct history_rows *rows_of(struct timeline *t, struct customer_id customer) {
    struct looked *l = t->looked;
    while (l && l->customer.number != customer.number)
        l = l->before;
    if (!l) {
        l = arena_get(&t->call->bench->arena, sizeof *l);
        *l = (struct looked){customer, {0}, t->looked};
        history_rows(t->call->parts->history, customer, -1, &t->call->bench->arena, &l->rows);
        t->looked = l;
    }
    return &l->rows;
}

/* The first row at or behind (time, position), in the order of history_rows. */
static size_t rows_from(const struct history_rows *rows, int64_t time_ms, uint64_t position) {
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int64_t time = history_row_time(rows, middle);
        if (time != time_ms ? time > time_ms : history_row_position(rows, middle) > position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum type_kind kind_at(const struct timeline *t, const struct history_rows *rows, size_t i) {
    return (enum type_kind)dictionary_type_at(t->call->parts->dictionary, history_row_type(rows, i))->kind;
}

static bool of_record(const struct history_rows *rows, size_t i, int64_t time_ms, uint64_t position) {
    return i < rows->count && history_row_time(rows, i) == time_ms && history_row_position(rows, i) == position;
}

/* Row `i`'s neighbours come from the same record as it does: the first of them. */
static size_t record_start(const struct history_rows *rows, size_t i) {
    int64_t time_ms = history_row_time(rows, i);
    uint64_t position = history_row_position(rows, i);
    while (i > 0 && of_record(rows, i - 1, time_ms, position))
        i--;
    return i;
}

/* The event or document among `rows` that came with the record at this time and position, whose first row is `i`; SIZE_MAX: none. */
static size_t happened_at(const struct timeline *t, const struct history_rows *rows, size_t i, int64_t time_ms,
                          uint64_t position) {
    size_t document = SIZE_MAX;
    for (; of_record(rows, i, time_ms, position); i++) {
        enum type_kind kind = kind_at(t, rows, i);
        if (kind == TYPE_EVENT)
            return i;
        if (kind == TYPE_DOCUMENT)
            document = i;
    }
    return document;
}

/* Writes what the relation row stands for, as it is at its subject; false where that is not to be found. */
static bool show_as_contact(struct timeline *t, const struct record_head *row) {
    struct call *call = t->call;
    const struct type *relation = dictionary_type_at(call->parts->dictionary, row->type);
    struct customer_id subject = relation_other(call, row);
    const struct history_rows *theirs = subject.number ? rows_of(t, subject) : NULL;
    size_t at = SIZE_MAX;
    if (theirs)
        at = happened_at(t, theirs, rows_from(theirs, row->time_ms, row->position), row->time_ms, row->position);
    if (at == SIZE_MAX)
        return false;
    row = history_row(call->parts->history, theirs, at, &call->bench->builder);
    show_row_open(t->show, row);
    json_member_cstring(t->show->json, "as", "contact");
    json_member_text(t->show->json, "relation", relation->name);
    json_key(t->show->json, "subject");
    json_object(t->show->json);
    show_other(t->show, call, "oneid", subject);
    json_end_object(t->show->json);
    json_end_object(t->show->json);
    return true;
}

/* A row that says nothing but who else had to do with what happened. */
static bool is_mention(const struct record_head *row) {
    return row->kind == TYPE_RELATION && !(row->flags & RECORD_INVOLVES) && !record_find(row, RELATION_ENDED);
}

/* "contacts": those whom the record names too, whose first row is `first`. */
static void show_contacts(struct timeline *t, size_t first, int64_t time_ms, uint64_t position) {
    struct call *call = t->call;
    bool open = false;
    for (size_t i = first; of_record(t->rows, i, time_ms, position); i++) {
        if (kind_at(t, t->rows, i) != TYPE_RELATION)
            continue;
        const struct record_head *row = history_row(call->parts->history, t->rows, i, &call->bench->builder);
        if (!is_mention(row))
            continue;
        if (!open) {
            json_member_cstring(t->show->json, "as", "subject");
            json_key(t->show->json, "contacts");
            json_array(t->show->json);
            open = true;
        }
        json_object(t->show->json);
        json_member_text(t->show->json, "relation", dictionary_type_at(call->parts->dictionary, row->type)->name);
        show_other(t->show, call, "oneid", relation_other(call, row));
        json_end_object(t->show->json);
    }
    if (open)
        json_end_array(t->show->json);
}

/* False where the row is told with another. */
static bool show_one(struct timeline *t, size_t i) {
    const struct record_head *row = history_row(t->call->parts->history, t->rows, i, &t->call->bench->builder);
    int64_t time_ms = row->time_ms;
    uint64_t position = row->position;
    enum type_kind kind = (enum type_kind)row->kind;
    size_t first = record_start(t->rows, i);
    if (is_mention(row) && happened_at(t, t->rows, first, time_ms, position) != SIZE_MAX)
        return false;
    if (kind == TYPE_RELATION && (row->flags & RECORD_INVOLVES)) {
        if (show_as_contact(t, row))
            return true;
        row = history_row(t->call->parts->history, t->rows, i, &t->call->bench->builder);
    }
    show_row_open(t->show, row);
    if (kind == TYPE_RELATION)
        show_oneid(t->show, "to", relation_other(t->call, row));
    if (kind == TYPE_EVENT || kind == TYPE_DOCUMENT)
        show_contacts(t, first, time_ms, position);
    json_end_object(t->show->json);
    return true;
}

size_t relation_show_rows(struct show *show, struct call *call, const struct history_rows *rows, size_t from,
                          size_t limit) {
    struct timeline t = {show, call, rows, NULL};
    size_t shown = 0, i = from;
    json_array(show->json);
    for (; i < rows->count && shown < limit; i++)
        shown += show_one(&t, i);
    json_end_array(show->json);
    return i;
}
