/* trends_model: see the header. */
#include "insight/trends_model.h"

#define MISSING 255

static bool in_group(const struct insight_bed *bed, const struct bed_row *row, enum model_group by, int number) {
    if (by == MODEL_TOWN)
        return bed->towns[row->customer] == number;
    if (by == MODEL_PAGE)
        return number == MISSING ? !row->has_page : row->has_page && row->page == number;
    return true;
}

bool trends_model(const struct insight_bed *bed, const struct trends_question *q, enum model_group by, int number,
                  int64_t from_ms, int64_t to_ms, double *value) {
    int64_t rows = 0, customers = 0, sum = 0, least = 0, most = 0;
    uint32_t last = 0; /* rows lie customer by customer */
    for (size_t i = 0; i < bed->row_count; i++) {
        const struct bed_row *row = &bed->rows[i];
        if (row->type != q->type || row->time_ms < from_ms || row->time_ms >= to_ms || !in_group(bed, row, by, number))
            continue;
        if (q->page >= 0 && (!row->has_page || row->page != q->page))
            continue;
        least = rows == 0 || row->cents < least ? row->cents : least;
        most = rows == 0 || row->cents > most ? row->cents : most;
        sum += row->cents;
        rows++;
        customers += row->customer != last;
        last = row->customer;
    }
    const double cents[] = {[MEASURE_SUM] = (double)sum,
                            [MEASURE_AVG] = (double)sum / (double)(rows ? rows : 1),
                            [MEASURE_MIN] = (double)least,
                            [MEASURE_MAX] = (double)most,
                            [MEASURE_SUM_PER_CUSTOMER] = (double)sum / (double)(customers ? customers : 1)};
    switch (q->kind) {
    case MEASURE_COUNT:
        *value = (double)rows;
        return true;
    case MEASURE_CUSTOMERS:
        *value = (double)customers;
        return true;
    case MEASURE_PER_CUSTOMER:
        *value = (double)rows / (double)(customers ? customers : 1);
        return rows > 0;
    default:
        *value = cents[q->kind] / 100;
        return rows > 0 || q->kind == MEASURE_SUM;
    }
}
