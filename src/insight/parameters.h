/* parameters: definitions with places to be filled: "{{days}} days" in any text of it.
 *
 *     definition  {"steps": ["product_viewed", "order where total > {{least}}"], "last": "{{days}} days", "groups": "{{groups}}"}
 *     parameters  {"least": {"default": 100, "text": "orders above"}, "days": {"default": 30}, "groups": {}}
 *     values      {"least": 200, "groups": 5}
 *
 * A text that is nothing but one place becomes the value itself (a number, a list, ...); within a text the value is written as it is, a text without its
 * quotes. Inside a text literal of the language quote signs of the value are escaped, so that no value can end the literal. */
#ifndef ONEFOLD_INSIGHT_PARAMETERS_H
#define ONEFOLD_INSIGHT_PARAMETERS_H

#include "base/json_read.h"
#include "base/memory.h"
#include "base/status.h"

/* Writes the definition with its places filled. `parameters` and `values` may be NULL; all three are of `parser`.
 * Errors: INVALID: a place that is no parameter, a value for none, a parameter without value and default; each with the nearest name. */
enum status parameters_fill(const struct json_parser *parser, const struct json *definition,
                            const struct json *parameters, const struct json *values, struct buffer *out,
                            struct fault *fault) WARN_UNUSED;

#endif
