/* serve_fixture: a whole Onefold without its command line, for serve's tests and its bench: real parts in a folder of their own, a thread that
 * folds the log into them, a source "web" with a write key, a source "files", and an admin key. */
#ifndef ONEFOLD_SERVE_SERVE_FIXTURE_H
#define ONEFOLD_SERVE_SERVE_FIXTURE_H

#include "serve/serve.h"

#define FIXTURE_WRITE_KEY "ofw_testtesttesttesttesttesttesttest"
#define FIXTURE_ADMIN_KEY "ofa_testtesttesttesttesttesttesttest"

struct fixture;
/* `folder` is made; what is there is opened again (the log is folded from its start). Zero `options` are serve's defaults. Any failure
 * ends the process with a line: there is no test without it. */
struct fixture *fixture_open(const char *folder, const struct serve_options *options);
/* Stops and closes; the folder stays. */
void fixture_close(struct fixture *fixture);
uint16_t fixture_port(const struct fixture *fixture);
const struct serve_parts *fixture_parts(const struct fixture *fixture);
/* Lets the fold stand still, or go on. */
void fixture_pause(struct fixture *fixture, bool paused);
/* Waits until everything durable is folded. */
void fixture_settle(struct fixture *fixture);

#endif
