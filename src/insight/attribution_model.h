/* attribution_model: a plain slow twin of attribution: every path on its own, every model by its definition. */
#ifndef ONEFOLD_INSIGHT_ATTRIBUTION_MODEL_H
#define ONEFOLD_INSIGHT_ATTRIBUTION_MODEL_H

#include "insight/attribution_models.h"

#define MODEL_CHANNELS_MAX 6
#define MODEL_TOUCHES_MAX 64

struct model_path {
    uint8_t codes[MODEL_TOUCHES_MAX];
    int64_t ages[MODEL_TOUCHES_MAX];
    size_t length;
    bool converted;
    int64_t value;
};
struct model_paths {
    struct model_path *paths;
    size_t count, room;
    uint32_t channels;
    const bool *direct;
    int64_t half_life_ms;
    uint64_t uncovered;
};

void model_customer(struct model_paths *m, const struct attribution_rule *rule, const struct attribution_history *h);
void model_credit(const struct model_paths *m, enum attribution_model model,
                  const struct attribution_settings *settings, struct credit *credits);

#endif
