/* identity_image: freezing and writing; reading is identity_image_read.c. See the headers for the contracts, docs/formats/identity.md for the format. */
#include "identity/identity_image.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"
#include "identity/identity_journal.h"
#include "identity/identity_saved.h"
#include "identity/identity_store.h"
#include "os/image.h"

#define WRITE_BYTES 65536 /* collected before they go to the image */

struct move_note {
    uint32_t identifier, owner;
};

struct time_note {
    uint32_t edge;
    int64_t first_ms;
};

struct moves {
    pthread_mutex_t lock;
    bool frozen;         /* there is an image */
    struct buffer notes; /* struct move_note, in order */
    struct buffer times; /* struct time_note, in order */
};

struct identity_image {
    const struct identity *identity;
    struct moves *moves;
    struct saved_head head;
    struct saved_customer *customers; /* [customer_count] */
    struct saved_decision *decisions; /* [decision_count] */
};

/* --- freezing --- */

struct moves *moves_create(void) {
    struct moves *moves = memory_get(1, sizeof *moves);
    pthread_mutex_init(&moves->lock, NULL);
    return moves;
}

void moves_free(struct moves *moves) {
    assert(!moves->frozen);
    pthread_mutex_destroy(&moves->lock);
    buffer_release(&moves->notes);
    buffer_release(&moves->times);
    free(moves);
}

static void moves_begin(struct moves *moves) {
    pthread_mutex_lock(&moves->lock);
    assert(!moves->frozen && !moves->notes.size);
    moves->frozen = true;
    pthread_mutex_unlock(&moves->lock);
}

static void moves_end(struct moves *moves) {
    pthread_mutex_lock(&moves->lock);
    assert(moves->frozen);
    moves->frozen = false;
    buffer_release(&moves->notes);
    buffer_release(&moves->times);
    pthread_mutex_unlock(&moves->lock);
}

void moves_note(struct moves *moves, uint32_t identifier, uint32_t owner) {
    struct move_note note = {identifier, owner};
    pthread_mutex_lock(&moves->lock);
    if (moves->frozen)
        buffer_add(&moves->notes, &note, sizeof note);
    pthread_mutex_unlock(&moves->lock);
}

void times_note(struct moves *moves, uint32_t edge, int64_t first_ms) {
    struct time_note note = {edge, first_ms};
    pthread_mutex_lock(&moves->lock);
    if (moves->frozen)
        buffer_add(&moves->times, &note, sizeof note);
    pthread_mutex_unlock(&moves->lock);
}

static struct saved_decision saved_decision(const struct decision_entry *entry) {
    const struct decision_note *note = &entry->note;
    return (struct saved_decision){.position = note->position,
                                   .entry = note->entry,
                                   .received_ms = note->received_ms,
                                   .time_ms = note->time_ms,
                                   .customer = note->customer.number,
                                   .other = note->other.number,
                                   .member_count = entry->member_count,
                                   .source = note->source,
                                   .kind = note->kind,
                                   .undone = atomic_load_explicit(&entry->undone, memory_order_relaxed)};
}

struct identity_image *identity_freeze(struct identity *identity) {
    struct identity_image *image = memory_get(1, sizeof *image);
    uint32_t customer_count = chunks_count(&identity->customers);
    image->identity = identity;
    image->moves = identity->moves;
    image->head = (struct saved_head){.version = FORMAT_VERSION,
                                      .identifier_count = chunks_count(&identity->identifiers),
                                      .customer_count = customer_count,
                                      .edge_count = chunks_count(&identity->edges),
                                      .journal_count = chunks_count(&identity->journal),
                                      .decision_count = chunks_count(&identity->decisions),
                                      .member_count = chunks_count(&identity->members),
                                      .sweep = atomic_load(&identity->sweep),
                                      .value_bytes = identity->value_bytes,
                                      .blocked_count = atomic_load(&identity->blocked_count),
                                      .solved_count = atomic_load(&identity->solved_count),
                                      .split_count = atomic_load(&identity->split_count)};
    image->customers = memory_get(customer_count, sizeof *image->customers);
    for (uint32_t i = 0; i < customer_count; i++) {
        const struct customer *customer = customer_at(identity, i + 1);
        image->customers[i] = (struct saved_customer){atomic_load_explicit(&customer->redirect, memory_order_relaxed),
                                                      customer->row_count,
                                                      customer->shared,
                                                      atomic_load_explicit(&customer->state, memory_order_relaxed),
                                                      {0}};
    }
    image->decisions = memory_get(image->head.decision_count + 1, sizeof *image->decisions);
    for (uint32_t i = 0; i < image->head.decision_count; i++)
        image->decisions[i] = saved_decision(decision_at(identity, i + 1));
    moves_begin(image->moves);
    return image;
}

void identity_image_free(struct identity_image *image) {
    if (!image)
        return;
    moves_end(image->moves);
    free(image->customers);
    free(image->decisions);
    free(image);
}

/* --- writing --- */

struct writer {
    struct image_writer *image;
    struct buffer pending;
    struct fault *fault;
    enum status status; /* the first failure; after it nothing is written */
};

static void flush(struct writer *w) {
    if (w->status == STATUS_OK && w->pending.size)
        w->status = image_write(w->image, w->pending.data, w->pending.size, w->fault);
    buffer_clear(&w->pending);
}

static void put(struct writer *w, const void *data, size_t size) {
    buffer_add(&w->pending, data, size);
    if (w->pending.size >= WRITE_BYTES)
        flush(w);
}

static void section(struct writer *w, const char *name) {
    flush(w);
    if (w->status == STATUS_OK)
        w->status = image_section(w->image, name, w->fault);
}

static void write_identifiers(struct writer *w, const struct identity_image *image) {
    section(w, SECTION_IDENTIFIERS);
    for (uint32_t i = 1; i <= image->head.identifier_count; i++) {
        const struct identifier *entry = identifier_at(image->identity, i);
        struct saved_identifier saved = {entry->first_position, entry->namespace_number, entry->value_bytes,
                                         entry->document};
        put(w, &saved, sizeof saved);
    }
    section(w, SECTION_VALUES);
    for (uint32_t i = 1; i <= image->head.identifier_count; i++) {
        const struct identifier *entry = identifier_at(image->identity, i);
        put(w, entry->value, entry->value_bytes);
    }
}

/* Owners as they were when frozen: as they are, then every move since taken back, newest first. A move noted after the
 * lock happened after all were read. */
static void write_owners(struct writer *w, const struct identity_image *image) {
    uint32_t count = image->head.identifier_count, *owners = memory_get(count, sizeof *owners);
    for (uint32_t i = 0; i < count; i++)
        owners[i] = atomic_load_explicit(&identifier_at(image->identity, i + 1)->owner, memory_order_acquire);
    pthread_mutex_lock(&image->moves->lock);
    const struct move_note *notes = (const struct move_note *)(const void *)image->moves->notes.data;
    for (size_t i = image->moves->notes.size / sizeof *notes; i-- > 0;)
        if (notes[i].identifier <= count)
            owners[notes[i].identifier - 1] = notes[i].owner;
    pthread_mutex_unlock(&image->moves->lock);
    section(w, SECTION_OWNERS);
    for (uint32_t i = 0; i < count; i++)
        put(w, &owners[i], sizeof owners[i]);
    free(owners);
}

/* First times as they were when frozen: as owners are. */
static int64_t *times_frozen(const struct identity_image *image) {
    uint32_t count = image->head.edge_count;
    int64_t *times = memory_get((size_t)count + 1, sizeof *times);
    for (uint32_t i = 1; i <= count; i++)
        times[i] = atomic_load_explicit(&edge_at(image->identity, i)->first_ms, memory_order_acquire);
    pthread_mutex_lock(&image->moves->lock);
    const struct time_note *notes = (const struct time_note *)(const void *)image->moves->times.data;
    for (size_t i = image->moves->times.size / sizeof *notes; i-- > 0;)
        if (notes[i].edge <= count)
            times[notes[i].edge] = notes[i].first_ms;
    pthread_mutex_unlock(&image->moves->lock);
    return times;
}

static void write_edges(struct writer *w, const struct identity_image *image) {
    int64_t *times = times_frozen(image);
    section(w, SECTION_EDGES);
    for (uint32_t i = 1; i <= image->head.edge_count; i++) {
        const struct edge_entry *edge = edge_at(image->identity, i);
        struct saved_edge saved = {edge->a, edge->b, edge->position, times[i], edge->source, {0}};
        put(w, &saved, sizeof saved);
    }
    free(times);
}

static void write_decisions(struct writer *w, const struct identity_image *image) {
    section(w, SECTION_DECISIONS);
    for (uint32_t i = 0; i < image->head.decision_count; i++)
        put(w, &image->decisions[i], sizeof image->decisions[i]);
    section(w, SECTION_MEMBERS);
    for (uint32_t i = 1; i <= image->head.member_count; i++) {
        const struct decision_member *member = member_at(image->identity, i);
        struct saved_member saved = {member->identifier, member->part};
        put(w, &saved, sizeof saved);
    }
}

static void write_journal(struct writer *w, const struct identity_image *image) {
    section(w, SECTION_JOURNAL);
    for (uint32_t i = 1; i <= image->head.journal_count; i++) {
        const struct journal_entry *entry = &journal_at(image->identity, i)->entry;
        struct saved_entry saved = {.position = entry->position,
                                    .received_ms = entry->received_ms,
                                    .winner = entry->winner.number,
                                    .loser = entry->loser.number,
                                    .strong = entry->strong.number,
                                    .weak = entry->weak.number,
                                    .source = entry->source,
                                    .namespace_number = entry->namespace_number,
                                    .kind = entry->kind,
                                    .decision = entry->decision};
        put(w, &saved, sizeof saved);
    }
}

enum status identity_write(const struct identity_image *image, const char *path, struct fault *fault) {
    struct writer w = {.fault = fault};
    w.status = image_create(image->identity->os, path, &w.image, fault);
    if (w.status != STATUS_OK)
        return w.status;
    section(&w, SECTION_HEAD);
    put(&w, &image->head, sizeof image->head);
    write_identifiers(&w, image);
    write_owners(&w, image);
    section(&w, SECTION_CUSTOMERS);
    for (uint32_t i = 0; i < image->head.customer_count; i++)
        put(&w, &image->customers[i], sizeof image->customers[i]);
    write_edges(&w, image);
    write_journal(&w, image);
    write_decisions(&w, image);
    flush(&w);
    buffer_release(&w.pending);
    if (w.status == STATUS_OK)
        return image_finish(w.image, NULL, fault);
    image_abandon(w.image);
    return w.status;
}
