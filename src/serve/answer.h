/* answer: the shapes every answer of ours has. Errors: {"error":{"code":"NOT_FOUND","message":"..."}}. */
#ifndef ONEFOLD_SERVE_ANSWER_H
#define ONEFOLD_SERVE_ANSWER_H

#include "serve/http.h"

/* Replaces what was in the answer. */
void answer_error(struct http_answer *answer, int code, const char *name, const char *message);
/* From a status; the fault's text where it has one, the status's own otherwise. Outcomes worth retrying get Retry-After. */
void answer_fault(struct http_answer *answer, enum status status, const struct fault *fault);

#endif
