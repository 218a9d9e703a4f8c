/* dictionary_rules: what a definition of a namespace says on identity beyond kind, priority, unique and limit. Inside of govern/;
 * others read struct namespace. */
#ifndef ONEFOLD_GOVERN_DICTIONARY_RULES_H
#define ONEFOLD_GOVERN_DICTIONARY_RULES_H

#include "govern/dictionary.h"

#define BLOCKED_PATTERNS_MAX 1000
#define BLOCKED_PATTERN_BYTES_MAX 256
#define WINDOW_DAYS_MAX 36500

/* INVALID where "window_days", "anonymous_only", "shared" or "blocked" is not as it must be. Thread: any. */
enum status dictionary_rules_check(struct json_parser *p, const struct json *definition,
                                   struct fault *fault) WARN_UNUSED;
/* Takes over what the definition has of them; checked. Fold thread; `arena` is the dictionary's. */
void dictionary_rules_apply(struct arena *arena, struct namespace *ns, struct json_parser *p,
                            const struct json *definition);
/* Members of the open object: those that are not as if never said. */
void dictionary_rules_write(const struct namespace *ns, struct json_writer *w);

#endif
