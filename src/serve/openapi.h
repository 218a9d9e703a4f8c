/* openapi: the API described from its own tables (routes.def, schemas.def): as an OpenAPI 3.0 document and as docs/api.md. */
#ifndef ONEFOLD_SERVE_OPENAPI_H
#define ONEFOLD_SERVE_OPENAPI_H

#include "base/json_write.h"

void openapi_write_json(struct json_writer *w);
/* True when `name` is a schema of schemas.def. */
bool openapi_has_schema(const char *name);
/* Whether a route's response is named by what it is instead: text, table (CSV), stream. */
bool openapi_is_media(const char *name);

#endif
