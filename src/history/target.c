/* target: see the header. */
#include "history/target.h"

static void pass_over(void *context, const struct decision_note *note) {
    (void)context;
    (void)note;
}

/* By a decision, or by evidence that took a customer apart. */
bool targets_by_identifier(const struct identity *identity) {
    struct identity_counters counters;
    if (identity_decisions(identity, 0, 0, pass_over, NULL) > 0)
        return true;
    identity_counters_read(identity, &counters);
    return counters.splits > 0;
}

struct customer_id target_now(const struct identity *identity, struct identifier_id identifier,
                              struct customer_id written) {
    struct customer_id holder = {0};
    if (identifier.number && targets_by_identifier(identity))
        holder = identity_customer(identity, identifier);
    if (holder.number && !identity_is_shared(identity, holder))
        return holder;
    holder = written.number ? identity_redirect(identity, written) : written;
    return holder.number ? holder : written;
}
