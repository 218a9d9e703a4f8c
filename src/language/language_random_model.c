/* language_random_model: random workspaces; see the header. Values come from small pools and times from few instants, among them those at
 * which windows begin and end, so that everything meets everything. */
#include "language/language_random_model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/os.h"

static const char *const texts[] = {"a", "b", "ab", "A b", "值一", "值二", "", " x%y ", "a*b", "\"q\"\\"};
#define TEXTS (sizeof texts / sizeof *texts)

/* --- the dictionary --- */

struct pool_property {
    const char *name;
    enum property_type type;
};
/* Items have no lists: the last two are left out of them. */
static const struct pool_property row_pool[] = {
    {"num1", PROPERTY_NUMBER},     {"num2", PROPERTY_NUMBER},        {"money1", PROPERTY_MONEY},
    {"txt1", PROPERTY_TEXT},       {"txt2", PROPERTY_TEXT},          {"flag1", PROPERTY_BOOL},
    {"at1", PROPERTY_TIME},        {"on1", PROPERTY_DATE},           {"gadget_id", PROPERTY_TEXT},
    {"tags1", PROPERTY_TEXT_LIST}, {"marks1", PROPERTY_NUMBER_LIST},
};
static const struct pool_property customer_pool[] = {
    {"num1", PROPERTY_NUMBER},    {"cnum", PROPERTY_NUMBER},        {"cmoney", PROPERTY_MONEY},
    {"txt1", PROPERTY_TEXT},      {"ctxt", PROPERTY_TEXT},          {"cflag", PROPERTY_BOOL},
    {"cat", PROPERTY_TIME},       {"con", PROPERTY_DATE},           {"ctags", PROPERTY_TEXT_LIST},
    {"gadget_id", PROPERTY_TEXT}, {"cmarks", PROPERTY_NUMBER_LIST}, {"tag.t1", PROPERTY_TEXT},
    {"tag.t2", PROPERTY_NUMBER},  {"segment.up", PROPERTY_BOOL},    {"score.s1", PROPERTY_NUMBER},
};
static const struct pool_property master_pool[] = {
    {"id", PROPERTY_TEXT},     {"m_num", PROPERTY_NUMBER}, {"m_txt", PROPERTY_TEXT},
    {"m_flag", PROPERTY_BOOL}, {"m_on", PROPERTY_DATE},    {"valid_to", PROPERTY_TIME},
};
static const struct pool_property relation_pool[] = {
    {"customer", PROPERTY_NUMBER}, {"ended", PROPERTY_BOOL}, {"weight", PROPERTY_NUMBER}, {"txt1", PROPERTY_TEXT}};

static struct type *make_type(struct random_world *w, enum type_kind kind, const char *name) {
    struct type *type;
    enum status status = dictionary_type(w->dictionary, kind, slice_text(name), &type, NULL);
    assert(status == STATUS_OK);
    (void)status;
    return type;
}

static struct property *make_property(struct random_world *w, struct type *type, const struct pool_property *from) {
    struct property *p;
    enum status status = dictionary_property(w->dictionary, type, slice_text(from->name), from->type, &p, NULL);
    assert(status == STATUS_OK && p->type == from->type);
    (void)status;
    return p;
}

static void make_properties(struct random_world *w, struct type *type, const struct pool_property *pool, size_t count,
                            double chance) {
    for (size_t i = 0; i < count; i++)
        if (random_chance(&w->random, chance))
            make_property(w, type, &pool[i]);
}

#define POOL(pool) pool, sizeof pool / sizeof *pool

static void make_dictionary(struct random_world *w) {
    static const struct {
        enum type_kind kind;
        const char *name;
        double items;
    } kinds[] = {{TYPE_EVENT, "seen", 0.5},
                 {TYPE_EVENT, "App Opened", 0.1},
                 {TYPE_DOCUMENT, "deal", 0.9},
                 {TYPE_EVENT, "clicked", 0.2}};
    static const struct pool_property items = {"lines", PROPERTY_ITEMS};
    w->dictionary = dictionary_create();
    w->master_type = make_type(w, TYPE_MASTER, "gadget");
    make_properties(w, (struct type *)w->master_type, POOL(master_pool), 1);
    make_properties(w, (struct type *)dictionary_type_at(w->dictionary, 0), POOL(customer_pool), 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct type *type = make_type(w, kinds[i].kind, kinds[i].name);
        w->types[w->type_count++] = type;
        make_properties(w, type, POOL(row_pool), 0.7);
        if (!random_chance(&w->random, kinds[i].items))
            continue;
        const struct property *p = make_property(w, type, &items);
        make_properties(w, (struct type *)dictionary_type_at(w->dictionary, p->item_type), row_pool,
                        sizeof row_pool / sizeof *row_pool - 2, 0.6);
    }
    struct type *relation = make_type(w, TYPE_RELATION, "friend_of");
    make_properties(w, relation, POOL(relation_pool), 1);
    w->types[w->type_count++] = relation;
}

/* --- instants --- */

static void make_instants(struct random_world *w) {
    static const int64_t bases[] = {1772956800000, 1773144896000, 1783000000000, 1793492040123, 1798761599000};
    static const int64_t offsets[] = {0,
                                      -1,
                                      1,
                                      -1000,
                                      -3600000,
                                      3600000,
                                      -DAY_MS,
                                      DAY_MS,
                                      -3 * DAY_MS,
                                      -7 * DAY_MS,
                                      -7 * DAY_MS + 1,
                                      -30 * DAY_MS,
                                      -30 * DAY_MS + 1000,
                                      2 * DAY_MS,
                                      -365 * DAY_MS};
    struct random *r = &w->random;
    w->now_ms = bases[random_below(r, sizeof bases / sizeof *bases)];
    const struct zone *zone = w->zone ? w->zone : zone_utc();
    size_t n = 0;
    for (; n < sizeof offsets / sizeof *offsets; n++)
        w->instants[n] = w->now_ms + offsets[n];
    int64_t today = zone_utc_to_local(zone, w->now_ms) / DAY_MS;
    for (; n < 24; n++) /* midnights */
        w->instants[n] = zone_local_to_utc(zone, (today - (int64_t)random_below(r, n % 2 ? 3 : 70)) * DAY_MS);
    for (; n < RANDOM_INSTANTS; n++)
        w->instants[n] = w->now_ms - random_between(r, -2 * DAY_MS,
                                                    (n % 3   ? 3
                                                     : n % 2 ? 40
                                                             : 800) *
                                                        DAY_MS) /
                                         1000 * 1000;
}

static int64_t instant(struct random_world *w) {
    if (random_chance(&w->random, 0.15))
        return w->now_ms - random_between(&w->random, 0, 100 * DAY_MS);
    return w->instants[random_below(&w->random, random_chance(&w->random, 0.4) ? 12 : RANDOM_INSTANTS)];
}

/* --- values --- */

/* A column that holds a double holds doubles alone once it is compacted, so properties have either doubles or numbers of many digits. */
static void set_number(struct random_world *w, uint16_t property, bool money) {
    struct random *r = &w->random;
    struct record_builder *b = &w->builder;
    bool wild =
        (w->seed + property) % 3 == 0 && w->master; /* the twin reads master data as JSON, whose numbers are doubles */
    double kind = random_unit(r);
    if (kind < 0.6)
        record_set(b, property, VALUE_NUMBER, random_between(r, -2, 8), 0);
    else if (kind < 0.85)
        record_set(b, property, VALUE_NUMBER, random_between(r, -300, 99999), money ? 2 : (uint8_t)random_below(r, 4));
    else if (kind < 0.95)
        record_set(b, property, VALUE_NUMBER, random_between(r, 0, 40) * 100, 2); /* not as small as it can be */
    else if (wild)
        record_set(b, property, VALUE_NUMBER, 987654321098123456 + (int64_t)random_below(r, 1000000), 6);
    else if (kind < 0.98 || w->plain)
        record_set_real(b, property, (double)random_between(r, 1, 9) / 2);
    else
        record_set_real(b, property, random_unit(r) * 1e-3);
}

static void set_list(struct random_world *w, const struct property *p) {
    struct random *r = &w->random;
    record_list_begin(&w->builder, p->number);
    for (uint64_t n = random_below(r, 4); n > 0; n--)
        if (p->type == PROPERTY_TEXT_LIST)
            record_set_text(&w->builder, 0, slice_text(texts[random_below(r, TEXTS)]));
        else
            record_set(&w->builder, 0, VALUE_NUMBER, random_between(r, -1, 5), 0);
    record_list_end(&w->builder);
}

static void set_text(struct random_world *w, const struct property *p) {
    struct random *r = &w->random;
    char text[32];
    if (slice_is(p->name, "gadget_id"))
        snprintf(text, sizeof text, "g%u", 1 + (unsigned)random_below(r, 5));
    else if (random_chance(r, 0.05))
        snprintf(text, sizeof text, "long-%u", (unsigned)random_below(r, 1000000));
    else
        snprintf(text, sizeof text, "%s", texts[random_below(r, TEXTS)]);
    record_set_text(&w->builder, p->number, slice_text(text));
}

static void set_items(struct random_world *w, const struct property *p);

/* In half of the worlds each row has an item at least, as orders have: those lie otherwise in a base (child_begins). */
static bool always_items(const struct random_world *w) { return w->seed % 2; }

static void set_value(struct random_world *w, const struct property *p, double missing) {
    struct random *r = &w->random;
    bool always = p->type == PROPERTY_ITEMS && always_items(w);
    if (!always && random_chance(r, missing))
        return;
    if (!always && random_chance(r, 0.06)) {
        record_set(&w->builder, p->number, VALUE_MISSING, 0, 0);
        return;
    }
    switch ((enum property_type)p->type) {
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        set_number(w, p->number, p->type == PROPERTY_MONEY);
        break;
    case PROPERTY_TEXT:
        set_text(w, p);
        break;
    case PROPERTY_BOOL:
        record_set(&w->builder, p->number, VALUE_BOOL, random_chance(r, 0.5), 0);
        break;
    case PROPERTY_TIME:
        record_set(&w->builder, p->number, VALUE_TIME, instant(w), 0);
        break;
    case PROPERTY_DATE:
        record_set(&w->builder, p->number, VALUE_DATE,
                   random_chance(r, 0.1) ? time_days(2020, 2, 29)
                                         : instant(w) / DAY_MS - (int64_t)random_below(r, 2) * 10000,
                   0);
        break;
    case PROPERTY_ITEMS:
        set_items(w, p);
        break;
    default:
        set_list(w, p);
    }
}

static void set_items(struct random_world *w, const struct property *p) {
    const struct type *type = dictionary_type_at(w->dictionary, p->item_type);
    record_items_begin(&w->builder, p->number);
    for (uint64_t n = always_items(w) ? 1 + random_below(&w->random, 3) : random_below(&w->random, 4); n > 0; n--) {
        record_item_begin(&w->builder);
        for (uint16_t i = 1; i <= type->property_count; i++)
            set_value(w, dictionary_property_at(type, i), 0.2);
    }
    record_items_end(&w->builder);
}

/* --- customers --- */

static struct resolution resolve(struct random_world *w, const char *person, const char *device, const char *order) {
    static struct record_head head; /* of a document, only that there is one */
    struct governed governed = {.source = 1};
    struct resolution out;
    const char *const namespaces[] = {"user_id", "anonymous_id", "order_id"}, *const values[] = {person, device, order};
    for (size_t i = 0; i < 3; i++) {
        struct claim claim = {dictionary_namespace_find(w->dictionary, slice_text(namespaces[i]))->number,
                              slice_text(values[i])};
        if (values[i] && i < 2)
            governed.claims[governed.claim_count++] = claim;
        else if (values[i]) {
            governed.records[governed.record_count] = &head;
            governed.document_keys[governed.record_count++] = claim;
        }
    }
    enum status status = identity_resolve(w->identity, &governed, ++w->position, 1, &out);
    assert(status == STATUS_OK);
    (void)status;
    return out;
}

static void make_customers(struct random_world *w) {
    char value[32];
    for (uint32_t c = 1; c < w->first + w->customers; c++) {
        uint32_t i = c - w->first;
        snprintf(value, sizeof value, "c%u", c);
        bool document = c >= w->first && i == 3; /* known by an order alone: no customer yet */
        struct resolution made =
            resolve(w, c % 2 ? value : NULL, c % 2 || document ? NULL : value, document ? value : NULL);
        if (document && c % 2)
            continue;
        assert(made.customer.number == c);
        (void)made;
    }
}

/* The identifier through which another customer is named in a relation. */
static uint32_t identifier_of(const struct random_world *w, uint32_t customer) {
    char value[32];
    snprintf(value, sizeof value, "c%u", customer);
    for (uint16_t n = 1; n <= dictionary_namespace_count(w->dictionary); n++) {
        struct identifier_id id = identity_find(w->identity, n, slice_text(value));
        if (id.number)
            return id.number;
    }
    return customer;
}

/* --- steps --- */

static void add_step(struct random_world *w, struct random_step step) {
    w->steps = memory_resize(w->steps, w->step_count + 1, sizeof *w->steps);
    w->steps[w->step_count++] = step;
}

static uint32_t some_customer(struct random_world *w) {
    uint32_t c = w->first + (uint32_t)random_below(&w->random, w->customers - 1); /* the last has no rows of its own */
    return identity_redirect(w->identity, (struct customer_id){c}).number;
}

static void add_record(struct random_world *w, uint32_t customer) {
    const struct record_head *made = record_end(&w->builder);
    struct record_head *copy = memory_get(1, made->bytes);
    memcpy(copy, made, made->bytes);
    add_step(w, (struct random_step){.customer = {customer}, .record = copy});
}

static void set_relation(struct random_world *w, uint32_t target) {
    struct random *r = &w->random;
    record_set(&w->builder, RELATION_CUSTOMER, VALUE_NUMBER, target, 0);
    if (random_chance(r, 0.2))
        record_set(&w->builder, RELATION_ENDED, VALUE_BOOL, random_chance(r, 0.7), 0);
}

/* A record of `type`, at `position` where it takes the place of one. */
static void make_record(struct random_world *w, uint32_t customer, const struct type *type, uint64_t replaces) {
    struct random *r = &w->random;
    uint32_t target = w->first + (uint32_t)random_below(r, w->customers);
    bool document = type->kind == TYPE_DOCUMENT, relation = type->kind == TYPE_RELATION;
    struct record_head head = {.type = type->number,
                               .kind = type->kind,
                               .source = (uint16_t)random_between(r, 1, 3),
                               .time_ms = instant(w),
                               .received_ms = w->now_ms - random_between(r, 0, DAY_MS),
                               .position = replaces ? replaces : ++w->position,
                               .arrival = 1,
                               .document = document ? customer * 16 + (uint32_t)random_below(r, 3) : 0,
                               .priority = (uint8_t)random_below(r, 3),
                               .flags = replaces ? RECORD_REPLACES : 0};
    if (relation)
        head.document = identifier_of(w, target);
    if (document && random_chance(r, 0.4))
        head.flags |= RECORD_ITEMS_APPEND;
    if (random_chance(r, 0.3) && !replaces && w->step_count) /* two rows of one log position */
        head.position = w->position = w->position - (w->steps[w->step_count - 1].record &&
                                                     w->steps[w->step_count - 1].record->type < type->number &&
                                                     w->steps[w->step_count - 1].record->position + 1 == w->position);
    record_begin(&w->builder, &head);
    if (relation)
        set_relation(w, target);
    for (uint16_t i = relation ? 3 : 1; i <= type->property_count; i++) {
        const struct property *p = dictionary_property_at(type, i);
        if (type->number != DICTIONARY_CUSTOMER)
            set_value(w, p, p->type == PROPERTY_ITEMS ? 0.3 : 0.2);
        else
            for (size_t k = 0; k < sizeof customer_pool / sizeof *customer_pool; k++)
                if (slice_is(p->name, customer_pool[k].name))
                    set_value(w, p, 0.7);
    }
    add_record(w, customer);
}

static void replace_some(struct random_world *w) {
    const struct random_step *step = &w->steps[random_below(&w->random, w->step_count)];
    if (!step->record)
        return;
    uint32_t now = identity_redirect(w->identity, step->customer).number;
    make_record(w, now, dictionary_type_at(w->dictionary, step->record->type), step->record->position);
}

static bool was_merged(const struct random_world *w, uint32_t customer) {
    for (size_t i = 0; i < w->step_count; i++)
        if (w->steps[i].loser.number &&
            (w->steps[i].customer.number == customer || w->steps[i].loser.number == customer))
            return true;
    return false;
}

static void merge_some(struct random_world *w) {
    char person[32], device[32];
    uint32_t a = w->first + (uint32_t)random_below(&w->random, w->customers - 1);
    uint32_t b = w->first + (uint32_t)random_below(&w->random, w->customers - 1);
    if (a % 2 == 0 || b % 2 || a - w->first == 3 || b - w->first == 3)
        return;
    if (was_merged(w, b))
        return; /* a device of two persons is nobody's: rows would go back */
    snprintf(person, sizeof person, "c%u", a);
    snprintf(device, sizeof device, "c%u", b);
    struct resolution out = resolve(w, person, device, NULL);
    assert(out.move_count == 0);
    for (size_t i = 0; i < out.merge_count; i++)
        add_step(w, (struct random_step){.customer = out.merges[i].winner, .loser = out.merges[i].loser});
}

static void make_steps(struct random_world *w) {
    struct random *r = &w->random;
    size_t count = w->customers * (6 + random_below(r, 16));
    for (size_t i = 0; i < count; i++) {
        const struct type *type = w->types[random_below(r, w->type_count)];
        double what = random_unit(r);
        if (what < 0.015)
            merge_some(w);
        else if (what < 0.05 && w->step_count)
            replace_some(w);
        else if (what < 0.3)
            make_record(w, some_customer(w), dictionary_type_at(w->dictionary, DICTIONARY_CUSTOMER), 0);
        else
            make_record(w, some_customer(w), type, 0);
    }
}

static void make_master(struct random_world *w) {
    char id[8];
    struct master *master = master_create(w->dictionary);
    for (unsigned i = 1; i <= 6; i++) {
        struct record_head head = {
            .type = w->master_type->number, .kind = TYPE_MASTER, .time_ms = instant(w), .position = ++w->position};
        record_begin(&w->builder, &head);
        snprintf(id, sizeof id, "g%u", 1 + i % 4);
        record_set_text(&w->builder, 1, slice_text(id));
        for (uint16_t p = 2; p <= w->master_type->property_count; p++)
            set_value(w, dictionary_property_at(w->master_type, p), 0.2);
        master_put(master, record_end(&w->builder));
    }
    w->master = master;
}

static bool find_definition(void *context, enum definition_kind kind, struct slice name, struct definition *out) {
    const struct random_world *w = context;
    for (size_t i = 0; i < w->definition_count; i++)
        if (w->definitions[i].usable && w->definitions[i].kind == kind && slice_is(name, w->definitions[i].name)) {
            *out = w->definitions[i].definition;
            return true;
        }
    return false;
}

static void make_zone(struct random_world *w) {
    static const char *const names[] = {"UTC", "Asia/Shanghai", "America/New_York", "Europe/Berlin"};
    const char *name = names[random_below(&w->random, 4)];
    if (zone_load(os_real(), slice_text(name), &w->zone, NULL) != STATUS_OK) /* without tzdata: UTC */
        w->zone = NULL;
}

void random_world_create(struct random_world *w, uint64_t seed, bool far, bool plain) {
    *w = (struct random_world){.seed = seed, .plain = plain};
    random_init(&w->random, seed);
    make_zone(w);
    make_instants(w);
    make_dictionary(w);
    w->identity = identity_create(os_real(), w->dictionary);
    w->customers = 8 + (uint32_t)random_below(&w->random, 24);
    w->first = far ? SPAN_CUSTOMERS - w->customers / 2 : 1;
    make_customers(w);
    make_master(w);
    make_steps(w);
    w->vocabulary = (struct vocabulary){.dictionary = w->dictionary,
                                        .master = w->master,
                                        .zone = w->zone ? w->zone : zone_utc(),
                                        .week_start = random_chance(&w->random, 0.7) ? 1 : 7,
                                        .context = w,
                                        .find = find_definition};
}

void random_world_release(struct random_world *w) {
    for (size_t i = 0; i < w->step_count; i++)
        free(w->steps[i].record);
    free(w->steps);
    record_builder_release(&w->builder);
    arena_release(&w->arena);
    master_free(w->master);
    identity_free(w->identity);
    dictionary_free(w->dictionary);
    zone_free(w->zone);
}

void random_world_shuffle(struct random_world *w) {
    struct random_step *order = memory_get(w->step_count + 1, sizeof *order);
    size_t count = 0, plain;
    for (size_t i = 0; i < w->step_count; i++)
        if (w->steps[i].record && !(w->steps[i].record->flags & RECORD_REPLACES))
            order[count++] = w->steps[i];
    for (size_t i = count; i > 1; i--) {
        size_t k = random_below(&w->random, i);
        struct random_step swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
    plain = count;
    for (size_t i = 0; i < w->step_count; i++)
        if (!w->steps[i].record || w->steps[i].record->flags & RECORD_REPLACES)
            order[count++] = w->steps[i];
    assert(plain <= count && count == w->step_count);
    free(w->steps);
    w->steps = order;
}

/* Where a customer's rows are after the merges among steps [0, before). */
static struct customer_id owner_then(const struct random_world *w, size_t before, struct customer_id customer) {
    for (size_t i = 0; i < before; i++)
        if (!w->steps[i].record && w->steps[i].loser.number == customer.number)
            customer = w->steps[i].customer;
    return customer;
}

void random_world_do(const struct random_world *w, struct history *history, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        const struct random_step *step = &w->steps[i];
        if (step->record)
            history_append(history, owner_then(w, i, step->customer), step->record);
        else
            history_merge(history, owner_then(w, i, step->customer), step->loser);
    }
    history_advance(history, w->position);
}

void random_set_bits(void *context, uint32_t set, uint32_t span, uint64_t bits[SPAN_CUSTOMERS / 64]) {
    struct random random;
    (void)context;
    random_init(&random, (uint64_t)set << 32 | span);
    for (size_t i = 0; i < SPAN_CUSTOMERS / 64; i++)
        bits[i] = random_next(&random);
}

/* --- definitions --- */

static void define(struct random_world *w, const char *name, enum definition_kind kind, struct definition definition) {
    struct random_definition *d = &w->definitions[w->definition_count++];
    assert(w->definition_count <= RANDOM_DEFINITIONS_MAX);
    *d = (struct random_definition){.kind = kind, .definition = definition, .usable = true};
    d->definition.number = (uint32_t)w->definition_count;
    snprintf(d->name, sizeof d->name, "%s", name);
}

static uint16_t attribute(const struct random_world *w, const char *name) {
    return dictionary_property_find(w->dictionary, dictionary_type_at(w->dictionary, 0), slice_text(name))->number;
}

/* Of the type wanted; few expressions are distributions, hence the many tries. */
static void define_expression(struct random_world *w, const char *name, enum definition_kind kind,
                              enum term_type wanted) {
    struct buffer text = {0};
    struct node *root;
    bool defined = false;
    for (unsigned tries = 0; tries < (wanted == TERM_DISTRIBUTION ? 200 : 20) && !defined; tries++) {
        buffer_clear(&text);
        random_expression(w, wanted == TERM_BOOL, &text);
        struct fault fault = {0};
        if (check_text(&w->vocabulary, buffer_slice(&text), TERM_NONE, &w->arena, &root, &fault, NULL) != STATUS_OK ||
            root->type != wanted)
            continue;
        define(w, name, kind, (struct definition){.type = (enum term_type)root->type, .expression = root});
        defined = true;
    }
    buffer_release(&text);
}

void random_world_define(struct random_world *w) {
    define(w, "up", DEFINITION_SEGMENT,
           (struct definition){.type = TERM_BOOL, .attribute = attribute(w, "segment.up")});
    define(w, "fixed", DEFINITION_SEGMENT, (struct definition){.type = TERM_BOOL});
    define(w, "t1", DEFINITION_TAG, (struct definition){.type = TERM_TEXT, .attribute = attribute(w, "tag.t1")});
    define(w, "t2", DEFINITION_TAG, (struct definition){.type = TERM_NUMBER, .attribute = attribute(w, "tag.t2")});
    define_expression(w, "rule", DEFINITION_SEGMENT, TERM_BOOL);
    define_expression(w, "second", DEFINITION_SEGMENT, TERM_BOOL);
    define_expression(w, "m1", DEFINITION_METRIC, TERM_NUMBER);
    define_expression(w, "t3", DEFINITION_TAG, TERM_NUMBER);
    define_expression(w, "t4", DEFINITION_TAG, TERM_DISTRIBUTION);
}

/* --- printing --- */

static void print_value(const struct random_world *w, const struct type *type, const struct record_head *r,
                        const struct record_value *v, struct buffer *out) {
    const struct property *p = type ? dictionary_property_at(type, v->property) : NULL;
    struct json_writer json = {.out = out};
    char date[TIME_TEXT_BYTES];
    if (p)
        buffer_print(out, " %s=", p->name.data);
    switch (v->kind) {
    case VALUE_MISSING:
        json_null(&json);
        break;
    case VALUE_NUMBER:
        json_decimal(&json, v->integer, v->scale);
        break;
    case VALUE_REAL:
        json_real(&json, v->real);
        break;
    case VALUE_TEXT:
        json_text(&json, record_text(r, v));
        break;
    case VALUE_TIME:
        json_time(&json, v->integer);
        break;
    case VALUE_DATE:
        json_text(&json, slice_of(date, time_format_date(v->integer, date)));
        break;
    case VALUE_LIST:
        buffer_add_char(out, '[');
        for (uint32_t i = 0; i < v->count; i++) {
            print_value(w, NULL, r, &record_list(r, v)[i], out);
            buffer_add_char(out, ' ');
        }
        buffer_add_char(out, ']');
        break;
    case VALUE_ITEMS:
        for (uint32_t i = 0; i < v->count && p; i++) {
            const struct record_item *item = &record_items(r, v)[i];
            buffer_print(out, "{");
            for (uint32_t k = 0; k < item->value_count; k++)
                print_value(w, dictionary_type_at(w->dictionary, p->item_type), r, &record_item_values(r, item)[k],
                            out);
            buffer_print(out, " }");
        }
        break;
    default:
        json_bool(&json, v->integer);
    }
}

void random_world_print(const struct random_world *w, struct customer_id customer, struct buffer *out) {
    char time[TIME_TEXT_BYTES];
    for (size_t i = 0; i < w->step_count; i++) {
        const struct record_head *r = w->steps[i].record;
        if (!r || owner_then(w, w->step_count, w->steps[i].customer).number != customer.number)
            continue;
        const struct type *type = dictionary_type_at(w->dictionary, r->type);
        time[time_format(r->time_ms, time)] = 0;
        buffer_print(out, "  %s at %s position %llu source %u", type->name.data, time, (unsigned long long)r->position,
                     r->source);
        if (r->document)
            buffer_print(out, " document %u", r->document);
        if (r->type == DICTIONARY_CUSTOMER)
            buffer_print(out, " priority %u", r->priority);
        buffer_print(out, "%s%s:", r->flags & RECORD_REPLACES ? " replaces" : "",
                     r->flags & RECORD_ITEMS_APPEND ? " appends" : "");
        for (unsigned k = 0; k < r->value_count; k++)
            print_value(w, type, r, &record_values(r)[k], out);
        buffer_add_char(out, '\n');
    }
}
