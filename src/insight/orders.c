/* orders: see orders.h. A worker piles up what it sees; piles are put one behind the other, customers sorted by number, and cut into groups. */
#include "insight/orders.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/apart.h"
#include "insight/groups.h"
#include "language/time_window.h"

struct pile_customer {
    uint32_t number, group_count;
    uint64_t first_group, first_order, first_item;
    uint32_t order_count;
};

struct pile {
    struct pile_customer *customers;
    uint32_t *groups, *item_counts, *items;
    int64_t *times;
    double *values;
    size_t customer_count, group_count, order_count, item_count;
    size_t customer_room, group_room, order_room, item_room;
    uint64_t missing_values;
};

struct gathering {
    struct orders_read *read;
    const struct orders_want *want;
    const struct insight *insight;
    struct calendar calendar;
    struct scan_split split;
    struct pile all;
    unsigned rows, value, item, merge;
    bool item_asked, item_lists; /* whether a row may hold several */
};

struct worker {
    struct gathering *g;
    struct pile pile;
};

/* Room for `more` elements of `size` bytes. */
static void *with_room(void *array, size_t count, size_t more, size_t *room, size_t size) {
    if (count + more <= *room)
        return array;
    *room = (count + more) * 2 + 64;
    return memory_resize(array, *room, size);
}

static void pile_orders_room(struct pile *p, size_t more) {
    size_t room = p->order_room;
    p->times = with_room(p->times, p->order_count, more, &room, sizeof *p->times);
    room = p->order_room;
    p->values = with_room(p->values, p->order_count, more, &room, sizeof *p->values);
    p->item_counts = with_room(p->item_counts, p->order_count, more, &p->order_room, sizeof *p->item_counts);
}

static void pile_release(struct pile *p) {
    free(p->customers);
    free(p->groups);
    free(p->item_counts);
    free(p->items);
    free(p->times);
    free(p->values);
    *p = (struct pile){0};
}

/* --- the pass --- */

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->g = context;
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    pile_release(&w->pile);
    free(w);
}

struct sight { /* of a part */
    struct scan_part *part;
    struct scan_rows rows;
    const struct vector *values;
    struct scan_texts items;
};

/* Whether element i goes on with the order that began with element `first`. */
static bool goes_on(const struct gathering *g, const struct sight *s, uint32_t first, uint32_t i, int64_t day_end) {
    switch ((enum orders_merge)g->merge) {
    case ORDERS_BY_ROW:
        return s->rows.times[i] == s->rows.times[first] &&
               scan_position(s->part, g->rows, i) == scan_position(s->part, g->rows, first);
    case ORDERS_BY_DAY:
        return s->rows.times[i] < day_end;
    case ORDERS_BY_CUSTOMER:
        return true;
    case ORDERS_BY_LINE:
        return false;
    }
    return false;
}

static void take_line(struct worker *w, const struct sight *s, uint32_t i) {
    struct pile *p = &w->pile;
    if (s->values) {
        if (vector_has(s->values, i))
            p->values[p->order_count - 1] += number_as_real(vector_number(s->values, i));
        else
            p->missing_values++;
    }
    if (w->g->item_asked) {
        uint32_t one, *texts = &one;
        size_t count = 1;
        if (w->g->item_lists)
            count = scan_row_texts(s->part, &s->items, i, &texts);
        else if ((one = scan_text(&s->items, i)) == 0)
            return;
        p->items = with_room(p->items, p->item_count, count, &p->item_room, sizeof *p->items);
        memcpy(p->items + p->item_count, texts, count * sizeof *texts);
        p->item_count += count;
        p->item_counts[p->order_count - 1] += (uint32_t)count;
    }
}

static void take_customer(struct worker *w, const struct sight *s, uint32_t customer, struct pile_customer *c) {
    const struct gathering *g = w->g;
    struct pile *p = &w->pile;
    uint32_t last = scan_end(&s->rows, customer), first = UINT32_MAX;
    int64_t day_end = INT64_MIN, from = g->read->period.from_ms, to = g->read->period.to_ms;
    for (uint32_t i = scan_row(&s->rows, scan_begin(&s->rows, customer), last); i < last;
         i = scan_row(&s->rows, i + 1, last)) {
        int64_t time = s->rows.times[i];
        if (time < from || time >= to)
            continue;
        if (first == UINT32_MAX || !goes_on(g, s, first, i, day_end)) {
            pile_orders_room(p, 1);
            p->times[p->order_count] = time;
            p->values[p->order_count] = 0;
            p->item_counts[p->order_count++] = 0;
            c->order_count++;
            first = i;
            if (g->merge == ORDERS_BY_DAY)
                day_end = calendar_day_start(&g->calendar, calendar_day(&g->calendar, time) + 1);
        }
        take_line(w, s, i);
    }
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct gathering *g = w->g;
    struct pile *p = &w->pile;
    struct sight s = {.part = part};
    struct scan_groups groups;
    uint32_t numbers[SCAN_SPLITS_MAX];
    scan_part_rows(part, g->rows, &s.rows);
    if (g->read->valued)
        s.values = scan_part_row_values(part, g->rows, g->value);
    if (g->item_asked)
        scan_part_row_texts(part, g->rows, g->item, &s.items);
    scan_part_groups(part, &g->split, &groups);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        struct pile_customer c = {.number = scan_customer(part, i).number,
                                  .first_group = p->group_count,
                                  .first_order = p->order_count,
                                  .first_item = p->item_count};
        take_customer(w, &s, i, &c);
        if (c.order_count == 0)
            continue;
        c.group_count = (uint32_t)scan_groups_of(&groups, i, numbers);
        p->groups = with_room(p->groups, p->group_count, c.group_count, &p->group_room, sizeof *p->groups);
        for (uint32_t k = 0; k < c.group_count; k++)
            p->groups[p->group_count++] = numbers[k];
        p->customers = with_room(p->customers, p->customer_count, 1, &p->customer_room, sizeof *p->customers);
        p->customers[p->customer_count++] = c;
    }
}

static void merge(void *context, void *state, struct scan_worker *worker) {
    struct gathering *g = context;
    struct pile *to = &g->all, *from = &((struct worker *)state)->pile;
    struct scan *scan = g->read->scan;
    to->customers =
        with_room(to->customers, to->customer_count, from->customer_count, &to->customer_room, sizeof *to->customers);
    for (size_t i = 0; i < from->customer_count; i++) {
        struct pile_customer c = from->customers[i];
        c.first_group += to->group_count;
        c.first_order += to->order_count;
        c.first_item += to->item_count;
        to->customers[to->customer_count++] = c;
    }
    to->groups = with_room(to->groups, to->group_count, from->group_count, &to->group_room, sizeof *to->groups);
    for (size_t i = 0; i < from->group_count; i++)
        to->groups[to->group_count++] = scan_shared_group(scan, worker, &g->split, from->groups[i]);
    to->items = with_room(to->items, to->item_count, from->item_count, &to->item_room, sizeof *to->items);
    for (size_t i = 0; i < from->item_count; i++)
        to->items[to->item_count++] = scan_shared(scan, worker, from->items[i]);
    pile_orders_room(to, from->order_count);
    if (from->order_count) {
        memcpy(to->times + to->order_count, from->times, from->order_count * sizeof *to->times);
        memcpy(to->values + to->order_count, from->values, from->order_count * sizeof *to->values);
        memcpy(to->item_counts + to->order_count, from->item_counts, from->order_count * sizeof *to->item_counts);
    }
    to->order_count += from->order_count;
    to->missing_values += from->missing_values;
    pile_release(from);
}

/* --- items by their texts --- */

struct named {
    struct slice text;
    uint32_t number;
};

static int by_text(const void *a, const void *b) {
    const struct named *p = a, *q = b;
    int order = slice_compare(p->text, q->text);
    return order ? order : (p->number > q->number) - (p->number < q->number);
}

static void number_items(struct gathering *g) {
    struct orders_read *read = g->read;
    uint32_t most = scan_shared_count(read->scan), used = 0;
    most = most < TEXTS_OTHER ? TEXTS_OTHER : most;
    uint32_t *now = memory_get((size_t)most + 1, sizeof *now);
    for (size_t i = 0; i < g->all.item_count; i++) {
        used += now[g->all.items[i]] == 0;
        now[g->all.items[i]] = 1;
    }
    struct named *named = memory_get((size_t)used + 1, sizeof *named);
    for (uint32_t i = 0, n = 0; i <= most; i++)
        if (now[i])
            named[n++] = (struct named){scan_shared_text(read->scan, i), i};
    qsort(named, used, sizeof *named, by_text);
    read->items = memory_get((size_t)used + 1, sizeof *read->items);
    for (uint32_t i = 0; i < used; i++) {
        read->items[i] = named[i].text;
        now[named[i].number] = i;
    }
    for (size_t i = 0; i < g->all.item_count; i++)
        g->all.items[i] = now[g->all.items[i]];
    read->item_count = used;
    free(named);
    free(now);
}

/* --- groups --- */

static int by_customer(const void *a, const void *b) {
    const struct pile_customer *p = a, *q = b;
    return (p->number > q->number) - (p->number < q->number);
}

static bool in_group(const struct gathering *g, const struct pile_customer *c, uint32_t group) {
    for (uint32_t i = 0; i < c->group_count; i++)
        if (g->all.groups[c->first_group + i] == group)
            return true;
    return false;
}

static void cut_out(const struct gathering *g, uint32_t group, struct orders *out) {
    const struct pile *p = &g->all;
    size_t customers = 0, orders = 0, items = 0;
    for (size_t i = 0; i < p->customer_count; i++)
        if (in_group(g, &p->customers[i], group)) {
            customers++;
            for (uint64_t k = 0; k < p->customers[i].order_count; k++, orders++)
                items += p->item_counts[p->customers[i].first_order + k];
        }
    out->customers = memory_get(customers + 1, sizeof *out->customers);
    out->customer_starts = memory_get(customers + 1, sizeof *out->customer_starts);
    out->times = memory_get(orders + 1, sizeof *out->times);
    out->values = memory_get(orders + 1, sizeof *out->values);
    out->item_starts = g->item_asked ? memory_get(orders + 1, sizeof *out->item_starts) : NULL;
    out->items = g->item_asked ? memory_get(items + 1, sizeof *out->items) : NULL;
    for (size_t i = 0; i < p->customer_count; i++) {
        const struct pile_customer *c = &p->customers[i];
        uint64_t item = c->first_item;
        if (!in_group(g, c, group))
            continue;
        for (uint64_t k = c->first_order; k < c->first_order + c->order_count; k++) {
            out->times[out->order_count] = p->times[k];
            out->values[out->order_count++] = p->values[k];
            if (!out->items)
                continue;
            uint64_t start = out->item_starts[out->order_count - 1];
            if (p->item_counts[k])
                memcpy(out->items + start, p->items + item, p->item_counts[k] * sizeof *p->items);
            out->item_starts[out->order_count] = start + p->item_counts[k];
            item += p->item_counts[k];
        }
        out->customers[out->customer_count++] = c->number;
        out->customer_starts[out->customer_count] = out->order_count;
    }
}

static uint64_t one_weight(const void *data) { return *(const uint64_t *)data; }

static struct slice group_name(void *context, uint32_t group) {
    const struct gathering *g = context;
    return scan_group_name(g->read->scan, &g->split, group);
}

static void add_weights(void *into, void *from) { *(uint64_t *)into += *(uint64_t *)from; }

static void cut_groups(struct gathering *g, struct answer *answer) {
    struct orders_read *read = g->read;
    struct groups weights;
    struct group_list list;
    qsort(g->all.customers, g->all.customer_count, sizeof *g->all.customers, by_customer);
    groups_init(&weights, sizeof(uint64_t), add_weights, NULL);
    if (!read->split) /* there where nobody is */
        groups_get(&weights, 0);
    for (size_t i = 0; i < g->all.group_count; i++)
        ++*(uint64_t *)groups_get(&weights, g->all.groups[i]);
    groups_list(&weights, SIZE_MAX - 1, one_weight, group_name, g, &list);
    read->group_count = list.count < ORDERS_GROUPS_MAX ? list.count : ORDERS_GROUPS_MAX;
    read->groups = memory_get(read->group_count + 1, sizeof *read->groups);
    for (size_t i = 0; i < read->group_count; i++) {
        read->groups[i].name = list.all[i].name;
        cut_out(g, list.all[i].number, &read->groups[i].orders);
    }
    if (list.count > ORDERS_GROUPS_MAX)
        answer_note(answer, "split: the %d largest of %zu groups are shown", ORDERS_GROUPS_MAX, list.count);
    group_list_release(&list);
    groups_release(&weights);
}

/* --- reading the definition --- */

/* A value that was not asked for but is usual, and that these rows have not. */
static enum status not_usual(const struct definition_part *d, const char *key, const char *usual, const char *right,
                             struct fault *fault) {
    char why[sizeof fault->text];
    if (definition_get(d, key) || !fault)
        return STATUS_INVALID;
    (void)snprintf(why, sizeof why, "%s", fault->text);
    return definition_fail(d, key, fault, "\"%s\" is taken where none is given, and these rows have none (%s); %s",
                           usual, why, right);
}

static enum status read_values(struct gathering *g, const struct definition_part *d, struct slice value,
                               struct slice item, struct fault *fault) {
    struct scan *scan = g->read->scan;
    enum status status = STATUS_OK;
    if (g->read->valued && (status = scan_row_value(scan, g->rows, value, "value", TERM_NUMBER, &g->value, fault)))
        return not_usual(d, "value", g->want->value,
                         "say what an order is worth, such as \"amount\", or \"1\" where only orders are counted",
                         fault);
    if (g->item_asked && (status = scan_row_things(scan, g->rows, item, "item", &g->item, fault)))
        return not_usual(d, "item", g->want->item, "say what is bought, such as \"sku\" or \"category\"", fault);
    if (g->item_asked) {
        const enum term_type type = scan_row_value_node(scan, g->rows, g->item)->type;
        g->item_lists = type == TERM_TEXT_LIST || type == TERM_NUMBER_LIST;
    }
    return status;
}

static enum status read_definition(struct gathering *g, const struct definition_part *d, struct fault *fault) {
    struct orders_read *read = g->read;
    struct definition_rows *rows;
    struct slice value = slice_text(g->want->value), item = slice_text(g->want->item);
    size_t count;
    enum status status = scan_create(d, &read->scan, fault);
    if (!status)
        status = definition_rows(d, "orders", 0, 1, &rows, &count, fault);
    if (!status)
        status = count ? scan_rows(read->scan, &rows[0], &g->rows, fault)
                       : scan_rows_text(read->scan, slice_text(g->want->orders), "orders", &g->rows, fault);
    if (!status && g->want->value_wanted)
        status = definition_text(d, "value", &value, fault);
    if (!status && g->want->item_wanted)
        status = definition_text(d, "item", &item, fault);
    if (!status && g->want->item_wanted && g->want->item[0] && item.size == 0)
        status = definition_fail(d, "item", fault, "what stands for a line is expected here, such as product_id");
    read->valued = g->want->value_wanted && value.size;
    g->item_asked = g->want->item_wanted && item.size;
    if (!status)
        status = read_values(g, d, value, item, fault);
    g->merge = g->want->merge;
    if (!status)
        status = definition_choice(d, "merge", "order|day|none|customer", &g->merge, fault);
    if (!status)
        status = definition_period(d, &read->period, fault);
    if (!status)
        status = scan_split(read->scan, d, &g->split, fault);
    if (g->want->to_now && read->period.to_ms > g->insight->now_ms)
        read->period.to_ms = g->insight->now_ms < INT64_MAX ? g->insight->now_ms + 1 : INT64_MAX;
    read->split = g->split.given;
    return status;
}

enum status orders_read(const struct definition_part *d, const struct orders_want *want, struct answer *answer,
                        struct orders_read *out, struct fault *fault) {
    struct definition_part one;
    *out = (struct orders_read){0};
    if (d->insight->members && definition_get(d, "split")) { /* members are of one group */
        enum status status = apart_member_group(d, &one, fault);
        if (status)
            return status;
        d = &one;
    }
    struct gathering g = {.read = out, .want = want, .insight = d->insight, .calendar = insight_calendar(d->insight)};
    const struct scan_work work = {&g, begin, visit, merge, end};
    enum status status = read_definition(&g, d, fault);
    if (!status)
        status = scan_run(out->scan, &work, fault);
    if (!status) {
        out->population = scan_population(out->scan);
        out->missing_values = g.all.missing_values;
        if (g.item_asked)
            number_items(&g);
        cut_groups(&g, answer);
        if (out->missing_values)
            answer_note(answer, "%llu rows of orders have no value: they count as 0",
                        (unsigned long long)out->missing_values);
    }
    pile_release(&g.all);
    if (status)
        orders_release(out);
    return status;
}

void orders_release(struct orders_read *read) {
    for (size_t i = 0; i < read->group_count; i++) {
        struct orders *o = &read->groups[i].orders;
        free(o->customers);
        free(o->customer_starts);
        free(o->times);
        free(o->values);
        free(o->item_starts);
        free(o->items);
    }
    free(read->groups);
    free(read->items);
    scan_free(read->scan);
    *read = (struct orders_read){0};
}

void orders_group_column(const struct orders_read *read, struct answer_table *table) {
    if (read->split)
        answer_column(table, "group", ANSWER_TEXT);
}

void orders_group_cell(const struct orders_read *read, struct answer_table *table, size_t group) {
    if (read->split)
        answer_text(table, read->groups[group].name);
}

double orders_sum(const struct orders *orders) {
    double sum = 0;
    for (size_t i = 0; i < orders->order_count; i++)
        sum += orders->values[i];
    return sum;
}
