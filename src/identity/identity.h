/* identity: identifiers -> one customer.
 *
 * An identifier is (namespace, canonical value) and has a number for ever, from 1: rows keep the number they arrived
 * through, and lie with that identifier's customer. A customer is a number for ever too, from 1 in order of creation; merged
 * ones redirect to the survivor, and may live again. What is kept: identifiers, who they belong to, evidence edges (which two
 * identifiers came together, where and when first), decisions of people (decision.h), and a journal of every merge, split,
 * conflict, limit and block with its reason.
 *
 * Who is with whom is a function of evidence, rules (the dictionary's namespaces) and decisions: identity_solve.h has it, docs/identity.md
 * in words. It does not depend on the order of records. Resolving one record (its claims and document keys):
 *   1. Blocked values (placeholders, all zeros: identity_blocked.def; a namespace's own patterns) are set aside and counted.
 *   2. Where nothing contradicts, its known customers merge and new identifiers join; none known: a new customer.
 *   3. Where something does, and the record says nothing new, it goes with its strongest identifier.
 *   4. Otherwise what it says is kept and its component of evidence solved anew: merges, and moves of identifiers with the rows that arrived
 *      through them. The weaker identifier of a refused pair stays where it is (journal); one that is nowhere is nobody's until it comes alone.
 *   5. A device on which a second person showed up is *shared*: evidence for nobody, with a customer of its own that is no
 *      person's (identity_is_shared) and has what comes from shared devices alone; see enum shared_device_policy.
 *   6. A document's key (order_id) is evidence like any other: the channel that knows only the order finds the
 *      customer. A customer that has nothing but document keys is not counted as a customer ("unowned") until a
 *      person's or a device's identifier joins.
 * The survivor of a merge is the side with more rows, at a tie the older; so a merge costs the smaller side.
 *
 * Part of the folded state: the fold thread alone changes it. Functions marked "any" may run beside it on other
 * threads: they see every identifier whole or not at all. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_H
#define ONEFOLD_IDENTITY_IDENTITY_H

#include "govern/dictionary.h"
#include "govern/govern.h"

struct customer_id {
    uint32_t number; /* 0 = none */
};
struct identifier_id {
    uint32_t number; /* 0 = none */
};

#define IDENTIFIER_BYTES_MAX 1024 /* longer values are blocked */
#define IDENTIFIERS_MAX 1000      /* person's and device's identifiers of one customer; past it: JOURNAL_LIMIT */

#define IDENTIFIERS_HELD 50 /* persons' identifiers of one customer; what would pass it is held for review */

#define ONEID_BYTES 16 /* hex digits of a oneid, hash_mix(number): stable, without order */
void oneid_format(struct customer_id customer, char out[ONEID_BYTES + 1]);
/* NONE (number 0) where `text` is no oneid. Says nothing on whether the customer exists. */
struct customer_id oneid_parse(struct slice text);

struct identity;
struct identity *identity_create(struct os *os, const struct dictionary *dictionary);
void identity_free(struct identity *identity);

/* What becomes of a device when a second person shows up on it: a record has a person's identifier stronger than the
 * device, and the two customers cannot be one because of a unique namespace or a limit that is no device's.
 * - OWN: it leaves its customer for one of its own, for ever, and no person gets a record because of it.
 * - LAST: it goes over to that person ("last authenticated"), and so does what comes from it alone, until the next. */
enum shared_device_policy { SHARED_DEVICE_OWN, SHARED_DEVICE_LAST };
/* Sets it, before the first record and before loading; OWN where it was not set. It decides what the records of a log
 * come to, so it must be the same for as long as the log is. */
void identity_share_devices(struct identity *identity, enum shared_device_policy policy);

struct merge {
    struct customer_id winner, loser; /* rows of loser are to be moved to winner */
};
/* Rows of `from` that arrived through one of `arrivals` are to be moved to `to`, which may be a customer that was merged away
 * before and lives again. */
struct move {
    struct customer_id from, to;
    const struct identifier_id *arrivals;
    size_t arrival_count;
};

struct resolution {
    struct customer_id customer;  /* who the record belongs to; never 0 */
    struct identifier_id arrival; /* the strongest identifier that was accepted (or a document key) */
    struct identifier_id documents[GOVERN_RECORDS_MAX]; /* as document_keys, 0 where none or blocked */
    bool document_new; /* the record has one document's key, which was never seen before: no row has it */
    bool created;
    const struct merge *merges; /* in order; apply them to the history before adding the record */
    size_t merge_count;
    const struct move *moves; /* in order; apply them after the merges, before adding the record */
    size_t move_count;
    void *
        owned; /* of a preview: see resolution_release. Otherwise both lists are valid until the next call that changes identity */
};

/* Resolves one governed record at log position `position`. `rows` is how many history rows it will add (weight for the
 * survivor rule). Errors: NOT_FOUND when there is no usable identifier at all (nothing changed but the count of blocked
 * values). Cost: O(claims) table look-ups, about a microsecond out of caches; a merge or a rule looks at the
 * identifiers of both customers, at most IDENTIFIERS_MAX each. */
enum status identity_resolve(struct identity *identity, const struct governed *record, uint64_t position, unsigned rows,
                             struct resolution *out) WARN_UNUSED;
/* For records that are known ahead of being resolved. identity_hash_claims makes their hashes, once, on whichever thread. Then a step
 * each, some records apart, brings what resolving touches nearer: slots of the table, identifiers, the customer of the strongest one, which
 * identity_foresee tells (0: none known yet; what is resolved before may change it). */
void identity_hash_claims(struct governed *record);
void identity_prefetch(const struct identity *identity, const struct governed *record);
void identity_prefetch_entries(const struct identity *identity, const struct governed *record);
struct customer_id identity_foresee(const struct identity *identity, const struct governed *record);

/* --- readers: thread any --- */
/* 0 where never seen. `value` must be canonical (see govern/normalise.h). */
struct identifier_id identity_find(const struct identity *identity, uint16_t namespace_number, struct slice value);
/* The customer an identifier belongs to now (redirects followed), or 0. */
struct customer_id identity_customer(const struct identity *identity, struct identifier_id identifier);
/* Where `customer` redirects to now; itself when it was not merged; 0 when no such customer exists. */
struct customer_id identity_redirect(const struct identity *identity, struct customer_id customer);
/* The same of many, in place; numbers of no customer stay. Returns how many have become others. Cost: who is in the population redirects
 * nowhere, so that its bits answer (an eighth of a byte a customer, where a customer is a line of memory); only the rest is looked at. */
size_t identity_redirect_all(const struct identity *identity, uint32_t *numbers, size_t count);
/* True for the customer of a shared device: nobody's profile. It stays so, and merges only with others of its kind. */
bool identity_is_shared(const struct identity *identity, struct customer_id customer);
/* Who is a customer now, as identity_counters.customers counts: known by a person's or device's identifier, not merged
 * away, not a shared device's. Bit i of `bits` [words] is customer number first + i; `first` is a multiple of 64. Numbers not
 * given yet are 0. Cost: a load a word. */
void identity_population(const struct identity *identity, uint32_t first, size_t words, uint64_t *bits);
uint16_t identity_namespace(const struct identity *identity, struct identifier_id identifier);
struct slice identity_value(const struct identity *identity, struct identifier_id identifier); /* valid for ever */
uint64_t identity_first_position(const struct identity *identity, struct identifier_id identifier);
/* Calls `each` for the identifiers that belong to `customer` now, in order of number, at most `limit`. */
void identity_identifiers(const struct identity *identity, struct customer_id customer, size_t limit,
                          void (*each)(void *context, struct identifier_id identifier), void *context);
/* The same without keys of documents, of which a customer may have thousands. */
void identity_names(const struct identity *identity, struct customer_id customer, size_t limit,
                    void (*each)(void *context, struct identifier_id identifier), void *context);

/* Journal: what happened to whom and why. */
enum journal_kind {
    JOURNAL_MERGE = 1,
    JOURNAL_CONFLICT = 2,
    JOURNAL_LIMIT = 3,
    JOURNAL_BLOCKED = 4,
    JOURNAL_SHARED_DEVICE = 5,
    JOURNAL_HELD = 6,  /* a merge that would make a customer far above the usual: waits for a decision */
    JOURNAL_APART = 7, /* evidence joins what people split: it does not */
    JOURNAL_SPLIT =
        8, /* `winner` left `loser`: by a decision, or because evidence or rules say so now; `weak`: its strongest identifier */
    JOURNAL_MOVE = 9,    /* `weak` left `loser` for `winner` */
    JOURNAL_DECIDED = 10 /* a person's merge, split or undo; `decision` says which */
};
#define JOURNAL_KIND_MAX JOURNAL_DECIDED
struct journal_entry {
    uint64_t number;   /* of the entry, from 1 */
    uint64_t position; /* of the record that caused it */
    int64_t received_ms;
    uint16_t source;
    uint8_t kind;
    struct customer_id winner, loser;  /* merge; conflict: the two that stayed apart */
    struct identifier_id strong, weak; /* the identifiers that met; weak 0: a new value, which was not kept */
    uint16_t namespace_number;         /* of the rule that decided, 0 = IDENTIFIERS_MAX; of a blocked value */
    uint32_t decision;                 /* number of the decision that caused it, 0 = a record or a rule did */
};
/* A merge is written every time; so is a shared device, which by SHARED_DEVICE_OWN happens to a device once. A conflict
 * or limit between two identifiers is written the first time they meet; of a new value, the first time for its
 * namespace and the strong identifier; a blocked value, the first time for its namespace and source. A shared device:
 * `loser` had it when `winner` showed up on it. */
/* Calls `each` with every entry that concerns `customer` (as it is now, or was before merges into it), oldest first. */
void identity_journal(const struct identity *identity, struct customer_id customer, size_t limit,
                      void (*each)(void *context, const struct journal_entry *entry), void *context);
/* The whole journal from entry `from` (0-based); returns the count of all entries. */
uint64_t identity_journal_page(const struct identity *identity, uint64_t from, size_t limit,
                               void (*each)(void *context, const struct journal_entry *entry), void *context);

/* Evidence edges: which identifiers met, first where. Calls `each` with those of one identifier. */
struct edge {
    struct identifier_id a, b;
    uint64_t position; /* first record that came with both */
    int64_t first_ms;  /* least event time of those */
    uint16_t source;   /* of the first that came */
};
void identity_edges(const struct identity *identity, struct identifier_id identifier, size_t limit,
                    void (*each)(void *context, const struct edge *edge), void *context); /* newest first */

/* Why two identifiers are one customer's: the shortest chain of edges between them, through identifiers of that
 * customer. Fills path[0] = a .. path[n-1] = b and returns n; 0 when they are not one customer's, or no chain of at
 * most `path_max` identifiers was found among the first EXPLAIN_EDGES_MAX edges from `a` on. Thread: any. */
#define EXPLAIN_EDGES_MAX 20000
size_t identity_explain(const struct identity *identity, struct identifier_id a, struct identifier_id b,
                        struct identifier_id *path, size_t path_max);

struct identity_counters {
    uint64_t customers; /* now, with at least one person's or device's identifier, not merged away */
    uint64_t unowned;   /* known by document keys alone */
    uint64_t shared;    /* of shared devices: nobody's; not in `customers` */
    uint64_t created;   /* customer numbers given so far (highest number) */
    uint64_t identifiers, edges, conflicts, limited;
    uint64_t merges;    /* customers merged away now */
    uint64_t splits;    /* customers that live again or are new because one was split */
    uint64_t held;      /* merges that wait for review, all that ever did */
    uint64_t solved;    /* components solved anew */
    uint64_t decisions; /* of people */
    uint64_t moved;     /* devices that left a customer because a second person showed up */
    uint64_t blocked;   /* values set aside, each time they came */
    uint64_t memory_bytes;
};
void identity_counters_read(const struct identity *identity, struct identity_counters *out);

/* Saving. identity_freeze copies what can change (fold thread, quick) and notes how far the append-only parts reach;
 * identity_write puts that image on disk from another thread while the fold goes on; identity_image_free ends it (any
 * thread). One image at a time. Cost of freezing: 8 bytes a customer. The format is docs/formats/identity.md. */
struct identity_image;
struct identity_image *identity_freeze(struct identity *identity);
enum status identity_write(const struct identity_image *image, const char *path, struct fault *fault) WARN_UNUSED;
void identity_image_free(struct identity_image *image);
/* Into a fresh identity over a dictionary that knows the namespaces. Everything read is checked. After an error the
 * identity is fit only for identity_free. Errors: NOT_FOUND, DAMAGED, IO. */
enum status identity_load(struct identity *identity, const char *path, struct fault *fault) WARN_UNUSED;

#endif
