/* slack: see the header. A page a span, made when first asked for, and again with longer rows when segments have become more. */
#include "audience/slack.h"

#include <assert.h>
#include <stdlib.h>

#include "base/pages.h"

#define LINE 64u

struct page {
    uint8_t *bytes; /* [SPAN_CUSTOMERS * stride], at a cache line */
    int64_t *sure_ms;
    uint16_t (*values)[SLACK_VALUES]; /* NULL: no segment asks for any, or no room */
    void *memory;
    uint32_t stride;
};
struct slack {
    struct page *pages;
    uint32_t page_count;
    uint32_t *slots; /* by segment: slot + 1; 0: none */
    uint32_t segment_count;
    uint32_t *taken; /* by slot: its segment; 0: free */
    bool *voids, *distinct;
    uint32_t void_count, distinct_count;
    uint32_t slot_count;
    uint32_t stride; /* of a customer: part of a line, or lines */
    _Atomic uint64_t used;
};

/* Every page is made anew where it grows: some lines at a time where there are many. */
static uint32_t stride_of(uint32_t slots) {
    uint32_t stride = 16, step = slots > 4 * LINE ? 4 * LINE : LINE;
    while (stride < LINE && stride < slots)
        stride *= 2;
    return stride < slots ? (slots + step - 1) / step * step : stride;
}

static uint64_t bytes_of_page(uint32_t stride) { return (uint64_t)SPAN_CUSTOMERS * (stride + sizeof(int64_t)) + LINE; }

#define BYTES_OF_VALUES ((uint64_t)SPAN_CUSTOMERS * SLACK_VALUES * sizeof(uint16_t))

static void page_free(struct page *page) {
    pages_free(page->memory, bytes_of_page(page->stride));
    pages_free(page->values, page->values ? BYTES_OF_VALUES : 0);
}

struct slack *slack_create(void) {
    struct slack *s = memory_get(1, sizeof *s);
    s->stride = stride_of(0);
    return s;
}

void slack_free(struct slack *s) {
    if (!s)
        return;
    for (uint32_t i = 0; i < s->page_count; i++)
        page_free(&s->pages[i]);
    free(s->pages);
    free(s->slots);
    free(s->taken);
    free(s->voids);
    free(s->distinct);
    free(s);
}

/* --- slots --- */

static uint32_t free_slot(struct slack *s) {
    for (uint32_t i = 0; i < s->slot_count; i++)
        if (!s->taken[i])
            return i;
    uint32_t count = s->slot_count + s->slot_count / 2 + 16;
    s->taken = memory_resize(s->taken, count, sizeof *s->taken);
    s->voids = memory_resize(s->voids, count, sizeof *s->voids);
    s->distinct = memory_resize(s->distinct, count, sizeof *s->distinct);
    memset(s->distinct + s->slot_count, 0, (count - s->slot_count) * sizeof *s->distinct);
    memset(s->taken + s->slot_count, 0, (count - s->slot_count) * sizeof *s->taken);
    memset(s->voids + s->slot_count, 0, (count - s->slot_count) * sizeof *s->voids);
    uint32_t slot = s->slot_count;
    s->slot_count = count;
    return slot;
}

uint32_t slack_slot(struct slack *s, uint32_t segment) {
    assert(segment > 0);
    if (segment >= s->segment_count) {
        uint32_t count = segment + segment / 2 + 16;
        s->slots = memory_resize(s->slots, count, sizeof *s->slots);
        memset(s->slots + s->segment_count, 0, (count - s->segment_count) * sizeof *s->slots);
        s->segment_count = count;
    }
    if (!s->slots[segment]) {
        uint32_t slot = free_slot(s);
        s->taken[slot] = segment;
        slack_set_void(s, slot, false);
        s->slots[segment] = slot + 1;
        if (stride_of(slot + 1) > s->stride)
            s->stride = stride_of(slot + 1);
    }
    return s->slots[segment] - 1;
}

void slack_drop(struct slack *s, uint32_t segment) {
    if (segment >= s->segment_count || !s->slots[segment])
        return;
    slack_set_void(s, s->slots[segment] - 1, false);
    slack_set_distinct(s, s->slots[segment] - 1, false);
    s->taken[s->slots[segment] - 1] = 0;
    s->slots[segment] = 0;
}

void slack_set_void(struct slack *s, uint32_t slot, bool is_void) {
    assert(slot < s->slot_count);
    s->void_count += (uint32_t)is_void - (uint32_t)s->voids[slot];
    s->voids[slot] = is_void;
}

void slack_set_distinct(struct slack *s, uint32_t slot, bool is_distinct) {
    assert(slot < s->slot_count);
    s->distinct_count += (uint32_t)is_distinct - (uint32_t)s->distinct[slot];
    s->distinct[slot] = is_distinct;
}

bool slack_is_void(const struct slack *s, uint32_t slot) { return s->voids[slot]; }
bool slack_any_void(const struct slack *s) { return s->void_count > 0; }

/* --- pages --- */

/* Makes the page, with what it had. False where there is no room. */
static bool make_page(struct slack *s, struct page *page) {
    uint64_t bytes = bytes_of_page(s->stride), before = page->memory ? bytes_of_page(page->stride) : 0;
    if (s->used + bytes - before > SLACK_BYTES_MAX)
        return false;
    struct page made = {.memory = pages_get(bytes), .stride = s->stride};
    made.bytes = (uint8_t *)(((uintptr_t)made.memory + LINE - 1) / LINE * LINE);
    made.sure_ms = (int64_t *)(void *)(made.bytes + (size_t)SPAN_CUSTOMERS * s->stride);
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++) {
        made.sure_ms[i] = page->memory ? page->sure_ms[i] : INT64_MAX;
        if (page->memory)
            memcpy(made.bytes + (size_t)i * made.stride, page->bytes + (size_t)i * page->stride, page->stride);
    }
    made.values = page->values;
    page->values = NULL;
    page_free(page);
    *page = made;
    s->used += bytes - before;
    return true;
}

/* Nothing was counted yet. */
static void make_values(struct slack *s, struct page *page) {
    if (s->used + BYTES_OF_VALUES > SLACK_BYTES_MAX)
        return;
    page->values = pages_get(BYTES_OF_VALUES);
    s->used += BYTES_OF_VALUES;
}

static struct page *page_of(struct slack *s, uint32_t span) {
    return span < s->page_count && s->pages[span].memory ? &s->pages[span] : NULL;
}

/* NULL where it has no room. One that cannot grow is let go. */
static struct page *page_for(struct slack *s, uint32_t span) {
    if (span >= s->page_count) {
        uint32_t count = span + span / 2 + 16;
        s->pages = memory_resize(s->pages, count, sizeof *s->pages);
        memset(s->pages + s->page_count, 0, (count - s->page_count) * sizeof *s->pages);
        s->page_count = count;
    }
    struct page *page = &s->pages[span];
    if ((page->memory && page->stride == s->stride) || make_page(s, page)) {
        if (s->distinct_count && !page->values)
            make_values(s, page);
        return page;
    }
    if (page->memory) {
        s->used -= bytes_of_page(page->stride) + (page->values ? BYTES_OF_VALUES : 0);
        page_free(page);
        *page = (struct page){0};
    }
    return NULL;
}

static struct slack_place place_in(struct page *page, uint32_t i) {
    return (struct slack_place){page->bytes + (size_t)i * page->stride, &page->sure_ms[i],
                                page->values ? page->values[i] : NULL};
}

struct slack_place slack_of(struct slack *s, struct customer_id customer) {
    struct page *page = page_for(s, customer.number / SPAN_CUSTOMERS);
    return page ? place_in(page, customer.number % SPAN_CUSTOMERS) : (struct slack_place){0};
}

void slack_prefetch(const struct slack *s, struct customer_id customer) {
    uint32_t span = customer.number / SPAN_CUSTOMERS, i = customer.number % SPAN_CUSTOMERS;
    const struct page *page = span < s->page_count ? &s->pages[span] : NULL;
    if (!page || !page->memory)
        return;
    for (uint32_t at = 0; at < page->stride && at < 4 * LINE; at += LINE)
        __builtin_prefetch(page->bytes + (size_t)i * page->stride + at, 1);
    __builtin_prefetch(&page->sure_ms[i]);
    if (page->values)
        __builtin_prefetch(page->values[i]);
}

void slack_forget(struct slack *s, struct customer_id customer) {
    struct page *page = page_of(s, customer.number / SPAN_CUSTOMERS);
    uint32_t i = customer.number % SPAN_CUSTOMERS;
    if (!page)
        return;
    memset(page->bytes + (size_t)i * page->stride, 0, page->stride);
    page->sure_ms[i] = INT64_MAX;
    if (page->values)
        memset(page->values[i], 0, sizeof page->values[i]);
}

void slack_forget_span(struct slack *s, uint32_t span, uint32_t slot) {
    struct page *page = page_of(s, span);
    for (uint32_t i = 0; page && slot < page->stride && i < SPAN_CUSTOMERS; i++)
        page->bytes[(size_t)i * page->stride + slot] = 0;
}

void slack_expire(struct slack *s, const struct slack_place *place, int64_t now_ms) {
    if (!place->bytes || now_ms < *place->sure_ms)
        return;
    for (uint32_t i = 0; i < s->stride; i++)
        place->bytes[i] &= (uint8_t)~SLACK_TURNS;
    *place->sure_ms = INT64_MAX;
    if (place->values) /* of no byte that turns */
        memset(place->values, 0, SLACK_VALUES * sizeof *place->values);
}

/* Those of `prints` that are not there go where there is room; returns how many do not. */
static uint32_t put_values(uint16_t *values, const uint16_t *prints, uint32_t count) {
    uint32_t left = 0, end = 0;
    while (end < SLACK_VALUES && values[end])
        end++;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = 0;
        while (i < end && values[i] != prints[k])
            i++;
        if (i < end)
            continue;
        if (end < SLACK_VALUES)
            values[end++] = prints[k];
        else
            left++;
    }
    return left;
}

bool slack_add_values(struct slack *s, const struct slack_place *place, const uint16_t *prints, uint32_t count) {
    assert(count <= SLACK_VALUES);
    if (!place->values)
        return false;
    if (put_values(place->values, prints, count) == 0)
        return true;
    for (uint32_t slot = 0; slot < s->slot_count; slot++)
        if (s->distinct[slot] && slot < s->stride)
            place->bytes[slot] &= (uint8_t)~SLACK_TURNS;
    memset(place->values, 0, SLACK_VALUES * sizeof *place->values);
    uint32_t left = put_values(place->values, prints, count);
    assert(left == 0);
    return true;
}

static uint32_t count_values(const uint16_t values[SLACK_VALUES]) {
    uint32_t count = 0;
    while (count < SLACK_VALUES && values[count])
        count++;
    return count;
}

void slack_put_span(struct slack *s, uint32_t span, uint32_t slot, const uint64_t *which, const uint8_t *bytes,
                    const int64_t *sure_ms, const uint16_t (*values)[SLACK_VALUES], int64_t now_ms) {
    struct page *page = page_for(s, span);
    for (uint32_t i = 0; page && i < SPAN_CUSTOMERS; i++) {
        struct slack_place place = place_in(page, i);
        uint8_t byte = which[i / 64] >> i % 64 & 1 ? bytes[i] : 0;
        slack_expire(s, &place, now_ms);
        if (byte & SLACK_TURNS && values && !slack_add_values(s, &place, values[i], count_values(values[i])))
            byte &= (uint8_t)~SLACK_TURNS;
        place.bytes[slot] = byte;
        if (byte & SLACK_TURNS && sure_ms[i] < *place.sure_ms)
            *place.sure_ms = sure_ms[i];
    }
}

uint64_t slack_bytes(const struct slack *s) { return ((struct slack *)s)->used; }
