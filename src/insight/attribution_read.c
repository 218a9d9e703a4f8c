/* attribution_read: what an attribution's definition asks: models and how each counts, the rule of paths, what is shown. */
#include "insight/attribution.h"

#include <math.h>

static enum status read_position(struct attribution_settings *s, const struct definition_part *d, struct fault *fault) {
    double *shares, sum = 0, scale = 1;
    size_t count;
    enum status status = definition_reals(d, "position", 3, false, &shares, &count, fault);
    if (status || count == 0)
        return status;
    for (size_t i = 0; i < count; i++) {
        sum += shares[i];
        scale = shares[i] > 1 ? 100 : scale; /* 40, 20, 40 */
    }
    bool all = count == 3 && fabs(sum / scale - 1) < 1e-9, ends = count == 2 && sum / scale <= 1;
    for (size_t i = 0; i < count; i++)
        all = all && shares[i] >= 0, ends = ends && shares[i] >= 0;
    if (!all && !ends)
        return definition_fail(d, "position", fault,
                               "shares of the first touch, those between and the last, adding up to 1, are expected "
                               "here, such as [0.4, 0.2, 0.4]");
    s->position_first = shares[0] / scale;
    s->position_last = shares[count - 1] / scale;
    return STATUS_OK;
}

static enum status read_models(struct attribution_asked *asked, const struct definition_part *d, struct fault *fault) {
    struct slice *names;
    size_t count;
    enum status status = definition_texts(d, "models", 32, &names, &count, fault);
    for (size_t i = 0; i < count && !status; i++) {
        unsigned model = 0;
        while (model < ATTRIBUTION_MODELS && !slice_is(names[i], attribution_model_names[model]))
            model++;
        if (model == ATTRIBUTION_MODELS) {
            struct buffer all = {0};
            for (unsigned k = 0; k < ATTRIBUTION_MODELS; k++)
                buffer_print(&all, "%s%s", k ? ", " : "", attribution_model_names[k]);
            status = definition_fail(d, "models", fault, "there is no model \"%.*s\"; there are %.*s",
                                     names[i].size > 40 ? 40 : (int)names[i].size, names[i].data,
                                     SLICE_ARG(buffer_slice(&all)));
            buffer_release(&all);
            return status;
        }
        asked->models[model] = true;
    }
    for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++)
        asked->models[model] = asked->models[model] || (count == 0 && model != ATTRIBUTION_COUNTERFACTUAL);
    return status;
}

static enum status read_length(const struct definition_part *d, const char *key, int64_t *ms, struct fault *fault) {
    struct length length = {0};
    enum status status = definition_length(d, key, &length, fault);
    if (!status && length.amount)
        *ms = length_ms(length);
    return status;
}

enum status attribution_read(struct attribution_asked *asked, const struct definition_part *d, struct fault *fault) {
    static struct slice usually_direct[] = {SLICE("direct"), SLICE("Direct"), SLICE("(direct)"), SLICE("(none)"),
                                            SLICE("直接访问")};
    unsigned repeat = ATTRIBUTION_EVERY, game = SHAPLEY_CONVERSIONS;
    int64_t order = 1, samples = 0, seed = 1;
    *asked = (struct attribution_asked){.rule = {.look_back_ms = 30 * INT64_C(86400000), .cut = true},
                                        .settings = {.position_first = 0.4, .position_last = 0.4},
                                        .half_life_ms = 7 * INT64_C(86400000),
                                        .paths_shown = 20};
    enum status status = read_models(asked, d, fault);
    if (!status)
        status = read_length(d, "look_back", &asked->rule.look_back_ms, fault);
    if (!status)
        status = read_length(d, "half_life", &asked->half_life_ms, fault);
    if (!status)
        status = definition_choice(d, "repeat", "every|first|last", &repeat, fault);
    if (!status)
        status = definition_flag(d, "cut", &asked->rule.cut, fault);
    if (!status)
        status = definition_flag(d, "collapse", &asked->rule.collapse, fault);
    if (!status)
        status = read_position(&asked->settings, d, fault);
    if (!status)
        status = definition_texts(d, "direct", 32, &asked->direct, &asked->direct_count, fault);
    if (!status)
        status = definition_integer(d, "markov_order", 1, ATTRIBUTION_ORDER_MAX, &order, fault);
    if (!status)
        status = definition_choice(d, "game", "conversions|rate", &game, fault);
    if (!status)
        status = definition_integer(d, "samples", 0, 10000000, &samples, fault);
    if (!status)
        status = definition_integer(d, "seed", 0, INT64_MAX, &seed, fault);
    if (!status)
        status = definition_integer(d, "paths", 0, 100000, &asked->paths_shown, fault);
    if (!asked->direct_count && !definition_get(d, "direct")) {
        asked->direct = usually_direct;
        asked->direct_count = sizeof usually_direct / sizeof *usually_direct;
    }
    asked->rule.repeat = (enum attribution_repeat)repeat;
    asked->settings.markov_order = (uint32_t)order;
    asked->settings.game = (enum shapley_game)game;
    asked->settings.samples = (uint32_t)samples;
    asked->settings.seed = (uint64_t)seed;
    asked->want_book = asked->paths_shown > 0;
    for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++)
        asked->want_book = asked->want_book || (asked->models[model] && attribution_model_books[model]);
    return status;
}
