/* path_show: tables of ways, for every analysis that counts them (path, cross_channel). */
#ifndef ONEFOLD_INSIGHT_PATH_SHOW_H
#define ONEFOLD_INSIGHT_PATH_SHOW_H

#include "insight/answer.h"
#include "insight/path_flow.h"

/* Table "nodes": sessions, visits, entries, exits, dwell time. */
void path_show_nodes(const struct flow *flow, const struct slice *names, struct answer *answer);
/* Tables "links" (a Sankey diagram's: step, source, target, sessions, mean time) and "steps" (node by step, and how many stopped there).
 * `backwards`: steps count back from the end. */
void path_show_links(const struct flow *flow, const struct slice *names, bool backwards, struct answer *answer);
/* Table "paths": the most frequent. `converting`: with conversions. */
void path_show_paths(const struct path_book *book, const struct slice *names, size_t most, bool converting,
                     struct answer *answer);

#endif
