/* audit_command: `onefold identity audit`: is what the data folder says of its customers what its log says?
 *
 * Everything is made again from the raw log, record by record, in a folder of its own, and compared with the state that the data folder went
 * through checkpoints, compactions, merges, splits and restarts to: every identifier's customer, who is a customer, and every row of
 * every customer (type, time, position, the identifier it arrived through, who is at the other end of a relation). Besides, of the
 * data folder alone: rows lie with the customer of their arrival, and all evidence solved from nothing, in its own order, gives the
 * partition that came about in the log's. Where the log's beginning was removed (retention), only the latter is looked at. */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "history/target.h"
#include "identity/rehearsal.h"
#include "main/args.h"
#include "main/engine.h"

int identity_audit_command(int argc, char **argv);

#define STEP_RECORDS 20000
#define SHOWN_MAX 20

struct audit {
    struct engine *kept, *made; /* made: again from the log; NULL: its beginning is gone */
    uint64_t faults;
};

__attribute__((format(printf, 2, 3))) static void tell(struct audit *a, const char *format, ...) {
    va_list list;
    if (a->faults++ >= SHOWN_MAX)
        return;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
}

/* --- the log folded again --- */

static enum status again(struct audit *a, struct fault *fault) {
    struct log_reader *reader;
    struct log_record record;
    uint64_t count = 0;
    enum status status = log_reader_open(a->kept->log, 1, &reader, fault);
    if (status)
        return status;
    while (!status && !(status = log_read(reader, &record, fault))) {
        uint64_t position = record.position;
        status = log_append(a->made->log, &record, 1, fault);
        if (!status && record.position != position)
            status = fault_set(fault, STATUS_DAMAGED, "record %" PRIu64 " of the log became %" PRIu64, position,
                               record.position);
        if (!status && ++count % STEP_RECORDS == 0)
            status = engine_step(a->made, fault);
    }
    log_reader_close(reader);
    return status == STATUS_END ? engine_step(a->made, fault) : status;
}

/* --- customers --- */

static void compare_identifiers(struct audit *a) {
    struct identity_counters kept, made;
    identity_counters_read(a->kept->identity, &kept);
    identity_counters_read(a->made->identity, &made);
    if (kept.identifiers != made.identifiers || kept.created != made.created || kept.customers != made.customers ||
        kept.edges != made.edges)
        tell(a,
             "%" PRIu64 " identifiers, %" PRIu64 " customers, %" PRIu64 " pairs; by the log %" PRIu64 ", %" PRIu64
             ", %" PRIu64,
             kept.identifiers, kept.customers, kept.edges, made.identifiers, made.customers, made.edges);
    for (uint32_t i = 1; i <= kept.identifiers && i <= made.identifiers; i++) {
        struct identifier_id id = {i};
        struct slice value = identity_value(a->kept->identity, id);
        uint32_t one = identity_customer(a->kept->identity, id).number,
                 two = identity_customer(a->made->identity, id).number;
        if (identity_namespace(a->kept->identity, id) != identity_namespace(a->made->identity, id) ||
            !slice_equal(value, identity_value(a->made->identity, id)))
            tell(a, "identifier %" PRIu32 " (%.*s) is another by the log", i, SLICE_ARG(value));
        else if (one != two)
            tell(a, "identifier %.*s is of customer %" PRIu32 ", by the log of %" PRIu32, SLICE_ARG(value), one, two);
    }
}

/* --- rows --- */

/* A customer's rows as one number: what they are, whence, and who is at the other end. */
static uint64_t rows_hash(struct audit *a, struct engine *e, uint32_t number, struct arena *arena, uint64_t *count) {
    struct customer_id customer = {number};
    struct record_builder builder = {0};
    struct history_rows rows;
    uint64_t hash = 0;
    struct history_hold hold = history_enter(e->history);
    history_rows(e->history, customer, -1, arena, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        const struct record_head *r = history_row(e->history, &rows, i, &builder);
        uint64_t row = hash_mix(r->position * 31 + r->type) + hash_mix((uint64_t)r->time_ms ^ r->arrival);
        if (r->kind == TYPE_RELATION) {
            const struct record_value *end = record_find(r, RELATION_CUSTOMER);
            row += hash_mix(1 + target_now(e->identity, (struct identifier_id){r->document},
                                           (struct customer_id){end ? (uint32_t)record_number(end) : 0})
                                    .number);
        }
        hash += hash_mix(row + r->value_count); /* whatever their order: rows of one moment have none */
        uint32_t of = r->arrival ? identity_customer(e->identity, (struct identifier_id){r->arrival}).number : number;
        if (e == a->kept && of != number)
            tell(a,
                 "customer %" PRIu32 " has the row of position %" PRIu64 ", which arrived through customer %" PRIu32
                 "'s %.*s",
                 number, r->position, of, SLICE_ARG(identity_value(e->identity, (struct identifier_id){r->arrival})));
    }
    history_leave(e->history, hold);
    *count = rows.count;
    record_builder_release(&builder);
    arena_reset(arena);
    return hash;
}

static uint64_t compare_rows(struct audit *a) {
    struct identity_counters counters;
    struct arena arena = {0};
    uint64_t all = 0;
    identity_counters_read(a->kept->identity, &counters);
    for (uint32_t c = 1; c <= counters.created; c++) {
        uint64_t kept_count, made_count, kept = rows_hash(a, a->kept, c, &arena, &kept_count);
        all += kept_count;
        if (!a->made)
            continue;
        uint64_t made = rows_hash(a, a->made, c, &arena, &made_count);
        if (kept != made || kept_count != made_count)
            tell(a, "customer %" PRIu32 " has %" PRIu64 " rows, by the log %" PRIu64 "%s", c, kept_count, made_count,
                 kept_count == made_count ? " others" : "");
    }
    arena_release(&arena);
    return all;
}

/* --- evidence --- */

static enum status compare_solved(struct audit *a, struct rehearsal *r, struct fault *fault) {
    if (identity_sweep_at(a->kept->identity)) {
        printf("rules are being carried out: evidence is not solved anew\n");
        return STATUS_OK;
    }
    enum status status = identity_rehearse(a->kept->identity, NULL, NULL, r, fault);
    if (!status && (r->would_merge || r->would_split || r->would_move))
        tell(a,
             "solved from nothing, %" PRIu64 " customers would merge, %" PRIu64 " come apart and %" PRIu64
             " identifiers move",
             r->would_merge, r->would_split, r->would_move);
    return status;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about, (void)kind, (void)place;
    return remove(path);
}

static void remove_scratch(const char *path) {
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS))
        fprintf(stderr, "onefold: %s was not removed whole: %s\n", path, strerror(errno));
}

static enum status audit(struct audit *a, const char *folder, const char *scratch, struct fault *fault) {
    const struct engine_options options = {.threads = false, .log = {.retention_days = 0}};
    struct rehearsal rehearsal = {0};
    enum status status = engine_open(os_real(), folder, &options, &a->kept, fault);
    bool whole = !status && log_first(a->kept->log) <= 1;
    if (!status && !whole)
        printf("the log begins at position %" PRIu64 ": what was before cannot be made again\n",
               log_first(a->kept->log));
    if (whole && !(status = engine_open(os_real(), scratch, &options, &a->made, fault)))
        status = again(a, fault);
    if (status)
        return status;
    if (a->made)
        compare_identifiers(a);
    uint64_t rows = compare_rows(a);
    status = compare_solved(a, &rehearsal, fault);
    struct identity_counters counters;
    identity_counters_read(a->kept->identity, &counters);
    printf("%" PRIu64 " identifiers, %" PRIu64 " customers, %" PRIu64 " rows, %" PRIu64 " components of evidence: %s\n",
           counters.identifiers, counters.customers, rows, rehearsal.components,
           a->faults ? "not as the log says" : "as the log says");
    if (a->faults)
        printf("%" PRIu64 " differences\n", a->faults);
    return status;
}

int identity_audit_command(int argc, char **argv) {
    const char *folder = "onefold-data", *scratch = NULL;
    const struct arg table[] = {
        {"data", ARG_TEXT, &folder, "data folder, no server running on it (onefold-data)"},
        {"scratch", ARG_TEXT, &scratch, "folder for what is made again; made, and removed (DATA/audit)"},
        {0}};
    struct audit a = {0};
    struct fault fault = {0};
    struct buffer path = {0};
    args_parse(argc, argv, "identity audit [--data DIR] [--scratch DIR]", table, NULL, NULL);
    buffer_print(&path, "%s", scratch ? scratch : folder);
    if (!scratch)
        buffer_print(&path, "/audit");
    buffer_add_char(&path, 0);
    if (access(folder, F_OK) != 0) { /* opening it would make it */
        fprintf(stderr, "onefold: there is no data folder %s\n", folder);
        buffer_release(&path);
        return 1;
    }
    enum status status = audit(&a, folder, path.data, &fault);
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    if (a.made) {
        engine_abandon(a.made);
        remove_scratch(path.data);
    }
    if (a.kept)
        engine_abandon(a.kept);
    buffer_release(&path);
    return status || a.faults ? 1 : 0;
}
