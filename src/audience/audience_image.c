/* audience_image: the audience in a checkpoint (docs/formats/audience.md). */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audience/audience_inside.h"

#define FORMAT_VERSION 1

struct saved_head {
    uint32_t version, run_count;
    uint64_t position; /* of the last record */
    uint32_t order;    /* of its next entry */
    uint32_t dirty_count;
    int64_t now_ms, master_due_ms;
};
_Static_assert(sizeof(struct saved_head) == 40, "on disk");

struct audience_image {
    struct os *os;
    struct saved_head head;
    struct buffer runs, dirty, definitions, bindings, members, timers;
    struct feed_image *feed;
    int64_t now_ms; /* for the feed's retention */
};

struct audience_image *audience_freeze(struct audience *a) {
    struct audience_image *image = memory_get(1, sizeof *image);
    struct json_writer w = {.out = &image->definitions};
    image->os = a->os;
    image->head = (struct saved_head){.version = FORMAT_VERSION,
                                      .run_count = a->run_count,
                                      .position = a->live.position,
                                      .order = a->live.order,
                                      .now_ms = a->live.now_ms,
                                      .master_due_ms = a->master_due_ms};
    for (uint16_t type = 0; type < DICTIONARY_TYPES_MAX; type++)
        if (a->master_dirty[type]) {
            buffer_add(&image->dirty, &type, sizeof type);
            image->head.dirty_count++;
        }
    if (a->run_count)
        buffer_add(&image->runs, a->runs, a->run_count * sizeof *a->runs);
    definitions_save(a->snapshot, &w);
    bindings_save(a->snapshot, &image->bindings);
    members_save(a->live.members, &image->members);
    timers_save(a->live.timers, &image->timers);
    image->feed = feed_freeze(a->live.feed);
    image->now_ms = a->live.now_ms;
    return image;
}

static enum status add(struct image_writer *w, const char *name, const struct buffer *content, struct fault *fault) {
    return image_add(w, name, content->data ? content->data : "", content->size, fault);
}

enum status audience_write(struct audience_image *image, const char *path, struct fault *fault) {
    struct image_writer *w;
    enum status status = image_create(image->os, path, &w, fault);
    if (status)
        return status;
    status = image_add(w, "audience.head", &image->head, sizeof image->head, fault);
    if (!status)
        status = add(w, "audience.runs", &image->runs, fault);
    if (!status)
        status = add(w, "audience.dirty", &image->dirty, fault);
    if (!status)
        status = add(w, "audience.definitions", &image->definitions, fault);
    if (!status)
        status = add(w, "audience.bindings", &image->bindings, fault);
    if (!status)
        status = add(w, "audience.members", &image->members, fault);
    if (!status)
        status = add(w, "audience.timers", &image->timers, fault);
    if (!status)
        status = feed_write(image->feed, w, image->now_ms, fault);
    if (status) {
        image_abandon(w);
        return status;
    }
    return image_finish(w, NULL, fault);
}

void audience_image_free(struct audience_image *image) {
    if (!image)
        return;
    feed_image_free(image->feed);
    buffer_release(&image->runs);
    buffer_release(&image->dirty);
    buffer_release(&image->definitions);
    buffer_release(&image->bindings);
    buffer_release(&image->members);
    buffer_release(&image->timers);
    free(image);
}

/* --- reading back --- */

static enum status load_head(struct audience *a, struct image *image, struct saved_head *head, struct fault *fault) {
    struct slice section;
    enum status status = image_find(image, "audience.head", true, &section, fault);
    if (status)
        return status;
    if (section.size != sizeof *head)
        return fault_set(fault, STATUS_DAMAGED, "section audience.head has %zu bytes", section.size);
    memcpy(head, section.data, sizeof *head);
    if (head->version != FORMAT_VERSION)
        return fault_set(fault, STATUS_DAMAGED, "section audience.head is of version %u; this program knows %d",
                         head->version, FORMAT_VERSION);
    a->live.position = head->position;
    a->live.order = head->order;
    a->live.now_ms = head->now_ms;
    a->master_due_ms = head->master_due_ms;
    atomic_store(&a->now_ms, head->now_ms);
    atomic_store(&a->published, head->position);
    return STATUS_OK;
}

static enum status load_runs(struct audience *a, struct image *image, const struct saved_head *head,
                             struct fault *fault) {
    struct slice section;
    enum status status = image_find(image, "audience.runs", true, &section, fault);
    if (status)
        return status;
    if (section.size != head->run_count * sizeof(struct run))
        return fault_set(fault, STATUS_DAMAGED, "section audience.runs has %zu bytes", section.size);
    struct run *runs = memory_get(head->run_count + 1, sizeof *runs);
    if (section.size)
        memcpy(runs, section.data, section.size);
    for (uint32_t i = 0; i < head->run_count && !status; i++) {
        const struct made *made = definition_numbered(a->snapshot, runs[i].number);
        if (!made || made->how != HOW_SCHEDULED || made->deleted || (i && runs[i].number <= runs[i - 1].number))
            status =
                fault_set(fault, STATUS_DAMAGED, "section audience.runs: %u is no scheduled segment", runs[i].number);
    }
    if (status)
        free(runs);
    else
        audience_set_runs(a, runs, head->run_count);
    return status;
}

static enum status load_dirty(struct audience *a, struct image *image, const struct saved_head *head,
                              struct fault *fault) {
    struct slice section;
    enum status status = image_find(image, "audience.dirty", true, &section, fault);
    if (status)
        return status;
    if (section.size != head->dirty_count * sizeof(uint16_t))
        return fault_set(fault, STATUS_DAMAGED, "section audience.dirty has %zu bytes", section.size);
    for (size_t at = 0; at < section.size; at += sizeof(uint16_t)) {
        uint16_t type;
        memcpy(&type, section.data + at, sizeof type);
        if (type >= DICTIONARY_TYPES_MAX)
            return fault_set(fault, STATUS_DAMAGED, "section audience.dirty names type %u", type);
        a->master_dirty[type] = true;
    }
    return STATUS_OK;
}

static enum status load_definitions(struct audience *a, struct image *image, struct fault *fault) {
    struct slice section, bindings;
    struct audience_snapshot *snapshot;
    enum status status = image_find(image, "audience.definitions", true, &section, fault);
    if (!status)
        status = image_find(image, "audience.bindings", true, &bindings, fault);
    if (!status)
        status = definitions_load(&a->parts, section, bindings, &snapshot, fault);
    if (status)
        return status;
    pthread_mutex_lock(&a->lock);
    struct audience_snapshot *old = a->snapshot;
    a->snapshot = snapshot;
    pthread_mutex_unlock(&a->lock);
    audience_snapshot_release(old);
    a->outdated = true;
    audience_note_subscriptions(a);
    audience_note_types(a);
    return STATUS_OK;
}

static enum status load_sets(struct audience *a, struct image *image, struct fault *fault) {
    struct slice section;
    enum status status = image_find(image, "audience.members", true, &section, fault);
    if (!status)
        status = members_load(a->live.members, section, fault);
    if (!status)
        status = image_find(image, "audience.timers", true, &section, fault);
    return status ? status : timers_load(a->live.timers, section, fault);
}

/* A data folder of before audiences: nobody is in a segment yet, and everybody there is may come into one. */
static void take_population(struct audience *a) {
    struct identity_counters counters;
    uint64_t bits[SPAN_WORDS], changed[SPAN_WORDS];
    identity_counters_read(a->live.identity, &counters);
    for (uint32_t span = 0; span <= counters.created / SPAN_CUSTOMERS; span++) {
        identity_population(a->live.identity, span * SPAN_CUSTOMERS, SPAN_WORDS, bits);
        members_put_span(a->live.members, MEMBERS_POPULATION, span, bits, changed);
    }
}

enum status audience_load(struct audience *a, const char *path, struct fault *fault) {
    struct image *image;
    struct saved_head head;
    enum status status = image_open(a->os, path, &image, fault);
    if (status == STATUS_NOT_FOUND)
        take_population(a);
    if (status)
        return status;
    status = load_head(a, image, &head, fault);
    if (!status)
        status = load_definitions(a, image, fault);
    if (!status)
        status = load_runs(a, image, &head, fault);
    if (!status)
        status = load_dirty(a, image, &head, fault);
    if (!status)
        status = load_sets(a, image, fault);
    if (!status)
        status = feed_load(a->live.feed, image, fault);
    image_close(image);
    audience_note_due(a);
    return status == STATUS_NOT_FOUND ? fault_set(fault, STATUS_DAMAGED, "%s lacks a section", path) : status;
}
