/* fuzzy_plan: chooses blocking keys where a rule file names none.
 *
 * All keys of one part and of two parts of different fields are tried on a sample, which tells how many pairs each would give over all
 * records. From the cheapest up, each is taken while the sum fits the budget; a coarser key that is taken replaces the finer
 * ones that say the same and more. So a table gets the loosest keys it can afford: small ones are compared nearly whole, in large ones
 * two things must agree. The order of the cheapest first is also the order they run in, which keeps "did an earlier rule have it"
 * short for most pairs. */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "identity/fuzzy_block.h"

#define SAMPLE_RECORDS 6000
#define PARTS_MAX 64
#define RULES_TAKEN_MAX 24
#define SAMPLE_SLOTS ((size_t)1 << 15)
#define WHOLE_PAIRS 3e6    /* so many pairs are all compared, whatever the keys */
#define TRAINING_PAIRS 3.0 /* a record, over all training keys */

struct part {
    struct fuzzy_block_part part;
    uint64_t *keys; /* [sample] */
    bool alone;     /* may be a key by itself */
};

struct candidate {
    size_t a, b; /* parts; the same for a single one */
    double pairs, reach;
};

struct planner {
    const struct fuzzy_fields *fields;
    struct fuzzy_rules *rules;
    uint32_t sample[SAMPLE_RECORDS];
    size_t sample_count;
    struct part parts[PARTS_MAX];
    size_t part_count;
};

static void add_part(struct planner *p, unsigned field, enum fuzzy_form form, unsigned length, bool alone) {
    if (p->part_count == PARTS_MAX)
        return;
    struct part *part = &p->parts[p->part_count++];
    const struct fuzzy_field *f = &p->fields->list[field];
    *part = (struct part){.part = {field, form, length}, .alone = alone};
    part->keys = memory_get(p->sample_count + 1, sizeof *part->keys);
    for (size_t i = 0; i < p->sample_count; i++) {
        uint32_t code = f->codes[p->sample[i]];
        part->keys[i] = code ? fuzzy_form_key(f, &f->values[code], form, length) : 0;
    }
}

/* What of a field can stand in a key, by its role. */
static void add_parts(struct planner *p, unsigned field) {
    switch (p->fields->list[field].rule->role) {
    case FUZZY_ROLE_GIVEN:
    case FUZZY_ROLE_FAMILY:
    case FUZZY_ROLE_WORD:
        add_part(p, field, FUZZY_FORM_SAME, 0, true);
        add_part(p, field, FUZZY_FORM_SOUND, 0, true);
        add_part(p, field, FUZZY_FORM_START, 3, true);
        break;
    case FUZZY_ROLE_NAME:
    case FUZZY_ROLE_ORGANISATION:
    case FUZZY_ROLE_ADDRESS:
        add_part(p, field, FUZZY_FORM_SAME, 0, true);
        add_part(p, field, FUZZY_FORM_SOUND, 0, true);
        add_part(p, field, FUZZY_FORM_START, 5, true);
        break;
    case FUZZY_ROLE_BIRTH:
    case FUZZY_ROLE_DATE:
        add_part(p, field, FUZZY_FORM_SAME, 0, true);
        add_part(p, field, FUZZY_FORM_START, 6, true);
        add_part(p, field, FUZZY_FORM_END, 4, true);
        add_part(p, field, FUZZY_FORM_START, 4, true);
        break;
    case FUZZY_ROLE_PHONE:
        add_part(p, field, FUZZY_FORM_END, 7, true);
        break;
    case FUZZY_ROLE_EMAIL:
        add_part(p, field, FUZZY_FORM_SAME, 0, true);
        add_part(p, field, FUZZY_FORM_LOCAL, 0, true);
        break;
    case FUZZY_ROLE_NUMBER_ID:
    case FUZZY_ROLE_CODE:
        add_part(p, field, FUZZY_FORM_SAME, 0, true);
        add_part(p, field, FUZZY_FORM_START, 4, true);
        add_part(p, field, FUZZY_FORM_END, 4, true);
        break;
    case FUZZY_ROLE_POSTCODE:
    case FUZZY_ROLE_HOUSE:
    case FUZZY_ROLE_CITY:
    case FUZZY_ROLE_QUANTITY:
    case FUZZY_ROLE_DURATION:
        add_part(p, field, FUZZY_FORM_SAME, 0, true);
        break;
    case FUZZY_ROLE_TEXT:
        add_part(p, field, FUZZY_FORM_SAME, 0, true);
        add_part(p, field, FUZZY_FORM_SOUND, 0, true);
        break;
    case FUZZY_ROLE_GENDER:
    case FUZZY_ROLE_CATEGORY:
        break; /* too few values to part anything */
    default:
        add_part(p, field, FUZZY_FORM_SAME, 0, false);
    }
}

/* How many pairs a key gives over all records, from the sample's; and the share of records it reaches. */
static void estimate(const struct planner *p, struct candidate *c, uint64_t *keys, uint32_t *counts, size_t slots) {
    double scale = (double)p->fields->record_count / (double)p->sample_count, reached = 0;
    struct fuzzy_block_rule rule = {.parts = {p->parts[c->a].part, p->parts[c->b].part},
                                    .part_count = c->a == c->b ? 1 : 2};
    bool either_order = fuzzy_block_unordered(p->fields, &rule);
    memset(counts, 0, slots * sizeof *counts);
    c->pairs = 0;
    for (size_t i = 0; i < p->sample_count; i++) {
        uint64_t a = p->parts[c->a].keys[i], b = p->parts[c->b].keys[i];
        uint64_t key = !a || !b       ? 0
                       : c->a == c->b ? a
                       : either_order ? (hash_mix(a) + hash_mix(b)) * 2 + 1
                                      : hash_mix(a * 31 + b) | 1;
        if (!key)
            continue;
        reached++;
        size_t at = hash_mix(key) & (slots - 1);
        while (counts[at] && keys[at] != key)
            at = (at + 1) & (slots - 1);
        keys[at] = key;
        c->pairs += counts[at]++;
    }
    c->pairs *= scale * scale;
    c->reach = reached / (double)p->sample_count;
}

static int by_pairs(const void *x, const void *y) {
    const struct candidate *a = x, *b = y;
    if (a->pairs != b->pairs)
        return a->pairs < b->pairs ? -1 : 1;
    return a->a != b->a ? (a->a > b->a ? 1 : -1) : (a->b > b->b) - (a->b < b->b);
}

/* Whether every pair that agrees in `fine` agrees in `coarse`. */
static bool part_covers(const struct fuzzy_block_part *coarse, const struct fuzzy_block_part *fine) {
    if (coarse->field != fine->field)
        return false;
    if (coarse->form == fine->form)
        return coarse->form != FUZZY_FORM_START || coarse->length <= fine->length;
    return fine->form == FUZZY_FORM_SAME;
}

static bool covers(const struct planner *p, const struct candidate *coarse, const struct candidate *fine) {
    size_t c[2] = {coarse->a, coarse->b}, f[2] = {fine->a, fine->b};
    for (int i = 0; i < 2; i++)
        if (!part_covers(&p->parts[c[i]].part, &p->parts[f[0]].part) &&
            !part_covers(&p->parts[c[i]].part, &p->parts[f[1]].part))
            return false;
    return true;
}

/* Takes `c` into `taken`, in place of those it covers. Returns the pairs that are spent more. */
static double take(const struct planner *p, struct candidate *taken, size_t *count, const struct candidate *c) {
    double freed = 0;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (covers(p, c, &taken[i]))
            freed += taken[i].pairs;
        else
            taken[kept++] = taken[i];
    }
    taken[kept++] = *c;
    *count = kept;
    return c->pairs - freed;
}

static void choose(struct planner *p, struct candidate *list, size_t count, double budget) {
    struct candidate taken[RULES_TAKEN_MAX + 1];
    size_t taken_count = 0;
    double spent = 0;
    qsort(list, count, sizeof *list, by_pairs);
    for (size_t i = 0; i < count; i++) {
        bool covered = false;
        double freed = 0;
        size_t gone = 0;
        for (size_t t = 0; t < taken_count; t++) {
            covered |= covers(p, &taken[t], &list[i]);
            if (covers(p, &list[i], &taken[t])) {
                freed += taken[t].pairs;
                gone++;
            }
        }
        if (covered || list[i].reach < 0.02 || spent + list[i].pairs - freed > budget ||
            taken_count - gone >= RULES_TAKEN_MAX)
            continue;
        spent += take(p, taken, &taken_count, &list[i]);
    }
    qsort(taken, taken_count, sizeof *taken, by_pairs);
    for (size_t t = 0; t < taken_count && p->rules->block_count < FUZZY_BLOCKS_MAX; t++) {
        struct fuzzy_block_rule *rule = &p->rules->blocks[p->rules->block_count++];
        *rule = (struct fuzzy_block_rule){.parts = {p->parts[taken[t].a].part, p->parts[taken[t].b].part}};
        rule->part_count = taken[t].a == taken[t].b ? 1 : 2;
    }
}

/* Every so many-th record by a fixed shuffle. */
static void draw_sample(struct planner *p) {
    size_t n = p->fields->record_count;
    struct random random;
    random_init(&random, 1);
    p->sample_count = n < SAMPLE_RECORDS ? n : SAMPLE_RECORDS;
    for (size_t i = 0; i < p->sample_count; i++)
        p->sample[i] = n <= SAMPLE_RECORDS ? (uint32_t)i : (uint32_t)random_below(&random, n);
}

/* Keys of one part and of two that fit the budget. */
static void plan(const struct fuzzy_fields *fields, struct fuzzy_rules *rules, double budget) {
    struct planner *p = memory_get(1, sizeof *p);
    p->fields = fields;
    p->rules = rules;
    draw_sample(p);
    for (unsigned f = 0; f < fields->count; f++)
        add_parts(p, f);
    struct candidate *list = memory_get(PARTS_MAX * PARTS_MAX, sizeof *list);
    size_t count = 0, slots = SAMPLE_SLOTS;
    uint64_t *keys = memory_get(slots, sizeof *keys);
    uint32_t *counts = memory_get(slots, sizeof *counts);
    for (size_t a = 0; a < p->part_count; a++)
        for (size_t b = a; b < p->part_count; b++) {
            bool single = a == b;
            if (single ? !p->parts[a].alone : p->parts[a].part.field == p->parts[b].part.field)
                continue;
            list[count] = (struct candidate){a, b, 0, 0};
            estimate(p, &list[count++], keys, counts, slots);
        }
    choose(p, list, count, budget);
    for (size_t i = 0; i < p->part_count; i++)
        free(p->parts[i].keys);
    free(list);
    free(keys);
    free(counts);
    free(p);
}

static void add_rule(struct fuzzy_rules *rules, struct fuzzy_block_rule rule) {
    if (rules->block_count < FUZZY_BLOCKS_MAX)
        rules->blocks[rules->block_count++] = rule;
}

/* Free text meets by its rare pieces and words. */
static void plan_text(const struct fuzzy_fields *fields, struct fuzzy_rules *rules) {
    for (unsigned f = 0; f < fields->count; f++) {
        enum fuzzy_comparator comparator = fields->list[f].rule->comparator;
        if (comparator == FUZZY_COSINE)
            add_rule(rules, (struct fuzzy_block_rule){.parts = {{f, FUZZY_FORM_HASHES, 16}}, .part_count = 1});
        if (comparator == FUZZY_COSINE || comparator == FUZZY_TOKENS)
            add_rule(rules, (struct fuzzy_block_rule){.parts = {{f, FUZZY_FORM_TOKENS, 4}}, .part_count = 1});
    }
}

void fuzzy_block_plan(const struct fuzzy_fields *fields, struct fuzzy_rules *rules) {
    double n = (double)fields->record_count, budget = rules->pairs_per_record * n;
    if (rules->blocks_given || fields->record_count < 2)
        return;
    if (n * (n - 1) / 2 <= WHOLE_PAIRS) {
        add_rule(rules, (struct fuzzy_block_rule){.part_count = 0});
        return;
    }
    plan(fields, rules, budget < WHOLE_PAIRS ? WHOLE_PAIRS : budget);
    plan_text(fields, rules);
}

void fuzzy_block_plan_training(const struct fuzzy_fields *fields, struct fuzzy_rules *rules) {
    rules->block_count = 0;
    if (fields->record_count < 2)
        return;
    plan(fields, rules, TRAINING_PAIRS * (double)fields->record_count);
    plan_text(fields, rules);
}
