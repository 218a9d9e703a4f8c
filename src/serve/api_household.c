/* api_household: customers who may live together: starting a run over everybody, the groups for review with their evidence, and what people
 * decide about them. A group is named by its customers, so a decision may be on fewer or more than were proposed. */
#include <math.h>
#include <stdio.h>

#include "base/time.h"
#include "identity/named.h"
#include "serve/household_run.h"
#include "serve/review.h"
#include "serve/serve_inside.h"
#include "serve/show.h"

void api_households(struct call *call);
void api_household_crowds(struct call *call);
void api_households_run(struct call *call);
void api_households_cancel(struct call *call);
void api_household_accept(struct call *call);
void api_household_reject(struct call *call);
void api_household_undo(struct call *call);

static const char *const state_names[] = {"open", "accepted", "rejected"};

/* --- the list --- */

struct listing {
    struct call *call;
    struct show show;
    int state; /* enum household_state, -1: all */
    double least;
    int64_t skip, left;
    bool more;
};

static void write_value(struct listing *l, const struct households *h, const struct household_key *key) {
    struct json_writer *w = &l->call->json;
    json_key(w, "value");
    if (key->identifier.number)
        json_text(w, identity_value(l->call->parts->identity, key->identifier));
    else
        json_text(w, households_text_of(h, key->text));
}

struct why {
    struct listing *l;
    const struct households *h;
    struct buffer sentence;
};

static void no_reason(void *context, const struct household_reason *reason) {
    (void)context;
    (void)reason;
}

static void take_reason(void *context, const struct household_reason *reason) {
    struct why *y = context;
    const struct household_kind *kind = household_kind(reason->evidence);
    struct json_writer *w = &y->l->call->json;
    char day[TIME_TEXT_BYTES];
    json_object(w);
    json_member_cstring(w, "kind", kind->word);
    json_member_cstring(w, "en", kind->en);
    json_member_cstring(w, "zh", kind->zh);
    write_value(y->l, y->h, &reason->key);
    if (reason->key.since_ms > 0)
        json_member_time(w, "since", reason->key.since_ms);
    json_member_integer(w, "customers", reason->count);
    json_member_real(w, "bits", round(reason->bits * 100) / 100);
    json_end_object(w);
    buffer_print(&y->sentence, "%s%s", y->sentence.size ? "; " : "", kind->en);
    if (reason->count > 2)
        buffer_print(&y->sentence, " (of %u)", reason->count);
    if (reason->key.since_ms > 0)
        buffer_print(&y->sentence, " since %.10s", (time_format(reason->key.since_ms, day), day));
}

/* Why two of the group. Nothing where nothing speaks for these two. */
static void write_pair(struct listing *l, const struct household_proposal *p, uint32_t a, uint32_t b) {
    struct json_writer *w = &l->call->json;
    struct household_score score;
    struct why y = {.l = l, .h = p->households};
    if (!households_explain(p->households, a, b, &score, no_reason, NULL))
        return;
    json_object(w);
    show_oneid(&l->show, "a", (struct customer_id){a});
    show_oneid(&l->show, "b", (struct customer_id){b});
    json_member_real(w, "probability", round(score.probability * 10000) / 10000);
    json_key(w, "evidence");
    json_array(w);
    (void)households_explain(p->households, a, b, &score, take_reason, &y);
    json_end_array(w);
    if (score.surnames_known) {
        json_member_bool(w, "same_surname", score.same_surname);
        json_member_real(w, "surname_bits", round(score.surname_bits * 100) / 100);
        if (score.same_surname)
            buffer_print(&y.sentence, "; same surname");
    }
    json_member_text(w, "because", buffer_slice(&y.sentence));
    json_end_object(w);
    buffer_release(&y.sentence);
}

static bool list_group(void *context, const struct household_proposal *p) {
    struct listing *l = context;
    struct json_writer *w = &l->call->json;
    const uint32_t *members = p->households->members + p->group->first;
    if ((l->state >= 0 && p->state != (enum household_state)l->state) ||
        (p->state == HOUSEHOLD_OPEN && (double)p->group->probability < l->least) || l->skip-- > 0)
        return true;
    if (l->left-- == 0) {
        l->more = true;
        return false;
    }
    json_object(w);
    json_key(w, "customers");
    json_array(w);
    for (uint32_t i = 0; i < p->count; i++) {
        char oneid[ONEID_BYTES + 1];
        oneid_format(p->members[i], oneid);
        json_cstring(w, oneid);
    }
    json_end_array(w);
    json_member_cstring(w, "state", state_names[p->state]);
    json_member_real(w, "probability", round((double)p->group->probability * 10000) / 10000);
    json_key(w, "pairs");
    json_array(w);
    for (uint32_t a = 0; a < p->group->count; a++)
        for (uint32_t b = a + 1; b < p->group->count; b++)
            write_pair(l, p, members[a], members[b]);
    json_end_array(w);
    json_end_object(w);
    return true;
}

static void write_state(struct call *call) {
    struct json_writer *w = &call->json;
    struct background_state state;
    struct household_run_summary s;
    background_state(household_run_background(call->serve->households), &state);
    household_run_summary(call->serve->households, &s);
    background_write(&state, w);
    json_key(w, "last_run");
    if (!s.done) {
        json_null(w);
        return;
    }
    json_object(w);
    json_member_time(w, "started", state.started_ms);
    json_member_time(w, "ended", state.ended_ms);
    json_member_integer(w, "position", (int64_t)s.position);
    json_member_integer(w, "customers", (int64_t)s.customers);
    json_member_integer(w, "pairs", (int64_t)s.pairs);
    json_member_integer(w, "proposed", (int64_t)s.proposed);
    json_member_integer(w, "accepted", (int64_t)s.accepted);
    json_member_integer(w, "crowds", (int64_t)s.crowds);
    json_member_integer(w, "rather_one_person", (int64_t)s.one_person);
    json_end_object(w);
}

static void end_list(struct call *call, bool more, int64_t next) {
    json_end_array(&call->json);
    json_key(&call->json, "next");
    if (more)
        json_integer(&call->json, next);
    else
        json_null(&call->json);
    json_end_object(&call->json);
}

/* The state that is asked for; false after failing the call. */
static bool read_state(struct call *call, int *state) {
    struct slice text = call_text(call, "state");
    *state = HOUSEHOLD_OPEN;
    if (!text.size)
        return true;
    for (*state = 0; *state < 3; ++*state)
        if (slice_is(text, state_names[*state]))
            return true;
    *state = -1;
    if (slice_is(text, "all"))
        return true;
    call_fail_text(call, STATUS_INVALID, "\"state\" is open, accepted, rejected or all");
    return false;
}

void api_households(struct call *call) {
    int64_t from, limit, percent;
    int state;
    if (!call_integer(call, "from", 0, 1000000000, 0, &from) || !call_integer(call, "limit", 1, 500, 50, &limit) ||
        !call_integer(call, "percent", 1, 99, 50, &percent) || !read_state(call, &state))
        return;
    struct listing l = {.call = call,
                        .show = {.parts = call->parts, .json = &call->json},
                        .state = state,
                        .least = (double)percent / 100,
                        .skip = from,
                        .left = limit};
    json_object(&call->json);
    write_state(call);
    json_key(&call->json, "households");
    json_array(&call->json);
    household_run_groups(call->serve->households, list_group, &l);
    end_list(call, l.more, from + limit);
}

static bool list_crowd(void *context, const struct households *h, const struct household_crowd *crowd) {
    struct listing *l = context;
    struct json_writer *w = &l->call->json;
    const struct household_kind *kind = household_kind((enum household_evidence)crowd->key.kind);
    if (l->skip-- > 0)
        return true;
    if (l->left-- == 0) {
        l->more = true;
        return false;
    }
    json_object(w);
    json_member_cstring(w, "kind", kind->word);
    write_value(l, h, &crowd->key);
    json_member_integer(w, "customers", crowd->count);
    json_member_cstring(w, "because", kind->why_not);
    json_end_object(w);
    return true;
}

void api_household_crowds(struct call *call) {
    int64_t from, limit;
    if (!call_integer(call, "from", 0, 1000000000, 0, &from) || !call_integer(call, "limit", 1, 500, 50, &limit))
        return;
    struct listing l = {.call = call, .skip = from, .left = limit};
    json_object(&call->json);
    json_key(&call->json, "crowds");
    json_array(&call->json);
    household_run_crowds(call->serve->households, list_crowd, &l);
    end_list(call, l.more, from + limit);
}

/* --- running --- */

static void answer_done(struct call *call) {
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_end_object(&call->json);
}

/* False after failing the call. */
static bool read_probability(struct call *call, const struct json *body, const char *name, double otherwise,
                             double *out) {
    const struct json *given = json_get(call->bench->parser, body, name);
    *out = otherwise;
    if (!given || given->kind == JSON_NULL)
        return true;
    *out = given->kind == JSON_REAL ? given->real : 0;
    if (*out >= 0.05 && *out < 1)
        return true;
    call_fail_text(call, STATUS_INVALID, "\"%s\" is a probability from 0.05 to below 1", name);
    return false;
}

void api_households_run(struct call *call) {
    const struct json *body = call_body(call);
    struct fault fault = {0};
    double least, automatic;
    if (!body || !read_probability(call, body, "least", 0.5, &least) ||
        !read_probability(call, body, "automatic", 0, &automatic))
        return;
    enum status status = household_run_start(call->serve->households, least, automatic, &fault);
    if (status)
        call_fail(call, status, &fault);
    else
        answer_done(call);
}

void api_households_cancel(struct call *call) {
    if (background_cancel(household_run_background(call->serve->households)))
        answer_done(call);
    else
        call_fail_text(call, STATUS_NOT_FOUND, "nothing runs");
}

/* --- decisions --- */

struct set {
    struct customer_id members[HOUSEHOLD_MAX];
    uint32_t count;
};

static bool add_member(struct call *call, const struct json *id, struct set *set) {
    struct named named;
    struct fault fault = {0};
    enum status status =
        identity_named(call->parts->identity, call->parts->dictionary, id->kind == JSON_TEXT ? id->text : SLICE_NONE,
                       &call->bench->arena, &named, &fault);
    if (status) {
        call_fail_text(call, status, "\"customers\": %s", fault.text);
        return false;
    }
    for (uint32_t i = 0; i < set->count; i++)
        if (set->members[i].number == named.customer.number)
            return true;
    if (set->count == HOUSEHOLD_MAX) {
        call_fail_text(call, STATUS_TOO_LARGE, "a household has %d customers at most", HOUSEHOLD_MAX);
        return false;
    }
    set->members[set->count++] = named.customer;
    return true;
}

/* The body's "customers"; false after failing the call. */
static bool read_set(struct call *call, struct set *set) {
    const struct json *body = call_body(call), *list = body ? json_get(call->bench->parser, body, "customers") : NULL;
    *set = (struct set){0};
    if (!body)
        return false;
    for (const struct json *id = list && list->kind == JSON_ARRAY ? json_first(call->bench->parser, list) : NULL; id;
         id = json_next(call->bench->parser, id))
        if (!add_member(call, id, set))
            return false;
    if (set->count >= 2)
        return true;
    call_fail_text(call, STATUS_INVALID, "\"customers\" lists two or more different ones: oneids or namespace:value");
    return false;
}

/* Makes the relation hold between every two, or end where it holds. *changed counts. False after failing the call. */
static bool relate_all(struct call *call, const struct set *set, const char *relation, bool end, unsigned *changed) {
    struct buffer *text = &call->bench->text;
    for (uint32_t a = 0; a < set->count; a++)
        for (uint32_t b = a + 1; b < set->count; b++) {
            if (review_holds(call->parts, slice_text(relation), set->members[a], set->members[b],
                             &call->bench->arena) != end)
                continue;
            buffer_clear(text);
            review_write(text, slice_text(relation), set->members[a], set->members[b], end);
            if (!call_append(call, LOG_COMMAND, buffer_slice(text)))
                return false;
            ++*changed;
        }
    return true;
}

/* One relation holds from now on, the other does not. */
static void decide(struct call *call, const char *holds, const char *ends) {
    struct set set;
    unsigned changed = 0;
    if (!read_set(call, &set))
        return;
    if (review_declare(call->parts, holds, &call->bench->text) &&
        !call_append(call, LOG_DEFINE, buffer_slice(&call->bench->text)))
        return;
    if (relate_all(call, &set, ends, true, &changed) && relate_all(call, &set, holds, false, &changed))
        answer_done(call);
}

void api_household_accept(struct call *call) { decide(call, HOUSEHOLD_RELATION, HOUSEHOLD_APART); }

void api_household_reject(struct call *call) { decide(call, HOUSEHOLD_APART, HOUSEHOLD_RELATION); }

/* Takes back whatever was said of any two of them. */
void api_household_undo(struct call *call) {
    struct set set;
    unsigned changed = 0;
    if (!read_set(call, &set) || !relate_all(call, &set, HOUSEHOLD_RELATION, true, &changed) ||
        !relate_all(call, &set, HOUSEHOLD_APART, true, &changed))
        return;
    if (changed)
        answer_done(call);
    else
        call_fail_text(call, STATUS_NOT_FOUND, "nothing was decided about these customers");
}
