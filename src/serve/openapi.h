/* openapi: the API described from its own tables (routes.def, schemas.def): as an OpenAPI 3.0 document and as docs/api.md. */
#ifndef ONEFOLD_SERVE_OPENAPI_H
#define ONEFOLD_SERVE_OPENAPI_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "serve/routes.h"

void openapi_write_json(struct json_writer *w);
/* True when `name` is a schema of schemas.def. */
bool openapi_has_schema(const char *name);
/* Whether the route's body has each member of `body`. A member of its answer is passed over: what GET gave may be changed and sent back. Errors:
 * INVALID, naming the member that nobody knows, and the one it is likely meant as. Routes whose body is open ("...") take all. */
enum status openapi_check_members(const struct route *route, const struct json_parser *p, const struct json *body,
                                  struct fault *fault) WARN_UNUSED;
/* Whether a route's response is named by what it is instead: text, table (CSV), stream. */
bool openapi_is_media(const char *name);

#endif
