/* apart: groups told apart by an analysis that itself knows nothing of groups: it runs once for each, over the group's customers, and its
 * tables get a column "group" in front. For analyses whose counts a group are large (ways, paths), where keeping one of each for every group at
 * once would not be bounded.
 *
 *     if (apart_asked(d))
 *         return apart_run(d, insight_path, answer, fault);
 *
 * A group is a value of the customer (text, number or flag), or a segment; shown are the `groups` largest, and how many customers are in which.
 * Cost: one pass to find the groups, then the analysis's own for each. */
#ifndef ONEFOLD_INSIGHT_APART_H
#define ONEFOLD_INSIGHT_APART_H

#include "insight/insight.h"

#define APART_GROUPS_MAX 50

bool apart_asked(const struct definition_part *d);
enum status apart_run(const struct definition_part *d, insight_function *run, struct answer *answer,
                      struct fault *fault) WARN_UNUSED;

/* Of which group of a split members are asked: `one` is the definition of that group alone, by members.group ("(missing)": of who has no value).
 * Errors: INVALID where none is said. */
enum status apart_member_group(const struct definition_part *d, struct definition_part *one,
                               struct fault *fault) WARN_UNUSED;

#endif
