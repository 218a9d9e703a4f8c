/* json_text: a parsed value written as JSON again, compact, keys in their order. */
#ifndef ONEFOLD_GOVERN_JSON_TEXT_H
#define ONEFOLD_GOVERN_JSON_TEXT_H

#include "base/json_read.h"
#include "base/json_write.h"

void json_text_of(const struct json_parser *p, const struct json *value, struct json_writer *w);

#endif
