/* feed: what happened to audiences, in order: who entered and left which segment when and why, which customers merged or split, and events that
 * a subscription asked for. Subscribers read it from any point on; size over time and "why" are answered from it.
 *
 * An entry is named by (position, order): the log position that caused it and its number among that position's entries. The fold makes
 * entries, so folding again after a crash makes the same ones with the same names: at least once, with a stable id. The text form
 * of the name is "<position>-<order>".
 *
 * In memory lie the entries since the last checkpoint and the newest sealed ones; older ones in files of `folder` (docs/formats/feed.md),
 * each of FEED_FILE_ENTRIES, mapped when read. What a checkpoint names is durable; entries behind it are made again by the fold.
 * Files wholly older than the retention (days, default 90) are removed at checkpoints.
 *
 * Threads: the fold thread adds; any thread reads (a lock for a moment; never held while a file is read). */
#ifndef ONEFOLD_AUDIENCE_FEED_H
#define ONEFOLD_AUDIENCE_FEED_H

#include "identity/identity.h"
#include "os/image.h"

enum feed_kind { FEED_ENTERED = 1, FEED_LEFT = 2, FEED_EVENT = 3, FEED_MERGED = 4, FEED_PARTED = 5 };
enum feed_cause {
    FEED_RECORD = 1,     /* a record of this customer */
    FEED_TIME = 2,       /* the clock alone */
    FEED_DEFINITION = 3, /* the segment was made or changed */
    FEED_MERGE = 4,      /* two customers became one */
    FEED_RELATED = 5,    /* a record of a related customer */
    FEED_MASTER = 6,     /* master data changed */
    FEED_SCHEDULE = 7,   /* a scheduled refresh */
    FEED_UPLOAD = 8,
    FEED_SPLIT = 9 /* one customer became two */
};
/* On disk. */
struct feed_entry {
    uint64_t position;
    int64_t at_ms;  /* the fold's clock: of FEED_TIME the due moment */
    uint32_t order; /* among this position's entries, from 0 */
    uint32_t customer;
    uint32_t
        subject; /* segment number; FEED_EVENT: dictionary type number; FEED_MERGED: the customer that is no more; FEED_PARTED: the one
                  * that has part of its rows now */
    uint8_t kind, cause;
    uint16_t reserved;
    uint64_t clauses_before,
        clauses_after; /* of the segment's clauses (evaluate_clauses), one bit each that was, is true */
};

#define FEED_FILE_ENTRIES (1u << 20)

struct feed;
/* `folder` is made where missing. */
enum status feed_create(struct os *os, const char *folder, unsigned retention_days, struct feed **feed,
                        struct fault *fault) WARN_UNUSED;
/* The same with files of few entries, for tests. */
enum status feed_create_small(struct os *os, const char *folder, unsigned retention_days, uint32_t file_entries,
                              struct feed **feed, struct fault *fault) WARN_UNUSED;
void feed_free(struct feed *feed);

/* --- fold thread --- */
void feed_add(struct feed *feed, const struct feed_entry *entry); /* position and order ascend */
/* The entries up to here are whole; wakes feed_wait. Called once after each batch of records. */
void feed_publish(struct feed *feed, uint64_t position);
/* Saving, as everywhere: freeze on the fold thread, at once; write on any one thread: it seals what is full, drops files that are too
 * old, and notes in `writer` (section "feed") which files and entries there are. One image at a time. */
struct feed_image;
struct feed_image *feed_freeze(struct feed *feed);
enum status feed_write(struct feed_image *image, struct image_writer *writer, int64_t now_ms,
                       struct fault *fault) WARN_UNUSED;
void feed_image_free(struct feed_image *image);
/* The three in one, where the fold may wait. */
enum status feed_save(struct feed *feed, struct image_writer *image, int64_t now_ms, struct fault *fault) WARN_UNUSED;
/* Into an empty feed, once. Files that the image does not name came after it and are removed: the fold makes their entries again.
 * Errors: NOT_FOUND without the section; DAMAGED. */
enum status feed_load(struct feed *feed, struct image *image, struct fault *fault) WARN_UNUSED;

/* --- any thread --- */
struct feed_place {
    uint64_t position;
    uint32_t order;
};
struct feed_place feed_first(const struct feed *feed); /* of the oldest entry kept */
/* Whether there were older ones, which are gone. */
bool feed_dropped(const struct feed *feed);
/* Position the feed is whole up to: a reader that has read all up to here has missed nothing before it. */
uint64_t feed_published(const struct feed *feed);
/* Copies up to `limit` published entries behind `after` ({0}: from the oldest), in order; returns how many.
 * Errors by return: none; AHEAD never: a place past the end gives 0. Cost: O(log files + entries). */
size_t feed_read(struct feed *feed, struct feed_place after, struct feed_entry *entries, size_t limit);
/* Waits until something behind `after` is published, or the timeout. */
bool feed_wait(struct feed *feed, struct feed_place after, unsigned timeout_ms);
/* Calls `notify` after each feed_publish that added entries, on the fold thread: quick, never blocking. At most FEED_NOTIFIED of them;
 * NULL ends that of `context`: it does not run any more when this returns. */
#define FEED_NOTIFIED 8
void feed_on_publish(struct feed *feed, void (*notify)(void *context), void *context);
/* Entries of `customer` or of `subject` segment (0: any), newest first, at most `limit`, among the newest `look_at` entries. */
size_t feed_search(struct feed *feed, uint32_t customer, uint32_t subject, size_t look_at, struct feed_entry *entries,
                   size_t limit);
/* The same among those before `before`, for the next page. */
size_t feed_search_before(struct feed *feed, struct feed_place before, uint32_t customer, uint32_t subject,
                          size_t look_at, struct feed_entry *entries, size_t limit);
bool feed_place_parse(struct slice text, struct feed_place *place); /* "12345-0"; "12345": behind all of it */

#endif
