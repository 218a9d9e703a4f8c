/* api_preset: the library of ready definitions (audience/presets.h): listed, and installed by one call with all that they build on. */
#include <stdio.h>
#include <stdlib.h>

#include "audience/presets.h"
#include "serve/define.h"
#include "serve/expression.h"

void api_presets(struct call *call);
void api_presets_install(struct call *call);

static const char *const kinds[] = {"segment", "tag", "metric"};

static struct slice preset_name(const struct preset *preset, bool chinese) {
    return slice_text(chinese ? preset->name_zh : preset->name_en);
}

static bool is_installed(const struct audience_snapshot *snapshot, const struct preset *preset) {
    struct audience_entry entry;
    return audience_find(snapshot, preset->kind, preset_name(preset, false), &entry) ||
           audience_find(snapshot, preset->kind, preset_name(preset, true), &entry);
}

void api_presets(struct call *call) {
    struct json_writer *w = &call->json;
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return;
    json_object(w);
    json_key(w, "presets");
    json_array(w);
    for (size_t i = 0; i < presets_count(); i++) {
        const struct preset *p = preset_at(i);
        json_object(w);
        json_member_cstring(w, "define", kinds[p->kind]);
        if (p->type[0])
            json_member_cstring(w, "type", p->type);
        json_member_cstring(w, "name_en", p->name_en);
        json_member_cstring(w, "name_zh", p->name_zh);
        json_member_cstring(w, "en", p->en);
        json_member_cstring(w, "zh", p->zh);
        json_member_cstring(w, "expression", p->expression);
        json_member_bool(w, "installed", is_installed(snapshot, p));
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    audience_snapshot_release(snapshot);
}

/* --- which --- */

static bool named(struct call *call, const struct json *names, const struct preset *preset) {
    struct json_parser *p = call->bench->parser;
    for (const struct json *n = json_first(p, names); n; n = json_next(p, n)) {
        if (n->kind == JSON_TEXT &&
            (slice_equal(n->text, preset_name(preset, false)) || slice_equal(n->text, preset_name(preset, true))))
            return true;
    }
    return false;
}

/* Expressions name what they build on in English, in quotation marks. */
static bool builds_on(const struct preset *preset, const struct preset *other) {
    struct buffer quoted = {0};
    buffer_print(&quoted, "\"%s\"%c", other->name_en, 0);
    bool found = strstr(preset->expression, quoted.data) != NULL;
    buffer_release(&quoted);
    return found;
}

/* What others build on stands before them, so one walk from the end finds all. */
static void add_foundations(bool *chosen) {
    for (size_t i = presets_count(); i-- > 0;) {
        for (size_t k = 0; chosen[i] && k < i; k++)
            chosen[k] = chosen[k] || builds_on(preset_at(i), preset_at(k));
    }
}

/* False after failing the call. */
static bool choose(struct call *call, const struct json *body, bool *chosen) {
    struct json_parser *p = call->bench->parser;
    const struct json *names = json_get(p, body, "names");
    bool all = names && names->kind == JSON_TEXT && slice_is(names->text, "all");
    size_t count = 0;
    if (!all && (names == NULL || names->kind != JSON_ARRAY)) {
        call_fail_text(call, STATUS_INVALID, "\"names\" must be \"all\" or a list of presets' names");
        return false;
    }
    for (size_t i = 0; i < presets_count(); i++) {
        chosen[i] = all || named(call, names, preset_at(i));
        count += chosen[i];
    }
    if (!all && count < names->count) {
        call_fail_text(call, STATUS_NOT_FOUND, "%zu of these names are none of a preset; GET /v1/presets lists them",
                       names->count - count);
        return false;
    }
    add_foundations(chosen);
    return true;
}

/* --- installing --- */

/* What came of it. */
struct outcome {
    struct buffer installed, kept; /* JSON arrays without their brackets */
    size_t installed_count, kept_count;
};

static void note(struct buffer *into, size_t *count, struct slice name) {
    struct json_writer w = {.out = into, .comma = *count > 0};
    json_text(&w, name);
    ++*count;
}

static bool name_is_taken(struct call *call, const struct preset *preset, bool chinese) {
    struct audience_entry entry;
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    bool taken = audience_find(snapshot, preset->kind, preset_name(preset, chinese), &entry);
    audience_snapshot_release(snapshot);
    return taken;
}

/* Those whose name is free. False after failing the call. */
static bool install(struct call *call, const bool *chosen, bool chinese, struct outcome *outcome) {
    struct slice *texts = memory_get(presets_count() + 1, sizeof *texts);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    size_t count = 0, done;
    for (size_t i = 0; i < presets_count(); i++) {
        const struct preset *preset = preset_at(i);
        if (!chosen[i])
            continue;
        if (name_is_taken(call, preset, chinese)) {
            note(&outcome->kept, &outcome->kept_count, preset_name(preset, chinese));
            continue;
        }
        buffer_clear(&text);
        w.comma = false;
        preset_write_definition(preset, chinese, &w);
        texts[count++] = arena_copy(&call->bench->arena, buffer_slice(&text));
        note(&outcome->installed, &outcome->installed_count, preset_name(preset, chinese));
    }
    bool good = define_audience(call, texts, count, &done);
    buffer_release(&text);
    free(texts);
    return good;
}

static void write_outcome(struct call *call, const struct outcome *outcome) {
    json_object(&call->json);
    json_key(&call->json, "installed");
    json_array(&call->json);
    if (outcome->installed_count)
        json_raw(&call->json, buffer_slice(&outcome->installed));
    json_end_array(&call->json);
    json_key(&call->json, "kept");
    json_array(&call->json);
    if (outcome->kept_count)
        json_raw(&call->json, buffer_slice(&outcome->kept));
    json_end_array(&call->json);
    json_end_object(&call->json);
}

void api_presets_install(struct call *call) {
    const struct json *body = call_body(call);
    struct audience_snapshot *snapshot = body ? expression_snapshot(call) : NULL;
    if (snapshot == NULL)
        return;
    audience_snapshot_release(snapshot);
    bool *chosen = memory_get(presets_count() + 1, sizeof *chosen);
    struct slice language = json_get_text(call->bench->parser, body, "language");
    bool chinese = slice_is(language, "zh");
    struct outcome outcome = {0};
    bool good = (language.size == 0 || chinese || slice_is(language, "en")) && choose(call, body, chosen);
    if (!good && !call->failed)
        call_fail_text(call, STATUS_INVALID, "\"language\" is en or zh; it is \"%.*s\"",
                       (int)(language.size < 40 ? language.size : 40), language.data);
    if (good && install(call, chosen, chinese, &outcome))
        write_outcome(call, &outcome);
    buffer_release(&outcome.installed);
    buffer_release(&outcome.kept);
    free(chosen);
}
