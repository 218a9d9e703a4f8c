/* large_test: pieces of random sizes lie apart and keep what is written into them, whatever is given back around them. */
#include "base/large.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

#define PIECES 120
#define STEPS 1500

struct piece {
    unsigned char *memory;
    size_t bytes;
    unsigned char value;
};

static void check_filled(const struct piece *p) {
    for (size_t i = 0; i < p->bytes; i += 1021)
        assert_int_equal(p->memory[i], p->value);
    assert_int_equal(p->memory[p->bytes - 1], p->value);
}

static void pieces_keep_what_is_theirs(void **state) {
    static struct piece pieces[PIECES];
    struct random r;
    (void)state;
    random_init(&r, 5);
    for (unsigned step = 0; step < STEPS; step++) {
        struct piece *p = &pieces[random_below(&r, PIECES)];
        if (p->memory) {
            check_filled(p);
            large_free(p->memory, p->bytes);
            p->memory = NULL;
            continue;
        }
        p->bytes = 1 + random_below(&r, random_below(&r, 200) ? 3000000 : 100000000); /* seldom more than a slab */
        p->value = (unsigned char)(1 + step % 255);
        p->memory = large_take(p->bytes);
        assert_non_null(p->memory);
        assert_int_equal((uintptr_t)p->memory % 16, 0);
        memset(p->memory, p->value, p->bytes);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        if (pieces[i].memory)
            check_filled(&pieces[i]);
        large_free(pieces[i].memory, pieces[i].bytes);
    }
    large_free(NULL, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pieces_keep_what_is_theirs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
