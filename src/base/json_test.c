/* json_read, json_raw and json_write: examples, then random documents that are written, parsed, cut into raw pieces and
 * written again: every way must tell the same. */
#include "base/json_read.h"
#include "base/json_write.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

static const struct json *parse(struct json_parser *parser, const char *text) {
    const struct json *root = NULL;
    struct fault fault = {0};
    if (json_parse(parser, slice_text(text), false, &root, &fault) != STATUS_OK)
        fail_msg("%s: %s", text, fault.text);
    return root;
}

static void test_read(void **state) {
    (void)state;
    struct json_parser *parser = json_parser_create();
    const struct json *root =
        parse(parser, "{\"a\": 1, \"b\": \"x\\u4e0a\\n\", \"c\": [true, null, -2.5e3, {}], \"a\": 2, "
                      "\"big\": 18446744073709551615, \"min\": -9223372036854775808}");
    assert_int_equal(root->kind, JSON_OBJECT);
    assert_int_equal(root->count, 6);
    assert_int_equal(json_get_integer(parser, root, "a", 0), 2); /* the last one wins */
    assert_true(slice_is(json_get_text(parser, root, "b"), "x\xe4\xb8\x8a\n"));
    assert_int_equal(json_get_integer(parser, root, "min", 0), INT64_MIN);
    assert_int_equal(json_get(parser, root, "big")->kind, JSON_REAL);
    const struct json *item = json_first(parser, json_get(parser, root, "c"));
    assert_true(item->kind == JSON_BOOL && item->boolean);
    item = json_next(parser, item);
    assert_int_equal(item->kind, JSON_NULL);
    item = json_next(parser, item);
    assert_true(item->kind == JSON_REAL && item->real == -2500);
    item = json_next(parser, item);
    assert_int_equal(item->kind, JSON_OBJECT);
    assert_null(json_first(parser, item));
    assert_null(json_next(parser, item));
    json_parser_free(parser);
}

static void test_missing_and_other_kinds(void **state) {
    (void)state;
    struct json_parser *parser = json_parser_create();
    const struct json *root = parse(parser, "{\"text\":\"t\",\"number\":1.5,\"flag\":false,\"\":\"empty\"}");
    assert_null(json_get(parser, root, "none"));
    assert_null(json_get(parser, NULL, "none"));
    assert_null(json_get(parser, json_get(parser, root, "text"), "none"));
    assert_int_equal(json_get_text(parser, root, "number").size, 0);
    assert_int_equal(json_get_integer(parser, root, "number", -7), -7);
    assert_int_equal(json_get_integer(parser, root, "text", -7), -7);
    assert_true(json_get_bool(parser, root, "none", true));
    assert_false(json_get_bool(parser, root, "flag", true));
    assert_true(slice_is(json_get_text(parser, root, ""), "empty"));
    assert_null(json_first(parser, json_get(parser, root, "text")));
    assert_null(json_first(parser, NULL));
    json_parser_free(parser);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"",    " ",        "{",        "[1,]",     "{\"a\"}", "{a:1}", "01",
                                        "+1",  "nul",      "\"\x01\"", "\"\xff\"", "\"\\x\"", "[1] 2", "\"\\ud800\"",
                                        "'a'", "{\"a\":}", "[1 2]",    "\"a",      "-",       "1e999"};
    struct json_parser *parser = json_parser_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct json *root;
        struct fault fault = {0};
        if (json_parse(parser, slice_text(cases[i]), false, &root, &fault) != STATUS_INVALID)
            fail_msg("accepted: %s", cases[i]);
        assert_true(slice_starts(slice_text(fault.text), SLICE("not valid JSON: ")));
    }
    assert_int_equal(parse(parser, "[3]")->count, 1); /* a refused document leaves the parser fit for the next */
    json_parser_free(parser);
}

/* A refusal says where and what. */
static void test_place_of_a_fault(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        const char *what;
    } cases[] = {
        {"", 0, "ends where a value"},
        {"{\"a\":1,}", 7, "a name in quotes"},
        {"{\"a\" 1}", 5, "a colon"},
        {"{\"a\":1 \"b\":2}", 7, "a comma or }"},
        {"[1 2]", 3, "a comma or ]"},
        {"[1,]", 3, "a value is expected"},
        {"{a:1}", 1, "a name in quotes"},
        {"{\"a\":[1,{\"b\":2}", 15, "ends inside a list"},
        {"{\"a\":1", 6, "ends inside an object"},
        {"{\"a\":\"b}", 5, "never closed"},
        {"[\"a\nb\"]", 3, "a control character"},
        {"[\"\\x\"]", 3, "an unknown escape"},
        {"[\"\\u12g4\"]", 6, "four hexadecimal"},
        {"[\"\\ud800\"]", 8, "half a surrogate pair"},
        {"[\"\xff\"]", 2, "not UTF-8"},
        {"[\"\xed\xa0\x80\"]", 2, "not UTF-8"},
        {"[01]", 3, "zeros before it"},
        {"[1.]", 3, "without its digits"},
        {"[-]", 2, "without its digits"},
        {"{} {}", 3, "follows the document's end"},
        {"userId=u", 0, "a value is expected"},
    };
    struct json_parser *parser = json_parser_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct json *root;
        const char *what = NULL;
        struct fault fault = {0};
        char place[40];
        size_t at = json_fault_at(slice_text(cases[i].text), &what);
        if (!what || at != cases[i].at || !strstr(what, cases[i].what))
            fail_msg("%s: after %zu bytes: %s", cases[i].text, at, what ? what : "no fault");
        assert_int_equal(json_parse(parser, slice_text(cases[i].text), false, &root, &fault), STATUS_INVALID);
        snprintf(place, sizeof place, "after %zu bytes", at);
        assert_non_null(strstr(fault.text, place));
        assert_non_null(strstr(fault.text, cases[i].what));
    }
    json_parser_free(parser);
}

/* Arrays in arrays, `depth` of them. */
static enum status parse_depth(struct json_parser *parser, size_t depth) {
    struct buffer text = {0};
    const struct json *root;
    for (size_t i = 0; i < depth; i++)
        buffer_add_char(&text, '[');
    for (size_t i = 0; i < depth; i++)
        buffer_add_char(&text, ']');
    enum status status = json_parse(parser, buffer_slice(&text), true, &root, NULL);
    buffer_release(&text);
    return status;
}

static void test_depth(void **state) {
    (void)state;
    struct json_parser *parser = json_parser_create();
    assert_int_equal(parse_depth(parser, JSON_DEPTH_MAX - 1), STATUS_OK);
    assert_int_equal(parse_depth(parser, JSON_DEPTH_MAX + 1), STATUS_INVALID);
    assert_int_equal(parse_depth(parser, 100000), STATUS_INVALID);
    json_parser_free(parser);
}

static void test_write(void **state) {
    (void)state;
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    json_object(&w);
    json_member_text(&w, "text", SLICE("a\"\\\b\n\r\t\x1f/\xe4\xb8\x8a"));
    json_member_text(&w, "bad", SLICE("x\xff\xc0\x80y\xed\xa0\x80\xf0\x9f\x98\x80\xe4\xb8"));
    json_member_cstring(&w, "none", NULL);
    json_member_integer(&w, "least", INT64_MIN);
    json_member_real(&w, "real", 0.1);
    json_member_real(&w, "nan", NAN);
    json_member_bool(&w, "yes", true);
    json_member_time(&w, "at", 0);
    json_key(&w, "list");
    json_array(&w);
    json_decimal(&w, -123450, 4);
    json_decimal(&w, 5, 3);
    json_decimal(&w, 700, 2);
    json_decimal(&w, INT64_MIN, 6);
    json_null(&w);
    json_raw(&w, SLICE("{\"raw\":1}"));
    json_array(&w);
    json_end_array(&w);
    json_end_array(&w);
    json_end_object(&w);
    buffer_add_char(&out, 0);
    assert_string_equal(out.data, "{\"text\":\"a\\\"\\\\\\u0008\\n\\r\\t\\u001f/\xe4\xb8\x8a\","
                                  "\"bad\":\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                  "\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd\","
                                  "\"none\":\"\",\"least\":-9223372036854775808,\"real\":0.1,\"nan\":null,\"yes\":true,"
                                  "\"at\":\"1970-01-01T00:00:00.000Z\","
                                  "\"list\":[-12.345,0.005,7,-9223372036854.775808,null,{\"raw\":1},[]]}");
    buffer_release(&out);
}

static void test_raw(void **state) {
    (void)state;
    struct slice object = SLICE(" { \"a\" : [1, \"]\", {\"b\":2}] , \"b\":\"x\\\"}\",\"c\":-1.5e3 ,\"a\": 7 }");
    assert_true(slice_is(json_raw_member(object, "b"), "\"x\\\"}\""));
    assert_true(slice_is(json_raw_member(object, "c"), "-1.5e3"));
    assert_true(slice_is(json_raw_member(object, "a"), "7")); /* the last one wins here too */
    assert_int_equal(json_raw_member(object, "d").size, 0);
    assert_int_equal(json_raw_member(SLICE("[1]"), "a").size, 0);
    static const char *const want[] = {"1", "\"a,]\"", "[ 2 ,3]", "{\"x\":[]}", "null"};
    struct slice array = SLICE("[ 1 ,\"a,]\",[ 2 ,3],{\"x\":[]}, null ]"), item;
    size_t at = 0, count = 0;
    for (; json_raw_item(array, &at, &item); count++)
        assert_true(count < 5 && slice_is(item, want[count]));
    assert_int_equal(count, 5);
    at = 0;
    assert_false(json_raw_item(SLICE(" [ ] "), &at, &item));
}

/* Random documents. */

static void write_random_text(struct json_writer *w, struct random *random, bool as_key) {
    static const char *const pieces[] = {
        "a", "\"", "\\", "{", "}", "[", "]", ",", ":", "\n", "\xe4\xb8\x8a", "\xf0\x9f\x98\x80", "\x01", "\\\\\""};
    struct buffer text = {0};
    for (uint64_t length = random_below(random, random_chance(random, 0.1) ? 200 : 6); length; length--)
        buffer_add_slice(&text, slice_text(pieces[random_below(random, sizeof pieces / sizeof *pieces)]));
    if (as_key)
        json_key_slice(w, buffer_slice(&text));
    else
        json_text(w, buffer_slice(&text));
    buffer_release(&text);
}

static void write_random(struct json_writer *w, struct random *random, int depth) {
    uint64_t kind = random_below(random, depth ? 8 : 6), count = random_below(random, 7);
    switch (kind) {
    case 0:
        json_null(w);
        return;
    case 1:
        json_bool(w, random_chance(random, 0.5));
        return;
    case 2:
        json_integer(w, (int64_t)random_next(random) >> random_below(random, 64));
        return;
    case 3:
        json_real(w, (random_unit(random) - 0.5) * pow(10, (double)random_between(random, -300, 300)));
        return;
    case 4:
    case 5:
        write_random_text(w, random, false);
        return;
    case 6:
        json_array(w);
        while (count--)
            write_random(w, random, depth - 1);
        json_end_array(w);
        return;
    default:
        json_object(w);
        while (count--) {
            write_random_text(w, random, true);
            write_random(w, random, depth - 1);
        }
        json_end_object(w);
    }
}

/* Writes a parsed node again. */
static void write_again(struct json_writer *w, const struct json_parser *parser, const struct json *node) {
    switch (node->kind) {
    case JSON_NULL:
        json_null(w);
        return;
    case JSON_BOOL:
        json_bool(w, node->boolean);
        return;
    case JSON_INTEGER:
        json_integer(w, node->integer);
        return;
    case JSON_REAL:
        json_real(w, node->real);
        return;
    case JSON_TEXT:
        json_text(w, node->text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    node->kind == JSON_ARRAY ? json_array(w) : json_object(w);
    for (const struct json *child = json_first(parser, node); child; child = json_next(parser, child)) {
        if (node->kind == JSON_OBJECT)
            json_key_slice(w, child->key);
        write_again(w, parser, child);
    }
    node->kind == JSON_ARRAY ? json_end_array(w) : json_end_object(w);
}

static void test_written_is_read(void **state) {
    (void)state;
    struct json_parser *parser = json_parser_create();
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct random random;
        struct buffer first = {0}, second = {0};
        struct json_writer w = {.out = &first}, again = {.out = &second};
        const struct json *root;
        struct fault fault;
        random_init(&random, seed);
        write_random(&w, &random, 5);
        if (json_parse(parser, buffer_slice(&first), true, &root, &fault) != STATUS_OK)
            fail_msg("seed %llu: %s", (unsigned long long)seed, fault.text);
        write_again(&again, parser, root);
        if (!slice_equal(buffer_slice(&first), buffer_slice(&second)))
            fail_msg("seed %llu: %.*s\nbecame %.*s", (unsigned long long)seed, SLICE_ARG(buffer_slice(&first)),
                     SLICE_ARG(buffer_slice(&second)));
        if (json_raw_skip(buffer_slice(&first), 0) != first.size)
            fail_msg("seed %llu: json_raw_skip stops early", (unsigned long long)seed);
        buffer_release(&first);
        buffer_release(&second);
    }
    json_parser_free(parser);
}

/* The shortest text that reads back as the same number. */
static void test_reals(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 9);
    for (int i = 0; i < 5000; i++) {
        uint64_t bits = random_next(&random);
        double want;
        memcpy(&want, &bits, sizeof want);
        struct buffer out = {0};
        struct json_writer w = {.out = &out};
        json_real(&w, want);
        buffer_add_char(&out, 0);
        if (isfinite(want))
            assert_true(strtod(out.data, NULL) == want);
        else
            assert_string_equal(out.data, "null");
        buffer_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),    cmocka_unit_test(test_missing_and_other_kinds),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_place_of_a_fault),
        cmocka_unit_test(test_depth),   cmocka_unit_test(test_write),
        cmocka_unit_test(test_raw),     cmocka_unit_test(test_written_is_read),
        cmocka_unit_test(test_reals),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
