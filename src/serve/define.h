/* define: what calls that define something share. */
#ifndef ONEFOLD_SERVE_DEFINE_H
#define ONEFOLD_SERVE_DEFINE_H

#include "serve/call.h"

/* The body's object with "define": `what` as its last member (the last one wins), in the bench's text. False after failing the call. */
bool define_body(struct call *call, const char *what, struct slice *text);
/* The "name" member of the body, kept beyond the parser. */
struct slice define_name(struct call *call);
/* Puts in place of the answer so far that it is in force. */
void define_answer(struct call *call, const char *what, struct slice name);

#endif
