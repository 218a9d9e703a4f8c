/* identity_store: what identity keeps, and the few ways it changes. Inside of the folder; others include identity.h.
 *
 * Everything lies in chunked arrays: numbers index them, addresses never move, so readers on other threads hold plain
 * pointers. An entry is filled, then its number is published (a release store of the array's count, or of a table
 * slot).
 *
 *  - identifiers: immutable but for `owner`, `next` and `edge`.
 *  - customers: a list of person's and device's identifiers, one of document keys (kept apart: rules never look at
 *    documents, and a customer may have a hundred thousand), a chain of journal entries, a redirect once merged away.
 *  - edges: immutable; each stands in a chain of both its identifiers, newest first.
 *  - journal: immutable but for the chain links.
 *
 * `owner` is the customer an identifier was attached to, by its first record or by a move, and merges do not touch it:
 * the redirects of customers lead from there to the customer it belongs to now. So the journal's merges and the owners
 * together say exactly what any merge brought together, which is what a split takes apart again.
 *
 * Merges and moves relink lists while readers may walk them; `generation` is odd meanwhile and differs afterwards, and
 * a reader that saw it change walks again. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_STORE_H
#define ONEFOLD_IDENTITY_IDENTITY_STORE_H

#include "identity/decision.h"
#include "identity/identity_table.h"

#include <stdatomic.h>

#define CHUNK_BITS 16
#define CHUNK_ENTRIES (1u << CHUNK_BITS)
#define CHUNKS_MAX (1u << (32 - CHUNK_BITS))
#define NUMBER_MAX 0xfffeffffu /* of identifiers; what is above marks special keys in `pairs` */

/* Entries 1 .. count; entry 0 exists and stays zero. */
struct chunks {
    char **directory;
    size_t entry_bytes;
    _Atomic uint32_t count;
    uint64_t memory_bytes;
};
static inline void *chunks_at(const struct chunks *chunks, uint32_t number) {
    return chunks->directory[number >> CHUNK_BITS] + (size_t)(number & (CHUNK_ENTRIES - 1)) * chunks->entry_bytes;
}
static inline uint32_t chunks_count(const struct chunks *chunks) {
    return atomic_load_explicit(&chunks->count, memory_order_acquire);
}
void chunks_create(struct chunks *chunks, size_t entry_bytes);
void chunks_free(struct chunks *chunks);
/* The zeroed entry number count + 1, not yet published. */
void *chunks_next(struct chunks *chunks);
/* Publishes it and returns its number. */
uint32_t chunks_publish(struct chunks *chunks);

struct identifier {
    const char *value;
    uint64_t first_position;
    _Atomic uint32_t owner;
    _Atomic uint32_t next; /* in its customer's list */
    _Atomic uint32_t edge; /* newest */
    uint16_t value_bytes : 15;
    uint16_t document : 1; /* stands in the list of document keys, whatever its namespace is declared to be later */
    uint16_t namespace_number;
};
_Static_assert(sizeof(struct identifier) == 32, "20 M of them");

/* Whether new evidence that reaches a customer may change who is with whom. */
enum customer_state {
    CUSTOMER_PLAIN = 0, /* nothing contradicts: what joins it joins it */
    CUSTOMER_CONTESTED =
        1,                /* rules or decisions keep something apart: its component is solved anew (identity_solve.h) */
    CUSTOMER_OVERSIZE = 2 /* its component is too large to be solved within a record */
};

struct customer {
    _Atomic uint32_t redirect;              /* 0 = not merged away */
    _Atomic uint32_t first, first_document; /* lists of identifiers */
    uint32_t last, last_document;
    uint32_t identifier_count; /* in the first list */
    uint32_t row_count;        /* history rows, at most UINT32_MAX */
    bool shared;               /* of a shared device: set before it is published, never after */
    _Atomic uint8_t state;     /* enum customer_state */
    _Atomic uint32_t journal;  /* oldest reference (see journal_link) */
    uint32_t journal_last;
};

struct edge_entry {
    uint32_t a, b;
    uint32_t next_a, next_b;  /* next older edge of a, of b */
    uint64_t position;        /* of the first record that came with both */
    _Atomic int64_t first_ms; /* least event time of the records with both */
    uint16_t source;          /* of the first that came */
};

/* A decision of people; its identifiers are members first .. first + count - 1. */
struct decision_entry {
    struct decision_note note;
    uint32_t member_first, member_count;
    _Atomic bool undone;
};

struct decision_member {
    uint32_t identifier, decision, part;
};

struct journal_link {
    struct journal_entry entry;
    bool placed[2];           /* stands in a chain */
    _Atomic uint32_t next[2]; /* a reference is entry number * 2 + which of the two links goes on; 0 = end */
};

/* Bits of customers (identity_population): set and cleared where `customer_count` changes, after it is settled, so that no reader sees
 * one of them missing meanwhile. */
struct population_page {
    _Atomic uint64_t words[CHUNK_ENTRIES / 64];
};

struct value_block;
struct moves;

struct identity {
    struct os *os;
    const struct dictionary *dictionary;
    struct chunks identifiers, customers, edges, journal;
    struct population_page *_Atomic *population; /* [CHUNKS_MAX], by customer number >> CHUNK_BITS */
    uint64_t population_bytes;
    struct table table;
    /* What the journal and the edges hold already:
     *   edge (a, b)                              smaller << 32 | larger
     *   refusal between known identifiers        larger << 32 | smaller
     *   refusal of a new value of a namespace    strong << 32 | 0xffff0000 | namespace
     *   blocked value of a namespace, by source  0xffff0000 | namespace << 32 | source + 1 */
    struct pair_map pairs;
    struct chunks decisions, members;
    struct table decisions_of; /* hash_mix(identifier) -> its members */
    struct solver *solver;     /* the fold's: scratch, kept */
    struct merge merged[64];   /* of the record in hand */
    struct value_block *values;
    size_t value_used; /* in the newest block */
    uint64_t value_bytes, value_memory_bytes;
    _Atomic uint32_t sweep;         /* identifier to be solved next after a change of rules; 0 = none (rehearsal.h) */
    _Atomic uint8_t shared_devices; /* enum shared_device_policy */
    _Atomic uint64_t generation;
    _Atomic uint64_t customer_count, unowned_count, shared_count, merge_count, conflict_count, limited_count,
        moved_count, blocked_count, held_count, solved_count, split_count, memory_bytes;
    struct moves *moves; /* since an image was frozen */
    struct tally *tally; /* identity_rules' scratch */
};

static inline struct identifier *identifier_at(const struct identity *identity, uint32_t number) {
    return chunks_at(&identity->identifiers, number);
}
static inline struct customer *customer_at(const struct identity *identity, uint32_t number) {
    return chunks_at(&identity->customers, number);
}
static inline struct edge_entry *edge_at(const struct identity *identity, uint32_t number) {
    return chunks_at(&identity->edges, number);
}
static inline struct journal_link *journal_at(const struct identity *identity, uint32_t number) {
    return chunks_at(&identity->journal, number);
}

static inline struct decision_entry *decision_at(const struct identity *identity, uint32_t number) {
    return chunks_at(&identity->decisions, number);
}
static inline struct decision_member *member_at(const struct identity *identity, uint32_t number) {
    return chunks_at(&identity->members, number);
}
static inline uint32_t owner_of_identifier(const struct identity *identity, uint32_t number) {
    return atomic_load_explicit(&identifier_at(identity, number)->owner, memory_order_acquire);
}

/* An edge in `pairs`. */
static inline uint64_t identity_edge_key(uint32_t a, uint32_t b) {
    return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

/* A counter with one writer. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t more) {
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + more, memory_order_relaxed);
}

uint64_t identity_hash(uint16_t namespace_number, struct slice value);
/* Number of the identifier, 0 where unknown. Thread: any. */
uint32_t identity_lookup(const struct identity *identity, uint64_t hash, uint16_t namespace_number, struct slice value);
/* Where redirects lead to from `customer`. Thread: any. */
uint32_t identity_root(const struct identity *identity, uint32_t customer);

/* --- fold thread only --- */
/* The same, shortening the way for the next ones. */
uint32_t identity_root_shorten(struct identity *identity, uint32_t customer);
/* A new customer; `shared`: of a shared device. */
uint32_t identity_customer_add(struct identity *identity, bool shared);
/* A new identifier, findable; attached to `customer`, a root, or to nobody (0). */
uint32_t identity_identifier_add(struct identity *identity, uint64_t hash, uint16_t namespace_number, bool document,
                                 struct slice value, uint32_t customer, uint64_t position);
/* An entry not in any list nor in the table: for identity_load. */
uint32_t identity_identifier_append(struct identity *identity, uint16_t namespace_number, bool document,
                                    struct slice value, uint32_t owner, uint64_t position);
void identity_identifier_list(struct identity *identity, uint32_t identifier, uint32_t customer);
/* Lists of customers are about to be relinked, or were: around each of the following. */
void identity_generation_step(struct identity *identity);
/* `customer`, merged away before, is one again, with nothing of its own yet. */
void identity_revive(struct identity *identity, uint32_t customer);
/* A merged customer leads to another root. */
void identity_redirect_set(struct identity *identity, uint32_t customer, uint32_t root);
/* Attaches the identifier to another customer; lists stay as they are. */
void identity_owner_set(struct identity *identity, uint32_t identifier, uint32_t customer);
/* Puts every identifier of `customer` (a root) into the list of the one (a root) that `place` gives. Cost: O(its
 * identifiers). */
void identity_relist(struct identity *identity, uint32_t customer,
                     uint32_t (*place)(void *context, uint32_t identifier, uint32_t now), void *context);
/* Folds one root into another: the one with more rows stays, at a tie the older. Returns it. Cost: O(1). */
uint32_t identity_unite(struct identity *identity, uint32_t a, uint32_t b);
/* The same with the winner given; between generation steps of the caller. */
void identity_unite_into(struct identity *identity, uint32_t winner, uint32_t loser);
/* Notes that a record at `time_ms` had both. True where that is news: the pair, or that it met so early. */
bool identity_edge_add(struct identity *identity, uint32_t a, uint32_t b, uint64_t position, int64_t time_ms,
                       uint16_t source);
/* Whether identity_edge_add would say true. */
bool identity_edge_news(const struct identity *identity, uint32_t a, uint32_t b, int64_t time_ms);
/* Another edge of the same pair: for devices that go to whoever was there last. */
void identity_edge_repeat(struct identity *identity, uint32_t a, uint32_t b, uint64_t position, int64_t time_ms,
                          uint16_t source);
/* One identifier a decision speaks of; the decision's others come right before and after. */
void identity_member_add(struct identity *identity, uint32_t identifier, uint32_t decision, uint32_t part);
/* An edge out of an image; the first of a pair is the one whose first time counts. */
void identity_edge_load(struct identity *identity, uint32_t a, uint32_t b, uint64_t position, int64_t time_ms,
                        uint16_t source);
/* Counts `customer` in (or, with -1, out of) customer_count, unowned_count or shared_count as it is now. */
void identity_count(struct identity *identity, const struct customer *customer, int step);
/* Brings the customer's bit of the population to what it is now. After every change of what identity_count looks at. */
void identity_population_note(struct identity *identity, uint32_t customer);
/* Stores what everything takes, for readers. Cheap. */
void identity_measure(struct identity *identity);

#endif
