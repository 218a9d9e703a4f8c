/* trends_model: a plain slow twin of trends: for every group and interval all rows are gone through again. */
#ifndef ONEFOLD_INSIGHT_TRENDS_MODEL_H
#define ONEFOLD_INSIGHT_TRENDS_MODEL_H

#include "insight/insight_bed_model.h"
#include "insight/measure.h"

struct trends_question {
    uint8_t type; /* enum bed_type of the rows counted */
    int page;     /* rows with it alone; -1: all */
    enum measure_kind kind;
    enum unit interval;
    int64_t from_ms, to_ms;
};
enum model_group { MODEL_EVERYBODY, MODEL_TOWN, MODEL_PAGE };

/* The measure over the rows in [from_ms, to_ms) of group `number` (of towns and pages; 255: missing). False where there is none. */
bool trends_model(const struct insight_bed *bed, const struct trends_question *question, enum model_group by,
                  int number, int64_t from_ms, int64_t to_ms, double *value);

#endif
