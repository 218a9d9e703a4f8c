/* define: see the header. */
#include "serve/define.h"

#include <assert.h>
#include <stdlib.h>

#include "audience/audience.h"

bool define_body(struct call *call, const char *what, struct slice *text) {
    const struct json *root = call_body(call);
    if (root == NULL)
        return false;
    if (root->kind != JSON_OBJECT) {
        call_fail_text(call, STATUS_INVALID, "the body must be a JSON object");
        return false;
    }
    struct slice body = slice_trim(call->request->body);
    struct buffer *into = &call->bench->text;
    assert(body.size >= 2 && body.data[body.size - 1] == '}');
    buffer_clear(into);
    buffer_add(into, body.data, body.size - 1);
    buffer_print(into, "%s\"define\":\"%s\"}", root->count ? "," : "", what);
    *text = buffer_slice(into);
    return true;
}

void define_answer(struct call *call, const char *what, struct slice name) {
    buffer_clear(call->json.out);
    call->json.comma = false;
    json_object(&call->json);
    json_member_cstring(&call->json, "defined", what);
    json_member_text(&call->json, "name", name);
    json_member_bool(&call->json, "in_force", true);
    json_end_object(&call->json);
}

struct slice define_name(struct call *call) {
    const struct json *root = call_body(call);
    return root ? arena_copy(&call->bench->arena, json_get_text(call->bench->parser, root, "name")) : SLICE_NONE;
}

/* --- audiences --- */

/* Definitions as they were parsed, and as they go into the log. */
struct list {
    const struct slice *texts;
    const struct json **parsed;
    size_t count;
    struct buffer text; /* that they were parsed from */
};

static enum status parse(struct call *call, struct list *list, struct fault *fault) {
    struct json_parser *p = call->bench->parser;
    const struct json *root;
    size_t count = 0;
    buffer_add_char(&list->text, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i)
            buffer_add_char(&list->text, ',');
        buffer_add_slice(&list->text, list->texts[i]);
    }
    buffer_add_char(&list->text, ']');
    enum status status = json_parse(p, buffer_slice(&list->text), true, &root, fault);
    for (const struct json *d = status ? NULL : json_first(p, root); d; d = json_next(p, d)) {
        assert(count < list->count);
        list->parsed[count++] = d;
    }
    assert(status || count == list->count);
    return status;
}

static bool fail(struct call *call, const struct list *list, size_t i, enum status status, const struct fault *fault) {
    struct slice name = json_get_text(call->bench->parser, list->parsed[i], "name");
    if (list->count == 1)
        call_fail(call, status, fault);
    else
        call_fail_text(call, status, "\"%.*s\" cannot be defined (%zu before it are in force): %s",
                       (int)(name.size < 200 ? name.size : 200), name.data, i, fault->text);
    return false;
}

/* From the end of those that can be defined as definitions stand, at the most a pass's. What the first one lacks is in *status and *fault. */
static size_t end_of_pass(struct call *call, const struct list *list, size_t first, enum status *status,
                          struct fault *fault) {
    size_t most = audience_prepare_most(call->parts->audience), end = first;
    *status = STATUS_OK;
    while (end < list->count && end - first < most && !*status) {
        *status = audience_check(call->parts->audience, call->bench->parser, list->parsed[end], fault);
        end += !*status;
    }
    return end;
}

/* One after another, so that the fold stands still for one at a time. False after failing the call. */
static bool append(struct call *call, const struct list *list, size_t first, size_t end, size_t *done) {
    struct fault fault = {0};
    for (size_t i = first; i < end; i++) {
        enum status status = i == first
                                 ? STATUS_OK /* it was checked as things stand */
                                 : audience_check(call->parts->audience, call->bench->parser, list->parsed[i], &fault);
        if (status)
            return fail(call, list, i, status, &fault);
        if (!call_append(call, LOG_DEFINE, list->texts[i]))
            return false;
        *done = i + 1;
    }
    return true;
}

static bool define_list(struct call *call, const struct list *list, size_t *done) {
    struct audience *audience = call->parts->audience;
    struct fault fault = {0};
    bool good = true;
    for (size_t first = 0, end; good && first < list->count; first = end) {
        enum status status;
        end = end_of_pass(call, list, first, &status, &fault);
        if (end == first)
            return fail(call, list, first, status, &fault);
        struct audience_prepared *prepared =
            audience_prepare(audience, call->bench->parser, list->parsed + first, end - first);
        good = append(call, list, first, end, done);
        audience_prepared_release(audience, prepared);
    }
    return good;
}

bool define_audience(struct call *call, const struct slice *texts, size_t count, size_t *done) {
    struct list list = {.texts = texts, .count = count};
    struct fault fault = {0};
    *done = 0;
    if (call->parts->audience == NULL) {
        call_fail_text(call, STATUS_UNSUPPORTED, "this server keeps no segments, tags and metrics");
        return false;
    }
    list.parsed = memory_get(count + 1, sizeof *list.parsed);
    enum status status = parse(call, &list, &fault);
    if (status)
        call_fail(call, status, &fault);
    bool good = !status && define_list(call, &list, done);
    free(list.parsed);
    buffer_release(&list.text);
    return good;
}
