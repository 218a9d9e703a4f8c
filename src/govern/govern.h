/* govern: raw record -> clean, typed records plus the identifiers they carry.
 *
 * Reads the log's payloads (collect/payload.h), applies the source's mapping and the dictionary, normalises, counts
 * quality, and puts what cannot be used into quarantine with a reason. Pure: the same log gives the same output,
 * whatever the clock. Part of the folded state; fold thread only, except where said. */
#ifndef ONEFOLD_GOVERN_GOVERN_H
#define ONEFOLD_GOVERN_GOVERN_H

#include "govern/dictionary.h"
#include "log/log.h"

#define CLAIMS_MAX 32
#define GOVERN_RECORDS_MAX 8
#define PARTIES_MAX 16
#define PARTY_CLAIMS_MAX 4

/* An identifier a record carries, canonical. */
struct claim {
    uint16_t namespace_number;
    struct slice value; /* valid until the next govern_apply */
};

/* Another customer whom a record names beside its own: the other end of a relation, or who has to do with what happened (a child that is
 * booked for, who receives a gift). The two are never made one by it: of the party's claims *one* is used, the first that is not blocked,
 * and none of them is evidence of another. */
struct party {
    struct claim claims
        [PARTY_CLAIMS_MAX]; /* strongest namespace first; none that the record's own customer is named by as well */
    size_t claim_count;     /* 0: whoever it was is the record's own customer, or cannot be used; pass it over */
    struct slice field;     /* where it was named, for refusing it */
    uint16_t
        relation; /* type of the relation to this one: from the subject, who is the record's own customer if no party is */
    bool subject; /* the event is this one's; the record's own customer is the contact */
    bool stated;  /* the relation is among the records; otherwise it follows from them */
};

/* What one raw record became. Everything is valid until the next govern_apply or govern_replay. Claims without records
 * (an identify without traits) only say that the identifiers belong together. Records are one event, document, master
 * row or set of attributes each; a call may give several (the event, what its context.traits set, the order it is
 * about). */
struct governed {
    uint64_t message_hash; /* 0: no message id, nothing to deduplicate by */
    int64_t time_ms;
    uint16_t source;
    struct claim claims[CLAIMS_MAX]; /* of the person, strongest namespace first; documents' keys are not among them */
    size_t claim_count;
    struct record_head *records[GOVERN_RECORDS_MAX]; /* typed records, arrival and document not yet set */
    struct claim document_keys[GOVERN_RECORDS_MAX];  /* of each record that is a document; namespace 0 otherwise */
    uint8_t owners[GOVERN_RECORDS_MAX]; /* whose each is: 0 the record's own customer's, 1 + i that of parties[i] */
    size_t record_count;
    struct party parties[PARTIES_MAX]; /* rows of relations hold no customer and no other end yet: the fold sets both */
    size_t party_count;
    bool quarantined; /* nothing usable: the whole record waits in quarantine */
    bool refused;     /* that, or values of it wait there */
    bool hashed;      /* the hashes below were made ahead: identity_hash_claims */
    uint64_t claim_hashes[CLAIMS_MAX], key_hashes[GOVERN_RECORDS_MAX];
};
/* The same, for who keeps it past the next record: `into` borrows `bytes`, which are overwritten. What parties say is not copied: of a record
 * that has some, `from` must stay. */
void governed_copy(const struct governed *from, struct buffer *bytes, struct governed *into);

/* Why something is in quarantine: quarantine.def holds (name, text in English, text in Chinese). */
enum quarantine_reason {
#define QUARANTINE(name, english, chinese) QUARANTINE_##name,
#include "govern/quarantine.def"
#undef QUARANTINE
    QUARANTINE_REASON_COUNT
};

struct govern;
/* `dictionary` is borrowed and changed. */
struct govern *govern_create(struct os *os, struct dictionary *dictionary);
void govern_free(struct govern *g);

/* What govern must know of a source: its priority goes into every record, its zone reads times that come without one
 * (empty: UTC). Default 100 and UTC. Not saved: say it again after loading. Errors: INVALID or NOT_FOUND for the zone
 * (nothing changed). */
enum status govern_set_source(struct govern *g, uint16_t source, uint8_t priority, struct slice time_zone,
                              struct fault *fault) WARN_UNUSED;

/* Works one LOG_SEGMENT_ITEM or LOG_ROW, whose payload has 64 readable bytes past its end. Never fails: what cannot be
 * used is quarantined (whole records, or single values of an otherwise good record) and counted.
 * Cost: about 1 microsecond for a track call of 600 bytes. */
void govern_apply(struct govern *g, const struct log_record *raw, struct governed *out);
/* The same in two steps, for who works records ahead of those that are applied: govern_work puts nothing aside yet. Where out->refused, or there are parties, it
 * is govern_settle's turn when all records before were applied; until then, and until govern_note_holder was told of it, no other may be
 * worked, and `raw` and `out` stay. Thread: one at a time, and not beside a definition, a replay or govern_save. */
void govern_work(struct govern *g, const struct log_record *raw, struct governed *out);
void govern_settle(struct govern *g);

/* The canonical form of an identifier somebody typed ("138 0000 1111"), as claims carry it, for looking people up.
 * `canonical` is in `arena`. Errors: INVALID, the fault saying why. Thread: any. */
enum status govern_normalise_identifier(const struct namespace *ns, struct slice raw, struct arena *arena,
                                        struct slice *canonical, struct fault *fault) WARN_UNUSED;

/* {"define":"mapping",...} (docs/mapping.md). govern_check_mapping: thread any. */
enum status govern_check_mapping(struct json_parser *p, const struct json *definition, struct fault *fault) WARN_UNUSED;
enum status govern_define_mapping(struct govern *g, struct json_parser *p, const struct json *definition,
                                  struct fault *fault) WARN_UNUSED;
/* The raw JSON of the mapping as defined last, or an empty slice. Thread: any (copies into `into`). */
bool govern_mapping_json(struct govern *g, struct slice name, struct buffer *into);
void govern_list_mappings(struct govern *g, struct json_writer *w);

/* One entry: a whole record or one of its values. */
struct quarantine_entry {
    uint64_t number;   /* of the entry, from 1, never reused */
    uint64_t position; /* of the raw record in the log */
    int64_t received_ms;
    uint16_t source;
    uint8_t reason;
    bool whole;         /* the whole record, not one value */
    bool repaired;      /* replayed with success */
    struct slice field; /* "properties.price", "column 手机号 line 12" */
    struct slice text;  /* the sentence for a person, with the offending value */
};
/* Calls `each` for the entries with number > after that match (source 0 = all, reason < 0 = all), up to `limit`.
 * Thread: any (holds a short lock). Slices are valid inside the call. */
void quarantine_list(struct govern *g, uint64_t after, unsigned limit, uint16_t source, int reason,
                     bool include_repaired, void (*each)(void *context, const struct quarantine_entry *entry),
                     void *context);
/* Counts by source and reason, waiting and repaired, as JSON. Thread: any. */
void quarantine_counts_json(struct govern *g, struct json_writer *w);
uint64_t quarantine_waiting(const struct govern *g);
/* Fold side of a replay: the positions waiting for (source, reason), ascending, into `positions` (uint64_t each). */
void quarantine_positions(struct govern *g, uint16_t source, int reason, struct buffer *positions);
/* Works the raw record of a quarantined position again. True when that helped, and `out` is filled:
 *   it waited as a whole and now gives records: its entries are marked repaired (values still refused get new ones);
 *   only values of it waited, and none is refused any more: likewise. `out` then holds the record as it should have
 *   been; history has it without those values, under the same message hash.
 * Otherwise false, and its entries stay as they are. */
bool govern_replay(struct govern *g, const struct log_record *raw, struct governed *out);

/* For the fold: puts the value in `field` of `raw` aside, where the rest of the record is used; before govern_note_holder. */
void govern_set_value_aside(struct govern *g, const struct log_record *raw, enum quarantine_reason reason,
                            struct slice field, const char *text);
/* For the fold: puts `raw` aside as a whole, for a reason only it can see (`text` is a sentence, copied). */
void govern_set_aside(struct govern *g, const struct log_record *raw, enum quarantine_reason reason, const char *text);
/* Who has the record worked last: a customer's number, or GOVERN_HOLDER_MASTER. Kept where values of it were refused (it need not be said
 * of another), as a replay must put the whole record in that one's place; not said of a repetition, which nobody has. */
#define GOVERN_HOLDER_MASTER UINT32_MAX
void govern_note_holder(struct govern *g, uint32_t holder);
/* Another customer has the record at `position` from now on. Cost: a look-up where anything was ever refused. */
void govern_move_holder(struct govern *g, uint64_t position, uint32_t holder);
/* What was noted for the record at `position`, 0 where nobody has it. */
uint32_t govern_holder(struct govern *g, uint64_t position);
/* True when the record at `position` waits as a whole: nothing of it was used so far. */
bool govern_waits_whole(struct govern *g, uint64_t position);
/* The reason of this name ("WRONG_TYPE"), or -1. */
int quarantine_reason_find(struct slice name);

/* Quality per source: records, values present/refused, missing times, future times ... as JSON. Thread: any. */
void govern_quality_json(struct govern *g, struct json_writer *w);

/* Saving: govern_save writes sections "govern.*" (call it with the fold paused), the dictionary among them; govern_load
 * reads them into a fresh govern and its dictionary. Errors: DAMAGED, or what the image says. */
struct image_writer;
struct image;
enum status govern_save(struct govern *g, struct image_writer *image, struct fault *fault) WARN_UNUSED;
enum status govern_load(struct govern *g, struct image *image, struct fault *fault) WARN_UNUSED;

#endif
