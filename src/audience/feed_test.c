/* feed_test: the feed against a plain array of everything ever added: through seals, checkpoints, crashes and retention; with readers on
 * threads beside; and what missing and damaged files do. */
#include "audience/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "await.h"
#include "base/time.h"
#include "os/os_sim.h"
#include "own_folder_client.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)
#define FILE_ENTRIES 64

static struct os_sim *sim;
static struct os *world;

static int make_simulated(void **state) {
    (void)state;
    sim = os_sim_create(1);
    world = os_sim_os(sim);
    return 0;
}

static int free_simulated(void **state) {
    (void)state;
    os_sim_free(sim);
    return 0;
}

/* Entry number n of a world in which position 10 + n / 3 makes three entries each, a second apart. */
static struct feed_entry entry_at(uint64_t n) {
    return (struct feed_entry){.position = 10 + n / 3,
                               .at_ms = (int64_t)(n / 3) * 1000,
                               .order = (uint32_t)(n % 3),
                               .customer = (uint32_t)(n * 7 % 11) + 1,
                               .subject = (uint32_t)(n % 5) + 1,
                               .kind = n % 2 ? FEED_LEFT : FEED_ENTERED,
                               .cause = FEED_RECORD,
                               .clauses_before = n,
                               .clauses_after = ~n};
}

static bool same(const struct feed_entry *a, const struct feed_entry *b) { return memcmp(a, b, sizeof *a) == 0; }

static struct feed *open_feed(unsigned days) {
    struct feed *feed;
    struct fault fault = {0};
    MUST(feed_create_small(world, "/feed", days, FILE_ENTRIES, &feed, &fault));
    return feed;
}

static void add_range(struct feed *feed, uint64_t from, uint64_t end) {
    for (uint64_t n = from; n < end; n++) {
        struct feed_entry entry = entry_at(n);
        feed_add(feed, &entry);
        if (n % 3 == 2)
            feed_publish(feed, entry.position);
    }
}

static enum status try_save(struct feed *feed, const char *path, int64_t now_ms) {
    struct image_writer *writer;
    enum status status = image_create(world, path, &writer, NULL);
    if (status)
        return status;
    status = feed_save(feed, writer, now_ms, NULL);
    if (!status)
        return image_finish(writer, NULL, NULL);
    image_abandon(writer);
    return status;
}

static enum status try_load(struct feed *feed, const char *path, struct fault *fault) {
    struct image *image;
    enum status status = image_open(world, path, &image, fault);
    if (status)
        return status;
    status = feed_load(feed, image, fault);
    image_close(image);
    return status;
}

static struct feed *load(const char *path, unsigned days) {
    struct fault fault = {0};
    struct feed *feed = open_feed(days);
    enum status status = try_load(feed, path, &fault);
    if (status)
        print_error("%s\n", fault.text);
    assert_int_equal(status, STATUS_OK);
    return feed;
}

/* Everything from entry `from` to `end` is read, in steps of `step`. */
static void expect_range(struct feed *feed, uint64_t from, uint64_t end, size_t step) {
    struct feed_entry got[100];
    struct feed_place after = {0};
    uint64_t n = from;
    for (size_t count; (count = feed_read(feed, after, got, step)) > 0;) {
        for (size_t i = 0; i < count; i++, n++) {
            struct feed_entry want = entry_at(n);
            assert_true(same(&want, &got[i]));
        }
        after = (struct feed_place){got[count - 1].position, got[count - 1].order};
    }
    assert_int_equal(n, end);
}

static void count_name(void *context, const char *name) {
    (void)name;
    ++*(unsigned *)context;
}

static unsigned files(void) {
    unsigned count = 0;
    MUST(os_list(world, "/feed", count_name, &count, NULL));
    return count;
}

static void reads_from_any_place(void **state) {
    (void)state;
    struct feed *feed = open_feed(0);
    struct feed_entry got[100];
    assert_int_equal(feed_read(feed, (struct feed_place){0}, got, 100), 0);
    assert_int_equal(feed_first(feed).position, 0);
    add_range(feed, 0, 600);
    MUST(try_save(feed, "/a", 0));
    assert_int_equal(files(), 600 / FILE_ENTRIES);
    add_range(feed, 600, 900);
    assert_int_equal(feed_published(feed), entry_at(899).position);
    expect_range(feed, 0, 900, 1);
    expect_range(feed, 0, 900, 100);
    for (uint64_t n = 0; n < 900; n++) {
        struct feed_entry from = entry_at(n), next = entry_at(n + 1);
        size_t count = feed_read(feed, (struct feed_place){from.position, from.order}, got, 1);
        assert_int_equal(count, n < 899);
        if (count)
            assert_true(same(&got[0], &next));
    }
    struct feed_place place;
    assert_true(feed_place_parse(SLICE("12"), &place)); /* behind the whole of position 12 */
    assert_int_equal(feed_read(feed, place, got, 1), 1);
    assert_int_equal(got[0].position, 13);
    assert_int_equal(feed_read(feed, (struct feed_place){1u << 20, 0}, got, 10), 0); /* past the end */
    feed_free(feed);
}

static void unpublished_is_unseen(void **state) {
    (void)state;
    struct feed *feed = open_feed(0);
    struct feed_entry entry = entry_at(0), got[4];
    feed_add(feed, &entry);
    assert_int_equal(feed_read(feed, (struct feed_place){0}, got, 4), 0);
    assert_false(feed_wait(feed, (struct feed_place){0}, 5));
    feed_publish(feed, 17);
    assert_int_equal(feed_read(feed, (struct feed_place){0}, got, 4), 1);
    assert_true(feed_wait(feed, (struct feed_place){0}, 5));
    assert_int_equal(feed_published(feed), 17);
    feed_publish(feed, 20); /* nothing new, but known to be whole further */
    assert_int_equal(feed_published(feed), 20);
    feed_free(feed);
}

static void count_call(void *context) { ++*(unsigned *)context; }

static void tells_who_asked(void **state) {
    (void)state;
    struct feed *feed = open_feed(0);
    unsigned a = 0, b = 0;
    feed_on_publish(feed, count_call, &a);
    feed_on_publish(feed, count_call, &b);
    add_range(feed, 0, 3);
    feed_publish(feed, 100); /* no entries: nobody is told */
    feed_on_publish(feed, NULL, &a);
    struct feed_entry entry = entry_at(300);
    feed_add(feed, &entry);
    feed_publish(feed, 110);
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
    feed_free(feed);
}

static void searches_newest_first(void **state) {
    (void)state;
    struct feed *feed = open_feed(0);
    struct feed_entry got[1000];
    add_range(feed, 0, 600);
    MUST(try_save(feed, "/a", 0));
    add_range(feed, 600, 900);
    for (size_t look_at = 1; look_at <= 1000; look_at += 37) {
        size_t count = feed_search(feed, 3, 2, look_at, got, 1000), at = 0;
        for (uint64_t n = 900; n-- > 0 && 900 - n <= look_at;) {
            struct feed_entry want = entry_at(n);
            if (want.customer == 3 && want.subject == 2)
                assert_true(same(&got[at++], &want));
        }
        assert_int_equal(at, count);
    }
    assert_int_equal(feed_search(feed, 0, 0, 1000, got, 1000), 900);
    for (uint64_t n = 0; n < 900; n++) { /* a page behind each entry */
        struct feed_entry from = entry_at(n), want = n ? entry_at(n - 1) : from;
        size_t count = feed_search_before(feed, (struct feed_place){from.position, from.order}, 0, 0, 1000, got, 1);
        assert_int_equal(count, n > 0);
        assert_true(n == 0 || same(&got[0], &want));
    }
    assert_int_equal(feed_search(feed, 0, 4, 1000, got, 7), 7);
    feed_free(feed);
}

/* A process that ended loads the older checkpoint: what it does not name goes, and the fold makes the same again. */
static void the_same_come_again(void **state) {
    (void)state;
    struct feed *feed = open_feed(0);
    add_range(feed, 0, 300);
    MUST(try_save(feed, "/a", 0));
    unsigned then = files();
    add_range(feed, 300, 900);
    MUST(try_save(feed, "/b", 0)); /* never in force */
    assert_true(files() > then);
    feed_free(feed);
    os_sim_restart(sim);
    feed = load("/a", 0);
    assert_int_equal(files(), then);
    assert_int_equal(feed_published(feed), entry_at(299).position);
    expect_range(feed, 0, 300, 100);
    add_range(feed, 300, 1200);
    expect_range(feed, 0, 1200, 77);
    MUST(try_save(feed, "/c", 0));
    feed_free(feed);
    feed = load("/c", 0);
    expect_range(feed, 0, 1200, 50);
    feed_free(feed);
}

static void old_files_go(void **state) {
    (void)state;
    struct feed *feed = open_feed(1);
    add_range(feed, 0, 900);
    MUST(try_save(feed, "/a", 0));
    assert_false(feed_dropped(feed));
    struct feed_entry last_of_third = entry_at(3 * FILE_ENTRIES - 1), got;
    MUST(try_save(feed, "/b", last_of_third.at_ms + DAY_MS + 1)); /* "/a" still in force */
    assert_int_equal(files(), 900 / FILE_ENTRIES - 3);
    expect_range(feed, 3 * FILE_ENTRIES, 900, 64);
    struct feed_entry first = entry_at(3 * FILE_ENTRIES);
    assert_true(feed_dropped(feed));
    assert_int_equal(feed_first(feed).position, first.position);
    assert_int_equal(feed_search(feed, 0, 0, 100000, &got, 1), 1);
    feed_free(feed);
    feed = load("/a", 1); /* names files that are gone */
    expect_range(feed, 3 * FILE_ENTRIES, 900, 64);
    feed_free(feed);
    MUST(os_remove(world, "/feed/000000000006.feed", NULL)); /* in the middle */
    struct fault fault = {0};
    feed = open_feed(1);
    assert_int_equal(try_load(feed, "/a", &fault), STATUS_DAMAGED);
    assert_non_null(strstr(fault.text, "000000000006.feed"));
    feed_free(feed);
}

static void damage_stops(void **state) {
    (void)state;
    struct feed *feed = open_feed(0);
    struct buffer bytes = {0};
    struct feed_entry got[10];
    add_range(feed, 0, 300);
    MUST(try_save(feed, "/a", 0));
    feed_free(feed);
    MUST(os_read_file(world, "/feed/000000000002.feed", &bytes, NULL));
    bytes.data[400] ^= 4; /* among its entries */
    MUST(os_write_file(world, "/feed/000000000002.feed", buffer_slice(&bytes), NULL));
    feed = load("/a", 0);
    assert_int_equal(feed_read(feed, (struct feed_place){0}, got, 10), 10);
    assert_false(os_sim_stopped(sim));
    struct feed_entry in_second = entry_at(FILE_ENTRIES + 3);
    assert_int_equal(feed_read(feed, (struct feed_place){in_second.position, 0}, got, 10), 0);
    assert_true(os_sim_stopped(sim));
    feed_free(feed);
    buffer_release(&bytes);
}

/* --- every call of a life fails once, and the power goes at every one --- */

struct life {
    uint64_t saved, saved_before; /* entries in the checkpoint in force, and in the one before */
    char path[8];
};

/* Adds, saves under alternating names, and goes on, until it is done or something fails. */
static void live(struct life *life) {
    struct feed *feed;
    if (feed_create_small(world, "/feed", 1, FILE_ENTRIES, &feed, NULL))
        return;
    for (unsigned round = 1; round <= 4; round++) {
        char path[8];
        add_range(feed, (round - 1) * 150, round * 150);
        snprintf(path, sizeof path, "/%u", round);
        life->saved_before = life->saved;
        if (try_save(feed, path, 0))
            break;
        life->saved = round * 150;
        memcpy(life->path, path, sizeof path);
    }
    feed_free(feed);
}

static void recovers(const struct life *life) {
    struct feed *feed = life->saved ? load(life->path, 1) : open_feed(1);
    expect_range(feed, 0, life->saved, 100);
    add_range(feed, life->saved, 750);
    expect_range(feed, 0, 750, 100);
    MUST(try_save(feed, "/end", 0));
    feed_free(feed);
    feed = load("/end", 1);
    expect_range(feed, 0, 750, 100);
    feed_free(feed);
}

static uint64_t calls_of_a_life(void) {
    struct life life = {0};
    sim = os_sim_create(1);
    world = os_sim_os(sim);
    live(&life);
    uint64_t calls = os_sim_calls(sim);
    assert_int_equal(life.saved, 600);
    os_sim_free(sim);
    return calls;
}

static void survives(void (*hit)(struct os_sim *sim, uint64_t n)) {
    uint64_t calls = calls_of_a_life();
    for (uint64_t n = 1; n <= calls; n++) {
        struct life life = {0};
        sim = os_sim_create(n);
        world = os_sim_os(sim);
        hit(sim, n);
        live(&life);
        os_sim_restart(sim);
        recovers(&life);
        os_sim_free(sim);
    }
}

static void fail_io(struct os_sim *s, uint64_t n) { os_sim_fail_call(s, n, STATUS_IO); }
static void fail_full(struct os_sim *s, uint64_t n) { os_sim_fail_call(s, n, STATUS_DISK_FULL); }

static void survives_failures(void **state) {
    (void)state;
    survives(fail_io);
    survives(fail_full);
}

static void survives_power_losses(void **state) {
    (void)state;
    survives(os_sim_lose_power_at);
    survives(os_sim_kill_at);
}

/* --- threads: the real system, one adds, one saves, three read --- */

#define THREAD_FOLDER "feed" /* in a folder of this run */
#define THREAD_ENTRIES 60000u

struct shared {
    struct feed *feed;
    _Atomic(struct feed_image *) frozen; /* for who saves */
    _Atomic bool done, wrong;
};

static void *fold_thread(void *context) {
    struct shared *s = context;
    for (uint64_t n = 0; n < THREAD_ENTRIES; n += 30) {
        add_range(s->feed, n, n + 30);
        if (n % 3000 == 0 && atomic_load(&s->frozen) == NULL)
            atomic_store(&s->frozen, feed_freeze(s->feed));
        if (n % 3000 == 0)
            usleep(500);
    }
    atomic_store(&s->done, true);
    return NULL;
}

static void *read_thread(void *context) {
    struct shared *s = context;
    struct feed_entry got[50];
    struct feed_place after = {0};
    for (uint64_t n = 0; n < THREAD_ENTRIES && !atomic_load(&s->wrong);) {
        if (!feed_wait(s->feed, after, AWAIT_MS))
            atomic_store(&s->wrong, true);
        size_t count = feed_read(s->feed, after, got, 50);
        for (size_t i = 0; i < count; i++, n++) {
            struct feed_entry want = entry_at(n);
            if (!same(&want, &got[i]))
                atomic_store(&s->wrong, true);
        }
        if (count)
            after = (struct feed_place){got[count - 1].position, got[count - 1].order};
    }
    return NULL;
}

static void *search_thread(void *context) {
    struct shared *s = context;
    struct feed_entry got[20];
    while (!atomic_load(&s->done)) {
        size_t count = feed_search(s->feed, 3, 2, 5000, got, 20);
        for (size_t i = 0; i < count; i++) {
            struct feed_entry want = entry_at(got[i].clauses_before);
            if (!same(&want, &got[i]) || (i && got[i].clauses_before >= got[i - 1].clauses_before))
                atomic_store(&s->wrong, true);
        }
        usleep(100);
    }
    return NULL;
}

static void remove_name(void *context, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    MUST(os_remove(os_real(), path, NULL));
}

static void save_frozen(struct shared *s) {
    struct image_writer *writer;
    struct fault fault = {0};
    struct feed_image *frozen = atomic_load(&s->frozen);
    if (frozen == NULL)
        return;
    MUST(image_create(os_real(), THREAD_FOLDER "/a", &writer, &fault));
    MUST(feed_write(frozen, writer, 0, &fault));
    MUST(image_finish(writer, NULL, &fault));
    feed_image_free(frozen);
    atomic_store(&s->frozen, NULL);
}

static void readers_beside(void **state) {
    (void)state;
    struct shared s = {0};
    struct fault fault = {0};
    pthread_t threads[4];
    void *(*const runs[4])(void *) = {fold_thread, read_thread, read_thread, search_thread};
    MUST(feed_create_small(os_real(), THREAD_FOLDER, 90, 4096, &s.feed, &fault));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, runs[i], &s), 0);
    while (!atomic_load(&s.done))
        save_frozen(&s);
    save_frozen(&s);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_false(atomic_load(&s.wrong));
    feed_free(s.feed);
    MUST(os_list(os_real(), THREAD_FOLDER, remove_name, THREAD_FOLDER, NULL));
    MUST(os_remove(os_real(), THREAD_FOLDER, NULL));
}

int main(void) {
    own_folder_enter("feed");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_from_any_place, make_simulated, free_simulated),
        cmocka_unit_test_setup_teardown(unpublished_is_unseen, make_simulated, free_simulated),
        cmocka_unit_test_setup_teardown(tells_who_asked, make_simulated, free_simulated),
        cmocka_unit_test_setup_teardown(searches_newest_first, make_simulated, free_simulated),
        cmocka_unit_test_setup_teardown(the_same_come_again, make_simulated, free_simulated),
        cmocka_unit_test_setup_teardown(old_files_go, make_simulated, free_simulated),
        cmocka_unit_test_setup_teardown(damage_stops, make_simulated, free_simulated),
        cmocka_unit_test(survives_failures),
        cmocka_unit_test(survives_power_losses),
        cmocka_unit_test(readers_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
