/* seen_test: the set against a plain array of flags, through seals, merges, checkpoints and crashes, on one thread and
 * with the background beside; and what a damaged or missing file does. */
#include "history/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "os/image.h"
#include "os/os_sim.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)

/* The system that most tests run on: the simulated one, as a sync costs nothing there. */
static struct os_sim *sim;
static struct os *world;
static char folder[64], runs_folder[96], save_path[96];

static void name_paths(void) {
    snprintf(runs_folder, sizeof runs_folder, "%s/seen", folder);
    snprintf(save_path, sizeof save_path, "%s/seen.img", folder);
}

static int make_simulated(void **state) {
    (void)state;
    sim = os_sim_create(1);
    world = os_sim_os(sim);
    snprintf(folder, sizeof folder, "/data");
    name_paths();
    return 0;
}

static int free_simulated(void **state) {
    (void)state;
    os_sim_free(sim);
    return 0;
}

static void remove_name(void *context, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    MUST(os_remove(world, path, NULL));
}

static int make_folder(void **state) {
    (void)state;
    world = os_real();
    snprintf(folder, sizeof folder, "/tmp/seen_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    name_paths();
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    MUST(os_list(world, runs_folder, remove_name, runs_folder, NULL));
    MUST(os_remove(world, runs_folder, NULL));
    MUST(os_list(world, folder, remove_name, folder, NULL));
    MUST(os_remove(world, folder, NULL));
    return 0;
}

static struct seen *open_seen(uint32_t fresh_max) {
    struct seen *s;
    struct fault fault = {0};
    MUST(seen_create_small(world, runs_folder, fresh_max, &s, &fault));
    return s;
}

static void compact_all(struct seen *s) {
    struct fault fault = {0};
    enum status status;
    do
        status = seen_compact(s, &fault);
    while (status == STATUS_OK);
    if (status != STATUS_END)
        print_error("%s\n", fault.text);
    assert_int_equal(status, STATUS_END);
}

static void save(struct seen *s) {
    struct fault fault = {0};
    struct seen_image *image = seen_freeze(s);
    MUST(seen_write(image, save_path, &fault));
    seen_image_free(image, true);
}

static void count_run(void *context, const char *name) {
    (void)name;
    ++*(unsigned *)context;
}

static unsigned run_files(void) {
    unsigned count = 0;
    MUST(os_list(world, runs_folder, count_run, &count, NULL));
    return count;
}

static void adds_once(void **state) {
    (void)state;
    struct seen *s = open_seen(SEEN_FRESH_MAX);
    assert_false(seen_has(s, 5));
    assert_false(seen_add(s, 5));
    assert_true(seen_add(s, 5));
    assert_true(seen_has(s, 5));
    assert_false(seen_add(s, UINT64_MAX));
    assert_true(seen_has(s, UINT64_MAX));
    assert_int_equal(seen_count(s), 2);
    assert_int_equal(run_files(), 0);
    seen_free(s);
}

/* Every size of run from one hash up, neighbours in value and far apart. */
static void every_small_run_size(void **state) {
    (void)state;
    for (uint32_t n = 1; n < 200; n += n < 40 ? 1 : 13) {
        struct seen *s = open_seen(n);
        for (uint32_t i = 1; i <= n; i++)
            assert_false(seen_add(s, i % 2 ? i : ~(uint64_t)i));
        compact_all(s);
        assert_int_equal(run_files(), 1);
        seen_add(s, 1000000); /* picks the run up */
        for (uint32_t i = 1; i <= n + 1; i++) {
            assert_int_equal(seen_has(s, i % 2 ? i : ~(uint64_t)i), i <= n);
            assert_false(seen_has(s, i % 2 ? ~(uint64_t)i : i));
        }
        seen_free(s);
        MUST(os_list(world, runs_folder, remove_name, runs_folder, NULL));
    }
}

static void runs_stay_few(void **state) {
    (void)state;
    struct seen *s = open_seen(8);
    for (uint64_t i = 1; i <= 8 * 256; i++) {
        assert_false(seen_add(s, i));
        compact_all(s);
    }
    save(s);
    compact_all(s);
    assert_int_equal(run_files(), 1); /* 256 = 4^4: all merged into one, nothing else left */
    assert_int_equal(seen_count(s), 8 * 256);
    for (uint64_t i = 1; i <= 8 * 256; i++)
        assert_true(seen_has(s, i));
    assert_false(seen_has(s, 8 * 256 + 1));
    seen_free(s);
}

/* --- against the model --- */

#define UNIVERSE 6000

struct model {
    uint64_t seed;
    struct random random;
    struct seen *seen;
    uint32_t fresh_max;
    bool there[UNIVERSE + 1], frozen[UNIVERSE + 1], saved[UNIVERSE + 1];
    uint64_t count;
    struct seen_image *image; /* frozen, and perhaps written */
    bool written, any_saved;
};

static uint64_t hash_of(const struct model *m, uint64_t i) {
    return m->seed % 2 ? i : i * 0x9e3779b97f4a7c15u; /* dense numbers as well as spread ones */
}

static void model_add(struct model *m) {
    uint64_t i = 1 + random_below(&m->random, UNIVERSE);
    seen_prefetch(m->seen, hash_of(m, i));
    assert_int_equal(seen_has(m->seen, hash_of(m, i)), m->there[i]);
    assert_int_equal(seen_add(m->seen, hash_of(m, i)), m->there[i]);
    m->count += !m->there[i];
    m->there[i] = true;
}

static void model_check(struct model *m) {
    assert_int_equal(seen_count(m->seen), m->count);
    for (uint64_t i = 1; i <= UNIVERSE; i++)
        if (seen_has(m->seen, hash_of(m, i)) != m->there[i])
            fail_msg("number %d", (int)i);
}

static void model_freeze(struct model *m) {
    if (m->image)
        return;
    m->image = seen_freeze(m->seen);
    m->written = false;
    memcpy(m->frozen, m->there, sizeof m->there);
}

static void model_write(struct model *m) {
    struct fault fault = {0};
    if (!m->image)
        return;
    if (!m->written) {
        MUST(seen_write(m->image, save_path, &fault));
        memcpy(m->saved, m->frozen, sizeof m->saved);
        m->any_saved = m->written = true;
        if (random_chance(&m->random, 0.5))
            return; /* in force, not told so yet */
    }
    seen_image_free(m->image, true);
    m->image = NULL;
}

/* Forgets everything past the checkpoint, as a crash does. */
static void model_crash(struct model *m) {
    struct fault fault = {0};
    seen_image_free(m->image, false);
    m->image = NULL;
    seen_free(m->seen);
    m->seen = open_seen(m->fresh_max);
    if (m->any_saved)
        MUST(seen_load(m->seen, save_path, &fault));
    else
        memset(m->saved, 0, sizeof m->saved);
    memcpy(m->there, m->saved, sizeof m->there);
    m->count = 0;
    for (uint64_t i = 1; i <= UNIVERSE; i++)
        m->count += m->there[i];
    model_check(m);
}

static void model_step(struct model *m) {
    struct fault fault = {0};
    uint64_t what = random_below(&m->random, 1000);
    if (what < 30) {
        enum status status = seen_compact(m->seen, &fault);
        assert_true(status == STATUS_OK || status == STATUS_END);
    } else if (what < 35) {
        model_freeze(m);
    } else if (what < 42) {
        model_write(m);
    } else if (what < 44) {
        model_crash(m);
    } else {
        model_add(m);
    }
}

static void same_as_model(void **state) {
    (void)state;
    struct model *m = memory_get(1, sizeof *m);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        *m = (struct model){.seed = seed, .fresh_max = (uint32_t)(8 + 2 * seed * seed)};
        random_init(&m->random, seed);
        print_message("seed %d\n", (int)seed);
        m->seen = open_seen(m->fresh_max);
        for (int step = 0; step < 3000; step++)
            model_step(m);
        model_check(m);
        compact_all(m->seen);
        model_check(m);
        model_crash(m);
        seen_free(m->seen);
        MUST(os_list(world, runs_folder, remove_name, runs_folder, NULL));
    }
    free(m);
}

/* --- files --- */

static void files_stay_while_named(void **state) {
    (void)state;
    struct fault fault = {0};
    struct seen *s = open_seen(16);
    for (uint64_t i = 1; i <= 16 * 3; i++)
        seen_add(s, i);
    compact_all(s);
    save(s);
    assert_int_equal(run_files(), 3);
    for (uint64_t i = 1; i <= 16 * 5; i++)
        seen_add(s, i);
    compact_all(s); /* merges all five; the checkpoint names three of the sources */
    seen_add(s, 1000);
    compact_all(s);
    assert_int_equal(run_files(), 3 + 1);
    struct seen_image *image = seen_freeze(s);
    seen_image_free(image, false); /* given up: changes nothing */
    compact_all(s);
    assert_int_equal(run_files(), 3 + 1);
    seen_free(s);

    s = open_seen(16); /* a crash: back to the checkpoint, the merged run is a leftover */
    MUST(seen_load(s, save_path, &fault));
    assert_int_equal(run_files(), 3);
    assert_int_equal(seen_count(s), 48);
    assert_false(seen_has(s, 49));
    for (uint64_t i = 49; i <= 16 * 5; i++)
        assert_false(seen_add(s, i));
    compact_all(s);
    save(s);
    compact_all(s);
    assert_int_equal(run_files(), 1);
    seen_free(s);
}

static void missing_files_are_named(void **state) {
    (void)state;
    struct fault fault = {0};
    struct seen *s = open_seen(4);
    assert_int_equal(seen_load(s, "/tmp/no such folder/x", &fault), STATUS_NOT_FOUND);
    seen_free(s);
    s = open_seen(4);
    for (uint64_t i = 1; i <= 10; i++)
        seen_add(s, i);
    compact_all(s);
    save(s);
    seen_free(s);
    MUST(os_list(world, runs_folder, remove_name, runs_folder, NULL));
    s = open_seen(4);
    assert_int_equal(seen_load(s, save_path, &fault), STATUS_DAMAGED);
    assert_non_null(strstr(fault.text, "missing"));
    seen_free(s);
}

/* Overwrites the file at `path`, copying `name` out of the runs folder; used to change one byte. */
static void first_run(void *context, const char *name) {
    char *path = context;
    if (!path[0])
        snprintf(path, 256, "%s/%s", runs_folder, name);
}

/* Loading, then reading the keys: what a changed byte leads to. */
static enum status load_and_read(void) {
    struct fault fault = {0};
    struct seen *s = open_seen(64);
    enum status status = seen_load(s, save_path, &fault);
    while (status == STATUS_OK)
        status = seen_compact(s, &fault);
    seen_free(s);
    return status;
}

static void changed_bytes_are_found(void **state) {
    (void)state;
    struct fault fault = {0};
    struct seen *s = open_seen(64);
    char path[256] = "";
    struct buffer whole = {0};
    for (uint64_t i = 1; i <= 64; i++)
        seen_add(s, i);
    compact_all(s);
    save(s);
    seen_free(s);
    assert_int_equal(load_and_read(), STATUS_END);
    MUST(os_list(world, runs_folder, first_run, path, NULL));
    MUST(os_read_file(world, path, &whole, &fault));
    unsigned found = 0;
    for (size_t i = 0; i < whole.size; i += 3) {
        whole.data[i] ^= 0x10;
        MUST(os_write_file(world, path, buffer_slice(&whole), &fault));
        enum status status = load_and_read();
        assert_true(status == STATUS_END || status == STATUS_DAMAGED);
        found += status == STATUS_DAMAGED;
        whole.data[i] ^= 0x10;
    }
    assert_true(found > whole.size / 3 * 8 / 10); /* the rest is padding between sections */
    buffer_release(&whole);
}

struct head { /* as docs/formats/seen.md has it */
    uint32_t version, fence_bits, width, reserved;
    uint64_t count, filter_words, sequence;
};

static void write_run(const struct head *head, const uint32_t *fence, const uint64_t *keys) {
    struct image_writer *w;
    struct fault fault = {0};
    char path[256];
    uint64_t filter[2] = {~0ull, ~0ull};
    snprintf(path, sizeof path, "%s/000000000001.run", runs_folder);
    MUST(image_create(world, path, &w, &fault));
    MUST(image_add(w, "head", head, sizeof *head, &fault));
    MUST(image_add(w, "filter", filter, 8, &fault));
    MUST(image_add(w, "fence", fence, 12, &fault));
    MUST(image_add(w, "keys", keys, 16, &fault));
    MUST(image_finish(w, NULL, &fault));
}

/* Checksums right, content wrong. */
static void senseless_heads_are_refused(void **state) {
    (void)state;
    struct seen *s = open_seen(2);
    seen_add(s, 1), seen_add(s, 2);
    compact_all(s);
    save(s);
    seen_free(s);
    const struct head good = {1, 1, 8, 0, 2, 1, 1};
    const uint32_t fence[3] = {0, 1, 2}, falling[3] = {0, 3, 2}, late[3] = {1, 1, 2}, shorter[3] = {0, 1, 1};
    const uint64_t keys[2] = {5, 1ull << 63 | 5};
    write_run(&good, fence, keys);
    assert_int_equal(load_and_read(), STATUS_END);
    for (int field = 0; field < 6; field++) {
        struct head bad = good;
        bad.version += field == 0;
        bad.fence_bits += field == 1;
        bad.width -= field == 2;
        bad.count += field == 3;
        bad.filter_words += field == 4;
        bad.sequence += field == 5;
        write_run(&bad, fence, keys);
        assert_int_equal(load_and_read(), STATUS_DAMAGED);
    }
    write_run(&good, falling, keys);
    assert_int_equal(load_and_read(), STATUS_DAMAGED);
    write_run(&good, late, keys);
    assert_int_equal(load_and_read(), STATUS_DAMAGED);
    write_run(&good, shorter, keys);
    assert_int_equal(load_and_read(), STATUS_DAMAGED);
}

/* --- on the simulated system: every call fails once, the power goes at every call --- */

#define LAST 41

struct trial {
    struct os_sim *sim;
    struct seen *seen;
    uint64_t added;        /* 1..added are in */
    uint64_t saved, tried; /* the checkpoint holds 1..saved, or 1..tried where writing it broke off */
};

static enum status trial_open(struct trial *t) {
    struct fault fault = {0};
    enum status status = seen_create_small(os_sim_os(t->sim), "/data/seen", 3, &t->seen, &fault);
    if (status)
        return status;
    status = seen_load(t->seen, "/data/seen.img", &fault);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        seen_free(t->seen);
        return status;
    }
    return STATUS_OK;
}

static enum status trial_save(struct trial *t) {
    struct fault fault = {0};
    struct seen_image *image = seen_freeze(t->seen);
    t->tried = t->added;
    enum status status = seen_write(image, "/data/seen.img", &fault);
    if (status == STATUS_OK)
        t->saved = t->tried;
    seen_image_free(image, status == STATUS_OK);
    return status;
}

/* Goes on from where it is to the end, trying again what failed; stops when the system is down. */
static void trial_run(struct trial *t) {
    struct fault fault = {0};
    while (t->added < LAST && !os_sim_down(t->sim)) {
        assert_false(seen_add(t->seen, ++t->added));
        assert_true(seen_has(t->seen, 1 + t->added / 2));
        for (int i = 0; i < 2 && !os_sim_down(t->sim); i++) {
            enum status status = seen_compact(t->seen, &fault);
            assert_int_not_equal(status, STATUS_DAMAGED);
        }
        if (t->added % 8 == 0 && !os_sim_down(t->sim) && trial_save(t) && !os_sim_down(t->sim))
            MUST(trial_save(t));
    }
}

static void trial_check(struct trial *t, uint64_t last) {
    assert_int_equal(seen_count(t->seen), last);
    for (uint64_t i = 1; i <= LAST + 1; i++)
        assert_int_equal(seen_has(t->seen, i), i <= last);
}

static void count_name(void *context, const char *name) {
    (void)name;
    ++*(unsigned *)context;
}

/* Restarts, checks what is there, goes on to the end, restarts again. */
static void trial_finish(struct trial *t) {
    unsigned files = 0;
    seen_free(t->seen);
    os_sim_restart(t->sim);
    MUST(trial_open(t));
    uint64_t last = seen_count(t->seen);
    assert_true(last == t->saved || last == t->tried);
    trial_check(t, last);
    t->added = t->saved = last;
    trial_run(t);
    MUST(trial_save(t));
    compact_all(t->seen);
    trial_check(t, LAST);
    MUST(trial_save(t));
    seen_free(t->seen);
    MUST(trial_open(t));
    trial_check(t, LAST);
    MUST(os_list(os_sim_os(t->sim), "/data/seen", count_name, &files, NULL));
    assert_true(files <= 6); /* nothing left over: at most three runs of each of two sizes */
    seen_free(t->seen);
}

static void no_failure_loses_any(bool power) {
    uint64_t calls = 1;
    for (uint64_t k = 1; k <= calls; k++) {
        struct trial t = {.sim = os_sim_create(k)};
        MUST(trial_open(&t));
        uint64_t before = os_sim_calls(t.sim);
        if (power)
            os_sim_lose_power_at(t.sim, k);
        else
            os_sim_fail_call(t.sim, k, k % 2 ? STATUS_IO : STATUS_DISK_FULL);
        trial_run(&t);
        if (k == 1 && !power)
            print_message("%d calls\n", (int)(os_sim_calls(t.sim) - before));
        if (os_sim_calls(t.sim) - before >= k)
            calls = k + 1;
        os_sim_lose_power_at(t.sim, 0);
        os_sim_fail_call(t.sim, 0, STATUS_OK);
        trial_finish(&t);
        os_sim_free(t.sim);
    }
    print_message("%d points\n", (int)calls);
    assert_true(calls > 100);
}

static void power_loss_at_every_call(void **state) {
    (void)state;
    no_failure_loses_any(true);
}

static void failure_of_every_call(void **state) {
    (void)state;
    no_failure_loses_any(false);
}

/* --- two threads --- */

struct background {
    struct seen *seen;
    _Atomic bool stop;
    _Atomic(struct seen_image *) image;
};

static void *work_behind(void *context) {
    struct background *b = context;
    struct fault fault = {0};
    while (!atomic_load(&b->stop)) {
        enum status status = seen_compact(b->seen, &fault);
        if (status != STATUS_OK && status != STATUS_END)
            return b;
        struct seen_image *image = atomic_exchange(&b->image, NULL);
        if (image && seen_write(image, save_path, &fault))
            return b;
        seen_image_free(image, true);
    }
    return NULL;
}

static void background_beside(void **state) {
    (void)state;
    enum { count = 60000, fresh = 500 };
    struct fault fault = {0};
    struct background b = {.seen = open_seen(fresh)};
    pthread_t thread;
    void *failed;
    uint64_t frozen = 0;
    assert_int_equal(pthread_create(&thread, NULL, work_behind, &b), 0);
    for (uint64_t i = 1; i <= count; i++) {
        if (seen_add(b.seen, i) || !seen_add(b.seen, i) || !seen_has(b.seen, 1 + i * 7919 % i))
            fail_msg("wrong at %llu", (unsigned long long)i);
        if (i % 5000 == 0 && !atomic_load(&b.image)) {
            atomic_store(&b.image, seen_freeze(b.seen));
            frozen = i;
        }
    }
    while (atomic_load(&b.image)) {
    }
    atomic_store(&b.stop, true);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    compact_all(b.seen);
    assert_int_equal(seen_count(b.seen), count);
    seen_free(b.seen);
    b.seen = open_seen(fresh);
    MUST(seen_load(b.seen, save_path, &fault));
    assert_int_equal(seen_count(b.seen), frozen);
    for (uint64_t i = 1; i <= count; i++)
        assert_int_equal(seen_has(b.seen, i), i <= frozen);
    seen_free(b.seen);
}

#define SIMULATED(test) cmocka_unit_test_setup_teardown(test, make_simulated, free_simulated)
#define REAL(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        SIMULATED(adds_once),
        REAL(adds_once),
        SIMULATED(every_small_run_size),
        SIMULATED(runs_stay_few),
        SIMULATED(same_as_model),
        SIMULATED(files_stay_while_named),
        SIMULATED(missing_files_are_named),
        SIMULATED(changed_bytes_are_found),
        SIMULATED(senseless_heads_are_refused),
        cmocka_unit_test(power_loss_at_every_call),
        cmocka_unit_test(failure_of_every_call),
        REAL(background_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
