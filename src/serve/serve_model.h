/* serve_model: a whole Onefold in short, for the tests of serve: real parts in a folder of their own, a thread that folds the log into them
 * (a plain twin of what main does), a source "web" with a write key, a source "files", and an admin key. */
#ifndef ONEFOLD_SERVE_SERVE_MODEL_H
#define ONEFOLD_SERVE_SERVE_MODEL_H

#include "serve/serve.h"

#define MODEL_WRITE_KEY "ofw_testtesttesttesttesttesttesttest"
#define MODEL_ADMIN_KEY "ofa_testtesttesttesttesttesttesttest"

struct model;
/* `folder` is made; what is there is opened again (the log is folded from its start). Zero `options` are serve's defaults. Any failure
 * ends the process with a line: there is no test without it. */
struct model *model_open(const char *folder, const struct serve_options *options);
/* The same on another system than the real one. */
struct model *model_open_on(struct os *os, const char *folder, const struct serve_options *options);
/* Stops and closes; the folder stays. */
void model_close(struct model *model);
uint16_t model_port(const struct model *model);
const struct serve_parts *model_parts(const struct model *model);
/* Lets the fold stand still, or go on. */
void model_pause(struct model *model, bool paused);
/* Waits until everything durable is folded. */
void model_settle(struct model *model);

#endif
