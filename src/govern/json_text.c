/* json_text: recursion is bounded by JSON_DEPTH_MAX, which the parser holds to. */
#include "govern/json_text.h"

static void members(const struct json_parser *p, const struct json *value, struct json_writer *w) {
    for (const struct json *m = json_first(p, value); m; m = json_next(p, m)) {
        if (value->kind == JSON_OBJECT)
            json_key_slice(w, m->key);
        json_text_of(p, m, w);
    }
}

void json_text_of(const struct json_parser *p, const struct json *value, struct json_writer *w) {
    switch (value->kind) {
    case JSON_NULL:
        json_null(w);
        break;
    case JSON_BOOL:
        json_bool(w, value->boolean);
        break;
    case JSON_INTEGER:
        json_integer(w, value->integer);
        break;
    case JSON_REAL:
        json_real(w, value->real);
        break;
    case JSON_TEXT:
        json_text(w, value->text);
        break;
    case JSON_ARRAY:
        json_array(w);
        members(p, value, w);
        json_end_array(w);
        break;
    case JSON_OBJECT:
        json_object(w);
        members(p, value, w);
        json_end_object(w);
        break;
    }
}
