/* person: see the header. */
#include "serve/person.h"

static enum status unknown_namespace(struct slice name, struct fault *fault) {
    return fault_set(fault, STATUS_NOT_FOUND,
                     "no identifier namespace is called \"%.*s\"; GET /v1/dictionary lists them; an id is a oneid or "
                     "namespace:value",
                     (int)(name.size < 80 ? name.size : 80), name.data);
}

static enum status find_by_identifier(struct call *call, struct slice name, struct slice raw, struct person *person,
                                      struct fault *fault) {
    const struct serve_parts *parts = call->parts;
    struct slice value;
    const struct namespace *namespace = dictionary_namespace_find(parts->dictionary, name);
    if (namespace == NULL)
        return unknown_namespace(name, fault);
    enum status status = govern_normalise_identifier(namespace, raw, &call->bench->arena, &value, fault);
    if (status != STATUS_OK)
        return status;
    struct identifier_id identifier = identity_find(parts->identity, namespace->number, value);
    person->customer = identifier.number ? identity_customer(parts->identity, identifier) : (struct customer_id){0};
    if (person->customer.number == 0)
        return fault_set(fault, STATUS_NOT_FOUND, "no customer is known by %.*s:%.*s", SLICE_ARG(name),
                         (int)(value.size < 200 ? value.size : 200), value.data);
    return STATUS_OK;
}

enum status person_find(struct call *call, struct slice id, struct person *person, struct fault *fault) {
    *person = (struct person){{0}, {0}, false};
    const char *colon = id.size ? memchr(id.data, ':', id.size) : NULL;
    if (colon)
        return find_by_identifier(call, slice_of(id.data, (size_t)(colon - id.data)),
                                  slice_of(colon + 1, id.size - (size_t)(colon - id.data) - 1), person, fault);
    struct customer_id asked = oneid_parse(id);
    person->customer = asked.number ? identity_redirect(call->parts->identity, asked) : asked;
    if (person->customer.number == 0)
        return fault_set(fault, STATUS_NOT_FOUND,
                         "no customer has the oneid \"%.*s\"; an id is a oneid or namespace:value",
                         (int)(id.size < 80 ? id.size : 80), id.data);
    person->by_oneid = true;
    if (person->customer.number != asked.number)
        person->asked = asked;
    return STATUS_OK;
}

bool person_of_call(struct call *call, struct person *person) {
    struct fault fault = {0};
    enum status status = person_find(call, call_piece(call, 0), person, &fault);
    if (status != STATUS_OK)
        call_fail(call, status, &fault);
    return status == STATUS_OK;
}

void person_rows(struct call *call, struct person *person, int type, struct history_rows *rows) {
    struct customer_id now = person->customer;
    do {
        if (person->by_oneid && person->asked.number == 0 && now.number != person->customer.number)
            person->asked = person->customer;
        person->customer = now;
        history_rows(call->parts->history, now, type, &call->bench->arena, rows);
        now = identity_redirect(call->parts->identity, person->customer);
    } while (now.number != person->customer.number);
}

struct show person_show(struct call *call) {
    return (struct show){.parts = call->parts, .json = &call->json};
}

void person_open(struct show *show, const struct person *person) {
    json_object(show->json);
    show_oneid(show, "oneid", person->customer);
    if (person->asked.number)
        show_oneid(show, "redirected_from", person->asked);
    if (identity_is_shared(show->parts->identity, person->customer))
        json_member_bool(show->json, "shared_device", true);
}
