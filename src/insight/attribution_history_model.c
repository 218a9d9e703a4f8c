/* attribution_history_model: see the header. */
#include "insight/attribution_history_model.h"

/* First touch at or after `time`, looked for from `at` on. */
static size_t touch_from(const struct attribution_history *h, size_t at, int64_t time) {
    while (at < h->touch_count && h->touch_times[at] < time)
        at++;
    return at;
}

/* The customer's conversions that count: [*first, *end). */
static void counted(const struct attribution_rule *rule, const struct attribution_history *h, size_t *first,
                    size_t *end) {
    *first = 0;
    *end = h->conversion_count;
    while (*first < *end && h->conversion_times[*first] < rule->counted_from)
        ++*first;
    if (*first < *end && rule->repeat == ATTRIBUTION_FIRST)
        *end = *first + 1;
    if (*first < *end && rule->repeat == ATTRIBUTION_LAST)
        *first = *end - 1;
}

void attribution_customer(struct attribution *t, const struct attribution_rule *rule,
                          const struct attribution_history *h) {
    size_t from = 0, end = 0, first, last;
    counted(rule, h, &first, &last);
    if (first && rule->cut)
        end = touch_from(h, 0, h->conversion_times[first - 1] + 1);
    for (size_t i = first; i < last; i++) {
        int64_t at = h->conversion_times[i];
        from = rule->cut ? end : from;
        from = touch_from(h, from, at - rule->look_back_ms);
        end = touch_from(h, end > from ? end : from, at + 1);
        attribution_path(t, rule, h, from, end, at, true, h->conversion_values[i]);
    }
    bool open = first == last || (rule->cut && rule->repeat != ATTRIBUTION_FIRST);
    if (!open || end == h->touch_count || h->touch_times[h->touch_count - 1] < rule->counted_from)
        return;
    int64_t newest = h->touch_times[h->touch_count - 1];
    attribution_path(t, rule, h, touch_from(h, end, newest - rule->look_back_ms), h->touch_count, newest, false, 0);
}
