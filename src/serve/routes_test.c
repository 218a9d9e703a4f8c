/* routes_test: every row can be found, and its schemas are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "collect/segment.h"
#include "serve/openapi.h"
#include "serve/routes.h"
#include "serve/serve.h"

static void test_every_row_is_found(void **state) {
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct route *r = &routes[i];
        struct slice pieces[ROUTE_PIECES_MAX];
        const char *allow;
        char path[128];
        size_t size = 0, braces = 0;
        for (const char *at = r->path; *at; at++) { /* {id} -> x */
            path[size++] = *at == '{' ? 'x' : *at;
            braces += *at == '{';
            if (*at == '{')
                at = strchr(at, '}');
        }
        const struct route *found = route_find(r->method, slice_of(path, size), &allow);
        if (found != r)
            fail_msg("%s %s is hidden by %s", method_name(r->method), r->path, found ? found->path : "nothing");
        assert_int_equal(route_pieces(r, slice_of(path, size), pieces), braces);
        assert_null(route_find(HTTP_OTHER, slice_of(path, size), &allow));
        assert_non_null(allow);
    }
    const char *allow;
    static const char *const none[] = {"",
                                       "/v1",
                                       "/v1/",
                                       "/v1/profiles/",
                                       "/v1/profiles//timeline",
                                       "/v1/profiles/a/b",
                                       "/healthz/",
                                       "/v1/sources/a/keys/b/c"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_null(route_find(HTTP_GET, slice_text(none[i]), &allow));
        assert_null(allow);
    }
}

static void test_rows_hold_together(void **state) {
    (void)state;
    for (size_t i = 0; i < route_count; i++) {
        const struct route *r = &routes[i];
        assert_true(r->summary[0] && r->tag[0] && r->parameters);
        if (r->request && strcmp(r->request, "bytes") != 0)
            assert_true(openapi_has_schema(r->request));
        if (r->response && !openapi_is_media(r->response))
            assert_true(openapi_has_schema(r->response));
        assert_int_equal(r->lane == LANE_TRACK, r->method == HTTP_POST && segment_path(slice_text(r->path)));
        if (r->lane == LANE_TRACK)
            assert_int_equal(r->role, ROLE_WRITE);
        for (const struct route_parameter *p = r->parameters; p->name; p++)
            assert_true(strcmp(p->type, "text") == 0 || strcmp(p->type, "integer") == 0 ||
                        strcmp(p->type, "flag") == 0);
    }
}

/* Every $ref of the document leads somewhere. */
static void check_references(struct json_parser *p, const struct json *schemas, const struct json *node) {
    for (const struct json *m = json_first(p, node); m; m = json_next(p, m)) {
        if (slice_is(m->key, "$ref")) {
            struct slice name = slice_of(m->text.data + 21, m->text.size - 21);
            char text[64];
            snprintf(text, sizeof text, "%.*s", SLICE_ARG(name));
            if (json_get(p, schemas, text) == NULL)
                fail_msg("%s leads nowhere", text);
        } else if (m->kind == JSON_OBJECT || m->kind == JSON_ARRAY) {
            check_references(p, schemas, m);
        }
    }
}

static void test_openapi(void **state) {
    (void)state;
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    openapi_write_json(&w);
    assert_int_equal(json_parse(p, buffer_slice(&text), true, &root, NULL), STATUS_OK);
    const struct json *schemas = json_get(p, json_get(p, root, "components"), "schemas");
    const struct json *profile = json_get(p, json_get(p, root, "paths"), "/v1/profiles/{id}");
    assert_non_null(schemas);
    assert_non_null(json_get(p, profile, "get"));
    check_references(p, schemas, root);
    json_parser_free(p);
    buffer_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_found),
        cmocka_unit_test(test_rows_hold_together),
        cmocka_unit_test(test_openapi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
