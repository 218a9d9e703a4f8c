/* source: what definitions do, which keys open what, and that saving and loading give the same again. */
#include "collect/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

struct world {
    struct sources *sources;
    struct json_parser *parser;
    struct fault fault;
};

static int setup(void **state) {
    struct world *w = memory_get(1, sizeof *w);
    w->sources = sources_create(os_real());
    w->parser = json_parser_create();
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    sources_free(w->sources);
    json_parser_free(w->parser);
    free(w);
    return 0;
}

/* Checks and defines: both must say the same. */
static enum status define(struct world *w, const char *text) {
    const struct json *root;
    assert_int_equal(json_parse(w->parser, slice_text(text), false, &root, &w->fault), STATUS_OK);
    enum status checked = sources_check(w->sources, w->parser, root, &w->fault);
    enum status defined = sources_define(w->sources, w->parser, root, &w->fault);
    assert_int_equal(checked, defined);
    return defined;
}

static enum status define_key(struct world *w, const char *role, const char *source, const char *key, bool revoked) {
    char hash[65], text[400];
    sources_hash_key(slice_text(key), hash);
    snprintf(text, sizeof text, "{\"define\":\"key\",\"role\":\"%s\",\"source\":\"%s\",\"hash\":\"%s\",\"revoked\":%s}",
             role, source, hash, revoked ? "true" : "false");
    return define(w, text);
}

static enum status open_with(struct world *w, const char *key, struct source *out) {
    return sources_by_key(w->sources, slice_text(key), out, &w->fault);
}

static void test_sources(void **state) {
    struct world *w = *state;
    struct source source;
    assert_int_equal(sources_count(w->sources), 0);
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\" web \"}"), STATUS_OK);
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"店铺\",\"kind\":\"file\",\"priority\":7,"
                               "\"time_zone\":\"Asia/Shanghai\",\"enabled\":false}"),
                     STATUS_OK);
    assert_int_equal(sources_count(w->sources), 2);
    assert_true(sources_by_name(w->sources, SLICE("web"), &source));
    assert_int_equal(source.number, 1);
    assert_string_equal(source.kind, "segment");
    assert_int_equal(source.priority, 100);
    assert_true(source.enabled);
    assert_true(sources_at(w->sources, 2, &source));
    assert_string_equal(source.name, "店铺");
    assert_string_equal(source.time_zone, "Asia/Shanghai");
    assert_false(source.enabled);
    assert_false(sources_at(w->sources, 0, &source));
    assert_false(sources_at(w->sources, 3, &source));
    /* again: what is given changes, the rest stays, the number too */
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"店铺\",\"enabled\":true}"), STATUS_OK);
    assert_true(sources_by_name(w->sources, SLICE("店铺"), &source));
    assert_int_equal(source.number, 2);
    assert_int_equal(source.priority, 7);
    assert_true(source.enabled);
}

static void test_refused_definitions(void **state) {
    struct world *w = *state;
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{\"define\":\"mapping\",\"name\":\"x\"}",
        "{\"define\":\"source\"}",
        "{\"define\":\"source\",\"name\":\"  \"}",
        "{\"define\":\"source\",\"name\":\"a\\nb\"}",
        "{\"define\":\"source\",\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
        "{\"define\":\"source\",\"name\":\"x\",\"kind\":\"two words\"}",
        "{\"define\":\"source\",\"name\":\"x\",\"kind\":5}",
        "{\"define\":\"source\",\"name\":\"x\",\"priority\":256}",
        "{\"define\":\"source\",\"name\":\"x\",\"priority\":\"1\"}",
        "{\"define\":\"source\",\"name\":\"x\",\"enabled\":1}",
        "{\"define\":\"source\",\"name\":\"x\",\"time_zone\":\"a b\"}",
        "{\"define\":\"key\",\"role\":\"admin\",\"hash\":\"00\"}",
        "{\"define\":\"key\",\"role\":\"owner\",\"hash\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
        "{\"define\":\"key\",\"role\":\"admin\",\"hash\":"
        "\"zz00000000000000000000000000000000000000000000000000000000000000\"}",
        "{\"define\":\"key\",\"role\":\"write\",\"hash\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        w->fault.text[0] = 0;
        if (define(w, wrong[i]) != STATUS_INVALID || !w->fault.text[0])
            fail_msg("accepted, or without a reason: %s", wrong[i]);
    }
    assert_int_equal(sources_count(w->sources), 0);
    assert_int_equal(define_key(w, "write", "nowhere", "k", false), STATUS_NOT_FOUND);
}

static void test_keys(void **state) {
    struct world *w = *state;
    struct source source;
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"web\"}"), STATUS_OK);
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"app\"}"), STATUS_OK);
    assert_int_equal(define_key(w, "write", "app", "secret", false), STATUS_OK);
    assert_int_equal(open_with(w, "secret", &source), STATUS_OK);
    assert_int_equal(source.number, 2);
    assert_int_equal(open_with(w, "Secret", &source), STATUS_UNAUTHORIZED);
    assert_int_equal(open_with(w, "", &source), STATUS_UNAUTHORIZED);
    assert_false(sources_is_admin(w->sources, SLICE("secret")));
    /* a key stays what it is */
    assert_int_equal(define_key(w, "write", "web", "secret", false), STATUS_CONFLICT);
    assert_int_equal(define_key(w, "admin", "", "secret", false), STATUS_CONFLICT);
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"app\",\"enabled\":false}"), STATUS_OK);
    assert_int_equal(open_with(w, "secret", &source), STATUS_FORBIDDEN);
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"app\",\"enabled\":true}"), STATUS_OK);
    assert_int_equal(define_key(w, "write", "app", "secret", true), STATUS_OK);
    assert_int_equal(open_with(w, "secret", &source), STATUS_UNAUTHORIZED);
    /* admin keys open nothing but themselves */
    assert_false(sources_has_admin(w->sources));
    assert_int_equal(define_key(w, "admin", "", "root", false), STATUS_OK);
    assert_true(sources_has_admin(w->sources));
    assert_true(sources_is_admin(w->sources, SLICE("root")));
    assert_int_equal(open_with(w, "root", &source), STATUS_UNAUTHORIZED);
    assert_int_equal(define_key(w, "admin", "", "root", true), STATUS_OK);
    assert_false(sources_is_admin(w->sources, SLICE("root")));
    assert_false(sources_has_admin(w->sources));
}

static void test_many_keys(void **state) {
    struct world *w = *state;
    struct source source;
    char key[32];
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"web\"}"), STATUS_OK);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(define_key(w, "write", "web", key, i % 3 == 0), STATUS_OK);
    }
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "key %d", i);
        assert_int_equal(open_with(w, key, &source), i % 3 == 0 ? STATUS_UNAUTHORIZED : STATUS_OK);
    }
    assert_int_equal(open_with(w, "key 300", &source), STATUS_UNAUTHORIZED);
}

static void test_new_keys(void **state) {
    struct world *w = *state;
    char a[48], b[48], hash[65];
    (void)w;
    sources_new_key(os_real(), KEY_WRITE, a);
    sources_new_key(os_real(), KEY_ADMIN, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(strlen(b), 36);
    assert_memory_equal(a, "ofw_", 4);
    assert_memory_equal(b, "ofa_", 4);
    assert_memory_not_equal(a + 4, b + 4, 32);
    /* BLAKE2b-256 of "abc", published test vector */
    sources_hash_key(SLICE("abc"), hash);
    assert_string_equal(hash, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void test_save_and_load(void **state) {
    struct world *w = *state;
    struct buffer saved = {0}, again = {0}, json = {0}, json_again = {0};
    struct source source;
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"a \\\"b\\\"\",\"priority\":3}"), STATUS_OK);
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"c\",\"enabled\":false}"), STATUS_OK);
    assert_int_equal(define_key(w, "write", "c", "k1", true), STATUS_OK);
    assert_int_equal(define_key(w, "write", "c", "k2", false), STATUS_OK);
    assert_int_equal(define_key(w, "admin", "", "k3", false), STATUS_OK);
    sources_save(w->sources, &saved);
    struct sources *loaded = sources_create(os_real());
    assert_int_equal(sources_load(loaded, buffer_slice(&saved), &w->fault), STATUS_OK);
    sources_save(loaded, &again);
    assert_true(slice_equal(buffer_slice(&saved), buffer_slice(&again)));
    struct json_writer one = {.out = &json}, two = {.out = &json_again};
    sources_write_json(w->sources, &one);
    sources_write_json(loaded, &two);
    assert_true(slice_equal(buffer_slice(&json), buffer_slice(&json_again)));
    const struct json *root;
    assert_int_equal(json_parse(w->parser, buffer_slice(&json), true, &root, &w->fault), STATUS_OK);
    assert_int_equal(json_get(w->parser, root, "sources")->count, 2);
    assert_int_equal(json_get(w->parser, root, "admin_keys")->count, 1);
    assert_int_equal(sources_by_key(loaded, SLICE("k2"), &source, &w->fault), STATUS_FORBIDDEN);
    assert_true(sources_is_admin(loaded, SLICE("k3")));
    assert_int_equal(sources_load(loaded, SLICE("{\"define\":\"source\",\"name\":\"ok\"}\n{broken\n"), &w->fault),
                     STATUS_INVALID);
    sources_free(loaded);
    buffer_release(&saved);
    buffer_release(&again);
    buffer_release(&json);
    buffer_release(&json_again);
}

struct reading {
    struct sources *sources;
    atomic_bool over;
    atomic_uint answers;
};

/* Looks up while the main thread defines: a key that is there opens its own source, whatever else is being put in. */
static void *read_keys(void *argument) {
    struct reading *reading = argument;
    struct source source;
    while (!atomic_load(&reading->over)) {
        if (sources_by_key(reading->sources, SLICE("first"), &source, NULL) != STATUS_OK || source.number != 1 ||
            sources_is_admin(reading->sources, SLICE("first")))
            abort();
        atomic_fetch_add(&reading->answers, 1);
    }
    return NULL;
}

static void test_reading_while_defining(void **state) {
    struct world *w = *state;
    struct reading reading = {.sources = w->sources};
    pthread_t thread;
    char text[100], key[32];
    assert_int_equal(define(w, "{\"define\":\"source\",\"name\":\"source 0\"}"), STATUS_OK);
    assert_int_equal(define_key(w, "write", "source 0", "first", false), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, read_keys, &reading), 0);
    for (int i = 1; i <= 300 || (i < 100000 && atomic_load(&reading.answers) < 100); i++) {
        snprintf(text, sizeof text, "{\"define\":\"source\",\"name\":\"source %d\"}", i % 300);
        assert_int_equal(define(w, text), STATUS_OK);
        snprintf(key, sizeof key, "key %d", i % 300);
        snprintf(text, sizeof text, "source %d", i % 300);
        assert_int_equal(define_key(w, "write", text, key, i % 2 == 0), STATUS_OK);
    }
    atomic_store(&reading.over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(atomic_load(&reading.answers) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sources, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_definitions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_save_and_load, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reading_while_defining, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
