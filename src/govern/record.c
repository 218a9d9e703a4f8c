/* record: builder and checker of typed records. While a record is open its parts grow in separate buffers (values, tail, items);
 * record_end lays them behind each other and turns tail offsets, which count from the tail's start, into record offsets. */
#include "govern/record.h"

#include <assert.h>
#include <stdlib.h>

#include "base/decimal.h"

const struct record_value *record_find(const struct record_head *r, uint16_t property) {
    const struct record_value *v = record_values(r);
    for (unsigned i = 0; i < r->value_count; i++)
        if (v[i].property == property)
            return &v[i];
    return NULL;
}

double record_number(const struct record_value *v) {
    if (v->kind == VALUE_REAL)
        return v->real;
    return v->kind == VALUE_NUMBER ? decimal_real(v->integer, v->scale) : (double)v->integer;
}

void record_builder_release(struct record_builder *b) {
    buffer_release(&b->values);
    buffer_release(&b->tail);
    buffer_release(&b->list);
    buffer_release(&b->items);
    buffer_release(&b->item_values);
    buffer_release(&b->finished);
}

void record_begin(struct record_builder *b, const struct record_head *head) {
    b->head = *head;
    buffer_clear(&b->values);
    buffer_clear(&b->tail);
    b->open = 0;
}

/* Where sets go now: the record's values, the open list's elements, or the open item's values. */
static struct buffer *target(struct record_builder *b) {
    return b->open == 0 ? &b->values : b->open == 1 ? &b->list : &b->item_values;
}

static void add_value(struct record_builder *b, struct record_value v) {
    struct buffer *into = target(b);
    if (b->open != 1) { /* the last one wins */
        struct record_value *have = (struct record_value *)into->data;
        size_t first = b->open == 2 ? b->item_start : 0, count = into->size / sizeof *have;
        for (size_t i = first; i < count; i++)
            if (have[i].property == v.property) {
                have[i] = v;
                return;
            }
    }
    buffer_add(into, &v, sizeof v);
}

void record_set(struct record_builder *b, uint16_t property, enum value_kind kind, int64_t integer, uint8_t scale) {
    add_value(b,
              (struct record_value){.property = property, .kind = (uint8_t)kind, .scale = scale, .integer = integer});
}

void record_set_real(struct record_builder *b, uint16_t property, double real) {
    add_value(b, (struct record_value){.property = property, .kind = VALUE_REAL, .real = real});
}

void record_set_text(struct record_builder *b, uint16_t property, struct slice text) {
    uint64_t offset = b->tail.size;
    assert(text.size <= UINT32_MAX);
    buffer_add_slice(&b->tail, text);
    add_value(b, (struct record_value){
                     .property = property, .kind = VALUE_TEXT, .count = (uint32_t)text.size, .offset = offset});
}

static void align_tail(struct record_builder *b) {
    static const char zeros[8];
    buffer_add(&b->tail, zeros, (8 - b->tail.size % 8) % 8);
}

void record_list_begin(struct record_builder *b, uint16_t property) {
    assert(b->open == 0);
    b->open = 1;
    b->open_property = property;
    buffer_clear(&b->list);
}

void record_list_end(struct record_builder *b) {
    assert(b->open == 1);
    b->open = 0;
    align_tail(b);
    uint64_t offset = b->tail.size;
    buffer_add_slice(&b->tail, buffer_slice(&b->list));
    add_value(b, (struct record_value){.property = b->open_property,
                                       .kind = VALUE_LIST,
                                       .count = (uint32_t)(b->list.size / sizeof(struct record_value)),
                                       .offset = offset});
}

void record_items_begin(struct record_builder *b, uint16_t property) {
    assert(b->open == 0);
    b->open = 2;
    b->open_property = property;
    b->item_start = 0;
    buffer_clear(&b->items);
    buffer_clear(&b->item_values);
}

static int by_property(const void *a, const void *b) {
    const struct record_value *x = a, *y = b;
    return (x->property > y->property) - (x->property < y->property);
}

/* Insertion sort while short (the usual case, nearly sorted already), qsort when long. */
static void sort_values(struct record_value *v, size_t count) {
    if (count > 64) {
        qsort(v, count, sizeof *v, by_property);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct record_value x = v[i];
        size_t at = i;
        for (; at && v[at - 1].property > x.property; at--)
            v[at] = v[at - 1];
        v[at] = x;
    }
}

/* Closes the item under construction, if any. */
static void item_close(struct record_builder *b) {
    if (b->items.size) {
        struct record_item *last = (struct record_item *)(b->items.data + b->items.size) - 1;
        last->value_count = (uint32_t)(b->item_values.size / sizeof(struct record_value)) - b->item_start;
        sort_values((struct record_value *)b->item_values.data + b->item_start, last->value_count);
    }
}

void record_item_begin(struct record_builder *b) {
    assert(b->open == 2);
    item_close(b);
    b->item_start = (uint32_t)(b->item_values.size / sizeof(struct record_value));
    struct record_item item = {0, b->item_start};
    buffer_add(&b->items, &item, sizeof item);
}

void record_items_end(struct record_builder *b) {
    assert(b->open == 2);
    item_close(b);
    b->open = 0;
    align_tail(b);
    uint64_t items_at = b->tail.size, values_at = items_at + b->items.size;
    uint32_t count = (uint32_t)(b->items.size / sizeof(struct record_item));
    struct record_item *item = (struct record_item *)b->items.data;
    for (uint32_t i = 0; i < count; i++)
        item[i].offset = (uint32_t)(values_at + item[i].offset * sizeof(struct record_value));
    buffer_add_slice(&b->tail, buffer_slice(&b->items));
    buffer_add_slice(&b->tail, buffer_slice(&b->item_values));
    add_value(b, (struct record_value){
                     .property = b->open_property, .kind = VALUE_ITEMS, .count = count, .offset = items_at});
}

/* Makes the offsets of text and containers count from the record's start. */
static void rebase(char *record, struct record_value *v, size_t count, uint64_t base) {
    for (size_t i = 0; i < count; i++) {
        if (v[i].kind < VALUE_TEXT)
            continue;
        v[i].offset += base;
        if (v[i].kind == VALUE_LIST)
            rebase(record, (struct record_value *)(record + v[i].offset), v[i].count, base);
        if (v[i].kind == VALUE_ITEMS) {
            struct record_item *item = (struct record_item *)(record + v[i].offset);
            for (uint32_t k = 0; k < v[i].count; k++) {
                item[k].offset += (uint32_t)base;
                rebase(record, (struct record_value *)(record + item[k].offset), item[k].value_count, base);
            }
        }
    }
}

struct record_head *record_end(struct record_builder *b) {
    assert(b->open == 0);
    size_t count = b->values.size / sizeof(struct record_value);
    assert(count <= UINT16_MAX);
    sort_values((struct record_value *)b->values.data, count);
    align_tail(b);
    uint64_t base = sizeof b->head + b->values.size;
    assert(base + b->tail.size <= UINT32_MAX);
    b->head.bytes = (uint32_t)(base + b->tail.size);
    b->head.value_count = (uint16_t)count;
    buffer_clear(&b->finished);
    buffer_add(&b->finished, &b->head, sizeof b->head);
    buffer_add_slice(&b->finished, buffer_slice(&b->values));
    buffer_add_slice(&b->finished, buffer_slice(&b->tail));
    struct record_head *r = (struct record_head *)b->finished.data;
    rebase(b->finished.data, (struct record_value *)(r + 1), count, base);
    return r;
}

static bool inside(size_t bytes, uint64_t offset, uint64_t size) { return offset <= bytes && size <= bytes - offset; }

static bool check_values(struct slice r, uint64_t offset, uint64_t count, int depth) {
    if (offset % 8 || count > r.size || !inside(r.size, offset, count * sizeof(struct record_value)))
        return false;
    const struct record_value *v = (const struct record_value *)(r.data + offset);
    for (uint64_t i = 0; i < count; i++) {
        if (v[i].kind > VALUE_ITEMS || v[i].scale > DECIMAL_SCALE_MAX)
            return false;
        if (v[i].kind == VALUE_TEXT && !inside(r.size, v[i].offset, v[i].count))
            return false;
        if (v[i].kind == VALUE_LIST && (depth || !check_values(r, v[i].offset, v[i].count, 2)))
            return false;
        if (v[i].kind == VALUE_ITEMS) {
            if (depth || v[i].offset % 8 ||
                !inside(r.size, v[i].offset, (uint64_t)v[i].count * sizeof(struct record_item)))
                return false;
            const struct record_item *item = (const struct record_item *)(r.data + v[i].offset);
            for (uint32_t k = 0; k < v[i].count; k++)
                if (!check_values(r, item[k].offset, item[k].value_count, 1))
                    return false;
        }
    }
    return true;
}

bool record_check(struct slice bytes) {
    struct record_head head;
    if (bytes.size < sizeof head || ((uintptr_t)bytes.data & 7))
        return false;
    memcpy(&head, bytes.data, sizeof head);
    return head.bytes == bytes.size && head.bytes % 8 == 0 && head.kind < TYPE_KIND_COUNT &&
           check_values(bytes, sizeof head, head.value_count, 0);
}
