/* status: the one table of outcomes, and the error that goes to a person.
 *
 * A function that can fail for a reason outside our control returns `enum status`; zero is good. The place where a
 * fault starts fills a `struct fault` with what, where and what would be right; callers pass it on untouched. */
#ifndef ONEFOLD_BASE_STATUS_H
#define ONEFOLD_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum status {
#define STATUS(name, text, http, retry) STATUS_##name,
#include "base/status.def"
#undef STATUS
    STATUS_COUNT
};

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index) __attribute__((format(printf, format_index, first_index)))

/* An explanation for a person: one sentence, filled where the fault starts. Caller's memory; starts zeroed. */
struct fault {
    enum status status;
    char text[512];
};

/* Short name such as "NOT_FOUND". Static text. Thread: any. */
const char *status_name(enum status status);
/* Sentence such as "nothing is known under this name". Static text. Thread: any. */
const char *status_text(enum status status);
/* HTTP status code for it. */
int status_http(enum status status);
/* True when the same call may succeed later. */
bool status_retry(enum status status);

/* Fills `fault` (which may be NULL) with a formatted sentence and returns `status`, so that a function can end with
 * `return fault_set(fault, STATUS_INVALID, "line %zu: ...", line);`. Text past 511 bytes is cut. */
enum status fault_set(struct fault *fault, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
