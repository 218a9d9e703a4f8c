/* fuzzy_train: see the header. EM runs over counts of patterns, not over pairs: a few thousand of them stand for millions. */
#include "identity/fuzzy_train.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "identity/fuzzy_block.h"

#define RANDOM_PAIRS 500000
#define RULE_PAIRS 30000
#define ROUNDS 40
#define HOUSEHOLD_PAIRS_MIN 20 /* fewer pairs of one household tell nothing */
#define ALL_FIELDS UINT32_MAX

/* --- counts of patterns --- */

void fuzzy_counts_release(struct fuzzy_counts *c) {
    free(c->patterns);
    free(c->counts);
    *c = (struct fuzzy_counts){0};
}

static size_t counts_slot(const struct fuzzy_counts *c, fuzzy_pattern stored) {
    size_t at = hash_mix(stored) & (c->slot_count - 1);
    while (c->patterns[at] && c->patterns[at] != stored)
        at = (at + 1) & (c->slot_count - 1);
    return at;
}

static void counts_widen(struct fuzzy_counts *c) {
    struct fuzzy_counts old = *c;
    c->slot_count = old.slot_count ? old.slot_count * 2 : 1024;
    c->patterns = memory_get(c->slot_count, sizeof *c->patterns);
    c->counts = memory_get(c->slot_count, sizeof *c->counts);
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.patterns[i]) {
            size_t at = counts_slot(c, old.patterns[i]);
            c->patterns[at] = old.patterns[i];
            c->counts[at] = old.counts[i];
        }
    free(old.patterns);
    free(old.counts);
}

void fuzzy_counts_add(struct fuzzy_counts *c, fuzzy_pattern pattern, double times) {
    if (c->count * 2 >= c->slot_count)
        counts_widen(c);
    size_t at = counts_slot(c, pattern + 1);
    c->count += c->patterns[at] == 0;
    c->patterns[at] = pattern + 1;
    c->counts[at] += times;
    c->total += times;
}

/* --- parameters --- */

/* What is thought before anything was seen: most agree, few differ. */
static void default_m(const struct fuzzy_field *f, double m[FUZZY_LEVELS_MAX]) {
    double rest = 0.15 / (f->level_count > 2 ? f->level_count - 2 : 1);
    for (unsigned l = 0; l < f->level_count; l++)
        m[l] = l == 0 ? 0.8 : (int)l == f->differ ? 0.05 : rest;
    if (f->swapped >= 0)
        m[f->swapped] = 0.01;
}

/* And of different persons: few agree by chance. Counts for twenty pairs, so it matters only where a field is hardly filled. */
static void default_u(const struct fuzzy_field *f, double u[FUZZY_LEVELS_MAX]) {
    double chance = f->chance_same < 0.5 ? f->chance_same : 0.5;
    for (unsigned l = 0; l < f->level_count; l++)
        u[l] = l == 0 ? chance : 0.02 / f->level_count;
    u[0] =
        f->rule->role == FUZZY_ROLE_NUMBER_ID || f->rule->role == FUZZY_ROLE_EMAIL || f->rule->role == FUZZY_ROLE_PHONE
            ? 1e-5
            : u[0] + 1e-5;
    u[f->differ] = 0.9 * (1 - u[0]);
}

/* How often one person's records may differ in a field at most: what a role means sets a bound to what EM may find, which would
 * else take families, or everybody of a town, for one person where those are the clearest groups. */
static double most_differing(enum fuzzy_role role) {
    switch (role) {
    case FUZZY_ROLE_GIVEN:
    case FUZZY_ROLE_NAME:
    case FUZZY_ROLE_NUMBER_ID:
        return 0.2;
    case FUZZY_ROLE_BIRTH:
        return 0.3;
    case FUZZY_ROLE_GENDER:
        return 0.1;
    case FUZZY_ROLE_FAMILY:
        return 0.35;
    default:
        return 0.7;
    }
}

static void bound_m(const struct fuzzy_field *f, double m[FUZZY_LEVELS_MAX]) {
    double most = most_differing(f->rule->role), over = m[f->differ] - most;
    if (over <= 0)
        return;
    double rest = 1 - m[f->differ];
    for (unsigned l = 0; l < f->level_count; l++)
        if ((int)l != f->differ)
            m[l] += rest > 1e-9 ? over * m[l] / rest : over / (f->level_count - 1);
    m[f->differ] = most;
}

static bool is_place(enum fuzzy_role role) {
    return role == FUZZY_ROLE_ADDRESS || role == FUZZY_ROLE_HOUSE || role == FUZZY_ROLE_POSTCODE ||
           role == FUZZY_ROLE_CITY || role == FUZZY_ROLE_REGION || role == FUZZY_ROLE_COUNTRY;
}

/* log2 of how much likelier the active fields are between records of one person than of two of one household. */
static double home_odds(const struct fuzzy_fields *fields, const struct fuzzy_weights *w, fuzzy_pattern p,
                        uint32_t active) {
    double bits = 0;
    for (size_t f = 0; f < fields->count; f++)
        if (active & (1u << f) && fuzzy_pattern_level(p, f) != FUZZY_LEVEL_NONE)
            bits += w->home_weight[f][fuzzy_pattern_level(p, f)];
    return bits;
}

double fuzzy_household(const struct fuzzy_fields *fields, const struct fuzzy_weights *w, fuzzy_pattern p, double bits) {
    if (!w->household)
        return bits;
    return -log2(exp2(-bits) + exp2(-w->home_bits - home_odds(fields, w, p, ALL_FIELDS)));
}

static void set_weights(const struct fuzzy_fields *fields, struct fuzzy_weights *w) {
    for (size_t f = 0; f < fields->count; f++)
        for (unsigned l = 0; l < fields->list[f].level_count; l++) {
            w->weight[f][l] = log2(w->m[f][l] / w->u[f][l]);
            w->home_weight[f][l] = w->household ? log2(w->m[f][l] / w->home[f][l]) : 0;
        }
}

/* Shares out of sums, each level held off zero by `spread` times `before`. */
static void shares(const double *sums, const double *before, unsigned levels, double spread, double *into) {
    double total = spread;
    for (unsigned l = 0; l < levels; l++)
        total += sums[l];
    for (unsigned l = 0; l < levels; l++)
        into[l] = (sums[l] + spread * before[l]) / total;
}

static double odds_of(const struct fuzzy_fields *fields, fuzzy_pattern p, uint32_t active,
                      const struct fuzzy_weights *w) {
    double bits = 0;
    for (size_t f = 0; f < fields->count; f++) {
        unsigned level = fuzzy_pattern_level(p, f);
        if (active & (1u << f) && level != FUZZY_LEVEL_NONE)
            bits += w->weight[f][level];
    }
    return active == ALL_FIELDS ? fuzzy_household(fields, w, p, bits) : bits;
}

/* How much of all pairs each kind is. */
struct kinds {
    double matches, home;
};

/* How likely a pattern is of one person; of one household in *home. */
static double likely_of(const struct fuzzy_fields *fields, const struct fuzzy_weights *w, fuzzy_pattern p,
                        uint32_t active, const struct kinds *kinds, double *home) {
    double bits = odds_of(fields, p, active, w), random = 1 - kinds->matches - kinds->home;
    double match = kinds->matches * exp2(bits);
    *home = w->household ? kinds->home * exp2(bits - home_odds(fields, w, p, active)) : 0;
    double all = match + *home + (random > 0 ? random : 0);
    *home /= all;
    return match / all;
}

double fuzzy_em(const struct fuzzy_fields *fields, const struct fuzzy_counts *counts, uint32_t active,
                struct fuzzy_weights *w, unsigned rounds) {
    struct kinds kinds = {0.3, w->household ? 0.2 : 0};
    double start[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX];
    for (size_t f = 0; f < fields->count; f++)
        default_m(&fields->list[f], start[f]);
    for (unsigned round = 0; round < rounds && counts->total > 0; round++) {
        double sums[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX] = {{0}}, matches = 0, homes = 0, before = kinds.matches;
        set_weights(fields, w);
        for (size_t i = 0; i < counts->slot_count; i++) {
            if (!counts->patterns[i])
                continue;
            fuzzy_pattern p = counts->patterns[i] - 1;
            double home, likely = counts->counts[i] * likely_of(fields, w, p, active, &kinds, &home);
            matches += likely;
            homes += counts->counts[i] * home;
            for (size_t f = 0; f < fields->count; f++)
                if (fuzzy_pattern_level(p, f) != FUZZY_LEVEL_NONE)
                    sums[f][fuzzy_pattern_level(p, f)] += likely;
        }
        kinds = (struct kinds){matches / counts->total, homes / counts->total};
        kinds.matches = kinds.matches < 1e-9 ? 1e-9 : kinds.matches > 0.9999 ? 0.9999 : kinds.matches;
        for (size_t f = 0; f < fields->count; f++)
            if (active & (1u << f)) {
                shares(sums[f], start[f], fields->list[f].level_count, 2, w->m[f]);
                bound_m(&fields->list[f], w->m[f]);
            }
        if (fabs(kinds.matches - before) < before * 1e-6)
            break;
    }
    set_weights(fields, w);
    return kinds.matches;
}

/* --- training --- */

struct sampler {
    const struct fuzzy_fields *fields;
    struct fuzzy_cache cache;
    struct fuzzy_counts counts;
};

static void count_pair(void *context, uint32_t a, uint32_t b) {
    struct sampler *s = context;
    fuzzy_counts_add(&s->counts, fuzzy_compare_records(s->fields, &s->cache, a, b), 1);
}

static double pairs_possible(const struct fuzzy_fields *fields, bool between_only) {
    double n = (double)fields->record_count, pairs = n * (n - 1) / 2;
    if (!between_only)
        return pairs;
    double *each = memory_get(fields->source_count + 1, sizeof *each);
    for (size_t i = 0; i < fields->record_count; i++)
        each[fields->sources[i]]++;
    for (size_t s = 0; s < fields->source_count; s++)
        pairs -= each[s] * (each[s] - 1) / 2;
    free(each);
    return pairs > 1 ? pairs : 1;
}

/* Pairs drawn at random; all there are where they are few. */
static void sample_random(struct sampler *s, bool between_only) {
    const struct fuzzy_fields *fields = s->fields;
    size_t n = fields->record_count;
    struct random random;
    random_init(&random, 20261128);
    if (n * (n - 1) / 2 <= RANDOM_PAIRS) {
        for (uint32_t a = 0; a < n; a++)
            for (uint32_t b = a + 1; b < n; b++)
                if (!between_only || fields->sources[a] != fields->sources[b])
                    count_pair(s, a, b);
        return;
    }
    for (size_t i = 0; i < RANDOM_PAIRS; i++) {
        uint32_t a = (uint32_t)random_below(&random, n), b = (uint32_t)random_below(&random, n);
        if (a != b && (!between_only || fields->sources[a] != fields->sources[b]))
            count_pair(s, a, b);
    }
}

/* u of each level, the random pairs' likely matches left out. */
static void learn_u(const struct fuzzy_fields *fields, const struct fuzzy_counts *random, struct fuzzy_weights *w,
                    bool clean) {
    double sums[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX] = {{0}}, flat[FUZZY_LEVELS_MAX];
    for (size_t i = 0; i < random->slot_count; i++) {
        if (!random->patterns[i])
            continue;
        fuzzy_pattern p = random->patterns[i] - 1;
        double likely = clean ? fuzzy_probability(fuzzy_prior(w) + odds_of(fields, p, ALL_FIELDS, w)) : 0;
        for (size_t f = 0; f < fields->count; f++)
            if (fuzzy_pattern_level(p, f) != FUZZY_LEVEL_NONE)
                sums[f][fuzzy_pattern_level(p, f)] += random->counts[i] * (1 - likely);
    }
    for (size_t f = 0; f < fields->count; f++) {
        default_u(&fields->list[f], flat);
        shares(sums[f], flat, fields->list[f].level_count, 20, w->u[f]);
    }
    set_weights(fields, w);
}

struct trained {
    double m[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX], weight[FUZZY_FIELDS_MAX];
};

/* One key: its pairs, EM over the fields that are not in it. */
static void train_rule(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules, size_t rule,
                       const struct fuzzy_counts *counts, const struct fuzzy_weights *start, struct trained *sum) {
    uint32_t active = (1u << fields->count) - 1;
    struct fuzzy_weights w = *start;
    for (size_t p = 0; p < rules->blocks[rule].part_count; p++)
        active &= ~(1u << rules->blocks[rule].parts[p].field);
    for (size_t p = 0; p < rules->blocks[rule].part_count; p++) /* who shares a street shares the town */
        for (size_t f = 0; f < fields->count && is_place(fields->list[rules->blocks[rule].parts[p].field].rule->role);
             f++)
            active &= ~((uint32_t)is_place(fields->list[f].rule->role) << f);
    for (size_t f = 0; f < fields->count; f++)
        default_m(&fields->list[f], w.m[f]);
    double share = fuzzy_em(fields, counts, active, &w, ROUNDS), matches = share * counts->total;
    if (matches < 5 || share < 0.003)
        return;
    for (size_t f = 0; f < fields->count; f++)
        if (active & (1u << f)) {
            sum->weight[f] += matches;
            for (unsigned l = 0; l < fields->list[f].level_count; l++)
                sum->m[f][l] += matches * w.m[f][l];
        }
}

static void learn_m(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules,
                    const struct fuzzy_counts *counts, struct fuzzy_weights *w) {
    struct trained *sum = memory_get(1, sizeof *sum);
    for (size_t r = 0; r < rules->block_count; r++)
        train_rule(fields, rules, r, &counts[r], w, sum);
    for (size_t f = 0; f < fields->count; f++) {
        w->trained[f] = sum->weight[f] > 0;
        default_m(&fields->list[f], w->m[f]);
        for (unsigned l = 0; w->trained[f] && l < fields->list[f].level_count; l++)
            w->m[f][l] = sum->m[f][l] / sum->weight[f];
    }
    set_weights(fields, w);
    free(sum);
}

static void sample_rule(struct sampler *s, const struct fuzzy_rules *rules, size_t rule) {
    struct fuzzy_rules *one = memory_get(1, sizeof *one);
    *one = *rules;
    one->blocks[0] = rules->blocks[rule];
    one->block_count = 1;
    struct fuzzy_blocking *blocking = fuzzy_blocking_create(s->fields, one);
    struct fuzzy_key *keys;
    size_t count = fuzzy_block_keys(blocking, 0, &keys);
    for (size_t at = 0;
         at < count && s->counts.total < RULE_PAIRS;) { /* blocks stand in the order of a hash: a fair sample */
        size_t end = fuzzy_block_end(keys, count, at + 1);
        fuzzy_block_run(blocking, 0, keys, at, end, count_pair, s);
        at = end;
    }
    free(keys);
    fuzzy_blocking_free(blocking);
    free(one);
}

/* How often each level was seen, held off zero by what is usual. */
static void share_levels(const struct fuzzy_fields *fields, const struct fuzzy_counts *counts,
                         double into[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX]) {
    double sums[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX] = {{0}}, flat[FUZZY_LEVELS_MAX];
    for (size_t i = 0; i < counts->slot_count; i++)
        for (size_t f = 0; f < fields->count && counts->patterns[i]; f++)
            if (fuzzy_pattern_level(counts->patterns[i] - 1, f) != FUZZY_LEVEL_NONE)
                sums[f][fuzzy_pattern_level(counts->patterns[i] - 1, f)] += counts->counts[i];
    for (size_t f = 0; f < fields->count; f++) {
        default_u(&fields->list[f], flat);
        shares(sums[f], flat, fields->list[f].level_count, 20, into[f]);
    }
}

/* The field of a role that most records have; -1: none. */
static int field_of(const struct fuzzy_fields *fields, enum fuzzy_role role) {
    int best = -1;
    for (size_t f = 0; f < fields->count; f++)
        if (fields->list[f].rule->role == role && (best < 0 || fields->list[f].filled > fields->list[best].filled))
            best = (int)f;
    return best;
}

struct household {
    struct sampler s;
    int given, birth; /* who of a household it is; birth: -1 where it is not known */
    double seen;
};

static void count_household(void *context, uint32_t a, uint32_t b) {
    struct household *h = context;
    fuzzy_pattern p = fuzzy_compare_records(h->s.fields, &h->s.cache, a, b);
    unsigned given = fuzzy_pattern_level(p, (size_t)h->given);
    unsigned birth = h->birth < 0 ? 4 : fuzzy_pattern_level(p, (size_t)h->birth); /* one part the same, or none */
    h->seen++;
    if (given != FUZZY_LEVEL_NONE && (int)given == h->s.fields->list[h->given].differ && birth >= 3)
        fuzzy_counts_add(&h->s.counts, p, 1);
}

/* The key of a household: family name, street and house number; of whole names the address alone. False where records do not tell. */
static bool household_key(const struct fuzzy_fields *fields, struct household *h, struct fuzzy_block_rule *key) {
    int family = field_of(fields, FUZZY_ROLE_FAMILY), address = field_of(fields, FUZZY_ROLE_ADDRESS),
        house = field_of(fields, FUZZY_ROLE_HOUSE);
    h->given = field_of(fields, FUZZY_ROLE_GIVEN);
    h->birth = field_of(fields, FUZZY_ROLE_BIRTH);
    if (family < 0 && h->given < 0)
        h->given = field_of(fields, FUZZY_ROLE_NAME);
    else if (family < 0)
        return false;
    if (address < 0 || h->given < 0)
        return false;
    *key = (struct fuzzy_block_rule){.parts = {{.field = (unsigned)address}}, .part_count = 1};
    if (house >= 0)
        key->parts[key->part_count++].field = (unsigned)house;
    if (family >= 0)
        key->parts[key->part_count++].field = (unsigned)family;
    return true;
}

/* What two persons of one household look like, and how many such pairs there are: those of a key whose given names and birthdays differ. */
static void learn_household(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules,
                            struct fuzzy_weights *w) {
    struct household h = {.s = {.fields = fields}};
    struct fuzzy_rules *one = memory_get(1, sizeof *one);
    struct fuzzy_key *keys;
    *one = *rules;
    one->block_count = 1;
    w->household = household_key(fields, &h, &one->blocks[0]);
    if (!w->household) {
        free(one);
        return;
    }
    struct fuzzy_blocking *blocking = fuzzy_blocking_create(fields, one);
    size_t count = fuzzy_block_keys(blocking, 0, &keys), at = 0;
    fuzzy_cache_init(&h.s.cache, fields);
    while (at < count && h.seen < RULE_PAIRS) {
        size_t end = fuzzy_block_end(keys, count, at + 1);
        fuzzy_block_run(blocking, 0, keys, at, end, count_household, &h);
        at = end;
    }
    fuzzy_cache_release(&h.s.cache);
    double others = at ? h.s.counts.total * (double)count / (double)at : 0;
    w->household = h.s.counts.total >= HOUSEHOLD_PAIRS_MIN;
    w->home_bits = log2(w->pairs / (others + 1));
    share_levels(fields, &h.s.counts, w->home);
    fuzzy_counts_release(&h.s.counts);
    free(keys);
    fuzzy_blocking_free(blocking);
    free(one);
}

/* Before the pairs are seen: as many matches as training keys found, the most any one did. */
static double guess_matches(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules,
                            const struct fuzzy_counts *counts, const struct fuzzy_weights *w, const double *scale) {
    double most = 1;
    for (size_t r = 0; r < rules->block_count; r++) {
        double sum = 0;
        for (size_t i = 0; i < counts[r].slot_count; i++)
            if (counts[r].patterns[i])
                sum += counts[r].counts[i] *
                       fuzzy_probability(fuzzy_prior(w) + odds_of(fields, counts[r].patterns[i] - 1, ALL_FIELDS, w));
        most = sum * scale[r] > most ? sum * scale[r] : most;
    }
    return most;
}

void fuzzy_train(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules, struct fuzzy_weights *w) {
    struct sampler s = {.fields = fields}, r = {.fields = fields};
    struct fuzzy_rules *training = memory_get(1, sizeof *training);
    struct fuzzy_counts *counts = memory_get(FUZZY_BLOCKS_MAX, sizeof *counts);
    double scale[FUZZY_BLOCKS_MAX];
    *w = (struct fuzzy_weights){.pairs = pairs_possible(fields, rules->between_only)};
    w->matches = (double)fields->record_count * 0.2 + 1;
    *training = *rules;
    fuzzy_block_plan_training(fields, training);
    fuzzy_cache_init(&s.cache, fields);
    sample_random(&s, rules->between_only);
    r.cache = s.cache;
    for (size_t i = 0; i < training->block_count; i++) {
        sample_rule(&r, training, i);
        counts[i] = r.counts;
        scale[i] = 1;
        r.counts = (struct fuzzy_counts){0};
    }
    for (size_t f = 0; f < fields->count; f++)
        default_m(&fields->list[f], w->m[f]);
    learn_household(fields, rules, w);
    learn_u(fields, &s.counts, w, false);
    for (int round = 0; round < 3; round++) {
        learn_m(fields, training, counts, w);
        w->matches = guess_matches(fields, training, counts, w, scale);
        learn_u(fields, &s.counts, w, true);
    }
    fuzzy_cache_release(&s.cache);
    for (size_t i = 0; i < training->block_count; i++)
        fuzzy_counts_release(&counts[i]);
    fuzzy_counts_release(&s.counts);
    free(counts);
    free(training);
}

void fuzzy_refine(const struct fuzzy_fields *fields, const struct fuzzy_counts *kept, struct fuzzy_weights *w) {
    for (int round = 0; round < 60; round++) {
        double sums[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX] = {{0}}, matches = 0, before = w->matches;
        for (size_t i = 0; i < kept->slot_count; i++) {
            if (!kept->patterns[i])
                continue;
            fuzzy_pattern p = kept->patterns[i] - 1;
            double likely = kept->counts[i] * fuzzy_probability(fuzzy_prior(w) + odds_of(fields, p, ALL_FIELDS, w));
            matches += likely;
            for (size_t f = 0; f < fields->count; f++)
                if (fuzzy_pattern_level(p, f) != FUZZY_LEVEL_NONE)
                    sums[f][fuzzy_pattern_level(p, f)] += likely;
        }
        w->matches = matches > 1 ? matches : 1;
        double start[FUZZY_LEVELS_MAX];
        for (size_t f = 0; f < fields->count && matches > 20; f++) {
            default_m(&fields->list[f], start);
            shares(sums[f], start, fields->list[f].level_count, 2, w->m[f]);
            bound_m(&fields->list[f], w->m[f]);
        }
        set_weights(fields, w);
        if (fabs(w->matches - before) < 1e-4 * before)
            break;
    }
}

/* --- evidence --- */

double fuzzy_prior(const struct fuzzy_weights *w) {
    double share = w->matches / w->pairs;
    share = share > 0.5 ? 0.5 : share;
    return log2(share / (1 - share));
}

double fuzzy_field_evidence(const struct fuzzy_fields *fields, const struct fuzzy_weights *w, size_t field, uint32_t a,
                            unsigned level) {
    const struct fuzzy_field *f = &fields->list[field];
    if (level == FUZZY_LEVEL_NONE)
        return 0;
    return w->weight[field][level] + (level == 0 ? (double)f->values[f->codes[a]].rarer : 0);
}

double fuzzy_evidence(const struct fuzzy_fields *fields, const struct fuzzy_weights *w, uint32_t a, uint32_t b,
                      fuzzy_pattern pattern) {
    double bits = 0;
    (void)b;
    for (size_t f = 0; f < fields->count; f++)
        bits += fuzzy_field_evidence(fields, w, f, a, fuzzy_pattern_level(pattern, f));
    return fuzzy_household(fields, w, pattern, bits);
}
