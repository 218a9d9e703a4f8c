/* govern_aside: what the fold puts aside by itself, and asks of the quarantine when it replays. */
#include <assert.h>

#include "govern/govern_inside.h"

void govern_set_aside(struct govern *g, const struct log_record *raw, enum quarantine_reason reason, const char *text) {
    struct quarantine_entry entry = {.position = raw->position,
                                     .received_ms = raw->received_ms,
                                     .source = raw->source,
                                     .reason = (uint8_t)reason,
                                     .whole = true,
                                     .text = slice_text(text)};
    quarantine_add(&g->quarantine, &entry);
}

void govern_set_value_aside(struct govern *g, const struct log_record *raw, enum quarantine_reason reason,
                            struct slice field, const char *text) {
    struct quarantine_entry entry = {.position = raw->position,
                                     .received_ms = raw->received_ms,
                                     .source = raw->source,
                                     .reason = (uint8_t)reason,
                                     .field = field,
                                     .text = slice_text(text)};
    assert(raw->position == g->raw->position);
    g->refusal_count++; /* somebody has the record without it */
    quarantine_add(&g->quarantine, &entry);
}

void govern_note_holder(struct govern *g, uint32_t holder) {
    if (g->refusal_count && !g->out->quarantined)
        quarantine_hold(&g->quarantine, g->raw->position, holder);
}

void govern_move_holder(struct govern *g, uint64_t position, uint32_t holder) {
    if (g->quarantine.count) /* this thread alone adds */
        quarantine_hold(&g->quarantine, position, holder);
}

uint32_t govern_holder(struct govern *g, uint64_t position) { return quarantine_holder(&g->quarantine, position); }

bool govern_waits_whole(struct govern *g, uint64_t position) {
    unsigned whole, values;
    quarantine_waiting_at(&g->quarantine, position, &whole, &values);
    return whole > 0;
}

int quarantine_reason_find(struct slice name) {
    for (int reason = 0; reason < QUARANTINE_REASON_COUNT; reason++)
        if (slice_is(name, quarantine_reason_name((enum quarantine_reason)reason)))
            return reason;
    return -1;
}
