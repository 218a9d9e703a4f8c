/* flow_crash_test: the whole flow (log, govern, identity, seen, history, master data, checkpoints) on the simulated
 * system. A scripted run (flow_crash_model.h) commits, folds, compacts, checkpoints, lets old log segments go, closes and
 * opens again. It is repeated with the power lost at its 1st, 2nd ... last call to the system, with the process killed
 * there, and with each call failing; then restarted, sometimes killed or cut off again while it recovers, and opened.
 * What must hold each time:
 *
 *   the data folder opens (IO only while a call is made to fail, DAMAGED never) and folds the tail;
 *   every acknowledged record is in the log or was let go on purpose; what is there beyond is the beginning of what
 *   was pending; nothing that was reported as failed is there;
 *   every message has all its rows, once, however often it was sent; there is no row of anything else;
 *   the state (identities, rows, attributes, documents, master data, quarantine, journal, definitions, counters) is,
 *   letter by letter, that of an undisturbed engine that folded the same records on a system of its own;
 *   the run goes on from there, and survives the next crash too.
 *
 * A failed sync stops the process by design; so it does here (os_stop), and the run restarts.
 *
 * What runs on threads in the server is interleaved by hand here: compactions finish some batches before the fold takes
 * them in, checkpoints are begun, folded past, and finished. */
#include "flow_crash_model.h"

#include "base/hash.h"
#include "base/random.h"
#include "log/log_reader.h"
#include "main/checkpoint.h"
#include "os/os_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOLDER "/data"
#define QUARTER_DAY_MS 21600000
#define ROUNDS_FIRST 10
#define ROUNDS_AGAIN 3

enum known_state { KNOWN_NONE, KNOWN_PENDING, KNOWN_DURABLE, KNOWN_FAILED };

/* What the test knows of a log position. */
struct known {
    enum known_state state;
    uint64_t id;
};

struct run {
    struct os_sim *sim;
    struct os *os;
    struct engine *engine;
    struct random random;
    struct known *known; /* by position */
    uint64_t known_count, next_id;
    uint64_t retired;         /* positions up to here may be gone from the log */
    uint64_t replay_position; /* of the last replay, 0 = none; what it reads stays until it is checkpointed */
    uint64_t checkpoints;     /* begun by hand */
    struct buffer payload;
    char label[96];
};

#define CHECK(run, condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s: %s", (run)->label, #condition);                                                              \
    } while (0)

static const struct engine_options options = {
    .log = {.segment_bytes = 16 << 10, .pending_bytes = 64 << 10, .retention_days = 2},
    .history.delta_bytes = 24 << 10,
    .seen_fresh_max = 12,
};

static struct known *known_at(struct run *run, uint64_t position) {
    if (position >= run->known_count) {
        run->known = memory_resize(run->known, position + 256, sizeof *run->known);
        memset(run->known + run->known_count, 0, (position + 256 - run->known_count) * sizeof *run->known);
        run->known_count = position + 256;
    }
    return &run->known[position];
}

static void on_commit(void *context, uint64_t first, uint64_t last, enum status status) {
    struct run *run = context;
    for (uint64_t p = first; p <= last; p++) {
        struct known *known = known_at(run, p);
        CHECK(run, known->state == KNOWN_PENDING);
        known->state = status == STATUS_OK ? KNOWN_DURABLE : KNOWN_FAILED;
    }
}

/* --- the script --- */

static void append_one(struct run *run) {
    struct log_record record = script_record(run->next_id, &run->payload);
    if (log_append(run->engine->log, &record, 1, NULL))
        return; /* it is sent again next time */
    struct known *known = known_at(run, record.position);
    CHECK(run, known->state == KNOWN_NONE);
    *known = (struct known){KNOWN_PENDING, run->next_id};
    if (script_is_replay(run->next_id))
        run->replay_position = record.position;
    run->next_id++;
}

static void append_some(struct run *run) {
    for (uint64_t count = 1 + random_below(&run->random, 16); count; count--)
        append_one(run);
}

/* Commits, and folds what that made durable. A commit may fail, on_commit tells; where the fold fails, the server stops,
 * and so does the script: false. */
static bool commit_and_fold(struct run *run) {
    if (log_commit(run->engine->log, NULL) && os_sim_down(run->sim))
        return false;
    return engine_step(run->engine, NULL) == STATUS_OK && !os_sim_down(run->sim);
}

static bool step(struct run *run) {
    append_some(run);
    return commit_and_fold(run);
}

static bool open_engine(struct run *run, enum status *status) {
    struct fault fault = {0};
    *status = engine_open(run->os, FOLDER, &options, &run->engine, &fault);
    if (*status == STATUS_DAMAGED)
        fail_msg("%s: opening: %s", run->label, fault.text);
    if (*status) {
        run->engine = NULL;
        return false;
    }
    log_on_commit(run->engine->log, on_commit, run);
    return true;
}

/* After a restart: what is durable beyond the acknowledged is a beginning of what was pending. The rest of the pending is
 * forgotten, its positions may come again. */
static void settle(struct run *run) {
    uint64_t durable = log_durable(run->engine->log), last_id = 0;
    bool ended = false;
    for (uint64_t p = 1; p < run->known_count; p++) {
        struct known *known = &run->known[p];
        if (known->state == KNOWN_DURABLE)
            CHECK(run, p <= durable && !ended);
        if (known->state == KNOWN_PENDING && p <= durable && !ended)
            known->state = KNOWN_DURABLE; /* reading the log will tell if it is not */
        else if (known->state != KNOWN_DURABLE && p > durable)
            known->state = KNOWN_NONE;
        ended = ended || (known->state == KNOWN_NONE && p > durable);
        if (known->state == KNOWN_DURABLE)
            last_id = known->id;
    }
    run->next_id = last_id + 1; /* what got no answer is sent again */
}

static void retire(struct run *run, uint64_t checkpointed) {
    if (checkpointed < run->replay_position)
        return;
    run->retired = checkpointed > run->retired ? checkpointed : run->retired;
    log_retire(run->engine->log, checkpointed, os_now_ms(run->os));
}

static void checkpoint(struct run *run) {
    struct fold_counters counters;
    if (engine_checkpoint(run->engine, NULL))
        return;
    engine_counters(run->engine, &counters);
    retire(run, counters.checkpoint_position);
}

/* A checkpoint that is written while the fold goes on, as the server's background thread does. */
static bool checkpoint_beside_the_fold(struct run *run) {
    struct checkpoint *begun;
    uint64_t position;
    if (checkpoint_begin(run->engine, ++run->checkpoints * 1000, &begun, NULL))
        return true;
    bool folded = step(run);
    if (random_chance(&run->random, 0.5) && history_compact(run->engine->history, true, NULL)) {
        /* it is tried again */
    }
    folded = folded && step(run);
    if (checkpoint_finish(begun, &position, NULL) == STATUS_OK)
        retire(run, position);
    return folded;
}

static bool reopen(struct run *run) {
    enum status status;
    append_some(run);
    if (log_commit(run->engine->log, NULL) || engine_step(run->engine, NULL))
        return false;
    if (engine_checkpoint(run->engine, NULL)) /* engine_close would say so on stderr */
        return false;
    engine_close(run->engine);
    run->engine = NULL;
    if (!open_engine(run, &status))
        return false;
    settle(run);
    return true;
}

/* Stops where the machine is down, or the server would have stopped itself. */
static void script(struct run *run, int rounds) {
    for (int round = 0; round < rounds && !os_sim_down(run->sim); round++) {
        os_sim_advance_ms(run->sim, QUARTER_DAY_MS);
        if (round % 4 == 1 && history_compact(run->engine->history, true, NULL)) {
            /* nothing to do, or no luck; what is finished is taken in after the next batch */
        }
        if (round % 3 == 1 && seen_compact(run->engine->seen, NULL)) {
            /* likewise */
        }
        if (!step(run) || (round % 2 && !step(run)))
            return;
        if (round % 5 == 2 && !checkpoint_beside_the_fold(run))
            return;
        if (round % 5 == 4)
            checkpoint(run);
        if (round % 9 == 7 && engine_compact(run->engine, NULL)) {
            /* no luck */
        }
        if (round % 10 == 8 && !reopen(run))
            return;
    }
}

/* --- checking --- */

/* Ids of the records there are, in order. */
struct ids {
    uint64_t *at;
    size_t count;
    uint64_t hash;
};

static void ids_add(struct ids *ids, uint64_t id) {
    if (ids->count % 256 == 0)
        ids->at = memory_resize(ids->at, ids->count + 256, sizeof *ids->at);
    ids->at[ids->count++] = id;
    ids->hash = hash_mix(ids->hash ^ id);
}

static void check_record(struct run *run, const struct log_record *record) {
    struct known *known = known_at(run, record->position);
    CHECK(run, known->state == KNOWN_DURABLE);
    struct log_record want = script_record(known->id, &run->payload);
    CHECK(run, record->kind == want.kind && record->source == want.source && record->received_ms == want.received_ms &&
                   slice_equal(record->payload, want.payload));
}

/* Reads the log against what is known; gives the ids of all records, those let go included. */
static struct ids read_log(struct run *run) {
    struct ids ids = {0};
    struct log_reader *reader;
    struct log_record record;
    struct fault fault = {0};
    uint64_t first = log_first(run->engine->log), next = first;
    enum status status = log_reader_open(run->engine->log, first, &reader, &fault);
    CHECK(run, status == STATUS_OK && first <= run->retired + 1);
    for (uint64_t p = 1; p < first; p++)
        if (known_at(run, p)->state == KNOWN_DURABLE)
            ids_add(&ids, known_at(run, p)->id);
    while ((status = log_read(reader, &record, &fault)) == STATUS_OK) {
        for (; next < record.position; next++) /* no durable one was left out */
            CHECK(run, known_at(run, next)->state != KNOWN_DURABLE);
        check_record(run, &record);
        ids_add(&ids, known_at(run, record.position)->id);
        next = record.position + 1;
    }
    CHECK(run, status == STATUS_END);
    log_reader_close(reader);
    for (; next < run->known_count; next++)
        CHECK(run, run->known[next].state != KNOWN_DURABLE);
    return ids;
}

/* Every message once with all its rows, nothing else. */
static void check_rows(struct run *run, const struct ids *ids) {
    uint64_t limit = run->next_id;
    unsigned *want = memory_get(limit + 1, sizeof *want), *have = memory_get(limit + 1, sizeof *have);
    for (size_t i = 0; i < ids->count; i++) {
        uint64_t original = script_original(ids->at[i]);
        want[original] = script_rows(original);
    }
    CHECK(run, state_count_numbers(run->engine, have, limit));
    for (uint64_t n = 0; n <= limit; n++)
        if (want[n] != have[n])
            fail_msg("%s: message %llu has %u rows; it ought to have %u", run->label, (unsigned long long)n, have[n],
                     want[n]);
    free(want);
    free(have);
}

/* Texts of undisturbed engines, by the records they folded. */
static struct reference {
    uint64_t hash;
    struct buffer text;
} * references;
static size_t reference_count;

static struct slice undisturbed(struct run *run, const struct ids *ids) {
    for (size_t i = 0; i < reference_count; i++)
        if (references[i].hash == ids->hash)
            return buffer_slice(&references[i].text);
    struct engine_options plain = {.log.segment_bytes = 1 << 20, .seen_fresh_max = 4096};
    struct os_sim *sim = os_sim_create(1);
    struct engine *engine;
    CHECK(run, engine_open(os_sim_os(sim), "/clean", &plain, &engine, NULL) == STATUS_OK);
    for (size_t i = 0; i < ids->count; i++) {
        struct log_record record = script_record(ids->at[i], &run->payload);
        CHECK(run, log_append(engine->log, &record, 1, NULL) == STATUS_OK);
    }
    CHECK(run, engine_step(engine, NULL) == STATUS_OK);
    references = memory_resize(references, reference_count + 1, sizeof *references);
    struct reference *made = &references[reference_count++];
    *made = (struct reference){.hash = ids->hash};
    state_text(engine, &made->text);
    engine_abandon(engine);
    os_sim_free(sim);
    return buffer_slice(&made->text);
}

static void forget_references(void) {
    for (size_t i = 0; i < reference_count; i++)
        buffer_release(&references[i].text);
    free(references);
    references = NULL;
    reference_count = 0;
}

/* The line where two texts part. */
static struct slice line_at(struct slice text, size_t at) {
    size_t start = at < text.size ? at : text.size, end = start;
    while (start && text.data[start - 1] != '\n')
        start--;
    while (end < text.size && text.data[end] != '\n')
        end++;
    return slice_of(text.data + start, end - start);
}

static void check_state(struct run *run, const struct ids *ids) {
    struct buffer text = {0};
    struct slice want = undisturbed(run, ids);
    state_text(run->engine, &text);
    struct slice have = buffer_slice(&text), have_line, want_line;
    size_t at = 0;
    while (at < have.size && at < want.size && have.data[at] == want.data[at])
        at++;
    have_line = line_at(have, at);
    want_line = line_at(want, at);
    if (!slice_equal(have, want))
        fail_msg("%s: after %zu records the state is not that of an undisturbed run:\n  %.*s\nought to be\n  %.*s",
                 run->label, ids->count, SLICE_ARG(have_line), SLICE_ARG(want_line));
    buffer_release(&text);
}

static void check_all(struct run *run) {
    CHECK(run, history_position(run->engine->history) == log_durable(run->engine->log) ||
                   known_at(run, log_durable(run->engine->log))->state == KNOWN_FAILED);
    struct ids ids = read_log(run);
    check_rows(run, &ids);
    check_state(run, &ids);
    free(ids.at);
}

/* --- cases --- */

enum harm { HARM_NONE, HARM_POWER, HARM_KILL, HARM_IO, HARM_DISK_FULL, HARM_COUNT };

static void harm_at(struct run *run, enum harm harm, uint64_t n) {
    if (harm == HARM_POWER)
        os_sim_lose_power_at(run->sim, n);
    else if (harm == HARM_KILL)
        os_sim_kill_at(run->sim, n);
    else if (harm != HARM_NONE)
        os_sim_fail_call(run->sim, n, harm == HARM_IO ? STATUS_IO : STATUS_DISK_FULL);
}

static void end_process(struct run *run, double power_chance) {
    if (run->engine)
        engine_abandon(run->engine);
    run->engine = NULL;
    if (!os_sim_down(run->sim) && random_chance(&run->random, power_chance))
        os_sim_power_loss(run->sim);
    harm_at(run, HARM_POWER, 0);
    harm_at(run, HARM_KILL, 0);
    harm_at(run, HARM_IO, 0);
    os_sim_restart(run->sim);
}

/* The machine or the process ends and comes back; sometimes it is hit again while it recovers: killed first and then without
 * power, so that what was seen after the kill need not be there after the loss. */
static void crash_and_reopen(struct run *run) {
    enum status status;
    end_process(run, 0.6);
    for (int again = 0; again < 3 && random_chance(&run->random, 0.4); again++) {
        enum harm harm = 1 + (enum harm)random_below(&run->random, HARM_COUNT - 1);
        harm_at(run, harm, 1 + random_below(&run->random, 60));
        if (open_engine(run, &status) && random_chance(&run->random, 0.5))
            checkpoint(run);
        CHECK(run, run->engine || os_sim_down(run->sim) || status == STATUS_IO || status == STATUS_DISK_FULL);
        end_process(run, 0.8);
    }
    if (!open_engine(run, &status))
        fail_msg("%s: opening after a crash: status %d", run->label, (int)status);
    settle(run);
    check_all(run);
}

/* A clean stop and start: nothing is left to fold. */
static void stop_and_start(struct run *run) {
    enum status status;
    engine_close(run->engine);
    run->engine = NULL;
    CHECK(run, open_engine(run, &status) && run->engine->folded_at_open == 0);
    check_all(run);
}

static struct run begin_run(uint64_t seed, enum harm harm, uint64_t n) {
    struct run run = {.sim = os_sim_create(seed), .next_id = 1};
    run.os = os_sim_os(run.sim);
    snprintf(run.label, sizeof run.label, "seed %llu, harm %d at call %llu", (unsigned long long)seed, (int)harm,
             (unsigned long long)n);
    random_init(&run.random, 1); /* the script is always the same */
    os_sim_set_ms(run.sim, RECEIVED_MS_BASE);
    return run;
}

static void end_run(struct run *run) {
    engine_abandon(run->engine);
    os_sim_free(run->sim);
    free(run->known);
    buffer_release(&run->payload);
}

/* Returns the calls that the first script made. `more`: the run goes on after the crash, to a second one. */
static uint64_t one_case(uint64_t seed, enum harm harm, uint64_t n, bool more) {
    struct run run = begin_run(seed, harm, n);
    enum status status;
    harm_at(&run, harm, n);
    if (open_engine(&run, &status))
        script(&run, ROUNDS_FIRST);
    uint64_t calls = os_sim_calls(run.sim);
    random_init(&run.random, seed);
    crash_and_reopen(&run);
    if (more) {
        harm_at(&run, harm, 1 + random_below(&run.random, 120));
        script(&run, ROUNDS_AGAIN);
        crash_and_reopen(&run);
        stop_and_start(&run);
    }
    end_run(&run);
    return calls;
}

/* A loss of power at every call; the other harms at every eighth; all of them at every call, with eight seeds, where
 * TEST_LONG is set. One case in four goes on to a second crash. */
static void test_every_call(void **state) {
    (void)state;
    bool thorough = getenv("TEST_LONG") != NULL;
    uint64_t calls = one_case(0, HARM_NONE, 0, true), cases = 0;
    assert_true(calls > 300);
    for (enum harm harm = HARM_POWER; harm < HARM_COUNT; harm++) {
        bool every = thorough || harm == HARM_POWER;
        for (uint64_t n = every ? 1 : 1 + harm; n <= calls; n += every ? 1 : 8)
            for (uint64_t seed = 0; seed < (thorough ? 8 : 1); seed++, cases++)
                one_case(seed * 100000 + n, harm, n, thorough || n % 4 == 3);
    }
    printf("flow crash: %llu cases over %llu calls\n", (unsigned long long)cases, (unsigned long long)calls);
    assert_true(cases > calls);
}

/* A third checkpoint that meets `harm` at its call `n`. Killed: a whole recovery, which sweeps what it takes for left over,
 * and then the power goes. A call that failed: the engine goes on, compacting away files of both checkpoints, and is killed.
 * Either way the one in force must still have all its files. Returns the calls of the checkpoint. */
static uint64_t checkpoint_case(uint64_t seed, enum harm harm, uint64_t n) {
    struct run run = begin_run(seed, harm, n);
    enum status status;
    CHECK(&run, open_engine(&run, &status) && step(&run));
    for (int i = 0; i < 2; i++) {
        CHECK(&run, step(&run) && step(&run) && engine_compact(run.engine, NULL) == STATUS_OK);
        CHECK(&run, engine_checkpoint(run.engine, NULL) == STATUS_OK);
    }
    CHECK(&run, step(&run) && step(&run) && engine_compact(run.engine, NULL) == STATUS_OK);
    uint64_t before = os_sim_calls(run.sim);
    harm_at(&run, harm, n);
    checkpoint(&run);
    uint64_t calls = os_sim_calls(run.sim) - before;
    for (int i = 0; i < 3 && !os_sim_down(run.sim); i++)
        CHECK(&run, step(&run) && step(&run) && engine_compact(run.engine, NULL) == STATUS_OK);
    random_init(&run.random, seed);
    end_process(&run, 0);
    CHECK(&run, open_engine(&run, &status));
    settle(&run);
    if (harm == HARM_KILL) {
        end_process(&run, 1);
        CHECK(&run, open_engine(&run, &status));
        settle(&run);
    }
    check_all(&run);
    end_run(&run);
    return calls;
}

/* The checkpoint is put in force by its last calls: more seeds there. */
static void test_which_checkpoint_is_in_force(void **state) {
    (void)state;
    uint64_t calls = checkpoint_case(0, HARM_NONE, 0), cases = 0;
    bool thorough = getenv("TEST_LONG") != NULL;
    assert_true(calls > 20);
    for (uint64_t n = 1; n <= calls; n++) {
        for (uint64_t seed = 1; seed <= (thorough ? 32 : n + 10 > calls ? 8 : 1); seed++, cases++)
            checkpoint_case(seed * 100000 + n, HARM_KILL, n);
        checkpoint_case(n, HARM_IO, n);
        cases++;
    }
    printf("checkpoint crash: %llu cases over %llu calls\n", (unsigned long long)cases, (unsigned long long)calls);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_which_checkpoint_is_in_force),
                                       cmocka_unit_test(test_every_call)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget_references();
    return failed;
}
