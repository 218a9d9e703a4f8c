/* clerk: the few threads that work calls which wait or walk far, so that server threads never do.
 *
 * A bounded queue; full means BUSY (503). Calls are worked in order of arrival, CLERKS at a time. */
#ifndef ONEFOLD_SERVE_CLERK_H
#define ONEFOLD_SERVE_CLERK_H

#include "serve/http.h"

#define CLERKS 3
#define CLERK_QUEUE_MAX 256

struct serve;
struct clerk;
struct clerk *clerk_create(struct serve *serve);
/* Takes nothing more, works what is queued, and ends its threads. */
void clerk_close(struct clerk *clerk);
/* After clerk_close. NULL is fine. */
void clerk_free(struct clerk *clerk);
/* Sets the request aside and queues it; it is resumed when worked. False (nothing done) when the queue is full. */
bool clerk_take(struct clerk *clerk, struct http_request *request);
uint64_t clerk_waiting(struct clerk *clerk);

#endif
