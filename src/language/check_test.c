/* check_test: names in their scopes, types, literals, definitions, bounds and dependencies. Wrong expressions: wrong_test. */
#include "language/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "language/check_model.h"

static struct check_bed bed;

/* --- names --- */

static const struct reference *reference_of(const char *text) { return &check_bed_good(&bed, text)->reference; }

static uint16_t property_number(const char *type, enum type_kind kind, const char *name) {
    const struct type *t = dictionary_type_find(bed.dictionary, kind, slice_text(type));
    assert_non_null(t);
    const struct property *p = dictionary_property_find(bed.dictionary, t, slice_text(name));
    assert_non_null(p);
    return p->number;
}

static void assert_reference(const struct reference *r, enum reference_kind kind, unsigned level, unsigned property) {
    assert_int_equal(r->kind, kind);
    assert_int_equal(r->level, level);
    assert_int_equal(r->property, property);
}

static void test_attributes(void **state) {
    (void)state;
    uint16_t city = property_number("customer", TYPE_ATTRIBUTES, "city");
    assert_reference(reference_of("city"), REFERENCE_PROPERTY, 0, city);
    assert_reference(reference_of("customer.city"), REFERENCE_PROPERTY, 0, city);
    assert_reference(reference_of("address.city"), REFERENCE_PROPERTY, 0,
                     property_number("customer", TYPE_ATTRIBUTES, "address.city"));
    assert_reference(reference_of("`address.city`"), REFERENCE_PROPERTY, 0,
                     property_number("customer", TYPE_ATTRIBUTES, "address.city"));
    assert_reference(reference_of("firstName"), REFERENCE_PROPERTY, 0,
                     property_number("customer", TYPE_ATTRIBUTES, "first_name"));
    const struct reference *r = reference_of("store.region");
    assert_reference(r, REFERENCE_MASTER, 0, property_number("customer", TYPE_ATTRIBUTES, "store_id"));
    assert_int_equal(r->master_property, property_number("store", TYPE_MASTER, "region"));
    assert_int_equal(r->master_type, dictionary_type_find(bed.dictionary, TYPE_MASTER, SLICE("store"))->number);
}

/* The left side of the condition in the outermost aggregate's where. */
static const struct node *in_where(const char *text) {
    const struct node *root = check_bed_good(&bed, text);
    assert_non_null(root->where);
    return root->where->kind == NODE_NAME ? root->where : root->where->first;
}

static void test_levels(void **state) {
    (void)state;
    uint16_t total = property_number("order", TYPE_DOCUMENT, "total");
    uint16_t price = property_number("order.items", TYPE_ITEM, "price");
    uint16_t city = property_number("customer", TYPE_ATTRIBUTES, "city");
    assert_reference(&in_where("any(order where total > 3)")->reference, REFERENCE_PROPERTY, 1, total);
    assert_reference(&in_where("any(order where order.total > 3)")->reference, REFERENCE_PROPERTY, 1, total);
    assert_reference(&in_where("any(order where city = \"x\")")->reference, REFERENCE_PROPERTY, 0, city);
    assert_reference(&in_where("any(order.items where price > 3)")->reference, REFERENCE_PROPERTY, 2, price);
    assert_reference(&in_where("any(order.items where total > 3)")->reference, REFERENCE_PROPERTY, 1, total);
    assert_reference(&in_where("any(order.items where order.total > 3)")->reference, REFERENCE_PROPERTY, 1, total);
    assert_reference(&in_where("any(order.items where order.items.price > 3)")->reference, REFERENCE_PROPERTY, 2,
                     price);
    assert_reference(&in_where("any(order.items where customer.city = \"x\")")->reference, REFERENCE_PROPERTY, 0, city);
    const struct reference *r = &in_where("any(order.items where product.category = \"x\")")->reference;
    assert_reference(r, REFERENCE_MASTER, 2, property_number("order.items", TYPE_ITEM, "product_id"));
    assert_int_equal(in_where("any(order.items where time > now)")->reference.system, SYSTEM_TIME);
    assert_int_equal(in_where("any(order where updated > now)")->reference.system, SYSTEM_UPDATED);
    assert_int_equal(in_where("any(any event where event = \"page\")")->reference.system, SYSTEM_EVENT);
}

static void test_sources(void **state) {
    (void)state;
    const struct source_reference *from = &check_bed_good(&bed, "count(order)")->source->from;
    assert_int_equal(from->kind, SOURCE_DOCUMENTS);
    assert_int_equal(from->items, 0);
    from = &check_bed_good(&bed, "count(product_viewed)")->source->from;
    assert_int_equal(from->kind, SOURCE_EVENTS);
    assert_int_equal(from->type, dictionary_type_find(bed.dictionary, TYPE_EVENT, SLICE("Product Viewed"))->number);
    assert_int_equal(check_bed_good(&bed, "count(`Product Viewed`)")->source->from.type, from->type);
    from = &check_bed_good(&bed, "sum(order.items.price)")->source->from;
    assert_int_equal(from->items, property_number("order", TYPE_DOCUMENT, "items"));
    assert_reference(&from->value, REFERENCE_PROPERTY, 2, property_number("order.items", TYPE_ITEM, "price"));
    from = &check_bed_good(&bed, "max(order.time)")->source->from;
    assert_int_equal(from->value.kind, REFERENCE_SYSTEM);
    from = &check_bed_good(&bed, "top(order.items.product.category)")->source->from;
    assert_int_equal(from->value.kind, REFERENCE_MASTER);
    assert_int_equal(from->value.level, 2);
    from = &in_where("any(order where count(items where price > 3) > 1)")->source->from;
    assert_int_equal(from->kind, SOURCE_ROW_ITEMS);
    assert_int_equal(from->items, property_number("order", TYPE_DOCUMENT, "items"));
    from = &check_bed_good(&bed, "any(guardian_of where age(birthday) < 3)")->source->from;
    assert_int_equal(from->kind, SOURCE_RELATION);
    assert_int_equal(check_bed_good(&bed, "last(order.total)")->type, TERM_NUMBER);
    assert_int_equal(check_bed_good(&bed, "last(order)")->type, TERM_TIME);
    assert_reference(reference_of("last(order).total"), REFERENCE_PROPERTY, 1,
                     property_number("order", TYPE_DOCUMENT, "total"));
    assert_reference(reference_of("last(order.items).price"), REFERENCE_PROPERTY, 2,
                     property_number("order.items", TYPE_ITEM, "price"));
}

/* Hundreds of types with blanks in their names: each plain form leads to its own. */
static void test_many_types(void **state) {
    (void)state;
    for (int i = 0; i < 300; i++) {
        char name[64];
        struct type *type;
        struct fault fault = {0};
        (void)snprintf(name, sizeof name, "Many Things-%d Happened", i);
        assert_int_equal(dictionary_type(bed.dictionary, TYPE_EVENT, slice_text(name), &type, &fault), STATUS_OK);
        (void)snprintf(name, sizeof name, "count(many_things_%d_happened)", i);
        assert_int_equal(check_bed_good(&bed, name)->source->from.type, type->number);
    }
}

/* --- literals --- */

static const struct node *right_of(const char *text) { return check_bed_good(&bed, text)->first->next; }

static void test_literals(void **state) {
    (void)state;
    const struct node *n = right_of("birthday = \"2026-01-31\"");
    assert_int_equal(n->literal, VALUE_DATE);
    assert_int_equal(n->integer, time_days(2026, 1, 31));
    assert_int_equal(right_of("birthday = \"2026年1月31日\"")->integer, n->integer);
    n = right_of("created_at > \"2026-01-31 08:00\"");
    assert_int_equal(n->literal, VALUE_TIME);
    assert_int_equal(n->integer, time_days(2026, 1, 31) * DAY_MS); /* the workspace is eight hours ahead */
    assert_int_equal(right_of("created_at > 2026-01-31T08:00")->integer, n->integer);
    assert_true(right_of("created_at > 2026-01-31T08:00")->zoned);
    assert_int_equal(right_of("created_at > 2026-01-31T00:00Z")->integer, n->integer);
    n = right_of("gender = \"female\"");
    assert_int_equal(n->literal, VALUE_NUMBER);
    assert_int_equal(n->integer, 2);
    assert_int_equal(right_of("gender in (\"男\", \"unknown\")")->integer, 1);
    n = right_of("coalesce(birthday, \"2000-01-01\") < today");
    assert_int_equal(check_bed_good(&bed, "coalesce(birthday, \"2000-01-01\")")->first->next->literal, VALUE_DATE);
    assert_true(slice_is(in_where("any(any event where event = \"product_viewed\")")->next->text, "Product Viewed"));
    assert_int_equal(check_bed_good(&bed, "days since \"2026-01-31\"")->first->literal, VALUE_DATE);
}

static void test_master_names(void **state) {
    (void)state;
    const struct node *n = right_of("store_id = \"南京路店\"");
    assert_true(slice_is(n->text, "S1"));
    assert_true(slice_is(n->shown, "南京路店"));
    assert_true(slice_is(right_of("store_id in (\"徐家汇店\", \"S1\")")->text, "S2"));
    assert_true(slice_is(right_of("store_id = \"S1\"")->text, "S1"));
    assert_true(slice_is(right_of("store_id = \"nowhere\"")->text, "nowhere"));
    assert_true(slice_is(right_of("store_id = \"S3\"")->text, "S3")); /* is a name too, but the id goes first */
    n = in_where("any(order where store_id = \"徐家汇店\")")->next;
    assert_true(slice_is(n->text, "S2"));
    assert_true(slice_is(right_of("top(order.store_id) = \"南京路店\"")->text, "S1"));
    assert_true(slice_is(right_of("last(order).store_id = \"南京路店\"")->text, "S1"));
    assert_true(slice_is(right_of("city = \"南京路店\"")->text, "南京路店"));
}

/* --- definitions --- */

static void test_definitions(void **state) {
    (void)state;
    const struct node *n = check_bed_good(&bed, "in segment \"vip\"");
    assert_int_equal(n->type, TERM_BOOL);
    assert_non_null(n->definition);
    n = check_bed_good(&bed, "in segment \"uploaded\"");
    assert_null(n->definition);
    assert_int_equal(n->definition_number, 77);
    n = check_bed_good(&bed, "metric(\"spent\")");
    assert_int_equal(n->type, TERM_NUMBER);
    assert_true(n->money);
    n = check_bed_good(&bed, "tag(\"by hand\")");
    assert_int_equal(n->type, TERM_TEXT);
    assert_reference(&n->reference, REFERENCE_PROPERTY, 0, property_number("customer", TYPE_ATTRIBUTES, "tag.by hand"));
    assert_int_equal(check_bed_good(&bed, "has tag \"by hand\"")->type, TERM_BOOL);
    assert_int_equal(check_bed_good(&bed, "score(\"churn_30d\")")->type, TERM_NUMBER);
    assert_int_equal(check_bed_good(&bed, "tag(\"brands\")")->type, TERM_DISTRIBUTION);
    assert_int_equal(check_bed_good(&bed, "has tag \"brands\"")->type, TERM_BOOL);
}

static void test_circles(void **state) {
    (void)state;
    struct fault fault;
    struct vocabulary v = bed.vocabulary;
    v.self_kind = DEFINITION_SEGMENT;
    v.self = SLICE("vip");
    assert_int_equal(check_bed_try(&bed, &v, "in segment \"vip\"", &fault), STATUS_CONFLICT);
    assert_string_equal(fault.text, "at 1: a definition cannot contain itself: \"vip\" -> \"vip\"");
    assert_int_equal(check_bed_try(&bed, &v, "city = \"x\" or in segment \"inner\"", &fault), STATUS_CONFLICT);
    assert_string_equal(fault.text, "at 15: a definition cannot contain itself: \"vip\" -> \"inner\" -> \"vip\"");
    v.self = SLICE("another");
    assert_int_equal(check_bed_try(&bed, &v, "in segment \"inner\"", &fault), STATUS_OK);
}

/* --- places in JSON --- */

static void test_json_places(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"city = \"x\" and any(order where totl > 3)",
         "at /of/1/where/of/0: \"totl\" is no field of order, nor an attribute; did you mean \"total\"?"},
        {"count(order, since ctiy) > 3",
         "at /of/0/window/since: there is no attribute \"ctiy\"; did you mean \"city\"?"},
        {"sequence(page -> oder)",
         "at /steps/1/source: there are no events, documents or relations called \"oder\"; did you mean \"order\"?"},
        {"ctiy", "at /: there is no attribute \"ctiy\"; did you mean \"city\"?"}};
    struct json_parser *p = json_parser_create();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        struct json_writer w = {.out = &out};
        struct fault fault = {0};
        const struct json *json;
        struct node *root;
        assert_int_equal(tree_parse(slice_text(rows[i].text), &bed.arena, &root, &fault, NULL), STATUS_OK);
        tree_write_json(root, &w);
        assert_int_equal(json_parse(p, buffer_slice(&out), true, &json, &fault), STATUS_OK);
        assert_int_equal(tree_read_json(p, json, &bed.arena, &root, &fault), STATUS_OK);
        assert_int_equal(check_tree(&bed.vocabulary, root, TERM_NONE, &bed.arena, &fault, NULL), STATUS_INVALID);
        assert_string_equal(fault.text, rows[i].message);
        buffer_release(&out);
    }
    json_parser_free(p);
}

/* --- what is expected --- */

static void test_expected(void **state) {
    (void)state;
    struct node *root;
    struct fault fault = {0};
    assert_int_equal(check_text(&bed.vocabulary, SLICE("city"), TERM_BOOL, &bed.arena, &root, &fault, NULL),
                     STATUS_INVALID);
    assert_string_equal(fault.text,
                        "at 1: a condition is asked for here, and city is text; compare it with something, or "
                        "ask whether it \"is present\"");
    assert_int_equal(check_text(&bed.vocabulary, SLICE("city"), TERM_NUMBER, &bed.arena, &root, &fault, NULL),
                     STATUS_INVALID);
    assert_string_equal(fault.text, "at 1: a number is asked for here; this is text");
    assert_int_equal(check_text(&bed.vocabulary, SLICE("a_flag"), TERM_BOOL, &bed.arena, &root, &fault, NULL),
                     STATUS_OK);
    assert_int_equal(check_text(&bed.vocabulary, SLICE("distribution(order.status)"), TERM_DISTRIBUTION, &bed.arena,
                                &root, &fault, NULL),
                     STATUS_OK);
    assert_true(check_bed_good(&bed, "1 + 2 * 3 > 4")->constant);
    assert_false(check_bed_good(&bed, "today > 2026-01-01")->constant);
    assert_false(check_bed_good(&bed, "a_number > 3")->constant);
}

/* --- bounds --- */

/* `one` over and over with `between`, closed by `end`. */
static struct slice repeated(struct buffer *out, const char *begin, const char *one, size_t count, const char *between,
                             const char *end) {
    buffer_clear(out);
    buffer_add(out, begin, strlen(begin));
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_add(out, between, strlen(between));
        buffer_add(out, one, strlen(one));
    }
    buffer_add(out, end, strlen(end));
    buffer_reserve(out, 1);
    return buffer_slice(out);
}

static int64_t cpu_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status try_hostile(struct slice text, struct fault *fault) {
    struct arena arena = {0};
    struct node *root;
    int64_t began_ms = cpu_ms();
    enum status status = check_text(&bed.vocabulary, text, TERM_NONE, &arena, &root, fault, NULL);
    arena_release(&arena);
    assert_true(cpu_ms() - began_ms < 500);
    return status;
}

static void test_hostile(void **state) {
    (void)state;
    struct buffer out = {0};
    struct fault fault = {0};
    struct buffer group = {0};
    repeated(&group, "(", "any(product_viewed)", 200, " or ", ")");
    buffer_add_char(&group, 0);
    assert_int_equal(try_hostile(repeated(&out, "", group.data, 10, " and ", ""), &fault), STATUS_OK);
    assert_int_equal(try_hostile(repeated(&out, "", group.data, 10, " and ", " and any(page)"), &fault),
                     STATUS_TOO_LARGE);
    buffer_release(&group);
    repeated(&out, "any(order where any(page where total > 3 or ", "count(page) > 1", 200, " or ", "))");
    assert_int_equal(try_hostile(buffer_slice(&out), &fault), STATUS_INVALID); /* total is no field of page */
    repeated(&out, "any(order where any(page where ", "count(page) > 1", 200, " or ", "))");
    assert_int_equal(try_hostile(buffer_slice(&out), &fault), STATUS_TOO_LARGE);
    assert_non_null(strstr(fault.text, "too long"));
    assert_int_equal(try_hostile(repeated(&out, "any(page where ", "any(page where ", 4, "", "any(page))))))"), &fault),
                     STATUS_OK);
    assert_int_equal(
        try_hostile(repeated(&out, "any(page where ", "any(page where ", 6, "", "any(page))))))))"), &fault),
        STATUS_TOO_LARGE);
    assert_int_equal(try_hostile(repeated(&out, "any(order where length(", "status", 20, " + ", ") > 3)"), &fault),
                     STATUS_OK);
    assert_int_equal(try_hostile(repeated(&out, "any(order where length(", "status", 40, " + ", ") > 3)"), &fault),
                     STATUS_TOO_LARGE);
    assert_int_equal(try_hostile(repeated(&out, "store_id in (", "\"nowhere\"", 1000, ",", ")"), &fault), STATUS_OK);
    assert_int_not_equal(try_hostile(repeated(&out, "store_id in (", "\"nowhere\"", 1001, ",", ")"), &fault),
                         STATUS_OK);
    assert_int_not_equal(try_hostile(repeated(&out, "", "(", 30000, "", "1"), &fault), STATUS_OK);
    assert_int_not_equal(try_hostile(repeated(&out, "", "not ", 10000, "", "a_flag"), &fault), STATUS_OK);
    assert_int_not_equal(try_hostile(repeated(&out, "", "a", 60000, "", ""), &fault), STATUS_OK);
    assert_int_not_equal(try_hostile(repeated(&out, "", "abcdefghij", 7, ".", " = 3"), &fault), STATUS_OK);
    buffer_release(&out);
}

/* Texts that double with each definition: twenty lines would be a gigabyte. */
static void test_doubled_texts(void **state) {
    (void)state;
    static char names[12][16], texts[12][64];
    struct fault fault = {0};
    check_bed_add(&bed, DEFINITION_METRIC, "x0", "city + city");
    for (int i = 1; i < 12; i++) {
        (void)snprintf(names[i], sizeof *names, "x%d", i);
        (void)snprintf(texts[i], sizeof *texts, "metric(\"x%d\") + metric(\"x%d\")", i - 1, i - 1);
        enum status status = check_bed_try(&bed, &bed.vocabulary, texts[i], &fault);
        assert_int_equal(status, i <= 5 ? STATUS_OK : STATUS_TOO_LARGE);
        if (status != STATUS_OK)
            break;
        check_bed_add(&bed, DEFINITION_METRIC, names[i], texts[i]);
    }
}

/* Definitions that each use the one before twice: a few lines that would be thousands of aggregates. */
static void test_definitions_in_place(void **state) {
    (void)state;
    static char names[40][16], texts[40][96];
    struct fault fault = {0};
    check_bed_add(&bed, DEFINITION_SEGMENT, "d0", "any(page)");
    for (int i = 1; i <= 11; i++) {
        (void)snprintf(names[i], sizeof *names, "d%d", i);
        (void)snprintf(texts[i], sizeof *texts, "not in segment \"d%d\" or in segment \"d%d\"", i - 1, i - 1);
        if (i < 11)
            check_bed_add(&bed, DEFINITION_SEGMENT, names[i], texts[i]);
        else
            assert_int_equal(check_bed_try(&bed, &bed.vocabulary, texts[i], &fault), STATUS_TOO_LARGE);
    }
    for (int i = 12; i <= 35; i++) { /* and a long row */
        (void)snprintf(names[i], sizeof *names, "d%d", i);
        (void)snprintf(texts[i], sizeof *texts, "city = \"x\" and in segment \"d%d\"", i == 12 ? 9 : i - 1);
        enum status status = check_bed_try(&bed, &bed.vocabulary, texts[i], &fault);
        assert_int_equal(status, i - 2 <= 32 ? STATUS_OK : STATUS_TOO_LARGE);
        if (status == STATUS_OK)
            check_bed_add(&bed, DEFINITION_SEGMENT, names[i], texts[i]);
    }
    assert_non_null(strstr(fault.text, "more than 32 definitions"));
}

/* A circle among definitions that are there already (they were changed one by one): it is named, and the check ends. */
static void test_old_circle(void **state) {
    (void)state;
    struct fault fault = {0};
    check_bed_add(&bed, DEFINITION_SEGMENT, "chicken", "any(page)");
    check_bed_add(&bed, DEFINITION_SEGMENT, "egg", "in segment \"chicken\"");
    struct node *chicken = check_bed_good(&bed, "in segment \"egg\"");
    for (size_t i = 0; i < bed.definition_count; i++)
        if (strcmp(bed.definitions[i].name, "chicken") == 0)
            bed.definitions[i].definition.expression = chicken;
    struct node *egg = (struct node *)(uintptr_t)chicken->definition;
    egg->definition = chicken;
    assert_int_equal(check_bed_try(&bed, &bed.vocabulary, "in segment \"egg\"", &fault), STATUS_CONFLICT);
    assert_string_equal(fault.text, "at 1: a definition cannot contain itself: \"egg\" -> \"chicken\" -> \"egg\"");
}

/* --- dependencies --- */

struct told {
    struct dependency list[32];
    size_t count;
};

static void tell(void *context, const struct dependency *dependency) {
    struct told *told = context;
    assert_true(told->count < 32);
    told->list[told->count++] = *dependency;
}

static struct told told_of(const char *text) {
    struct told told = {0};
    check_dependencies(check_bed_good(&bed, text), tell, &told);
    return told;
}

static bool has(const struct told *told, enum dependency_kind kind, unsigned number, unsigned over) {
    for (size_t i = 0; i < told->count; i++)
        if (told->list[i].kind == kind && told->list[i].number == number && told->list[i].over == over)
            return true;
    return false;
}

static unsigned type_number(enum type_kind kind, const char *name) {
    return dictionary_type_find(bed.dictionary, kind, slice_text(name))->number;
}

static void test_dependencies(void **state) {
    (void)state;
    unsigned order = type_number(TYPE_DOCUMENT, "order"), page = type_number(TYPE_EVENT, "page");
    unsigned guardian = type_number(TYPE_RELATION, "guardian_of"), product = type_number(TYPE_MASTER, "product");
    unsigned city = property_number("customer", TYPE_ATTRIBUTES, "city");
    unsigned birthday = property_number("customer", TYPE_ATTRIBUTES, "birthday");
    struct told told = told_of("city = \"x\" and count(order) > 3 and count(order) < 5");
    assert_int_equal(told.count, 2);
    assert_true(has(&told, DEPENDS_ATTRIBUTE, city, 0) && has(&told, DEPENDS_TYPE, order, 0));
    told = told_of("any(order.items where product.category = \"x\" and city = \"y\", last 30 days)");
    assert_int_equal(told.count, 4);
    assert_true(has(&told, DEPENDS_MASTER, product, 0) && has(&told, DEPENDS_TIME, 0, 0));
    assert_true(has(&told, DEPENDS_ATTRIBUTE, city, 0));
    told = told_of("any(guardian_of where age(birthday) < 3 and any(page))");
    assert_int_equal(told.count, 5);
    assert_true(has(&told, DEPENDS_TYPE, guardian, 0) && has(&told, DEPENDS_RELATED, guardian, 0));
    assert_true(has(&told, DEPENDS_ATTRIBUTE, birthday, guardian) && has(&told, DEPENDS_TIME, 0, guardian));
    assert_true(has(&told, DEPENDS_TYPE, page, guardian));
    told = told_of("in segment \"uploaded\" or in segment \"inner\" or tag(\"by hand\") = \"x\"");
    assert_true(has(&told, DEPENDS_SET, 77, 0) && has(&told, DEPENDS_TYPE, order, 0));
    assert_true(has(&told, DEPENDS_ATTRIBUTE, property_number("customer", TYPE_ATTRIBUTES, "tag.by hand"), 0));
    assert_int_equal(told.count, 4);
    told = told_of("sequence(page -> not order within 3 days)");
    assert_int_equal(told.count, 3);
    assert_true(has(&told, DEPENDS_TIME, 0, 0));
    assert_false(told_of("sequence(page -> order within 3 days)").count != 2);
    told = told_of("count(any event, since created_at) > 3");
    assert_int_equal(told.count, 2);
    assert_true(has(&told, DEPENDS_ANY_EVENT, 0, 0));
    assert_int_equal(told_of("created_at > 3 days ago").count, 2);
    assert_int_equal(told_of("any(guardian_of where in segment \"vip\")").count, 3);
    assert_int_equal(told_of("1 < 2").count, 0);
}

int main(void) {
    check_bed_open(&bed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_many_types),
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_master_names),
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_circles),
        cmocka_unit_test(test_json_places),
        cmocka_unit_test(test_expected),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_doubled_texts),
        cmocka_unit_test(test_definitions_in_place),
        cmocka_unit_test(test_old_circle),
        cmocka_unit_test(test_dependencies),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    check_bed_close(&bed);
    return failed;
}
