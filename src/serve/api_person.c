/* api_person: one customer's segments, tags and metrics; tags by hand. */
#include "deliver/entry.h"
#include "govern/json_text.h"
#include "serve/api_person.h"
#include "serve/expression.h"

void api_profile_segments(struct call *call);
void api_profile_tags_set(struct call *call);

#define ROOTS_MAX 1000
#define CHANGES_SHOWN 50
#define CHANGES_LOOK_AT 1000000

/* --- what a customer is in and has --- */

static void write_segment(void *context, const struct audience_entry *entry) { json_text(context, entry->name); }

void person_write_segments(struct call *call, const struct audience_snapshot *snapshot, struct customer_id customer) {
    json_key(&call->json, "segments");
    json_array(&call->json);
    audience_of(call->parts->audience, snapshot, customer, write_segment, &call->json);
    json_end_array(&call->json);
}

/* Definitions of one kind, each as it is used in an expression, so that stored ones are read where they are stored. */
struct defined {
    struct call *call;
    const struct audience_snapshot *snapshot;
    enum definition_kind kind;
    struct slice names[ROOTS_MAX];
    const struct node *roots[ROOTS_MAX];
    size_t count;
};

static void take_defined(void *to, struct slice name) {
    struct defined *d = to;
    if (d->count == ROOTS_MAX)
        return;
    d->names[d->count] = name;
    d->roots[d->count] = expression_of_name(d->call, d->snapshot, d->kind, name);
    d->count += d->roots[d->count] != NULL;
}

static void write_evaluated(struct call *call, const struct defined *d, const struct plan *plan,
                            struct customer_id customer) {
    struct outside outside;
    audience_outside(call->parts->audience, &outside);
    struct evaluator *evaluator = evaluator_create(plan, &outside);
    struct history_hold hold = history_enter(call->parts->history);
    evaluator_customer(evaluator, customer, os_now_ms(call->parts->os), UINT64_MAX);
    for (size_t i = 0; i < d->count; i++) {
        struct term_value value = evaluate_value(evaluator, i, 0);
        if (value.type == TERM_NONE)
            continue;
        json_key_slice(&call->json, d->names[i]);
        expression_write_value(&value, &call->json);
    }
    history_leave(call->parts->history, hold);
    evaluator_free(evaluator);
}

void person_write_values(struct call *call, const struct audience_snapshot *snapshot, enum definition_kind kind,
                         struct customer_id customer) {
    const struct vocabulary *v = audience_vocabulary(snapshot);
    struct defined *d = arena_get(&call->bench->arena, sizeof *d);
    struct plan *plan;
    d->call = call;
    d->snapshot = snapshot;
    d->kind = kind;
    d->count = 0;
    v->each(v->context, kind, take_defined, d);
    json_key(&call->json, kind == DEFINITION_TAG ? "tags" : "metrics");
    json_object(&call->json);
    if (d->count && plan_create(v, d->roots, d->count, &plan, NULL) == STATUS_OK) {
        write_evaluated(call, d, plan, customer);
        plan_free(plan);
    }
    json_end_object(&call->json);
}

static void write_changes(struct call *call, const struct audience_snapshot *snapshot, struct customer_id customer) {
    struct entry_parts parts = {call->parts->audience, call->parts->dictionary, call->parts->identity, NULL};
    struct feed_entry entries[CHANGES_SHOWN];
    struct entry_writer *writer = entry_writer_create(&parts);
    size_t count =
        feed_search(audience_feed(call->parts->audience), customer.number, 0, CHANGES_LOOK_AT, entries, CHANGES_SHOWN);
    json_key(&call->json, "changes");
    json_array(&call->json);
    for (size_t i = 0; i < count; i++)
        entry_write(writer, snapshot, &entries[i], &call->json);
    json_end_array(&call->json);
    entry_writer_free(writer);
}

void api_profile_segments(struct call *call) {
    struct person person;
    struct show show = person_show(call);
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return;
    if (person_of_call(call, &person)) {
        person_open(&show, &person);
        person_write_segments(call, snapshot, person.customer);
        person_write_values(call, snapshot, DEFINITION_TAG, person.customer);
        person_write_values(call, snapshot, DEFINITION_METRIC, person.customer);
        if (call_flag(call, "changes"))
            write_changes(call, snapshot, person.customer);
        json_end_object(&call->json);
    }
    audience_snapshot_release(snapshot);
}

/* --- tags by hand --- */

static bool tag_takes_values(struct call *call, const struct audience_snapshot *snapshot, struct slice name) {
    struct audience_entry tag;
    if (!audience_find(snapshot, DEFINITION_TAG, name, &tag)) {
        call_fail_text(call, STATUS_NOT_FOUND, "no tag is called \"%.*s\"; GET /v1/tags lists them",
                       (int)(name.size < 200 ? name.size : 200), name.data);
        return false;
    }
    if (!slice_is(tag.how, "rule"))
        return true;
    call_fail_text(call, STATUS_CONFLICT, "the tag \"%.*s\" follows a rule; one of kind manual is set by hand",
                   (int)(name.size < 200 ? name.size : 200), name.data);
    return false;
}

/* One command a tag; false after failing the call. `value` NULL takes it away. */
static bool append_tag(struct call *call, struct slice name, const struct json *value, struct buffer *into) {
    struct json_writer w = {.out = into};
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "command", "tag");
    json_member_text(&w, "customer", call_piece(call, 0));
    json_member_text(&w, "tag", name);
    json_key(&w, "value");
    if (value)
        json_text_of(call->bench->parser, value, &w);
    else
        json_null(&w);
    json_end_object(&w);
    return call_append(call, LOG_COMMAND, buffer_slice(into));
}

/* All are looked at before the first is set. */
static bool check_tags(struct call *call, const struct json *set, const struct json *remove) {
    struct json_parser *p = call->bench->parser;
    struct audience_snapshot *snapshot = expression_snapshot(call);
    bool good = snapshot != NULL;
    if ((set && set->kind != JSON_OBJECT) || (remove && remove->kind != JSON_ARRAY) || (!set && !remove)) {
        if (good)
            call_fail_text(call, STATUS_INVALID,
                           "the body must be {\"set\":{\"tag\":value, ...},\"remove\":[\"tag\", ...]}");
        good = false;
    }
    for (const struct json *one = good && set ? json_first(p, set) : NULL; one && good; one = json_next(p, one))
        good = tag_takes_values(call, snapshot, one->key);
    for (const struct json *one = good && remove ? json_first(p, remove) : NULL; one && good; one = json_next(p, one))
        good = tag_takes_values(call, snapshot, one->kind == JSON_TEXT ? one->text : SLICE_NONE);
    if (snapshot)
        audience_snapshot_release(snapshot);
    return good;
}

void api_profile_tags_set(struct call *call) {
    struct person person;
    struct json_parser *p = call->bench->parser;
    const struct json *body = call_body(call);
    if (body == NULL || !person_of_call(call, &person))
        return;
    const struct json *set = json_get(p, body, "set"), *remove = json_get(p, body, "remove");
    bool good = check_tags(call, set, remove);
    struct buffer into = {0};
    int64_t count = 0;
    for (const struct json *one = good && set ? json_first(p, set) : NULL; one && good;
         one = json_next(p, one), count++)
        good = append_tag(call, one->key, one, &into);
    for (const struct json *one = good && remove ? json_first(p, remove) : NULL; one && good;
         one = json_next(p, one), count++)
        good = append_tag(call, one->text, NULL, &into);
    buffer_release(&into);
    if (!good)
        return;
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    struct show show = person_show(call);
    person_open(&show, &person);
    json_member_integer(&call->json, "changed", count);
    person_write_values(call, snapshot, DEFINITION_TAG, person.customer);
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}
