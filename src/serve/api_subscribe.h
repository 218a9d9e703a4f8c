/* api_subscribe: what serve.c starts and stops of streams and webhooks. */
#ifndef ONEFOLD_SERVE_API_SUBSCRIBE_H
#define ONEFOLD_SERVE_API_SUBSCRIBE_H

#include "base/status.h"

struct serve;
/* Streams and webhooks, where there is an audience. */
enum status subscribe_start(struct serve *serve, struct fault *fault) WARN_UNUSED;
/* Ends streams: before the HTTP server stops. */
void subscribe_close(struct serve *serve);
/* Ends webhooks and frees: after it. What was never started is fine. */
void subscribe_free(struct serve *serve);

#endif
