/* history_count: the scan kernel: how many rows of one type have a number in a range.
 *
 * A comparison with a bound becomes a range of raw column values, so the inner loop is one subtraction and one unsigned
 * compare per row over the narrowest width, which compilers turn into vector code (target_clones picks AVX2 or AVX-512 at
 * run time). Best possible time: bytes of the column over memory bandwidth. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/clones.h"
#include "history/history_inside.h"

/* Rows [0, count) whose raw value lies in [low, low + width]. Counted in blocks so that the counters stay as narrow as the
 * values. */
#define DEFINE_COUNT(name, type, block)                                                                                \
    CLONES static uint64_t name(const type *raw, uint32_t count, type low, type width) {                               \
        uint64_t total = 0;                                                                                            \
        for (uint32_t start = 0; start < count; start += (block)) {                                                    \
            uint32_t end = count - start < (block) ? count : start + (block);                                          \
            type found = 0;                                                                                            \
            for (uint32_t i = start; i < end; i++)                                                                     \
                found = (type)(found + ((type)(raw[i] - low) <= width));                                               \
            total += found;                                                                                            \
        }                                                                                                              \
        return total;                                                                                                  \
    }
DEFINE_COUNT(count_8, uint8_t, 192)
DEFINE_COUNT(count_16, uint16_t, 32768)
DEFINE_COUNT(count_32, uint32_t, 1u << 30)
DEFINE_COUNT(count_64, uint64_t, 1u << 30)

CLONES static uint64_t count_reals(const double *values, uint32_t count, double low, double high) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += values[i] >= low && values[i] <= high;
    return total;
}

/* What is looked for, as a closed range of doubles, or its complement. */
struct range {
    double low, high;
    bool outside; /* != : everything but the range */
};

static struct range range_of(enum compare compare, double bound) {
    switch (compare) {
    case COMPARE_LESS:
        return (struct range){-INFINITY, nextafter(bound, -INFINITY), false};
    case COMPARE_LESS_EQUAL:
        return (struct range){-INFINITY, bound, false};
    case COMPARE_GREATER:
        return (struct range){nextafter(bound, INFINITY), INFINITY, false};
    case COMPARE_GREATER_EQUAL:
        return (struct range){bound, INFINITY, false};
    case COMPARE_NOT_EQUAL:
        return (struct range){bound, bound, true};
    default:
        return (struct range){bound, bound, false};
    }
}

static bool in_range(const struct range *r, double value) { return value >= r->low && value <= r->high; }

static double number_at(const struct table_head *t, const struct column_head *c, uint64_t raw_value) {
    (void)t;
    double whole = (double)(int64_t)((uint64_t)c->base + (uint64_t)c->multiple * raw_value);
    return c->kind == VALUE_NUMBER && c->scale ? whole / pow(10, c->scale) : whole;
}

/* Smallest raw value in [0, limit] whose number is >= bound (limit + 1 where none), by bisection: numbers ascend with raw ones. */
static uint64_t first_at_least(const struct table_head *t, const struct column_head *c, uint64_t limit, double bound) {
    uint64_t low = 0, high = limit;
    if (number_at(t, c, limit) < bound)
        return limit == UINT64_MAX ? limit : limit + 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (number_at(t, c, middle) >= bound)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Rows [first, end) whose value is in [low, high]; absent rows hold raw 0 and are taken off by the caller. */
static uint64_t count_column(const struct table_head *t, const struct column_head *c, uint32_t first, uint32_t end,
                             const struct range *r) {
    const char *data = (const char *)t + c->data;
    if (c->encoding == COLUMN_REAL)
        return count_reals((const double *)data + first, end - first, r->low, r->high);
    uint64_t limit = c->width == 8 ? INT64_MAX / (uint64_t)c->multiple : ((uint64_t)1 << (8 * c->width)) - 1;
    uint64_t from = first_at_least(t, c, limit, r->low);
    uint64_t past = isinf(r->high) ? limit + 1 : first_at_least(t, c, limit, nextafter(r->high, INFINITY));
    if (from >= past)
        return 0;
    uint64_t width = past - 1 - from;
    switch (c->width) {
    case 0:
        return from == 0 ? end - first : 0;
    case 1:
        return count_8((const uint8_t *)data + first, end - first, (uint8_t)from, (uint8_t)width);
    case 2:
        return count_16((const uint16_t *)data + first, end - first, (uint16_t)from, (uint16_t)width);
    case 4:
        return count_32((const uint32_t *)data + first, end - first, (uint32_t)from, (uint32_t)width);
    default:
        return count_64((const uint64_t *)data + first, end - first, from, width);
    }
}

static uint64_t absent_between(const struct table_head *t, const struct column_head *c, uint32_t first, uint32_t end) {
    const uint8_t *bits = (const uint8_t *)t + c->absent;
    uint64_t absent = 0;
    if (!c->absent)
        return 0;
    while (first < end && first % 64) {
        absent += bits[first / 8] >> (first % 8) & 1;
        first++;
    }
    for (; first + 64 <= end; first += 64) {
        uint64_t word;
        memcpy(&word, bits + first / 8, 8);
        absent += (uint64_t)__builtin_popcountll(word);
    }
    for (; first < end; first++)
        absent += bits[first / 8] >> (first % 8) & 1;
    return absent;
}

static uint64_t count_rows(const struct table_head *t, const struct column_head *c, uint32_t first, uint32_t end,
                           const struct range *r) {
    double of_absent = c->encoding == COLUMN_REAL ? 0 : number_at(t, c, 0);
    uint64_t absent = absent_between(t, c, first, end);
    uint64_t found = count_column(t, c, first, end, r);
    if (in_range(r, of_absent))
        found -= absent;
    return r->outside ? end - first - found : found; /* not equal includes the missing */
}

static uint64_t count_base(const struct span *span, const struct table_head *t, uint16_t property,
                           const struct range *r) {
    const struct column_head *c = table_column(t, property);
    bool usable = c && (c->encoding == COLUMN_INTEGER || c->encoding == COLUMN_REAL);
    if (!usable)
        return r->outside ? t->row_count : 0;
    uint64_t found = count_rows(t, c, 0, t->row_count, r);
    if (atomic_load_explicit(&((struct span *)span)->gone_count, memory_order_acquire) == 0)
        return found;
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner++) {
        uint32_t first, end;
        if (!span_gone(span, owner))
            continue;
        table_range(t, owner, &first, &end);
        found -= first < end ? count_rows(t, c, first, end, r) : 0;
    }
    return found;
}

/* Base rows of the owner of `row` that count, and that count no more because of that row of the delta: it takes the place of one, or notes
 * that some moved away. What is both is counted with the newest such note. */
static uint64_t count_edited(const struct table_head *t, uint16_t property, const struct delta_row *newest,
                             const struct delta_row *row, const struct range *r) {
    const struct column_head *c = t ? table_column(t, property) : NULL;
    bool usable = c && (c->encoding == COLUMN_INTEGER || c->encoding == COLUMN_REAL);
    bool note = moved_is_note(delta_record(row));
    uint32_t first = 0, end = 0;
    uint64_t found = 0;
    if (t)
        table_range(t, row->owner, &first, &end);
    for (uint32_t i = first; i < end; i++) {
        uint32_t arrival = (uint32_t)table_system_value(t, TABLE_ARRIVAL, i);
        bool edited = note ? moved_note_covers(delta_record(row), arrival) && !moved_from_chain(newest, row, arrival)
                           : (uint64_t)table_system_value(t, TABLE_POSITION, i) == delta_record(row)->position &&
                                 !moved_from_chain(newest, NULL, arrival);
        if (edited)
            found += usable ? count_rows(t, c, i, i + 1, r) : r->outside;
    }
    return found;
}

/* What the delta adds; less than nothing where it replaces rows of the base, or where they moved. */
static int64_t count_delta(const struct span *span, const struct span_view *view, uint16_t type, uint16_t property,
                           const struct range *r) {
    const struct delta *delta = view->delta;
    struct delta_walk walk = delta_start(delta, atomic_load_explicit(&delta->row_count, memory_order_acquire));
    bool edits = atomic_load_explicit(&delta->edit_count, memory_order_acquire) > 0;
    const struct delta_row *row;
    int64_t found = 0;
    while ((row = delta_next(&walk))) {
        const struct record_head *record = delta_record(row);
        const struct delta_row *newest = edits ? delta_head(delta, row->owner) : NULL;
        if ((record->type != type && !moved_is_note(record)) || span_gone(span, row->owner))
            continue;
        if (edits && delta_replaced(newest, row, type, record->position))
            continue;
        if (record->flags & (RECORD_REPLACES | RECORD_MOVED))
            found -= (int64_t)count_edited(base_table(view->base, type), property, newest, row, r);
        if (moved_is_note(record) || (edits && moved_from_chain(newest, row, record->arrival)))
            continue;
        const struct record_value *v = record_find(record, property);
        bool number = v && v->kind >= VALUE_BOOL && v->kind <= VALUE_DATE;
        found += (number && in_range(r, record_number(v))) != r->outside;
    }
    return found;
}

struct count_work {
    struct history *history;
    uint16_t type, property;
    struct range range;
    _Atomic uint32_t *next;
    uint64_t found;
};

static void *count_spans(void *context) {
    struct count_work *w = context;
    uint32_t limit = atomic_load_explicit(&w->history->span_limit, memory_order_acquire), n;
    struct history_hold hold = history_enter(w->history);
    while ((n = atomic_fetch_add(w->next, 1)) < limit) {
        struct span *span = history_span(w->history, n);
        if (!span)
            continue;
        struct span_view *view = span_view(span);
        const struct table_head *t = base_table(view->base, w->type);
        w->found += t ? count_base(span, t, w->property, &w->range) : 0;
        w->found += (uint64_t)count_delta(span, view, w->type, w->property, &w->range);
    }
    history_leave(w->history, hold);
    return NULL;
}

uint64_t history_count(struct history *h, uint16_t type, uint16_t property, enum compare compare, double bound,
                       unsigned workers) {
    _Atomic uint32_t next = 0;
    workers = workers < 1 ? 1 : workers > 64 ? 64 : workers;
    struct count_work *work = memory_get(workers, sizeof *work);
    pthread_t threads[64];
    uint64_t found = 0;
    for (unsigned i = 0; i < workers; i++)
        work[i] = (struct count_work){h, type, property, range_of(compare, bound), &next, 0};
    for (unsigned i = 1; i < workers; i++)
        if (pthread_create(&threads[i], NULL, count_spans, &work[i]))
            workers = i; /* fewer hands, same answer */
    count_spans(&work[0]);
    for (unsigned i = 1; i < workers; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < workers; i++)
        found += work[i].found;
    free(work);
    return found;
}
