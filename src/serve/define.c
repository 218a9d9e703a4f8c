/* define: see the header. */
#include "serve/define.h"

#include <assert.h>

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
