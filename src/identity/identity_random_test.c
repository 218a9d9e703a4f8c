/* Tests of identity at large: random histories held to identity_model, the damage a saved image may have, and readers beside
 * the fold (build with -fsanitize=thread to make that one mean most). */
#include "identity/identity_bed.h"

#include "base/random.h"
#include "identity/identity_model.h"
#include "identity/identity_store.h"
#include "os/image.h"
#include "os/os_sim.h"

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

static void same_resolution(const struct resolution *a, const struct resolution *b) {
    assert_int_equal(a->customer.number, b->customer.number);
    assert_int_equal(a->arrival.number, b->arrival.number);
    assert_int_equal(a->created, b->created);
    assert_int_equal(a->merge_count, b->merge_count);
    assert_memory_equal(a->documents, b->documents, sizeof a->documents);
    assert_memory_equal(a->merges, b->merges, a->merge_count * sizeof *a->merges);
}

static void same_entry(const struct journal_entry *a, const struct journal_entry *b) {
    assert_int_equal(a->position, b->position);
    assert_int_equal(a->received_ms, b->received_ms);
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->winner.number, b->winner.number);
    assert_int_equal(a->loser.number, b->loser.number);
    assert_int_equal(a->strong.number, b->strong.number);
    assert_int_equal(a->weak.number, b->weak.number);
    assert_int_equal(a->namespace_number, b->namespace_number);
}

struct model_walk {
    const struct model *model;
    uint32_t customer, at, seen;
};

static void next_entry(void *context, const struct journal_entry *entry) {
    struct model_walk *walk = context;
    same_entry(entry, &walk->model->journal[walk->at++]);
}
/* The model's next entry that concerns the customer. */
static bool concerns(const struct model *m, const struct journal_entry *e, uint32_t customer) {
    return model_redirect(m, e->winner.number) == customer ||
           (e->loser.number && model_redirect(m, e->loser.number) == customer);
}
static void next_own_entry(void *context, const struct journal_entry *entry) {
    struct model_walk *walk = context;
    while (walk->at < walk->model->journal_count &&
           !concerns(walk->model, &walk->model->journal[walk->at], walk->customer))
        walk->at++;
    assert_true(walk->at < walk->model->journal_count);
    same_entry(entry, &walk->model->journal[walk->at++]);
    walk->seen++;
}
static void next_identifier(void *context, struct identifier_id identifier) {
    struct model_walk *walk = context;
    do
        walk->at++;
    while (walk->at <= walk->model->identifier_count && walk->model->identifiers[walk->at].customer != walk->customer);
    assert_int_equal(identifier.number, walk->at);
    walk->seen++;
}

static void same_customer(const struct identity *identity, const struct model *m, uint32_t customer) {
    struct model_walk walk = {.model = m, .customer = customer};
    uint32_t identifiers = 0, entries = 0;
    for (uint32_t i = 1; i <= m->identifier_count; i++)
        identifiers += m->identifiers[i].customer == customer;
    for (uint32_t i = 0; i < m->journal_count; i++)
        entries += concerns(m, &m->journal[i], customer);
    identity_identifiers(identity, (struct customer_id){customer}, SIZE_MAX, next_identifier, &walk);
    assert_int_equal(walk.seen, identifiers);
    walk = (struct model_walk){.model = m, .customer = customer};
    identity_journal(identity, (struct customer_id){customer}, SIZE_MAX, next_own_entry, &walk);
    assert_int_equal(walk.seen, entries);
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

/* Everything a reader can ask, asked of both. */
static void same_state(const struct identity *identity, const struct model *m) {
    struct identity_counters got, expected;
    identity_counters_read(identity, &got);
    model_counters(m, &expected);
    expected.memory_bytes = got.memory_bytes;
    assert_memory_equal(&got, &expected, sizeof got);
    same_population(identity, &got);
    for (uint32_t i = 1; i <= m->identifier_count; i++) {
        const struct model_identifier *own = &m->identifiers[i];
        struct slice value = slice_of(own->value, own->value_bytes);
        struct identifier_id id = identity_find(identity, own->namespace_number, value);
        assert_int_equal(id.number, i);
        assert_int_equal(identity_customer(identity, id).number, own->customer);
        assert_int_equal(identity_first_position(identity, id), own->position);
        assert_true(slice_equal(identity_value(identity, id), value));
    }
    for (uint32_t c = 1; c <= m->customer_count; c++) {
        assert_int_equal(identity_redirect(identity, (struct customer_id){c}).number, model_redirect(m, c));
        assert_int_equal(identity_is_shared(identity, (struct customer_id){c}), m->shared[c]);
        if (!m->merged_into[c])
            same_customer(identity, m, c);
    }
    struct model_walk walk = {.model = m};
    assert_int_equal(identity_journal_page(identity, 0, SIZE_MAX, next_entry, &walk), m->journal_count);
    for (uint32_t i = 1; i <= m->edge_count; i++) {
        const struct edge_entry *edge = edge_at(identity, i);
        assert_int_equal(edge->a, m->edges[i - 1].a.number);
        assert_int_equal(edge->b, m->edges[i - 1].b.number);
        assert_int_equal(edge->position, m->edges[i - 1].position);
    }
}

static void saved_path(char *out, size_t size) { snprintf(out, size, "/tmp/identity_test_%d.image", (int)getpid()); }

static struct identity *load(struct bed *bed, const char *path) {
    struct fault fault = {0};
    struct identity *fresh = identity_create(os_real(), bed->dictionary);
    identity_share_devices(fresh, bed->identity ? bed->identity->shared_devices : SHARED_DEVICE_OWN);
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

static void run_differential(uint64_t seed, unsigned records, unsigned pool, enum shared_device_policy policy) {
    struct bed bed;
    struct random random;
    struct resolution expected;
    char text[4096];
    bed_open(&bed);
    random_init(&random, seed);
    struct model *m = model_create(bed.dictionary);
    m->policy = policy;
    identity_share_devices(bed.identity, policy);
    for (unsigned i = 0; i < records; i++) {
        struct governed record;
        random_text(&random, text, 600, pool);
        record_of(&bed, text, &record);
        record.source = (uint16_t)random_below(&random, 3);
        if (record.record_count > GOVERN_RECORDS_MAX || record.claim_count > CLAIMS_MAX)
            continue;
        unsigned rows = (unsigned)random_below(&random, 3);
        identity_prefetch(bed.identity, &record);
        enum status own = identity_resolve(bed.identity, &record, i + 1, rows, &bed.last);
        assert_int_equal(own, model_resolve(m, &record, i + 1, rows, &expected));
        same_resolution(&bed.last, &expected);
        if (i % 97 == 96)
            same_state(bed.identity, m);
        if (i % 211 == 210) {
            reload(&bed);
            same_state(bed.identity, m);
        }
    }
    same_state(bed.identity, m);
    free(m);
    bed_close(&bed);
}

static void test_differential(void **state) {
    (void)state;
    const char *asked = getenv("IDENTITY_SEED"), *times = getenv("IDENTITY_RUNS");
    unsigned runs = times ? (unsigned)atoi(times) : 6;
    for (unsigned run = 0; run < runs; run++) {
        uint64_t seed = asked ? strtoull(asked, NULL, 0) + run : 20261121 + run;
        unsigned pool = 3u << (run % 8);
        enum shared_device_policy policy = run % 3 == 2 ? SHARED_DEVICE_LAST : SHARED_DEVICE_OWN;
        print_message("seed %llu, pool %u, policy %d\n", (unsigned long long)seed, pool, (int)policy);
        run_differential(seed, 400, pool, policy);
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
    static const char *names[] = {"identity.head",      "identity.identifiers", "identity.values", "identity.owners",
                                  "identity.customers", "identity.shared",      "identity.edges",  "identity.journal"};
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
static void change_version(struct buffer *b) { put32(b, 0, 3); }
static void change_version_before(struct buffer *b) { put32(b, 0, 1); }
static void change_shared_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_shared_zero(struct buffer *b) { put32(b, 0, 0); }
static void change_shared_document(struct buffer *b) { put32(b, 0, 1); }
static void change_shared_merged(struct buffer *b) { put32(b, 0, 4); }
static void change_shared_merge(struct buffer *b) { put32(b, 16, 1); }
static void change_count(struct buffer *b) { put32(b, 4, 1); }
static void change_cut(struct buffer *b) { b->size -= 4; }
static void change_namespace(struct buffer *b) { put32(b, 8, 0x00010000u | 60000u); }
static void change_value_bytes(struct buffer *b) { put32(b, 8, 0x04000000u | 1u); }
static void change_same_value(struct buffer *b) { memcpy(b->data, "u2", 2); }
static void change_owner_zero(struct buffer *b) { put32(b, 0, 0); }
static void change_owner_high(struct buffer *b) { put32(b, 4, 1000); }
static void change_redirect_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_redirect_self(struct buffer *b) { put32(b, 0, 1); }
static void change_redirect_ring(struct buffer *b) {
    put32(b, 0, 2);
    put32(b, 8, 1);
}
static void change_edge_self(struct buffer *b) { memcpy(b->data, b->data + 4, 4); }
static void change_edge_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_edge_twice(struct buffer *b) { memcpy(b->data + 16, b->data, 16); }
static void change_entry_kind(struct buffer *b) { put32(b, 36, 9); }
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
    struct identity_image *image = identity_freeze(bed.identity);
    assert_int_equal(identity_write(image, path, NULL), STATUS_OK);
    identity_image_free(image);
    static const struct {
        const char *section;
        void (*change)(struct buffer *section);
    } changes[] = {{"identity.head", change_version},
                   {"identity.head", change_version_before},
                   {"identity.shared", change_shared_high},
                   {"identity.shared", change_shared_zero},
                   {"identity.shared", change_shared_document},
                   {"identity.shared", change_shared_merged},
                   {"identity.shared", change_cut},
                   {"identity.customers", change_shared_merge},
                   {"identity.head", change_count},
                   {"identity.head", change_cut},
                   {"identity.identifiers", change_namespace},
                   {"identity.identifiers", change_value_bytes},
                   {"identity.values", change_cut},
                   {"identity.values", change_same_value},
                   {"identity.owners", change_owner_zero},
                   {"identity.owners", change_owner_high},
                   {"identity.customers", change_redirect_high},
                   {"identity.customers", change_redirect_self},
                   {"identity.customers", change_redirect_ring},
                   {"identity.edges", change_edge_self},
                   {"identity.edges", change_edge_high},
                   {"identity.edges", change_edge_twice},
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
