/* history_threads_test: one thread appends, merges, splits and takes compactions in, one compacts and saves, two read rows, two ranges. What a reader
 * sees of a customer must be whole: rows in order, none missing of those that were told to be in, none twice. For the thread sanitizer too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "await.h"
#include "base/random.h"
#include "history/range.h"
#include "own_folder_client.h"

#define FOLDER "data" /* in a folder of this run */
#define CUSTOMERS 64
#define ROUNDS 300
#define ARRIVALS 4

struct shared {
    struct history *history;
    struct dictionary *dictionary;
    uint16_t type, property, attribute;
    _Atomic uint32_t told[CUSTOMERS + 1];  /* rows that are surely in; 0 for customers that were merged away */
    _Atomic uint32_t moves[CUSTOMERS + 1]; /* times that rows left: what was told before need not hold */
    _Atomic bool stop;
    _Atomic uint64_t reads, ranges;
    _Atomic bool wrong;
};

static uint32_t number_of(uint32_t customer) { return SPAN_CUSTOMERS - CUSTOMERS / 2 + customer; }

static uint32_t arrival_of(uint64_t position) { return 1 + (uint32_t)(position % ARRIVALS); }

static void append(struct shared *s, struct record_builder *b, uint32_t customer, uint64_t position, int64_t time_ms) {
    struct record_head head = {.type = 0,
                               .kind = TYPE_ATTRIBUTES,
                               .position = position,
                               .time_ms = time_ms,
                               .source = 1,
                               .arrival = arrival_of(position)};
    record_begin(b, &head);
    record_set(b, s->attribute, VALUE_NUMBER, (int64_t)position, 0);
    history_append(s->history, (struct customer_id){number_of(customer)}, record_end(b));
    head.type = s->type;
    head.kind = TYPE_EVENT;
    record_begin(b, &head);
    record_set(b, s->property, VALUE_NUMBER, (int64_t)position, 0);
    history_append(s->history, (struct customer_id){number_of(customer)}, record_end(b));
}

static void leave(struct shared *s, uint32_t customer) {
    atomic_store(&s->told[customer], 0);
    atomic_fetch_add(&s->moves[customer], 1);
}

/* Readers have had their turns, on however few cores; or they never will. */
static bool seen_enough(struct shared *s, int64_t until_ms) {
    return (atomic_load(&s->reads) > 100 && atomic_load(&s->ranges) > 20) || await_clock_ms() > until_ms;
}

static void *fold(void *context) {
    struct shared *s = context;
    struct random random;
    struct record_builder builder = {0};
    uint32_t rows[CUSTOMERS + 1][ARRIVALS + 1] = {{0}};
    bool gone[CUSTOMERS + 1] = {false};
    uint64_t position = 0;
    int64_t until_ms = await_clock_ms() + AWAIT_MS;
    random_init(&random, 7);
    for (unsigned round = 0; round < ROUNDS || !seen_enough(s, until_ms); round++) {
        for (unsigned i = 0; i < 100; i++) {
            uint32_t customer = (uint32_t)random_between(&random, 1, CUSTOMERS);
            if (gone[customer])
                continue;
            append(s, &builder, customer, ++position, random_between(&random, 0, 1000000));
            rows[customer][arrival_of(position)]++;
        }
        if (round % 10 == 9) {
            uint32_t winner = (uint32_t)random_between(&random, 1, CUSTOMERS),
                     loser = (uint32_t)random_between(&random, 1, CUSTOMERS);
            if (winner != loser && !gone[winner] && !gone[loser]) {
                leave(s, loser);
                history_merge(s->history, (struct customer_id){number_of(winner)},
                              (struct customer_id){number_of(loser)});
                for (unsigned k = 1; k <= ARRIVALS; k++) {
                    rows[winner][k] += rows[loser][k];
                    rows[loser][k] = 0;
                }
                gone[loser] = true;
            }
        }
        if (round % 5 == 4) { /* the other may be one who was merged away */
            uint32_t from = (uint32_t)random_between(&random, 1, CUSTOMERS),
                     to = (uint32_t)random_between(&random, 1, CUSTOMERS);
            struct identifier_id arrival = {(uint32_t)random_between(&random, 1, ARRIVALS)};
            if (from != to && !gone[from]) {
                leave(s, from);
                history_move(s->history, (struct customer_id){number_of(from)}, (struct customer_id){number_of(to)},
                             &arrival, 1);
                rows[to][arrival.number] += rows[from][arrival.number];
                rows[from][arrival.number] = 0;
                gone[to] = false;
            }
        }
        for (uint32_t c = 1; c <= CUSTOMERS; c++) {
            uint32_t sum = 0;
            for (unsigned k = 1; k <= ARRIVALS; k++)
                sum += rows[c][k];
            if (!gone[c])
                atomic_store(&s->told[c], sum);
        }
        history_advance(s->history, position);
        history_tidy(s->history);
        usleep(500);
    }
    record_builder_release(&builder);
    atomic_store(&s->stop, true);
    return NULL;
}

static void *compact(void *context) {
    struct shared *s = context;
    struct fault fault = {0};
    for (unsigned round = 0; !atomic_load(&s->stop); round++) {
        enum status status =
            history_compact(s->history, round % 3 == 0, &fault); /* else bases are copied into memory */
        if (status && status != STATUS_END) {
            print_message("%s\n", fault.text);
            atomic_store(&s->wrong, true);
        }
        usleep(200);
    }
    return NULL;
}

/* Rows must be newest first, each position once, and each row hold its own position. */
static bool rows_whole(struct shared *s, const struct history_rows *rows, struct record_builder *builder) {
    for (size_t i = 0; i < rows->count; i++) {
        const struct record_head *r = history_row(s->history, rows, i, builder);
        const struct record_value *v = record_find(r, r->type ? s->property : s->attribute);
        if (!v || v->integer != (int64_t)r->position)
            return false;
        if (i && (history_row_time(rows, i - 1) < history_row_time(rows, i) ||
                  (history_row_time(rows, i - 1) == history_row_time(rows, i) &&
                   history_row_position(rows, i - 1) <= history_row_position(rows, i))))
            return false;
    }
    return true;
}

static void *reader(void *context) {
    struct shared *s = context;
    struct random random;
    struct arena arena = {0};
    struct record_builder builder = {0};
    random_init(&random, (uint64_t)(uintptr_t)&random);
    while (!atomic_load(&s->stop)) {
        uint32_t customer = (uint32_t)random_between(&random, 1, CUSTOMERS);
        struct history_rows rows;
        struct history_hold hold = history_enter(s->history);
        uint32_t moves = atomic_load(&s->moves[customer]), told = atomic_load(&s->told[customer]);
        history_rows(s->history, (struct customer_id){number_of(customer)}, s->type, &arena, &rows);
        bool left = atomic_load(&s->moves[customer]) != moves; /* while we looked, perhaps */
        if (!rows_whole(s, &rows, &builder) || (rows.count < told && !left))
            atomic_store(&s->wrong, true);
        history_leave(s->history, hold);
        arena_reset(&arena);
        atomic_fetch_add(&s->reads, 1);
    }
    arena_release(&arena);
    record_builder_release(&builder);
    return NULL;
}

/* --- ranges --- */

/* Customer `i` of the range in hand: its rows in order, each with its own position, none missing; and its newest one the attribute's. */
static bool range_whole(struct range *range, uint32_t i, uint32_t told) {
    const struct range_rows *rows = range_rows(range, 0);
    const struct range_column *number = &rows->columns[0], *position = &rows->columns[1],
                              *attribute = range_attribute(range, 0);
    int64_t latest = 0, highest = 0;
    for (uint32_t row = rows->starts[i]; row < rows->starts[i + 1]; row++) {
        if (range_integer(number, row) != range_integer(position, row))
            return false;
        if (row > rows->starts[i] && (range_row_time(rows, row - 1) > range_row_time(rows, row) ||
                                      (range_row_time(rows, row - 1) == range_row_time(rows, row) &&
                                       range_integer(position, row - 1) >= range_integer(position, row))))
            return false;
        latest = range_integer(number, row);
        highest = latest > highest ? latest : highest;
    }
    uint32_t count = rows->starts[i + 1] - rows->starts[i];
    if (count < told || (count && attribute->form != COLUMN_WHOLE))
        return false;
    /* the attribute is set just before its row comes */
    return !count || range_integer(attribute, i) == latest || range_integer(attribute, i) > highest;
}

static bool span_whole(struct shared *s, struct range *range, const struct range_want *want, uint32_t span) {
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    uint32_t moves[CUSTOMERS + 1], told[CUSTOMERS + 1], count = 0, who[CUSTOMERS];
    uint16_t owners[CUSTOMERS];
    bool good = true;
    for (uint32_t c = 1; c <= CUSTOMERS; c++) {
        moves[c] = atomic_load(&s->moves[c]);
        told[c] = atomic_load(&s->told[c]);
    }
    if (!range_span(range, want, span, dirty, population))
        return true;
    for (uint32_t c = 1; c <= CUSTOMERS; c++) {
        uint32_t owner = number_of(c) % SPAN_CUSTOMERS;
        bool merged = !(population[owner / 64] >> (owner % 64) & 1);
        if (number_of(c) / SPAN_CUSTOMERS != span || merged)
            continue;
        if (dirty[owner / 64] >> (owner % 64) & 1) {
            owners[count] = (uint16_t)owner;
            who[count++] = c;
        } else {
            good &= range_whole(range, owner, atomic_load(&s->moves[c]) == moves[c] ? told[c] : 0);
        }
    }
    range_owners(range, want, span, owners, count);
    for (uint32_t i = 0; i < count; i++) {
        bool left = atomic_load(&s->moves[who[i]]) != moves[who[i]];
        good &= range_whole(range, i, left ? 0 : told[who[i]]);
    }
    return good;
}

static void *range_reader(void *context) {
    struct shared *s = context;
    struct random random;
    struct range *range = range_create(s->history, NULL);
    const struct column_want columns[] = {{.property = s->property}, {.property = RANGE_POSITION}},
                             attribute = {.property = s->attribute};
    const struct rows_want rows = {ROWS_EVENTS, s->type, columns, 2};
    const struct range_want want = {&attribute, 1, &rows, 1};
    random_init(&random, (uint64_t)(uintptr_t)&random);
    while (!atomic_load(&s->stop)) {
        uint32_t customer = (uint32_t)random_between(&random, 1, CUSTOMERS);
        struct history_hold hold = history_enter(s->history);
        uint32_t moves = atomic_load(&s->moves[customer]), told = atomic_load(&s->told[customer]);
        bool good;
        if (random_chance(&random, 0.2)) {
            good = span_whole(s, range, &want, customer % 2);
        } else {
            range_customer(range, &want, (struct customer_id){number_of(customer)}, UINT64_MAX);
            bool left = atomic_load(&s->moves[customer]) != moves;
            good = range_whole(range, 0, left ? 0 : told);
        }
        if (!good)
            atomic_store(&s->wrong, true);
        history_leave(s->history, hold);
        atomic_fetch_add(&s->ranges, 1);
    }
    range_free(range);
    return NULL;
}

static void readers_see_whole_customers(void **state) {
    struct shared s = {0};
    struct fault fault = {0};
    struct type *type;
    struct property *property;
    pthread_t threads[6];
    (void)state;
    s.dictionary = dictionary_create();
    assert_int_equal(dictionary_type(s.dictionary, TYPE_EVENT, SLICE("tick"), &type, &fault), STATUS_OK);
    assert_int_equal(dictionary_property(s.dictionary, type, SLICE("n"), PROPERTY_NUMBER, &property, &fault),
                     STATUS_OK);
    struct type *customer;
    struct property *attribute;
    assert_int_equal(dictionary_type(s.dictionary, TYPE_ATTRIBUTES, SLICE("customer"), &customer, &fault), STATUS_OK);
    assert_int_equal(dictionary_property(s.dictionary, customer, SLICE("test_n"), PROPERTY_NUMBER, &attribute, &fault),
                     STATUS_OK);
    s.attribute = attribute->number;
    s.type = type->number;
    s.property = property->number;
    assert_int_equal(history_create(os_real(), FOLDER, s.dictionary, NULL, &s.history, &fault), STATUS_OK);
    assert_int_equal(pthread_create(&threads[0], NULL, fold, &s), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, compact, &s), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, reader, &s), 0);
    assert_int_equal(pthread_create(&threads[3], NULL, reader, &s), 0);
    assert_int_equal(pthread_create(&threads[4], NULL, range_reader, &s), 0);
    assert_int_equal(pthread_create(&threads[5], NULL, range_reader, &s), 0);
    for (unsigned i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    print_message("history threads: %llu reads and %llu ranges beside the fold\n",
                  (unsigned long long)atomic_load(&s.reads), (unsigned long long)atomic_load(&s.ranges));
    assert_true(atomic_load(&s.reads) > 100 && atomic_load(&s.ranges) > 20);
    assert_false(atomic_load(&s.wrong));
    history_free(s.history);
    dictionary_free(s.dictionary);
}

int main(void) {
    own_folder_enter("history-threads");
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers_see_whole_customers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
