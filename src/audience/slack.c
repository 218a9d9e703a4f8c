/* slack: see the header. A page a span, made when first asked for. */
#include "audience/slack.h"

#include <assert.h>
#include <stdlib.h>

#define LINE 64u

struct page {
    uint8_t *bytes; /* [SPAN_CUSTOMERS * stride], at a cache line */
    void *memory;
};
struct slack {
    struct page *pages;
    uint32_t page_count, roots;
    uint32_t stride; /* of a customer: part of a line, or lines */
    uint8_t *kept;   /* [stride] */
    uint64_t used;
};

static uint32_t stride_of(uint32_t roots) {
    uint32_t stride = 8;
    while (stride < LINE && stride < roots)
        stride *= 2;
    return stride < roots ? (roots + LINE - 1) / LINE * LINE : stride;
}

struct slack *slack_create(uint32_t roots) {
    struct slack *s = memory_get(1, sizeof *s);
    s->roots = roots;
    s->stride = stride_of(roots);
    s->kept = memory_get(s->stride, 1);
    return s;
}

void slack_free(struct slack *s) {
    if (!s)
        return;
    for (uint32_t i = 0; i < s->page_count; i++)
        free(s->pages[i].memory);
    free(s->pages);
    free(s->kept);
    free(s);
}

static bool make_page(struct slack *s, uint32_t span) {
    uint64_t bytes = (uint64_t)SPAN_CUSTOMERS * s->stride + LINE;
    if (s->used + bytes > SLACK_BYTES_MAX)
        return false;
    if (span >= s->page_count) {
        uint32_t count = span + span / 2 + 16;
        s->pages = memory_resize(s->pages, count, sizeof *s->pages);
        memset(s->pages + s->page_count, 0, (count - s->page_count) * sizeof *s->pages);
        s->page_count = count;
    }
    struct page *page = &s->pages[span];
    page->memory = memory_get(bytes, 1);
    page->bytes = (uint8_t *)(((uintptr_t)page->memory + LINE - 1) / LINE * LINE);
    s->used += bytes;
    return true;
}

static uint8_t *page_of(const struct slack *s, uint32_t span) {
    return span < s->page_count ? s->pages[span].bytes : NULL;
}

uint8_t *slack_of(struct slack *s, struct customer_id customer) {
    uint32_t span = customer.number / SPAN_CUSTOMERS;
    if (!page_of(s, span) && !make_page(s, span))
        return NULL;
    return s->pages[span].bytes + (size_t)(customer.number % SPAN_CUSTOMERS) * s->stride;
}

void slack_forget_span(struct slack *s, uint32_t span, const uint64_t *which) {
    uint8_t *bytes = page_of(s, span);
    if (!bytes)
        return;
    for (uint32_t r = 0; r < s->roots; r++)
        s->kept[r] = which[r / 64] >> r % 64 & 1 ? 0 : UINT8_MAX;
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
        for (uint32_t r = 0; r < s->stride; r++)
            bytes[(size_t)i * s->stride + r] &= s->kept[r];
}

void slack_forget(struct slack *s, struct customer_id customer) {
    uint32_t span = customer.number / SPAN_CUSTOMERS;
    if (page_of(s, span))
        memset(slack_of(s, customer), 0, s->stride);
}
