/* clickhouse_test: a subset of the language against ClickHouse's own answers: random plain expressions over random histories, exported to
 * tables and translated to SQL, all asked in one process of tests/clickhouse/ask.py. It is skipped, with a line that says so, where
 * ClickHouse is not there: bench/peers/node_modules/@chdb/lib-linux-x64-gnu (CHDB_LIBRARY names another place). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "language/clickhouse_model.h"
#include "language/language_random_model.h"
#include "language/plan_model.h"

#define ROOTS 40
#define LIBRARY "bench/peers/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

struct question {
    uint64_t seed;
    struct buffer expression, members, sql; /* members as ask.py prints them */
};

struct questions {
    struct question *all;
    size_t count;
    uint64_t cases;
};

static void folder(char *out, size_t size, const char *what) {
    snprintf(out, size, "/tmp/onefold-clickhouse-test-%d%s", (int)getpid(), what);
}

static void clean(void) {
    char command[128], path[96];
    folder(path, sizeof path, "");
    snprintf(command, sizeof command, "rm -rf %s", path); /* the test's own folder */
    if (system(command))
        fail();
}

static struct history *make_history(struct random_world *w) {
    struct history *h;
    struct fault fault = {0};
    char path[96];
    folder(path, sizeof path, "");
    mkdir(path, 0700);
    folder(path, sizeof path, "/h");
    if (history_create(os_real(), path, w->dictionary, NULL, &h, &fault))
        fail_msg("%s", fault.text);
    random_world_do(w, h, 0, w->step_count);
    while (history_compact(h, true, &fault) == STATUS_OK)
        history_tidy(h);
    return h;
}

/* Members by the plan; the twin must say the same of each. */
static void members_of(struct random_world *w, struct history *h, const struct node *root, const uint64_t *population,
                       struct questions *qs, struct buffer *out) {
    struct outside outside = {.history = h, .identity = w->identity};
    struct arena arena = {0};
    struct plan *plan;
    struct plan_answer answer;
    struct fault fault = {0};
    if (plan_create(&w->vocabulary, &root, 1, &plan, &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(plan_run(plan, 0, &outside, w->now_ms, 1, NULL, &answer), STATUS_OK);
    for (uint32_t c = w->first; c < w->first + w->customers; c++) {
        if (!(population[c / 64] >> (c % 64) & 1))
            continue;
        struct term_value v =
            model_evaluate(&w->vocabulary, &outside, root, (struct customer_id){c}, w->now_ms, &arena);
        bool twin = v.type == TERM_BOOL && v.integer, member = answer.bits[0][c / 64] >> (c % 64) & 1;
        if (twin != member)
            print_message("seed %llu: twin and plan differ\n", (unsigned long long)w->seed);
        if (member)
            buffer_print(out, out->size ? " %u" : "%u", c);
        qs->cases++;
    }
    plan_answer_release(&answer);
    plan_free(plan);
    arena_release(&arena);
}

static void ask_seed(uint64_t seed, struct questions *qs, struct buffer *script) {
    struct random_world *w = memory_get(1, sizeof *w);
    uint64_t population[SPAN_CUSTOMERS / 64];
    random_world_create(w, seed, false, true);
    struct history *h = make_history(w);
    identity_population(w->identity, 0, SPAN_CUSTOMERS / 64, population);
    clickhouse_export(&w->vocabulary, h, w->types, w->type_count, w->first, w->customers, population, script);
    for (size_t i = 0; i < ROOTS; i++) {
        struct question q = {.seed = seed};
        struct node *root;
        struct fault fault = {0};
        random_expression(w, true, &q.expression);
        if (check_text(&w->vocabulary, buffer_slice(&q.expression), TERM_BOOL, &w->arena, &root, &fault, NULL) ||
            !clickhouse_query(&w->vocabulary, root, w->now_ms, &q.sql)) {
            buffer_release(&q.expression);
            buffer_release(&q.sql);
            continue;
        }
        buffer_add_slice(script, buffer_slice(&q.sql));
        members_of(w, h, root, population, qs, &q.members);
        qs->all = memory_resize(qs->all, qs->count + 1, sizeof *qs->all);
        qs->all[qs->count++] = q;
    }
    history_free(h);
    random_world_release(w);
    free(w);
    clean();
}

static unsigned wrong_answers(FILE *answers, const struct questions *qs) {
    static char line[1 << 16];
    unsigned wrong = 0;
    size_t i = 0;
    for (; fgets(line, sizeof line, answers); i++) {
        struct slice got = slice_trim(slice_text(line));
        if (i >= qs->count) {
            print_message("more answers than questions: %.*s\n", SLICE_ARG(got));
            return wrong + 1;
        }
        const struct question *q = &qs->all[i];
        if (slice_equal(got, buffer_slice(&q->members)) || ++wrong > 12)
            continue;
        print_message("seed %llu: %.*s\n  here: %.*s\n  ClickHouse: %.*s\n  %.*s\n", (unsigned long long)q->seed,
                      SLICE_ARG(buffer_slice(&q->expression)), SLICE_ARG(buffer_slice(&q->members)), SLICE_ARG(got),
                      SLICE_ARG(buffer_slice(&q->sql)));
    }
    if (i != qs->count)
        print_message("%zu answers to %zu questions\n", i, qs->count);
    return wrong + (i != qs->count);
}

static void clickhouse_agrees(void **state) {
    struct questions qs = {0};
    struct buffer script = {0};
    char path[96], command[512];
    const char *library = getenv("CHDB_LIBRARY"), *one = getenv("TEST_SEED"), *far = getenv("TEST_LONG");
    (void)state;
    library = library ? library : LIBRARY;
    if (access(library, R_OK) != 0 || access("tests/clickhouse/ask.py", R_OK) != 0) {
        print_message("skipped: ClickHouse is not there (%s)\n", library);
        skip();
    }
    uint64_t first = one ? strtoull(one, NULL, 10) : 1, count = one ? 1 : far && *far == '1' ? 150 : 8;
    for (uint64_t seed = first; seed < first + count; seed++)
        ask_seed(seed, &qs, &script);
    folder(path, sizeof path, ".sql");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(script.data, 1, script.size, file), script.size);
    fclose(file);
    snprintf(command, sizeof command, "env -u LD_PRELOAD python3 tests/clickhouse/ask.py '%s' '%s'", library, path);
    FILE *answers = popen(command, "r");
    assert_non_null(answers);
    unsigned wrong = wrong_answers(answers, &qs);
    assert_int_equal(pclose(answers), 0);
    print_message("clickhouse: %zu expressions, %llu cases, %u wrong\n", qs.count, (unsigned long long)qs.cases, wrong);
    if (!getenv("TEST_KEEP"))
        unlink(path);
    for (size_t i = 0; i < qs.count; i++) {
        buffer_release(&qs.all[i].expression);
        buffer_release(&qs.all[i].members);
        buffer_release(&qs.all[i].sql);
    }
    free(qs.all);
    buffer_release(&script);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(clickhouse_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
