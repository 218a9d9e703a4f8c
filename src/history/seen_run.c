/* seen_run: see the header for the contract, docs/formats/seen.md for the bytes.
 *
 * A file is always the merge of sorted sources, written in three passes over them, one a section, so that nothing
 * sized by the run stands in memory: filter words and fence buckets ascend with the hashes, so each section is written
 * front to back. */
#include "history/seen_run.h"

#include <assert.h>
#include <stdlib.h>

#define FILTER_KEY_BITS 12 /* filter bits per hash; with 4 set each 1.2 % of look-ups go on to the keys for nothing */
#define BUCKET_HASHES 16   /* hashes per fence bucket, on average */
#define RUN_VERSION 1

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian");

/* On disk. */
struct run_head {
    uint32_t version, fence_bits, width, reserved;
    uint64_t count, filter_words, sequence;
};
_Static_assert(sizeof(struct run_head) == 40, "on disk");

/* --- looking up --- */

static inline uint64_t key_mask(unsigned width) { return UINT64_MAX >> (64 - 8 * width); }

/* Reads up to 7 bytes past the last key: an image has 64 behind every section. */
static inline uint64_t key_at(const struct seen_run *run, uint64_t i) {
    uint64_t key;
    memcpy(&key, run->keys + i * run->width, sizeof key);
    return key & key_mask(run->width);
}

/* Halves the bucket. A bucket shares its top bits, so the kept low bytes order and tell its hashes apart. */
bool seen_run_holds(const struct seen_run *run, uint64_t h) {
    uint64_t bucket = h >> (64 - run->fence_bits), key = h & key_mask(run->width);
    uint64_t low = run->fence[bucket], high = run->fence[bucket + 1];
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (key_at(run, middle) < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < run->fence[bucket + 1] && key_at(run, low) == key;
}

/* --- reading --- */

void seen_run_free(struct seen_run *run) {
    image_close(run->image);
    free(run);
}

static bool run_shape_fits(const struct run_head *head, size_t filter_bytes, size_t fence_bytes, size_t key_bytes) {
    return head->version == RUN_VERSION && head->fence_bits >= 1 && head->fence_bits <= 31 && head->width >= 1 &&
           head->width <= 8 && head->width * 8 + head->fence_bits >= 64 && head->count <= RUN_HASHES_MAX &&
           head->filter_words >= 1 && filter_bytes / 8 == head->filter_words && filter_bytes % 8 == 0 &&
           fence_bytes == (((uint64_t)1 << head->fence_bits) + 1) * 4 && key_bytes == head->count * head->width;
}

static bool fence_fits(const struct seen_run *run) {
    uint64_t buckets = (uint64_t)1 << run->fence_bits;
    bool ascending = run->fence[0] == 0 && run->fence[buckets] == run->count;
    for (uint64_t i = 0; i < buckets; i++)
        ascending &= run->fence[i] <= run->fence[i + 1];
    return ascending;
}

/* Checks all but the keys, which seen_run_check_keys reads. */
static enum status run_read(struct seen_run *run, uint64_t sequence, const char *path, struct fault *fault) {
    struct slice head, filter, fence, keys;
    struct run_head h = {0};
    enum status status = image_find(run->image, "head", true, &head, fault);
    if (!status)
        status = image_find(run->image, "filter", true, &filter, fault);
    if (!status)
        status = image_find(run->image, "fence", true, &fence, fault);
    if (!status)
        status = image_find(run->image, "keys", false, &keys, fault);
    if (status)
        return status;
    if (head.size == sizeof h)
        memcpy(&h, head.data, sizeof h);
    if (!run_shape_fits(&h, filter.size, fence.size, keys.size) || h.sequence != sequence)
        return fault_set(fault, STATUS_DAMAGED, "%s: its head does not fit its sections", path);
    run->filter = (const uint64_t *)filter.data;
    run->fence = (const uint32_t *)fence.data;
    run->keys = keys.data;
    run->filter_words = h.filter_words;
    run->count = h.count;
    run->sequence = sequence;
    run->fence_bits = h.fence_bits;
    run->width = h.width;
    return fence_fits(run) ? STATUS_OK : fault_set(fault, STATUS_DAMAGED, "%s: its fences do not ascend", path);
}

enum status seen_run_open(struct os *os, const char *path, uint64_t sequence, struct seen_run **run,
                          struct fault *fault) {
    struct seen_run *made = memory_get(1, sizeof *made);
    enum status status = image_open(os, path, &made->image, fault);
    if (!status) {
        status = run_read(made, sequence, path, fault);
        if (status == STATUS_NOT_FOUND)
            status = fault_set(fault, STATUS_DAMAGED, "%s: a section is missing", path);
    }
    if (status)
        seen_run_free(made);
    else
        *run = made;
    return status;
}

enum status seen_run_check_keys(struct seen_run *run, struct fault *fault) {
    struct slice keys;
    enum status status = run->keys_checked ? STATUS_OK : image_find(run->image, "keys", true, &keys, fault);
    run->keys_checked = run->keys_checked || status == STATUS_OK;
    return status;
}

/* --- writing --- */

#define CHUNK 512

/* Reads one source in order. */
struct cursor {
    struct seen_run_source source;
    uint64_t at;         /* of the source: next to decode */
    uint64_t bucket;     /* of a run: where `at` is */
    unsigned next, have; /* in chunk */
    uint64_t chunk[CHUNK];
};

static void cursor_rewind(struct cursor *c) {
    c->at = c->bucket = 0;
    c->next = c->have = 0;
}

static void decode(struct cursor *c, unsigned count) {
    const struct seen_run *run = c->source.run;
    unsigned shift = 64 - run->fence_bits;
    uint64_t low = ((uint64_t)1 << shift) - 1;
    for (unsigned i = 0; i < count; i++) {
        while (run->fence[c->bucket + 1] <= c->at + i)
            c->bucket++;
        c->chunk[i] = c->bucket << shift | (key_at(run, c->at + i) & low);
    }
}

/* Makes chunk[next] the source's next hash; false at its end. */
static bool cursor_fill(struct cursor *c) {
    if (c->next < c->have)
        return true;
    uint64_t left = c->source.count - c->at;
    unsigned count = left < CHUNK ? (unsigned)left : CHUNK;
    if (c->source.run)
        decode(c, count);
    else if (count)
        memcpy(c->chunk, c->source.sorted + c->at, count * sizeof *c->chunk);
    c->at += count;
    c->next = 0;
    c->have = count;
    return count > 0;
}

/* A section being written as the hashes pass by in ascending order. */
struct writing {
    struct image_writer *image;
    uint64_t count, filter_words;
    unsigned fence_bits, width;
    uint64_t done;  /* hashes passed */
    uint64_t place; /* filter: the open word; fence: the next bucket to start */
    uint64_t word;  /* filter: bits of the open word */
    struct buffer out;
    struct fault *fault;
};

typedef void (*section_add)(struct writing *w, const uint64_t *hashes, unsigned count);

static void add_to_filter(struct writing *w, const uint64_t *hashes, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t word = seen_run_filter_word(hashes[i], w->filter_words);
        for (; w->place < word; w->place++, w->word = 0)
            buffer_add(&w->out, &w->word, sizeof w->word);
        w->word |= seen_run_filter_bits(hashes[i]);
    }
    if (w->done + count == w->count)
        for (; w->place < w->filter_words; w->place++, w->word = 0)
            buffer_add(&w->out, &w->word, sizeof w->word);
}

static void add_to_fence(struct writing *w, const uint64_t *hashes, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        uint64_t bucket = hashes[i] >> (64 - w->fence_bits);
        uint32_t start = (uint32_t)(w->done + i);
        for (; w->place <= bucket; w->place++)
            buffer_add(&w->out, &start, sizeof start);
    }
    uint32_t end = (uint32_t)w->count;
    if (w->done + count == w->count)
        for (; w->place <= (uint64_t)1 << w->fence_bits; w->place++)
            buffer_add(&w->out, &end, sizeof end);
}

static void add_to_keys(struct writing *w, const uint64_t *hashes, unsigned count) {
    char *at = buffer_reserve(&w->out, (size_t)count * w->width); /* its slack takes the last key's upper bytes */
    for (unsigned i = 0; i < count; i++, at += w->width)
        memcpy(at, &hashes[i], sizeof hashes[i]);
    w->out.size += (size_t)count * w->width;
}

static enum status section_pass(struct writing *w, section_add add, const uint64_t *hashes, unsigned count) {
    add(w, hashes, count);
    w->done += count;
    enum status status = image_write(w->image, w->out.data, w->out.size, w->fault);
    buffer_clear(&w->out);
    return status;
}

/* The index of the source with the least next hash among the `live` first. */
static inline unsigned least_of(struct cursor *const *live, unsigned count) {
    unsigned least = 0;
    uint64_t hash = live[0]->chunk[live[0]->next];
    for (unsigned i = 1; i < count; i++) {
        uint64_t other = live[i]->chunk[live[i]->next];
        least = other < hash ? i : least;
        hash = other < hash ? other : hash;
    }
    return least;
}

/* Passes all sources' hashes, ascending, to one section. */
static enum status write_section(struct writing *w, const char *name, section_add add, struct cursor *sources,
                                 unsigned source_count) {
    struct cursor *live[RUN_SOURCES_MAX];
    unsigned live_count = 0, batch = 0;
    uint64_t out[CHUNK], last = 0;
    w->done = w->place = w->word = 0;
    for (unsigned i = 0; i < source_count; i++) {
        cursor_rewind(&sources[i]);
        if (cursor_fill(&sources[i]))
            live[live_count++] = &sources[i];
    }
    enum status status = image_section(w->image, name, w->fault);
    while (!status && live_count) {
        unsigned least = least_of(live, live_count);
        uint64_t hash = live[least]->chunk[live[least]->next++];
        if (hash <= last)
            return fault_set(w->fault, STATUS_DAMAGED, "a run of message hashes does not ascend");
        out[batch++] = last = hash;
        if (!cursor_fill(live[least]))
            live[least] = live[--live_count];
        if (batch == CHUNK || !live_count) {
            status = section_pass(w, add, out, batch);
            batch = 0;
        }
    }
    assert(status || w->done == w->count);
    return status;
}

/* How many bits, words and bytes a run of `count` hashes takes. */
static void choose_shape(struct writing *w, uint64_t count) {
    assert(count > 0 && count <= RUN_HASHES_MAX);
    w->count = count;
    w->filter_words = (count * FILTER_KEY_BITS + 63) / 64;
    w->fence_bits = 1;
    while (count >> w->fence_bits > BUCKET_HASHES)
        w->fence_bits++;
    w->width = (64 - w->fence_bits + 7) / 8;
}

/* Three passes over the sources, so that nothing sized by the run stands in memory. */
static enum status write_sections(struct writing *w, uint64_t sequence, struct cursor *sources, unsigned source_count) {
    struct run_head head = {.version = RUN_VERSION,
                            .fence_bits = w->fence_bits,
                            .width = w->width,
                            .count = w->count,
                            .filter_words = w->filter_words,
                            .sequence = sequence};
    enum status status = image_add(w->image, "head", &head, sizeof head, w->fault);
    if (!status)
        status = write_section(w, "filter", add_to_filter, sources, source_count);
    if (!status)
        status = write_section(w, "fence", add_to_fence, sources, source_count);
    if (!status)
        status = write_section(w, "keys", add_to_keys, sources, source_count);
    return status;
}

static enum status write_file(struct os *os, const char *path, uint64_t sequence, struct cursor *cursors,
                              unsigned source_count, struct writing *w) {
    enum status status = image_create(os, path, &w->image, w->fault);
    if (status)
        return status;
    status = write_sections(w, sequence, cursors, source_count);
    if (!status)
        return image_finish(w->image, NULL, w->fault);
    image_abandon(w->image);
    return status;
}

/* Reads back what was just written: nothing damaged gets in, and the pages are there for the fold. */
static enum status open_checked(struct os *os, const char *path, uint64_t sequence, struct seen_run **run,
                                struct fault *fault) {
    enum status status = seen_run_open(os, path, sequence, run, fault);
    if (status)
        return status;
    status = seen_run_check_keys(*run, fault);
    if (status)
        seen_run_free(*run);
    return status;
}

enum status seen_run_write(struct os *os, const char *path, uint64_t sequence, const struct seen_run_source *sources,
                           unsigned source_count, struct seen_run **run, struct fault *fault) {
    assert(source_count >= 1 && source_count <= RUN_SOURCES_MAX);
    struct cursor *cursors = memory_get(source_count, sizeof *cursors);
    struct writing w = {.fault = fault};
    uint64_t count = 0;
    for (unsigned i = 0; i < source_count; i++) {
        cursors[i].source = sources[i];
        count += sources[i].count;
    }
    choose_shape(&w, count);
    enum status status = write_file(os, path, sequence, cursors, source_count, &w);
    if (!status)
        status = open_checked(os, path, sequence, run, fault);
    assert(status || (*run)->count == count);
    buffer_release(&w.out);
    free(cursors);
    return status;
}
