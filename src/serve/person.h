/* person: the customer that a call names, by oneid or by an identifier. */
#ifndef ONEFOLD_SERVE_PERSON_H
#define ONEFOLD_SERVE_PERSON_H

#include "serve/call.h"
#include "serve/show.h"

struct person {
    struct customer_id customer;
    struct customer_id asked; /* the one that was named, where that was merged into `customer`; 0 otherwise */
    bool by_oneid;
};

/* `id`: a oneid, or namespace:value. */
enum status person_find(struct call *call, struct slice id, struct person *person, struct fault *fault) WARN_UNUSED;
/* The person of the path's first piece; false after failing the call. */
bool person_of_call(struct call *call, struct person *person);
/* Finds the person's rows. Who was merged away since the person was found may have none any more; then they are those
 * of the one he became. Between history_enter and _leave. */
void person_rows(struct call *call, struct person *person, int type, struct history_rows *rows);
struct show person_show(struct call *call);
/* Opens the answer's object with who it is about. */
void person_open(struct show *show, const struct person *person);

#endif
