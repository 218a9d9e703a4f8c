/* log_test: what log.h promises, on the simulated system with tiny segments, and with threads on the real one. Crashes
 * at every call are tests/crash/log_crash_test.c's. */
#include "base/memory.h"
#include "base/random.h"
#include "log/log.h"
#include "log/log_format.h"
#include "log/log_segment.h"
#include "os/os_sim.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define FOLDER "/log"

struct bed {
    struct os_sim *sim;
    struct os *os;
    struct log *log;
    struct log_options options;
    uint64_t ok_last, failed_first, failed_last; /* as on_commit told */
    enum status failed;
};

static void on_commit(void *context, uint64_t first, uint64_t last, enum status status) {
    struct bed *bed = context;
    assert_true(first <= last);
    if (status == STATUS_OK) {
        assert_true(first > bed->ok_last);
        assert_true(log_durable(bed->log) == last);
        bed->ok_last = last;
    } else {
        bed->failed_first = first;
        bed->failed_last = last;
        bed->failed = status;
    }
}

static void open_log(struct bed *bed) {
    struct fault fault = {0};
    if (log_open(bed->os, FOLDER, &bed->options, &bed->log, &fault))
        fail_msg("%s", fault.text);
    log_on_commit(bed->log, on_commit, bed);
}

static void assert_open_damaged(struct bed *bed, const char *text) {
    struct fault fault = {0};
    assert_int_equal(log_open(bed->os, FOLDER, &bed->options, &bed->log, &fault), STATUS_DAMAGED);
    if (!strstr(fault.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, fault.text);
    assert_null(bed->log);
}

static int setup(void **state) {
    struct bed *bed = memory_get(1, sizeof *bed);
    bed->sim = os_sim_create(11);
    bed->os = os_sim_os(bed->sim);
    bed->options = (struct log_options){.segment_bytes = 8192, .pending_bytes = 4096};
    open_log(bed);
    *state = bed;
    return 0;
}

static int teardown(void **state) {
    struct bed *bed = *state;
    log_close(bed->log);
    os_sim_free(bed->sim);
    free(bed);
    return 0;
}

static void close_log(struct bed *bed) {
    log_close(bed->log);
    bed->log = NULL;
}

static void reopen(struct bed *bed) {
    close_log(bed);
    open_log(bed);
}

/* The payload that belongs to a position. */
static struct slice payload_of(uint64_t position, size_t size, char *into) {
    struct random random;
    random_init(&random, position);
    for (size_t i = 0; i < size; i++)
        into[i] = (char)random_next(&random);
    return slice_of(into, size);
}

/* Appends one record of `size` bytes; its content belongs to `position`, which it must get. */
static enum status append(struct bed *bed, uint64_t position, size_t size) {
    char *bytes = memory_get(size, 1);
    struct log_record record = {.received_ms = (int64_t)position * 10,
                                .kind = LOG_SEGMENT_ITEM,
                                .source = (uint16_t)(position % 7),
                                .flags = (uint32_t)size,
                                .payload = payload_of(position, size, bytes)};
    enum status status = log_append(bed->log, &record, 1, NULL);
    if (!status)
        assert_int_equal(record.position, position);
    free(bytes);
    return status;
}

static void append_committed(struct bed *bed, uint64_t from, uint64_t to, size_t size) {
    for (uint64_t position = from; position <= to; position++) {
        assert_int_equal(append(bed, position, size), STATUS_OK);
        assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    }
}

/* Reads the next record and checks it against its position. */
static enum status read_checked(struct log_reader *reader, uint64_t *position, struct fault *fault) {
    struct log_record record;
    enum status status = log_read(reader, &record, fault);
    if (status)
        return status;
    char *bytes = memory_get(record.flags, 1);
    assert_true(slice_equal(record.payload, payload_of(record.position, record.flags, bytes)));
    assert_int_equal(record.received_ms, record.position * 10);
    assert_int_equal(record.source, record.position % 7);
    assert_int_equal(record.kind, LOG_SEGMENT_ITEM);
    volatile char past = record.payload.data[record.payload.size + 63];
    (void)past;
    free(bytes);
    *position = record.position;
    return STATUS_OK;
}

/* Everything from `from` is there: `from`..`to` without gaps, then END. */
static void assert_reads(struct bed *bed, uint64_t from, uint64_t to) {
    struct log_reader *reader;
    struct fault fault = {0};
    assert_int_equal(log_reader_open(bed->log, from, &reader, &fault), STATUS_OK);
    for (uint64_t want = from; want <= to; want++) {
        uint64_t position;
        if (read_checked(reader, &position, &fault))
            fail_msg("%s", fault.text);
        assert_int_equal(position, want);
    }
    struct log_record record;
    assert_int_equal(log_read(reader, &record, NULL), STATUS_END);
    log_reader_close(reader);
}

static void segment_at(char *path, uint64_t first) { sprintf(path, FOLDER "/%020llu.log", (unsigned long long)first); }

static void read_bytes(struct bed *bed, uint64_t first, uint64_t offset, void *into, size_t size) {
    char path[64];
    struct os_file *file;
    size_t got;
    segment_at(path, first);
    assert_int_equal(os_open(bed->os, path, OS_READ, &file, NULL), STATUS_OK);
    assert_int_equal(os_read_at(bed->os, file, into, size, offset, &got, NULL), STATUS_OK);
    assert_int_equal(got, size);
    os_close(bed->os, file);
}

static void write_bytes(struct bed *bed, uint64_t first, uint64_t offset, const void *from, size_t size) {
    char path[64];
    struct os_file *file;
    segment_at(path, first);
    assert_int_equal(os_open(bed->os, path, OS_WRITE, &file, NULL), STATUS_OK);
    assert_int_equal(os_write_at(bed->os, file, from, size, offset, NULL), STATUS_OK);
    os_close(bed->os, file);
}

static void flip(struct bed *bed, uint64_t first, uint64_t offset) {
    unsigned char byte;
    read_bytes(bed, first, offset, &byte, 1);
    byte ^= 0x10;
    write_bytes(bed, first, offset, &byte, 1);
}

static void test_empty(void **state) {
    struct bed *bed = *state;
    assert_int_equal(log_durable(bed->log), 0);
    assert_int_equal(log_first(bed->log), 1);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    assert_reads(bed, 1, 0);
    struct log_reader *reader;
    assert_int_equal(log_reader_open(bed->log, 0, &reader, NULL), STATUS_NOT_FOUND);
    reopen(bed);
    assert_int_equal(log_durable(bed->log), 0);
    assert_reads(bed, 1, 0);
}

static void test_append_commit_read(void **state) {
    struct bed *bed = *state;
    for (uint64_t p = 1; p <= 20; p++)
        assert_int_equal(append(bed, p, p * 3 - 3), STATUS_OK);
    assert_int_equal(log_durable(bed->log), 0);
    assert_reads(bed, 1, 0);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    assert_int_equal(bed->ok_last, 20);
    assert_int_equal(log_wait(bed->log, 19, 0), 20);
    assert_reads(bed, 1, 20);
    assert_reads(bed, 13, 20);
    struct log_counters counters;
    log_counters_read(bed->log, &counters);
    assert_int_equal(counters.record_count, 20);
    assert_int_equal(counters.group_count, 1);
    assert_int_equal(counters.pending_bytes, 0);
    assert_int_equal(counters.segment_count, 1);
    assert_int_equal(counters.disk_bytes, 8192);
}

static void test_segments_and_reopen(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 60, 500);
    struct log_counters counters;
    log_counters_read(bed->log, &counters);
    assert_true(counters.segment_count >= 7);
    for (uint64_t from = 1; from <= 61; from += 5)
        assert_reads(bed, from, 60);
    reopen(bed);
    assert_int_equal(log_durable(bed->log), 60);
    append_committed(bed, 61, 70, 500);
    for (uint64_t from = 1; from <= 71; from += 5)
        assert_reads(bed, from, 70);
}

/* A group larger than what is left of the segment is cut; a record larger than a segment gets a larger one. */
static void test_groups_over_segments(void **state) {
    struct bed *bed = *state;
    bed->options.pending_bytes = 1 << 20;
    reopen(bed);
    assert_int_equal(append(bed, 1, 30000), STATUS_OK); /* the empty first segment grows */
    for (uint64_t p = 2; p <= 40; p++)
        assert_int_equal(append(bed, p, p == 20 ? 50000 : 900), STATUS_OK);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    assert_int_equal(bed->ok_last, 40);
    assert_reads(bed, 1, 40);
    reopen(bed);
    assert_reads(bed, 1, 40);
    assert_reads(bed, 20, 40);
}

static void test_many_at_once(void **state) {
    struct bed *bed = *state;
    struct log_record records[300];
    bed->options.pending_bytes = 1 << 20;
    reopen(bed);
    for (size_t i = 0; i < 300; i++)
        records[i] = (struct log_record){.kind = LOG_TICK, .received_ms = (int64_t)i};
    assert_int_equal(log_append(bed->log, records, 300, NULL), STATUS_OK);
    assert_int_equal(log_append(bed->log, records, 0, NULL), STATUS_OK);
    assert_int_equal(records[299].position, 300);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    struct log_reader *reader;
    struct log_record record;
    assert_int_equal(log_reader_open(bed->log, 1, &reader, NULL), STATUS_OK);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(log_read(reader, &record, NULL), STATUS_OK);
        assert_int_equal(record.received_ms, i);
        assert_int_equal(record.payload.size, 0);
    }
    log_reader_close(reader);
}

static void test_too_large_and_full(void **state) {
    struct bed *bed = *state;
    char *bytes = memory_get(LOG_RECORD_BYTES_MAX + 1, 1);
    struct log_record record = {.kind = LOG_DEFINE, .payload = {bytes, LOG_RECORD_BYTES_MAX + 1}};
    assert_int_equal(log_append(bed->log, &record, 1, NULL), STATUS_TOO_LARGE);
    uint64_t position = 1;
    while (append(bed, position, 500) == STATUS_OK)
        position++;
    assert_int_equal(position, 8); /* 7 * 544 <= 4096 */
    assert_int_equal(append(bed, position, 500), STATUS_FULL);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    record.payload.size = LOG_RECORD_BYTES_MAX; /* past the budget, but nothing waits */
    assert_int_equal(log_append(bed->log, &record, 1, NULL), STATUS_OK);
    assert_int_equal(append(bed, 9, 1), STATUS_FULL);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    append_committed(bed, 9, 10, 500);
    struct log_reader *reader;
    assert_int_equal(log_reader_open(bed->log, 8, &reader, NULL), STATUS_OK);
    assert_int_equal(log_read(reader, &record, NULL), STATUS_OK);
    assert_int_equal(record.payload.size, LOG_RECORD_BYTES_MAX);
    log_reader_close(reader);
    reopen(bed);
    assert_reads(bed, 9, 10);
    free(bytes);
}

static void test_disk_full(void **state) {
    struct bed *bed = *state;
    os_sim_set_disk_bytes(bed->sim, 2 * 8192);
    append_committed(bed, 1, 14, 500); /* 7 a segment */
    assert_int_equal(append(bed, 15, 500), STATUS_OK);
    assert_int_equal(append(bed, 16, 500), STATUS_OK);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_DISK_FULL);
    assert_int_equal(bed->failed, STATUS_DISK_FULL);
    assert_int_equal(bed->failed_first, 15);
    assert_int_equal(bed->failed_last, 16);
    struct log_counters counters;
    log_counters_read(bed->log, &counters);
    assert_true(counters.disk_full && counters.pending_bytes == 0);
    assert_int_equal(append(bed, 17, 500), STATUS_DISK_FULL);
    os_sim_set_disk_bytes(bed->sim, 0); /* somebody made room; the log looks once a second */
    os_sim_advance_ms(bed->sim, 999);
    assert_int_equal(append(bed, 17, 500), STATUS_DISK_FULL);
    os_sim_advance_ms(bed->sim, 1);
    append_committed(bed, 17, 20, 500);
    log_counters_read(bed->log, &counters);
    assert_false(counters.disk_full);
    assert_reads(bed, 17, 20);
    for (int round = 0; round < 2; round++) { /* 15 and 16 are a gap, for ever */
        struct log_reader *reader;
        uint64_t position;
        assert_int_equal(log_reader_open(bed->log, 14, &reader, NULL), STATUS_OK);
        assert_int_equal(read_checked(reader, &position, NULL), STATUS_OK);
        assert_int_equal(position, 14);
        assert_int_equal(read_checked(reader, &position, NULL), STATUS_OK);
        assert_int_equal(position, 17);
        log_reader_close(reader);
        reopen(bed);
    }
}

/* What did not get to the disk whole is reported, and is not there after a crash either. */
static void test_failed_write(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 2, 500);
    assert_int_equal(append(bed, 3, 500), STATUS_OK);
    os_sim_fail_call(bed->sim, 1, STATUS_IO);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_IO);
    assert_int_equal(bed->failed_first, 3);
    assert_int_equal(append(bed, 4, 500), STATUS_OK);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    assert_reads(bed, 4, 4);
    os_sim_power_loss(bed->sim);
    close_log(bed);
    os_sim_restart(bed->sim);
    open_log(bed);
    assert_reads(bed, 4, 4);
}

static void test_failed_sync_stops(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 2, 500);
    assert_int_equal(append(bed, 3, 500), STATUS_OK);
    os_sim_fail_call(bed->sim, 2, STATUS_IO); /* write, sync */
    assert_int_equal(log_commit(bed->log, NULL), STATUS_CLOSED);
    assert_true(os_sim_stopped(bed->sim));
    assert_int_equal(bed->failed, STATUS_OK); /* nobody is left to be told */
    assert_int_equal(append(bed, 4, 1), STATUS_CLOSED);
    assert_int_equal(log_durable(bed->log), 2);
}

/* Cuts the bytes of the last group in every way a crash can: the records before it stay. */
static void test_torn_tail(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 2, 300);
    for (uint64_t p = 3; p <= 5; p++)
        assert_int_equal(append(bed, p, 1000), STATUS_OK);
    assert_int_equal(log_commit(bed->log, NULL), STATUS_OK);
    const uint64_t start = 4096 + 2 * 344;
    char whole[3 * 1040];
    read_bytes(bed, 1, start, whole, sizeof whole);
    close_log(bed);
    for (unsigned lost = 1; lost < 64; lost++) { /* sixths of the group that the crash lost, in every combination */
        char torn[sizeof whole];
        memcpy(torn, whole, sizeof torn);
        for (int i = 0; i < 6; i++)
            if (lost >> i & 1)
                memset(torn + i * 520, 0, 520);
        write_bytes(bed, 1, start, torn, sizeof torn);
        open_log(bed);
        uint64_t kept = 2 + (lost & 3 ? 0 : lost & 12 ? 1 : 2);
        assert_int_equal(log_durable(bed->log), kept);
        char rest[8192 - 4096 - 2 * 344];
        read_bytes(bed, 1, start, rest, sizeof rest);
        for (size_t i = (kept - 2) * 1040; i < sizeof rest; i++)
            assert_int_equal(rest[i], 0);
        close_log(bed);
    }
    bed->ok_last = 0;
    open_log(bed);
    append_committed(bed, log_durable(bed->log) + 1, 20, 300);
    assert_reads(bed, 1, 20);
}

static void test_damage_in_last_segment(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 5, 500);
    close_log(bed);
    const uint64_t third = 4096 + 2 * 544;
    for (uint64_t offset = 0; offset < 540; offset += 9) { /* any byte of a record that a later group follows */
        flip(bed, 1, third + offset);
        assert_open_damaged(bed, FOLDER "/00000000000000000001.log: the record at offset 5184 is damaged");
        flip(bed, 1, third + offset);
    }
    char zeros[544] = {0}, whole[544];
    read_bytes(bed, 1, third, whole, sizeof whole);
    write_bytes(bed, 1, third, zeros, sizeof zeros);
    assert_open_damaged(bed, "offset 5184");
    write_bytes(bed, 1, third, whole, sizeof whole);
    open_log(bed);
    assert_reads(bed, 1, 5);
}

static void test_damage_in_old_segment(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 20, 500);
    const uint64_t offsets[] = {4096, 4096 + 3 * 544 + 60, 4096 + 6 * 544 + 4, 4096 + 6 * 544 + 500};
    const char *texts[] = {"offset 4096", "offset 5728", "offset 7360", "offset 7360"};
    for (int i = 0; i < 4; i++) {
        struct log_reader *reader;
        struct fault fault = {0};
        uint64_t position;
        enum status status;
        flip(bed, 8, offsets[i]);
        reopen(bed); /* quick: it does not look */
        assert_int_equal(log_reader_open(bed->log, 1, &reader, NULL), STATUS_OK);
        while ((status = read_checked(reader, &position, &fault)) == STATUS_OK) {
        }
        assert_int_equal(status, STATUS_DAMAGED);
        assert_non_null(strstr(fault.text, FOLDER "/00000000000000000008.log"));
        assert_non_null(strstr(fault.text, texts[i]));
        log_reader_close(reader);
        flip(bed, 8, offsets[i]);
    }
    assert_reads(bed, 1, 20);
}

static void test_damaged_headers_and_files(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 25, 500);
    close_log(bed);
    for (uint64_t offset = 0; offset < 72; offset++) {
        flip(bed, 15, offset);
        assert_open_damaged(bed, FOLDER "/00000000000000000015.log: ");
        flip(bed, 15, offset);
    }
    char path[64], away[] = FOLDER "/away";
    segment_at(path, 8);
    assert_int_equal(os_rename(bed->os, path, away, NULL), STATUS_OK);
    assert_open_damaged(bed, "the segment 00000000000000000008.log before 00000000000000000015.log is missing");
    assert_int_equal(os_rename(bed->os, away, path, NULL), STATUS_OK);
    struct os_file *file;
    assert_int_equal(os_open(bed->os, path, OS_WRITE, &file, NULL), STATUS_OK);
    assert_int_equal(os_truncate(bed->os, file, 8000, NULL), STATUS_OK);
    os_close(bed->os, file);
    assert_open_damaged(bed, "8000 bytes");
}

/* A payload that is itself the image of later records must not look like them when its own record is torn. */
static void test_payload_like_records(void **state) {
    struct bed *bed = *state;
    append_committed(bed, 1, 6, 400);
    char image[2400];
    read_bytes(bed, 1, 4096 + 440, image, sizeof image); /* real bytes, of another folder's log with another salt */
    struct os_sim *other = os_sim_create(5);
    struct bed two = {.sim = other, .os = os_sim_os(other), .options = bed->options};
    open_log(&two);
    struct log_record record = {.kind = LOG_ROW, .payload = {image, sizeof image}};
    assert_int_equal(log_append(two.log, &record, 1, NULL), STATUS_OK);
    assert_int_equal(log_commit(two.log, NULL), STATUS_OK);
    close_log(&two);
    flip(&two, 1, 4096 + 8);
    open_log(&two);
    assert_int_equal(log_durable(two.log), 0);
    close_log(&two);
    os_sim_free(other);
}

static void test_retire(void **state) {
    struct bed *bed = *state;
    bed->options.retention_days = 2;
    reopen(bed);
    for (uint64_t p = 1; p <= 28; p++) { /* 7 a segment, a segment a day */
        append_committed(bed, p, p, 500);
        os_sim_advance_ms(bed->sim, 86400000 / 7);
    }
    struct log_reader *lagging, *idle;
    uint64_t position;
    assert_int_equal(log_reader_open(bed->log, 1, &lagging, NULL), STATUS_OK);
    assert_int_equal(read_checked(lagging, &position, NULL), STATUS_OK);
    assert_int_equal(log_retire(bed->log, 6, os_now_ms(bed->os)), 0);             /* not folded */
    assert_int_equal(log_retire(bed->log, 28, os_now_ms(bed->os) - 86400000), 0); /* too young */
    assert_int_equal(log_retire(bed->log, 28, os_now_ms(bed->os) - 12 * 3600000), 1);
    assert_int_equal(log_first(bed->log), 8);
    struct fault fault = {0};
    assert_int_equal(log_reader_open(bed->log, 7, &idle, &fault), STATUS_NOT_FOUND);
    assert_non_null(strstr(fault.text, "the oldest kept is 8"));
    while (read_checked(lagging, &position, &fault) == STATUS_OK) { /* its segment is still in its hands */
    }
    assert_int_equal(position, 28);
    assert_reads(bed, 8, 28);
    os_sim_advance_ms(bed->sim, 30 * 86400000ull);
    assert_int_equal(log_retire(bed->log, 28, os_now_ms(bed->os)), 2); /* the last one stays */
    assert_int_equal(log_first(bed->log), 22);
    os_sim_power_loss(bed->sim);
    log_reader_close(lagging);
    close_log(bed);
    os_sim_restart(bed->sim);
    open_log(bed);
    assert_int_equal(log_first(bed->log), 22);
    assert_reads(bed, 22, 28);
    bed->options.retention_days = 0;
    reopen(bed);
    append_committed(bed, 29, 40, 500);
    assert_int_equal(log_retire(bed->log, 40, INT64_MAX), 0);
}

/* A reader that stands in a segment when its rest is removed says so; one that had read it all goes on. */
static void test_retire_under_readers(void **state) {
    struct bed *bed = *state;
    struct log_reader *behind, *done;
    uint64_t position;
    bed->options.retention_days = 1;
    reopen(bed);
    append_committed(bed, 1, 3, 500);
    assert_int_equal(log_reader_open(bed->log, 1, &behind, NULL), STATUS_OK);
    while (read_checked(behind, &position, NULL) == STATUS_OK) {
    }
    append_committed(bed, 4, 7, 500);
    assert_int_equal(log_reader_open(bed->log, 7, &done, NULL), STATUS_OK);
    assert_int_equal(read_checked(done, &position, NULL), STATUS_OK);
    append_committed(bed, 8, 9, 500);
    assert_int_equal(log_retire(bed->log, 9, 100 * 86400000ll), 1);
    assert_int_equal(read_checked(behind, &position, NULL), STATUS_NOT_FOUND);
    assert_int_equal(read_checked(done, &position, NULL), STATUS_OK);
    assert_int_equal(position, 8);
    log_reader_close(behind);
    log_reader_close(done);
}

/* Marks: a large segment, entered anywhere. */
static void test_marks(void **state) {
    struct bed *bed = *state;
    close_log(bed);
    bed->options = (struct log_options){0};
    os_sim_free(bed->sim);
    bed->sim = os_sim_create(2);
    bed->os = os_sim_os(bed->sim);
    bed->ok_last = 0;
    open_log(bed);
    append_committed(bed, 1, 300, 9000);
    for (int round = 0; round < 2; round++) {
        for (uint64_t from = 280; from <= 301; from += 7)
            assert_reads(bed, from, 300);
        uint64_t before = os_sim_calls(bed->sim);
        assert_reads(bed, 295, 300);
        assert_true(os_sim_calls(bed->sim) - before <= 3); /* open, one chunk; not the whole segment */
        reopen(bed);
    }
}

/* With threads, on the machine itself */

#define APPENDER_COUNT 4
#define APPEND_COUNT 3000

struct crowd {
    struct log *log;
    _Atomic uint64_t committed;
    uint64_t sums[APPENDER_COUNT];
};

static void crowd_commit(void *context, uint64_t first, uint64_t last, enum status status) {
    struct crowd *crowd = context;
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(crowd->committed + 1, first);
    crowd->committed = last;
}

struct appender {
    struct crowd *crowd;
    int index;
};

static void *append_many(void *context) {
    struct appender *appender = context;
    uint64_t last = 0;
    for (int i = 0; i < APPEND_COUNT;) {
        uint64_t words[2][8] = {{(uint64_t)appender->index, (uint64_t)i}, {(uint64_t)appender->index, (uint64_t)i + 1}};
        struct log_record records[2] = {{.kind = LOG_ROW, .payload = slice_of(words[0], 64)},
                                        {.kind = LOG_ROW, .payload = slice_of(words[1], 16)}};
        enum status status = log_append(appender->crowd->log, records, 2, NULL);
        assert_true(status == STATUS_OK || status == STATUS_FULL);
        if (status)
            continue;
        assert_int_equal(records[1].position, records[0].position + 1);
        last = records[1].position;
        i += 2;
        if (i % 64 == 0)
            while (log_wait(appender->crowd->log, last - 1, 1000) < last) {
            }
    }
    while (log_wait(appender->crowd->log, last - 1, 1000) < last) {
    }
    return NULL;
}

static void *read_along(void *context) {
    struct crowd *crowd = context;
    struct log_reader *reader;
    struct log_record record;
    uint64_t next[APPENDER_COUNT] = {0}, seen = 0;
    assert_int_equal(log_reader_open(crowd->log, 1, &reader, NULL), STATUS_OK);
    while (seen < APPENDER_COUNT * APPEND_COUNT) {
        struct fault fault = {0};
        enum status status = log_read(reader, &record, &fault);
        if (status == STATUS_END) {
            log_wait(crowd->log, seen, 100);
            continue;
        }
        if (status)
            fail_msg("%s", fault.text);
        uint64_t words[2];
        memcpy(words, record.payload.data, sizeof words);
        assert_int_equal(record.position, ++seen);
        assert_int_equal(words[1], next[words[0]]++);
        assert_true(record.position <= log_durable(crowd->log));
    }
    log_reader_close(reader);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    char folder[] = "/tmp/log_test.XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    struct crowd crowd = {0};
    struct log_options options = {.segment_bytes = 256 << 10, .pending_bytes = 64 << 10, .retention_days = 1};
    assert_int_equal(log_open(os_real(), folder, &options, &crowd.log, NULL), STATUS_OK);
    log_on_commit(crowd.log, crowd_commit, &crowd);
    assert_int_equal(log_start(crowd.log, NULL), STATUS_OK);
    pthread_t threads[APPENDER_COUNT], reader;
    struct appender appenders[APPENDER_COUNT];
    pthread_create(&reader, NULL, read_along, &crowd);
    for (int i = 0; i < APPENDER_COUNT; i++) {
        appenders[i] = (struct appender){&crowd, i};
        pthread_create(&threads[i], NULL, append_many, &appenders[i]);
    }
    for (int i = 0; i < APPENDER_COUNT; i++)
        pthread_join(threads[i], NULL);
    pthread_join(reader, NULL);
    struct log_counters counters;
    log_counters_read(crowd.log, &counters);
    assert_int_equal(counters.record_count, APPENDER_COUNT * APPEND_COUNT);
    assert_true(counters.group_count < counters.record_count);
    assert_true(log_retire(crowd.log, log_durable(crowd.log), os_now_ms(os_real()) + 3 * 86400000ll) > 0);
    log_close(crowd.log);
    assert_int_equal(crowd.committed, APPENDER_COUNT * APPEND_COUNT);
    assert_int_equal(log_open(os_real(), folder, &options, &crowd.log, NULL), STATUS_OK);
    assert_int_equal(log_durable(crowd.log), APPENDER_COUNT * APPEND_COUNT);
    log_close(crowd.log);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static void *wait_long(void *context) {
    log_wait(context, 1000, 60000);
    return NULL;
}

/* Closing commits what is pending and wakes who waits. */
static void test_close_under_waiters(void **state) {
    struct bed *bed = *state;
    pthread_t waiter;
    assert_int_equal(log_wait(bed->log, 0, 1), 0);
    pthread_create(&waiter, NULL, wait_long, bed->log);
    struct log_counters counters = {0};
    while (counters.waiters == 0) { /* who came after the close would find no log */
        usleep(1000);
        log_counters_read(bed->log, &counters);
    }
    assert_int_equal(log_start(bed->log, NULL), STATUS_OK);
    assert_int_equal(append(bed, 1, 100), STATUS_OK);
    reopen(bed);
    pthread_join(waiter, NULL);
    assert_int_equal(bed->ok_last, 1);
    assert_reads(bed, 1, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_empty),
        TEST(test_append_commit_read),
        TEST(test_segments_and_reopen),
        TEST(test_groups_over_segments),
        TEST(test_many_at_once),
        TEST(test_too_large_and_full),
        TEST(test_disk_full),
        TEST(test_failed_write),
        TEST(test_failed_sync_stops),
        TEST(test_torn_tail),
        TEST(test_damage_in_last_segment),
        TEST(test_damage_in_old_segment),
        TEST(test_damaged_headers_and_files),
        TEST(test_payload_like_records),
        TEST(test_retire),
        TEST(test_retire_under_readers),
        TEST(test_marks),
        cmocka_unit_test(test_threads),
        TEST(test_close_under_waiters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
