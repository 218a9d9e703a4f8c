/* Where customers' rows are, in each form, held against a plain count; and damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "history/range_inside.h"

enum shape { EVEN, FEW_OWNERS, SKEWED, AT_THE_END, SHAPES };

struct made {
    struct random random;
    struct record_builder builder;
    struct buffer table;
    uint32_t counts[SPAN_CUSTOMERS];
    uint32_t count;
    uint64_t seed;
};

static const struct table_head *table_of(const struct made *m) {
    return (const struct table_head *)(const void *)m->table.data;
}

/* How many rows each customer has. */
static void choose_counts(struct made *m, uint32_t rows, enum shape shape) {
    memset(m->counts, 0, sizeof m->counts);
    m->count = rows;
    if (shape == SKEWED && rows >= 300) {
        m->counts[random_below(&m->random, SPAN_CUSTOMERS)] += 256;
        rows -= 256;
    }
    for (; rows; rows--) {
        uint64_t owner = random_below(&m->random, SPAN_CUSTOMERS);
        m->counts[shape == FEW_OWNERS ? owner % 100 * 40 : shape == AT_THE_END ? owner | 2048 : owner]++;
    }
}

static void build(struct made *m) {
    struct record_head head = {.type = 1, .kind = TYPE_EVENT, .time_ms = 1000, .position = 1};
    record_begin(&m->builder, &head);
    const struct record_head *record = record_end(&m->builder);
    struct table_source *rows = memory_get(m->count + 1ull, sizeof *rows);
    uint32_t row = 0;
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner++)
        for (uint32_t i = 0; i < m->counts[owner]; i++, row++)
            rows[row] = (struct table_source){
                .record = record, .values = record_values(record), .owner = owner, .time_ms = i, .position = row};
    buffer_clear(&m->table);
    table_build(&m->table, 1, TYPE_EVENT, rows, m->count, TABLE_TOP);
    assert_true(table_check(table_of(m), m->table.size));
    assert_true(table_is_top(table_of(m)));
    free(rows);
}

static void check_ranges(struct made *m, struct range *range) {
    const struct table_head *t = table_of(m);
    const uint32_t *starts = range_starts(range, t);
    uint32_t first, end, row = 0;
    assert_non_null(starts);
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner++) {
        table_range(t, owner, &first, &end);
        if (starts[owner] != row || (m->counts[owner] && first != row) || end - first != m->counts[owner])
            fail_msg("seed %llu, %u rows: owner %u has rows %u to %u, from start %u; want %u",
                     (unsigned long long)m->seed, m->count, owner, first, end, starts[owner], row);
        row += m->counts[owner];
    }
    assert_int_equal(starts[SPAN_CUSTOMERS], row);
    struct range_rows rows = {.end = t->row_count};
    bool owners = range_row_owners(range, t, &rows);
    assert_true(!owners || !t->starts || m->count <= SPAN_CUSTOMERS);
    assert_true(owners || m->count < 1000 || m->count > SPAN_CUSTOMERS || table_column(t, TABLE_OWNER)->width < 2);
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS && rows.owners; owner++) {
        range_rows_by_owner(&rows, owner, &first, &end);
        if (end - first != m->counts[owner] || (end > first && first != starts[owner]))
            fail_msg("seed %llu, %u rows: by its owners %u has rows %u to %u", (unsigned long long)m->seed, m->count,
                     owner, first, end);
    }
}

/* Several at once as one by one. */
static void check_several(struct made *m, struct range *range) {
    struct range_rows rows = {.end = table_of(m)->row_count};
    uint32_t customers[RANGE_OWNERS_AT_ONCE], firsts[RANGE_OWNERS_AT_ONCE], ends[RANGE_OWNERS_AT_ONCE], first, end;
    if (!range_row_owners(range, table_of(m), &rows) || rows.owner_multiple != 1)
        return;
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned k = 0; k < RANGE_OWNERS_AT_ONCE; k++)
            customers[k] = (uint32_t)random_below(&m->random, SPAN_CUSTOMERS);
        range_rows_by_owners(&rows, customers, firsts, ends);
        for (unsigned k = 0; k < RANGE_OWNERS_AT_ONCE; k++) {
            range_rows_by_owner(&rows, customers[k], &first, &end);
            if (firsts[k] != first || ends[k] != end)
                fail_msg("seed %llu, %u rows: %u has rows %u to %u, among several %u to %u",
                         (unsigned long long)m->seed, m->count, customers[k], first, end, firsts[k], ends[k]);
        }
    }
}

static void each_form_says_the_same(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0, 1, 7, 1000, 1535, 1536, 4096, 4097, 8191, 8192, 20000, 70000};
    unsigned forms[3] = {0};
    for (uint64_t seed = 1; seed <= SHAPES; seed++) {
        struct made m = {.seed = seed};
        struct range *range = range_create(NULL, NULL);
        random_init(&m.random, seed);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            choose_counts(&m, sizes[i], (enum shape)(seed % SHAPES));
            build(&m);
            const struct table_head *t = table_of(&m);
            assert_true(t->starts || m.count < 8192);
            assert_true(t->starts_form != STARTS_BLOCKS || m.count >= 1536);
            forms[!t->starts ? 2 : t->starts_form]++;
            check_ranges(&m, range);
            check_several(&m, range);
            arena_reset(&range->arena);
        }
        range_free(range);
        buffer_release(&m.table);
        record_builder_release(&m.builder);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_true(forms[i] > 2);
}

static void even_tables_have_blocks(void **state) {
    (void)state;
    struct made m = {.seed = 1};
    random_init(&m.random, m.seed);
    for (uint32_t rows = 1536; rows < 40000; rows += 9000) {
        choose_counts(&m, rows, EVEN);
        build(&m);
        assert_int_equal(table_of(&m)->starts_form, STARTS_BLOCKS);
        m.counts[5] += 256 - 15; /* as many as no block can have */
        m.count += 256 - 15;
        for (uint32_t i = 0; i < 16; i++) {
            m.count += m.counts[i] ? 0 : 1;
            m.counts[i] += m.counts[i] ? 0 : 1;
        }
        build(&m);
        assert_int_equal(table_of(&m)->starts_form, STARTS_WHOLE);
        assert_int_equal(table_of(&m)->starts != 0, m.count >= 8192);
    }
    buffer_release(&m.table);
    record_builder_release(&m.builder);
}

/* Whatever they say: inside the table, ascending, or refused. */
static void damaged_starts_stay_inside(void **state) {
    (void)state;
    struct made m = {.seed = 3};
    struct range *range = range_create(NULL, NULL);
    unsigned refused = 0;
    random_init(&m.random, m.seed);
    for (unsigned i = 0; i < 300; i++) {
        uint32_t first, end;
        if (i % 50 == 0) {
            choose_counts(&m, i % 100 ? 5000 : 9000, i < 200 ? EVEN : SKEWED);
            build(&m);
        }
        const struct table_head *t = table_of(&m);
        if (!t->starts)
            continue;
        size_t bytes = t->starts_form == STARTS_BLOCKS ? 4608 : 16388;
        char *at = m.table.data + t->starts + random_below(&m.random, bytes), before = *at;
        *at = (char)random_below(&m.random, 256);
        const uint32_t *starts = range_starts(range, t);
        refused += !starts;
        for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner++) {
            table_range(t, owner, &first, &end);
            assert_true(first <= end && end <= t->row_count);
            assert_true(!starts || (starts[owner] <= starts[owner + 1] && starts[owner + 1] <= t->row_count));
        }
        *at = before;
        arena_reset(&range->arena);
    }
    assert_true(refused > 50);
    range_free(range);
    buffer_release(&m.table);
    record_builder_release(&m.builder);
}

/* Few rows say whose they are besides: that is asked where starts say nonsense. */
static void owners_stand_in_for_damaged_starts(void **state) {
    (void)state;
    struct made m = {.seed = 5};
    struct range *range = range_create(NULL, NULL);
    random_init(&m.random, m.seed);
    choose_counts(&m, 3000, EVEN);
    build(&m);
    assert_int_equal(table_of(&m)->starts_form, STARTS_BLOCKS);
    uint16_t *start = (uint16_t *)(void *)(m.table.data + table_of(&m)->starts);
    *start += 7;
    const uint32_t *starts = range_starts(range, table_of(&m));
    assert_non_null(starts);
    for (uint32_t owner = 0, row = 0; owner < SPAN_CUSTOMERS; row += m.counts[owner++])
        assert_int_equal(starts[owner], row);
    range_free(range);
    buffer_release(&m.table);
    record_builder_release(&m.builder);
}

/* --- items --- */

#define ITEM_ROWS 700

/* A table of rows of 1 to 3 items; of `without` none. */
static void build_items(struct made *m, uint32_t without) {
    struct table_source *rows = memory_get(ITEM_ROWS, sizeof *rows);
    struct record_head **records = memory_get(ITEM_ROWS, sizeof *records);
    for (uint32_t row = 0; row < ITEM_ROWS; row++) {
        struct record_head head = {.type = 1, .kind = TYPE_EVENT, .time_ms = row, .position = row};
        m->counts[row] = row == without ? 0 : 1 + (uint32_t)random_below(&m->random, 3);
        record_begin(&m->builder, &head);
        record_items_begin(&m->builder, 1);
        for (uint32_t i = 0; i < m->counts[row]; i++) {
            record_item_begin(&m->builder);
            record_set(&m->builder, 1, VALUE_NUMBER, i, 0);
        }
        record_items_end(&m->builder);
        const struct record_head *made = record_end(&m->builder);
        records[row] = memcpy(memory_get(1, made->bytes), made, made->bytes);
        rows[row] = (struct table_source){.record = records[row],
                                          .values = record_values(records[row]),
                                          .value_count = records[row]->value_count,
                                          .owner = row,
                                          .time_ms = row,
                                          .position = row};
    }
    buffer_clear(&m->table);
    table_build(&m->table, 1, TYPE_EVENT, rows, ITEM_ROWS, TABLE_TOP);
    assert_true(table_check(table_of(m), m->table.size));
    for (uint32_t row = 0; row < ITEM_ROWS; row++)
        free(records[row]);
    free(records);
    free(rows);
}

static void items_say_where_rows_begin(void **state) {
    (void)state;
    struct made m = {.seed = 6};
    random_init(&m.random, m.seed);
    build_items(&m, UINT32_MAX);
    struct column_head *c = (struct column_head *)table_column(table_of(&m), 1);
    const struct table_head *child = (const void *)(m.table.data + c->dictionary);
    const uint64_t *begins = (const void *)(m.table.data + c->base);
    assert_true(c->base > 0);
    for (uint32_t row = 0, at = 0; row < ITEM_ROWS; row++)
        for (uint32_t i = 0; i < m.counts[row]; i++, at++)
            assert_int_equal(begins[at / 64] >> (at % 64) & 1, i == 0);
    c->base = (int64_t)table_of(&m)->bytes - (child->row_count + 63) / 64 * 8 + 8;
    assert_false(table_check(table_of(&m), m.table.size)); /* past the end */
    c->base = 4;
    assert_false(table_check(table_of(&m), m.table.size)); /* no words */
    build_items(&m, 300);
    assert_int_equal(table_column(table_of(&m), 1)->base, 0);
    buffer_release(&m.table);
    record_builder_release(&m.builder);
}

static void unknown_forms_and_short_tables_are_refused(void **state) {
    (void)state;
    struct made m = {.seed = 4};
    random_init(&m.random, m.seed);
    choose_counts(&m, 3000, EVEN);
    build(&m);
    struct table_head *t = (struct table_head *)(void *)m.table.data;
    t->starts_form = STARTS_BLOCKS + 1;
    assert_false(table_check(t, m.table.size));
    t->starts_form = STARTS_BLOCKS;
    t->starts = t->bytes - 4600;
    assert_false(table_check(t, m.table.size));
    buffer_release(&m.table);
    record_builder_release(&m.builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_says_the_same),    cmocka_unit_test(even_tables_have_blocks),
        cmocka_unit_test(damaged_starts_stay_inside), cmocka_unit_test(owners_stand_in_for_damaged_starts),
        cmocka_unit_test(items_say_where_rows_begin), cmocka_unit_test(unknown_forms_and_short_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
