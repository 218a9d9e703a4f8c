/* range_merge: the events of all types of a span, out of its base, in one order: what asks for any event reads.
 *
 * The columns needed are widened table by table in plain loops; then each customer's rows, which stand sorted in every table, are merged by
 * comparing the heads of those tables that have any. */
#include <assert.h>

#include "history/range_inside.h"

/* One type's table. */
struct stream {
    const struct table_head *table;
    const uint32_t *starts;
    const int64_t *seconds, *ms, *times, *positions;
};

/* Where a customer's rows of one table are at. */
struct cursor {
    const struct stream *stream;
    uint32_t row, end;
};

/* Which row of which table comes i-th. */
struct merged {
    const struct stream *streams;
    uint32_t stream_count, count;
    uint16_t *stream_of;
    uint32_t *row_of;
};

static bool stream_open(struct range *range, const struct table_head *t, struct stream *out) {
    struct table_order order = table_order_of(t);
    int64_t *times = arena_get(&range->arena, (t->row_count + 1ull) * sizeof *times);
    *out = (struct stream){.table = t, .starts = range_starts(range, t)};
    if (!out->starts || !t->row_count)
        return false;
    out->seconds = column_widened(range, t, order.seconds);
    out->ms = column_widened(range, t, order.ms);
    out->positions = column_widened(range, t, order.position);
    for (uint32_t i = 0; i < t->row_count; i++)
        times[i] = table_time_of(out->seconds[i], out->ms[i]);
    out->times = times;
    return true;
}

/* By time, position, and of one record's by type. */
static bool comes_before(const struct cursor *a, const struct cursor *b) {
    int64_t time_a = a->stream->times[a->row], time_b = b->stream->times[b->row];
    if (time_a != time_b)
        return time_a < time_b;
    uint64_t position_a = (uint64_t)a->stream->positions[a->row], position_b = (uint64_t)b->stream->positions[b->row];
    return position_a != position_b ? position_a < position_b : a->stream->table->type < b->stream->table->type;
}

static void merge_owner(struct merged *m, struct cursor *cursors, uint32_t count) {
    while (count) {
        struct cursor *first = cursors;
        for (struct cursor *c = cursors + 1; c < cursors + count; c++)
            first = comes_before(c, first) ? c : first;
        m->stream_of[m->count] = (uint16_t)(first->stream - m->streams);
        m->row_of[m->count++] = first->row;
        if (++first->row == first->end)
            *first = cursors[--count];
    }
}

static uint32_t *merge_all(struct range *range, struct merged *m) {
    uint32_t *starts = arena_get(&range->arena, (SPAN_CUSTOMERS + 1) * sizeof *starts);
    struct cursor *cursors = arena_get(&range->arena, (m->stream_count + 1ull) * sizeof *cursors);
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner++) {
        uint32_t active = 0;
        starts[owner] = m->count;
        for (uint32_t i = 0; i < m->stream_count; i++) {
            const uint32_t *s = m->streams[i].starts;
            if (s[owner] < s[owner + 1])
                cursors[active++] = (struct cursor){&m->streams[i], s[owner], s[owner + 1]};
        }
        merge_owner(m, cursors, active);
    }
    starts[SPAN_CUSTOMERS] = m->count;
    return starts;
}

static const int64_t *received_of(struct range *range, const struct stream *s) {
    const struct column_head *delay = table_column(s->table, TABLE_DELAY);
    if (!delay)
        return column_widened(range, s->table, table_column(s->table, TABLE_RECEIVED));
    int64_t *values = column_widened(range, s->table, delay);
    for (uint32_t i = 0; i < s->table->row_count; i++)
        values[i] = (int64_t)((uint64_t)values[i] + (uint64_t)s->times[i]);
    return values;
}

/* A table's values of a system property; NULL where it has none. */
static const int64_t *values_of(struct range *range, const struct stream *s, uint16_t property) {
    switch (property) {
    case RANGE_TIME:
    case RANGE_UPDATED:
        return s->times;
    case RANGE_RECEIVED:
        return received_of(range, s);
    case RANGE_SOURCE:
        return column_widened(range, s->table, table_column(s->table, TABLE_SOURCE));
    case RANGE_POSITION:
        return s->positions;
    default:
        return NULL;
    }
}

/* Puts the values of all tables in the merged order. */
static int64_t *in_order(struct range *range, const struct merged *m, const int64_t *const *values) {
    int64_t *out = arena_get(&range->arena, (m->count + 1ull) * sizeof *out);
    for (uint32_t i = 0; i < m->count; i++)
        out[i] = values[m->stream_of[i]][m->row_of[i]];
    return out;
}

static void merged_column(struct range *range, const struct merged *m, uint16_t property, struct range_column *out) {
    const int64_t **values = arena_get(&range->arena, (m->stream_count + 1ull) * sizeof *values);
    bool time = property == RANGE_TIME || property == RANGE_UPDATED || property == RANGE_RECEIVED;
    *out = (struct range_column){.form = COLUMN_NOTHING};
    if (property == RANGE_TYPE) {
        int64_t *types = arena_get(&range->arena, (m->count + 1ull) * sizeof *types);
        for (uint32_t i = 0; i < m->count; i++)
            types[i] = m->streams[m->stream_of[i]].table->type;
        column_of_integers(types, VALUE_NUMBER, out);
        return;
    }
    for (uint32_t i = 0; i < m->stream_count; i++)
        if (!(values[i] = values_of(range, &m->streams[i], property)))
            return;
    column_of_integers(in_order(range, m, values), time ? VALUE_TIME : VALUE_NUMBER, out);
}

void merge_events(struct range *range, const struct rows_want *want, struct range_rows *out) {
    uint32_t most = range->base ? range->base->table_count : 0, rows = 0;
    struct stream *streams = arena_get(&range->arena, (most + 1ull) * sizeof *streams);
    struct merged m = {.streams = streams};
    for (uint32_t i = 0; i < most; i++)
        if (range->base->tables[i]->kind == TYPE_EVENT &&
            stream_open(range, range->base->tables[i], &streams[m.stream_count]))
            rows += streams[m.stream_count++].table->row_count;
    m.stream_of = arena_get(&range->arena, (rows + 1ull) * sizeof *m.stream_of);
    m.row_of = arena_get(&range->arena, (rows + 1ull) * sizeof *m.row_of);
    struct range_column *columns = arena_get(&range->arena, (want->column_count + 1ull) * sizeof *columns);
    const int64_t **values = arena_get(&range->arena, (m.stream_count + 1ull) * sizeof *values);
    *out = (struct range_rows){.starts = merge_all(range, &m), .columns = columns};
    assert(m.count <= rows);
    out->end = m.count;
    for (uint32_t i = 0; i < m.stream_count; i++)
        values[i] = streams[i].seconds;
    column_of_integers(in_order(range, &m, values), VALUE_NUMBER, &out->seconds);
    for (uint32_t i = 0; i < m.stream_count; i++)
        values[i] = streams[i].ms;
    column_of_integers(in_order(range, &m, values), VALUE_NUMBER, &out->ms);
    for (uint32_t i = 0; i < want->column_count; i++)
        merged_column(range, &m, want->columns[i].property, &columns[i]);
}
