/* fuzzy_compare: see the header. The bounds between levels are fixed, coarse and the same for everybody: what a level is worth
 * is what training finds. */
#include "identity/fuzzy_compare.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Both texts in a one-byte alphabet. */
struct both {
    struct slice a, b;
    char x[FUZZY_TEXT_MAX], y[FUZZY_TEXT_MAX];
};

static void both_of(struct both *both, const struct fuzzy_value *a, const struct fuzzy_value *b) {
    both->a = a->text;
    both->b = b->text;
    if (!a->ascii || !b->ascii)
        fuzzy_alphabet(a->text, b->text, both->x, both->y, &both->a, &both->b);
}

static bool sounds_alike(const struct fuzzy_value *a, const struct fuzzy_value *b) {
    return a->sound[0] && a->sound[1] && memcmp(a->sound, b->sound, FUZZY_SOUND_BYTES) == 0;
}

static size_t longer(struct slice a, struct slice b) { return a.size > b.size ? a.size : b.size; }

/* 1 - edits / longer. */
static double edit_likeness(struct slice a, struct slice b) {
    size_t most = longer(a, b);
    most = most > FUZZY_TEXT_MAX ? FUZZY_TEXT_MAX : most;
    return most ? 1 - (double)fuzzy_edits(a, b) / (double)most : 1;
}

/* --- words --- */

#define WORDS_MAX 12
struct words {
    struct slice word[WORDS_MAX];
    size_t count;
};

static void split(struct slice text, struct words *w) {
    w->count = 0;
    for (size_t at = 0; at < text.size && w->count < WORDS_MAX;) {
        const char *blank = memchr(text.data + at, ' ', text.size - at);
        size_t size = blank ? (size_t)(blank - text.data) - at : text.size - at;
        if (size)
            w->word[w->count++] = slice_of(text.data + at, size);
        at += size + 1;
    }
}

static bool has_digits(struct slice s) {
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] >= '0' && s.data[i] <= '9')
            return true;
    return false;
}

static double word_likeness(struct slice a, struct slice b) {
    if (slice_equal(a, b))
        return 1;
    if (has_digits(a) || has_digits(b))
        return 0;
    if (a.size == 1 || b.size == 1)
        return a.data[0] == b.data[0] ? 0.9 : 0;
    double jw = fuzzy_jaro_winkler(a, b);
    return jw < 0.8 ? 0 : jw;
}

/* Pairs the words of the text with fewer with their best free partners, longest words first come first served, and gives the share of
 * letters so covered: of the shorter text, and of the longer. */
static void cover(struct slice a, struct slice b, double *of_less, double *of_more) {
    struct words x, y;
    split(a, &x);
    split(b, &y);
    const struct words *less = x.count <= y.count ? &x : &y, *more = x.count <= y.count ? &y : &x;
    bool taken[WORDS_MAX] = {0};
    double covered = 0, less_size = 0, more_size = 0;
    for (size_t i = 0; i < more->count; i++)
        more_size += (double)more->word[i].size + 1;
    for (size_t i = 0; i < less->count; i++) {
        double best = 0;
        size_t at = 0;
        less_size += (double)less->word[i].size + 1;
        for (size_t j = 0; j < more->count; j++) {
            double like = taken[j] ? 0 : word_likeness(less->word[i], more->word[j]);
            if (like > best) {
                best = like;
                at = j;
            }
        }
        taken[at] |= best > 0;
        covered += best * ((double)less->word[i].size + 1);
    }
    *of_less = less_size > 0 ? covered / less_size : 0;
    *of_more = more_size > 0 ? covered / more_size : 0;
    *of_more = *of_more > 1 ? 1 : *of_more;
}

/* --- one comparator each --- */

/* Letters each lacks of the other's: no fewer edits lead from one to the other, and no more letters can be matched. */
static void lacking(const struct fuzzy_value *a, const struct fuzzy_value *b, size_t *of_a, size_t *of_b) {
    *of_a = (size_t)__builtin_popcountll(a->letters & ~b->letters);
    *of_b = (size_t)__builtin_popcountll(b->letters & ~a->letters);
}

static size_t short_size(struct slice s) { return s.size < FUZZY_TEXT_MAX ? s.size : FUZZY_TEXT_MAX; }

/* True where Jaro-Winkler is surely below 0.78 and more than two edits are needed: most pairs of names, in ten instructions. */
static bool surely_other_names(const struct fuzzy_value *a, const struct fuzzy_value *b) {
    size_t less_a, less_b, x = short_size(a->text), y = short_size(b->text);
    if (!a->ascii || !b->ascii)
        return false;
    lacking(a, b, &less_a, &less_b);
    if (less_a <= 2 && less_b <= 2)
        return false;
    size_t m = x - less_a < y - less_b ? x - less_a : y - less_b;
    double jaro = m ? ((double)m / (double)x + (double)m / (double)y + 1) / 3 : 0;
    size_t start = 0;
    while (start < 4 && start < x && start < y && a->text.data[start] == b->text.data[start])
        start++;
    return jaro + (double)start * 0.1 * (1 - jaro) < 0.78;
}

static unsigned compare_name(const struct fuzzy_value *a, const struct fuzzy_value *b) {
    struct both t;
    if (surely_other_names(a, b) && !sounds_alike(a, b) && !fuzzy_shortened(a->text, b->text))
        return 4;
    both_of(&t, a, b);
    double jw = fuzzy_jaro_winkler(t.a, t.b);
    if (jw >= 0.94 || (!a->ascii && !b->ascii && slice_equal(a->latin, b->latin)))
        return 1;
    size_t most = longer(t.a, t.b);
    unsigned edits = fuzzy_edits(t.a, t.b);
    if (edits <= 1 && most >= 4)
        return 1;
    if (jw >= 0.88 || (edits <= 2 && most >= 6) || sounds_alike(a, b) || fuzzy_shortened(t.a, t.b))
        return 2;
    if (a->ascii != b->ascii && slice_equal(a->latin, b->latin))
        return 1;
    return jw >= 0.78 ? 3 : 4;
}

static unsigned compare_tokens(const struct fuzzy_value *a, const struct fuzzy_value *b) {
    double less, more;
    if (a->ascii != b->ascii && slice_equal(a->latin, b->latin))
        return 1;
    cover(a->latin, b->latin, &less, &more);
    if (less > 0.999 && more > 0.999)
        return a->ascii || b->ascii ? 0 : 2; /* the same words in another order; or other characters of one sound */
    return less >= 0.93 ? 1 : less >= 0.8 ? 2 : less >= 0.6 && more >= 0.4 ? 3 : 4;
}

static unsigned compare_code(const struct fuzzy_value *x, const struct fuzzy_value *y) {
    struct slice a = x->text, b = y->text;
    size_t less_a, less_b;
    lacking(x, y, &less_a, &less_b);
    if (less_a > 2 || less_b > 2)
        return 3;
    unsigned edits = fuzzy_edits(a, b);
    size_t most = longer(a, b);
    return edits <= 1 && most >= 2 ? 1 : edits <= 2 && most >= 4 ? 2 : 3;
}

/* The same number with and without a country code, or a zero in front. */
static unsigned compare_phone(const struct fuzzy_value *x, const struct fuzzy_value *y) {
    struct slice a = x->text, b = y->text;
    struct slice less = a.size < b.size ? a : b, more = a.size < b.size ? b : a;
    while (less.size > 7 && less.data[0] == '0')
        less = slice_of(less.data + 1, less.size - 1);
    if (less.size >= 7 && more.size >= less.size &&
        memcmp(more.data + more.size - less.size, less.data, less.size) == 0)
        return 0;
    return compare_code(x, y);
}

static unsigned compare_email(const struct fuzzy_value *v, const struct fuzzy_value *w) {
    struct slice a = v->text, b = w->text;
    size_t less_a, less_b;
    const char *x = memchr(a.data, '@', a.size), *y = memchr(b.data, '@', b.size);
    struct slice la = slice_of(a.data, x ? (size_t)(x - a.data) : a.size),
                 lb = slice_of(b.data, y ? (size_t)(y - b.data) : b.size);
    lacking(v, w, &less_a, &less_b);
    bool far = (less_a > less_b ? less_a : less_b) > 2 + longer(a, b) / 4; /* fewer edits than that cannot do */
    if (far)
        return slice_equal(la, lb) ? 2 : 4;
    unsigned edits = fuzzy_edits(a, b);
    if (edits <= 2 && longer(a, b) >= 8)
        return 1;
    if (slice_equal(la, lb))
        return 2;
    return edit_likeness(a, b) >= 0.78 ? 3 : 4; /* not the local parts alone: those of namesakes are alike */
}

/* Digits that differ; two neighbours that changed places count as one. */
static unsigned date_slips(const char *a, const char *b) {
    unsigned slips = 0;
    for (size_t i = 0; i < 8; i++) {
        if (a[i] == b[i])
            continue;
        slips++;
        i += i < 7 && a[i] == b[i + 1] && a[i + 1] == b[i];
    }
    return slips;
}

/* Dates as eight digits: year, month, day; zeros where a part is missing. */
static unsigned compare_date(struct slice a, struct slice b) {
    if (a.size != 8 || b.size != 8)
        return fuzzy_edits(a, b) <= 1 ? 1 : 4;
    uint32_t year_a, year_b;
    uint16_t part_a[2], part_b[2]; /* month, day */
    memcpy(&year_a, a.data, 4);
    memcpy(&year_b, b.data, 4);
    memcpy(part_a, a.data + 4, 4);
    memcpy(part_b, b.data + 4, 4);
    const uint16_t none = '0' | '0' << 8;
    bool year = year_a == year_b, month = part_a[0] == part_b[0], day = part_a[1] == part_b[1];
    bool crossed = part_a[0] == part_b[1] && part_a[1] == part_b[0], open = part_a[1] == none || part_b[1] == none;
    unsigned slips = date_slips(a.data, b.data);
    if ((year && (crossed || (open && month))) || slips == 1)
        return 1;
    if (year + month + day == 2)
        return 2;
    return year || (open && month) || slips == 2 ? 3 : 4;
}

static unsigned compare_text(const struct fuzzy_value *a, const struct fuzzy_value *b) {
    struct both t;
    double less, more;
    both_of(&t, a, b);
    if ((fuzzy_edits(t.a, t.b) <= 1 && longer(t.a, t.b) >= 4) || edit_likeness(t.a, t.b) >= 0.88)
        return 1;
    if (edit_likeness(t.a, t.b) >= 0.7 || fuzzy_jaro_winkler(t.a, t.b) >= 0.9)
        return 2;
    cover(a->latin, b->latin, &less, &more);
    return less >= 0.95 ? 2 : 3;
}

/* House numbers within a line: other numbers are another place, however alike the rest. */
static bool numbers_differ(struct slice a, struct slice b) {
    struct words x, y;
    size_t numbers_x = 0, numbers_y = 0, common = 0;
    split(a, &x);
    split(b, &y);
    for (size_t j = 0; j < y.count; j++)
        numbers_y += has_digits(y.word[j]);
    for (size_t i = 0; i < x.count; i++) {
        numbers_x += has_digits(x.word[i]);
        for (size_t j = 0; has_digits(x.word[i]) && j < y.count; j++)
            common += slice_equal(x.word[i], y.word[j]);
    }
    return numbers_x && numbers_y && !common;
}

static unsigned compare_address(const struct fuzzy_value *a, const struct fuzzy_value *b) {
    struct both t;
    double less, more;
    both_of(&t, a, b);
    double like = edit_likeness(t.a, t.b);
    bool other = numbers_differ(a->text, b->text);
    if (like >= 0.84 && !other)
        return 1;
    cover(a->latin, b->latin, &less, &more);
    if (less >= 0.95 && more >= 0.95 && !other)
        return 1;
    if (like >= 0.68 || (less >= 0.9 && !other))
        return 2;
    return like >= 0.52 || less >= 0.6 ? 3 : 4;
}

static unsigned compare_number(double a, double b) {
    double most = fabs(a) > fabs(b) ? fabs(a) : fabs(b), apart = fabs(a - b);
    return apart <= most * 0.01 ? 1 : apart <= most * 0.05 ? 2 : 3;
}

double fuzzy_cosine(const struct fuzzy_field *f, const struct fuzzy_value *a, const struct fuzzy_value *b) {
    const struct fuzzy_piece *x = f->pieces + a->pieces_at, *y = f->pieces + b->pieces_at;
    double sum = 0;
    for (uint32_t i = 0, j = 0; i < a->piece_count && j < b->piece_count;) {
        uint32_t p = x[i].piece, q = y[j].piece;
        if (p == q)
            sum += (double)x[i].weight * (double)y[j].weight;
        i += p <= q;
        j += q <= p;
    }
    return sum;
}

static unsigned compare_cosine(const struct fuzzy_field *f, const struct fuzzy_value *a, const struct fuzzy_value *b) {
    double cosine = fuzzy_cosine(f, a, b);
    static const double bounds[] = {0.9, 0.75, 0.6, 0.45, 0.3};
    unsigned level = 1;
    while (level < 6 && cosine < bounds[level - 1])
        level++;
    return level;
}

static unsigned compare_unequal(const struct fuzzy_field *f, const struct fuzzy_value *a, const struct fuzzy_value *b) {
    switch (f->rule->comparator) {
    case FUZZY_EXACT:
        return 1;
    case FUZZY_NAME:
        return compare_name(a, b);
    case FUZZY_TOKENS:
        return compare_tokens(a, b);
    case FUZZY_CODE:
        return compare_code(a, b);
    case FUZZY_PHONE:
        return compare_phone(a, b);
    case FUZZY_EMAIL:
        return compare_email(a, b);
    case FUZZY_DATE:
        return compare_date(a->text, b->text);
    case FUZZY_TEXT:
        return compare_text(a, b);
    case FUZZY_ADDRESS:
        return compare_address(a, b);
    case FUZZY_NUMBER:
        return compare_number(a->number, b->number);
    case FUZZY_COSINE:
        return compare_cosine(f, a, b);
    case FUZZY_COMPARATORS:
        break;
    }
    assert(false);
    return 0;
}

unsigned fuzzy_compare_values(const struct fuzzy_field *f, const struct fuzzy_value *a, const struct fuzzy_value *b) {
    return slice_equal(a->text, b->text) ? 0 : compare_unequal(f, a, b);
}

/* --- records --- */

void fuzzy_cache_init(struct fuzzy_cache *cache, const struct fuzzy_fields *fields) {
    *cache = (struct fuzzy_cache){0};
    for (size_t i = 0; i < fields->count; i++)
        if (fields->list[i].cached)
            cache->slots[i] = memory_get(FUZZY_CACHE_SLOTS, sizeof(uint64_t));
}

void fuzzy_cache_release(struct fuzzy_cache *cache) {
    for (size_t i = 0; i < FUZZY_FIELDS_MAX; i++)
        free(cache->slots[i]);
    *cache = (struct fuzzy_cache){0};
}

static unsigned level_of(const struct fuzzy_field *f, uint64_t *slots, uint32_t x, uint32_t y) {
    if (x == y)
        return 0;
    if (!f->cached)
        return compare_unequal(f, &f->values[x], &f->values[y]);
    uint32_t low = x < y ? x : y, high = x < y ? y : x;
    uint64_t key = ((uint64_t)low << 34) | ((uint64_t)high << 4);
    uint64_t *slot = &slots[(key * 0x9e3779b97f4a7c15ULL) >> 49]; /* 15 bits */
    if ((*slot & ~15ULL) == key)
        return (unsigned)(*slot & 15);
    unsigned level = compare_unequal(f, &f->values[low], &f->values[high]);
    *slot = key | level;
    return level;
}

/* Crosswise: a's first with b's second and the other way round, both alike (or one missing and the other the same). */
static bool crossed(const struct fuzzy_field *f, const struct fuzzy_field *g, uint32_t a, uint32_t b) {
    const struct fuzzy_value *fa = &f->values[f->codes[a]], *fb = &f->values[f->codes[b]],
                             *ga = &g->values[g->codes[a]], *gb = &g->values[g->codes[b]];
    bool one = f->codes[a] && g->codes[b], two = g->codes[a] && f->codes[b];
    if (!one && !two)
        return false;
    if ((one && fa->text.data[0] != gb->text.data[0]) || (two && ga->text.data[0] != fb->text.data[0]))
        return false;
    unsigned x = one ? fuzzy_compare_values(f, fa, gb) : 0, y = two ? fuzzy_compare_values(f, ga, fb) : 0;
    return one && two ? x + y <= 2 : x + y == 0;
}

/* Fields that agree crosswise better than straight. */
static fuzzy_pattern settle_swaps(const struct fuzzy_fields *fields, uint32_t a, uint32_t b, fuzzy_pattern pattern) {
    for (size_t i = 0; i < fields->count; i++) {
        const struct fuzzy_field *f = &fields->list[i];
        int other = f->rule->swap_with;
        if (other < 0 || fuzzy_pattern_level(pattern, i) < 2 || fuzzy_pattern_level(pattern, (size_t)other) < 2 ||
            !crossed(f, &fields->list[other], a, b))
            continue;
        pattern &= ~((uint64_t)15 << (i * 4));
        pattern |= (uint64_t)f->swapped << (i * 4) | (uint64_t)FUZZY_LEVEL_NONE << (other * 4);
    }
    return pattern;
}

fuzzy_pattern fuzzy_compare_records(const struct fuzzy_fields *fields, struct fuzzy_cache *cache, uint32_t a,
                                    uint32_t b) {
    fuzzy_pattern pattern = 0;
    const uint32_t *row_a = fields->rows + a * fields->count, *row_b = fields->rows + b * fields->count;
    for (size_t i = 0; i < fields->count; i++) {
        const struct fuzzy_field *f = &fields->list[i];
        uint32_t x = row_a[i], y = row_b[i];
        uint64_t level = x && y ? level_of(f, cache->slots[i], x, y) : FUZZY_LEVEL_NONE;
        pattern |= level << (i * 4);
    }
    return settle_swaps(fields, a, b, pattern);
}

bool fuzzy_compare_bounded(const struct fuzzy_fields *fields, struct fuzzy_cache *cache,
                           const struct fuzzy_bounds *bounds, uint32_t a, uint32_t b, fuzzy_pattern *out,
                           double *bits) {
    fuzzy_pattern pattern = 0;
    double bound = 0;
    uint32_t open = 0;
    const uint32_t *row_a = fields->rows + a * fields->count, *row_b = fields->rows + b * fields->count;
    for (size_t i = 0; i < fields->count; i++) { /* what is the same, or not there, is known at once */
        const struct fuzzy_field *f = &fields->list[i];
        uint32_t x = row_a[i], y = row_b[i];
        if (!x || !y)
            pattern |= (uint64_t)FUZZY_LEVEL_NONE << (i * 4);
        else if (x == y)
            bound += bounds->weight[i][0] + (double)f->values[x].rarer;
        else
            open |= 1u << i;
        if (!x || !y || x != y)
            bound += f->rule->swap_with >= 0 || (x && y) ? bounds->best[i] : 0;
    }
    for (size_t o = 0; o < fields->count && bound >= bounds->floor_bits; o++) {
        size_t i = bounds->order[o];
        if (!(open & (1u << i)))
            continue;
        const struct fuzzy_field *f = &fields->list[i];
        uint64_t level = level_of(f, cache->slots[i], row_a[i], row_b[i]);
        pattern |= level << (i * 4);
        open &= ~(1u << i);
        double gives = bounds->weight[i][level];
        if (f->rule->swap_with <
            0) /* the first of two that may be swapped can still give that; the second then nothing */
            bound += (f->second && gives < 0 ? 0 : gives) - bounds->best[i];
    }
    if (open || bound < bounds->floor_bits)
        return false;
    *out = pattern = settle_swaps(fields, a, b, pattern);
    *bits = 0;
    for (size_t i = 0; i < fields->count; i++) {
        unsigned level = fuzzy_pattern_level(pattern, i);
        if (level != FUZZY_LEVEL_NONE)
            *bits += bounds->weight[i][level] + (level == 0 ? (double)fields->list[i].values[row_a[i]].rarer : 0);
    }
    return *bits >= bounds->floor_bits;
}
