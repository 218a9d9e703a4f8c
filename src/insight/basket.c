/* basket: what is bought together: frequent sets and rules (itemset.h) over the baskets of everybody, or of each group of a split.
 *
 * Sets come from counts that are kept where the same is asked again (basket_store.h); rules follow from the sets. An item is whatever `item` says of a line: product_id, or a level above it (product.category, brand): the same lines, other baskets. */
#include <math.h>
#include <stdlib.h>

#include "govern/json_text.h"
#include "insight/basket_store.h"
#include "insight/itemset.h"
#include "insight/orders.h"
#include "insight/statistics.h"

#define LEFT_MAX 8

struct asked {
    double support, confidence, lift;
    int64_t shown, sets_shown, length_min, length_max;
    unsigned order;
    struct slice *left; /* of members */
    size_t left_count;
    struct slice without;
};

/* {"left": ["a", "b"], "without": "c"}: customers who have all of the left in one basket and c in none. */
static enum status read_members(const struct definition_part *d, struct asked *a, struct fault *fault) {
    static const char *const known[] = {"left", "without", NULL};
    struct definition_part part;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = definition_texts(&part, "left", LEFT_MAX, &a->left, &a->left_count, fault);
    if (!status)
        status = definition_text(&part, "without", &a->without, fault);
    if (!status && a->left_count == 0)
        return definition_fail(&part, "left", fault,
                               "the items that customers have in one basket are expected here, such as {\"left\": "
                               "[\"A1\"], \"without\": \"B2\"}");
    return status;
}

static enum status read_definition(const struct definition_part *d, struct asked *a, struct fault *fault) {
    *a = (struct asked){.support = 0.01, .confidence = 0.2, .shown = 100, .sets_shown = 20, .length_min = 2};
    enum status status = definition_real(d, "support", 1e-9, 1, &a->support, fault);
    if (!status)
        status = definition_real(d, "confidence", 0, 1, &a->confidence, fault);
    if (!status)
        status = definition_real(d, "lift", 0, 1e12, &a->lift, fault);
    if (!status)
        status = definition_integer(d, "shortest", 1, ITEMSET_LENGTH_MAX, &a->length_min, fault);
    if (!status)
        status = definition_integer(d, "longest", 1, ITEMSET_LENGTH_MAX - 2, &a->length_max, fault);
    if (!status)
        status = definition_integer(d, "shown", 0, 1000000, &a->shown, fault);
    if (!status)
        status = definition_integer(d, "sets", 0, 1000000, &a->sets_shown, fault);
    if (!status)
        status = definition_choice(d, "by", "lift|confidence|support", &a->order, fault);
    if (!status && d->insight->members)
        status = read_members(d, a, fault);
    return status;
}

/* --- members --- */

static bool basket_holds(const struct orders *o, uint64_t order, uint32_t item) {
    for (uint64_t i = o->item_starts[order]; i < o->item_starts[order + 1]; i++)
        if (o->items[i] == item)
            return true;
    return false;
}

static uint32_t item_of(const struct orders_read *read, struct slice text) {
    for (uint32_t i = 0; i < read->item_count; i++)
        if (slice_equal(read->items[i], text))
            return i;
    return UINT32_MAX;
}

static void name_members(const struct insight *insight, const struct orders_read *read, const struct asked *a) {
    const struct orders *o = &read->groups[0].orders;
    uint32_t left[LEFT_MAX], without = a->without.size ? item_of(read, a->without) : UINT32_MAX;
    for (size_t i = 0; i < a->left_count; i++)
        left[i] = item_of(read, a->left[i]);
    for (size_t c = 0; c < o->customer_count; c++) {
        bool has = false, has_other = false;
        for (uint64_t k = o->customer_starts[c]; k < o->customer_starts[c + 1]; k++) {
            bool all = true;
            for (size_t i = 0; i < a->left_count; i++)
                all = all && basket_holds(o, k, left[i]);
            has = has || all;
            has_other = has_other || (without != UINT32_MAX && basket_holds(o, k, without));
        }
        if (has && !has_other)
            insight_member(insight->members, (struct customer_id){o->customers[c]});
    }
}

/* --- the answer --- */

enum { RULES, SETS, COUNTS, TABLES };

static void begin_tables(const struct orders_read *read, struct answer *answer, struct answer_table **t) {
    static const char *const names[TABLES] = {"rules", "sets", "counts"};
    for (unsigned i = 0; i < TABLES; i++)
        orders_group_column(read, t[i] = answer_table(answer, names[i]));
    answer_column(t[RULES], "left", ANSWER_TEXT);
    answer_column(t[RULES], "right", ANSWER_TEXT);
    answer_column(t[RULES], "baskets", ANSWER_INTEGER);
    answer_column(t[RULES], "support", ANSWER_PERCENT);
    answer_column(t[RULES], "confidence", ANSWER_PERCENT);
    answer_column(t[RULES], "lift", ANSWER_NUMBER);
    answer_column(t[RULES], "conviction", ANSWER_NUMBER);
    answer_column(t[RULES], "leverage", ANSWER_NUMBER);
    answer_column(t[RULES], "coverage", ANSWER_PERCENT);
    answer_column(t[RULES], "p", ANSWER_NUMBER);
    answer_column(t[RULES], "significant", ANSWER_BOOL);
    answer_column(t[SETS], "items", ANSWER_TEXT);
    answer_column(t[SETS], "length", ANSWER_INTEGER);
    answer_column(t[SETS], "baskets", ANSWER_INTEGER);
    answer_column(t[SETS], "support", ANSWER_PERCENT);
    answer_column(t[COUNTS], "length", ANSWER_INTEGER);
    answer_column(t[COUNTS], "sets", ANSWER_INTEGER);
    answer_column(t[COUNTS], "rules", ANSWER_INTEGER);
}

static void item_texts(const struct orders_read *read, const uint32_t *items, size_t count, uint32_t left_out,
                       struct buffer *into) {
    const char *gap = "";
    buffer_clear(into);
    for (size_t i = 0; i < count; i++) {
        if (items[i] == left_out)
            continue;
        buffer_print(into, "%s%.*s", gap, SLICE_ARG(read->items[items[i]]));
        gap = " + ";
    }
}

static void write_rules(const struct orders_read *read, size_t g, const struct itemsets *sets, const struct rule *rules,
                        size_t count, const struct asked *a, struct answer_table *t) {
    double *p = memory_get(count + 1, sizeof *p);
    struct buffer left = {0};
    for (size_t i = 0; i < count; i++)
        p[i] = rule_measures(&rules[i], sets->basket_count).p_value;
    holm_adjust(p, count);
    for (size_t i = 0; i < count && i < (size_t)a->shown; i++) {
        struct rule_measures m = rule_measures(&rules[i], sets->basket_count);
        item_texts(read, itemset_items(sets, rules[i].set), itemset_length(sets, rules[i].set), rules[i].right, &left);
        orders_group_cell(read, t, g);
        answer_text(t, buffer_slice(&left));
        answer_text(t, read->items[rules[i].right]);
        answer_integer(t, rules[i].both);
        answer_real(t, m.support);
        answer_real(t, m.confidence);
        answer_real(t, m.lift);
        answer_real(t, isinf(m.conviction) ? (double)NAN : m.conviction);
        answer_real(t, m.leverage);
        answer_real(t, m.coverage);
        answer_real(t, p[i]);
        answer_integer(t, p[i] < 0.05);
    }
    buffer_release(&left);
    free(p);
}

struct seen_set {
    uint32_t number, count;
};

static int most_first(const void *a, const void *b) {
    const struct seen_set *p = a, *q = b;
    if (p->count != q->count)
        return p->count > q->count ? -1 : 1;
    return (p->number > q->number) - (p->number < q->number);
}

static void write_sets(const struct orders_read *read, size_t g, const struct itemsets *sets, const struct asked *a,
                       struct answer_table *t) {
    struct seen_set *order = memory_get(sets->count + 1, sizeof *order);
    struct buffer text = {0};
    size_t count = 0;
    for (uint32_t i = 0; i < sets->count; i++)
        if (itemset_length(sets, i) >= (uint32_t)a->length_min)
            order[count++] = (struct seen_set){i, sets->counts[i]};
    qsort(order, count, sizeof *order, most_first);
    for (size_t i = 0; i < count && i < (size_t)a->sets_shown; i++) {
        uint32_t n = order[i].number;
        item_texts(read, itemset_items(sets, n), itemset_length(sets, n), UINT32_MAX, &text);
        orders_group_cell(read, t, g);
        answer_text(t, buffer_slice(&text));
        answer_integer(t, itemset_length(sets, n));
        answer_integer(t, sets->counts[n]);
        answer_share(t, sets->counts[n], sets->basket_count);
    }
    buffer_release(&text);
    free(order);
}

static void write_counts(const struct orders_read *read, size_t g, const struct itemsets *sets,
                         const struct rule *rules, size_t count, struct answer_table *t) {
    uint64_t of_sets[ITEMSET_LENGTH_MAX + 1] = {0}, of_rules[ITEMSET_LENGTH_MAX + 1] = {0};
    for (size_t i = 0; i < sets->count; i++)
        of_sets[itemset_length(sets, i)]++;
    for (size_t i = 0; i < count; i++)
        of_rules[itemset_length(sets, rules[i].set)]++;
    for (unsigned i = 1; i <= ITEMSET_LENGTH_MAX; i++)
        if (of_sets[i]) {
            orders_group_cell(read, t, g);
            answer_integer(t, i);
            answer_integer(t, (int64_t)of_sets[i]);
            answer_integer(t, (int64_t)of_rules[i]);
        }
}

static int by_confidence(const void *a, const void *b) {
    const struct rule *p = a, *q = b;
    uint64_t x = (uint64_t)p->both * q->left_count, y = (uint64_t)q->both * p->left_count;
    if (x != y)
        return x > y ? -1 : 1;
    if (p->both != q->both)
        return p->both > q->both ? -1 : 1;
    return p->set != q->set ? (p->set > q->set) - (p->set < q->set) : (p->right > q->right) - (p->right < q->right);
}

static int by_support(const void *a, const void *b) {
    const struct rule *p = a, *q = b;
    return p->both != q->both ? (p->both > q->both ? -1 : 1) : by_confidence(a, b);
}

/* All of the definition that says which baskets there are, and whose history: what the store tells questions apart by. */
static void write_key(const struct insight *insight, const struct definition_part *d, struct buffer *into) {
    static const char *const members[] = {"orders", "item", "merge", "population", "from", "to", "last"};
    struct json_writer w = {.out = into};
    buffer_print(into, "%p", (const void *)insight->outside.history);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *json = definition_get(d, members[i]);
        buffer_print(into, "\n%s ", members[i]);
        if (json)
            json_text_of(d->parser, json, &w);
        w = (struct json_writer){.out = into};
    }
}

static enum status find_sets(const struct insight *insight, const struct definition_part *d,
                             const struct orders_read *read, size_t g, const struct asked *a, struct itemsets *sets,
                             struct fault *fault) {
    struct buffer key = {0};
    write_key(insight, d, &key);
    if (read->split)
        buffer_print(&key, "\ngroup %.*s", SLICE_ARG(read->groups[g].name));
    const struct basket_question question = {buffer_slice(&key), a->support, (unsigned)a->length_max, insight->workers,
                                             insight->stop};
    enum status status = basket_sets(&question, &read->groups[g].orders, read->items, read->item_count, sets, fault);
    buffer_release(&key);
    return status;
}

static enum status write_group(const struct insight *insight, const struct definition_part *d,
                               const struct orders_read *read, size_t g, const struct asked *a, struct answer_table **t,
                               struct answer *answer, struct fault *fault) {
    const struct orders *o = &read->groups[g].orders;
    const struct rule_options options = {.confidence_min = a->confidence,
                                         .lift_min = a->lift,
                                         .length_min = (unsigned)a->length_min,
                                         .stop = insight->stop};
    struct itemsets sets;
    struct rule *rules;
    size_t count;
    enum status status = find_sets(insight, d, read, g, a, &sets, fault);
    if (status)
        return status;
    if ((status = rules_find(&sets, &options, &rules, &count, fault))) {
        itemsets_release(&sets);
        return status;
    }
    if (a->order)
        qsort(rules, count, sizeof *rules, a->order == 1 ? by_confidence : by_support);
    write_counts(read, g, &sets, rules, count, t[COUNTS]); /* first: an answer's bound takes of what is long */
    write_rules(read, g, &sets, rules, count, a, t[RULES]);
    write_sets(read, g, &sets, a, t[SETS]);
    answer_note(answer, "%s%.*s%s%zu baskets, %u items, %zu sets in at least %u baskets, %zu rules%s",
                read->split ? "\"" : "", SLICE_ARG(read->groups[g].name), read->split ? "\": " : "", sets.basket_count,
                read->item_count, sets.count, support_count(a->support, sets.basket_count), count,
                count > (size_t)a->shown ? "; not all are shown" : "");
    if (sets.basket_count < o->order_count)
        answer_note(answer, "%zu orders have no item of this kind: they are no baskets",
                    o->order_count - sets.basket_count);
    free(rules);
    itemsets_release(&sets);
    return STATUS_OK;
}

enum status insight_basket(const struct insight *insight, struct definition_part *d, struct answer *answer,
                           struct fault *fault) {
    static const struct orders_want want = {
        .orders = "order.items", .item = "product_id", .item_wanted = true, .to_now = true};
    struct orders_read read = {0};
    struct asked a;
    struct answer_table *tables[TABLES];
    enum status status = read_definition(d, &a, fault);
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (status)
        return status;
    if (insight->members) { /* whatever is frequent */
        name_members(insight, &read, &a);
        orders_release(&read);
        return STATUS_OK;
    }
    begin_tables(&read, answer, tables);
    for (size_t g = 0; g < read.group_count && !status; g++)
        status = write_group(insight, d, &read, g, &a, tables, answer, fault);
    answer_note(
        answer,
        "p: of chance alone linking left and right so, chi-squared with one degree, adjusted for all rules (Holm)");
    orders_release(&read);
    return status;
}
