/* path_members: whom a figure of ways stands for: a node, a node at a step, those who went no further from it, a link, a whole way; with or without
 * the goal. Of sessions as path_flow.h cuts them, by plain code, one customer at a time: it is asked for once, when a segment is made. */
#ifndef ONEFOLD_INSIGHT_PATH_MEMBERS_H
#define ONEFOLD_INSIGHT_PATH_MEMBERS_H

#include "insight/nodes.h"
#include "insight/path_flow.h"

struct flow_asked {
    bool said;                    /* any of the following */
    uint8_t node, source, target; /* FLOW_NONE: not asked for */
    bool drop;                    /* the session, or at a step the way, ends with `node` */
    bool any_step;
    uint32_t step; /* from 0, as flow_link_at counts */
    size_t length; /* of a whole way; 0: not asked for */
    uint8_t way[FLOW_STEPS_MAX];
    bool by_goal, converted; /* the caller's to set: only sessions that have the goal, or have it not */
};
/* Of members node, step, drop, source, target, path; others are the caller's to refuse. Names are looked up in `nodes`. Where the way has an end and
 * no start, steps are counted back from it, as they are shown. INVALID where they do not go together. */
enum status flow_asked_read(const struct definition_part *members, const struct nodes *nodes,
                            const struct flow_settings *settings, struct flow_asked *asked,
                            struct fault *fault) WARN_UNUSED;
#define FLOW_ASKED_NAMES "node", "step", "drop", "source", "target", "path"
/* Whether a customer with these rows, in order, has such a session. `room` [count]. Cost: O(count). */
bool flow_asked_of(const struct flow_settings *settings, const struct flow_asked *asked, const int64_t *times,
                   const uint8_t *codes, size_t count, uint8_t *room);

/* The analysis path's members: a pass over `stream`, of which `settings` and `nodes` were made. */
enum status path_members(const struct definition_part *definition, struct stream *stream, const struct nodes *nodes,
                         const struct flow_settings *settings, struct fault *fault) WARN_UNUSED;

#endif
