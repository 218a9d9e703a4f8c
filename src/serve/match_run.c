/* match_run: see the header. */
#include "serve/match_run.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/time.h"
#include "language/workers.h"
#include "serve/background.h"
#include "serve/match_keep.h"
#include "serve/review.h"
#include "serve/run_append.h"

#define GROWTH_LEARN 1.5 /* with so many times the customers it learnt from, a run learns again */

struct match_run {
    struct serve_parts parts;
    char *path;
    struct background *background;
    pthread_mutex_t lock;    /* all below */
    bool looked;             /* for the file of an earlier process */
    struct match_keep *keep; /* of the last run that ended well, or NULL; replaced by the run's thread alone */
    char fault[512];         /* of that file, "" where there was none or it was read */
};

/* What a run was asked for; the run's. */
struct order {
    struct match_run *run;
    char *rules;
    double automatic;
    bool full;
    int64_t started_ms;
};

struct match_run *match_run_create(const struct serve_parts *parts) {
    struct match_run *run = memory_get(1, sizeof *run);
    struct buffer path = {0};
    run->parts = *parts;
    buffer_print(&path, "%s/matches", parts->folder);
    run->path = memory_text(buffer_slice(&path));
    buffer_release(&path);
    run->background = background_create(parts->os, "GET /v1/identity/matches");
    pthread_mutex_init(&run->lock, NULL);
    return run;
}

void match_run_close(struct match_run *run) {
    if (run)
        background_close(run->background);
}

void match_run_free(struct match_run *run) {
    if (!run)
        return;
    background_free(run->background);
    match_keep_free(run->keep);
    free(run->path);
    pthread_mutex_destroy(&run->lock);
    free(run);
}

/* What an earlier process left, read when somebody first asks. One that cannot be read is as none: the next run makes it anew. Under the lock. */
static void look(struct match_run *run) {
    struct fault fault = {0};
    if (run->looked)
        return;
    run->looked = true;
    enum status status = match_keep_read(run->parts.os, run->path, &run->keep, &fault);
    if (status && status != STATUS_NOT_FOUND)
        snprintf(run->fault, sizeof run->fault, "the pairs of the last run cannot be read, run again: %s", fault.text);
}

/* --- reading everybody --- */

struct reading {
    const struct serve_parts *parts;
    struct fuzzy_table *table;
    size_t record;
    const struct type *type; /* of customers' attributes */
};

static void set_value(struct reading *r, struct slice name, struct slice value) {
    struct fuzzy_column *c = fuzzy_table_column(r->table, name);
    if (c && c->codes[r->record] == 0)
        fuzzy_table_set(r->table, c, r->record, value);
}

static void read_attribute(void *context, const struct attribute_now *a) {
    struct reading *r = context;
    const struct property *property = dictionary_property_at(r->type, a->property);
    char text[64];
    struct slice value = {text, 0};
    int size = 0;
    switch (a->value->kind) {
    case VALUE_TEXT:
        value = slice_of((const char *)a->record + a->value->offset, a->value->count);
        break;
    case VALUE_DATE:
        value.size = time_format_date((int32_t)a->value->integer, text);
        break;
    case VALUE_NUMBER:
        size = snprintf(text, sizeof text, "%.15g", (double)a->value->integer / pow(10, a->value->scale));
        value.size = (size_t)size;
        break;
    default:
        return;
    }
    if (property && value.size)
        set_value(r, property->name, value);
}

/* Phones and e-mail addresses that are identifiers need not be attributes. */
static void read_identifier(void *context, struct identifier_id id) {
    struct reading *r = context;
    const struct serve_parts *parts = r->parts;
    const struct namespace *n = dictionary_namespace_at(parts->dictionary, identity_namespace(parts->identity, id));
    if (n && (slice_is(n->name, "phone") || slice_is(n->name, "email")))
        set_value(r, n->name, identity_value(parts->identity, id));
}

/* What `customer` says, into the reading's record. */
static void read_customer(struct reading *r, struct customer_id customer, struct arena *arena) {
    struct history_hold hold = history_enter(r->parts->history);
    history_attributes(r->parts->history, customer, arena, read_attribute, r);
    history_leave(r->parts->history, hold);
    identity_identifiers(r->parts->identity, customer, 20, read_identifier, r);
    arena_reset(arena);
}

static struct reading reading_of(const struct serve_parts *parts, struct fuzzy_table *table) {
    return (struct reading){
        .parts = parts, .table = table, .type = dictionary_type_at(parts->dictionary, DICTIONARY_CUSTOMER)};
}

/* Every customer a record, ascending; their numbers in *customers. */
static bool read_everybody(struct match_run *run, struct fuzzy_table *table, uint32_t **customers) {
    const struct serve_parts *parts = &run->parts;
    struct identity_counters counters;
    struct arena arena = {0};
    struct reading r = reading_of(parts, table);
    identity_counters_read(parts->identity, &counters);
    *customers = memory_get(counters.created + 1, sizeof **customers);
    for (uint64_t first = 0; first <= counters.created && !background_cancelled(run->background); first += 64) {
        uint64_t bits;
        identity_population(parts->identity, (uint32_t)first, 1, &bits);
        for (; bits; bits &= bits - 1) {
            struct customer_id customer = {(uint32_t)(first + (uint64_t)__builtin_ctzll(bits))};
            if (customer.number > counters.created)
                break;
            r.record = fuzzy_table_record(table, 0);
            (*customers)[r.record] = customer.number;
            read_customer(&r, customer, &arena);
        }
        background_progress(run->background, 0.1 * (double)first / (double)(counters.created + 1));
    }
    arena_release(&arena);
    return !background_cancelled(run->background);
}

/* --- decisions that were taken --- */

bool match_rejected(const struct serve_parts *parts, struct customer_id a, struct customer_id b, struct arena *arena) {
    return review_holds(parts, SLICE(MATCH_RELATION), a, b, arena);
}

/* --- the run --- */

static bool tell_progress(void *context, double done) {
    struct match_run *run = context;
    background_progress(run->background, 0.1 + done * 0.89);
    return !background_cancelled(run->background);
}

static enum status append_merge(struct run_log *log, struct customer_id a, struct customer_id b, struct fault *fault) {
    char one[ONEID_BYTES + 1], two[ONEID_BYTES + 1], text[128];
    oneid_format(a, one);
    oneid_format(b, two);
    int size = snprintf(text, sizeof text, "{\"command\":\"merge\",\"customer\":\"%s\",\"other\":\"%s\"}", one, two);
    return run_append(log, LOG_COMMAND, slice_of(text, (size_t)size), fault);
}

/* Merges what is as sure as was asked for, within clusters and not against what people said, and counts it; when it returns, that is in
 * force. */
static enum status merge_sure(const struct order *order, const struct fuzzy_match *m, const uint32_t *customers,
                              uint64_t *merged, struct fault *fault) {
    struct match_run *run = order->run;
    struct run_log log = {&run->parts, run->background, 0};
    enum status status = STATUS_OK;
    double automatic = order->automatic;
    double least = automatic > 0 && automatic < 1 ? log2(automatic / (1 - automatic)) : INFINITY;
    struct arena arena = {0};
    for (size_t i = 0; i < m->pair_count && m->pairs[i].bits >= least && !status; i++) {
        const struct fuzzy_pair *p = &m->pairs[i];
        struct customer_id a = {customers[p->a]}, b = {customers[p->b]};
        bool sure = m->clusters[p->a] == m->clusters[p->b] && !match_rejected(&run->parts, a, b, &arena);
        if (sure)
            status = append_merge(&log, a, b, fault);
        *merged += sure && !status;
        arena_reset(&arena);
    }
    arena_release(&arena);
    run_settle(&log);
    return status;
}

/* Whether the last run's weights will do for these records; then `rules` become its own. */
static bool goes_on(const struct order *order, struct fuzzy_table *table, struct fuzzy_rules *rules) {
    const struct match_keep *k = order->run->keep;
    return k && !order->full && slice_is(slice_text(order->rules), k->asked) &&
           (double)table->record_count <= GROWTH_LEARN * (double)k->learnt_records &&
           fuzzy_rules_parse(slice_text(k->rules), table, rules, NULL) == STATUS_OK;
}

/* The table's records compared with each other, as far as they were not. */
static enum status compare(const struct order *order, struct fuzzy_table *table, uint32_t *customers,
                           struct match_keep **keep, struct fault *fault) {
    struct match_run *run = order->run;
    struct fuzzy_options options = {
        .workers = 2, .run = workers_run, .progress = tell_progress, .progress_context = run};
    struct fuzzy_rules *rules = memory_get(1, sizeof *rules);
    struct fuzzy_match m = {0};
    struct match_since since = {.fresh = table->record_count};
    enum status status = STATUS_OK;
    bool on = goes_on(order, table, rules);
    if (on) {
        match_since_init(&since, run->keep, table, rules, customers);
        options.before = &since.before;
    } else {
        status = fuzzy_rules_parse(slice_text(order->rules), table, rules, fault);
    }
    if (!status)
        status = fuzzy_match_run(table, rules, &options, &m, fault);
    if (!status) {
        uint64_t merged = 0;
        status = merge_sure(order, &m, customers, &merged, fault);
        struct match_keep *k = *keep = match_keep_take(&m, table, customers, slice_text(order->rules));
        k->merged = merged;
        k->compared = m.compared_count;
        k->fresh = since.fresh;
        k->learnt = !on;
        k->learnt_records = on ? run->keep->learnt_records : table->record_count;
    }
    fuzzy_match_release(&m);
    match_since_release(&since);
    free(rules);
    return status;
}

static void order_free(struct order *order) {
    free(order->rules);
    free(order);
}

/* What a run made takes the place of the last one's, in memory and on disk. */
static enum status hold_on(struct order *order, struct match_keep *keep, struct fault *fault) {
    struct match_run *run = order->run;
    keep->started_ms = order->started_ms;
    keep->ended_ms = os_now_ms(run->parts.os);
    enum status status = match_keep_write(keep, run->parts.os, run->path, fault);
    pthread_mutex_lock(&run->lock);
    struct match_keep *old = run->keep;
    run->keep = keep;
    run->fault[0] = 0;
    pthread_mutex_unlock(&run->lock);
    match_keep_free(old);
    return status; /* not written, it holds until the next restart all the same, and the state says why */
}

static enum status run_work(void *context, struct fault *fault) {
    struct order *order = context;
    struct fuzzy_table table = {0};
    struct match_keep *keep = NULL;
    uint32_t *customers = NULL;
    bool whole = read_everybody(order->run, &table, &customers);
    enum status status = whole ? STATUS_OK : background_checked(order->run->background, fault);
    if (!status)
        status = compare(order, &table, customers, &keep, fault);
    if (keep) { /* found, even where not all of it could be merged */
        enum status held = hold_on(order, keep, status ? NULL : fault);
        status = status ? status : held;
    } else {
        free(customers);
    }
    fuzzy_table_release(&table);
    order_free(order);
    return status;
}

enum status match_run_start(struct match_run *run, struct slice rules, double automatic, bool full,
                            struct fault *fault) {
    struct order *order = memory_get(1, sizeof *order);
    *order =
        (struct order){run, memory_text(rules.size ? rules : SLICE("{}")), automatic, full, os_now_ms(run->parts.os)};
    pthread_mutex_lock(&run->lock);
    look(run);
    pthread_mutex_unlock(&run->lock);
    enum status status = background_start(run->background, run_work, order, fault);
    if (status)
        order_free(order);
    return status;
}

void match_run_state(struct match_run *run, struct match_state *out) {
    struct background_state state;
    background_state(run->background, &state);
    *out = (struct match_state){.running = state.running,
                                .progress = state.progress,
                                .started_ms = state.started_ms,
                                .ended_ms = state.ended_ms};
    pthread_mutex_lock(&run->lock);
    look(run);
    memcpy(out->fault, state.fault[0] ? state.fault : run->fault, sizeof out->fault);
    const struct match_keep *k = run->keep;
    if (k) {
        out->done = true;
        out->customers = k->record_count;
        out->compared = k->compared;
        out->pairs = k->pair_count;
        out->merged = k->merged;
        out->fresh = k->fresh;
        out->learnt = k->learnt;
        if (!state.started_ms) {
            out->started_ms = k->started_ms;
            out->ended_ms = k->ended_ms;
        }
    }
    pthread_mutex_unlock(&run->lock);
}

void match_run_pairs(struct match_run *run, double least, bool rejected,
                     bool (*each)(void *context, const struct match_pair *pair), void *context) {
    struct arena arena = {0};
    bool more = true;
    double least_bits = log2(least / (1 - least));
    pthread_mutex_lock(&run->lock);
    look(run);
    const struct match_keep *k = run->keep;
    for (size_t i = 0; k && more && i < k->shown_count && k->pairs[i].bits >= least_bits; i++) {
        const struct fuzzy_pair *p = &k->pairs[i];
        struct match_pair pair = {.a = identity_redirect(run->parts.identity, (struct customer_id){k->customers[p->a]}),
                                  .b = identity_redirect(run->parts.identity, (struct customer_id){k->customers[p->b]}),
                                  .probability = fuzzy_probability(p->bits),
                                  .number = i};
        if (pair.a.number == pair.b.number || !pair.a.number || !pair.b.number)
            continue;
        pair.rejected = match_rejected(&run->parts, pair.a, pair.b, &arena);
        arena_reset(&arena);
        if (!pair.rejected || rejected)
            more = each(context, &pair);
    }
    pthread_mutex_unlock(&run->lock);
    arena_release(&arena);
}

/* --- explaining --- */

/* A field's value as the customer has it now: its columns, by blanks. */
static void show_value(struct json_writer *w, const char *key, struct fuzzy_table *values, const struct match_keep *k,
                       const struct fuzzy_field_rule *f, size_t record) {
    struct buffer text = {0};
    for (size_t c = 0; c < f->column_count; c++) {
        const struct fuzzy_column *column = fuzzy_table_find(values, slice_text(k->schema.columns[f->columns[c]].name));
        struct slice part = column ? fuzzy_table_text(column, record) : SLICE_NONE;
        if (part.size && text.size)
            buffer_add_char(&text, ' ');
        buffer_add_slice(&text, part);
    }
    json_member_text(w, key, buffer_slice(&text));
    buffer_release(&text);
}

static void show_field(struct json_writer *w, struct fuzzy_table *values, const struct match_keep *k, size_t pair,
                       size_t field) {
    const struct fuzzy_field_rule *f = &k->parsed.fields[field];
    unsigned level = fuzzy_pattern_level(k->pairs[pair].pattern, field);
    json_object(w);
    json_member_cstring(w, "field", f->name);
    show_value(w, "a", values, k, f, 0);
    show_value(w, "b", values, k, f, 1);
    json_member_cstring(w, "level", level == FUZZY_LEVEL_NONE ? "no evidence" : fuzzy_level_word(f->comparator, level));
    json_member_real(w, "bits", k->field_bits[pair * k->parsed.field_count + field] / 100.0);
    json_end_object(w);
}

void match_run_explain(struct match_run *run, const struct match_pair *pair, struct json_writer *w) {
    const struct match_keep *k = run->keep;
    struct fuzzy_table values = {0};
    struct arena arena = {0};
    struct reading r = reading_of(&run->parts, &values);
    for (int side = 0; side < 2; side++) {
        r.record = fuzzy_table_record(&values, 0);
        read_customer(&r, side ? pair->b : pair->a, &arena);
    }
    arena_release(&arena);
    double bits = k->pairs[pair->number].bits;
    json_object(w);
    json_member_real(w, "probability", round(fuzzy_probability(bits) * 1e6) / 1e6);
    json_member_real(w, "bits", round(bits * 100) / 100);
    json_member_real(w, "prior_bits", round(fuzzy_prior(&k->weights) * 100) / 100);
    json_key(w, "fields");
    json_array(w);
    for (size_t f = 0; f < k->parsed.field_count; f++)
        show_field(w, &values, k, pair->number, f);
    json_end_array(w);
    json_end_object(w);
    fuzzy_table_release(&values);
}
