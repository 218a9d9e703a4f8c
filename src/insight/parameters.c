/* parameters: see the header. */
#include "insight/parameters.h"

#include <stdio.h>

#include "govern/json_text.h"
#include "language/suggest.h"

struct filling {
    const struct json_parser *p;
    const struct json *parameters, *values;
    struct json_writer w;
    struct fault *fault;
};

static const struct json *member(const struct json_parser *p, const struct json *object, struct slice name) {
    const struct json *found = NULL;
    for (const struct json *m = object && object->kind == JSON_OBJECT ? json_first(p, object) : NULL; m;
         m = json_next(p, m))
        found = slice_equal(m->key, name) ? m : found;
    return found;
}

static enum status unknown(struct filling *f, struct slice name, const char *what) {
    struct suggestion s = suggestion_of(name);
    struct slice shown = name.size > 60 ? slice_of(name.data, 60) : name;
    for (const struct json *m = f->parameters && f->parameters->kind == JSON_OBJECT ? json_first(f->p, f->parameters)
                                                                                    : NULL;
         m; m = json_next(f->p, m))
        suggestion_offer(&s, m->key);
    if (s.best.size)
        return fault_set(f->fault, STATUS_INVALID, "%s \"%.*s\" is no parameter; did you mean \"%.*s\"?", what,
                         SLICE_ARG(shown), SLICE_ARG(s.best));
    return fault_set(f->fault, STATUS_INVALID, "%s \"%.*s\" is no parameter of this analysis", what, SLICE_ARG(shown));
}

static enum status value_of(struct filling *f, struct slice name, const struct json **value) {
    const struct json *parameter = member(f->p, f->parameters, name);
    if (!parameter)
        return unknown(f, name, "the place");
    *value = member(f->p, f->values, name);
    if (!*value || (*value)->kind == JSON_NULL)
        *value = parameter->kind == JSON_OBJECT ? json_get(f->p, parameter, "default") : NULL;
    if (*value && (*value)->kind != JSON_NULL)
        return STATUS_OK;
    return fault_set(f->fault, STATUS_INVALID, "parameter \"%.*s\" has no default: give a value for it",
                     SLICE_ARG(name));
}

/* "{{name}}" at `at`: its end, or 0 where none stands. */
static size_t place_at(struct slice text, size_t at, struct slice *name) {
    if (at + 4 > text.size || memcmp(text.data + at, "{{", 2) != 0)
        return 0;
    for (size_t i = at + 2; i + 1 < text.size; i++)
        if (text.data[i] == '}' && text.data[i + 1] == '}') {
            *name = slice_trim(slice_of(text.data + at + 2, i - at - 2));
            return i + 2;
        }
    return 0;
}

static void put_within(struct filling *f, const struct json *value, bool quoted, struct buffer *out) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    if (value->kind == JSON_TEXT)
        buffer_add_slice(&text, value->text);
    else
        json_text_of(f->p, value, &w);
    for (size_t i = 0; i < text.size; i++) {
        if (quoted && (text.data[i] == '"' || text.data[i] == '\\'))
            buffer_add_char(out, '\\');
        buffer_add_char(out, text.data[i]);
    }
    buffer_release(&text);
}

static enum status fill_text(struct filling *f, struct slice text) {
    struct buffer out = {0};
    struct slice name;
    const struct json *value;
    bool quoted = false;
    enum status status = STATUS_OK;
    if (place_at(text, 0, &name) == text.size && text.size) { /* nothing else: the value itself */
        status = value_of(f, name, &value);
        if (!status)
            json_text_of(f->p, value, &f->w);
        return status;
    }
    for (size_t i = 0, end; i < text.size && !status; i = end) {
        end = place_at(text, i, &name);
        if (end) {
            status = value_of(f, name, &value);
            if (!status)
                put_within(f, value, quoted, &out);
            continue;
        }
        end = i + 1;
        if (text.data[i] == '\\' && quoted && end < text.size) {
            buffer_add_char(&out, text.data[i]);
            end++;
        } else if (text.data[i] == '"') {
            quoted = !quoted;
        }
        buffer_add_char(&out, text.data[end - 1]);
    }
    if (!status)
        json_text(&f->w, out.size ? buffer_slice(&out) : SLICE(""));
    buffer_release(&out);
    return status;
}

static enum status fill(struct filling *f, const struct json *json) {
    enum status status = STATUS_OK;
    if (json->kind == JSON_TEXT)
        return fill_text(f, json->text);
    if (json->kind != JSON_ARRAY && json->kind != JSON_OBJECT) {
        json_text_of(f->p, json, &f->w);
        return STATUS_OK;
    }
    bool object = json->kind == JSON_OBJECT;
    if (object)
        json_object(&f->w);
    else
        json_array(&f->w);
    for (const struct json *m = json_first(f->p, json); m && !status; m = json_next(f->p, m)) {
        if (object)
            json_key_slice(&f->w, m->key);
        status = fill(f, m);
    }
    if (object)
        json_end_object(&f->w);
    else
        json_end_array(&f->w);
    return status;
}

enum status parameters_fill(const struct json_parser *parser, const struct json *definition,
                            const struct json *parameters, const struct json *values, struct buffer *out,
                            struct fault *fault) {
    struct filling f = {.p = parser, .parameters = parameters, .values = values, .w = {.out = out}, .fault = fault};
    for (const struct json *m = values && values->kind == JSON_OBJECT ? json_first(parser, values) : NULL; m;
         m = json_next(parser, m))
        if (!member(parser, parameters, m->key))
            return unknown(&f, m->key, "the value");
    return fill(&f, definition);
}
