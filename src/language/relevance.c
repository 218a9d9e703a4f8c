/* relevance: conditions on single events and documents, taken out of trees. */
#include "language/relevance.h"

#include <assert.h>
#include <stdlib.h>

#include "language/number.h"

#define LITERALS_MAX 64 /* longer lists are not looked at */

/* A property compared with literals: the call as it stands in the tree. */
struct row_test {
    uint16_t property;
    bool of_item;
    const struct node *call;
};

/* What a row of `type` must fulfil to count in one aggregate or step. */
struct row_filter {
    uint16_t type;
    uint16_t items;        /* of documents: rows are the items of this property; 0: the documents themselves */
    bool whole;            /* the tests are all there is to fulfil */
    uint32_t first, count; /* tests */
};

struct relevance {
    struct row_filter *filters;
    struct row_test *tests;
    uint32_t filter_count, test_count;
};

/* --- out of a tree --- */

static bool comparable(const struct node *name, const struct node *literal) {
    if (literal->kind != NODE_LITERAL)
        return false;
    switch (name->type) {
    case TERM_TEXT:
        return literal->literal == VALUE_TEXT;
    case TERM_NUMBER:
        return literal->literal == VALUE_NUMBER || literal->literal == VALUE_REAL;
    default:
        return false;
    }
}

static bool compares(enum op op) {
    return op == OP_EQUAL || op == OP_NOT_EQUAL || op == OP_LESS || op == OP_LESS_EQUAL || op == OP_GREATER ||
           op == OP_GREATER_EQUAL || op == OP_IN || op == OP_BETWEEN;
}

static bool is_plain(const struct node *call) {
    const struct node *name = call->first;
    unsigned literals = 0;
    if (call->kind != NODE_CALL || !compares(call->op) || name->kind != NODE_NAME ||
        name->reference.kind != REFERENCE_PROPERTY || (name->reference.level != 1 && name->reference.level != 2))
        return false;
    for (const struct node *n = name->next; n; n = n->next)
        if (++literals > LITERALS_MAX || !comparable(name, n))
            return false;
    return literals > 0;
}

/* False where there is more to it than tests. */
static bool take_tests(struct relevance *r, const struct node *where, bool items) {
    bool whole = true;
    if (where->kind == NODE_CALL && where->op == OP_AND) {
        for (const struct node *n = where->first; n; n = n->next)
            whole = take_tests(r, n, items) && whole;
        return whole;
    }
    if (!is_plain(where) || (where->first->reference.level == 2 && !items))
        return false;
    r->tests = memory_resize(r->tests, r->test_count + 1, sizeof *r->tests);
    r->tests[r->test_count++] =
        (struct row_test){where->first->reference.property, where->first->reference.level == 2, where};
    return true;
}

/* `any`: rows count whatever the `where` says. */
static void take_filter(struct relevance *r, uint16_t type, const struct node *where, bool any, uint16_t items) {
    struct row_filter filter = {.type = type, .items = items, .first = r->test_count};
    filter.whole = any ? false : !where || take_tests(r, where, items != 0);
    filter.count = r->test_count - filter.first;
    r->filters = memory_resize(r->filters, r->filter_count + 1, sizeof *r->filters);
    r->filters[r->filter_count++] = filter;
}

static void take_node(struct relevance *r, const struct node *n);

static void take_nodes(struct relevance *r, const struct node *first) {
    for (const struct node *n = first; n; n = n->next)
        take_node(r, n);
}

static void take_node(struct relevance *r, const struct node *n) {
    if (!n)
        return;
    const struct source_reference *from = n->source ? &n->source->from : NULL;
    if (from && from->kind == SOURCE_EVENTS) /* of items the `where` is about lines, not about the event */
        take_filter(r, from->type, n->where, from->items || n->op == OP_SHARE, 0);
    if (from && from->kind == SOURCE_DOCUMENTS)
        take_filter(r, from->type, n->where, n->op == OP_SHARE, from->items);
    take_nodes(r, n->first);
    if (n->definition)
        take_node(r, n->definition);
    if (n->where && !(from && from->kind == SOURCE_RELATION)) /* that is about others */
        take_node(r, n->where);
    take_node(r, n->window);
}

static int by_type(const void *a, const void *b) {
    return ((const struct row_filter *)a)->type - ((const struct row_filter *)b)->type;
}

struct relevance *relevance_create(const struct node *root) {
    struct relevance *r = memory_get(1, sizeof *r);
    take_node(r, root);
    if (!r->filter_count) {
        relevance_free(r);
        return NULL;
    }
    qsort(r->filters, r->filter_count, sizeof *r->filters, by_type);
    return r;
}

void relevance_free(struct relevance *r) {
    if (!r)
        return;
    free(r->filters);
    free(r->tests);
    free(r);
}

/* --- held against a record --- */

struct number relevance_number(const struct record_value *v) {
    return v->kind == VALUE_REAL ? number_of_real(v->real) : number_decimal(v->integer, v->scale);
}

static struct number number_of_literal(const struct node *literal) {
    return literal->literal == VALUE_REAL ? number_of_real(literal->real)
                                          : number_decimal(literal->integer, literal->scale);
}

static int compare_number(const struct record_value *v, const struct node *literal) {
    return number_compare(relevance_number(v), number_of_literal(literal));
}

static bool equals(const struct record_head *record, const struct record_value *v, const struct node *literal) {
    if (literal->literal == VALUE_TEXT)
        return slice_equal(record_text(record, v), literal->text);
    return compare_number(v, literal) == 0;
}

static bool equals_any(const struct record_head *record, const struct record_value *v, const struct node *literal) {
    for (; literal; literal = literal->next)
        if (equals(record, v, literal))
            return true;
    return false;
}

static bool compared(const struct record_head *record, const struct record_value *v, const struct row_test *test) {
    const struct node *literal = test->call->first->next;
    switch (test->call->op) {
    case OP_EQUAL:
    case OP_IN:
        return equals_any(record, v, literal);
    case OP_NOT_EQUAL:
        return !equals(record, v, literal);
    case OP_LESS:
        return compare_number(v, literal) < 0;
    case OP_LESS_EQUAL:
        return compare_number(v, literal) <= 0;
    case OP_GREATER:
        return compare_number(v, literal) > 0;
    case OP_GREATER_EQUAL:
        return compare_number(v, literal) >= 0;
    default:
        assert(test->call->op == OP_BETWEEN);
        return compare_number(v, literal) >= 0 && compare_number(v, literal->next) <= 0;
    }
}

/* Not known where the value is of a kind that the literals are not. */
static enum event_relevance fulfils(const struct record_head *record, const struct record_value *v,
                                    const struct row_test *test) {
    const struct node *literal = test->call->first->next;
    if (!v || v->kind == VALUE_MISSING)
        return test->call->op == OP_NOT_EQUAL ? EVENT_COUNTS : EVENT_NOTHING;
    bool text = literal->literal == VALUE_TEXT;
    if (text ? v->kind != VALUE_TEXT : v->kind != VALUE_NUMBER && v->kind != VALUE_REAL)
        return EVENT_MAY_MATTER;
    return compared(record, v, test) ? EVENT_COUNTS : EVENT_NOTHING;
}

static enum event_relevance passes(const struct relevance *r, const struct row_filter *filter,
                                   const struct record_head *record) {
    enum event_relevance least = filter->whole ? EVENT_COUNTS : EVENT_MAY_MATTER;
    for (uint32_t i = 0; i < filter->count && least != EVENT_NOTHING; i++) {
        const struct row_test *test = &r->tests[filter->first + i];
        enum event_relevance one = fulfils(record, record_find(record, test->property), test);
        least = one < least ? one : least;
    }
    return least;
}

/* --- held against a new document --- */

const struct record_value *relevance_item_value(const struct record_head *record, const struct record_item *item,
                                                uint16_t property) {
    const struct record_value *values = record_item_values(record, item);
    for (uint32_t i = 0; i < item->value_count; i++)
        if (values[i].property == property)
            return &values[i];
    return NULL;
}

/* Whether no test of it fails: of the document, and, with `item`, of that. */
static bool may_pass(const struct relevance *r, const struct row_filter *filter, const struct record_head *record,
                     const struct record_item *item) {
    for (uint32_t i = 0; i < filter->count; i++) {
        const struct row_test *test = &r->tests[filter->first + i];
        const struct record_value *v = !test->of_item ? record_find(record, test->property)
                                       : item         ? relevance_item_value(record, item, test->property)
                                                      : NULL;
        if ((!test->of_item || item) && fulfils(record, v, test) == EVENT_NOTHING)
            return false;
    }
    return true;
}

static bool document_may_pass(const struct relevance *r, const struct row_filter *filter,
                              const struct record_head *record) {
    if (!may_pass(r, filter, record, NULL))
        return false;
    const struct record_value *items = filter->items ? record_find(record, filter->items) : NULL;
    if (!filter->items || !items || items->kind != VALUE_ITEMS)
        return !filter->items; /* no items: nothing counts */
    for (uint32_t i = 0; i < items->count; i++)
        if (may_pass(r, filter, record, &record_items(record, items)[i]))
            return true;
    return false;
}

static enum event_relevance relevance_of_document(const struct relevance *r, const struct record_head *record) {
    bool known = false;
    for (uint32_t i = 0; i < r->filter_count && r->filters[i].type <= record->type; i++) {
        if (r->filters[i].type != record->type)
            continue;
        known = true;
        if (document_may_pass(r, &r->filters[i], record))
            return EVENT_MAY_MATTER;
    }
    return known ? EVENT_NOTHING : EVENT_MAY_MATTER;
}

bool relevance_always_counts(const struct relevance *r, uint16_t type) {
    bool any = false, all = true;
    for (uint32_t i = 0; r && i < r->filter_count; i++)
        if (r->filters[i].type == type) {
            any = true;
            all &= r->filters[i].whole && !r->filters[i].count;
        }
    return any && all;
}

/* A test demands texts, or a number from somewhere on: 2, 1; else 0. */
static int demand_of(const struct row_test *test) {
    const struct node *literal = test->call->first->next;
    bool text = literal->literal == VALUE_TEXT;
    switch (test->call->op) {
    case OP_EQUAL:
        return text ? 2 : 1;
    case OP_IN:
        return text ? 2 : 0;
    case OP_GREATER:
    case OP_GREATER_EQUAL:
    case OP_BETWEEN:
        return text ? 0 : 1;
    default:
        return 0;
    }
}

bool relevance_key_of(const struct relevance *r, uint16_t type, struct relevance_key *key) {
    const struct row_filter *only = NULL;
    const struct row_test *best = NULL;
    for (uint32_t i = 0; r && i < r->filter_count; i++) {
        if (r->filters[i].type != type)
            continue;
        if (only)
            return false;
        only = &r->filters[i];
    }
    for (uint32_t i = 0; only && i < only->count; i++) {
        const struct row_test *test = &r->tests[only->first + i];
        if (demand_of(test) > (best ? demand_of(best) : 0))
            best = test;
    }
    if (!best)
        return false;
    const struct node *literal = best->call->first->next;
    *key = (struct relevance_key){.property = best->property, .items = best->of_item ? only->items : 0};
    if (demand_of(best) == 2)
        key->texts = literal;
    else
        key->least = number_of_literal(literal);
    return true;
}

enum event_relevance relevance_of(const struct relevance *r, const struct record_head *record) {
    enum event_relevance most = EVENT_NOTHING, least = EVENT_COUNTS;
    if (r && record->kind == TYPE_DOCUMENT && record->flags & RECORD_NEW_DOCUMENT)
        return relevance_of_document(r, record);
    if (!r || record->kind != TYPE_EVENT || (record->flags & RECORD_REPLACES))
        return EVENT_MAY_MATTER; /* what takes a row's place may take away what counted */
    for (uint32_t i = 0; i < r->filter_count && r->filters[i].type <= record->type; i++) {
        if (r->filters[i].type != record->type)
            continue;
        enum event_relevance one = passes(r, &r->filters[i], record);
        most = one > most ? one : most;
        least = one < least ? one : least;
    }
    return most == EVENT_NOTHING || least == EVENT_COUNTS ? most : EVENT_MAY_MATTER;
}
