/* retention: of those who began in a cohort, how many came back in each interval after. What is made of a customer's rows, and counted of
 * cohorts, is returns.h's.
 *
 * A customer begins with the first row of `start`; the interval k of a row of `return` is the number of intervals from the beginning's to its own: by
 * the calendar (next day, next month), or counted from the moment itself (`align` own: the same time of day a day, a week ... later). Each customer is a
 * set of k; modes differ in what is made of it:
 *     n_day       in interval k                               rolling, unbounded   in interval k or any later one (two names of one thing)
 *     cumulative  in one of the intervals 1 to k              streak               in each of the intervals 1 to k
 * An interval that has not begun by the end of the data asked for (to, now) is no answer: it is missing, and counts in no mean. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/groups.h"
#include "insight/insight.h"
#include "insight/periods.h"
#include "insight/returns.h"
#include "insight/scan.h"
#include "insight/statistics.h"

#define INTERVALS_MOST 120 /* that may be asked for; below RETURNS_LAST */
#define START_EARLIEST 0   /* 1970 */

struct retention {
    const struct insight *insight;
    struct scan *scan;
    struct scan_split split;
    unsigned start, back;
    bool same; /* what comes back is what begins */
    unsigned mode;
    bool own;
    enum unit interval, cohort;
    uint32_t intervals; /* beyond 0 */
    struct period period;
    int64_t end_ms; /* of the data asked for */
    struct periods by_interval, by_cohort;
    int64_t groups_shown;
    struct groups groups; /* by group number: struct tally */
    bool member_asked, member_back, any_cohort, member_any_group;
    int64_t member_interval;
    uint32_t member_cohort;
    struct slice member_group;
};

struct tally {
    struct cohort **cohorts; /* [count], NULL: nobody */
    uint32_t count;
    uint64_t size;
};

static struct cohort *cohort_at(struct tally *t, uint32_t number) {
    if (number >= t->count) {
        t->cohorts = memory_resize(t->cohorts, number + 1, sizeof *t->cohorts);
        memset(t->cohorts + t->count, 0, (number + 1 - t->count) * sizeof *t->cohorts);
        t->count = number + 1;
    }
    if (!t->cohorts[number])
        t->cohorts[number] = memory_get(1, sizeof **t->cohorts);
    return t->cohorts[number];
}

static void tally_merge(void *into, void *from) {
    struct tally *a = into, *b = from;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->cohorts[i])
            cohort_add_up(cohort_at(a, i), b->cohorts[i]);
    a->size += b->size;
}

static void tally_release(void *tally) {
    struct tally *t = tally;
    for (uint32_t i = 0; i < t->count; i++)
        free(t->cohorts[i]);
    free(t->cohorts);
}

/* --- reading the definition --- */

static enum status read_members(struct retention *r, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"interval", "returned", "cohort", "group", NULL};
    struct definition_part part;
    int64_t cohort_ms = INT64_MIN;
    if (!r->insight->members)
        return STATUS_OK;
    r->member_asked = r->member_back = true;
    r->member_interval = 1;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = definition_integer(&part, "interval", 0, r->intervals, &r->member_interval, fault);
    if (!status)
        status = definition_flag(&part, "returned", &r->member_back, fault);
    if (!status)
        status = definition_moment(&part, "cohort", &cohort_ms, fault);
    if (!status)
        status = definition_text(&part, "group", &r->member_group, fault);
    if (status)
        return status;
    r->any_cohort = cohort_ms == INT64_MIN;
    r->member_any_group = r->member_group.data == NULL;
    r->member_cohort = r->any_cohort ? 0 : periods_at(&r->by_cohort, cohort_ms);
    return STATUS_OK;
}

static enum status read_rows(struct retention *r, const struct definition_part *d, struct fault *fault) {
    struct definition_rows *start, *back;
    size_t starts, backs;
    enum status status = definition_rows(d, "start", 1, 1, &start, &starts, fault);
    if (!status)
        status = scan_rows(r->scan, &start[0], &r->start, fault);
    if (!status)
        status = definition_rows(d, "return", 0, 1, &back, &backs, fault);
    if (status)
        return status;
    r->same = backs == 0;
    r->back = r->start;
    return backs ? scan_rows(r->scan, &back[0], &r->back, fault) : STATUS_OK;
}

static enum status read_definition(struct retention *r, const struct definition_part *d, struct fault *fault) {
    const struct calendar calendar = insight_calendar(r->insight);
    unsigned align = 0;
    int64_t count = 0;
    enum status status = scan_create(d, &r->scan, fault);
    r->interval = UNIT_DAY;
    r->groups_shown = 20;
    if (!status)
        status = read_rows(r, d, fault);
    if (!status)
        status = definition_unit(d, "interval", &r->interval, fault);
    r->cohort = r->interval;
    if (!status)
        status = definition_unit(d, "cohort", &r->cohort, fault);
    count = r->interval == UNIT_DAY ? 30 : 12;
    if (!status)
        status = definition_integer(d, "intervals", 1, INTERVALS_MOST, &count, fault);
    if (!status)
        status = definition_choice(d, "mode", "n_day|rolling|unbounded|cumulative|streak", &r->mode, fault);
    if (!status)
        status = definition_choice(d, "align", "calendar|own", &align, fault);
    if (!status)
        status = definition_period(d, &r->period, fault);
    if (!status)
        status = definition_integer(d, "groups", 1, 1000, &r->groups_shown, fault);
    if (!status)
        status = scan_split(r->scan, d, &r->split, fault);
    r->intervals = (uint32_t)count;
    r->own = align == 1;
    r->end_ms = r->period.to_ms < r->insight->now_ms ? r->period.to_ms : r->insight->now_ms + 1;
    int64_t from = r->period.from_ms > START_EARLIEST ? r->period.from_ms : START_EARLIEST;
    if (!status && r->end_ms <= from)
        return definition_fail(d, "to", fault, "the period ends before it begins");
    if (!status)
        status = periods_make(&r->by_interval, &calendar, r->interval, from, r->end_ms, fault);
    if (!status)
        status = periods_make(&r->by_cohort, &calendar, r->cohort, from, r->end_ms, fault);
    return status ? status : read_members(r, d, fault);
}

/* --- one customer --- */

/* From a beginning: instants at which its intervals begin. */
static int64_t own_start(const struct retention *r, const struct calendar *c, int64_t began, uint32_t k) {
    if (r->interval == UNIT_HOUR || calendar_unit_fixed(r->interval))
        return began + (int64_t)k * calendar_unit_ms(r->interval);
    return calendar_add(c, began, k, r->interval);
}

static bool began_in(const struct scan_rows *rows, uint32_t customer, const struct retention *r, int64_t *at) {
    uint32_t last = scan_end(rows, customer), i = scan_row(rows, scan_begin(rows, customer), last);
    if (i == last)
        return false;
    *at = rows->times[i];
    return *at >= r->period.from_ms && *at < r->end_ms && *at >= START_EARLIEST;
}

/* Which intervals the customer came back in, and how many had begun: by the calendar. The set is made in two halves, which stay in registers. */
static uint32_t came_back(const struct retention *r, const struct scan_rows *rows, uint32_t customer, int64_t began,
                          returns *set) {
    const struct periods *p = &r->by_interval;
    uint32_t last = scan_end(rows, customer), first = periods_in(p, began), seen = p->count - first;
    uint64_t low = 0, high = 0;
    for (uint32_t i = scan_row(rows, scan_begin(rows, customer), last); i < last; i = scan_row(rows, i + 1, last)) {
        int64_t t = rows->times[i];
        if (t < began || t >= r->end_ms)
            continue;
        uint32_t k = periods_in(p, t) - first;
        k = k < RETURNS_LAST ? k : RETURNS_LAST;
        uint64_t bit = UINT64_C(1) << (k % 64);
        low |= k < 64 ? bit : 0;
        high |= k < 64 ? 0 : bit;
    }
    *set = (returns)high << 64 | low;
    return seen < r->intervals + 1 ? seen : r->intervals + 1;
}

/* The same, counted from the beginning itself. */
static uint32_t came_back_own(const struct retention *r, const struct calendar *c, const struct scan_rows *rows,
                              uint32_t customer, int64_t began, returns *set) {
    uint32_t last = scan_end(rows, customer), own = 0, seen = 0;
    *set = 0;
    for (uint32_t i = scan_row(rows, scan_begin(rows, customer), last); i < last; i = scan_row(rows, i + 1, last)) {
        int64_t t = rows->times[i];
        if (t < began || t >= r->end_ms)
            continue;
        while (own <= r->intervals && own_start(r, c, began, own + 1) <= t)
            own++;
        *set |= returns_in(own <= r->intervals ? own : RETURNS_LAST);
    }
    while (seen <= r->intervals && own_start(r, c, began, seen) < r->end_ms)
        seen++;
    return seen;
}

/* --- the pass --- */

/* The plain question, what most ask: everybody in one group, the same rows begin and come back, intervals of the calendar are cohorts, each
 * counts by itself. Then a customer need not be a set: rows lie by time, so one that is in another interval than the row before it, or
 * is its customer's first, is one more in (interval of the first, intervals since); and all rows are gone through in one line.
 *
 * On paper: four bytes of time a row, and some twenty operations that wait for nothing but the row before's registers: 4 to 5 ns. */
struct worker {
    struct retention *retention;
    struct calendar calendar;
    struct groups groups;
    uint32_t
        *cells; /* of the plain question, [intervals of the calendar * (intervals + 2)]: the last for all later ones */
};

#define CELLS_MAX (4u << 20)

static uint32_t cells_width(const struct retention *r) { return r->intervals + 2; }

static bool is_plain(const struct retention *r) {
    return r->same && !r->own && r->mode == RETURNS_N_DAY && r->cohort == r->interval && !r->split.given &&
           !r->member_asked && (uint64_t)r->by_interval.count * cells_width(r) <= CELLS_MAX;
}

/* The customer in hand. */
struct line_state {
    uint32_t first, before; /* intervals of its first row, and of the row before */
    uint32_t counts;        /* 1: its first row is in the period */
};

static inline void go_on(const struct retention *r, uint32_t *cells, uint32_t width, int64_t time, uint32_t fresh,
                         struct line_state *s) {
    const struct periods *p = &r->by_interval;
    int64_t from = r->period.from_ms > START_EARLIEST ? r->period.from_ms : START_EARLIEST, last = r->end_ms - 1;
    uint32_t in = time >= from, before_end = time <= last;
    int64_t inside = time < from ? from : time > last ? last : time;
    uint32_t interval = periods_in(p, inside);
    s->first = fresh ? interval : s->first;
    s->counts = fresh ? in : s->counts;
    uint32_t k = interval - s->first;
    k = k < width - 1 ? k : width - 1;
    cells[(size_t)s->first * width + k] += s->counts & before_end & (fresh | (interval != s->before));
    s->before = interval;
}

static void visit_plain(struct worker *w, struct scan_part *part) {
    const struct retention *r = w->retention;
    uint32_t width = cells_width(r), customer = 0, last = 0; /* numbers of customers as they come */
    struct line_state s = {0, 0, 0};
    struct scan_rows rows;
    struct scan_line line;
    scan_part_rows(part, r->start, &rows);
    scan_part_line(part, &rows, &line);
    for (uint32_t word = 0; word * 64 < line.count; word++) {
        uint64_t in = scan_line_in(&line, word), marks = line.marks[word];
        const int64_t *times = rows.times + (size_t)word * 64;
        if (in == ~UINT64_C(0) && last == customer) {
            for (uint32_t i = 0; i < 64; i++, marks >>= 1)
                go_on(r, w->cells, width, times[i], marks & 1, &s);
            customer += (uint32_t)__builtin_popcountll(line.marks[word]);
            last = customer;
            continue;
        }
        for (uint64_t left = in; left; left &= left - 1) {
            uint32_t whose = customer + (uint32_t)__builtin_popcountll(marks & (left ^ (left - 1)));
            go_on(r, w->cells, width, times[__builtin_ctzll(left)], whose != last, &s);
            last = whose;
        }
        customer += (uint32_t)__builtin_popcountll(marks);
    }
}

static void merge_plain(struct retention *r, const uint32_t *cells) {
    struct tally *tally = groups_get(&r->groups, 0);
    for (uint32_t i = 0; i < r->by_interval.count; i++) {
        const uint32_t *row = cells + (size_t)i * cells_width(r);
        uint32_t seen = r->by_interval.count - i;
        if (row[0] == 0)
            continue;
        struct cohort *c = cohort_at(tally, i);
        c->size += row[0]; /* all began in it */
        c->begun[seen < r->intervals + 1 ? seen : r->intervals + 1] += row[0];
        for (uint32_t k = 0; k <= r->intervals; k++)
            c->back[k] += row[k];
        tally->size += row[0];
    }
}

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->retention = context;
    w->calendar = insight_calendar(w->retention->insight);
    groups_init(&w->groups, sizeof(struct tally), tally_merge, tally_release);
    if (is_plain(w->retention))
        w->cells = memory_get((size_t)w->retention->by_interval.count * cells_width(w->retention), sizeof *w->cells);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    groups_release(&w->groups);
    free(w->cells);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct retention *r = context;
    struct worker *w = state;
    if (w->cells)
        merge_plain(r, w->cells);
    scan_merge_groups(r->scan, texts, &r->split, false, &w->groups, &r->groups);
}

static bool asked_group(const struct retention *r, const struct scan_part *part, uint32_t group) {
    struct slice name = r->split.segment_count ? r->split.names[group] : scan_worker_text(part->worker, group);
    return slice_equal(name, r->member_group);
}

static void note_member(const struct retention *r, struct scan_part *part, uint32_t customer, uint32_t cohort,
                        returns set, uint32_t seen) {
    uint32_t k = (uint32_t)r->member_interval;
    if ((r->any_cohort || cohort == r->member_cohort) && k < seen && returns_has(set, k) == r->member_back)
        insight_member(r->insight->members, scan_customer(part, customer));
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct retention *r = w->retention;
    if (w->cells) {
        visit_plain(w, part);
        return;
    }
    struct scan_rows start, back;
    struct scan_groups groups;
    uint32_t numbers[SCAN_SPLITS_MAX];
    returns set;
    int64_t began;
    scan_part_rows(part, r->start, &start);
    scan_part_rows(part, r->back, &back);
    scan_part_groups(part, &r->split, &groups);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        if (!began_in(&start, i, r, &began))
            continue;
        uint32_t seen =
            r->own ? came_back_own(r, &w->calendar, &back, i, began, &set) : came_back(r, &back, i, began, &set);
        uint32_t cohort = periods_in(&r->by_cohort, began);
        set = returns_by(set, (enum returns_mode)r->mode);
        size_t group_count = scan_groups_of(&groups, i, numbers);
        bool in_group = r->member_any_group;
        for (size_t g = 0; g < group_count; g++) {
            struct tally *tally = groups_get(&w->groups, numbers[g]);
            cohort_add(cohort_at(tally, cohort), set, seen);
            tally->size++;
            in_group = in_group || (r->member_asked && asked_group(r, part, numbers[g]));
        }
        if (r->member_asked && in_group)
            note_member(r, part, i, cohort, set, seen);
    }
}

/* --- the answer --- */

static uint64_t weight_of(const void *tally) { return ((const struct tally *)tally)->size; }

static void columns(const struct retention *r, struct answer_table *t, enum answer_type type) {
    char name[16];
    if (r->split.given)
        answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, "cohort", ANSWER_TEXT);
    answer_column(t, "size", ANSWER_INTEGER);
    for (uint32_t k = 0; k <= r->intervals; k++) {
        (void)snprintf(name, sizeof name, "%u", k);
        answer_column(t, name, type);
    }
}

static void row(const struct retention *r, struct answer_table *t, struct slice group, struct slice cohort,
                const struct cohort *c, bool share) {
    if (r->split.given)
        answer_text(t, group);
    answer_text(t, cohort);
    answer_integer(t, (int64_t)c->size);
    for (uint32_t k = 0; k <= r->intervals; k++) {
        if (c->seen[k] == 0)
            answer_missing(t);
        else if (share)
            answer_share(t, c->back[k], c->seen[k]);
        else
            answer_integer(t, (int64_t)c->back[k]);
    }
}

static void write_group(struct retention *r, struct answer_table *counts, struct answer_table *shares,
                        const struct group *group, struct cohort *all) {
    const struct calendar calendar = insight_calendar(r->insight);
    const struct tally *t = group->data;
    char name[TIME_TEXT_BYTES];
    *all = (struct cohort){0};
    for (uint32_t i = 0; i < t->count; i++) {
        if (!t->cohorts[i])
            continue;
        struct slice cohort = slice_of(name, period_name(&calendar, r->cohort, r->by_cohort.starts[i], name));
        cohort_finish(t->cohorts[i]);
        row(r, counts, group->name, cohort, t->cohorts[i], false);
        row(r, shares, group->name, cohort, t->cohorts[i], true);
        cohort_add_up(all, t->cohorts[i]);
    }
    row(r, counts, group->name, SLICE("all"), all, false);
    row(r, shares, group->name, SLICE("all"), all, true);
}

/* The curve of everybody with intervals of confidence. */
static void write_curve(const struct retention *r, struct answer_table *t, struct slice group,
                        const struct cohort *all) {
    for (uint32_t k = 0; k <= r->intervals; k++) {
        struct interval v = share_interval(all->back[k], all->seen[k]);
        if (all->seen[k] == 0)
            continue;
        if (r->split.given)
            answer_text(t, group);
        answer_integer(t, k);
        answer_integer(t, (int64_t)all->seen[k]);
        answer_integer(t, (int64_t)all->back[k]);
        answer_share(t, all->back[k], all->seen[k]);
        answer_real(t, v.low);
        answer_real(t, v.high);
    }
}

/* Groups against all others, in the last interval that all of them have seen. */
static void note_difference(const struct retention *r, struct answer *answer, const struct group_list *list,
                            const struct cohort *all) {
    uint32_t k = 1;
    uint64_t back = 0, seen = 0;
    double *p = memory_get(list->count + 1, sizeof *p);
    for (size_t i = 0; i < list->count; i++) {
        back += all[i].back[k];
        seen += all[i].seen[k];
    }
    for (size_t i = 0; i < list->count; i++)
        p[i] = shares_differ(all[i].back[k], all[i].seen[k], back - all[i].back[k], seen - all[i].seen[k], NULL);
    holm_adjust(p, group_tests(list->count));
    for (size_t i = 0; i < list->count; i++)
        if (p[i] < 0.05)
            answer_note(answer, "%.*s differs from the others in interval 1 (p = %.2g, two-proportion z test, Holm)",
                        list->all[i].name.size > 80 ? 80 : (int)list->all[i].name.size, list->all[i].name.data, p[i]);
    answer_note(answer, "differences of %zu groups were tested in interval 1; those not named may be chance",
                list->count);
    free(p);
    (void)r;
}

static void write_answer(struct retention *r, struct answer *answer) {
    struct answer_table *counts = answer_table(answer, "customers"), *shares = answer_table(answer, "retention"),
                        *curve = answer_table(answer, "curve");
    struct group_list list;
    scan_list_groups(r->scan, &r->split, false, &r->groups, r->groups_shown, weight_of, &list);
    struct cohort *all = memory_get(list.count + 1, sizeof *all);
    columns(r, counts, ANSWER_INTEGER);
    columns(r, shares, ANSWER_PERCENT);
    if (r->split.given)
        answer_column(curve, "group", ANSWER_TEXT);
    answer_column(curve, "interval", ANSWER_INTEGER);
    answer_column(curve, "customers", ANSWER_INTEGER);
    answer_column(curve, "returned", ANSWER_INTEGER);
    answer_column(curve, "share", ANSWER_PERCENT);
    answer_column(curve, "low", ANSWER_PERCENT);
    answer_column(curve, "high", ANSWER_PERCENT);
    for (size_t i = 0; i < list.count; i++) {
        write_group(r, counts, shares, &list.all[i], &all[i]);
        write_curve(r, curve, list.all[i].name, &all[i]);
    }
    answer_note(answer, "%llu customers in the population; low and high: 95 %% interval (Wilson)",
                (unsigned long long)scan_population(r->scan));
    answer_note(answer, "an interval that has not begun is missing; the last one of a cohort may still be going on");
    if (r->split.given && list.count > 1)
        note_difference(r, answer, &list, all);
    free(all);
    group_list_release(&list);
}

enum status insight_retention(const struct insight *insight, struct definition_part *d, struct answer *answer,
                              struct fault *fault) {
    struct retention *r = memory_get(1, sizeof *r);
    r->insight = insight;
    groups_init(&r->groups, sizeof(struct tally), tally_merge, tally_release);
    enum status status = read_definition(r, d, fault);
    if (!status)
        status = scan_run(r->scan, &(struct scan_work){r, begin, visit, merge, end}, fault);
    if (!status)
        write_answer(r, answer);
    groups_release(&r->groups);
    periods_release(&r->by_interval);
    periods_release(&r->by_cohort);
    scan_free(r->scan);
    free(r);
    return status;
}
