/* table_build_texts: a column of texts, row by row or by codes into its sorted texts. Columns whose texts go hand in hand share the codes of the
 * first of them; what all texts begin and end with is stored once. */
#include <assert.h>
#include <stdlib.h>

#include "history/table_build.h"

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
    g->head.data = build_align(b);
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
    struct leader l = {.first = first, .distinct = distinct, .width = build_width(distinct ? distinct - 1 : 0)};
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
    l.data = build_write_raw(b, codes, b->count, l.width);
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
    g->head.dictionary = build_align(b);
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
void build_write_texts(struct build *b, struct gather *g, uint32_t count) {
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++)
        present += g->kinds[i] == VALUE_TEXT;
    if (g->texts.count > 16 && g->texts.count > present - present / 4)
        write_text_plain(b, g, count);
    else
        write_text_codes(b, g, count);
}

void build_leaders_release(struct build *b) {
    for (unsigned i = 0; i < b->leader_count; i++) {
        free(b->leaders[i].first);
        free(b->leaders[i].code_of);
    }
    free(b->leaders);
}
