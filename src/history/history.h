/* history: every customer's events, documents and attribute settings in time order, in columns, beside their neighbours'.
 *
 * A span holds 4,096 consecutive customer numbers. Its base is an immutable, mapped file (docs/formats/span.md): per type
 * one table, rows sorted by (customer, time, log position), a column per property in the narrowest width. Its delta is
 * what came since: typed records as govern made them, chained per customer. A compactor folds deltas into new bases in the background.
 * A merge copies the loser's rows into the winner's delta and marks the loser gone; a split copies the rows of some arrival identifiers to
 * whom they belong to and leaves a note in the delta they were in, that they count there no more (moved.h). Nothing of who stays is touched.
 *
 * Ties: rows of equal time are ordered by log position, those of one record by type. Late rows simply sort where they belong.
 * Attributes and documents are folds over rows at reading time: an attribute's value is that of the strongest source
 * (lowest priority number), among equals the latest time, then position; an explicit null unsets. A document's field likewise, by time and
 * position alone; items are put in place whole, or appended row by row (RECORD_ITEMS_APPEND).
 *
 * Threads: the fold thread appends, merges and moves. Readers on any thread take a snapshot (history_enter/_leave: a few
 * nanoseconds) and never block the fold; what they see of one customer is whole up to some log position. */
#ifndef ONEFOLD_HISTORY_HISTORY_H
#define ONEFOLD_HISTORY_HISTORY_H

#include "govern/dictionary.h"
#include "govern/record.h"
#include "identity/identity.h"
#include "os/os.h"

#define SPAN_CUSTOMERS 4096u
#define HISTORY_READERS_MAX 64

struct history;
struct history_options {
    uint64_t
        delta_bytes; /* budget of all deltas; past three quarters of it the compactor works (the fuller deltas are, the less often bases are
                        written anew), past it the fold waits; default 1 GiB */
    uint64_t
        memory_bytes; /* budget of copies of base files, which what is asked of everybody reads faster than mapped ones; the others are
                              read mapped; default a quarter of what this process may use */
};
/* `folder` is where span files go (made where missing). NULL: rows in memory alone, for trying something out; never compacted or saved. */
enum status history_create(struct os *os, const char *folder, const struct dictionary *dictionary,
                           const struct history_options *options, struct history **history,
                           struct fault *fault) WARN_UNUSED;
void history_free(struct history *history);

/* --- fold thread --- */
/* Adds a row (copied) to `customer`. With RECORD_REPLACES it takes the place of the customer's row of its type at its log position,
 * whatever the time of either. Cost: one copy. */
void history_append(struct history *history, struct customer_id customer, const struct record_head *record);
/* Brings nearer what appending to `customer` will touch. */
void history_prefetch(const struct history *history, struct customer_id customer);
/* Moves all rows of `loser` to `winner`. Cost: rows of the loser. */
void history_merge(struct history *history, struct customer_id winner, struct customer_id loser);
/* Moves the rows of `from` that arrived through one of `arrivals` to `to`, who comes back to life where it was merged away before (without
 * the rows it had then). What arrives through them later stays where it is put. Returns how many moved. Cost: a copy of each row that moves,
 * and a look at the arrival of each that stays: a few ns. */
uint64_t history_move(struct history *history, struct customer_id from, struct customer_id to,
                      const struct identifier_id *arrivals, size_t count);
/* From now on `moved` is called, on the fold thread, for each row that a merge or a split gives to another customer; not for rows of a record
 * that stand at others than its own (RECORD_PARTY): those do not say where the record is. */
void history_follow(struct history *history, void (*moved)(void *context, uint64_t position, struct customer_id to),
                    void *context);
/* Everything up to log position `position` is in: readers may be told so. Wakes history_wait. */
void history_advance(struct history *history, uint64_t position);

/* --- any thread --- */
uint64_t history_position(const struct history *history); /* of the last history_advance */
/* Waits until history_position() >= position, or the timeout; true when reached. */
bool history_wait(struct history *history, uint64_t position, unsigned timeout_ms);

/* A reader's hold on the memory it looks at; one per thread at a time, short (the compactor's old files wait for it). */
struct history_hold {
    unsigned slot;
};
struct history_hold history_enter(struct history *history);
void history_leave(struct history *history, struct history_hold hold);

/* The rows of one customer, newest first by (time, position). Made by history_rows, read by history_row.
 * `types`: only this type number, or -1 for all. */
struct history_rows {
    struct row_place *places; /* opaque: where each row is; in the caller's arena */
    size_t count;
    uint64_t position; /* rows up to this log position are in */
};
/* Finds the customer's rows without decoding them. Between enter and leave. Cost: O(rows log rows). */
void history_rows(struct history *history, struct customer_id customer, int type, struct arena *arena,
                  struct history_rows *rows);
/* Row i decoded as a typed record; valid until the builder's next use (a delta row is returned as it stands). */
const struct record_head *history_row(struct history *history, const struct history_rows *rows, size_t i,
                                      struct record_builder *builder);
/* Starts bringing rows `from` .. `from + count` nearer: call it before decoding more than one of them. */
void history_fetch(const struct history_rows *rows, size_t from, size_t count);
int64_t history_row_time(const struct history_rows *rows, size_t i);
uint16_t history_row_type(const struct history_rows *rows, size_t i);
uint64_t history_row_position(const struct history_rows *rows, size_t i); /* log position */

/* Attributes now: calls `each` per attribute that has a value. Values are valid inside the call. */
struct attribute_now {
    uint16_t property;                /* of type 0 */
    const struct record_head *record; /* the row that set it: time, source, position */
    const struct record_value *value;
};
void history_attributes(struct history *history, struct customer_id customer, struct arena *arena,
                        void (*each)(void *context, const struct attribute_now *attribute), void *context);

/* The same from rows found before (of all types, or of type 0), for who needs the rows as well. */
void history_attributes_in(struct history *history, const struct history_rows *rows, struct arena *arena,
                           void (*each)(void *context, const struct attribute_now *attribute), void *context);

/* Documents now, newest first by their latest update's time: `each` gets the folded record (fields and items by latest version), with
 * time_ms that of the FIRST update (when the business object came to be) and `updated_ms` of the latest. type -1 = all document types. */
void history_documents(struct history *history, struct customer_id customer, int type, struct arena *arena,
                       void (*each)(void *context, const struct record_head *document, int64_t updated_ms,
                                    uint32_t update_count),
                       void *context);

/* The same from rows found before (of all types, or of the document's type). */
void history_documents_in(struct history *history, const struct history_rows *rows, int type, struct arena *arena,
                          void (*each)(void *context, const struct record_head *document, int64_t updated_ms,
                                       uint32_t update_count),
                          void *context);

/* Scans every base and delta for rows of event type `type` whose numeric property compares so with `bound`; returns the count.
 * The kernel behind `bench scan`. `workers` threads share the spans. */
enum compare {
    COMPARE_LESS,
    COMPARE_LESS_EQUAL,
    COMPARE_EQUAL,
    COMPARE_NOT_EQUAL,
    COMPARE_GREATER_EQUAL,
    COMPARE_GREATER
};
uint64_t history_count(struct history *history, uint16_t type, uint16_t property, enum compare compare, double bound,
                       unsigned workers);

struct history_counters {
    uint64_t rows; /* in all, without those merged away */
    uint64_t base_rows, delta_rows;
    uint64_t base_bytes;   /* files */
    uint64_t delta_bytes;  /* memory */
    uint64_t memory_bytes; /* of base files' copies */
    uint64_t spans, compactions, merged_rows;
};
void history_counters_read(const struct history *history, struct history_counters *out);

/* --- background thread --- */
/* Compacts the span that gains most, if any is due (`all`: whichever has rows in its delta); where none is (and not `all`), holds a base that was
 * loaded against its checksums, and then copies one into memory, in large pages, while memory_bytes last: what is asked of everybody reads some KiB
 * here and there, for which a processor's look-up of so many small pages takes half as long again. END when nothing was to do. The fold thread
 * takes the new base or the copy in at its next history_tidy.
 * Errors: DAMAGED (file and section named: the process must stop), DISK_FULL, IO (try again later). */
enum status history_compact(struct history *history, bool all, struct fault *fault) WARN_UNUSED;
/* Fold thread, between batches: swaps in finished bases, frees what no reader holds. True when the delta budget is used up and
 * the fold should wait for the compactor. */
bool history_tidy(struct history *history);

/* Saving: as everywhere. freeze: fold thread, quick. write: any thread; the image holds the deltas and names the base files.
 * free(durable): base files no checkpoint names any more may go. */
struct history_image;
struct history_image *history_freeze(struct history *history);
enum status history_write(struct history_image *image, const char *path, struct fault *fault) WARN_UNUSED;
void history_image_free(struct history_image *image, bool durable);
enum status history_load(struct history *history, const char *path, struct fault *fault) WARN_UNUSED;

#endif
