/* definitions: what is defined (segments, tags, metrics, subscriptions, the workspace), each version of it, and who uses whom.
 * Inside of audience/ only; see audience.h.
 *
 * A snapshot is the whole of it as of one log position. It never changes: a definition makes a new snapshot, which shares with
 * the old one whatever it did not touch. Trees lead into the trees of what they use (node->definition), so when one changes,
 * all that use it, however far, are checked again against the new snapshot and made anew; those then hold what they lead into.
 *
 * Numbers are given in order of first definition and are for ever: defining a name again that was deleted gives it its number
 * back, with its versions. */
#ifndef ONEFOLD_AUDIENCE_DEFINITIONS_H
#define ONEFOLD_AUDIENCE_DEFINITIONS_H

#include "audience/audience.h"
#include "audience/members.h"
#include "audience/schedule.h"

#define DEFINITION_NAME_BYTES_MAX 200
#define DEFINITION_VERSIONS_MAX 100 /* the newest are kept */
#define DEFINITION_LIST_MAX 1000    /* segments or events of a subscription */

enum definition_sort {
    SORT_SEGMENT = DEFINITION_SEGMENT,
    SORT_TAG = DEFINITION_TAG,
    SORT_METRIC = DEFINITION_METRIC,
    SORT_SUBSCRIPTION,
    SORT_ANALYSIS,
    SORT_COUNT_
};

enum definition_how {
    HOW_NONE, /* metrics and subscriptions */
    HOW_LIVE,
    HOW_SCHEDULED,
    HOW_UPLOAD,
    HOW_RULE,
    HOW_MANUAL,
    HOW_IMPORT,
    HOW_MODEL
};
const char *definition_how_name(enum definition_how how);
const char *definition_sort_name(enum definition_sort sort);

struct definition_version {
    uint32_t version;
    bool deleted;
    uint64_t position;
    int64_t at_ms;
    struct slice how, expression;
};

/* One definition as it stands. Immutable, shared by snapshots; everything of it lies in its arena. */
struct made {
    _Atomic uint32_t references;
    struct arena arena;
    enum definition_sort sort;
    enum definition_how how;
    enum term_type type;
    uint32_t number;
    uint16_t attribute; /* where its values are kept, 0: nowhere */
    bool deleted;
    struct slice name, expression, description, type_name; /* description: JSON */
    struct slice schedule_text;                            /* JSON, as it was given */
    struct schedule schedule;
    const struct node *tree;             /* NULL where there is none */
    struct definition_version *versions; /* oldest first; the last is in force */
    uint32_t version_count;
    uint32_t *uses; /* numbers of what it names */
    uint32_t use_count;
    struct made **held; /* what its tree leads into */
    uint32_t held_count;
    struct slice url, secret; /* of subscriptions */
    struct slice analysis;    /* of analyses: JSON {"kind","definition","parameters"}; `type_name` is the kind */
    uint16_t *types;
    uint32_t type_count;
    bool all_segments, all_events;
};

struct workspace {
    _Atomic uint32_t references;
    struct zone *zone; /* NULL: UTC */
    uint8_t week_start;
};

struct audience_snapshot {
    _Atomic uint32_t references;
    struct workspace *workspace;
    struct vocabulary vocabulary;
    struct made **by_number; /* [number_count], [0] is NULL */
    uint32_t number_count;
    struct made **by_name; /* [number_count - 1] ascending by sort and name */
};

/* What definitions are made with. */
struct definition_parts {
    struct os *os;
    struct dictionary *dictionary; /* changed only where `apply` */
    const struct master *master;
};
/* What a definition comes to. */
struct definition_change {
    struct audience_snapshot *snapshot; /* with it; the caller's. NULL where nothing changes */
    uint32_t number;                    /* of what was defined; 0: the workspace */
    uint32_t *again;                    /* numbers of what was made anew because of it; free() */
    uint32_t again_count;
};

struct audience_snapshot *snapshot_first(const struct definition_parts *parts);
struct audience_snapshot *snapshot_hold(struct audience_snapshot *snapshot);
/* Makes the snapshot that `definition` leads to. Without `apply` only to see whether it can: nothing else changes; with it, the
 * attributes that values are kept in are made. Errors: as audience_check's. */
enum status definition_apply(const struct definition_parts *parts, const struct audience_snapshot *old,
                             struct json_parser *p, const struct json *definition, bool apply, uint64_t position,
                             int64_t at_ms, struct definition_change *change, struct fault *fault) WARN_UNUSED;

const struct made *definition_find(const struct audience_snapshot *snapshot, enum definition_sort sort,
                                   struct slice name);
const struct made *definition_numbered(const struct audience_snapshot *snapshot, uint32_t number); /* or NULL */
void definition_entry(const struct made *made, struct audience_entry *out);
/* Whether the segment has a root of its own that follows records and the clock. */
static inline bool made_is_live(const struct made *made) {
    return made->sort == SORT_SEGMENT && !made->deleted && made->tree &&
           (made->how == HOW_LIVE || made->how == HOW_UPLOAD);
}

/* --- definitions_build.c: putting snapshots together --- */
struct made *made_create(void);
void made_release(struct made *made);
struct made *made_hold(struct made *made);
bool made_by_hand(const struct made *made); /* its attribute is set by commands and imports, never by tracking calls */
/* A snapshot of exactly these, number 1 on; references are taken over. */
struct audience_snapshot *snapshot_of(const struct definition_parts *parts, struct made *const *all, uint32_t count,
                                      struct workspace *workspace);
/* A snapshot with `made` (its reference is taken over) in its place, and another workspace where that is not NULL (likewise). */
struct audience_snapshot *snapshot_with(const struct audience_snapshot *old, const struct definition_parts *parts,
                                        struct made *made, struct workspace *workspace);
/* Checks text against the snapshot and gives `made` its tree, its canonical expression, what it uses and holds. */
enum status made_check(struct made *made, const struct audience_snapshot *snapshot, struct slice text,
                       struct json_parser *p, const struct json *json, struct fault *fault) WARN_UNUSED;
void made_note_uses(struct made *made, const struct audience_snapshot *snapshot);
/* Makes anew all that use `number` (0: everything with a tree), in order of use; from `bindings` where those fit. */
enum status snapshot_make_again(struct audience_snapshot *snapshot, uint32_t number, struct slice bindings,
                                uint32_t **again, uint32_t *again_count, struct fault *fault) WARN_UNUSED;
/* Makes anew everything with a tree, as the dictionary stands; what would be wrong now stays as it was. */
void snapshot_check_again(struct audience_snapshot *snapshot, uint32_t **again, uint32_t *again_count);
/* The first definition that uses `number`, or NULL. */
const struct made *snapshot_user(const struct audience_snapshot *snapshot, uint32_t number);
/* What a tree of the attribute `name` is written as: a name in backticks. */
void attribute_expression(struct slice name, struct buffer *out);

/* --- definitions_bind.c --- */
/* Whether two segments, of two snapshots, are to be evaluated alike: their trees are, and what those lead into is the same. */
bool made_says_same(const struct made *a, const struct made *b);
/* What the checks found, of all trees. */
void bindings_save(const struct audience_snapshot *snapshot, struct buffer *out);
/* The part of definition `number`; empty where there is none. */
struct slice bindings_find(struct slice saved, uint32_t number);
/* Gives `made` its tree without a check; false where the bindings do not fit the text. */
bool made_bind(struct made *made, const struct audience_snapshot *snapshot, struct slice text, struct slice bindings);

/* --- definitions_json.c --- */
void definitions_save(const struct audience_snapshot *snapshot, struct json_writer *w);
/* Errors: DAMAGED. */
enum status definitions_load(const struct definition_parts *parts, struct slice json, struct slice bindings,
                             struct audience_snapshot **snapshot, struct fault *fault) WARN_UNUSED;

#endif
