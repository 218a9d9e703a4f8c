/* routes: the one table of what can be asked (routes.def), and finding the row for a request. */
#ifndef ONEFOLD_SERVE_ROUTES_H
#define ONEFOLD_SERVE_ROUTES_H

#include "base/slice.h"
#include "serve/http.h"

/* Which key a route asks for. */
enum route_role {
    ROLE_NONE,  /* none */
    ROLE_WRITE, /* a source's write key; the handler checks it, as it may stand in the body */
    ROLE_ADMIN  /* an admin key; checked before the body is read */
};

/* See serve.h. */
enum route_lane { LANE_TRACK, LANE_FAST, LANE_SLOW };

struct call;
typedef void (*route_handler)(struct call *call);

/* A parameter in the query; those of the path stand in the template. */
struct route_parameter {
    const char *name, *type, *text; /* type: "text", "integer", "flag" */
};

struct route {
    enum http_method method;
    const char *path; /* template: "/v1/profiles/{id}" */
    route_handler handler;
    enum route_role role;
    enum route_lane lane;
    const char *tag, *summary;
    const struct route_parameter *parameters; /* ended by a NULL name */
    const char *request;                      /* schema of the body, "bytes" for raw ones, or NULL */
    const char *response;                     /* schema of the answer, "text" for plain text, or NULL */
};

#define ROUTE_PIECES_MAX 4 /* {...} in one template */

extern const struct route routes[];
extern const size_t route_count;

/* The route for `method` and `path`, or NULL; then *allow is the list of methods the path does have ("GET, POST"), or NULL
 * where nothing is under this path. Cost: about 0.2 microseconds. */
const struct route *route_find(enum http_method method, struct slice path, const char **allow);
/* The path's raw pieces that stand for {...}, in order; returns their count. */
size_t route_pieces(const struct route *route, struct slice path, struct slice pieces[ROUTE_PIECES_MAX]);
const char *method_name(enum http_method method);

#endif
