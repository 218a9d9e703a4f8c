/* attribution: the analysis "attribution" between its files: what was asked, what was found, how it is shown.
 *
 *     attribution.c         reads the definition, goes over the histories
 *     attribution_table.c   or takes ready paths (a table of path, conversions, value, misses)
 *     attribution_costs.c   what channels cost, by the definition or by master data
 *     attribution_show.c    models -> tables: conversions and value by channel, return on cost, advice and its limits */
#ifndef ONEFOLD_INSIGHT_ATTRIBUTION_H
#define ONEFOLD_INSIGHT_ATTRIBUTION_H

#include "insight/attribution_models.h"
#include "insight/channels.h"

#define ATTRIBUTION_SETS_MAX 40

struct attribution_asked {
    struct attribution_rule rule;
    struct attribution_settings settings;
    int64_t half_life_ms;
    bool models[ATTRIBUTION_MODELS];
    bool want_book;
    bool valued; /* a value of conversions was named */
    bool ready;  /* paths came as a table */
    int64_t paths_shown;
    struct slice *direct;
    size_t direct_count;
};
struct attribution_found {
    struct channel_names channels;
    struct attribution *all;
    uint64_t seen[CHANNELS_MAX]; /* touches */
    __int128 costs[CHANNELS_MAX];
    __int128 cost_outside;          /* of master data: what lies outside the period */
    uint64_t bills, bills_unclear;  /* of master data; without channel, amount or time */
    bool bills_untimed;             /* no time of bills was named: all count */
    bool costed, cost_of_customers; /* costs were given; they came from rows, not from the definition */
    uint64_t customers;
    bool too_many; /* channels */
};

/* Members models, look_back, repeat, cut, collapse, half_life, position, direct, markov_order, game, samples, seed, show. */
enum status attribution_read(struct attribution_asked *asked, const struct definition_part *d,
                             struct fault *fault) WARN_UNUSED;
/* Members table, separator. */
enum status attribution_of_table(const struct attribution_asked *asked, const struct definition_part *d,
                                 struct attribution_found *found, struct fault *fault) WARN_UNUSED;
struct attribution *attribution_new(const struct attribution_asked *asked, const struct channel_names *channels,
                                    uint32_t channel_count);
/* `costs` as an object of channels and amounts, or master data (attribution_costs.c): whether it would be taken; its channels, which may have no
 * touches; and, when the channels are numbered, the amounts. */
enum status attribution_costs_check(const struct definition_part *d, struct fault *fault) WARN_UNUSED;
void attribution_cost_names(const struct definition_part *d, struct channel_names *channels);
enum status attribution_fixed_costs(const struct definition_part *d, struct attribution_found *found,
                                    struct fault *fault) WARN_UNUSED;
enum status attribution_show(const struct attribution_asked *asked, struct attribution_found *found,
                             struct answer *answer, struct fault *fault) WARN_UNUSED;

#endif
