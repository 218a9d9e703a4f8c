/* api_network: networks of customers: what they are, refreshing them, and who is most in them. A network is kept as a saved analysis of kind
 * "network" (network/network.h). */
#include <stdio.h>
#include <stdlib.h>

#include "govern/json_text.h"
#include "serve/define.h"
#include "serve/network_run.h"
#include "serve/serve_inside.h"
#include "serve/show.h"

void api_networks(struct call *call);
void api_network(struct call *call);
void api_network_define(struct call *call);
void api_network_delete(struct call *call);
void api_network_run(struct call *call);
void api_network_cancel(struct call *call);
void api_network_top(struct call *call);

static const struct preset {
    const char *name, *types, *measures, *en, *zh;
} presets[] = {
#define NETWORK_PRESET(name, types, measures, en, zh) {name, types, measures, en, zh},
#include "network/network_preset.def"
#undef NETWORK_PRESET
};
#define PRESETS (sizeof presets / sizeof *presets)

/* False after failing the call. */
static bool kept(struct call *call) {
    if (call->parts->audience)
        return true;
    call_fail_text(call, STATUS_UNSUPPORTED, "this server keeps no networks");
    return false;
}

/* --- shown --- */

struct listing {
    struct call *call;
    struct slice only; /* this name, or empty: all */
    bool found;
};

static void write_measures(struct call *call, const struct network *network) {
    struct json_writer *w = &call->json;
    json_key(w, "measures");
    json_array(w);
    for (int m = 0; m < NETWORK_MEASURES; m++) {
        const struct network_measure_row *row = network_measure_row((enum network_measure)m);
        char attribute[DICTIONARY_NAME_BYTES_MAX];
        if (!(network->measures >> m & 1))
            continue;
        snprintf(attribute, sizeof attribute, "network.%.*s.%s", SLICE_ARG(network->name), row->word);
        json_object(w);
        json_member_cstring(w, "measure", row->word);
        json_member_cstring(w, "attribute", attribute);
        json_member_cstring(w, "en", row->en);
        json_member_cstring(w, "zh", row->zh);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_network(void *context, const struct network *network, int64_t defined_ms) {
    struct listing *l = context;
    struct json_writer *w = &l->call->json;
    struct buffer last = {0};
    if (l->only.size && !slice_equal(l->only, network->name))
        return;
    l->found = true;
    int64_t next = network_runs_next(l->call->serve->networks, network, defined_ms);
    json_object(w);
    json_member_text(w, "name", network->name);
    json_key(w, "types");
    json_array(w);
    for (size_t i = 0; i < network->type_count; i++)
        json_text(w, network->types[i]);
    json_end_array(w);
    write_measures(l->call, network);
    json_member_time(w, "defined_at", defined_ms);
    json_key(w, "next_refresh");
    if (next == INT64_MAX)
        json_null(w);
    else
        json_time(w, next);
    json_key(w, "refreshed");
    network_runs_last(l->call->serve->networks, network->name, &last);
    json_raw(w, buffer_slice(&last));
    buffer_release(&last);
    json_end_object(w);
}

static void write_presets(struct json_writer *w) {
    json_key(w, "presets");
    json_array(w);
    for (size_t i = 0; i < PRESETS; i++) {
        json_object(w);
        json_member_cstring(w, "preset", presets[i].name);
        json_member_cstring(w, "types", presets[i].types);
        json_member_cstring(w, "measures", presets[i].measures);
        json_member_cstring(w, "en", presets[i].en);
        json_member_cstring(w, "zh", presets[i].zh);
        json_end_object(w);
    }
    json_end_array(w);
}

void api_networks(struct call *call) {
    struct listing l = {.call = call};
    struct background_state state;
    char which[NETWORK_NAME_BYTES_MAX + 1];
    if (!kept(call))
        return;
    background_state(network_runs_background(call->serve->networks), &state);
    network_runs_which(call->serve->networks, which);
    json_object(&call->json);
    background_write(&state, &call->json);
    json_member_cstring(&call->json, "network", which);
    json_key(&call->json, "networks");
    json_array(&call->json);
    network_runs_each(call->parts, call->bench->parser, write_network, &l);
    json_end_array(&call->json);
    write_presets(&call->json);
    json_end_object(&call->json);
}

static void answer_network(struct call *call, struct slice name) {
    struct listing l = {.call = call, .only = name};
    network_runs_each(call->parts, call->bench->parser, write_network, &l);
    if (!l.found)
        call_fail_text(call, STATUS_NOT_FOUND, "no network is called \"%.*s\"; GET /v1/networks lists them",
                       (int)(name.size < 80 ? name.size : 80), name.data);
}

void api_network(struct call *call) {
    if (kept(call))
        answer_network(call, call_piece(call, 0));
}

/* --- defined --- */

static void write_words(struct json_writer *w, const char *key, const char *words) {
    json_key(w, key);
    json_array(w);
    for (const char *at = words; at;) {
        const char *comma = strchr(at, ',');
        json_text(w, comma ? slice_of(at, (size_t)(comma - at)) : slice_text(at));
        at = comma ? comma + 1 : NULL;
    }
    json_end_array(w);
}

static bool define(struct call *call, struct slice text) {
    struct fault fault = {0};
    const struct json *root;
    enum status status = json_parse(call->bench->parser, text, true, &root, &fault);
    if (!status)
        status = audience_check(call->parts->audience, call->bench->parser, root, &fault);
    if (!status)
        return call_append(call, LOG_DEFINE, text);
    call_fail(call, status, &fault);
    return false;
}

/* Declares the preset's relations that are not known, and writes its definition. */
static bool write_preset(struct call *call, const struct preset *preset, struct json_writer *w) {
    for (const char *at = preset->types; at;) {
        const char *comma = strchr(at, ',');
        struct buffer *text = &call->bench->text;
        struct slice name = comma ? slice_of(at, (size_t)(comma - at)) : slice_text(at);
        bool known = dictionary_type_find(call->parts->dictionary, TYPE_RELATION, name);
        buffer_clear(text);
        buffer_print(text, "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"%.*s\"%s}", SLICE_ARG(name),
                     slice_is(name, "household") ? ",\"inverse\":\"household\"" : "");
        if (!known && !call_append(call, LOG_DEFINE, buffer_slice(text)))
            return false;
        at = comma ? comma + 1 : NULL;
    }
    json_object(w);
    write_words(w, "types", preset->types);
    write_words(w, "measures", preset->measures);
    json_end_object(w);
    return true;
}

static const struct preset *find_preset(struct slice name) {
    for (size_t i = 0; i < PRESETS; i++)
        if (slice_is(name, presets[i].name))
            return &presets[i];
    return NULL;
}

/* The body's definition as {"types","measures","schedule"} into `into`, its name into `name`, which lies in the arena. False after failing. */
static bool read_body(struct call *call, struct buffer *into, struct slice *name) {
    static const char *const members[] = {"types", "measures", "schedule"};
    const struct json *body = call_body(call);
    struct json_parser *p = call->bench->parser;
    struct json_writer w = {.out = into};
    if (!body)
        return false;
    struct slice preset = json_get_text(p, body, "preset");
    *name = arena_copy(&call->bench->arena, json_get_text(p, body, "name"));
    if (preset.size) {
        const struct preset *found = find_preset(preset);
        *name = found && !name->size ? slice_text(found->name) : *name;
        if (found)
            return write_preset(call, found, &w);
        call_fail_text(call, STATUS_NOT_FOUND, "no preset is called \"%.*s\"; GET /v1/networks lists them",
                       (int)(preset.size < 80 ? preset.size : 80), preset.data);
        return false;
    }
    json_object(&w);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *value = json_get(p, body, members[i]);
        if (!value)
            continue;
        json_key(&w, members[i]);
        json_text_of(p, value, &w);
    }
    json_end_object(&w);
    return true;
}

/* Checks `definition`; then the attributes are made, so that expressions may name them at once. False after failing the call. */
static bool make_attributes(struct call *call, struct slice name, struct slice definition) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct network network;
    struct fault fault = {0};
    const struct json *root;
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    enum status status = json_parse(call->bench->parser, definition, false, &root, &fault);
    if (!status)
        status = network_read(call->bench->parser, name, root, call->parts->dictionary,
                              audience_vocabulary(snapshot)->zone, &network, &fault);
    audience_snapshot_release(snapshot);
    if (status)
        call_fail(call, status, &fault);
    else
        network_write_empty(&network, &w);
    bool good = !status && call_append(call, LOG_COMMAND, buffer_slice(&text));
    buffer_release(&text);
    return good;
}

/* Another analysis of the name would be taken over. */
static bool name_is_free(struct call *call, struct slice name) {
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    struct audience_analysis saved;
    bool taken = audience_analysis(snapshot, name, &saved) && !slice_is(saved.kind, NETWORK_KIND);
    audience_snapshot_release(snapshot);
    if (taken)
        call_fail_text(call, STATUS_CONFLICT, "an analysis is called \"%.*s\" already; choose another name",
                       SLICE_ARG(name));
    return !taken;
}

void api_network_define(struct call *call) {
    struct buffer definition = {0}, text = {0};
    struct json_writer w = {.out = &text};
    struct slice name;
    if (kept(call) && read_body(call, &definition, &name) && name_is_free(call, name) &&
        make_attributes(call, name, buffer_slice(&definition))) {
        json_object(&w);
        json_member_cstring(&w, "define", "analysis");
        json_member_text(&w, "name", name);
        json_member_cstring(&w, "kind", NETWORK_KIND);
        json_key(&w, "definition");
        json_raw(&w, buffer_slice(&definition));
        json_end_object(&w);
        if (define(call, buffer_slice(&text)))
            answer_network(call, name);
    }
    buffer_release(&definition);
    buffer_release(&text);
}

static void ignore(void *context, const struct network *network, int64_t defined_ms) {
    struct listing *l = context;
    (void)defined_ms;
    l->found = l->found || slice_equal(network->name, l->only);
}

void api_network_delete(struct call *call) {
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    struct listing l = {.call = call, .only = call_piece(call, 0)};
    if (!kept(call))
        return;
    network_runs_each(call->parts, call->bench->parser, ignore, &l);
    if (!l.found) {
        answer_network(call, l.only);
        return;
    }
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "define", "analysis");
    json_member_text(&w, "name", l.only);
    json_member_bool(&w, "deleted", true);
    json_end_object(&w);
    if (!define(call, buffer_slice(into)))
        return;
    network_runs_forget(call->serve->networks, l.only);
    define_answer(call, "network", l.only);
}

/* --- refreshed --- */

static void answer_done(struct call *call) {
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_end_object(&call->json);
}

void api_network_run(struct call *call) {
    struct fault fault = {0};
    if (!kept(call))
        return;
    enum status status = network_runs_start(call->serve->networks, call_piece(call, 0), &fault);
    if (status)
        call_fail(call, status, &fault);
    else
        answer_done(call);
}

void api_network_cancel(struct call *call) {
    if (background_cancel(network_runs_background(call->serve->networks)))
        answer_done(call);
    else
        call_fail_text(call, STATUS_NOT_FOUND, "nothing runs");
}

/* --- the greatest --- */

static void write_top(struct call *call, enum network_measure measure, const struct network_top *top, size_t count) {
    struct json_writer *w = &call->json;
    struct show show = {.parts = call->parts, .json = w};
    json_object(w);
    json_member_cstring(w, "measure", network_measure_row(measure)->word);
    json_key(w, "customers");
    json_array(w);
    for (size_t i = 0; i < count; i++) {
        json_object(w);
        show_oneid(&show, "oneid", (struct customer_id){top[i].customer});
        json_member_real(w, "value", top[i].value);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

void api_network_top(struct call *call) {
    struct network_parts parts = {
        call->parts->os, call->parts->dictionary, call->parts->identity, call->parts->history, NULL, NULL};
    struct slice word = call_text(call, "measure");
    int64_t limit;
    int measure = network_measure_parse(word.size ? word : SLICE("influence"));
    if (!kept(call) || !call_integer(call, "limit", 1, 1000, 20, &limit))
        return;
    if (measure < 0 || network_measure_row((enum network_measure)measure)->type != PROPERTY_NUMBER) {
        call_fail_text(call, STATUS_INVALID, "\"measure\" is influence, degree or another that is a number");
        return;
    }
    if (!network_property(call->parts->dictionary, call_piece(call, 0), (enum network_measure)measure)) {
        call_fail_text(call, STATUS_NOT_FOUND,
                       "there is no network of this name that measures this; GET /v1/networks lists them");
        return;
    }
    struct network_top *top = memory_get((size_t)limit, sizeof *top);
    write_top(call, (enum network_measure)measure, top,
              network_top(&parts, call_piece(call, 0), (enum network_measure)measure, (size_t)limit, top));
    free(top);
}
