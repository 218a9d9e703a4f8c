/* attribution_costs: what channels cost, where that stands neither in rows of customers (attribution.c) nor needs a pass over them: amounts in
 * the definition, or master data, which ad platforms' bills are loaded as.
 *
 *     {"Search": 1200, "Mail": 80}
 *     {"master": "ad_cost", "channel": "platform", "amount": "cost", "time": "day", "until": "last_day"}
 *
 * Of master data each id's latest version is one bill. It is of the day or instant of `time`, or of the days from `time` to `until`, the last one
 * too; of a bill that lies partly in the period as large a part counts as time. `channel` may lead over another master type:
 * campaign.platform is the platform of the campaign whose id stands in campaign_id. */
#include <math.h>
#include <stdlib.h>

#include "base/time.h"
#include "govern/zone.h"
#include "history/master.h"
#include "insight/attribution.h"
#include "insight/insight.h"
#include "language/suggest.h"
#include "language/time_window.h"

/* Names by id, in the order of ids: another master type's. */
struct name_of_id {
    struct slice id, name;
};
struct bills {
    const struct definition_part *definition;
    const struct type *type;
    uint16_t channel, amount, time, until; /* properties; 0: not asked for */
    bool day_time, day_until;              /* these are dates */
    struct period period;
    const struct type *over; /* what `channel` leads over; NULL: it is the name */
    struct name_of_id *names;
    size_t name_count, name_room;
    uint16_t name;
    void (*take)(struct bills *bills, struct slice channel, __int128 amount);
    struct channel_names *channels;
    struct attribution_found *found;
};

static bool of_master(const struct definition_part *d, const struct json *costs) {
    const struct json *master = costs->kind == JSON_OBJECT ? json_get(d->parser, costs, "master") : NULL;
    return master && master->kind == JSON_TEXT;
}

/* --- reading the definition --- */

static enum status unknown(const struct definition_part *part, const char *key, const char *what, struct slice name,
                           const struct suggestion *near, struct fault *fault) {
    const int size = name.size > 60 ? 60 : (int)name.size;
    if (near->best.size)
        return definition_fail(part, key, fault, "there is no %s \"%.*s\"; did you mean \"%.*s\"?", what, size,
                               name.data, SLICE_ARG(near->best));
    return definition_fail(part, key, fault, "there is no %s \"%.*s\"", what, size, name.data);
}

static enum status find_type(const struct definition_part *part, const char *key, struct slice name,
                             const struct type **type, struct fault *fault) {
    const struct dictionary *dictionary = part->insight->vocabulary->dictionary;
    struct suggestion near = suggestion_of(name);
    *type = dictionary_type_find(dictionary, TYPE_MASTER, name);
    if (*type && part->insight->vocabulary->master)
        return STATUS_OK;
    for (uint32_t i = 1, count = dictionary_type_count(dictionary); i < count; i++) {
        const struct type *other = dictionary_type_at(dictionary, (uint16_t)i);
        if (other->kind == TYPE_MASTER)
            suggestion_offer(&near, other->name);
    }
    return unknown(part, key, "master data", name, &near, fault);
}

static enum status find_property(const struct definition_part *part, const char *key, const struct type *type,
                                 struct slice name, const struct property **property, struct fault *fault) {
    struct suggestion near = suggestion_of(name);
    *property = dictionary_property_find(part->insight->vocabulary->dictionary, type, name);
    if (*property)
        return STATUS_OK;
    for (uint32_t i = 1; i <= type->property_count; i++) {
        const struct property *other = dictionary_property_at(type, (uint16_t)i);
        if (other)
            suggestion_offer(&near, other->name);
    }
    return unknown(part, key, "such field of that master data,", name, &near, fault);
}

/* A member that names a property, of one of two types. Number 0 where it is not given and need not be. */
static enum status read_property(const struct definition_part *part, const char *key, const struct type *type,
                                 enum property_type one, enum property_type other, const char *wanted, bool needed,
                                 const struct property **property, struct fault *fault) {
    struct slice name = SLICE_NONE;
    enum status status = definition_text(part, key, &name, fault);
    *property = NULL;
    if (status || (name.size == 0 && !needed))
        return status;
    if (name.size == 0)
        return definition_fail(part, key, fault, "is missing; name the field of the master data that is the %s", key);
    status = find_property(part, key, type, name, property, fault);
    if (!status && (*property)->type != one && (*property)->type != other)
        status = definition_fail(part, key, fault, "%s is expected here", wanted);
    return status;
}

/* campaign.platform: property campaign_id here, and platform of what it names. */
static enum status read_over(struct bills *b, const struct definition_part *part, struct slice channel, size_t dot,
                             struct fault *fault) {
    const struct slice over = slice_of(channel.data, dot);
    const struct property *property;
    struct buffer id = {0};
    enum status status = find_type(part, "channel", over, &b->over, fault);
    if (!status) {
        buffer_print(&id, "%.*s_id", SLICE_ARG(over));
        status = find_property(part, "channel", b->type, buffer_slice(&id), &property, fault);
        b->channel = status ? 0 : property->number;
    }
    if (!status)
        status = find_property(part, "channel", b->over, slice_of(channel.data + dot + 1, channel.size - dot - 1),
                               &property, fault);
    if (!status) {
        b->name = property->number;
        b->name_room = (size_t)master_count(part->insight->vocabulary->master, b->over->number) + 16;
        b->names = arena_get(part->arena, b->name_room * sizeof *b->names);
    }
    buffer_release(&id);
    return status;
}

static enum status read_channel(struct bills *b, const struct definition_part *part, struct fault *fault) {
    struct slice channel = SLICE_NONE;
    const struct property *property;
    enum status status = definition_text(part, "channel", &channel, fault);
    const char *dot = channel.size ? memchr(channel.data, '.', channel.size) : NULL;
    if (!status && dot && !dictionary_property_find(part->insight->vocabulary->dictionary, b->type, channel))
        return read_over(b, part, channel, (size_t)(dot - channel.data), fault);
    if (!status)
        status =
            read_property(part, "channel", b->type, PROPERTY_TEXT, PROPERTY_TEXT, "a text", true, &property, fault);
    b->channel = status ? 0 : property->number;
    return status;
}

static enum status read_bills(struct bills *b, const struct definition_part *d, const struct json *costs,
                              struct fault *fault) {
    static const char *const known[] = {"master", "channel", "amount", "time", "until", NULL};
    struct definition_part part;
    struct slice name = SLICE_NONE;
    const struct property *amount, *time, *until;
    b->definition = d;
    enum status status = definition_enter(d, "costs", costs, SIZE_MAX, &part, fault);
    if (!status)
        status = definition_only(&part, known, fault);
    if (!status)
        status = definition_text(&part, "master", &name, fault);
    if (!status)
        status = find_type(&part, "master", name, &b->type, fault);
    if (!status)
        status = read_channel(b, &part, fault);
    if (!status)
        status = read_property(&part, "amount", b->type, PROPERTY_MONEY, PROPERTY_NUMBER, "a number or an amount", true,
                               &amount, fault);
    if (!status)
        status = read_property(&part, "time", b->type, PROPERTY_DATE, PROPERTY_TIME, "a date or a time", false, &time,
                               fault);
    if (!status)
        status = read_property(&part, "until", b->type, PROPERTY_DATE, PROPERTY_TIME, "a date or a time", false, &until,
                               fault);
    if (!status && until && !time)
        status = definition_fail(&part, "until", fault, "is the end of what begins at \"time\"");
    if (!status)
        status = definition_period(d, &b->period, fault);
    if (status)
        return status;
    b->amount = amount->number;
    b->time = time ? time->number : 0;
    b->until = until ? until->number : 0;
    b->day_time = time && time->type == PROPERTY_DATE;
    b->day_until = until && until->type == PROPERTY_DATE;
    return STATUS_OK;
}

/* --- a bill --- */

static int by_id(const void *a, const void *b) {
    return slice_compare(((const struct name_of_id *)a)->id, ((const struct name_of_id *)b)->id);
}

static bool note_name(void *context, struct slice id, const struct record_head *latest, int64_t valid_to) {
    struct bills *b = context;
    const struct record_value *v = record_find(latest, b->name);
    (void)valid_to;
    if (v && v->kind == VALUE_TEXT && b->name_count < b->name_room)
        b->names[b->name_count++] = (struct name_of_id){arena_copy(b->definition->arena, id),
                                                        arena_copy(b->definition->arena, record_text(latest, v))};
    return true;
}

static struct slice channel_of(const struct bills *b, const struct record_head *record) {
    const struct record_value *v = record_find(record, b->channel);
    if (!v || v->kind != VALUE_TEXT)
        return SLICE_NONE;
    const struct name_of_id wanted = {.id = record_text(record, v)};
    if (!b->over)
        return wanted.id;
    const struct name_of_id *found = bsearch(&wanted, b->names, b->name_count, sizeof wanted, by_id);
    return found ? found->name : SLICE_NONE;
}

static bool amount_of(const struct record_value *v, __int128 *millionths) {
    int64_t integer = v ? v->integer : 0;
    if (!v || (v->kind != VALUE_NUMBER && v->kind != VALUE_REAL))
        return false;
    if (v->kind == VALUE_REAL) {
        *millionths = fabs(v->real) < 9e12 ? llround(v->real * ATTRIBUTION_VALUE_UNIT) : 0;
        return fabs(v->real) < 9e12;
    }
    *millionths = integer;
    for (unsigned scale = v->scale; scale < DECIMAL_SCALE_MAX; scale++)
        *millionths *= 10;
    return true;
}

/* A date's midnight in the workspace's zone, `days` later; an instant as it is. */
static bool moment_of(const struct bills *b, const struct record_value *v, bool day, int64_t days, int64_t *ms) {
    const struct calendar calendar = insight_calendar(b->definition->insight);
    if (!v || (v->kind != VALUE_DATE && v->kind != VALUE_TIME))
        return false;
    if (v->kind == VALUE_DATE || day) {
        int64_t date = v->kind == VALUE_DATE ? v->integer : v->integer / DAY_MS - (v->integer % DAY_MS < 0);
        *ms = zone_local_to_utc(calendar.zone, (date + days) * DAY_MS);
    } else {
        *ms = v->integer;
    }
    return true;
}

/* What part of it lies in the period. False where its time is not known. */
static bool part_of(const struct bills *b, const struct record_head *record, double *part) {
    int64_t from, to;
    *part = 1;
    if (!b->time)
        return true;
    if (!moment_of(b, record_find(record, b->time), b->day_time, 0, &from))
        return false;
    if (!b->until || !moment_of(b, record_find(record, b->until), b->day_until, 1, &to))
        if (!b->day_time || !moment_of(b, record_find(record, b->time), true, 1, &to))
            to = from + 1;
    to = to > from ? to : from + 1;
    const int64_t low = from > b->period.from_ms ? from : b->period.from_ms,
                  high = to < b->period.to_ms ? to : b->period.to_ms;
    *part = high > low ? (double)(high - low) / (double)(to - from) : 0;
    return true;
}

static bool take_bill(void *context, struct slice id, const struct record_head *latest, int64_t valid_to) {
    struct bills *b = context;
    struct attribution_found *f = b->found;
    const struct slice channel = channel_of(b, latest);
    __int128 amount = 0;
    double part = 0;
    (void)id;
    (void)valid_to;
    const bool whole = channel.size && amount_of(record_find(latest, b->amount), &amount) && part_of(b, latest, &part);
    const __int128 within = part >= 1 ? amount : (__int128)llround((double)amount * part);
    if (f) {
        f->bills++;
        f->bills_unclear += !whole;
        f->cost_outside += whole ? amount - within : 0;
    }
    if (whole && part > 0)
        b->take(b, channel, within);
    return true;
}

static enum status walk_bills(struct bills *b, const struct definition_part *d, const struct json *costs,
                              struct fault *fault) {
    enum status status = read_bills(b, d, costs, fault);
    const struct master *master = d->insight->vocabulary->master;
    if (status)
        return status;
    if (b->over)
        master_walk(master, b->over->number, note_name, b);
    master_walk(master, b->type->number, take_bill, b);
    return status;
}

/* --- the ways in --- */

enum status attribution_costs_check(const struct definition_part *d, struct fault *fault) {
    const struct json *costs = definition_get(d, "costs");
    struct bills bills = {0};
    return of_master(d, costs) ? read_bills(&bills, d, costs, fault) : STATUS_OK;
}

static void take_name(struct bills *b, struct slice channel, __int128 amount) {
    (void)amount;
    channel_names_add(b->channels, &channel, 1);
}

void attribution_cost_names(const struct definition_part *d, struct channel_names *channels) {
    const struct json *costs = definition_get(d, "costs");
    struct bills bills = {.take = take_name, .channels = channels};
    if (costs == NULL || costs->kind != JSON_OBJECT || json_get(d->parser, costs, "event"))
        return;
    if (of_master(d, costs)) {
        enum status status = walk_bills(&bills, d, costs, NULL); /* what is wrong is said by attribution_fixed_costs */
        (void)status;
        return;
    }
    for (const struct json *i = json_first(d->parser, costs); i; i = json_next(d->parser, i))
        channel_names_add(channels, &i->key, 1);
}

static void take_amount(struct bills *b, struct slice channel, __int128 amount) {
    const uint8_t code = channel_names_code(&b->found->channels, channel);
    if (code != CHANNEL_NONE)
        b->found->costs[code] += amount;
}

/* {"Search": 1200} */
static enum status take_amounts(const struct definition_part *d, const struct json *costs,
                                struct attribution_found *found, struct fault *fault) {
    for (const struct json *i = json_first(d->parser, costs); i; i = json_next(d->parser, i)) {
        double amount = i->kind == JSON_INTEGER ? (double)i->integer : i->kind == JSON_REAL ? i->real : NAN;
        uint8_t code = channel_names_code(&found->channels, i->key);
        if (!(amount >= 0 && amount < 1e12))
            return definition_fail(d, "costs", fault, "what \"%.*s\" cost is expected to be a number from 0 on",
                                   i->key.size > 60 ? 60 : (int)i->key.size, i->key.data);
        if (code != CHANNEL_NONE)
            found->costs[code] += llround(amount * ATTRIBUTION_VALUE_UNIT);
    }
    return STATUS_OK;
}

enum status attribution_fixed_costs(const struct definition_part *d, struct attribution_found *found,
                                    struct fault *fault) {
    const struct json *costs = definition_get(d, "costs");
    struct bills bills = {.take = take_amount, .found = found};
    if (d->group.size)
        return definition_fail(d, "costs", fault,
                               "amounts for everybody cannot be told apart by \"split\"; take one group as population, "
                               "with its own amounts");
    if (costs->kind != JSON_OBJECT)
        return definition_fail(
            d, "costs", fault,
            "channels with amounts are expected here ({\"Search\": 1200, \"Mail\": 80}), master data "
            "({\"master\": \"ad_cost\", \"channel\": \"platform\", \"amount\": \"cost\", \"time\": "
            "\"day\"}), or rows: {\"event\": \"ad_billed\", \"channel\": \"campaign\", \"amount\": "
            "\"cost\"}");
    if (!of_master(d, costs))
        return take_amounts(d, costs, found, fault);
    enum status status = walk_bills(&bills, d, costs, fault);
    found->bills_untimed = !status && !bills.time;
    return status;
}
