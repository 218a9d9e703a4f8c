/* api_define: what a user defines: sources, keys, dictionary entries, mappings; and reading master data.
 *
 * A definition is checked by the part it concerns, appended to the log as it was sent, and answered once the fold has
 * applied it: the next call sees it in force. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "serve/define.h"

void api_sources(struct call *call);
void api_source_define(struct call *call);
void api_source_key(struct call *call);
void api_source_key_revoke(struct call *call);
void api_admin_key(struct call *call);
void api_admin_key_revoke(struct call *call);
void api_dictionary(struct call *call);
void api_dictionary_define(struct call *call);
void api_mappings(struct call *call);
void api_mapping(struct call *call);
void api_mapping_define(struct call *call);
void api_master_types(struct call *call);
void api_master_list(struct call *call);
void api_master(struct call *call);

/* --- the common way of a definition --- */

enum concern { CONCERN_SOURCES, CONCERN_DICTIONARY, CONCERN_MAPPING };

static enum status check(struct call *call, enum concern concern, const struct json *definition, struct fault *fault) {
    struct json_parser *parser = call->bench->parser;
    switch (concern) {
    case CONCERN_SOURCES:
        return sources_check(call->parts->sources, parser, definition, fault);
    case CONCERN_DICTIONARY:
        return dictionary_check(call->parts->dictionary, parser, definition, fault);
    case CONCERN_MAPPING:
        break;
    }
    enum status status = govern_check_mapping(parser, definition, fault);
    return status == STATUS_NOT_FOUND ? STATUS_INVALID : status; /* the time zone it names: the path is not at fault */
}

/* Checks, appends and waits; false after failing the call. `text` lies in a buffer. */
static bool define(struct call *call, enum concern concern, struct slice text) {
    struct fault fault = {0};
    const struct json *root;
    enum status status = json_parse(call->bench->parser, text, true, &root, &fault);
    if (status == STATUS_OK)
        status = check(call, concern, root, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return false;
    }
    return call_append(call, LOG_DEFINE, text);
}

/* --- sources and keys --- */

void api_sources(struct call *call) { sources_write_json(call->parts->sources, &call->json); }

void api_source_define(struct call *call) {
    struct slice text;
    if (!define_body(call, "source", &text))
        return;
    struct slice name = define_name(call);
    if (define(call, CONCERN_SOURCES, text))
        define_answer(call, "source", name);
}

/* The definition of a key, in the bench's text. */
static struct slice key_definition(struct call *call, enum key_role role, struct slice source, struct slice hash,
                                   struct slice label, bool revoked) {
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "define", "key");
    json_member_cstring(&w, "role", role == KEY_ADMIN ? "admin" : "write");
    if (role == KEY_WRITE)
        json_member_text(&w, "source", source);
    json_member_text(&w, "hash", hash);
    if (label.size)
        json_member_text(&w, "name", label);
    json_member_bool(&w, "revoked", revoked);
    json_end_object(&w);
    return buffer_slice(into);
}

static void make_key(struct call *call, enum key_role role, struct slice source) {
    char key[48], hash[65];
    struct slice label = call->request->body.size ? define_name(call) : SLICE_NONE;
    if (call->failed)
        return;
    sources_new_key(call->parts->os, role, key);
    sources_hash_key(slice_text(key), hash);
    if (!define(call, CONCERN_SOURCES, key_definition(call, role, source, slice_text(hash), label, false)))
        return;
    json_object(&call->json);
    json_member_cstring(&call->json, "key", key);
    json_member_cstring(&call->json, "role", role == KEY_ADMIN ? "admin" : "write");
    if (role == KEY_WRITE)
        json_member_text(&call->json, "source", source);
    json_member_cstring(&call->json, "hash", hash);
    json_member_text(&call->json, "name", label);
    json_end_object(&call->json);
}

/* True when the listing has this key under this source (empty: among the admin keys). */
static bool key_is_there(struct call *call, struct slice source, struct slice hash) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct json_parser *parser = call->bench->parser;
    const struct json *root, *keys = NULL;
    bool found = false;
    sources_write_json(call->parts->sources, &w);
    if (json_parse(parser, buffer_slice(&text), true, &root, NULL) == STATUS_OK) {
        keys = json_get(parser, root, "admin_keys");
        const struct json *s = source.size ? json_first(parser, json_get(parser, root, "sources")) : NULL;
        for (; s; s = json_next(parser, s)) {
            if (slice_equal(json_get_text(parser, s, "name"), source))
                keys = json_get(parser, s, "keys");
        }
        for (const struct json *k = keys ? json_first(parser, keys) : NULL; k && !found; k = json_next(parser, k))
            found = slice_equal(json_get_text(parser, k, "hash"), hash);
    }
    buffer_release(&text);
    return found;
}

static void revoke_key(struct call *call, enum key_role role, struct slice source, struct slice hash) {
    if (!key_is_there(call, source, hash)) {
        call_fail_text(call, STATUS_NOT_FOUND, "no such key here; GET /v1/sources lists the keys with their hashes");
        return;
    }
    if (define(call, CONCERN_SOURCES, key_definition(call, role, source, hash, SLICE_NONE, true)))
        define_answer(call, "key", hash);
}

static bool source_is_there(struct call *call, struct slice name) {
    struct source source;
    if (sources_by_name(call->parts->sources, name, &source))
        return true;
    call_fail_text(call, STATUS_NOT_FOUND, "no source is called \"%.*s\"; GET /v1/sources lists them",
                   (int)(name.size < 80 ? name.size : 80), name.data);
    return false;
}

void api_source_key(struct call *call) {
    if (source_is_there(call, call_piece(call, 0)))
        make_key(call, KEY_WRITE, call_piece(call, 0));
}

void api_source_key_revoke(struct call *call) {
    if (source_is_there(call, call_piece(call, 0)))
        revoke_key(call, KEY_WRITE, call_piece(call, 0), call_piece(call, 1));
}

void api_admin_key(struct call *call) { make_key(call, KEY_ADMIN, SLICE_NONE); }

void api_admin_key_revoke(struct call *call) {
    char own[65];
    struct slice key = query_key(http_header(call->request, "Authorization"), &call->bench->arena);
    sources_hash_key(key, own);
    if (slice_is(call_piece(call, 0), own))
        call_fail_text(call, STATUS_CONFLICT, "this is the key this call was made with; revoke it with another one");
    else
        revoke_key(call, KEY_ADMIN, SLICE_NONE, call_piece(call, 0));
}

/* --- dictionary and mappings --- */

void api_dictionary(struct call *call) { dictionary_write_json(call->parts->dictionary, &call->json); }

void api_dictionary_define(struct call *call) {
    const struct json *root = call_body(call);
    if (root == NULL)
        return;
    struct slice what = arena_copy(&call->bench->arena, json_get_text(call->bench->parser, root, "define"));
    struct slice name = arena_copy(&call->bench->arena, json_get_text(call->bench->parser, root, "name"));
    if (!slice_is(what, "type") && !slice_is(what, "namespace")) {
        call_fail_text(call, STATUS_INVALID, "\"define\" must be \"type\" or \"namespace\"");
        return;
    }
    if (define(call, CONCERN_DICTIONARY, call->request->body))
        define_answer(call, slice_is(what, "type") ? "type" : "namespace", name);
}

void api_mappings(struct call *call) { govern_list_mappings(call->parts->govern, &call->json); }

void api_mapping(struct call *call) {
    struct buffer *text = &call->bench->text;
    struct slice name = call_piece(call, 0);
    buffer_clear(text);
    if (govern_mapping_json(call->parts->govern, name, text))
        json_raw(&call->json, buffer_slice(text));
    else
        call_fail_text(call, STATUS_NOT_FOUND, "no mapping is called \"%.*s\"; GET /v1/mappings lists them",
                       (int)(name.size < 80 ? name.size : 80), name.data);
}

void api_mapping_define(struct call *call) {
    struct slice text;
    if (!define_body(call, "mapping", &text))
        return;
    struct slice name = define_name(call);
    if (define(call, CONCERN_MAPPING, text))
        define_answer(call, "mapping", name);
}

/* --- master data --- */

static const struct type *master_type(struct call *call) {
    struct slice name = call_piece(call, 0);
    const struct type *type = dictionary_type_find(call->parts->dictionary, TYPE_MASTER, name);
    if (type == NULL)
        call_fail_text(call, STATUS_NOT_FOUND, "no type of master data is called \"%.*s\"; GET /v1/master lists them",
                       (int)(name.size < 80 ? name.size : 80), name.data);
    return type;
}

void api_master_types(struct call *call) {
    const struct dictionary *dictionary = call->parts->dictionary;
    uint32_t count = dictionary_type_count(dictionary);
    json_object(&call->json);
    json_key(&call->json, "types");
    json_array(&call->json);
    for (uint32_t i = 0; i < count; i++) {
        const struct type *type = dictionary_type_at(dictionary, (uint16_t)i);
        if (type->kind != TYPE_MASTER)
            continue;
        json_object(&call->json);
        json_member_text(&call->json, "type", type->name);
        json_member_integer(&call->json, "count", (int64_t)master_count(call->parts->master, type->number));
        json_end_object(&call->json);
    }
    json_end_array(&call->json);
    json_end_object(&call->json);
}

void api_master_list(struct call *call) {
    int64_t limit;
    if (!call_integer(call, "limit", 1, 500, 50, &limit))
        return;
    const struct type *type = master_type(call);
    if (type)
        master_list_json(call->parts->master, type->number, call_text(call, "after"), call_text(call, "query"),
                         (size_t)limit, &call->json);
}

void api_master(struct call *call) {
    int64_t at_ms;
    const struct type *type = call_instant(call, "at", &at_ms) ? master_type(call) : NULL;
    struct slice id = call_piece(call, 1);
    if (type && !master_get_json(call->parts->master, type->number, id, at_ms, &call->json))
        call_fail_text(call, STATUS_NOT_FOUND, "no %.*s has the id \"%.*s\" then", SLICE_ARG(type->name),
                       (int)(id.size < 80 ? id.size : 80), id.data);
}
