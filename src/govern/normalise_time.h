/* normalise_time: dates and times as people and programs write them. Part of govern/normalise.h, which includes it.
 *
 * What is recognised without a format (blanks at the ends, full-width characters and letters' case do not matter):
 *   2026-03-05T14:22:09.123+08:00    ISO 8601, RFC 3339; blank for T; seconds and zone optional
 *   2026-3-5 8:05:09   2026/03/05 14:22   2026.03.05   20260305   202603051422   20260305142209   20260305 14:22:09
 *   2026年3月5日 14时22分09秒   2026年3月5日 下午2:22   2026年3月5日星期四
 *   Mar 5, 2026 2:22 PM   5 March 2026   05-Mar-2026 14:22   Thu Mar  5 14:22:09 2026
 *   Thu, 05 Mar 2026 14:22:09 +0800 (RFC 2822)   Thu Mar 05 2026 14:22:09 GMT+0800 (China Standard Time)
 *   05/Mar/2026:14:22:09 +0800 (web servers' logs)
 *   1772691729 (10 digits: seconds; a fraction may follow)   1772691729123 (13: ms)   16: microseconds   19: nanoseconds
 *
 * 05/03/2026 is refused: nobody can know which number is the month. Two-digit years likewise. Say so with a format:
 *   "y/m/d" "d/m/y" "m/d/y"   the order of the numbers, with any of / - . between; two-digit years are 1970..2069; a
 *                             time may follow; what is written otherwise is recognised as without a format
 *   "excel"                   days since 1899-12-30 with a fraction, as spreadsheets store them; 60, a day that never
 *                             was, is refused
 *   "seconds" "ms" "us"       a count since 1970-01-01T00:00Z, of any length, negative or not
 *
 * Zones in the text: Z, UTC, GMT, +hh:mm, +hhmm, +hh. Letters such as CST mean several and are refused.
 *
 * Years 1 to 9999. 24:00 and leap seconds (:60) are the next minute. Without a zone in the text the value is read in
 * `zone`; where the clocks were changed zone_local_to_utc decides (skipped: later, repeated: the earlier). All pure;
 * thread: any. */
#ifndef ONEFOLD_GOVERN_NORMALISE_TIME_H
#define ONEFOLD_GOVERN_NORMALISE_TIME_H

#include "base/slice.h"
#include "base/status.h"
#include "govern/zone.h"

/* Errors: INVALID. Cost: ISO some 20 ns, others 50 to 250 ns. */
enum status normalise_time(struct slice raw, const struct zone *zone, const char *format, int64_t *time_ms,
                           struct fault *fault) WARN_UNUSED;

/* The date alone; a time of day is read and left out. A value that names an instant (it has a zone, or counts since
 * 1970) is the date in `zone` there and then: 2026-03-05T16:00:00Z is 6 March in Shanghai. With `zone` NULL it is the
 * date as written, and counts are refused. Errors: INVALID, an impossible date saying why. */
enum status normalise_date(struct slice raw, const struct zone *zone, const char *format, int64_t *days,
                           struct fault *fault) WARN_UNUSED;

/* A date somebody living can be born on: from 1900-01-02 (1900-01-01 stands for "unknown" in too many systems) to
 * `now_days`. */
enum status normalise_birthday(struct slice raw, const struct zone *zone, const char *format, int64_t now_days,
                               int64_t *days, struct fault *fault) WARN_UNUSED;

/* Whether `format` is one of the above (or NULL), for checking a mapping before it is used. */
bool normalise_time_format_valid(const char *format);

#endif
