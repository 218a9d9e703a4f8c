/* audience: segments, tags and metrics; who is in, who entered and left, and when to look again.
 *
 * Definitions are log records (kind LOG_DEFINE), versioned, in force from their position on:
 *     {"define":"segment","name":"核心客户","kind":"live","expression":"sum(order.total) > 50000","description":{"en":"...","zh":"..."}}
 *         kind live (default): follows every record and the clock. "scheduled": evaluated as a whole at its times, "schedule":
 *         {"every":"1 hour"} or {"every":"1 day","at":"03:00"} (workspace's zone) or {"at": ISO instant} once. "upload": members come by
 *         commands. An expression may be text or a JSON tree (tree.h); it is stored as the canonical text of the checked tree.
 *     {"define":"tag","name":"价格敏感度","kind":"rule|manual|import|model","type":"bool|text|number|distribution|preference",
 *      "expression":"..." (rule)}       -- rule tags are evaluated when they are asked for, so they are never stale
 *     {"define":"metric","name":"...","expression":"..."}
 *     {"define":"workspace","time_zone":"Asia/Shanghai","week_start":1}     -- defaults UTC, 1 (Monday)
 *     {"define":"subscription","name":"crm","segments":["..."] or "all","events":["Order Completed"],"url":"https://...","secret":"..."}
 *     {"define":"analysis","name":"...","kind":"funnel","definition":{...},"parameters":{"days":{"default":30}}}   -- kept as data, for insight
 *     any of them with "deleted":true ends it; refused (CONFLICT, naming who) while another definition uses it.
 * Commands (LOG_COMMAND), made by serve, applied by the fold:
 *     {"command":"tag","customer":"<oneid or namespace:value>","tag":"...","value":...}      null removes it
 *     {"command":"members","segment":"...","add":["..."],"remove":["..."]}                   of an upload segment
 *     {"command":"relate","type":"guardian_of","from":"namespace:value","to":"namespace:value","fields":{...},"end":false,"at":ISO instant}
 *     {"command":"refresh","segment":"..."}                                                 a scheduled one, now
 *     {"command":"merge","customer":"<id>","other":"<id>"}      {"command":"split","customer":"<id>","identifiers":["namespace:value"]}
 *     {"command":"undo","decision":3}                             identity/named.h has all forms; the fold carries them out (fold_identity.h)
 * Tags by hand and uploads become rows of the customer's attributes ("tag.x", "segment.x"), so they stand in the timeline, follow merges
 * and splits, and need no store of their own.
 *
 * Live: after each record the fold tells which types and attributes it touched; an index from those leads to the segments that read
 * them; those alone are evaluated, for its customer alone (and for those related to it where a segment looks over that relation).
 * Time: the fold's clock is the largest received time so far; ticks (LOG_TICK) move it when nothing else does. Each customer has one due
 * moment, the earliest at which an answer may change by time alone. Before a record is applied, every due moment up to its time is worked in
 * order (moment, customer), as of that moment; so answers never depend on when ticks come, and a restart that slept catches up.
 * Where many of a span are due at once the span is evaluated as a whole.
 * Before and after: an entry says which clauses were and are true; those before are evaluated on the history without the record.
 *
 * Threads: the fold thread changes; readers take a snapshot of the definitions, and read members under the history's hold. */
#ifndef ONEFOLD_AUDIENCE_AUDIENCE_H
#define ONEFOLD_AUDIENCE_AUDIENCE_H

#include "audience/feed.h"
#include "history/history.h"
#include "language/plan.h"
#include "log/log.h"

struct audience;
struct audience_parts { /* borrowed */
    struct os *os;
    const char *folder;            /* of the feed */
    struct dictionary *dictionary; /* gets the attributes that tags and uploads are kept in */
    const struct master *master;
    struct identity *identity;
    struct history *history;
    const struct log *log;        /* for lags in records; may be NULL */
    uint32_t feed_file_entries;   /* few in tests; 0: FEED_FILE_ENTRIES */
    unsigned feed_retention_days; /* 0: 90 */
};
enum status audience_create(const struct audience_parts *parts, struct audience **audience,
                            struct fault *fault) WARN_UNUSED;
void audience_free(struct audience *audience);

/* Whether definitions of this word ("segment", "workspace" ...) are audience_define's. Thread: any. */
bool audience_defines(struct slice define);

/* --- fold thread --- */
/* Applies a definition. Making or changing a live segment evaluates it for everybody, or takes over what was prepared. Errors as audience_check's. */
enum status audience_define(struct audience *a, struct json_parser *p, const struct json *definition, uint64_t position,
                            int64_t received_ms, struct fault *fault) WARN_UNUSED;
/* Time passes: works what is due up to `now_ms`, as caused by the record at `position`. Called before each record is applied. Cost: nothing
 * when nothing is due. */
void audience_clock(struct audience *a, int64_t now_ms, uint64_t position);
/* Records that were just appended to `customer`, which is new where `created`. */
void audience_records(struct audience *a, struct customer_id customer, bool created, struct record_head *const *records,
                      size_t count, uint64_t position);
/* Brings nearer what a record of `customer` will touch. */
void audience_prefetch(const struct audience *a, struct customer_id customer);
/* After history_merge: the loser leaves everything, the winner is evaluated anew (FEED_MERGED, then FEED_LEFT of the loser, then the
 * winner's entries). Cost: all live segments for one customer. */
void audience_merged(struct audience *a, struct customer_id winner, struct customer_id loser, uint64_t position);
/* After history_move, of all moves that one record caused (FEED_PARTED of each, then who stayed and who left is evaluated anew). Stored
 * sets hold of both what their last run would have said. Cost: all segments for two customers a move; a scheduled one is compiled. */
void audience_split(struct audience *a, const struct move *moves, size_t count, uint64_t position);
/* A type was defined: where that changed what values of a property are, expressions are checked again and live segments evaluated for
 * everybody. An expression that would be wrong now stays as it is; what it cannot read is missing to it. */
void audience_dictionary_changed(struct audience *a, uint64_t position);
/* Segments that read master data of this type are evaluated for everybody a second later by the fold's clock, so that an import is
 * followed once; who has a record before is answered by the new data. */
void audience_master_changed(struct audience *a, uint16_t type);
/* Evaluates a scheduled segment now. Errors: NOT_FOUND. */
enum status audience_refresh(struct audience *a, struct slice segment, uint64_t position,
                             struct fault *fault) WARN_UNUSED;
/* After a batch: what happened so far may be seen. */
void audience_publish(struct audience *a, uint64_t position);
int64_t audience_now(const struct audience *a); /* the fold's clock. Thread: any */
int64_t audience_due(const struct audience *a); /* the earliest due moment, INT64_MAX: none. Thread: any */

/* Saving: as everywhere (checkpoint.h): freeze on the fold thread, write elsewhere. */
struct audience_image;
struct audience_image *audience_freeze(struct audience *a);
enum status audience_write(struct audience_image *image, const char *path, struct fault *fault) WARN_UNUSED;
void audience_image_free(struct audience_image *image);
enum status audience_load(struct audience *a, const char *path,
                          struct fault *fault) WARN_UNUSED; /* NOT_FOUND: a checkpoint of before */

/* --- any thread --- */
/* Whether audience_define would take it (before it is logged). Errors: INVALID (place and fix), CONFLICT, NOT_FOUND, TOO_LARGE. */
enum status audience_check(struct audience *a, struct json_parser *p, const struct json *definition,
                           struct fault *fault) WARN_UNUSED;

/* Evaluates the live segments that definitions ask for beside the fold, before they are logged, so that the fold stands still for some ms each
 * instead of for an evaluation of everybody. Each is taken by itself, as of now: one that builds on another of them is not prepared. Once the
 * definitions are folded, or never will be, what is left of it is released. NULL: nothing can be prepared; then the fold does it all. What a
 * definition comes to is the same either way, and after a restart.
 * Thread: any but the fold's; one prepares, others wait for their turn. Cost: one pass over everybody: a batch run's, and due moments and slack. */
struct audience_prepared;
struct audience_prepared *audience_prepare(struct audience *a, struct json_parser *p,
                                           const struct json *const *definitions, size_t count);
size_t
audience_prepare_most(struct audience *a); /* so many segments at once; of more definitions the rest are not prepared */
void audience_prepared_release(struct audience *a, struct audience_prepared *prepared);

/* The definitions in force, immutable; release it soon. */
struct audience_snapshot;
struct audience_snapshot *audience_snapshot(struct audience *a);
void audience_snapshot_release(struct audience_snapshot *snapshot);
const struct vocabulary *
audience_vocabulary(const struct audience_snapshot *snapshot);      /* for checks; lives as long as the snapshot */
void audience_outside(struct audience *a, struct outside *outside); /* for plans */

struct audience_entry { /* one definition */
    enum definition_kind kind;
    uint32_t number;
    struct slice name;
    struct slice type_name; /* of a tag as declared: bool, text, number, distribution, preference; of others its type */
    struct slice how;       /* "live", "scheduled", "upload", "rule", "manual" ...; "deleted": found by number only */
    struct slice expression; /* canonical text; empty where there is none */
    const struct node *tree;
    enum term_type type;
    uint64_t position;  /* of the version in force */
    uint32_t version;   /* from 1 */
    uint16_t attribute; /* where a tag's values or an upload's members are kept; 0: nowhere */
};
/* False where there is none. Slices live as long as the snapshot. */
bool audience_find(const struct audience_snapshot *snapshot, enum definition_kind kind, struct slice name,
                   struct audience_entry *out);
bool audience_find_number(const struct audience_snapshot *snapshot, uint32_t number, struct audience_entry *out);
/* {"name","kind","type","expression","tree","description","version","position","defined_at","size" (segments),"freshness":{"position","lag",
 * "evaluated_at"},"depends":[...],"used_by":[...],"versions":[{"version","position","at","expression"}]} */
void audience_write_json(struct audience *a, const struct audience_snapshot *snapshot,
                         const struct audience_entry *entry, bool versions, struct json_writer *w);
void audience_list_json(struct audience *a, const struct audience_snapshot *snapshot, enum definition_kind kind,
                        struct json_writer *w);

/* Saved analyses: kind, definition and parameters as JSON {"kind","definition","parameters"}, versioned like the others. */
struct audience_analysis {
    struct slice name, kind, json; /* live as long as the snapshot */
    uint32_t version;              /* from 1 */
    uint64_t position;             /* of the version in force */
};
bool audience_analysis(const struct audience_snapshot *snapshot, struct slice name, struct audience_analysis *out);
/* {"name","kind","analysis":{...},"description","version","position","defined_at","versions":[{"version","at","analysis"}]}; false where there is none. */
bool audience_analysis_json(const struct audience_snapshot *snapshot, struct slice name, struct json_writer *w);
void audience_analyses_json(const struct audience_snapshot *snapshot, struct json_writer *w);

/* Segments by number: stored members, as of the fold's last publish. Number 0 is everybody who can be in one. */
uint64_t audience_size(const struct audience *a, uint32_t segment);
bool audience_member(const struct audience *a, uint32_t segment, struct customer_id customer);
/* Members after `after`, ascending, at most `limit`. */
size_t audience_members(const struct audience *a, uint32_t segment, struct customer_id after,
                        struct customer_id *members, size_t limit);
/* counts[mask]: customers in exactly the segments of the bits of mask, for 2 to 4 segments; counts[0] is left 0. */
void audience_overlap(const struct audience *a, const uint32_t *segments, size_t count, uint64_t counts[16]);
/* Sizes at the end of each interval, newest last: an array of {"at","size","entered","left"}, from the feed and the size now. */
void audience_sizes_json(struct audience *a, uint32_t segment, int64_t from_ms, int64_t interval_ms, size_t count,
                         struct json_writer *w);
/* Segments of one customer: calls each with those it is in. */
void audience_of(const struct audience *a, const struct audience_snapshot *snapshot, struct customer_id customer,
                 void (*each)(void *context, const struct audience_entry *entry), void *context);
struct feed *audience_feed(const struct audience *a);
/* Subscriptions in force as JSON (secrets left out) and one by one. */
struct audience_subscription {
    struct slice name, url, secret;
    const uint32_t *segments; /* numbers; count 0 with `all_segments` */
    size_t segment_count;
    const uint16_t *types; /* events */
    size_t type_count;
    bool all_segments, all_events;
};
size_t audience_subscription_count(const struct audience_snapshot *snapshot);
void audience_subscription_at(const struct audience_snapshot *snapshot, size_t i, struct audience_subscription *out);

struct audience_counters {
    uint64_t evaluations; /* of one root for one customer */
    uint64_t turned;      /* answers that were known to change, and not evaluated */
    uint64_t changes;     /* entries and exits */
    uint64_t timers_due;  /* worked */
    uint64_t span_passes; /* whole spans evaluated */
    uint64_t prepared;    /* definitions put in force that were prepared */
    uint64_t busy_ns;
    uint64_t memory_bytes;
};
void audience_counters_read(const struct audience *a, struct audience_counters *out);

#endif
