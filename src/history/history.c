/* history: spans, appending, and the memory readers look at.
 *
 * Readers announce the epoch they entered in; what the fold thread takes out of use is stamped with the epoch of that moment and freed
 * once every announced epoch is later. So a reader costs two stores, and the fold never waits for one. */
#include "history/history_inside.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DELTA_BYTES_DEFAULT ((uint64_t)1 << 30)
#define MEMORY_SHARE 4 /* of what this process may use */

enum status history_create(struct os *os, const char *folder, const struct dictionary *dictionary,
                           const struct history_options *options, struct history **history, struct fault *fault) {
    enum status status = folder ? os_make_folder(os, folder, fault) : STATUS_OK;
    if (status)
        return status;
    struct history *h = memory_get(1, sizeof *h);
    h->os = os;
    h->folder = folder ? memory_text(slice_text(folder)) : NULL;
    h->dictionary = dictionary;
    h->delta_budget = options && options->delta_bytes ? options->delta_bytes : DELTA_BYTES_DEFAULT;
    h->memory_budget = options && options->memory_bytes ? options->memory_bytes : os_memory_bytes() / MEMORY_SHARE;
    h->next_file = 1;
    atomic_init(&h->epoch, 1);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&h->advanced, &attributes);
    pthread_condattr_destroy(&attributes);
    *history = h;
    return STATUS_OK;
}

static void retired_free(struct history *h, struct retired *r) {
    if (r->base && r->base->memory)
        atomic_fetch_sub(&h->memory_bytes, r->base->bytes);
    base_free(r->base);
    delta_free(r->delta);
    free(r->view);
    free(r);
}

static void span_free(struct span *span) {
    struct span_view *view = span_view(span);
    base_free(view->base);
    delta_free(view->delta);
    free(view);
    free(span);
}

void history_free(struct history *h) {
    if (!h)
        return;
    while (h->retired) {
        struct retired *next = h->retired->next;
        retired_free(h, h->retired);
        h->retired = next;
    }
    while (h->finished) {
        struct finished *next = h->finished->next;
        base_free(h->finished->base);
        free(h->finished);
        h->finished = next;
    }
    while (h->obsolete) {
        struct obsolete *next = h->obsolete->next;
        free(h->obsolete);
        h->obsolete = next;
    }
    for (uint32_t n = 0; n < atomic_load(&h->span_limit); n++)
        if (history_span(h, n))
            span_free(history_span(h, n));
    for (uint32_t i = 0; i < SPANS_MAX / SPAN_PAGE; i++)
        free(atomic_load(&h->pages[i]));
    pthread_cond_destroy(&h->advanced);
    pthread_mutex_destroy(&h->lock);
    free(h->folder);
    free(h);
}

struct span *history_span(const struct history *h, uint32_t number) {
    struct history *history = (struct history *)h;
    if (number >= SPANS_MAX)
        return NULL;
    struct span *_Atomic *page = atomic_load_explicit(&history->pages[number / SPAN_PAGE], memory_order_acquire);
    return page ? atomic_load_explicit(&page[number % SPAN_PAGE], memory_order_acquire) : NULL;
}

struct span *history_span_make(struct history *h, uint32_t number) {
    struct span *span = history_span(h, number);
    if (span)
        return span;
    assert(number < SPANS_MAX);
    struct span *_Atomic *page = atomic_load_explicit(&h->pages[number / SPAN_PAGE], memory_order_relaxed);
    if (!page) {
        page = memory_get(SPAN_PAGE, sizeof *page);
        atomic_store_explicit(&h->pages[number / SPAN_PAGE], page, memory_order_release);
    }
    span = memory_get(1, sizeof *span);
    span->number = number;
    struct span_view *view = memory_get(1, sizeof *view);
    view->delta = delta_create();
    atomic_init(&span->view, view);
    atomic_store_explicit(&page[number % SPAN_PAGE], span, memory_order_release);
    if (number >= atomic_load_explicit(&h->span_limit, memory_order_relaxed))
        atomic_store_explicit(&h->span_limit, number + 1, memory_order_release);
    return span;
}

char *history_file(const struct history *h, uint32_t span, uint64_t number) {
    struct buffer path = {0};
    buffer_print(&path, "%s/span-%u-%llu.img%c", h->folder, span, (unsigned long long)number, 0);
    return path.data;
}

/* --- fold thread --- */

void history_put(struct history *h, struct span *span, uint32_t owner, const struct record_head *record) {
    struct delta *delta = span_view(span)->delta;
    uint64_t before = atomic_load_explicit(&delta->bytes, memory_order_relaxed);
    delta_append(delta, owner, record);
    uint64_t grown = atomic_load_explicit(&delta->bytes, memory_order_relaxed) - before;
    if (grown)
        atomic_fetch_add_explicit(&h->delta_bytes, grown, memory_order_relaxed);
}

void history_append(struct history *h, struct customer_id customer, const struct record_head *record) {
    struct span *span = history_span_make(h, customer.number / SPAN_CUSTOMERS);
    assert(customer.number && !span_gone(span, customer.number % SPAN_CUSTOMERS));
    history_put(h, span, customer.number % SPAN_CUSTOMERS, record);
    if (!(record->flags & RECORD_REPLACES))
        atomic_fetch_add_explicit(&h->row_count, 1, memory_order_relaxed);
}

void history_prefetch(const struct history *h, struct customer_id customer) {
    const struct span *span = history_span(h, customer.number / SPAN_CUSTOMERS);
    if (span)
        delta_prefetch(span_view(span)->delta, customer.number % SPAN_CUSTOMERS);
}

void history_advance(struct history *h, uint64_t position) {
    atomic_store_explicit(&h->position, position, memory_order_release);
    pthread_mutex_lock(&h->lock);
    pthread_cond_broadcast(&h->advanced);
    pthread_mutex_unlock(&h->lock);
}

static void retire(struct history *h, struct base *base, struct delta *delta, struct span_view *view) {
    struct retired *r = memory_get(1, sizeof *r);
    *r = (struct retired){h->retired, atomic_fetch_add(&h->epoch, 1), base, delta, view};
    h->retired = r;
}

void history_swap(struct history *h, struct span *span, struct span_view *view) {
    struct span_view *old = span_view(span);
    atomic_store_explicit(&span->view, view, memory_order_release);
    if (old->base && (!view->base || old->base->number != view->base->number)) {
        struct obsolete *o = memory_get(1, sizeof *o);
        pthread_mutex_lock(&h->lock);
        *o = (struct obsolete){h->obsolete, h->freezes, span->number, old->base->number};
        h->obsolete = o;
        pthread_mutex_unlock(&h->lock);
    }
    retire(h, old->base != view->base ? old->base : NULL, old->delta != view->delta ? old->delta : NULL, old);
}

/* The delta without its first `rows` rows and without those of customers merged away. */
static struct delta *delta_after(const struct span *span, const struct delta *delta, uint32_t rows) {
    struct delta *rest = delta_create();
    struct delta_walk walk = delta_start(delta, atomic_load_explicit(&delta->row_count, memory_order_acquire));
    const struct delta_row *row;
    for (uint32_t i = 0; (row = delta_next(&walk)); i++)
        if (i >= rows && !span_gone(span, row->owner))
            delta_append(rest, row->owner, delta_record(row));
    return rest;
}

static void take_in(struct history *h, struct finished *f) {
    struct span_view *old = span_view(f->span), *view = memory_get(1, sizeof *view);
    assert(!f->copy || old->base->number == f->base->number); /* nobody else swaps while it is compacting */
    view->base = f->base;
    view->delta = f->copy ? old->delta : delta_after(f->span, old->delta, f->delta_rows);
    uint64_t before = atomic_load(&old->delta->bytes), after = atomic_load(&view->delta->bytes);
    history_swap(h, f->span, view);
    atomic_fetch_sub(&h->delta_bytes, before - after);
    atomic_fetch_add(&h->compactions, !f->copy);
    pthread_mutex_lock(&h->lock);
    f->span->compacting = false;
    pthread_mutex_unlock(&h->lock);
}

bool history_tidy(struct history *h) {
    pthread_mutex_lock(&h->lock);
    struct finished *f = h->finished;
    h->finished = NULL;
    pthread_mutex_unlock(&h->lock);
    while (f) {
        struct finished *next = f->next;
        take_in(h, f);
        free(f);
        f = next;
    }
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; h->retired && i < HISTORY_READERS_MAX; i++) {
        uint64_t epoch = atomic_load(&h->readers[i].epoch);
        oldest = epoch && epoch < oldest ? epoch : oldest;
    }
    for (struct retired **at = &h->retired; *at;) {
        struct retired *r = *at;
        if (r->epoch < oldest) {
            *at = r->next;
            retired_free(h, r);
        } else {
            at = &r->next;
        }
    }
    return atomic_load_explicit(&h->delta_bytes, memory_order_relaxed) > h->delta_budget;
}

/* --- any thread --- */

struct history_hold history_enter(struct history *h) {
    static _Thread_local unsigned last;
    for (unsigned tries = 0;; tries++) {
        unsigned slot = (last + tries) % HISTORY_READERS_MAX;
        uint64_t free_slot = 0;
        if (atomic_compare_exchange_strong(&h->readers[slot].epoch, &free_slot, atomic_load(&h->epoch))) {
            last = slot;
            return (struct history_hold){slot};
        }
        if (tries % HISTORY_READERS_MAX == HISTORY_READERS_MAX - 1)
            sched_yield(); /* every slot is taken: wait for one */
    }
}

void history_leave(struct history *h, struct history_hold hold) {
    assert(hold.slot < HISTORY_READERS_MAX);
    atomic_store(&h->readers[hold.slot].epoch, 0);
}

uint64_t history_position(const struct history *h) {
    return atomic_load_explicit(&((struct history *)h)->position, memory_order_acquire);
}

bool history_wait(struct history *h, uint64_t position, unsigned timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&h->lock);
    while (history_position(h) < position)
        if (pthread_cond_timedwait(&h->advanced, &h->lock, &until) == ETIMEDOUT)
            break;
    pthread_mutex_unlock(&h->lock);
    return history_position(h) >= position;
}

void history_counters_read(const struct history *history, struct history_counters *out) {
    struct history *h = (struct history *)history;
    *out = (struct history_counters){.rows = atomic_load(&h->row_count),
                                     .delta_bytes = atomic_load(&h->delta_bytes),
                                     .memory_bytes = atomic_load(&h->memory_bytes),
                                     .compactions = atomic_load(&h->compactions),
                                     .merged_rows = atomic_load(&h->merged_rows)};
    struct history_hold hold = history_enter(h);
    for (uint32_t n = 0; n < atomic_load_explicit(&h->span_limit, memory_order_acquire); n++) {
        struct span *span = history_span(h, n);
        if (!span)
            continue;
        struct span_view *view = span_view(span);
        out->spans++;
        out->delta_rows += atomic_load_explicit(&view->delta->row_count, memory_order_relaxed);
        out->base_rows += view->base ? view->base->row_count : 0;
        out->base_bytes += view->base ? view->base->bytes : 0;
    }
    history_leave(h, hold);
}
