/* Tests of identity at large: random histories held to identity_model, the damage a saved image may have, and readers beside
 * the fold (build with -fsanitize=thread to make that one mean most). */
#include "identity/identity_bed.h"

#include "base/random.h"
#include "identity/identity_model.h"
#include "identity/identity_store.h"
#include "os/image.h"
#include "os/os_sim.h"
#include "own_folder_client.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* --- random histories against the model --- */

/* A record out of small pools, so that everything meets everything. */
static void random_text(struct random *r, char *out, size_t size, unsigned pool) {
    static const char *names[] = {"user_id", "member_id", "phone",        "email",
                                  "openid",  "device_id", "anonymous_id", "order_id"};
    static const double chance[] = {0.3, 0.15, 0.25, 0.25, 0.1, 0.25, 0.4, 0.25};
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < 8; i++)
        while (random_chance(r, chance[i]) && at + 64 < size) {
            unsigned value = random_chance(r, 0.02) ? 0 : 1 + (unsigned)random_below(r, pool); /* 0 is blocked */
            at += (size_t)snprintf(out + at, size - at, "%s%s=%u", at ? " " : "", names[i], value);
            if (!random_chance(r, 0.1))
                break;
        }
}

/* What a history would hold: who has each record, and what it arrived through. */
struct row {
    uint32_t arrival, customer;
};
struct rows {
    struct row *row;
    size_t count;
};

static void rows_apply(struct rows *rows, const struct resolution *r) {
    for (size_t m = 0; m < r->merge_count; m++)
        for (size_t i = 0; i < rows->count; i++)
            if (rows->row[i].customer == r->merges[m].loser.number)
                rows->row[i].customer = r->merges[m].winner.number;
    for (size_t m = 0; m < r->move_count; m++)
        for (size_t i = 0; i < rows->count; i++)
            for (size_t j = 0; j < r->moves[m].arrival_count && rows->row[i].customer == r->moves[m].from.number; j++)
                if (rows->row[i].arrival == r->moves[m].arrivals[j].number)
                    rows->row[i].customer = r->moves[m].to.number;
}

static void row_add(struct rows *rows, const struct resolution *r) {
    rows_apply(rows, r);
    rows->row = memory_resize(rows->row, rows->count + 1, sizeof *rows->row);
    rows->row[rows->count++] = (struct row){r->arrival.number, r->customer.number};
}

/* Every row is with the customer of the identifier it arrived through. */
static void rows_follow(const struct identity *identity, const struct rows *rows) {
    for (size_t i = 0; i < rows->count; i++)
        assert_int_equal(rows->row[i].customer,
                         identity_customer(identity, (struct identifier_id){rows->row[i].arrival}).number);
}

/* Who is a customer, in bits: as many as are counted, none of them merged away or a shared device's. */
static void same_population(const struct identity *identity, const struct identity_counters *counters) {
    size_t words = counters->created / 64 + 2, count = 0;
    uint64_t *bits = memory_get(words, sizeof *bits), one;
    identity_population(identity, 0, words, bits);
    for (uint32_t c = 0; c < words * 64; c++) {
        if (!(bits[c / 64] >> (c % 64) & 1))
            continue;
        count++;
        assert_int_equal(identity_redirect(identity, (struct customer_id){c}).number, c);
        assert_false(identity_is_shared(identity, (struct customer_id){c}));
    }
    assert_int_equal(count, counters->customers);
    identity_population(identity, UINT32_MAX - 63, 1, &one);
    assert_int_equal(one, 0);
    free(bits);
}

static void count_identifier(void *context, struct identifier_id identifier) {
    (void)identifier;
    ++*(size_t *)context;
}

/* Lists have what owners say. */
static void same_lists(const struct identity *identity) {
    size_t listed = 0, owned = 0;
    for (uint32_t c = 1; c <= chunks_count(&identity->customers); c++)
        if (identity_redirect(identity, (struct customer_id){c}).number == c)
            identity_identifiers(identity, (struct customer_id){c}, SIZE_MAX, count_identifier, &listed);
    for (uint32_t i = 1; i <= chunks_count(&identity->identifiers); i++)
        owned += identity_customer(identity, (struct identifier_id){i}).number != 0;
    assert_int_equal(listed, owned);
}

static uint32_t number_in(const struct identity *identity, const struct model *m, uint32_t i) {
    const struct model_identifier *own = &m->identifiers[i];
    return identity_find(identity, own->namespace_number, slice_of(own->value, own->value_bytes)).number;
}

/* For whoever looks into a failure. */
static void show_around(const struct model *m, uint32_t i) {
    for (uint32_t e = 0; e < m->edge_count; e++) {
        const struct model_edge *edge = &m->edges[e];
        if (m->identifiers[edge->a].label != m->identifiers[i].label &&
            m->identifiers[edge->b].label != m->identifiers[i].label)
            continue;
        for (int end = 0; end < 2; end++) {
            const struct model_identifier *x = &m->identifiers[end ? edge->b : edge->a];
            print_message("%s%s=%.*s(%u%s)", end ? " - " : "",
                          dictionary_namespace_at(m->dictionary, x->namespace_number)->name.data, (int)x->value_bytes,
                          x->value, x->label, x->shared ? " shared" : "");
        }
        print_message(" at %lld\n", (long long)edge->first_ms);
    }
}

/* Who is with whom, and who is nobody's. An identifier that never stood for a record has no customer; then nobody it would
 * be with has one. */
static void same_partition(const struct identity *identity, struct model *m) {
    model_solve(m);
    for (uint32_t i = 1; i <= m->identifier_count; i++) {
        uint32_t number = number_in(identity, m, i);
        assert_true(number);
        uint32_t customer = identity_customer(identity, (struct identifier_id){number}).number;
        if (customer && identity_is_shared(identity, (struct customer_id){customer}) != m->identifiers[i].shared)
            show_around(m, i);
        if (customer)
            assert_int_equal(identity_is_shared(identity, (struct customer_id){customer}), m->identifiers[i].shared);
        for (uint32_t j = 1; j < i; j++) {
            uint32_t other = identity_customer(identity, (struct identifier_id){number_in(identity, m, j)}).number;
            bool together = m->identifiers[i].label == m->identifiers[j].label;
            if ((customer || other) && together != (customer == other))
                print_message("identifiers %u and %u: customers %u and %u, should %sbe one\n", i, j, customer, other,
                              together ? "" : "not "),
                    show_around(m, i);
            if (customer || other)
                assert_int_equal(together, customer == other);
        }
    }
    struct identity_counters counters;
    identity_counters_read(identity, &counters);
    same_population(identity, &counters);
    same_lists(identity);
}

static void saved_path(char *out, size_t size) { snprintf(out, size, "%s/image", own_folder("identity-random")); }

static struct identity *load(struct bed *bed, const char *path) {
    struct fault fault = {0};
    struct identity *fresh = identity_create(os_real(), bed->dictionary);
    identity_share_devices(fresh, bed->identity ? (enum shared_device_policy)bed->identity->shared_devices
                                                : SHARED_DEVICE_OWN);
    enum status status = identity_load(fresh, path, &fault);
    if (status != STATUS_OK)
        print_message("load: %s\n", fault.text);
    assert_int_equal(status, STATUS_OK);
    return fresh;
}

static void reload(struct bed *bed) {
    char path[64];
    struct fault fault = {0};
    saved_path(path, sizeof path);
    struct identity_image *image = identity_freeze(bed->identity);
    assert_int_equal(identity_write(image, path, &fault), STATUS_OK);
    identity_image_free(image);
    struct identity *fresh = load(bed, path);
    identity_free(bed->identity);
    bed->identity = fresh;
    unlink(path);
}

struct run {
    struct bed bed;
    struct random random;
    struct model *model;
    struct rows rows;
};

static void run_open(struct run *run, uint64_t seed) {
    *run = (struct run){0};
    bed_open(&run->bed);
    random_init(&run->random, seed);
    run->model = model_create(run->bed.dictionary);
    struct namespace *rule;
    if (seed % 3 == 1) { /* tighter rules, other policies */
        rule = (struct namespace *)dictionary_namespace_at(run->bed.dictionary, ns(&run->bed, "phone"));
        rule->limit = 2;
        rule = (struct namespace *)dictionary_namespace_at(run->bed.dictionary, ns(&run->bed, "device_id"));
        rule->shared = SHARED_FIRST;
    } else if (seed % 3 == 2) {
        rule = (struct namespace *)dictionary_namespace_at(run->bed.dictionary, ns(&run->bed, "email"));
        rule->anonymous_only = true;
        rule = (struct namespace *)dictionary_namespace_at(run->bed.dictionary, ns(&run->bed, "anonymous_id"));
        rule->limit = 3;
    }
}

static void run_close(struct run *run) {
    free(run->model);
    free(run->rows.row);
    bed_close(&run->bed);
}

static void run_record(struct run *run, const char *text, int64_t time_ms, unsigned source) {
    struct governed record;
    record_of(&run->bed, text, &record);
    record.source = (uint16_t)source;
    record.time_ms = time_ms;
    if (record.record_count > GOVERN_RECORDS_MAX || record.claim_count > CLAIMS_MAX)
        return;
    identity_hash_claims(&record);
    identity_prefetch(run->bed.identity, &record);
    if (!identity_resolve(run->bed.identity, &record, ++run->bed.position, 1, &run->bed.last)) {
        model_see(run->model, &record);
        row_add(&run->rows, &run->bed.last);
        assert_int_equal(identity_customer(run->bed.identity, run->bed.last.arrival).number,
                         run->bed.last.customer.number);
    }
}

static void take_member(void *context, struct identifier_id identifier, unsigned part) {
    struct run *run = context;
    struct model_decision *d = &run->model->decisions[run->model->decision_count];
    uint16_t space = identity_namespace(run->bed.identity, identifier);
    d->identifiers[d->count] = model_find(run->model, space, identity_value(run->bed.identity, identifier));
    d->parts[d->count++] = part;
}

static void take_one(void *context, struct identifier_id identifier) {
    struct entries_of {
        struct identifier_id of[8];
        size_t count;
    } *some = context;
    if (some->count < 8)
        some->of[some->count++] = identifier;
}

/* Takes a decision at random; returns its number, 0 where it was refused. */
static uint64_t run_decide(struct run *run) {
    struct {
        struct identifier_id of[8];
        size_t count;
    } some = {0};
    const struct identity *identity = run->bed.identity;
    uint32_t customers = chunks_count(&identity->customers);
    struct decision d = {.kind = (enum decision_kind)random_below(&run->random, 4),
                         .customer = {1 + (uint32_t)random_below(&run->random, customers)},
                         .other = {1 + (uint32_t)random_below(&run->random, customers)},
                         .entry = 1 + random_below(&run->random, chunks_count(&identity->journal) + 1),
                         .time_ms = 0};
    identity_identifiers(identity, d.customer, 8, take_one, &some);
    d.identifiers = some.of + some.count / 2;
    d.identifier_count = some.count - some.count / 2;
    uint64_t number;
    struct fault fault = {0};
    struct resolution preview;
    enum status previewed = identity_preview(identity, &d, &preview, &fault);
    enum status status =
        identity_decide(run->bed.identity, &d, ++run->bed.position, 5, 1, &run->bed.last, &number, &fault);
    assert_int_equal(status, previewed);
    if (status) {
        assert_true(fault.text[0]);
        return 0;
    }
    assert_int_equal(preview.merge_count, run->bed.last.merge_count);
    assert_int_equal(preview.move_count, run->bed.last.move_count);
    resolution_release(&preview);
    rows_apply(&run->rows, &run->bed.last);
    struct model_decision *own = &run->model->decisions[run->model->decision_count];
    *own = (struct model_decision){.merge = d.kind == DECISION_MERGE};
    identity_decision_identifiers(run->bed.identity, number, take_member, run);
    run->model->decision_count++;
    return number;
}

static void run_undo(struct run *run, uint64_t number) {
    struct decision d = {.kind = DECISION_UNDO, .entry = number};
    uint64_t own;
    struct fault fault = {0};
    assert_int_equal(identity_decide(run->bed.identity, &d, ++run->bed.position, 5, 1, &run->bed.last, &own, &fault),
                     STATUS_OK);
    rows_apply(&run->rows, &run->bed.last);
}

static void run_check(struct run *run) {
    same_partition(run->bed.identity, run->model);
    rows_follow(run->bed.identity, &run->rows);
}

#define RECORDS_MAX 1000
#define TEXT_BYTES 600

/* A record at random: new, one that came before, or that with others' identifiers beside its own. */
static void next_text(struct run *run, char (*texts)[TEXT_BYTES], unsigned i, unsigned pool, char *out, size_t size) {
    random_text(&run->random, texts[i], TEXT_BYTES, pool);
    snprintf(out, size, "%s", texts[i]);
    if (i == 0 || !random_chance(&run->random, 0.3))
        return;
    const char *before = texts[random_below(&run->random, i)];
    bool beside = random_chance(&run->random, 0.5) && strlen(before) < 200 && strlen(texts[i]) < 100;
    snprintf(out, size, "%s%s%s", before, beside && before[0] ? " " : "", beside ? texts[i] : "");
}

static void run_differential(uint64_t seed, unsigned records, unsigned pool) {
    struct run run;
    char text[4096];
    char(*texts)[TEXT_BYTES] = memory_get(RECORDS_MAX, sizeof *texts);
    assert(records <= RECORDS_MAX);
    run_open(&run, seed);
    for (unsigned i = 0; i < records; i++) {
        next_text(&run, texts, i, pool, text, sizeof text);
        run_record(&run, text, (int64_t)random_below(&run.random, 50) * 700, (unsigned)random_below(&run.random, 3));
        if (i % 61 == 60)
            run_check(&run);
        if (i % 211 == 210) {
            reload(&run.bed);
            run_check(&run);
        }
        if (i % 53 == 52 && run.model->decision_count < MODEL_DECISIONS_MAX - 2 && run_decide(&run)) {
            run_check(&run);
            if (random_chance(&run.random, 0.5)) {
                run.model->decisions[run.model->decision_count - 1].undone = true;
                run_undo(&run, chunks_count(&run.bed.identity->decisions));
                memset(&run.model->decisions[run.model->decision_count], 0, sizeof *run.model->decisions);
                run.model->decision_count++; /* the undo has a number too */
                run_check(&run);
            }
        }
    }
    run_check(&run);
    run_close(&run);
    free(texts);
}

static void test_differential(void **state) {
    (void)state;
    const char *asked = getenv("IDENTITY_SEED"), *times = getenv("IDENTITY_RUNS");
    unsigned runs = times ? (unsigned)atoi(times) : 6;
    for (unsigned run = 0; run < runs; run++) {
        uint64_t seed = asked ? strtoull(asked, NULL, 0) + run : 20261121 + run;
        unsigned pool = 6u << (seed % 7);
        print_message("seed %llu, pool %u\n", (unsigned long long)seed, pool);
        run_differential(seed, 250, pool);
    }
}

/* Where nothing contradicts (no unique namespace, no limit reached), order changes numbers but not who is with whom. */
static void test_order_does_not_matter_without_conflicts(void **state) {
    (void)state;
    enum { COUNT = 150, VALUES = 120 };
    struct random random;
    char texts[COUNT][64], value[16];
    random_init(&random, 5);
    for (int i = 0; i < COUNT; i++)
        snprintf(texts[i], sizeof texts[i], "anonymous_id=v%u device_id=v%u order_id=v%u",
                 (unsigned)random_below(&random, VALUES), (unsigned)random_below(&random, VALUES),
                 (unsigned)random_below(&random, VALUES * 3));
    uint32_t first[VALUES] = {0};
    for (int run = 0; run < 10; run++) {
        struct bed bed;
        bed_open(&bed);
        for (int i = 0; i < COUNT; i++)
            see(&bed, texts[i]);
        for (unsigned i = 0; i < VALUES; i++) { /* a customer's name: its smallest anonymous_id, plus one */
            uint32_t smallest = 0;
            snprintf(value, sizeof value, "v%u", i);
            uint32_t own = owner_of(&bed, "anonymous_id", value);
            for (unsigned j = 0; own && !smallest; j++) {
                snprintf(value, sizeof value, "v%u", j);
                smallest = owner_of(&bed, "anonymous_id", value) == own ? j + 1 : 0;
            }
            assert_true(run == 0 || smallest == first[i]);
            first[i] = smallest;
        }
        for (int i = COUNT - 1; i > 0; i--) { /* another order */
            char swap[64];
            int j = (int)random_below(&random, (uint64_t)i + 1);
            memcpy(swap, texts[i], sizeof swap);
            memcpy(texts[i], texts[j], sizeof swap);
            memcpy(texts[j], swap, sizeof swap);
        }
        assert_int_equal(counters(&bed).conflicts + counters(&bed).limited + counters(&bed).moved, 0);
        bed_close(&bed);
    }
}

/* --- saving --- */

/* Every call of the system that can fail, fails once: an error comes out, and the image before stays whole. */
static void test_failing_disk(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    struct os_sim *sim = os_sim_create(3);
    identity_free(bed.identity);
    bed.identity = identity_create(os_sim_os(sim), bed.dictionary);
    see(&bed, "user_id=u1 anonymous_id=a");
    struct identity_image *image = identity_freeze(bed.identity);
    assert_int_equal(identity_write(image, "/image", NULL), STATUS_OK);
    identity_image_free(image);
    see(&bed, "user_id=u2 anonymous_id=a");
    unsigned failed = 0;
    for (uint64_t n = 1;; n++) {
        struct fault fault = {0};
        image = identity_freeze(bed.identity);
        os_sim_fail_call(sim, n, STATUS_IO);
        enum status status = identity_write(image, "/image", &fault);
        os_sim_fail_call(sim, 0, STATUS_OK);
        identity_image_free(image);
        if (status == STATUS_OK)
            break;
        failed++;
        assert_true(fault.text[0]);
        struct identity *old = identity_create(os_sim_os(sim), bed.dictionary);
        assert_int_equal(identity_load(old, "/image", NULL), STATUS_OK);
        identity_free(old);
    }
    assert_true(failed > 3);
    identity_free(bed.identity);
    bed.identity = NULL;
    os_sim_free(sim);
    bed_close(&bed);
}

static void test_freeze_is_one_instant(void **state) {
    (void)state;
    struct bed bed;
    char path[64], text[64];
    struct fault fault = {0};
    bed_open(&bed);
    saved_path(path, sizeof path);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "user_id=u%u anonymous_id=a%u", i, i);
        see(&bed, text);
    }
    struct identity_counters before = counters(&bed);
    struct identity_image *image = identity_freeze(bed.identity);
    for (unsigned i = 0; i < 200; i++) { /* devices move on, twice; newcomers get some; customers merge */
        snprintf(text, sizeof text, "user_id=u%u anonymous_id=a%u", (i + 1) % 200, i);
        see(&bed, text);
        snprintf(text, sizeof text, "user_id=new%u anonymous_id=a%u", i, i);
        see(&bed, text);
        snprintf(text, sizeof text, "user_id=u%u member_id=m%u", i, i);
        see(&bed, text);
    }
    assert_int_equal(identity_write(image, path, &fault), STATUS_OK);
    identity_image_free(image);
    identity_free(bed.identity);
    bed.identity = NULL;
    bed.identity = load(&bed, path);
    struct identity_counters after = counters(&bed);
    before.memory_bytes = after.memory_bytes;
    assert_memory_equal(&before, &after, sizeof before);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "a%u", i);
        assert_int_equal(owner_of(&bed, "anonymous_id", text), i + 1);
    }
    unlink(path);
    bed_close(&bed);
}

/* Writes the image again with one section changed by `change`, and loads it. */
static enum status load_changed(struct bed *bed, const char *name, void (*change)(struct buffer *section)) {
    static const char *names[] = {"identity.head",    "identity.identifiers", "identity.values",
                                  "identity.owners",  "identity.customers",   "identity.edges",
                                  "identity.journal", "identity.decisions",   "identity.members"};
    char path[64], other[80];
    struct image *image;
    struct image_writer *writer;
    struct fault fault = {0};
    saved_path(path, sizeof path);
    snprintf(other, sizeof other, "%s.changed", path);
    assert_int_equal(image_open(os_real(), path, &image, &fault), STATUS_OK);
    assert_int_equal(image_create(os_real(), other, &writer, &fault), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct slice section;
        struct buffer copy = {0};
        assert_int_equal(image_find(image, names[i], true, &section, &fault), STATUS_OK);
        buffer_add_slice(&copy, section);
        if (strcmp(names[i], name) == 0)
            change(&copy);
        assert_int_equal(image_add(writer, names[i], copy.data, copy.size, &fault), STATUS_OK);
        buffer_release(&copy);
    }
    assert_int_equal(image_finish(writer, NULL, &fault), STATUS_OK);
    image_close(image);
    struct identity *fresh = identity_create(os_real(), bed->dictionary);
    enum status status = identity_load(fresh, other, &fault);
    assert_true(status == STATUS_OK || fault.text[0]);
    identity_free(fresh);
    unlink(other);
    return status;
}

static void put32(struct buffer *b, size_t at, uint32_t value) { memcpy(b->data + at, &value, sizeof value); }
static void change_nothing(struct buffer *b) { (void)b; }
static void change_version(struct buffer *b) { put32(b, 0, 4); }
static void change_version_before(struct buffer *b) { put32(b, 0, 2); }
static void change_count(struct buffer *b) { put32(b, 4, 1); }
static void change_cut(struct buffer *b) { b->size -= 4; }
static void change_namespace(struct buffer *b) { put32(b, 8, 0x00010000u | 60000u); }
static void change_value_bytes(struct buffer *b) { put32(b, 8, 0x04000000u | 1u); }
static void change_same_value(struct buffer *b) { memcpy(b->data, "u2", 2); }
static void change_owner_high(struct buffer *b) { put32(b, 4, 1000); }
static void change_redirect_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_redirect_self(struct buffer *b) { put32(b, 0, 1); }
static void change_redirect_ring(struct buffer *b) {
    put32(b, 0, 2);
    put32(b, 12, 1);
}
static void change_edge_self(struct buffer *b) { memcpy(b->data, b->data + 4, 4); }
static void change_edge_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_mark(struct buffer *b) { b->data[8] = 2; }
static void change_state(struct buffer *b) { b->data[9] = 3; }
static void change_decision(struct buffer *b) { b->data[46] = 9; }
static void change_member_count(struct buffer *b) { b->data[40] ^= 1; }
static void change_member(struct buffer *b) { put32(b, 0, 1000); }
static void change_entry_kind(struct buffer *b) { put32(b, 36, JOURNAL_KIND_MAX + 1); }
static void change_entry_winner(struct buffer *b) { put32(b, 16, 0); }
static void change_entry_weak(struct buffer *b) { put32(b, 28, 1000); }

static void test_damaged_images(void **state) {
    (void)state;
    struct bed bed;
    char path[64];
    bed_open(&bed);
    saved_path(path, sizeof path);
    see(&bed, "user_id=u1 anonymous_id=a phone=+8613912345678");
    see(&bed, "user_id=u2 anonymous_id=a");
    see(&bed, "user_id=u2 phone=+8613912345678");
    see(&bed, "email=a@b.cn order_id=o");
    see(&bed, "user_id=u2 email=a@b.cn user_id=null");
    see(&bed, "user_id=u1 order_id=o1");
    struct decision split = {.kind = DECISION_SPLIT_IDENTIFIERS,
                             .customer = {owner_of(&bed, "user_id", "u1")},
                             .identifiers = &(struct identifier_id){number_of(&bed, "phone", "+8613912345678")},
                             .identifier_count = 1};
    uint64_t number;
    assert_int_equal(identity_decide(bed.identity, &split, 90, 1, 1, &bed.last, &number, NULL), STATUS_OK);
    struct identity_image *image = identity_freeze(bed.identity);
    assert_int_equal(identity_write(image, path, NULL), STATUS_OK);
    identity_image_free(image);
    static const struct {
        const char *section;
        void (*change)(struct buffer *section);
    } changes[] = {{"identity.head", change_version},
                   {"identity.head", change_version_before},
                   {"identity.head", change_count},
                   {"identity.head", change_cut},
                   {"identity.identifiers", change_namespace},
                   {"identity.identifiers", change_value_bytes},
                   {"identity.values", change_cut},
                   {"identity.values", change_same_value},
                   {"identity.owners", change_owner_high},
                   {"identity.customers", change_redirect_high},
                   {"identity.customers", change_redirect_self},
                   {"identity.customers", change_redirect_ring},
                   {"identity.edges", change_edge_self},
                   {"identity.edges", change_edge_high},
                   {"identity.customers", change_mark},
                   {"identity.customers", change_state},
                   {"identity.decisions", change_decision},
                   {"identity.decisions", change_member_count},
                   {"identity.members", change_member},
                   {"identity.journal", change_entry_kind},
                   {"identity.journal", change_entry_winner},
                   {"identity.journal", change_entry_weak}};
    assert_int_equal(load_changed(&bed, "", change_nothing), STATUS_OK);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (load_changed(&bed, changes[i].section, changes[i].change) != STATUS_DAMAGED)
            fail_msg("change %zu of %s was not seen", i, changes[i].section);
    unlink(path);
    struct identity *fresh = identity_create(os_real(), bed.dictionary);
    assert_int_equal(identity_load(fresh, path, NULL), STATUS_NOT_FOUND);
    identity_free(fresh);
    bed_close(&bed);
}

/* --- readers beside the fold --- */

#define RECORDS 4000
#define PEOPLE 300
#define ROUNDS 300 /* of each reader, at least, while records come */

struct readers {
    struct bed *bed;
    struct identity_image *image;
    _Atomic bool done;
    _Atomic unsigned rounds;
    uint64_t checksum;
};

static void read_identifier(void *context, struct identifier_id identifier) {
    *(uint64_t *)context += identifier.number;
}
static void read_entry(void *context, const struct journal_entry *entry) { *(uint64_t *)context += entry->position; }
static void read_edge(void *context, const struct edge *edge) { *(uint64_t *)context += edge->b.number; }

static void *reader(void *context) {
    struct readers *r = context;
    const struct identity *identity = r->bed->identity;
    struct random random;
    struct identifier_id path[6];
    uint16_t device = ns(r->bed, "anonymous_id");
    char value[32];
    random_init(&random, 7);
    while (!atomic_load(&r->done)) {
        snprintf(value, sizeof value, "a%u", (unsigned)random_below(&random, PEOPLE));
        struct identifier_id id = identity_find(identity, device, slice_text(value));
        if (!id.number)
            continue;
        struct customer_id customer = identity_customer(identity, id);
        if (!customer.number || !slice_is(identity_value(identity, id), value))
            abort();
        identity_identifiers(identity, customer, 100, read_identifier, &r->checksum);
        identity_journal(identity, customer, 100, read_entry, &r->checksum);
        identity_edges(identity, id, 10, read_edge, &r->checksum);
        r->checksum += identity_explain(identity, id, (struct identifier_id){1}, path, 6);
        struct identity_counters all;
        identity_counters_read(identity, &all);
        uint64_t bits[8];
        identity_population(identity, 0, 8, bits);
        r->checksum += bits[0] + all.customers + identity_redirect(identity, (struct customer_id){1}).number;
        atomic_fetch_add(&r->rounds, 1);
    }
    return NULL;
}

static void *save(void *context) {
    struct readers *r = context;
    char path[64];
    saved_path(path, sizeof path);
    if (identity_write(r->image, path, NULL) != STATUS_OK)
        abort();
    identity_image_free(r->image);
    return NULL;
}

static void test_readers_beside_the_fold(void **state) {
    (void)state;
    struct bed bed;
    struct random random;
    pthread_t threads[3];
    char text[128], path[64];
    bed_open(&bed);
    random_init(&random, 11);
    struct readers r[3] = {{.bed = &bed}, {.bed = &bed}, {.bed = &bed}};
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &r[i]), 0);
    for (unsigned i = 0; i < RECORDS || atomic_load(&r[0].rounds) < ROUNDS || atomic_load(&r[1].rounds) < ROUNDS; i++) {
        unsigned who = (unsigned)random_below(&random, PEOPLE);
        snprintf(text, sizeof text,
                 i % 3 ? "user_id=u%u anonymous_id=a%u order_id=o%u" : "phone=p%u anonymous_id=a%u order_id=o%u", who,
                 (unsigned)random_below(&random, PEOPLE), i);
        see(&bed, text);
        if (i == RECORDS / 2) {
            r[2].image = identity_freeze(bed.identity);
            assert_int_equal(pthread_create(&threads[2], NULL, save, &r[2]), 0);
        }
    }
    pthread_join(threads[2], NULL);
    for (unsigned i = 0; i < 2; i++) {
        atomic_store(&r[i].done, true);
        pthread_join(threads[i], NULL);
    }
    saved_path(path, sizeof path);
    identity_free(load(&bed, path));
    unlink(path);
    assert_true(counters(&bed).moved > 100);
    bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differential),   cmocka_unit_test(test_order_does_not_matter_without_conflicts),
        cmocka_unit_test(test_failing_disk),   cmocka_unit_test(test_freeze_is_one_instant),
        cmocka_unit_test(test_damaged_images), cmocka_unit_test(test_readers_beside_the_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
