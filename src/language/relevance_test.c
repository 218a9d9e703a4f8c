/* relevance: an event said to be without meaning changes no answer; and most that are without meaning are said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "language/language_bed_model.h"
#include "language/relevance.h"

#define ROWS 400
#define SEEDS 6

static const char *const expressions[] = {
    "count(visit where page = \"cart\") >= 2",
    "any(visit where page in (\"cart\", \"home\") and secs > 20.5, last 30 days)",
    "sum(visit.secs where page != \"home\") > 100",
    "count(visit where secs between 10 and 30, last 7 days) - count(sale where price <= 99.9) > 1",
    "sequence(visit where page = \"cart\" -> sale where price > 50 within 10 days)",
    "sequence(visit where page = \"cart\" -> not sale where price >= 10 within 3 days)",
    "last(visit where page = \"cart\").secs > 15",
    "share(visit where page = \"cart\") > 0.5",
    "none(visit where page = \"cart\" and not secs > 3)",
    "any(visit where page starts with \"c\" and secs < 9)",
    "count(any event) > 20",
    "distinct(sale.price where page = \"cart\") > 2",
    "steps(visit where page = \"home\" -> visit where page = \"cart\") = 2",
};
#define EXPRESSIONS (sizeof expressions / sizeof *expressions)

static void add_text(char *out, size_t size, const char *more) {
    size_t used = strlen(out);
    if (*more)
        snprintf(out + used, size - used, "%s%s", used ? " " : "", more);
}

static void row_text(struct random *random, char *out, size_t size) {
    static const char *const pages[] = {"page=cart", "page=home", "page=help", ""};
    static const char *const seconds[] = {"secs=3", "secs=20.5", "secs=30", "secs=20.500001", ""};
    static const char *const prices[] = {"price=99.9", "price=10", "price=120"};
    *out = 0;
    add_text(out, size, pages[random_below(random, 4)]);
    add_text(out, size, seconds[random_below(random, 5)]);
    add_text(out, size, prices[random_below(random, 3)]);
}

/* Appends rows one by one; whenever an answer changes, the row was said to matter. Returns how often it was said not to. */
static unsigned hold(uint64_t seed) {
    struct language_bed bed;
    struct random random;
    struct relevance *relevance[EXPRESSIONS];
    struct arena arena = {0};
    unsigned spared = 0;
    random_init(&random, seed);
    language_bed_open(&bed, "Asia/Shanghai", "2026-03-01T12:00:00Z");
    struct type *visit = language_bed_type(&bed, TYPE_EVENT, "visit", "page:text secs:number price:money");
    struct type *sale = language_bed_type(&bed, TYPE_EVENT, "sale", "page:text secs:number price:money");
    uint32_t customer = language_bed_customer(&bed);
    char before[EXPRESSIONS][64], text[96], time[32];
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        relevance[i] = relevance_create(language_bed_check(&bed, expressions[i]));
        snprintf(before[i], sizeof before[i], "%s", language_bed_plan(&bed, expressions[i], customer));
    }
    for (unsigned row = 0; row < ROWS / SEEDS; row++) {
        row_text(&random, text, sizeof text);
        snprintf(time, sizeof time, "2026-02-%02uT%02u:00", 1 + (unsigned)random_below(&random, 28),
                 (unsigned)random_below(&random, 24));
        language_bed_row(&bed, customer, random_below(&random, 3) ? visit : sale, time, 0, text);
        struct history_rows rows;
        arena_reset(&arena);
        history_rows(bed.history, (struct customer_id){customer}, -1, &arena, &rows);
        const struct record_head *record = NULL;
        for (size_t i = 0; i < rows.count; i++)
            if (history_row_position(&rows, i) == bed.position)
                record = history_row(bed.history, &rows, i, &bed.builder);
        assert_non_null(record);
        for (size_t i = 0; i < EXPRESSIONS; i++) {
            const char *now = language_bed_plan(&bed, expressions[i], customer);
            bool matters = relevance_of(relevance[i], record) != EVENT_NOTHING;
            if (strcmp(now, before[i]) != 0 && !matters)
                fail_msg("seed %llu: %s was %s and is %s after \"%s\", which was said not to matter",
                         (unsigned long long)seed, expressions[i], before[i], now, text);
            spared += !matters;
            snprintf(before[i], sizeof before[i], "%s", now);
        }
    }
    for (size_t i = 0; i < EXPRESSIONS; i++)
        relevance_free(relevance[i]);
    arena_release(&arena);
    language_bed_close(&bed);
    return spared;
}

static void test_what_changes_mattered(void **state) {
    unsigned spared = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        spared += hold(seed);
    assert_true(spared > ROWS * EXPRESSIONS / 4);
}

/* What surely counts is counted: a count of everything that fulfils the `where` grows by it, and by nothing that cannot matter. */
static void test_what_counts_is_counted(void **state) {
    static const char *const wheres[] = {
        "page = \"c\"",           "page != \"c\"",           "secs > 20 and page in (\"a\", \"c\")",
        "secs between 10 and 30", "price >= 12.5",           "price < 40 and secs != 7",
        "page starts with \"c\"", "secs > 5 or page = \"a\""};
    unsigned counts = 0, maybe = 0;
    (void)state;
    for (size_t k = 0; k < sizeof wheres / sizeof *wheres; k++) {
        struct language_bed bed;
        struct random random;
        struct arena arena = {0};
        char expression[128], text[96], time[32];
        random_init(&random, k + 1);
        language_bed_open(&bed, "Asia/Shanghai", "2026-03-01T12:00:00Z");
        struct type *visit = language_bed_type(&bed, TYPE_EVENT, "visit", "page:text secs:number price:money");
        struct type *sale = language_bed_type(&bed, TYPE_EVENT, "sale", "page:text secs:number price:money");
        uint32_t customer = language_bed_customer(&bed);
        snprintf(expression, sizeof expression, "count(visit where %s) >= 0", wheres[k]);
        struct relevance *relevance = relevance_create(language_bed_check(&bed, expression));
        snprintf(expression, sizeof expression, "count(visit where %s)", wheres[k]);
        double before = atof(language_bed_plan(&bed, expression, customer));
        for (unsigned row = 0; row < 100; row++) {
            row_text(&random, text, sizeof text);
            snprintf(time, sizeof time, "2026-02-%02uT%02u:00", 1 + row % 28, (unsigned)random_below(&random, 24));
            language_bed_row(&bed, customer, random_below(&random, 3) ? visit : sale, time, 0, text);
            struct history_rows rows;
            arena_reset(&arena);
            history_rows(bed.history, (struct customer_id){customer}, -1, &arena, &rows);
            const struct record_head *record = NULL;
            for (size_t i = 0; i < rows.count; i++)
                if (history_row_position(&rows, i) == bed.position)
                    record = history_row(bed.history, &rows, i, &bed.builder);
            double now = atof(language_bed_plan(&bed, expression, customer));
            enum event_relevance says = relevance_of(relevance, record);
            counts += says == EVENT_COUNTS;
            maybe += says == EVENT_MAY_MATTER;
            if ((says == EVENT_COUNTS && now != before + 1) || (says == EVENT_NOTHING && now != before))
                fail_msg("%s: from %g to %g after \"%s\", of which is said %d", expression, before, now, text, says);
            before = now;
        }
        relevance_free(relevance);
        arena_release(&arena);
        language_bed_close(&bed);
    }
    assert_true(counts > 50 && maybe > 50);
}

static void test_nothing_to_tell_by(void **state) {
    struct language_bed bed;
    (void)state;
    language_bed_open(&bed, "UTC", "2026-03-01T12:00:00Z");
    language_bed_type(&bed, TYPE_EVENT, "visit", "page:text secs:number");
    assert_null(relevance_create(language_bed_check(&bed, "1 + 1 > 2")));
    language_bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_changes_mattered),
        cmocka_unit_test(test_what_counts_is_counted),
        cmocka_unit_test(test_nothing_to_tell_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
