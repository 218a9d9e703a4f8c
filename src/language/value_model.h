/* value_model: values, exact numbers and calendar sums of the slow twin (plan_model.h), written for plainness.
 *
 * A number is a decimal (integer / 10^scale, scale 0..6, as small as it can be) wherever it has such a form, whatever it came from; else it is
 * the nearest double. So equal numbers have one form, and 1.5 of a double equals 1.5 of a decimal. */
#ifndef ONEFOLD_LANGUAGE_VALUE_MODEL_H
#define ONEFOLD_LANGUAGE_VALUE_MODEL_H

#include "govern/zone.h"
#include "language/tree.h"

#define SCALE_REAL UINT8_MAX

struct value {
    uint8_t type;  /* enum term_type; TERM_NONE: missing */
    uint8_t scale; /* NUMBER; SCALE_REAL: `real` */
    int64_t integer;
    double real;
    struct slice text;
    const struct value *elements; /* lists */
    uint32_t count;
};
#define VALUE_NONE ((struct value){0})

struct value value_bool(bool b);
struct value value_whole(int64_t whole);
struct value value_text(struct slice text);
struct value value_time(int64_t ms);
struct value value_date(int64_t days);
/* The exact number / 10^scale; scale 0 .. 18. */
struct value value_exact(__int128 number, unsigned scale);
struct value value_real(double real);
double value_double(const struct value *number);

/* One of the arithmetic operators, on two numbers; missing for division by zero. */
struct value number_arithmetic(enum op op, struct value a, struct value b);
/* Half away from zero, to `digits` decimals. */
struct value number_round(struct value number, unsigned digits);
struct value number_floor(struct value number);
/* Order of two values of comparable types: below, at, above zero. A time beside a date: by the time's date. */
int value_compare(const struct zone *zone, struct value a, struct value b);
/* Equal, for values that are both present; lists are equal element by element. */
bool value_equal(const struct zone *zone, struct value a, struct value b);

uint32_t text_length(struct slice text); /* characters */
/* Characters at places p, from 1, with from <= p < from + count. */
struct slice text_part(struct slice text, int64_t from, int64_t count);
bool text_contains(struct slice text, struct slice part);
bool text_matches(struct slice text, struct slice glob);

int64_t floor_divide(int64_t a, int64_t b); /* b > 0 */
/* Date in the zone, and the first instant of a date there. */
int64_t day_of(const struct zone *zone, int64_t time_ms);
int64_t day_start(const struct zone *zone, int64_t days);
/* A time or a date as an instant. */
int64_t moment_of(const struct zone *zone, struct value moment);
/* `amount` units later by the calendar: days and weeks keep the time of day, months are cut to the month's last day. */
int64_t moment_add(const struct zone *zone, int64_t time_ms, int64_t amount, enum unit unit);
/* The same with days of 24 hours and weeks of seven such. */
int64_t duration_add(const struct zone *zone, int64_t time_ms, int64_t amount, enum unit unit);
/* First day of the week, month, quarter or year that `days` is in, moved by `by` of them. */
int64_t period_start(int64_t days, enum unit unit, int by, uint8_t week_start);
/* Whole calendar months between two instants, or dates where both are dates; rounded down. */
int64_t months_between(const struct zone *zone, struct value from, int64_t now_ms);
/* Calendar days from `today` to the next return of the date's month and day. */
int64_t days_to_anniversary(int64_t today, int64_t date);

#endif
