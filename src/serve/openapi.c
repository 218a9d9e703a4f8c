/* openapi: see openapi.h. The document is made anew for every request; nobody asks often. */
#include "serve/openapi.h"

#include <assert.h>
#include <stdio.h>

#include "language/suggest.h"
#include "serve/metrics.h"

struct field {
    const char *name, *type, *text;
};
struct schema {
    const char *name, *text;
    const struct field *fields; /* ended by a NULL name */
};

#define F(name, type, text) {name, type, text},
#define SCHEMA(name, text, fields) {#name, text, (const struct field[]){fields{NULL, NULL, NULL}}},
static const struct schema schemas[] = {
#include "serve/schemas.def"
};
#undef SCHEMA
#undef F

/* "X" and "[X]", a list of them. */
static struct slice element_of(const char *name) {
    size_t size = strlen(name);
    return name[0] == '[' ? slice_of(name + 1, size - 2) : slice_of(name, size);
}

static const struct schema *schema_of(const char *name) {
    for (size_t i = 0; name && i < sizeof schemas / sizeof *schemas; i++) {
        if (slice_is(element_of(name), schemas[i].name))
            return &schemas[i];
    }
    return NULL;
}

bool openapi_has_schema(const char *name) { return schema_of(name) != NULL; }

/* --- OpenAPI --- */

static void write_reference(struct json_writer *w, const char *schema) {
    char text[100];
    snprintf(text, sizeof text, "#/components/schemas/%s", schema);
    assert(openapi_has_schema(schema));
    json_object(w);
    json_member_cstring(w, "$ref", text);
    json_end_object(w);
}

/* A type of schemas.def as a JSON schema. */
static void write_type(struct json_writer *w, struct slice type, bool nullable, const char *text) {
    static const struct {
        const char *name, *type, *format;
    } plain[] = {{"text", "string", NULL},     {"integer", "integer", "int64"}, {"number", "number", NULL},
                 {"flag", "boolean", NULL},    {"time", "string", "date-time"}, {"map", "object", NULL},
                 {"bytes", "string", "binary"}};
    char name[64];
    assert(type.size && type.size < sizeof name);
    bool own = type.data[0] >= 'A' && type.data[0] <= 'Z';
    snprintf(name, sizeof name, "%.*s", SLICE_ARG(type));
    if (own && !nullable) {
        write_reference(w, name);
        return;
    }
    json_object(w);
    if (own) { /* beside $ref nothing is read */
        json_key(w, "allOf");
        json_array(w);
        write_reference(w, name);
        json_end_array(w);
    }
    if (type.data[0] == '[') {
        json_member_cstring(w, "type", "array");
        json_key(w, "items");
        write_type(w, slice_of(type.data + 1, type.size - 2), false, NULL);
    }
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!slice_is(type, plain[i].name))
            continue;
        json_member_cstring(w, "type", plain[i].type);
        if (plain[i].format)
            json_member_cstring(w, "format", plain[i].format);
        if (slice_is(type, "map"))
            json_member_bool(w, "additionalProperties", true);
    }
    if (nullable)
        json_member_bool(w, "nullable", true);
    if (text && text[0])
        json_member_cstring(w, "description", text);
    json_end_object(w);
}

/* "name!" -> "name"; true when it must be there. "name?": may be null. */
static bool field_name(const struct field *field, struct slice *name) {
    *name = slice_text(field->name);
    char last = name->size ? name->data[name->size - 1] : 0;
    name->size -= last == '!' || last == '?';
    return last == '!';
}

static bool field_nullable(const struct field *field) { return field->name[strlen(field->name) - 1] == '?'; }

/* --- bodies --- */

static bool has_field(const struct schema *schema, struct slice wanted) {
    struct slice name;
    for (const struct field *f = schema ? schema->fields : NULL; f && f->name; f++) {
        field_name(f, &name);
        if (slice_equal(name, wanted))
            return true;
    }
    return false;
}

static enum status unknown_member(const struct schema *schema, struct slice member, struct fault *fault) {
    struct suggestion meant = suggestion_of(member);
    struct slice name;
    for (const struct field *f = schema->fields; f->name; f++) {
        field_name(f, &name);
        suggestion_offer(&meant, name);
    }
    if (meant.best.size)
        return fault_set(fault, STATUS_INVALID, "the body has no member \"%.*s\"; did you mean \"%.*s\"?",
                         (int)(member.size < 60 ? member.size : 60), member.data, SLICE_ARG(meant.best));
    return fault_set(fault, STATUS_INVALID, "the body has no member \"%.*s\"; docs/api.md, %s, lists them",
                     (int)(member.size < 60 ? member.size : 60), member.data, schema->name);
}

enum status openapi_check_members(const struct route *route, const struct json_parser *p, const struct json *body,
                                  struct fault *fault) {
    const struct schema *request = schema_of(route->request), *response = schema_of(route->response);
    if (!request || body->kind != JSON_OBJECT || has_field(request, SLICE("...")))
        return STATUS_OK;
    for (const struct json *m = json_first(p, body); m; m = json_next(p, m))
        if (!has_field(request, m->key) && !has_field(response, m->key))
            return unknown_member(request, m->key, fault);
    return STATUS_OK;
}

/* --- schemas --- */

static void write_needed(struct json_writer *w, const struct schema *schema) {
    struct slice name;
    bool any = false;
    for (const struct field *f = schema->fields; f->name; f++) {
        if (!field_name(f, &name))
            continue;
        if (!any) {
            json_key(w, "required");
            json_array(w);
        }
        any = true;
        json_text(w, name);
    }
    if (any)
        json_end_array(w);
}

static void write_schema(struct json_writer *w, const struct schema *schema) {
    struct slice name;
    json_key(w, schema->name);
    json_object(w);
    json_member_cstring(w, "type", "object");
    if (schema->text[0])
        json_member_cstring(w, "description", schema->text);
    write_needed(w, schema);
    json_key(w, "properties");
    json_object(w);
    for (const struct field *f = schema->fields; f->name; f++) {
        field_name(f, &name);
        if (slice_is(name, "..."))
            continue;
        json_key_slice(w, name);
        write_type(w, slice_text(f->type), field_nullable(f), f->text);
    }
    json_end_object(w);
    json_end_object(w);
}

static void write_parameter(struct json_writer *w, struct slice name, const char *where, const char *type,
                            const char *text) {
    json_object(w);
    json_member_text(w, "name", name);
    json_member_cstring(w, "in", where);
    json_member_bool(w, "required", strcmp(where, "path") == 0);
    if (text)
        json_member_cstring(w, "description", text);
    json_key(w, "schema");
    write_type(w, slice_text(type), false, NULL);
    json_end_object(w);
}

static void write_parameters(struct json_writer *w, const struct route *route) {
    json_key(w, "parameters");
    json_array(w);
    for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{'))
        write_parameter(w, slice_of(at + 1, (size_t)(strchr(at, '}') - at) - 1), "path", "text", NULL);
    for (const struct route_parameter *p = route->parameters; p->name; p++)
        write_parameter(w, slice_text(p->name), "query", p->type, p->text);
    json_end_array(w);
}

static void write_content(struct json_writer *w, const char *media, const char *schema) {
    json_key(w, "content");
    json_object(w);
    json_key(w, media);
    json_object(w);
    json_key(w, "schema");
    write_type(w, slice_text(schema), false, NULL);
    json_end_object(w);
    json_end_object(w);
}

/* What is answered otherwise than in JSON: the word in routes.def, as it is called on the wire, as docs/api.md says it. */
static const struct media {
    const char *schema, *type, *text;
} medias[] = {{"text", "text/plain", "plain text"},
              {"table", "text/csv", "CSV, or JSON lines"},
              {"stream", "text/event-stream", "server-sent events"}};

static const struct media *media_of(const char *schema) {
    for (size_t i = 0; i < sizeof medias / sizeof *medias; i++)
        if (strcmp(schema, medias[i].schema) == 0)
            return &medias[i];
    return NULL;
}

bool openapi_is_media(const char *name) { return media_of(name) != NULL; }

static void write_response(struct json_writer *w, const char *code, const char *text, const char *schema) {
    const struct media *media = media_of(schema);
    json_key(w, code);
    json_object(w);
    json_member_cstring(w, "description", text);
    write_content(w, media ? media->type : "application/json", media ? "text" : schema);
    json_end_object(w);
}

static void write_responses(struct json_writer *w, const struct route *route) {
    json_key(w, "responses");
    json_object(w);
    write_response(w, "200", "Done", route->response ? route->response : "Any");
    if (route->lane == LANE_TRACK) {
        write_response(w, "400", "Not valid; sending it again does not help", "Any");
        write_response(w, "429", "Too much at this moment: again after Retry-After seconds", "Error");
        write_response(w, "503", "Not stored: again after Retry-After seconds", "Error");
    }
    write_response(w, "default", "What went wrong", "Error");
    json_end_object(w);
}

static void write_operation(struct json_writer *w, const struct route *route) {
    static const char *const methods[] = {
        [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_DELETE] = "delete"};
    static const char *const roles[] = {[ROLE_WRITE] = "write_key", [ROLE_ADMIN] = "admin_key"};
    json_key(w, methods[route->method]);
    json_object(w);
    json_key(w, "tags");
    json_array(w);
    json_cstring(w, route->tag);
    json_end_array(w);
    json_member_cstring(w, "summary", route->summary);
    write_parameters(w, route);
    if (route->request) {
        json_key(w, "requestBody");
        json_object(w);
        json_member_bool(w, "required", true);
        write_content(w, strcmp(route->request, "bytes") == 0 ? "application/octet-stream" : "application/json",
                      route->request);
        json_end_object(w);
    }
    json_key(w, "security");
    json_array(w);
    if (route->role != ROLE_NONE) {
        json_object(w);
        json_key(w, roles[route->role]);
        json_array(w);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    write_responses(w, route);
    json_end_object(w);
}

static bool is_first_of_path(size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (strcmp(routes[i].path, routes[index].path) == 0)
            return false;
    }
    return true;
}

static void write_scheme(struct json_writer *w, const char *name, const char *scheme, const char *text) {
    json_key(w, name);
    json_object(w);
    json_member_cstring(w, "type", "http");
    json_member_cstring(w, "scheme", scheme);
    json_member_cstring(w, "description", text);
    json_end_object(w);
}

static void write_components(struct json_writer *w) {
    json_key(w, "components");
    json_object(w);
    json_key(w, "securitySchemes");
    json_object(w);
    write_scheme(w, "write_key", "basic", "A source's write key as the user, no password");
    write_scheme(w, "admin_key", "bearer", "An admin key");
    json_end_object(w);
    json_key(w, "schemas");
    json_object(w);
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        write_schema(w, &schemas[i]);
    json_end_object(w);
    json_end_object(w);
}

void openapi_write_json(struct json_writer *w) {
    json_object(w);
    json_member_cstring(w, "openapi", "3.0.3");
    json_key(w, "info");
    json_object(w);
    json_member_cstring(w, "title", "Onefold");
    json_member_cstring(w, "version", "1");
    json_member_cstring(w, "description",
                        "Tracking, profiles, definitions, imports, quality and operation of Onefold.");
    json_end_object(w);
    json_key(w, "paths");
    json_object(w);
    for (size_t i = 0; i < route_count; i++) {
        if (!is_first_of_path(i))
            continue;
        json_key(w, routes[i].path);
        json_object(w);
        for (size_t k = i; k < route_count; k++) {
            if (strcmp(routes[k].path, routes[i].path) == 0)
                write_operation(w, &routes[k]);
        }
        json_end_object(w);
    }
    json_end_object(w);
    write_components(w);
    json_end_object(w);
}

/* --- docs/api.md --- */

static const char preface[] =
    "<!-- Made from src/serve/routes.def, schemas.def and metrics.def; routes_test fails when this is stale. -->\n"
    "# HTTP API\n\n"
    "Everything is JSON over HTTP/1.1. `GET /openapi.json` says the same as this page to a machine.\n\n"
    "**Keys.** Tracking takes a source's write key: `Authorization: Basic base64(key:)`, `\"writeKey\"` in the body, "
    "or\n"
    "`?writeKey=`. All else, where it says *admin*, takes an admin key: `Authorization: Bearer <key>`, or Basic with "
    "the key\n"
    "as user. The first admin key is printed once, when the server starts on an empty data folder.\n\n"
    "**Errors** look like `{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"...\"}}`; the message names what was "
    "wrong, where, and what\n"
    "would be right. 429 and 503 come with `Retry-After`: the same request may be sent again. A tracking call that "
    "was\n"
    "answered 200 is on disk.\n\n"
    "**Ids** in `/v1/profiles/{id}` are a oneid (16 hex digits) or `namespace:value`, percent-encoded: "
    "`phone:%2B8613800001111`.\n"
    "The value may be written in any way the namespace's rule understands; a oneid that was merged away leads to the "
    "survivor.\n\n"
    "**Browsers.** Tracking and settings answer `OPTIONS` and echo `Origin`; no other route is open to other "
    "origins.\n\n"
    "**Limits.** Tracking bodies 4 MiB on the wire (500 KiB and 2,500 calls in a batch, 32 KiB a call), import pieces "
    "16 MiB,\n"
    "other bodies 1 MiB. A request must arrive whole within 30 s (408). Outside tracking a body with a member that is "
    "in neither the\n"
    "route's body nor its answer is refused (400): it is misspelt.\n";

static void write_route_reference(struct buffer *into, const struct route *r) {
    static const char *const roles[] = {[ROLE_NONE] = "none", [ROLE_WRITE] = "write", [ROLE_ADMIN] = "admin"};
    buffer_print(into, "\n### `%s %s`\n\n%s. Key: %s.", method_name(r->method), r->path, r->summary, roles[r->role]);
    if (r->request)
        buffer_print(into, strcmp(r->request, "bytes") == 0 ? " Body: raw bytes." : " Body: [%s](#%s).", r->request,
                     r->request);
    if (r->response && media_of(r->response))
        buffer_print(into, " Answer: %s.", media_of(r->response)->text);
    else if (r->response)
        buffer_print(into, " Answer: %s[%.*s](#%.*s).", r->response[0] == '[' ? "a list of " : "",
                     SLICE_ARG(element_of(r->response)), SLICE_ARG(element_of(r->response)));
    buffer_print(into, "\n");
    if (r->parameters->name)
        buffer_print(into, "\n| parameter | type | meaning |\n|---|---|---|\n");
    for (const struct route_parameter *p = r->parameters; p->name; p++)
        buffer_print(into, "| `%s` | %s | %s |\n", p->name, p->type, p->text);
}

static void write_schema_reference(struct buffer *into, const struct schema *schema) {
    struct slice name;
    buffer_print(into, "\n<a id=\"%s\"></a>\n### %s\n\n", schema->name, schema->name);
    if (schema->text[0])
        buffer_print(into, "%s.\n\n", schema->text);
    buffer_print(into, "| field | type | meaning |\n|---|---|---|\n");
    for (const struct field *f = schema->fields; f->name; f++) {
        bool needed = field_name(f, &name);
        buffer_print(into, "| `%.*s`%s | %s%s | %s |\n", SLICE_ARG(name), needed ? " (always)" : "", f->type,
                     field_nullable(f) ? " or null" : "", f->text);
    }
}

void serve_write_reference(struct buffer *into) {
    const char *tag = "";
    buffer_print(into, "%s", preface);
    for (size_t i = 0; i < route_count; i++) {
        if (strcmp(tag, routes[i].tag) != 0)
            buffer_print(into, "\n## %s\n", routes[i].tag);
        tag = routes[i].tag;
        write_route_reference(into, &routes[i]);
    }
    buffer_print(into, "\n## Schemas\n");
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        write_schema_reference(into, &schemas[i]);
    buffer_print(into, "\n## Metrics\n\n");
    metrics_write_reference(into);
}
