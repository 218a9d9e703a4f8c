/* household_read: see the header. An attribute's part is told by its name, as in matching (identity/fuzzy_role.def): "address.street" is an address,
 * 姓名 a name. An address counts together with its postcode, and together with its town: either may be missing elsewhere. */
#include "network/household_read.h"

#include <stdlib.h>

#include "base/hash.h"
#include "network/address.h"

#define SHARED_BY_MAX 200 /* looked at of one identifier */
#define ORDER_EDGES_MAX 8

struct reading {
    const struct network_parts *parts;
    struct households *out;
    struct fuzzy_normaliser *normaliser;
    const struct type *type;
    uint8_t *roles; /* [property number]: enum fuzzy_role of attributes, FUZZY_ROLES: of no use here */
    uint32_t property_count;
    /* of the customer in hand */
    uint32_t customer;
    int64_t since_ms; /* its address */
    struct buffer address, house, town, postcode, given, surname, scratch;
    bool family; /* its surname was told by an attribute of that name */
};

/* --- attributes --- */

static enum fuzzy_role role_of(struct slice name) {
    const char *dot = name.size ? memrchr(name.data, '.', name.size) : NULL;
    struct slice last = dot ? slice_of(dot + 1, name.size - (size_t)(dot + 1 - name.data)) : name;
    enum fuzzy_role role = fuzzy_role_of_header(last);
    if (role == FUZZY_ROLES && dot)
        role = fuzzy_role_of_header(name);
    bool machine =
        slice_starts(name, SLICE("ip")) || slice_starts(name, SLICE("mac")) || slice_starts(name, SLICE("tag."));
    return machine && role == FUZZY_ROLE_ADDRESS ? FUZZY_ROLES : role;
}

static void find_roles(struct reading *r) {
    r->property_count = r->type->property_count;
    r->roles = memory_get((size_t)r->property_count + 1, 1);
    for (uint32_t i = 1; i <= r->property_count; i++) {
        const struct property *p = dictionary_property_at(r->type, (uint16_t)i);
        r->roles[i] = p && p->type == PROPERTY_TEXT ? (uint8_t)role_of(p->name) : FUZZY_ROLES;
    }
}

static void share_text(struct reading *r, enum household_evidence kind, struct slice text, int64_t since_ms) {
    struct household_key key = {.hash = hash_bytes(text, 0),
                                .since_ms = since_ms,
                                .text = households_text(r->out, text),
                                .customer = r->customer,
                                .kind = (uint8_t)kind};
    households_share(r->out, &key);
}

/* Landlines of countries whose numbers tell. */
static bool is_landline(struct slice e164) {
    static const struct {
        const char *country, *mobiles; /* first digits of mobiles */
    } plans[] = {{"+86", "1"}, {"+44", "7"}, {"+33", "67"}, {"+49", "1"}, {"+81", "789"}, {"+852", "5679"}};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        size_t size = strlen(plans[i].country);
        if (slice_starts(e164, slice_text(plans[i].country)) && e164.size > size)
            return !strchr(plans[i].mobiles, e164.data[size]) ||
                   (slice_starts(e164, SLICE("+861")) && e164.size > 4 && e164.data[4] < '3'); /* 010 is Beijing */
    }
    return false;
}

static enum household_evidence phone_kind(struct slice value) {
    return is_landline(value) ? HOUSEHOLD_LANDLINE : HOUSEHOLD_MOBILE;
}

static bool is_character(struct slice text, size_t at) {
    return at + 3 <= text.size && (unsigned char)text.data[at] >= 0xE3;
}

/* Of a whole name: the first character, or two where they are a surname of two; else the last word. */
static struct slice surname_of(struct slice name) {
    static const char *const doubles[] = {"欧阳", "司马", "上官", "诸葛", "夏侯", "皇甫", "尉迟",
                                          "公孙", "慕容", "司徒", "令狐", "东方", "端木", "南宫"};
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++)
        if (slice_starts(name, slice_text(doubles[i])) && name.size > 6)
            return slice_of(name.data, 6);
    if (is_character(name, 0))
        return name.size >= 6 && name.size <= 12 ? slice_of(name.data, 3) : SLICE_NONE;
    const char *blank = name.size ? memrchr(name.data, ' ', name.size) : NULL;
    return blank ? slice_of(blank + 1, name.size - (size_t)(blank + 1 - name.data)) : SLICE_NONE;
}

static void tell_surname(struct reading *r, enum fuzzy_role role, struct slice value) {
    buffer_clear(&r->scratch);
    fuzzy_normalise(r->normaliser, role, value, &r->scratch);
    struct slice name = buffer_slice(&r->scratch);
    if (role == FUZZY_ROLE_NAME)
        households_name(r->out, r->customer, name);
    if (role == FUZZY_ROLE_FAMILY || !r->family)
        households_surname(r->out, r->customer, role == FUZZY_ROLE_NAME ? surname_of(name) : name);
    r->family = r->family || role == FUZZY_ROLE_FAMILY;
}

static void append_word(struct buffer *to, struct slice word) {
    if (to->size)
        buffer_add_char(to, ' ');
    buffer_add_slice(to, word);
}

static void take_attribute(void *context, const struct attribute_now *a) {
    struct reading *r = context;
    if (a->value->kind != VALUE_TEXT || a->property > r->property_count)
        return;
    struct slice value = slice_of((const char *)a->record + a->value->offset, a->value->count);
    enum fuzzy_role role = (enum fuzzy_role)r->roles[a->property];
    switch (role) {
    case FUZZY_ROLE_ADDRESS:
        append_word(&r->address, value);
        r->since_ms = a->record->time_ms > r->since_ms ? a->record->time_ms : r->since_ms;
        break;
    case FUZZY_ROLE_HOUSE:
        append_word(&r->house, value);
        break;
    case FUZZY_ROLE_CITY:
        fuzzy_normalise(r->normaliser, role, value, &r->town);
        break;
    case FUZZY_ROLE_POSTCODE:
        fuzzy_normalise(r->normaliser, role, value, &r->postcode);
        break;
    case FUZZY_ROLE_PHONE:
        share_text(r, phone_kind(value), value, a->record->time_ms);
        break;
    case FUZZY_ROLE_GIVEN:
        fuzzy_normalise(r->normaliser, role, value, &r->given);
        break;
    case FUZZY_ROLE_FAMILY:
        fuzzy_normalise(r->normaliser, role, value, &r->surname);
        tell_surname(r, role, value);
        break;
    case FUZZY_ROLE_NAME:
        tell_surname(r, role, value);
        break;
    default:
        break;
    }
}

static struct slice plain_town(struct slice town) {
    static const struct slice shi = {"市", 3};
    bool ends = town.size > shi.size && memcmp(town.data + town.size - shi.size, shi.data, shi.size) == 0;
    return slice_of(town.data, town.size - (ends ? shi.size : 0));
}

/* The key with the place it is in behind it. */
static void share_address(struct reading *r, size_t key_size, struct slice place) {
    r->scratch.size = key_size;
    if (place.size) {
        buffer_add(&r->scratch, ", ", 2);
        buffer_add_slice(&r->scratch, place);
    }
    share_text(r, HOUSEHOLD_ADDRESS, buffer_slice(&r->scratch), r->since_ms);
}

static void tell_address(struct reading *r) {
    struct slice town = address_town(buffer_slice(&r->address));
    if (!r->address.size)
        return;
    town = town.size ? town : plain_town(buffer_slice(&r->town));
    buffer_clear(&r->scratch);
    if (r->house.size)
        append_word(&r->house, buffer_slice(&r->address));
    if (!address_key(r->normaliser, buffer_slice(r->house.size ? &r->house : &r->address), &r->scratch))
        return;
    size_t size = r->scratch.size;
    if (town.size)
        share_address(r, size, town);
    if (r->postcode.size)
        share_address(r, size, buffer_slice(&r->postcode));
    if (!town.size && !r->postcode.size)
        share_address(r, size, SLICE_NONE);
}

static void read_customer(struct reading *r, uint32_t customer, struct arena *arena) {
    struct buffer *const of_customer[] = {&r->address, &r->house, &r->town, &r->postcode, &r->given, &r->surname};
    for (size_t i = 0; i < sizeof of_customer / sizeof *of_customer; i++)
        buffer_clear(of_customer[i]);
    r->customer = customer;
    r->family = false;
    r->since_ms = 0;
    struct history_hold hold = history_enter(r->parts->history);
    history_attributes(r->parts->history, (struct customer_id){customer}, arena, take_attribute, r);
    history_leave(r->parts->history, hold);
    tell_address(r);
    if (r->given.size && r->surname.size) {
        append_word(&r->given, buffer_slice(&r->surname));
        households_name(r->out, customer, buffer_slice(&r->given));
    }
    arena_reset(arena);
}

static bool told(const struct reading *r, double done) {
    return !r->parts->progress || r->parts->progress(r->parts->context, done);
}

static bool read_customers(struct reading *r, uint64_t created) {
    struct arena arena = {0};
    bool going = true;
    for (uint64_t first = 0; first <= created && going; first += 64) {
        uint64_t bits;
        identity_population(r->parts->identity, (uint32_t)first, 1, &bits);
        for (; bits; bits &= bits - 1) {
            uint64_t customer = first + (uint64_t)__builtin_ctzll(bits);
            if (customer <= created)
                read_customer(r, (uint32_t)customer, &arena);
        }
        going = told(r, 0.5 * (double)first / (double)(created + 1));
    }
    arena_release(&arena);
    return going;
}

/* --- identifiers --- */

struct shared {
    struct reading *r;
    struct identifier_id identifier;
    enum household_evidence kind;
    uint64_t created;
};

static void share_identifier(struct shared *s, struct customer_id customer, int64_t since_ms) {
    const struct identity *identity = s->r->parts->identity;
    if (!customer.number || customer.number > s->created || identity_is_shared(identity, customer))
        return;
    struct household_key key = {
        .since_ms = since_ms, .identifier = s->identifier, .customer = customer.number, .kind = (uint8_t)s->kind};
    /* a telephone is one thing, whether identifier or attribute */
    bool phone = s->kind == HOUSEHOLD_LANDLINE || s->kind == HOUSEHOLD_MOBILE;
    key.hash = phone ? hash_bytes(identity_value(identity, s->identifier), 0) : s->identifier.number;
    households_share(s->r->out, &key);
}

static const struct namespace *namespace_of(const struct shared *s, struct identifier_id id) {
    return dictionary_namespace_at(s->r->parts->dictionary, identity_namespace(s->r->parts->identity, id));
}

/* Of an order that was placed on a device by somebody who did not say who: whose it is by what else is known of it. */
static void take_order_edge(void *context, const struct edge *edge) {
    struct shared *s = context;
    const struct namespace *a = namespace_of(s, edge->a), *b = namespace_of(s, edge->b);
    if (a && a->kind == NAMESPACE_PERSON)
        share_identifier(s, identity_customer(s->r->parts->identity, edge->a), edge->first_ms);
    if (b && b->kind == NAMESPACE_PERSON)
        share_identifier(s, identity_customer(s->r->parts->identity, edge->b), edge->first_ms);
}

/* A neighbour in evidence that stands for a person says who had it. */
static void take_edge(void *context, const struct edge *edge) {
    struct shared *s = context;
    const struct identity *identity = s->r->parts->identity;
    struct identifier_id other = edge->a.number == s->identifier.number ? edge->b : edge->a;
    const struct namespace *n = namespace_of(s, other);
    if (n && n->kind == NAMESPACE_PERSON)
        share_identifier(s, identity_customer(identity, other), edge->first_ms);
    else if (n && n->kind == NAMESPACE_DOCUMENT && s->kind == HOUSEHOLD_DEVICE)
        identity_edges(identity, other, ORDER_EDGES_MAX, take_order_edge, s);
}

/* False for what stands for one person by itself, and for documents. */
static bool kind_of(const struct namespace *n, struct slice value, enum household_evidence *kind) {
    if (!n || n->unique || n->kind == NAMESPACE_DOCUMENT)
        return false;
    *kind = n->kind == NAMESPACE_DEVICE                                      ? HOUSEHOLD_DEVICE
            : n->kind == NAMESPACE_HOUSEHOLD                                 ? HOUSEHOLD_LANDLINE
            : n->normaliser == NORMALISE_PHONE || slice_is(n->name, "phone") ? phone_kind(value)
                                                                             : HOUSEHOLD_IDENTIFIER;
    return true;
}

static bool read_identifiers(struct reading *r, uint64_t created) {
    const struct network_parts *parts = r->parts;
    struct identity_counters counters;
    bool going = true;
    identity_counters_read(parts->identity, &counters);
    for (uint64_t i = 1; i <= counters.identifiers && going; i++) {
        struct shared s = {.r = r, .identifier = {(uint32_t)i}, .created = created};
        const struct namespace *n =
            dictionary_namespace_at(parts->dictionary, identity_namespace(parts->identity, s.identifier));
        if (i % 1024 == 0)
            going = told(r, 0.5 + 0.3 * (double)i / (double)counters.identifiers);
        if (!kind_of(n, identity_value(parts->identity, s.identifier), &s.kind))
            continue;
        if (n->kind == NAMESPACE_PERSON)
            share_identifier(&s, identity_customer(parts->identity, s.identifier), 0);
        identity_edges(parts->identity, s.identifier, SHARED_BY_MAX, take_edge, &s);
    }
    return going;
}

/* --- decisions --- */

static enum status read_decided(struct reading *r, const char *relation, bool together, double from, uint64_t created,
                                struct fault *fault) {
    const struct type *type = dictionary_type_find(r->parts->dictionary, TYPE_RELATION, slice_text(relation));
    struct edge_list list = {0};
    enum status status = type ? edges_read(r->parts, type->number, from, 0.05, &list, fault) : STATUS_OK;
    for (size_t i = 0; i < list.count && !status; i++)
        if (list.edges[i].from <= created && list.edges[i].to <= created)
            households_decided(r->out, list.edges[i].from, list.edges[i].to, together);
    edge_list_release(&list);
    return status;
}

enum status household_read(const struct network_parts *parts, double least, struct households **out,
                           struct fault *fault) {
    struct identity_counters counters;
    identity_counters_read(parts->identity, &counters);
    uint64_t created = counters.created;
    struct reading r = {.parts = parts,
                        .out = households_create((uint32_t)created),
                        .normaliser = fuzzy_normaliser_create(),
                        .type = dictionary_type_at(parts->dictionary, DICTIONARY_CUSTOMER)};
    enum status status = STATUS_OK;
    find_roles(&r);
    if (!read_customers(&r, created) || !read_identifiers(&r, created))
        status = fault_set(fault, STATUS_CLOSED, "cancelled");
    if (!status)
        status = read_decided(&r, HOUSEHOLD_RELATION, true, 0.8, created, fault);
    if (!status)
        status = read_decided(&r, HOUSEHOLD_APART, false, 0.85, created, fault);
    if (!status)
        households_solve(r.out, least);
    else
        households_free(r.out);
    *out = status ? NULL : r.out;
    free(r.roles);
    struct buffer *const buffers[] = {&r.address, &r.house, &r.town, &r.postcode, &r.given, &r.surname, &r.scratch};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        buffer_release(buffers[i]);
    fuzzy_normaliser_free(r.normaliser);
    return status;
}
