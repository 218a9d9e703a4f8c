/* govern_party: other customers whom a record names, and records that are a relation.
 *
 * A party is never evidence: whatever a record says of somebody else joins nobody, or a mother who books with her phone would become one with
 * her child. So of the identifiers a party is named by one is used; which one depends on the record alone, not on what is known so far, and
 * the order of records does not matter.
 *
 * A relation is written at both ends, since each end's history must tell of it. Both rows are made here, as what a source says of a relation
 * (its share, its role) has other property numbers in the inverse type; who the ends are the fold fills in. */
#include <assert.h>

#include "govern/govern_inside.h"
#include "govern/govern_value.h"

/* --- naming --- */

static bool has_namespace(const struct party *party, uint16_t namespace_number) {
    for (size_t i = 0; i < party->claim_count; i++)
        if (party->claims[i].namespace_number == namespace_number)
            return true;
    return false;
}

static bool same_role(const struct party *party, const struct naming_place *place) {
    return party->relation == (place->relation ? place->relation->number : 0) && party->subject == place->subject;
}

static bool named_before(const struct govern *g, const struct naming_place *place, struct slice value) {
    for (size_t i = 0; i < g->out->party_count; i++)
        for (size_t k = 0; same_role(&g->out->parties[i], place) && k < g->out->parties[i].claim_count; k++)
            if (g->out->parties[i].claims[k].namespace_number == place->ns->number &&
                slice_equal(g->out->parties[i].claims[k].value, value))
                return true;
    return false;
}

/* Where the claim goes: a party of its role that is not named in its namespace yet, else a new one; NULL after refusing. */
static struct party *party_for(struct govern *g, const struct naming_place *place) {
    struct governed *out = g->out;
    bool one = place->subject || !place->relation, met = false;
    for (size_t i = 0; i < out->party_count; i++) {
        struct party *party = &out->parties[i];
        if (!same_role(party, place) && !(place->subject && party->subject))
            continue;
        met = true;
        if (same_role(party, place) && party->claim_count < PARTY_CLAIMS_MAX &&
            !has_namespace(party, place->ns->number))
            return party;
    }
    if (one && met) {
        govern_refuse(g, QUARANTINE_TOO_MANY_IDENTIFIERS, place->field,
                      place->subject ? SLICE("another subject; a record is about one customer")
                                     : SLICE("another customer; a relation has one at its other end"));
        return NULL;
    }
    if (out->party_count == PARTIES_MAX) {
        govern_refuse(g, QUARANTINE_TOO_MANY_IDENTIFIERS, place->field,
                      SLICE("a record names at most 16 other customers"));
        return NULL;
    }
    struct party *party = &out->parties[out->party_count++];
    party->claim_count = 0;
    party->field = arena_copy(&g->scratch, place->field);
    party->relation = place->relation ? place->relation->number : 0;
    party->subject = place->subject;
    party->stated = !place->relation;
    return party;
}

void govern_name_party(struct govern *g, const struct naming_place *place, struct slice raw) {
    struct slice canonical;
    if (!govern_identifier(g, place->ns, raw, place->field, &canonical))
        return;
    struct party *party = named_before(g, place, canonical) ? NULL : party_for(g, place);
    if (party == NULL)
        return;
    count_up(&g->count->identifiers);
    party->claims[party->claim_count++] = (struct claim){place->ns->number, canonical};
}

void govern_name_parties(struct govern *g, const struct naming_place *place, const struct json_parser *p,
                         const struct json *value) {
    if (value->kind != JSON_ARRAY) {
        govern_name_party(g, place, value_as_text(g, value));
        return;
    }
    for (const struct json *m = json_first(p, value); m; m = json_next(p, m))
        govern_name_party(g, place, value_as_text(g, m));
}

int govern_party_last(const struct govern *g, const struct type *relation) {
    for (size_t i = g->out->party_count; i-- > 0;)
        if (g->out->parties[i].relation == relation->number)
            return (int)i;
    return -1;
}

/* --- settling --- */

static bool own_claim(const struct governed *out, const struct claim *claim) {
    for (size_t i = 0; i < out->claim_count; i++)
        if (out->claims[i].namespace_number == claim->namespace_number &&
            slice_equal(out->claims[i].value, claim->value))
            return true;
    return false;
}

static void leave_out_own(const struct governed *out, struct party *party) {
    size_t kept = 0;
    for (size_t i = 0; i < party->claim_count; i++)
        if (!own_claim(out, &party->claims[i]))
            party->claims[kept++] = party->claims[i];
    party->claim_count = kept;
}

static void sort_by_strength(const struct dictionary *d, struct party *party) {
    for (size_t i = 1; i < party->claim_count; i++) {
        struct claim claim = party->claims[i];
        uint8_t priority = dictionary_namespace_at(d, claim.namespace_number)->priority;
        size_t at = i;
        for (; at && dictionary_namespace_at(d, party->claims[at - 1].namespace_number)->priority > priority; at--)
            party->claims[at] = party->claims[at - 1];
        party->claims[at] = claim;
    }
}

void govern_settle_parties(struct govern *g) {
    struct governed *out = g->out;
    for (size_t i = 0; i < out->party_count && !out->quarantined; i++) {
        struct party *party = &out->parties[i];
        leave_out_own(out, party);
        sort_by_strength(g->dictionary, party);
        if (party->claim_count == 0 && party->stated)
            govern_refuse_whole(g, QUARANTINE_BAD_IDENTIFIER, party->field,
                                "both ends of the relation are one customer");
        for (size_t k = 0; k < out->record_count && party->subject && party->claim_count; k++)
            if (out->records[k]->kind == TYPE_EVENT)
                out->owners[k] = (uint8_t)(1 + i);
    }
}

/* --- relations --- */

static bool end_is_possible(struct govern *g, int64_t at_ms, struct slice field) {
    if (at_ms - g->raw->received_ms <= EVENT_TIME_FUTURE_MAX_MS)
        return true;
    govern_refuse(g, QUARANTINE_FUTURE_TIME, field,
                  SLICE("an end that is still to come; the relation holds until it is said again"));
    return false;
}

void govern_read_end(struct govern *g, struct slice text, const char *format, struct slice field,
                     struct relation_end *out) {
    bool truth;
    *out = (struct relation_end){.at_ms = TIME_NONE};
    text = slice_trim(text);
    if (text.size == 0)
        return;
    if (!format && normalise_bool(text, &truth, NULL) == STATUS_OK) {
        out->said = true;
        out->ended = truth;
    } else if (normalise_time(text, g->zone, format, &out->at_ms, NULL) == STATUS_OK) {
        out->said = out->ended = end_is_possible(g, out->at_ms, field);
    } else {
        char quoted[TEXT_QUOTE_BYTES];
        struct buffer *said = &g->text;
        buffer_clear(said);
        buffer_print(said, "\"%s\" is neither true or false nor the time of its end", text_quote(text, quoted));
        govern_refuse(g, QUARANTINE_BAD_TIME, field, buffer_slice(said));
    }
}

/* One row: what else is said of it first, so that nothing a source calls "customer" or "ended" is taken for ours. */
static bool add_end(struct govern *g, struct slice type, int64_t time_ms, bool ended, bool mirror, bool ends,
                    void (*put)(void *context, struct place *place), void *context) {
    struct record_builder *builder = govern_begin(g, TYPE_RELATION, type);
    if (!builder)
        return false;
    size_t at = g->out->record_count;
    struct place place = {
        .g = g, .p = g->parser, .builder = builder, .type = g->types[at], .where = "", .quiet = mirror};
    builder->head.time_ms = time_ms;
    builder->head.flags |= ends ? RECORD_ENDS : 0;
    if (put)
        put(context, &place);
    record_set(builder, RELATION_CUSTOMER, VALUE_NUMBER, 0, 0);
    record_set(builder, RELATION_ENDED, VALUE_BOOL, ended, 0);
    govern_end(g);
    g->out->owners[at] = mirror;
    return true;
}

bool govern_add_relation(struct govern *g, struct slice type, const struct relation_end *end,
                         void (*put)(void *context, struct place *place), void *context) {
    struct governed *out = g->out;
    bool dated = end->ended && end->at_ms != TIME_NONE;
    int64_t began_ms = out->time_ms;
    if (dated && (end->at_ms < began_ms || (g->time_flags & RECORD_TIME_RECEIVED)))
        began_ms = end->at_ms; /* nothing says when it began: all there is to tell is its end */
    bool later = dated && end->at_ms > began_ms;
    if (out->party_count == 0) {
        govern_refuse_whole(g, QUARANTINE_NO_IDENTIFIER, SLICE_NONE,
                            "no identifier of the relation's other end that can be used");
        return false;
    }
    if (!add_end(g, type, began_ms, end->ended && !later, false, false, put, context))
        return false;
    out->parties[0].relation = g->types[0]->number;
    struct slice inverse = dictionary_type_at(g->dictionary, g->types[0]->inverse)->name;
    if (!add_end(g, inverse, began_ms, end->ended && !later, true, false, put, context))
        return false;
    return !later || (add_end(g, type, end->at_ms, true, false, true, NULL, NULL) &&
                      add_end(g, inverse, end->at_ms, true, true, true, NULL, NULL));
}
