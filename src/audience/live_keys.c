/* live_keys: see the header. */
#include "audience/live_keys.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

struct text_key {
    struct slice text;
    uint32_t root;
};
struct number_key {
    struct number least;
    uint32_t root;
};
/* Roots that demand something of one property, of the record or of its items, sorted by what; their numbers beside them, in that order. */
struct property_keys {
    uint16_t property, items;
    struct text_key *texts;
    struct number_key *numbers;
    uint32_t *text_roots, *number_roots, *all;
    uint32_t text_count, number_count, all_count;
};
struct root_keys {
    struct property_keys *properties;
    uint32_t property_count;
};

/* --- making --- */

static struct property_keys *keys_of(struct root_keys *keys, uint16_t property, uint16_t items) {
    for (uint32_t i = 0; i < keys->property_count; i++)
        if (keys->properties[i].property == property && keys->properties[i].items == items)
            return &keys->properties[i];
    keys->properties = memory_resize(keys->properties, keys->property_count + 1, sizeof *keys->properties);
    struct property_keys *made = &keys->properties[keys->property_count++];
    *made = (struct property_keys){.property = property, .items = items};
    return made;
}

static bool has_text(const struct property_keys *p, struct slice text, uint32_t root) {
    for (uint32_t i = p->text_count; i > 0 && p->texts[i - 1].root == root; i--)
        if (slice_equal(p->texts[i - 1].text, text))
            return true;
    return false;
}

bool root_keys_add(struct root_keys **keys, uint16_t type, uint32_t number, const struct relevance *relevance) {
    struct relevance_key key;
    if (!relevance_key_of(relevance, type, &key))
        return false;
    if (!*keys)
        *keys = memory_get(1, sizeof **keys);
    struct property_keys *p = keys_of(*keys, key.property, key.items);
    for (const struct node *n = key.texts; n; n = n->next)
        if (!has_text(p, n->text, number)) {
            p->texts = memory_resize(p->texts, p->text_count + 1, sizeof *p->texts);
            p->texts[p->text_count++] = (struct text_key){n->text, number};
        }
    if (!key.texts) {
        p->numbers = memory_resize(p->numbers, p->number_count + 1, sizeof *p->numbers);
        p->numbers[p->number_count++] = (struct number_key){key.least, number};
    }
    p->all = memory_resize(p->all, p->all_count + 1, sizeof *p->all);
    p->all[p->all_count++] = number;
    return true;
}

static int by_text(const void *a, const void *b) {
    const struct text_key *x = a, *y = b;
    int order = slice_compare(x->text, y->text);
    return order ? order : (x->root > y->root) - (x->root < y->root);
}

static int by_number(const void *a, const void *b) {
    const struct number_key *x = a, *y = b;
    int order = number_compare(x->least, y->least);
    return order ? order : (x->root > y->root) - (x->root < y->root);
}

void root_keys_sort(struct root_keys *keys) {
    for (uint32_t i = 0; keys && i < keys->property_count; i++) {
        struct property_keys *p = &keys->properties[i];
        if (p->text_count)
            qsort(p->texts, p->text_count, sizeof *p->texts, by_text);
        if (p->number_count)
            qsort(p->numbers, p->number_count, sizeof *p->numbers, by_number);
        p->text_roots = memory_get(p->text_count + 1, sizeof *p->text_roots);
        p->number_roots = memory_get(p->number_count + 1, sizeof *p->number_roots);
        for (uint32_t k = 0; k < p->text_count; k++)
            p->text_roots[k] = p->texts[k].root;
        for (uint32_t k = 0; k < p->number_count; k++)
            p->number_roots[k] = p->numbers[k].root;
    }
}

void root_keys_free(struct root_keys *keys) {
    for (uint32_t i = 0; keys && i < keys->property_count; i++) {
        free(keys->properties[i].texts);
        free(keys->properties[i].numbers);
        free(keys->properties[i].text_roots);
        free(keys->properties[i].number_roots);
        free(keys->properties[i].all);
    }
    if (keys)
        free(keys->properties);
    free(keys);
}

/* --- finding --- */

/* The first text that is not below, or, with `past`, the first above. */
static uint32_t text_place(const struct property_keys *p, struct slice text, bool past) {
    uint32_t first = 0, end = p->text_count;
    while (first < end) {
        uint32_t middle = (first + end) / 2;
        int order = slice_compare(p->texts[middle].text, text);
        if (order < 0 || (past && order == 0))
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* How many demand no more than the number. */
static uint32_t number_place(const struct property_keys *p, struct number number) {
    uint32_t first = 0, end = p->number_count;
    while (first < end) {
        uint32_t middle = (first + end) / 2;
        if (number_compare(p->numbers[middle].least, number) <= 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

struct finding {
    const struct record_head *record;
    void (*each)(void *context, const uint32_t *roots, uint32_t count);
    void *context;
};

static void find_by(const struct property_keys *p, const struct record_value *v, const struct finding *f) {
    if (!v || v->kind == VALUE_MISSING)
        return; /* no demand is fulfilled by nothing */
    bool text = v->kind == VALUE_TEXT, number = v->kind == VALUE_NUMBER || v->kind == VALUE_REAL;
    if ((!text && p->text_count) || (!number && p->number_count)) {
        f->each(f->context, p->all, p->all_count); /* of another kind than it is held against: nothing can be told */
    } else if (text) {
        struct slice value = record_text(f->record, v);
        uint32_t first = text_place(p, value, false);
        f->each(f->context, p->text_roots + first, text_place(p, value, true) - first);
    } else {
        f->each(f->context, p->number_roots, number_place(p, relevance_number(v)));
    }
}

static void find_by_items(const struct property_keys *p, const struct finding *f) {
    const struct record_value *items = record_find(f->record, p->items);
    if (!items || items->kind != VALUE_ITEMS)
        return;
    for (uint32_t i = 0; i < items->count; i++) {
        const struct record_item *item = &record_items(f->record, items)[i];
        find_by(p, relevance_item_value(f->record, item, p->property), f);
    }
}

void root_keys_find(const struct root_keys *keys, const struct record_head *record,
                    void (*each)(void *context, const uint32_t *roots, uint32_t count), void *context) {
    struct finding f = {record, each, context};
    for (uint32_t i = 0; keys && i < keys->property_count; i++) {
        const struct property_keys *p = &keys->properties[i];
        if (p->items)
            find_by_items(p, &f);
        else
            find_by(p, record_find(record, p->property), &f);
    }
}
