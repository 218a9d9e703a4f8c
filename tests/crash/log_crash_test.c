/* log_crash_test: a scripted run of the log on the simulated system, repeated with the power lost at its 1st, 2nd,
 * ... last call, with the process killed there, and with each call failing; then restarted, sometimes losing the
 * power again while it recovers, and reopened. What must hold each time:
 *
 *   every acknowledged record is there, once, in order, unchanged;
 *   nothing is there that was not appended, or that was reported as failed, or half of it;
 *   what is there beyond the acknowledged is the beginning of what was pending;
 *   the log goes on from there, and survives the next crash too. */
#include "base/hash.h"
#include "base/random.h"
#include "log/log.h"
#include "os/os_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOLDER "/data/log"
#define DAY_MS_HALF 43200000

enum state { STATE_NONE, STATE_PENDING, STATE_DURABLE, STATE_FAILED };

/* What the test knows of a position. */
struct known {
    enum state state;
    uint64_t id; /* decides the record's content */
};

struct run {
    struct os_sim *sim;
    struct os *os;
    struct log *log;
    struct random random;
    struct known *known; /* by position */
    uint64_t known_count, next_id;
    uint64_t retired; /* positions up to here may be gone */
    char label[96];
};

#define CHECK(run, condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: %s", (run)->label, #condition);                                                              \
    } while (0)

static const struct log_options options = {.segment_bytes = 8192, .pending_bytes = 24 << 10, .retention_days = 2};

static struct known *known_at(struct run *run, uint64_t position) {
    if (position >= run->known_count) {
        run->known = memory_resize(run->known, position + 64, sizeof *run->known);
        memset(run->known + run->known_count, 0, (position + 64 - run->known_count) * sizeof *run->known);
        run->known_count = position + 64;
    }
    return &run->known[position];
}

/* Some larger than a segment; otherwise few different sizes, so that what a crash left may fit what is written there
 * next. */
static size_t size_of(uint64_t id) {
    static const size_t sizes[] = {0, 17, 300, 300, 700, 1400};
    return id % 23 == 7 ? 9000 : sizes[hash_mix(id) % 6];
}

static struct log_record record_of(uint64_t id, char *bytes) {
    struct random random;
    random_init(&random, id);
    for (size_t i = 0; i < size_of(id); i += 8) {
        uint64_t word = random_next(&random);
        memcpy(bytes + i, &word, 8);
    }
    return (struct log_record){.kind = LOG_ROW,
                               .source = (uint16_t)id,
                               .flags = (uint32_t)id,
                               .received_ms = (int64_t)id,
                               .payload = slice_of(bytes, size_of(id))};
}

static void on_commit(void *context, uint64_t first, uint64_t last, enum status status) {
    struct run *run = context;
    CHECK(run, first <= last);
    for (uint64_t p = first; p <= last; p++) {
        struct known *known = known_at(run, p);
        CHECK(run, known->state == STATE_PENDING);
        known->state = status == STATUS_OK ? STATE_DURABLE : STATE_FAILED;
    }
}

#define BYTES_MAX 10000

static void append_some(struct run *run) {
    struct log_record records[6];
    char *bytes = memory_get(6, BYTES_MAX);
    size_t count = 1 + random_below(&run->random, 6);
    for (size_t i = 0; i < count; i++)
        records[i] = record_of(run->next_id++, bytes + i * BYTES_MAX);
    if (log_append(run->log, records, count, NULL) == STATUS_OK)
        for (size_t i = 0; i < count; i++) {
            struct known *known = known_at(run, records[i].position);
            CHECK(run, known->state == STATE_NONE);
            *known = (struct known){STATE_PENDING, records[i].flags};
        }
    free(bytes);
}

/* One record that was read is what was appended there. */
static void check_record(struct run *run, const struct log_record *record) {
    char *bytes = memory_get(1, BYTES_MAX);
    struct known *known = known_at(run, record->position);
    CHECK(run, known->state == STATE_DURABLE);
    struct log_record want = record_of(known->id, bytes);
    CHECK(run, record->kind == want.kind && record->source == want.source && record->flags == want.flags &&
                   record->received_ms == want.received_ms && slice_equal(record->payload, want.payload));
    free(bytes);
}

/* Reads all there is; every durable record must come by. False where reading failed because the system did. */
static bool read_all(struct run *run) {
    struct log_reader *reader;
    struct log_record record;
    struct fault fault = {0};
    enum status status = log_reader_open(run->log, log_first(run->log), &reader, &fault);
    if (status) {
        CHECK(run, status != STATUS_DAMAGED);
        return false;
    }
    uint64_t next = log_first(run->log);
    CHECK(run, next <= run->retired + 1);
    while ((status = log_read(reader, &record, &fault)) == STATUS_OK) {
        for (; next < record.position; next++) /* no durable one was left out */
            CHECK(run, known_at(run, next)->state != STATE_DURABLE);
        check_record(run, &record);
        next = record.position + 1;
    }
    log_reader_close(reader);
    if (status == STATUS_DAMAGED)
        fail_msg("%s: %s", run->label, fault.text);
    if (status != STATUS_END)
        return false;
    for (; next < run->known_count; next++)
        CHECK(run, run->known[next].state != STATE_DURABLE);
    return true;
}

static bool open_log(struct run *run) {
    struct fault fault = {0};
    enum status status = log_open(run->os, FOLDER, &options, &run->log, &fault);
    if (status == STATUS_DAMAGED)
        fail_msg("%s: %s", run->label, fault.text);
    if (status == STATUS_OK)
        log_on_commit(run->log, on_commit, run);
    return status == STATUS_OK;
}

static void close_log(struct run *run) {
    log_close(run->log);
    run->log = NULL;
}

/* After a restart: what is there beyond the acknowledged is a beginning of what was pending, and is durable now; the
 * rest of the pending is forgotten, its positions may come again. */
static void settle(struct run *run) {
    bool ended = false;
    for (uint64_t p = 1; p < run->known_count; p++) {
        struct known *known = &run->known[p];
        if (known->state == STATE_DURABLE)
            CHECK(run, p <= log_durable(run->log) && !ended);
        if (known->state == STATE_PENDING && p <= log_durable(run->log) && !ended)
            known->state = STATE_DURABLE; /* read_all will tell if it is not */
        else if (known->state != STATE_DURABLE && p > log_durable(run->log))
            known->state = STATE_NONE;
        ended = ended || (known->state == STATE_NONE && p > log_durable(run->log));
    }
}

/* The script. Stops where the machine is down. */
static void script(struct run *run, int rounds) {
    for (int round = 0; round < rounds && !os_sim_down(run->sim); round++) {
        os_sim_advance_ms(run->sim, DAY_MS_HALF);
        append_some(run);
        if (round % 3 == 1)
            append_some(run);
        if (log_commit(run->log, NULL)) {
            /* on_commit told, or the machine is down */
        }
        if (round % 8 == 5) {
            uint64_t half = log_durable(run->log) / 2;
            run->retired = half > run->retired ? half : run->retired;
            log_retire(run->log, half, os_now_ms(run->os));
        }
        if (round % 7 == 6)
            read_all(run);
        if (round % 9 == 4) { /* a planned restart */
            append_some(run);
            close_log(run);
            if (!open_log(run))
                return;
            settle(run);
        }
    }
}

enum harm { HARM_NONE, HARM_POWER, HARM_KILL, HARM_IO, HARM_DISK_FULL, HARM_COUNT };

static void harm_at(struct run *run, enum harm harm, uint64_t n) {
    if (harm == HARM_POWER)
        os_sim_lose_power_at(run->sim, n);
    else if (harm == HARM_KILL)
        os_sim_kill_at(run->sim, n);
    else if (harm != HARM_NONE)
        os_sim_fail_call(run->sim, n, harm == HARM_IO ? STATUS_IO : STATUS_DISK_FULL);
}

/* The machine or the process ends, and comes back; sometimes the power goes again during the recovery. */
static void crash_and_reopen(struct run *run) {
    if (run->log)
        close_log(run);
    if (!os_sim_down(run->sim) && random_chance(&run->random, 0.7))
        os_sim_power_loss(run->sim);
    os_sim_restart(run->sim);
    for (int again = 0; again < 2 && random_chance(&run->random, 0.5); again++) {
        os_sim_lose_power_at(run->sim, 1 + random_below(&run->random, 14));
        if (open_log(run))
            close_log(run);
        if (!os_sim_down(run->sim))
            os_sim_power_loss(run->sim);
        os_sim_restart(run->sim);
    }
    CHECK(run, open_log(run));
    settle(run);
    CHECK(run, read_all(run));
}

/* Returns the calls the first script made. */
static uint64_t one_case(uint64_t seed, enum harm harm, uint64_t n) {
    struct run run = {.sim = os_sim_create(seed)};
    run.os = os_sim_os(run.sim);
    snprintf(run.label, sizeof run.label, "seed %llu, harm %d at call %llu", (unsigned long long)seed, (int)harm,
             (unsigned long long)n);
    random_init(&run.random, 1); /* the script is always the same */
    os_sim_set_ms(run.sim, 1700000000000);
    harm_at(&run, harm, n);
    if (open_log(&run))
        script(&run, 24);
    uint64_t calls = os_sim_calls(run.sim);
    random_init(&run.random, seed);
    crash_and_reopen(&run);
    harm_at(&run, harm, 1 + random_below(&run.random, 40));
    script(&run, 4);
    crash_and_reopen(&run);
    close_log(&run);
    os_sim_free(run.sim);
    free(run.known);
    return calls;
}

static void test_every_call(void **state) {
    (void)state;
    const uint64_t seeds[HARM_COUNT] = {0, 8, 2, 2, 2};
    uint64_t calls = one_case(0, HARM_NONE, 0), cases = 0;
    assert_true(calls > 150);
    for (enum harm harm = HARM_POWER; harm < HARM_COUNT; harm++)
        for (uint64_t n = 1; n <= calls; n++)
            for (uint64_t seed = 0; seed < seeds[harm]; seed++, cases++)
                one_case(seed * 1000 + n, harm, n);
    printf("log crash: %llu cases\n", (unsigned long long)cases);
    assert_true(cases > 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_call)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
