/* path_flow_model: a plain slow twin of path_flow: each session found from each row's neighbours, its path by looking at all of it. */
#ifndef ONEFOLD_INSIGHT_PATH_FLOW_MODEL_H
#define ONEFOLD_INSIGHT_PATH_FLOW_MODEL_H

#include "insight/path_flow.h"

#define MODEL_ROWS_MAX 64
struct model_session {
    uint8_t all[MODEL_ROWS_MAX], path[FLOW_STEPS_MAX];
    int64_t times[MODEL_ROWS_MAX];
    size_t all_count, path_count, path_at, first_step, goal; /* goal SIZE_MAX: none */
};
/* `out` has room for `count` sessions. */
size_t flow_model_sessions(const struct flow_settings *s, const int64_t *times, const uint8_t *codes, size_t count,
                           struct model_session *out);

#endif
