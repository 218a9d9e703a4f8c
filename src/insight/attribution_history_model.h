/* attribution_history_model: the paths of one customer out of all touches and conversions in order, one after the other: the slow twin of
 * attribution_window.h. */
#ifndef ONEFOLD_INSIGHT_ATTRIBUTION_HISTORY_MODEL_H
#define ONEFOLD_INSIGHT_ATTRIBUTION_HISTORY_MODEL_H

#include "insight/attribution_tally.h"

/* Adds the paths of one customer. Who never converted has one path: the touches within look_back of the last. */
void attribution_customer(struct attribution *t, const struct attribution_rule *rule,
                          const struct attribution_history *h);

#endif
