/* normalise_inside: what the files of normalise share; not for others. */
#ifndef ONEFOLD_GOVERN_NORMALISE_INSIDE_H
#define ONEFOLD_GOVERN_NORMALISE_INSIDE_H

#include <assert.h>

#include "govern/normalise.h"

#define FIELD_BYTES 96 /* what a phone, number, gender or identity number may take, decoration included */

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

static inline struct slice skip(struct slice s, size_t size) {
    assert(size <= s.size);
    return (struct slice){s.data + size, s.size - size};
}

/* "`what` 'raw': `why`". */
static inline enum status refuse(struct fault *fault, const char *what, struct slice raw, const char *why) {
    char quote[TEXT_QUOTE_BYTES];
    return fault ? fault_set(fault, STATUS_INVALID, "%s '%s': %s", what, text_quote(raw, quote), why) : STATUS_INVALID;
}

#endif
