/* simulate/truth: who is behind each record and identifier, what was planted, and the small files that tell Onefold how
 * to take the folder in (mappings, manifest). */
#include <assert.h>
#include <stdio.h>

#include "main/simulate/world.h"

struct source {
    const char *path, *kind, *name, *encoding, *mapping;
};
static const struct source sources[FEED_COUNT] = {
#define FEED(name, path, kind, source, encoding, mapping) {path, kind, source, encoding, mapping},
#include "main/simulate/feeds.def"
#undef FEED
};
struct column {
    enum simulated_feed feed;
    const char *name, *targets, *type, *more;
};
static const struct column columns[] = {
#define COLUMN(feed, name, targets, type, more) {FEED_##feed, name, targets, type, more},
#include "main/simulate/columns.def"
#undef COLUMN
};
#define COLUMNS (sizeof columns / sizeof *columns)

void sim_truth_record(struct world *w, enum simulated_feed feed, struct slice record, const struct person *p,
                      int64_t at_ms) {
    char line[160];
    int size = snprintf(line, sizeof line, "%s,%.*s,P%07u", sources[feed].name, SLICE_ARG(record), p->number);
    assert(size > 0 && (size_t)size < sizeof line);
    feeds_line(&w->feeds, FEED_TRUTH_RECORDS, slice_of(line, (size_t)size), at_ms);
}

void sim_truth_identifier(struct world *w, const char *namespace, struct slice value, const struct person *p,
                          bool shared) {
    char line[192];
    int size = snprintf(line, sizeof line, "%s,%.*s,P%07u,%d", namespace, SLICE_ARG(value), p->number, shared);
    assert(size > 0 && (size_t)size < sizeof line);
    feeds_line(&w->feeds, FEED_TRUTH_IDENTIFIERS, slice_of(line, (size_t)size), sim_day_start_ms(w, w->day));
}

static bool tell(struct person *p, int bit) {
    bool told = p->told & bit;
    p->told |= (uint16_t)bit;
    return !told;
}

void sim_truth_phone(struct world *w, struct person *p, uint64_t phone) {
    char text[24];
    int bit = phone == p->phones[0]   ? TOLD_PHONE_0
              : phone == p->phones[1] ? TOLD_PHONE_1
              : phone == p->phone_old ? TOLD_PHONE_OLD
                                      : TOLD_HOME;
    assert(bit != TOLD_HOME || phone == p->home_phone);
    if (!tell(p, bit))
        return;
    bool shared = bit == TOLD_HOME || (bit == TOLD_PHONE_0 && p->recycled_phone);
    snprintf(text, sizeof text, "+%llu", (unsigned long long)phone);
    sim_truth_identifier(w, "phone", slice_text(text), p, shared);
}

void sim_truth_email(struct world *w, struct person *p) {
    char text[64];
    if (tell(p, TOLD_EMAIL))
        sim_truth_identifier(w, "email", sim_person_email(p, text), p, false);
}

void sim_truth_user(struct world *w, struct person *p) {
    char text[24];
    if (!tell(p, TOLD_USER))
        return;
    snprintf(text, sizeof text, "u%07u", p->number * 3 + 1000);
    sim_truth_identifier(w, "user_id", slice_text(text), p, false);
}

/* A device's ids, once per cookie; for shared devices once for everybody who used them. */
void sim_truth_device(struct world *w, struct person *p, uint32_t device) {
    struct device *d = &w->devices[device];
    char text[40];
    if (d->shared ? !tell(p, device == p->tablet ? TOLD_TABLET : TOLD_KIOSK) : d->told)
        return;
    d->told = true;
    sim_truth_identifier(w, "anonymous_id", sim_device_anonymous(w, device, text), p, d->shared);
    if (d->place == PLACE_APP)
        sim_truth_identifier(w, "device_id", sim_device_id(w, device, text), p, d->shared);
}

static struct slice date_or_nothing(int32_t days, bool known, char out[TIME_TEXT_BYTES]) {
    return known ? slice_of(out, time_format_date(days, out)) : SLICE_NONE;
}

static int top_need(const struct person *p) {
    int best = 0;
    for (int i = 1; i < p->need_count; i++)
        if (p->needs[i].cycle_days * sim_categories[p->needs[best].category].price_high <
            p->needs[best].cycle_days * sim_categories[p->needs[i].category].price_high)
            best = i;
    return p->needs[best].category;
}

static void cycles_field(struct world *w, const struct person *p) {
    char text[128];
    int size = 0;
    for (int i = 0; i < p->need_count; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, "%s%s:%d", i ? "|" : "",
                         sim_categories[p->needs[i].category].name, p->needs[i].cycle_days);
    assert((size_t)size < sizeof text);
    feeds_field(&w->feeds, slice_of(text, (size_t)size));
}

static int preferred_place(const struct person *p) {
    int best = 0;
    for (int i = 1; i < PLACES; i++)
        if (p->place_weight[i] > p->place_weight[best])
            best = i;
    return best;
}

static void person_row(struct world *w, const struct person *p) {
    struct feeds *f = &w->feeds;
    char text[64];
    feeds_begin(f);
    feeds_print(f, "P%07u", p->number);
    feeds_field(f, sim_person_name(p, text));
    feeds_text(f, p->gender ? "male" : "female");
    feeds_field(f, date_or_nothing(p->birthday, true, text));
    feeds_text(f, sim_cities[p->city].name);
    if (p->family)
        feeds_print(f, "F%06u", p->family);
    else
        feeds_text(f, "");
    feeds_text(f, sim_person_kind_names[p->kind]);
    feeds_field(f, date_or_nothing(sim_day_date(w, p->first_day), true, text));
    feeds_field(f, date_or_nothing(sim_day_date(w, p->churn_day), p->churn_day != NEVER, text));
    feeds_text(f, sim_categories[top_need(p)].name);
    cycles_field(w, p);
    feeds_print(f, "%.3f", p->sensitivity);
    feeds_text(f, sim_place_names[preferred_place(p)]);
    feeds_print(f, "%.3f", p->sms);
    feeds_print(f, "%.3f", p->mail);
    feeds_print(f, "%.3f", p->ads);
    feeds_field(f, date_or_nothing(p->child_birthday, p->child_birthday != 0, text));
    feeds_print(f, "%u", p->orders);
    feeds_print(f, "%llu", (unsigned long long)p->spend);
    feeds_end(f, FEED_TRUTH_PEOPLE, w->end_ms, 1, 0);
}

void sim_truth_finish(struct world *w) {
    for (size_t i = 0; i < w->person_count; i++)
        person_row(w, &w->people[i]);
}

static_assert(MESSAGE_DAYS == 4, "the name of a member of effects.json says it");
static void write_campaign(struct json_writer *j, const struct campaign *c) {
    static const char *const channels[] = {"sms", "email", "ad"};
    json_object(j);
    json_member_cstring(j, "campaign_id", c->id);
    json_member_cstring(j, "channel", channels[c->channel]);
    if (c->channel == TOUCH_AD)
        json_member_cstring(j, "platform", sim_platform_names[c->platform]);
    json_member_real(j, "planted_uplift", c->uplift);
    json_member_integer(j, "reached", c->reached);
    json_member_integer(j, "withheld", c->withheld);
    json_member_integer(j, "opened", c->opened);
    json_member_integer(j, "clicked", c->clicked);
    json_member_integer(j, "caused_orders", c->caused);
    if (c->channel != TOUCH_AD)
        json_member_real(j, "orders_more_in_4_days", (double)c->imagined / IMAGINED_RUNS);
    json_member_integer(j, "cost_fen", (int64_t)c->cost);
    json_end_object(j);
}

static void write_affinity(struct json_writer *j, const struct affinity *a) {
    char text[16];
    json_object(j);
    snprintf(text, sizeof text, "SK%05d", 10001 + a->first);
    json_member_cstring(j, "first", text);
    snprintf(text, sizeof text, "SK%05d", 10001 + a->second);
    json_member_cstring(j, "second", text);
    json_member_cstring(j, "kind", a->together ? "same_basket" : "later");
    json_member_real(j, "chance", a->chance);
    if (!a->together) {
        json_member_integer(j, "days_from", a->low_days);
        json_member_integer(j, "days_to", a->high_days);
    }
    json_end_object(j);
}

static enum status write_effects(struct world *w, struct buffer *text) {
    struct json_writer j = {.out = text};
    json_object(&j);
    json_key(&j, "campaigns");
    json_array(&j);
    for (int i = 0; i < w->campaign_count; i++)
        write_campaign(&j, &w->campaigns[i]);
    json_end_array(&j);
    json_key(&j, "affinities");
    json_array(&j);
    for (int i = 0; i < AFFINITIES; i++)
        write_affinity(&j, &w->affinities[i]);
    json_end_array(&j);
    json_end_object(&j);
    return feeds_file(&w->feeds, "truth/effects.json", buffer_slice(text));
}

static enum status write_dirt(struct world *w, struct buffer *text) {
    struct json_writer j = {.out = text};
    json_object(&j);
    for (enum dirt dirt = 0; dirt < DIRT_COUNT; dirt++) {
        json_key(&j, simulate_dirt_name(dirt));
        json_object(&j);
        json_member_real(&j, "rate", w->dirt_rate[dirt]);
        for (enum simulated_feed feed = 0; feed < FEED_COUNT; feed++)
            if (w->summary.dirt[dirt][feed])
                json_member_integer(&j, sources[feed].path, (int64_t)w->summary.dirt[dirt][feed]);
        json_end_object(&j);
    }
    json_end_object(&j);
    return feeds_file(&w->feeds, "truth/dirt.json", buffer_slice(text));
}

/* Where a column goes: the bare target, or an object saying how it is read. */
static void write_target(struct json_writer *j, const struct column *c, struct slice target) {
    if (!*c->type && !*c->more) {
        json_text(j, target);
        return;
    }
    json_object(j);
    json_member_text(j, "to", target);
    if (*c->type)
        json_member_cstring(j, "type", c->type);
    json_end_object(j);
    if (*c->more) { /* its members go before the brace just written */
        j->out->size--;
        buffer_print(j->out, ", %s}", c->more);
    }
}

static void write_column(struct json_writer *j, const struct column *c) {
    bool list = strchr(c->targets, '|') != NULL;
    json_key(j, c->name);
    if (list)
        json_array(j);
    for (const char *at = c->targets; at;) {
        const char *end = strchr(at, '|');
        write_target(j, c, end ? slice_of(at, (size_t)(end - at)) : slice_text(at));
        at = end ? end + 1 : NULL;
    }
    if (list)
        json_end_array(j);
}

static enum status write_mapping(struct world *w, enum simulated_feed feed, struct buffer *text) {
    const struct source *s = &sources[feed];
    char path[64];
    buffer_print(text,
                 "{\"name\": \"%s\", \"format\": \"%s\", \"encoding\": \"%s\", \"time_zone\": \"Asia/Shanghai\", "
                 "\"source\": \"%s\", %s,\n"
                 " \"columns\": ",
                 s->name, strstr(s->path, ".ndjson") ? "jsonl" : "csv", s->encoding, s->name, s->mapping);
    struct json_writer j = {.out = text};
    json_object(&j);
    for (size_t i = 0; i < COLUMNS; i++)
        if (columns[i].feed == feed)
            write_column(&j, &columns[i]);
    json_end_object(&j);
    buffer_print(text, "}\n");
    snprintf(path, sizeof path, "mappings/%s.json", s->name);
    return feeds_file(&w->feeds, path, buffer_slice(text));
}

static enum status write_manifest(struct world *w, struct buffer *text) {
    struct json_writer j = {.out = text};
    json_array(&j);
    for (enum simulated_feed feed = 0; feed < FEED_COUNT; feed++) {
        const struct source *s = &sources[feed];
        char path[64];
        if (strcmp(s->kind, "truth") == 0)
            continue;
        json_object(&j);
        json_member_cstring(&j, "file", s->path);
        json_member_cstring(&j, "kind", s->kind);
        if (*s->mapping) {
            snprintf(path, sizeof path, "mappings/%s.json", s->name);
            json_member_cstring(&j, "mapping", path);
        }
        json_member_cstring(&j, "source", s->name);
        json_member_integer(&j, "records", (int64_t)w->summary.records[feed]);
        json_member_integer(&j, "bytes", (int64_t)w->summary.bytes[feed]);
        json_end_object(&j);
    }
    json_end_array(&j);
    return feeds_file(&w->feeds, "manifest.json", buffer_slice(text));
}

enum status sim_truth_files(struct world *w) {
    struct buffer text = {0};
    enum status status = write_effects(w, &text);
    buffer_clear(&text);
    if (status == STATUS_OK)
        status = write_dirt(w, &text);
    for (enum simulated_feed feed = 0; feed < FEED_COUNT && status == STATUS_OK; feed++) {
        buffer_clear(&text);
        if (*sources[feed].mapping)
            status = write_mapping(w, feed, &text);
    }
    buffer_clear(&text);
    if (status == STATUS_OK)
        status = write_manifest(w, &text);
    buffer_release(&text);
    return status;
}
