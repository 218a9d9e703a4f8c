/* match_keep: runs that compare only what is new, against runs that compare everything with the same weights, over lists at random that grow,
 * shrink and change, through the file each time; and files that are not right. */
#include "serve/match_keep.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "own_folder_client.h"

#define CUSTOMERS_MAX 900
#define COLUMNS 5
#define RULES                                                                                                          \
    "{\"blocking\": [[\"given:sound\", \"family:sound\"], [\"birth_date\"], [\"city\"], [\"postcode\", "               \
    "\"family:start 2\"]], "                                                                                           \
    "\"block_records_max\": 24}"

struct world {
    struct random random;
    bool there[CUSTOMERS_MAX];
    char values[CUSTOMERS_MAX][COLUMNS][24];
    char path[64];
};

static void make_values(struct world *w, size_t c) {
    static const char *const parts[] = {"ba", "ri", "mo", "ke", "lu", "sta", "no", "vi"};
    struct random *r = &w->random;
    for (int v = 0; v < 2; v++)
        snprintf(w->values[c][v], 24, "%s%s%s", parts[random_below(r, 8)], parts[random_below(r, 8)],
                 parts[random_below(r, 8)]);
    snprintf(w->values[c][2], 24, "%d-%02d-%02d", (int)random_between(r, 1940, 2005), (int)random_between(r, 1, 12),
             (int)random_between(r, 1, 28));
    snprintf(w->values[c][3], 24, "town%d", (int)random_below(r, 30)); /* blocks about as large as may be */
    snprintf(w->values[c][4], 24, "%05d", (int)random_between(r, 10000, 10200));
}

/* One in three is somebody who is there already, with a slip. */
static void add_customer(struct world *w, size_t c) {
    size_t other = random_below(&w->random, c + 1);
    make_values(w, c);
    if (w->there[other] && random_chance(&w->random, 0.33)) {
        memcpy(w->values[c], w->values[other], sizeof w->values[c]);
        snprintf(w->values[c][random_below(&w->random, COLUMNS)] + 2, 8, "x");
    }
    w->there[c] = true;
}

static size_t fill(const struct world *w, struct fuzzy_table *t, uint32_t *customers) {
    static const char *const names[] = {"first_name", "last_name", "birthday", "city", "zip"};
    size_t count = 0;
    for (uint32_t c = 0; c < CUSTOMERS_MAX; c++) {
        if (!w->there[c])
            continue;
        size_t record = fuzzy_table_record(t, 0);
        customers[count++] = c;
        for (size_t v = 0; v < COLUMNS; v++)
            fuzzy_table_set(t, fuzzy_table_column(t, slice_text(names[v])), record, slice_text(w->values[c][v]));
    }
    return count;
}

static struct match_keep *again(const struct world *w, struct match_keep *k) {
    struct match_keep *read = NULL;
    struct fault fault = {0};
    k->started_ms = 5;
    k->learnt_records = 77;
    assert_int_equal(match_keep_write(k, os_real(), w->path, &fault), STATUS_OK);
    if (match_keep_read(os_real(), w->path, &read, &fault))
        fail_msg("%s", fault.text);
    assert_true(read->started_ms == 5 && read->learnt_records == 77 && read->record_count == k->record_count);
    assert_int_equal(read->pair_count, k->pair_count);
    assert_memory_equal(read->pairs, k->pairs, k->pair_count * sizeof *k->pairs);
    assert_memory_equal(read->field_bits, k->field_bits,
                        k->shown_count * k->parsed.field_count * sizeof *k->field_bits);
    assert_memory_equal(&read->weights.m, &k->weights.m, sizeof k->weights.m);
    match_keep_free(k);
    return read;
}

static struct match_keep *first_run(struct world *w) {
    struct fuzzy_table t = {0};
    struct fuzzy_rules rules;
    struct fuzzy_match m;
    uint32_t *customers = memory_get(CUSTOMERS_MAX, sizeof *customers);
    fill(w, &t, customers);
    assert_int_equal(fuzzy_rules_parse(SLICE(RULES), &t, &rules, NULL), STATUS_OK);
    assert_int_equal(fuzzy_match_run(&t, &rules, &(struct fuzzy_options){0}, &m, NULL), STATUS_OK);
    struct match_keep *k = match_keep_take(&m, &t, customers, SLICE("{}"));
    fuzzy_match_release(&m);
    fuzzy_table_release(&t);
    return again(w, k);
}

static size_t shown(const struct fuzzy_match *m) {
    size_t count = 0;
    while (count < m->pair_count && m->pairs[count].bits >= -5)
        count++;
    return count;
}

/* The next run, and what it would be with everything compared; takes `k`, returns what it leaves. */
static struct match_keep *next_run(struct world *w, struct match_keep *k, uint64_t seed, uint64_t *compared,
                                   uint64_t *all) {
    struct fuzzy_table t = {0};
    struct fuzzy_rules rules;
    struct fuzzy_match part, whole;
    struct match_since since;
    struct fuzzy_before weights = {.weights = &k->weights};
    uint32_t *customers = memory_get(CUSTOMERS_MAX, sizeof *customers);
    fill(w, &t, customers);
    assert_int_equal(fuzzy_rules_parse(slice_text(k->rules), &t, &rules, NULL), STATUS_OK);
    match_since_init(&since, k, &t, &rules, customers);
    assert_int_equal(fuzzy_match_run(&t, &rules, &(struct fuzzy_options){.before = &since.before}, &part, NULL),
                     STATUS_OK);
    assert_int_equal(fuzzy_match_run(&t, &rules, &(struct fuzzy_options){.before = &weights}, &whole, NULL), STATUS_OK);
    if (shown(&part) != shown(&whole))
        fail_msg("seed %llu: %zu pairs, not %zu", (unsigned long long)seed, shown(&part), shown(&whole));
    assert_memory_equal(part.pairs, whole.pairs, shown(&part) * sizeof *part.pairs);
    assert_memory_equal(part.clusters, whole.clusters, t.record_count * sizeof *part.clusters);
    *compared += part.compared_count;
    *all += whole.compared_count;
    struct match_keep *next = match_keep_take(&part, &t, customers, SLICE("{}"));
    match_since_release(&since);
    fuzzy_match_release(&part);
    fuzzy_match_release(&whole);
    fuzzy_table_release(&t);
    match_keep_free(k);
    return again(w, next);
}

static void change(struct world *w, size_t *count) {
    struct random *r = &w->random;
    for (size_t more = random_below(r, 40); more > 0 && *count < CUSTOMERS_MAX; more--)
        add_customer(w, (*count)++);
    for (size_t less = random_below(r, 30); less > 0; less--)
        w->there[random_below(r, *count)] = false;
    for (size_t others = random_below(r, 20); others > 0; others--)
        make_values(w, random_below(r, *count));
}

static void test_equal(void **state) {
    (void)state;
    struct world *w = memory_get(1, sizeof *w);
    uint64_t compared = 0, all = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        size_t count = 0;
        memset(w, 0, sizeof *w);
        random_init(&w->random, seed);
        snprintf(w->path, sizeof w->path, "%s/keep", own_folder("match-keep"));
        while (count < 500)
            add_customer(w, count++);
        struct match_keep *k = first_run(w);
        for (int round = 0; round < 5; round++) {
            change(w, &count);
            k = next_run(w, k, seed, &compared, &all);
        }
        match_keep_free(k);
        assert_int_equal(unlink(w->path), 0);
    }
    if (compared * 2 > all)
        fail_msg("%llu of %llu pairs were compared again", (unsigned long long)compared, (unsigned long long)all);
    free(w);
}

/* Whatever byte is another, the file is refused or read without harm. */
static void test_damage(void **state) {
    (void)state;
    struct world *w = memory_get(1, sizeof *w);
    size_t refused = 0;
    random_init(&w->random, 9);
    snprintf(w->path, sizeof w->path, "%s/keep", own_folder("match-keep"));
    for (size_t c = 0; c < 120; c++)
        add_customer(w, c);
    match_keep_free(first_run(w));
    for (int i = 0; i < 200; i++) {
        struct match_keep *k = NULL;
        struct fault fault = {0};
        FILE *file = fopen(w->path, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        long at = (long)random_below(&w->random, (uint64_t)ftell(file));
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        int byte = fgetc(file);
        for (int back = 0; back < 2; back++) {
            assert_int_equal(fseek(file, at, SEEK_SET), 0);
            fputc(back ? byte : byte ^ (1 << random_below(&w->random, 8)), file);
            fflush(file);
            k = NULL;
            enum status status = match_keep_read(os_real(), w->path, &k, &fault);
            assert_true(back ? status == STATUS_OK : status == STATUS_OK || status == STATUS_DAMAGED);
            refused += status == STATUS_DAMAGED;
            match_keep_free(status ? NULL : k);
        }
        fclose(file);
    }
    assert_true(refused > 150);
    assert_int_equal(unlink(w->path), 0);
    struct match_keep *k = NULL;
    assert_int_equal(match_keep_read(os_real(), w->path, &k, NULL), STATUS_NOT_FOUND);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equal), cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
