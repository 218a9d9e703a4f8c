/* audience_show: what readers on any thread ask: definitions, members, sizes. */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audience/audience_inside.h"

/* --- definitions --- */

const struct vocabulary *audience_vocabulary(const struct audience_snapshot *snapshot) { return &snapshot->vocabulary; }

bool audience_find(const struct audience_snapshot *snapshot, enum definition_kind kind, struct slice name,
                   struct audience_entry *out) {
    const struct made *made = definition_find(snapshot, (enum definition_sort)kind, name);
    if (made)
        definition_entry(made, out);
    return made != NULL;
}

bool audience_find_number(const struct audience_snapshot *snapshot, uint32_t number, struct audience_entry *out) {
    const struct made *made = definition_numbered(snapshot, number);
    if (!made || made->sort == SORT_SUBSCRIPTION || made->sort == SORT_ANALYSIS)
        return false;
    definition_entry(made, out);
    return true;
}

static void write_reference(const struct made *made, struct json_writer *w) {
    json_object(w);
    json_member_cstring(w, "kind", definition_sort_name(made->sort));
    json_member_text(w, "name", made->name);
    json_end_object(w);
}

static void write_depends(const struct audience_snapshot *s, const struct made *made, struct json_writer *w) {
    json_key(w, "depends");
    json_array(w);
    for (uint32_t i = 0; i < made->use_count; i++)
        write_reference(s->by_number[made->uses[i]], w);
    json_end_array(w);
    json_key(w, "used_by");
    json_array(w);
    for (uint32_t n = 1; n < s->number_count; n++) {
        const struct made *other = s->by_number[n];
        bool uses = false;
        for (uint32_t i = 0; i < other->use_count && !other->deleted; i++)
            uses |= other->uses[i] == made->number;
        if (uses)
            write_reference(other, w);
    }
    json_end_array(w);
}

static void write_versions(const struct made *made, struct json_writer *w) {
    json_key(w, "versions");
    json_array(w);
    for (uint32_t i = made->version_count; i-- > 0;) {
        const struct definition_version *v = &made->versions[i];
        json_object(w);
        json_member_integer(w, "version", v->version);
        json_member_integer(w, "position", (int64_t)v->position);
        json_member_time(w, "at", v->at_ms);
        json_member_text(w, "expression", v->expression);
        if (v->how.size)
            json_member_text(w, "how", v->how);
        if (v->deleted)
            json_member_bool(w, "deleted", true);
        json_end_object(w);
    }
    json_end_array(w);
}

/* How far the members reach: of a live segment all that was folded, of a scheduled one its last run. */
static void write_freshness(struct audience *a, const struct made *made, struct json_writer *w) {
    uint64_t position = atomic_load(&a->published), durable = a->log ? log_durable(a->log) : position;
    int64_t at_ms = atomic_load(&a->now_ms);
    struct run run = {.ran_ms = 0};
    pthread_mutex_lock(&a->lock);
    for (uint32_t i = 0; i < a->run_count; i++)
        if (a->runs[i].number == made->number)
            run = a->runs[i];
    pthread_mutex_unlock(&a->lock);
    if (made->how == HOW_SCHEDULED) {
        position = run.ran_position;
        at_ms = run.ran_ms;
    }
    json_key(w, "freshness");
    json_object(w);
    json_member_integer(w, "position", (int64_t)position);
    json_member_integer(w, "lag", (int64_t)(durable > position ? durable - position : 0));
    json_key(w, "evaluated_at");
    if (made->how == HOW_SCHEDULED && !run.ran_ms)
        json_null(w);
    else
        json_time(w, at_ms);
    if (made->how == HOW_SCHEDULED && run.next_ms != TIMER_NEVER)
        json_member_time(w, "next_at", run.next_ms);
    json_end_object(w);
}

static void write_made(struct audience *a, const struct audience_snapshot *s, const struct made *made, bool versions,
                       struct json_writer *w) {
    const struct definition_version *last = &made->versions[made->version_count - 1];
    json_object(w);
    json_member_text(w, "name", made->name);
    if (made->sort != SORT_METRIC)
        json_member_cstring(w, "kind", definition_how_name(made->how));
    json_member_text(w, "type", made->type_name);
    json_key(w, "expression");
    if (made->expression.size)
        json_text(w, made->expression);
    else
        json_null(w);
    json_key(w, "tree");
    if (made->expression.size && made->tree)
        tree_write_json(made->tree, w);
    else
        json_null(w);
    json_key(w, "description");
    if (made->description.size)
        json_raw(w, made->description);
    else
        json_null(w);
    if (made->schedule_text.size) {
        json_key(w, "schedule");
        json_raw(w, made->schedule_text);
    }
    json_member_integer(w, "number", made->number);
    json_member_integer(w, "version", last->version);
    json_member_integer(w, "position", (int64_t)last->position);
    json_member_time(w, "defined_at", last->at_ms);
    if (made->sort == SORT_SEGMENT) {
        json_member_integer(w, "size", (int64_t)audience_size(a, made->number));
        write_freshness(a, made, w);
    }
    write_depends(s, made, w);
    if (versions)
        write_versions(made, w);
    json_end_object(w);
}

void audience_write_json(struct audience *a, const struct audience_snapshot *snapshot,
                         const struct audience_entry *entry, bool versions, struct json_writer *w) {
    const struct made *made = definition_numbered(snapshot, entry->number);
    assert(made);
    write_made(a, snapshot, made, versions, w);
}

void audience_list_json(struct audience *a, const struct audience_snapshot *snapshot, enum definition_kind kind,
                        struct json_writer *w) {
    json_array(w);
    for (uint32_t i = 0; i + 1 < snapshot->number_count; i++) {
        const struct made *made = snapshot->by_name[i];
        if (made->sort == (enum definition_sort)kind && !made->deleted)
            write_made(a, snapshot, made, false, w);
    }
    json_end_array(w);
}

/* --- analyses --- */

bool audience_analysis(const struct audience_snapshot *snapshot, struct slice name, struct audience_analysis *out) {
    const struct made *made = definition_find(snapshot, SORT_ANALYSIS, name);
    if (!made)
        return false;
    const struct definition_version *last = &made->versions[made->version_count - 1];
    *out = (struct audience_analysis){made->name, made->type_name, made->analysis, last->version, last->position};
    return true;
}

static void write_analysis(const struct made *made, bool versions, struct json_writer *w) {
    const struct definition_version *last = &made->versions[made->version_count - 1];
    json_object(w);
    json_member_text(w, "name", made->name);
    json_member_text(w, "kind", made->type_name);
    json_key(w, "analysis");
    json_raw(w, made->analysis);
    json_key(w, "description");
    json_raw(w, made->description.size ? made->description : SLICE("null"));
    json_member_integer(w, "version", last->version);
    json_member_integer(w, "position", (int64_t)last->position);
    json_member_time(w, "defined_at", last->at_ms);
    json_key(w, "versions");
    json_array(w);
    for (uint32_t i = made->version_count; i-- > 0 && versions;) {
        const struct definition_version *v = &made->versions[i];
        json_object(w);
        json_member_integer(w, "version", v->version);
        json_member_bool(w, "deleted", v->deleted);
        json_member_integer(w, "position", (int64_t)v->position);
        json_member_time(w, "at", v->at_ms);
        json_key(w, "analysis");
        json_raw(w, v->expression.size ? v->expression : SLICE("null"));
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

bool audience_analysis_json(const struct audience_snapshot *snapshot, struct slice name, struct json_writer *w) {
    const struct made *made = definition_find(snapshot, SORT_ANALYSIS, name);
    if (made)
        write_analysis(made, true, w);
    return made != NULL;
}

void audience_analyses_json(const struct audience_snapshot *snapshot, struct json_writer *w) {
    json_array(w);
    for (uint32_t i = 0; i + 1 < snapshot->number_count; i++)
        if (snapshot->by_name[i]->sort == SORT_ANALYSIS && !snapshot->by_name[i]->deleted)
            write_analysis(snapshot->by_name[i], false, w);
    json_end_array(w);
}

/* --- subscriptions --- */

size_t audience_subscription_count(const struct audience_snapshot *s) {
    size_t count = 0;
    for (uint32_t n = 1; n < s->number_count; n++)
        count += s->by_number[n]->sort == SORT_SUBSCRIPTION && !s->by_number[n]->deleted;
    return count;
}

void audience_subscription_at(const struct audience_snapshot *s, size_t i, struct audience_subscription *out) {
    const struct made *made = NULL;
    for (uint32_t n = 1; n < s->number_count; n++) {
        made = s->by_number[n];
        if (made->sort == SORT_SUBSCRIPTION && !made->deleted && i-- == 0)
            break;
        made = NULL;
    }
    assert(made);
    *out = (struct audience_subscription){.name = made->name,
                                          .url = made->url,
                                          .secret = made->secret,
                                          .segments = made->uses,
                                          .segment_count = made->use_count,
                                          .types = made->types,
                                          .type_count = made->type_count,
                                          .all_segments = made->all_segments,
                                          .all_events = made->all_events};
}

/* --- members --- */

uint64_t audience_size(const struct audience *a, uint32_t segment) { return members_count(a->live.members, segment); }

bool audience_member(const struct audience *a, uint32_t segment, struct customer_id customer) {
    return members_has(a->live.members, segment, customer);
}

size_t audience_members(const struct audience *a, uint32_t segment, struct customer_id after,
                        struct customer_id *members, size_t limit) {
    return members_page(a->live.members, segment, after, members, limit);
}

void audience_overlap(const struct audience *a, const uint32_t *segments, size_t count, uint64_t counts[16]) {
    members_overlap(a->live.members, segments, count, counts);
}

void audience_of(const struct audience *a, const struct audience_snapshot *s, struct customer_id customer,
                 void (*each)(void *context, const struct audience_entry *entry), void *context) {
    for (uint32_t i = 0; i + 1 < s->number_count; i++) {
        const struct made *made = s->by_name[i];
        struct audience_entry entry;
        if (made->sort != SORT_SEGMENT || made->deleted || !members_has(a->live.members, made->number, customer))
            continue;
        definition_entry(made, &entry);
        each(context, &entry);
    }
}

/* --- sizes over time --- */

#define FEED_PAGE 4096
#define SIZES_MAX 5000

struct sizes {
    uint64_t entered, left;
};

static int64_t time_behind(struct feed *feed, struct feed_place after) {
    struct feed_entry entry;
    return feed_read(feed, after, &entry, 1) ? entry.at_ms : INT64_MAX;
}

/* A place behind which the first entry at or after `from_ms` is found soon: the feed is in order of time. */
static struct feed_place place_of_time(struct feed *feed, int64_t from_ms) {
    uint64_t low = 0, high = feed_published(feed);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (time_behind(feed, (struct feed_place){middle, UINT32_MAX}) < from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return (struct feed_place){low ? low - 1 : 0, 0};
}

/* Counts the segment's entries by interval; entries behind the last one go to sizes[count]. */
static void count_changes(struct feed *feed, uint32_t segment, int64_t from_ms, int64_t interval_ms, size_t count,
                          struct sizes *sizes) {
    struct feed_entry *page = memory_get(FEED_PAGE, sizeof *page);
    struct feed_place at = place_of_time(feed, from_ms);
    size_t found;
    while ((found = feed_read(feed, at, page, FEED_PAGE)) > 0) {
        for (size_t i = 0; i < found; i++) {
            if (page[i].subject != segment || page[i].at_ms < from_ms ||
                (page[i].kind != FEED_ENTERED && page[i].kind != FEED_LEFT))
                continue;
            uint64_t interval = (uint64_t)(page[i].at_ms - from_ms) / (uint64_t)interval_ms;
            struct sizes *s = &sizes[interval < count ? interval : count];
            s->entered += page[i].kind == FEED_ENTERED;
            s->left += page[i].kind == FEED_LEFT;
        }
        at = (struct feed_place){page[found - 1].position, page[found - 1].order};
    }
    free(page);
}

void audience_sizes_json(struct audience *a, uint32_t segment, int64_t from_ms, int64_t interval_ms, size_t count,
                         struct json_writer *w) {
    assert(interval_ms > 0);
    count = count < SIZES_MAX ? count : SIZES_MAX;
    struct sizes *sizes = memory_get(count + 1, sizeof *sizes);
    uint64_t *size = memory_get(count + 1, sizeof *size), now = audience_size(a, segment);
    count_changes(a->live.feed, segment, from_ms, interval_ms, count, sizes);
    for (size_t i = count + 1; i-- > 0;) { /* backwards from the size now */
        size[i] = now;
        now = now + sizes[i].left - sizes[i].entered;
    }
    json_array(w);
    for (size_t i = 0; i < count; i++) {
        json_object(w);
        json_member_time(w, "at", from_ms + (int64_t)(i + 1) * interval_ms);
        json_member_integer(w, "size", (int64_t)size[i]);
        json_member_integer(w, "entered", (int64_t)sizes[i].entered);
        json_member_integer(w, "left", (int64_t)sizes[i].left);
        json_end_object(w);
    }
    json_end_array(w);
    free(sizes);
    free(size);
}

struct feed *audience_feed(const struct audience *a) {
    return a->live.feed;
}

void audience_counters_read(const struct audience *a, struct audience_counters *out) {
    const struct live_counters *c = &a->live.counters;
    *out = (struct audience_counters){
        .evaluations = atomic_load_explicit(&((struct live_counters *)c)->evaluations, memory_order_relaxed),
        .changes = atomic_load_explicit(&((struct live_counters *)c)->changes, memory_order_relaxed),
        .timers_due = atomic_load_explicit(&((struct live_counters *)c)->timers_due, memory_order_relaxed),
        .turned = atomic_load_explicit(&((struct live_counters *)c)->turned, memory_order_relaxed),
        .span_passes = atomic_load_explicit(&((struct live_counters *)c)->span_passes, memory_order_relaxed),
        .prepared = atomic_load_explicit(&((struct live_counters *)c)->prepared, memory_order_relaxed),
        .busy_ns = atomic_load_explicit(&((struct audience *)a)->busy_ns, memory_order_relaxed),
        .memory_bytes = members_bytes(a->live.members) + timers_bytes(a->live.timers) + slack_bytes(a->live.slack)};
}
