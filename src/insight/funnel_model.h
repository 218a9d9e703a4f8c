/* funnel_model: the plain slow twin of funnel.h: all runs through the steps are tried. For few rows. */
#ifndef ONEFOLD_INSIGHT_FUNNEL_MODEL_H
#define ONEFOLD_INSIGHT_FUNNEL_MODEL_H

#include "insight/funnel.h"

void funnel_model(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count,
                  struct funnel_run *run);

#endif
