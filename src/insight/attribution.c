/* attribution: the analysis: touches and conversions out of the histories, paths of them (attribution_tally.h), shares (attribution_models.h).
 *
 * A worker numbers channels in the order it meets them; its counts are put under the names' order when all are done, so that the sums
 * of doubles behind Markov and Shapley are the same however many workers there were. */
#include "insight/attribution.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "insight/apart.h"
#include "insight/attribution_members.h"
#include "insight/attribution_window.h"
#include "insight/code_kernel.h"
#include "insight/insight.h"
#include "insight/stream_read.h"

struct run {
    struct attribution_asked asked;
    struct attribution_found found;
    struct scan *scan;
    struct stream touches, conversions, costs;
    struct stream_number values[STREAM_SETS_MAX], amounts[STREAM_SETS_MAX];
    struct worker *done; /* merged when all are */
};

/* A set's values of the part in hand, in millionths. */
struct units {
    const struct vector *vector; /* NULL: none, all 0 */
    int64_t multiple;            /* 0: each has a scale of its own, or is a double */
};
struct worker {
    struct worker *next;
    struct run *run;
    struct channels channels;
    struct attribution *counts;
    struct stream_part *touches, *conversions, *costs;
    struct code_rows rows;                    /* of touches */
    uint64_t wanted[SPAN_CUSTOMERS / 64 + 1]; /* customers of the part whose touches are looked at in order */
    struct attribution_windows windows;
    struct units values[STREAM_SETS_MAX], amounts[STREAM_SETS_MAX];
    __int128 cost[CHANNELS_MAX];
    uint64_t customers;
    uint8_t *codes; /* of a customer's touches in order */
    int64_t *touch_times, *conversion_times, *conversion_values;
    size_t touch_room, conversion_room;
    uint64_t seen[256], met[256]; /* touches in the period, by code; and with those before it */
    struct arena arena;           /* of names */
    struct slice names[CHANNELS_MAX];
    uint64_t direct_known; /* channels whose being direct was looked up */
};

/* --- reading the definition: what of it reads rows; attribution_read.c the rest --- */

static enum status read_rows(struct run *r, const struct definition_part *d, struct stream *stream,
                             const struct stream_list *what, struct fault *fault) {
    struct stream_list list = *what;
    list.least = 1;
    list.most = ATTRIBUTION_SETS_MAX;
    stream->scan = r->scan;
    return stream_read(stream, d, &list, NULL, fault);
}

/* {"event": rows, "channel": ..., "amount": ...}: what channels cost stands in rows; else {"channel": amount}. */
static enum status read_costs(struct run *r, const struct definition_part *d, struct fault *fault) {
    const struct json *json = definition_get(d, "costs");
    if (!json)
        return STATUS_OK;
    r->found.costed = true;
    if (json->kind == JSON_OBJECT && !json_get(d->parser, json, "event"))
        return attribution_costs_check(d, fault); /* attribution_fixed_costs, when the channels are known */
    r->found.cost_of_customers = true;
    return read_rows(r, d, &r->costs,
                     &(struct stream_list){"costs", .text = "channel", .number = "amount", .numbers = r->amounts},
                     fault);
}

static enum status read_definition(struct run *r, const struct definition_part *d, struct fault *fault) {
    struct period period;
    enum status status = definition_period(d, &period, fault);
    if (!status)
        status = scan_create(d, &r->scan, fault);
    if (!status)
        status = read_rows(r, d, &r->touches, &(struct stream_list){"touches", .text = "channel"}, fault);
    if (!status)
        status = read_rows(r, d, &r->conversions,
                           &(struct stream_list){"conversions", .number = "value", .numbers = r->values}, fault);
    if (!status)
        status = read_costs(r, d, fault);
    if (status)
        return status;
    for (unsigned i = 0; i < r->conversions.count; i++)
        r->asked.valued = r->asked.valued || r->values[i].given;
    r->asked.rule.counted_from = period.from_ms;
    r->costs.period = period;
    period.from_ms = period.from_ms == INT64_MIN ? INT64_MIN : period.from_ms - r->asked.rule.look_back_ms;
    r->touches.period = r->conversions.period = period;
    return STATUS_OK;
}

/* --- counting --- */

struct attribution *attribution_new(const struct attribution_asked *asked, const struct channel_names *channels,
                                    uint32_t channel_count) {
    struct attribution *t = attribution_create(channel_count);
    t->half_life_ms = asked->models[ATTRIBUTION_TIME_DECAY] ? asked->half_life_ms : 0;
    t->want_book = asked->want_book;
    for (uint32_t c = 0; channels && c < channels->count; c++)
        for (size_t i = 0; i < asked->direct_count; i++)
            t->direct[c] = t->direct[c] || slice_equal(channels->names[c], asked->direct[i]);
    return t;
}

static uint8_t channel_of(void *context, uint32_t text) { return channels_code(context, text); }

static void touches_in_order(void *context, uint32_t customer, struct attribution_history *h);

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->run = context;
    w->rows = (struct code_rows){
        .code = channel_of, .context = &w->channels, .bounded = w->run->asked.rule.counted_from != INT64_MIN};
    w->counts = attribution_new(&w->run->asked, NULL, 0);
    w->windows = (struct attribution_windows){
        .tally = w->counts, .rule = &w->run->asked.rule, .in_order = touches_in_order, .context = w};
    w->touches = stream_part_create(&w->run->touches);
    w->conversions = stream_part_create(&w->run->conversions);
    w->costs = stream_part_create(&w->run->costs);
    return w;
}

/* A worker lives on after its pass: all are merged at the end. */
static void worker_free(struct worker *w) {
    channels_release(&w->channels);
    attribution_free(w->counts);
    stream_part_free(w->touches);
    stream_part_free(w->conversions);
    stream_part_free(w->costs);
    code_rows_release(&w->rows);
    attribution_windows_release(&w->windows);
    arena_release(&w->arena);
    free(w->codes);
    free(w->touch_times);
    free(w->conversion_times);
    free(w->conversion_values);
    free(w);
}

static int64_t in_units_slowly(const struct vector *v, uint32_t element) {
    struct number n = vector_number(v, element);
    if (n.scale == NUMBER_REAL)
        return fabs(n.real) < 9e12 ? llround(n.real * ATTRIBUTION_VALUE_UNIT) : 0;
    return decimal_rescale(&n.integer, n.scale, DECIMAL_SCALE_MAX) ? n.integer : 0;
}

static int64_t in_units(const struct units *u, uint32_t element) {
    int64_t units;
    if (!u->vector || !vector_has(u->vector, element))
        return 0;
    if (!u->multiple)
        return in_units_slowly(u->vector, element);
    return __builtin_mul_overflow(u->vector->integers[element & u->vector->mask], u->multiple, &units) ? 0 : units;
}
_Static_assert(ATTRIBUTION_VALUE_UNIT == 1000000 && DECIMAL_SCALE_MAX == 6,
               "values are in units of the finest decimal");

static struct units units_of(const struct vector *v) {
    struct units u = {v, 0};
    if (v->form == VECTOR_NUMBERS && v->scale <= DECIMAL_SCALE_MAX) {
        u.multiple = 1;
        for (unsigned scale = v->scale; scale < DECIMAL_SCALE_MAX; scale++)
            u.multiple *= 10;
    }
    return u;
}

static void begin_part(struct stream_part *p, struct scan_part *part, const struct stream_number *numbers,
                       struct units *units) {
    stream_part_begin(p, part);
    for (unsigned i = 0; numbers && i < p->stream->count; i++)
        units[i] = numbers[i].given && p->sources[i].rows.count
                       ? units_of(scan_part_row_values(part, p->stream->sets[i].rows, numbers[i].number))
                       : (struct units){0};
}

/* Channels are direct by name: looked at when a channel is new to the worker. */
static void know_direct(struct worker *w) {
    for (; w->direct_known < w->channels.count; w->direct_known++) {
        struct slice name = scan_worker_text(w->touches->part->worker, w->channels.texts[w->direct_known]);
        for (size_t i = 0; i < w->run->asked.direct_count; i++)
            if (slice_equal(name, w->run->asked.direct[i]))
                w->counts->direct[w->direct_known] = true;
    }
    w->counts->channel_count = w->channels.count;
}

static void know_touch_room(struct worker *w, size_t touches) {
    if (touches <= w->touch_room)
        return;
    w->touch_room = touches * 2;
    w->codes = memory_resize(w->codes, w->touch_room, 1);
    w->touch_times = memory_resize(w->touch_times, w->touch_room, sizeof *w->touch_times);
}

static void know_conversion_room(struct worker *w, size_t conversions) {
    if (conversions <= w->conversion_room)
        return;
    w->conversion_room = conversions * 2;
    w->conversion_times = memory_resize(w->conversion_times, w->conversion_room, sizeof *w->conversion_times);
    w->conversion_values = memory_resize(w->conversion_values, w->conversion_room, sizeof *w->conversion_values);
}

/* --- all touches of the part --- */

static void count_since(uint64_t counts[256], const struct code_run *run, uint32_t begin, uint32_t end,
                        int64_t from_ms) {
    for (uint32_t k = begin; k < end; k++)
        counts[run->codes[k]] += run->times[k] >= from_ms;
}

/* Touches of the part are all in the period. */
static bool all_counted(const struct worker *w) {
    return w->run->asked.rule.counted_from == INT64_MIN || w->rows.low >= w->run->asked.rule.counted_from;
}

/* Touches by channel. Rows of who is not asked for stand between: neighbours who are asked for are gone over together. */
static void count_seen(struct worker *w, const struct scan_part *part) {
    const bool all = all_counted(w);
    uint64_t counts[256] = {0};
    for (uint32_t i = scan_next(part, 0), end; i < part->count; i = scan_next(part, end)) {
        for (end = i + 1; end < part->count && bit_of(part->asked, end);)
            end++;
        for (unsigned r = 0; r < w->rows.run_count; r++) {
            const struct code_run *run = &w->rows.runs[r];
            const uint32_t from = code_run_begin(run, i), to = code_run_begin(run, end);
            code_count(counts, run->codes + from, to - from, w->channels.count);
            if (!all)
                count_since(w->seen, run, from, to, w->run->asked.rule.counted_from);
        }
    }
    for (unsigned code = 0; code < 256; code++) {
        w->met[code] += counts[code];
        w->seen[code] += all ? counts[code] : 0;
    }
}

/* Whose touches led to nothing is only counted, where no model looks at such paths: their order does not matter. */
static void count_only(struct worker *w, uint32_t customer) {
    const int64_t from_ms = w->run->asked.rule.counted_from;
    bool any = false, counted = false;
    for (unsigned r = 0; r < w->rows.run_count; r++) {
        const struct code_run *run = &w->rows.runs[r];
        const uint32_t begin = code_run_begin(run, customer), end = code_run_begin(run, customer + 1);
        any |= end > begin;
        counted |= end > begin && run->times[end - 1] >= from_ms;
    }
    w->customers += any;
    w->counts->misses += counted;
}

static bool may_have_converted(const struct worker *w, uint32_t customer) {
    bool any = false;
    for (unsigned set = 0; set < w->conversions->stream->count; set++) {
        const struct scan_rows *rows = &w->conversions->sources[set].rows;
        any |= rows->count && rows->starts[customer + 1] > rows->starts[customer];
    }
    return any;
}

/* Whose touches must be in order: everybody's where paths that came to nothing are looked at, else of who converted. The others are counted. */
static void find_wanted(struct worker *w, const struct scan_part *part) {
    const bool all = all_counted(w);
    memcpy(w->wanted, part->asked, SPAN_CUSTOMERS / 8);
    for (uint32_t first = 0; first < part->count && !w->run->asked.want_book; first += 64) {
        const uint32_t count = part->count - first < 64 ? part->count - first : 64;
        uint64_t converted = 0, touched = 0;
        for (unsigned set = 0; set < w->conversions->stream->count; set++)
            if (w->conversions->sources[set].rows.count)
                converted |= code_owners(w->conversions->sources[set].rows.starts + first, count);
        for (unsigned r = 0; r < w->rows.run_count; r++)
            touched |= code_owners(w->rows.runs[r].starts + first, count);
        touched &= w->wanted[first / 64] & ~converted;
        w->wanted[first / 64] &= converted;
        if (all) {
            w->customers += (unsigned)__builtin_popcountll(touched);
            w->counts->misses += (unsigned)__builtin_popcountll(touched);
        }
        for (; touched && !all; touched &= touched - 1)
            count_only(w, first + (uint32_t)__builtin_ctzll(touched));
    }
}

/* --- a customer --- */

/* Of one set they lie in order. */
static size_t conversions_of_set(struct worker *w, uint32_t customer) {
    const struct stream_source *s = &w->conversions->sources[0];
    const struct period period = w->conversions->stream->period;
    const struct scan_rows own = {s->rows.starts, s->own, s->rows.times, s->rows.count};
    const uint32_t begin = scan_begin(&own, customer), end = scan_end(&own, customer);
    size_t count = 0;
    know_conversion_room(w, end - begin);
    for (uint32_t e = scan_row(&own, begin, end); e < end; e = scan_row(&own, e + 1, end)) {
        if (own.times[e] < period.from_ms || own.times[e] >= period.to_ms)
            continue;
        w->conversion_times[count] = own.times[e];
        w->conversion_values[count++] = in_units(&w->values[0], e);
    }
    return count;
}

static size_t conversions_of_sets(struct worker *w, uint32_t customer) {
    const size_t count = stream_customer(w->conversions, customer);
    know_conversion_room(w, count);
    for (size_t i = 0; i < count; i++) {
        const struct stream_row *row = &w->conversions->rows[i];
        w->conversion_times[i] = row->time;
        w->conversion_values[i] = in_units(&w->values[row->set], row->element);
    }
    return count;
}

static size_t conversions_of(struct worker *w, uint32_t customer) {
    if (!may_have_converted(w, customer))
        return 0;
    return w->conversions->stream->count == 1 ? conversions_of_set(w, customer) : conversions_of_sets(w, customer);
}

static void touches_in_order(void *context, uint32_t customer, struct attribution_history *h) {
    struct worker *w = context;
    const size_t count = stream_customer(w->touches, customer);
    size_t kept = 0;
    know_touch_room(w, count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t code = code_rows_code(&w->rows, w->touches->rows[i].text);
        w->codes[kept] = code;
        w->touch_times[kept] = w->touches->rows[i].time;
        kept += code != CHANNEL_NONE;
    }
    *h = (struct attribution_history){.touch_times = w->touch_times, .touch_codes = w->codes, .touch_count = kept};
}

static bool has_touches(const struct worker *w, uint32_t customer) {
    bool any = false;
    for (unsigned r = 0; r < w->rows.run_count; r++)
        any |= w->rows.runs[r].starts[customer + 1] > w->rows.runs[r].starts[customer];
    return any;
}

static void visit_customer(struct worker *w, uint32_t customer) {
    const size_t conversions = conversions_of(w, customer);
    if (conversions == 0 && !w->run->asked.want_book) {
        count_only(w, customer);
        return;
    }
    w->customers += conversions || has_touches(w, customer);
    attribution_windows_customer(&w->windows, customer, w->conversion_times, w->conversion_values, conversions);
}

static void take_costs(struct worker *w, uint32_t customer) {
    size_t count = stream_gather(w->costs, customer);
    for (size_t i = 0; i < count; i++) {
        const struct stream_row *row = &w->costs->raw[i];
        uint8_t code = channels_code(&w->channels, row->text);
        w->met[code]++;
        if (code != CHANNEL_NONE)
            w->cost[code] += in_units(&w->amounts[row->set], row->element);
    }
    if (w->direct_known < w->channels.count)
        know_direct(w);
}

/* The first bit set in [i, end), or `end`. */
static uint32_t next_bit(const uint64_t *bits, uint32_t i, uint32_t end) {
    while (i < end) {
        uint64_t word = bits[i / 64] >> (i % 64);
        if (word) {
            i += (uint32_t)__builtin_ctzll(word);
            return i < end ? i : end;
        }
        i = (i / 64 + 1) * 64;
    }
    return end;
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct run *r = w->run;
    begin_part(w->touches, part, NULL, NULL);
    begin_part(w->conversions, part, r->values, w->values);
    begin_part(w->costs, part, r->amounts, w->amounts);
    code_rows_begin(&w->rows, w->touches, part->asked);
    know_direct(w);
    count_seen(w, part);
    find_wanted(w, part);
    attribution_windows_runs(&w->windows, w->rows.runs, w->rows.run_count);
    for (uint32_t i = next_bit(w->wanted, 0, part->count); i < part->count; i = next_bit(w->wanted, i + 1, part->count))
        visit_customer(w, i);
    attribution_windows_count(&w->windows);
    for (uint32_t i = scan_next(part, 0); i < part->count && r->costs.count; i = scan_next(part, i + 1))
        take_costs(w, i);
}

/* Drops channels that only rows of customers not asked for have. */
static void merge_names(struct channel_names *all, const struct worker *w) {
    struct slice met[CHANNELS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->channels.count; i++)
        if (w->met[i])
            met[count++] = w->names[i];
    channel_names_add(all, met, count);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct run *r = context;
    struct worker *w = state;
    attribution_windows_settle(&w->windows);
    channels_named(&w->channels, r->scan, texts, &w->arena, w->names);
    w->next = r->done;
    r->done = w;
}

static void end(void *state) {
    struct worker *w = state;
    for (struct worker *done = w->run->done; done; done = done->next)
        if (done == w)
            return;
    worker_free(w);
}

static void merge_all(struct run *r, const struct definition_part *d) {
    struct attribution_found *f = &r->found;
    if (f->costed && !f->cost_of_customers)
        attribution_cost_names(d, &f->channels);
    for (struct worker *w = r->done; w; w = w->next) {
        merge_names(&f->channels, w);
        f->too_many = f->too_many || w->channels.full;
    }
    f->too_many = f->too_many || f->channels.full;
    channel_names_sort(&f->channels);
    f->all = attribution_new(&r->asked, &f->channels, f->channels.count);
    for (struct worker *w = r->done, *next; w; w = next) {
        uint8_t map[CHANNELS_MAX];
        next = w->next;
        for (uint32_t i = 0; i < w->channels.count && !f->too_many; i++) {
            map[i] = w->met[i] ? channel_names_code(&f->channels, w->names[i]) : 0; /* not met: nothing to add */
            f->costs[map[i]] += w->cost[i];
            f->seen[map[i]] += w->seen[i];
        }
        if (f->channels.count == 0)
            w->counts->channel_count = 0;
        if (!f->too_many)
            attribution_merge_mapped(f->all, w->counts, map);
        f->customers += w->customers;
        worker_free(w);
    }
    r->done = NULL;
}

static enum status of_histories(struct run *r, const struct definition_part *d, struct fault *fault) {
    enum status status = read_definition(r, d, fault);
    if (!status)
        status = scan_run(r->scan, &(struct scan_work){r, begin, visit, merge, end}, fault);
    if (!status)
        merge_all(r, d);
    if (!status && r->found.too_many)
        return definition_fail(d, "channel", fault,
                               "there are more than %d channels; give rows of touches names, by conditions, such as "
                               "{\"event\": \"page_viewed where medium = \\\"cpc\\\"\", \"name\": \"Paid\"}",
                               CHANNELS_MAX);
    return status;
}

static enum status name_members(struct run *r, const struct definition_part *d, struct fault *fault) {
    if (r->asked.ready)
        return definition_fail(d, "table", fault, "ready paths name no customers");
    enum status status = read_definition(r, d, fault);
    return status ? status : attribution_members(d, r->scan, &r->touches, &r->conversions, &r->asked.rule, fault);
}

enum status insight_attribution(const struct insight *insight, struct definition_part *d, struct answer *answer,
                                struct fault *fault) {
    if (apart_asked(d) && !definition_get(d, "table"))
        return apart_run(d, insight_attribution, answer, fault);
    struct run *r = memory_get(1, sizeof *r);
    enum status status = attribution_read(&r->asked, d, fault);
    r->asked.ready = definition_get(d, "table") != NULL;
    if (!status && insight->members) {
        status = name_members(r, d, fault);
        scan_free(r->scan);
        free(r);
        return status;
    }
    r->found.costed = definition_get(d, "costs") != NULL;
    if (!status && r->asked.ready && definition_get(d, "split"))
        status = definition_fail(d, "split", fault, "ready paths have no customers to be told apart");
    if (!status)
        status = r->asked.ready ? attribution_of_table(&r->asked, d, &r->found, fault) : of_histories(r, d, fault);
    if (!status && r->found.costed && !r->found.cost_of_customers)
        status = attribution_fixed_costs(d, &r->found, fault);
    if (!status && r->found.all->book.lost)
        status =
            definition_fail(d, "models", fault,
                            "there are more than %u different paths; fewer channels, \"collapse\": true or a shorter "
                            "look_back would do, or only models that are rules and \"paths\": 0",
                            PATH_BOOK_MAX);
    if (!status) {
        path_book_sort(&r->found.all->book);
        status = attribution_show(&r->asked, &r->found, answer, fault);
    }
    scan_free(r->scan);
    attribution_free(r->found.all);
    channel_names_release(&r->found.channels);
    free(r);
    return status;
}
