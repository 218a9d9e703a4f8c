/* routes: see routes.h. The table is short and its rows differ early, so it is walked from the top; rows that are asked
 * most stand first, and a literal piece stands before a {...} in the same place. */
#include "serve/routes.h"

#include <assert.h>

#define ROUTE(method, path, handler, role, lane, tag, summary, parameters, request, response)                          \
    void handler(struct call *call);
#define PARAMETERS(...)
#define P(name, type, text)
#include "serve/routes.def"
#undef ROUTE
#undef PARAMETERS
#undef P

#define P(name, type, text) {name, type, text},
#define PARAMETERS(...) ((const struct route_parameter[]){__VA_ARGS__{NULL, NULL, NULL}})
#define ROUTE(method, path, handler, role, lane, tag, summary, parameters, request, response)                          \
    {HTTP_##method, path, handler, ROLE_##role, LANE_##lane, tag, summary, parameters, request, response},
const struct route routes[] = {
#include "serve/routes.def"
};
#undef ROUTE
#undef PARAMETERS
#undef P
const size_t route_count = sizeof routes / sizeof *routes;

/* Walks template and path together; `pieces` may be NULL. */
static bool matches(const char *template, struct slice path, struct slice *pieces, size_t *piece_count) {
    size_t at = 0;
    while (*template) {
        if (*template != '{') {
            if (at == path.size || path.data[at++] != *template ++)
                return false;
            continue;
        }
        size_t start = at;
        while (at < path.size && path.data[at] != '/')
            at++;
        if (at == start)
            return false;
        if (pieces) {
            assert(*piece_count < ROUTE_PIECES_MAX);
            pieces[(*piece_count)++] = slice_of(path.data + start, at - start);
        }
        while (*template ++ != '}')
            ;
    }
    return at == path.size;
}

/* Bits of methods, as a header's text. */
static const char *allow_text(unsigned methods) {
    enum { GET = 1u << HTTP_GET, POST = 1u << HTTP_POST, DELETE = 1u << HTTP_DELETE };
    switch (methods) {
    case 0:
        return NULL;
    case GET:
        return "GET, HEAD, OPTIONS";
    case POST:
        return "POST, OPTIONS";
    case DELETE:
        return "DELETE, OPTIONS";
    case GET | POST:
        return "GET, HEAD, POST, OPTIONS";
    case GET | DELETE:
        return "GET, HEAD, DELETE, OPTIONS";
    default:
        return "GET, HEAD, POST, DELETE, OPTIONS";
    }
}

const struct route *route_find(enum http_method method, struct slice path, const char **allow) {
    unsigned methods = 0;
    *allow = NULL;
    for (size_t i = 0; i < route_count; i++) {
        if (!matches(routes[i].path, path, NULL, NULL))
            continue;
        if (routes[i].method == method)
            return &routes[i];
        methods |= 1u << routes[i].method;
    }
    *allow = allow_text(methods);
    return NULL;
}

size_t route_pieces(const struct route *route, struct slice path, struct slice pieces[ROUTE_PIECES_MAX]) {
    size_t count = 0;
    bool found = matches(route->path, path, pieces, &count);
    assert(found);
    (void)found;
    return count;
}

const char *method_name(enum http_method method) {
    static const char *const names[] = {[HTTP_OTHER] = "OTHER", [HTTP_GET] = "GET",       [HTTP_POST] = "POST",
                                        [HTTP_PUT] = "PUT",     [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS"};
    assert((size_t)method < sizeof names / sizeof *names);
    return names[method];
}
