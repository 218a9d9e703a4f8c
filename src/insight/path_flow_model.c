/* path_flow_model: see the header. */
#include "insight/path_flow_model.h"

#include <string.h>

/* The session that row `at` is in: [*from, *end). */
static void session_of(const struct flow_settings *s, const int64_t *times, size_t count, size_t at, size_t *from,
                       size_t *end) {
    for (*from = at; *from > 0 && (!s->gap_ms || times[*from] - times[*from - 1] <= s->gap_ms);)
        --*from;
    for (*end = at + 1; *end < count && (!s->gap_ms || times[*end] - times[*end - 1] <= s->gap_ms);)
        ++*end;
}

size_t flow_model_sessions(const struct flow_settings *s, const int64_t *times, const uint8_t *codes, size_t count,
                           struct model_session *out) {
    size_t sessions = 0;
    for (size_t at = 0, from, end; at < count; at = end) {
        struct model_session m = {.first_step = 0};
        session_of(s, times, count, at, &from, &end);
        for (size_t i = from; i < end; i++)
            if (!s->collapse || i == from || codes[i] != codes[i - 1]) {
                m.all[m.all_count] = codes[i];
                m.times[m.all_count++] = times[i];
            }
        size_t begin = SIZE_MAX, stop = SIZE_MAX;
        for (size_t i = m.all_count; i-- > 0;)
            if (s->start == FLOW_NONE ? i == 0 : m.all[i] == s->start)
                begin = i;
        for (size_t i = m.all_count; i-- > 0;)
            if (s->end == FLOW_NONE ? i + 1 == m.all_count
                                    : m.all[i] == s->end && (s->start == FLOW_NONE || (begin != SIZE_MAX && i > begin)))
                stop = i;
        m.goal = SIZE_MAX;
        for (size_t i = m.all_count; i-- > 0;)
            if (m.all[i] == s->goal)
                m.goal = i;
        if (begin == SIZE_MAX || stop == SIZE_MAX)
            continue;
        if (s->end != FLOW_NONE && s->start == FLOW_NONE)
            while (stop - begin + 1 > s->steps)
                begin++;
        for (size_t i = begin; i <= stop && m.path_count < s->steps; i++)
            m.path[m.path_count++] = m.all[i];
        m.path_at = begin;
        if (s->end != FLOW_NONE && s->start == FLOW_NONE)
            m.first_step = s->steps - m.path_count;
        out[sessions++] = m;
    }
    return sessions;
}
