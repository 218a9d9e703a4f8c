/* consent: see the header. */
#include "history/consent.h"

#include <assert.h>

#include "history/history_fold.h"

static const struct consent_name {
    struct slice name;
    bool beginning;
    enum consent_strict strict;
} names[] = {
#define NAME(name, beginning, strict) {{name, sizeof(name) - 1}, beginning, strict},
#include "history/consent_name.def"
#undef NAME
};

enum consent_strict consent_of(struct slice name) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct consent_name *n = &names[i];
        bool fits = n->beginning ? name.size > n->name.size : name.size == n->name.size;
        if (fits && memcmp(name.data, n->name.data, n->name.size) == 0)
            return n->strict;
    }
    return CONSENT_NONE;
}

/* Words of texts that mean no. */
static bool text_says_no(struct slice text) {
    static const char *const words[] = {"no", "false", "0", "denied", "refused", "withdrawn", "opted_out", "revoked"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_is(text, words[i]))
            return true;
    return false;
}

static bool says_yes(const struct attribute_now *a) {
    if (a->value->kind == VALUE_TEXT)
        return !text_says_no(record_text(a->record, a->value));
    return record_number(a->value) != 0;
}

/* --- what either side says --- */

struct said {
    struct attribute_now now;
    enum consent_strict strict;
};
struct side {
    const struct dictionary *dictionary;
    struct arena *arena;
    struct buffer said; /* struct said each */
};

static void note_said(void *context, const struct attribute_now *a) {
    struct side *s = context;
    const struct property *p =
        dictionary_property_at(dictionary_type_at(s->dictionary, DICTIONARY_CUSTOMER), a->property);
    struct said said = {*a, p ? consent_of(p->name) : CONSENT_NONE};
    if (said.strict == CONSENT_NONE || a->value->kind == VALUE_LIST || a->value->kind == VALUE_ITEMS)
        return;
    said.now.record = fold_keep(s->arena, a->record);
    said.now.value = record_find(said.now.record, a->property);
    buffer_add(&s->said, &said, sizeof said);
}

static void side_of(struct history *h, const struct dictionary *d, struct customer_id customer, struct arena *arena,
                    struct side *out) {
    *out = (struct side){.dictionary = d, .arena = arena};
    history_attributes(h, customer, arena, note_said, out);
}

static bool knows_any(const struct dictionary *d) {
    const struct type *type = dictionary_type_at(d, DICTIONARY_CUSTOMER);
    for (uint16_t n = 1; n <= type->property_count; n++)
        if (consent_of(dictionary_property_at(type, n)->name) != CONSENT_NONE)
            return true;
    return false;
}

/* --- the rows that keep it --- */

static struct fold_rank rank_of(const struct record_head *r) {
    return (struct fold_rank){r->priority, r->time_ms, r->position};
}

static bool is_strict(const struct said *s) { return says_yes(&s->now) == (s->strict == CONSENT_YES_IS_STRICT); }

static void keep_strict(struct history *h, struct customer_id winner, const struct said *strict,
                        const struct said *loose, uint64_t position) {
    const struct record_head *s = strict->now.record, *l = loose->now.record;
    struct record_builder b = {0};
    struct record_head head = *s;
    if (fold_outranks(rank_of(s), rank_of(l)))
        return;
    head.priority = s->priority < l->priority ? s->priority : l->priority;
    head.time_ms = s->time_ms > l->time_ms ? s->time_ms : l->time_ms;
    head.received_ms = s->received_ms > l->received_ms ? s->received_ms : l->received_ms;
    head.position = position;
    head.document = l->arrival;
    head.flags = RECORD_DERIVED;
    head.message_hash = 0;
    record_begin(&b, &head);
    fold_copy_value(&b, s, strict->now.value);
    history_append(h, winner, record_end(&b));
    record_builder_release(&b);
}

static void keep_strictest(struct history *h, struct customer_id winner, const struct side *a, const struct side *b,
                           uint64_t position) {
    const struct said *x = (const struct said *)(const void *)a->said.data,
                      *y = (const struct said *)(const void *)b->said.data;
    for (size_t i = 0; i < a->said.size / sizeof *x; i++)
        for (size_t k = 0; k < b->said.size / sizeof *y; k++)
            if (x[i].now.property == y[k].now.property && is_strict(&x[i]) != is_strict(&y[k]))
                keep_strict(h, winner, is_strict(&x[i]) ? &x[i] : &y[k], is_strict(&x[i]) ? &y[k] : &x[i], position);
}

void consent_merge(struct history *h, const struct dictionary *d, struct customer_id winner, struct customer_id loser,
                   uint64_t position) {
    struct arena arena = {0};
    struct side of_loser = {0}, of_winner = {0};
    if (knows_any(d))
        side_of(h, d, loser, &arena, &of_loser);
    if (of_loser.said.size)
        side_of(h, d, winner, &arena, &of_winner);
    history_merge(h, winner, loser);
    keep_strictest(h, winner, &of_winner, &of_loser, position);
    buffer_release(&of_loser.said);
    buffer_release(&of_winner.said);
    arena_release(&arena);
}
