/* api_identity: rules of identity: those in force, others on trial, others taken over; and what is held for review. */
#include "govern/json_text.h"
#include "identity/rehearsal.h"
#include "serve/api_person.h"
#include "serve/call.h"

void api_identity_rules(struct call *call);
void api_identity_rules_apply(struct call *call);
void api_identity_rehearse(struct call *call);
void api_identity_held(struct call *call);

void api_identity_rules(struct call *call) {
    struct json_writer *w = &call->json;
    struct identity_counters counters;
    identity_counters_read(call->parts->identity, &counters);
    uint32_t at = identity_sweep_at(call->parts->identity);
    json_object(w);
    dictionary_write_namespaces(call->parts->dictionary, w);
    json_member_integer(w, "identifiers_max", IDENTIFIERS_MAX);
    json_member_integer(w, "persons_held_from", IDENTIFIERS_HELD + 1);
    json_member_bool(w, "sweeping", at != 0);
    json_member_integer(w, "swept", (int64_t)(at ? at - 1 : counters.identifiers));
    json_member_integer(w, "identifiers", (int64_t)counters.identifiers);
    json_end_object(w);
}

/* --- on trial --- */

static void write_sizes(struct json_writer *w, const char *key, const uint64_t *sizes) {
    json_key(w, key);
    json_array(w);
    for (size_t i = 0; i < REHEARSAL_SIZES; i++)
        json_integer(w, (int64_t)sizes[i]);
    json_end_array(w);
}

static void write_example(struct show *show, const struct rehearsal_example *example) {
    struct json_writer *w = show->json;
    json_object(w);
    json_member_cstring(w, "would", example->splits ? "split" : "merge");
    show_oneid(show, "customer", example->customer);
    show_oneid(show, "other", example->other);
    json_key(w, "identifier");
    show_identifier(show, example->identifier);
    json_end_object(w);
}

static void write_rehearsal(struct call *call, const struct rehearsal *r) {
    struct json_writer *w = &call->json;
    struct show show = person_show(call);
    json_object(w);
    json_member_integer(w, "identifiers", (int64_t)r->identifiers);
    json_member_integer(w, "components", (int64_t)r->components);
    json_member_integer(w, "too_large", (int64_t)r->too_large);
    json_member_integer(w, "customers_before", (int64_t)r->customers_before);
    json_member_integer(w, "customers_after", (int64_t)r->customers_after);
    json_member_integer(w, "would_merge", (int64_t)r->would_merge);
    json_member_integer(w, "would_split", (int64_t)r->would_split);
    json_member_integer(w, "would_move", (int64_t)r->would_move);
    json_member_integer(w, "refused", (int64_t)r->refused);
    json_member_integer(w, "held", (int64_t)r->held);
    write_sizes(w, "sizes_before", r->sizes_before);
    write_sizes(w, "sizes_after", r->sizes_after);
    json_key(w, "examples");
    json_array(w);
    for (size_t i = 0; i < r->example_count; i++)
        write_example(&show, &r->examples[i]);
    json_end_array(w);
    json_end_object(w);
}

void api_identity_rehearse(struct call *call) {
    struct json_parser *p = call->bench->parser;
    const struct json *body = call_body(call);
    struct rehearsal rehearsal;
    struct fault fault = {0};
    if (body == NULL)
        return;
    enum status status =
        identity_rehearse(call->parts->identity, p, json_get(p, body, "namespaces"), &rehearsal, &fault);
    if (status)
        call_fail(call, status, &fault);
    else
        write_rehearsal(call, &rehearsal);
}

/* --- in earnest --- */

void api_identity_rules_apply(struct call *call) {
    struct json_parser *p = call->bench->parser;
    const struct json *body = call_body(call);
    struct fault fault = {0};
    if (body == NULL)
        return;
    const struct json *namespaces = json_get(p, body, "namespaces");
    enum status status = rehearsal_check(call->parts->dictionary, p, namespaces, &fault);
    if (status) {
        call_fail(call, status, &fault);
        return;
    }
    struct buffer into = {0};
    struct json_writer w = {.out = &into};
    json_object(&w);
    json_member_cstring(&w, "command", "rules");
    json_key(&w, "namespaces");
    json_text_of(p, namespaces, &w);
    json_end_object(&w);
    if (call_append(call, LOG_COMMAND, buffer_slice(&into)))
        api_identity_rules(call);
    buffer_release(&into);
}

/* --- held --- */

struct held {
    struct show *show;
    size_t left;
};

/* Those that still are two. */
static void held_each(void *context, const struct journal_entry *entry) {
    struct held *held = context;
    const struct identity *identity = held->show->parts->identity;
    if (entry->kind != JOURNAL_HELD || !held->left ||
        identity_redirect(identity, entry->winner).number == identity_redirect(identity, entry->loser).number)
        return;
    held->left--;
    show_journal_entry(held->show, entry);
}

void api_identity_held(struct call *call) {
    int64_t limit;
    if (!call_integer(call, "limit", 1, 1000, 100, &limit))
        return;
    struct show show = person_show(call);
    struct held held = {&show, (size_t)limit};
    json_object(&call->json);
    json_key(&call->json, "held");
    json_array(&call->json);
    identity_journal_page(call->parts->identity, 0, SIZE_MAX, held_each, &held);
    json_end_array(&call->json);
    json_end_object(&call->json);
}
