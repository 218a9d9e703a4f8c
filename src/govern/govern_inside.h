/* govern_inside: what the files of govern share while they work one raw record.
 *
 * govern.c begins and ends every record and owns the state; govern_segment.c and govern_row.c know the two kinds of
 * payload; govern_value.c reads single values into typed records. What is refused on the way gathers in `refusals` and
 * goes to quarantine at the end, so that a replay can look before anything is written. */
#ifndef ONEFOLD_GOVERN_GOVERN_INSIDE_H
#define ONEFOLD_GOVERN_GOVERN_INSIDE_H

#include "govern/dictionary_inside.h"
#include "govern/event_time.h"
#include "govern/govern.h"
#include "govern/mapping.h"
#include "govern/normalise.h"
#include "govern/quarantine.h"

#define REFUSALS_MAX 64 /* values of one record that are listed; all are counted by their property */

/* Quality of one source. On disk: add at the end. */
struct quality {
    uint64_t records;       /* raw ones */
    uint64_t whole_refused; /* of them, in quarantine as a whole */
    uint64_t values_present, values_refused;
    uint64_t time_missing, time_bad, time_future;
    uint64_t time_corrected;            /* a device's wrong clock set right */
    uint64_t late;                      /* arrived more than two hours after it happened */
    uint64_t identifiers, placeholders; /* identifiers taken; placeholders dropped */
};
#define QUALITY_LATE_MS (2 * 3600 * 1000LL)

struct source_rules {
    uint8_t priority;
    struct zone *zone; /* NULL: UTC */
};

struct refusal {
    enum quarantine_reason reason;
    struct slice field, text; /* in scratch */
};

/* Namespaces and types the code knows by name; found again when the dictionary was emptied. */
struct known {
    uint64_t generation;
    const struct namespace *user_id, *anonymous_id, *device_id;
    struct type *customer;
};

struct govern {
    struct os *os;
    struct dictionary *dictionary;
    struct known known;
    struct quarantine quarantine;
    struct mappings mappings;
    pthread_mutex_t mappings_lock; /* for readers on other threads; the fold thread holds it to change */
    struct event_clocks clocks;
    struct quality *_Atomic *quality; /* [UINT16_MAX + 1], by source; NULL until its first record */
    struct source_rules *sources;     /* [UINT16_MAX + 1] */

    /* The record being worked. */
    const struct log_record *raw;
    struct governed *out;
    uint64_t line;           /* of a row; 0: no row */
    const struct zone *zone; /* for times that come without one */
    struct quality *count;
    struct json_parser *parser, *context_parser;
    struct buffer context_text; /* what context_parser holds: a batch's items share it */
    const struct json *context_root;
    struct arena scratch;
    struct buffer text;
    struct record_builder builders[GOVERN_RECORDS_MAX];
    struct type *types[GOVERN_RECORDS_MAX];
    struct refusal refusals[REFUSALS_MAX];
    size_t refusal_count;
    struct fault fault;       /* of the call that failed last; its text is empty otherwise */
    uint16_t time_flags;      /* enum record_flags of the record's time */
    struct quality replaying; /* counts of a replay, thrown away */
};

/* --- govern.c --- */

/* Notes a refused value; `text` is a sentence (copied). In a row, `field` is its column, and the line is added. */
void govern_refuse(struct govern *g, enum quarantine_reason reason, struct slice field, struct slice text);
/* Puts the record as a whole into quarantine: nothing of it is used. */
void govern_refuse_whole(struct govern *g, enum quarantine_reason reason, struct slice field, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Starts the next record of `out`. NULL when the type cannot be had (refused as a whole). */
struct record_builder *govern_begin(struct govern *g, enum type_kind kind, struct slice type_name);
/* Ends the record begun last and keeps it. */
void govern_end(struct govern *g);
/* What `raw` is in `ns`, trimmed and normalised, for the record's own identifiers and for other customers' alike. False: it is empty, a
 * placeholder (counted), a document's key or none of the namespace (refused, at `field`). */
bool govern_identifier(struct govern *g, const struct namespace *ns, struct slice raw, struct slice field,
                       struct slice *canonical);
/* Claims `raw` in `ns`: trimmed, normalised; placeholders are dropped, bad ones refused. */
void govern_claim(struct govern *g, const struct namespace *ns, struct slice raw, struct slice field);
/* The same for a value that is canonical already. */
void govern_claim_canonical(struct govern *g, const struct namespace *ns, struct slice value, struct slice field);
/* The record's time by event_time's rules, from the device's time as the source wrote it (`value` empty: none). */
void govern_set_time(struct govern *g, struct slice value, const char *format, int64_t sent_ms, struct slice field);
/* The hash that stands for a message id; never 0. */
uint64_t govern_message_hash(struct slice message_id);
#define GOVERN_MESSAGE_SEED 0x4d455353414745ULL

/* --- govern_party.c: other customers whom a record names (govern.h, struct party) --- */

/* Who is named, and as what; `relation` NULL: the record is the relation, whose type comes later. */
struct naming_place {
    const struct namespace *ns;
    const struct type *relation;
    bool subject;
    struct slice field; /* for refusing */
};
/* `raw` names a customer: trimmed, normalised; placeholders are dropped, bad ones refused. Values of different namespaces under one relation
 * are one customer's; of the same, several customers'. */
void govern_name_party(struct govern *g, const struct naming_place *place, struct slice raw);
/* The same of each element, where `value` is a list. */
void govern_name_parties(struct govern *g, const struct naming_place *place, const struct json_parser *p,
                         const struct json *value);
/* The last party that was named under `relation`, or -1. */
int govern_party_last(const struct govern *g, const struct type *relation);
/* When all is read: leaves out what names the record's own customer, sorts, and gives events to the subject. */
void govern_settle_parties(struct govern *g);

struct place;
/* Whether and when a relation is over, as a source has it: a bool, or the time of its end. */
struct relation_end {
    bool said; /* something; false: it holds */
    bool ended;
    int64_t at_ms; /* TIME_NONE: from the record's own time on */
};
void govern_read_end(struct govern *g, struct slice text, const char *format, struct slice field,
                     struct relation_end *out);
/* Adds the rows of the relation `type` between the record's own customer and its one party, at both ends, for when it began and for when it
 * ended. `put` puts what else is said of it into a place. False after refusing the record as a whole. */
bool govern_add_relation(struct govern *g, struct slice type, const struct relation_end *end,
                         void (*put)(void *context, struct place *place), void *context);

static inline void count_up(uint64_t *counter) {
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

#endif
