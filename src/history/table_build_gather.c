/* table_build_gather: the sources of a table -> plain arrays, a column each: value, kind and scale per row. Rows of an older table come by column,
 * those of records by record. */
#include <assert.h>
#include <stdlib.h>

#include "history/table_build.h"

/* Sources are large; what most loops ask of them is which of both kinds they are. */
void build_part_rows(struct build *b) {
    b->older_row = memory_get(b->count ? b->count : 1, sizeof *b->older_row);
    b->fresh = memory_get(b->count ? b->count : 1, sizeof *b->fresh);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct table_head *t = b->source[i].table;
        assert(!t || !b->older || t == b->older);
        b->older_row[i] = t ? b->source[i].row : ROW_FRESH;
        if (t)
            b->older = t;
        else
            b->fresh[b->fresh_count++] = i;
    }
}

/* Records of a delta lie in order of arrival and are asked for in order of their customers: each is a trip to memory. */
#define RECORDS_AHEAD 8
static void fetch_record(const struct build *b, uint32_t k) {
    if (k + RECORDS_AHEAD >= b->fresh_count)
        return;
    const struct table_source *s = &b->source[b->fresh[k + RECORDS_AHEAD]];
    const char *values = (const char *)s->values;
    for (size_t i = 0; i < s->value_count * sizeof *s->values + 64; i += 64)
        __builtin_prefetch(values + i);
}

static struct gather *column_for(struct build *b, uint16_t property) {
    if (!b->column_of[property]) {
        if (b->column_count == b->column_capacity) {
            b->column_capacity = b->column_capacity ? (uint16_t)(b->column_capacity * 2) : 16;
            b->columns = memory_resize(b->columns, b->column_capacity, sizeof *b->columns);
        }
        b->columns[b->column_count] = (struct gather){.property = property};
        b->column_of[property] = ++b->column_count;
    }
    return &b->columns[b->column_of[property] - 1];
}

void build_find_columns(struct build *b) {
    for (unsigned k = 0; b->older && k < b->older->column_count; k++) {
        const struct column_head *c = &table_columns(b->older)[k];
        if (c->property >= TABLE_SYSTEM)
            break;
        struct gather *g = column_for(b, c->property);
        if (c->encoding == COLUMN_ROWS) {
            g->rows = true;
            g->rows_kind = c->kind;
        }
    }
    for (uint32_t i = 0; i < b->fresh_count; i++) {
        const struct table_source *s = &b->source[b->fresh[i]];
        fetch_record(b, i);
        for (uint32_t k = 0; k < s->value_count; k++) {
            struct gather *g = column_for(b, s->values[k].property);
            if (s->values[k].kind >= VALUE_LIST) {
                g->rows = true;
                g->rows_kind = s->values[k].kind;
            }
        }
    }
}

void build_prepare(struct gather *g, uint32_t count) {
    g->values = memory_get(count, sizeof *g->values);
    g->kinds = memory_get(count, 1);
    g->scales = memory_get(count, 1);
    memset(g->kinds, KIND_ABSENT, count);
}

static void gather_value(struct gather *g, uint32_t row, const struct record_head *r, const struct record_value *v) {
    g->kinds[row] = v->kind;
    g->scales[row] = v->scale;
    if (v->kind == VALUE_TEXT)
        g->values[row] = intern(&g->texts, record_text(r, v));
    else
        memcpy(&g->values[row], &v->integer, 8);
}

/* Interns a text whose column's common beginning and end were taken off. */
static uint32_t intern_whole(struct gather *g, const struct table_affix *affix, struct slice middle) {
    if (affix->prefix.size + affix->suffix.size == 0)
        return intern(&g->texts, middle);
    size_t size = affix->prefix.size + middle.size + affix->suffix.size;
    char *whole = arena_get(&g->arena, size);
    memcpy(whole, affix->prefix.data, affix->prefix.size);
    memcpy(whole + affix->prefix.size, middle.data, middle.size);
    memcpy(whole + affix->prefix.size + middle.size, affix->suffix.data, affix->suffix.size);
    return intern(&g->texts, slice_of(whole, size));
}

static struct slice text_between(const struct table_head *t, const struct column_head *c, const char *texts,
                                 uint32_t i) {
    uint32_t from = column_offset(t, c, i);
    return slice_of(texts + from, column_offset(t, c, i + 1) - from);
}

/* Kinds of the older table's column, for every output row that comes from there. */
static void gather_kinds(const struct build *b, struct gather *g, const struct column_head *c) {
    const struct table_head *t = b->older;
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t row = b->older_row[i];
        if (row == ROW_FRESH)
            continue;
        g->scales[i] = c->scale;
        g->kinds[i] = !bitmap_get(t, c->absent, row) ? c->kind
                      : bitmap_get(t, c->nulls, row) ? VALUE_MISSING
                                                     : KIND_ABSENT;
    }
}

/* Values of an integer column, for every output row that comes from there; absent ones too, whatever they are. */
#define GATHER_WIDTH(type)                                                                                             \
    for (uint32_t i = 0; i < b->count; i++)                                                                            \
        if (b->older_row[i] != ROW_FRESH)                                                                              \
    values[i] = (int64_t)((uint64_t)c->base + (uint64_t)c->multiple * ((const type *)raw)[b->older_row[i]])
void build_gather_integers(const struct build *b, const struct column_head *c, int64_t *values) {
    const char *raw = (const char *)b->older + c->data;
    unsigned width = c->encoding == COLUMN_INTEGER ? c->width : UINT8_MAX;
    switch (width) {
    case 1:
        GATHER_WIDTH(uint8_t);
        break;
    case 2:
        GATHER_WIDTH(uint16_t);
        break;
    case 4:
        GATHER_WIDTH(uint32_t);
        break;
    case 8:
        GATHER_WIDTH(uint64_t);
        break;
    default:
        for (uint32_t i = 0; i < b->count; i++)
            if (b->older_row[i] != ROW_FRESH)
                values[i] = column_integer(b->older, c, b->older_row[i]);
    }
}

static void gather_texts(const struct build *b, struct gather *g, const struct column_head *c) {
    const struct table_head *t = b->older;
    const char *bytes = (const char *)t + column_texts(c);
    const struct table_affix affix = table_affix_of(t, c);
    for (uint32_t i = 0; i < b->count; i++)
        if (b->older_row[i] != ROW_FRESH && g->kinds[i] == VALUE_TEXT)
            g->values[i] = intern_whole(g, &affix, text_between(t, c, bytes, b->older_row[i]));
}

/* A text is looked up once, not once a row. */
static void gather_codes(const struct build *b, struct gather *g, const struct column_head *c) {
    const struct table_head *t = b->older;
    const char *bytes = (const char *)t + column_texts(c);
    const struct table_affix affix = table_affix_of(t, c);
    const struct column_head codes = {.encoding = COLUMN_INTEGER, .width = c->width, .data = c->data, .multiple = 1};
    uint32_t *number_of = memory_get(c->dictionary_count, sizeof *number_of); /* by code, + 1 */
    build_gather_integers(b, &codes, g->values);
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->older_row[i] == ROW_FRESH || g->kinds[i] != VALUE_TEXT)
            continue;
        uint32_t code = (uint32_t)g->values[i];
        assert(code < c->dictionary_count);
        if (!number_of[code])
            number_of[code] = 1 + intern_whole(g, &affix, text_between(t, c, bytes, code));
        g->values[i] = number_of[code] - 1;
    }
    free(number_of);
}

/* Scalar values of the older table's column. */
static void gather_from_table(const struct build *b, struct gather *g, const struct column_head *c) {
    const char *base = (const char *)b->older;
    gather_kinds(b, g, c);
    if (c->encoding == COLUMN_REAL) {
        for (uint32_t i = 0; i < b->count; i++)
            if (b->older_row[i] != ROW_FRESH)
                memcpy(&g->values[i], base + c->data + 8ull * b->older_row[i], 8);
    } else if (c->encoding == COLUMN_TEXT) {
        gather_texts(b, g, c);
    } else if (c->encoding == COLUMN_TEXT_CODES) {
        gather_codes(b, g, c);
    } else {
        build_gather_integers(b, c, g->values);
    }
}

/* Gathers those of the columns [from, end) that hold no rows. */
void build_gather(struct build *b, unsigned from, unsigned end) {
    for (unsigned k = 0; b->older && k < b->older->column_count; k++) {
        const struct column_head *c = &table_columns(b->older)[k];
        if (c->property >= TABLE_SYSTEM)
            break;
        unsigned column = b->column_of[c->property] - 1u;
        if (column >= from && column < end && !b->columns[column].rows)
            gather_from_table(b, &b->columns[column], c);
    }
    for (uint32_t i = 0; i < b->fresh_count; i++) {
        const struct table_source *s = &b->source[b->fresh[i]];
        fetch_record(b, i);
        for (uint32_t k = 0; k < s->value_count; k++) {
            unsigned column = b->column_of[s->values[k].property] - 1u;
            if (column >= from && column < end && !b->columns[column].rows)
                gather_value(&b->columns[column], b->fresh[i], s->record, &s->values[k]);
        }
    }
}
