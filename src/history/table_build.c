/* table_build: rows in their final order -> columns. One pass over the sources finds the columns; then each column is
 * gathered into plain arrays (value, kind, scale per row), its encoding chosen by cost, and written. Lists and items become a
 * child table built the same way. Offsets in the output count from the table's start. */
#include <assert.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/json_write.h"
#include "history/distinct.h"
#include "history/history.h"
#include "history/table.h"

#define KIND_ABSENT TABLE_NO_VALUE

/* One output column while it is gathered. */
struct gather {
    uint16_t property;
    bool rows; /* a list or items column */
    uint8_t rows_kind;
    int64_t *values; /* integer, double bits, or text number */
    uint8_t *kinds;  /* enum value_kind, or KIND_ABSENT */
    uint8_t *scales;
    struct interner texts;
    struct arena arena; /* texts that had to be put together */
    struct column_head head;
};

/* A text column whose codes stand in the table, for others to share. */
struct leader {
    uint32_t *first;   /* per row: number of its text by first appearance, FIRST_NONE without one */
    uint32_t *code_of; /* by that number */
    uint32_t distinct;
    uint8_t width;
    uint64_t data;
};

struct build {
    struct leader *leaders;
    unsigned leader_count;
    const struct table_source *source;
    uint32_t count;
    const struct table_head *older; /* the one older table that rows come from; NULL: none */
    uint32_t *older_row;            /* per row: in that table, or ROW_FRESH */
    uint32_t *fresh;                /* rows that come from records, in order */
    uint32_t fresh_count;
    struct gather *columns;
    uint16_t column_count, column_capacity;
    uint16_t *column_of; /* by property: index + 1 */
    size_t start;        /* of this table in `out` */
    struct buffer *out;
};

#define ROW_FRESH UINT32_MAX

/* Sources are large; what most loops ask of them is which of both kinds they are. */
static void part_rows(struct build *b) {
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

static void find_columns(struct build *b) {
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

static void prepare(struct gather *g, uint32_t count) {
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
static void gather_integers(const struct build *b, const struct column_head *c, int64_t *values) {
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
    gather_integers(b, &codes, g->values);
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
        gather_integers(b, c, g->values);
    }
}

/* Gathers those of the columns [from, end) that hold no rows. */
static void gather_scalars(struct build *b, unsigned from, unsigned end) {
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

/* --- writing --- */

static uint64_t align_out(struct build *b) {
    static const char zeros[64];
    buffer_add(b->out, zeros, (0 - (b->out->size - b->start)) & 7);
    return b->out->size - b->start;
}

static uint8_t width_for(uint64_t largest) {
    return largest == 0 ? 0 : largest <= UINT8_MAX ? 1 : largest <= UINT16_MAX ? 2 : largest <= UINT32_MAX ? 4 : 8;
}

static uint64_t write_raw(struct build *b, const uint64_t *values, uint32_t count, unsigned width) {
    uint64_t offset = align_out(b);
    char *to = buffer_reserve(b->out, (size_t)count * width);
    for (uint32_t i = 0; i < count; i++) /* little endian: the low bytes come first */
        memcpy(to + (size_t)i * width, &values[i], width);
    b->out->size += (size_t)count * width;
    return offset;
}

static uint64_t write_bitmap(struct build *b, const uint8_t *kinds, uint32_t count, bool nulls_only) {
    uint64_t offset = align_out(b);
    size_t bytes = (count + 7) / 8;
    uint8_t *to = (uint8_t *)buffer_reserve(b->out, bytes);
    memset(to, 0, bytes);
    for (uint32_t i = 0; i < count; i++)
        if (kinds[i] == VALUE_MISSING || (!nulls_only && kinds[i] == KIND_ABSENT))
            to[i / 8] |= (uint8_t)(1 << (i % 8));
    b->out->size += bytes;
    return offset;
}

static uint64_t gcd(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Frame of reference with the greatest common divisor taken out: whole seconds among milliseconds, whole yuan among fen. */
static void write_integers(struct build *b, struct column_head *h, const int64_t *values, const uint8_t *kinds,
                           uint32_t count) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < count; i++)
        if (!kinds || kinds[i] < KIND_ABSENT) {
            low = values[i] < low ? values[i] : low;
            high = values[i] > high ? values[i] : high;
        }
    if (low > high)
        low = high = 0;
    uint64_t step = 0;
    for (uint32_t i = 0; i < count && step != 1; i++)
        if (!kinds || kinds[i] < KIND_ABSENT)
            step = gcd((uint64_t)values[i] - (uint64_t)low, step);
    step = step && step <= INT64_MAX ? step : 1;
    uint64_t *raw = memory_get(count, sizeof *raw);
    for (uint32_t i = 0; i < count; i++)
        raw[i] = !kinds || kinds[i] < KIND_ABSENT ? ((uint64_t)values[i] - (uint64_t)low) / step : 0;
    h->encoding = COLUMN_INTEGER;
    h->base = low;
    h->multiple = (int64_t)step;
    h->width = width_for(((uint64_t)high - (uint64_t)low) / step);
    h->data = write_raw(b, raw, count, h->width);
    free(raw);
}

/* Codes into the sorted distinct values where that is smaller than the plain way; for system columns only. */
static void write_codes_or_integers(struct build *b, struct column_head *h, const int64_t *values, uint32_t count) {
    int64_t low = count ? values[0] : 0, high = low;
    for (uint32_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    uint64_t span = (uint64_t)high - (uint64_t)low;
    bool narrow = span <= UINT32_MAX;
    uint64_t plain = (uint64_t)count * width_for(span), entry_bytes = narrow ? 4 : 8;
    struct distinct d;
    bool few = distinct_find(&d, values, count, plain / entry_bytes);
    uint8_t code_width = width_for(d.count ? d.count - 1 : 0);
    if (!few || d.count * entry_bytes + (uint64_t)count * code_width >= plain) {
        write_integers(b, h, values, NULL, count);
        distinct_release(&d);
        return;
    }
    uint64_t *codes = memory_get(count, sizeof *codes);
    for (uint32_t i = 0; i < count; i++)
        codes[i] = d.code_of[d.number[i]];
    h->encoding = COLUMN_INTEGER_CODES;
    h->width = code_width;
    h->dictionary_count = d.count;
    h->data = write_raw(b, codes, count, code_width);
    h->multiple = (int64_t)entry_bytes;
    h->base = narrow ? low : 0;
    h->dictionary = align_out(b);
    for (uint32_t i = 0; i < d.count; i++) { /* little endian: the low bytes come first */
        uint64_t entry = (uint64_t)d.sorted[i] - (uint64_t)h->base;
        buffer_add(b->out, &entry, (size_t)h->multiple);
    }
    free(codes);
    distinct_release(&d);
}

struct numbered_text {
    struct slice text;
    uint32_t number;
};

static int by_text(const void *a, const void *b) {
    return slice_compare(((const struct numbered_text *)a)->text, ((const struct numbered_text *)b)->text);
}

/* What all texts begin and end with (a site's address, a file's ending) is stored once. `texts` are the used ones. */
static struct table_affix common_affix(const struct slice *texts, uint32_t count) {
    struct slice prefix = texts[0], suffix = texts[0];
    for (uint32_t i = 1; i < count && (prefix.size || suffix.size); i++) {
        struct slice t = texts[i];
        size_t same = 0;
        while (same < prefix.size && same < t.size && prefix.data[same] == t.data[same])
            same++;
        prefix.size = same;
        for (same = 0;
             same < suffix.size && same < t.size && suffix.data[suffix.size - 1 - same] == t.data[t.size - 1 - same];)
            same++;
        suffix = (struct slice){suffix.data + suffix.size - same, same};
    }
    size_t shortest = SIZE_MAX; /* beginning and end must not overlap in the shortest */
    for (uint32_t i = 0; i < count; i++)
        shortest = texts[i].size < shortest ? texts[i].size : shortest;
    if (prefix.size + suffix.size > shortest)
        suffix = (struct slice){suffix.data + (prefix.size + suffix.size - shortest), shortest - prefix.size};
    return (struct table_affix){prefix, suffix};
}

#define AFFIX_WORTH_BYTES 64 /* less is not worth the second copy when reading */

/* Writes the common beginning and end of `texts` where that pays, and takes them off. */
static void write_affix(struct build *b, struct gather *g, struct slice *texts, uint32_t count) {
    if (count < 2)
        return;
    struct table_affix affix = common_affix(texts, count);
    size_t bytes = affix.prefix.size + affix.suffix.size;
    if (bytes * (count - 1ull) < AFFIX_WORTH_BYTES)
        return;
    g->head.base = (int64_t)(b->out->size - b->start);
    g->head.multiple = (int64_t)((uint64_t)affix.prefix.size | (uint64_t)affix.suffix.size << 32);
    buffer_add_slice(b->out, affix.prefix);
    buffer_add_slice(b->out, affix.suffix);
    for (uint32_t i = 0; i < count; i++)
        texts[i] = (struct slice){texts[i].data + affix.prefix.size, texts[i].size - bytes};
}

static void write_text_plain(struct build *b, struct gather *g, uint32_t count) {
    struct slice *texts = memory_get(count, sizeof *texts);
    uint32_t offset = 0, present = 0, next = 0;
    for (uint32_t i = 0; i < count; i++)
        if (g->kinds[i] == VALUE_TEXT)
            texts[present++] = g->texts.texts[g->values[i]];
    write_affix(b, g, texts, present);
    g->head.encoding = COLUMN_TEXT;
    g->head.data = align_out(b);
    buffer_reserve(b->out, 4ull * (count + 1ull));
    for (uint32_t i = 0; i <= count; i++) {
        buffer_add(b->out, &offset, 4);
        if (i < count && g->kinds[i] == VALUE_TEXT)
            offset += (uint32_t)texts[next++].size;
    }
    g->head.dictionary = b->out->size - b->start;
    for (uint32_t i = 0; i < present; i++)
        buffer_add_slice(b->out, texts[i]);
    free(texts);
}

#define FIRST_NONE UINT32_MAX

/* Numbers the rows' texts by first appearance: two columns with the same numbers go hand in hand. */
static uint32_t *number_by_first(const struct gather *g, uint32_t count, uint32_t *distinct, struct slice **texts) {
    uint32_t *first = memory_get(count, sizeof *first), *number = memory_get(g->texts.count, sizeof *number);
    *texts = memory_get(g->texts.count, sizeof **texts);
    *distinct = 0;
    for (uint32_t i = 0; i < count; i++) {
        first[i] = FIRST_NONE;
        if (g->kinds[i] != VALUE_TEXT)
            continue;
        if (!number[g->values[i]]) {
            (*texts)[*distinct] = g->texts.texts[g->values[i]];
            number[g->values[i]] = ++*distinct;
        }
        first[i] = number[g->values[i]] - 1;
    }
    free(number);
    return first;
}

/* The column whose codes this one can share, or NULL. */
static const struct leader *find_leader(const struct build *b, const uint32_t *first, uint32_t distinct) {
    for (unsigned i = 0; i < b->leader_count; i++)
        if (b->leaders[i].distinct == distinct && memcmp(b->leaders[i].first, first, b->count * sizeof *first) == 0)
            return &b->leaders[i];
    return NULL;
}

/* Writes the codes, in the order of the sorted texts, and keeps them for columns that go hand in hand with this one. */
static const struct leader *make_leader(struct build *b, struct gather *g, uint32_t *first, uint32_t distinct,
                                        const struct slice *texts) {
    struct leader l = {.first = first, .distinct = distinct, .width = width_for(distinct ? distinct - 1 : 0)};
    struct numbered_text *sorted = memory_get(distinct, sizeof *sorted);
    uint64_t *codes = memory_get(b->count, sizeof *codes);
    l.code_of = memory_get(distinct, sizeof *l.code_of);
    for (uint32_t i = 0; i < distinct; i++)
        sorted[i] = (struct numbered_text){texts[i], i};
    qsort(sorted, distinct, sizeof *sorted, by_text);
    for (uint32_t i = 0; i < distinct; i++)
        l.code_of[sorted[i].number] = i;
    for (uint32_t i = 0; i < b->count; i++)
        codes[i] = first[i] == FIRST_NONE ? 0 : l.code_of[first[i]];
    l.data = write_raw(b, codes, b->count, l.width);
    g->head.flags = COLUMN_SORTED;
    free(codes);
    free(sorted);
    b->leaders = memory_resize(b->leaders, b->leader_count + 1u, sizeof *b->leaders);
    b->leaders[b->leader_count] = l;
    return &b->leaders[b->leader_count++];
}

static void write_text_codes(struct build *b, struct gather *g, uint32_t count) {
    uint32_t distinct, offset = 0;
    struct slice *texts;
    uint32_t *first = number_by_first(g, count, &distinct, &texts);
    const struct leader *l = find_leader(b, first, distinct);
    if (l)
        free(first);
    else
        l = make_leader(b, g, first, distinct, texts);
    assert(l->distinct == distinct);
    struct slice *by_code = memory_get(distinct, sizeof *by_code);
    for (uint32_t i = 0; i < distinct; i++)
        by_code[l->code_of[i]] = texts[i];
    write_affix(b, g, by_code, distinct);
    g->head.encoding = COLUMN_TEXT_CODES;
    g->head.width = l->width;
    g->head.dictionary_count = distinct;
    g->head.data = l->data;
    g->head.dictionary = align_out(b);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < distinct; i++)
        bytes += by_code[i].size;
    g->head.flags |= bytes <= UINT16_MAX ? COLUMN_OFFSETS_16 : 0;
    for (uint32_t i = 0; i <= distinct; i++) { /* little endian: the low bytes come first */
        buffer_add(b->out, &offset, bytes <= UINT16_MAX ? 2 : 4);
        offset += i < distinct ? (uint32_t)by_code[i].size : 0;
    }
    for (uint32_t i = 0; i < distinct; i++)
        buffer_add_slice(b->out, by_code[i]);
    free(by_code);
    free(texts);
}

/* Texts that mostly differ are stored row by row; others by code. */
static void write_texts(struct build *b, struct gather *g, uint32_t count) {
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++)
        present += g->kinds[i] == VALUE_TEXT;
    if (g->texts.count > 16 && g->texts.count > present - present / 4)
        write_text_plain(b, g, count);
    else
        write_text_codes(b, g, count);
}

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
    g->head.absent = absent ? write_bitmap(b, g->kinds, count, false) : 0;
    g->head.nulls = nulls ? write_bitmap(b, g->kinds, count, true) : 0;
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
        write_texts(b, g, b->count);
    } else if (g->head.kind == VALUE_REAL) {
        g->head.encoding = COLUMN_REAL;
        g->head.data = write_raw(b, (const uint64_t *)g->values, b->count, 8);
    } else {
        write_integers(b, &g->head, g->values, g->kinds, b->count);
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
    uint64_t offset = align_out(b);
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
    g->head.data = align_out(b);
    buffer_add(b->out, offsets, (b->count + 1ull) * 4);
    g->head.base = write_begins(b, offsets);
    g->head.dictionary = align_out(b);
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
        gather_integers(b, column, values);
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
    uint64_t offset = align_out(b);
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
    uint64_t offset = align_out(b);
    uint32_t row = 0;
    for (uint32_t owner = 0; owner <= SPAN_CUSTOMERS; owner++) {
        while (row < b->count && b->source[row].owner < owner)
            row++;
        buffer_add(b->out, &row, 4);
    }
    return offset;
}

/* Width that write_integers would take. */
static unsigned integer_width(const int64_t *values, uint32_t count) {
    int64_t low = count ? values[0] : 0, high = low;
    uint64_t step = 0;
    for (uint32_t i = 0; i < count; i++) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    for (uint32_t i = 0; i < count && step != 1; i++)
        step = gcd((uint64_t)values[i] - (uint64_t)low, step);
    return width_for(((uint64_t)high - (uint64_t)low) / (step ? step : 1));
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
    bool near = integer_width(delays, b->count) < integer_width(values, b->count);
    *h = (struct column_head){.property = near ? TABLE_DELAY : TABLE_RECEIVED, .kind = VALUE_NUMBER};
    write_integers(b, h, near ? delays : values, NULL, b->count);
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
            write_codes_or_integers(b, h, values, b->count);
        else
            write_integers(b, h, values, NULL, b->count);
    }
    free(values);
}

static void add_updated(struct build *b, struct column_head *h) {
    int64_t *values = memory_get(b->count, sizeof *values);
    for (uint32_t i = 0; i < b->count; i++)
        values[i] = b->source[i].updated_ms;
    *h = (struct column_head){.property = TABLE_UPDATED, .kind = VALUE_TIME};
    write_integers(b, h, values, NULL, b->count);
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
    part_rows(&b);
    find_columns(&b);
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
            prepare(&b.columns[i], count);
        gather_scalars(&b, from, end);
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
    align_out(&b);
    head.bytes = out->size - b.start;
    qsort(heads, written, sizeof *heads, by_column_property);
    memcpy(out->data + b.start, &head, sizeof head);
    memcpy(out->data + b.start + sizeof head, heads, written * sizeof *heads);
    for (unsigned i = 0; i < b.leader_count; i++) {
        free(b.leaders[i].first);
        free(b.leaders[i].code_of);
    }
    free(b.leaders);
    free(heads);
    free(b.columns);
    free(b.column_of);
    free(b.older_row);
    free(b.fresh);
}
