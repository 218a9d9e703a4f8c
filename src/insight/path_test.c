/* path_test: whole analyses of ways and of attribution over random histories (ties, late rows, merges, deltas), against rows in plain arrays: ways
 * by the slow twin's sessions, shares by the tally over each customer's rows. Groups told apart are what each is as a population. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/attribution_history_model.h"
#include "insight/attribution_models.h"
#include "insight/insight_bed_model.h"
#include "insight/path_flow_model.h"

#define SEED 11
#define CUSTOMERS 900
#define ROWS_EACH 7
#define WAYS_MAX 20000
#define HOUR_MS 3600000LL
#define NOTHING 255

static struct insight_bed bed;

static int open_bed(void **state) {
    (void)state;
    insight_bed_open(&bed, SEED, CUSTOMERS, ROWS_EACH);
    return 0;
}

static int close_bed(void **state) {
    (void)state;
    insight_bed_close(&bed);
    return 0;
}

/* --- ways --- */

static uint8_t by_event(const struct bed_row *row) { return row->type; }
static uint8_t by_page(const struct bed_row *row) { return row->has_page ? row->page : NOTHING; }
static uint8_t by_rule(const struct bed_row *row) {
    if (row->type == BED_VIEW)
        return row->has_page && row->page == 1 ? 0 : 1;
    return row->type == BED_ADD ? 2 : NOTHING;
}

static const char *const events[] = {"view", "add", "bought"}, *const pages[] = {"p0", "p1", "p2", "p3"},
                         *const rules[] = {"P1", "view", "add"};
static const struct {
    const char *definition;
    uint8_t (*code)(const struct bed_row *row);
    const char *const *names;
    struct flow_settings settings;
    int64_t last_ms;
} ways[] = {
    {"{\"events\": [\"view\", \"add\", \"bought\"], \"session\": \"12 hours\", \"paths\": 100000}",
     by_event,
     events,
     {3, 5, 12 * HOUR_MS, true, FLOW_NONE, FLOW_NONE, FLOW_NONE},
     0},
    {"{\"events\": [\"view\", \"add\", \"bought\"], \"session\": \"none\", \"paths\": 100000, \"collapse\": false, "
     "\"steps\": 9, "
     "\"last\": \"20 days\"}",
     by_event,
     events,
     {3, 9, 0, false, FLOW_NONE, FLOW_NONE, FLOW_NONE},
     20 * 24 * HOUR_MS},
    {"{\"events\": [\"view\", \"add\", \"bought\"], \"session\": \"3 days\", \"paths\": 100000, \"start\": \"view\", "
     "\"end\": \"bought\", "
     "\"goal\": \"add\"}",
     by_event,
     events,
     {3, 5, 72 * HOUR_MS, true, BED_VIEW, BED_ORDER, BED_ADD},
     0},
    {"{\"events\": [\"view\", \"add\", \"bought\"], \"node\": \"page\", \"session\": \"30 hours\", \"paths\": 100000, "
     "\"steps\": 6}",
     by_page,
     pages,
     {4, 6, 30 * HOUR_MS, true, FLOW_NONE, FLOW_NONE, FLOW_NONE},
     0},
    {"{\"events\": [{\"event\": \"view where page = \\\"p1\\\"\", \"name\": \"P1\"}, \"view\", \"add\"], \"session\": "
     "\"1 day\", \"paths\": "
     "100000, \"end\": \"add\"}",
     by_rule,
     rules,
     {3, 5, 24 * HOUR_MS, true, FLOW_NONE, 2, FLOW_NONE},
     0},
};

struct way {
    char text[120];
    uint64_t sessions, converted;
};
static struct way counted[WAYS_MAX];
static size_t counted_count;

static void count_way(const struct model_session *s, const char *const *names) {
    char text[sizeof counted->text] = "";
    size_t size = 0, at = 0;
    for (size_t i = 0; i < s->path_count; i++)
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i ? " > " : "", names[s->path[i]]);
    while (at < counted_count && strcmp(counted[at].text, text) != 0)
        at++;
    assert_true(at < WAYS_MAX);
    if (at == counted_count) {
        counted[counted_count] = (struct way){.sessions = 0};
        strcpy(counted[counted_count++].text, text);
    }
    counted[at].sessions++;
    counted[at].converted += s->goal != SIZE_MAX;
}

static uint64_t count_plainly(size_t k) {
    static struct model_session sessions[MODEL_ROWS_MAX];
    uint64_t customers = 0;
    counted_count = 0;
    for (uint32_t number = 1; number <= bed.customers; number++) {
        int64_t times[MODEL_ROWS_MAX];
        uint8_t codes[MODEL_ROWS_MAX];
        size_t first, rows = insight_bed_there(&bed, number) ? insight_bed_rows(&bed, number, &first) : 0, count = 0;
        for (size_t i = 0; i < rows; i++) {
            const struct bed_row *row = &bed.rows[first + i];
            if (ways[k].last_ms && row->time_ms <= bed.now_ms - ways[k].last_ms)
                continue;
            assert_true(count < MODEL_ROWS_MAX);
            times[count] = row->time_ms;
            codes[count] = ways[k].code(row);
            count += codes[count] != NOTHING;
        }
        size_t found = flow_model_sessions(&ways[k].settings, times, codes, count, sessions);
        customers += found > 0;
        for (size_t s = 0; s < found; s++)
            count_way(&sessions[s], ways[k].names);
    }
    return customers;
}

static void ways_as_counted_plainly(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
        for (unsigned workers = 1; workers <= 3; workers += 2) {
            struct answer *answer = insight_bed_run(&bed, "path", ways[k].definition, workers);
            const struct answer_table *t = answer_find(answer, "paths");
            assert_int_equal(answer_at(answer_find(answer, "summary"), 0, "customers").number.integer,
                             count_plainly(k));
            if (answer_rows(t) != counted_count)
                fail_msg("seed %d: %s: %zu ways, expected %zu", SEED, ways[k].definition, answer_rows(t),
                         counted_count);
            for (size_t row = 0; row < answer_rows(t); row++) {
                const struct slice path = answer_at(t, row, "path").text;
                size_t at = 0;
                while (at < counted_count && !slice_is(path, counted[at].text))
                    at++;
                if (at == counted_count ||
                    answer_at(t, row, "sessions").number.integer != (int64_t)counted[at].sessions)
                    fail_msg("seed %d: %s: %.*s came %lld times, expected %llu", SEED, ways[k].definition,
                             SLICE_ARG(path), (long long)answer_at(t, row, "sessions").number.integer,
                             (unsigned long long)(at == counted_count ? 0 : counted[at].sessions));
                if (ways[k].settings.goal != FLOW_NONE)
                    assert_int_equal(answer_at(t, row, "converted").number.integer, counted[at].converted);
            }
            answer_free(answer);
        }
}

/* --- attribution --- */

static const struct {
    const char *definition;
    struct attribution_rule rule;
    int64_t last_ms;
} credits[] = {
    {"{\"touches\": [\"view\", \"add\"], \"channel\": \"page\", \"conversions\": \"bought\", \"value\": \"total\", "
     "\"look_back\": \"10 days\", "
     "\"models\": [\"first\", \"last\", \"linear\"], \"paths\": 0}",
     {.look_back_ms = 240 * HOUR_MS, .cut = true, .counted_from = INT64_MIN},
     0},
    {"{\"touches\": [\"view\", \"add\"], \"channel\": \"page\", \"conversions\": \"bought\", \"value\": \"total\", "
     "\"look_back\": \"5 days\", "
     "\"cut\": false, \"models\": [\"first\", \"last\", \"linear\", \"markov\"], \"last\": \"30 days\"}",
     {.look_back_ms = 120 * HOUR_MS, .cut = false},
     30 * 24 * HOUR_MS},
};

static struct attribution *tally_plainly(size_t k) {
    struct attribution *t = attribution_create(4);
    struct attribution_rule rule = credits[k].rule;
    int64_t from = INT64_MIN;
    t->want_book = true;
    if (credits[k].last_ms) {
        rule.counted_from = bed.now_ms - credits[k].last_ms + 1;
        from = rule.counted_from - rule.look_back_ms;
    }
    for (uint32_t number = 1; number <= bed.customers; number++) {
        int64_t touches[MODEL_ROWS_MAX], conversions[MODEL_ROWS_MAX], values[MODEL_ROWS_MAX];
        uint8_t codes[MODEL_ROWS_MAX];
        struct attribution_history h = {touches, codes, 0, conversions, values, 0};
        size_t first, rows = insight_bed_there(&bed, number) ? insight_bed_rows(&bed, number, &first) : 0;
        for (size_t i = 0; i < rows; i++) {
            const struct bed_row *row = &bed.rows[first + i];
            if (row->time_ms < from)
                continue;
            if (row->type == BED_ORDER) {
                conversions[h.conversion_count] = row->time_ms;
                values[h.conversion_count++] = row->cents * (ATTRIBUTION_VALUE_UNIT / 100);
            } else if (row->has_page) {
                touches[h.touch_count] = row->time_ms;
                codes[h.touch_count++] = row->page;
            }
        }
        attribution_customer(t, &rule, &h);
    }
    path_book_sort(&t->book);
    return t;
}

static void shares_as_counted_plainly(void **state) {
    static const char *const models[] = {"first", "last", "linear"};
    static const enum attribution_model of[] = {ATTRIBUTION_FIRST_TOUCH, ATTRIBUTION_LAST_TOUCH, ATTRIBUTION_LINEAR};
    (void)state;
    for (size_t k = 0; k < sizeof credits / sizeof *credits; k++) {
        struct attribution *t = tally_plainly(k);
        for (unsigned workers = 1; workers <= 3; workers += 2) {
            struct answer *answer = insight_bed_run(&bed, "attribution", credits[k].definition, workers);
            for (size_t m = 0; m < 3; m++) {
                struct credit credit[4];
                assert_int_equal(
                    attribution_credit(t, of[m], &(struct attribution_settings){.markov_order = 1}, credit, NULL),
                    STATUS_OK);
                for (size_t row = 0; row < 4; row++) {
                    const struct answer_table *c = answer_find(answer, "conversions"),
                                              *v = answer_find(answer, "value");
                    const struct slice channel = answer_at(c, row, "channel").text;
                    const struct credit *expected = &credit[channel.data[1] - '0'];
                    if (fabs(number_as_real(answer_at(c, row, models[m]).number) - expected->conversions) > 1e-6 ||
                        fabs(number_as_real(answer_at(v, row, models[m]).number) - expected->value) > 1e-4)
                        fail_msg("seed %d: %s: %s of %.*s", SEED, credits[k].definition, models[m], SLICE_ARG(channel));
                }
            }
            answer_free(answer);
        }
        attribution_free(t);
    }
}

/* --- groups --- */

#define SPLIT_PATH "{\"events\": [\"view\", \"add\"], \"session\": \"2 days\", \"paths\": 100000%s}"
#define SPLIT_SHARES                                                                                                   \
    "{\"touches\": \"view\", \"channel\": \"page\", \"conversions\": \"bought\", \"models\": [\"markov\", "            \
    "\"shapley\"]%s}"
#define SPLIT_CHANNELS "{\"touches\": [\"view\", \"add\"], \"channel\": \"page\", \"goal\": \"bought\"%s}"
static const struct {
    const char *kind, *definition, *table;
} apart[] = {{"path", SPLIT_PATH, "paths"},
             {"path", SPLIT_PATH, "links"},
             {"attribution", SPLIT_SHARES, "conversions"},
             {"cross_channel", SPLIT_CHANNELS, "overlap"}};

static size_t same_rows(const struct answer_table *all, const struct answer_table *one, const char *group,
                        const char *const *columns) {
    size_t at = 0;
    for (size_t row = 0; row < answer_rows(all); row++) {
        if (!slice_is(answer_at(all, row, "group").text, group))
            continue;
        for (const char *const *c = columns; *c; c++) {
            const struct answer_cell x = answer_at(all, row, *c), y = answer_at(one, at, *c);
            assert_int_equal(x.missing, y.missing);
            assert_true(slice_equal(x.text, y.text));
            assert_memory_equal(&x.number, &y.number, sizeof x.number);
        }
        at++;
    }
    return at;
}

static void groups_are_what_they_are_alone(void **state) {
    static const char *const columns[][4] = {{"path", "sessions", NULL},
                                             {"source", "target", "mean_time", NULL},
                                             {"channel", "markov", "shapley", NULL},
                                             {"channels", "customers", NULL}};
    static const char *const conditions[][2] = {{"t1", "town = \\\"t1\\\""}, {"(missing)", "town is missing"}};
    (void)state;
    for (size_t k = 0; k < sizeof apart / sizeof *apart; k++) {
        char definition[512], more[128];
        snprintf(definition, sizeof definition, apart[k].definition, ", \"split\": \"town\"");
        struct answer *all = insight_bed_run(&bed, apart[k].kind, definition, 2);
        assert_int_equal(answer_rows(answer_find(all, "groups")), 6); /* five towns, and missing */
        for (size_t c = 0; c < 2; c++) {
            snprintf(more, sizeof more, ", \"population\": \"%s\"", conditions[c][1]);
            snprintf(definition, sizeof definition, apart[k].definition, more);
            struct answer *one = insight_bed_run(&bed, apart[k].kind, definition, 2);
            const struct answer_table *t = answer_find(one, apart[k].table);
            if (answer_rows(t) < 2)
                fail_msg("%s has %zu rows", definition, answer_rows(t));
            assert_int_equal(same_rows(answer_find(all, apart[k].table), t, conditions[c][0], columns[k]),
                             answer_rows(t));
            answer_free(one);
        }
        answer_free(all);
    }
    assert_string_equal(insight_bed_refused(&bed, "path", "{\"events\": \"view\", \"split\": \"ages\"}"),
                        "at split: at 1: there is no attribute \"ages\"; did you mean \"age\"?");
    assert_string_equal(
        insight_bed_refused(&bed, "path", "{\"events\": \"viev\", \"split\": \"town\"}"),
        "at events[0]: at 1: there are no events, documents or relations called \"viev\"; did you mean \"view\"?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_as_counted_plainly),
        cmocka_unit_test(shares_as_counted_plainly),
        cmocka_unit_test(groups_are_what_they_are_alone),
    };
    return cmocka_run_group_tests(tests, open_bed, close_bed);
}
