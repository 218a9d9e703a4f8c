/* nodes: see the header. */
#include "insight/nodes.h"

#include <stdlib.h>

#include "language/suggest.h"

uint8_t nodes_code(const struct nodes *nodes, struct slice name) {
    for (uint32_t i = 0; i < nodes->count; i++)
        if (slice_equal(nodes->names[i], name))
            return (uint8_t)i;
    return NODE_NONE;
}

void nodes_release(struct nodes *nodes) { arena_release(&nodes->arena); }

/* --- how often each text comes --- */

struct frequency {
    uint64_t count;
    uint32_t text; /* shared */
};
struct counting {
    struct stream *stream;
    struct frequency *all; /* by shared number */
    size_t room;
    uint64_t missing;
};
struct worker {
    struct stream_part *part;
    uint64_t *counts; /* by the worker's number */
    size_t room;
};

static void *begin(void *context) {
    struct counting *c = context;
    struct worker *w = memory_get(1, sizeof *w);
    w->part = stream_part_create(c->stream);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    stream_part_free(w->part);
    free(w->counts);
    free(w);
}

static void count_text(struct worker *w, uint32_t text) {
    if (text >= w->room) {
        size_t room = (size_t)text * 2 + 256;
        w->counts = memory_resize(w->counts, room, sizeof *w->counts);
        memset(w->counts + w->room, 0, (room - w->room) * sizeof *w->counts);
        w->room = room;
    }
    w->counts[text]++;
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct stream *s = w->part->stream;
    stream_part_begin(w->part, part);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        size_t count = stream_gather(w->part, i);
        for (size_t k = 0; k < count; k++)
            if (s->sets[w->part->raw[k].set].valued)
                count_text(w, w->part->raw[k].text);
    }
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct counting *c = context;
    struct worker *w = state;
    for (size_t text = 0; text < w->room; text++) {
        if (w->counts[text] == 0)
            continue;
        if (text == 0) {
            c->missing += w->counts[0];
            continue;
        }
        uint32_t shared = scan_shared(c->stream->scan, texts, (uint32_t)text);
        if (shared >= c->room) {
            size_t room = (size_t)shared * 2 + 256;
            c->all = memory_resize(c->all, room, sizeof *c->all);
            memset(c->all + c->room, 0, (room - c->room) * sizeof *c->all);
            c->room = room;
        }
        c->all[shared].count += w->counts[text];
        c->all[shared].text = shared;
    }
}

static int by_frequency(const void *a, const void *b, void *context) {
    const struct frequency *x = a, *y = b;
    struct scan *scan = context;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->count ? slice_compare(scan_shared_text(scan, x->text), scan_shared_text(scan, y->text)) : 0;
}

static enum status add_name(struct nodes *nodes, struct slice name, struct fault *fault) {
    if (nodes_code(nodes, name) != NODE_NONE)
        return STATUS_OK;
    if (nodes->count == NODES_MAX - 1)
        return fault_set(fault, STATUS_TOO_LARGE, "more than %d different nodes", NODES_MAX - 1);
    nodes->names[nodes->count++] = arena_copy(&nodes->arena, name);
    return STATUS_OK;
}

static enum status take_most_frequent(struct nodes *nodes, struct counting *c, uint32_t most, struct fault *fault) {
    struct scan *scan = c->stream->scan;
    enum status status = STATUS_OK;
    if (c->room)
        qsort_r(c->all, c->room, sizeof *c->all, by_frequency, scan);
    for (size_t i = 0; i < c->room && c->all[i].count && !status; i++) {
        nodes->different++;
        if (i < most && c->all[i].text != TEXTS_OTHER)
            status = add_name(nodes, scan_shared_text(scan, c->all[i].text), fault);
        else if (nodes_code(nodes, scan_shared_text(scan, c->all[i].text)) == NODE_NONE)
            nodes->merged_rows += c->all[i].count;
    }
    if (!status && nodes->merged_rows) {
        nodes->others = (uint8_t)nodes->count;
        nodes->names[nodes->count++] = SLICE(TEXTS_OTHER_TEXT);
    }
    return status;
}

enum status nodes_find(struct nodes *nodes, struct stream *stream, uint32_t most, struct fault *fault) {
    struct counting c = {.stream = stream};
    bool valued = false;
    enum status status = STATUS_OK;
    nodes->others = NODE_NONE;
    for (unsigned i = 0; i < stream->count && !status; i++)
        if (stream->sets[i].valued)
            valued = true;
        else
            status = add_name(nodes, stream->sets[i].name, fault);
    if (status || !valued)
        return status;
    status = scan_run(stream->scan, &(struct scan_work){&c, begin, visit, merge, end}, fault);
    if (!status)
        status = take_most_frequent(nodes, &c, most, fault);
    nodes->missing = c.missing;
    free(c.all);
    return status;
}

enum status nodes_named(const struct nodes *nodes, const struct definition_part *d, const char *key, struct slice name,
                        uint8_t *code, struct fault *fault) {
    struct suggestion s = suggestion_of(name);
    *code = nodes_code(nodes, name);
    if (*code != NODE_NONE)
        return STATUS_OK;
    for (uint32_t i = 0; i < nodes->count; i++)
        suggestion_offer(&s, nodes->names[i]);
    if (!s.best.size && nodes->count)
        s.best = nodes->names[0];
    const int size = name.size > 60 ? 60 : (int)name.size;
    return definition_fail(d, key, fault, "\"%.*s\" is none of the %u found, such as \"%.*s\"", size, name.data,
                           nodes->count, SLICE_ARG(s.best));
}

/* --- a worker --- */

void node_codes_bind(struct node_codes *codes, const struct nodes *nodes, struct scan_worker *worker) {
    codes->others = nodes->others;
    codes->bound = true;
    for (uint32_t i = 0; i < nodes->count; i++) {
        if (i == nodes->others)
            continue;
        uint32_t text = scan_text_add(worker, nodes->names[i]);
        if (text >= codes->room) {
            size_t room = (size_t)text * 2 + 64;
            codes->codes = memory_resize(codes->codes, room, 1);
            memset(codes->codes + codes->room, 0, room - codes->room);
            codes->room = room;
        }
        codes->codes[text] = (uint8_t)(i + 1);
    }
}

void node_codes_release(struct node_codes *codes) { free(codes->codes); }
