/* pages_test: blocks of random sizes lie apart, keep what is written into them, are zeroed where that was asked for, and are used again. */
#include "base/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

#define BLOCKS 400
#define STEPS 4000

struct block {
    unsigned char *memory;
    size_t bytes;
    unsigned char value;
};

static void check_filled(const struct block *b) {
    for (size_t i = 0; i<b->bytes; i += b->bytes> 4096 ? 509 : 1)
        assert_int_equal(b->memory[i], b->value);
    assert_int_equal(b->memory[b->bytes - 1], b->value);
}

static void check_zeroed(const struct block *b) {
    for (size_t i = 0; i < b->bytes; i++)
        assert_int_equal(b->memory[i], 0);
}

static size_t some_size(struct random *r) {
    static const size_t most[] = {64, 700, 9000, 300000, 3000000};
    size_t i = random_below(r, 40);
    return 1 + random_below(r, most[i < 5 ? i : i % 3]);
}

static void blocks_keep_what_is_theirs(void **state) {
    static struct block blocks[BLOCKS];
    struct random r;
    (void)state;
    random_init(&r, 11);
    for (unsigned step = 0; step < STEPS; step++) {
        struct block *b = &blocks[random_below(&r, BLOCKS)];
        if (b->memory) {
            check_filled(b);
            pages_free(b->memory, b->bytes);
        }
        bool zeroed = random_below(&r, 2);
        *b = (struct block){.bytes = some_size(&r), .value = (unsigned char)(1 + random_below(&r, 255))};
        b->memory = zeroed ? pages_get(b->bytes) : pages_take(b->bytes);
        assert_int_equal((uintptr_t)b->memory % 16, 0);
        if (zeroed)
            check_zeroed(b);
        memset(b->memory, b->value, b->bytes);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (blocks[i].memory) {
            check_filled(&blocks[i]);
            pages_free(blocks[i].memory, blocks[i].bytes);
        }
    pages_free(NULL, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_keep_what_is_theirs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
