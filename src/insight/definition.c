/* definition: see the header. */
#include "insight/definition.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/insight.h"
#include "govern/json_text.h"
#include "language/suggest.h"
#include "language/time_window.h"

/* --- faults --- */

static void path_of(const struct definition_part *d, const char *key, char out[160]) {
    (void)snprintf(out, 160, "%s%s%s", d->path, d->path[0] && key ? "." : "", key ? key : d->path[0] ? "" : "the top");
}

enum status definition_fail(const struct definition_part *d, const char *key, struct fault *fault, const char *format,
                            ...) {
    char text[400], path[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    path_of(d, key, path);
    return fault_set(fault, STATUS_INVALID, "at %s: %s", path, text);
}

enum status definition_fail_at(const struct definition_part *d, const char *key, enum status status,
                               struct fault *fault) {
    char text[sizeof fault->text], path[160];
    if (!fault)
        return status;
    path_of(d, key, path);
    (void)snprintf(text, sizeof text, "%s", fault->text[0] ? fault->text : status_text(status));
    return fault_set(fault, status, "at %s: %s", path, text);
}

/* --- members --- */

const struct json *definition_get(const struct definition_part *d, const char *key) {
    const struct json *json = json_get(d->parser, d->object, key);
    if (d->group.size && strcmp(key, "split") == 0)
        return NULL;
    return json && json->kind != JSON_NULL ? json : NULL;
}

enum status definition_only(const struct definition_part *d, const char *const *names, struct fault *fault) {
    if (!d->object)
        return STATUS_OK;
    for (const struct json *m = json_first(d->parser, d->object); m; m = json_next(d->parser, m)) {
        bool known = false;
        struct suggestion s = suggestion_of(m->key);
        char key[64];
        for (const char *const *name = names; *name && !known; name++) {
            known = slice_is(m->key, *name);
            suggestion_offer(&s, slice_text(*name));
        }
        if (known)
            continue;
        (void)snprintf(key, sizeof key, "%.*s", SLICE_ARG(m->key));
        if (s.best.size)
            return definition_fail(d, key, fault, "an unknown member; did you mean \"%.*s\"?", SLICE_ARG(s.best));
        struct buffer all = {0};
        for (const char *const *name = names; *name; name++)
            buffer_print(&all, "%s%s", name == names ? "" : ", ", *name);
        enum status status =
            definition_fail(d, key, fault, "an unknown member; there are %.*s", SLICE_ARG(buffer_slice(&all)));
        buffer_release(&all);
        return status;
    }
    return STATUS_OK;
}

enum status definition_enter(const struct definition_part *d, const char *key, const struct json *json, size_t index,
                             struct definition_part *into, struct fault *fault) {
    char path[160];
    *into = *d;
    into->object = json;
    path_of(d, key, path);
    if (index == SIZE_MAX)
        (void)snprintf(into->path, sizeof into->path, "%.90s", path);
    else
        (void)snprintf(into->path, sizeof into->path, "%.80s[%zu]", path, index);
    if (json == NULL || json->kind == JSON_OBJECT)
        return STATUS_OK;
    return definition_fail(into, NULL, fault, "an object is expected here");
}

enum status definition_text(const struct definition_part *d, const char *key, struct slice *value,
                            struct fault *fault) {
    const struct json *json = definition_get(d, key);
    if (!json)
        return STATUS_OK;
    if (json->kind == JSON_OBJECT || json->kind == JSON_ARRAY)
        return definition_fail(d, key, fault, "a text is expected here");
    if (json->kind == JSON_TEXT) {
        *value = json->text;
        return STATUS_OK;
    }
    struct buffer text = {0}; /* value=1 from a command line, "group": true */
    struct json_writer w = {.out = &text};
    json_text_of(d->parser, json, &w);
    *value = arena_copy(d->arena, buffer_slice(&text));
    buffer_release(&text);
    return STATUS_OK;
}

/* A number, also written as a text. */
static bool real_of(const struct json *json, double *value) {
    char text[64], *end;
    if (json->kind == JSON_INTEGER)
        *value = (double)json->integer;
    else if (json->kind == JSON_REAL)
        *value = json->real;
    else if (json->kind == JSON_TEXT && json->text.size && json->text.size < sizeof text) {
        memcpy(text, json->text.data, json->text.size);
        text[json->text.size] = 0;
        *value = strtod(text, &end);
        return *end == 0 && isfinite(*value);
    } else
        return false;
    return isfinite(*value);
}

enum status definition_real(const struct definition_part *d, const char *key, double low, double high, double *value,
                            struct fault *fault) {
    const struct json *json = definition_get(d, key);
    if (!json)
        return STATUS_OK;
    if (!real_of(json, value) || *value < low || *value > high)
        return definition_fail(d, key, fault, "a number from %g to %g is expected here", low, high);
    return STATUS_OK;
}

enum status definition_integer(const struct definition_part *d, const char *key, int64_t low, int64_t high,
                               int64_t *value, struct fault *fault) {
    const struct json *json = definition_get(d, key);
    double real;
    if (!json)
        return STATUS_OK;
    if (json->kind == JSON_INTEGER && json->integer >= low && json->integer <= high) {
        *value = json->integer;
        return STATUS_OK;
    }
    if (!real_of(json, &real) || real != floor(real) || real < (double)low || real > (double)high)
        return definition_fail(d, key, fault, "a whole number from %lld to %lld is expected here", (long long)low,
                               (long long)high);
    *value = (int64_t)real;
    return STATUS_OK;
}

enum status definition_flag(const struct definition_part *d, const char *key, bool *value, struct fault *fault) {
    const struct json *json = definition_get(d, key);
    if (!json)
        return STATUS_OK;
    if (json->kind == JSON_TEXT && (slice_is(json->text, "true") || slice_is(json->text, "false")))
        *value = json->text.data[0] == 't';
    else if (json->kind == JSON_BOOL)
        *value = json->boolean;
    else
        return definition_fail(d, key, fault, "true or false is expected here");
    return STATUS_OK;
}

enum status definition_choice(const struct definition_part *d, const char *key, const char *choices, unsigned *value,
                              struct fault *fault) {
    const struct json *json = definition_get(d, key);
    unsigned number = 0;
    if (!json)
        return STATUS_OK;
    for (const char *at = choices, *end; at; at = *end ? end + 1 : NULL, number++) {
        end = at + strcspn(at, "|");
        if (json->kind == JSON_TEXT && slice_equal(json->text, slice_of(at, (size_t)(end - at)))) {
            *value = number;
            return STATUS_OK;
        }
    }
    char words[200];
    (void)snprintf(words, sizeof words, "%s", choices);
    for (char *c = words; *c; c++)
        *c = *c == '|' ? '/' : *c;
    return definition_fail(d, key, fault, "one of %s is expected here", words);
}

enum status definition_texts(const struct definition_part *d, const char *key, size_t most, struct slice **texts,
                             size_t *count, struct fault *fault) {
    const struct json *json = definition_get(d, key);
    *count = 0;
    *texts = NULL;
    if (!json)
        return STATUS_OK;
    bool one = json->kind == JSON_TEXT;
    if (!one && (json->kind != JSON_ARRAY || json->count == 0 || json->count > most))
        return definition_fail(d, key, fault, "a list of 1 to %zu texts is expected here", most);
    *texts = arena_get(d->arena, (one ? 1 : json->count) * sizeof **texts);
    for (const struct json *i = one ? json : json_first(d->parser, json); i; i = one ? NULL : json_next(d->parser, i)) {
        if (i->kind != JSON_TEXT)
            return definition_fail(d, key, fault, "number %zu of the list is no text", *count + 1);
        (*texts)[(*count)++] = i->text;
    }
    return STATUS_OK;
}

enum status definition_reals(const struct definition_part *d, const char *key, size_t most, bool ascending,
                             double **values, size_t *count, struct fault *fault) {
    const struct json *json = definition_get(d, key);
    *count = 0;
    *values = NULL;
    if (!json)
        return STATUS_OK;
    if (json->kind != JSON_ARRAY || json->count == 0 || json->count > most)
        return definition_fail(d, key, fault, "a list of 1 to %zu numbers is expected here", most);
    *values = arena_get(d->arena, json->count * sizeof **values);
    for (const struct json *i = json_first(d->parser, json); i; i = json_next(d->parser, i)) {
        double *value = &(*values)[*count];
        if (!real_of(i, value))
            return definition_fail(d, key, fault, "number %zu of the list is no number", *count + 1);
        if (ascending && *count && *value <= value[-1])
            return definition_fail(d, key, fault, "the numbers must ascend; %g comes after %g", *value, value[-1]);
        ++*count;
    }
    return STATUS_OK;
}

/* --- lengths and moments --- */

bool length_parse(struct slice text, struct length *out) {
    int64_t amount = 0;
    size_t i = 0;
    text = slice_trim(text);
    for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && amount < 100000000; i++)
        amount = amount * 10 + (text.data[i] - '0');
    if (i == 0 || amount == 0)
        return false;
    struct slice word = slice_trim(slice_of(text.data + i, text.size - i));
    if (word.size > 1 && word.data[word.size - 1] == 's')
        word.size--;
    for (enum unit unit = UNIT_SECOND; unit <= UNIT_YEAR; unit++)
        if (slice_is(word, unit_word(unit))) {
            *out = (struct length){amount, unit};
            return true;
        }
    return false;
}

int64_t length_ms(struct length length) {
    static const int64_t seconds[] = {
        [UNIT_SECOND] = 1,       [UNIT_MINUTE] = 60,        [UNIT_HOUR] = 3600,          [UNIT_DAY] = 86400,
        [UNIT_WEEK] = 7 * 86400, [UNIT_MONTH] = 30 * 86400, [UNIT_QUARTER] = 91 * 86400, [UNIT_YEAR] = 365 * 86400};
    return length.amount * seconds[length.unit] * 1000;
}

void length_print(struct length length, struct buffer *out) {
    buffer_print(out, "%lld %s%s", (long long)length.amount, unit_word(length.unit), length.amount == 1 ? "" : "s");
}

enum status definition_length(const struct definition_part *d, const char *key, struct length *value,
                              struct fault *fault) {
    const struct json *json = definition_get(d, key);
    if (!json)
        return STATUS_OK;
    if (json->kind == JSON_INTEGER && json->integer > 0 && json->integer < 100000000000) {
        *value = (struct length){json->integer, UNIT_SECOND};
        return STATUS_OK;
    }
    if (json->kind == JSON_TEXT && length_parse(json->text, value))
        return STATUS_OK;
    return definition_fail(d, key, fault, "a length of time such as \"7 days\" is expected here");
}

enum status definition_moment(const struct definition_part *d, const char *key, int64_t *value_ms,
                              struct fault *fault) {
    const struct json *json = definition_get(d, key);
    const struct calendar calendar = insight_calendar(d->insight);
    struct length length;
    int64_t time;
    bool zoned;
    if (!json)
        return STATUS_OK;
    if (json->kind != JSON_TEXT)
        return definition_fail(d, key, fault, "a date or a time is expected here, such as \"2026-01-31\"");
    struct slice text = slice_trim(json->text);
    if (slice_is(text, "now")) {
        *value_ms = d->insight->now_ms;
        return STATUS_OK;
    }
    if (time_parse_iso(text, &time, &zoned) == STATUS_OK) {
        *value_ms = zoned ? time : zone_local_to_utc(calendar.zone, time);
        return STATUS_OK;
    }
    if (text.size > 4 && memcmp(text.data + text.size - 4, " ago", 4) == 0 &&
        length_parse(slice_of(text.data, text.size - 4), &length)) {
        *value_ms = calendar_add(&calendar, d->insight->now_ms, -length.amount, length.unit);
        return STATUS_OK;
    }
    return definition_fail(d, key, fault,
                           "\"%.*s\" is no moment; write \"2026-01-31\", \"2026-01-31T08:00\", or \"30 days ago\"",
                           text.size > 60 ? 60 : (int)text.size, text.data);
}

enum status definition_period(const struct definition_part *d, struct period *period, struct fault *fault) {
    const struct calendar calendar = insight_calendar(d->insight);
    struct length last = {0};
    *period = (struct period){INT64_MIN, INT64_MAX};
    enum status status = definition_moment(d, "from", &period->from_ms, fault);
    if (!status)
        status = definition_moment(d, "to", &period->to_ms, fault);
    if (!status)
        status = definition_length(d, "last", &last, fault);
    if (status)
        return status;
    if (last.amount && (definition_get(d, "from") || definition_get(d, "to")))
        return definition_fail(d, "last", fault, "either \"last\", or \"from\" and \"to\"");
    if (last.amount)
        *period = (struct period){calendar_add(&calendar, d->insight->now_ms, -last.amount, last.unit) + 1,
                                  d->insight->now_ms + 1};
    if (period->from_ms >= period->to_ms)
        return definition_fail(d, "to", fault, "the period ends before it begins");
    return STATUS_OK;
}

/* --- sets of rows --- */

/* One text with arrows between: cut where " -> " stands outside of quotes and brackets. */
static size_t cut_arrows(struct slice text, struct slice *pieces, size_t most) {
    size_t count = 0, from = 0;
    int depth = 0;
    char quote = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (quote) {
            i += c == '\\' && quote == '"';
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '`') {
            quote = c;
        } else if (c == '(' || c == ')') {
            depth += c == '(' ? 1 : -1;
        } else if (c == '-' && depth == 0 && i + 1 < text.size && text.data[i + 1] == '>') {
            if (count < most)
                pieces[count] = slice_trim(slice_of(text.data + from, i - from));
            count++;
            from = i + 2;
        }
    }
    if (count < most)
        pieces[count] = slice_trim(slice_of(text.data + from, text.size - from));
    return count + 1;
}

static enum status one_rows(const struct definition_part *d, const char *key, const struct json *json, size_t index,
                            struct definition_rows *out, struct fault *fault) {
    struct definition_part part;
    char path[160];
    path_of(d, key, path);
    *out = (struct definition_rows){0};
    if (index == SIZE_MAX)
        (void)snprintf(out->path, sizeof out->path, "%.90s", path);
    else
        (void)snprintf(out->path, sizeof out->path, "%.80s[%zu]", path, index);
    if (json->kind == JSON_TEXT) {
        out->text = out->name = slice_trim(json->text);
        return STATUS_OK;
    }
    enum status status = definition_enter(d, key, json, index, &part, fault);
    if (!status)
        status = definition_text(&part, "event", &out->text, fault);
    if (status)
        return status;
    if (out->text.size == 0)
        return definition_fail(&part, "event", fault, "rows are expected here, such as \"order where total > 100\"");
    out->name = out->text;
    out->json = json;
    status = definition_text(&part, "name", &out->name, fault);
    (void)snprintf(out->path, sizeof out->path, "%.80s.event", part.path);
    return status;
}

enum status definition_rows(const struct definition_part *d, const char *key, size_t least, size_t most,
                            struct definition_rows **rows, size_t *count, struct fault *fault) {
    const struct json *json = definition_get(d, key);
    struct slice pieces[64];
    assert(most <= 64);
    *count = 0;
    *rows = arena_get(d->arena, (most + 1) * sizeof **rows);
    if (!json && least == 0)
        return STATUS_OK;
    if (!json)
        return definition_fail(d, key, fault, "is missing; %s",
                               most == 1 ? "name rows, such as \"order where total > 100\""
                                         : "name rows, such as [\"product_viewed\", "
                                           "\"order where total > 100\"]");
    enum status status = STATUS_OK;
    if (json->kind == JSON_TEXT && most > 1) {
        *count = cut_arrows(json->text, pieces, most);
        for (size_t i = 0; i < *count && i < most; i++) {
            (*rows)[i] = (struct definition_rows){.text = pieces[i], .name = pieces[i]};
            (void)snprintf((*rows)[i].path, sizeof(*rows)[i].path, "%.40s[%zu]", key, i);
        }
    } else if (json->kind == JSON_ARRAY) {
        for (const struct json *i = json_first(d->parser, json); i && !status; i = json_next(d->parser, i)) {
            if (*count < most)
                status = one_rows(d, key, i, *count, &(*rows)[*count], fault);
            ++*count;
        }
    } else {
        *count = 1;
        status = one_rows(d, key, json, SIZE_MAX, &(*rows)[0], fault);
    }
    if (status)
        return status;
    if (*count < least || *count > most)
        return definition_fail(d, key, fault, "%zu to %zu are expected here, not %zu", least, most, *count);
    return STATUS_OK;
}
