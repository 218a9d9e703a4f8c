/* range_splice: a customer's events of a type where nearly all lie in the base: what lies there is taken in pieces, and the few rows of the
 * chain are put between them.
 *
 * Gathering looks at every row by itself, about 100 ns each. For a customer of a million rows that is what a merge with ten others would stop
 * the fold for; yet the base has them in order, a column beside the other. So the rows are a list of pieces, each a run of the base's or
 * of the chain's rows, and each column copies the runs as they are stored where the chain's values can be written the same way (the usual
 * case: a million rows of two bytes each are copied in a fifth of a millisecond), widened where not.
 *
 * What the chain says of older rows is minded: rows of the base that a note covers (moved.h) end a piece. A chain that repairs rows, or makes too
 * many pieces, is left to be gathered. */
#include <assert.h>

#include "base/decimal.h"
#include "history/range_inside.h"

#define PIECES_MAX 8192
#define LOOKED_AT_MAX(rows) (4ull * (rows) + 1000) /* entries of a dictionary, for all of the chain's values together */

uint32_t range_splice_rows = 256;

/* Rows [first, end) of the base's column, or of the chain's. */
struct piece {
    uint32_t first, end;
    bool chain;
};

struct splice {
    struct range *range;
    const struct table_head *table;
    struct piece *pieces;
    uint32_t piece_count, rows;
    uint32_t child_columns; /* of the column in hand, where it has rows below */
};

/* --- which rows --- */

/* What the chain has to say; false where it repairs rows. */
static bool read_chain(struct range *range, struct moved *moved) {
    size_t notes = 0;
    for (const struct delta_row *row = range->one.newest; row; row = row->before) {
        const struct record_head *r = delta_record(row);
        if (r->flags & RECORD_REPLACES)
            return false;
        notes += moved_is_note(r);
    }
    moved->notes = arena_get(&range->arena, (notes + 1) * sizeof *moved->notes);
    for (const struct delta_row *row = range->one.newest; row && notes; row = row->before)
        if (moved_is_note(delta_record(row)))
            moved_meet(moved, delta_record(row));
    return true;
}

/* Whether a base row counts no more, asked for rows one after another: rows of one arrival mostly stand together. */
struct covering {
    const struct table_head *table;
    const struct column_head *arrivals;
    const struct moved *moved;
    uint32_t arrival;
    bool known, covered;
};

static bool is_covered(struct covering *c, uint32_t row) {
    uint32_t arrival = c->arrivals ? (uint32_t)column_integer(c->table, c->arrivals, row) : 0;
    if (!c->known || arrival != c->arrival) {
        c->covered = moved_covers(c->moved, (struct moved_key){arrival, 0});
        c->arrival = arrival;
        c->known = true;
    }
    return c->covered;
}

static bool add_piece(struct splice *s, bool chain, uint32_t first, uint32_t end) {
    if (first == end)
        return true;
    if (s->piece_count == PIECES_MAX)
        return false;
    s->pieces[s->piece_count++] = (struct piece){first, end, chain};
    s->rows += end - first;
    return true;
}

/* Base rows [first, end) that count. */
static bool add_base(struct splice *s, const struct moved *moved, uint32_t first, uint32_t end) {
    struct covering c = {s->table, table_column(s->table, TABLE_ARRIVAL), moved, 0, false, false};
    struct table_order order = table_order_of(s->table);
    uint64_t before = s->range->before;
    if (moved->all)
        return true;
    if (!moved->count && before == UINT64_MAX)
        return add_piece(s, false, first, end);
    bool one_arrival = !c.arrivals || (c.arrivals->encoding == COLUMN_INTEGER && c.arrivals->width == 0);
    if (one_arrival && before == UINT64_MAX)
        return is_covered(&c, first) || add_piece(s, false, first, end);
    uint32_t from = first;
    for (uint32_t row = first; row < end; row++) {
        if (!(moved->count && is_covered(&c, row)) &&
            (before == UINT64_MAX || table_order_position(&order, row) < before))
            continue;
        if (!add_piece(s, false, from, row))
            return false;
        from = row + 1;
    }
    return add_piece(s, false, from, end);
}

/* The first base row in [first, end) that stands behind the chain's. */
static uint32_t row_behind(const struct table_order *order, const struct row_place *p, uint32_t first, uint32_t end) {
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        int64_t time_ms = table_order_time(order, middle);
        bool behind = time_ms != p->time_ms ? time_ms > p->time_ms : table_order_position(order, middle) > p->position;
        if (behind)
            end = middle;
        else
            first = middle + 1;
    }
    return first;
}

/* The pieces, with the chain's rows as `sources`, oldest first; false where they are too many. */
static bool find_pieces(struct splice *s, const struct moved *moved, uint32_t first, uint32_t end,
                        const struct row_place *places, size_t count) {
    struct table_order order = table_order_of(s->table);
    uint32_t at = first, chain = 0;
    s->pieces = arena_get(&s->range->arena, PIECES_MAX * sizeof *s->pieces);
    for (size_t i = count; i-- > 0;) {
        if (places[i].position >= s->range->before)
            continue;
        uint32_t to = row_behind(&order, &places[i], at, end);
        if (to > at && !add_base(s, moved, at, to))
            return false;
        at = to;
        if (!add_piece(s, true, chain, chain + 1))
            return false;
        chain++;
    }
    return at == end || add_base(s, moved, at, end);
}

/* --- columns --- */

static void splice_column(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                          const struct range_column *chain, struct range_column *out);

static const struct range_column *column_of_piece(const struct piece *p, const struct range_column *base,
                                                  const struct range_column *chain) {
    return p->chain ? chain : base;
}

static bool is_absent(const struct range_column *c, uint32_t row) {
    return c->form == COLUMN_NOTHING || (c->absent && c->absent[row / 8] >> (row % 8) & 1);
}

static void splice_absent(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                          const struct range_column *chain, struct range_column *out) {
    bool some = base->absent || chain->absent || base->form == COLUMN_NOTHING || chain->form == COLUMN_NOTHING;
    size_t bytes = (rows + 63ull) / 64 * 8;
    uint32_t at = 0;
    if (!some)
        return;
    uint8_t *bits = memset(arena_get(&s->range->arena, bytes + 8), 0, bytes);
    for (uint32_t i = 0; i < s->piece_count; i++) {
        const struct range_column *c = column_of_piece(&pieces[i], base, chain);
        if (c->form != COLUMN_NOTHING && !c->absent) {
            at += pieces[i].end - pieces[i].first;
            continue;
        }
        for (uint32_t row = pieces[i].first; row < pieces[i].end; row++, at++)
            if (is_absent(c, row))
                bits[at / 8] |= (uint8_t)(1 << (at % 8));
    }
    out->absent = bits;
}

static bool is_integers(const struct range_column *c) { return c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP; }

static void put_raw(void *data, unsigned width, uint32_t row, uint64_t raw) {
    switch (width) {
    case 1:
        ((uint8_t *)data)[row] = (uint8_t)raw;
        break;
    case 2:
        ((uint16_t *)data)[row] = (uint16_t)raw;
        break;
    case 4:
        ((uint32_t *)data)[row] = (uint32_t)raw;
        break;
    case 8:
        ((uint64_t *)data)[row] = raw;
        break;
    default:
        break;
    }
}

/* How the base would have stored `value`; false where it cannot. */
static bool raw_of_integer(const struct range_column *base, int64_t value, uint64_t *raw) {
    if (base->form == COLUMN_LOOKED_UP) {
        for (*raw = 0; *raw < base->code_count; ++*raw)
            if (base->numbers[*raw] == value)
                return true;
        return false;
    }
    uint64_t distance = (uint64_t)value - (uint64_t)base->base, multiple = (uint64_t)base->multiple;
    if (distance && !multiple)
        return false;
    *raw = distance ? distance / multiple : 0;
    return *raw * multiple == distance && (base->width == 8 || *raw >> (8 * base->width) == 0);
}

/* Columns whose rows are numbers of `width` bytes: the base's as they lie, the chain's as `raws` says. */
static void copy_rows(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                      const uint64_t *raws, struct range_column *out) {
    unsigned width = base->width;
    char *data = arena_get(&s->range->arena, (size_t)rows * width + 8);
    uint32_t at = 0;
    for (uint32_t i = 0; i < s->piece_count; i++) {
        uint32_t count = pieces[i].end - pieces[i].first;
        if (!pieces[i].chain && width)
            memcpy(data + (size_t)at * width, (const char *)base->data + (size_t)pieces[i].first * width,
                   (size_t)count * width);
        for (uint32_t k = 0; pieces[i].chain && k < count; k++)
            put_raw(data, width, at + k, raws[pieces[i].first + k]);
        at += count;
    }
    *out = *base;
    out->data = data;
    out->absent = NULL;
    out->scanned = NULL;
}

#define WIDEN(type)                                                                                                    \
    for (uint32_t k = 0; k < count; k++)                                                                               \
    out[k] = (int64_t)((uint64_t)c->base + (uint64_t)c->multiple * ((const type *)c->data)[first + k])

static void widen(const struct range_column *c, uint32_t first, uint32_t count, int64_t *out) {
    if (c->form == COLUMN_WHOLE && c->width == 1)
        WIDEN(uint8_t);
    else if (c->form == COLUMN_WHOLE && c->width == 2)
        WIDEN(uint16_t);
    else if (c->form == COLUMN_WHOLE && c->width == 4)
        WIDEN(uint32_t);
    else
        for (uint32_t k = 0; k < count; k++)
            out[k] = range_integer(c, first + k);
}

static uint32_t chain_rows(const struct splice *s, const struct piece *pieces) {
    uint32_t end = 0;
    for (uint32_t i = 0; i < s->piece_count; i++)
        end = pieces[i].chain && pieces[i].end > end ? pieces[i].end : end;
    return end;
}

/* False where the scales do not allow it. */
static bool splice_integers(struct splice *s, const struct piece *pieces, uint32_t rows,
                            const struct range_column *base, const struct range_column *chain,
                            struct range_column *out) {
    uint32_t count = chain_rows(s, pieces), at = 0;
    int64_t *values = arena_get(&s->range->arena, (count + 1ull) * sizeof *values);
    uint64_t *raws = arena_get(&s->range->arena, (count + 1ull) * sizeof *raws);
    bool alike = base->form == COLUMN_WHOLE || (uint64_t)count * base->code_count <= LOOKED_AT_MAX(rows);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = is_absent(chain, i) ? 0 : range_integer(chain, i);
        if (!decimal_rescale(&values[i], chain->scale, base->scale))
            return false;
        if (is_absent(chain, i))
            raws[i] = 0;
        else if (alike)
            alike = raw_of_integer(base, values[i], &raws[i]);
    }
    if (alike) {
        copy_rows(s, pieces, rows, base, raws, out);
        return true;
    }
    int64_t *all = arena_get(&s->range->arena, (rows + 1ull) * sizeof *all);
    for (uint32_t i = 0; i < s->piece_count; i++) {
        uint32_t more = pieces[i].end - pieces[i].first;
        if (pieces[i].chain)
            memcpy(all + at, values + pieces[i].first, more * sizeof *all);
        else
            widen(base, pieces[i].first, more, all + at);
        at += more;
    }
    column_of_integers(all, (enum value_kind)base->kind, out);
    out->scale = base->scale;
    return true;
}

static void splice_doubles(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                           const struct range_column *chain, struct range_column *out) {
    uint32_t count = chain_rows(s, pieces);
    uint64_t *raws = arena_get(&s->range->arena, (count + 1ull) * sizeof *raws);
    if (count)
        memcpy(raws, chain->data, count * sizeof *raws);
    copy_rows(s, pieces, rows, base, raws, out);
}

/* Codes where the base has all of the chain's texts; false where not. */
static bool splice_codes(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                         const struct range_column *chain, struct range_column *out) {
    uint32_t count = chain_rows(s, pieces);
    uint64_t *raws = arena_get(&s->range->arena, (count + 1ull) * sizeof *raws);
    struct buffer scratch = {0};
    bool all = (uint64_t)count * base->code_count <= LOOKED_AT_MAX(rows);
    for (uint32_t i = 0; i < count && all; i++) {
        uint32_t code = 0;
        while (!is_absent(chain, i) && code < base->code_count &&
               !slice_equal(range_code_text(base, code, &scratch), chain->texts[i]))
            code++;
        raws[i] = code;
        all = is_absent(chain, i) || code < base->code_count;
    }
    buffer_release(&scratch);
    if (all)
        copy_rows(s, pieces, rows, base, raws, out);
    return all;
}

/* Texts a row; each of the base's codes is looked up once. */
static void splice_texts(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                         const struct range_column *chain, struct range_column *out) {
    struct arena *arena = &s->range->arena;
    struct slice *texts = arena_get(arena, (rows + 1ull) * sizeof *texts);
    struct slice *codes = arena_get(arena, (base->code_count + 1ull) * sizeof *codes);
    struct buffer scratch = {0};
    uint32_t at = 0;
    bool coded = base->form == COLUMN_CODED;
    for (uint32_t i = 0; coded && i < base->code_count; i++) {
        struct slice text = range_code_text(base, i, &scratch);
        codes[i] = text.data == scratch.data ? arena_copy(arena, text) : text;
    }
    for (uint32_t i = 0; i < s->piece_count; i++) {
        const struct range_column *c = column_of_piece(&pieces[i], base, chain);
        for (uint32_t row = pieces[i].first; row < pieces[i].end; row++, at++) {
            struct slice text = SLICE_NONE;
            if (is_absent(c, row)) {
                /* none */
            } else if (!pieces[i].chain && coded) {
                uint64_t code = (uint64_t)range_integer(
                    &(struct range_column){.form = COLUMN_WHOLE, .width = c->width, .multiple = 1, .data = c->data},
                    row);
                text = code < c->code_count ? codes[code] : SLICE_NONE;
            } else {
                text = range_text(c, row, &scratch);
                text = text.size && text.data == scratch.data ? arena_copy(arena, text) : text;
            }
            texts[at] = text;
        }
    }
    buffer_release(&scratch);
    *out = (struct range_column){.form = COLUMN_TEXTS, .kind = VALUE_TEXT, .texts = texts};
}

/* Lists and items: the rows below go in pieces too. */
static void splice_children(struct splice *s, const struct piece *pieces, uint32_t rows,
                            const struct range_column *base, const struct range_column *chain,
                            struct range_column *out) {
    struct arena *arena = &s->range->arena;
    const struct range_column *any = base->form == COLUMN_CHILDREN ? base : chain;
    struct piece *below = arena_get(arena, (s->piece_count + 1ull) * sizeof *below);
    uint32_t *starts = arena_get(arena, (rows + 1ull) * sizeof *starts);
    uint32_t at = 0, child = 0;
    for (uint32_t i = 0; i < s->piece_count; i++) {
        const struct range_column *c = column_of_piece(&pieces[i], base, chain);
        bool has = c->form == COLUMN_CHILDREN;
        below[i] = (struct piece){has ? c->child_starts[pieces[i].first] : 0, has ? c->child_starts[pieces[i].end] : 0,
                                  pieces[i].chain};
        for (uint32_t row = pieces[i].first; row < pieces[i].end; row++)
            starts[at++] = child + (has ? c->child_starts[row] - below[i].first : 0);
        child += below[i].end - below[i].first;
    }
    starts[at] = child;
    static const struct range_column nothing = {.form = COLUMN_NOTHING};
    struct range_rows *made = arena_get(arena, sizeof *made);
    uint32_t count = s->child_columns;
    struct range_column *columns = arena_get(arena, (count + 1ull) * sizeof *columns);
    for (uint32_t k = 0; k < count; k++)
        splice_column(s, below, child, base->form == COLUMN_CHILDREN ? &base->child->columns[k] : &nothing,
                      chain->form == COLUMN_CHILDREN ? &chain->child->columns[k] : &nothing, &columns[k]);
    *made = (struct range_rows){.end = child, .columns = columns};
    *out = (struct range_column){.form = COLUMN_CHILDREN, .kind = any->kind, .child = made, .child_starts = starts};
}

/* Value by value: what is stored in two ways. */
static void splice_cells(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                         const struct range_column *chain, struct range_column *out) {
    struct cell *cells = arena_get(&s->range->arena, (rows + 1ull) * sizeof *cells);
    uint32_t at = 0;
    for (uint32_t i = 0; i < s->piece_count; i++) {
        const struct range_column *c = column_of_piece(&pieces[i], base, chain);
        for (uint32_t row = pieces[i].first; row < pieces[i].end; row++, at++) {
            cells[at] = (struct cell){.kind = is_absent(c, row) ? VALUE_MISSING : c->kind, .scale = c->scale};
            if (c->form == COLUMN_DOUBLES)
                cells[at].real = ((const double *)c->data)[row];
            else if (is_integers(c))
                cells[at].integer = range_integer(c, row);
        }
    }
    column_of_cells(&s->range->arena, cells, rows, -1, out);
}

static void splice_column(struct splice *s, const struct piece *pieces, uint32_t rows, const struct range_column *base,
                          const struct range_column *chain, struct range_column *out) {
    bool base_none = base->form == COLUMN_NOTHING, chain_none = chain->form == COLUMN_NOTHING;
    bool texts = base->form == COLUMN_CODED || base->form == COLUMN_TEXTS || chain->form == COLUMN_CODED ||
                 chain->form == COLUMN_TEXTS;
    if (base_none && chain_none) {
        *out = (struct range_column){.form = COLUMN_NOTHING};
        return;
    }
    if (base->form == COLUMN_CHILDREN || chain->form == COLUMN_CHILDREN)
        splice_children(s, pieces, rows, base, chain, out);
    else if (texts && base->form == COLUMN_CODED && (chain_none || chain->texts) &&
             splice_codes(s, pieces, rows, base, chain, out))
        ;
    else if (texts)
        splice_texts(s, pieces, rows, base, chain, out);
    else if (is_integers(base) && (chain_none || (is_integers(chain) && chain->kind == base->kind)) &&
             splice_integers(s, pieces, rows, base, chain, out))
        ;
    else if (base->form == COLUMN_DOUBLES && chain->form == COLUMN_DOUBLES)
        splice_doubles(s, pieces, rows, base, chain, out);
    else {
        splice_cells(s, pieces, rows, base, chain, out);
        return; /* it has seen to absent ones */
    }
    splice_absent(s, pieces, rows, base, chain, out);
}

/* --- the whole --- */

/* The chain's rows as sources, oldest first, in range->sources. */
static uint32_t chain_sources(struct range *range, const struct row_place *places, size_t count) {
    uint32_t found = 0;
    buffer_clear(&range->sources);
    struct table_source *sources =
        (struct table_source *)(void *)buffer_reserve(&range->sources, (count + 1) * sizeof *sources);
    for (size_t i = count; i-- > 0;)
        if (places[i].position < range->before)
            sources[found++] = (struct table_source){.record = places[i].record,
                                                     .values = record_values(places[i].record),
                                                     .value_count = places[i].record->value_count,
                                                     .owner = range->one.owner,
                                                     .time_ms = places[i].time_ms,
                                                     .position = places[i].position,
                                                     .updated_ms = places[i].time_ms};
    return found;
}

static void splice_times(struct splice *s, const struct table_source *sources, uint32_t count, struct range_rows *out) {
    struct table_order order = table_order_of(s->table);
    struct range_column base, chain;
    int64_t *values = arena_get(&s->range->arena, (count + 1ull) * sizeof *values);
    for (int part = 0; part < 2; part++) {
        for (uint32_t i = 0; i < count; i++) {
            int64_t ms = sources[i].time_ms, seconds = ms / 1000 - (ms % 1000 < 0);
            values[i] = part ? ms - seconds * 1000 : seconds;
        }
        column_of_head(s->range, s->table, part ? order.ms : order.seconds, &base);
        column_of_integers(values, (enum value_kind)base.kind, &chain);
        chain.scale = base.scale;
        splice_column(s, s->pieces, s->rows, &base, &chain, part ? &out->ms : &out->seconds);
    }
}

/* False where a column of the base must be converted. */
static bool splice_columns(struct splice *s, const struct rows_want *want, struct run rows, uint32_t count,
                           struct range_rows *out) {
    struct range *range = s->range;
    const struct table_source *sources = (const struct table_source *)(const void *)range->sources.data;
    struct run *runs = arena_get(&range->arena, (count + 1ull) * sizeof *runs);
    struct range_column *columns = arena_get(&range->arena, (want->column_count + 1ull) * sizeof *columns);
    for (uint32_t i = 0; i < count; i++)
        runs[i] = (struct run){i, i + 1};
    for (uint32_t i = 0; i < want->column_count; i++) {
        const struct column_want *w = &want->columns[i];
        struct range_column base, chain;
        struct children_types types = {.count = 0};
        if (!(w->property >= RANGE_TIME ? column_of_system(range, s->table, rows, w->property, &base)
                                        : column_of_table(range, s->table, rows, w, want->type, &base)))
            return false;
        gather_column(range, sources, runs, count, w, want->type, &chain);
        if (column_type(range->history, want->type, w->property) >= PROPERTY_TEXT_LIST)
            column_children_types(range, want->type, w, &types);
        s->child_columns = types.count;
        splice_column(s, s->pieces, s->rows, &base, &chain, &columns[i]);
    }
    out->columns = columns;
    splice_times(s, sources, count, out);
    return true;
}

bool splice_rows(struct range *range, const struct rows_want *want, struct range_rows *out) {
    struct splice s = {.range = range};
    struct moved moved = {0};
    struct row_place *places;
    uint32_t first, end;
    if (want->form != ROWS_EVENTS || range->one.gone)
        return false;
    s.table = base_table(range->base, want->type);
    if (!s.table)
        return false;
    table_range(s.table, range->one.owner, &first, &end);
    if (end - first < range_splice_rows || !read_chain(range, &moved))
        return false;
    size_t count =
        places_find(NULL, range->one.newest, range->edits, range->one.owner, want->type, &range->arena, &places);
    if (count > PIECES_MAX / 2 || !find_pieces(&s, &moved, first, end, places, count))
        return false;
    uint32_t *starts = arena_get(&range->arena, 2 * sizeof *starts);
    starts[0] = 0;
    starts[1] = s.rows;
    *out = (struct range_rows){.end = s.rows, .starts = starts};
    return splice_columns(&s, want, (struct run){first, end}, chain_sources(range, places, count), out);
}
