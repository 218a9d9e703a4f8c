/* answer: see answer.h. */
#include "serve/answer.h"

#include <assert.h>

#include "base/json_write.h"

void answer_error(struct http_answer *answer, int code, const char *name, const char *message) {
    struct json_writer w = {.out = &answer->body};
    assert(code >= 400);
    answer->code = code;
    answer->content_type = "application/json";
    answer->authenticate = code == 401;
    buffer_clear(&answer->body);
    json_object(&w);
    json_key(&w, "error");
    json_object(&w);
    json_member_cstring(&w, "code", name);
    json_member_cstring(&w, "message", message);
    json_end_object(&w);
    json_end_object(&w);
}

void answer_fault(struct http_answer *answer, enum status status, const struct fault *fault) {
    assert(status != STATUS_OK);
    int code = status == STATUS_DISK_FULL ? 503 : status_http(status);
    answer_error(answer, code >= 400 ? code : 500, status_name(status),
                 fault && fault->text[0] ? fault->text : status_text(status));
    if (status_retry(status))
        answer->retry_after_s = status == STATUS_DISK_FULL ? 30 : 1;
}
