/* match_keep: see the header. */
#include "serve/match_keep.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "os/image.h"

#define KEEP_VERSION 1

/* --- making one --- */

uint64_t match_print(const struct fuzzy_table *table, const struct fuzzy_rules *rules, size_t record) {
    uint64_t print = 1;
    for (size_t f = 0; f < rules->field_count; f++)
        for (size_t c = 0; c < rules->fields[f].column_count; c++) {
            struct slice text = fuzzy_table_text(&table->columns[rules->fields[f].columns[c]], record);
            print = hash_mix(print + hash_bytes(text, f * FUZZY_FIELD_COLUMNS_MAX + c));
        }
    return print;
}

static enum status parse_rules(struct match_keep *k, struct fault *fault) {
    return fuzzy_rules_parse(slice_text(k->rules), &k->schema, &k->parsed, fault);
}

static size_t count_shown(const struct match_keep *k) {
    double least = log2(MATCH_PERCENT_MIN / 100.0 / (1 - MATCH_PERCENT_MIN / 100.0));
    size_t shown = 0;
    while (shown < k->pair_count && (double)k->pairs[shown].bits >= least)
        shown++;
    return shown;
}

static void keep_field_bits(struct match_keep *k, const struct fuzzy_match *m) {
    size_t fields = k->parsed.field_count;
    k->field_bits = memory_get(k->shown_count * fields + 1, sizeof *k->field_bits);
    for (size_t i = 0; i < k->shown_count; i++)
        for (size_t f = 0; f < fields; f++) {
            double bits = fuzzy_field_evidence(&m->fields, &m->weights, f, k->pairs[i].a,
                                               fuzzy_pattern_level(k->pairs[i].pattern, f));
            k->field_bits[i * fields + f] = (int16_t)lround(fmax(-300, fmin(300, bits)) * 100);
        }
}

struct match_keep *match_keep_take(struct fuzzy_match *m, const struct fuzzy_table *table, uint32_t *customers,
                                   struct slice asked) {
    struct match_keep *k = memory_get(1, sizeof *k);
    struct buffer text = {0};
    fuzzy_rules_write(&m->rules, table, &(struct json_writer){.out = &text});
    k->rules = memory_text(buffer_slice(&text));
    k->asked = memory_text(asked);
    buffer_release(&text);
    for (size_t f = 0; f < m->rules.field_count; f++)
        for (size_t c = 0; c < m->rules.fields[f].column_count; c++)
            fuzzy_table_column(&k->schema, slice_text(table->columns[m->rules.fields[f].columns[c]].name));
    if (m->rules.source_column >= 0)
        fuzzy_table_column(&k->schema, slice_text(table->columns[m->rules.source_column].name));
    enum status status = parse_rules(k, NULL);
    assert(status == STATUS_OK && k->parsed.field_count == m->rules.field_count);
    (void)status;
    k->weights = m->weights;
    k->record_count = table->record_count;
    k->customers = customers;
    k->prints = memory_get(table->record_count + 1, sizeof *k->prints);
    for (size_t r = 0; r < table->record_count; r++)
        k->prints[r] = match_print(table, &m->rules, r);
    k->pairs = m->pairs;
    k->pair_count = m->pair_count;
    m->pairs = NULL;
    m->pair_count = 0;
    for (size_t r = 0; r < FUZZY_BLOCKS_MAX; r++) {
        k->large[r] = m->large[r];
        m->large[r] = (struct buffer){0};
    }
    k->shown_count = count_shown(k);
    keep_field_bits(k, m);
    return k;
}

void match_keep_free(struct match_keep *k) {
    if (!k)
        return;
    for (size_t r = 0; r < FUZZY_BLOCKS_MAX; r++)
        buffer_release(&k->large[r]);
    fuzzy_table_release(&k->schema);
    free(k->asked);
    free(k->rules);
    free(k->customers);
    free(k->prints);
    free(k->pairs);
    free(k->field_bits);
    free(k);
}

/* --- what of it holds for another table --- */

void match_since_init(struct match_since *s, const struct match_keep *keep, const struct fuzzy_table *table,
                      const struct fuzzy_rules *rules, const uint32_t *customers) {
    uint32_t *now =
        memory_get(keep->record_count + 1, sizeof *now); /* [record then]: record now + 1; 0: gone or changed */
    size_t count = 0, then = 0;
    s->unchanged = memory_get(table->record_count + 1, sizeof *s->unchanged);
    s->fresh = table->record_count;
    for (size_t r = 0; r < table->record_count; r++) {
        while (then < keep->record_count && keep->customers[then] < customers[r])
            then++;
        if (then == keep->record_count || keep->customers[then] != customers[r] ||
            keep->prints[then] != match_print(table, rules, r))
            continue;
        s->unchanged[r] = true;
        now[then] = (uint32_t)r + 1;
        s->fresh--;
    }
    s->pairs = memory_get(keep->pair_count + 1, sizeof *s->pairs);
    for (size_t i = 0; i < keep->pair_count; i++) {
        struct fuzzy_pair p = keep->pairs[i];
        if (!now[p.a] || !now[p.b])
            continue;
        p.a = now[p.a] - 1; /* customers ascend in both, so a stays the smaller */
        p.b = now[p.b] - 1;
        s->pairs[count++] = p;
    }
    free(now);
    s->before = (struct fuzzy_before){.weights = &keep->weights,
                                      .unchanged = s->unchanged,
                                      .pairs = s->pairs,
                                      .pair_count = count,
                                      .large = keep->large};
}

void match_since_release(struct match_since *s) {
    free(s->unchanged);
    free(s->pairs);
    *s = (struct match_since){0};
}

/* --- the file --- */

struct keep_head {
    uint32_t version, fields;
    int64_t started_ms, ended_ms;
    uint64_t compared, merged, fresh, learnt_records, learnt;
    uint64_t records, pairs, shown;
    uint32_t large[FUZZY_BLOCKS_MAX];
};
_Static_assert(sizeof(struct keep_head) == 88 + 4 * FUZZY_BLOCKS_MAX, "on disk");

struct kept_weights {
    double m[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX], u[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX],
        weight[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX], home[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX],
        home_weight[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX];
    double pairs, matches, home_bits;
    uint32_t household, trained; /* 1 where there are households; bits of fields */
};
_Static_assert(sizeof(struct kept_weights) == 5 * 8 * FUZZY_FIELDS_MAX * FUZZY_LEVELS_MAX + 32, "on disk");

static void pack_weights(const struct fuzzy_weights *w, struct kept_weights *out) {
    memcpy(out->m, w->m, sizeof out->m);
    memcpy(out->u, w->u, sizeof out->u);
    memcpy(out->weight, w->weight, sizeof out->weight);
    memcpy(out->home, w->home, sizeof out->home);
    memcpy(out->home_weight, w->home_weight, sizeof out->home_weight);
    out->pairs = w->pairs;
    out->matches = w->matches;
    out->home_bits = w->home_bits;
    out->household = w->household;
    out->trained = 0;
    for (size_t f = 0; f < FUZZY_FIELDS_MAX; f++)
        out->trained |= (uint32_t)w->trained[f] << f;
}

static bool unpack_weights(const struct kept_weights *k, struct fuzzy_weights *w) {
    const double *all = &k->m[0][0];
    for (size_t i = 0; i < 5 * FUZZY_FIELDS_MAX * FUZZY_LEVELS_MAX + 3; i++)
        if (!isfinite(all[i]))
            return false;
    memcpy(w->m, k->m, sizeof w->m);
    memcpy(w->u, k->u, sizeof w->u);
    memcpy(w->weight, k->weight, sizeof w->weight);
    memcpy(w->home, k->home, sizeof w->home);
    memcpy(w->home_weight, k->home_weight, sizeof w->home_weight);
    w->pairs = k->pairs;
    w->matches = k->matches;
    w->home_bits = k->home_bits;
    w->household = k->household != 0;
    for (size_t f = 0; f < FUZZY_FIELDS_MAX; f++)
        w->trained[f] = k->trained >> f & 1;
    return k->pairs > 0 && k->matches > 0;
}

static enum status write_columns(const struct match_keep *k, struct image_writer *w, struct fault *fault) {
    enum status status = image_section(w, "columns", fault);
    for (size_t i = 0; i < k->schema.column_count && !status; i++)
        status = image_write(w, k->schema.columns[i].name, strlen(k->schema.columns[i].name) + 1, fault);
    return status;
}

static enum status write_large(const struct match_keep *k, struct image_writer *w, struct fault *fault) {
    enum status status = image_section(w, "large", fault);
    for (size_t r = 0; r < FUZZY_BLOCKS_MAX && !status; r++)
        if (k->large[r].size)
            status = image_write(w, k->large[r].data, k->large[r].size, fault);
    return status;
}

enum status match_keep_write(const struct match_keep *k, struct os *os, const char *path, struct fault *fault) {
    struct keep_head head = {.version = KEEP_VERSION,
                             .fields = (uint32_t)k->parsed.field_count,
                             .started_ms = k->started_ms,
                             .ended_ms = k->ended_ms,
                             .compared = k->compared,
                             .merged = k->merged,
                             .fresh = k->fresh,
                             .learnt_records = k->learnt_records,
                             .learnt = k->learnt,
                             .records = k->record_count,
                             .pairs = k->pair_count,
                             .shown = k->shown_count};
    struct kept_weights weights = {0};
    struct image_writer *w;
    for (size_t r = 0; r < FUZZY_BLOCKS_MAX; r++)
        head.large[r] = (uint32_t)(k->large[r].size / sizeof(uint64_t));
    pack_weights(&k->weights, &weights);
    enum status status = image_create(os, path, &w, fault);
    if (status)
        return status;
    const struct {
        const char *name;
        const void *data;
        size_t size;
    } parts[] = {{"head", &head, sizeof head},
                 {"asked", k->asked, strlen(k->asked)},
                 {"rules", k->rules, strlen(k->rules)},
                 {"weights", &weights, sizeof weights},
                 {"customers", k->customers, k->record_count * sizeof *k->customers},
                 {"prints", k->prints, k->record_count * sizeof *k->prints},
                 {"pairs", k->pairs, k->pair_count * sizeof *k->pairs},
                 {"bits", k->field_bits, k->shown_count * k->parsed.field_count * sizeof *k->field_bits}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !status; i++)
        status = image_add(w, parts[i].name, parts[i].data, parts[i].size, fault);
    if (!status)
        status = write_columns(k, w, fault);
    if (!status)
        status = write_large(k, w, fault);
    if (!status)
        return image_finish(w, NULL, fault);
    image_abandon(w);
    return status;
}

struct reading {
    struct image *image;
    const char *path;
    struct fault *fault;
};

static enum status damaged(const struct reading *r, const char *section) {
    return fault_set(r->fault, STATUS_DAMAGED, "%s: section %s does not fit the others", r->path, section);
}

/* A section's bytes as memory of its own, which must be `size`. */
static enum status read_copy(const struct reading *r, const char *name, size_t size, void *into) {
    struct slice section;
    enum status status = image_find(r->image, name, true, &section, r->fault);
    if (!status && section.size != size)
        status = damaged(r, name);
    if (status)
        return status;
    void *copy = memory_get(size + 1, 1);
    if (size)
        memcpy(copy, section.data, size);
    memcpy(into, &copy, sizeof copy); /* `into` points to a pointer of some type */
    return STATUS_OK;
}

static enum status read_text(const struct reading *r, const char *name, char **into) {
    struct slice section;
    enum status status = image_find(r->image, name, true, &section, r->fault);
    if (!status && section.size && memchr(section.data, 0, section.size))
        status = damaged(r, name);
    if (!status)
        *into = memory_text(section);
    return status;
}

static enum status read_columns(const struct reading *r, struct match_keep *k) {
    struct slice section;
    enum status status = image_find(r->image, "columns", true, &section, r->fault);
    for (size_t at = 0; !status && at < section.size;) {
        const char *end = memchr(section.data + at, 0, section.size - at);
        if (!end || !fuzzy_table_column(&k->schema, slice_of(section.data + at, (size_t)(end - section.data) - at)))
            return damaged(r, "columns");
        at = (size_t)(end - section.data) + 1;
    }
    return status;
}

static enum status read_large(const struct reading *r, const struct keep_head *head, struct match_keep *k) {
    struct slice section;
    enum status status = image_find(r->image, "large", true, &section, r->fault);
    size_t at = 0;
    for (size_t i = 0; i < FUZZY_BLOCKS_MAX && !status; i++) {
        size_t bytes = head->large[i] * sizeof(uint64_t);
        if (section.size - at < bytes)
            return damaged(r, "large");
        buffer_add(&k->large[i], section.data + at, bytes);
        at += bytes;
    }
    return status;
}

static enum status read_weights(const struct reading *r, struct match_keep *k) {
    struct kept_weights *weights = NULL;
    enum status status = read_copy(r, "weights", sizeof *weights, &weights);
    if (!status && !unpack_weights(weights, &k->weights))
        status = damaged(r, "weights");
    free(weights);
    return status;
}

/* Invariants 1 to 3 of the format. */
static enum status check(const struct reading *r, const struct match_keep *k) {
    for (size_t i = 1; i < k->record_count; i++)
        if (k->customers[i] <= k->customers[i - 1])
            return damaged(r, "customers");
    for (size_t i = 0; i < k->pair_count; i++) {
        const struct fuzzy_pair *p = &k->pairs[i];
        if (p->a >= p->b || p->b >= k->record_count || !(p->bits <= (i ? k->pairs[i - 1].bits : INFINITY)))
            return damaged(r, "pairs");
        for (size_t f = 0; f < k->parsed.field_count; f++) {
            unsigned level = fuzzy_pattern_level(p->pattern, f);
            if (level != FUZZY_LEVEL_NONE && level >= fuzzy_levels(k->parsed.fields[f].comparator))
                return damaged(r, "pairs");
        }
    }
    return count_shown(k) == k->shown_count ? STATUS_OK : damaged(r, "bits");
}

static enum status read_sections(const struct reading *r, const struct keep_head *head, struct match_keep *k) {
    if (head->version != KEEP_VERSION || head->fields > FUZZY_FIELDS_MAX || head->records > UINT32_MAX ||
        head->pairs > SIZE_MAX / 64 || head->shown > head->pairs)
        return damaged(r, "head");
    k->started_ms = head->started_ms;
    k->ended_ms = head->ended_ms;
    k->compared = head->compared;
    k->merged = head->merged;
    k->fresh = head->fresh;
    k->learnt_records = head->learnt_records;
    k->learnt = head->learnt;
    k->record_count = head->records;
    k->pair_count = head->pairs;
    k->shown_count = head->shown;
    enum status status = read_text(r, "asked", &k->asked);
    if (!status)
        status = read_text(r, "rules", &k->rules);
    if (!status)
        status = read_columns(r, k);
    if (!status && (parse_rules(k, r->fault) || k->parsed.field_count != head->fields))
        status = damaged(r, "rules");
    if (!status)
        status = read_weights(r, k);
    if (!status)
        status = read_copy(r, "customers", k->record_count * sizeof *k->customers, &k->customers);
    if (!status)
        status = read_copy(r, "prints", k->record_count * sizeof *k->prints, &k->prints);
    if (!status)
        status = read_copy(r, "pairs", k->pair_count * sizeof *k->pairs, &k->pairs);
    if (!status)
        status = read_copy(r, "bits", k->shown_count * head->fields * sizeof *k->field_bits, &k->field_bits);
    if (!status)
        status = read_large(r, head, k);
    return status ? status : check(r, k);
}

enum status match_keep_read(struct os *os, const char *path, struct match_keep **out, struct fault *fault) {
    struct reading r = {.path = path, .fault = fault};
    struct keep_head *head = NULL;
    struct match_keep *k = memory_get(1, sizeof *k);
    enum status status = image_open(os, path, &r.image, fault);
    if (!status)
        status = read_copy(&r, "head", sizeof *head, &head);
    if (!status)
        status = read_sections(&r, head, k);
    image_close(r.image);
    free(head);
    if (status)
        match_keep_free(k);
    else
        *out = k;
    return status;
}
