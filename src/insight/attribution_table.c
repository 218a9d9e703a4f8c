/* attribution_table: ready paths in place of histories: [{"path": "a > b", "conversions": 2, "value": 9.5, "misses": 4}, ...], and costs that
 * stand in the definition. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/attribution.h"

static void cut(struct slice path, struct slice separator, struct slice *channel, struct slice *rest) {
    const char *at = separator.size && path.size ? memmem(path.data, path.size, separator.data, separator.size) : NULL;
    size_t size = at ? (size_t)(at - path.data) : path.size;
    *channel = slice_trim(slice_of(path.data, size));
    *rest = at ? slice_of(at + separator.size, path.size - size - separator.size) : SLICE_NONE;
}

static void add_names(struct slice path, struct slice separator, struct channel_names *names) {
    struct slice channel;
    while (path.size) {
        cut(path, separator, &channel, &path);
        if (channel.size)
            channel_names_add(names, &channel, 1);
    }
}

static size_t codes_of(struct slice path, struct slice separator, const struct channel_names *names, bool collapse,
                       uint8_t codes[ATTRIBUTION_TOUCHES_MAX + 1]) {
    size_t count = 0;
    struct slice channel;
    while (path.size && count <= ATTRIBUTION_TOUCHES_MAX) {
        cut(path, separator, &channel, &path);
        uint8_t code = channel.size ? channel_names_code(names, channel) : CHANNEL_NONE;
        if (code != CHANNEL_NONE && !(collapse && count && codes[count - 1] == code))
            codes[count++] = code;
    }
    return count;
}

static enum status read_row(const struct definition_part *row, int64_t *conversions, int64_t *misses, double *value,
                            struct slice *path, struct fault *fault) {
    static const char *const known[] = {"path", "conversions", "value", "misses", NULL};
    *conversions = *misses = 0;
    *value = 0;
    *path = SLICE_NONE;
    enum status status = definition_only(row, known, fault);
    if (!status)
        status = definition_text(row, "path", path, fault);
    if (!status)
        status = definition_integer(row, "conversions", 0, INT64_C(1) << 50, conversions, fault);
    if (!status)
        status = definition_integer(row, "misses", 0, INT64_C(1) << 50, misses, fault);
    if (!status)
        status = definition_real(row, "value", -1e12, 1e12, value, fault);
    return status;
}

static enum status add_rows(const struct attribution_asked *asked, const struct definition_part *d,
                            const struct json *table, struct slice separator, struct attribution_found *found,
                            struct fault *fault) {
    uint8_t codes[ATTRIBUTION_TOUCHES_MAX + 1];
    size_t index = 0;
    for (const struct json *i = json_first(d->parser, table); i; i = json_next(d->parser, i), index++) {
        struct definition_part row;
        struct slice path;
        int64_t conversions, misses;
        double value;
        enum status status = definition_enter(d, "table", i, index, &row, fault);
        if (!status)
            status = read_row(&row, &conversions, &misses, &value, &path, fault);
        if (status)
            return status;
        size_t length = codes_of(path, separator, &found->channels, asked->rule.collapse, codes);
        if (length > ATTRIBUTION_TOUCHES_MAX)
            return definition_fail(&row, "path", fault, "a path of more than %d touches", ATTRIBUTION_TOUCHES_MAX);
        attribution_add(found->all, codes, NULL, length, (uint64_t)conversions, (uint64_t)misses,
                        llround(value * ATTRIBUTION_VALUE_UNIT));
        for (size_t k = 0; k < length; k++)
            found->seen[codes[k]] += (uint64_t)(conversions + misses);
        found->customers += (uint64_t)(conversions + misses);
    }
    return STATUS_OK;
}

enum status attribution_of_table(const struct attribution_asked *asked, const struct definition_part *d,
                                 struct attribution_found *found, struct fault *fault) {
    const struct json *table = definition_get(d, "table");
    struct slice separator = SLICE(">");
    enum status status = definition_text(d, "separator", &separator, fault);
    if (status)
        return status;
    if (table->kind != JSON_ARRAY)
        return definition_fail(d, "table", fault,
                               "a list of paths is expected here, such as [{\"path\": \"a > b\", \"conversions\": 2, "
                               "\"value\": 9.5, \"misses\": 4}]");
    if (definition_get(d, "touches") || definition_get(d, "conversions"))
        return definition_fail(d, "table", fault, "either a table of paths, or touches and conversions");
    for (const struct json *i = json_first(d->parser, table); i; i = json_next(d->parser, i))
        add_names(json_get_text(d->parser, i, "path"), separator, &found->channels);
    attribution_cost_names(d, &found->channels);
    if (found->channels.full)
        return definition_fail(d, "table", fault, "there are more than %d channels", CHANNELS_MAX);
    channel_names_sort(&found->channels);
    found->all = attribution_new(asked, &found->channels, found->channels.count);
    return add_rows(asked, d, table, separator, found, fault);
}
