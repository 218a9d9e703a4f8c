/* schedule: see the header. */
#include "audience/schedule.h"

#include "base/time.h"

#define MINUTE_MS 60000LL

/* "1 hour", "3 days". */
static bool read_every(struct slice text, struct schedule *s) {
    static const struct {
        const char *unit;
        int64_t ms, days;
    } units[] = {{"minute", MINUTE_MS, 0}, {"hour", 60 * MINUTE_MS, 0}, {"day", 0, 1}, {"week", 0, 7}};
    size_t i = 0;
    int64_t count = 0;
    while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && count < 10000)
        count = count * 10 + (text.data[i++] - '0');
    struct slice unit = slice_trim(slice_of(text.data + i, text.size - i));
    if (unit.size && unit.data[unit.size - 1] == 's')
        unit.size--;
    for (size_t u = 0; count > 0 && count <= 10000 && u < sizeof units / sizeof *units; u++)
        if (slice_is(unit, units[u].unit)) {
            s->every_ms = count * units[u].ms;
            s->every_days = count * units[u].days;
            return true;
        }
    return false;
}

/* "03:00". */
static bool read_clock(struct slice text, int64_t *at_ms) {
    const char *t = text.data;
    if (text.size != 5 || t[2] != ':')
        return false;
    for (int i = 0; i < 5; i++)
        if (i != 2 && (t[i] < '0' || t[i] > '9'))
            return false;
    int64_t hour = (t[0] - '0') * 10 + (t[1] - '0'), minute = (t[3] - '0') * 10 + (t[4] - '0');
    *at_ms = (hour * 60 + minute) * MINUTE_MS;
    return hour < 24 && minute < 60;
}

/* A misspelt "at" would have it run at midnight, and nobody would know. */
static bool knows_members(const struct json_parser *p, const struct json *json) {
    for (const struct json *m = json && json->kind == JSON_OBJECT ? json_first(p, json) : NULL; m; m = json_next(p, m))
        if (!slice_is(m->key, "every") && !slice_is(m->key, "at"))
            return false;
    return true;
}

enum status schedule_read(const struct json_parser *p, const struct json *json, const struct zone *zone,
                          struct schedule *s, struct fault *fault) {
    struct slice every = json_get_text(p, json, "every"), at = json_get_text(p, json, "at");
    bool zoned, good;
    *s = (struct schedule){0};
    if (every.size) {
        good = read_every(every, s) && (!at.size || (s->every_days && read_clock(at, &s->at_ms)));
    } else {
        good = at.size && !time_parse_iso(at, &s->once_ms, &zoned);
        if (good && !zoned)
            s->once_ms = zone_local_to_utc(zone, s->once_ms);
    }
    return good && knows_members(p, json)
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID,
                           "\"schedule\" is {\"every\":\"1 hour\"}, {\"every\":\"1 day\",\"at\":\"03:00\"} or "
                           "{\"at\":\"2026-01-31T08:00:00Z\"}");
}

static int64_t floor_to(int64_t value, int64_t step) {
    int64_t rest = value % step;
    return value - (rest < 0 ? rest + step : rest);
}

int64_t schedule_next(const struct schedule *s, const struct zone *zone, int64_t after_ms) {
    const int64_t monday = 4; /* 1970-01-05, so that weeks begin on Mondays */
    if (s->once_ms)
        return s->once_ms > after_ms ? s->once_ms : INT64_MAX;
    if (s->every_ms)
        return floor_to(after_ms, s->every_ms) + s->every_ms;
    if (!s->every_days)
        return INT64_MAX;
    int64_t today = floor_to(zone_utc_to_local(zone, after_ms), DAY_MS) / DAY_MS;
    int64_t day = floor_to(today - monday, s->every_days) + monday, moment;
    do {
        moment = zone_local_to_utc(zone, day * DAY_MS + s->at_ms);
        day += s->every_days;
    } while (moment <= after_ms);
    return moment;
}
