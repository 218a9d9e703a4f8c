/* json_write: JSON out, straight into a buffer; commas and escapes are its business, nesting the caller's.
 *
 *     struct json_writer w = {.out = &buffer};
 *     json_object(&w); json_key(&w, "name"); json_text(&w, name); json_end_object(&w);
 */
#ifndef ONEFOLD_BASE_JSON_WRITE_H
#define ONEFOLD_BASE_JSON_WRITE_H

#include "base/memory.h"

struct json_writer {
    struct buffer *out;
    bool comma; /* the next value or key needs one before it */
};

void json_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key); /* `key` needs no escaping */
void json_key_slice(struct json_writer *w, struct slice key);
void json_text(struct json_writer *w, struct slice text); /* bytes that are no UTF-8 become U+FFFD */
void json_cstring(struct json_writer *w, const char *text);
void json_integer(struct json_writer *w, int64_t value);
void json_real(struct json_writer *w, double value); /* shortest that reads back the same; NaN and infinities: null */
void json_decimal(struct json_writer *w, int64_t value, unsigned scale); /* value / 10^scale, exactly, no trailing 0 */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct slice json); /* already JSON */
void json_time(struct json_writer *w, int64_t time_ms);  /* "2026-01-31T08:00:00.000Z" */

/* key and value in one call */
void json_member_text(struct json_writer *w, const char *key, struct slice text);
void json_member_cstring(struct json_writer *w, const char *key, const char *text);
void json_member_integer(struct json_writer *w, const char *key, int64_t value);
void json_member_real(struct json_writer *w, const char *key, double value);
void json_member_bool(struct json_writer *w, const char *key, bool value);
void json_member_time(struct json_writer *w, const char *key, int64_t time_ms);

#endif
