/* definitions_json: definitions as JSON: for the checkpoint, complete, and for people. */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audience/definitions.h"

/* --- saving --- */

static void save_versions(const struct made *made, struct json_writer *w) {
    json_key(w, "versions");
    json_array(w);
    for (uint32_t i = 0; i < made->version_count; i++) {
        const struct definition_version *v = &made->versions[i];
        json_object(w);
        json_member_integer(w, "version", v->version);
        json_member_bool(w, "deleted", v->deleted);
        json_member_integer(w, "position", (int64_t)v->position);
        json_member_integer(w, "at_ms", v->at_ms);
        json_member_text(w, "how", v->how);
        json_member_text(w, "expression", v->expression);
        json_end_object(w);
    }
    json_end_array(w);
}

static void save_subscription(const struct made *made, struct json_writer *w) {
    json_member_text(w, "url", made->url);
    json_member_text(w, "secret", made->secret);
    json_member_bool(w, "all_segments", made->all_segments);
    json_member_bool(w, "all_events", made->all_events);
    json_key(w, "types");
    json_array(w);
    for (uint32_t i = 0; i < made->type_count; i++)
        json_integer(w, made->types[i]);
    json_end_array(w);
}

static void save_one(const struct made *made, struct json_writer *w) {
    json_object(w);
    json_member_integer(w, "sort", made->sort);
    json_member_integer(w, "how", made->how);
    json_member_integer(w, "type", made->type);
    json_member_integer(w, "attribute", made->attribute);
    json_member_bool(w, "deleted", made->deleted);
    json_member_text(w, "name", made->name);
    json_member_text(w, "expression", made->expression);
    json_member_text(w, "description", made->description);
    json_member_text(w, "type_name", made->type_name);
    json_member_text(w, "schedule", made->schedule_text);
    json_member_integer(w, "every_ms", made->schedule.every_ms);
    json_member_integer(w, "every_days", made->schedule.every_days);
    json_member_integer(w, "at_ms", made->schedule.at_ms);
    json_member_integer(w, "once_ms", made->schedule.once_ms);
    json_key(w, "uses");
    json_array(w);
    for (uint32_t i = 0; i < made->use_count; i++)
        json_integer(w, made->uses[i]);
    json_end_array(w);
    save_versions(made, w);
    if (made->sort == SORT_SUBSCRIPTION)
        save_subscription(made, w);
    if (made->sort == SORT_ANALYSIS)
        json_member_text(w, "analysis", made->analysis);
    json_end_object(w);
}

void definitions_save(const struct audience_snapshot *s, struct json_writer *w) {
    json_object(w);
    json_member_cstring(w, "time_zone", zone_name(s->vocabulary.zone));
    json_member_integer(w, "week_start", s->vocabulary.week_start);
    json_key(w, "definitions");
    json_array(w);
    for (uint32_t n = 1; n < s->number_count; n++)
        save_one(s->by_number[n], w);
    json_end_array(w);
    json_end_object(w);
}

/* --- loading --- */

struct loading {
    const struct definition_parts *parts;
    struct json_parser *p;
    struct fault *fault;
    uint32_t number_count;
    struct slice bindings;
};

static struct slice load_text(struct loading *l, struct made *made, const struct json *json, const char *key) {
    struct slice text = json_get_text(l->p, json, key);
    return text.size ? arena_copy(&made->arena, text) : SLICE_NONE;
}

static int64_t load_number(struct loading *l, const struct json *json, const char *key, int64_t least, int64_t most,
                           enum status *status) {
    int64_t value = json_get_integer(l->p, json, key, least - 1);
    if (value < least || value > most)
        *status =
            fault_set(l->fault, STATUS_DAMAGED, "section audience.definitions: \"%s\" is %lld", key, (long long)value);
    return value;
}

static enum status load_versions(struct loading *l, struct made *made, const struct json *json) {
    const struct json *list = json_get(l->p, json, "versions");
    enum status status = STATUS_OK;
    if (!list || list->kind != JSON_ARRAY || list->count == 0)
        return fault_set(l->fault, STATUS_DAMAGED, "section audience.definitions: \"%.*s\" has no versions",
                         SLICE_ARG(made->name));
    made->versions = arena_get(&made->arena, list->count * sizeof *made->versions);
    for (const struct json *v = json_first(l->p, list); v && !status; v = json_next(l->p, v))
        made->versions[made->version_count++] =
            (struct definition_version){.version = (uint32_t)load_number(l, v, "version", 1, UINT32_MAX, &status),
                                        .deleted = json_get_bool(l->p, v, "deleted", false),
                                        .position = (uint64_t)load_number(l, v, "position", 0, INT64_MAX, &status),
                                        .at_ms = json_get_integer(l->p, v, "at_ms", 0),
                                        .how = load_text(l, made, v, "how"),
                                        .expression = load_text(l, made, v, "expression")};
    return status;
}

/* Numbers of a list that must lie below `limit`. */
static enum status load_list(struct loading *l, struct made *made, const struct json *json, const char *key,
                             int64_t limit, uint32_t **numbers, uint32_t *count) {
    const struct json *list = json_get(l->p, json, key);
    uint32_t all = list && list->kind == JSON_ARRAY ? list->count : 0;
    *numbers = arena_get(&made->arena, all * sizeof **numbers + 1);
    *count = 0;
    for (const struct json *n = all ? json_first(l->p, list) : NULL; n; n = json_next(l->p, n)) {
        if (n->kind != JSON_INTEGER || n->integer < 0 || n->integer >= limit)
            return fault_set(l->fault, STATUS_DAMAGED, "section audience.definitions: \"%s\" of \"%.*s\"", key,
                             SLICE_ARG(made->name));
        (*numbers)[(*count)++] = (uint32_t)n->integer;
    }
    return STATUS_OK;
}

static enum status load_subscription(struct loading *l, struct made *made, const struct json *json) {
    uint32_t *types;
    made->url = load_text(l, made, json, "url");
    made->secret = load_text(l, made, json, "secret");
    made->all_segments = json_get_bool(l->p, json, "all_segments", false);
    made->all_events = json_get_bool(l->p, json, "all_events", false);
    enum status status =
        load_list(l, made, json, "types", dictionary_type_count(l->parts->dictionary), &types, &made->type_count);
    made->types = arena_get(&made->arena, made->type_count * sizeof *made->types + 1);
    for (uint32_t i = 0; i < made->type_count && !status; i++)
        made->types[i] = (uint16_t)types[i];
    return status;
}

static enum status load_one(struct loading *l, struct made *made, const struct json *json) {
    enum status status = STATUS_OK;
    made->sort = (enum definition_sort)load_number(l, json, "sort", 0, SORT_COUNT_ - 1, &status);
    made->how = (enum definition_how)load_number(l, json, "how", 0, HOW_MODEL, &status);
    made->type = (enum term_type)load_number(l, json, "type", 0, TERM_DURATION, &status);
    made->attribute = (uint16_t)load_number(l, json, "attribute", 0, DICTIONARY_PROPERTIES_MAX, &status);
    made->deleted = json_get_bool(l->p, json, "deleted", false);
    made->name = load_text(l, made, json, "name");
    made->expression = load_text(l, made, json, "expression");
    made->description = load_text(l, made, json, "description");
    made->type_name = load_text(l, made, json, "type_name");
    made->schedule_text = load_text(l, made, json, "schedule");
    made->analysis = load_text(l, made, json, "analysis");
    made->schedule = (struct schedule){load_number(l, json, "every_ms", 0, INT64_MAX, &status),
                                       load_number(l, json, "every_days", 0, INT32_MAX, &status),
                                       load_number(l, json, "at_ms", 0, INT64_MAX, &status),
                                       json_get_integer(l->p, json, "once_ms", 0)};
    if (!status)
        status = load_list(l, made, json, "uses", l->number_count, &made->uses, &made->use_count);
    if (!status)
        status = load_versions(l, made, json);
    if (!status && made->sort == SORT_SUBSCRIPTION)
        status = load_subscription(l, made, json);
    return status;
}

static enum status load_workspace(struct loading *l, const struct json *root, struct workspace **workspace) {
    enum status status = STATUS_OK;
    int64_t week_start = load_number(l, root, "week_start", 1, 7, &status);
    struct workspace *w = memory_get(1, sizeof *w);
    atomic_store(&w->references, 1);
    w->week_start = (uint8_t)week_start;
    if (!status)
        status = zone_load(l->parts->os, json_get_text(l->p, root, "time_zone"), &w->zone, l->fault);
    if (status)
        free(w);
    else
        *workspace = w;
    return status;
}

/* The definitions, without trees; `*made` has room for all. */
static enum status load_list_of(struct loading *l, const struct json *list, struct made **made, uint32_t *count) {
    enum status status = STATUS_OK;
    *count = 0;
    for (const struct json *json = list ? json_first(l->p, list) : NULL; json && !status;
         json = json_next(l->p, json)) {
        struct made *one = made[*count] = made_create();
        one->number = ++*count;
        status = load_one(l, one, json);
    }
    return status;
}

static void mark_attributes(const struct loading *l, const struct audience_snapshot *s) {
    struct dictionary *d = l->parts->dictionary;
    const struct type *customer = dictionary_type_at(d, DICTIONARY_CUSTOMER);
    for (uint32_t n = 1; n < s->number_count; n++) {
        const struct made *made = s->by_number[n];
        if (made_by_hand(made) && dictionary_property_at(customer, made->attribute)) /* the file may be damaged */
            dictionary_attribute_by_hand(d, made->attribute, true);
    }
}

static enum status load_all(struct loading *l, const struct json *root, struct audience_snapshot **snapshot) {
    const struct json *list = json_get(l->p, root, "definitions");
    struct workspace *workspace = NULL;
    uint32_t *again = NULL, again_count, count = 0;
    l->number_count = list && list->kind == JSON_ARRAY ? list->count + 1 : 1;
    struct made **made = memory_get(l->number_count, sizeof(struct made *));
    enum status status = load_list_of(l, list, made, &count);
    if (!status)
        status = load_workspace(l, root, &workspace);
    if (status) {
        for (uint32_t i = 0; i < count; i++)
            made_release(made[i]);
        free(made);
        return status;
    }
    struct audience_snapshot *s = snapshot_of(l->parts, made, count, workspace);
    free(made);
    status = snapshot_make_again(s, 0, l->bindings, &again, &again_count, l->fault);
    free(again);
    if (!status)
        mark_attributes(l, s);
    if (status)
        audience_snapshot_release(s);
    else
        *snapshot = s;
    return status;
}

enum status definitions_load(const struct definition_parts *parts, struct slice json, struct slice bindings,
                             struct audience_snapshot **snapshot, struct fault *fault) {
    struct loading l = {.parts = parts, .p = json_parser_create(), .fault = fault, .bindings = bindings};
    const struct json *root;
    enum status status = json_parse(l.p, json, false, &root, fault);
    if (!status)
        status = load_all(&l, root, snapshot);
    json_parser_free(l.p);
    return status == STATUS_INVALID || status == STATUS_CONFLICT ? STATUS_DAMAGED : status;
}
