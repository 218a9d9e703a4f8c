/* api_person: one customer's segments, tags and metrics; tags by hand. */
#include "deliver/entry.h"
#include "serve/api_person.h"
#include "serve/expression.h"
#include "serve/tag_value.h"

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

/* A tag's distribution is stored as text where it was set by hand. */
static void write_value(const struct defined *d, struct slice name, struct term_value *value) {
    struct audience_entry tag;
    if (value->type == TERM_TEXT && d->kind == DEFINITION_TAG &&
        audience_find(d->snapshot, DEFINITION_TAG, name, &tag) &&
        tag_value_is_distribution(&tag, d->call->bench->parser, value->text))
        value->type = TERM_DISTRIBUTION;
    expression_write_value(value, &d->call->json);
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
        write_value(d, d->names[i], &value);
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

#define SHOWN(text) (int)((text).size < 200 ? (text).size : 200), (text).data

/* Finds a tag that is set by hand; `value` NULL: to take it away. False after failing the call. */
static bool find_tag(struct call *call, const struct audience_snapshot *snapshot, struct slice name,
                     const struct json *value, struct audience_entry *tag) {
    if (!audience_find(snapshot, DEFINITION_TAG, name, tag)) {
        call_fail_text(call, STATUS_NOT_FOUND, "no tag is called \"%.*s\"; GET /v1/tags lists them", SHOWN(name));
        return false;
    }
    if (slice_is(tag->how, "rule")) {
        call_fail_text(call, STATUS_CONFLICT, "the tag \"%.*s\" follows a rule; one of kind manual is set by hand",
                       SHOWN(name));
        return false;
    }
    const char *wanted = value ? tag_value_wanted(tag, call->bench->parser, value) : NULL;
    if (wanted)
        call_fail_text(call, STATUS_INVALID, "a value of the tag \"%.*s\" is %s; or null, to take it away", SHOWN(name),
                       wanted);
    return !wanted;
}

/* One command a tag; false after failing the call. `value` NULL takes it away. */
static bool append_tag(struct call *call, const struct audience_entry *tag, const struct json *value,
                       struct buffer *into) {
    struct json_writer w = {.out = into};
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "command", "tag");
    json_member_text(&w, "customer", call_piece(call, 0));
    json_member_text(&w, "tag", tag->name);
    json_key(&w, "value");
    if (value)
        tag_value_write(tag, call->bench->parser, value, &w);
    else
        json_null(&w);
    json_end_object(&w);
    return call_append(call, LOG_COMMAND, buffer_slice(into));
}

/* Looks at all of them, or sets and takes away all; false after failing the call. */
static bool each_tag(struct call *call, const struct audience_snapshot *snapshot, const struct json *set,
                     const struct json *remove, bool append) {
    struct json_parser *p = call->bench->parser;
    struct audience_entry tag;
    struct buffer into = {0};
    bool good = true;
    for (const struct json *one = set ? json_first(p, set) : NULL; one && good; one = json_next(p, one))
        good = find_tag(call, snapshot, one->key, one, &tag) && (!append || append_tag(call, &tag, one, &into));
    for (const struct json *one = remove ? json_first(p, remove) : NULL; one && good; one = json_next(p, one))
        good = find_tag(call, snapshot, one->kind == JSON_TEXT ? one->text : SLICE_NONE, NULL, &tag) &&
               (!append || append_tag(call, &tag, NULL, &into));
    buffer_release(&into);
    return good;
}

/* All are looked at before the first is set. */
static bool set_tags(struct call *call, const struct json *set, const struct json *remove) {
    if ((set && set->kind != JSON_OBJECT) || (remove && remove->kind != JSON_ARRAY) || (!set && !remove)) {
        call_fail_text(call, STATUS_INVALID,
                       "the body must be {\"set\":{\"tag\":value, ...},\"remove\":[\"tag\", ...]}");
        return false;
    }
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return false;
    bool good = each_tag(call, snapshot, set, remove, false) && each_tag(call, snapshot, set, remove, true);
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
    int64_t count = (set ? set->count : 0) + (remove ? remove->count : 0);
    if (!set_tags(call, set, remove))
        return;
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    struct show show = person_show(call);
    person_open(&show, &person);
    json_member_integer(&call->json, "changed", count);
    person_write_values(call, snapshot, DEFINITION_TAG, person.customer);
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}
