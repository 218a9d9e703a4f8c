/* decision: see the header. */
#include "identity/decision.h"

#include "identity/identity_store.h"

#include <stdlib.h>

enum status identity_decide(struct identity *identity, const struct decision *decision, uint64_t position,
                            int64_t received_ms, uint16_t source, struct resolution *out, uint64_t *number,
                            struct fault *fault) {
    (void)identity, (void)decision, (void)position, (void)received_ms, (void)source;
    out->merge_count = out->move_count = 0;
    *number = 0;
    return fault_set(fault, STATUS_UNSUPPORTED, "decisions are not taken yet");
}

enum status identity_preview(const struct identity *identity, const struct decision *decision, struct resolution *out,
                             struct fault *fault) {
    (void)identity, (void)decision;
    *out = (struct resolution){0};
    return fault_set(fault, STATUS_UNSUPPORTED, "decisions are not taken yet");
}

void resolution_release(struct resolution *out) {
    free(out->moves);
    *out = (struct resolution){0};
}

void identity_rows_moved(struct identity *identity, struct customer_id from, struct customer_id to, uint64_t rows) {
    struct customer *of = customer_at(identity, from.number), *into = customer_at(identity, to.number);
    uint32_t count = rows > of->row_count ? of->row_count : (uint32_t)rows;
    of->row_count -= count;
    into->row_count = UINT32_MAX - into->row_count < count ? UINT32_MAX : into->row_count + count;
}

uint64_t identity_decisions(const struct identity *identity, uint64_t from, size_t limit,
                            void (*each)(void *context, const struct decision_note *note), void *context) {
    (void)identity, (void)from, (void)limit, (void)each, (void)context;
    return 0;
}

void identity_decision_identifiers(const struct identity *identity, uint64_t number,
                                   void (*each)(void *context, struct identifier_id identifier, unsigned part),
                                   void *context) {
    (void)identity, (void)number, (void)each, (void)context;
}
