/* retention_model: see the header. */
#include "insight/retention_model.h"

#include <stdio.h>
#include <string.h>

int64_t model_unit(const struct calendar *c, enum unit unit, int64_t time_ms) {
    int64_t days = calendar_day(c, time_ms), year;
    unsigned month, day;
    time_civil(days, &year, &month, &day);
    if (unit == UNIT_MONTH)
        return year * 12 + month;
    return unit == UNIT_WEEK ? (days + 3) / 7 : days; /* 1970-01-01 was a Thursday */
}

void model_label(const struct calendar *c, enum unit unit, int64_t time_ms, char out[TIME_TEXT_BYTES]) {
    int64_t days = calendar_day(c, time_ms);
    char text[TIME_TEXT_BYTES];
    size_t size = time_format_date(unit == UNIT_WEEK ? days - (days + 3) % 7 : days, text);
    snprintf(out, TIME_TEXT_BYTES, "%.*s", (int)(unit == UNIT_MONTH ? 7 : size), text);
}

bool model_returned(returns set, enum returns_mode mode, uint32_t k) {
    bool any_later = false, any = false, each = true;
    for (uint32_t i = k; i < RETURNS_MAX; i++)
        any_later = any_later || returns_has(set, i);
    for (uint32_t i = 1; i <= k; i++) {
        any = any || returns_has(set, i);
        each = each && returns_has(set, i);
    }
    switch (mode) {
    case RETURNS_ROLLING:
    case RETURNS_UNBOUNDED:
        return any_later;
    case RETURNS_CUMULATIVE:
        return k ? any : returns_has(set, 0);
    case RETURNS_STREAK:
        return k ? each : returns_has(set, 0);
    default:
        return returns_has(set, k);
    }
}

static int64_t own_begin(const struct retention_question *q, const struct calendar *c, int64_t began, uint32_t k) {
    return q->interval == UNIT_MONTH ? calendar_add(c, began, k, UNIT_MONTH)
                                     : began + k * (q->interval == UNIT_WEEK ? 7 : 1) * DAY_MS;
}

/* The interval of a moment, counted from the beginning. */
static uint32_t interval_of(const struct retention_question *q, const struct calendar *c, int64_t began, int64_t t) {
    uint32_t k = 0;
    if (!q->own)
        return (uint32_t)(model_unit(c, q->interval, t) - model_unit(c, q->interval, began));
    while (k < RETURNS_MAX && own_begin(q, c, began, k + 1) <= t)
        k++;
    return k;
}

static size_t cohort_of(const struct retention_question *q, const struct calendar *c, int64_t began,
                        struct retention_expected *out) {
    char label[TIME_TEXT_BYTES];
    size_t i = 0;
    model_label(c, q->cohort, began, label);
    while (i < out->count && strcmp(out->cohorts[i].label, label) != 0)
        i++;
    if (i == out->count) {
        out->count++;
        memcpy(out->cohorts[i].label, label, sizeof label);
    }
    return i;
}

static void add_customer(const struct retention_question *q, const struct calendar *c, const struct bed_row *rows,
                         size_t count, int64_t end_ms, struct retention_expected *out) {
    const struct bed_row *first = NULL;
    returns set = 0;
    for (size_t i = count; i-- > 0;)
        if (rows[i].type == q->start && (q->page < 0 || (rows[i].has_page && rows[i].page == q->page)))
            first = &rows[i];
    if (!first || first->time_ms < q->from_ms || first->time_ms >= end_ms)
        return;
    for (size_t i = 0; i < count; i++) {
        bool counts = q->back < BED_TYPES
                          ? rows[i].type == q->back
                          : rows[i].type == q->start && (q->page < 0 || (rows[i].has_page && rows[i].page == q->page));
        if (counts && rows[i].time_ms >= first->time_ms && rows[i].time_ms < end_ms)
            set |= returns_in(interval_of(q, c, first->time_ms, rows[i].time_ms));
    }
    size_t cohort = cohort_of(q, c, first->time_ms, out);
    out->cohorts[cohort].size++;
    for (uint32_t k = 0; k <= q->intervals; k++) {
        if (interval_of(q, c, first->time_ms, end_ms - 1) < k)
            continue; /* not begun */
        out->cohorts[cohort].seen[k]++;
        out->cohorts[cohort].back[k] += model_returned(set, q->mode, k);
    }
}

void retention_model(const struct insight_bed *bed, const struct retention_question *q,
                     struct retention_expected *out) {
    const struct calendar calendar = {bed->zone, 1};
    int64_t end_ms = q->to_ms < bed->now_ms + 1 ? q->to_ms : bed->now_ms + 1;
    memset(out, 0, sizeof *out);
    for (uint32_t number = 1; number <= bed->customers; number++) {
        size_t first, count = insight_bed_rows(bed, number, &first);
        if (insight_bed_there(bed, number) && (q->town < 0 || bed->towns[number] == q->town))
            add_customer(q, &calendar, bed->rows + first, count, end_ms, out);
    }
}
