/* fold_identity: see the header. */
#include "main/fold_identity.h"

#include <assert.h>
#include <stdlib.h>

#include "audience/audience.h"
#include "identity/named.h"

void fold_unite(struct engine *e, const struct resolution *r, uint64_t position) {
    for (size_t i = 0; i < r->merge_count; i++) {
        history_merge(e->history, r->merges[i].winner, r->merges[i].loser);
        audience_merged(e->audience, r->merges[i].winner, r->merges[i].loser, position);
    }
    /* all moves before the first is told of: what lies between two of them was never so */
    for (size_t i = 0; i < r->move_count; i++) {
        const struct move *m = &r->moves[i];
        uint64_t rows = history_move(e->history, m->from, m->to, m->arrivals, m->arrival_count);
        identity_rows_moved(e->identity, m->from, m->to, rows);
    }
    if (r->move_count)
        audience_split(e->audience, r->moves, r->move_count, position);
}

bool fold_decides(struct slice word) { return decision_word(word); }

enum status fold_decide(struct engine *e, struct json_parser *p, const struct json *command,
                        const struct log_record *raw, struct fault *fault) {
    struct arena arena = {0};
    struct decision decision;
    struct resolution *r = memory_get(1, sizeof *r);
    uint64_t number;
    enum status status = decision_read(e->identity, e->dictionary, p, command, json_get_text(p, command, "command"),
                                       &arena, &decision, fault);
    if (!status)
        status =
            identity_decide(e->identity, &decision, raw->position, raw->received_ms, raw->source, r, &number, fault);
    if (!status)
        fold_unite(e, r, raw->position);
    free(r);
    arena_release(&arena);
    return status;
}
