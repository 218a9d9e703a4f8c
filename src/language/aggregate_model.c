/* aggregate_model: aggregates and sequences of the slow twin (plan_model.h). */
#include <assert.h>
#include <stdlib.h>

#include "language/plan_model_inside.h"

/* --- aggregates: the scopes of all rows (or items) in the window, in order, first; then those that fulfil `where` --- */

struct scopes {
    struct scope *all;
    size_t count;
};

static void add_scope(struct scopes *to, struct scope scope) {
    to->all = memory_resize(to->all, to->count + 1, sizeof *to->all);
    to->all[to->count++] = scope;
}

static void add_items(struct scopes *to, struct scope scope, uint16_t property) {
    const struct record_head *r = scope.row->record;
    const struct record_value *v = record_find(r, property);
    for (uint32_t i = 0; v && v->kind == VALUE_ITEMS && i < v->count; i++) {
        scope.item = &record_items(r, v)[i];
        add_scope(to, scope);
    }
}

static struct scopes in_window(const struct scope *s, const struct source_reference *from, struct interval window) {
    struct scopes found = {0};
    if (from->kind == SOURCE_ROW_ITEMS) {
        if (inside(window, s->row->time_ms))
            add_items(&found, *s, from->items);
        return found;
    }
    struct rows rows = source_rows(s->world, s->person, from);
    for (size_t i = 0; i < rows.count; i++) {
        struct scope scope = {.world = s->world, .person = s->person, .row = &rows.all[i]};
        if (!inside(window, rows.all[i].time_ms))
            continue;
        if (from->kind == SOURCE_RELATION)
            scope.person = person_of(s->world, rows.all[i].target);
        if (from->items)
            add_items(&found, scope, from->items);
        else
            add_scope(&found, scope);
    }
    return found;
}

static struct scopes fulfilling(struct scopes all, const struct node *where) {
    struct scopes kept = {0};
    for (size_t i = 0; i < all.count; i++)
        if (!where || model_condition(&all.all[i], where))
            add_scope(&kept, all.all[i]);
    return kept;
}

void add_value(struct values *to, struct value v) {
    if (v.type == TERM_NONE)
        return;
    to->all = memory_resize(to->all, to->count + 1, sizeof *to->all);
    to->all[to->count++] = v;
}

/* Values that are there, in order of rows. */
static struct values values_of(const struct scopes *scopes, const struct reference *ref) {
    struct values values = {0};
    for (size_t i = 0; i < scopes->count; i++)
        add_value(&values, reference_value(&scopes->all[i], ref));
    return values;
}

static struct values elements_of(struct values lists) {
    struct values values = {0};
    for (size_t i = 0; i < lists.count; i++) {
        const struct value *v = &lists.all[i];
        if (v->type != TERM_TEXT_LIST && v->type != TERM_NUMBER_LIST)
            add_value(&values, *v);
        for (uint32_t k = 0; k < v->count; k++)
            add_value(&values, v->elements[k]);
    }
    free(lists.all);
    return values;
}

/* Decimals exactly; from the first double on, doubles, in order. */
static struct value sum_of(const struct values *v) {
    __int128 exact = 0;
    double real = 0;
    bool all_exact = true;
    for (size_t i = 0; i < v->count; i++) {
        struct value x = v->all[i];
        int64_t up = 1;
        if (x.scale == SCALE_REAL) {
            all_exact = false;
            continue;
        }
        for (unsigned k = x.scale; k < 6; k++)
            up *= 10;
        exact += (__int128)x.integer * up;
    }
    if (all_exact)
        return value_exact(exact, 6);
    for (size_t i = 0; i < v->count; i++)
        real += value_double(&v->all[i]);
    return value_real(real);
}

static struct value mean_of(const struct values *v) {
    __int128 exact = 0;
    if (v->count == 0)
        return VALUE_NONE;
    for (size_t i = 0; i < v->count; i++) {
        struct value x = v->all[i];
        if (x.scale == SCALE_REAL) {
            struct value sum = sum_of(v);
            return value_real(value_double(&sum) / (double)v->count);
        }
        for (unsigned k = x.scale; k < 6; k++)
            x.integer *= 10; /* data of tests fits */
        exact += x.integer;
    }
    if (exact % (__int128)v->count == 0)
        return value_exact(exact / (__int128)v->count, 6);
    return value_real((double)((__float128)exact / (__float128)((__int128)v->count * 1000000)));
}

struct value extreme_of(const struct zone *zone, const struct values *v, int sign) {
    struct value best = VALUE_NONE;
    for (size_t i = 0; i < v->count; i++)
        if (best.type == TERM_NONE || value_compare(zone, v->all[i], best) * sign > 0)
            best = v->all[i];
    return best;
}

static struct value median_of(const struct zone *zone, struct values *v) {
    if (v->count == 0)
        return VALUE_NONE;
    for (size_t i = 0; i < v->count; i++)
        for (size_t k = i + 1; k < v->count; k++)
            if (value_compare(zone, v->all[k], v->all[i]) < 0) {
                struct value swap = v->all[i];
                v->all[i] = v->all[k];
                v->all[k] = swap;
            }
    if (v->count % 2)
        return v->all[v->count / 2];
    return number_arithmetic(OP_DIVIDE, number_arithmetic(OP_ADD, v->all[v->count / 2 - 1], v->all[v->count / 2]),
                             value_whole(2));
}

static size_t equals_before(const struct zone *zone, const struct values *v, size_t end, struct value x) {
    size_t count = 0;
    for (size_t i = 0; i < end; i++)
        count += value_equal(zone, v->all[i], x);
    return count;
}

static struct value distinct_of(const struct zone *zone, const struct values *v) {
    int64_t count = 0;
    for (size_t i = 0; i < v->count; i++)
        count += equals_before(zone, v, i, v->all[i]) == 0;
    return value_whole(count);
}

/* The latest of the most frequent. */
static struct value top_of(const struct zone *zone, const struct values *v) {
    struct value best = VALUE_NONE;
    size_t most = 0;
    for (size_t i = v->count; i-- > 0;) {
        size_t count = equals_before(zone, v, v->count, v->all[i]);
        if (count > most) {
            most = count;
            best = v->all[i];
        }
    }
    return best;
}

/* Values with their counts, the most frequent first; of equally frequent ones that which was seen last. */
static struct value distribution_of(struct world *w, const struct values *v) {
    struct buffer text = {0};
    struct json_writer out = {.out = &text};
    size_t left = v->count;
    json_array(&out);
    for (size_t count = v->count; count > 0 && left > 0; count--)
        for (size_t i = v->count; i-- > 0;) {
            bool last = true;
            for (size_t k = i + 1; k < v->count; k++)
                last = last && !value_equal(w->zone, v->all[k], v->all[i]);
            if (!last || equals_before(w->zone, v, v->count, v->all[i]) != count)
                continue;
            json_object(&out);
            json_key(&out, "value");
            model_write(&out, v->all[i]);
            json_member_integer(&out, "count", (int64_t)count);
            json_end_object(&out);
            left -= count;
        }
    json_end_array(&out);
    struct value result = {.type = TERM_DISTRIBUTION, .text = arena_copy(w->arena, buffer_slice(&text))};
    buffer_release(&text);
    return v->count ? result : VALUE_NONE;
}

static struct value distinct_days(const struct scopes *rows, const struct zone *zone) {
    struct values days = {0};
    for (size_t i = 0; i < rows->count; i++)
        add_value(&days, value_date(day_of(zone, rows->all[i].row->time_ms)));
    struct value count = distinct_of(zone, &days);
    free(days.all);
    return count;
}

static struct value end_of(const struct node *n, const struct scopes *rows, const struct values *values) {
    bool first = n->op == OP_FIRST;
    if (n->source->from.value.kind != REFERENCE_NONE)
        return values->count ? values->all[first ? 0 : values->count - 1] : VALUE_NONE;
    if (rows->count == 0)
        return VALUE_NONE;
    const struct scope *row = &rows->all[first ? 0 : rows->count - 1];
    return n->piece_count ? reference_value(row, &n->reference) : value_time(row->row->time_ms);
}

static struct value share_of(const struct scopes *kept, const struct scopes *all) {
    if (all->count == 0)
        return VALUE_NONE;
    return number_arithmetic(OP_DIVIDE, value_whole((int64_t)kept->count), value_whole((int64_t)all->count));
}

/* One case an aggregate. */
static struct value aggregate_of(const struct node *n, struct world *w, const struct scopes *all,
                                 const struct scopes *rows, struct values *values) {
    switch (n->op) {
    case OP_COUNT:
        return value_whole((int64_t)values->count);
    case OP_ANY:
        return value_bool(values->count > 0);
    case OP_NONE:
        return value_bool(values->count == 0);
    case OP_SUM:
        return sum_of(values);
    case OP_AVG:
        return mean_of(values);
    case OP_MIN:
        return extreme_of(w->zone, values, -1);
    case OP_MAX:
        return extreme_of(w->zone, values, 1);
    case OP_MEDIAN:
        return median_of(w->zone, values);
    case OP_FIRST:
    case OP_LAST:
        return end_of(n, rows, values);
    case OP_DISTINCT:
        return distinct_of(w->zone, values);
    case OP_DISTINCT_DAYS:
        return distinct_days(rows, w->zone);
    case OP_TOP:
        return top_of(w->zone, values);
    case OP_DISTRIBUTION:
        return distribution_of(w, values);
    default:
        assert(n->op == OP_SHARE);
        return share_of(rows, all);
    }
}

struct value model_aggregate(const struct scope *s, const struct node *n) {
    const struct reference *ref = &n->source->from.value;
    struct scopes all = in_window(s, &n->source->from, window_interval(s, n->window));
    struct scopes rows = fulfilling(all, n->where);
    struct values values = {0};
    if (ref->kind != REFERENCE_NONE) {
        values = values_of(&rows, ref);
        if (n->op == OP_DISTINCT || n->op == OP_TOP || n->op == OP_DISTRIBUTION)
            values = elements_of(values);
    } else {
        for (size_t i = 0; i < rows.count; i++)
            add_value(&values, value_bool(true));
    }
    struct value result = aggregate_of(n, s->world, &all, &rows, &values);
    free(all.all);
    free(rows.all);
    free(values.all);
    return result;
}

/* --- sequences: every choice of rows is tried --- */

#define STEPS_MAX 16

struct search {
    const struct world *world;
    const struct node *steps[STEPS_MAX];
    const struct node *within; /* over all */
    uint32_t count;
    struct row *rows; /* all in the window that any step may match, in order */
    size_t row_count;
    bool *match[STEPS_MAX]; /* [row_count] */
};

static int64_t later(const struct search *s, int64_t time_ms, const struct node *within) {
    return within ? duration_add(s->world->zone, time_ms, within->amount, within->unit) : INT64_MAX;
}

/* Whether none of rows [from, end) up to the time matches the step. */
static bool absent(const struct search *s, uint32_t step, size_t from, size_t end, int64_t until) {
    for (size_t i = from; i < end; i++)
        if (s->match[step][i] && s->rows[i].time_ms <= until)
            return false;
    return true;
}

/* Whether the negated steps [step, count) hold after row `last` (SIZE_MAX: nothing was chosen). */
static bool ends(const struct search *s, uint32_t step, size_t first, size_t last) {
    for (; step < s->count; step++) {
        if (last == SIZE_MAX) {
            if (!absent(s, step, 0, s->row_count, INT64_MAX))
                return false;
            continue;
        }
        int64_t until = later(s, s->rows[last].time_ms, s->steps[step]->within),
                whole = later(s, s->rows[first].time_ms, s->within);
        until = whole < until ? whole : until;
        if (!absent(s, step, last + 1, s->row_count, until) || (until != INT64_MAX && s->world->now_ms < until))
            return false;
    }
    return true;
}

/* Whether the steps from `step` on can be matched to rows after `last`. */
static bool matches_from(const struct search *s, uint32_t step, size_t first, size_t last) {
    uint32_t next = step;
    while (next < s->count && s->steps[next]->negated)
        next++;
    if (next == s->count)
        return ends(s, step, first, last);
    for (size_t i = last + 1; i < s->row_count; i++) { /* SIZE_MAX + 1 = 0 */
        if (!s->match[next][i])
            continue;
        bool fits = true;
        if (last != SIZE_MAX)
            fits = s->rows[i].time_ms <= later(s, s->rows[last].time_ms, s->steps[next]->within) &&
                   s->rows[i].time_ms <= later(s, s->rows[first].time_ms, s->within);
        for (uint32_t k = step; k < next && fits; k++)
            fits = absent(s, k, last + 1, i,
                          last == SIZE_MAX ? INT64_MAX : later(s, s->rows[last].time_ms, s->steps[k]->within));
        if (fits && matches_from(s, next + 1, first == SIZE_MAX ? i : first, i))
            return true;
    }
    return false;
}

static bool same_row(const struct row *a, const struct row *b) {
    return a->record->type == b->record->type && a->position == b->position && a->time_ms == b->time_ms &&
           a->record->document == b->record->document;
}

/* Marks the rows that a step matches; where its source is items, rows one item of which does. */
static void mark_step(const struct scope *s, struct search *search, uint32_t step) {
    const struct node *n = search->steps[step];
    struct scopes all = in_window(s, &n->source->from, FOR_EVER), kept = fulfilling(all, n->where);
    search->match[step] = memory_get(search->row_count + 1, sizeof(bool));
    for (size_t i = 0; i < search->row_count; i++)
        for (size_t k = 0; k < kept.count; k++)
            if (same_row(&search->rows[i], kept.all[k].row))
                search->match[step][i] = true;
    free(all.all);
    free(kept.all);
}

static void add_distinct(struct search *search, const struct rows *rows, struct interval window) {
    for (size_t i = 0; i < rows->count; i++) {
        bool known = !inside(window, rows->all[i].time_ms);
        for (size_t k = 0; k < search->row_count && !known; k++)
            known = same_row(&search->rows[k], &rows->all[i]);
        if (known)
            continue;
        search->rows = memory_resize(search->rows, search->row_count + 1, sizeof *search->rows);
        search->rows[search->row_count++] = rows->all[i];
    }
}

struct value model_sequence(const struct scope *s, const struct node *n) {
    struct search search = {.world = s->world, .within = n->within};
    struct interval window = window_interval(s, n->window);
    for (const struct node *step = n->first; step; step = step->next) {
        struct rows rows = source_rows(s->world, s->person, &step->source->from);
        assert(search.count < STEPS_MAX);
        search.steps[search.count++] = step;
        add_distinct(&search, &rows, window);
    }
    if (search.row_count)
        qsort(search.rows, search.row_count, sizeof *search.rows, by_order);
    uint32_t steps = search.count, reached = 0;
    for (uint32_t i = 0; i < steps; i++)
        mark_step(s, &search, i);
    if (n->op == OP_SEQUENCE)
        reached = matches_from(&search, 0, SIZE_MAX, SIZE_MAX) ? steps : 0;
    for (search.count = steps; n->op == OP_STEPS && search.count > 0 && reached == 0; search.count--)
        reached = matches_from(&search, 0, SIZE_MAX, SIZE_MAX) ? search.count : 0;
    for (uint32_t i = 0; i < steps; i++)
        free(search.match[i]);
    free(search.rows);
    return n->op == OP_SEQUENCE ? value_bool(reached > 0) : value_whole(reached);
}
