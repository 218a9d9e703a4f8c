/* api_language: the language over HTTP: check, complete, hover and format while somebody writes; count, sample, explain and overlap over
 * everybody, on clerks and bounded (queries.h). */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "serve/expression.h"
#include "serve/queries.h"

void api_query(struct call *call);
void api_query_check(struct call *call);
void api_query_explain(struct call *call);
void api_query_complete(struct call *call);
void api_query_hover(struct call *call);
void api_query_format(struct call *call);
void api_query_overlap(struct call *call);

#define SAMPLE_MAX 200
#define OVERLAP_MAX 4
#define WIDTH_DEFAULT 100

/* --- while writing --- */

static const char *dependency_name(enum dependency_kind kind) {
    static const char *const names[] = {
        [DEPENDS_TYPE] = "type",      [DEPENDS_ATTRIBUTE] = "attribute", [DEPENDS_MASTER] = "master",
        [DEPENDS_SET] = "set",        [DEPENDS_ANY_EVENT] = "any event", [DEPENDS_TIME] = "time",
        [DEPENDS_RELATED] = "related"};
    return names[kind];
}

struct dependencies {
    struct call *call;
    const struct audience_snapshot *snapshot;
};

/* The name of what a dependency means; empty where its kind says it all. */
static struct slice dependency_of(const struct dependencies *d, const struct dependency *dependency) {
    const struct dictionary *dictionary = d->call->parts->dictionary;
    struct audience_entry entry;
    switch (dependency->kind) {
    case DEPENDS_ATTRIBUTE: {
        const struct property *p =
            dictionary_property_at(dictionary_type_at(dictionary, DICTIONARY_CUSTOMER), (uint16_t)dependency->number);
        return p ? p->name : SLICE_NONE;
    }
    case DEPENDS_TYPE:
    case DEPENDS_MASTER:
    case DEPENDS_RELATED:
        return dictionary_type_at(dictionary, (uint16_t)dependency->number)->name;
    case DEPENDS_SET:
        return audience_find_number(d->snapshot, dependency->number, &entry) ? entry.name : SLICE_NONE;
    case DEPENDS_ANY_EVENT:
    case DEPENDS_TIME:
        break;
    }
    return SLICE_NONE;
}

static void write_dependency(void *context, const struct dependency *dependency) {
    struct dependencies *d = context;
    struct json_writer *w = &d->call->json;
    struct slice name = dependency_of(d, dependency);
    json_object(w);
    json_member_cstring(w, "on", dependency_name(dependency->kind));
    if (name.size)
        json_member_text(w, "name", name);
    if (dependency->over)
        json_member_text(w, "over", dictionary_type_at(d->call->parts->dictionary, dependency->over)->name);
    json_end_object(w);
}

static void write_dependencies(struct call *call, const struct audience_snapshot *snapshot, const struct node *root) {
    struct dependencies d = {call, snapshot};
    json_key(&call->json, "depends");
    json_array(&call->json);
    check_dependencies(root, write_dependency, &d);
    json_end_array(&call->json);
}

/* Characters before byte `at` of UTF-8. */
static int64_t characters(struct slice text, uint32_t at) {
    int64_t count = 0;
    for (size_t i = 0; i < at && i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static void write_error(struct call *call, const struct json *expression, enum status status, const struct fault *fault,
                        uint32_t place) {
    struct json_writer *w = &call->json;
    json_member_bool(w, "valid", false);
    json_key(w, "error");
    json_object(w);
    json_member_cstring(w, "code", status_name(status));
    json_member_cstring(w, "message", fault->text);
    if (place != UINT32_MAX && expression && expression->kind == JSON_TEXT) {
        json_member_integer(w, "place", place);
        json_member_integer(w, "character", characters(expression->text, place) + 1);
    }
    json_end_object(w);
}

static bool wants_condition(struct call *call, const struct json *body) {
    return slice_is(json_get_text(call->bench->parser, body, "expect"), "condition");
}

/* The answer is 200 either way: a text half written is no failed call. */
void api_query_check(struct call *call) {
    const struct json *body = call_body(call);
    struct audience_snapshot *snapshot = body ? expression_snapshot(call) : NULL;
    if (snapshot == NULL)
        return;
    struct fault fault = {0};
    struct node *root;
    uint32_t place;
    const struct json *expression = json_get(call->bench->parser, body, "expression");
    enum status status = expression_read(call, snapshot, expression,
                                         wants_condition(call, body) ? TERM_BOOL : TERM_NONE, &root, &fault, &place);
    json_object(&call->json);
    if (status == STATUS_OK) {
        json_member_bool(&call->json, "valid", true);
        expression_write(call, root);
        write_dependencies(call, snapshot, root);
    } else {
        write_error(call, expression, status, &fault, place);
    }
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}

/* "at" of the body: a byte, or with "characters": true a character; where it is missing, the end. */
static uint32_t place_of(struct call *call, const struct json *body, struct slice text) {
    int64_t at = json_get_integer(call->bench->parser, body, "at", INT64_MAX), byte = 0;
    if (!json_get_bool(call->bench->parser, body, "characters", false))
        return at < 0 ? 0 : at < (int64_t)text.size ? (uint32_t)at : (uint32_t)text.size;
    while (byte < (int64_t)text.size && characters(text, (uint32_t)byte + 1) <= at)
        byte++;
    return (uint32_t)byte;
}

static void at_place(struct call *call, bool hover) {
    const struct json *body = call_body(call);
    struct audience_snapshot *snapshot = body ? expression_snapshot(call) : NULL;
    if (snapshot == NULL)
        return;
    struct slice text = json_get_text(call->bench->parser, body, "expression");
    int64_t limit = json_get_integer(call->bench->parser, body, "limit", 30);
    if (text.size > TREE_TEXT_BYTES_MAX) {
        call_fail_text(call, STATUS_TOO_LARGE, "an expression has at most %d bytes", TREE_TEXT_BYTES_MAX);
    } else {
        json_object(&call->json);
        json_key(&call->json, hover ? "hover" : "suggestions");
        if (hover)
            check_hover(audience_vocabulary(snapshot), text, place_of(call, body, text), &call->json);
        else
            check_complete(audience_vocabulary(snapshot), text, place_of(call, body, text),
                           limit < 1     ? 1
                           : limit > 200 ? 200
                                         : (size_t)limit,
                           &call->json);
        json_end_object(&call->json);
    }
    audience_snapshot_release(snapshot);
}

void api_query_complete(struct call *call) { at_place(call, false); }
void api_query_hover(struct call *call) { at_place(call, true); }

/* Needs no names: it parses alone, so that it works on what is not defined yet. */
void api_query_format(struct call *call) {
    const struct json *body = call_body(call);
    struct fault fault = {0};
    struct node *root = NULL;
    if (body == NULL)
        return;
    const struct json *expression = json_get(call->bench->parser, body, "expression");
    int64_t width = json_get_integer(call->bench->parser, body, "width", WIDTH_DEFAULT);
    enum status status = STATUS_INVALID;
    if (expression && expression->kind == JSON_TEXT)
        status = tree_parse(expression->text, &call->bench->arena, &root, &fault, NULL);
    else if (expression && expression->kind == JSON_OBJECT)
        status = tree_read_json(call->bench->parser, expression, &call->bench->arena, &root, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return;
    }
    struct buffer text = {0};
    json_object(&call->json);
    tree_format(root, &text);
    json_member_text(&call->json, "expression", buffer_slice(&text));
    buffer_clear(&text);
    tree_format_wide(root, width < 20 ? 20 : width > 1000 ? 1000 : (unsigned)width, &text);
    json_member_text(&call->json, "formatted", buffer_slice(&text));
    json_key(&call->json, "tree");
    tree_write_json(root, &call->json);
    json_end_object(&call->json);
    buffer_release(&text);
}

/* --- over everybody --- */

/* A query under way: what is asked, and what it needs; filled by open_query. */
struct asked {
    struct audience_snapshot *snapshot;
    struct node *root;
    struct plan *plan;
    struct outside outside;
    struct query query;
    int64_t now_ms;
};

static void close_asked(struct call *call, struct asked *asked) {
    if (asked->plan) {
        query_end(call, &asked->query);
        plan_free(asked->plan);
    }
    if (asked->snapshot)
        audience_snapshot_release(asked->snapshot);
}

static bool plan_asked(struct call *call, struct asked *asked) {
    struct fault fault = {0};
    const struct node *root = asked->root;
    enum status status = plan_create(audience_vocabulary(asked->snapshot), &root, 1, &asked->plan, &fault);
    if (status != STATUS_OK) {
        asked->plan = NULL;
        call_fail(call, status, &fault);
        return false;
    }
    audience_outside(call->parts->audience, &asked->outside);
    asked->now_ms = os_now_ms(call->parts->os);
    if (query_begin(call, &asked->query))
        return true;
    plan_free(asked->plan);
    asked->plan = NULL;
    return false;
}

static bool open_asked(struct call *call, const struct json *body, enum term_type expected, struct asked *asked) {
    *asked = (struct asked){.snapshot = expression_snapshot(call)};
    if (asked->snapshot == NULL)
        return false;
    asked->root = expression_member(call, asked->snapshot, body, "expression", expected);
    return asked->root && plan_asked(call, asked);
}

static void write_effort(struct call *call, const struct plan_answer *answer) {
    struct json_writer *w = &call->json;
    json_member_integer(w, "population", (int64_t)answer->population);
    json_member_real(w, "elapsed_ms", (double)(answer->elapsed_ns / 1000) / 1000);
    json_member_integer(w, "rows", (int64_t)answer->rows);
    json_member_integer(w, "bytes", (int64_t)answer->bytes);
}

/* Members spread over the spans that have any, so that a sample is not the oldest customers alone. */
static size_t take_sample(const struct plan_answer *answer, struct customer_id *sample, size_t limit) {
    uint64_t step = limit && answer->count > limit ? answer->count / limit : 1, seen = 0, next = 0;
    size_t taken = 0;
    for (uint32_t span = 0; span < answer->span_count && taken < limit; span++) {
        for (uint32_t word = 0; word < SPAN_CUSTOMERS / 64 && taken < limit; word++) {
            for (uint64_t bits = answer->bits[span][word]; bits && taken < limit; bits &= bits - 1) {
                if (seen++ != next)
                    continue;
                next += step;
                sample[taken++].number = span * SPAN_CUSTOMERS + word * 64 + (unsigned)__builtin_ctzll(bits);
            }
        }
    }
    return taken;
}

static void write_sample(struct call *call, struct columns *columns, const struct customer_id *sample, size_t count) {
    json_key(&call->json, "sample");
    json_array(&call->json);
    for (size_t i = 0; i < count; i++)
        expression_write_customer(call, columns, sample[i]);
    json_end_array(&call->json);
}

static void count_members(struct call *call, struct asked *asked, struct columns *columns, size_t limit) {
    struct customer_id sample[SAMPLE_MAX];
    struct plan_answer answer = {0};
    enum status status =
        plan_run(asked->plan, 0, &asked->outside, asked->now_ms, query_workers(), &asked->query.stop, &answer);
    if (status != STATUS_OK) {
        query_fail_stopped(call, QUERY_EXPLAIN);
        return;
    }
    json_member_integer(&call->json, "count", (int64_t)answer.count);
    write_effort(call, &answer);
    write_sample(call, columns, sample, take_sample(&answer, sample, limit));
    plan_answer_release(&answer);
}

/* What values of any other type come to. */
struct tally {
    struct asked *asked;
    uint64_t population, present;
    double sum, least, most;
    struct customer_id sample[SAMPLE_MAX];
    size_t sampled, limit;
};

static bool tally_value(void *context, struct customer_id customer, const struct term_value *value) {
    struct tally *t = context;
    t->population++;
    if (value->type == TERM_NONE)
        return !atomic_load_explicit(&t->asked->query.stop, memory_order_relaxed);
    if (value->type == TERM_NUMBER) {
        double number = value->scale == UINT8_MAX ? value->real : decimal_real(value->integer, value->scale);
        t->sum += number;
        t->least = t->present == 0 || number < t->least ? number : t->least;
        t->most = t->present == 0 || number > t->most ? number : t->most;
    }
    t->present++;
    if (t->sampled < t->limit)
        t->sample[t->sampled++] = customer;
    return !atomic_load_explicit(&t->asked->query.stop, memory_order_relaxed);
}

static void tally_values(struct call *call, struct asked *asked, struct columns *columns, size_t limit) {
    struct tally *t = arena_get(&call->bench->arena, sizeof *t);
    uint64_t began = os_monotonic_ns(call->parts->os);
    *t = (struct tally){.asked = asked, .limit = limit};
    plan_each(asked->plan, 0, &asked->outside, asked->now_ms, tally_value, t);
    if (atomic_load(&asked->query.stop)) {
        query_fail_stopped(call, QUERY_EXPLAIN);
        return;
    }
    struct json_writer *w = &call->json;
    json_member_integer(w, "count", (int64_t)t->present);
    json_member_integer(w, "population", (int64_t)t->population);
    json_member_real(w, "elapsed_ms", (double)((os_monotonic_ns(call->parts->os) - began) / 1000) / 1000);
    if (asked->root->type == TERM_NUMBER && t->present) {
        json_member_real(w, "least", t->least);
        json_member_real(w, "most", t->most);
        json_member_real(w, "mean", t->sum / (double)t->present);
    }
    write_sample(call, columns, t->sample, t->sampled);
}

/* Of a value that is no condition, the value itself is a column, unless columns were asked for. */
static bool open_columns(struct call *call, struct asked *asked, const struct json *body, struct columns *columns) {
    const struct json *values = json_get(call->bench->parser, body, "values");
    if (values || asked->root->type == TERM_BOOL)
        return columns_of_json(call, asked->snapshot, values, columns);
    struct buffer text = {0};
    tree_format(asked->root, &text);
    *columns = (struct columns){0};
    struct fault fault = {0};
    const struct node *root = asked->root;
    columns->names[0] = arena_copy(&call->bench->arena, buffer_slice(&text));
    buffer_release(&text);
    if (plan_create(audience_vocabulary(asked->snapshot), &root, 1, &columns->plan, &fault) != STATUS_OK) {
        columns->plan = NULL;
        call_fail(call, STATUS_TOO_LARGE, &fault);
        return false;
    }
    columns->count = 1;
    columns->now_ms = asked->now_ms;
    columns->evaluator = evaluator_create(columns->plan, &asked->outside);
    return true;
}

void api_query(struct call *call) {
    const struct json *body = call_body(call);
    struct asked asked;
    struct columns columns = {0};
    if (body == NULL)
        return;
    int64_t limit = json_get_integer(call->bench->parser, body, "limit", 10);
    size_t sample = limit < 0 ? 0 : limit > SAMPLE_MAX ? SAMPLE_MAX : (size_t)limit;
    if (open_asked(call, body, TERM_NONE, &asked) && open_columns(call, &asked, body, &columns)) {
        json_object(&call->json);
        if (asked.root->type == TERM_BOOL)
            count_members(call, &asked, &columns, sample);
        else
            tally_values(call, &asked, &columns, sample);
        if (!call->failed) {
            expression_write(call, asked.root);
            json_end_object(&call->json);
        }
    }
    columns_release(&columns);
    close_asked(call, &asked);
}

void api_query_explain(struct call *call) {
    const struct json *body = call_body(call);
    struct asked asked;
    if (body == NULL)
        return;
    if (open_asked(call, body, TERM_NONE, &asked)) {
        json_object(&call->json);
        expression_write(call, asked.root);
        json_key(&call->json, "plan");
        plan_explain(asked.plan, 0, &asked.outside, asked.now_ms, &call->json);
        json_end_object(&call->json);
    }
    close_asked(call, &asked);
}

/* --- overlap --- */

struct overlap {
    struct slice names[OVERLAP_MAX];
    uint32_t segments[OVERLAP_MAX];
    const struct node *roots[OVERLAP_MAX];
    size_t count;
    bool all_stored;
    uint64_t counts[16]; /* by mask of who is in exactly those */
    uint64_t population;
};

static bool read_overlap_one(struct call *call, const struct audience_snapshot *snapshot, const struct json *one,
                             struct overlap *o) {
    struct fault fault = {0};
    struct audience_entry entry;
    struct node *root;
    uint32_t place;
    size_t i = o->count++;
    if (one->kind == JSON_TEXT && audience_find(snapshot, DEFINITION_SEGMENT, one->text, &entry)) {
        o->names[i] = entry.name;
        o->segments[i] = entry.number;
        o->roots[i] = expression_of_name(call, snapshot, DEFINITION_SEGMENT, entry.name);
        return o->roots[i] != NULL;
    }
    enum status status = expression_read(call, snapshot, one, TERM_BOOL, &root, &fault, &place);
    if (status != STATUS_OK) {
        call_fail_text(call, status, "number %zu is no segment's name, and as an expression: %s", i + 1, fault.text);
        return false;
    }
    struct buffer text = {0};
    tree_format(root, &text);
    o->names[i] = arena_copy(&call->bench->arena, buffer_slice(&text));
    buffer_release(&text);
    o->roots[i] = root;
    o->all_stored = false;
    return true;
}

static bool read_overlap(struct call *call, const struct audience_snapshot *snapshot, const struct json *body,
                         struct overlap *o) {
    struct json_parser *p = call->bench->parser;
    const struct json *of = json_get(p, body, "of");
    *o = (struct overlap){.all_stored = true};
    if (of == NULL || of->kind != JSON_ARRAY || of->count < 2 || of->count > OVERLAP_MAX) {
        call_fail_text(call, STATUS_INVALID, "\"of\" must be a list of two to four segments' names or conditions");
        return false;
    }
    for (const struct json *one = json_first(p, of); one; one = json_next(p, one)) {
        if (!read_overlap_one(call, snapshot, one, o))
            return false;
    }
    return true;
}

/* Bits of every condition side by side: counts by who is in exactly which. */
static void count_regions(struct overlap *o, const struct plan_answer *answers) {
    for (uint32_t span = 0; span < answers[0].span_count; span++) {
        for (uint32_t word = 0; word < SPAN_CUSTOMERS / 64; word++) {
            for (unsigned mask = 1; mask < 1u << o->count; mask++) {
                uint64_t bits = ~UINT64_C(0);
                for (size_t i = 0; i < o->count; i++) {
                    uint64_t own = span < answers[i].span_count ? answers[i].bits[span][word] : 0;
                    bits &= mask >> i & 1 ? own : ~own;
                }
                o->counts[mask] += (uint64_t)__builtin_popcountll(bits);
            }
        }
    }
}

/* All conditions in one plan, so that they share what they have in common. */
static bool run_overlap(struct call *call, const struct audience_snapshot *snapshot, struct overlap *o) {
    struct fault fault = {0};
    struct plan *plan;
    struct outside outside;
    struct query query;
    struct plan_answer answers[OVERLAP_MAX] = {{0}};
    int64_t now_ms = os_now_ms(call->parts->os);
    enum status status = plan_create(audience_vocabulary(snapshot), o->roots, o->count, &plan, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return false;
    }
    audience_outside(call->parts->audience, &outside);
    bool begun = query_begin(call, &query);
    for (size_t i = 0; begun && !call->failed && i < o->count; i++) {
        if (plan_run(plan, i, &outside, now_ms, query_workers(), &query.stop, &answers[i]) != STATUS_OK)
            query_fail_stopped(call, QUERY_EXPLAIN);
    }
    if (begun)
        query_end(call, &query);
    if (!call->failed) {
        count_regions(o, answers);
        o->population = answers[0].population;
    }
    for (size_t i = 0; i < o->count; i++)
        plan_answer_release(&answers[i]);
    plan_free(plan);
    return !call->failed;
}

static void write_region(struct call *call, const struct overlap *o, unsigned mask) {
    struct json_writer *w = &call->json;
    json_object(w);
    json_key(w, "in");
    json_array(w);
    for (size_t i = 0; i < o->count; i++) {
        if (mask >> i & 1)
            json_integer(w, (int64_t)i);
    }
    json_end_array(w);
    json_member_integer(w, "count", (int64_t)o->counts[mask]);
    json_end_object(w);
}

static void write_overlap(struct call *call, const struct overlap *o) {
    struct json_writer *w = &call->json;
    uint64_t all = 0;
    json_object(w);
    json_key(w, "of");
    json_array(w);
    for (size_t i = 0; i < o->count; i++) {
        uint64_t count = 0;
        for (unsigned mask = 1; mask < 1u << o->count; mask++)
            count += mask >> i & 1 ? o->counts[mask] : 0;
        json_object(w);
        json_member_text(w, "name", o->names[i]);
        json_member_integer(w, "count", (int64_t)count);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "regions");
    json_array(w);
    for (unsigned mask = 1; mask < 1u << o->count; mask++) {
        all += o->counts[mask];
        write_region(call, o, mask);
    }
    json_end_array(w);
    json_member_integer(w, "union", (int64_t)all);
    json_member_integer(w, "intersection", (int64_t)o->counts[(1u << o->count) - 1]);
    if (!o->all_stored)
        json_member_integer(w, "population", (int64_t)o->population);
    json_end_object(w);
}

void api_query_overlap(struct call *call) {
    const struct json *body = call_body(call);
    struct audience_snapshot *snapshot = body ? expression_snapshot(call) : NULL;
    struct overlap o;
    if (snapshot == NULL)
        return;
    bool good = read_overlap(call, snapshot, body, &o);
    if (good && o.all_stored)
        audience_overlap(call->parts->audience, o.segments, o.count, o.counts);
    else if (good)
        good = run_overlap(call, snapshot, &o);
    if (good)
        write_overlap(call, &o);
    audience_snapshot_release(snapshot);
}
