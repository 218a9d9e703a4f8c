/* fuzzy_match: see the header. */
#include "identity/fuzzy_match.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "identity/fuzzy_block.h"

#define CHUNKS 64
#define KEPT_BITS (-8.0) /* pairs with a worse score are forgotten */
#define MARGIN_BITS 6.0  /* so much worse they may be by the first guess of the weights, before these are settled */
#define CLAMP 8.0

/* --- what an earlier run knows --- */

struct known {
    const struct fuzzy_before *before;
    uint32_t *starts; /* [record + 1]: into `others` */
    uint32_t *others; /* the larger record of each pair kept */
    bool *again;      /* [record]: in a block of the rule in hand that was too large then */
};

static void known_init(struct known *k, const struct fuzzy_before *before, size_t records) {
    *k = (struct known){.before = before};
    if (!before || !before->unchanged)
        return;
    k->starts = memory_get(records + 2, sizeof *k->starts);
    k->others = memory_get(before->pair_count + 1, sizeof *k->others);
    k->again = memory_get(records + 1, sizeof *k->again);
    for (size_t i = 0; i < before->pair_count; i++)
        k->starts[before->pairs[i].a + 2]++;
    for (size_t r = 2; r < records + 2; r++)
        k->starts[r] += k->starts[r - 1];
    for (size_t i = 0; i < before->pair_count; i++)
        k->others[k->starts[before->pairs[i].a + 1]++] = before->pairs[i].b;
}

static void known_release(struct known *k) {
    free(k->starts);
    free(k->others);
    free(k->again);
}

static int by_key(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Finds the records of the rule's blocks that were not compared then, and are now. */
static void known_rule(struct known *k, size_t rule, const struct fuzzy_key *keys, size_t count, size_t records) {
    const struct buffer *large = k->again && k->before->large ? &k->before->large[rule] : NULL;
    if (!large)
        return;
    memset(k->again, 0, records * sizeof *k->again);
    for (size_t i = 0; large->size && i < count; i++)
        k->again[keys[i].record] |=
            bsearch(&keys[i].key, large->data, large->size / sizeof keys[i].key, sizeof keys[i].key, by_key) != NULL;
}

/* Whether the two were compared then, and not kept. */
static bool known_apart(const struct known *k, uint32_t a, uint32_t b) {
    if (!k->starts || !k->before->unchanged[a] || !k->before->unchanged[b] || (k->again[a] && k->again[b]))
        return false;
    for (uint32_t i = k->starts[a]; i < k->starts[a + 1]; i++)
        if (k->others[i] == b)
            return false;
    return true;
}

/* --- comparing candidates --- */

struct chunk {
    size_t from, to;    /* of the rule's keys */
    struct buffer kept; /* struct fuzzy_pair */
    uint64_t compared;
};

struct scoring {
    const struct fuzzy_match *m;
    const struct fuzzy_blocking *blocking;
    size_t rule;
    const struct fuzzy_key *keys;
    const struct known *known;
    struct chunk chunks[CHUNKS];
    size_t next; /* chunk to take, atomic */
    struct fuzzy_bounds bounds;
    struct fuzzy_cache *caches; /* one a worker */
};

struct scorer {
    const struct scoring *s;
    struct chunk *chunk;
    struct fuzzy_cache *cache;
};

static void score_pair(void *context, uint32_t a, uint32_t b) {
    struct scorer *s = context;
    const struct fuzzy_match *m = s->s->m;
    fuzzy_pattern pattern;
    double bits;
    if (known_apart(s->s->known, a, b))
        return;
    s->chunk->compared++;
    if (!fuzzy_compare_bounded(&m->fields, s->cache, &s->s->bounds, a, b, &pattern, &bits))
        return;
    bits = fuzzy_household(&m->fields, &m->weights, pattern, bits);
    if (bits < s->s->bounds.floor_bits)
        return;
    struct fuzzy_pair pair = {.a = a, .b = b, .bits = (float)bits, .pattern = pattern};
    buffer_add(&s->chunk->kept, &pair, sizeof pair);
}

static void score_chunks(void *context, unsigned number) {
    struct scoring *s = context;
    for (;;) {
        size_t n = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);
        if (n >= CHUNKS)
            return;
        struct scorer scorer = {s, &s->chunks[n], &s->caches[number]};
        fuzzy_block_run(s->blocking, s->rule, s->keys, s->chunks[n].from, s->chunks[n].to, score_pair, &scorer);
    }
}

static void run(const struct fuzzy_options *o, unsigned workers, void (*work)(void *, unsigned), void *context) {
    if (o->run && workers > 1)
        o->run(workers, work, context);
    else
        work(context, 0);
}

static double field_gain(const struct fuzzy_match *m, const struct fuzzy_bounds *b, size_t i) {
    static const double cost[FUZZY_COMPARATORS] = {
        [FUZZY_EXACT] = 1,    [FUZZY_NAME] = 4,   [FUZZY_TOKENS] = 20, [FUZZY_CODE] = 3,
        [FUZZY_PHONE] = 4,    [FUZZY_EMAIL] = 12, [FUZZY_DATE] = 4,    [FUZZY_TEXT] = 8,
        [FUZZY_ADDRESS] = 30, [FUZZY_NUMBER] = 1, [FUZZY_COSINE] = 15};
    const struct fuzzy_field *f = &m->fields.list[i];
    return (b->best[i] - m->weights.weight[i][f->differ]) * (double)f->filled / cost[f->rule->comparator];
}

static void make_bounds(const struct fuzzy_match *m, bool learning, struct fuzzy_bounds *b) {
    b->weight = m->weights.weight;
    b->floor_bits = KEPT_BITS - (learning ? MARGIN_BITS : 0) - fuzzy_prior(&m->weights);
    for (size_t i = 0; i < m->fields.count; i++) {
        b->best[i] = 0;
        for (unsigned l = 1; l < m->fields.list[i].level_count; l++)
            b->best[i] = m->weights.weight[i][l] > b->best[i] ? m->weights.weight[i][l] : b->best[i];
    }
    for (unsigned i = 0; i < m->fields.count; i++) { /* insertion by gain, most first */
        size_t at = i;
        for (; at > 0 && field_gain(m, b, b->order[at - 1]) < field_gain(m, b, i); at--)
            b->order[at] = b->order[at - 1];
        b->order[at] = i;
    }
}

/* One rule: sorts its keys, compares in chunks, and appends what was kept in the order of the chunks. */
static void score_rule(struct fuzzy_match *m, struct fuzzy_blocking *blocking, size_t rule,
                       const struct fuzzy_options *o, unsigned workers, struct fuzzy_cache *caches, struct known *known,
                       struct buffer *kept) {
    struct scoring *s = memory_get(1, sizeof *s);
    struct fuzzy_key *keys;
    size_t count = fuzzy_block_keys(blocking, rule, &keys), at = 0;
    s->m = m;
    s->blocking = blocking;
    s->rule = rule;
    s->keys = keys;
    s->known = known;
    known_rule(known, rule, keys, count, m->fields.record_count);
    s->caches = caches;
    make_bounds(m, !o->before, &s->bounds);
    for (size_t c = 0; c < CHUNKS; c++) {
        size_t to = fuzzy_block_end(keys, count, count * (c + 1) / CHUNKS);
        s->chunks[c].from = at;
        s->chunks[c].to = at = to > at ? to : at;
    }
    run(o, workers, score_chunks, s);
    for (size_t c = 0; c < CHUNKS; c++) {
        buffer_add_slice(kept, buffer_slice(&s->chunks[c].kept));
        m->compared_count += s->chunks[c].compared;
        buffer_release(&s->chunks[c].kept);
    }
    free(keys);
    free(s);
}

static enum status score_all(struct fuzzy_match *m, const struct fuzzy_options *o, struct fault *fault) {
    unsigned workers = o->run && o->workers > 1 ? o->workers : 1;
    struct fuzzy_blocking *blocking = fuzzy_blocking_create(&m->fields, &m->rules);
    struct fuzzy_cache *caches = memory_get(workers, sizeof *caches);
    struct buffer kept = {0};
    struct known known;
    enum status status = STATUS_OK;
    known_init(&known, o->before, m->fields.record_count);
    for (unsigned w = 0; w < workers; w++)
        fuzzy_cache_init(&caches[w], &m->fields);
    for (size_t r = 0; r < m->rules.block_count && !status; r++) {
        score_rule(m, blocking, r, o, workers, caches, &known, &kept);
        if (o->progress &&
            !o->progress(o->progress_context, 0.1 + 0.8 * (double)(r + 1) / (double)m->rules.block_count))
            status = fault_set(fault, STATUS_CLOSED, "stopped before all pairs were compared");
    }
    for (unsigned w = 0; w < workers; w++)
        fuzzy_cache_release(&caches[w]);
    for (size_t r = 0; r < m->rules.block_count; r++)
        fuzzy_block_large_take(blocking, r, &m->large[r]);
    free(caches);
    known_release(&known);
    fuzzy_blocking_free(blocking);
    m->pairs = (struct fuzzy_pair *)kept.data; /* taken over */
    m->pair_count = kept.size / sizeof *m->pairs;
    m->memory_bytes = kept.capacity;
    return status;
}

/* --- from evidence to odds --- */

static int strongest_first(const void *x, const void *y) {
    const struct fuzzy_pair *a = x, *b = y;
    if (a->bits != b->bits)
        return a->bits > b->bits ? -1 : 1;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return (a->b > b->b) - (a->b < b->b);
}

static void settle_scores(struct fuzzy_match *m, bool learn) {
    struct fuzzy_counts counts = {0};
    double floor = KEPT_BITS - fuzzy_prior(&m->weights);
    size_t kept = 0;
    for (size_t i = 0; learn && i < m->pair_count; i++)
        if (m->pairs[i].bits >= floor)
            fuzzy_counts_add(&counts, m->pairs[i].pattern, 1);
    if (learn)
        fuzzy_refine(&m->fields, &counts, &m->weights);
    fuzzy_counts_release(&counts);
    double prior = fuzzy_prior(&m->weights);
    for (size_t i = 0; i < m->pair_count; i++) {
        struct fuzzy_pair *p = &m->pairs[i];
        p->bits = (float)(prior + fuzzy_evidence(&m->fields, &m->weights, p->a, p->b, p->pattern));
        if (p->bits >= KEPT_BITS)
            m->pairs[kept++] = *p;
    }
    m->pair_count = kept;
    if (m->pair_count)
        qsort(m->pairs, m->pair_count, sizeof *m->pairs, strongest_first);
}

/* Sources hold nobody twice where hardly any pair within one matches. */
static bool decide_unique(const struct fuzzy_match *m) {
    if (m->rules.unique_sources != FUZZY_AUTO)
        return m->rules.unique_sources == FUZZY_YES;
    size_t sources = m->fields.source_count;
    double within = 0, between = 0;
    for (size_t i = 0; i < m->pair_count; i++) {
        double likely = fuzzy_probability(m->pairs[i].bits);
        bool same = m->fields.sources[m->pairs[i].a] == m->fields.sources[m->pairs[i].b];
        within += same ? likely : 0;
        between += same ? 0 : likely;
    }
    return sources > 1 && between > 0 && (m->rules.between_only || within < 0.02 * between);
}

struct cluster_context {
    struct fuzzy_match *m;
    struct fuzzy_cache cache;
};

static double cluster_bits(void *context, uint32_t a, uint32_t b) {
    struct cluster_context *c = context;
    return fuzzy_match_bits(c->m, &c->cache, a, b);
}

double fuzzy_match_bits(struct fuzzy_match *m, struct fuzzy_cache *cache, uint32_t a, uint32_t b) {
    fuzzy_pattern pattern = fuzzy_compare_records(&m->fields, cache, a, b);
    return fuzzy_prior(&m->weights) + fuzzy_evidence(&m->fields, &m->weights, a, b, pattern);
}

size_t fuzzy_match_cluster(struct fuzzy_match *m, double threshold, uint32_t *clusters) {
    struct cluster_context context = {.m = m};
    struct fuzzy_clustering c = {.pairs = m->pairs,
                                 .pair_count = m->pair_count,
                                 .record_count = m->fields.record_count,
                                 .sources = m->unique_sources ? m->fields.sources : NULL,
                                 .threshold_bits = log2(threshold / (1 - threshold)),
                                 .connected = m->rules.connected,
                                 .clamp = CLAMP,
                                 .bits = cluster_bits,
                                 .context = &context};
    fuzzy_cache_init(&context.cache, &m->fields);
    size_t count = fuzzy_cluster(&c, clusters);
    fuzzy_cache_release(&context.cache);
    return count;
}

enum status fuzzy_match_run(struct fuzzy_table *table, const struct fuzzy_rules *rules, const struct fuzzy_options *o,
                            struct fuzzy_match *m, struct fault *fault) {
    *m = (struct fuzzy_match){.rules = *rules};
    if (!m->rules.fields_given && m->rules.field_count == 0)
        fuzzy_profile(table, &m->rules);
    if (m->rules.field_count == 0)
        return fault_set(
            fault, STATUS_INVALID,
            "no column tells records apart: every one is constant, unique or empty; name fields in a rule file");
    fuzzy_fields_init(&m->fields, table, &m->rules);
    if (o->before) {
        m->weights = *o->before->weights;
    } else {
        fuzzy_block_plan(&m->fields, &m->rules);
        fuzzy_train(&m->fields, &m->rules, &m->weights);
    }
    enum status status = score_all(m, o, fault);
    if (status)
        return status;
    settle_scores(m, !o->before);
    m->unique_sources = decide_unique(m);
    m->clusters = memory_get(table->record_count + 1, sizeof *m->clusters);
    m->cluster_count = fuzzy_match_cluster(m, m->rules.threshold, m->clusters);
    return STATUS_OK;
}

void fuzzy_match_release(struct fuzzy_match *m) {
    fuzzy_fields_release(&m->fields);
    for (size_t r = 0; r < FUZZY_BLOCKS_MAX; r++)
        buffer_release(&m->large[r]);
    free(m->pairs);
    free(m->clusters);
    *m = (struct fuzzy_match){0};
}

/* --- explaining --- */

static double rounded(double bits) { return round(bits * 100) / 100; }

void fuzzy_match_explain(struct fuzzy_match *m, uint32_t a, uint32_t b, struct json_writer *w) {
    struct fuzzy_cache cache;
    fuzzy_cache_init(&cache, &m->fields);
    fuzzy_pattern pattern = fuzzy_compare_records(&m->fields, &cache, a, b);
    double bits = fuzzy_match_bits(m, &cache, a, b);
    fuzzy_cache_release(&cache);
    json_object(w);
    json_member_real(w, "probability", round(fuzzy_probability(bits) * 1e6) / 1e6);
    json_member_real(w, "bits", rounded(bits));
    json_member_real(w, "prior_bits", rounded(fuzzy_prior(&m->weights)));
    json_key(w, "fields");
    json_array(w);
    for (size_t i = 0; i < m->fields.count; i++) {
        const struct fuzzy_field *f = &m->fields.list[i];
        unsigned level = fuzzy_pattern_level(pattern, i);
        json_object(w);
        json_member_cstring(w, "field", f->rule->name);
        json_member_text(w, "a", f->values[f->codes[a]].text);
        json_member_text(w, "b", f->values[f->codes[b]].text);
        json_member_cstring(w, "level",
                            level == FUZZY_LEVEL_NONE ? "no evidence" : fuzzy_level_word(f->rule->comparator, level));
        json_member_real(w, "bits", rounded(fuzzy_field_evidence(&m->fields, &m->weights, i, a, level)));
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

void fuzzy_match_weights(const struct fuzzy_match *m, struct json_writer *w) {
    json_object(w);
    json_member_real(w, "expected_matches", round(m->weights.matches));
    json_member_real(w, "prior_bits", rounded(fuzzy_prior(&m->weights)));
    json_key(w, "fields");
    json_array(w);
    for (size_t i = 0; i < m->fields.count; i++) {
        const struct fuzzy_field *f = &m->fields.list[i];
        json_object(w);
        json_member_cstring(w, "field", f->rule->name);
        json_member_bool(w, "learnt", m->weights.trained[i]);
        json_key(w, "levels");
        json_array(w);
        for (unsigned l = 0; l < f->level_count; l++) {
            json_object(w);
            json_member_cstring(w, "level", fuzzy_level_word(f->rule->comparator, l));
            json_member_real(w, "m", m->weights.m[i][l]);
            json_member_real(w, "u", m->weights.u[i][l]);
            json_member_real(w, "bits", rounded(m->weights.weight[i][l]));
            json_end_object(w);
        }
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}
