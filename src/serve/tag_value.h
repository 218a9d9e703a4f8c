/* tag_value: values that are set by hand: whether they are of the tag's type, and distributions in one form. */
#ifndef ONEFOLD_SERVE_TAG_VALUE_H
#define ONEFOLD_SERVE_TAG_VALUE_H

#include "audience/audience.h"
#include "base/json_read.h"
#include "base/json_write.h"

/* The form a tag's values have: "true or false", "a number", "a text", "a distribution: ...", if `value` has another; NULL where it is good.
 * null is always good: it takes the value away. */
const char *tag_value_wanted(const struct audience_entry *tag, const struct json_parser *p, const struct json *value);
/* A good value as it is stored: of a distribution always a list of {"value","count"}, as rules give it. */
void tag_value_write(const struct audience_entry *tag, const struct json_parser *p, const struct json *value,
                     struct json_writer *w);
/* Whether the tag's stored text is a distribution, to be shown as JSON: it may have come by an import, and be anything. */
bool tag_value_is_distribution(const struct audience_entry *tag, struct json_parser *p, struct slice text);

#endif
