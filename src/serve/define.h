/* define: what calls that define something share. */
#ifndef ONEFOLD_SERVE_DEFINE_H
#define ONEFOLD_SERVE_DEFINE_H

#include "serve/call.h"

/* The body's object with "define": `what` as its last member (the last one wins), in the bench's text. False after failing the call. */
bool define_body(struct call *call, const char *what, struct slice *text);
/* The "name" member of the body, kept beyond the parser. */
struct slice define_name(struct call *call);
/* Definitions of an audience, each the text of an object with "define", in order: checked, what they ask of everybody prepared beside the fold, many
 * in one pass, appended and waited for. Where one builds on another before it a pass ends before it. *done: how many are in force. False after
 * failing the call: those before stay. Cost: a pass over everybody for some 16 of them, and some ms each. */
bool define_audience(struct call *call, const struct slice *texts, size_t count, size_t *done);
/* Puts in place of the answer so far that it is in force. */
void define_answer(struct call *call, const char *what, struct slice name);

#endif
