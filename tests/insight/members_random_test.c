/* members_random_test: segments made of figures of ways, channels, shares and lift, over random customers, against plain counting of who stands behind
 * each; and whom that is not said rightly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "paths_rows_model.h"

#define STEPS 3
#define GAP_S 3600
#define DAY_S 86400

/* A customer is rows[from .. end). */
static size_t customer_end(size_t from) {
    size_t end = from;
    while (end < row_count && rows[end].customer == rows[from].customer)
        end++;
    return end;
}

/* Over customers: how many have a part that is asked for. */
#define COUNT(total, condition)                                                                                        \
    do {                                                                                                               \
        total = 0;                                                                                                     \
        for (size_t from = 0, end; from < row_count; from = end) {                                                     \
            end = customer_end(from);                                                                                  \
            total += (condition);                                                                                      \
        }                                                                                                              \
    } while (0)

static void assert_count(double got, double counted) {
    assert_true(counted > 0); /* else the test would see nothing */
    if (got != counted)
        fail_msg("%g customers, counted %g (seed %llu)", got, counted, (unsigned long long)rows_seed);
}

/* --- ways --- */

#define WAYS                                                                                                           \
    "{\"events\": [{\"event\": \"seen\", \"node\": \"page\"}, {\"event\": \"bought\", \"name\": \"buy\"}], "           \
    "\"goal\": {\"event\": \"bought\", \"name\": \"buy\"}, \"session\": \"1 hour\", \"steps\": 3, "                    \
    "\"paths\": 100000, \"collapse\": false}"

static int node(size_t i) { return rows[i].kind ? PAGES : (int)rows[i].page; }

/* Whom: of sessions, -1 where it does not matter. */
struct whom {
    int node, step, drop, source, target, converted;
};

static bool session_is(const struct whom *w, size_t from, size_t end) {
    bool converted = false, is = w->node < 0 && w->source < 0 && w->target < 0;
    const size_t way_end = end - from > STEPS ? from + STEPS : end, last = w->step < 0 ? end : way_end;
    for (size_t i = from; i < end; i++)
        converted = converted || rows[i].kind;
    for (size_t i = from; i < last && w->node >= 0; i++)
        is = is ||
             (node(i) == w->node && (w->step < 0 || (int)(i - from) + 1 == w->step) && (!w->drop || i + 1 == last));
    for (size_t i = from; i + 1 < way_end && (w->source >= 0 || w->target >= 0); i++)
        is = is || ((w->source < 0 || node(i) == w->source) && (w->target < 0 || node(i + 1) == w->target) &&
                    (w->step < 0 || (int)(i - from) + 1 == w->step));
    return is && (w->converted < 0 || converted == w->converted);
}

static bool any_session(const struct whom *w, size_t from, size_t end) {
    for (size_t i = from, stop; i < end; i = stop) {
        stop = i + 1;
        while (stop < end && rows[stop].time_s - rows[stop - 1].time_s <= GAP_S)
            stop++;
        if (session_is(w, i, stop))
            return true;
    }
    return false;
}

static void of_ways(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct whom whom;
    } asked[] = {
        {"{\"node\": \"page1\"}", {1, -1, 0, -1, -1, -1}},
        {"{\"node\": \"page1\", \"drop\": true}", {1, -1, 1, -1, -1, -1}},
        {"{\"node\": \"page2\", \"step\": 2}", {2, 2, 0, -1, -1, -1}},
        {"{\"node\": \"page2\", \"step\": 1, \"drop\": true, \"converted\": false}", {2, 1, 1, -1, -1, 0}},
        {"{\"source\": \"page0\", \"target\": \"buy\"}", {-1, -1, 0, 0, PAGES, -1}},
        {"{\"source\": \"page0\", \"step\": 1, \"converted\": true}", {-1, 1, 0, 0, -1, 1}},
        {"{\"target\": \"page4\", \"step\": 2}", {-1, 2, 0, -1, 4, -1}},
        {"{\"converted\": false}", {-1, -1, 0, -1, -1, 0}},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        double counted;
        COUNT(counted, any_session(&asked[i].whom, from, end));
        assert_count(members("path", WAYS, asked[i].text), counted);
    }
}

/* A whole way, and one counted back from its end: as the tables of ways and links tell of sessions, customers cannot be more. */
static void of_whole_ways(void **state) {
    (void)state;
    const double way = members("path", WAYS, "{\"path\": [\"page1\", \"page2\"]}");
    assert_in_range((uint64_t)way, 1, (uint64_t)figure(ask("path", "paths", WAYS), "page1 > page2", 1));
    static const char back[] = "{\"events\": [{\"event\": \"seen\", \"node\": \"page\"}], \"end\": {\"event\": "
                               "\"bought\", \"name\": \"buy\"}, \"session\": \"1 hour\", \"steps\": 3}";
    double counted = 0;
    COUNT(counted, any_session(&(struct whom){-1, -1, 0, -1, -1, 1}, from, end));
    assert_count(members("path", back, "{\"node\": \"buy\", \"step\": 0}"), counted);
    refused("path", back, "{\"node\": \"buy\", \"step\": 1}", "at members.step: a whole number from -2 to 0");
}

/* --- channels --- */

#define CHANNEL_USE "{\"touches\": \"seen\", \"channel\": \"channel\", \"goal\": \"bought\"}"

static unsigned used(size_t from, size_t end, bool *bought) {
    unsigned set = 0;
    *bought = false;
    for (size_t i = from; i < end; i++) {
        set |= rows[i].kind ? 0 : 1u << rows[i].channel;
        *bought = *bought || rows[i].kind;
    }
    return set;
}

/* A goal whose touches since the goal before begin with ch0 and end with ch2. */
static bool began_and_ended(size_t from, size_t end) {
    int first = -1, last = -1;
    for (size_t i = from; i < end; i++) {
        if (rows[i].kind && first == 0 && last == 2)
            return true;
        first = rows[i].kind ? -1 : first < 0 ? (int)rows[i].channel : first;
        last = rows[i].kind ? -1 : (int)rows[i].channel;
    }
    return false;
}

static void of_channels(void **state) {
    (void)state;
    double exact, least, bare, ends;
    bool bought;
    COUNT(exact, used(from, end, &bought) == 3);
    COUNT(least, (used(from, end, &bought) & 3) == 3);
    COUNT(bare, used(from, end, &bought) == 3 && !bought);
    COUNT(ends, began_and_ended(from, end));
    assert_count(members("cross_channel", CHANNEL_USE, "{\"channels\": [\"ch0\", \"ch1\"]}"), exact);
    assert_count(members("cross_channel", CHANNEL_USE, "{\"channels\": [\"ch0\", \"ch1\"], \"exactly\": false}"),
                 least);
    assert_count(members("cross_channel", CHANNEL_USE, "{\"channels\": [\"ch0\", \"ch1\"], \"converted\": false}"),
                 bare);
    assert_count(members("cross_channel", CHANNEL_USE, "{\"first\": \"ch0\", \"last\": \"ch2\"}"), ends);
    /* of a customer all rows are one way: the last channels before the first goal */
    const char *csv = ask("cross_channel", "links", CHANNEL_USE);
    assert_count(members("cross_channel", CHANNEL_USE, "{\"source\": \"ch1\", \"target\": \"bought\"}"),
                 figure(csv, "-1,ch1,bought", 1));
}

/* --- shares --- */

#define SHARES                                                                                                         \
    "{\"touches\": \"seen\", \"channel\": \"channel\", \"conversions\": \"bought\", \"look_back\": \"1 day\", "        \
    "\"cut\": %s, \"repeat\": \"%s\"}"

/* Touches of a path that ends at row `at`, or at the last touch of all: rows that count, by these rules. */
static bool path_has(size_t from, size_t end, int64_t at, bool cut, size_t conversion, const char *touch) {
    int first = -1, last = -1;
    bool any = false;
    int64_t before = INT64_MIN;
    for (size_t i = from; i < end && i < conversion && cut; i++)
        before = rows[i].kind ? rows[i].time_s : before;
    for (size_t i = from; i < end; i++) {
        const int64_t time = rows[i].time_s;
        if (rows[i].kind || time > at || time < at - DAY_S || time <= before)
            continue;
        first = first < 0 ? (int)rows[i].channel : first;
        last = (int)rows[i].channel;
        any = any || rows[i].channel == 1;
    }
    return *touch == 'f' ? first == 1 : *touch == 'l' ? last == 1 : any;
}

static bool share_is(size_t from, size_t end, bool cut, const char *repeat, const char *touch) {
    size_t goals = 0, number = 0;
    for (size_t i = from; i < end; i++)
        goals += rows[i].kind;
    for (size_t i = from; i < end; i++)
        if (rows[i].kind) {
            number++;
            const bool counts = *repeat == 'e' || (*repeat == 'f' ? number == 1 : number == goals);
            if (counts && path_has(from, end, rows[i].time_s, cut, i, touch))
                return true;
        }
    return false;
}

/* A path that came to none: after the last conversion where conversions cut, else of who never converted. */
static bool miss_is(size_t from, size_t end, bool cut) {
    int64_t newest = INT64_MIN;
    bool bought = false;
    for (size_t i = from; i < end; i++) {
        newest = rows[i].kind ? newest : rows[i].time_s;
        bought = bought || rows[i].kind;
    }
    return (cut || !bought) && newest > INT64_MIN && path_has(from, end, newest, cut, end, "any");
}

static void of_shares(void **state) {
    (void)state;
    static const char *const repeats[] = {"every", "first", "last"}, *const touches[] = {"any", "first", "last"};
    char definition[256], whom[96];
    double counted;
    for (unsigned cut = 0; cut < 2; cut++)
        for (size_t i = 0; i < 3; i++) {
            (void)snprintf(definition, sizeof definition, SHARES, cut ? "true" : "false", repeats[i]);
            for (size_t k = 0; k < 3; k++) {
                (void)snprintf(whom, sizeof whom, "{\"channel\": \"ch1\", \"touch\": \"%s\"}", touches[k]);
                COUNT(counted, share_is(from, end, cut, repeats[i], touches[k]));
                assert_count(members("attribution", definition, whom), counted);
            }
        }
    for (unsigned cut = 0; cut < 2; cut++) {
        (void)snprintf(definition, sizeof definition, SHARES, cut ? "true" : "false", "every");
        COUNT(counted, miss_is(from, end, cut));
        assert_count(members("attribution", definition, "{\"channel\": \"ch1\", \"converted\": false}"), counted);
    }
    (void)snprintf(definition, sizeof definition, SHARES, "true", "every");
    const double path = members("attribution", definition, "{\"path\": [\"ch0\", \"ch1\"]}");
    assert_in_range((uint64_t)path, 1, (uint64_t)figure(ask("attribution", "paths", definition), "ch0 > ch1", 2));
}

/* --- lift --- */

static bool trial_is(size_t from, size_t end, unsigned arm, int converted) {
    for (size_t i = from; i < end; i++) {
        bool within = false;
        for (size_t k = from; k < end; k++)
            within = within ||
                     (rows[k].kind && rows[k].time_s > rows[i].time_s && rows[k].time_s <= rows[i].time_s + 6 * 3600);
        if (!rows[i].kind && rows[i].channel == arm && (converted < 0 || within == converted))
            return true;
    }
    return false;
}

static void of_lift(void **state) {
    static const char definition[] =
        "{\"reached\": \"seen where channel = \\\"ch0\\\"\", \"withheld\": \"seen where channel = "
        "\\\"ch1\\\"\", \"goal\": \"bought\", \"within\": \"6 hours\", \"channel\": \"channel\"}";
    double counted;
    (void)state;
    COUNT(counted, trial_is(from, end, 0, -1));
    assert_count(members("lift", definition, "{}"), counted);
    COUNT(counted, trial_is(from, end, 0, 1));
    assert_count(members("lift", definition, "{\"arm\": \"reached\", \"channel\": \"ch0\", \"converted\": true}"),
                 counted);
    COUNT(counted, trial_is(from, end, 1, 0));
    assert_count(members("lift", definition, "{\"arm\": \"withheld\", \"converted\": false}"), counted);
}

/* --- of one group of a split --- */

static int first_channel(size_t from, size_t end) {
    for (size_t i = from; i < end; i++)
        if (!rows[i].kind)
            return (int)rows[i].channel;
    return -1;
}

static unsigned purchases(size_t from, size_t end) {
    unsigned count = 0;
    for (size_t i = from; i < end; i++)
        count += rows[i].kind;
    return count;
}

#define TOP_BY(split) "{\"orders\": \"bought\", \"value\": \"1\", \"split\": \"" split "\"}"
#define LIFT_BY(split)                                                                                                 \
    "{\"reached\": \"seen where channel = \\\"ch0\\\"\", \"withheld\": \"seen where channel = \\\"ch1\\\"\", "         \
    "\"goal\": \"bought\", \"within\": \"6 hours\", \"split\": \"" split "\"}"

static void of_one_group(void **state) {
    double counted;
    char whom[128];
    (void)state;
    for (int channel = 0; channel < 3; channel++) {
        (void)snprintf(whom, sizeof whom, "{\"top\": 1, \"group\": \"ch%d\"}", channel);
        COUNT(counted, first_channel(from, end) == channel && purchases(from, end));
        assert_count(members("concentration", TOP_BY("first(seen).channel"), whom), counted);
        (void)snprintf(whom, sizeof whom, "{\"arm\": \"reached\", \"converted\": true, \"group\": \"ch%d\"}", channel);
        COUNT(counted, first_channel(from, end) == channel && trial_is(from, end, 0, 1));
        assert_count(members("lift", LIFT_BY("first(seen).channel"), whom), counted);
    }
    COUNT(counted, purchases(from, end) == 2);
    assert_count(members("concentration", TOP_BY("count(bought)"), "{\"top\": 1, \"group\": \"2\"}"), counted);
    COUNT(counted, purchases(from, end) && purchases(from, end) <= 2);
    assert_count(members("concentration", TOP_BY("count(bought) > 2"), "{\"top\": 1, \"group\": \"false\"}"), counted);
    refused("concentration", TOP_BY("count(bought) > 2"), "{\"top\": 1}", "at members.group: members are of one group");
    refused("concentration", TOP_BY("count(bought)"), "{\"top\": 1, \"group\": \"many\"}", "at members.group: ");
    refused("lift", LIFT_BY("first(seen).channel"), "{\"arm\": \"reached\"}", "at members.group: ");
    refused("concentration", TOP_BY("count(bought)"), "{\"topp\": 1, \"group\": \"2\"}", "did you mean \\\"top\\\"?");
}

/* --- what is not understood --- */

static void not_understood(void **state) {
    (void)state;
    char shares[256];
    (void)snprintf(shares, sizeof shares, SHARES, "true", "every");
    refused("path", WAYS, "{}", "at members: say whom: ");
    refused("path", WAYS, "{\"node\": \"page9\"}", "at members.node: \\\"page9\\\" is none of the 6 found, such as");
    refused("path", WAYS, "{\"node\": \"page1\", \"path\": [\"page1\"]}", "at members: either a ");
    refused("path", WAYS, "{\"source\": \"page1\", \"drop\": true}", "at members.drop: is about a ");
    refused("path", WAYS, "{\"step\": 1, \"converted\": true}", "at members.step: is about a ");
    refused("path", WAYS, "{\"nod\": \"page1\"}", "did you mean \\\"node\\\"?");
    refused("cross_channel", CHANNEL_USE, "{}", "at members: say whom: ");
    refused("cross_channel", CHANNEL_USE, "{\"channels\": [\"ch\"]}", "at members.channels: ");
    refused("cross_channel", "{\"touches\": \"seen\", \"channel\": \"channel\"}", "{\"converted\": true}",
            "at members.converted: there is no \\\"goal\\\"");
    refused("attribution", shares, "{}", "at members: say whom: ");
    refused("attribution", shares, "{\"touch\": \"last\", \"converted\": true}", "at members.touch: is about a ");
    refused("attribution", "{\"table\": [{\"path\": \"a\", \"conversions\": 1}]}", "{\"channel\": \"a\"}",
            "ready paths name no customers");
    refused("lift", "{\"reached\": \"seen\", \"withheld\": \"seen\", \"goal\": \"bought\"}", "{\"arm\": \"both\"}",
            "at members.arm: one of reached/withheld");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_ways),        cmocka_unit_test(of_whole_ways), cmocka_unit_test(of_channels),
        cmocka_unit_test(of_shares),      cmocka_unit_test(of_lift),       cmocka_unit_test(of_one_group),
        cmocka_unit_test(not_understood),
    };
    return cmocka_run_group_tests(tests, open_rows, close_rows);
}
