/* edges: the relations of one type between all customers as they are now: who is at the other end of whose. Read span by span from the
 * columns of the histories (history/range.h).
 *
 * Only what holds: what ended is left out; both ends are customers as they are now, so relations of merged ones are their survivor's; each
 * direction stands once. Thread: any, while the fold goes on: a span is as of some moment of the reading. */
#ifndef ONEFOLD_NETWORK_EDGES_H
#define ONEFOLD_NETWORK_EDGES_H

#include "history/range.h"

struct network_parts { /* borrowed */
    struct os *os;
    const struct dictionary *dictionary;
    const struct identity *identity;
    struct history *history;
    bool (*progress)(void *context, double done); /* false: stop; NULL: nobody asks */
    void *context;
};

struct edge_pair {
    uint32_t from, to; /* customer numbers, never the same */
};
struct edge_list {
    struct edge_pair *edges; /* by from, to */
    size_t count, room;
};
void edge_list_release(struct edge_list *list);
void edge_list_add(struct edge_list *list, uint32_t from, uint32_t to);
void edge_list_sort(struct edge_list *list); /* and each once */

/* Goes over everybody's histories span by span: calls `visit` with the range set on those customers of a span that are in `bits` (NULL: all of
 * the range); of a span twice, where some are gathered apart. CLOSED where progress said stop. `from`, `share`: the part of the whole progress
 * that this is. */
enum status network_scan(const struct network_parts *parts, const struct range_want *want, double from, double share,
                         void (*visit)(void *context, struct range *range, const uint64_t *bits), void *context,
                         struct fault *fault) WARN_UNUSED;
/* Adds those of the relation type `type` (a number of the dictionary); unsorted. Otherwise as network_scan. */
enum status edges_read(const struct network_parts *parts, uint16_t type, double from, double share,
                       struct edge_list *list, struct fault *fault) WARN_UNUSED;

#endif
