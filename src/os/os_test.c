/* os_test: the same promises, kept by the real system and the simulated one; then what only the simulation can show. */
#include "base/random.h"
#include "os/os.h"
#include "os/os_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Both systems */

struct world {
    struct os *os;
    struct os_sim *sim; /* NULL: the real one */
    char folder[64];
};

static int world_make(void **state, bool simulated) {
    struct world *world = calloc(1, sizeof *world);
    strcpy(world->folder, "/tmp/os_test.XXXXXX");
    if (simulated) {
        world->sim = os_sim_create(7);
        world->os = os_sim_os(world->sim);
        assert_int_equal(os_make_folder(world->os, world->folder, NULL), STATUS_OK);
    } else {
        assert_non_null(mkdtemp(world->folder));
        world->os = os_real();
    }
    *state = world;
    return 0;
}

static int setup_real(void **state) { return world_make(state, false); }
static int setup_sim(void **state) { return world_make(state, true); }

static int teardown(void **state) {
    struct world *world = *state;
    if (!world->sim) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf %s", world->folder);
        assert_int_equal(system(command), 0);
    }
    os_sim_free(world->sim);
    free(world);
    return 0;
}

static const char *path_in(const struct world *world, const char *name) {
    static char paths[4][128];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", world->folder, name);
    return path;
}

static struct os_file *opened(const struct world *world, const char *name, int flags) {
    struct os_file *file;
    struct fault fault = {0};
    if (os_open(world->os, path_in(world, name), flags, &file, &fault))
        fail_msg("%s", fault.text);
    return file;
}

static void assert_content_sized(const struct world *world, const char *name, const char *content, size_t size) {
    struct buffer buffer = {0};
    assert_int_equal(os_read_file(world->os, path_in(world, name), &buffer, NULL), STATUS_OK);
    assert_int_equal(buffer.size, size);
    assert_memory_equal(buffer.data, content, size);
    buffer_release(&buffer);
}

static void assert_content(const struct world *world, const char *name, const char *content) {
    assert_content_sized(world, name, content, strlen(content));
}

static void test_open(void **state) {
    struct world *w = *state;
    struct os_file *file;
    struct fault fault = {0};
    assert_int_equal(os_open(w->os, path_in(w, "a"), OS_READ, &file, &fault), STATUS_NOT_FOUND);
    assert_non_null(strstr(fault.text, "/a"));
    assert_null(file);
    os_close(w->os, opened(w, "a", OS_WRITE | OS_CREATE));
    os_close(w->os, opened(w, "a", OS_WRITE | OS_CREATE));
    assert_int_equal(os_open(w->os, path_in(w, "a"), OS_WRITE | OS_CREATE | OS_NEW, &file, NULL), STATUS_EXISTS);
    assert_int_equal(os_open(w->os, path_in(w, "no/b"), OS_WRITE | OS_CREATE, &file, NULL), STATUS_NOT_FOUND);
}

static void test_read_write(void **state) {
    struct world *w = *state;
    struct os_file *file = opened(w, "a", OS_WRITE | OS_CREATE);
    char got[16];
    size_t size;
    uint64_t length;
    assert_int_equal(os_write_at(w->os, file, "hello", 5, 10, NULL), STATUS_OK);
    assert_int_equal(os_read_at(w->os, file, got, 16, 0, &size, NULL), STATUS_OK);
    assert_int_equal(size, 15);
    assert_memory_equal(got, "\0\0\0\0\0\0\0\0\0\0hello", 15);
    assert_int_equal(os_read_at(w->os, file, got, 16, 15, &size, NULL), STATUS_OK);
    assert_int_equal(size, 0);
    assert_int_equal(os_truncate(w->os, file, 12, NULL), STATUS_OK);
    assert_int_equal(os_allocate(w->os, file, 14, NULL), STATUS_OK);
    assert_int_equal(os_allocate(w->os, file, 3, NULL), STATUS_OK); /* never shortens */
    assert_int_equal(os_size(w->os, file, &length, NULL), STATUS_OK);
    assert_int_equal(length, 14);
    assert_int_equal(os_read_at(w->os, file, got, 16, 8, &size, NULL), STATUS_OK);
    assert_int_equal(size, 6);
    assert_memory_equal(got, "\0\0he\0\0", 6);
    assert_int_equal(os_sync(w->os, file, NULL), STATUS_OK);
    assert_int_equal(os_drop_cache(w->os, file, NULL), STATUS_OK);
    os_close(w->os, file);
    assert_content_sized(w, "a", "\0\0\0\0\0\0\0\0\0\0he\0\0", 14);
}

static void test_map(void **state) {
    struct world *w = *state;
    struct os_file *file = opened(w, "a", OS_WRITE | OS_CREATE);
    const void *at;
    char *bytes = calloc(1, 8192);
    for (int i = 0; i < 8192; i++)
        bytes[i] = (char)(i % 251);
    assert_int_equal(os_write_at(w->os, file, bytes, 8192, 0, NULL), STATUS_OK);
    assert_int_equal(os_map(w->os, file, 8193, &at, NULL), STATUS_IO);
    const size_t sizes[] = {0, 1, 4095, 4096, 8100, 8192};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(os_map(w->os, file, sizes[i], &at, NULL), STATUS_OK);
        assert_memory_equal(at, bytes, sizes[i]);
        volatile char sink = ((const char *)at)[sizes[i] + 63];
        (void)sink;
        if (i == 4) { /* outlives the handle */
            os_close(w->os, file);
            assert_memory_equal(at, bytes, sizes[i]);
            file = opened(w, "a", OS_READ);
        }
        os_unmap(w->os, at, sizes[i]);
    }
    os_close(w->os, file);
    free(bytes);
}

static void test_names(void **state) {
    struct world *w = *state;
    struct fault fault = {0};
    assert_int_equal(os_write_file(w->os, path_in(w, "a"), SLICE("one"), NULL), STATUS_OK);
    assert_int_equal(os_write_file(w->os, path_in(w, "b"), SLICE("two"), NULL), STATUS_OK);
    assert_int_equal(os_rename(w->os, path_in(w, "a"), path_in(w, "b"), NULL), STATUS_OK);
    assert_content(w, "b", "one");
    assert_int_equal(os_rename(w->os, path_in(w, "a"), path_in(w, "b"), &fault), STATUS_NOT_FOUND);
    assert_int_equal(os_remove(w->os, path_in(w, "a"), NULL), STATUS_NOT_FOUND);
    struct os_file *file = opened(w, "b", OS_READ); /* a removed file lives on in its handles */
    assert_int_equal(os_remove(w->os, path_in(w, "b"), NULL), STATUS_OK);
    assert_int_equal(os_sync_folder(w->os, w->folder, NULL), STATUS_OK);
    char got[4];
    size_t size;
    assert_int_equal(os_read_at(w->os, file, got, 4, 0, &size, NULL), STATUS_OK);
    assert_int_equal(size, 3);
    os_close(w->os, file);
    assert_int_equal(os_sync_folder(w->os, path_in(w, "none"), NULL), STATUS_NOT_FOUND);
}

static void collect(void *context, const char *name) { buffer_print(context, "%s ", name); }

static void test_list(void **state) {
    struct world *w = *state;
    struct buffer names = {0};
    assert_int_equal(os_make_folder(w->os, path_in(w, "x/y/z/"), NULL), STATUS_OK);
    assert_int_equal(os_make_folder(w->os, path_in(w, "x/y"), NULL), STATUS_OK);
    assert_int_equal(os_write_file(w->os, path_in(w, "x/b"), SLICE(""), NULL), STATUS_OK);
    assert_int_equal(os_write_file(w->os, path_in(w, "x/B"), SLICE(""), NULL), STATUS_OK);
    assert_int_equal(os_write_file(w->os, path_in(w, "x/a10"), SLICE(""), NULL), STATUS_OK);
    assert_int_equal(os_write_file(w->os, path_in(w, "x/a9"), SLICE(""), NULL), STATUS_OK);
    assert_int_equal(os_list(w->os, path_in(w, "x"), collect, &names, NULL), STATUS_OK);
    assert_string_equal(names.data, "B a10 a9 b y ");
    assert_int_equal(os_list(w->os, path_in(w, "none"), collect, &names, NULL), STATUS_NOT_FOUND);
    assert_int_equal(os_remove(w->os, path_in(w, "x/y/z"), NULL), STATUS_OK);
    assert_int_equal(os_make_folder(w->os, path_in(w, "x/b"), NULL), STATUS_EXISTS);
    buffer_release(&names);
}

static void test_whole_files(void **state) {
    struct world *w = *state;
    struct buffer buffer = {0};
    assert_int_equal(os_read_file(w->os, path_in(w, "a"), &buffer, NULL), STATUS_NOT_FOUND);
    assert_int_equal(os_write_file(w->os, path_in(w, "a"), SLICE("long content"), NULL), STATUS_OK);
    assert_int_equal(os_write_file(w->os, path_in(w, "a"), SLICE("short"), NULL), STATUS_OK);
    buffer_add(&buffer, ">", 1);
    assert_int_equal(os_read_file(w->os, path_in(w, "a"), &buffer, NULL), STATUS_OK);
    assert_true(slice_equal(buffer_slice(&buffer), SLICE(">short")));
    buffer_release(&buffer);
}

static void test_machine(void **state) {
    struct world *w = *state;
    uint64_t free_bytes, total_bytes;
    unsigned char one[32] = {0}, two[32] = {0};
    assert_int_equal(os_disk_space(w->os, w->folder, &free_bytes, &total_bytes, NULL), STATUS_OK);
    assert_true(free_bytes > 0 && free_bytes <= total_bytes);
    uint64_t before = os_monotonic_ns(w->os);
    assert_true(os_monotonic_ns(w->os) >= before);
    os_random(w->os, one, 32);
    os_random(w->os, two, 32);
    assert_memory_not_equal(one, two, 32);
    assert_int_equal(os_lock_folder(w->os, w->folder, NULL), STATUS_OK);
    assert_int_equal(os_lock_folder(w->os, w->folder, NULL), STATUS_OK); /* ours already */
}

/* The real system */

static void test_lock_held_elsewhere(void **state) {
    struct world *w = *state;
    int ready[2], done[2];
    char c;
    assert_int_equal(pipe(ready) | pipe(done), 0);
    pid_t child = fork();
    if (child == 0) {
        close(done[1]);
        if (os_lock_folder(w->os, w->folder, NULL) || write(ready[1], "x", 1) != 1 || read(done[0], &c, 1) != 0)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    struct fault fault = {0};
    assert_int_equal(os_lock_folder(w->os, w->folder, &fault), STATUS_CONFLICT);
    char number[32];
    snprintf(number, sizeof number, "process %d", (int)child);
    assert_non_null(strstr(fault.text, number));
    close(done[1]);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_int_equal(os_lock_folder(w->os, w->folder, NULL), STATUS_OK);
    close(ready[0]), close(ready[1]), close(done[0]);
}

static void test_stop_aborts(void **state) {
    struct world *w = *state;
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        os_stop(w->os, "test");
        _exit(0);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) || WEXITSTATUS(how) != 0);
}

/* The simulation */

static void test_sim_synced_survives(void **state) {
    (void)state;
    bool lost = false, kept = false, torn = false, name_lost = false;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct os_sim *sim = os_sim_create(seed);
        struct world world = {.os = os_sim_os(sim), .sim = sim, .folder = "/d"}, *w = &world;
        assert_int_equal(os_make_folder(w->os, "/d", NULL), STATUS_OK);
        assert_int_equal(os_write_file(w->os, "/d/a", SLICE("synced"), NULL), STATUS_OK);
        struct os_file *file = opened(w, "a", OS_WRITE);
        char bytes[2048], got[4096] = {0};
        memset(bytes, 'x', sizeof bytes);
        assert_int_equal(os_write_at(w->os, file, bytes, sizeof bytes, 512, NULL), STATUS_OK);
        os_close(w->os, opened(w, "b", OS_WRITE | OS_CREATE));
        os_sim_power_loss(sim);
        size_t size, sectors = 0;
        assert_int_equal(os_read_at(w->os, file, got, 1, 0, &size, NULL), STATUS_IO);
        os_sim_restart(sim);
        assert_int_equal(os_read_at(w->os, file, got, 1, 0, &size, NULL), STATUS_IO); /* an old handle */
        os_close(w->os, file);
        file = opened(w, "a", OS_READ);
        assert_int_equal(os_read_at(w->os, file, got, sizeof got, 0, &size, NULL), STATUS_OK);
        assert_memory_equal(got, "synced", 6);
        for (int i = 0; i < 4; i++) { /* whole sectors or nothing */
            assert_memory_equal(got + 512 + i * 512, got[512 + i * 512] ? bytes : (char[512]){0}, 512);
            sectors += got[512 + i * 512] != 0;
        }
        os_close(w->os, file);
        lost |= sectors == 0;
        kept |= sectors == 4;
        torn |= sectors > 0 && sectors < 4;
        name_lost |= os_open(w->os, "/d/b", OS_READ, &file, NULL) == STATUS_NOT_FOUND;
        os_close(w->os, file);
        os_sim_free(sim);
    }
    assert_true(lost && kept && torn && name_lost); /* all of it happens */
}

static void test_sim_killed_process(void **state) {
    (void)state;
    struct os_sim *sim = os_sim_create(3);
    struct os *os = os_sim_os(sim);
    struct os_file *file;
    assert_int_equal(os_open(os, "a", OS_WRITE | OS_CREATE, &file, NULL), STATUS_OK);
    assert_int_equal(os_write_at(os, file, "abc", 3, 0, NULL), STATUS_OK);
    os_sim_kill_at(sim, 1);
    if (os_write_at(os, file, "d", 1, 3, NULL)) {
        /* it may say anything */
    }
    assert_true(os_sim_down(sim));
    assert_int_equal(os_write_at(os, file, "e", 1, 4, NULL), STATUS_IO);
    os_close(os, file);
    os_sim_restart(sim);
    struct buffer buffer = {0};
    assert_int_equal(os_read_file(os, "a", &buffer, NULL), STATUS_OK);
    assert_int_equal(buffer.size, 4);
    buffer_release(&buffer);
    os_sim_free(sim);
}

/* Whatever call fails or loses the power: the old content or the new, whole. */
static void test_sim_write_file_atomic(void **state) {
    (void)state;
    size_t cases = 0, old_count = 0;
    for (int mode = 0; mode < 3; mode++)
        for (uint64_t n = 1, more = 1; more; n++) {
            for (uint64_t seed = 0; seed < 20; seed++, cases++) {
                struct os_sim *sim = os_sim_create(seed);
                struct os *os = os_sim_os(sim);
                struct buffer buffer = {0};
                char big[3000];
                memset(big, 'n', sizeof big);
                assert_int_equal(os_write_file(os, "f", SLICE("old"), NULL), STATUS_OK);
                uint64_t before = os_sim_calls(sim);
                if (mode == 0)
                    os_sim_lose_power_at(sim, n);
                else
                    os_sim_fail_call(sim, n, mode == 1 ? STATUS_IO : STATUS_DISK_FULL);
                enum status status = os_write_file(os, "f", slice_of(big, sizeof big), NULL);
                more = os_sim_calls(sim) - before >= n;
                os_sim_power_loss(sim);
                os_sim_restart(sim);
                assert_int_equal(os_read_file(os, "f", &buffer, NULL), STATUS_OK);
                bool old = slice_equal(buffer_slice(&buffer), SLICE("old"));
                assert_true(old || slice_equal(buffer_slice(&buffer), slice_of(big, sizeof big)));
                assert_true(status != STATUS_OK || !old);
                old_count += old;
                buffer_release(&buffer);
                os_sim_free(sim);
            }
        }
    assert_true(cases > 300 && old_count > 50);
}

static void test_sim_failed_sync_forgets(void **state) {
    (void)state;
    size_t lost = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct os_sim *sim = os_sim_create(seed);
        struct os *os = os_sim_os(sim);
        struct os_file *file;
        assert_int_equal(os_open(os, "a", OS_WRITE | OS_CREATE, &file, NULL), STATUS_OK);
        assert_int_equal(os_sync_folder(os, ".", NULL), STATUS_OK);
        assert_int_equal(os_write_at(os, file, "abc", 3, 0, NULL), STATUS_OK);
        os_sim_fail_call(sim, 1, STATUS_IO);
        assert_int_equal(os_sync(os, file, NULL), STATUS_IO);
        assert_int_equal(os_sync(os, file, NULL), STATUS_OK);
        uint64_t seen, durable;
        assert_int_equal(os_size(os, file, &seen, NULL), STATUS_OK);
        assert_int_equal(seen, 3);
        assert_int_equal(os_drop_cache(os, file, NULL), STATUS_OK);
        assert_int_equal(os_size(os, file, &durable, NULL), STATUS_OK);
        os_close(os, file);
        os_sim_power_loss(sim);
        os_sim_restart(sim);
        struct buffer buffer = {0};
        assert_int_equal(os_read_file(os, "a", &buffer, NULL), STATUS_OK);
        assert_int_equal(buffer.size, durable);
        lost += buffer.size == 0;
        buffer_release(&buffer);
        os_sim_free(sim);
    }
    assert_true(lost > 0 && lost < 20);
}

static void test_sim_disk_and_clock(void **state) {
    (void)state;
    struct os_sim *sim = os_sim_create(3);
    struct os *os = os_sim_os(sim);
    struct os_file *file;
    os_sim_set_disk_bytes(sim, 1000);
    assert_int_equal(os_open(os, "a", OS_WRITE | OS_CREATE, &file, NULL), STATUS_OK);
    assert_int_equal(os_allocate(os, file, 1001, NULL), STATUS_DISK_FULL);
    assert_int_equal(os_allocate(os, file, 1000, NULL), STATUS_OK);
    assert_int_equal(os_write_at(os, file, "abc", 3, 997, NULL), STATUS_OK);
    assert_int_equal(os_write_at(os, file, "abc", 3, 998, NULL), STATUS_DISK_FULL);
    os_close(os, file);
    os_sim_set_ms(sim, 5000);
    os_sim_advance_ms(sim, 7);
    assert_int_equal(os_now_ms(os), 5007);
    assert_int_equal(os_monotonic_ns(os), 7000000);
    os_stop(os, "test");
    assert_true(os_sim_down(sim) && os_sim_stopped(sim));
    assert_int_equal(os_open(os, "a", OS_READ, &file, NULL), STATUS_IO);
    os_sim_restart(sim);
    assert_false(os_sim_down(sim) || os_sim_stopped(sim));
    os_sim_free(sim);
}

#define BOTH(test)                                                                                                     \
    {"real: " #test, test, setup_real, teardown, NULL}, { "sim: " #test, test, setup_sim, teardown, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_open),
        BOTH(test_read_write),
        BOTH(test_map),
        BOTH(test_names),
        BOTH(test_list),
        BOTH(test_whole_files),
        BOTH(test_machine),
        cmocka_unit_test_setup_teardown(test_lock_held_elsewhere, setup_real, teardown),
        cmocka_unit_test_setup_teardown(test_stop_aborts, setup_real, teardown),
        cmocka_unit_test(test_sim_synced_survives),
        cmocka_unit_test(test_sim_killed_process),
        cmocka_unit_test(test_sim_write_file_atomic),
        cmocka_unit_test(test_sim_failed_sync_forgets),
        cmocka_unit_test(test_sim_disk_and_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
