/* expression: what calls about the language share: an expression out of a body, columns of values for many customers, how all of it is shown.
 *
 * An expression in a body is text, or the JSON tree of the visual builder (language/tree.h). */
#ifndef ONEFOLD_SERVE_EXPRESSION_H
#define ONEFOLD_SERVE_EXPRESSION_H

#include "audience/audience.h"
#include "serve/call.h"

/* The audience and the definitions in force; NULL after failing the call, where the server has none. Release it. */
struct audience_snapshot *expression_snapshot(struct call *call);

/* Reads and checks `json` (may be NULL: missing), without failing the call. *place: byte where it is wrong, UINT32_MAX: none. */
enum status expression_read(struct call *call, const struct audience_snapshot *snapshot, const struct json *json,
                            enum term_type expected, struct node **root, struct fault *fault,
                            uint32_t *place) WARN_UNUSED;
/* The same for the member `key` of the body; NULL after failing the call. */
struct node *expression_member(struct call *call, const struct audience_snapshot *snapshot, const struct json *body,
                               const char *key, enum term_type expected);
/* A checked use of a definition: in segment "name", tag("name"), metric("name"); NULL where it cannot be. In the call's arena. */
struct node *expression_of_name(struct call *call, const struct audience_snapshot *snapshot, enum definition_kind kind,
                                struct slice name);
/* "expression", "formatted" (over several lines), "tree", "type", "names": members of the object that is open. */
void expression_write(struct call *call, const struct node *root);
void expression_write_value(const struct term_value *value, struct json_writer *w);

/* --- columns: values of a few expressions for many customers --- */

#define COLUMNS_MAX 50
struct columns {
    struct plan *plan; /* NULL: no columns */
    struct evaluator *evaluator;
    struct slice names[COLUMNS_MAX]; /* as they were asked for, in the caller's arena */
    size_t count;
    int64_t now_ms;
};
/* Of JSON texts or trees in an array (NULL: none), or of a text with commas between ("city,metric(\"x\")"). False after failing the
 * call. `snapshot` and the arena of the call must outlive them. */
bool columns_of_json(struct call *call, const struct audience_snapshot *snapshot, const struct json *list,
                     struct columns *columns);
bool columns_of_text(struct call *call, const struct audience_snapshot *snapshot, struct slice text,
                     struct arena *arena, struct columns *columns);
void columns_release(struct columns *columns);
/* Takes a customer in hand; then the value of column i. Between history_enter and _leave. */
void columns_customer(struct columns *columns, struct customer_id customer);
struct term_value columns_value(struct columns *columns, size_t i);
/* {"city":"上海",...} of the customer in hand; missing ones are null. */
void columns_write(struct columns *columns, struct json_writer *w);

/* One customer of a list: {"oneid","identifiers":[...],"values":{...}}; without columns "attributes". */
void expression_write_customer(struct call *call, struct columns *columns, struct customer_id customer);

#endif
