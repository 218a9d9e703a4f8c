/* live_plan: segments compiled together, and the index from what a record touches to those that read it. */
#include <assert.h>
#include <stdlib.h>

#include "audience/live.h"

/* --- the index --- */

static void list_add(struct root_list *list, uint32_t root) {
    if (list->count && list->roots[list->count - 1] == root)
        return; /* roots come in order */
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 8;
        list->roots = memory_resize(list->roots, list->capacity, sizeof *list->roots);
    }
    list->roots[list->count++] = root;
}

static void related_add(struct related_list *list, uint32_t over, uint32_t root) {
    for (uint32_t i = list->count; i > 0 && list->roots[i - 1].root == root; i--)
        if (list->roots[i - 1].over == over)
            return;
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 8;
        list->roots = memory_resize(list->roots, list->capacity, sizeof *list->roots);
    }
    list->roots[list->count++] = (struct related_root){over, root};
}

static uint32_t over_of(struct planned *p, uint16_t type, uint32_t root) {
    uint32_t i = 0;
    while (i < p->over_count && p->overs[i].type != type)
        i++;
    if (i == p->over_count) {
        p->overs = memory_resize(p->overs, ++p->over_count, sizeof *p->overs);
        p->overs[i] = (struct over){.type = type, .touched = memory_get(p->words, sizeof(uint64_t))};
    }
    list_add(&p->overs[i].any, root);
    return i;
}

struct indexing {
    struct planned *p;
    uint32_t root;
};

static void index_related(struct planned *p, uint32_t root, const struct dependency *d) {
    uint32_t over = over_of(p, d->over, root);
    switch (d->kind) {
    case DEPENDS_TYPE:
    case DEPENDS_RELATED:
        if (d->number < p->type_count)
            related_add(&p->related_type[d->number], over, root);
        break;
    case DEPENDS_ATTRIBUTE:
        if (d->number < p->attribute_count)
            related_add(&p->related_attribute[d->number], over, root);
        break;
    case DEPENDS_SET:
        if (d->number < p->set_count)
            related_add(&p->related_set[d->number], over, root);
        break;
    case DEPENDS_ANY_EVENT:
        related_add(&p->related_any_event, over, root);
        break;
    case DEPENDS_MASTER:
        if (d->number < p->type_count)
            list_add(&p->by_master[d->number], root);
        break;
    case DEPENDS_TIME:
        break;
    }
}

static void index_one(void *context, const struct dependency *d) {
    struct indexing *x = context;
    struct planned *p = x->p;
    if (d->over) {
        index_related(p, x->root, d);
        return;
    }
    switch (d->kind) {
    case DEPENDS_RELATED:
        over_of(p, (uint16_t)d->number, x->root);
        __attribute__((fallthrough));
    case DEPENDS_TYPE:
        if (d->number < p->type_count)
            list_add(&p->by_type[d->number].all, x->root);
        break;
    case DEPENDS_ATTRIBUTE:
        if (d->number < p->attribute_count)
            list_add(&p->by_attribute[d->number], x->root);
        break;
    case DEPENDS_MASTER:
        if (d->number < p->type_count)
            list_add(&p->by_master[d->number], x->root);
        break;
    case DEPENDS_SET:
        if (d->number < p->set_count)
            list_add(&p->by_set[d->number], x->root);
        break;
    case DEPENDS_ANY_EVENT:
        list_add(&p->any_event, x->root);
        break;
    case DEPENDS_TIME:
        break;
    }
}

static void put_slot(const struct planned *p, uint64_t **words, uint32_t slot) {
    if (!*words)
        *words = memory_get(p->slot_words, sizeof **words);
    (*words)[slot / 8] |= (uint64_t)SLACK_TURNS << slot % 8 * 8;
}

static struct typed_values *values_of(struct typed_roots *typed, uint16_t property) {
    for (uint32_t i = 0; i < typed->value_count; i++)
        if (typed->values[i].property == property)
            return &typed->values[i];
    typed->values = memory_resize(typed->values, typed->value_count + 1, sizeof *typed->values);
    typed->values[typed->value_count] = (struct typed_values){.property = property};
    return &typed->values[typed->value_count++];
}

/* The root `r`, which has a slot, of a type that it reads. */
static void index_slot(struct planned *p, struct typed_roots *typed, uint16_t type, bool is_event, uint32_t r) {
    const struct live_root *root = &p->roots[r];
    bool by_values = root->values.property && root->values.type == type;
    struct typed_values *values = by_values ? values_of(typed, root->values.property) : NULL;
    put_slot(p, &typed->reading, root->slot);
    if (is_event && relevance_always_counts(root->relevance, type))
        put_slot(p, values ? &values->counted : &typed->counted, root->slot);
    else if (root_keys_add(&typed->keys, type, r, root->relevance))
        put_slot(p, &typed->keyed, root->slot);
    else
        list_add(&typed->asked, r);
}

/* What an event of a type looks at: words of slots, and roots that must be asked. */
static void index_slots(const struct live *live, struct planned *p) {
    for (uint32_t i = 0; i < p->root_count; i++)
        if (p->roots[i].slot != SLACK_SLOT_NONE && p->roots[i].slot / 8 >= p->slot_words)
            p->slot_words = p->roots[i].slot / 8 + 1;
    p->found = memory_get((size_t)p->slot_words + 1, sizeof *p->found);
    p->by_slot = memory_get(8 * (size_t)p->slot_words + 1, sizeof *p->by_slot);
    for (uint32_t i = 0; i < p->root_count; i++)
        if (p->roots[i].slot != SLACK_SLOT_NONE)
            p->by_slot[p->roots[i].slot] = i;
    for (uint32_t t = 0; t < p->type_count; t++) {
        struct typed_roots *typed = &p->by_type[t];
        typed->slotted = true;
        bool is_event = dictionary_type_at(live->dictionary, (uint16_t)t)->kind == TYPE_EVENT;
        for (uint32_t i = 0; i < typed->all.count; i++) {
            if (p->roots[typed->all.roots[i]].slot == SLACK_SLOT_NONE)
                typed->slotted = false;
            else
                index_slot(p, typed, (uint16_t)t, is_event, typed->all.roots[i]);
        }
        root_keys_sort(typed->keys);
    }
}

static void make_index(struct live *live, struct planned *p) {
    const struct type *customer = dictionary_type_at(live->dictionary, DICTIONARY_CUSTOMER);
    p->type_count = dictionary_type_count(live->dictionary);
    p->attribute_count = customer->property_count + 1;
    p->set_count = p->snapshot->number_count;
    p->by_type = memory_get(p->type_count, sizeof *p->by_type);
    p->by_master = memory_get(p->type_count, sizeof *p->by_master);
    p->related_type = memory_get(p->type_count, sizeof *p->related_type);
    p->by_attribute = memory_get(p->attribute_count, sizeof *p->by_attribute);
    p->related_attribute = memory_get(p->attribute_count, sizeof *p->related_attribute);
    p->by_set = memory_get(p->set_count, sizeof *p->by_set);
    p->related_set = memory_get(p->set_count, sizeof *p->related_set);
    for (uint32_t i = 0; i < p->root_count; i++) {
        struct indexing x = {p, i};
        const struct node *tree = p->snapshot->by_number[p->roots[i].number]->tree;
        check_dependencies(tree, index_one, &x);
        p->roots[i].relevance = relevance_create(tree);
    }
    index_slots(live, p);
}

/* --- plans --- */

/* One plan of the roots first .. first + count - 1, or halves of them where that is too large. */
static enum status plan_roots(struct live *live, struct planned *p, uint32_t first, uint32_t count,
                              struct fault *fault) {
    const struct node **trees = memory_get(count + 1, sizeof(struct node *));
    struct plan *plan;
    for (uint32_t i = 0; i < count; i++)
        trees[i] = p->snapshot->by_number[p->roots[first + i].number]->tree;
    enum status status = plan_create(&p->snapshot->vocabulary, trees, count, &plan, fault);
    free(trees);
    if (status == STATUS_TOO_LARGE && count > 1) {
        status = plan_roots(live, p, first, count / 2, fault);
        return status ? status : plan_roots(live, p, first + count / 2, count - count / 2, fault);
    }
    if (status)
        return status;
    p->groups = memory_resize(p->groups, p->group_count + 1, sizeof *p->groups);
    p->groups[p->group_count] = (struct group){plan, evaluator_create(plan, &live->outside),
                                               evaluator_create(plan, &live->outside), first, count};
    for (uint32_t i = 0; i < count; i++) {
        struct live_root *root = &p->roots[first + i];
        root->group = p->group_count;
        root->index = i;
        root->timed = plan_timed(plan, i) && !root->stored;
        root->event_clauses = evaluate_clauses_of_events(p->groups[p->group_count].then, i);
        root->amount = evaluate_amount(p->groups[p->group_count].then, i);
        root->values = evaluate_values(p->groups[p->group_count].then, i);
        bit_set(p->all, first + i);
        if (root->timed)
            bit_set(p->timed, first + i);
        p->timed_count += root->timed;
    }
    p->group_count++;
    return STATUS_OK;
}

enum status planned_create(struct live *live, struct audience_snapshot *snapshot, const uint32_t *numbers,
                           uint32_t count, struct planned **planned, struct fault *fault) {
    struct planned *p = memory_get(1, sizeof *p);
    p->snapshot = snapshot_hold(snapshot);
    p->root_count = count;
    p->words = count / 64 + 1;
    p->roots = memory_get(count + 1, sizeof *p->roots);
    p->all = memory_get(p->words, sizeof *p->all);
    p->timed = memory_get(p->words, sizeof *p->timed);
    p->touched = memory_get(p->words, sizeof *p->touched);
    p->turned = memory_get(p->words, sizeof *p->turned);
    p->empty = memory_get(p->words, sizeof *p->empty);
    p->empty_clauses = memory_get(count + 1, sizeof *p->empty_clauses);
    p->clauses_before = memory_get(count + 1, sizeof *p->clauses_before);
    p->clauses_after = memory_get(count + 1, sizeof *p->clauses_after);
    p->span_bits = memory_get(count + 1, sizeof *p->span_bits);
    p->empty_slack = memory_get(count + 1, 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct made *made = definition_numbered(snapshot, numbers[i]);
        assert(made && made->tree && (i == 0 || numbers[i] > numbers[i - 1]));
        bool stored = made->how == HOW_SCHEDULED;
        p->roots[i] = (struct live_root){.number = numbers[i],
                                         .upload = made->how == HOW_UPLOAD,
                                         .stored = stored,
                                         .slot = stored ? SLACK_SLOT_NONE : slack_slot(live->slack, numbers[i])};
    }
    enum status status = count ? plan_roots(live, p, 0, count, fault) : STATUS_OK;
    if (status) {
        planned_free(p);
        return status;
    }
    for (uint32_t i = 0; i < count; i++)
        if (p->roots[i].slot != SLACK_SLOT_NONE)
            slack_set_distinct(live->slack, p->roots[i].slot, p->roots[i].values.property != 0);
    make_index(live, p);
    *planned = p;
    return STATUS_OK;
}

static void free_lists(struct root_list *lists, uint32_t count) {
    for (uint32_t i = 0; lists && i < count; i++)
        free(lists[i].roots);
    free(lists);
}

static void free_typed(struct planned *p) {
    for (uint32_t i = 0; p->by_type && i < p->type_count; i++) {
        free(p->by_type[i].all.roots);
        free(p->by_type[i].asked.roots);
        root_keys_free(p->by_type[i].keys);
        free(p->by_type[i].counted);
        for (uint32_t k = 0; k < p->by_type[i].value_count; k++)
            free(p->by_type[i].values[k].counted);
        free(p->by_type[i].values);
        free(p->by_type[i].keyed);
        free(p->by_type[i].reading);
    }
    free(p->by_type);
    free(p->by_slot);
    free(p->found);
}

static void free_related(struct related_list *lists, uint32_t count) {
    for (uint32_t i = 0; lists && i < count; i++)
        free(lists[i].roots);
    free(lists);
}

void planned_free(struct planned *p) {
    if (!p)
        return;
    for (uint32_t i = 0; i < p->group_count; i++) {
        evaluator_free(p->groups[i].now);
        evaluator_free(p->groups[i].then);
        plan_free(p->groups[i].plan);
    }
    for (uint32_t i = 0; i < p->root_count; i++)
        relevance_free(p->roots[i].relevance);
    free_typed(p);
    free_lists(p->by_master, p->type_count);
    free_lists(p->by_attribute, p->attribute_count);
    free_lists(p->by_set, p->set_count);
    free_related(p->related_type, p->type_count);
    free_related(p->related_attribute, p->attribute_count);
    free_related(p->related_set, p->set_count);
    free(p->related_any_event.roots);
    free(p->any_event.roots);
    for (uint32_t i = 0; i < p->over_count; i++) {
        free(p->overs[i].any.roots);
        free(p->overs[i].touched);
    }
    free(p->overs);
    free(p->groups);
    free(p->roots);
    free(p->all);
    free(p->timed);
    free(p->touched);
    free(p->turned);
    free(p->empty);
    free(p->empty_clauses);
    free(p->empty_slack);
    free(p->clauses_before);
    free(p->clauses_after);
    free(p->span_bits);
    audience_snapshot_release(p->snapshot);
    free(p);
}

bool planned_stale(const struct planned *p) {
    for (uint32_t i = 0; i < p->group_count; i++)
        if (plan_stale(p->groups[i].plan))
            return true;
    return false;
}
