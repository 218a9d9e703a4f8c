/* query: targets, parameters, percent-encoding and keys, the right ones and the broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "serve/query.h"

static void is(struct slice s, const char *text) {
    if (!slice_is(s, text))
        fail_msg("\"%.*s\" instead of \"%s\"", SLICE_ARG(s), text);
}

static void test_split(void **state) {
    static const struct {
        const char *target, *path, *query;
    } good[] = {{"/", "/", ""},
                {"/a/b?x=1&y", "/a/b", "x=1&y"},
                {"/a?", "/a", ""},
                {"/a?b?c", "/a", "b?c"},
                {"http://host:80/a?x", "/a", "x"},
                {"HTTPS://host", "/", ""},
                {"http://host?x", "/", "x"}};
    (void)state;
    struct slice path, query;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(query_split(slice_text(good[i].target), &path, &query));
        is(path, good[i].path);
        is(query, good[i].query);
    }
    assert_false(query_split(SLICE(""), &path, &query));
    assert_false(query_split(SLICE("*"), &path, &query));
    assert_false(query_split(SLICE("a/b"), &path, &query));
}

static void test_parameters(void **state) {
    (void)state;
    struct arena arena = {0};
    struct slice q = SLICE("a=1&b=x%20y+z&empty=&flag&a=2&bad=%4"), raw;
    is(query_text(q, "a", &arena), "1");
    is(query_text(q, "b", &arena), "x y z");
    is(query_text(q, "empty", &arena), "");
    is(query_text(q, "none", &arena), "");
    is(query_text(q, "bad", &arena), "");
    assert_true(query_raw(q, "bad", &raw) && slice_is(raw, "%4"));
    assert_true(query_flag(q, "flag") && query_flag(q, "a") && !query_flag(q, "b") && !query_flag(q, "none"));
    assert_false(query_raw(SLICE(""), "a", &raw));
    assert_false(query_raw(SLICE("&&=&"), "a", &raw));
    arena_release(&arena);
}

static void test_integers(void **state) {
    (void)state;
    struct fault fault = {0};
    int64_t n;
    assert_int_equal(query_integer(SLICE("n=42"), "n", 0, 100, 7, &n, &fault), STATUS_OK);
    assert_int_equal(n, 42);
    assert_int_equal(query_integer(SLICE("n=-42"), "n", -100, 100, 7, &n, &fault), STATUS_OK);
    assert_int_equal(n, -42);
    assert_int_equal(query_integer(SLICE("m=1"), "n", 0, 100, 7, &n, &fault), STATUS_OK);
    assert_int_equal(n, 7);
    assert_int_equal(query_integer(SLICE("n=9223372036854775807"), "n", 0, INT64_MAX, 7, &n, &fault), STATUS_OK);
    assert_true(n == INT64_MAX);
    static const char *const bad[] = {
        "n=x", "n=101", "n=-1", "n=1x", "n=9223372036854775808", "n=99999999999999999999999", "n=-", "n=%31", "n=1.5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fault.text[0] = 0;
        if (query_integer(slice_text(bad[i]), "n", 0, strlen(bad[i]) > 10 ? INT64_MAX : 100, 7, &n, &fault) !=
            STATUS_INVALID)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(fault.text, "parameter n"));
    }
}

static void test_decoding(void **state) {
    (void)state;
    struct arena arena = {0};
    struct slice out, plain = SLICE("plain");
    assert_int_equal(query_decode(plain, true, &arena, &out), STATUS_OK);
    assert_ptr_equal(out.data, plain.data);
    assert_int_equal(query_decode(SLICE("%E4%b8%8A+a"), false, &arena, &out), STATUS_OK);
    is(out, "上+a");
    assert_int_equal(query_decode(SLICE("%e4%B8%8a+a"), true, &arena, &out), STATUS_OK);
    is(out, "上 a");
    static const char *const bad[] = {"%", "%4", "a%4", "%zz", "%4z", "%00", "a%"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(query_decode(slice_text(bad[i]), true, &arena, &out), STATUS_INVALID);
    arena_release(&arena);
}

static void test_keys(void **state) {
    (void)state;
    struct arena arena = {0};
    is(query_key(SLICE("Bearer ofa_x"), &arena), "ofa_x");
    is(query_key(SLICE("bearer   ofa_x "), &arena), "ofa_x");
    is(query_key(SLICE("Basic b2ZhX3g6"), &arena), "ofa_x");         /* ofa_x: */
    is(query_key(SLICE("Basic b2ZhX3g6cGFzcw=="), &arena), "ofa_x"); /* ofa_x:pass */
    is(query_key(SLICE("Basic b2ZhX3g="), &arena), "ofa_x");         /* no colon */
    is(query_key(SLICE("Basic !!!"), &arena), "");
    is(query_key(SLICE("Basic "), &arena), "");
    is(query_key(SLICE("Digest abc"), &arena), "");
    is(query_key(SLICE(""), &arena), "");
    arena_release(&arena);
}

static void test_pieces(void **state) {
    (void)state;
    struct slice path = SLICE("/a//b/"), piece;
    static const char *const pieces[] = {"a", "", "b", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_true(query_piece(&path, &piece));
        is(piece, pieces[i]);
    }
    assert_false(query_piece(&path, &piece));
    path = SLICE("a");
    assert_false(query_piece(&path, &piece));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),    cmocka_unit_test(test_parameters), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_decoding), cmocka_unit_test(test_keys),       cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
