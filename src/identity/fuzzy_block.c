/* fuzzy_block: see the header. */
#include "identity/fuzzy_block.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

/* --- forms: value to key --- */

static uint64_t key_of(struct slice s, enum fuzzy_form form, unsigned field) {
    return s.size ? hash_bytes(s, 100 + form + 16 * field) | 1 : 0;
}

/* The first two words by sound, in alphabetical order, so that swapped ones meet. */
static uint64_t sound_key(const struct fuzzy_value *v, unsigned field) {
    char sounds[2][FUZZY_SOUND_BYTES] = {{0}};
    size_t count = 0;
    struct slice text = v->latin;
    for (size_t at = 0; at < text.size && count < 2;) {
        const char *blank = memchr(text.data + at, ' ', text.size - at);
        size_t size = blank ? (size_t)(blank - text.data) - at : text.size - at;
        fuzzy_sound(slice_of(text.data + at, size), sounds[count]);
        count += sounds[count][0] != 0;
        at += size + 1;
    }
    if (count == 0)
        return 0;
    if (count == 2 && memcmp(sounds[0], sounds[1], FUZZY_SOUND_BYTES) > 0) {
        char swap[FUZZY_SOUND_BYTES];
        memcpy(swap, sounds[0], sizeof swap);
        memcpy(sounds[0], sounds[1], sizeof swap);
        memcpy(sounds[1], swap, sizeof swap);
    }
    return key_of(slice_of(sounds, sizeof sounds), FUZZY_FORM_SOUND, field);
}

uint64_t fuzzy_form_key(const struct fuzzy_field *f, const struct fuzzy_value *v, enum fuzzy_form form,
                        unsigned length) {
    struct slice s = v->text;
    (void)f;
    switch (form) {
    case FUZZY_FORM_SAME:
        return key_of(s, form, 0);
    case FUZZY_FORM_SOUND:
        return sound_key(v, 0);
    case FUZZY_FORM_START:
        return s.size < length ? 0 : key_of(slice_of(s.data, length), form, length);
    case FUZZY_FORM_END:
        return s.size < length ? 0 : key_of(slice_of(s.data + s.size - length, length), form, length);
    case FUZZY_FORM_LOCAL: {
        const char *at = memchr(s.data, '@', s.size);
        return key_of(slice_of(s.data, at ? (size_t)(at - s.data) : s.size), form, 0);
    }
    default:
        assert(false);
        return 0;
    }
}

static int by_number(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static size_t word_keys(struct slice text, uint64_t keys[FUZZY_KEYS_MAX]) {
    size_t count = 0;
    for (size_t at = 0; at < text.size && count < FUZZY_KEYS_MAX;) {
        const char *blank = memchr(text.data + at, ' ', text.size - at);
        size_t size = blank ? (size_t)(blank - text.data) - at : text.size - at;
        if (size >= 2)
            keys[count++] = key_of(slice_of(text.data + at, size), FUZZY_FORM_TOKENS, 0);
        at += size + 1;
    }
    return count;
}

/* The `length` smallest of each piece's hash under different seeds, weighted towards rare pieces: a piece is drawn by
 * -ln(hash) / weight, the exponential race, so that two texts draw the same with the weighted share they have in common. */
static size_t piece_keys(const struct fuzzy_field *f, const struct fuzzy_value *v, unsigned length,
                         uint64_t keys[FUZZY_KEYS_MAX]) {
    size_t count = length < FUZZY_KEYS_MAX ? length : FUZZY_KEYS_MAX;
    for (size_t h = 0; v->piece_count && h < count; h++) {
        uint64_t best_key = 0;
        double best = 1e300;
        for (uint32_t i = 0; i < v->piece_count; i++) {
            const struct fuzzy_piece *p = &f->pieces[v->pieces_at + i];
            uint64_t mixed = hash_mix(p->piece + ((uint64_t)h << 40));
            double drawn =
                (double)((mixed >> 11) + 1) * 0x1p-53; /* smaller is better: a uniform over its weight will do */
            drawn /= (double)p->weight * (double)p->weight;
            if (drawn < best) {
                best = drawn;
                best_key = mixed | 1;
            }
        }
        keys[h] = best_key;
    }
    return v->piece_count ? count : 0;
}

size_t fuzzy_form_keys(const struct fuzzy_field *f, const struct fuzzy_value *v, enum fuzzy_form form, unsigned length,
                       uint64_t keys[FUZZY_KEYS_MAX]) {
    size_t count = form == FUZZY_FORM_TOKENS ? word_keys(v->latin, keys) : piece_keys(f, v, length, keys), kept = 0;
    qsort(keys, count, sizeof *keys, by_number);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || keys[kept - 1] != keys[i])
            keys[kept++] = keys[i];
    return kept;
}

/* --- the keys of distinct values --- */

struct form_table {
    unsigned field, length;
    enum fuzzy_form form;
    uint64_t *keys;   /* [values + 1]; of forms with many keys their first's place in `many` */
    uint32_t *starts; /* [values + 2], those forms only */
    struct buffer many;
};

#define TABLES_MAX (FUZZY_BLOCKS_MAX * FUZZY_BLOCK_PARTS_MAX)

struct large_keys {
    struct buffer keys; /* sorted uint64_t */
};

struct fuzzy_blocking {
    const struct fuzzy_fields *fields;
    const struct fuzzy_rules *rules;
    struct form_table tables[TABLES_MAX];
    size_t table_count;
    unsigned part_table[FUZZY_BLOCKS_MAX][FUZZY_BLOCK_PARTS_MAX];
    struct large_keys large[FUZZY_BLOCKS_MAX]; /* blocks that were not compared */
    bool many[FUZZY_BLOCKS_MAX];               /* rules with several keys a record */
    /* [record][rule]: the block that record was compared in under a rule with one key, 31 bits of its key; 0: in none. Rows, so that two
     * records' blocks are two cache lines. */
    uint32_t *blocks;
};

static void fill_table(struct form_table *t, const struct fuzzy_field *f) {
    size_t values = f->dictionary.count;
    if (!fuzzy_form_many(t->form)) {
        t->keys = memory_get(values + 1, sizeof *t->keys);
        for (size_t v = 1; v <= values; v++)
            t->keys[v] = fuzzy_form_key(f, &f->values[v], t->form, t->length);
        return;
    }
    uint64_t keys[FUZZY_KEYS_MAX];
    t->starts = memory_get(values + 2, sizeof *t->starts);
    for (size_t v = 1; v <= values; v++) {
        t->starts[v] = (uint32_t)(t->many.size / sizeof *keys);
        buffer_add(&t->many, keys, sizeof *keys * fuzzy_form_keys(f, &f->values[v], t->form, t->length, keys));
    }
    t->starts[values + 1] = (uint32_t)(t->many.size / sizeof *keys);
}

static unsigned table_of(struct fuzzy_blocking *b, const struct fuzzy_block_part *p) {
    for (size_t i = 0; i < b->table_count; i++)
        if (b->tables[i].field == p->field && b->tables[i].form == p->form && b->tables[i].length == p->length)
            return (unsigned)i;
    assert(b->table_count < TABLES_MAX);
    struct form_table *t = &b->tables[b->table_count];
    *t = (struct form_table){.field = p->field, .form = p->form, .length = p->length};
    fill_table(t, &b->fields->list[p->field]);
    return (unsigned)b->table_count++;
}

struct fuzzy_blocking *fuzzy_blocking_create(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules) {
    struct fuzzy_blocking *b = memory_get(1, sizeof *b);
    b->fields = fields;
    b->rules = rules;
    for (size_t r = 0; r < rules->block_count; r++)
        for (size_t p = 0; p < rules->blocks[r].part_count; p++) {
            b->part_table[r][p] = table_of(b, &rules->blocks[r].parts[p]);
            b->many[r] |= fuzzy_form_many(rules->blocks[r].parts[p].form);
        }
    b->blocks = memory_get(fields->record_count * rules->block_count + 1, sizeof *b->blocks);
    return b;
}

void fuzzy_blocking_free(struct fuzzy_blocking *b) {
    for (size_t i = 0; b && i < b->table_count; i++) {
        free(b->tables[i].keys);
        free(b->tables[i].starts);
        buffer_release(&b->tables[i].many);
    }
    for (size_t r = 0; b && r < FUZZY_BLOCKS_MAX; r++)
        buffer_release(&b->large[r].keys);
    if (b)
        free(b->blocks);
    free(b);
}

bool fuzzy_block_unordered(const struct fuzzy_fields *fields, const struct fuzzy_block_rule *r) {
    const struct fuzzy_block_part *a = &r->parts[0], *b = &r->parts[1];
    return r->part_count == 2 && a->form == b->form && a->length == b->length && !fuzzy_form_many(a->form) &&
           (fields->list[a->field].rule->swap_with == (int)b->field ||
            fields->list[b->field].rule->swap_with == (int)a->field);
}

/* The keys of a record under a rule: one, or where one part has many, as many. Sorted. */
static size_t record_keys(const struct fuzzy_blocking *b, size_t rule, uint32_t record, uint64_t keys[FUZZY_KEYS_MAX]) {
    const struct fuzzy_block_rule *r = &b->rules->blocks[rule];
    const struct form_table *many = NULL;
    uint32_t many_code = 0;
    uint64_t mixed = 1;
    bool either_order = fuzzy_block_unordered(b->fields, r);
    for (size_t p = 0; p < r->part_count; p++) {
        const struct form_table *t = &b->tables[b->part_table[rule][p]];
        uint32_t code = b->fields->list[t->field].codes[record];
        if (!code)
            return 0;
        if (t->starts) {
            many = t;
            many_code = code;
            continue;
        }
        if (!t->keys[code])
            return 0;
        mixed = r->part_count == 1 ? t->keys[code]
                : either_order     ? mixed + hash_mix(t->keys[code]) * 2
                                   : hash_mix(mixed * 31 + t->keys[code]) | 1;
    }
    if (!many) {
        keys[0] = mixed;
        return 1;
    }
    size_t count = many->starts[many_code + 1] - many->starts[many_code];
    const uint64_t *list = (const uint64_t *)many->many.data + many->starts[many_code];
    for (size_t i = 0; i < count; i++)
        keys[i] = r->part_count == 1 ? list[i] : hash_mix(mixed ^ list[i]) | 1;
    if (r->part_count > 1)
        qsort(keys, count, sizeof *keys, by_number);
    return count;
}

/* --- blocks --- */

/* Least significant digit first, 11 bits a pass, over the top 44 bits; equal tops are told apart below. */
static void sort_keys(struct fuzzy_key *keys, size_t count) {
    struct fuzzy_key *other = memory_get(count + 1, sizeof *other), *from = keys, *to = other;
    for (unsigned shift = 20; shift < 64; shift += 11) {
        size_t starts[2049] = {0};
        for (size_t i = 0; i < count; i++)
            starts[((from[i].key >> shift) & 2047) + 1]++;
        for (size_t i = 1; i < 2048; i++)
            starts[i] += starts[i - 1];
        for (size_t i = 0; i < count; i++)
            to[starts[(from[i].key >> shift) & 2047]++] = from[i];
        struct fuzzy_key *swap = from;
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, count * sizeof *keys);
    free(other);
}

static int by_key_record(const void *a, const void *b) {
    const struct fuzzy_key *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->record > y->record) - (x->record < y->record);
}

/* Runs of equal top bits that hold different keys (about none) are sorted whole. */
static void settle(struct fuzzy_key *keys, size_t count) {
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        bool differ = false;
        for (; end < count && keys[end].key >> 20 == keys[i].key >> 20; end++)
            differ |= keys[end].key != keys[i].key;
        if (differ)
            qsort(keys + i, end - i, sizeof *keys, by_key_record);
        i = end;
    }
}

#define MANY_PAIRS 100.0 /* a record, for a rule with several keys a record */

/* The largest size of block, `most` or a half, a quarter ... of it, with which all together give no more than `budget` pairs: words and
 * pieces that many have in common tell nothing and cost most. */
static size_t affordable(const struct fuzzy_key *list, size_t count, size_t most, double budget) {
    for (; most > 4; most /= 2) {
        double pairs = 0;
        for (size_t i = 0, end; i < count; i = end) {
            for (end = i + 1; end < count && list[end].key == list[i].key;)
                end++;
            pairs += end - i <= most ? (double)(end - i) * (double)(end - i - 1) / 2 : 0;
        }
        if (pairs <= budget)
            break;
    }
    return most;
}

size_t fuzzy_block_keys(struct fuzzy_blocking *b, size_t rule, struct fuzzy_key **out) {
    struct buffer all = {0};
    uint64_t keys[FUZZY_KEYS_MAX];
    for (uint32_t r = 0; r < b->fields->record_count; r++) {
        size_t count = record_keys(b, rule, r, keys);
        for (size_t i = 0; i < count; i++) {
            struct fuzzy_key key = {keys[i], r};
            buffer_add(&all, &key, sizeof key);
        }
    }
    size_t count = all.size / sizeof(struct fuzzy_key), kept = 0;
    struct fuzzy_key *list = (struct fuzzy_key *)all.data;
    if (count) {
        sort_keys(list, count);
        settle(list, count);
    }
    size_t most = b->rules->blocks[rule].part_count ? b->rules->block_records_max : SIZE_MAX;
    if (b->many[rule])
        most = affordable(list, count, most, MANY_PAIRS * (double)b->fields->record_count);
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && list[end].key == list[i].key)
            end++;
        if (end - i > most)
            buffer_add(&b->large[rule].keys, &list[i].key, sizeof list[i].key);
        else if (end - i > 1) {
            memmove(list + kept, list + i, (end - i) * sizeof *list);
            kept += end - i;
        }
        i = end;
    }
    for (size_t i = 0; i < kept && !b->many[rule]; i++)
        b->blocks[list[i].record * b->rules->block_count + rule] = (uint32_t)(list[i].key >> 32) | 1;
    *out = list;
    return kept;
}

void fuzzy_block_large_take(struct fuzzy_blocking *b, size_t rule, struct buffer *into) {
    *into = b->large[rule].keys;
    b->large[rule].keys = (struct buffer){0};
}

static bool was_large(const struct fuzzy_blocking *b, size_t rule, uint64_t key) {
    const struct buffer *large = &b->large[rule].keys;
    return large->size && bsearch(&key, large->data, large->size / sizeof key, sizeof key, by_number);
}

/* Whether the two share a compared block under `rule`; with `before` only one of a smaller key. */
static bool meet(const struct fuzzy_blocking *b, size_t rule, uint32_t x, uint32_t y, uint64_t before) {
    uint64_t kx[FUZZY_KEYS_MAX], ky[FUZZY_KEYS_MAX];
    size_t nx = record_keys(b, rule, x, kx), ny = nx ? record_keys(b, rule, y, ky) : 0;
    for (size_t i = 0, j = 0; i < nx && j < ny;) {
        if (kx[i] == ky[j] && kx[i] < before && !was_large(b, rule, kx[i]))
            return true;
        bool step = kx[i] <= ky[j];
        j += ky[j] <= kx[i];
        i += step;
    }
    return false;
}

/* Whether an earlier rule compared them, or this one under a smaller key. Two keys that agree in 31 bits are taken for one: a pair is lost
 * to that once in a hundred million. */
static bool met_before(const struct fuzzy_blocking *b, size_t rule, uint32_t x, uint32_t y, uint64_t key) {
    size_t rules = b->rules->block_count;
    const uint32_t *bx = b->blocks + x * rules, *by = b->blocks + y * rules;
    for (size_t r = 0; r < rule; r++)
        if (bx[r] == by[r] && bx[r])
            return true;
    for (size_t r = 0; r < rule; r++)
        if (b->many[r] && meet(b, r, x, y, UINT64_MAX))
            return true;
    return b->many[rule] && meet(b, rule, x, y, key);
}

void fuzzy_block_run(const struct fuzzy_blocking *b, size_t rule, const struct fuzzy_key *keys, size_t from, size_t to,
                     void (*found)(void *context, uint32_t x, uint32_t y), void *context) {
    const uint32_t *sources = b->fields->sources;
    bool whole = b->rules->blocks[rule].part_count == 0;
    for (size_t i = from; i < to;) {
        size_t end = i + 1;
        while (end < to && keys[end].key == keys[i].key)
            end++;
        for (size_t p = i; p < end; p++)
            for (size_t q = p + 1; q < end; q++) {
                uint32_t x = keys[p].record, y = keys[q].record;
                if (b->rules->between_only && sources[x] == sources[y])
                    continue;
                if (whole || !met_before(b, rule, x, y, keys[i].key))
                    found(context, x < y ? x : y, x < y ? y : x);
            }
        i = end;
    }
}
