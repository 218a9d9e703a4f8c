/* history_move: rows that go from one customer to another: all of them by a merge, those of some identifiers by a split.
 *
 * Both copy what moves and touch nothing of what stays. They look first and write then, so that readers of the two spans wait (sequence odd)
 * only while the rows are copied. A merge marks the loser gone, which hides its rows without a look at them; a split leaves a note
 * (moved.h); and where rows come to one who is gone, he is there again, behind a note that covers everything of before. */
#include <assert.h>
#include <stdlib.h>

#include "history/history_inside.h"

static void sequence_bump(struct span *span) { atomic_fetch_add_explicit(&span->sequence, 1, memory_order_acq_rel); }

static void sequences_bump(struct span *from, struct span *to) {
    sequence_bump(from);
    if (to != from)
        sequence_bump(to);
}

void history_follow(struct history *h, void (*moved)(void *context, uint64_t position, struct customer_id to),
                    void *context) {
    h->moved = moved;
    h->moved_context = context;
}

/* Leaves in `places` what goes along: of rows that a merge derived, those of which both identifiers go. The others are no more. */
static size_t goes_along(struct row_place *places, size_t count, const struct arrivals *arrivals) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct row_place *p = &places[i];
        struct moved_key key = p->record ? moved_key_of(p->record) : moved_key_at(p->table, p->row);
        if (!key.second || (arrivals_have(arrivals, key.arrival) && arrivals_have(arrivals, key.second)))
            places[kept++] = places[i];
    }
    return kept;
}

static bool of_party(const struct row_place *p) {
    return p->record ? p->record->flags & RECORD_PARTY
                     : table_system_value(p->table, TABLE_TRAITS, p->row) & RECORD_PARTY;
}

/* Copies the rows at `places`, oldest first. */
static void copy_rows(struct history *h, const struct row_place *places, size_t count, struct span *to,
                      struct customer_id customer) {
    struct record_builder builder = {0};
    for (size_t i = count; i-- > 0;) {
        const struct row_place *p = &places[i];
        history_put(h, to, customer.number % SPAN_CUSTOMERS,
                    p->record ? p->record : table_record(p->table, p->row, &builder));
        if (h->moved && !of_party(p))
            h->moved(h->moved_context, p->position, customer);
    }
    record_builder_release(&builder);
    atomic_fetch_add_explicit(&h->merged_rows, count, memory_order_relaxed);
}

void history_merge(struct history *h, struct customer_id winner, struct customer_id loser) {
    struct span *from = history_span(h, loser.number / SPAN_CUSTOMERS);
    uint32_t owner = loser.number % SPAN_CUSTOMERS;
    struct arena arena = {0};
    struct history_rows rows;
    assert(winner.number && loser.number && winner.number != loser.number);
    if (!from)
        return;
    struct span *to = history_span_make(h, winner.number / SPAN_CUSTOMERS);
    history_rows(h, loser, PLACES_ALL, &arena, &rows);
    sequences_bump(from, to);
    copy_rows(h, rows.places, rows.count, to, winner);
    atomic_fetch_or_explicit(&from->gone[owner / 64], (uint64_t)1 << (owner % 64), memory_order_release);
    atomic_fetch_add_explicit(&from->gone_count, 1, memory_order_release);
    sequences_bump(from, to);
    arena_release(&arena);
}

/* --- splits --- */

/* Types (type | kind << 16), each once. */
struct types {
    struct buffer list;
    uint64_t known[(UINT16_MAX + 1) / 64];
};

static void add_type(struct types *types, uint16_t type, uint8_t kind) {
    uint32_t entry = type | (uint32_t)kind << 16;
    if (types->known[type / 64] >> (type % 64) & 1)
        return;
    types->known[type / 64] |= (uint64_t)1 << (type % 64);
    buffer_add(&types->list, &entry, sizeof entry);
}

static void add_note(struct history *h, struct span *span, uint32_t owner, const struct arrivals *arrivals,
                     const struct types *types) {
    struct record_builder builder = {0};
    history_put(h, span, owner,
                moved_note(&builder, arrivals, (const uint32_t *)(const void *)types->list.data,
                           types->list.size / sizeof(uint32_t)));
    record_builder_release(&builder);
}

/* Somebody who was merged away is a customer again. The note stands before the bit falls, so that a compaction that no longer sees the bit
 * sees the note. */
static void revive(struct history *h, struct span *span, uint32_t owner) {
    struct span_view *view = span_view(span);
    struct types *types = memory_get(1, sizeof *types);
    uint32_t first, end;
    for (uint32_t i = 0; view->base && i < view->base->table_count; i++) {
        table_range(view->base->tables[i], owner, &first, &end);
        if (first < end)
            add_type(types, view->base->tables[i]->type, view->base->tables[i]->kind);
    }
    for (const struct delta_row *row = delta_head(view->delta, owner); row; row = row->before)
        if (!moved_is_note(delta_record(row)))
            add_type(types, delta_record(row)->type, delta_record(row)->kind);
    add_note(h, span, owner, NULL, types);
    buffer_release(&types->list);
    free(types);
    atomic_fetch_and_explicit(&span->gone[owner / 64], ~((uint64_t)1 << (owner % 64)), memory_order_release);
    atomic_fetch_sub_explicit(&span->gone_count, 1, memory_order_release);
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Ascending, each once; free() it. */
static uint32_t *sorted_arrivals(const struct identifier_id *arrivals, size_t count, size_t *kept) {
    uint32_t *sorted = memory_get(count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = arrivals[i].number;
    qsort(sorted, count, sizeof *sorted, by_number);
    *kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || sorted[i] != sorted[*kept - 1])
            sorted[(*kept)++] = sorted[i];
    return sorted;
}

static size_t find_moving(struct history *h, struct span *from, uint32_t owner, const struct arrivals *arrivals,
                          struct arena *arena, struct row_place **places) {
    struct span_view *view = span_view(from);
    bool edits = atomic_load_explicit(&view->delta->edit_count, memory_order_relaxed) > 0;
    (void)h;
    if (span_gone(from, owner))
        return 0;
    return places_through(view->base, delta_head(view->delta, owner), edits, owner, arrivals, arena, places);
}

uint64_t history_move(struct history *h, struct customer_id from, struct customer_id to,
                      const struct identifier_id *arrivals, size_t count) {
    struct span *source = history_span(h, from.number / SPAN_CUSTOMERS);
    struct span *target = history_span_make(h, to.number / SPAN_CUSTOMERS);
    uint32_t owner = from.number % SPAN_CUSTOMERS, to_owner = to.number % SPAN_CUSTOMERS;
    struct arena arena = {0};
    struct row_place *places = NULL;
    size_t distinct;
    assert(from.number && to.number && from.number != to.number);
    uint32_t *sorted = sorted_arrivals(arrivals, count, &distinct);
    struct arrivals set;
    arrivals_of(sorted, distinct, &set);
    size_t moving = source ? find_moving(h, source, owner, &set, &arena, &places) : 0;
    struct types *types = memory_get(1, sizeof *types);
    for (size_t i = 0; i < moving; i++)
        add_type(types, places[i].type, places[i].record ? places[i].record->kind : places[i].table->kind);
    sequences_bump(target, source ? source : target);
    if (span_gone(target, to_owner))
        revive(h, target, to_owner);
    if (moving) {
        add_note(h, source, owner, &set, types);
        size_t going = goes_along(places, moving, &set);
        atomic_fetch_sub_explicit(&h->row_count, moving - going, memory_order_relaxed);
        moving = going;
        copy_rows(h, places, moving, target, to);
    }
    sequences_bump(target, source ? source : target);
    buffer_release(&types->list);
    free(types);
    free(sorted);
    arena_release(&arena);
    return moving;
}
