/* attribution_models: the models that are rules, from whole counts by channel and length of path. */
#include "insight/attribution_models.h"

#include <assert.h>

const char *const attribution_model_names[ATTRIBUTION_MODELS] = {
#define MODEL(symbol, name, what, source, book) name,
#include "insight/attribution_models.def"
#undef MODEL
};
const char *const attribution_model_meanings[ATTRIBUTION_MODELS] = {
#define MODEL(symbol, name, what, source, book) what,
#include "insight/attribution_models.def"
#undef MODEL
};
const bool attribution_model_books[ATTRIBUTION_MODELS] = {
#define MODEL(symbol, name, what, source, book) book,
#include "insight/attribution_models.def"
#undef MODEL
};

static void give(struct credit *c, const struct tally_count *count, double share) {
    c->conversions += share * (double)count->conversions;
    c->value += share * ATTRIBUTION_VALUE(count->value);
}

/* Touches that are neither first nor last of their path. */
static struct tally_count between(const struct tally_length *of, uint32_t channel) {
    const struct tally_count *all = &of->touches[channel], *first = &of->first[channel], *last = &of->last[channel];
    return (struct tally_count){all->conversions - first->conversions - last->conversions,
                                all->value - first->value - last->value};
}

static void give_by_position(const struct attribution_settings *s, size_t length, const struct tally_length *of,
                             uint32_t channel, struct credit *c) {
    double first = s->position_first, last = s->position_last;
    if (length == 1) {
        give(c, &of->first[channel], 1);
    } else if (length == 2) {
        bool none = first + last <= 0;
        give(c, &of->first[channel], none ? 0.5 : first / (first + last));
        give(c, &of->last[channel], none ? 0.5 : last / (first + last));
    } else {
        const struct tally_count middle = between(of, channel);
        give(c, &of->first[channel], first);
        give(c, &of->last[channel], last);
        give(c, &middle, (1 - first - last) / (double)(length - 2));
    }
}

static void by_rule(const struct attribution *t, enum attribution_model model, const struct attribution_settings *s,
                    struct credit *credits) {
    for (size_t length = 1; length <= ATTRIBUTION_TOUCHES_MAX; length++) {
        const struct tally_length *of = t->by_length[length];
        for (uint32_t c = 0; of && c < t->channel_count; c++)
            if (model == ATTRIBUTION_FIRST_TOUCH)
                give(&credits[c], &of->first[c], 1);
            else if (model == ATTRIBUTION_LAST_TOUCH)
                give(&credits[c], &of->last[c], 1);
            else if (model == ATTRIBUTION_LINEAR)
                give(&credits[c], &of->touches[c], 1.0 / (double)length);
            else
                give_by_position(s, length, of, c, &credits[c]);
    }
}

static void by_decay(const struct attribution *t, struct credit *credits) {
    for (uint32_t c = 0; c < t->channel_count; c++) {
        credits[c].conversions = (double)t->decay[c] / (double)ATTRIBUTION_SHARE_UNIT;
        credits[c].value = ATTRIBUTION_VALUE((double)t->decay_value[c] / (double)ATTRIBUTION_SHARE_UNIT);
    }
}

enum status attribution_credit(const struct attribution *t, enum attribution_model model,
                               const struct attribution_settings *settings, struct credit *credits,
                               struct fault *fault) {
    for (uint32_t c = 0; c < t->channel_count; c++)
        credits[c] = (struct credit){0};
    switch (model) {
    case ATTRIBUTION_FIRST_TOUCH:
    case ATTRIBUTION_LAST_TOUCH:
    case ATTRIBUTION_LINEAR:
    case ATTRIBUTION_POSITION:
        by_rule(t, model, settings, credits);
        return STATUS_OK;
    case ATTRIBUTION_LAST_NON_DIRECT:
        for (uint32_t c = 0; c < t->channel_count; c++)
            give(&credits[c], &t->last_non_direct[c], 1);
        return STATUS_OK;
    case ATTRIBUTION_TIME_DECAY:
        if (!t->timed || !t->half_life_ms)
            return fault_set(fault, STATUS_INVALID, "time_decay needs the times of touches, and these paths have none");
        by_decay(t, credits);
        return STATUS_OK;
    case ATTRIBUTION_MARKOV:
        return markov_credit(t, settings->markov_order, credits, fault);
    case ATTRIBUTION_SHAPLEY:
        shapley_credit(t, settings, credits);
        return STATUS_OK;
    case ATTRIBUTION_COUNTERFACTUAL:
        counterfactual_credit(t, credits);
        return STATUS_OK;
    case ATTRIBUTION_MODELS:
        break;
    }
    assert(!"a model");
    return STATUS_INVALID;
}

/* --- counterfactuals --- */

static const struct path_entry *find(const struct path_book *book, const uint8_t *codes, size_t length) {
    size_t low = 0, high = book->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct path_entry *e = &book->entries[middle];
        int order = slice_compare(slice_of(path_codes(book, e), e->length), slice_of(codes, length));
        if (order == 0)
            return e;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static double rate_of(const struct path_entry *e) {
    return e && e->conversions ? (double)e->conversions / (double)(e->conversions + e->misses) : 0;
}

static void counterfactual_path(const struct path_book *book, const struct path_entry *e, struct credit *credits) {
    double gains[ATTRIBUTION_TOUCHES_MAX], sum = 0, rate = rate_of(e);
    uint8_t without[ATTRIBUTION_TOUCHES_MAX];
    const uint8_t *codes = path_codes(book, e);
    for (size_t i = 0; i < e->length; i++) {
        memcpy(without, codes, i);
        memcpy(without + i, codes + i + 1, e->length - i - 1);
        double gain = e->length == 1 ? rate : rate - rate_of(find(book, without, e->length - 1));
        gains[i] = gain > 0 ? gain : 0;
        sum += gains[i];
    }
    for (size_t i = 0; i < e->length; i++) {
        double share = sum > 0 ? gains[i] / sum : i + 1 == e->length;
        credits[codes[i]].conversions += share * (double)e->conversions;
        credits[codes[i]].value += share * ATTRIBUTION_VALUE(e->value);
    }
}

void counterfactual_credit(const struct attribution *t, struct credit *credits) {
    for (size_t i = 0; i < t->book.count; i++)
        if (t->book.entries[i].conversions)
            counterfactual_path(&t->book, &t->book.entries[i], credits);
}
