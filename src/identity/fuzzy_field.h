/* fuzzy_field: the columns that are compared: normalised values as codes, and what comparing needs of each distinct value.
 *
 * Made once from a table and rules; then only read. Memory: 8 bytes a record and field, about 100 bytes a distinct value, 8 bytes a
 * three-letter piece of a free text. Thread: any number of readers. */
#ifndef ONEFOLD_IDENTITY_FUZZY_FIELD_H
#define ONEFOLD_IDENTITY_FUZZY_FIELD_H

#include "identity/fuzzy_rules.h"
#include "identity/fuzzy_text.h"

/* A three-letter piece of a text and its share of the text's length, so that the products of common ones add up to the cosine. */
struct fuzzy_piece {
    uint32_t piece;
    float weight;
};

struct fuzzy_value {
    struct slice text, latin; /* the same where it is ASCII */
    double number;
    size_t pieces_at;
    uint32_t piece_count;
    uint32_t records; /* that have it */
    float
        rarer; /* bits that agreeing in it says more than agreeing in a usual value; without term frequencies 0, or less where many share it */
    uint64_t
        letters; /* which bytes of an alphabet of 64 are in it: two texts are at least as many edits apart as one lacks of the other's */
    char sound[FUZZY_SOUND_BYTES];
    bool ascii;
};

struct fuzzy_field {
    const struct fuzzy_field_rule *rule;
    struct fuzzy_dictionary dictionary;
    struct fuzzy_value *values; /* [dictionary.count + 1] */
    uint32_t *codes;            /* [record_count]; 0: missing */
    struct fuzzy_piece *pieces; /* sorted within a value */
    size_t piece_count, filled;
    double chance_same; /* that two records with a value have the same */
    unsigned level_count;
    int differ, swapped;
    bool second; /* of two that may stand in each other's place */
    bool cached; /* pairs of values come again often enough to keep their levels */
};

struct fuzzy_fields {
    struct fuzzy_field list[FUZZY_FIELDS_MAX];
    size_t count, record_count;
    uint32_t *rows;    /* [record][field]: the codes once more, a record's side by side */
    uint32_t *sources; /* [record_count] */
    size_t source_count;
};

/* Cost: some microseconds a distinct value, some nanoseconds a record. `rules` and must outlive the fields. */
void fuzzy_fields_init(struct fuzzy_fields *fields, struct fuzzy_table *table, const struct fuzzy_rules *rules);
void fuzzy_fields_release(struct fuzzy_fields *fields);

#endif
