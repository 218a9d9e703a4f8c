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
#include "serve/review.h"

struct result {
    struct fuzzy_table table;
    struct fuzzy_match match;
    uint32_t *customers; /* [record] */
    uint64_t merged;
};

struct match_run {
    struct serve_parts parts;
    struct background *background;
    pthread_mutex_t lock;    /* of `last` and `result` */
    struct match_state last; /* of the last run that ended well */
    struct result *result;   /* likewise, or NULL */
};

/* What a run was asked for; the run's. */
struct order {
    struct match_run *run;
    char *rules;
    double automatic;
};

struct match_run *match_run_create(const struct serve_parts *parts) {
    struct match_run *run = memory_get(1, sizeof *run);
    run->parts = *parts;
    run->background = background_create(parts->os, "GET /v1/identity/matches");
    pthread_mutex_init(&run->lock, NULL);
    return run;
}

static void result_free(struct result *r) {
    if (!r)
        return;
    fuzzy_match_release(&r->match);
    fuzzy_table_release(&r->table);
    free(r->customers);
    free(r);
}

void match_run_close(struct match_run *run) {
    if (run)
        background_close(run->background);
}

void match_run_free(struct match_run *run) {
    if (!run)
        return;
    background_free(run->background);
    result_free(run->result);
    pthread_mutex_destroy(&run->lock);
    free(run);
}

/* --- reading everybody --- */

struct reading {
    struct match_run *run;
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
    const struct serve_parts *parts = &r->run->parts;
    const struct namespace *n = dictionary_namespace_at(parts->dictionary, identity_namespace(parts->identity, id));
    if (n && (slice_is(n->name, "phone") || slice_is(n->name, "email")))
        set_value(r, n->name, identity_value(parts->identity, id));
}

static bool read_everybody(struct match_run *run, struct result *result) {
    const struct serve_parts *parts = &run->parts;
    struct identity_counters counters;
    struct arena arena = {0};
    struct reading r = {
        .run = run, .table = &result->table, .type = dictionary_type_at(parts->dictionary, DICTIONARY_CUSTOMER)};
    identity_counters_read(parts->identity, &counters);
    result->customers = memory_get(counters.created + 1, sizeof *result->customers);
    for (uint64_t first = 0; first <= counters.created && !background_cancelled(run->background); first += 64) {
        uint64_t bits;
        identity_population(parts->identity, (uint32_t)first, 1, &bits);
        for (; bits; bits &= bits - 1) {
            struct customer_id customer = {(uint32_t)(first + (uint64_t)__builtin_ctzll(bits))};
            if (customer.number > counters.created)
                break;
            r.record = fuzzy_table_record(&result->table, 0);
            result->customers[r.record] = customer.number;
            struct history_hold hold = history_enter(parts->history);
            history_attributes(parts->history, customer, &arena, read_attribute, &r);
            history_leave(parts->history, hold);
            identity_identifiers(parts->identity, customer, 20, read_identifier, &r);
            arena_reset(&arena);
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

static enum status append_merge(struct match_run *run, struct customer_id a, struct customer_id b) {
    char one[ONEID_BYTES + 1], two[ONEID_BYTES + 1], text[128];
    oneid_format(a, one);
    oneid_format(b, two);
    int size = snprintf(text, sizeof text, "{\"command\":\"merge\",\"customer\":\"%s\",\"other\":\"%s\"}", one, two);
    struct log_record record = {
        .received_ms = os_now_ms(run->parts.os), .kind = LOG_COMMAND, .payload = slice_of(text, (size_t)size)};
    return log_append(run->parts.log, &record, 1, NULL);
}

/* Merges what is as sure as was asked for, within clusters and not against what people said. */
static void merge_sure(struct match_run *run, struct result *r, double automatic) {
    double least = automatic > 0 && automatic < 1 ? log2(automatic / (1 - automatic)) : INFINITY;
    struct arena arena = {0};
    for (size_t i = 0; i < r->match.pair_count && r->match.pairs[i].bits >= least; i++) {
        const struct fuzzy_pair *p = &r->match.pairs[i];
        struct customer_id a = {r->customers[p->a]}, b = {r->customers[p->b]};
        if (r->match.clusters[p->a] == r->match.clusters[p->b] && !match_rejected(&run->parts, a, b, &arena))
            r->merged += append_merge(run, a, b) == STATUS_OK;
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void keep_result(struct match_run *run, struct result *r) {
    pthread_mutex_lock(&run->lock);
    result_free(run->result);
    run->result = r;
    run->last = (struct match_state){.done = true,
                                     .customers = r->table.record_count,
                                     .compared = r->match.compared_count,
                                     .pairs = r->match.pair_count,
                                     .merged = r->merged};
    pthread_mutex_unlock(&run->lock);
}

static enum status match_everybody(struct match_run *run, const struct order *order, struct result *r,
                                   struct fault *fault) {
    struct fuzzy_options options = {
        .workers = 2, .run = workers_run, .progress = tell_progress, .progress_context = run};
    struct fuzzy_rules *rules = memory_get(1, sizeof *rules);
    enum status status = STATUS_OK;
    if (!read_everybody(run, r))
        status = background_checked(run->background, fault);
    if (!status)
        status = fuzzy_rules_parse(slice_text(order->rules), &r->table, rules, fault);
    if (!status)
        status = fuzzy_match_run(&r->table, rules, &options, &r->match, fault);
    if (!status)
        merge_sure(run, r, order->automatic);
    free(rules);
    return status;
}

static void order_free(struct order *order) {
    free(order->rules);
    free(order);
}

static enum status run_work(void *context, struct fault *fault) {
    struct order *order = context;
    struct result *r = memory_get(1, sizeof *r);
    enum status status = match_everybody(order->run, order, r, fault);
    if (!status)
        keep_result(order->run, r);
    else
        result_free(r);
    order_free(order);
    return status;
}

enum status match_run_start(struct match_run *run, struct slice rules, double automatic, struct fault *fault) {
    struct order *order = memory_get(1, sizeof *order);
    *order = (struct order){run, memory_text(rules.size ? rules : SLICE("{}")), automatic};
    enum status status = background_start(run->background, run_work, order, fault);
    if (status)
        order_free(order);
    return status;
}

void match_run_state(struct match_run *run, struct match_state *out) {
    struct background_state state;
    background_state(run->background, &state);
    pthread_mutex_lock(&run->lock);
    *out = run->last;
    pthread_mutex_unlock(&run->lock);
    out->running = state.running;
    out->progress = state.progress;
    out->started_ms = state.started_ms;
    out->ended_ms = state.ended_ms;
    memcpy(out->fault, state.fault, sizeof out->fault);
}

void match_run_pairs(struct match_run *run, double least, bool rejected,
                     bool (*each)(void *context, const struct match_pair *pair), void *context) {
    struct arena arena = {0};
    bool more = true;
    double least_bits = log2(least / (1 - least));
    pthread_mutex_lock(&run->lock);
    struct result *r = run->result;
    for (size_t i = 0; r && more && i < r->match.pair_count && r->match.pairs[i].bits >= least_bits; i++) {
        const struct fuzzy_pair *p = &r->match.pairs[i];
        struct match_pair pair = {.a = identity_redirect(run->parts.identity, (struct customer_id){r->customers[p->a]}),
                                  .b = identity_redirect(run->parts.identity, (struct customer_id){r->customers[p->b]}),
                                  .probability = fuzzy_probability(p->bits),
                                  .record_a = p->a,
                                  .record_b = p->b};
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

void match_run_explain(struct match_run *run, const struct match_pair *pair, struct json_writer *w) {
    fuzzy_match_explain(&run->result->match, pair->record_a, pair->record_b, w);
}
