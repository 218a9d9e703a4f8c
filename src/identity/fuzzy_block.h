/* fuzzy_block: which pairs of records are compared at all. Records that share a key stand in one block; a pair is compared
 * where it shares a block under at least one rule, and counted under the first one only.
 *
 * A key is made of one to three parts, each something of a field's value (enum fuzzy_form). The keys of distinct values are made once;
 * a record's key is then a mix of two or three look-ups, cheap enough to ask again for "did an earlier rule have this pair?", so no
 * set of pairs is kept. A block of more than block_records_max records is not compared: what is in it must meet under a finer rule.
 *
 * Memory: 8 bytes a distinct value and form; while a rule runs, 16 bytes a key of a record. Thread: fuzzy_block_run by any number
 * at once on parts of the same sorted keys. */
#ifndef ONEFOLD_IDENTITY_FUZZY_BLOCK_H
#define ONEFOLD_IDENTITY_FUZZY_BLOCK_H

#include "identity/fuzzy_field.h"

struct fuzzy_key {
    uint64_t key;
    uint32_t record;
};

struct fuzzy_blocking;
/* `fields` and `rules` must outlive it, and not change. */
struct fuzzy_blocking *fuzzy_blocking_create(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules);
void fuzzy_blocking_free(struct fuzzy_blocking *b);

/* A key of the same form of two fields that may stand in each other's place is the same in either order. */
bool fuzzy_block_unordered(const struct fuzzy_fields *fields, const struct fuzzy_block_rule *rule);
/* A rule without parts compares all with all; where it stands, no other need run. */

/* The keys of rule `rule`, sorted; those alone with their key and those of blocks too large are left out. Call in the order of the
 * rules. The caller frees *keys. Returns how many. */
size_t fuzzy_block_keys(struct fuzzy_blocking *b, size_t rule, struct fuzzy_key **keys);
/* Calls found(context, x, y), x < y, for each pair of a block in keys[from..to) that no earlier rule had, whose sources may be
 * compared. from and to must be ends of blocks. */
void fuzzy_block_run(const struct fuzzy_blocking *b, size_t rule, const struct fuzzy_key *keys, size_t from, size_t to,
                     void (*found)(void *context, uint32_t x, uint32_t y), void *context);
/* Hands over the keys (uint64_t, ascending) of the rule's blocks that were too large. Only after the last rule was run. */
void fuzzy_block_large_take(struct fuzzy_blocking *b, size_t rule, struct buffer *into);
/* Where the block that holds position `at` ends. */
static inline size_t fuzzy_block_end(const struct fuzzy_key *keys, size_t count, size_t at) {
    while (at < count && at > 0 && keys[at].key == keys[at - 1].key)
        at++;
    return at;
}

/* Fills in rules->blocks where the rule file says none: of all keys of one and two parts those that fit the budget of pairs, the
 * coarsest that do (see fuzzy_plan.c). Cost: below a second. */
void fuzzy_block_plan(const struct fuzzy_fields *fields, struct fuzzy_rules *rules);
/* Keys to train on: few pairs, many of them matches. `rules` gets nothing but blocks. */
void fuzzy_block_plan_training(const struct fuzzy_fields *fields, struct fuzzy_rules *rules);

/* The key of one value in a form; 0 where it has none. For the forms with several keys use fuzzy_form_keys. */
uint64_t fuzzy_form_key(const struct fuzzy_field *f, const struct fuzzy_value *v, enum fuzzy_form form,
                        unsigned length);
#define FUZZY_KEYS_MAX 24
size_t fuzzy_form_keys(const struct fuzzy_field *f, const struct fuzzy_value *v, enum fuzzy_form form, unsigned length,
                       uint64_t keys[FUZZY_KEYS_MAX]);
static inline bool fuzzy_form_many(enum fuzzy_form form) {
    return form == FUZZY_FORM_TOKENS || form == FUZZY_FORM_HASHES;
}

#endif
