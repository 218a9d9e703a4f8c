/* preview: see the header.
 *
 * The copy is a history in memory: rows of all who are concerned, under their own numbers. Merges and moves are carried out on it by the
 * same functions that would carry them out for good, and attributes, rows and segments are then read of it as they are read of the real
 * one. So a preview cannot say anything else than what would come of it. */
#include "serve/preview.h"

#include <stdlib.h>

#include "history/consent.h"
#include "serve/expression.h"

#define ROOTS_AT_ONCE 200 /* segments of a plan */
#define RELATED_ROWS_MAX 5000

/* One who is concerned. */
struct part {
    struct customer_id customer;
    bool known;                /* has a profile now */
    bool gone;                 /* leads to another afterwards */
    struct buffer identifiers; /* struct identifier_id each, afterwards */
};

struct preview {
    struct call *call;
    const struct resolution *r;
    struct show show;
    struct history *copy;
    struct part parts[PREVIEW_CUSTOMERS_MAX];
    size_t count, rows;
    struct audience_snapshot *snapshot;
};

static struct part *part_of(struct preview *p, struct customer_id customer) {
    for (size_t i = 0; i < p->count; i++)
        if (p->parts[i].customer.number == customer.number)
            return &p->parts[i];
    return NULL;
}

static bool too_large(struct preview *p, const char *what) {
    call_fail_text(p->call, STATUS_TOO_LARGE,
                   "this concerns %s than a preview is made of; the decision itself can be taken all the same", what);
    return false;
}

static void take_identifier(void *context, struct identifier_id identifier) {
    buffer_add(context, &identifier, sizeof identifier);
}

static bool add_part(struct preview *p, struct customer_id customer) {
    const struct identity *identity = p->call->parts->identity;
    if (part_of(p, customer))
        return true;
    if (p->count == PREVIEW_CUSTOMERS_MAX)
        return too_large(p, "more customers");
    struct part *part = &p->parts[p->count++];
    *part = (struct part){.customer = customer};
    part->known = identity_redirect(identity, customer).number == customer.number;
    part->gone = !part->known;
    if (part->known)
        identity_identifiers(identity, customer, SIZE_MAX, take_identifier, &part->identifiers);
    return true;
}

static bool add_parts(struct preview *p) {
    bool good = true;
    for (size_t i = 0; i < p->r->merge_count && good; i++)
        good = add_part(p, p->r->merges[i].winner) && add_part(p, p->r->merges[i].loser);
    for (size_t i = 0; i < p->r->move_count && good; i++)
        good = add_part(p, p->r->moves[i].from) && add_part(p, p->r->moves[i].to);
    return good;
}

/* --- the copy --- */

static bool has_customer(const struct buffer *list, uint32_t number) {
    const uint32_t *all = (const uint32_t *)(const void *)list->data;
    for (size_t i = 0; i < list->size / sizeof *all; i++)
        if (all[i] == number)
            return true;
    return false;
}

static void note_related(struct preview *p, const struct record_head *row, struct buffer *related) {
    const struct identity *identity = p->call->parts->identity;
    const struct record_value *end = record_find(row, RELATION_CUSTOMER);
    struct customer_id other = identity_customer(identity, (struct identifier_id){row->document});
    if (!other.number && end)
        other = identity_redirect(identity, (struct customer_id){(uint32_t)end->integer});
    if (other.number && !part_of(p, other) && !has_customer(related, other.number))
        buffer_add(related, &other.number, sizeof other.number);
}

/* False past `most` rows, with nothing copied. */
static bool copy_customer(struct preview *p, struct customer_id customer, size_t most, struct buffer *related) {
    struct history_rows rows;
    struct arena arena = {0};
    history_rows(p->call->parts->history, customer, -1, &arena, &rows);
    for (size_t i = rows.count; i-- > 0 && rows.count <= most;) {
        const struct record_head *row = history_row(p->call->parts->history, &rows, i, &p->call->bench->builder);
        history_append(p->copy, customer, row);
        if (related && row->kind == TYPE_RELATION)
            note_related(p, row, related);
    }
    p->rows += rows.count;
    arena_release(&arena);
    return rows.count <= most;
}

static bool copy_rows(struct preview *p) {
    struct buffer related = {0};
    bool good = true;
    struct history_hold hold = history_enter(p->call->parts->history);
    for (size_t i = 0; i < p->count && good; i++)
        good = copy_customer(p, p->parts[i].customer, PREVIEW_ROWS_MAX - p->rows, &related);
    for (size_t i = 0; i < related.size / sizeof(uint32_t) && i < PREVIEW_CUSTOMERS_MAX && good; i++) {
        struct customer_id other = {((const uint32_t *)(const void *)related.data)[i]};
        copy_customer(p, other, RELATED_ROWS_MAX, NULL);
    }
    history_leave(p->call->parts->history, hold);
    buffer_release(&related);
    return good || too_large(p, "more rows");
}

/* --- carried out --- */

static bool is_among(const struct move *m, struct identifier_id identifier) {
    for (size_t i = 0; i < m->arrival_count; i++)
        if (m->arrivals[i].number == identifier.number)
            return true;
    return false;
}

static void move_identifiers(struct part *from, struct part *to, const struct move *m) {
    struct identifier_id *all = (struct identifier_id *)(void *)from->identifiers.data;
    size_t count = from->identifiers.size / sizeof *all, kept = 0;
    for (size_t i = 0; i < count; i++)
        if (m && !is_among(m, all[i]))
            all[kept++] = all[i];
        else
            buffer_add(&to->identifiers, &all[i], sizeof all[i]);
    from->identifiers.size = kept * sizeof *all;
}

static void carry_out(struct preview *p) {
    for (size_t i = 0; i < p->r->merge_count; i++) {
        struct part *winner = part_of(p, p->r->merges[i].winner), *loser = part_of(p, p->r->merges[i].loser);
        consent_merge(p->copy, p->call->parts->dictionary, winner->customer, loser->customer, UINT64_MAX);
        move_identifiers(loser, winner, NULL);
        loser->gone = true;
    }
    for (size_t i = 0; i < p->r->move_count; i++) {
        const struct move *m = &p->r->moves[i];
        struct part *from = part_of(p, m->from), *to = part_of(p, m->to);
        history_move(p->copy, m->from, m->to, m->arrivals, m->arrival_count);
        move_identifiers(from, to, m);
        to->gone = false;
    }
}

/* --- attributes that contradict each other --- */

struct value_seen {
    uint16_t property;
    struct customer_id of;
    struct slice text; /* JSON */
};
struct values_seen {
    struct preview *p;
    struct customer_id of;
    struct arena *arena;
    struct buffer list; /* struct value_seen each */
};

static void see_value(void *context, const struct attribute_now *a) {
    struct values_seen *v = context;
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct show show = v->p->show;
    show.json = &w;
    show_value(&show, dictionary_type_at(v->p->call->parts->dictionary, DICTIONARY_CUSTOMER), a->record, a->value);
    struct value_seen seen = {a->property, v->of, arena_copy(v->arena, buffer_slice(&text))};
    buffer_add(&v->list, &seen, sizeof seen);
    buffer_release(&text);
}

static void see_customer(struct preview *p, struct history *history, struct customer_id customer,
                         struct values_seen *v) {
    struct history_hold hold = history_enter(history);
    v->of = customer;
    history_attributes(history, customer, &p->call->bench->arena, see_value, v);
    history_leave(history, hold);
}

static void write_value(struct preview *p, const struct value_seen *seen) {
    json_object(&p->call->json);
    show_oneid(&p->show, "oneid", seen->of);
    json_key(&p->call->json, "value");
    json_raw(&p->call->json, seen->text);
    json_end_object(&p->call->json);
}

static bool contradicts(const struct value_seen *all, size_t count, size_t first) {
    for (size_t k = 0; k < first; k++)
        if (all[k].property == all[first].property)
            return false; /* told already */
    for (size_t k = first + 1; k < count; k++)
        if (all[k].property == all[first].property && !slice_equal(all[k].text, all[first].text))
            return true;
    return false;
}

/* "conflicts": attributes of which those who become one have different values now. */
static void write_conflicts(struct preview *p, const struct part *part) {
    struct values_seen v = {.p = p, .arena = &p->call->bench->arena};
    const struct type *type = dictionary_type_at(p->call->parts->dictionary, DICTIONARY_CUSTOMER);
    json_key(&p->call->json, "conflicts");
    json_array(&p->call->json);
    for (size_t i = 0; i < p->r->merge_count; i++)
        if (p->r->merges[i].winner.number == part->customer.number)
            see_customer(p, p->call->parts->history, p->r->merges[i].loser, &v);
    if (v.list.size)
        see_customer(p, p->call->parts->history, part->customer, &v);
    const struct value_seen *all = (const struct value_seen *)(const void *)v.list.data;
    size_t count = v.list.size / sizeof *all;
    for (size_t i = 0; i < count; i++) {
        if (!contradicts(all, count, i))
            continue;
        json_object(&p->call->json);
        json_member_text(&p->call->json, "attribute", dictionary_property_at(type, all[i].property)->name);
        json_key(&p->call->json, "values");
        json_array(&p->call->json);
        for (size_t k = i; k < count; k++)
            if (all[k].property == all[i].property)
                write_value(p, &all[k]);
        json_end_array(&p->call->json);
        json_end_object(&p->call->json);
    }
    json_end_array(&p->call->json);
    buffer_release(&v.list);
}

/* --- segments --- */

struct segments {
    struct audience_entry entries[ROOTS_AT_ONCE];
    const struct node *roots[ROOTS_AT_ONCE];
    bool in[PREVIEW_CUSTOMERS_MAX][ROOTS_AT_ONCE];
    size_t count;
};

/* The live segments, evaluated for each part on the copy; those past ROOTS_AT_ONCE are left out. */
static void evaluate_segments(struct preview *p, struct segments *s) {
    struct outside outside;
    struct plan *plan;
    struct audience_entry entry;
    for (uint32_t n = 1; s->count < ROOTS_AT_ONCE && audience_find_number(p->snapshot, n, &entry); n++)
        if (entry.kind == DEFINITION_SEGMENT && entry.tree &&
            (slice_is(entry.how, "live") || slice_is(entry.how, "upload"))) {
            s->entries[s->count] = entry;
            s->roots[s->count++] = entry.tree;
        }
    if (!s->count || plan_create(audience_vocabulary(p->snapshot), s->roots, s->count, &plan, NULL)) {
        s->count = 0;
        return;
    }
    audience_outside(p->call->parts->audience, &outside);
    outside.history = p->copy;
    struct evaluator *evaluator = evaluator_create(plan, &outside);
    struct history_hold hold = history_enter(p->copy);
    for (size_t i = 0; i < p->count; i++) {
        evaluator_customer(evaluator, p->parts[i].customer, os_now_ms(p->call->parts->os), UINT64_MAX);
        for (size_t k = 0; k < s->count; k++) {
            uint64_t bit = 0;
            evaluate_bits(evaluator, k, &bit, NULL);
            s->in[i][k] = bit & 1;
        }
    }
    history_leave(p->copy, hold);
    evaluator_free(evaluator);
    plan_free(plan);
}

/* Which: 0 those it will be in, 1 those it is not in now, 2 those it is in now and will not be. */
static void write_segments(struct preview *p, const struct segments *s, size_t i, const char *key, int which) {
    const struct part *part = &p->parts[i];
    json_key(&p->call->json, key);
    json_array(&p->call->json);
    for (size_t k = 0; k < s->count; k++) {
        bool now = part->known && audience_member(p->call->parts->audience, s->entries[k].number, part->customer);
        bool then = s->in[i][k];
        if (which == 0 ? then : which == 1 ? then && !now : now && !then)
            json_text(&p->call->json, s->entries[k].name);
    }
    json_end_array(&p->call->json);
}

/* --- told --- */

static void write_part(struct preview *p, const struct segments *s, size_t i) {
    const struct part *part = &p->parts[i];
    struct json_writer *w = &p->call->json;
    struct history_rows rows;
    const struct identifier_id *identifiers = (const struct identifier_id *)(const void *)part->identifiers.data;
    json_object(w);
    show_oneid(&p->show, "oneid", part->customer);
    json_member_bool(w, "new", !part->known);
    json_key(w, "identifiers");
    json_array(w);
    for (size_t k = 0; k < part->identifiers.size / sizeof *identifiers; k++)
        show_identifier(&p->show, identifiers[k]);
    json_end_array(w);
    struct history_hold hold = history_enter(p->copy);
    history_rows(p->copy, part->customer, -1, &p->call->bench->arena, &rows);
    json_key(w, "attributes");
    show_attributes(&p->show, p->copy, &rows, &p->call->bench->arena, false);
    history_leave(p->copy, hold);
    write_conflicts(p, part);
    json_member_integer(w, "rows", (int64_t)rows.count);
    if (p->snapshot) {
        write_segments(p, s, i, "segments", 0);
        write_segments(p, s, i, "gained", 1);
        write_segments(p, s, i, "lost", 2);
    }
    json_end_object(w);
}

static void write_all(struct preview *p) {
    struct segments *s = memory_get(1, sizeof *s);
    if (p->snapshot)
        evaluate_segments(p, s);
    json_key(&p->call->json, "profiles");
    json_array(&p->call->json);
    for (size_t i = 0; i < p->count; i++)
        if (!p->parts[i].gone)
            write_part(p, s, i);
    json_end_array(&p->call->json);
    json_key(&p->call->json, "gone");
    json_array(&p->call->json);
    for (size_t i = 0; i < p->count; i++) {
        char oneid[ONEID_BYTES + 1];
        oneid_format(p->parts[i].customer, oneid);
        if (p->parts[i].gone)
            json_cstring(&p->call->json, oneid);
    }
    json_end_array(&p->call->json);
    free(s);
}

bool preview_write(struct call *call, const struct resolution *resolution) {
    struct preview *p = memory_get(1, sizeof *p);
    struct fault fault = {0};
    *p = (struct preview){.call = call, .r = resolution, .show = {.parts = call->parts, .json = &call->json}};
    if (call->parts->audience)
        p->snapshot = audience_snapshot(call->parts->audience);
    enum status status = history_create(call->parts->os, NULL, call->parts->dictionary, NULL, &p->copy, &fault);
    bool good = !status && add_parts(p) && copy_rows(p);
    if (status)
        call_fail(call, status, &fault);
    if (good) {
        carry_out(p);
        write_all(p);
    }
    history_free(p->copy);
    if (p->snapshot)
        audience_snapshot_release(p->snapshot);
    for (size_t i = 0; i < p->count; i++)
        buffer_release(&p->parts[i].identifiers);
    free(p);
    return good;
}
