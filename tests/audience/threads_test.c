/* threads_test: readers of definitions, members, sizes and the feed beside the fold, which defines, deletes and follows records. What a
 * reader holds stays good, whatever happens meanwhile. */
#include "audience_bed_model.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "audience/audience_inside.h"
#include "audience/backfill.h"
#include "await.h"

#define READERS 3
#define ROUNDS 60
#define PREPARED_ROUNDS 24

struct beside {
    struct audience *audience;
    _Atomic bool stop;
    _Atomic uint64_t reads, faults;
};

static void count_segment(void *context, const struct audience_entry *entry) {
    *(size_t *)context += entry->name.size > 0;
}

/* Every segment that is found is whole, and its members are customers. */
static void read_once(struct beside *b, struct buffer *out, struct json_parser *p) {
    struct audience_snapshot *s = audience_snapshot(b->audience);
    struct json_writer w = {.out = out};
    struct fault fault = {0};
    const struct json *root;
    struct customer_id page[16];
    uint64_t counts[16];
    size_t of = 0;
    buffer_clear(out);
    audience_list_json(b->audience, s, DEFINITION_SEGMENT, &w);
    if (json_parse(p, buffer_slice(out), true, &root, &fault))
        atomic_fetch_add(&b->faults, 1);
    for (uint32_t n = 1; n < 8; n++) {
        struct audience_entry e;
        if (!audience_find_number(s, n, &e))
            continue;
        size_t found = audience_members(b->audience, n, (struct customer_id){0}, page, 16);
        for (size_t i = 1; i < found; i++)
            atomic_fetch_add(&b->faults, page[i].number <= page[i - 1].number);
        buffer_clear(out);
        if (e.tree)
            tree_format(e.tree, out);
        atomic_fetch_add(&b->faults, e.tree && !slice_equal(e.expression, buffer_slice(out)));
    }
    audience_overlap(b->audience, (const uint32_t[]){1, 2, 3}, 3, counts);
    audience_of(b->audience, s, (struct customer_id){5}, count_segment, &of);
    static const char wanted[] = "{\"define\":\"segment\",\"name\":\"z\",\"expression\":\"in segment \\\"s0\\\"\"}";
    if (!json_parse(p, slice_text(wanted), false, &root, &fault) &&
        audience_check(b->audience, p, root, &fault) == STATUS_CONFLICT)
        atomic_fetch_add(&b->faults, 1);
    audience_snapshot_release(s);
    atomic_fetch_add(&b->reads, 1);
}

static void *read_on(void *context) {
    struct beside *b = context;
    struct buffer out = {0};
    struct json_parser *p = json_parser_create();
    while (!atomic_load(&b->stop))
        read_once(b, &out, p);
    json_parser_free(p);
    buffer_release(&out);
    return NULL;
}

static void readers_beside_the_fold(void **state) {
    static const char *const expressions[] = {"points > %d", "count(order) > %d", "sum(order.total) > %d0"};
    struct bed bed = {0};
    struct beside b = {0};
    pthread_t threads[READERS];
    int64_t until_ms = await_clock_ms() + AWAIT_MS;
    (void)state;
    bed_open(&bed);
    bed_traits(&bed, "u0", "\"points\":1");
    bed_step(&bed);
    b.audience = bed.engine->audience;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &b), 0);
    for (int round = 0; round < ROUNDS || (atomic_load(&b.reads) == 0 && await_clock_ms() < until_ms); round++) {
        char name[8], text[64], user[8], order[8];
        snprintf(name, sizeof name, "s%d", round % 3);
        snprintf(text, sizeof text, expressions[round % 3], round % 7);
        snprintf(user, sizeof user, "u%d", round % 9);
        snprintf(order, sizeof order, "o%d", round);
        bed_segment(&bed, name, text);
        bed_traits(&bed, user, round % 2 ? "\"points\":5" : "\"points\":2");
        bed_order(&bed, user, BED_MS, order, round);
        bed_step(&bed);
        if (round % 10 == 9)
            bed_print(&bed, LOG_DEFINE, "{\"define\":\"segment\",\"name\":\"%s\",\"deleted\":true}", name);
        bed_step(&bed);
    }
    atomic_store(&b.stop, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&b.reads) > 0);
    assert_int_equal(atomic_load(&b.faults), 0);
    bed_check_batch(&bed, 0);
    bed_close(&bed);
}

/* --- definitions prepared beside the fold --- */

struct preparing {
    struct audience *audience;
    const char *json;
    struct audience_prepared *prepared;
    _Atomic bool done;
};

static void *prepare(void *context) {
    struct preparing *w = context;
    struct json_parser *p = json_parser_create();
    const struct json *root;
    if (!json_parse(p, slice_text(w->json), true, &root, NULL)) {
        const struct json *both[] = {json_first(p, root), json_next(p, json_first(p, root))};
        w->prepared = audience_prepare(w->audience, p, both, 2);
    }
    atomic_store(&w->done, true);
    json_parser_free(p);
    return NULL;
}

static void some_records(struct bed *bed, int round, int i) {
    char user[16], order[16], properties[24];
    snprintf(properties, sizeof properties, "\"k\":\"v%d\"", (round + i) % 11);
    snprintf(user, sizeof user, "u%d", (round * 31 + i * 7) % 400);
    snprintf(order, sizeof order, "o%d", (round * 13 + i) % 300);
    if (i % 7 == 6)
        bed_print(bed, LOG_COMMAND,
                  "{\"command\":\"relate\",\"type\":\"guardian_of\",\"from\":\"user_id:%s\",\"to\":\"user_id:u%d\"}",
                  user, i % 400);
    else if (i % 3 == 0)
        bed_order(bed, user, bed->now_ms, order, i % 40);
    else if (i % 3 == 1)
        bed_track(bed, user, bed->now_ms, "Viewed", properties);
    else
        bed_traits(bed, user, i % 2 ? "\"points\":5" : "\"points\":2");
    bed_step(bed);
}

/* Records go on while everybody is evaluated: what is put in force is what evaluating everybody then would give. A restart that folds the
 * log anew, with nothing prepared, comes to the same entries. */
static void prepared_beside_the_fold(void **state) {
    static const char *const expressions[] = {"points > %d",
                                              "count(Viewed, last 2 days) >= %d",
                                              "distinct(Viewed.k, last 9 days) >= %d",
                                              "sum(order.total) > %d0",
                                              "count(order) > %d and not in segment \\\"base\\\"",
                                              "any(guardian_of where points > %d)"};
    struct bed bed = {.options.checkpoint_records = UINT64_MAX / 2, .options.checkpoint_seconds = 1u << 30};
    struct buffer before = {0}, after = {0};
    struct audience_counters counters;
    (void)state;
    prepare_touched_few = 0;
    bed_open(&bed);
    bed_define(&bed, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"k\":\"text\"}}");
    bed_define(&bed, "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"guardian_of\",\"inverse\":\"ward_of\"}");
    for (int i = 0; i < 400; i++)
        some_records(&bed, 0, i);
    bed_segment(&bed, "base", "points > 2");
    for (int round = 0; round < PREPARED_ROUNDS; round++) {
        char texts[2][300], text[700], expression[120];
        pthread_t thread;
        for (int k = 0; k < 2; k++) {
            snprintf(expression, sizeof expression, expressions[(round + 2 * k) % 6], round % 4 + k);
            snprintf(texts[k], sizeof texts[k], "{\"define\":\"segment\",\"name\":\"p%d\",\"expression\":\"%s\"}",
                     (round + 3 * k) % 8, expression);
        }
        snprintf(text, sizeof text, "[%s,%s]", texts[0], texts[1]);
        struct preparing w = {.audience = bed.engine->audience, .json = text};
        backfill_one_by_one = round % 2 ? 512 : 3;
        assert_int_equal(pthread_create(&thread, NULL, prepare, &w), 0);
        for (int i = 0; !atomic_load(&w.done) || i < 5; i++) {
            bed_time(&bed, bed.now_ms + 60000);
            some_records(&bed, round, i);
            if (i > 20)
                usleep(1000); /* who prepares gives way to us */
        }
        pthread_join(thread, NULL);
        for (int k = 0; k < 2; k++) {
            bed_put(&bed, LOG_DEFINE, texts[k]);
            bed_step(&bed);
            some_records(&bed, round, k);
        }
        audience_prepared_release(bed.engine->audience, w.prepared);
        bed_check_batch(&bed, (uint64_t)round);
    }
    audience_counters_read(bed.engine->audience, &counters);
    assert_true(counters.prepared > PREPARED_ROUNDS / 2);
    bed_feed(&bed, true, &before);
    bed_restart(&bed, true);
    bed_feed(&bed, true, &after);
    assert_true(slice_equal(buffer_slice(&before), buffer_slice(&after)));
    bed_check_batch(&bed, 0);
    buffer_release(&before);
    buffer_release(&after);
    bed_close(&bed);
    prepare_touched_few = 256;
    backfill_one_by_one = 512;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_beside_the_fold),
                                       cmocka_unit_test(prepared_beside_the_fold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
