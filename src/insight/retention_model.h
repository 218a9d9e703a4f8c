/* retention_model: a plain slow twin of retention and trends: every row asked what day it is of, every interval looked at by itself. */
#ifndef ONEFOLD_INSIGHT_RETENTION_MODEL_H
#define ONEFOLD_INSIGHT_RETENTION_MODEL_H

#include "insight/insight_bed_model.h"
#include "insight/returns.h"
#include "language/time_window.h"

/* Numbers of days, weeks and months (UNIT_DAY, UNIT_WEEK, UNIT_MONTH) as they follow each other; weeks begin on Monday. */
int64_t model_unit(const struct calendar *calendar, enum unit unit, int64_t time_ms);
/* What an answer calls that unit: "2026-01-31", of weeks their Monday, "2026-01". */
void model_label(const struct calendar *calendar, enum unit unit, int64_t time_ms, char out[TIME_TEXT_BYTES]);

bool model_returned(returns set, enum returns_mode mode, uint32_t k);

struct retention_question {
    uint8_t start, back; /* enum bed_type; BED_TYPES as `back`: as start */
    int page;            /* rows of `start` with this page alone; -1: all */
    int town;            /* customers of it: 0 to 4, NO_TOWN; -1: everybody */
    enum unit interval, cohort;
    uint32_t intervals;
    enum returns_mode mode;
    bool own;
    int64_t from_ms, to_ms;
};
#define MODEL_COHORTS_MAX 80
struct retention_expected {
    struct {
        char label[TIME_TEXT_BYTES];
        uint64_t size, back[RETURNS_MAX], seen[RETURNS_MAX];
    } cohorts[MODEL_COHORTS_MAX];
    size_t count;
};
void retention_model(const struct insight_bed *bed, const struct retention_question *question,
                     struct retention_expected *out);

#endif
