/* memory: buffers and arenas against what was put in; the slack that JSON parsing relies on. */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

static void test_get(void **state) {
    (void)state;
    unsigned char *zeroed = memory_get(1000, 3);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(zeroed[i], 0);
    zeroed[2999] = 7;
    zeroed = memory_resize(zeroed, 5000, 3);
    assert_int_equal(zeroed[2999], 7);
    free(zeroed);
    void *nothing = memory_get(0, 8);
    assert_non_null(nothing);
    free(nothing);
    char *text = memory_text(slice_of("ab\0c!", 4));
    assert_memory_equal(text, "ab\0c", 5);
    free(text);
}

/* Random additions, of every kind, against a plain array. */
static void test_buffer_holds_what_was_added(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 1);
    char *twin = memory_get(1 << 20, 1);
    size_t size = 0;
    struct buffer buffer = {0};
    for (int i = 0; i < 2000; i++) {
        char piece[300];
        size_t length = random_below(&random, sizeof piece);
        memset(piece, (int)random_below(&random, 256), sizeof piece);
        switch (random_below(&random, 4)) {
        case 0:
            buffer_add(&buffer, piece, length);
            break;
        case 1:
            buffer_add_slice(&buffer, slice_of(piece, length));
            break;
        case 2:
            buffer_add_char(&buffer, piece[0]);
            length = 1;
            break;
        default:
            length = (size_t)snprintf(piece, sizeof piece, "%d of %s", i, "2000");
            buffer_print(&buffer, "%d of %s", i, "2000");
        }
        memcpy(twin + size, piece, length);
        size += length;
        assert_int_equal(buffer.size, size);
        assert_true(buffer.capacity >= size + BUFFER_SLACK);
        memset(buffer.data + size, 0x5a, BUFFER_SLACK); /* the sanitizer sees it where the slack is not there */
    }
    assert_memory_equal(buffer.data, twin, size);
    buffer_clear(&buffer);
    assert_int_equal(buffer_slice(&buffer).size, 0);
    buffer_release(&buffer);
    assert_null(buffer.data);
    free(twin);
}

static void test_reserve_changes_no_size(void **state) {
    (void)state;
    struct buffer buffer = {0};
    char *at = buffer_reserve(&buffer, 100000);
    memset(at, 'x', 100000);
    assert_int_equal(buffer.size, 0);
    buffer_add_slice(&buffer, SLICE("y"));
    assert_int_equal(buffer.data[0], 'y');
    assert_int_equal(buffer.data[1], 'x');
    buffer_release(&buffer);
}

/* Everything ever got from an arena stays as it was written until the arena is reset. */
static void test_arena_keeps_everything(void **state) {
    (void)state;
    struct random random;
    struct arena arena = {0};
    struct {
        unsigned char *at;
        size_t size;
    } got[500];
    random_init(&random, 2);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 500; i++) {
            got[i].size = random_below(&random, random_chance(&random, 0.02) ? 200000 : 100);
            got[i].at = arena_get(&arena, got[i].size);
            assert_int_equal((uintptr_t)got[i].at % 16, 0);
            memset(got[i].at, (int)(i & 255), got[i].size);
        }
        for (size_t i = 0; i < 500; i++)
            for (size_t k = 0; k < got[i].size; k++)
                assert_int_equal(got[i].at[k], i & 255);
        size_t before = arena.total_bytes;
        arena_reset(&arena);
        assert_true(arena.total_bytes <= before);
        assert_int_equal(arena.used, 0);
    }
    struct slice copy = arena_copy(&arena, SLICE("text"));
    assert_true(slice_is(copy, "text"));
    assert_int_equal(copy.data[4], 0);
    arena_release(&arena);
    assert_null(arena.block);
}

static int sign(int order) { return (order > 0) - (order < 0); }

static void test_slices(void **state) {
    (void)state;
    assert_true(slice_equal(SLICE(""), SLICE_NONE));
    assert_true(slice_is(slice_text(NULL), ""));
    assert_false(slice_is(SLICE("a\0b"), "a"));
    assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
    assert_false(slice_starts(SLICE("a"), SLICE("ab")));
    assert_true(slice_is(slice_trim(SLICE(" \t a b\r\n")), "a b"));
    assert_int_equal(slice_trim(SLICE("  ")).size, 0);
    assert_int_equal(sign(slice_compare(SLICE("ab"), SLICE("abc"))), -1);
    assert_int_equal(sign(slice_compare(SLICE("b"), SLICE("abc"))), 1);
    assert_int_equal(sign(slice_compare(SLICE("\x7f"), SLICE("\x80"))), -1);
    assert_int_equal(slice_compare(SLICE_NONE, SLICE("")), 0);
}

static void test_large(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 5000, (4u << 20) - 1, 4u << 20, (6u << 20) + 13};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *got = memory_get_large(sizes[i], 1);
        assert_true(sizes[i] < 4u << 20 || (uintptr_t)got % (2u << 20) == 0);
        memset(got, 7, sizes[i]); /* all of it is ours */
        free(got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_buffer_holds_what_was_added),
        cmocka_unit_test(test_reserve_changes_no_size),
        cmocka_unit_test(test_arena_keeps_everything),
        cmocka_unit_test(test_slices),
    };
    return cmocka_run_group_tests_name("base/memory", tests, NULL, NULL);
}
