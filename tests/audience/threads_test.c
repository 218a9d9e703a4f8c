/* threads_test: readers of definitions, members, sizes and the feed beside the fold, which defines, deletes and follows records. What a
 * reader holds stays good, whatever happens meanwhile. */
#include "audience_bed_model.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define READERS 3
#define ROUNDS 60

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
    (void)state;
    bed_open(&bed);
    bed_traits(&bed, "u0", "\"points\":1");
    bed_step(&bed);
    b.audience = bed.engine->audience;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &b), 0);
    for (int round = 0; round < ROUNDS; round++) {
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_beside_the_fold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
