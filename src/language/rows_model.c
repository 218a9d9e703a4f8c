/* rows_model: rows, windows and names of the slow twin (plan_model.h). */
#include <assert.h>
#include <stdlib.h>

#include "language/plan_model_inside.h"
#include "language/relation_model.h"

/* --- stored values --- */

static bool is_text(uint8_t type) { return type == PROPERTY_TEXT; }
static bool is_number(uint8_t type) { return type == PROPERTY_NUMBER || type == PROPERTY_MONEY; }

static struct value stored_list(struct world *w, const struct record_head *r, const struct record_value *v,
                                uint8_t property_type) {
    bool texts = property_type == PROPERTY_TEXT_LIST;
    struct value *elements = arena_get(w->arena, (v->count + 1) * sizeof *elements);
    uint32_t count = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct record_value *e = &record_list(r, v)[i];
        if (texts && e->kind == VALUE_TEXT)
            elements[count++] = value_text(record_text(r, e));
        else if (!texts && e->kind == VALUE_NUMBER)
            elements[count++] = value_exact(e->integer, e->scale);
        else if (!texts && e->kind == VALUE_REAL)
            elements[count++] = value_real(e->real);
    }
    return (struct value){.type = texts ? TERM_TEXT_LIST : TERM_NUMBER_LIST, .elements = elements, .count = count};
}

/* A record's value as its property's type; missing where it cannot be. */
static struct value stored(struct world *w, const struct record_head *r, const struct record_value *v, uint8_t type) {
    if (!v)
        return VALUE_NONE;
    switch (v->kind) {
    case VALUE_BOOL:
        return type == PROPERTY_BOOL ? value_bool(v->integer) : VALUE_NONE;
    case VALUE_NUMBER:
        return is_number(type) ? value_exact(v->integer, v->scale) : VALUE_NONE;
    case VALUE_REAL:
        return is_number(type) ? value_real(v->real) : VALUE_NONE;
    case VALUE_TIME:
        return type == PROPERTY_TIME ? value_time(v->integer) : VALUE_NONE;
    case VALUE_DATE:
        return type == PROPERTY_DATE ? value_date(v->integer) : VALUE_NONE;
    case VALUE_TEXT:
        return is_text(type) ? value_text(record_text(r, v)) : VALUE_NONE;
    case VALUE_LIST:
        return type == PROPERTY_TEXT_LIST || type == PROPERTY_NUMBER_LIST ? stored_list(w, r, v, type) : VALUE_NONE;
    default:
        return VALUE_NONE;
    }
}

/* --- people --- */

struct taking {
    struct world *world;
    struct person *person;
    const struct type *type;
};

static void take_attribute(void *context, const struct attribute_now *a) {
    struct taking *t = context;
    const struct property *p = dictionary_property_at(t->type, a->property);
    if (a->property >= t->person->attribute_count)
        return;
    struct value v = stored(t->world, a->record, a->value, p->type);
    if (v.type == TERM_TEXT) /* the value lives inside this call only */
        v.text = arena_copy(t->world->arena, v.text);
    struct value *elements = arena_get(t->world->arena, (v.count + 1) * sizeof *elements);
    for (uint32_t i = 0; i < v.count; i++) {
        elements[i] = v.elements[i];
        elements[i].text = arena_copy(t->world->arena, elements[i].text);
    }
    v.elements = elements;
    t->person->attributes[a->property] = v;
}

struct person *person_of(struct world *w, struct customer_id customer) {
    for (struct person *p = w->people; p; p = p->before)
        if (p->customer.number == customer.number)
            return p;
    struct person *p = arena_get(w->arena, sizeof *p);
    const struct type *type = dictionary_type_at(w->dictionary, DICTIONARY_CUSTOMER);
    struct history *h = w->outside->history;
    struct record_builder builder = {0};
    *p = (struct person){.before = w->people, .customer = customer, .attribute_count = type->property_count + 1};
    p->attributes = arena_get(w->arena, p->attribute_count * sizeof *p->attributes);
    memset(p->attributes, 0, p->attribute_count * sizeof *p->attributes);
    w->people = p;
    history_rows(h, customer, -1, w->arena, &p->rows);
    p->records = arena_get(w->arena, (p->rows.count + 1) * sizeof *p->records);
    for (size_t i = 0; i < p->rows.count; i++) {
        const struct record_head *r = history_row(h, &p->rows, i, &builder);
        struct record_head *copy = arena_get(w->arena, r->bytes);
        memcpy(copy, r, r->bytes);
        p->records[i] = copy;
    }
    history_attributes_in(h, &p->rows, w->arena, take_attribute, &(struct taking){w, p, type});
    record_builder_release(&builder);
    return p;
}

/* --- rows --- */

int by_order(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->record->type > y->record->type) - (x->record->type < y->record->type);
}

static void add_row(struct rows *rows, struct row row) { rows->all[rows->count++] = row; }

/* Log position of the document's first update. */
static uint64_t first_position(const struct person *p, const struct record_head *document) {
    for (size_t i = p->rows.count; i-- > 0;)
        if (p->records[i]->type == document->type && p->records[i]->document == document->document)
            return p->records[i]->position;
    assert(false);
    return 0;
}

struct documents {
    struct world *world;
    const struct person *person;
    struct rows *rows;
};

static void take_document(void *context, const struct record_head *document, int64_t updated_ms, uint32_t updates) {
    struct documents *d = context;
    (void)updates;
    struct record_head *copy = arena_get(d->world->arena, document->bytes);
    memcpy(copy, document, document->bytes);
    add_row(d->rows, (struct row){.record = copy,
                                  .time_ms = document->time_ms,
                                  .updated_ms = updated_ms,
                                  .position = first_position(d->person, document)});
}

static void add_edges(struct world *w, struct person *p, uint16_t type, struct rows *rows) {
    struct model_edge *edges = arena_get(w->arena, (p->rows.count + 1) * sizeof *edges);
    size_t count = model_edges(w->outside->identity, p->records, p->rows.count, type, w->arena, edges);
    for (size_t i = 0; i < count; i++)
        add_row(rows, (struct row){.record = edges[i].record,
                                   .time_ms = edges[i].time_ms,
                                   .updated_ms = edges[i].record->time_ms,
                                   .position = edges[i].position,
                                   .target = edges[i].target});
}

/* All rows that a source names, oldest first. */
struct rows source_rows(struct world *w, struct person *p, const struct source_reference *from) {
    struct rows rows = {arena_get(w->arena, (p->rows.count + 1) * sizeof *rows.all), 0};
    if (from->kind == SOURCE_DOCUMENTS)
        history_documents_in(w->outside->history, &p->rows, from->type, w->arena, take_document,
                             &(struct documents){w, p, &rows});
    else if (from->kind == SOURCE_RELATION)
        add_edges(w, p, from->type, &rows);
    else
        for (size_t i = p->rows.count; i-- > 0;) {
            const struct record_head *r = p->records[i];
            if (from->kind == SOURCE_ANY_EVENT ? r->kind == TYPE_EVENT : r->type == from->type)
                add_row(&rows, (struct row){r, r->time_ms, r->time_ms, r->position, {0}});
        }
    qsort(rows.all, rows.count, sizeof *rows.all, by_order);
    return rows;
}

/* --- windows --- */

static struct interval days_interval(const struct world *w, int64_t first, int64_t end) {
    return (struct interval){day_start(w->zone, first), day_start(w->zone, end)};
}

static struct interval moments_interval(const struct scope *s, const struct node *n) {
    const struct zone *zone = s->world->zone;
    struct value a = model_value(s, n->first), b = n->first->next ? model_value(s, n->first->next) : a;
    if (a.type == TERM_NONE || b.type == TERM_NONE)
        return NOWHERE;
    int64_t moment = moment_of(zone, a);
    switch (n->window_kind) {
    case WINDOW_SINCE:
        return (struct interval){moment, INT64_MAX};
    case WINDOW_AFTER:
        return (struct interval){moment + 1, INT64_MAX};
    case WINDOW_BEFORE:
        return (struct interval){INT64_MIN, moment};
    case WINDOW_FROM_TO:
        return (struct interval){moment, moment_of(zone, b)};
    case WINDOW_ON: {
        int64_t day = day_of(zone, moment);
        return days_interval(s->world, day, day + 1);
    }
    case WINDOW_SPAN_AFTER:
        return (struct interval){moment, moment_add(zone, moment, n->amount, n->unit)};
    default:
        assert(n->window_kind == WINDOW_SPAN_BEFORE);
        return (struct interval){moment_add(zone, moment, -n->amount, n->unit), moment};
    }
}

struct interval window_interval(const struct scope *s, const struct node *n) {
    const struct world *w = s->world;
    if (!n || n->window_kind == WINDOW_NONE)
        return FOR_EVER;
    int64_t today = day_of(w->zone, w->now_ms);
    uint8_t week = w->vocabulary->week_start;
    switch (n->window_kind) {
    case WINDOW_ROLLING:
        return (struct interval){duration_add(w->zone, w->now_ms, -n->amount, n->unit) + 1, w->now_ms + 1};
    case WINDOW_TODAY:
        return days_interval(w, today, today + 1);
    case WINDOW_YESTERDAY:
        return days_interval(w, today - 1, today);
    case WINDOW_THIS:
        return days_interval(w, period_start(today, n->unit, 0, week), period_start(today, n->unit, 1, week));
    case WINDOW_PREVIOUS:
        return days_interval(w, period_start(today, n->unit, -1, week), period_start(today, n->unit, 0, week));
    default:
        return moments_interval(s, n);
    }
}

/* --- names --- */

static struct value json_value(struct world *w, const struct json *j, uint8_t type) {
    int64_t ms;
    bool zoned;
    if (!j)
        return VALUE_NONE;
    if (j->kind == JSON_BOOL && type == PROPERTY_BOOL)
        return value_bool(j->boolean);
    if (j->kind == JSON_INTEGER && is_number(type))
        return value_whole(j->integer);
    if (j->kind == JSON_REAL && is_number(type))
        return value_real(j->real);
    if (j->kind != JSON_TEXT)
        return VALUE_NONE;
    if (is_text(type))
        return value_text(arena_copy(w->arena, j->text));
    if ((type != PROPERTY_TIME && type != PROPERTY_DATE) || time_parse_iso(j->text, &ms, &zoned))
        return VALUE_NONE;
    return type == PROPERTY_TIME ? value_time(ms) : value_date(floor_divide(ms, DAY_MS));
}

/* A field of the latest version of what `id` names. */
static struct value master_value(struct world *w, const struct reference *ref, struct value id) {
    struct buffer text = {0}, digits = {0};
    struct json_writer out = {.out = &text}, number = {.out = &digits};
    const struct json *root = NULL;
    struct value v = VALUE_NONE;
    const struct property *p =
        dictionary_property_at(dictionary_type_at(w->dictionary, ref->master_type), ref->master_property);
    if (id.type == TERM_NUMBER && id.scale != SCALE_REAL)
        json_decimal(&number, id.integer, id.scale);
    struct slice key = id.type == TERM_TEXT ? id.text : buffer_slice(&digits);
    if (p && w->vocabulary->master && key.size &&
        master_get_json(w->vocabulary->master, ref->master_type, key, TIME_NONE, &out)) {
        if (!w->parser)
            w->parser = json_parser_create();
        if (json_parse(w->parser, buffer_slice(&text), true, &root, NULL) == STATUS_OK) {
            bool own = slice_is(p->name, "id") || slice_is(p->name, "valid_from") || slice_is(p->name, "valid_to");
            const struct json *from = own ? root : json_get(w->parser, root, "fields");
            v = json_value(w, json_get(w->parser, from, p->name.data), p->type);
        }
    }
    buffer_release(&text);
    buffer_release(&digits);
    return v;
}

static struct value property_value(const struct scope *s, uint8_t level, uint16_t property, uint8_t type) {
    struct world *w = s->world;
    if (level == 0)
        return property < s->person->attribute_count ? s->person->attributes[property] : VALUE_NONE;
    const struct record_head *r = s->row->record;
    if (level == 1)
        return stored(w, r, record_find(r, property), type);
    assert(s->item);
    for (uint32_t i = 0; i < s->item->value_count; i++)
        if (record_item_values(r, s->item)[i].property == property)
            return stored(w, r, &record_item_values(r, s->item)[i], type);
    return VALUE_NONE;
}

static struct value system_value(const struct scope *s, uint8_t field) {
    switch (field) {
    case SYSTEM_TIME:
        return value_time(s->row->time_ms);
    case SYSTEM_RECEIVED:
        return value_time(s->row->record->received_ms);
    case SYSTEM_UPDATED:
        return value_time(s->row->updated_ms);
    case SYSTEM_SOURCE:
        return value_whole(s->row->record->source);
    default:
        assert(field == SYSTEM_EVENT);
        return value_text(dictionary_type_at(s->world->dictionary, s->row->record->type)->name);
    }
}

/* Type of the property that holds an id of master data: of the row's type, the item's or the customer's. */
static struct value master_id(const struct scope *s, const struct reference *ref) {
    struct value text = property_value(s, ref->level, ref->property, PROPERTY_TEXT);
    return text.type == TERM_NONE ? property_value(s, ref->level, ref->property, PROPERTY_NUMBER) : text;
}

struct value reference_value(const struct scope *s, const struct reference *ref) {
    switch (ref->kind) {
    case REFERENCE_PROPERTY:
        return property_value(s, ref->level, ref->property, ref->property_type);
    case REFERENCE_SYSTEM:
        return system_value(s, ref->system);
    default:
        assert(ref->kind == REFERENCE_MASTER);
        return master_value(s->world, ref, master_id(s, ref));
    }
}
