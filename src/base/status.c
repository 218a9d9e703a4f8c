/* status: the table of outcomes, expanded. */
#include "base/status.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct status_row {
    const char *name;
    const char *text;
    int http;
    bool retry;
};

static const struct status_row status_rows[STATUS_COUNT] = {
#define STATUS(name, text, http, retry) {#name, text, http, retry},
#include "base/status.def"
#undef STATUS
};

static const struct status_row *row_of(enum status status) {
    assert((unsigned)status < STATUS_COUNT);
    return &status_rows[status];
}

const char *status_name(enum status status) { return row_of(status)->name; }
const char *status_text(enum status status) { return row_of(status)->text; }
int status_http(enum status status) { return row_of(status)->http; }
bool status_retry(enum status status) { return row_of(status)->retry; }

enum status fault_set(struct fault *fault, enum status status, const char *format, ...) {
    assert(status != STATUS_OK);
    if (fault) {
        va_list arguments;
        fault->status = status;
        va_start(arguments, format);
        vsnprintf(fault->text, sizeof fault->text, format, arguments);
        va_end(arguments);
    }
    return status;
}
