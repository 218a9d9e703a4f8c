/* attribution_shapley: Shapley values of channels, over the distinct sets of channels that paths have.
 *
 * In the game of conversions a coalition S is worth the conversions of paths that need no channel outside S. That is a sum of unanimity games,
 * one for each set of channels; the Shapley value of a unanimity game is 1/n to each of its members (Shapley 1953). So it is
 * exact for any number of channels, in one pass: each path's conversions are shared equally by its distinct channels. What a
 * coalition is worth is added up over all 2^n coalitions nevertheless where n is small: the two agree, and the test says so.
 *
 * In the game of rates S is worth the conversion rate of those paths, which is no such sum: all coalitions for up to SHAPLEY_EXACT_MAX
 * channels, else orders drawn at random (Castro, Gomez, Tejada 2009), with the standard error of the mean over orders. */
#include "insight/attribution_models.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"

#define SET_WORDS ((ATTRIBUTION_CHANNELS_MAX + 63) / 64)

/* A set of channels with all paths that have just these. */
struct set {
    uint64_t bits[SET_WORDS];
    double conversions, all, value;
};
struct sets {
    struct set *sets;
    size_t count;
    uint32_t channels[ATTRIBUTION_CHANNELS_MAX]; /* those that are in any path; players of the game */
    uint32_t player_count;
    enum shapley_game game;
};

static int by_bits(const void *a, const void *b) { return memcmp(a, b, sizeof((struct set *)a)->bits); }

static bool in_set(const struct set *s, uint32_t player) { return s->bits[player / 64] >> (player % 64) & 1; }

static struct sets sets_of(const struct attribution *t) {
    struct sets all = {.sets = memory_get(t->book.count + 1, sizeof *all.sets)};
    uint32_t player[PATH_CODES] = {0};
    for (uint32_t c = 0; c < t->channel_count; c++)
        if (t->touches[c]) {
            player[c] = all.player_count;
            all.channels[all.player_count++] = c;
        }
    for (size_t i = 0; i < t->book.count; i++) {
        const struct path_entry *e = &t->book.entries[i];
        struct set *s = &all.sets[i];
        for (size_t k = 0; k < e->length; k++) {
            uint32_t p = player[path_codes(&t->book, e)[k]];
            s->bits[p / 64] |= (uint64_t)1 << (p % 64);
        }
        s->conversions = (double)e->conversions;
        s->all = (double)(e->conversions + e->misses);
        s->value = ATTRIBUTION_VALUE(e->value);
    }
    if (t->book.count)
        qsort(all.sets, t->book.count, sizeof *all.sets, by_bits);
    for (size_t i = 0; i < t->book.count; i++) {
        struct set *last = all.count ? &all.sets[all.count - 1] : NULL;
        if (last && by_bits(last, &all.sets[i]) == 0) {
            last->conversions += all.sets[i].conversions;
            last->all += all.sets[i].all;
            last->value += all.sets[i].value;
        } else {
            all.sets[all.count++] = all.sets[i];
        }
    }
    return all;
}

/* --- unanimity --- */

static void share_equally(const struct sets *s, struct credit *credits) {
    for (size_t i = 0; i < s->count; i++) {
        uint32_t members = 0;
        for (uint32_t w = 0; w < SET_WORDS; w++)
            members += (uint32_t)__builtin_popcountll(s->sets[i].bits[w]);
        for (uint32_t p = 0; p < s->player_count; p++)
            if (in_set(&s->sets[i], p)) {
                credits[s->channels[p]].conversions += s->sets[i].conversions / members;
                credits[s->channels[p]].value += s->sets[i].value / members;
            }
    }
}

/* --- coalitions --- */

struct worth {
    double conversions, all, value;
};

static double worth_conversions(enum shapley_game game, const struct worth *w) {
    return game == SHAPLEY_CONVERSIONS ? w->conversions : w->all > 0 ? w->conversions / w->all : 0;
}
static double worth_value(enum shapley_game game, const struct worth *w) {
    return game == SHAPLEY_CONVERSIONS ? w->value : w->all > 0 ? w->value / w->all : 0;
}

/* What every coalition holds: sums over its subsets, a player at a time. */
static struct worth *worth_of_coalitions(const struct sets *s) {
    const size_t coalitions = (size_t)1 << s->player_count;
    struct worth *worth = memory_get(coalitions, sizeof *worth);
    for (size_t i = 0; i < s->count; i++) {
        struct worth *w = &worth[s->sets[i].bits[0]];
        *w = (struct worth){w->conversions + s->sets[i].conversions, w->all + s->sets[i].all,
                            w->value + s->sets[i].value};
    }
    for (uint32_t p = 0; p < s->player_count; p++)
        for (size_t c = 0; c < coalitions; c++)
            if (c >> p & 1) {
                const struct worth *without = &worth[c ^ ((size_t)1 << p)];
                worth[c].conversions += without->conversions;
                worth[c].all += without->all;
                worth[c].value += without->value;
            }
    return worth;
}

/* What adding the player to each coalition without it brings, weighed by |S|! (n - |S| - 1)! / n!. */
static void over_coalitions(const struct sets *s, struct credit *credits) {
    struct worth *worth = worth_of_coalitions(s);
    const uint32_t n = s->player_count;
    double weights[SHAPLEY_EXACT_MAX + 1] = {0};
    for (uint32_t size = 0; size < n; size++)
        weights[size] = exp(lgamma(size + 1.0) + lgamma(n - size) - lgamma(n + 1.0));
    for (uint32_t p = 0; p < n; p++)
        for (size_t c = 0; c < (size_t)1 << n; c++)
            if (!(c >> p & 1)) {
                const struct worth *with = &worth[c | (size_t)1 << p];
                double weight = weights[__builtin_popcountll(c)];
                credits[s->channels[p]].conversions +=
                    weight * (worth_conversions(s->game, with) - worth_conversions(s->game, &worth[c]));
                credits[s->channels[p]].value +=
                    weight * (worth_value(s->game, with) - worth_value(s->game, &worth[c]));
            }
    free(worth);
}

/* --- sampling --- */

struct sums {
    double conversions, squares, value;
};

static void shuffle(struct random *r, uint32_t *order, uint32_t n) {
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = (uint32_t)random_below(r, i), kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

/* One order: a set is whole when the last of its members has come. */
static void one_order(const struct sets *s, const uint32_t *order, struct worth *come, struct sums *sums) {
    uint32_t place[ATTRIBUTION_CHANNELS_MAX];
    struct worth sum = {0};
    double before = 0, value_before = 0;
    for (uint32_t i = 0; i < s->player_count; i++) {
        place[order[i]] = i;
        come[i] = (struct worth){0};
    }
    for (size_t i = 0; i < s->count; i++) {
        uint32_t last = 0;
        for (uint32_t w = 0; w < SET_WORDS; w++)
            for (uint64_t left = s->sets[i].bits[w]; left; left &= left - 1) {
                uint32_t p = place[w * 64 + (uint32_t)__builtin_ctzll(left)];
                last = p > last ? p : last;
            }
        come[last].conversions += s->sets[i].conversions;
        come[last].all += s->sets[i].all;
        come[last].value += s->sets[i].value;
    }
    for (uint32_t i = 0; i < s->player_count; i++) {
        sum = (struct worth){sum.conversions + come[i].conversions, sum.all + come[i].all, sum.value + come[i].value};
        double now = worth_conversions(s->game, &sum), value = worth_value(s->game, &sum);
        struct sums *of = &sums[order[i]];
        of->conversions += now - before;
        of->squares += (now - before) * (now - before);
        of->value += value - value_before;
        before = now;
        value_before = value;
    }
}

static void over_orders(const struct sets *s, uint32_t samples, uint64_t seed, struct credit *credits) {
    struct sums *sums = memory_get(s->player_count + 1, sizeof *sums);
    struct worth *come = memory_get(s->player_count + 1, sizeof *come);
    uint32_t order[ATTRIBUTION_CHANNELS_MAX];
    struct random random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < s->player_count; i++)
        order[i] = i;
    for (uint32_t i = 0; i < samples; i++) {
        shuffle(&random, order, s->player_count);
        one_order(s, order, come, sums);
    }
    for (uint32_t p = 0; p < s->player_count; p++) {
        double mean = sums[p].conversions / samples, variance = sums[p].squares / samples - mean * mean;
        struct credit *c = &credits[s->channels[p]];
        c->conversions = mean;
        c->value = sums[p].value / samples;
        c->error = 1.96 * sqrt((variance > 0 ? variance : 0) / samples);
    }
    free(sums);
    free(come);
}

void shapley_credit(const struct attribution *t, const struct attribution_settings *settings, struct credit *credits) {
    struct sets s = sets_of(t);
    s.game = settings->game;
    double all = (double)(t->conversions + t->misses), scale = s.game == SHAPLEY_RATE ? all : 1;
    if (settings->samples)
        over_orders(&s, settings->samples, settings->seed, credits);
    else if (s.player_count <= SHAPLEY_EXACT_MAX)
        over_coalitions(&s, credits);
    else if (s.game == SHAPLEY_CONVERSIONS)
        share_equally(&s, credits);
    else
        over_orders(&s, SHAPLEY_SAMPLES, settings->seed, credits);
    for (uint32_t c = 0; c < t->channel_count; c++) {
        credits[c].conversions *= scale;
        credits[c].value *= scale;
        credits[c].error *= scale;
    }
    free(s.sets);
}
