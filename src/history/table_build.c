/* table_build: rows in their final order -> columns. One pass over the sources finds the columns; then each column is
 * gathered into plain arrays (value, kind, scale per row), its encoding chosen by cost, and written. Lists and items become a
 * child table built the same way. Offsets in the output count from the table's start. */
#include "history/table_build.h"

#include <assert.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/json_write.h"

void table_value_text(uint8_t kind, uint8_t scale, int64_t bits, struct buffer *out) {
    struct json_writer w = {.out = out};
    double real;
    if (kind == VALUE_REAL) {
        memcpy(&real, &bits, 8);
        json_real(&w, real);
    } else if (kind == VALUE_BOOL) {
        json_bool(&w, bits != 0);
    } else {
        json_decimal(&w, bits, kind == VALUE_NUMBER ? scale : 0);
    }
}

/* For a column whose type was widened to text. */
static void to_text(struct gather *g, uint32_t i) {
    struct buffer text = {0};
    table_value_text(g->kinds[i], g->scales[i], g->values[i], &text);
    struct slice kept = arena_copy(&g->arena, buffer_slice(&text));
    g->values[i] = intern(&g->texts, kept);
    g->kinds[i] = VALUE_TEXT;
    buffer_release(&text);
}

/* Brings all values of a column to one kind; returns it (VALUE_MISSING where there is none). */
static uint8_t unify(struct gather *g, uint32_t count, uint8_t *scale) {
    unsigned seen = 0;
    *scale = 0;
    for (uint32_t i = 0; i < count; i++)
        if (g->kinds[i] != KIND_ABSENT && g->kinds[i] != VALUE_MISSING) {
            seen |= 1u << g->kinds[i];
            *scale = g->scales[i] > *scale ? g->scales[i] : *scale;
        }
    if (!seen)
        return VALUE_MISSING;
    bool exact = !(seen & (1u << VALUE_REAL));
    for (uint32_t i = 0; exact && seen == 1u << VALUE_NUMBER && i < count; i++) {
        int64_t trial = g->values[i];
        if (g->kinds[i] == VALUE_NUMBER)
            exact = decimal_rescale(&trial, g->scales[i], *scale);
    }
    if (exact && (seen & (seen - 1)) == 0) {
        for (uint32_t i = 0; seen == 1u << VALUE_NUMBER && i < count; i++)
            if (g->kinds[i] == VALUE_NUMBER && !decimal_rescale(&g->values[i], g->scales[i], *scale))
                assert(!"rescaling was tried before");
        return (uint8_t)__builtin_ctz(seen);
    }
    bool numbers = !(seen & ~(1u << VALUE_REAL | 1u << VALUE_NUMBER));
    for (uint32_t i = 0; i < count; i++) {
        if (g->kinds[i] == KIND_ABSENT || g->kinds[i] == VALUE_MISSING)
            continue;
        if (numbers && g->kinds[i] == VALUE_NUMBER) {
            double real = decimal_real(g->values[i], g->scales[i]);
            memcpy(&g->values[i], &real, 8);
        } else if (!numbers && g->kinds[i] != VALUE_TEXT) {
            to_text(g, i);
        }
    }
    *scale = 0;
    return numbers ? VALUE_REAL : VALUE_TEXT;
}

static void write_presence(struct build *b, struct gather *g, uint32_t count) {
    uint32_t absent = 0, nulls = 0;
    for (uint32_t i = 0; i < count; i++) {
        nulls += g->kinds[i] == VALUE_MISSING;
        absent += g->kinds[i] == VALUE_MISSING || g->kinds[i] == KIND_ABSENT;
    }
    g->head.absent_count = absent;
    g->head.absent = absent ? build_write_bitmap(b, g->kinds, count, false) : 0;
    g->head.nulls = nulls ? build_write_bitmap(b, g->kinds, count, true) : 0;
}

static void write_scalar_column(struct build *b, struct gather *g) {
    uint8_t scale;
    g->head.kind = unify(g, b->count, &scale);
    g->head.scale = scale;
    write_presence(b, g, b->count);
    for (uint32_t i = 0; i < b->count; i++)
        if (g->kinds[i] == VALUE_MISSING)
            g->kinds[i] = KIND_ABSENT;
    if (g->head.kind == VALUE_TEXT) {
        build_write_texts(b, g, b->count);
    } else if (g->head.kind == VALUE_REAL) {
        g->head.encoding = COLUMN_REAL;
        g->head.data = build_write_raw(b, (const uint64_t *)g->values, b->count, 8);
    } else {
        build_write_integers(b, &g->head, g->values, g->kinds, b->count);
    }
}

uint8_t table_children(const struct table_source *s, uint16_t property, struct buffer *children) {
    if (s->table) {
        const struct column_head *c = table_column(s->table, property);
        if (!c || bitmap_get(s->table, c->absent, s->row))
            return c && bitmap_get(s->table, c->nulls, s->row) ? VALUE_MISSING : KIND_ABSENT;
        if (c->encoding != COLUMN_ROWS)
            return KIND_ABSENT;
        const uint32_t *offsets = (const uint32_t *)((const char *)s->table + c->data);
        const struct table_head *child = (const struct table_head *)((const char *)s->table + c->dictionary);
        for (uint32_t i = offsets[s->row]; i < offsets[s->row + 1] && i < child->row_count; i++) {
            struct table_source row = {.table = child, .row = i};
            buffer_add(children, &row, sizeof row);
        }
        return c->kind;
    }
    for (uint32_t k = 0; k < s->value_count; k++) {
        const struct record_value *v = &s->values[k];
        if (v->property != property)
            continue;
        for (uint32_t i = 0; v->kind == VALUE_LIST && i < v->count; i++) {
            struct table_source row = {.record = s->record, .values = record_list(s->record, v) + i, .value_count = 1};
            buffer_add(children, &row, sizeof row);
        }
        for (uint32_t i = 0; v->kind == VALUE_ITEMS && i < v->count; i++) {
            const struct record_item *item = record_items(s->record, v) + i;
            struct table_source row = {
                .record = s->record, .values = record_item_values(s->record, item), .value_count = item->value_count};
            buffer_add(children, &row, sizeof row);
        }
        return v->kind;
    }
    return KIND_ABSENT;
}

/* The bitmap of children that are their row's first; 0 where a row has none: then it would not tell which row is which. */
static int64_t write_begins(struct build *b, const uint32_t *offsets) {
    for (uint32_t i = 0; i < b->count; i++)
        if (offsets[i] == offsets[i + 1])
            return 0;
    size_t words = ((size_t)offsets[b->count] + 63) / 64;
    uint64_t *begins = memory_get(words + 1, sizeof *begins);
    for (uint32_t i = 0; i < b->count; i++)
        begins[offsets[i] / 64] |= 1ull << (offsets[i] % 64);
    uint64_t offset = build_align(b);
    buffer_add(b->out, begins, words * sizeof *begins);
    free(begins);
    return (int64_t)offset;
}

static void write_rows_column(struct build *b, struct gather *g) {
    struct buffer children = {0};
    uint32_t *offsets = memory_get(b->count + 1ull, sizeof *offsets);
    for (uint32_t i = 0; i < b->count; i++) {
        g->kinds[i] = table_children(&b->source[i], g->property, &children);
        if (g->kinds[i] != KIND_ABSENT && g->kinds[i] < VALUE_LIST)
            g->kinds[i] = g->kinds[i] == VALUE_MISSING ? VALUE_MISSING : KIND_ABSENT;
        offsets[i + 1] = (uint32_t)(children.size / sizeof(struct table_source));
    }
    write_presence(b, g, b->count);
    g->head.encoding = COLUMN_ROWS;
    g->head.kind = g->rows_kind;
    g->head.data = build_align(b);
    buffer_add(b->out, offsets, (b->count + 1ull) * 4);
    g->head.base = write_begins(b, offsets);
    g->head.dictionary = build_align(b);
    table_build(b->out, 0, TYPE_ITEM, (const struct table_source *)children.data, offsets[b->count], TABLE_PLAIN);
    free(offsets);
    buffer_release(&children);
}

static int64_t order_value(const struct table_source *s, uint16_t which) {
    switch (which) {
    case TABLE_TIME_S:
        return s->time_ms / 1000 - (s->time_ms % 1000 < 0);
    case TABLE_TIME_MS:
        return ((s->time_ms % 1000) + 1000) % 1000;
    case TABLE_POSITION:
        return (int64_t)s->position;
    default:
        return s->owner;
    }
}

static int64_t record_value(const struct record_head *record, uint16_t which) {
    switch (which) {
    case TABLE_ARRIVAL:
        return record->arrival;
    case TABLE_SOURCE:
        return record->source;
    case TABLE_TRAITS:
        return (int64_t)record->priority << 16 | record->flags;
    default:
        return record->document;
    }
}

static void system_values(const struct build *b, uint16_t which, int64_t *values) {
    if (which == TABLE_TIME_S || which == TABLE_TIME_MS || which == TABLE_POSITION || which == TABLE_OWNER) {
        for (uint32_t i = 0; i < b->count; i++)
            values[i] = order_value(&b->source[i], which);
        return;
    }
    const struct column_head *column = b->older ? table_column(b->older, which) : NULL;
    memset(values, 0, b->count * sizeof *values);
    if (column)
        build_gather_integers(b, column, values);
    for (uint32_t i = 0; i < b->fresh_count; i++)
        values[b->fresh[i]] = record_value(b->source[b->fresh[i]].record, which);
}

/* Up to so many rows a column says whose each is, beside starts: who looks for the customers of some rows needs nothing else, and two bytes a row
 * are little for a table that has no more than one a customer. Not where rows are only folded: the settings and updates behind current tables. */
#define OWNERS_MOST SPAN_CUSTOMERS

/* Whether starts in blocks can say where its rows are, in at most half as many bytes again as a column of owners. */
static bool blocks_fit(const struct table_source *rows, uint32_t count) {
    if (count * sizeof(uint16_t) * 3 / 2 < sizeof(struct starts_block) * STARTS_BLOCKS_COUNT)
        return false;
    /* rows stand by owner: a block has too many where one has the 256th after it in the same block */
    for (uint32_t i = UINT8_MAX; i < count; i++)
        if (rows[i].owner / STARTS_BLOCK == rows[i - UINT8_MAX].owner / STARTS_BLOCK)
            return false;
    return true;
}

static uint64_t write_blocks(struct build *b) {
    uint64_t offset = build_align(b);
    uint32_t row = 0;
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS;) {
        struct starts_block block = {.start = (uint16_t)row};
        uint32_t first = row;
        assert(row <= UINT16_MAX);
        for (unsigned i = 0; i < STARTS_BLOCK; i++, owner++) {
            while (row < b->count && b->source[row].owner == owner)
                row++;
            assert(row - first <= UINT8_MAX);
            block.ends[i] = (uint8_t)(row - first);
        }
        buffer_add(b->out, &block, sizeof block);
    }
    assert(row == b->count);
    return offset;
}

static uint64_t write_starts(struct build *b) {
    uint64_t offset = build_align(b);
    uint32_t row = 0;
    for (uint32_t owner = 0; owner <= SPAN_CUSTOMERS; owner++) {
        while (row < b->count && b->source[row].owner < owner)
            row++;
        buffer_add(b->out, &row, 4);
    }
    return offset;
}

/* Received time, as it is or as the distance to the event's time, whichever is narrower: live calls come a moment after, imports all
 * at once. */
static void add_received(struct build *b, struct column_head *h, int64_t *values) {
    const struct table_head *older = b->older;
    const struct column_head *received = older ? table_column(older, TABLE_RECEIVED) : NULL;
    const struct column_head *delay = older ? table_column(older, TABLE_DELAY) : NULL;
    int64_t *delays = memory_get(b->count, sizeof *delays);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct table_source *s = &b->source[i];
        if (!s->table)
            values[i] = s->record->received_ms;
        else if (delay)
            values[i] = (int64_t)((uint64_t)s->time_ms + (uint64_t)column_integer(older, delay, s->row));
        else
            values[i] = received ? column_integer(older, received, s->row) : 0;
        delays[i] = (int64_t)((uint64_t)values[i] - (uint64_t)s->time_ms);
    }
    bool near = build_integer_width(delays, b->count) < build_integer_width(values, b->count);
    *h = (struct column_head){.property = near ? TABLE_DELAY : TABLE_RECEIVED, .kind = VALUE_NUMBER};
    build_write_integers(b, h, near ? delays : values, NULL, b->count);
    free(delays);
}

static void add_system_columns(struct build *b, struct column_head *heads, unsigned *at, bool with_owner) {
    int64_t *values = memory_get(b->count, sizeof *values);
    for (uint16_t which = TABLE_SYSTEM; which < TABLE_DELAY; which++) {
        if (which == TABLE_OWNER && !with_owner)
            continue;
        struct column_head *h = &heads[(*at)++];
        if (which == TABLE_RECEIVED) {
            add_received(b, h, values);
            continue;
        }
        *h = (struct column_head){.property = which, .kind = VALUE_NUMBER};
        system_values(b, which, values);
        if (which == TABLE_ARRIVAL || which == TABLE_SOURCE || which == TABLE_TRAITS)
            build_write_codes(b, h, values, b->count);
        else
            build_write_integers(b, h, values, NULL, b->count);
    }
    free(values);
}

static void add_updated(struct build *b, struct column_head *h) {
    int64_t *values = memory_get(b->count, sizeof *values);
    for (uint32_t i = 0; i < b->count; i++)
        values[i] = b->source[i].updated_ms;
    *h = (struct column_head){.property = TABLE_UPDATED, .kind = VALUE_TIME};
    build_write_integers(b, h, values, NULL, b->count);
    free(values);
}

static int by_column_property(const void *a, const void *b) {
    return (int)((const struct column_head *)a)->property - (int)((const struct column_head *)b)->property;
}

/* Writes a gathered column and lets go of what was gathered. */
static struct column_head write_column(struct build *b, struct gather *g) {
    g->head.property = g->property;
    if (g->rows)
        write_rows_column(b, g);
    else
        write_scalar_column(b, g);
    free(g->values);
    free(g->kinds);
    free(g->scales);
    interner_release(&g->texts);
    arena_release(&g->arena);
    return g->head;
}

size_t table_gather_bytes = (size_t)64 << 20;

/* How many columns are gathered at once. */
static unsigned columns_at_once(uint32_t count) {
    size_t columns = table_gather_bytes / ((sizeof(int64_t) + 2) * ((size_t)count + 1));
    return columns < 1 ? 1 : columns > 4096 ? 4096 : (unsigned)columns;
}

void table_build(struct buffer *out, uint16_t type, enum type_kind kind, const struct table_source *rows,
                 uint32_t count, enum table_form form) {
    bool top = form != TABLE_PLAIN;
    struct build b = {.source = rows, .count = count, .out = out, .start = out->size};
    bool with_blocks = top && blocks_fit(rows, count);
    bool with_starts = top && (with_blocks || count >= SPAN_CUSTOMERS * 2);
    bool with_owner = top && (!with_starts || (count <= OWNERS_MOST && (kind == TYPE_EVENT || form == TABLE_CURRENT)));
    assert(out->size % 8 == 0);
    b.column_of = memory_get(UINT16_MAX + 1, sizeof *b.column_of);
    build_part_rows(&b);
    build_find_columns(&b);
    unsigned most = b.column_count + (TABLE_SYSTEM_END - TABLE_SYSTEM), written = 0;
    struct table_head head = {.magic = TABLE_MAGIC, .type = type, .kind = (uint8_t)kind, .row_count = count};
    head.column_count =
        (uint16_t)(b.column_count + (top ? TABLE_DELAY - TABLE_SYSTEM - !with_owner : 0) + (form == TABLE_CURRENT));
    struct column_head *heads = memory_get(most ? most : 1, sizeof *heads);
    buffer_add(out, &head, sizeof head);
    buffer_add(out, heads, head.column_count * sizeof *heads);
    unsigned group = columns_at_once(count);
    for (unsigned from = 0; from < b.column_count; from += group) {
        unsigned end = b.column_count - from < group ? b.column_count : from + group;
        for (unsigned i = from; i < end; i++)
            build_prepare(&b.columns[i], count);
        build_gather(&b, from, end);
        for (unsigned i = from; i < end; i++)
            heads[written++] = write_column(&b, &b.columns[i]);
    }
    if (top)
        add_system_columns(&b, heads, &written, with_owner);
    if (form == TABLE_CURRENT)
        add_updated(&b, &heads[written++]);
    assert(written == head.column_count);
    head.starts_form = with_blocks ? STARTS_BLOCKS : STARTS_WHOLE;
    head.starts = with_blocks ? write_blocks(&b) : with_starts ? write_starts(&b) : 0;
    build_align(&b);
    head.bytes = out->size - b.start;
    qsort(heads, written, sizeof *heads, by_column_property);
    memcpy(out->data + b.start, &head, sizeof head);
    memcpy(out->data + b.start + sizeof head, heads, written * sizeof *heads);
    build_leaders_release(&b);
    free(heads);
    free(b.columns);
    free(b.column_of);
    free(b.older_row);
    free(b.fresh);
}
