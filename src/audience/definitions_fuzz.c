/* definitions_fuzz: bytes as a definition somebody sends, or (with S before them) as definitions read back from a checkpoint, with the
 * bindings behind a zero byte: what is taken can be saved, and what was saved is taken again. */
#include <assert.h>
#include <stdlib.h>

#include "audience/definitions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void define(const struct definition_parts *parts, struct audience_snapshot **now, struct slice text) {
    struct json_parser *p = json_parser_create();
    struct definition_change change;
    struct fault fault = {0};
    const struct json *root;
    if (!json_parse(p, text, false, &root, &fault) &&
        !definition_apply(parts, *now, p, root, true, 1, 1000, &change, &fault) && change.snapshot) {
        audience_snapshot_release(*now);
        *now = change.snapshot;
        free(change.again);
    }
    json_parser_free(p);
}

/* What was taken is saved and read back to the same. */
static void save_twice(const struct definition_parts *parts, const struct audience_snapshot *s) {
    struct buffer first = {0}, second = {0}, bindings = {0};
    struct audience_snapshot *again;
    struct fault fault = {0};
    definitions_save(s, &(struct json_writer){.out = &first});
    bindings_save(s, &bindings);
    enum status status = definitions_load(parts, buffer_slice(&first), buffer_slice(&bindings), &again, &fault);
    assert(status == STATUS_OK);
    if (!status) {
        definitions_save(again, &(struct json_writer){.out = &second});
        assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
        audience_snapshot_release(again);
    }
    buffer_release(&first);
    buffer_release(&second);
    buffer_release(&bindings);
}

static void load(const struct definition_parts *parts, struct slice saved) {
    const char *end = memchr(saved.data, 0, saved.size);
    struct slice json = end ? slice_of(saved.data, (size_t)(end - saved.data)) : saved;
    struct slice bindings = end ? slice_of(end + 1, saved.size - json.size - 1) : SLICE_NONE;
    struct audience_snapshot *snapshot;
    struct fault fault = {0};
    if (definitions_load(parts, json, bindings, &snapshot, &fault) == STATUS_OK)
        audience_snapshot_release(snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct definition_parts parts = {os_real(), dictionary_create(), NULL};
    struct audience_snapshot *now = snapshot_first(&parts);
    char *copy = memory_get(size + BUFFER_SLACK, 1);
    memcpy(copy, data, size);
    define(&parts, &now, SLICE("{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"gender = \\\"male\\\"\"}"));
    define(&parts, &now, SLICE("{\"define\":\"tag\",\"name\":\"t\",\"kind\":\"manual\",\"type\":\"number\"}"));
    define(
        &parts, &now,
        SLICE("{\"define\":\"segment\",\"name\":\"b\",\"expression\":\"in segment \\\"a\\\" or tag(\\\"t\\\") > 1\"}"));
    if (size && data[0] == 'S') {
        load(&parts, slice_of(copy + 1, size - 1));
    } else {
        define(&parts, &now, slice_of(copy, size));
        save_twice(&parts, now);
    }
    free(copy);
    audience_snapshot_release(now);
    dictionary_free(parts.dictionary);
    return 0;
}
