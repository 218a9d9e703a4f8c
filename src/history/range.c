/* range: setting a range, and what of it lies in the base. What is asked for is prepared then, from the base and the chains as they stood
 * when the range was set: both never change, so whatever is asked for later still fits together. */
#include "history/range.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#include "history/range_inside.h"

#define RETRIES_MAX 1000

struct range *range_create(struct history *history, const struct identity *identity) {
    struct range *range = memory_get(1, sizeof *range);
    range->history = history;
    range->identity = identity;
    return range;
}

void range_free(struct range *range) {
    if (!range)
        return;
    arena_release(&range->arena);
    buffer_release(&range->sources);
    buffer_release(&range->runs);
    buffer_release(&range->children);
    for (uint32_t i = 0; i < range->rows_capacity; i++)
        free(range->rows[i].scanned);
    free(range->rows);
    free(range->attributes);
    free(range);
}

/* --- setting --- */

static void start(struct range *range, const struct range_want *want, uint32_t span, enum range_form form,
                  uint32_t count) {
    arena_reset(&range->arena);
    range->want = want;
    range->span = span;
    range->form = form;
    range->count = count;
    range->stamp++;
    range->bytes = 0;
    range->before = UINT64_MAX;
    range->base = NULL;
    range->delta = NULL;
    range->edits = false;
    range->owners = NULL;
    if (want->rows_count > range->rows_capacity) {
        range->rows = memory_resize(range->rows, want->rows_count, sizeof *range->rows);
        for (uint32_t i = range->rows_capacity; i < want->rows_count; i++)
            range->rows[i] = (struct rows_slot){0};
        range->rows_capacity = want->rows_count;
    }
    if (want->attribute_count > range->attribute_capacity) {
        range->attributes = memory_resize(range->attributes, want->attribute_count, sizeof *range->attributes);
        for (uint32_t i = range->attribute_capacity; i < want->attribute_count; i++)
            range->attributes[i] = (struct attribute_slot){0};
        range->attribute_capacity = want->attribute_count;
    }
}

/* Reads a span's state with `read`, again where a merge moved rows meanwhile. */
static void read_span(struct range *range, const struct span *span,
                      void (*read)(struct range *range, const struct span *span, void *context), void *context) {
    struct span *s = (struct span *)span;
    uint32_t before, after;
    unsigned tries = 0;
    do {
        while ((before = atomic_load_explicit(&s->sequence, memory_order_acquire)) & 1 && tries++ < RETRIES_MAX)
            sched_yield();
        struct span_view *view = span_view(span);
        range->base = view->base;
        range->delta = view->delta;
        range->edits = atomic_load_explicit(&view->delta->edit_count, memory_order_acquire) > 0;
        read(range, span, context);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&s->sequence, memory_order_relaxed);
    } while (before != after && tries++ < RETRIES_MAX);
}

static void read_owners(struct range *range, const struct span *span, void *context) {
    struct range_owner *owners = context;
    for (uint32_t i = 0; i < range->count; i++) {
        owners[i].gone = span_gone(span, owners[i].owner);
        owners[i].newest = owners[i].gone ? NULL : delta_head(range->delta, owners[i].owner);
    }
}

void range_owners(struct range *range, const struct range_want *want, uint32_t span, const uint16_t *owners,
                  uint32_t count) {
    start(range, want, span, FORM_OWNERS, count);
    struct range_owner *mine = arena_get(&range->arena, (count + 1ull) * sizeof *mine);
    for (uint32_t i = 0; i < count; i++)
        mine[i] = (struct range_owner){.owner = owners[i]};
    range->owners = mine;
    const struct span *found = history_span(range->history, span);
    if (found)
        read_span(range, found, read_owners, mine);
}

void range_customer(struct range *range, const struct range_want *want, struct customer_id customer, uint64_t before) {
    start(range, want, customer.number / SPAN_CUSTOMERS, FORM_CUSTOMER, 1);
    range->before = before;
    range->one = (struct range_owner){.owner = customer.number % SPAN_CUSTOMERS};
    range->owners = &range->one;
    const struct span *found = history_span(range->history, range->span);
    if (found)
        read_span(range, found, read_owners, &range->one);
}

/* --- whose answer does not lie in the base --- */

static bool has_current(const struct base *base, uint16_t type) {
    return !base_table(base, type) || base_current(base, type);
}

static void all_dirty(uint64_t *dirty) { memset(dirty, 0xff, SPAN_CUSTOMERS / 8); }

/* Whether attributes, documents and relations that are wanted stand in the base as they are. */
static bool all_current(const struct range *range) {
    bool current = !range->want->attribute_count || has_current(range->base, DICTIONARY_CUSTOMER);
    for (uint32_t i = 0; i < range->want->rows_count && current; i++)
        if (range->want->rows[i].form == ROWS_DOCUMENTS || range->want->rows[i].form == ROWS_RELATION)
            current = has_current(range->base, range->want->rows[i].type);
    return current;
}

static void add_touched(const struct delta_touched *t, uint64_t *dirty) {
    for (unsigned i = 0; t && i < SPAN_CUSTOMERS / 64; i++)
        dirty[i] |= atomic_load_explicit(&((struct delta_touched *)t)->owners[i], memory_order_acquire);
}

static void rows_dirty(const struct range *range, const struct rows_want *want, uint64_t *dirty) {
    if (want->form == ROWS_ANY_EVENT) {
        for (unsigned i = 0; i < TOUCHED_BUCKETS; i++)
            for (const struct delta_touched *t =
                     atomic_load_explicit(&((struct delta *)range->delta)->touched[i], memory_order_acquire);
                 t; t = t->next)
                if (t->kind == TYPE_EVENT)
                    add_touched(t, dirty);
        return;
    }
    if (want->form != ROWS_EVENTS && !has_current(range->base, want->type))
        all_dirty(dirty);
    add_touched(delta_touched(range->delta, want->type), dirty);
}

/* Whether a row of type 0 in the chain names one of the properties. */
static bool sets_one(const struct delta_row *row, const uint64_t *properties) {
    for (; row; row = row->before) {
        const struct record_head *r = delta_record(row);
        if (moved_is_note(r))
            return true;
        if (r->type != DICTIONARY_CUSTOMER)
            continue;
        /* what a repaired row takes the place of may have named others */
        if (r->flags & RECORD_REPLACES)
            return true;
        for (unsigned i = 0; i < r->value_count; i++) {
            uint16_t p = record_values(r)[i].property;
            if (p <= DICTIONARY_PROPERTIES_MAX && (properties[p / 64] >> (p % 64) & 1))
                return true;
        }
    }
    return false;
}

static bool setting_touched(const struct delta *delta, uint32_t owner) {
    const struct delta_touched *t = delta_touched(delta, DICTIONARY_CUSTOMER);
    return t && (atomic_load_explicit(&((struct delta_touched *)t)->owners[owner / 64], memory_order_acquire) >>
                     (owner % 64) &
                 1);
}

static void attributes_dirty(const struct range *range, uint64_t *dirty) {
    uint64_t properties[DICTIONARY_PROPERTIES_MAX / 64 + 1] = {0}, touched[SPAN_CUSTOMERS / 64] = {0};
    if (!range->want->attribute_count)
        return;
    if (!has_current(range->base, DICTIONARY_CUSTOMER))
        all_dirty(dirty);
    for (uint32_t i = 0; i < range->want->attribute_count; i++) {
        uint16_t p = range->want->attributes[i].property;
        if (p <= DICTIONARY_PROPERTIES_MAX)
            properties[p / 64] |= (uint64_t)1 << (p % 64);
    }
    add_touched(delta_touched(range->delta, DICTIONARY_CUSTOMER), touched);
    for (unsigned w = 0; w < SPAN_CUSTOMERS / 64; w++)
        for (uint64_t left = touched[w] & ~dirty[w]; left; left &= left - 1) {
            uint32_t owner = w * 64 + (uint32_t)__builtin_ctzll(left);
            if (sets_one(delta_head(range->delta, owner), properties))
                dirty[w] |= left & (0 - left);
        }
}

struct span_bits {
    uint64_t *dirty, *population;
};

static void read_bits(struct range *range, const struct span *span, void *context) {
    struct span_bits *bits = context;
    memset(bits->dirty, 0, SPAN_CUSTOMERS / 8);
    if (bits->population && range->identity)
        identity_population(range->identity, range->span * SPAN_CUSTOMERS, SPAN_CUSTOMERS / 64, bits->population);
    else if (bits->population)
        memset(bits->population, 0xff, SPAN_CUSTOMERS / 8);
    if (atomic_load_explicit(&((struct delta *)range->delta)->row_count, memory_order_acquire)) {
        for (uint32_t i = 0; i < range->want->rows_count; i++)
            rows_dirty(range, &range->want->rows[i], bits->dirty);
        attributes_dirty(range, bits->dirty);
    } else if (range->base && !all_current(range))
        all_dirty(bits->dirty);
    bool some_gone = atomic_load_explicit(&((struct span *)span)->gone_count, memory_order_acquire) > 0;
    for (unsigned i = 0; some_gone && i < SPAN_CUSTOMERS / 64; i++) {
        uint64_t gone = atomic_load_explicit(&((struct span *)span)->gone[i], memory_order_acquire);
        bits->dirty[i] &= ~gone;
        if (bits->population)
            bits->population[i] &= ~gone;
    }
}

static const struct table_head *table_wanted(const struct range *range, const struct rows_want *want) {
    return want->form == ROWS_EVENTS ? base_table(range->base, want->type) : base_current(range->base, want->type);
}

/* The heads of tables soon asked for lie in no cache mostly: asked for together they cost one trip to memory. */
static void fetch_heads(const struct range *range) {
    for (uint32_t i = 0; i < range->want->rows_count; i++)
        if (range->want->rows[i].form != ROWS_ANY_EVENT)
            __builtin_prefetch(table_wanted(range, &range->want->rows[i]));
}

bool range_span(struct range *range, const struct range_want *want, uint32_t span, uint64_t *dirty,
                uint64_t *population) {
    const struct span *found = history_span(range->history, span);
    start(range, want, span, FORM_SPAN, SPAN_CUSTOMERS);
    if (!found)
        return false;
    struct span_bits bits = {dirty, population};
    read_span(range, found, read_bits, &bits);
    fetch_heads(range);
    return true;
}

/* --- what lies in the base --- */

/* Maps the wanted columns; what must be converted is made for a span, and refused (false) for one customer, whose rows are gathered then. */
static bool map_columns(struct range *range, const struct table_head *t, const struct rows_want *want,
                        struct range_rows *out) {
    const struct run rows = {out->first, out->end};
    struct range_column *columns = arena_get(&range->arena, (want->column_count + 1ull) * sizeof *columns);
    for (uint32_t i = 0; i < want->column_count; i++) {
        const struct column_want *w = &want->columns[i];
        if (w->property >= RANGE_TIME ? column_of_system(range, t, rows, w->property, &columns[i])
                                      : column_of_table(range, t, rows, w, want->type, &columns[i]))
            continue;
        if (range->form == FORM_CUSTOMER)
            return false;
        gather_from_table(range, t, w, want->type, &columns[i]);
    }
    out->columns = columns;
    column_of_head(range, t, range_find_column(range, t, t->type, TABLE_TIME_S), &out->seconds);
    column_of_head(range, t, range_find_column(range, t, t->type, TABLE_TIME_MS), &out->ms);
    return true;
}

static bool map_span(struct range *range, const struct rows_want *want, struct range_rows *out) {
    const struct table_head *t = table_wanted(range, want);
    if (!t)
        return false;
    *out = (struct range_rows){.end = t->row_count};
    if (!range_row_owners(range, t, out) && !(out->starts = range_starts(range, t)))
        return false;
    return map_columns(range, t, want, out);
}

/* One customer's rows where they lie; false where the delta or `before` has a say, or a column must be converted. */
static bool map_customer(struct range *range, const struct rows_want *want, struct range_rows *out) {
    const struct table_head *t = table_wanted(range, want);
    const struct delta_touched *touched = range->delta ? delta_touched(range->delta, want->type) : NULL;
    uint32_t owner = range->one.owner, first, end;
    if (range->before != UINT64_MAX || want->form == ROWS_ANY_EVENT || range->one.gone || !t)
        return false;
    if (touched &&
        (atomic_load_explicit(&((struct delta_touched *)touched)->owners[owner / 64], memory_order_acquire) >>
             (owner % 64) &
         1))
        return false;
    table_range(t, owner, &first, &end);
    uint32_t *starts = arena_get(&range->arena, 2 * sizeof *starts);
    starts[0] = first;
    starts[1] = end;
    *out = (struct range_rows){.first = first, .end = end, .starts = starts};
    return map_columns(range, t, want, out);
}

static void no_rows(struct range *range, const struct rows_want *want, struct range_rows *out) {
    uint32_t *starts = arena_get(&range->arena, (range->count + 1ull) * sizeof *starts);
    struct range_column *columns = arena_get(&range->arena, (want->column_count + 1ull) * sizeof *columns);
    memset(starts, 0, (range->count + 1ull) * sizeof *starts);
    memset(columns, 0, want->column_count * sizeof *columns);
    *out = (struct range_rows){.starts = starts, .columns = columns};
    column_of_integers(NULL, VALUE_NUMBER, &out->seconds);
    out->seconds.width = 0;
    out->ms = out->seconds;
}

static void prepare_rows(struct range *range, const struct rows_want *want, struct range_rows *out) {
    switch (range->form) {
    case FORM_SPAN:
        if (want->form == ROWS_ANY_EVENT)
            merge_events(range, want, out);
        else if (!map_span(range, want, out))
            no_rows(range, want, out);
        break;
    case FORM_CUSTOMER:
        if (!map_customer(range, want, out) && !splice_rows(range, want, out))
            gather_rows(range, want, out);
        break;
    default:
        gather_rows(range, want, out);
    }
}

void range_targets_as_written(struct range *range) { range->as_written = true; }

const struct range_column *range_rows_column(struct range *range, const struct range_rows *rows, uint32_t column) {
    struct range_column *c = (struct range_column *)&rows->columns[column];
    if (c->form == COLUMN_PENDING) {
        const struct gathered_rows *g = rows->gathered;
        gather_column(range, g->sources, g->runs, g->count, &g->want->columns[column], g->want->type, c);
        range->bytes += column_bytes(c, g->count);
    }
    return c;
}

const struct range_rows *range_rows(struct range *range, uint32_t i) {
    struct range_rows *rows = (struct range_rows *)range_rows_lean(range, i);
    for (uint32_t k = 0; rows->gathered && k < range->want->rows[i].column_count; k++)
        range_rows_column(range, rows, k);
    if (!rows->starts)
        rows->starts = range_starts(range, table_wanted(range, &range->want->rows[i]));
    return rows;
}

void range_rows_of(struct range *range, uint32_t i, uint32_t customer, uint32_t *first, uint32_t *end) {
    const struct range_rows *rows = range_rows_lean(range, i);
    assert(customer < range->count);
    if (!rows->starts) {
        range_rows_by_owner(rows, customer, first, end);
        return;
    }
    *first = rows->starts[customer];
    *end = rows->starts[customer + 1];
}

void range_rows_of_each(struct range *range, uint32_t i, const uint32_t *customers, uint32_t count, uint32_t *firsts,
                        uint32_t *ends) {
    const struct range_rows *rows = range_rows_lean(range, i);
    uint32_t done = 0;
    if (!rows->starts && rows->owner_multiple == 1)
        for (; done + RANGE_OWNERS_AT_ONCE <= count; done += RANGE_OWNERS_AT_ONCE)
            range_rows_by_owners(rows, customers + done, firsts + done, ends + done);
    for (; done < count; done++)
        range_rows_of(range, i, customers[done], &firsts[done], &ends[done]);
}

const struct range_rows *range_rows_lean(struct range *range, uint32_t i) {
    assert(i < range->want->rows_count);
    struct rows_slot *slot = &range->rows[i];
    if (slot->stamp != range->stamp) {
        const struct rows_want *want = &range->want->rows[i];
        prepare_rows(range, want, &slot->rows);
        slot->stamp = range->stamp;
        if (range->form == FORM_SPAN)
            range_watch(slot, want);
        uint32_t rows = slot->rows.end - slot->rows.first;
        range->bytes += column_bytes(&slot->rows.seconds, rows);
        for (uint32_t k = 0; k < want->column_count; k++)
            range->bytes += column_bytes(&slot->rows.columns[k], rows);
    }
    return &slot->rows;
}

/* --- attributes --- */

static void prepare_attribute(struct range *range, const struct column_want *want, struct range_column *out) {
    uint64_t properties[DICTIONARY_PROPERTIES_MAX / 64 + 1] = {0};
    const struct table_head *t = base_current(range->base, DICTIONARY_CUSTOMER);
    bool one = range->form == FORM_CUSTOMER;
    if (range->form == FORM_OWNERS ||
        (one && (range->before != UINT64_MAX || range->one.gone || !has_current(range->base, DICTIONARY_CUSTOMER)))) {
        gather_attribute(range, want, out);
        return;
    }
    if (one && range->one.newest && setting_touched(range->delta, range->one.owner)) {
        properties[want->property / 64] = (uint64_t)1 << (want->property % 64);
        if (sets_one(range->one.newest, properties)) {
            gather_attribute(range, want, out);
            return;
        }
    }
    *out = (struct range_column){.form = COLUMN_NOTHING};
    if (!t)
        return;
    const struct run rows = {one ? range->one.owner : 0, one ? range->one.owner + 1 : SPAN_CUSTOMERS};
    bool mapped = column_of_table(range, t, rows, want, DICTIONARY_CUSTOMER, out);
    if (!mapped && one)
        gather_attribute(range, want, out);
    else if (!mapped)
        gather_from_table(range, t, want, DICTIONARY_CUSTOMER, out);
    else if (one)
        column_one_row(&range->arena, out, range->one.owner);
}

const struct range_column *range_attribute(struct range *range, uint32_t i) {
    assert(i < range->want->attribute_count && range->want->attributes[i].property <= DICTIONARY_PROPERTIES_MAX);
    struct attribute_slot *slot = &range->attributes[i];
    if (slot->stamp != range->stamp) {
        prepare_attribute(range, &range->want->attributes[i], &slot->column);
        slot->stamp = range->stamp;
        slot->column.scanned = range->form == FORM_SPAN ? &slot->scanned : NULL;
        range->bytes += column_bytes(&slot->column, range->count);
    }
    return &slot->column;
}

uint32_t range_count(const struct range *range) { return range->count; }

struct customer_id range_customer_at(const struct range *range, uint32_t i) {
    assert(i < range->count);
    uint32_t owner = range->owners ? range->owners[i].owner : i;
    return (struct customer_id){range->span * SPAN_CUSTOMERS + owner};
}

uint64_t range_bytes(const struct range *range) { return range->bytes; }
