/* zone: what a wall clock shows somewhere, and back. A zone is read once from the IANA database on the machine
 * (/usr/share/zoneinfo, Debian package tzdata) or is a fixed offset, and never changes afterwards.
 *
 * Instants are milliseconds since 1970-01-01T00:00:00Z. A local time is what a wall clock shows, counted the same way
 * as if it were UTC. Years far past the database's last entry follow the rule it ends with, for ever.
 *
 * A local time that a clock change makes doubtful is settled so, as java.time and ECMAScript do:
 *   skipped (clocks go forward): they had not been set yet, so it comes after the change (02:30 shows as 03:30)
 *   repeated (clocks go back): the first of the two, the earlier instant
 *
 * Thread: any; a zone is immutable. Cost: a binary search, some nanoseconds. */
#ifndef ONEFOLD_GOVERN_ZONE_H
#define ONEFOLD_GOVERN_ZONE_H

#include "base/slice.h"
#include "base/status.h"
#include "base/time.h"
#include "os/os.h"

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_NAME_BYTES 64

struct zone;

/* The zone called `name`: an IANA name ("Asia/Shanghai"), "UTC", "GMT", "Z", or an offset ("+08:00", "-0330", "+8").
 * Owns:   *zone is the caller's; free with zone_free.
 * Errors: INVALID (no zone could be called so), NOT_FOUND (unknown name, or tzdata is not installed), DAMAGED (its file
 *         is not one), UNSUPPORTED (a file that counts leap seconds), IO. */
enum status zone_load(struct os *os, struct slice name, struct zone **zone, struct fault *fault) WARN_UNUSED;

/* The same from the bytes of a TZif file (RFC 8536, version 2 or later). Pure; every byte is doubted.
 * Errors: DAMAGED, UNSUPPORTED. */
enum status zone_parse(struct slice bytes, struct slice name, struct zone **zone, struct fault *fault) WARN_UNUSED;

/* UTC itself. Static; never freed. */
const struct zone *zone_utc(void);

/* May be NULL. */
void zone_free(struct zone *zone);

/* As it was asked for: "Asia/Shanghai", "+08:00". */
const char *zone_name(const struct zone *zone);

/* What must be added to the instant to get the local time, in ms (28,800,000 for Shanghai today). */
int32_t zone_offset_at_utc(const struct zone *zone, int64_t time_ms);
int64_t zone_utc_to_local(const struct zone *zone, int64_t time_ms);
int64_t zone_local_to_utc(const struct zone *zone, int64_t local_ms);

#endif
