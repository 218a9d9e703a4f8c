/* fuzzy_rules: what is compared, how, and what is made of it: a declarative file (JSON), the same as a struct. Reference for
 * users: docs/matching.md.
 *
 *     {"fields": [{"name": "given", "role": "given", "columns": ["given_name"]}, ...],
 *      "blocking": [["given:sound", "birth:year"], ["email"]], "pairs": "between", "unique_sources": true, "threshold": 0.5}
 *
 * Every member may be missing; fuzzy_profile fills in what is: `{}` is the default rule file. */
#ifndef ONEFOLD_IDENTITY_FUZZY_RULES_H
#define ONEFOLD_IDENTITY_FUZZY_RULES_H

#include "base/json_write.h"
#include "identity/fuzzy_table.h"

enum fuzzy_comparator {
#define COMPARATOR(name, word, ...) FUZZY_##name,
#include "identity/fuzzy_comparator.def"
#undef COMPARATOR
    FUZZY_COMPARATORS
};
enum fuzzy_role {
#define ROLE(name, word, comparator, tf, headers) FUZZY_ROLE_##name,
#include "identity/fuzzy_role.def"
#undef ROLE
    FUZZY_ROLES
};
/* What of a value stands in a blocking key. */
enum fuzzy_form {
    FUZZY_FORM_SAME,   /* the whole value */
    FUZZY_FORM_SOUND,  /* how it sounds (fuzzy_sound); of several words their first two, in any order */
    FUZZY_FORM_START,  /* the first `length` letters */
    FUZZY_FORM_END,    /* the last `length` */
    FUZZY_FORM_TOKENS, /* each word: several keys a record */
    FUZZY_FORM_HASHES, /* minhash of its three-letter pieces: `length` keys a record */
    FUZZY_FORM_LOCAL,  /* of an e-mail address: what stands before the @ */
    FUZZY_FORMS
};

#define FUZZY_FIELDS_MAX 15
#define FUZZY_FIELD_COLUMNS_MAX 16
#define FUZZY_NAME_BYTES 64
#define FUZZY_BLOCKS_MAX 40
#define FUZZY_BLOCK_PARTS_MAX 3

struct fuzzy_field_rule {
    char name[FUZZY_NAME_BYTES];
    enum fuzzy_role role;
    enum fuzzy_comparator comparator;
    unsigned columns[FUZZY_FIELD_COLUMNS_MAX]; /* of the table; several are joined by blanks */
    size_t column_count;
    bool tf;       /* weigh agreement by how rare the value is */
    int swap_with; /* the field its value may stand in by mistake, or -1 */
};
struct fuzzy_block_part {
    unsigned field;
    enum fuzzy_form form;
    unsigned length;
};
struct fuzzy_block_rule {
    struct fuzzy_block_part parts[FUZZY_BLOCK_PARTS_MAX];
    size_t part_count;
};
enum fuzzy_tri { FUZZY_AUTO, FUZZY_NO, FUZZY_YES };
struct fuzzy_rules {
    struct fuzzy_field_rule fields[FUZZY_FIELDS_MAX];
    size_t field_count;
    struct fuzzy_block_rule blocks[FUZZY_BLOCKS_MAX];
    size_t block_count;
    int source_column; /* whose values tell sources apart, or -1: the inputs do */
    bool between_only; /* "pairs": "between": only records of different sources are compared */
    enum fuzzy_tri
        unique_sources;       /* no two records of one source in a cluster; auto: where few duplicates are in them */
    bool connected;           /* "clusters": "connected": plain connected components; else "average" */
    double threshold;         /* the probability from which two records are one */
    double pairs_per_record;  /* how many candidates blocking may give */
    size_t block_records_max; /* a block of more is not compared */
    bool fields_given, blocks_given;
};

/* The default: nothing said. */
void fuzzy_rules_init(struct fuzzy_rules *rules);
/* Reads a rule file's text against the table's columns. Errors: INVALID: what is wrong, where, and what would be right. */
enum status fuzzy_rules_parse(struct slice text, struct fuzzy_table *table, struct fuzzy_rules *rules,
                              struct fault *fault) WARN_UNUSED;
/* The rules as a rule file, readable by fuzzy_rules_parse: how a user gets a file to change from what was inferred. */
void fuzzy_rules_write(const struct fuzzy_rules *rules, const struct fuzzy_table *table, struct json_writer *w);
/* Names one blocking part as rule files do: "given:sound". */
void fuzzy_rules_part_text(const struct fuzzy_rules *rules, const struct fuzzy_block_part *part, struct buffer *into);

const char *fuzzy_role_word(enum fuzzy_role role);
enum fuzzy_comparator fuzzy_role_comparator(enum fuzzy_role role);
bool fuzzy_role_tf(enum fuzzy_role role);
/* The role a column's name tells, FUZZY_ROLES where it tells none. */
enum fuzzy_role fuzzy_role_of_header(struct slice header);
const char *fuzzy_comparator_word(enum fuzzy_comparator comparator);
/* Levels of a comparator; the name of one. */
unsigned fuzzy_levels(enum fuzzy_comparator comparator);
const char *fuzzy_level_word(enum fuzzy_comparator comparator, unsigned level);
/* The levels called "differ" and "swapped"; -1 where there is none. */
int fuzzy_level_differ(enum fuzzy_comparator comparator);
int fuzzy_level_swapped(enum fuzzy_comparator comparator);

/* Fills in what the rules leave open, from the columns' names and contents: fields with roles, which may be swapped. */
void fuzzy_profile(struct fuzzy_table *table, struct fuzzy_rules *rules);

#endif
