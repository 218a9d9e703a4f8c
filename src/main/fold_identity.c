/* fold_identity: see the header. */
#include "main/fold_identity.h"

#include <assert.h>
#include <stdlib.h>

#include "audience/audience.h"
#include "history/consent.h"
#include "identity/named.h"
#include "identity/rehearsal.h"

void fold_unite(struct engine *e, const struct resolution *r, uint64_t position) {
    for (size_t i = 0; i < r->merge_count; i++) {
        consent_merge(e->history, e->dictionary, r->merges[i].winner, r->merges[i].loser, position);
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

/* --- rules --- */

bool fold_rules(struct slice word) { return slice_is(word, "rules"); }

enum status fold_rules_apply(struct engine *e, struct json_parser *p, const struct json *command,
                             const struct log_record *raw, struct fault *fault) {
    const struct json *namespaces = json_get(p, command, "namespaces");
    enum status status = rehearsal_check(e->dictionary, p, namespaces, fault);
    for (const struct json *m = status ? NULL : json_first(p, namespaces); m && !status; m = json_next(p, m))
        status = dictionary_define(e->dictionary, p, m, fault);
    if (status)
        return status;
    audience_dictionary_changed(e->audience, raw->position);
    identity_sweep_begin(e->identity);
    return STATUS_OK;
}

struct sweeping {
    struct engine *engine;
    uint64_t position;
};

static void sweep_unite(void *context, const struct resolution *r) {
    const struct sweeping *s = context;
    fold_unite(s->engine, r, s->position);
}

void fold_sweep(struct engine *e, const struct log_record *raw) {
    struct sweeping s = {e, raw->position};
    if (identity_sweep_at(e->identity))
        identity_sweep(e->identity, raw->position, raw->received_ms, raw->source, sweep_unite, &s);
}

/* --- decisions --- */

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
