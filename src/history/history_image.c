/* history_image: saving and loading. The image holds every delta's rows and names the base files, which are durable already. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "history/history_inside.h"

struct saved_span {
    uint32_t number;
    uint32_t reserved;
    uint64_t base; /* file number, 0 = none */
    uint64_t gone[SPAN_CUSTOMERS / 64];
};
_Static_assert(sizeof(struct saved_span) == 528, "on disk");

struct saved_counters {
    uint64_t row_count, merged_rows, position, next_file;
};

/* Before each record in section "rows". */
struct saved_row {
    uint32_t customer;
    uint32_t reserved;
};

struct frozen_span {
    struct saved_span saved;
    const struct delta *delta;
    uint32_t delta_rows;
};

struct history_image {
    struct history *history;
    struct history_hold hold; /* keeps the deltas alive */
    struct frozen_span *spans;
    uint32_t span_count;
    struct saved_counters counters;
    uint64_t freeze; /* number of this freeze */
};

struct history_image *history_freeze(struct history *h) {
    struct history_image *image = memory_get(1, sizeof *image);
    uint32_t limit = atomic_load(&h->span_limit);
    image->history = h;
    image->hold = history_enter(h);
    image->spans = memory_get(limit, sizeof *image->spans);
    for (uint32_t n = 0; n < limit; n++) {
        struct span *span = history_span(h, n);
        if (!span)
            continue;
        struct span_view *view = span_view(span);
        struct frozen_span *f = &image->spans[image->span_count++];
        f->saved.number = n;
        f->saved.base = view->base ? view->base->number : 0;
        for (unsigned i = 0; i < SPAN_CUSTOMERS / 64; i++)
            f->saved.gone[i] = atomic_load_explicit(&span->gone[i], memory_order_relaxed);
        f->delta = view->delta;
        f->delta_rows = atomic_load(&view->delta->row_count);
    }
    pthread_mutex_lock(&h->lock);
    image->freeze = ++h->freezes;
    image->counters = (struct saved_counters){atomic_load(&h->row_count), atomic_load(&h->merged_rows),
                                              atomic_load(&h->position), h->next_file};
    pthread_mutex_unlock(&h->lock);
    return image;
}

static enum status write_rows(const struct history_image *image, struct image_writer *writer, struct fault *fault) {
    enum status status = image_section(writer, "rows", fault);
    for (uint32_t i = 0; i < image->span_count && !status; i++) {
        const struct frozen_span *f = &image->spans[i];
        struct delta_walk walk = delta_start(f->delta, f->delta_rows);
        const struct delta_row *row;
        while (!status && (row = delta_next(&walk))) {
            struct saved_row head = {f->saved.number * SPAN_CUSTOMERS + row->owner, 0};
            if (f->saved.gone[row->owner / 64] >> (row->owner % 64) & 1)
                continue;
            status = image_write(writer, &head, sizeof head, fault);
            if (!status)
                status = image_write(writer, delta_record(row), delta_record(row)->bytes, fault);
        }
    }
    return status;
}

enum status history_write(struct history_image *image, const char *path, struct fault *fault) {
    struct image_writer *writer;
    enum status status = image_create(image->history->os, path, &writer, fault);
    if (status)
        return status;
    status = image_add(writer, "counters", &image->counters, sizeof image->counters, fault);
    if (!status)
        status = image_section(writer, "spans", fault);
    for (uint32_t i = 0; i < image->span_count && !status; i++)
        status = image_write(writer, &image->spans[i].saved, sizeof(struct saved_span), fault);
    if (!status)
        status = write_rows(image, writer, fault);
    if (!status)
        return image_finish(writer, NULL, fault);
    image_abandon(writer);
    return status;
}

/* Removes base files that went out of use before this freeze: the checkpoint in force no longer names them. */
static void remove_obsolete(struct history *h, uint64_t freeze) {
    struct obsolete *due = NULL;
    pthread_mutex_lock(&h->lock);
    for (struct obsolete **at = &h->obsolete; *at;) {
        struct obsolete *o = *at;
        if (o->freeze < freeze) {
            *at = o->next;
            o->next = due;
            due = o;
        } else {
            at = &o->next;
        }
    }
    pthread_mutex_unlock(&h->lock);
    while (due) {
        struct obsolete *next = due->next;
        char *path = history_file(h, due->span, due->number);
        if (os_remove(h->os, path, NULL)) { /* a leftover is swept at the next load */
        }
        free(path);
        free(due);
        due = next;
    }
}

void history_image_free(struct history_image *image, bool durable) {
    if (!image)
        return;
    history_leave(image->history, image->hold);
    if (durable)
        remove_obsolete(image->history, image->freeze);
    free(image->spans);
    free(image);
}

/* --- loading --- */

static enum status load_spans(struct history *h, const char *path, struct slice section, struct fault *fault) {
    if (section.size % sizeof(struct saved_span))
        return fault_set(fault, STATUS_DAMAGED, "%s: section spans has %zu bytes", path, section.size);
    const struct saved_span *saved = (const struct saved_span *)section.data;
    for (size_t i = 0; i < section.size / sizeof *saved; i++) {
        if (saved[i].number >= SPANS_MAX)
            return fault_set(fault, STATUS_DAMAGED, "%s: span number %u is past the limit", path, saved[i].number);
        struct span *span = history_span_make(h, saved[i].number);
        uint32_t gone = 0;
        for (unsigned k = 0; k < SPAN_CUSTOMERS / 64; k++) {
            atomic_init(&span->gone[k], saved[i].gone[k]);
            gone += (uint32_t)__builtin_popcountll(saved[i].gone[k]);
        }
        atomic_init(&span->gone_count, gone);
        if (!saved[i].base)
            continue;
        char *file = history_file(h, saved[i].number, saved[i].base);
        enum status status = base_open(h->os, file, saved[i].base, &span_view(span)->base, fault);
        free(file);
        if (status)
            return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
    }
    return STATUS_OK;
}

static enum status load_rows(struct history *h, const char *path, struct slice section, struct fault *fault) {
    size_t at = 0;
    while (at < section.size) {
        struct saved_row head;
        struct record_head record;
        size_t left = section.size - at;
        if (left < sizeof head + sizeof record)
            return fault_set(fault, STATUS_DAMAGED, "%s: section rows ends within a row at %zu", path, at);
        memcpy(&head, section.data + at, sizeof head);
        at += sizeof head;
        memcpy(&record, section.data + at, sizeof record);
        if (record.bytes > section.size - at || !record_check(slice_of(section.data + at, record.bytes)) ||
            (record.type >= dictionary_type_count(h->dictionary) && !moved_is_note(&record)) ||
            head.customer / SPAN_CUSTOMERS >= SPANS_MAX)
            return fault_set(fault, STATUS_DAMAGED, "%s: the row at %zu of section rows does not hold together", path,
                             at);
        struct delta *delta = span_view(history_span_make(h, head.customer / SPAN_CUSTOMERS))->delta;
        uint64_t before = atomic_load(&delta->bytes);
        delta_append(delta, head.customer % SPAN_CUSTOMERS, (const struct record_head *)(section.data + at));
        atomic_fetch_add(&h->delta_bytes, atomic_load(&delta->bytes) - before);
        at += record.bytes;
    }
    return STATUS_OK;
}

/* Files in the folder that the loaded image does not name: of compactions after it, or half written. */
struct sweep {
    struct history *history;
    struct buffer names; /* zero-terminated, one after another */
};

static void sweep_name(void *context, const char *name) {
    struct sweep *s = context;
    unsigned span;
    unsigned long long number;
    int end = 0;
    if (sscanf(name, "span-%u-%llu.img%n", &span, &number, &end) < 2 || end == 0)
        return;
    struct span *known = history_span(s->history, span);
    struct base *base = known ? span_view(known)->base : NULL;
    if (name[end] || !base || base->number != number)
        buffer_add(&s->names, name, strlen(name) + 1);
}

static enum status sweep_folder(struct history *h, struct fault *fault) {
    struct sweep s = {.history = h};
    enum status status = os_list(h->os, h->folder, sweep_name, &s, fault);
    for (size_t at = 0; at < s.names.size && !status; at += strlen(s.names.data + at) + 1) {
        struct buffer path = {0};
        buffer_print(&path, "%s/%s%c", h->folder, s.names.data + at, 0);
        status = os_remove(h->os, path.data, fault);
        buffer_release(&path);
    }
    buffer_release(&s.names);
    return status;
}

enum status history_load(struct history *h, const char *path, struct fault *fault) {
    struct image *image;
    struct slice counters, spans, rows;
    struct saved_counters saved;
    enum status status = image_open(h->os, path, &image, fault);
    if (status)
        return status;
    assert(atomic_load(&h->span_limit) == 0);
    if (!(status = image_find(image, "counters", true, &counters, fault)) &&
        !(status = image_find(image, "spans", true, &spans, fault)))
        status = image_find(image, "rows", true, &rows, fault);
    if (!status && counters.size != sizeof saved)
        status = fault_set(fault, STATUS_DAMAGED, "%s: section counters has %zu bytes", path, counters.size);
    if (!status) {
        memcpy(&saved, counters.data, sizeof saved);
        atomic_store(&h->row_count, saved.row_count);
        atomic_store(&h->merged_rows, saved.merged_rows);
        atomic_store(&h->position, saved.position);
        h->next_file = saved.next_file;
        status = load_spans(h, path, spans, fault);
    }
    if (!status)
        status = load_rows(h, path, rows, fault);
    if (!status)
        status = sweep_folder(h, fault);
    image_close(image);
    return status;
}
