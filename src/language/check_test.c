/* check_test: names in their scopes, types, literals, definitions, bounds and dependencies. Wrong expressions: wrong_test. */
#include "language/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(void) {
    check_bed_open(&bed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes), cmocka_unit_test(test_levels),       cmocka_unit_test(test_sources),
        cmocka_unit_test(test_literals),   cmocka_unit_test(test_master_names), cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_circles),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    check_bed_close(&bed);
    return failed;
}
