/* members_test: sets of customers against a plain array of booleans; overlaps counted by hand; saved and read back. */
#include "audience/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define CUSTOMERS 20000u
#define SETS 4u

struct twin {
    bool in[SETS][CUSTOMERS];
};

static uint64_t seed;

static void random_puts(struct members *m, struct twin *t, struct random *r, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        uint32_t set = (uint32_t)random_below(r, SETS);
        uint32_t customer = 1 + (uint32_t)random_below(r, random_below(r, 2) ? CUSTOMERS - 1 : 200);
        bool in = random_below(r, 3) > 0, changed = t->in[set][customer] != in;
        assert_int_equal(members_put(m, set, (struct customer_id){customer}, in), changed);
        t->in[set][customer] = in;
    }
}

static void random_spans(struct members *m, struct twin *t, struct random *r, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        uint32_t set = (uint32_t)random_below(r, SETS), span = (uint32_t)random_below(r, CUSTOMERS / SPAN_CUSTOMERS);
        uint64_t bits[SPAN_WORDS], changed[SPAN_WORDS];
        bool any = false;
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            bits[w] = random_next(r) & random_next(r);
        bool said = members_put_span(m, set, span, bits, changed);
        for (uint32_t p = 0; p < SPAN_CUSTOMERS; p++) {
            bool in = bits[p / 64] >> p % 64 & 1, differs = t->in[set][span * SPAN_CUSTOMERS + p] != in;
            any |= differs;
            if (differs != (changed[p / 64] >> p % 64 & 1))
                fail_msg("seed %llu: place %u", (unsigned long long)seed, p);
            t->in[set][span * SPAN_CUSTOMERS + p] = in;
        }
        assert_int_equal(said, any);
    }
}

static void expect_same(const struct members *m, const struct twin *t) {
    struct customer_id page[37];
    for (uint32_t set = 0; set < SETS; set++) {
        uint64_t count = 0;
        struct customer_id after = {0};
        for (uint32_t c = 0; c < CUSTOMERS; c++) {
            count += t->in[set][c];
            if (members_has(m, set, (struct customer_id){c}) != t->in[set][c])
                fail_msg("seed %llu: set %u, customer %u", (unsigned long long)seed, set, c);
        }
        assert_int_equal(members_count(m, set), count);
        count -= t->in[set][0]; /* no customer has the number 0 */
        for (size_t found; (found = members_page(m, set, after, page, 37)) > 0; after = page[found - 1])
            for (size_t i = 0; i < found; i++, count--) {
                assert_true(page[i].number > (i ? page[i - 1].number : after.number));
                assert_true(t->in[set][page[i].number]);
            }
        assert_int_equal(count, 0);
    }
}

static void expect_overlap(const struct members *m, const struct twin *t, const uint32_t *sets, size_t set_count) {
    uint64_t counts[16], own[16] = {0};
    members_overlap(m, sets, set_count, counts);
    for (uint32_t c = 0; c < CUSTOMERS; c++) {
        uint32_t mask = 0;
        for (size_t i = 0; i < set_count; i++)
            mask |= (uint32_t)t->in[sets[i]][c] << i;
        own[mask]++;
    }
    for (uint32_t mask = 1; mask < 1u << set_count; mask++)
        if (counts[mask] != own[mask])
            fail_msg("seed %llu: mask %u of %zu sets: %llu, should be %llu", (unsigned long long)seed, mask, set_count,
                     (unsigned long long)counts[mask], (unsigned long long)own[mask]);
    assert_int_equal(counts[0], 0);
}

static void like_plain_arrays(void **state) {
    (void)state;
    for (seed = 1; seed <= 6; seed++) {
        struct random r;
        struct twin *t = calloc(1, sizeof *t);
        struct members *m = members_create(), *again = members_create();
        struct buffer saved = {0};
        struct fault fault = {0};
        random_init(&r, seed);
        random_puts(m, t, &r, 3000);
        random_spans(m, t, &r, (unsigned)seed * 2);
        random_puts(m, t, &r, 3000);
        expect_same(m, t);
        for (size_t count = 1; count <= 4; count++)
            expect_overlap(m, t, (const uint32_t[]){3, 1, 0, 2}, count);
        members_save(m, &saved);
        assert_int_equal(members_load(again, buffer_slice(&saved), &fault), STATUS_OK);
        expect_same(again, t);
        members_clear(m, 1);
        assert_int_equal(members_count(m, 1), 0);
        for (uint32_t c = 0; c < CUSTOMERS; c++)
            t->in[1][c] = false;
        expect_same(m, t);
        buffer_release(&saved);
        members_free(m);
        members_free(again);
        free(t);
    }
}

static void damage_is_refused(void **state) {
    struct saved_members saved = {.set = MEMBERS_SETS_MAX};
    struct members *m = members_create();
    struct fault fault = {0};
    (void)state;
    assert_int_equal(members_load(m, slice_of(&saved, sizeof saved), &fault), STATUS_DAMAGED);
    saved = (struct saved_members){.span = 1u << 20};
    assert_int_equal(members_load(m, slice_of(&saved, sizeof saved), &fault), STATUS_DAMAGED);
    assert_int_equal(members_load(m, slice_of(&saved, sizeof saved - 1), &fault), STATUS_DAMAGED);
    members_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(like_plain_arrays), cmocka_unit_test(damage_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
