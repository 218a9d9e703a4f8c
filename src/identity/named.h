/* named: customers and identifiers as people and programs write them ("b456bcfc34c2cb2c", "phone:138 0000 1111"), and decisions (decision.h)
 * as JSON. What the door checks and what the fold applies is read by the same lines.
 *
 *     {"customer":"<id>","other":"<id>"}                             DECISION_MERGE
 *     {"customer":"<id>","identifiers":["namespace:value", ...]}     DECISION_SPLIT_IDENTIFIERS
 *     {"entry":814}                                                  DECISION_SPLIT_MERGE: a merge of the journal, by its number
 *     {"customer":"<id>","since":"2026-01-31T08:00:00Z"}             DECISION_SPLIT_TIME
 *     {"decision":3}                                                 DECISION_UNDO */
#ifndef ONEFOLD_IDENTITY_NAMED_H
#define ONEFOLD_IDENTITY_NAMED_H

#include "identity/decision.h"

/* An id: a oneid, or namespace:value. */
struct named {
    struct customer_id customer;     /* who is meant, redirects followed */
    struct customer_id asked;        /* the customer of the oneid that was written; 0 for namespace:value */
    struct identifier_id identifier; /* the one that was written; of a oneid the customer's first, or 0 */
};
/* Errors: INVALID (not to be normalised), NOT_FOUND, the fault saying what of. Thread: any. */
enum status identity_named(const struct identity *identity, const struct dictionary *dictionary, struct slice id,
                           struct arena *arena, struct named *out, struct fault *fault) WARN_UNUSED;
/* namespace:value in its canonical form, known or not. */
enum status identity_claim(const struct dictionary *dictionary, struct slice id, struct arena *arena,
                           struct claim *claim, struct fault *fault) WARN_UNUSED;

/* `word`: "merge", "split" or "undo". Lists lie in `arena`. Errors: INVALID (what is missing), NOT_FOUND. Thread: any. */
enum status decision_read(const struct identity *identity, const struct dictionary *dictionary, struct json_parser *p,
                          const struct json *json, struct slice word, struct arena *arena, struct decision *out,
                          struct fault *fault) WARN_UNUSED;
bool decision_word(struct slice word);

#endif
