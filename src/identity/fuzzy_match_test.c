/* fuzzy_match: each step by example, EM against planted parameters, blocking against all pairs, one worker against four. */
#include "identity/fuzzy_match.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "identity/fuzzy_block.h"
#include "identity/fuzzy_evaluate.h"
#include "identity/fuzzy_normalise.h"

/* --- normalising --- */

static void test_normalise(void **state) {
    (void)state;
    static const struct {
        enum fuzzy_role role;
        const char *raw, *want;
    } cases[] = {
        {FUZZY_ROLE_BIRTH, "1990-01-31", "19900131"},
        {FUZZY_ROLE_BIRTH, "19900131", "19900131"},
        {FUZZY_ROLE_BIRTH, "31/1/1990", "19900131"},
        {FUZZY_ROLE_BIRTH, "1/31/90", "19900131"},
        {FUZZY_ROLE_BIRTH, "31 Jan 1990", "19900131"},
        {FUZZY_ROLE_BIRTH, "1990年1月31日", "19900131"},
        {FUZZY_ROLE_BIRTH, "1949 7 22", "19490722"},
        {FUZZY_ROLE_BIRTH, "1990", "19900000"},
        {FUZZY_ROLE_BIRTH, "1990-01-31 00:00:00", "19900131"},
        {FUZZY_ROLE_PHONE, "+1 (702) 919-1300", "17029191300"},
        {FUZZY_ROLE_EMAIL, "Ann.Lee@X.com", "ann.lee@x.com"},
        {FUZZY_ROLE_FAMILY, "O'Brien-Smith", "obrien smith"},
        {FUZZY_ROLE_FAMILY, "Müller", "muller"},
        {FUZZY_ROLE_FAMILY, "Папандреу", "papandreu"},
        {FUZZY_ROLE_NAME, "张 三", "张 三"},
        {FUZZY_ROLE_ADDRESS, "12 Main Street, Apt. 4", "12 main st apt 4"},
        {FUZZY_ROLE_POSTCODE, "sw1a 1aa", "SW1A1AA"},
        {FUZZY_ROLE_DURATION, "1m 58sec", "118"},
        {FUZZY_ROLE_DURATION, "04:04", "244"},
        {FUZZY_ROLE_DURATION, "321266", "321"},
        {FUZZY_ROLE_QUANTITY, "$1,234.50", "1234.5"},
    };
    struct fuzzy_normaliser *n = fuzzy_normaliser_create();
    struct buffer text = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&text);
        fuzzy_normalise(n, cases[i].role, slice_text(cases[i].raw), &text);
        if (!slice_is(buffer_slice(&text), cases[i].want))
            fail_msg("'%s' became '%.*s', not '%s'", cases[i].raw, SLICE_ARG(buffer_slice(&text)), cases[i].want);
    }
    buffer_clear(&text);
    fuzzy_normalise_latin(n, SLICE("王伟"), &text);
    assert_true(slice_is(buffer_slice(&text), "wang wei"));
    fuzzy_normaliser_day_first(n, true);
    buffer_clear(&text);
    fuzzy_normalise(n, FUZZY_ROLE_BIRTH, SLICE("2/1/1990"), &text);
    assert_true(slice_is(buffer_slice(&text), "19900102"));
    buffer_release(&text);
    fuzzy_normaliser_free(n);
}

static void test_headers(void **state) {
    (void)state;
    static const struct {
        const char *header;
        enum fuzzy_role role;
    } cases[] = {
        {"first_name", FUZZY_ROLE_GIVEN},
        {"FirstName", FUZZY_ROLE_GIVEN},
        {"fname_c1", FUZZY_ROLE_GIVEN},
        {"surname", FUZZY_ROLE_FAMILY},
        {"PRIMARY_NAME_LAST", FUZZY_ROLE_FAMILY},
        {"Date of Birth", FUZZY_ROLE_BIRTH},
        {"soc_sec_id", FUZZY_ROLE_NUMBER_ID},
        {"EMAIL_ADDRESS", FUZZY_ROLE_EMAIL},
        {"race_ethnicity", FUZZY_ROLES},
        {"ADDR_POSTAL_CODE", FUZZY_ROLE_POSTCODE},
        {"address_2", FUZZY_ROLE_ADDRESS},
        {"rec_id", FUZZY_ROLE_RECORD_ID},
        {"会员姓名", FUZZY_ROLE_NAME},
        {"手机号", FUZZY_ROLE_PHONE},
        {"street_number", FUZZY_ROLE_HOUSE},
        {"colour", FUZZY_ROLES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (fuzzy_role_of_header(slice_text(cases[i].header)) != cases[i].role)
            fail_msg("%s is not what it was taken for", cases[i].header);
}

/* --- levels --- */

static unsigned level(enum fuzzy_role role, const char *a, const char *b) {
    struct fuzzy_table table = {0};
    struct fuzzy_rules rules;
    struct fuzzy_fields fields;
    fuzzy_rules_init(&rules);
    rules.field_count = 1;
    rules.fields[0] = (struct fuzzy_field_rule){
        .name = "x", .role = role, .comparator = fuzzy_role_comparator(role), .column_count = 1, .swap_with = -1};
    struct fuzzy_column *c = fuzzy_table_column(&table, SLICE("x"));
    fuzzy_table_set(&table, c, fuzzy_table_record(&table, 0), slice_text(a));
    fuzzy_table_set(&table, c, fuzzy_table_record(&table, 0), slice_text(b));
    fuzzy_fields_init(&fields, &table, &rules);
    struct fuzzy_field *f = &fields.list[0];
    unsigned got = fuzzy_compare_values(f, &f->values[f->codes[0]], &f->values[f->codes[1]]);
    assert_int_equal(got, fuzzy_compare_values(f, &f->values[f->codes[1]], &f->values[f->codes[0]]));
    fuzzy_fields_release(&fields);
    fuzzy_table_release(&table);
    return got;
}

static void test_levels(void **state) {
    (void)state;
    assert_int_equal(level(FUZZY_ROLE_FAMILY, "Smith", "SMITH"), 0);
    assert_int_equal(level(FUZZY_ROLE_FAMILY, "Smith", "Smiht"), 1);
    assert_int_equal(level(FUZZY_ROLE_FAMILY, "Meier", "Mayer"), 2);
    assert_int_equal(level(FUZZY_ROLE_GIVEN, "Rob", "Robert"), 2);
    assert_int_equal(level(FUZZY_ROLE_FAMILY, "Smith", "Jones"), 4);
    assert_int_equal(level(FUZZY_ROLE_FAMILY, "王伟", "汪伟"), 1); /* one sound */
    assert_int_equal(level(FUZZY_ROLE_FAMILY, "王小明", "李大伟"), 4);
    assert_int_equal(level(FUZZY_ROLE_NAME, "Wang Wei", "Wei Wang"), 0);
    assert_int_equal(level(FUZZY_ROLE_NAME, "Robert E Smith", "Robert Smith"), 1);
    assert_int_equal(level(FUZZY_ROLE_NAME, "Ann Lee", "Otto Braun"), 4);
    assert_int_equal(level(FUZZY_ROLE_BIRTH, "1990-01-31", "31.1.1990"), 0);
    assert_int_equal(level(FUZZY_ROLE_BIRTH, "1978-12-11", "1978-11-12"), 1);
    assert_int_equal(level(FUZZY_ROLE_BIRTH, "1978-12-11", "1978-12-17"), 1);
    assert_int_equal(level(FUZZY_ROLE_BIRTH, "1978-12-11", "1978-12-30"), 2);
    assert_int_equal(level(FUZZY_ROLE_BIRTH, "1978-12-11", "1978-03-25"), 3);
    assert_int_equal(level(FUZZY_ROLE_BIRTH, "1978-12-11", "1960-03-25"), 4);
    assert_int_equal(level(FUZZY_ROLE_PHONE, "+1 702 919 1300", "702-919-1300"), 0);
    assert_int_equal(level(FUZZY_ROLE_PHONE, "702-919-1300", "702-919-1301"), 1);
    assert_int_equal(level(FUZZY_ROLE_EMAIL, "a.lee@mail.com", "a.lee@work.org"), 2);
    assert_int_equal(level(FUZZY_ROLE_ADDRESS, "12 Main Street", "12 Main St."), 0);
    assert_true(level(FUZZY_ROLE_ADDRESS, "12 Main Street", "14 Main Street") >= 2);
    assert_int_equal(level(FUZZY_ROLE_QUANTITY, "100", "100.5"), 1);
    assert_int_equal(level(FUZZY_ROLE_QUANTITY, "100", "200"), 3);
}

/* --- simulated people --- */

static const char *const given[] = {"anna",  "bert", "carla", "dora",  "emil",  "fritz",
                                    "greta", "hugo", "ida",   "jakob", "klara", "louis"};
static const char *const family[] = {"adler",   "berger", "conrad", "dietrich", "engel", "fischer",
                                     "gruber",  "huber",  "jansen", "keller",   "lang",  "meier",
                                     "neumann", "otto",   "pohl",   "richter"};

static void misspell(struct random *r, char *text) {
    size_t size = strlen(text), at = random_below(r, size - 1);
    char swap = text[at];
    text[at] = text[at + 1];
    text[at + 1] = swap;
}

/* `people` persons, each with one to three records, values missing, misspelt or swapped. truth[record] is 1, 2, ... */
static size_t make_people(struct fuzzy_table *t, size_t people, uint64_t seed, uint32_t *truth) {
    struct random r;
    random_init(&r, seed);
    for (uint32_t p = 0; p < people; p++) {
        char values[4][32];
        snprintf(values[0], 32, "%s", given[random_below(&r, 12)]);
        snprintf(values[1], 32, "%s%c", family[random_below(&r, 16)], (char)('a' + random_below(&r, 26)));
        snprintf(values[2], 32, "%d-%02d-%02d", (int)random_between(&r, 1940, 2005), (int)random_between(&r, 1, 12),
                 (int)random_between(&r, 1, 28));
        snprintf(values[3], 32, "%05d", (int)random_between(&r, 10000, 10300));
        for (uint64_t copies = 1 + random_below(&r, 3); copies > 0; copies--) {
            static const char *const names[] = {"first_name", "last_name", "dob", "zip"};
            size_t record = fuzzy_table_record(t, 0);
            bool swapped = random_chance(&r, 0.03);
            truth[record] = p + 1;
            for (size_t c = 0; c < 4; c++) {
                char text[32];
                snprintf(text, sizeof text, "%s", values[swapped && c < 2 ? 1 - c : c]);
                if (random_chance(&r, 0.1))
                    misspell(&r, text);
                if (!random_chance(&r, 0.05))
                    fuzzy_table_set(t, fuzzy_table_column(t, slice_text(names[c])), record, slice_text(text));
                else
                    fuzzy_table_column(t, slice_text(names[c]));
            }
        }
    }
    return t->record_count;
}

/* What runs two workers in the test: one after the other will do for the answers. */
static void run_in_turn(unsigned count, void (*work)(void *context, unsigned number), void *context) {
    for (unsigned n = count; n > 0; n--)
        work(context, n - 1);
}

static void test_whole(void **state) {
    (void)state;
    struct fuzzy_table table = {0};
    uint32_t *truth = memory_get(6000, sizeof *truth);
    struct fuzzy_rules rules;
    struct fuzzy_options one = {0}, two = {.workers = 2, .run = run_in_turn};
    struct fuzzy_match a, b;
    struct fuzzy_quality q;
    size_t records = make_people(&table, 600, 7, truth);
    assert_int_equal(fuzzy_rules_parse(SLICE("{\"blocking\": [[\"given:sound\", \"family:sound\"], [\"birth_date\"], "
                                             "[\"postcode\", \"family:start 3\"]]}"),
                                       &table, &rules, NULL),
                     STATUS_OK);
    assert_int_equal(fuzzy_match_run(&table, &rules, &one, &a, NULL), STATUS_OK);
    assert_int_equal(fuzzy_match_run(&table, &rules, &two, &b, NULL), STATUS_OK);
    assert_int_equal(a.pair_count, b.pair_count);
    assert_memory_equal(a.pairs, b.pairs, a.pair_count * sizeof *a.pairs);
    assert_memory_equal(a.clusters, b.clusters, records * sizeof *a.clusters);
    fuzzy_evaluate(truth, a.clusters, records, NULL, &q);
    if (q.f1 < 0.95)
        fail_msg("seed 7: precision %.4f recall %.4f F1 %.4f", q.precision, q.recall, q.f1);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    fuzzy_match_explain(&a, a.pairs[0].a, a.pairs[0].b, &w);
    buffer_add_char(&text, 0);
    assert_non_null(strstr(text.data, "\"field\":\"birth_date\""));
    buffer_release(&text);
    fuzzy_match_release(&a);
    fuzzy_match_release(&b);
    fuzzy_table_release(&table);
    free(truth);
}

/* The pairs blocking gives, as a matrix; a pair that comes twice fails. */
struct matrix {
    size_t records;
    unsigned char *met;
};

static void note(void *context, uint32_t x, uint32_t y) {
    struct matrix *m = context;
    assert_true(x < y && y < m->records);
    if (m->met[x * m->records + y]++)
        fail_msg("pair %u, %u came twice", x, y);
}

static void test_blocking(void **state) {
    (void)state;
    struct fuzzy_table table = {0};
    uint32_t truth[1000];
    struct fuzzy_rules rules;
    struct fuzzy_fields fields;
    size_t records = make_people(&table, 200, 9, truth);
    assert_int_equal(
        fuzzy_rules_parse(SLICE("{\"blocking\": [[\"given\", \"postcode:start 4\"], [\"birth_date:start 4\"], "
                                "[\"family:end 2\"]], \"block_records_max\": 1000}"),
                          &table, &rules, NULL),
        STATUS_OK);
    fuzzy_fields_init(&fields, &table, &rules);
    struct matrix m = {records, memory_get(records * records, 1)};
    struct fuzzy_blocking *b = fuzzy_blocking_create(&fields, &rules);
    for (size_t r = 0; r < rules.block_count; r++) {
        struct fuzzy_key *keys;
        size_t count = fuzzy_block_keys(b, r, &keys);
        fuzzy_block_run(b, r, keys, 0, count, note, &m);
        free(keys);
    }
    struct fuzzy_field *birth = NULL, *last = NULL, *first = NULL, *zip = NULL;
    for (size_t f = 0; f < fields.count; f++) {
        enum fuzzy_role role = fields.list[f].rule->role;
        birth = role == FUZZY_ROLE_BIRTH ? &fields.list[f] : birth;
        last = role == FUZZY_ROLE_FAMILY ? &fields.list[f] : last;
        first = role == FUZZY_ROLE_GIVEN ? &fields.list[f] : first;
        zip = role == FUZZY_ROLE_POSTCODE ? &fields.list[f] : zip;
    }
    assert_true(birth && last && first && zip);
    for (size_t x = 0; x < records; x++)
        for (size_t y = x + 1; y < records; y++) {
            struct slice bx = birth->values[birth->codes[x]].text, by = birth->values[birth->codes[y]].text;
            struct slice fx = last->values[last->codes[x]].text, fy = last->values[last->codes[y]].text;
            struct slice zx = zip->values[zip->codes[x]].text, zy = zip->values[zip->codes[y]].text;
            bool want =
                (bx.size >= 4 && by.size >= 4 && memcmp(bx.data, by.data, 4) == 0) ||
                (fx.size >= 2 && fy.size >= 2 && memcmp(fx.data + fx.size - 2, fy.data + fy.size - 2, 2) == 0) ||
                (first->codes[x] && first->codes[x] == first->codes[y] && zx.size >= 4 && zy.size >= 4 &&
                 memcmp(zx.data, zy.data, 4) == 0);
            assert_int_equal(m.met[x * records + y], want);
        }
    free(m.met);
    fuzzy_blocking_free(b);
    fuzzy_fields_release(&fields);
    fuzzy_table_release(&table);
}

/* The bounded comparison against the whole one: the same pattern where it is kept, and nothing given up that reaches the floor. */
static void test_bounded(void **state) {
    (void)state;
    struct fuzzy_table table = {0};
    uint32_t truth[1000];
    struct fuzzy_rules rules;
    struct fuzzy_match m;
    struct fuzzy_options options = {0};
    struct fuzzy_cache cache;
    size_t records = make_people(&table, 150, 11, truth), kept = 0;
    fuzzy_rules_init(&rules);
    assert_int_equal(fuzzy_match_run(&table, &rules, &options, &m, NULL), STATUS_OK);
    fuzzy_cache_init(&cache, &m.fields);
    struct fuzzy_bounds bounds = {.weight = m.weights.weight, .floor_bits = 3};
    for (unsigned i = 0; i < m.fields.count; i++) {
        bounds.order[i] = i;
        for (unsigned l = 1; l < m.fields.list[i].level_count; l++)
            bounds.best[i] = fmax(bounds.best[i], m.weights.weight[i][l]);
    }
    for (uint32_t x = 0; x < records; x++)
        for (uint32_t y = x + 1; y < records; y++) {
            fuzzy_pattern whole = fuzzy_compare_records(&m.fields, &cache, x, y), got;
            double bits = fuzzy_evidence(&m.fields, &m.weights, x, y, whole), got_bits;
            bool found = fuzzy_compare_bounded(&m.fields, &cache, &bounds, x, y, &got, &got_bits);
            if (found != (bits >= 3) && fabs(bits - 3) > 1e-9)
                fail_msg("seed 11: %u, %u: %.3f bits, %s", x, y, bits, found ? "kept" : "given up");
            if (found)
                assert_true(got == whole && fabs(got_bits - bits) < 1e-9);
            kept += found;
        }
    assert_true(kept > 50);
    fuzzy_cache_release(&cache);
    fuzzy_match_release(&m);
    fuzzy_table_release(&table);
}

/* --- EM --- */

static unsigned draw(struct random *r, const double *shares, unsigned levels) {
    double x = random_unit(r);
    unsigned l = 0;
    while (l + 1 < levels && x >= shares[l])
        x -= shares[l++];
    return l;
}

/* 30,000 pairs of patterns with known m, u and share; u is told, m and the share must come out. */
static void test_em(void **state) {
    (void)state;
    static const double m[3][4] = {{0.8, 0.12, 0.03, 0.05}, {0.6, 0.2, 0.1, 0.1}, {0.7, 0.1, 0.1, 0.1}};
    static const double u[3][4] = {{0.01, 0.03, 0.06, 0.9}, {0.002, 0.01, 0.02, 0.968}, {0.05, 0.05, 0.1, 0.8}};
    static const struct fuzzy_field_rule rule = {.role = FUZZY_ROLE_CODE};
    struct fuzzy_fields fields = {.count = 3};
    struct fuzzy_counts counts = {0};
    struct fuzzy_weights w = {0};
    struct random r;
    random_init(&r, 13);
    for (size_t f = 0; f < 3; f++) {
        fields.list[f].rule = &rule;
        fields.list[f].level_count = 4;
        fields.list[f].differ = 3;
        fields.list[f].swapped = -1;
        for (size_t l = 0; l < 4; l++) {
            w.m[f][l] = 0.25 + 0.1 * (l == 0) - 0.1 * (l == 3);
            w.u[f][l] = u[f][l];
        }
    }
    for (int i = 0; i < 30000; i++) {
        bool match = random_chance(&r, 0.1);
        fuzzy_pattern p = 0;
        for (size_t f = 0; f < 3; f++)
            p |= (uint64_t)(random_chance(&r, 0.1) ? FUZZY_LEVEL_NONE : draw(&r, match ? m[f] : u[f], 4)) << (f * 4);
        fuzzy_counts_add(&counts, p, 1);
    }
    double share = fuzzy_em(&fields, &counts, 7, &w, 200);
    if (fabs(share - 0.1) > 0.01)
        fail_msg("seed 13: the share of matches came out %.4f, not 0.1", share);
    for (size_t f = 0; f < 3; f++)
        for (size_t l = 0; l < 4; l++)
            if (fabs(w.m[f][l] - m[f][l]) > 0.035)
                fail_msg("seed 13: m of field %zu level %zu came out %.4f, not %.4f", f, l, w.m[f][l], m[f][l]);
    fuzzy_counts_release(&counts);
}

/* --- clusters --- */

static double table_bits(void *context, uint32_t a, uint32_t b) { return ((double(*)[6])context)[a][b]; }

/* 0-1-2 agree; 3-4 agree; 2-3 is strong, but 0 and 1 have nothing of 3 and 4: no chain. 5 is of 4's source. */
static void test_clusters(void **state) {
    (void)state;
    double bits[6][6] = {
        {0, 9, 8, -9, -9, -9}, {0, 0, 7, -9, -9, -9}, {0, 0, 0, 4, -9, -9}, {0, 0, 0, 0, 6, -9}, {0, 0, 0, 0, 0, 5}};
    struct fuzzy_pair pairs[] = {{.a = 0, .b = 1, .bits = 9}, {.a = 0, .b = 2, .bits = 8}, {.a = 1, .b = 2, .bits = 7},
                                 {.a = 3, .b = 4, .bits = 6}, {.a = 4, .b = 5, .bits = 5}, {.a = 2, .b = 3, .bits = 4}};
    uint32_t sources[] = {0, 1, 2, 0, 1, 1}, got[6];
    struct fuzzy_clustering c = {.pairs = pairs,
                                 .pair_count = 6,
                                 .record_count = 6,
                                 .clamp = 8,
                                 .bits = table_bits,
                                 .context = bits,
                                 .sources = sources};
    static const uint32_t apart[] = {0, 0, 0, 3, 3, 5}, chained[] = {0, 0, 0, 0, 0, 0};
    assert_int_equal(fuzzy_cluster(&c, got), 3);
    assert_memory_equal(got, apart, sizeof got);
    c.sources = NULL;
    c.connected = true;
    assert_int_equal(fuzzy_cluster(&c, got), 1);
    assert_memory_equal(got, chained, sizeof got);
}

static void test_evaluate(void **state) {
    (void)state;
    uint32_t truth[] = {1, 1, 1, 2, 2, 3, 0}, clusters[] = {0, 0, 2, 3, 3, 3, 3};
    struct fuzzy_quality q;
    fuzzy_evaluate(truth, clusters, 7, NULL, &q);
    assert_int_equal(q.records, 6);
    assert_true(q.true_pairs == 4 && q.found_pairs == 4 && q.right_pairs == 2);
    assert_true(fabs(q.f1 - 0.5) < 1e-12);
    assert_int_equal(q.exact_clusters, 0);
    assert_int_equal(q.entities, 3);
}

static void test_rule_faults(void **state) {
    (void)state;
    static const struct {
        const char *rules, *says;
    } cases[] = {
        {"[]", "one JSON object"},
        {"{\"treshold\": 1}", "'treshold' is not known"},
        {"{\"threshold\": 1}", "above 0 and below 1"},
        {"{\"fields\": [{\"name\": \"x\", \"columns\": [\"nope\"]}]}", "no column 'nope'; there are dob, zip"},
        {"{\"fields\": [{\"name\": \"x\", \"role\": \"nose\", \"columns\": [\"dob\"]}]}", "no role 'nose'"},
        {"{\"blocking\": [[\"nope\"]]}", "no field 'nope'"},
        {"{\"blocking\": [[\"postcode:loud\"]]}", "FIELD:sound"},
        {"{\"pairs\": \"some\"}", "\"all\" or \"between\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fuzzy_table t = {0};
        struct fuzzy_rules rules;
        struct fault fault = {0};
        for (int r = 0; r < 3; r++) {
            char number[16];
            size_t record = fuzzy_table_record(&t, 0);
            snprintf(number, sizeof number, "1990-01-%02d", r + 1);
            fuzzy_table_set(&t, fuzzy_table_column(&t, SLICE("dob")), record, slice_text(number));
            fuzzy_table_set(&t, fuzzy_table_column(&t, SLICE("zip")), record, slice_text(number + 2));
        }
        assert_int_equal(fuzzy_rules_parse(slice_text(cases[i].rules), &t, &rules, &fault), STATUS_INVALID);
        if (!strstr(fault.text, cases[i].says))
            fail_msg("%s says: %s", cases[i].rules, fault.text);
        fuzzy_table_release(&t);
    }
}

/* What is written is read back as the same rules. */
static void test_rules_again(void **state) {
    (void)state;
    struct fuzzy_table t = {0};
    struct fuzzy_rules rules, again;
    uint32_t truth[200];
    struct buffer one = {0}, two = {0};
    make_people(&t, 40, 3, truth);
    assert_int_equal(/* an empty key compares all with all, as is inferred for few records */
                     fuzzy_rules_parse(
                         SLICE("{\"blocking\": [[\"given:sound\", \"birth_date:start 4\"], []], \"threshold\": 0.75}"),
                         &t, &rules, NULL),
                     STATUS_OK);
    fuzzy_rules_write(&rules, &t, &(struct json_writer){.out = &one});
    assert_int_equal(fuzzy_rules_parse(buffer_slice(&one), &t, &again, NULL), STATUS_OK);
    fuzzy_rules_write(&again, &t, &(struct json_writer){.out = &two});
    assert_true(slice_equal(buffer_slice(&one), buffer_slice(&two)));
    buffer_release(&one);
    buffer_release(&two);
    fuzzy_table_release(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),   cmocka_unit_test(test_headers),    cmocka_unit_test(test_levels),
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_blocking),   cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_em),          cmocka_unit_test(test_clusters),   cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_rule_faults), cmocka_unit_test(test_rules_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
