/* post: HTTP POST requests out, several at once on one thread. The only user of libcurl; nothing above it sees a handle of its.
 *
 * Only http and https; redirects are not followed; an answer's body is thrown away. Thread: one, but for post_wake. */
#ifndef ONEFOLD_DELIVER_POST_H
#define ONEFOLD_DELIVER_POST_H

#include "base/slice.h"
#include "base/status.h"

struct poster_options {
    unsigned connect_s; /* to resolve, connect and shake hands */
    unsigned request_s; /* for the whole of it */
};
struct poster;
struct poster *poster_create(const struct poster_options *options);
/* Gives up what is under way. NULL is fine. */
void poster_free(struct poster *poster);

/* Starts one. `headers`: lines, ended by a NULL; copied, as is `url`. `body` must stay until poster_done named `tag`. False where the
 * URL is none that can be asked; nothing is under way then. */
bool poster_send(struct poster *poster, void *tag, const char *url, const char *const *headers, struct slice body);

struct post_result {
    void *tag;
    int code; /* HTTP status code; 0: there was no answer */
    char error[160];
};
/* One that has ended; false where there is none. */
bool poster_done(struct poster *poster, struct post_result *result);
/* Works what is under way; returns when something ended or post_wake was called, at the latest after `timeout_ms`. */
void poster_wait(struct poster *poster, unsigned timeout_ms);
/* Thread: any. Cost: one system call. */
void poster_wake(struct poster *poster);

#endif
