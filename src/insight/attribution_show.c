/* attribution_show: shares by every model asked for, side by side; what channels cost against what they are credited with; and in words what
 * these figures are not. */
#include <math.h>
#include <stdlib.h>

#include "insight/attribution.h"
#include "insight/statistics.h"

struct show {
    const struct attribution_asked *asked;
    const struct attribution_found *found;
    struct answer *answer;
    struct credit *credits[ATTRIBUTION_MODELS]; /* NULL: not shown */
    uint8_t order[CHANNELS_MAX];                /* channels, most credited first */
    unsigned main;                              /* the model that order and advice go by */
    uint32_t count;
};

#define NONE ATTRIBUTION_MODELS

static enum status make_credits(struct show *s, struct fault *fault) {
    static const unsigned preferred[] = {ATTRIBUTION_MARKOV,     ATTRIBUTION_SHAPLEY,  ATTRIBUTION_COUNTERFACTUAL,
                                         ATTRIBUTION_TIME_DECAY, ATTRIBUTION_POSITION, ATTRIBUTION_LINEAR};
    const struct attribution *all = s->found->all;
    for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++) {
        if (!s->asked->models[model])
            continue;
        if (model == ATTRIBUTION_TIME_DECAY && !all->timed && all->conversions) {
            answer_note(s->answer, "time_decay is left out: ready paths have no times");
            continue;
        }
        s->credits[model] = memory_get(CHANNELS_MAX, sizeof **s->credits);
        enum status status = attribution_credit(all, model, &s->asked->settings, s->credits[model], fault);
        if (status)
            return status;
        s->main = s->main == NONE ? model : s->main;
    }
    for (size_t i = sizeof preferred / sizeof *preferred; i-- > 0;)
        s->main = s->credits[preferred[i]] ? preferred[i] : s->main;
    return STATUS_OK;
}

/* Most credited first; equal ones by name, which is the order they are in. */
static void sort_channels(struct show *s) {
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t at = i;
        for (; at > 0 && s->main != NONE &&
               s->credits[s->main][s->order[at - 1]].conversions < s->credits[s->main][i].conversions;
             at--)
            s->order[at] = s->order[at - 1];
        s->order[at] = (uint8_t)i;
    }
}

static double amount(__int128 units) { return ATTRIBUTION_VALUE(units); }

static void show_coverage(const struct show *s) {
    const struct attribution *all = s->found->all;
    struct answer_table *t = answer_table(s->answer, "coverage");
    answer_column(t, "conversions", ANSWER_INTEGER);
    answer_column(t, "with_touches", ANSWER_INTEGER);
    answer_column(t, "coverage", ANSWER_PERCENT);
    answer_column(t, "value", ANSWER_MONEY);
    answer_column(t, "value_with_touches", ANSWER_MONEY);
    answer_column(t, "paths_without_conversion", ANSWER_INTEGER);
    answer_column(t, "conversion_rate", ANSWER_PERCENT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_integer(t, (int64_t)(all->conversions + all->uncovered));
    answer_integer(t, (int64_t)all->conversions);
    answer_share(t, all->conversions, all->conversions + all->uncovered);
    answer_real(t, amount(all->value + all->uncovered_value));
    answer_real(t, amount(all->value));
    answer_integer(t, (int64_t)all->misses);
    answer_share(t, all->conversions, all->conversions + all->misses);
    answer_integer(t, (int64_t)s->found->customers);
}

/* Channels by models: conversions, or value. */
static void show_shares(const struct show *s, bool value) {
    struct answer_table *t = answer_table(s->answer, value ? "value" : "conversions");
    answer_column(t, "channel", ANSWER_TEXT);
    if (!value)
        answer_column(t, "touches", ANSWER_INTEGER);
    for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++)
        if (s->credits[model])
            answer_column(t, attribution_model_names[model], value ? ANSWER_MONEY : ANSWER_NUMBER);
    for (uint32_t i = 0; i < s->count; i++) {
        uint8_t c = s->order[i];
        answer_text(t, s->found->channels.names[c]);
        if (!value)
            answer_integer(t, (int64_t)s->found->seen[c]);
        for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++)
            if (s->credits[model])
                answer_real(t, value ? s->credits[model][c].value : s->credits[model][c].conversions);
    }
}

static void show_removal(const struct show *s) {
    const struct credit *credits = s->credits[ATTRIBUTION_MARKOV];
    if (!credits)
        return;
    struct answer_table *t = answer_table(s->answer, "removal_effects");
    answer_column(t, "channel", ANSWER_TEXT);
    answer_column(t, "removal_effect", ANSWER_PERCENT);
    if (s->asked->valued || s->asked->ready)
        answer_column(t, "removal_effect_value", ANSWER_PERCENT);
    for (uint32_t i = 0; i < s->count; i++) {
        uint8_t c = s->order[i];
        answer_text(t, s->found->channels.names[c]);
        answer_real(t, credits[c].removal_effect);
        if (s->asked->valued || s->asked->ready)
            answer_real(t, credits[c].removal_effect_value);
    }
    answer_note(s->answer,
                "markov: a removal effect is the share of conversions that would be lost if everybody who comes to the "
                "channel stopped there, in the chain of order %u of these paths; the shares are in proportion to it",
                s->asked->settings.markov_order);
}

static void show_shapley(const struct show *s) {
    const struct credit *credits = s->credits[ATTRIBUTION_SHAPLEY];
    bool sampled = false;
    for (uint32_t c = 0; credits && c < s->count; c++)
        sampled = sampled || credits[c].error > 0;
    if (!credits)
        return;
    if (!sampled) {
        answer_note(s->answer, "shapley: exact");
        return;
    }
    struct answer_table *t = answer_table(s->answer, "shapley_errors");
    answer_column(t, "channel", ANSWER_TEXT);
    answer_column(t, "conversions", ANSWER_NUMBER);
    answer_column(t, "low", ANSWER_NUMBER);
    answer_column(t, "high", ANSWER_NUMBER);
    for (uint32_t i = 0; i < s->count; i++) {
        const struct credit *c = &credits[s->order[i]];
        answer_text(t, s->found->channels.names[s->order[i]]);
        answer_real(t, c->conversions);
        answer_real(t, c->conversions - c->error);
        answer_real(t, c->conversions + c->error);
    }
    answer_note(s->answer,
                "shapley: sampled from %u orders (seed %llu); low and high are the 95 %% interval of sampling",
                s->asked->settings.samples ? s->asked->settings.samples : SHAPLEY_SAMPLES,
                (unsigned long long)s->asked->settings.seed);
}

/* --- cost --- */

/* Channels that cost something and were never seen, or were seen and cost nothing, by name. */
static void note_unmatched(const struct show *s, bool cost_without_touches) {
    const struct attribution *all = s->found->all;
    struct buffer names = {0};
    unsigned count = 0;
    for (uint32_t c = 0; c < s->count; c++) {
        const bool cost = s->found->costs[c] > 0, touched = all->touches[c] > 0;
        if (cost_without_touches ? cost && !touched : touched && !cost)
            buffer_print(&names, "%s%.*s", count++ ? ", " : "", SLICE_ARG(s->found->channels.names[c]));
    }
    if (count && cost_without_touches)
        answer_note(s->answer, "%u channels cost something and have no touches, so no conversion is theirs: %.*s",
                    count, SLICE_ARG(buffer_slice(&names)));
    else if (count)
        answer_note(s->answer, "%u channels have touches and no cost; they are not in the budget: %.*s", count,
                    SLICE_ARG(buffer_slice(&names)));
    buffer_release(&names);
}

/* How much of what was spent is of channels that touches are known of. */
static void show_cost_coverage(const struct show *s) {
    const struct attribution_found *f = s->found;
    __int128 cost = 0, touched = 0;
    struct answer_table *t = answer_table(s->answer, "cost_coverage");
    answer_column(t, "cost", ANSWER_MONEY);
    answer_column(t, "of_channels_with_touches", ANSWER_MONEY);
    answer_column(t, "coverage", ANSWER_PERCENT);
    answer_column(t, "outside_the_period", ANSWER_MONEY);
    answer_column(t, "bills", ANSWER_INTEGER);
    answer_column(t, "bills_left_out", ANSWER_INTEGER);
    for (uint32_t c = 0; c < s->count; c++) {
        cost += f->costs[c];
        touched += f->all->touches[c] ? f->costs[c] : 0;
    }
    answer_real(t, amount(cost));
    answer_real(t, amount(touched));
    answer_real(t, cost > 0 ? amount(touched) / amount(cost) : NAN);
    answer_real(t, amount(f->cost_outside));
    answer_integer(t, (int64_t)f->bills);
    answer_integer(t, (int64_t)f->bills_unclear);
    note_unmatched(s, true);
    note_unmatched(s, false);
    if (f->bills_unclear)
        answer_note(s->answer, "%llu of %llu bills have no channel, amount or time, and are left out",
                    (unsigned long long)f->bills_unclear, (unsigned long long)f->bills);
    if (f->bills_untimed)
        answer_note(s->answer, "no \"time\" of costs is named: all of them count, whatever the period");
}

static void show_returns(const struct show *s) {
    const bool valued = s->asked->valued || s->asked->ready;
    struct answer_table *t = answer_table(s->answer, "returns");
    answer_column(t, "channel", ANSWER_TEXT);
    answer_column(t, "model", ANSWER_TEXT);
    answer_column(t, "cost", ANSWER_MONEY);
    answer_column(t, "conversions", ANSWER_NUMBER);
    answer_column(t, "cost_per_conversion", ANSWER_MONEY);
    if (valued) {
        answer_column(t, "value", ANSWER_MONEY);
        answer_column(t, "roas", ANSWER_NUMBER);
        answer_column(t, "roi", ANSWER_PERCENT);
    }
    for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++)
        for (uint32_t i = 0; s->credits[model] && i < s->count; i++) {
            const struct credit *c = &s->credits[model][s->order[i]];
            double cost = amount(s->found->costs[s->order[i]]);
            answer_text(t, s->found->channels.names[s->order[i]]);
            answer_cstring(t, attribution_model_names[model]);
            answer_real(t, cost);
            answer_real(t, c->conversions);
            answer_real(t, c->conversions > 0 ? cost / c->conversions : NAN);
            if (valued) {
                answer_real(t, c->value);
                answer_real(t, cost > 0 ? c->value / cost : NAN);
                answer_real(t, cost > 0 ? (c->value - cost) / cost : NAN);
            }
        }
}

/* By the share of conversions against the share of cost: only where chance alone would rarely make the difference. */
static const char *advice_of(double conversions, double expected) {
    double spread = 1.96 * sqrt(conversions > expected ? conversions : expected); /* of a Poisson count */
    if (conversions + expected < SAMPLE_SMALL)
        return "too few conversions to say";
    return conversions - spread > expected ? "more" : conversions + spread < expected ? "less" : "as it is";
}

static void show_budget(const struct show *s) {
    struct answer_table *t = answer_table(s->answer, "budget");
    double cost = 0, conversions = 0;
    answer_column(t, "channel", ANSWER_TEXT);
    answer_column(t, "cost", ANSWER_MONEY);
    answer_column(t, "share_of_cost", ANSWER_PERCENT);
    answer_column(t, "share_of_conversions", ANSWER_PERCENT);
    answer_column(t, "advice", ANSWER_TEXT);
    for (uint32_t c = 0; c < s->count; c++)
        if (s->found->costs[c] > 0) {
            cost += amount(s->found->costs[c]);
            conversions += s->credits[s->main][c].conversions;
        }
    for (uint32_t i = 0; i < s->count; i++) {
        double own = amount(s->found->costs[s->order[i]]), credited = s->credits[s->main][s->order[i]].conversions;
        if (own <= 0)
            continue;
        answer_text(t, s->found->channels.names[s->order[i]]);
        answer_real(t, own);
        answer_real(t, own / cost);
        answer_real(t, conversions > 0 ? credited / conversions : NAN);
        answer_cstring(t, advice_of(credited, conversions * own / cost));
    }
    answer_note(
        s->answer,
        "budget: by %s, among channels that cost something: \"more\" where the share of conversions is above the share "
        "of cost by more than chance would make it (95 %%). These are averages of what was spent, not what the "
        "next amount would bring: channels saturate; move little, and measure with a group that is left out",
        attribution_model_names[s->main]);
}

/* --- paths --- */

static int by_weight(const void *a, const void *b) {
    const struct path_entry *x = *(const struct path_entry *const *)a, *y = *(const struct path_entry *const *)b;
    uint64_t all_x = x->conversions + x->misses, all_y = y->conversions + y->misses;
    if (x->conversions != y->conversions)
        return x->conversions < y->conversions ? 1 : -1;
    if (all_x != all_y)
        return all_x < all_y ? 1 : -1;
    return (x > y) - (x < y); /* the book's own order */
}

static void show_paths(const struct show *s) {
    const struct path_book *book = &s->found->all->book;
    size_t shown = (size_t)s->asked->paths_shown < book->count ? (size_t)s->asked->paths_shown : book->count;
    const struct path_entry **order = memory_get(book->count + 1, sizeof *order);
    struct buffer text = {0};
    struct answer_table *t = answer_table(s->answer, "paths");
    answer_column(t, "path", ANSWER_TEXT);
    answer_column(t, "touches", ANSWER_INTEGER);
    answer_column(t, "conversions", ANSWER_INTEGER);
    answer_column(t, "without", ANSWER_INTEGER);
    answer_column(t, "conversion_rate", ANSWER_PERCENT);
    answer_column(t, "value", ANSWER_MONEY);
    for (size_t i = 0; i < book->count; i++)
        order[i] = &book->entries[i];
    if (book->count)
        qsort(order, book->count, sizeof *order, by_weight);
    for (size_t i = 0; i < shown; i++) {
        const struct path_entry *e = order[i];
        buffer_clear(&text);
        for (size_t k = 0; k < e->length; k++)
            buffer_print(&text, "%s%.*s", k ? " > " : "", SLICE_ARG(s->found->channels.names[path_codes(book, e)[k]]));
        answer_text(t, buffer_slice(&text));
        answer_integer(t, e->length);
        answer_integer(t, (int64_t)e->conversions);
        answer_integer(t, (int64_t)e->misses);
        answer_share(t, e->conversions, e->conversions + e->misses);
        answer_real(t, amount(e->value));
    }
    if (book->count > shown)
        answer_note(s->answer, "%zu of %zu different paths are shown", shown, book->count);
    buffer_release(&text);
    free(order);
}

static void show_notes(const struct show *s) {
    const struct attribution *all = s->found->all;
    if (all->uncovered)
        answer_note(s->answer, "%llu conversions had no touch before them and are credited to no channel",
                    (unsigned long long)all->uncovered);
    if (all->conversions < SAMPLE_SMALL)
        answer_note(s->answer, "%llu conversions are too few to tell channels apart",
                    (unsigned long long)all->conversions);
    answer_note(s->answer,
                "models share out conversions that happened among touches that were seen; none says what would have "
                "happened without a channel: who is sure to buy also searches. A group that is left out tells that");
}

enum status attribution_show(const struct attribution_asked *asked, struct attribution_found *found,
                             struct answer *answer, struct fault *fault) {
    struct show s = {.asked = asked, .found = found, .answer = answer, .main = NONE, .count = found->channels.count};
    enum status status = make_credits(&s, fault);
    if (!status) {
        sort_channels(&s);
        show_coverage(&s);
        show_shares(&s, false);
        if (asked->valued || asked->ready)
            show_shares(&s, true);
        show_removal(&s);
        show_shapley(&s);
        if (found->costed && s.main != NONE) {
            show_cost_coverage(&s);
            show_returns(&s);
            show_budget(&s);
        }
        if (asked->paths_shown)
            show_paths(&s);
        show_notes(&s);
    }
    for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++)
        free(s.credits[model]);
    return status;
}
