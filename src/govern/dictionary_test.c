/* dictionary_test: the preset, discovery, definitions, limits, saving and loading, and readers beside the writer. */
#include "govern/dictionary.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)

static int create(void **state) {
    *state = dictionary_create();
    return 0;
}

static int destroy(void **state) {
    dictionary_free(*state);
    return 0;
}

static enum status define(struct dictionary *d, const char *json, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    MUST(json_parse(p, slice_text(json), false, &root, fault));
    enum status checked = dictionary_check(d, p, root, fault), status = dictionary_define(d, p, root, fault);
    assert_int_equal(checked, status);
    json_parser_free(p);
    return status;
}

static const struct property *property_of(struct dictionary *d, enum type_kind kind, const char *type,
                                          const char *name) {
    const struct type *found = dictionary_type_find(d, kind, slice_text(type));
    assert_non_null(found);
    return dictionary_property_find(d, found, slice_text(name));
}

static void write_all(const struct dictionary *d, struct buffer *into) {
    struct json_writer w = {.out = into};
    buffer_clear(into);
    dictionary_write_json(d, &w);
}

static void the_preset_is_there(void **state) {
    struct dictionary *d = *state;
    assert_true(slice_is(dictionary_type_at(d, 0)->name, "customer"));
    assert_int_equal(dictionary_type_at(d, 0)->kind, TYPE_ATTRIBUTES);
    assert_int_equal(property_of(d, TYPE_EVENT, "Order Completed", "total")->type, PROPERTY_MONEY);
    const struct property *products = property_of(d, TYPE_EVENT, "Order Completed", "products");
    assert_int_equal(products->type, PROPERTY_ITEMS);
    assert_true(slice_is(dictionary_type_at(d, products->item_type)->name, "Order Completed.products"));
    assert_int_equal(property_of(d, TYPE_ITEM, "Order Completed.products", "price")->type, PROPERTY_MONEY);
    assert_int_equal(property_of(d, TYPE_ITEM, "order.items", "quantity")->type, PROPERTY_NUMBER);
    assert_int_equal(property_of(d, TYPE_ATTRIBUTES, "customer", "phone")->normaliser, NORMALISE_PHONE);
    assert_true(property_of(d, TYPE_ATTRIBUTES, "customer", "phone")->declared);
    const struct type *order = dictionary_type_find(d, TYPE_DOCUMENT, SLICE("order"));
    assert_true(slice_is(dictionary_namespace_at(d, order->key_namespace)->name, "order_id"));
    const struct namespace *user = dictionary_namespace_find(d, SLICE("user_id")),
                           *phone = dictionary_namespace_find(d, SLICE("phone"));
    assert_true(user->unique && user->priority == 0 && user->kind == NAMESPACE_PERSON && user->number == 1);
    assert_true(!phone->unique && phone->limit == 5 && phone->normaliser == NORMALISE_PHONE);
    assert_int_equal(dictionary_namespace_find(d, SLICE("anonymous_id"))->kind, NAMESPACE_DEVICE);
    assert_null(dictionary_type_find(d, TYPE_EVENT, SLICE("order")));
    assert_null(dictionary_namespace_find(d, SLICE("")));
}

static void spellings_of_attributes_find_the_declared_one(void **state) {
    struct dictionary *d = *state;
    assert_ptr_equal(property_of(d, TYPE_ATTRIBUTES, "customer", "firstName"),
                     property_of(d, TYPE_ATTRIBUTES, "customer", "first_name"));
    assert_null(property_of(d, TYPE_EVENT, "page", "firstName"));
}

static void discovery_numbers_in_order(void **state) {
    struct dictionary *d = *state;
    struct type *type, *again;
    struct property *property;
    struct fault fault = {0};
    uint32_t count = dictionary_type_count(d);
    MUST(dictionary_type(d, TYPE_EVENT, SLICE("E"), &type, &fault));
    MUST(dictionary_type(d, TYPE_EVENT, SLICE("E"), &again, &fault));
    assert_ptr_equal(type, again);
    assert_int_equal(type->number, count);
    assert_false(type->declared);
    MUST(dictionary_property(d, type, SLICE("a"), PROPERTY_BOOL, &property, &fault));
    assert_int_equal(property->number, 1);
    MUST(dictionary_property(d, type, SLICE("b"), PROPERTY_TEXT, &property, &fault));
    assert_int_equal(property->number, 2);
    MUST(dictionary_property(d, type, SLICE("a"), PROPERTY_TEXT, &property, &fault));
    assert_int_equal(property->type, PROPERTY_BOOL); /* the first value's */
    assert_null(dictionary_property_at(type, 0));
    assert_null(dictionary_property_at(type, 3));
    MUST(dictionary_type(d, TYPE_DOCUMENT, SLICE("ticket"), &type, &fault));
    assert_true(slice_is(dictionary_namespace_at(d, type->key_namespace)->name, "ticket_id"));
}

static void unusable_names_are_refused(void **state) {
    struct dictionary *d = *state;
    struct type *type;
    struct property *property;
    const struct namespace *ns;
    struct fault fault = {0};
    char name[DICTIONARY_NAME_BYTES_MAX + 1];
    memset(name, 'x', sizeof name);
    assert_int_equal(dictionary_type(d, TYPE_EVENT, SLICE(""), &type, &fault), STATUS_INVALID);
    assert_int_equal(dictionary_type(d, TYPE_EVENT, SLICE("a\tb"), &type, &fault), STATUS_INVALID);
    assert_int_equal(dictionary_type(d, TYPE_EVENT, slice_of(name, sizeof name), &type, &fault), STATUS_INVALID);
    assert_int_equal(dictionary_type(d, TYPE_ATTRIBUTES, SLICE("company"), &type, &fault), STATUS_INVALID);
    assert_int_equal(dictionary_namespace(d, SLICE("\x7f"), &ns, &fault), STATUS_INVALID);
    MUST(dictionary_type(d, TYPE_EVENT, slice_of(name, sizeof name - 1), &type, &fault));
    assert_int_equal(dictionary_property(d, type, SLICE(""), PROPERTY_TEXT, &property, &fault), STATUS_INVALID);
    MUST(dictionary_type(d, TYPE_ITEM, SLICE("i"), &type, &fault));
    assert_int_equal(dictionary_property(d, type, SLICE("l"), PROPERTY_TEXT_LIST, &property, &fault), STATUS_INVALID);
}

static void limits_hold(void **state) {
    struct dictionary *d = *state;
    struct type *type;
    struct property *property;
    const struct namespace *ns;
    struct fault fault = {0};
    char name[32];
    MUST(dictionary_type(d, TYPE_EVENT, SLICE("wide"), &type, &fault));
    for (int i = 0; i < DICTIONARY_PROPERTIES_MAX; i++)
        MUST(dictionary_property(d, type, slice_of(name, (size_t)snprintf(name, sizeof name, "p%d", i)), PROPERTY_TEXT,
                                 &property, &fault));
    assert_int_equal(dictionary_property(d, type, SLICE("one more"), PROPERTY_TEXT, &property, &fault), STATUS_FULL);
    MUST(dictionary_property(d, type, SLICE("p7"), PROPERTY_TEXT, &property, &fault));
    while (dictionary_type_count(d) < DICTIONARY_TYPES_MAX)
        MUST(dictionary_type(d, TYPE_EVENT,
                             slice_of(name, (size_t)snprintf(name, sizeof name, "t%u", dictionary_type_count(d))),
                             &type, &fault));
    assert_int_equal(dictionary_type(d, TYPE_EVENT, SLICE("one more"), &type, &fault), STATUS_FULL);
    while (dictionary_namespace_count(d) < DICTIONARY_NAMESPACES_MAX)
        MUST(dictionary_namespace(
            d, slice_of(name, (size_t)snprintf(name, sizeof name, "n%u", dictionary_namespace_count(d))), &ns, &fault));
    assert_int_equal(dictionary_namespace(d, SLICE("one more"), &ns, &fault), STATUS_FULL);
    assert_non_null(dictionary_type_find(d, TYPE_EVENT, SLICE("t4095")));
    assert_int_equal(dictionary_namespace_find(d, SLICE("n999"))->number, 1000);
}

static void definitions_apply(void **state) {
    struct dictionary *d = *state;
    struct fault fault = {0};
    MUST(define(d,
                "{\"define\":\"type\",\"kind\":\"document\",\"name\":\"visit\",\"key_namespace\":\"visit_no\","
                "\"properties\":{\"fee\":\"money\","
                "\"mobile\":{\"type\":\"text\",\"normalise\":\"phone\"},\"drugs\":{\"type\":\"items\",\"properties\":{"
                "\"code\":\"text\",\"dose\":\"number\"}},\"tags\":\"text_list\"}}",
                &fault));
    const struct type *visit = dictionary_type_find(d, TYPE_DOCUMENT, SLICE("visit"));
    assert_true(visit->declared);
    assert_true(slice_is(dictionary_namespace_at(d, visit->key_namespace)->name, "visit_no"));
    assert_int_equal(dictionary_namespace_at(d, visit->key_namespace)->kind, NAMESPACE_DOCUMENT);
    assert_int_equal(property_of(d, TYPE_DOCUMENT, "visit", "mobile")->normaliser, NORMALISE_PHONE);
    assert_int_equal(property_of(d, TYPE_ITEM, "visit.drugs", "dose")->type, PROPERTY_NUMBER);
    MUST(define(d,
                "{\"define\":\"type\",\"kind\":\"attributes\",\"properties\":{\"card\":{\"type\":\"text\","
                "\"normalise\":\"lower\"}}}",
                &fault));
    assert_int_equal(property_of(d, TYPE_ATTRIBUTES, "customer", "card")->normaliser, NORMALISE_LOWER);
    MUST(define(d,
                "{\"define\":\"namespace\",\"name\":\"card\",\"kind\":\"person\",\"priority\":4,\"unique\":true,"
                "\"limit\":2,\"normalise\":\"lower\"}",
                &fault));
    const struct namespace *card = dictionary_namespace_find(d, SLICE("card"));
    assert_true(card->kind == NAMESPACE_PERSON && card->priority == 4 && card->unique && card->limit == 2 &&
                card->normaliser == NORMALISE_LOWER);
    MUST(define(d, "{\"define\":\"namespace\",\"name\":\"card\",\"limit\":3}", &fault));
    assert_true(card->limit == 3 && card->unique && card->priority == 4);
}

static const struct type *relation(struct dictionary *d, const char *name) {
    return dictionary_type_find(d, TYPE_RELATION, slice_text(name));
}

static void relations_come_with_their_inverse(void **state) {
    struct dictionary *d = *state;
    struct fault fault = {0};
    struct type *found;
    MUST(define(d,
                "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"guardian_of\",\"inverse\":\"ward_of\","
                "\"properties\":{\"since\":\"date\"}}",
                &fault));
    const struct type *guardian = relation(d, "guardian_of"), *ward = relation(d, "ward_of");
    assert_int_equal(guardian->inverse, ward->number);
    assert_int_equal(ward->inverse, guardian->number);
    assert_true(ward->declared);
    assert_int_equal(property_of(d, TYPE_RELATION, "ward_of", "customer")->number, RELATION_CUSTOMER);
    assert_int_equal(property_of(d, TYPE_RELATION, "guardian_of", "ended")->number, RELATION_ENDED);
    assert_int_equal(property_of(d, TYPE_RELATION, "guardian_of", "since")->type, PROPERTY_DATE);
    MUST(dictionary_type(d, TYPE_RELATION, SLICE("knows"), &found, &fault));
    assert_int_equal(relation(d, "knows_inverse")->inverse, found->number);
    MUST(define(d, "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"spouse_of\",\"inverse\":\"spouse_of\"}",
                &fault));
    assert_int_equal(relation(d, "spouse_of")->inverse, relation(d, "spouse_of")->number);
    MUST(dictionary_type(d, TYPE_RELATION, SLICE("ward_of"), &found, &fault));
    assert_ptr_equal(found, ward);
    MUST(define(d, "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"ward_of\",\"properties\":{\"n\":\"number\"}}",
                &fault));
    static const struct {
        const char *json;
        enum status status;
    } bad[] = {
        {"{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"ward_of\",\"inverse\":\"x\"}", STATUS_CONFLICT},
        {"{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"x\",\"inverse\":\"ward_of\"}", STATUS_CONFLICT},
        {"{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"x\",\"properties\":{\"ended\":\"text\"}}",
         STATUS_CONFLICT},
        {"{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"ward_of\",\"properties\":{\"customer\":\"text\"}}",
         STATUS_CONFLICT},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"inverse\":\"y\"}", STATUS_INVALID},
        {"{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"\"}", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(define(d, bad[i].json, &fault), bad[i].status);
    assert_null(relation(d, "x"));
}

static void values_keep_their_type(void **state) {
    struct dictionary *d = *state;
    struct fault fault = {0};
    struct type *type;
    struct property *property;
    MUST(dictionary_type(d, TYPE_EVENT, SLICE("E"), &type, &fault));
    MUST(dictionary_property(d, type, SLICE("n"), PROPERTY_NUMBER, &property, &fault));
    MUST(define(d, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{\"n\":\"date\"}}",
                &fault)); /* no values yet */
    MUST(
        define(d, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{\"n\":\"number\"}}", &fault));
    property->present_count = 5;
    assert_int_equal(
        define(d, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{\"n\":\"date\"}}", &fault),
        STATUS_CONFLICT);
    assert_non_null(strstr(fault.text, "5 values"));
    MUST(define(d, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{\"n\":\"money\"}}", &fault));
    MUST(define(d, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{\"n\":\"text\"}}", &fault));
    assert_int_equal(
        define(d, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{\"n\":\"number\"}}", &fault),
        STATUS_CONFLICT);
    type->record_count = 0;
}

static void definitions_that_cannot_be(void **state) {
    struct dictionary *d = *state;
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"{}", "define"},
        {"[]", "define"},
        {"{\"define\":\"type\",\"kind\":\"verb\",\"name\":\"x\"}", "verb"},
        {"{\"define\":\"type\",\"kind\":\"item\",\"name\":\"x\"}", "item"},
        {"{\"define\":\"type\",\"kind\":\"event\"}", "name"},
        {"{\"define\":\"type\",\"kind\":\"attributes\",\"name\":\"x\"}", "customer"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"key_namespace\":\"y\"}", "key_namespace"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":[]}", "properties"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":{\"p\":\"colour\"}}", "colour"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":{\"p\":7}}", "type"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":{\"p\":{\"type\":\"text\","
         "\"normalise\":\"x\"}}}",
         "normalise"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":{\"p\":{\"type\":\"money\","
         "\"normalise\":\"phone\"}}}",
         "text"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":{\"p\":{\"type\":\"text\","
         "\"properties\":{}}}}",
         "items"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":{\"p\":{\"type\":\"items\","
         "\"properties\":{\"q\":\"items\"}}}}",
         "their own"},
        {"{\"define\":\"type\",\"kind\":\"event\",\"name\":\"x\",\"properties\":{\"\":\"text\"}}", "name"},
        {"{\"define\":\"namespace\"}", "name"},
        {"{\"define\":\"namespace\",\"name\":\"n\",\"kind\":\"any\"}", "any"},
        {"{\"define\":\"namespace\",\"name\":\"n\",\"priority\":256}", "priority"},
        {"{\"define\":\"namespace\",\"name\":\"n\",\"limit\":-1}", "limit"},
        {"{\"define\":\"namespace\",\"name\":\"n\",\"normalise\":\"gender\"}", "gender"},
    };
    struct buffer before = {0}, after = {0};
    write_all(d, &before);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fault fault = {0};
        assert_int_equal(define(d, bad[i].json, &fault), STATUS_INVALID);
        if (!strstr(fault.text, bad[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].json, fault.text, bad[i].says);
    }
    write_all(d, &after);
    assert_true(slice_equal(buffer_slice(&before), buffer_slice(&after)));
    buffer_release(&before);
    buffer_release(&after);
}

/* Grows a dictionary at random. */
static void grow(struct dictionary *d, uint64_t seed, int steps) {
    struct random random;
    struct fault fault = {0};
    random_init(&random, seed);
    for (int i = 0; i < steps; i++) {
        char name[32];
        struct type *type;
        struct property *property;
        const struct namespace *ns;
        static const enum type_kind kinds[] = {TYPE_EVENT, TYPE_DOCUMENT, TYPE_MASTER, TYPE_RELATION};
        enum type_kind kind = kinds[random_below(&random, 4)];
        size_t size = (size_t)snprintf(name, sizeof name, "t\"%d", (int)random_below(&random, 40));
        MUST(dictionary_type(d, kind, slice_of(name, size), &type, &fault));
        size = (size_t)snprintf(name, sizeof name, "p%d", (int)random_below(&random, 30));
        MUST(dictionary_property(d, type, slice_of(name, size), (enum property_type)random_below(&random, 9), &property,
                                 &fault));
        property->present_count++;
        type->record_count++;
        if (random_chance(&random, 0.1))
            MUST(dictionary_namespace(d, slice_of(name, size), &ns, &fault));
    }
}

static void saved_is_loaded_to_the_same(void **state) {
    struct buffer want = {0}, got = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct dictionary *d = dictionary_create(), *other = dictionary_create();
        struct fault fault = {0};
        grow(d, seed, 500);
        write_all(d, &want);
        if (seed % 2) /* over something else than a fresh one: numbers still come out the same */
            grow(other, seed + 100, 20);
        for (int times = 0; times < 2; times++) {
            if (dictionary_load(other, buffer_slice(&want), &fault) != STATUS_OK)
                fail_msg("seed %d: %s", (int)seed, fault.text);
            write_all(other, &got);
            assert_true(slice_equal(buffer_slice(&want), buffer_slice(&got)));
        }
        dictionary_free(d);
        dictionary_free(other);
    }
    buffer_release(&want);
    buffer_release(&got);
}

static void damaged_saves_are_told(void **state) {
    struct dictionary *d = *state;
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"types\":[]}",
        "{\"namespaces\":[{\"number\":2,\"name\":\"a\",\"kind\":\"person\",\"priority\":0,\"limit\":0}]}",
        "{\"types\":[{\"number\":0,\"name\":\"E\",\"kind\":\"event\"}]}",
        "{\"types\":[{\"number\":1,\"name\":\"customer\",\"kind\":\"attributes\"}]}",
        ("{\"types\":[{\"number\":0,\"name\":\"customer\",\"kind\":\"attributes\"},"
         "{\"number\":1,\"name\":\"r\",\"kind\":\"relation\"}]}"),
        ("{\"types\":[{\"number\":0,\"name\":\"customer\",\"kind\":\"attributes\"},"
         "{\"number\":1,\"name\":\"r\",\"kind\":\"relation\",\"inverse\":\"r\"}]}"),
        ("{\"types\":[{\"number\":0,\"name\":\"customer\",\"kind\":\"attributes\","
         "\"properties\":[{\"number\":1,\"name\":\"a\",\"type\":\"items\"}]}]}"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fault fault = {0};
        assert_int_equal(dictionary_load(d, slice_text(bad[i]), &fault), STATUS_DAMAGED);
        assert_int_equal(dictionary_type_at(d, 0)->kind, TYPE_ATTRIBUTES); /* the preset, usable */
    }
}

/* Any one byte changed, or the text cut: loaded or refused, never worse. */
static void any_bytes_are_survived(void **state) {
    struct dictionary *d = *state;
    struct buffer text = {0}, changed = {0};
    struct random random;
    random_init(&random, 5);
    write_all(d, &text);
    for (int i = 0; i < 60; i++) {
        struct fault fault = {0};
        buffer_clear(&changed);
        buffer_add(&changed, text.data, i % 3 ? text.size : random_below(&random, text.size));
        for (int k = 0; changed.size && k < 3; k++)
            changed.data[random_below(&random, changed.size)] = "0123456789\"{}[],:abz"[random_below(&random, 20)];
        enum status status = dictionary_load(d, buffer_slice(&changed), &fault);
        assert_true(status == STATUS_OK || status == STATUS_DAMAGED);
    }
    buffer_release(&text);
    buffer_release(&changed);
}

struct reading {
    struct dictionary *d;
    atomic_bool stop;
    size_t found;
};

static void *read_along(void *context) {
    struct reading *r = context;
    while (!atomic_load(&r->stop))
        for (uint32_t i = 0; i < dictionary_type_count(r->d); i++) {
            const struct type *type = dictionary_type_at(r->d, (uint16_t)i);
            if (dictionary_type_find(r->d, (enum type_kind)type->kind, type->name) == type)
                r->found++;
            const struct property *last = dictionary_property_at(type, (uint16_t)atomic_load(&type->property_count));
            if (last && dictionary_property_find(r->d, type, last->name) == last)
                r->found++;
        }
    return NULL;
}

static void readers_see_whole_entries(void **state) {
    struct reading r = {.d = *state};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_along, &r), 0);
    grow(r.d, 77, 3000);
    atomic_store(&r.stop, true);
    pthread_join(thread, NULL);
    assert_true(dictionary_type_count(r.d) > 100);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        TEST(the_preset_is_there),
        TEST(spellings_of_attributes_find_the_declared_one),
        TEST(discovery_numbers_in_order),
        TEST(unusable_names_are_refused),
        TEST(limits_hold),
        TEST(definitions_apply),
        TEST(relations_come_with_their_inverse),
        TEST(values_keep_their_type),
        TEST(definitions_that_cannot_be),
        TEST(saved_is_loaded_to_the_same),
        TEST(damaged_saves_are_told),
        TEST(any_bytes_are_survived),
        TEST(readers_see_whole_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
