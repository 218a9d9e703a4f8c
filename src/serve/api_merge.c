/* api_merge: decisions on who is one customer (merge, split, undo), tried out or taken; and why somebody is who he is: paths of evidence,
 * devices, the history of a oneid. */
#include <stdlib.h>

#include "base/json_write.h"
#include "govern/json_text.h"
#include "identity/named.h"
#include "serve/person.h"
#include "serve/preview.h"

void api_identity_merge(struct call *call);
void api_identity_split(struct call *call);
void api_identity_undo(struct call *call);
void api_identity_decisions(struct call *call);
void api_identity_explain(struct call *call);
void api_identity_device(struct call *call);
void api_identity_oneid(struct call *call);

#define PATH_MAX_IDENTIFIERS 64
#define EDGES_LOOKED_AT 10000
#define JOURNAL_LOOKED_AT 10000
#define DECISIONS_LOOKED_AT 100000
#define DECISION_IDENTIFIERS_SHOWN 200

/* --- decisions shown --- */

struct decisions {
    struct call *call;
    struct show show;
    const struct customer_id *about; /* [2]; NULL: all */
    uint64_t position;               /* only the one of this record; 0: whichever */
    bool found;
    size_t left;
};

static void write_member(void *context, struct identifier_id identifier, unsigned part) {
    struct decisions *d = context;
    if (!d->left)
        return;
    d->left--;
    json_object(d->show.json);
    json_key(d->show.json, "identifier");
    show_identifier(&d->show, identifier);
    show_oneid(&d->show, "oneid", identity_customer(d->call->parts->identity, identifier));
    json_member_integer(d->show.json, "part", part);
    json_end_object(d->show.json);
}

static const char *decision_name(uint8_t kind) {
    return kind == DECISION_MERGE ? "merge" : kind == DECISION_UNDO ? "undo" : "split";
}

static void write_decision(struct decisions *d, const struct decision_note *note) {
    struct json_writer *w = d->show.json;
    json_object(w);
    json_member_integer(w, "decision", (int64_t)note->number);
    json_member_cstring(w, "kind", decision_name(note->kind));
    if (note->kind == DECISION_SPLIT_MERGE)
        json_member_integer(w, "entry", (int64_t)note->entry);
    if (note->kind == DECISION_SPLIT_TIME)
        json_member_time(w, "since", note->time_ms);
    if (note->kind == DECISION_UNDO)
        json_member_integer(w, "of", (int64_t)note->entry);
    json_member_bool(w, "undone", note->undone);
    json_member_integer(w, "position", (int64_t)note->position);
    json_member_time(w, "received", note->received_ms);
    show_oneid(&d->show, "customer", note->customer);
    show_oneid(&d->show, "other", note->other);
    json_key(w, "identifiers");
    json_array(w);
    d->left = DECISION_IDENTIFIERS_SHOWN;
    identity_decision_identifiers(d->call->parts->identity, note->number, write_member, d);
    json_end_array(w);
    json_end_object(w);
}

struct speaking {
    const struct decisions *d;
    bool of[2];
};

static void note_speaks(void *context, struct identifier_id identifier, unsigned part) {
    struct speaking *s = context;
    uint32_t customer = identity_customer(s->d->call->parts->identity, identifier).number;
    (void)part;
    for (int i = 0; i < 2; i++)
        s->of[i] |= customer == s->d->about[i].number;
}

/* Whether a decision speaks of identifiers of both. */
static bool is_about(const struct decisions *d, uint64_t number) {
    struct speaking s = {.d = d};
    if (d->about)
        identity_decision_identifiers(d->call->parts->identity, number, note_speaks, &s);
    return !d->about || (s.of[0] && s.of[1]);
}

static void each_decision(void *context, const struct decision_note *note) {
    struct decisions *d = context;
    if ((d->position && note->position != d->position) || !is_about(d, note->number))
        return;
    d->found = true;
    write_decision(d, note);
}

static struct decisions decisions_of(struct call *call) {
    return (struct decisions){.call = call, .show = person_show(call)};
}

void api_identity_decisions(struct call *call) {
    int64_t from, limit;
    if (!call_integer(call, "from", 0, INT64_MAX, 0, &from) || !call_integer(call, "limit", 1, 1000, 100, &limit))
        return;
    struct decisions d = decisions_of(call);
    json_object(&call->json);
    json_key(&call->json, "decisions");
    json_array(&call->json);
    uint64_t total = identity_decisions(call->parts->identity, (uint64_t)from, (size_t)limit, each_decision, &d);
    json_end_array(&call->json);
    json_key(&call->json, "next");
    if ((uint64_t)from + (uint64_t)limit < total)
        json_integer(&call->json, from + limit);
    else
        json_null(&call->json);
    json_member_integer(&call->json, "total", (int64_t)total);
    json_end_object(&call->json);
}

/* --- decisions taken --- */

static void no_decision(void *context, const struct decision_note *note) {
    (void)context;
    (void)note;
}

/* What the fold made of the record at `position`. */
static void answer_decision(struct call *call, uint64_t position) {
    struct decisions d = decisions_of(call);
    d.position = position;
    uint64_t all = identity_decisions(call->parts->identity, 0, 0, no_decision, NULL),
             from = all > 1000 ? all - 1000 : 0;
    json_object(&call->json);
    json_key(&call->json, "decisions");
    json_array(&call->json);
    identity_decisions(call->parts->identity, from, 1000, each_decision, &d);
    json_end_array(&call->json);
    json_end_object(&call->json);
    if (!d.found) /* it was right a moment ago */
        call_fail_text(call, STATUS_CONFLICT,
                       "who is concerned changed while this was under way, and it was refused; GET /v1/quarantine has "
                       "the reason; look again and repeat it");
}

static void put_command(struct call *call, const char *word, const struct json *body, struct buffer *into) {
    static const char *const members[] = {"customer", "other", "identifiers", "entry", "since", "decision"};
    struct json_parser *p = call->bench->parser;
    struct json_writer w = {.out = into};
    json_object(&w);
    json_member_cstring(&w, "command", word);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *value = json_get(p, body, members[i]);
        if (!value)
            continue;
        json_key(&w, members[i]);
        json_text_of(p, value, &w);
    }
    json_end_object(&w);
}

static void decide(struct call *call, const char *word) {
    struct json_parser *p = call->bench->parser;
    const struct json *body = call_body(call);
    struct resolution *r = memory_get(1, sizeof *r);
    struct decision decision;
    struct fault fault = {0};
    struct buffer command = {0};
    uint64_t position;
    if (body == NULL) {
        free(r);
        return;
    }
    enum status status = decision_read(call->parts->identity, call->parts->dictionary, p, body, slice_text(word),
                                       &call->bench->arena, &decision, &fault);
    if (!status)
        status = identity_preview(call->parts->identity, &decision, r, &fault);
    put_command(call, word, body, &command);
    if (status) {
        call_fail(call, status, &fault);
    } else if (json_get_bool(p, body, "preview", false)) {
        json_object(&call->json);
        json_member_bool(&call->json, "preview", true);
        if (preview_write(call, r))
            json_end_object(&call->json);
    } else if (call_append_at(call, LOG_COMMAND, buffer_slice(&command), &position)) {
        answer_decision(call, position);
    }
    resolution_release(r);
    free(r);
    buffer_release(&command);
}

void api_identity_merge(struct call *call) { decide(call, "merge"); }

void api_identity_split(struct call *call) { decide(call, "split"); }

void api_identity_undo(struct call *call) { decide(call, "undo"); }

/* --- what the log says of a position --- */

/* "position", and "source" and "received" where the log still has the record. */
static void write_record(struct show *show, uint64_t position) {
    struct log_reader *reader;
    struct log_record record;
    json_member_integer(show->json, "position", (int64_t)position);
    if (!position || log_reader_open(show->parts->log, position, &reader, NULL))
        return;
    if (log_read(reader, &record, NULL) == STATUS_OK && record.position == position) {
        json_key(show->json, "source");
        show_source(show, record.source);
        json_member_time(show->json, "received", record.received_ms);
    }
    log_reader_close(reader);
}

/* --- why, and why not --- */

struct edge_search {
    uint32_t other;
    uint64_t position; /* of the first record that showed both; 0: none */
};

static void each_edge_to(void *context, const struct edge *edge) {
    struct edge_search *s = context;
    if (edge->a.number == s->other || edge->b.number == s->other)
        s->position = edge->position;
}

static void write_path(struct show *show, const struct identifier_id *path, size_t count) {
    json_key(show->json, "path");
    json_array(show->json);
    for (size_t i = 0; i + 1 < count; i++) {
        struct edge_search s = {.other = path[i + 1].number};
        identity_edges(show->parts->identity, path[i], EDGES_LOOKED_AT, each_edge_to, &s);
        json_object(show->json);
        json_key(show->json, "from");
        show_identifier(show, path[i]);
        json_key(show->json, "to");
        show_identifier(show, path[i + 1]);
        if (s.position)
            write_record(show, s.position);
        else
            json_member_cstring(show->json, "by", "decision");
        json_end_object(show->json);
    }
    json_end_array(show->json);
}

struct apart {
    struct show *show;
    struct customer_id a, b;
};

static uint32_t now(const struct apart *x, struct customer_id customer) {
    return customer.number ? identity_redirect(x->show->parts->identity, customer).number : 0;
}

static void each_between(void *context, const struct journal_entry *entry) {
    const struct apart *x = context;
    uint32_t winner = now(x, entry->winner), loser = now(x, entry->loser);
    if ((winner == x->a.number && loser == x->b.number) || (winner == x->b.number && loser == x->a.number))
        show_journal_entry(x->show, entry);
}

static void write_decisions_about(struct call *call, const struct customer_id about[2]) {
    struct decisions d = decisions_of(call);
    d.about = about;
    json_key(&call->json, "decisions");
    json_array(&call->json);
    identity_decisions(call->parts->identity, 0, DECISIONS_LOOKED_AT, each_decision, &d);
    json_end_array(&call->json);
}

static bool named_of_call(struct call *call, const char *key, struct named *out) {
    struct fault fault = {0};
    enum status status = identity_named(call->parts->identity, call->parts->dictionary, call_text(call, key),
                                        &call->bench->arena, out, &fault);
    if (status)
        call_fail(call, status, &fault);
    return !status;
}

void api_identity_explain(struct call *call) {
    struct named a, b;
    struct identifier_id path[PATH_MAX_IDENTIFIERS];
    if (!named_of_call(call, "a", &a) || !named_of_call(call, "b", &b))
        return;
    struct show show = person_show(call);
    bool same = a.customer.number == b.customer.number;
    json_object(&call->json);
    json_member_bool(&call->json, "same", same);
    show_oneid(&show, "a", a.customer);
    show_oneid(&show, "b", b.customer);
    size_t steps =
        same ? identity_explain(call->parts->identity, a.identifier, b.identifier, path, PATH_MAX_IDENTIFIERS) : 0;
    write_path(&show, path, steps);
    struct apart apart = {&show, a.customer, b.customer};
    json_key(&call->json, "journal");
    json_array(&call->json);
    identity_journal(call->parts->identity, a.customer, JOURNAL_LOOKED_AT, each_between, &apart);
    json_end_array(&call->json);
    write_decisions_about(call, (const struct customer_id[2]){a.customer, b.customer});
    json_end_object(&call->json);
}

/* --- a device --- */

struct device {
    struct show show;
    struct identifier_id device;
    size_t left;
};

static void each_on_device(void *context, const struct edge *edge) {
    struct device *d = context;
    struct identifier_id other = edge->a.number == d->device.number ? edge->b : edge->a;
    if (!d->left)
        return;
    d->left--;
    json_object(d->show.json);
    json_key(d->show.json, "identifier");
    show_identifier(&d->show, other);
    show_oneid(&d->show, "oneid", identity_customer(d->show.parts->identity, other));
    write_record(&d->show, edge->position);
    json_end_object(d->show.json);
}

void api_identity_device(struct call *call) {
    struct fault fault = {0};
    struct named named;
    enum status status = identity_named(call->parts->identity, call->parts->dictionary, call_piece(call, 0),
                                        &call->bench->arena, &named, &fault);
    if (!status && named.asked.number)
        status = fault_set(&fault, STATUS_INVALID, "a device is namespace:value, such as device_id:d1");
    if (status) {
        call_fail(call, status, &fault);
        return;
    }
    struct device d = {person_show(call), named.identifier, 1000};
    json_object(&call->json);
    json_key(&call->json, "device");
    show_identifier(&d.show, named.identifier);
    show_oneid(&d.show, "oneid", named.customer);
    json_member_bool(&call->json, "shared", identity_is_shared(call->parts->identity, named.customer));
    json_key(&call->json, "seen_with");
    json_array(&call->json);
    identity_edges(call->parts->identity, named.identifier, 1000, each_on_device, &d);
    json_end_array(&call->json);
    json_end_object(&call->json);
}

/* --- a oneid --- */

static void each_journal(void *context, const struct journal_entry *entry) { show_journal_entry(context, entry); }

void api_identity_oneid(struct call *call) {
    struct person person;
    if (!person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    person_open(&show, &person);
    json_member_bool(&call->json, "redirected", person.asked.number != 0);
    json_key(&call->json, "journal");
    json_array(&call->json);
    identity_journal(call->parts->identity, person.customer, JOURNAL_LOOKED_AT, each_journal, &show);
    json_end_array(&call->json);
    write_decisions_about(call, (const struct customer_id[2]){person.customer, person.customer});
    json_end_object(&call->json);
}
