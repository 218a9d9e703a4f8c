/* zone: see the header. A TZif file (RFC 8536) lists the instants at which the offset changed and ends with a rule in
 * POSIX TZ form ("EST5EDT,M3.2.0,M11.1.0") for the time after. Rules repeat every 400 years to the millisecond (146,097
 * days are a whole number of weeks), so loading writes 400 years of the rule out as ordinary changes: a lookup is then
 * one binary search, and an instant past the table is first moved back by whole cycles.
 *
 * Change i ends segment i and begins segment i + 1. With a the offset before and b the one after, wall clocks are in
 * doubt between change + min(a, b) and change + max(a, b); both answers the header gives (skipped: later, repeated:
 * earlier) are "still a", so local lookups search change + max(a, b).
 *
 * Invariants: 1. utc_ms never falls. 2. local_ms never falls. 3. the first full cycle of the rule lies inside the
 * table. */
#include "govern/zone.h"
#include "govern/normalise_text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define CYCLE_MS (146097LL * DAY_MS)
#define CYCLE_YEARS 400
#define OFFSET_SECONDS_MAX (26 * 3600)
#define SECONDS_MAX (1LL << 43) /* some 278,000 years: what stands beyond is cut to it */
#define CHANGES_MAX 4096        /* in a file; the longest has 248 */

struct change {
    int64_t utc_ms;
    int64_t local_ms;
    int32_t offset_ms; /* from here on */
};

struct zone {
    char name[ZONE_NAME_BYTES];
    int64_t cycle_from_ms; /* from here on everything repeats what was CYCLE_MS before; INT64_MAX: no rule */
    size_t count;
    int64_t *utc_ms;
    int64_t *local_ms;
    int32_t *offset_ms; /* count + 1: [i] holds in segment i */
};

static const int32_t utc_offset_ms[1];
static const struct zone utc = {.name = "UTC", .cycle_from_ms = INT64_MAX, .offset_ms = (int32_t *)utc_offset_ms};

const struct zone *zone_utc(void) { return &utc; }

const char *zone_name(const struct zone *zone) { return zone->name; }

void zone_free(struct zone *zone) {
    if (!zone)
        return;
    assert(zone != &utc);
    free(zone->utc_ms);
    free(zone->local_ms);
    free(zone->offset_ms);
    free(zone);
}

/* How many of the rising `starts` are at or before `time`. The last is looked at first: today is past most tables. */
static size_t segment_at(const int64_t *starts, size_t count, int64_t time) {
    size_t low = 0;
    if (count == 0 || starts[count - 1] <= time)
        return count;
    while (count > 0) {
        size_t half = count / 2;
        bool after = starts[low + half] <= time;
        low += after ? half + 1 : 0;
        count = after ? count - half - 1 : half;
    }
    return low;
}

/* The same moment of the cycle inside the table. */
static int64_t into_table(const struct zone *zone, int64_t time) {
    return time < zone->cycle_from_ms ? time : time - ((time - zone->cycle_from_ms) / CYCLE_MS + 1) * CYCLE_MS;
}

/* Sums of instants wrap instead of being undefined where a caller's instant is at the very ends of int64. */
static int64_t add_wrapping(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

int32_t zone_offset_at_utc(const struct zone *zone, int64_t time_ms) {
    return zone->offset_ms[segment_at(zone->utc_ms, zone->count, into_table(zone, time_ms))];
}

int64_t zone_utc_to_local(const struct zone *zone, int64_t time_ms) {
    return add_wrapping(time_ms, zone_offset_at_utc(zone, time_ms));
}

int64_t zone_local_to_utc(const struct zone *zone, int64_t local_ms) {
    size_t segment = segment_at(zone->local_ms, zone->count, into_table(zone, local_ms));
    return add_wrapping(local_ms, -(int64_t)zone->offset_ms[segment]);
}

/* ---- building ---- */

static struct zone *zone_create(struct slice name, const struct change *changes, size_t count, int32_t first_offset_ms,
                                int64_t cycle_from_ms) {
    struct zone *zone = memory_get(1, sizeof *zone);
    assert(name.size < ZONE_NAME_BYTES);
    if (name.size)
        memcpy(zone->name, name.data, name.size);
    zone->cycle_from_ms = cycle_from_ms;
    zone->count = count;
    zone->utc_ms = memory_get(count + 1, sizeof *zone->utc_ms);
    zone->local_ms = memory_get(count + 1, sizeof *zone->local_ms);
    zone->offset_ms = memory_get(count + 1, sizeof *zone->offset_ms);
    zone->offset_ms[0] = first_offset_ms;
    for (size_t i = 0; i < count; i++) {
        assert(i == 0 ||
               (changes[i - 1].utc_ms <= changes[i].utc_ms && changes[i - 1].local_ms <= changes[i].local_ms));
        zone->utc_ms[i] = changes[i].utc_ms;
        zone->local_ms[i] = changes[i].local_ms;
        zone->offset_ms[i + 1] = changes[i].offset_ms;
    }
    return zone;
}

/* Changes while they are gathered; room is for a file's own and a cycle of the rule's. */
struct changes {
    struct change at[CHANGES_MAX + 2 * (CYCLE_YEARS + 8)];
    size_t count;
    int32_t first_offset_ms; /* before the first change */
    int64_t last_ms;         /* the file's last change, kept or not; the rule holds after it */
};

/* Adds a change unless it changes nothing or (only a forged file has such) lies before the last one. */
static void add_change(struct changes *changes, int64_t seconds, int32_t offset_seconds) {
    struct change *last = changes->count ? &changes->at[changes->count - 1] : NULL;
    int64_t before_ms = last ? last->offset_ms : changes->first_offset_ms;
    struct change new = {seconds * 1000, 0, offset_seconds * 1000};
    new.local_ms = new.utc_ms + (new.offset_ms > before_ms ? new.offset_ms : before_ms);
    if (new.offset_ms == before_ms || (last && new.utc_ms < last->utc_ms))
        return;
    if (last && new.local_ms < last->local_ms)
        new.local_ms = last->local_ms;
    assert(changes->count < sizeof changes->at / sizeof *changes->at);
    changes->at[changes->count++] = new;
}

/* ---- the rule at the end: std offset dst [offset] , start [/time] , end [/time] ---- */

enum day_kind { DAY_JULIAN, DAY_OF_YEAR, DAY_OF_WEEK };
struct rule_day {
    enum day_kind kind;
    unsigned day; /* 1..365, 0..365, or weekday 0..6 from Sunday */
    unsigned week, month;
    int32_t seconds; /* wall clock, may be negative or past a day */
};
struct rule {
    int32_t standard_seconds, summer_seconds; /* east positive */
    bool summer;
    struct rule_day start, end;
};

static bool take(struct slice *text, char c) {
    if (!text->size || *text->data != c)
        return false;
    text->data++;
    text->size--;
    return true;
}

static bool take_number(struct slice *text, unsigned max, unsigned *value) {
    size_t digits = 0;
    *value = 0;
    for (; text->size && *text->data >= '0' && *text->data <= '9' && digits < 4; digits++, text->data++, text->size--)
        *value = *value * 10 + (unsigned)(*text->data - '0');
    return digits > 0 && *value <= max;
}

/* "EST" or "<+08>": not kept. */
static bool take_abbreviation(struct slice *text) {
    size_t size = 0;
    if (take(text, '<')) {
        while (text->size && !take(text, '>'))
            text->data++, text->size--, size++;
        return size >= 1;
    }
    for (; text->size && (((*text->data | 32) >= 'a') & ((*text->data | 32) <= 'z')); size++)
        text->data++, text->size--;
    return size >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool take_clock(struct slice *text, unsigned hours_max, int32_t *seconds) {
    bool negative = take(text, '-');
    unsigned hour, minute = 0, second = 0;
    if (!negative)
        take(text, '+');
    if (!take_number(text, hours_max, &hour) || (take(text, ':') && !take_number(text, 59, &minute)) ||
        (take(text, ':') && !take_number(text, 59, &second)))
        return false;
    *seconds = (int32_t)(hour * 3600 + minute * 60 + second) * (negative ? -1 : 1);
    return true;
}

/* "M3.2.0", "J60" or "59", then "/time" where it is not 02:00. */
static bool take_day(struct slice *text, struct rule_day *day) {
    bool good;
    *day = (struct rule_day){.seconds = 2 * 3600};
    if (take(text, 'M')) {
        day->kind = DAY_OF_WEEK;
        good = take_number(text, 12, &day->month) && day->month >= 1 && take(text, '.') &&
               take_number(text, 5, &day->week) && day->week >= 1 && take(text, '.') && take_number(text, 6, &day->day);
    } else if (take(text, 'J')) {
        day->kind = DAY_JULIAN;
        good = take_number(text, 365, &day->day) && day->day >= 1;
    } else {
        day->kind = DAY_OF_YEAR;
        good = take_number(text, 365, &day->day);
    }
    return good && (!take(text, '/') || take_clock(text, 167, &day->seconds));
}

static bool parse_rule(struct slice text, struct rule *rule) {
    int32_t west;
    *rule = (struct rule){0};
    if (!take_abbreviation(&text) || !take_clock(&text, 24, &west))
        return false;
    rule->standard_seconds = -west;
    if (text.size == 0)
        return true;
    rule->summer = true;
    if (!take_abbreviation(&text))
        return false;
    west -= 3600;
    if (text.size && *text.data != ',' && !take_clock(&text, 24, &west))
        return false;
    rule->summer_seconds = -west;
    return take(&text, ',') && take_day(&text, &rule->start) && take(&text, ',') && take_day(&text, &rule->end) &&
           text.size == 0;
}

/* When the day of the rule comes in `year`, as local seconds. */
static int64_t rule_local_seconds(const struct rule_day *day, int64_t year) {
    int64_t first = time_days(year, 1, 1), days = first + day->day;
    if (day->kind == DAY_JULIAN) {
        days -= !(time_date_valid(year, 2, 29) && day->day >= 60); /* 29 February is never counted */
    } else if (day->kind == DAY_OF_WEEK) {
        first = time_days(year, day->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
        days = first + ((int64_t)day->day - weekday + 7) % 7 + 7 * (day->week - 1);
        int64_t next_month = day->month == 12 ? time_days(year + 1, 1, 1) : time_days(year, day->month + 1, 1);
        if (days >= next_month)
            days -= 7; /* week 5 is the last one */
    }
    return days * 86400 + day->seconds;
}

/* Writes the rule out behind the changes gathered; returns from where on it repeats. */
static int64_t expand_rule(struct changes *changes, const struct rule *rule) {
    int64_t year = 1900;
    unsigned month, day;
    if (changes->last_ms == INT64_MIN)
        changes->first_offset_ms = rule->standard_seconds * 1000;
    else
        time_civil(changes->last_ms / DAY_MS, &year, &month, &day);
    if (!rule->summer)
        return INT64_MAX;
    for (int64_t y = year; y < year + CYCLE_YEARS + 4; y++) {
        int64_t start = rule_local_seconds(&rule->start, y) - rule->standard_seconds;
        int64_t end = rule_local_seconds(&rule->end, y) - rule->summer_seconds;
        for (int turn = 0; turn < 2; turn++) {
            bool starts = (turn == 0) == (start <= end);
            if ((starts ? start : end) * 1000 > changes->last_ms)
                add_change(changes, starts ? start : end, starts ? rule->summer_seconds : rule->standard_seconds);
        }
    }
    return time_days(year + 2 + CYCLE_YEARS, 1, 1) * DAY_MS;
}

/* ---- the file ---- */

struct tzif_counts {
    uint32_t is_utc, is_standard, leap, time, type, text;
};

static uint32_t read_u32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t read_i64(const uint8_t *at) { return (int64_t)((uint64_t)read_u32(at) << 32 | read_u32(at + 4)); }

/* The 44-byte header at *at, moving behind it. */
static bool read_header(struct slice bytes, size_t *at, char *version, struct tzif_counts *counts) {
    if (bytes.size - *at < 44 || memcmp(bytes.data + *at, "TZif", 4) != 0)
        return false;
    const uint8_t *p = (const uint8_t *)bytes.data + *at;
    *version = (char)p[4];
    *counts = (struct tzif_counts){read_u32(p + 20), read_u32(p + 24), read_u32(p + 28),
                                   read_u32(p + 32), read_u32(p + 36), read_u32(p + 40)};
    *at += 44;
    return counts->time <= CHANGES_MAX && counts->type <= 256 && counts->text <= 65536 && counts->leap <= 65536 &&
           counts->is_utc <= counts->type && counts->is_standard <= counts->type;
}

static size_t block_bytes(const struct tzif_counts *c, size_t time_bytes) {
    return (size_t)c->time * (time_bytes + 1) + (size_t)c->type * 6 + c->text + (size_t)c->leap * (time_bytes + 4) +
           c->is_standard + c->is_utc;
}

/* The changes of the 64-bit block at `block`, whose size was checked. */
static bool read_changes(const uint8_t *block, const struct tzif_counts *counts, struct changes *changes) {
    const uint8_t *kinds = block + (size_t)counts->time * 8, *types = kinds + counts->time;
    for (uint32_t i = 0; i < counts->type; i++) {
        int32_t offset = (int32_t)read_u32(types + (size_t)i * 6);
        if (offset < -OFFSET_SECONDS_MAX || offset > OFFSET_SECONDS_MAX)
            return false;
    }
    changes->first_offset_ms = (int32_t)read_u32(types) * 1000;
    changes->last_ms = INT64_MIN;
    for (uint32_t i = 0; i < counts->time; i++) {
        int64_t seconds = read_i64(block + (size_t)i * 8);
        if (kinds[i] >= counts->type || (i && seconds <= read_i64(block + (size_t)i * 8 - 8)))
            return false;
        seconds = seconds < -SECONDS_MAX ? -SECONDS_MAX : seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
        add_change(changes, seconds, (int32_t)read_u32(types + (size_t)kinds[i] * 6));
        changes->last_ms = seconds * 1000;
    }
    return true;
}

static enum status damaged(struct slice name, const char *what, struct fault *fault) {
    return fault_set(fault, STATUS_DAMAGED, "time zone '%.*s': its file is not a good TZif file: %s; reinstall tzdata",
                     SLICE_ARG(name), what);
}

/* "\nRULE\n" at the end, or "\n\n" for none. */
static bool read_footer(struct slice footer, struct changes *changes, int64_t *cycle_from_ms) {
    struct rule rule;
    *cycle_from_ms = INT64_MAX;
    if (!take(&footer, '\n') || footer.size == 0)
        return false;
    const char *end = memchr(footer.data, '\n', footer.size);
    if (!end)
        return false;
    footer.size = (size_t)(end - footer.data);
    if (footer.size == 0)
        return true;
    if (!parse_rule(footer, &rule))
        return false;
    *cycle_from_ms = expand_rule(changes, &rule);
    return true;
}

enum status zone_parse(struct slice bytes, struct slice name, struct zone **zone, struct fault *fault) {
    struct tzif_counts counts;
    size_t at = 0;
    char version;
    int64_t cycle_from_ms;
    if (name.size >= ZONE_NAME_BYTES)
        return fault_set(fault, STATUS_INVALID, "a time zone's name of %zu bytes; at most %d are read", name.size,
                         ZONE_NAME_BYTES - 1);
    if (!read_header(bytes, &at, &version, &counts))
        return damaged(name, "its header", fault);
    if (version < '2')
        return fault_set(fault, STATUS_UNSUPPORTED,
                         "time zone '%.*s': its file is of TZif version 1; expected 2 or later", SLICE_ARG(name));
    if (bytes.size - at < block_bytes(&counts, 4))
        return damaged(name, "the 32-bit part is cut short", fault);
    at += block_bytes(&counts, 4);
    if (!read_header(bytes, &at, &version, &counts) || counts.type == 0)
        return damaged(name, "the second header", fault);
    if (bytes.size - at < block_bytes(&counts, 8))
        return damaged(name, "the 64-bit part is cut short", fault);
    if (counts.leap)
        return fault_set(fault, STATUS_UNSUPPORTED,
                         "time zone '%.*s' counts leap seconds; take the one without \"right/\"", SLICE_ARG(name));
    struct changes *changes = memory_get(1, sizeof *changes);
    const uint8_t *block = (const uint8_t *)bytes.data + at;
    at += block_bytes(&counts, 8);
    bool good = read_changes(block, &counts, changes) &&
                read_footer(slice_of(bytes.data + at, bytes.size - at), changes, &cycle_from_ms);
    if (good)
        *zone = zone_create(name, changes->at, changes->count, changes->first_offset_ms, cycle_from_ms);
    free(changes);
    return good ? STATUS_OK : damaged(name, "a change or the rule at the end", fault);
}

/* ---- by name ---- */

/* "+08:00", "+0800", "+8": a sign, then hours and minutes. */
static bool fixed_offset(struct slice name, int32_t *offset_ms) {
    unsigned hours = 0, minutes = 0;
    bool east = take(&name, '+');
    if (!east && !take(&name, '-'))
        return false;
    size_t digits = 0;
    for (; digits < 2 && name.size && *name.data >= '0' && *name.data <= '9'; digits++, name.data++, name.size--)
        hours = hours * 10 + (unsigned)(*name.data - '0');
    if (digits == 0 || hours > 15)
        return false;
    if (name.size &&
        (digits != 2 || (take(&name, ':'), name.size != 2) || !take_number(&name, 59, &minutes) || name.size))
        return false;
    *offset_ms = (east ? 1 : -1) * (int32_t)(hours * 60 + minutes) * 60000;
    return true;
}

/* Only what an IANA name is made of, so that no name leaves the folder. */
static bool name_valid(struct slice name) {
    bool good = name.size > 0 && name.size < ZONE_NAME_BYTES && (name.data[0] | 32) >= 'a' &&
                (name.data[0] | 32) <= 'z' && name.data[name.size - 1] != '/';
    for (size_t i = 0; good && i < name.size; i++) {
        char c = name.data[i], lower = c | 32;
        good = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '/';
    }
    return good;
}

static enum status load_file(struct os *os, struct slice name, struct zone **zone, struct fault *fault) {
    char path[sizeof ZONE_FOLDER + 1 + ZONE_NAME_BYTES];
    struct buffer bytes = {0};
    struct fault why = {0};
    assert(name.size < ZONE_NAME_BYTES);
    snprintf(path, sizeof path, ZONE_FOLDER "/%.*s", SLICE_ARG(name));
    enum status status = os_read_file(os, path, &bytes, &why);
    if (status == STATUS_OK)
        status = zone_parse(buffer_slice(&bytes), name, zone, fault);
    else if (status == STATUS_NOT_FOUND)
        fault_set(
            fault, status,
            "time zone '%.*s' is not in %s (Debian package tzdata); expected an IANA name such as Asia/Shanghai or "
            "an offset such as +08:00",
            SLICE_ARG(name), ZONE_FOLDER);
    else
        fault_set(fault, status, "time zone '%.*s': %s", SLICE_ARG(name), why.text);
    buffer_release(&bytes);
    return status;
}

enum status zone_load(struct os *os, struct slice name, struct zone **zone, struct fault *fault) {
    char quote[TEXT_QUOTE_BYTES];
    int32_t offset_ms = 0;
    name = slice_trim(name);
    if (slice_is(name, "UTC") || slice_is(name, "GMT") || slice_is(name, "Z") ||
        (name.size < ZONE_NAME_BYTES && fixed_offset(name, &offset_ms))) {
        *zone = zone_create(name, NULL, 0, offset_ms, INT64_MAX);
        return STATUS_OK;
    }
    if (!name_valid(name))
        return fault_set(
            fault, STATUS_INVALID,
            "'%s' is no time zone; expected an IANA name such as Asia/Shanghai or an offset such as +08:00",
            text_quote(name, quote));
    return load_file(os, name, zone, fault);
}
