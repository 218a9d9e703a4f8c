/* history_compact: which span to compact, and the files that brings; which bases to copy into memory. */
#include <assert.h>
#include <stdlib.h>

#include "history/history_inside.h"

#define WORTH_BYTES ((uint64_t)16 << 20) /* a delta this large may be compacted though the budget has room */

/* The span whose delta is largest, not under way; NULL where none has rows. Holds the lock. */
static struct span *largest(struct history *h, uint64_t *bytes) {
    struct span *best = NULL;
    *bytes = 0;
    for (uint32_t n = 0; n < atomic_load_explicit(&h->span_limit, memory_order_acquire); n++) {
        struct span *span = history_span(h, n);
        if (!span || span->compacting)
            continue;
        struct delta *delta = span_view(span)->delta;
        uint64_t size = atomic_load_explicit(&delta->bytes, memory_order_relaxed);
        if (atomic_load_explicit(&delta->row_count, memory_order_relaxed) && (!best || size > *bytes)) {
            best = span;
            *bytes = size;
        }
    }
    return best;
}

static bool due(const struct history *h, uint64_t bytes, uint32_t base_rows, uint32_t delta_rows) {
    uint64_t all = atomic_load_explicit(&((struct history *)h)->delta_bytes, memory_order_relaxed);
    if (all > h->delta_budget / 4 * 3)
        return true;
    return bytes > WORTH_BYTES && delta_rows > base_rows; /* each row is then rewritten about twice in its life */
}

/* Builds the new base of `span` as it stands and opens it. */
static enum status compact_span(struct history *h, struct span *span, uint64_t number, struct finished *f,
                                struct fault *fault) {
    uint64_t gone[SPAN_CUSTOMERS / 64];
    uint32_t rows;
    char *path = history_file(h, span->number, number);
    struct history_hold hold = history_enter(h);
    /* merges first, rows after: a merge that happens in between leaves its rows in both places only until the swap, where the gone bit rules */
    struct span_view *view = span_view(span);
    f->delta_rows = atomic_load_explicit(&view->delta->row_count, memory_order_acquire);
    for (unsigned i = 0; i < SPAN_CUSTOMERS / 64; i++)
        gone[i] = atomic_load_explicit(&span->gone[i], memory_order_acquire);
    enum status status = view->base ? base_verify(view->base, fault) : STATUS_OK; /* damage must not be copied on */
    if (!status)
        status = span_compact(h->os, view, f->delta_rows, gone, h->dictionary, path, &rows, fault);
    if (!status)
        status = base_open(h->os, path, number, &f->base, fault);
    if (!status)
        f->base->verified = true; /* written just now */
    history_leave(h, hold);
    free(path);
    return status;
}

/* --- with nothing to compact --- */

static void finish(struct history *h, struct finished *f) {
    pthread_mutex_lock(&h->lock);
    f->next = h->finished;
    h->finished = f;
    pthread_mutex_unlock(&h->lock);
}

/* Takes the span as under way; false where it is already. */
static bool begin(struct history *h, struct span *span) {
    pthread_mutex_lock(&h->lock);
    bool free_now = !span->compacting;
    span->compacting = true;
    pthread_mutex_unlock(&h->lock);
    return free_now;
}

static bool has_room(const struct history *h, const struct base *base) {
    uint64_t used = atomic_load(&((struct history *)h)->memory_bytes);
    return used <= h->memory_budget && base->bytes <= h->memory_budget - used;
}

/* Copies the span's base into memory; END where it is there, or something stands in the way. */
static enum status copy_base(struct history *h, struct span *span) {
    const struct base *base = span_view(span)->base;
    if (base->memory || !has_room(h, base) || !begin(h, span))
        return STATUS_END;
    struct base *copy = base_copy(span_view(span)->base); /* as it is now that nobody else swaps it */
    if (!copy) {
        pthread_mutex_lock(&h->lock);
        span->compacting = false;
        pthread_mutex_unlock(&h->lock);
        return STATUS_END;
    }
    struct finished *f = memory_get(1, sizeof *f);
    *f = (struct finished){.span = span, .base = copy, .copy = true};
    atomic_fetch_add(&h->memory_bytes, copy->bytes);
    finish(h, f);
    return STATUS_OK;
}

/* Holds one base that was loaded against its CRCs, or copies one into memory; END when none is left. Goes over the spans once, and again when one
 * was compacted. */
static enum status tend_some(struct history *h, struct fault *fault) {
    uint32_t limit = atomic_load_explicit(&h->span_limit, memory_order_acquire);
    uint64_t compactions = atomic_load(&h->compactions);
    enum status status = STATUS_END;
    if (h->tend_next >= limit && (h->tended != limit || h->tended_compactions != compactions)) {
        h->tend_next = 0;
        h->tended = limit;
        h->tended_compactions = compactions;
    }
    struct history_hold hold = history_enter(h);
    for (; h->tend_next < limit && status == STATUS_END; h->tend_next += status == STATUS_END) {
        struct span *span = history_span(h, h->tend_next);
        struct base *base = span ? span_view(span)->base : NULL;
        if (base)
            status = base->verified ? copy_base(h, span) : base_verify(base, fault);
    }
    history_leave(h, hold);
    return status;
}

enum status history_compact(struct history *h, bool all, struct fault *fault) {
    uint64_t bytes, number;
    pthread_mutex_lock(&h->lock);
    struct history_hold hold = history_enter(h);
    struct span *span = largest(h, &bytes);
    if (span && !all) {
        struct span_view *view = span_view(span);
        if (!due(h, bytes, view->base ? view->base->row_count : 0, atomic_load(&view->delta->row_count)))
            span = NULL;
    }
    if (span)
        span->compacting = true;
    history_leave(h, hold);
    number = h->next_file++;
    pthread_mutex_unlock(&h->lock);
    if (!span)
        return all ? STATUS_END : tend_some(h, fault);
    struct finished *f = memory_get(1, sizeof *f);
    f->span = span;
    enum status status = compact_span(h, span, number, f, fault);
    if (!status) {
        finish(h, f);
        return status;
    }
    pthread_mutex_lock(&h->lock);
    span->compacting = false;
    pthread_mutex_unlock(&h->lock);
    free(f);
    return status;
}
