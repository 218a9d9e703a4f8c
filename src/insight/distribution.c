/* distribution: how a value is distributed: of customers (orders in 90 days, age, city), or of rows (what viewed products cost). Numbers give
 * figures and buckets, anything else how often each value occurs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/groups.h"
#include "insight/histogram.h"
#include "insight/insight.h"
#include "insight/periods.h"
#include "insight/scan.h"
#include "insight/statistics.h"

struct distribution {
    const struct insight *insight;
    struct scan *scan;
    struct scan_split split;
    struct slice of;
    unsigned value, rows;
    bool by_rows, numbers, money;
    struct period period;
    struct histogram histogram;
    int64_t groups_shown, values_shown;
    struct groups groups; /* struct tally */
};

struct tally {
    struct durations numbers; /* millionths */
    uint64_t missing, count;
    uint64_t *texts; /* [room] by number of text: how many; shared numbers after merging */
    uint32_t room;
};

static void text_add(struct tally *t, uint32_t text, uint64_t count) {
    if (text >= t->room) {
        uint32_t room = text + 1 > t->room * 2 ? text + 1 : t->room * 2;
        t->texts = memory_resize(t->texts, room, sizeof *t->texts);
        memset(t->texts + t->room, 0, (room - t->room) * sizeof *t->texts);
        t->room = room;
    }
    t->texts[text] += count;
}

static void tally_merge(void *into, void *from) {
    struct tally *a = into, *b = from;
    durations_take(&a->numbers, &b->numbers);
    a->missing += b->missing;
    a->count += b->count;
    for (uint32_t i = 0; i < b->room; i++)
        if (b->texts[i])
            text_add(a, i, b->texts[i]);
}

static void tally_release(void *tally) {
    struct tally *t = tally;
    durations_release(&t->numbers);
    free(t->texts);
}

/* --- reading the definition --- */

static enum status read_buckets(struct distribution *x, const struct definition_part *d, struct fault *fault) {
    double *bounds;
    enum status status =
        definition_reals(d, "buckets", HISTOGRAM_BOUNDS_MAX, true, &bounds, &x->histogram.count, fault);
    for (size_t i = 0; i < x->histogram.count && !status; i++)
        x->histogram.bounds[i] = bounds[i];
    return status;
}

static enum status read_definition(struct distribution *x, const struct definition_part *d, struct fault *fault) {
    struct definition_rows *rows;
    size_t count;
    const struct node *node = NULL;
    enum status status = scan_create(d, &x->scan, fault);
    x->groups_shown = 20;
    x->values_shown = 50;
    if (!status)
        status = definition_text(d, "of", &x->of, fault);
    if (!status && x->of.size == 0)
        return definition_fail(d, "of", fault, "is missing; name a value, such as \"count(order, last 90 days)\"");
    if (!status)
        status = definition_rows(d, "event", 0, 1, &rows, &count, fault);
    if (status)
        return status;
    x->by_rows = count > 0;
    if (x->by_rows) {
        status = scan_rows(x->scan, &rows[0], &x->rows, fault);
        if (!status)
            status = scan_row_value(x->scan, x->rows, x->of, "of", TERM_NONE, &x->value, fault);
        node = status ? NULL : scan_row_value_node(x->scan, x->rows, x->value);
    } else {
        status = scan_value(x->scan, x->of, "of", TERM_NONE, &x->value, fault);
        node = status ? NULL : scan_value_node(x->scan, x->value);
    }
    x->numbers = node && node->type == TERM_NUMBER;
    x->money = node && node->money;
    x->histogram.scale = 1000000;
    x->histogram.type = x->money ? ANSWER_MONEY : ANSWER_NUMBER;
    if (!status)
        status = definition_period(d, &x->period, fault);
    if (!status && !x->by_rows && (x->period.from_ms != INT64_MIN || x->period.to_ms != INT64_MAX))
        return definition_fail(d, "of", fault,
                               "a value of the customer says its own window: count(order, last 90 days); from, to and "
                               "last are for rows (event)");
    if (!status)
        status = read_buckets(x, d, fault);
    if (!status)
        status = definition_integer(d, "groups", 1, 1000, &x->groups_shown, fault);
    if (!status)
        status = definition_integer(d, "values", 1, 10000, &x->values_shown, fault);
    return status ? status : scan_split(x->scan, d, &x->split, fault);
}

/* --- the pass --- */

struct worker {
    struct distribution *distribution;
    struct groups groups;
};

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->distribution = context;
    groups_init(&w->groups, sizeof(struct tally), tally_merge, tally_release);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    groups_release(&w->groups);
    free(w);
}

static void share_texts(struct distribution *x, struct scan_worker *texts, struct tally *t) {
    struct tally shared = {0};
    for (uint32_t i = 0; i < t->room; i++)
        if (t->texts[i])
            text_add(&shared, scan_shared(x->scan, texts, i), t->texts[i]);
    free(t->texts);
    t->texts = shared.texts;
    t->room = shared.room;
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct distribution *x = context;
    struct worker *w = state;
    for (uint32_t i = groups_next(&w->groups, 0); i != UINT32_MAX; i = groups_next(&w->groups, i + 1)) {
        struct tally *t = groups_at(&w->groups, i);
        share_texts(x, texts, t);
        groups_merge(&x->groups, scan_shared_group(x->scan, texts, &x->split, i), t);
    }
}

/* What is counted of a part: numbers, or texts. */
struct source {
    const struct vector *numbers;
    struct scan_texts texts;
};

static void add(struct tally *t, const struct source *source, uint32_t i) {
    if (source->numbers) {
        bool there = vector_has(source->numbers, i);
        __int128 value = there ? vector_millionths(source->numbers, i) : 0;
        value = value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : value;
        t->missing += !there;
        if (there)
            durations_add(&t->numbers, (int64_t)value);
    } else {
        uint32_t text = scan_text(&source->texts, i);
        t->missing += text == 0;
        if (text)
            text_add(t, text, 1);
    }
    t->count++;
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    struct distribution *x = w->distribution;
    struct scan_groups groups;
    struct scan_rows rows;
    struct source source = {0};
    uint32_t numbers[SCAN_SPLITS_MAX];
    if (x->by_rows)
        scan_part_rows(part, x->rows, &rows);
    if (x->numbers && x->by_rows)
        source.numbers = scan_part_row_values(part, x->rows, x->value);
    else if (x->numbers)
        source.numbers = scan_part_values(part, x->value);
    else if (x->by_rows)
        scan_part_row_texts(part, x->rows, x->value, &source.texts);
    else
        scan_part_texts(part, x->value, &source.texts);
    scan_part_groups(part, &x->split, &groups);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        size_t count = scan_groups_of(&groups, i, numbers);
        for (size_t g = 0; g < count; g++) {
            struct tally *t = groups_get(&w->groups, numbers[g]);
            if (!x->by_rows) {
                add(t, &source, i);
                continue;
            }
            uint32_t last = scan_end(&rows, i);
            for (uint32_t r = scan_row(&rows, scan_begin(&rows, i), last); r < last; r = scan_row(&rows, r + 1, last))
                if (rows.times[r] >= x->period.from_ms && rows.times[r] < x->period.to_ms)
                    add(t, &source, r);
        }
    }
}

/* --- the answer --- */

static uint64_t weight_of(const void *tally) { return ((const struct tally *)tally)->count; }

struct counted {
    struct slice text;
    uint64_t count;
    uint32_t number;
};

static int oftener(const void *a, const void *b) {
    const struct counted *x = a, *y = b;
    if (x->count != y->count)
        return (x->count < y->count) - (x->count > y->count);
    return slice_compare(x->text, y->text);
}

static void write_values(const struct distribution *x, struct answer_table *t, struct slice group,
                         const struct tally *tally) {
    size_t count = 0, shown;
    struct counted *all = memory_get(tally->room + 1, sizeof *all);
    uint64_t rest = 0;
    for (uint32_t i = 1; i < tally->room; i++)
        if (tally->texts[i])
            all[count++] = (struct counted){scan_shared_text(x->scan, i), tally->texts[i], i};
    qsort(all, count, sizeof *all, oftener);
    shown = count < (size_t)x->values_shown ? count : (size_t)x->values_shown;
    for (size_t i = shown; i < count; i++)
        rest += all[i].count;
    if (rest)
        all[shown++] = (struct counted){SLICE(TEXTS_OTHER_TEXT), rest, 0};
    if (tally->missing) {
        all = memory_resize(all, shown + 1, sizeof *all);
        all[shown++] = (struct counted){SLICE(TEXTS_MISSING_TEXT), tally->missing, 0};
    }
    for (size_t i = 0; i < shown; i++) {
        struct interval v = share_interval(all[i].count, tally->count);
        if (x->split.given)
            answer_text(t, group);
        answer_text(t, all[i].text);
        answer_integer(t, (int64_t)all[i].count);
        answer_share(t, all[i].count, tally->count);
        answer_real(t, v.low);
        answer_real(t, v.high);
    }
    free(all);
}

static void write_texts(struct distribution *x, struct answer *answer, const struct group_list *list) {
    struct answer_table *t = answer_table(answer, "values");
    if (x->split.given)
        answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, "value", ANSWER_TEXT);
    answer_column(t, x->by_rows ? "rows" : "customers", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    answer_column(t, "low", ANSWER_PERCENT);
    answer_column(t, "high", ANSWER_PERCENT);
    for (size_t i = 0; i < list->count; i++)
        write_values(x, t, list->all[i].name, list->all[i].data);
}

static uint64_t count_of(const struct tally *t, uint32_t text) {
    return text == 0 ? t->missing : text < t->room ? t->texts[text] : 0;
}

/* All values of all groups, the most frequent first; 0 is missing ones. The caller frees them. */
static uint32_t *values_of(const struct distribution *x, const struct group_list *list, size_t *count) {
    struct tally all = {0};
    for (size_t g = 0; g < list->count; g++) {
        const struct tally *t = list->all[g].data;
        text_add(&all, 0, t->missing);
        for (uint32_t i = 1; i < t->room; i++)
            if (t->texts[i])
                text_add(&all, i, t->texts[i]);
    }
    struct counted *values = memory_get((size_t)all.room + 1, sizeof *values);
    uint32_t *texts = memory_get((size_t)all.room + 1, sizeof *texts);
    *count = 0;
    for (uint32_t i = 0; i < all.room; i++)
        if (all.texts[i])
            values[(*count)++] = (struct counted){scan_shared_text(x->scan, i), all.texts[i], i};
    qsort(values, *count, sizeof *values, oftener);
    for (size_t i = 0; i < *count; i++)
        texts[i] = values[i].number;
    free(values);
    tally_release(&all);
    return texts;
}

/* Whether the share of a value differs between a group and all others. */
static double differ(const struct group_list *list, size_t group, uint32_t value, uint64_t *part, uint64_t *whole,
                     double *z) {
    const struct tally *t = list->all[group].data;
    *part = *whole = 0;
    for (size_t g = 0; g < list->count; g++) {
        *part += g == group ? 0 : count_of(list->all[g].data, value);
        *whole += g == group ? 0 : ((const struct tally *)list->all[g].data)->count;
    }
    return shares_differ(count_of(t, value), t->count, *part, *whole, z);
}

/* Each value's share in each group against all others. Two groups are one comparison, and two values are one, said twice. Not of rows, which one
 * customer may have many of; nor of segments, in several of which one may be. */
static void write_differences(const struct distribution *x, struct answer *answer, const struct group_list *list) {
    struct answer_table *t = answer_table(answer, "differences");
    size_t all, tests = 0, groups = group_tests(list->count);
    uint32_t *values = values_of(x, list, &all);
    size_t shown = all < (size_t)x->values_shown ? all : (size_t)x->values_shown, apart = all == 2 ? 1 : shown;
    double *p = memory_get(apart * groups + 1, sizeof *p), z;
    uint64_t part, whole;
    for (size_t v = 0; v < apart; v++)
        for (size_t g = 0; g < groups; g++)
            p[tests++] = differ(list, g, values[v], &part, &whole, &z);
    holm_adjust(p, tests);
    answer_column(t, "value", ANSWER_TEXT);
    answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    answer_column(t, "others", ANSWER_PERCENT);
    answer_column(t, "z", ANSWER_NUMBER);
    answer_column(t, "p", ANSWER_NUMBER);
    answer_column(t, "significant", ANSWER_BOOL);
    for (size_t v = 0; v < shown; v++)
        for (size_t g = 0; g < list->count; g++) {
            const struct tally *tally = list->all[g].data;
            const double adjusted = p[(v < apart ? v : 0) * groups + (g < groups ? g : 0)];
            (void)differ(list, g, values[v], &part, &whole, &z);
            answer_text(t, scan_shared_text(x->scan, values[v]));
            answer_text(t, list->all[g].name);
            answer_integer(t, (int64_t)tally->count);
            answer_share(t, count_of(tally, values[v]), tally->count);
            answer_share(t, part, whole);
            answer_real(t, z);
            answer_real(t, adjusted);
            answer_integer(t, adjusted < 0.05);
        }
    answer_note(answer,
                "differences: each group against all others together, two-proportion z test, p adjusted for %zu tests "
                "(Holm); significant: p < 0.05",
                tests);
    free(values);
    free(p);
}

static void write_numbers(struct distribution *x, struct answer *answer, const struct group_list *list) {
    const char *what = x->by_rows ? "rows" : "customers";
    struct answer_table *figures = answer_table(answer, "figures"), *buckets = answer_table(answer, "buckets");
    struct durations all = {0};
    uint64_t missing = 0;
    figures_columns(figures, x->histogram.type, x->split.given, what);
    for (size_t i = 0; i < list->count; i++) {
        const struct tally *t = list->all[i].data;
        for (size_t k = 0; k < t->numbers.count && list->count > 1; k++)
            durations_add(&all, t->numbers.all[k]);
        missing += t->missing;
        figures_row(figures, x->histogram.scale, x->split.given, list->all[i].name, &t->numbers);
    }
    if (list->count)
        histogram_choose(&x->histogram, list->count > 1 ? &all : &((const struct tally *)list->all[0].data)->numbers);
    histogram_columns(buckets, &x->histogram, x->split.given, what);
    for (size_t i = 0; i < list->count; i++)
        histogram_rows(buckets, &x->histogram, x->split.given, list->all[i].name,
                       &((const struct tally *)list->all[i].data)->numbers);
    if (missing)
        answer_note(answer, "%llu %s have no value and are in no figure", (unsigned long long)missing, what);
    durations_release(&all);
}

enum status insight_distribution(const struct insight *insight, struct definition_part *d, struct answer *answer,
                                 struct fault *fault) {
    struct distribution *x = memory_get(1, sizeof *x);
    struct group_list list;
    x->insight = insight;
    groups_init(&x->groups, sizeof(struct tally), tally_merge, tally_release);
    enum status status = read_definition(x, d, fault);
    if (!status)
        status = scan_run(x->scan, &(struct scan_work){x, begin, visit, merge, end}, fault);
    if (!status) {
        scan_list_groups(x->scan, &x->split, false, &x->groups, x->groups_shown, weight_of, &list);
        if (x->numbers)
            write_numbers(x, answer, &list);
        else
            write_texts(x, answer, &list);
        if (!x->numbers && x->split.given && x->split.segment_count == 0 && !x->by_rows && list.count > 1)
            write_differences(x, answer, &list);
        answer_note(answer, "%llu customers in the population", (unsigned long long)scan_population(x->scan));
        group_list_release(&list);
    }
    groups_release(&x->groups);
    scan_free(x->scan);
    free(x);
    return status;
}
