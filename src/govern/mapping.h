/* mapping: how a file's columns become typed records (docs/mapping.md): the definition, read and checked.
 *
 * mapping_parse does not look at the dictionary or the machine, so a definition can be checked before it is logged. A
 * mapping is immutable; a new definition of its name replaces it. */
#ifndef ONEFOLD_GOVERN_MAPPING_H
#define ONEFOLD_GOVERN_MAPPING_H

#include "base/json_read.h"
#include "govern/dictionary.h"
#include "govern/zone.h"

#define MAPPING_COLUMNS_MAX 2000
#define MAPPING_NAME_BYTES_MAX 63
#define MAPPINGS_MAX 1000

enum mapping_format { MAPPING_CSV, MAPPING_TSV, MAPPING_JSONL };

enum mapping_target_kind {
    TARGET_SKIP,
    TARGET_KEY,
    TARGET_TIME,
    TARGET_MESSAGE_ID,
    TARGET_TYPE,
    TARGET_IDENTIFIER,
    TARGET_CONTACT, /* names another customer (govern.h, struct party) */
    TARGET_SUBJECT, /* names whose the event is, the row's own customer being the contact */
    TARGET_ENDED,   /* of a relation: whether or when it ended */
    TARGET_ATTRIBUTE,
    TARGET_FIELD,
    TARGET_ITEM
};

struct mapping_value {
    struct slice raw, clean;
};

/* How a value is read where it is not the property's own way; `{.type = -1}` is none. */
struct reading {
    int type;                           /* enum property_type a property is discovered with, or -1 */
    uint8_t normaliser;                 /* enum normaliser it is discovered with */
    const char *unit;                   /* of money; NULL */
    const char *format;                 /* of times and dates; NULL */
    const struct mapping_value *values; /* raw -> clean, sorted by raw */
    size_t value_count;
};

struct mapping_target {
    enum mapping_target_kind kind;
    struct slice name; /* of the namespace, attribute, field */
    struct slice
        relation; /* CONTACT, SUBJECT: to the one named (govern.h, struct party); empty in rows that are relations */
    struct reading reading;
};

struct mapping_column {
    struct slice name; /* CSV column, or path "a.b" in a jsonl row */
    struct mapping_target *targets;
    size_t target_count;
};

struct mapping {
    struct slice name, type, source, zone_name;
    enum mapping_format format;
    enum type_kind record;
    bool append;
    struct mapping_column *columns; /* sorted by name */
    size_t column_count;
    struct zone *zone;  /* NULL until bound; NULL: UTC */
    struct slice json;  /* as defined */
    struct arena arena; /* holds all of it */
};

/* Errors: INVALID (naming the member), TOO_LARGE. */
enum status mapping_parse(struct json_parser *p, const struct json *definition, struct mapping **mapping,
                          struct fault *fault) WARN_UNUSED;
void mapping_free(struct mapping *mapping);
/* The column's entry, or NULL: it becomes a field of its own name. Cost: O(log columns). */
const struct mapping_column *mapping_column_find(const struct mapping *mapping, struct slice name);
/* `raw` by the reading's table of values, or `raw` itself. */
struct slice reading_clean(const struct reading *reading, struct slice raw);

/* All mappings by name, and for each header met lately which column goes where. */
struct mapping_plan {
    const struct mapping *mapping;
    uint64_t header_hash;
    const struct mapping_column **columns; /* [column_count], NULL: no entry */
    struct slice *names;                   /* in header */
    size_t column_count;
    struct slice header; /* a copy */
};
#define MAPPING_PLANS 16
struct mappings {
    struct mapping **all;
    size_t count;
    struct mapping_plan plans[MAPPING_PLANS]; /* replaced in turn */
    size_t next_plan;
};
void mappings_release(struct mappings *mappings);
struct mapping *mappings_find(const struct mappings *mappings, struct slice name);
/* Takes `mapping` in place of the one of its name. FULL. */
enum status mappings_put(struct mappings *mappings, struct mapping *mapping, struct fault *fault) WARN_UNUSED;
/* The plan for a header (names ended by zero bytes). `header` is outside bytes: NULL when a name is not ended. */
const struct mapping_plan *mappings_plan(struct mappings *mappings, const struct mapping *mapping, struct slice header);

#endif
