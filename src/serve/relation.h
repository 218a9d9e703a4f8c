/* relation: a customer's relations to others as they stand, out of the rows at this end (docs/relations.md); and what happened to others that
 * stands in this customer's history, as it was their contact.
 *
 * A relation is a type and the customer at the other end as it is now, by however many identifiers that one was named. It is over when it is
 * over by each of them, which is how the language counts it; each of its properties is the newest row's that has it. Rows that lead to the
 * customer itself, since the two were merged, are no relation. Between history_enter and _leave. */
#ifndef ONEFOLD_SERVE_RELATION_H
#define ONEFOLD_SERVE_RELATION_H

#include "serve/person.h"

struct relation {
    const struct type *type;
    struct customer_id other;
    struct identifier_id through;           /* the identifier the other was named by last */
    int64_t since_ms, updated_ms, ended_ms; /* ended_ms: where it is over */
    uint32_t updates;                       /* rows */
    uint16_t source;                        /* of the newest */
    bool ended;
    uint32_t first_row; /* the newest; older ones follow in relations.next */
};
struct relations {
    struct relation *all; /* the latest updated first; in the call's arena */
    size_t count;
    const struct history_rows *rows;
    uint32_t *next; /* of a row: the next older of its relation, UINT32_MAX: none */
};
/* Which are wanted. */
struct relations_wish {
    const struct type *type; /* or NULL: of every type */
    bool both;               /* the type's inverse too */
    bool current, ended;     /* those that hold, those that are over */
};
/* Who stands at the other end of a relation's row now. */
struct customer_id relation_other(const struct call *call, const struct record_head *row);
/* `rows`: of all types, of `customer`. Cost: its relation rows are decoded. */
void relations_find(struct call *call, struct customer_id customer, const struct history_rows *rows,
                    const struct relations_wish *wish, struct relations *out);
/* One as JSON, with the other end's name and key attributes. Cost: the other's attributes. */
void relation_show(struct show *show, struct call *call, const struct relations *relations,
                   const struct relation *relation);

/* Rows `from` .. at most `limit` as a timeline: what the customer was a contact of stands there as what happened, with whose it is; what
 * others were a contact of, with them (the rows that say so are not shown by themselves, and do not count). Returns the row after the last.
 * Cost: a look at each such other's rows. */
size_t relation_show_rows(struct show *show, struct call *call, const struct history_rows *rows, size_t from,
                          size_t limit);

#endif
