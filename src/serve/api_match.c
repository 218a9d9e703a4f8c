/* api_match: customers that may be one: starting a run over everybody, its pairs for review, and what people decide about them. */
#include <math.h>
#include <stdio.h>

#include "govern/json_text.h"
#include "identity/decision.h"
#include "identity/named.h"
#include "serve/match_run.h"
#include "serve/review.h"
#include "serve/serve_inside.h"
#include "serve/show.h"

void api_matches(struct call *call);
void api_matches_run(struct call *call);
void api_match_accept(struct call *call);
void api_match_reject(struct call *call);
void api_match_undo(struct call *call);

/* --- the queue --- */

struct listing {
    struct call *call;
    struct show show;
    int64_t skip, left;
    bool more;
};

static bool list_pair(void *context, const struct match_pair *pair) {
    struct listing *l = context;
    struct json_writer *w = &l->call->json;
    if (l->skip-- > 0)
        return true;
    if (l->left-- == 0) {
        l->more = true;
        return false;
    }
    json_object(w);
    show_oneid(&l->show, "a", pair->a);
    show_oneid(&l->show, "b", pair->b);
    json_member_bool(w, "rejected", pair->rejected);
    json_key(w, "score");
    match_run_explain(l->call->serve->matches, pair, w);
    json_end_object(w);
    return true;
}

static void write_state(struct call *call) {
    struct json_writer *w = &call->json;
    struct match_state s;
    match_run_state(call->serve->matches, &s);
    json_member_bool(w, "running", s.running);
    json_member_real(w, "progress", round(s.progress * 1000) / 1000);
    json_key(w, "fault");
    if (s.fault[0])
        json_cstring(w, s.fault);
    else
        json_null(w);
    json_key(w, "last_run");
    if (!s.done) {
        json_null(w);
        return;
    }
    json_object(w);
    json_member_time(w, "started", s.started_ms);
    json_member_time(w, "ended", s.ended_ms);
    json_member_integer(w, "customers", (int64_t)s.customers);
    json_member_integer(w, "compared", (int64_t)s.compared);
    json_member_integer(w, "pairs", (int64_t)s.pairs);
    json_member_integer(w, "new", (int64_t)s.fresh);
    json_member_bool(w, "learnt", s.learnt);
    json_member_integer(w, "merged", (int64_t)s.merged);
    json_end_object(w);
}

void api_matches(struct call *call) {
    int64_t from, limit, percent;
    if (!call_integer(call, "from", 0, 1000000000, 0, &from) || !call_integer(call, "limit", 1, 500, 50, &limit) ||
        !call_integer(call, "percent", 1, 99, 50, &percent))
        return;
    struct listing l = {.call = call, .show = {.parts = call->parts, .json = &call->json}, .skip = from, .left = limit};
    json_object(&call->json);
    write_state(call);
    json_key(&call->json, "matches");
    json_array(&call->json);
    match_run_pairs(call->serve->matches, (double)percent / 100, call_flag(call, "rejected"), list_pair, &l);
    json_end_array(&call->json);
    json_key(&call->json, "next");
    if (l.more)
        json_integer(&call->json, from + limit);
    else
        json_null(&call->json);
    json_end_object(&call->json);
}

void api_matches_run(struct call *call) {
    const struct json *body = call_body(call);
    struct fault fault = {0};
    struct buffer rules = {0};
    if (!body)
        return;
    const struct json *given = json_get(call->bench->parser, body, "rules"),
                      *automatic = json_get(call->bench->parser, body, "automatic");
    double least = automatic && automatic->kind == JSON_REAL ? automatic->real : 0;
    if (automatic && automatic->kind != JSON_NULL && !(least >= 0.5 && least < 1)) {
        call_fail_text(call, STATUS_INVALID,
                       "\"automatic\" is a probability from 0.5 to below 1, or left out: nothing is merged unasked");
        return;
    }
    if (given && given->kind == JSON_OBJECT) {
        struct json_writer w = {.out = &rules};
        json_text_of(call->bench->parser, given, &w);
    }
    bool full = json_get_bool(call->bench->parser, body, "full", false);
    enum status status = match_run_start(call->serve->matches, buffer_slice(&rules), least, full, &fault);
    buffer_release(&rules);
    if (status) {
        call_fail(call, status, &fault);
        return;
    }
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_end_object(&call->json);
}

/* --- decisions --- */

struct two {
    struct customer_id a, b;
    char a_text[ONEID_BYTES + 1], b_text[ONEID_BYTES + 1];
};

/* The body's "a" and "b", kept apart from it; false after failing the call. */
static bool read_two(struct call *call, struct two *two) {
    const struct json *body = call_body(call);
    const char *const keys[] = {"a", "b"};
    if (!body)
        return false;
    for (int i = 0; i < 2; i++) {
        struct named named;
        struct fault fault = {0};
        enum status status =
            identity_named(call->parts->identity, call->parts->dictionary,
                           json_get_text(call->bench->parser, body, keys[i]), &call->bench->arena, &named, &fault);
        if (status) {
            call_fail_text(call, status, "\"%s\": %s", keys[i], fault.text);
            return false;
        }
        /* the customer that was named, though it may be another's by now: undoing a merge speaks of those */
        *(i ? &two->b : &two->a) = named.asked.number ? named.asked : named.customer;
        oneid_format(named.asked.number ? named.asked : named.customer, i ? two->b_text : two->a_text);
    }
    return true;
}

static bool same_now(struct call *call, const struct two *two) {
    return identity_redirect(call->parts->identity, two->a).number ==
           identity_redirect(call->parts->identity, two->b).number;
}

static void answer_done(struct call *call) {
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_end_object(&call->json);
}

static bool append_text(struct call *call, const char *text) {
    return call_append(call, LOG_COMMAND, slice_text(text));
}

void api_match_accept(struct call *call) {
    struct two two;
    char text[256];
    if (!read_two(call, &two))
        return;
    if (same_now(call, &two)) {
        call_fail_text(call, STATUS_CONFLICT, "the two are one customer already");
        return;
    }
    snprintf(text, sizeof text, "{\"command\":\"merge\",\"customer\":\"%s\",\"other\":\"%s\"}", two.a_text, two.b_text);
    if (!append_text(call, text))
        return;
    if (same_now(call, &two))
        answer_done(call);
    else
        call_fail_text(call, STATUS_CONFLICT, "they were not merged; POST the merge itself to learn why");
}

static bool append_apart(struct call *call, const struct two *two, bool end) {
    struct buffer *text = &call->bench->text;
    buffer_clear(text);
    review_write(text, SLICE(MATCH_RELATION), two->a, two->b, end);
    return call_append(call, LOG_COMMAND, buffer_slice(text));
}

void api_match_reject(struct call *call) {
    struct two two;
    if (!read_two(call, &two))
        return;
    if (same_now(call, &two))
        call_fail_text(call, STATUS_CONFLICT, "the two are one customer; split them first");
    else if (append_apart(call, &two, false))
        answer_done(call);
}

struct search {
    const struct identity *identity;
    const struct two *two;
    uint64_t number; /* the newest merge of the two that holds; 0: none */
};

static void search_merge(void *context, const struct decision_note *note) {
    struct search *s = context;
    uint32_t a = s->two->a.number, b = s->two->b.number;
    if (note->kind == DECISION_MERGE && !note->undone &&
        ((note->customer.number == a && note->other.number == b) ||
         (note->customer.number == b && note->other.number == a)))
        s->number = note->number;
}

/* Takes back what was decided about the two last: a rejection, or their merge. */
void api_match_undo(struct call *call) {
    struct two two;
    char text[128];
    if (!read_two(call, &two))
        return;
    if (!same_now(call, &two)) {
        if (!match_rejected(call->parts, two.a, two.b, &call->bench->arena))
            call_fail_text(call, STATUS_NOT_FOUND, "nothing was decided about these two");
        else if (append_apart(call, &two, true))
            answer_done(call);
        return;
    }
    struct search s = {call->parts->identity, &two, 0};
    identity_decisions(call->parts->identity, 0, SIZE_MAX, search_merge, &s);
    if (!s.number) {
        call_fail_text(call, STATUS_NOT_FOUND, "no merge by hand of these two holds");
        return;
    }
    snprintf(text, sizeof text, "{\"command\":\"undo\",\"decision\":%llu}", (unsigned long long)s.number);
    if (append_text(call, text))
        answer_done(call);
}
