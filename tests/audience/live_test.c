/* live_test: random records through the whole flow. What is followed record by record and moment by moment must be what a plan run over
 * everybody says, and the same log must give the same entries however it was folded: in what batches, with what ticks, over how
 * many restarts, with or without compaction. */
#include "audience_bed_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audience/backfill.h"
#include "base/random.h"
#include "base/time.h"

#define RECORDS 220
static uint64_t turned, prepared_taken;

#define CROWD 150 /* every third seed: so many users that whole spans are due at midnight */

static const char *const segments[][2] = {
    {"rich", "sum(order.total) > 300"},
    {"recent", "count(order, last 5 days) >= 2"},
    {"different", "distinct(Viewed.k) >= 2"},
    {"different lately", "points > 1 and distinct(Viewed.k where n > 33, last 4 days) >= 2"},
    {"looked around", "not (distinct(Searched.k, last 8 days) < 3)"},
    {"sleeping", "none(order, last 10 days) and points > 3"},
    {"today", "count(any event, today) > 1"},
    {"month", "sum(order.total, this month) > 100 or count(order, previous month) = 0"},
    {"old", "days since last(order) >= 7"},
    {"seq", "sequence(Viewed -> not Searched -> order_completed, within 3 days)"},
    {"age", "age(birthday) >= 30"},
    {"named", "nick is missing or nick starts with \"a\""},
    {"not rich", "not in segment \"rich\" and last(order).total > 20"},
    {"family", "any(guardian_of where points > 5)"},
    {"elder", "any(guardian_of where age(birthday) < 30 and count(order, last 5 days) > 0)"},
    {"night", "in segment \"nightly\" and points > 2"},
    {"listed", "in segment \"list\""},
    {"viewer", "count(Viewed, last 2 days) >= 3"},
    {"looked for", "count(Searched where n > 40, last 10 days) >= 2 and points > 1"},
    {"came by", "any(Viewed, last 6 hours) and not in segment \"rich\""},
    {"tagged", "tag(\"mood\") = \"good\" or tag(\"level\") > 4"},
    {"ever", "count(Viewed where n between 35 and 55) > 2"},
    {"quiet", "none(Searched, last 3 days) and count(order) >= 1"},
    {"twice", "count(Viewed, last 12 hours) >= 2 and count(Viewed, last 12 hours) >= 1 and nick is present"},
    {"keyed", "count(Viewed where k = \"x\" and n > 33, last 4 days) >= 2"},
    {"keys", "count(Searched where k in (\"x\", \"z\")) >= 2 and none(Viewed where k = \"y\", last 2 days)"},
    {"bought", "any(order.items where sku in (\"x\", \"y\"), last 9 days)"},
    {"not bought", "none(order.items where sku = \"z\" and price > 3, last 20 days) and count(order) > 0"},
    {"all kinds", "distinct(Viewed.k, last 12 hours) >= 3 or nick = \"bob\""},
    {"two", "count(Viewed, last 1 day) >= 1 and count(Searched, last 1 day) >= 1"},
};

/* --- a script: records with their moments, the same for every run --- */

struct step {
    int64_t now_ms;
    enum log_kind kind;
    char json[360];
};
struct script {
    unsigned users;
    struct step *steps;
    size_t count;
};

static struct step *add(struct script *s, int64_t now_ms, enum log_kind kind) {
    struct step *step = &s->steps[s->count++];
    step->now_ms = now_ms;
    step->kind = kind;
    return step;
}

#define PUT(step, ...) snprintf((step)->json, sizeof(step)->json, __VA_ARGS__)

static void add_definitions(struct script *s) {
    PUT(add(s, BED_MS, LOG_DEFINE),
        "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"guardian_of\",\"inverse\":\"ward_of\"}");
    PUT(add(s, BED_MS, LOG_DEFINE), "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"n\":"
                                    "\"number\",\"k\":\"text\"}}");
    PUT(add(s, BED_MS, LOG_DEFINE), "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Searched\",\"properties\":{"
                                    "\"n\":\"number\",\"k\":\"text\"}}");
    PUT(add(s, BED_MS, LOG_DEFINE), "{\"define\":\"type\",\"kind\":\"attributes\",\"name\":\"customer\",\"properties\":"
                                    "{\"points\":\"number\",\"nick\":\"text\"}}");
    PUT(add(s, BED_MS, LOG_DEFINE), "{\"define\":\"workspace\",\"time_zone\":\"+08:00\"}");
    PUT(add(s, BED_MS, LOG_DEFINE),
        "{\"define\":\"segment\",\"name\":\"nightly\",\"kind\":\"scheduled\",\"expression\":\"points > 1 and "
        "count(order) > 1\",\"schedule\":{\"every\":\"1 day\",\"at\":\"03:00\"}}");
    PUT(add(s, BED_MS, LOG_DEFINE), "{\"define\":\"segment\",\"name\":\"list\",\"kind\":\"upload\"}");
    PUT(add(s, BED_MS, LOG_DEFINE), "{\"define\":\"tag\",\"name\":\"mood\",\"kind\":\"manual\",\"type\":\"text\"}");
    PUT(add(s, BED_MS, LOG_DEFINE), "{\"define\":\"tag\",\"name\":\"level\",\"expression\":\"points + count(order)\"}");
}

static void add_segment(struct script *s, int64_t now_ms, size_t i) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_object(&w);
    json_member_cstring(&w, "define", "segment");
    json_member_cstring(&w, "name", segments[i][0]);
    json_member_cstring(&w, "expression", segments[i][1]);
    json_end_object(&w);
    PUT(add(s, now_ms, LOG_DEFINE), "%.*s", (int)text.size, text.data);
    buffer_release(&text);
}

static void add_call(struct script *s, struct random *r, int64_t now_ms, unsigned i) {
    static const char *const keys[] = {"", ",\"k\":\"x\"", ",\"k\":\"y\"", ",\"k\":\"z\""};
    static const char *const lines[] = {"", ",\"products\":[{\"sku\":\"x\",\"price\":5}]",
                                        ",\"products\":[{\"sku\":\"z\",\"price\":2},{\"sku\":\"y\",\"price\":4}]",
                                        ",\"products\":[{\"sku\":\"z\",\"price\":7}]"};
    unsigned user = (unsigned)random_below(r, s->users), dice = (unsigned)random_below(r, 100);
    char who[80], time[32];
    int64_t late = random_below(r, 4) ? (int64_t)random_below(r, 60000) : (int64_t)random_below(r, 40) * DAY_MS;
    struct step *step = add(s, now_ms, LOG_SEGMENT_ITEM);
    time[time_format(now_ms - late, time)] = 0;
    if (random_below(r, 4))
        snprintf(who, sizeof who, "\"userId\":\"u%u\"", user);
    else if (random_below(r, 2))
        snprintf(who, sizeof who, "\"anonymousId\":\"a%u\"", user + (unsigned)random_below(r, 3) * s->users);
    else
        snprintf(who, sizeof who, "\"userId\":\"u%u\",\"anonymousId\":\"a%u\"", user,
                 user + (unsigned)random_below(r, 3) * s->users);
    if (dice < 30)
        PUT(step,
            "{\"type\":\"track\",\"messageId\":\"m%u\",%s,\"timestamp\":\"%s\",\"event\":\"Order "
            "Completed\",\"properties\":{"
            "\"order_id\":\"o%u\",\"total\":%u%s}}",
            i, who, time, (unsigned)random_below(r, 60), (unsigned)random_below(r, 150), lines[random_below(r, 4)]);
    else if (dice < 60)
        PUT(step,
            "{\"type\":\"track\",\"messageId\":\"m%u\",%s,\"timestamp\":\"%s\",\"event\":\"%s\",\"properties\":{\"n\":%"
            "u%s}}",
            i, who, time, dice % 2 ? "Viewed" : "Searched", dice, keys[random_below(r, 4)]);
    else if (dice < 80)
        PUT(step,
            "{\"type\":\"identify\",\"messageId\":\"m%u\",%s,\"timestamp\":\"%s\",\"traits\":{\"points\":%u,\"nick\":"
            "\"%s\"}}",
            i, who, time, (unsigned)random_below(r, 8), dice % 2 ? "ann" : "bob");
    else if (dice < 86)
        PUT(step, "{\"type\":\"identify\",\"messageId\":\"m%u\",%s,\"traits\":{\"birthday\":\"%u-01-%02u\"}}", i, who,
            1993 + (unsigned)random_below(r, 6), 1 + (unsigned)random_below(r, 28));
    else if (dice < 90)
        PUT(step, "{\"type\":\"identify\",\"messageId\":\"m%u\",%s}", i, who);
    else {
        step->kind = LOG_COMMAND;
        if (dice < 95)
            PUT(step,
                "{\"command\":\"relate\",\"type\":\"guardian_of\",\"from\":\"user_id:u%u\",\"to\":\"user_id:u%u\","
                "\"end\":%s}",
                user, (unsigned)random_below(r, s->users), random_below(r, 4) ? "false" : "true");
        else if (dice < 97)
            PUT(step, "{\"command\":\"members\",\"segment\":\"list\",\"%s\":[\"user_id:u%u\"]}",
                random_below(r, 3) ? "add" : "remove", user);
        else
            PUT(step, "{\"command\":\"tag\",\"customer\":\"user_id:u%u\",\"tag\":\"mood\",\"value\":%s}", user,
                random_below(r, 3) ? "\"good\"" : "null");
    }
}

static struct script make_script(uint64_t seed) {
    bool crowd = seed % 3 == 0;
    unsigned records = crowd ? 3 * RECORDS : RECORDS;
    struct script s = {crowd ? CROWD : 12, calloc(records + 64, sizeof *s.steps), 0};
    size_t count = sizeof segments / sizeof *segments, defined = 0;
    struct random r;
    int64_t now_ms = BED_MS;
    random_init(&r, seed);
    add_definitions(&s);
    for (; defined < count / 2; defined++)
        add_segment(&s, now_ms, defined);
    for (unsigned i = 0; i < records; i++) {
        if (random_below(&r, crowd ? 12 : 3) == 0)
            now_ms += (int64_t)random_below(&r, random_below(&r, 4) ? HOUR_MS : 2 * DAY_MS);
        if (i > 20 && defined < count && i % 8 == 0)
            add_segment(&s, now_ms, defined++);
        add_call(&s, &r, now_ms, i);
    }
    add(&s, now_ms + 20 * DAY_MS, LOG_TICK)->json[0] = 0;
    return s;
}

/* --- runs --- */

enum manner {
    MANNER_ONE,      /* a record at a time */
    MANNER_BATCH,    /* all of them at once */
    MANNER_MIXED,    /* batches of any size, compactions in between */
    MANNER_RESTARTS, /* a restart, half of them crashes, at one record in eight */
    MANNER_PREPARED, /* segments prepared at some record before the one that defines them */
    MANNER_TICKS,    /* ticks at random moments between */
    MANNER_COUNT
};

static void put_step(struct bed *b, const struct step *step) {
    bed_time(b, step->now_ms);
    bed_put(b, step->kind, step->json);
}

static void put_tick(struct bed *b, const struct script *s, size_t i, struct random *r) {
    int64_t from = b->now_ms, to = s->steps[i].now_ms;
    if (to <= from || random_below(r, 2))
        return;
    bed_time(b, random_between(r, from, to));
    bed_put(b, LOG_TICK, "");
}

/* Definitions that are prepared together: the step that is to define the last of them. */
#define AHEAD_MAX 3
struct ahead {
    struct audience_prepared *prepared;
    size_t step;
};

static bool defines_segment(const struct step *step) {
    return step->kind == LOG_DEFINE && strstr(step->json, "\"define\":\"segment\"");
}

/* Now and then prepares the next segments, which some records come before and between. */
static void prepare_next(struct bed *b, const struct script *s, size_t i, struct random *r, struct ahead *ahead) {
    struct json_parser *p = json_parser_create();
    struct buffer text = {0};
    const struct json *root, *all[AHEAD_MAX];
    struct fault fault = {0};
    size_t next = i + random_below(r, 8), count = 0, most = 1 + random_below(r, AHEAD_MAX);
    bool wanted = random_below(r, 3) == 0;
    for (; next < s->count && count < most && wanted; next++)
        if (defines_segment(&s->steps[next])) {
            buffer_print(&text, "%s%s", count++ ? "," : "[", s->steps[next].json);
            ahead->step = next;
        }
    buffer_print(&text, "]");
    if (count) {
        assert_int_equal(json_parse(p, buffer_slice(&text), true, &root, &fault), STATUS_OK);
        count = 0;
        for (const struct json *d = json_first(p, root); d; d = json_next(p, d))
            all[count++] = d;
        ahead->prepared = audience_prepare(b->engine->audience, p, all, count);
    }
    buffer_release(&text);
    json_parser_free(p);
}

static void prepare_ahead(struct bed *b, const struct script *s, size_t i, struct random *r, struct ahead *ahead) {
    if (ahead->prepared && i > ahead->step) {
        bed_step(b);
        audience_prepared_release(b->engine->audience, ahead->prepared);
        ahead->prepared = NULL;
    }
    if (!ahead->prepared)
        prepare_next(b, s, i, r, ahead);
}

static void run(struct bed *b, const struct script *s, enum manner manner, uint64_t seed, struct buffer *feed,
                struct buffer *members) {
    struct random r;
    struct ahead ahead = {0};
    struct fault fault = {0};
    random_init(&r, seed + 1000 * (uint64_t)manner);
    *b = (struct bed){0};
    bed_open(b);
    for (size_t i = 0; i < s->count; i++) {
        if (manner == MANNER_TICKS)
            put_tick(b, s, i, &r);
        if (manner == MANNER_PREPARED)
            prepare_ahead(b, s, i, &r, &ahead);
        put_step(b, &s->steps[i]);
        bool step =
            manner == MANNER_ONE || manner == MANNER_TICKS || (manner != MANNER_BATCH && random_below(&r, 4) == 0);
        /* the simulated clock stands at the last record's: no tick comes that is not in the log */
        if (step)
            bed_step(b);
        if (step && manner == MANNER_MIXED && random_below(&r, 3) == 0)
            assert_int_equal(engine_compact(b->engine, &fault), STATUS_OK);
        if (step && manner == MANNER_RESTARTS && random_below(&r, 2))
            bed_restart(b, random_below(&r, 2));
    }
    bed_step(b);
    audience_prepared_release(b->engine->audience, ahead.prepared);
    bed_feed(b, manner != MANNER_TICKS, feed);
    bed_members(b, members);
}

/* Where two texts part, a line of each. */
static void expect_equal(const struct buffer *a, const struct buffer *b, const char *what, enum manner manner,
                         uint64_t seed) {
    size_t i = 0, line = 0;
    while (i < a->size && i < b->size && a->data[i] == b->data[i]) {
        if (a->data[i++] == '\n')
            line = i;
    }
    if (i < a->size || i < b->size)
        fail_msg("seed %llu: %s of manner %d:\n  %.*s\ninstead of\n  %.*s", (unsigned long long)seed, what, manner,
                 (int)(b->size - line < 400 ? b->size - line : 400), b->data + line,
                 (int)(a->size - line < 400 ? a->size - line : 400), a->data + line);
}

static void note_counters(const struct bed *b) {
    struct audience_counters counters;
    audience_counters_read(b->engine->audience, &counters);
    turned += counters.turned;
    prepared_taken += counters.prepared;
}

static void one_seed(uint64_t seed) {
    struct script s = make_script(seed);
    struct buffer feed[MANNER_COUNT] = {0}, members[MANNER_COUNT] = {0}, placeless = {0};
    for (int manner = 0; manner < MANNER_COUNT; manner++) {
        struct bed b;
        run(&b, &s, (enum manner)manner, seed, &feed[manner], &members[manner]);
        bed_check_batch(&b, seed);
        note_counters(&b);
        if (manner == 0)
            bed_feed(&b, false, &placeless);
        expect_equal(&members[0], &members[manner], "members", (enum manner)manner, seed);
        expect_equal(manner == MANNER_TICKS ? &placeless : &feed[0], &feed[manner], "feed", (enum manner)manner, seed);
        bed_close(&b);
    }
    for (int manner = 0; manner < MANNER_COUNT; manner++) {
        buffer_release(&feed[manner]);
        buffer_release(&members[manner]);
    }
    buffer_release(&placeless);
    free(s.steps);
}

static void the_same_log_gives_the_same(void **state) {
    const char *first = getenv("LIVE_SEED");
    uint64_t from = first ? strtoull(first, NULL, 10) : 1, count = getenv("TEST_LONG") ? 1000 : first ? 1 : 6;
    (void)state;
    for (uint64_t seed = from; seed < from + count; seed++) {
        backfill_one_by_one = seed % 2 ? 512 : 2;
        one_seed(seed);
    }
    print_message("%llu answers turned without being evaluated, %llu definitions prepared\n",
                  (unsigned long long)turned, (unsigned long long)prepared_taken);
    assert_true(turned > 0 && prepared_taken > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_log_gives_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
