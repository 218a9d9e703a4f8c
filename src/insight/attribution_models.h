/* attribution_models: from added-up paths to each channel's share of conversions and of value. Pure functions over a tally.
 *
 * All shares of one model add up to the conversions (and value) of paths that have a touch; conversions without any are the tally's `uncovered`. */
#ifndef ONEFOLD_INSIGHT_ATTRIBUTION_MODELS_H
#define ONEFOLD_INSIGHT_ATTRIBUTION_MODELS_H

#include "base/status.h"
#include "insight/attribution_tally.h"

enum attribution_model {
#define MODEL(symbol, name, what, source, book) ATTRIBUTION_##symbol,
#include "insight/attribution_models.def"
#undef MODEL
    ATTRIBUTION_MODELS
};
extern const char *const attribution_model_names[ATTRIBUTION_MODELS];
extern const char *const attribution_model_meanings[ATTRIBUTION_MODELS];
extern const bool attribution_model_books[ATTRIBUTION_MODELS]; /* needs want_book */

struct credit {
    double conversions;
    double value;          /* in whole units */
    double error;          /* half width of the 95 % interval of conversions; 0: exact */
    double removal_effect; /* of MARKOV, by conversions */
    double removal_effect_value;
};

enum shapley_game {
    SHAPLEY_CONVERSIONS, /* a coalition is worth the conversions of paths whose channels are all in it */
    SHAPLEY_RATE         /* the conversion rate of such paths; shares are scaled to conversions, and may be negative */
};
struct attribution_settings {
    double position_first, position_last; /* 0.4, 0.4 */
    uint32_t markov_order;                /* 1 .. ATTRIBUTION_ORDER_MAX */
    enum shapley_game game;
    uint32_t samples; /* of permutations; 0: exact up to SHAPLEY_EXACT_MAX channels, then SHAPLEY_SAMPLES. The
                       * conversions game is exact for any number unless samples are asked for */
    uint64_t seed;
};
#define ATTRIBUTION_ORDER_MAX 7
#define SHAPLEY_EXACT_MAX 15
#define SHAPLEY_SAMPLES 20000

/* `credits` [channel_count]. The book must be sorted. Errors: TOO_LARGE where the model would have too many states; INVALID for time
 * decay of paths without times. Cost: rules O(channels x lengths); Markov O(states^3) up to a few hundred states, above O(edges) a
 * sweep; Shapley O(2^channels x channels), sampled O(samples x distinct sets of channels). */
enum status attribution_credit(const struct attribution *t, enum attribution_model model,
                               const struct attribution_settings *settings, struct credit *credits,
                               struct fault *fault) WARN_UNUSED;

/* The chain of order 1: chances [(channel_count + 1) x (channel_count + 2)]: from each channel, and last from the start, to each channel,
 * then to conversion, then to none. */
void markov_transitions(const struct attribution *t, double *chances);

/* The parts, one file each. */
enum status markov_credit(const struct attribution *t, uint32_t order, struct credit *credits,
                          struct fault *fault) WARN_UNUSED;
void shapley_credit(const struct attribution *t, const struct attribution_settings *settings, struct credit *credits);
void counterfactual_credit(const struct attribution *t, struct credit *credits);
#define ATTRIBUTION_VALUE(units) ((double)(units) / ATTRIBUTION_VALUE_UNIT)

#endif
