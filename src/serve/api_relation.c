/* api_relation: a customer's relations, page by page; relating two customers, and ending that. What a call says is checked here, as the fold
 * could only put aside what was logged and turns out to be wrong. */
#include "base/time.h"
#include "govern/event_time.h"
#include "govern/json_text.h"
#include "govern/normalise_time.h"
#include "govern/zone.h"
#include "identity/named.h"
#include "serve/relation.h"

void api_profile_relations(struct call *call);
void api_relate(struct call *call);

#define SHOWN(slice) (int)((slice).size < 80 ? (slice).size : 80), (slice).data

/* --- listing --- */

/* The relation type of this name; false after failing. */
static bool find_relation(struct call *call, struct slice name, const struct type **type) {
    *type = dictionary_type_find(call->parts->dictionary, TYPE_RELATION, name);
    if (*type == NULL)
        call_fail_text(call, STATUS_NOT_FOUND, "no relation is called \"%.*s\"; GET /v1/dictionary lists them",
                       SHOWN(name));
    return *type != NULL;
}

static bool read_wish(struct call *call, struct relations_wish *wish) {
    struct slice type = call_text(call, "type"), state = call_text(call, "state");
    *wish = (struct relations_wish){.both = call_flag(call, "both")};
    wish->current = !slice_is(state, "ended");
    wish->ended = !slice_is(state, "current");
    if (state.size && !slice_is(state, "all") && wish->current && wish->ended) {
        call_fail_text(call, STATUS_INVALID, "parameter state is \"%.*s\"; it must be current, ended or all",
                       SHOWN(state));
        return false;
    }
    return type.size == 0 || find_relation(call, type, &wish->type);
}

static void write_page(struct call *call, struct show *show, const struct relations *found, size_t from, size_t limit) {
    json_key(&call->json, "relations");
    json_array(&call->json);
    for (size_t i = from; i < found->count && i - from < limit; i++)
        relation_show(show, call, found, &found->all[i]);
    json_end_array(&call->json);
    json_key(&call->json, "next");
    if (from < found->count && found->count - from > limit)
        json_integer(&call->json, (int64_t)(from + limit));
    else
        json_null(&call->json);
    json_member_integer(&call->json, "total", (int64_t)found->count);
}

void api_profile_relations(struct call *call) {
    struct person person;
    struct relations_wish wish;
    struct relations found;
    int64_t from, limit;
    if (!call_integer(call, "from", 0, INT32_MAX, 0, &from) || !call_integer(call, "limit", 1, 500, 100, &limit) ||
        !read_wish(call, &wish) || !person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    struct history_hold hold = history_enter(call->parts->history);
    struct history_rows rows;
    person_rows(call, &person, -1, &rows);
    relations_find(call, person.customer, &rows, &wish, &found);
    person_open(&show, &person);
    write_page(call, &show, &found, (size_t)from, (size_t)limit);
    json_end_object(&call->json);
    history_leave(call->parts->history, hold);
}

/* --- relating --- */

/* namespace:value may be somebody who is not known yet; a oneid must be known. */
static bool read_end(struct call *call, struct slice id, const char *key, struct claim *claim,
                     struct customer_id *customer) {
    struct fault fault = {0};
    struct named named;
    enum status status;
    *claim = (struct claim){0};
    *customer = (struct customer_id){0};
    if (id.size == 0) {
        call_fail_text(call, STATUS_INVALID,
                       "\"%s\" must name a customer: a oneid, or namespace:value such as user_id:u1", key);
        return false;
    }
    if (memchr(id.data, ':', id.size)) {
        status = identity_claim(call->parts->dictionary, id, &call->bench->arena, claim, &fault);
        if (!status &&
            dictionary_namespace_at(call->parts->dictionary, claim->namespace_number)->kind == NAMESPACE_DOCUMENT)
            status = fault_set(&fault, STATUS_INVALID, "\"%.*s\" is a document's key; a relation is between customers",
                               SHOWN(id));
        struct identifier_id known = status
                                         ? (struct identifier_id){0}
                                         : identity_find(call->parts->identity, claim->namespace_number, claim->value);
        if (known.number)
            *customer = identity_customer(call->parts->identity, known);
    } else {
        status =
            identity_named(call->parts->identity, call->parts->dictionary, id, &call->bench->arena, &named, &fault);
        *customer = named.customer;
    }
    if (status)
        call_fail_text(call, STATUS_INVALID, "\"%s\": %s; it must be a oneid, or namespace:value such as user_id:u1",
                       key, fault.text);
    return status == STATUS_OK;
}

/* Who they are now; 0: not known yet. */
struct ends {
    struct customer_id from, to;
};

static bool read_ends(struct call *call, struct slice from, struct slice to, struct ends *out) {
    struct claim a, b;
    if (!read_end(call, from, "from", &a, &out->from) || !read_end(call, to, "to", &b, &out->to))
        return false;
    bool same_claim = a.namespace_number && a.namespace_number == b.namespace_number && slice_equal(a.value, b.value);
    if (same_claim || (out->from.number && out->from.number == out->to.number)) {
        call_fail_text(call, STATUS_CONFLICT, "\"from\" and \"to\" are one customer; nobody is related to oneself");
        return false;
    }
    return true;
}

static bool is_time(struct slice text, enum property_type type) {
    int64_t ignored;
    bool zoned;
    return type == PROPERTY_TIME ? time_parse_iso(text, &ignored, &zoned) == STATUS_OK
                                 : normalise_date(text, zone_utc(), NULL, &ignored, NULL) == STATUS_OK;
}

static bool fits(const struct json *value, enum property_type type) {
    switch (value->kind) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return type == PROPERTY_BOOL;
    case JSON_INTEGER:
    case JSON_REAL:
        return type == PROPERTY_NUMBER || type == PROPERTY_MONEY;
    case JSON_TEXT:
        return type == PROPERTY_TEXT ||
               ((type == PROPERTY_TIME || type == PROPERTY_DATE) && is_time(value->text, type));
    default:
        return type == PROPERTY_TEXT;
    }
}

/* What is said of a relation; of a type that is not known yet, anything. */
static bool check_fields(struct call *call, const struct type *type, const struct json *fields) {
    struct json_parser *p = call->bench->parser;
    if (fields && fields->kind != JSON_OBJECT) {
        call_fail_text(call, STATUS_INVALID, "\"fields\" must be an object of names and values");
        return false;
    }
    for (const struct json *f = fields ? json_first(p, fields) : NULL; f; f = json_next(p, f)) {
        const struct property *property = type ? dictionary_property_find(call->parts->dictionary, type, f->key) : NULL;
        if (slice_is(f->key, "customer") || slice_is(f->key, "ended")) {
            call_fail_text(call, STATUS_INVALID, "\"fields\": \"%.*s\" is Onefold's own; \"end\":true ends a relation",
                           SHOWN(f->key));
            return false;
        }
        if (property && !fits(f, (enum property_type)property->type)) {
            call_fail_text(call, STATUS_INVALID, "\"fields\": \"%.*s\" must be a %s, or null", SHOWN(f->key),
                           property_type_name((enum property_type)property->type));
            return false;
        }
    }
    return true;
}

static bool check_at(struct call *call, const struct json *at) {
    int64_t time_ms;
    bool zoned;
    if (!at)
        return true;
    if (at->kind != JSON_TEXT || time_parse_iso(at->text, &time_ms, &zoned)) {
        call_fail_text(call, STATUS_INVALID, "\"at\" must be an instant such as 2026-01-31T08:00:00Z");
        return false;
    }
    if (time_ms - os_now_ms(call->parts->os) > EVENT_TIME_FUTURE_MAX_MS) {
        call_fail_text(call, STATUS_INVALID,
                       "\"at\" is still to come; a relation is told of when it holds, or is over");
        return false;
    }
    return true;
}

/* The order to relate; `from` and `to` are the body's where they are empty. */
static void write_command(struct call *call, const struct json *body, struct slice from, struct slice to,
                          struct buffer *into) {
    struct json_parser *p = call->bench->parser;
    struct json_writer w = {.out = into};
    const struct json *fields = json_get(p, body, "fields");
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "command", "relate");
    json_member_text(&w, "type", json_get_text(p, body, "type"));
    json_member_text(&w, "from", from);
    json_member_text(&w, "to", to);
    if (json_get(p, body, "at"))
        json_member_text(&w, "at", json_get_text(p, body, "at"));
    if (fields) {
        json_key(&w, "fields");
        json_text_of(p, fields, &w);
    }
    json_member_bool(&w, "end", json_get_bool(p, body, "end", false));
    json_end_object(&w);
}

/* "phone:+8613..." in the call's arena. */
static struct slice id_of(struct call *call, uint32_t number) {
    const struct identity *identity = call->parts->identity;
    struct identifier_id id = {number};
    struct slice name = dictionary_namespace_at(call->parts->dictionary, identity_namespace(identity, id))->name;
    struct slice value = identity_value(identity, id);
    char *text = arena_get(&call->bench->arena, name.size + 1 + value.size);
    memcpy(text, name.data, name.size);
    text[name.size] = ':';
    memcpy(text + name.size + 1, value.data, value.size);
    return slice_of(text, name.size + 1 + value.size);
}

/* Whoever says that a relation is over means the two customers; it was made between identifiers of theirs, perhaps several times, and ends
 * between each two of them that it holds between. */
struct pair {
    uint32_t own, other; /* identifiers */
    bool said, over;     /* as the newest row says that says so */
};
struct pairs {
    struct pair *all;
    size_t count;
};

static void take_pair(struct pairs *pairs, const struct record_head *row) {
    const struct record_value *ended = record_find(row, RELATION_ENDED);
    size_t i = 0;
    while (i < pairs->count && (pairs->all[i].own != row->arrival || pairs->all[i].other != row->document))
        i++;
    if (i == pairs->count)
        pairs->all[pairs->count++] = (struct pair){row->arrival, row->document, false, false};
    if (!pairs->all[i].said && ended && ended->kind == VALUE_BOOL) {
        pairs->all[i].said = true;
        pairs->all[i].over = ended->integer != 0;
    }
}

static struct pairs find_pairs(struct call *call, const struct type *type, struct customer_id from,
                               struct customer_id to) {
    struct arena *arena = &call->bench->arena;
    struct history_hold hold = history_enter(call->parts->history);
    struct history_rows rows;
    history_rows(call->parts->history, from, type->number, arena, &rows);
    struct pairs pairs = {arena_get(arena, (rows.count + 1) * sizeof *pairs.all), 0};
    for (size_t i = 0; i < rows.count; i++) { /* newest first */
        const struct record_head *row = history_row(call->parts->history, &rows, i, &call->bench->builder);
        if (relation_other(call, row).number == to.number)
            take_pair(&pairs, row);
    }
    history_leave(call->parts->history, hold);
    return pairs;
}

static void answer(struct call *call, size_t written) {
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_member_integer(&call->json, "written", (int64_t)written);
    json_end_object(&call->json);
}

/* Ending what has ended already is no error, and nothing is written. */
static void end_relation(struct call *call, const struct json *body, const struct ends *ends) {
    struct slice name = json_get_text(call->bench->parser, body, "type");
    struct buffer into = {0};
    const struct type *type;
    size_t written = 0;
    bool good = true;
    if (!find_relation(call, name, &type))
        return;
    struct pairs pairs = {NULL, 0};
    if (ends->from.number && ends->to.number)
        pairs = find_pairs(call, type, ends->from, ends->to);
    if (pairs.count == 0) {
        call_fail_text(call, STATUS_NOT_FOUND,
                       "there is no %.*s between the two; GET /v1/profiles/{id}/relations lists them", SHOWN(name));
        return;
    }
    for (size_t i = 0; i < pairs.count && good; i++) {
        if (pairs.all[i].said && pairs.all[i].over)
            continue;
        write_command(call, body, id_of(call, pairs.all[i].own), id_of(call, pairs.all[i].other), &into);
        good = call_append(call, LOG_COMMAND, buffer_slice(&into));
        written += good;
    }
    buffer_release(&into);
    if (good)
        answer(call, written);
}

static void make_relation(struct call *call, const struct json *body) {
    struct json_parser *p = call->bench->parser;
    struct buffer into = {0};
    write_command(call, body, json_get_text(p, body, "from"), json_get_text(p, body, "to"), &into);
    if (call_append(call, LOG_COMMAND, buffer_slice(&into)))
        answer(call, 1);
    buffer_release(&into);
}

void api_relate(struct call *call) {
    struct json_parser *p = call->bench->parser;
    const struct json *body = call_body(call);
    struct ends ends;
    if (body == NULL)
        return;
    struct slice name = json_get_text(p, body, "type");
    const struct type *type = dictionary_type_find(call->parts->dictionary, TYPE_RELATION, name);
    if (name.size == 0 || name.size > DICTIONARY_NAME_BYTES_MAX - 8) {
        call_fail_text(call, STATUS_INVALID, "\"type\" must name a relation, such as guardian_of, in 1 to %d bytes",
                       DICTIONARY_NAME_BYTES_MAX - 8);
        return;
    }
    if (!check_fields(call, type, json_get(p, body, "fields")) || !check_at(call, json_get(p, body, "at")) ||
        !read_ends(call, json_get_text(p, body, "from"), json_get_text(p, body, "to"), &ends))
        return;
    if (json_get_bool(p, body, "end", false))
        end_relation(call, body, &ends);
    else
        make_relation(call, body);
}
