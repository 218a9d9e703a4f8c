/* attribution_model: nothing is added up, nothing is solved: paths are walked, chains are followed step by step until nothing is left to
 * follow, and Shapley goes over all orders. */
#include "insight/attribution_model.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* --- paths --- */

static bool counts(const struct attribution_rule *rule, const struct attribution_history *h, size_t conversion) {
    size_t before = 0, after = h->conversion_count - conversion - 1;
    for (size_t i = 0; i < conversion; i++)
        before += h->conversion_times[i] >= rule->counted_from;
    return h->conversion_times[conversion] >= rule->counted_from &&
           (rule->repeat == ATTRIBUTION_EVERY || (rule->repeat == ATTRIBUTION_FIRST && before == 0) ||
            (rule->repeat == ATTRIBUTION_LAST && after == 0));
}

static void add(struct model_paths *m, const struct attribution_rule *rule, const struct attribution_history *h,
                int64_t after, int64_t at, bool converted, int64_t value) {
    struct model_path path = {.converted = converted, .value = value};
    for (size_t i = 0; i < h->touch_count; i++) {
        int64_t time = h->touch_times[i];
        if (time > at || time < at - rule->look_back_ms || time <= after)
            continue;
        if (rule->collapse && path.length && path.codes[path.length - 1] == h->touch_codes[i])
            path.length--;
        assert(path.length < MODEL_TOUCHES_MAX);
        path.codes[path.length] = h->touch_codes[i];
        path.ages[path.length++] = at - time;
    }
    if (path.length == 0) {
        m->uncovered += converted;
        return;
    }
    if (m->count == m->room)
        m->paths = memory_resize(m->paths, m->room = m->room ? m->room * 2 : 64, sizeof *m->paths);
    m->paths[m->count++] = path;
}

void model_customer(struct model_paths *m, const struct attribution_rule *rule, const struct attribution_history *h) {
    for (size_t i = 0; i < h->conversion_count; i++)
        if (counts(rule, h, i))
            add(m, rule, h, rule->cut && i ? h->conversion_times[i - 1] : INT64_MIN, h->conversion_times[i], true,
                h->conversion_values[i]);
    bool converted = h->conversion_count && h->conversion_times[h->conversion_count - 1] >= rule->counted_from;
    int64_t after = h->conversion_count && rule->cut ? h->conversion_times[h->conversion_count - 1] : INT64_MIN;
    bool open = !converted || (rule->cut && rule->repeat != ATTRIBUTION_FIRST);
    int64_t newest = h->touch_count ? h->touch_times[h->touch_count - 1] : INT64_MIN;
    if (open && newest > after && newest >= rule->counted_from)
        add(m, rule, h, after, newest, false, 0);
}

/* --- rules --- */

static double weight(const struct model_paths *m, enum attribution_model model, const struct attribution_settings *s,
                     const struct model_path *p, size_t i) {
    size_t n = p->length, last = n;
    double sum = 0;
    while (last && m->direct[p->codes[last - 1]])
        last--;
    last = last ? last - 1 : n - 1;
    for (size_t k = 0; k < n; k++)
        sum += exp2(-(double)p->ages[k] / (double)m->half_life_ms);
    switch (model) {
    case ATTRIBUTION_FIRST_TOUCH:
        return i == 0;
    case ATTRIBUTION_LAST_TOUCH:
        return i + 1 == n;
    case ATTRIBUTION_LAST_NON_DIRECT:
        return i == last;
    case ATTRIBUTION_LINEAR:
        return 1.0 / (double)n;
    case ATTRIBUTION_TIME_DECAY:
        return exp2(-(double)p->ages[i] / (double)m->half_life_ms) / sum;
    default:
        if (n == 1)
            return 1;
        if (n == 2)
            return (i == 0 ? s->position_first : s->position_last) / (s->position_first + s->position_last);
        return i == 0       ? s->position_first
               : i + 1 == n ? s->position_last
                            : (1 - s->position_first - s->position_last) / (double)(n - 2);
    }
}

/* --- Markov: the mass of who is on the way, a step at a time --- */

struct mass {
    uint8_t codes[ATTRIBUTION_ORDER_MAX];
    size_t length;
    double now, next;
};

static bool same_state(const struct mass *s, const struct model_path *p, size_t end, uint32_t order) {
    size_t length = end < order ? end : order;
    return s->length == length && memcmp(s->codes, p->codes + end - length, length) == 0;
}

static size_t state_at(struct mass *states, size_t *count, const struct model_path *p, size_t end, uint32_t order) {
    for (size_t i = 0; i < *count; i++)
        if (same_state(&states[i], p, end, order))
            return i;
    struct mass *s = &states[(*count)++];
    *s = (struct mass){.length = end < order ? end : order};
    memcpy(s->codes, p->codes + end - s->length, s->length);
    return *count - 1;
}

/* Mean conversions and value of who starts, all who reach `removed` being lost. */
static void follow(const struct model_paths *m, uint32_t order, uint32_t removed, double *chance, double *value) {
    struct mass *states = memory_get(4096, sizeof *states);
    size_t count = 0;
    double left = 1;
    *chance = *value = 0;
    for (size_t i = 0; i < m->count; i++)
        for (size_t end = 0; end <= m->paths[i].length; end++)
            state_at(states, &count, &m->paths[i], end, order);
    assert(count <= 4096);
    double *out = memory_get(count, sizeof *out);
    size_t **at = memory_get(m->count, sizeof *at);
    for (size_t i = 0; i < m->count; i++) {
        at[i] = memory_get(m->paths[i].length + 1, sizeof **at);
        for (size_t end = 0; end <= m->paths[i].length; end++)
            out[at[i][end] = state_at(states, &count, &m->paths[i], end, order)]++;
    }
    states[at[0][0]].now = 1;
    while (left > 1e-13) {
        for (size_t i = 0; i < m->count; i++)
            for (size_t end = 0; end <= m->paths[i].length; end++) {
                size_t state = at[i][end];
                double moves = states[state].now / out[state];
                if (end < m->paths[i].length)
                    states[at[i][end + 1]].next += moves;
                else if (m->paths[i].converted) {
                    *chance += moves;
                    *value += moves * ATTRIBUTION_VALUE(m->paths[i].value);
                }
            }
        left = 0;
        for (size_t i = 0; i < count; i++) {
            bool lost = memchr(states[i].codes, (int)removed, states[i].length) != NULL;
            states[i].now = lost ? 0 : states[i].next;
            states[i].next = 0;
            left += states[i].now;
        }
    }
    for (size_t i = 0; i < m->count; i++)
        free(at[i]);
    free(at);
    free(out);
    free(states);
}

static void markov(const struct model_paths *m, uint32_t order, struct credit *credits) {
    double all, all_value, sum = 0, sum_value = 0, conversions = 0, value = 0;
    follow(m, order, 255, &all, &all_value);
    for (uint32_t c = 0; c < m->channels; c++) {
        double without, without_value;
        follow(m, order, c, &without, &without_value);
        sum += credits[c].removal_effect = all > 0 ? 1 - without / all : 0;
        sum_value += credits[c].removal_effect_value = all_value > 0 ? 1 - without_value / all_value : 0;
    }
    for (size_t i = 0; i < m->count; i++) {
        conversions += m->paths[i].converted;
        value += ATTRIBUTION_VALUE(m->paths[i].value);
    }
    for (uint32_t c = 0; c < m->channels; c++) {
        credits[c].conversions = sum > 0 ? credits[c].removal_effect / sum * conversions : 0;
        credits[c].value = sum_value > 0 ? credits[c].removal_effect_value / sum_value * value : 0;
    }
}

/* --- Shapley: all orders --- */

static void worth(const struct model_paths *m, uint32_t coalition, enum shapley_game game, double *conversions,
                  double *value) {
    double all = 0;
    *conversions = *value = 0;
    for (size_t i = 0; i < m->count; i++) {
        bool within = true;
        for (size_t k = 0; k < m->paths[i].length; k++)
            within = within && (coalition >> m->paths[i].codes[k] & 1);
        if (!within)
            continue;
        all++;
        *conversions += m->paths[i].converted;
        *value += ATTRIBUTION_VALUE(m->paths[i].value);
    }
    if (game == SHAPLEY_RATE) {
        double scale = all > 0 ? (double)m->count / all : 0;
        *conversions *= scale;
        *value *= scale;
    }
}

static void orders_from(const struct model_paths *m, uint32_t coalition, enum shapley_game game, double share,
                        struct credit *credits) {
    uint32_t left = m->channels - (uint32_t)__builtin_popcount(coalition);
    double before, value_before, after, value_after;
    worth(m, coalition, game, &before, &value_before);
    for (uint32_t c = 0; c < m->channels; c++) {
        if (coalition >> c & 1)
            continue;
        worth(m, coalition | 1u << c, game, &after, &value_after);
        credits[c].conversions += share / left * (after - before);
        credits[c].value += share / left * (value_after - value_before);
        orders_from(m, coalition | 1u << c, game, share / left, credits);
    }
}

/* --- counterfactuals --- */

static double rate(const struct model_paths *m, const uint8_t *codes, size_t length) {
    double conversions = 0, all = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->paths[i].length == length && memcmp(m->paths[i].codes, codes, length) == 0) {
            all++;
            conversions += m->paths[i].converted;
        }
    return all > 0 ? conversions / all : 0;
}

static double counterfactual_weight(const struct model_paths *m, const struct model_path *p, size_t touch) {
    double gains[MODEL_TOUCHES_MAX], sum = 0, own = rate(m, p->codes, p->length);
    for (size_t i = 0; i < p->length; i++) {
        uint8_t rest[MODEL_TOUCHES_MAX];
        size_t length = 0;
        for (size_t k = 0; k < p->length; k++)
            if (k != i)
                rest[length++] = p->codes[k];
        gains[i] = length ? own - rate(m, rest, length) : own;
        sum += gains[i] = gains[i] > 0 ? gains[i] : 0;
    }
    return sum > 0 ? gains[touch] / sum : touch + 1 == p->length;
}

void model_credit(const struct model_paths *m, enum attribution_model model,
                  const struct attribution_settings *settings, struct credit *credits) {
    memset(credits, 0, m->channels * sizeof *credits);
    if (model == ATTRIBUTION_MARKOV) {
        markov(m, settings->markov_order, credits);
        return;
    }
    if (model == ATTRIBUTION_SHAPLEY) {
        orders_from(m, 0, settings->game, 1, credits);
        return;
    }
    for (size_t i = 0; i < m->count; i++)
        for (size_t k = 0; k < m->paths[i].length && m->paths[i].converted; k++) {
            const struct model_path *p = &m->paths[i];
            double w =
                model == ATTRIBUTION_COUNTERFACTUAL ? counterfactual_weight(m, p, k) : weight(m, model, settings, p, k);
            credits[p->codes[k]].conversions += w;
            credits[p->codes[k]].value += w * ATTRIBUTION_VALUE(p->value);
        }
}
