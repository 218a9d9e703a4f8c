/* fuzzy_text: published values, and random texts against the slow twins. */
#include "identity/fuzzy_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "identity/fuzzy_text_model.h"

static void test_edits(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned edits;
    } cases[] = {
        {"", "", 0},
        {"a", "", 1},
        {"kitten", "sitting", 3},
        {"smith", "smiht", 1},
        {"ca", "abc", 3},
        {"saturday", "sunday", 3},
        {"abcdef", "badcfe", 3},
        {"19560409", "19560904", 2},
        {"19560409", "19650409", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fuzzy_edits(slice_text(cases[i].a), slice_text(cases[i].b)), cases[i].edits);
        assert_int_equal(fuzzy_edits(slice_text(cases[i].b), slice_text(cases[i].a)), cases[i].edits);
    }
}

/* The values of Winkler's papers. */
static void test_jaro_winkler(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        double like;
    } cases[] = {
        {"martha", "marhta", 0.9611},
        {"dwayne", "duane", 0.84},
        {"dixon", "dicksonx", 0.8133},
        {"jones", "johnson", 0.8324},
        {"abroms", "abrams", 0.9222},
        {"same", "same", 1},
        {"abc", "xyz", 0},
        {"", "", 1},
        {"", "a", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(fabs(fuzzy_jaro_winkler(slice_text(cases[i].a), slice_text(cases[i].b)) - cases[i].like) < 0.0001);
}

static struct slice random_text(struct random *r, char *into, size_t most) {
    size_t size = random_below(r, most + 1), letters = 2 + random_below(r, 6);
    for (size_t i = 0; i < size; i++)
        into[i] = (char)('a' + random_below(r, letters));
    return slice_of(into, size);
}

/* A text, and it after some edits. */
static struct slice edited(struct random *r, struct slice a, char *into) {
    size_t size = a.size;
    memcpy(into, a.data, size);
    for (size_t edits = random_below(r, 5); edits > 0 && size > 1; edits--) {
        size_t at = random_below(r, size - 1);
        char swap = into[at];
        switch (random_below(r, 3)) {
        case 0:
            into[at] = into[at + 1];
            into[at + 1] = swap;
            break;
        case 1:
            into[at] = 'z';
            break;
        default:
            memmove(into + at, into + at + 1, size - at - 1);
            size--;
        }
    }
    return slice_of(into, size);
}

static void test_twins(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 41);
    for (int i = 0; i < 20000; i++) {
        char x[80], y[80];
        struct slice a = random_text(&r, x, i % 2 ? FUZZY_TEXT_MAX : 9);
        struct slice b = random_below(&r, 2) ? random_text(&r, y, i % 2 ? FUZZY_TEXT_MAX : 9) : edited(&r, a, y);
        unsigned edits = fuzzy_edits(a, b), wanted = fuzzy_model_edits(a, b);
        double like = fuzzy_jaro_winkler(a, b), like_wanted = fuzzy_model_jaro_winkler(a, b);
        if (edits != wanted || fabs(like - like_wanted) > 1e-12)
            fail_msg("seed 41, round %d: '%.*s' and '%.*s': %u edits, not %u; likeness %.6f, not %.6f", i, SLICE_ARG(a),
                     SLICE_ARG(b), edits, wanted, like, like_wanted);
    }
}

static void test_sounds(void **state) {
    (void)state;
    static const char *const soundex[][2] = {{"robert", "R163"},  {"Rupert", "R163"},  {"ashcraft", "A261"},
                                             {"tymczak", "T522"}, {"pfister", "P236"}, {"honeyman", "H555"},
                                             {"lee", "L000"},     {"123", ""}};
    static const char *const alike[][2] = {{"smith", "smyth"},         {"philip", "filip"},   {"meier", "mayer"},
                                           {"catherine", "katherine"}, {"stephen", "steven"}, {"knight", "night"}};
    static const char *const other[][2] = {{"smith", "jones"}, {"martin", "morton x"}, {"anna", "otto"}};
    char x[FUZZY_SOUND_BYTES], y[FUZZY_SOUND_BYTES];
    for (size_t i = 0; i < sizeof soundex / sizeof *soundex; i++) {
        fuzzy_soundex(slice_text(soundex[i][0]), x);
        assert_string_equal(x, soundex[i][1]);
    }
    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
        fuzzy_sound(slice_text(alike[i][0]), x);
        fuzzy_sound(slice_text(alike[i][1]), y);
        assert_string_equal(x, y);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        fuzzy_sound(slice_text(other[i][0]), x);
        fuzzy_sound(slice_text(other[i][1]), y);
        assert_string_not_equal(x, y);
    }
}

static void test_small(void **state) {
    (void)state;
    char x[FUZZY_TEXT_MAX], y[FUZZY_TEXT_MAX];
    struct slice a, b;
    assert_true(fuzzy_shortened(SLICE("rob"), SLICE("robert")));
    assert_true(fuzzy_shortened(SLICE("robert"), SLICE("r")));
    assert_false(fuzzy_shortened(SLICE("ro"), SLICE("robert")));
    assert_false(fuzzy_shortened(SLICE("bob"), SLICE("robert")));
    assert_false(fuzzy_shortened(SLICE("rob"), SLICE("rob")));
    fuzzy_alphabet(SLICE("王小明"), SLICE("王小民"), x, y, &a, &b);
    assert_int_equal(a.size, 3);
    assert_int_equal(fuzzy_edits(a, b), 1);
    assert_int_equal(fuzzy_digits_apart(SLICE("1234"), SLICE("1334")), 1);
    assert_int_equal(fuzzy_digits_apart(SLICE("1234"), SLICE("12345")), 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_edits), cmocka_unit_test(test_jaro_winkler),
                                       cmocka_unit_test(test_twins), cmocka_unit_test(test_sounds),
                                       cmocka_unit_test(test_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
