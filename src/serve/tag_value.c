/* tag_value: see tag_value.h. */
#include "serve/tag_value.h"

#include "govern/json_text.h"

static bool is_number(const struct json *value) {
    return value && (value->kind == JSON_INTEGER || value->kind == JSON_REAL);
}

static bool holds_distribution(const struct audience_entry *tag) { return slice_is(tag->type_name, "distribution"); }

/* {"a": 3, "b": 1}, or [{"value": "a", "count": 3}, ...]. */
static bool distribution_good(const struct json_parser *p, const struct json *value) {
    if (value->kind != JSON_OBJECT && value->kind != JSON_ARRAY)
        return false;
    for (const struct json *one = json_first(p, value); one; one = json_next(p, one)) {
        const struct json *what = json_get(p, one, "value");
        if (value->kind == JSON_OBJECT && is_number(one))
            continue;
        if (value->kind == JSON_OBJECT || !is_number(json_get(p, one, "count")) || !what || what->kind == JSON_NULL ||
            what->kind == JSON_ARRAY || what->kind == JSON_OBJECT)
            return false;
    }
    return true;
}

const char *tag_value_wanted(const struct audience_entry *tag, const struct json_parser *p, const struct json *value) {
    if (value->kind == JSON_NULL)
        return NULL;
    if (holds_distribution(tag))
        return distribution_good(p, value)
                   ? NULL
                   : "a distribution: {\"a\": 3, \"b\": 1} or [{\"value\": \"a\", \"count\": 3}, ...]";
    switch (tag->type) {
    case TERM_BOOL:
        return value->kind == JSON_BOOL ? NULL : "true or false";
    case TERM_NUMBER:
        return is_number(value) ? NULL : "a number";
    default:
        return value->kind == JSON_TEXT ? NULL : "a text";
    }
}

void tag_value_write(const struct audience_entry *tag, const struct json_parser *p, const struct json *value,
                     struct json_writer *w) {
    if (!holds_distribution(tag) || value->kind != JSON_OBJECT) {
        json_text_of(p, value, w);
        return;
    }
    json_array(w);
    for (const struct json *one = json_first(p, value); one; one = json_next(p, one)) {
        json_object(w);
        json_member_text(w, "value", one->key);
        json_key(w, "count");
        json_text_of(p, one, w); /* the number alone, without its key */
        json_end_object(w);
    }
    json_end_array(w);
}

bool tag_value_is_distribution(const struct audience_entry *tag, struct json_parser *p, struct slice text) {
    const struct json *root;
    return holds_distribution(tag) && json_parse(p, text, false, &root, NULL) == STATUS_OK &&
           root->kind == JSON_ARRAY && distribution_good(p, root);
}
