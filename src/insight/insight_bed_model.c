/* insight_bed_model: see the header. */
#include "insight/insight_bed_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "insight/scan.h"

#define HOUR_MS 3600000LL
#define DAYS 60
#define MERGE_ONE_IN 12
#define NO_TOWN 255

static const char *const type_names[BED_TYPES] = {"view", "add", "bought"};

static void remove_folder(const struct insight_bed *bed) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", bed->folder); /* the test's own */
    if (system(command))
        fail();
}

static struct type *type_of(struct insight_bed *bed, enum type_kind kind, const char *name) {
    struct type *type;
    assert_int_equal(dictionary_type(bed->dictionary, kind, slice_text(name), &type, NULL), STATUS_OK);
    return type;
}

static uint16_t property_of(struct insight_bed *bed, struct type *type, const char *name, enum property_type kind) {
    struct property *property;
    assert_int_equal(dictionary_property(bed->dictionary, type, slice_text(name), kind, &property, NULL), STATUS_OK);
    return property->number;
}

/* One more customer, or with `other` two that are one from now on. */
static uint32_t resolve(struct insight_bed *bed, uint32_t number, uint32_t other) {
    struct governed governed = {.source = 1};
    struct resolution out;
    char texts[2][24];
    for (uint32_t i = 0; i < (other ? 2u : 1u); i++) {
        int size = snprintf(texts[i], sizeof texts[i], "device-%u", (unsigned)(i ? other : number));
        governed.claims[governed.claim_count++] =
            (struct claim){dictionary_namespace_find(bed->dictionary, SLICE("anonymous_id"))->number,
                           slice_of(texts[i], (size_t)size)};
    }
    assert_int_equal(identity_resolve(bed->identity, &governed, ++bed->position, 1, &out), STATUS_OK);
    assert_int_equal(out.move_count, 0);
    for (size_t i = 0; i < out.merge_count; i++) {
        history_merge(bed->history, out.merges[i].winner, out.merges[i].loser);
        for (uint32_t k = 1; k <= bed->customers; k++)
            if (bed->survivor[k] == out.merges[i].loser.number)
                bed->survivor[k] = out.merges[i].winner.number;
    }
    return out.customer.number;
}

static void begin(struct insight_bed *bed, const struct type *type, int64_t time_ms) {
    const struct record_head head = {.type = type->number,
                                     .kind = type->kind,
                                     .source = 1,
                                     .time_ms = time_ms,
                                     .received_ms = bed->now_ms,
                                     .position = ++bed->position,
                                     .arrival = 1};
    record_begin(&bed->builder, &head);
}

static void finish(struct insight_bed *bed, uint32_t customer) {
    history_append(bed->history, (struct customer_id){customer}, record_end(&bed->builder));
    history_advance(bed->history, bed->position);
}

static void add_row(struct insight_bed *bed, uint32_t customer) {
    struct random *r = &bed->random;
    struct bed_row row = {.customer = customer, .type = (uint8_t)(random_chance(r, 0.5) ? 0 : random_below(r, 3))};
    char page[8];
    struct type *type = type_of(bed, TYPE_EVENT, type_names[row.type]);
    row.time_ms = bed->now_ms - (int64_t)random_below(r, DAYS * 24) * HOUR_MS;
    row.has_page = !random_chance(r, 0.1);
    row.page = (uint8_t)random_below(r, 4);
    row.cents = random_between(r, 0, 99999);
    begin(bed, type, row.time_ms);
    row.position = (int64_t)bed->position;
    if (row.has_page) {
        snprintf(page, sizeof page, "p%u", row.page);
        record_set_text(&bed->builder, property_of(bed, type, "page", PROPERTY_TEXT), slice_text(page));
    }
    record_set(&bed->builder, property_of(bed, type, "total", PROPERTY_MONEY), VALUE_NUMBER, row.cents, 2);
    finish(bed, customer);
    if (bed->row_count == bed->row_room) {
        bed->row_room = bed->row_room ? bed->row_room * 2 : 1024;
        bed->rows = memory_resize(bed->rows, bed->row_room, sizeof *bed->rows);
    }
    bed->rows[bed->row_count++] = row;
}

static void set_town(struct insight_bed *bed, uint32_t customer) {
    struct type *type = type_of(bed, TYPE_ATTRIBUTES, "customer");
    char town[8];
    bed->towns[customer] = random_chance(&bed->random, 0.1) ? NO_TOWN : (uint8_t)random_below(&bed->random, 5);
    if (bed->towns[customer] == NO_TOWN)
        return;
    snprintf(town, sizeof town, "t%u", bed->towns[customer]);
    begin(bed, type, bed->now_ms - DAYS * DAY_MS);
    record_set_text(&bed->builder, property_of(bed, type, "town", PROPERTY_TEXT), slice_text(town));
    finish(bed, customer);
}

static int by_order(const void *a, const void *b) {
    const struct bed_row *x = a, *y = b;
    if (x->customer != y->customer)
        return (x->customer > y->customer) - (x->customer < y->customer);
    if (x->time_ms != y->time_ms)
        return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
    return (x->position > y->position) - (x->position < y->position);
}

static void compact(struct insight_bed *bed) {
    struct fault fault = {0};
    enum status status;
    while (!(status = history_compact(bed->history, true, &fault)))
        history_tidy(bed->history);
    assert_int_equal(status, STATUS_END);
}

static void open_parts(struct insight_bed *bed, uint64_t seed) {
    struct fault fault = {0};
    bool zoned;
    *bed = (struct insight_bed){.seed = seed, .dictionary = dictionary_create(), .parser = json_parser_create()};
    random_init(&bed->random, seed);
    snprintf(bed->folder, sizeof bed->folder, "/tmp/onefold-insight-bed-%d", (int)getpid());
    remove_folder(bed);
    if (zone_load(os_real(), SLICE("Asia/Shanghai"), &bed->zone, &fault) ||
        history_create(os_real(), bed->folder, bed->dictionary, NULL, &bed->history, &fault))
        fail_msg("%s", fault.text);
    bed->identity = identity_create(os_real(), bed->dictionary);
    assert_int_equal(time_parse_iso(SLICE("2026-03-10T12:00:00+08:00"), &bed->now_ms, &zoned), STATUS_OK);
    bed->vocabulary = (struct vocabulary){.dictionary = bed->dictionary, .zone = bed->zone, .week_start = 1};
}

void insight_bed_open(struct insight_bed *bed, uint64_t seed, uint32_t customers, unsigned rows_each) {
    open_parts(bed, seed);
    bed->customers = customers;
    bed->survivor = memory_get(customers + 1, sizeof *bed->survivor);
    bed->towns = memory_get(customers + 1, 1);
    for (uint32_t i = 1; i <= customers; i++) {
        bed->survivor[i] = i;
        assert_int_equal(resolve(bed, i, 0), i);
        set_town(bed, i);
    }
    uint64_t total = (uint64_t)customers * rows_each;
    for (uint64_t i = 0; i < total; i++) {
        uint32_t customer = bed->survivor[1 + random_below(&bed->random, customers)];
        add_row(bed, customer);
        if (i == total / 2)
            compact(bed); /* the rest stays in deltas, late rows among it */
        if (random_below(&bed->random, total) < customers / MERGE_ONE_IN) {
            uint32_t other = 1 + (uint32_t)random_below(&bed->random, customers);
            if (bed->survivor[other] != customer && bed->survivor[other] == other && customer <= customers)
                (void)resolve(bed, customer, other);
        }
    }
    uint8_t *said = memory_get(customers + 1, 1);
    memcpy(said, bed->towns, customers + 1);
    for (uint32_t i = 1; i <= customers; i++) /* all were said at the same time: the latest position counts */
        if (said[i] != NO_TOWN)
            bed->towns[bed->survivor[i]] = said[i];
    free(said);
    for (size_t i = 0; i < bed->row_count; i++)
        bed->rows[i].customer = bed->survivor[bed->rows[i].customer];
    qsort(bed->rows, bed->row_count, sizeof *bed->rows, by_order);
}

void insight_bed_close(struct insight_bed *bed) {
    history_free(bed->history);
    identity_free(bed->identity);
    zone_free(bed->zone);
    record_builder_release(&bed->builder);
    json_parser_free(bed->parser);
    dictionary_free(bed->dictionary);
    free(bed->survivor);
    free(bed->towns);
    free(bed->rows);
    remove_folder(bed);
}

static enum status run(struct insight_bed *bed, const char *kind, const char *definition, unsigned workers,
                       struct answer *answer, struct fault *fault) {
    const struct insight insight = {.vocabulary = &bed->vocabulary,
                                    .outside = {.history = bed->history, .identity = bed->identity},
                                    .now_ms = bed->now_ms,
                                    .workers = workers};
    const struct json *root;
    assert_non_null(insight_find(slice_text(kind)));
    if (json_parse(bed->parser, slice_text(definition), false, &root, fault))
        fail_msg("%s: %s", definition, fault->text);
    return insight_run(&insight, insight_find(slice_text(kind)), bed->parser, root, answer, fault);
}

struct answer *insight_bed_run(struct insight_bed *bed, const char *kind, const char *definition, unsigned workers) {
    struct fault fault = {0};
    struct answer *answer = answer_create();
    if (run(bed, kind, definition, workers, answer, &fault))
        fail_msg("seed %llu: %s %s: %s", (unsigned long long)bed->seed, kind, definition, fault.text);
    return answer;
}

const char *insight_bed_refused(struct insight_bed *bed, const char *kind, const char *definition) {
    static struct fault fault;
    struct answer *answer = answer_create();
    fault = (struct fault){0};
    if (!run(bed, kind, definition, 1, answer, &fault))
        fail_msg("%s %s was taken", kind, definition);
    answer_free(answer);
    return fault.text;
}

size_t insight_bed_rows(const struct insight_bed *bed, uint32_t number, size_t *first) {
    size_t low = 0, high = bed->row_count, count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bed->rows[middle].customer < number)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (low + count < bed->row_count && bed->rows[low + count].customer == number)
        count++;
    return count;
}

bool insight_bed_there(const struct insight_bed *bed, uint32_t number) { return bed->survivor[number] == number; }
