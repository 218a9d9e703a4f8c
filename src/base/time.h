/* time: instants are milliseconds since 1970-01-01T00:00:00Z (int64, `_ms`); dates are days since then (`_days`).
 * Nothing here reads a clock: see os.h. Zone rules beyond fixed offsets are govern's (govern/zone.h). */
#ifndef ONEFOLD_BASE_TIME_H
#define ONEFOLD_BASE_TIME_H

#include "base/slice.h"
#include "base/status.h"

#define TIME_TEXT_BYTES 32
#define TIME_NONE INT64_MIN
#define DAY_MS 86400000LL

/* Proleptic Gregorian. `month` 1..12, `day` 1..31. */
int64_t time_days(int64_t year, unsigned month, unsigned day);
void time_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day);
bool time_date_valid(int64_t year, unsigned month, unsigned day);

/* ISO 8601 / RFC 3339: "2026-01-31", "2026-01-31T08:00:00", "...08:00:00.123456Z", "... 08:00+08:00", blank or T between,
 * seconds optional, fraction cut to ms, "Z" or "+hh:mm", "+hhmm", "+hh". Without a zone, *zoned is false and the instant
 * is as if in UTC. Whole slice must match. Errors: INVALID (no fault text: the caller knows the field). */
enum status time_parse_iso(struct slice text, int64_t *time_ms, bool *zoned) WARN_UNUSED;
/* "2026-01-31T08:00:00.000Z" (24 characters for years 0..9999) into `out` of TIME_TEXT_BYTES; returns its length. */
size_t time_format(int64_t time_ms, char *out);
/* "2026-01-31"; returns its length. */
size_t time_format_date(int64_t days, char *out);

#endif
