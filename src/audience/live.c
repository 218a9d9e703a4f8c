/* live: answers followed: what a record, a merge, the clock or a whole pass changes. See the header.
 *
 * Entries depend on the log alone. Each is made when an answer differs from the stored bit, and answers are functions of the
 * history and of the moment; the moments are those of records and those until which an answer was said to hold, which may
 * be too early (then nothing differs) and never too late. Which way an answer was reached (one customer, a whole span, an
 * empty history) does not show: within a moment entries come by customer, then by segment. */
#include "audience/live.h"
#include "history/target.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/* How entries of one evaluation are told. */
struct telling {
    enum feed_cause cause;
    bool known; /* what was before can be evaluated again: at `then_ms` without rows from `before` on */
    int64_t then_ms;
    uint64_t before;
    bool events;            /* nothing but events that add rows made the difference between then and now */
    const uint64_t *turned; /* [words]: roots whose answer is known to be another; NULL: none */
};

static void count(_Atomic uint64_t *counter, uint64_t more) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

void live_release(struct live *l) {
    arena_release(&l->arena);
    record_builder_release(&l->builder);
    free(l->ends);
}

void live_entry(struct live *l, enum feed_kind kind, enum feed_cause cause, struct customer_id customer,
                uint32_t subject, uint64_t clauses_before, uint64_t clauses_after) {
    struct feed_entry entry = {.position = l->position,
                               .at_ms = l->now_ms,
                               .order = l->order++,
                               .customer = customer.number,
                               .subject = subject,
                               .kind = (uint8_t)kind,
                               .cause = (uint8_t)cause,
                               .clauses_before = clauses_before,
                               .clauses_after = clauses_after};
    feed_add(l->feed, &entry);
    count(&l->counters.changes, kind == FEED_ENTERED || kind == FEED_LEFT);
}

static enum feed_kind kind_of(bool in) { return in ? FEED_ENTERED : FEED_LEFT; }

bool live_in_population(const struct live *l, struct customer_id customer) {
    uint64_t bits;
    identity_population(l->identity, customer.number & ~UINT32_C(63), 1, &bits);
    return bits >> customer.number % 64 & 1;
}

/* The first set bit at or behind `from`, below `end`; `end` where there is none. */
static uint32_t next_bit(const uint64_t *bits, uint32_t from, uint32_t end) {
    while (from < end) {
        uint64_t left = bits[from / 64] >> from % 64;
        if (left) {
            from += (uint32_t)__builtin_ctzll(left);
            return from < end ? from : end;
        }
        from = (from / 64 + 1) * 64;
    }
    return end;
}

static enum feed_cause cause_for(const struct live_root *root, enum feed_cause cause) {
    return root->upload && cause == FEED_RECORD ? FEED_UPLOAD : cause;
}

/* --- one customer --- */

/* Clauses of a root whose answer was or is `in`. What that alone does not tell is evaluated; `at_hand`: e has the customer in hand,
 * else it takes it, as of `then_ms` and without rows from `before` on. */
static uint64_t clauses_of(struct evaluator *e, const struct live_root *root, bool in, bool *at_hand,
                           struct customer_id customer, int64_t then_ms, uint64_t before) {
    uint64_t clauses;
    if (evaluate_clauses_told(e, root->index, in, &clauses))
        return clauses;
    if (!*at_hand)
        evaluator_customer(e, customer, then_ms, before);
    *at_hand = true;
    return evaluate_clauses(e, root->index);
}

/* A group's evaluators and what they have in hand. */
struct hands {
    struct evaluator *now, *then;
    bool now_taken, then_taken;
};

/* Clauses before and after, of a root that changed. Where only one of them can have changed, the answers tell both. */
static void changed_clauses(struct live *l, const struct live_root *root, struct hands *h, bool in,
                            struct customer_id customer, const struct telling *telling, uint64_t *before,
                            uint64_t *after) {
    bool one = telling->known && telling->events && root->event_clauses &&
               (root->event_clauses & (root->event_clauses - 1)) == 0;
    if (one && evaluate_clauses_told(h->now, root->index, in, after)) {
        *before = *after ^ root->event_clauses;
        return;
    }
    if (one && evaluate_clauses_told(h->now, root->index, !in, before)) {
        *after = *before ^ root->event_clauses;
        return;
    }
    *before = telling->known
                  ? clauses_of(h->then, root, !in, &h->then_taken, customer, telling->then_ms, telling->before)
                  : 0;
    *after = clauses_of(h->now, root, in, &h->now_taken, customer, l->now_ms, UINT64_MAX);
}

/* Entries of the group's roots that changed, with the clauses that were and are true. */
static void tell_changes(struct live *l, struct planned *p, struct hands *h, struct customer_id customer,
                         const uint32_t *changed, uint32_t changed_count, const struct telling *telling) {
    h->then_taken = false;
    for (uint32_t i = 0; i < changed_count; i++) {
        const struct live_root *root = &p->roots[changed[i]];
        bool in = members_has(l->members, root->number, customer);
        uint64_t before, after;
        changed_clauses(l, root, h, in, customer, telling, &before, &after);
        live_entry(l, kind_of(in), cause_for(root, telling->cause), customer, root->number, before, after);
    }
}

static bool keeps_slack(const struct live *l, const struct live_root *root) {
    return root->slot != SLACK_SLOT_NONE && !slack_is_void(l->slack, root->slot);
}

_Static_assert(HOLD_VALUES_MAX == SLACK_VALUES, "values that are counted are kept");

/* Keeps the values that the root has counted of the customer in `e`'s hand, or at this place of the span in hand. False where they have no room. */
static bool note_values(struct live *l, const struct live_root *root, struct evaluator *e, uint32_t place_in_hand,
                        const struct slack_place *place) {
    uint16_t prints[HOLD_VALUES_MAX];
    if (!root->values.property)
        return true;
    uint32_t count = evaluate_values_counted(e, root->index, place_in_hand, prints);
    return count != UINT32_MAX && slack_add_values(l->slack, place, prints, count);
}

static void note_slack(struct live *l, const struct live_root *root, struct evaluator *e, uint32_t place_in_hand,
                       const struct slack_place *place, const struct hold *hold) {
    if (!place->bytes || !keeps_slack(l, root))
        return;
    uint8_t byte = slack_byte(hold->slack, hold->turns_ms > 0, hold->documents, hold->keeps);
    if (byte & SLACK_TURNS && !note_values(l, root, e, place_in_hand, place))
        byte &= (uint8_t)~SLACK_TURNS;
    place->bytes[root->slot] = byte;
    if (byte & SLACK_TURNS && hold->turns_ms < *place->sure_ms)
        *place->sure_ms = hold->turns_ms;
}

/* The root's answer, in *in; returns the moment until which it holds. */
static int64_t answer_of(struct live *l, const struct live_root *root, uint32_t r, struct hands *h,
                         struct customer_id customer, const struct slack_place *place, const struct telling *telling,
                         bool *in) {
    if (telling->turned && bit_get(telling->turned, r)) {
        *in = !members_has(l->members, root->number, customer);
        count(&l->counters.turned, 1);
        return *place->sure_ms;
    }
    if (!h->now_taken)
        evaluator_customer(h->now, customer, l->now_ms, UINT64_MAX);
    h->now_taken = true;
    struct hold hold = evaluate_hold(h->now, root->index, in);
    assert(hold.until_ms > l->now_ms && (root->timed || root->stored || hold.until_ms == TIMER_NEVER));
    note_slack(l, root, h->now, 0, place, &hold);
    count(&l->counters.evaluations, 1);
    return hold.until_ms;
}

/* The group's roots in `which` for one customer; returns the moment until which all of them hold. */
static int64_t evaluate_group(struct live *l, struct planned *p, struct group *g, struct customer_id customer,
                              const uint64_t *which, const struct slack_place *place, const struct telling *telling) {
    uint32_t end = g->first + g->count, first = next_bit(which, g->first, end), changed[64], changed_count = 0;
    struct hands hands = {g->now, g->then, false, false};
    int64_t due = TIMER_NEVER;
    for (uint32_t i = first; i < end; i = next_bit(which, i + 1, end))
        members_prefetch(l->members, p->roots[i].number, customer);
    for (uint32_t i = first; i < end; i = next_bit(which, i + 1, end)) {
        const struct live_root *root = &p->roots[i];
        bool in;
        int64_t until = answer_of(l, root, i, &hands, customer, place, telling, &in);
        if (root->timed && until < due)
            due = until;
        if (members_put(l->members, root->number, customer, in))
            changed[changed_count++] = i;
        if (changed_count == 64) {
            tell_changes(l, p, &hands, customer, changed, changed_count, telling);
            changed_count = 0;
        }
    }
    if (changed_count)
        tell_changes(l, p, &hands, customer, changed, changed_count, telling);
    return due;
}

/* The roots in `which` for one customer. `due_ms`: until when the others hold. */
static void evaluate_one(struct live *l, struct planned *p, struct customer_id customer, const uint64_t *which,
                         int64_t due_ms, const struct telling *telling) {
    struct slack_place place = slack_of(l->slack, customer);
    slack_expire(l->slack, &place, l->now_ms);
    for (uint32_t i = 0; i < p->group_count; i++) {
        int64_t until = evaluate_group(l, p, &p->groups[i], customer, which, &place, telling);
        due_ms = until < due_ms ? until : due_ms;
    }
    if (p->timed_count)
        timers_set(l->timers, customer, due_ms);
}

/* --- customers without any record --- */

/* What every root says of one who has no rows: the customer in hand, seen as before the log's first record. */
static void know_empty(struct live *l, struct planned *p, struct customer_id customer) {
    if (p->empty_known && l->now_ms < p->empty_until_ms)
        return;
    p->empty_until_ms = p->empty_sure_ms = TIMER_NEVER;
    for (uint32_t w = 0; w < p->words; w++)
        p->empty[w] = 0;
    for (uint32_t i = 0; i < p->group_count; i++) {
        struct group *g = &p->groups[i];
        evaluator_customer(g->then, customer, l->now_ms, 1);
        for (uint32_t r = g->first; r < g->first + g->count; r++) {
            bool in;
            struct hold hold = evaluate_hold(g->then, p->roots[r].index, &in);
            if (p->roots[r].timed && hold.until_ms < p->empty_until_ms)
                p->empty_until_ms = hold.until_ms;
            p->empty_slack[r] = slack_byte(hold.slack, hold.turns_ms > 0, hold.documents, hold.keeps);
            if (hold.turns_ms > 0 && hold.turns_ms < p->empty_sure_ms)
                p->empty_sure_ms = hold.turns_ms;
            if (in) {
                bit_set(p->empty, r);
                p->empty_clauses[r] = evaluate_clauses(g->then, p->roots[r].index);
            }
        }
    }
    p->empty_known = true;
}

static void empty_slack(struct live *l, struct planned *p, struct customer_id customer) {
    struct slack_place place = slack_of(l->slack, customer);
    if (!place.bytes)
        return;
    *place.sure_ms = p->empty_sure_ms;
    for (uint32_t r = 0; r < p->root_count; r++)
        if (keeps_slack(l, &p->roots[r]))
            place.bytes[p->roots[r].slot] = p->empty_slack[r];
}

/* A customer the record in hand made: what the record does not touch says what it says of nobody's history. */
static void enter_new(struct live *l, struct planned *p, struct customer_id customer, const uint64_t *touched) {
    know_empty(l, p, customer);
    empty_slack(l, p, customer);
    evaluate_one(l, p, customer, touched, p->empty_until_ms, &(struct telling){.cause = FEED_RECORD});
    for (uint32_t r = next_bit(p->empty, 0, p->root_count); r < p->root_count;
         r = next_bit(p->empty, r + 1, p->root_count))
        if (!bit_get(touched, r) && members_put(l->members, p->roots[r].number, customer, true))
            live_entry(l, FEED_ENTERED, FEED_RECORD, customer, p->roots[r].number, 0, p->empty_clauses[r]);
}

/* --- who is a customer --- */

static void leave_all(struct live *l, struct planned *p, struct customer_id customer, enum feed_cause cause) {
    const struct audience_snapshot *s = p->snapshot;
    for (uint32_t n = 1; n < s->number_count; n++)
        if (s->by_number[n]->sort == SORT_SEGMENT && members_put(l->members, n, customer, false))
            live_entry(l, FEED_LEFT, cause, customer, n, 0, 0);
    members_put(l->members, MEMBERS_POPULATION, customer, false);
    timers_set(l->timers, customer, TIMER_NEVER);
    slack_forget(l->slack, customer);
}

/* --- records --- */

static void touch(uint64_t *touched, const struct root_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        bit_set(touched, list->roots[i]);
}

static inline void bit_drop(uint64_t *bits, uint32_t i) { bits[i / 64] &= ~(UINT64_C(1) << i % 64); }

/* An event that adds a row, and not one that is still to come: what slack speaks of. */
static bool adds_event(const struct live *l, const struct record_head *record) {
    return record->kind == TYPE_EVENT && !(record->flags & RECORD_REPLACES) && record->time_ms <= l->now_ms;
}

/* The record in hand beside what is known of its customer. */
struct touching {
    const struct record_head *record;
    const struct slack_place *place;
    uint8_t *slack; /* by slot; NULL: not known */
    bool document;
    bool event; /* one that uses slack up */
    bool sure;  /* and counts where it matters, at a moment for which what turns is known */
};

/* Whether the root's sum holds against the amount of a document. */
static bool takes_amount(const struct live *l, const struct live_root *root, const struct touching *t,
                         const struct record_head *record) {
    if (!t->document || !t->slack || !(root->amount.part > 0) || !keeps_slack(l, root))
        return false;
    uint32_t parts = amount_parts(&root->amount, record);
    return parts != SLACK_ANY && slack_take_parts(&t->slack[root->slot], parts);
}

/* Whether the root holds against it whatever is in it. After a document what turns it is not known any more: it may change another operand
 * than the one that keeps the answer as it is. */
static bool holds_anyway(const struct live *l, const struct live_root *root, const struct touching *t) {
    if (!t->slack || !keeps_slack(l, root))
        return false;
    uint8_t *byte = &t->slack[root->slot];
    if (t->document)
        *byte = slack_document(*byte);
    return (t->event && slack_events(*byte) == SLACK_ANY_EVENTS) || (t->document && *byte & SLACK_DOCUMENTS);
}

/* What the event has of the properties whose values are counted. */
static void look_at_values(const struct touching *t, struct typed_roots *typed) {
    for (uint32_t i = 0; i < typed->value_count; i++) {
        struct typed_values *values = &typed->values[i];
        const struct record_value *v = record_find(t->record, values->property);
        bool is_text = v && v->kind == VALUE_TEXT && v->count > 0;
        values->print = is_text ? hold_value_print(values->property, record_text(t->record, v)) : 0;
        values->another = is_text && !slack_has_value(t->place, values->print);
    }
}

static bool brings_another(const struct planned *p, const struct touching *t, uint16_t property) {
    const struct typed_roots *typed = &p->by_type[t->record->type];
    for (uint32_t i = 0; i < typed->value_count; i++)
        if (typed->values[i].property == property)
            return typed->values[i].another;
    return false;
}

static void touch_root(struct live *l, struct planned *p, uint32_t r, const struct touching *t,
                       enum event_relevance relevance) {
    const struct live_root *root = &p->roots[r];
    enum slack_says says = SLACK_UNKNOWN;
    bool sure =
        t->sure && relevance == EVENT_COUNTS && (!root->values.property || brings_another(p, t, root->values.property));
    if (t->event && t->slack && keeps_slack(l, root))
        says = slack_take(&t->slack[root->slot], sure);
    if (says == SLACK_HOLDS)
        return;
    if (says == SLACK_UNKNOWN) /* whatever another record of the message has turned */
        bit_drop(p->turned, r);
    else if (!bit_get(p->touched, r))
        bit_set(p->turned, r);
    bit_set(p->touched, r);
}

/* Of `list`, whose roots read the record's type, the ones it can matter to, but those that hold against it. */
static void touch_asked(struct live *l, struct planned *p, const struct record_head *record, const struct touching *t,
                        const uint32_t *roots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct live_root *root = &p->roots[roots[i]];
        if (holds_anyway(l, root, t))
            continue;
        enum event_relevance relevance = relevance_of(root->relevance, record);
        if (relevance != EVENT_NOTHING && !takes_amount(l, root, t, record))
            touch_root(l, p, roots[i], t, relevance);
    }
}

struct asking {
    struct live *live;
    struct planned *planned;
    const struct record_head *record;
    const struct touching *touching;
};

static void touch_found(void *context, const uint32_t *roots, uint32_t count) {
    const struct asking *a = context;
    touch_asked(a->live, a->planned, a->record, a->touching, roots, count);
}

/* Roots of a word of slots, by the bytes of `left`: to which an event counts, or whose documents have one more. */
static void touch_slots(struct live *l, struct planned *p, const struct record_head *record, const struct touching *t,
                        uint32_t word, uint64_t left) {
    for (; left; left &= left - 1) {
        uint32_t r = p->by_slot[word * 8 + (uint32_t)__builtin_ctzll(left) / 8];
        if (t->event)
            touch_root(l, p, r, t, EVENT_COUNTS);
        else if (relevance_of(p->roots[r].relevance, record) != EVENT_NOTHING &&
                 !takes_amount(l, &p->roots[r], t, record))
            touch_root(l, p, r, t, EVENT_MAY_MATTER);
    }
}

static void note_found(void *context, const uint32_t *roots, uint32_t count) {
    struct planned *p = context;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = p->roots[roots[i]].slot;
        p->found[slot / 8] |= (uint64_t)SLACK_TURNS << slot % 8 * 8;
    }
}

/* A document, of whose type all roots have slots. */
static void touch_by_document(struct live *l, struct planned *p, const struct record_head *record,
                              const struct touching *t, const struct typed_roots *typed) {
    bool by_keys = typed->keyed && record->flags & RECORD_NEW_DOCUMENT;
    for (uint32_t w = 0; by_keys && w < p->slot_words; w++)
        p->found[w] = 0;
    if (by_keys)
        root_keys_find(typed->keys, record, note_found, p);
    for (uint32_t w = 0; typed->reading && w < p->slot_words; w++) {
        if (!typed->reading[w])
            continue;
        uint64_t left = slack_document_word(t->slack + 8 * (size_t)w, typed->reading[w]);
        touch_slots(l, p, record, t, w, by_keys ? left & ~(typed->keyed[w] & ~p->found[w]) : left);
    }
}

/* Roots to which the event counts, by words of slots (NULL: none). */
static void touch_counted(struct live *l, struct planned *p, const struct touching *t, const uint64_t *counted,
                          bool sure) {
    for (uint32_t w = 0; counted && w < p->slot_words; w++)
        if (counted[w])
            touch_slots(l, p, t->record, t, w, slack_take_word(t->slack + 8 * (size_t)w, counted[w], sure));
}

/* The values that the event brought are counted from now on. */
static void add_values(struct live *l, const struct touching *t, const struct typed_roots *typed) {
    for (uint32_t i = 0; i < typed->value_count && t->place->values; i++)
        if (typed->values[i].another)
            slack_add_values(l->slack, t->place, &typed->values[i].print, 1);
}

/* The same of all that read the type. Where slack is known of all of them at once: most hold, and cost a look at an eighth of a word. */
static void touch_by_type(struct live *l, struct planned *p, const struct record_head *record,
                          const struct touching *t) {
    const struct typed_roots *typed = &p->by_type[record->type];
    if (!t->slack || !typed->slotted || slack_any_void(l->slack) || (!t->event && !t->document)) {
        touch_asked(l, p, record, t, typed->all.roots, typed->all.count);
        return;
    }
    if (t->document)
        touch_by_document(l, p, record, t, typed);
    if (t->event) {
        touch_counted(l, p, t, typed->counted, t->sure);
        for (uint32_t i = 0; i < typed->value_count; i++)
            touch_counted(l, p, t, typed->values[i].counted, t->sure && typed->values[i].another);
        touch_asked(l, p, record, t, typed->asked.roots, typed->asked.count);
        root_keys_find(typed->keys, record, touch_found, &(struct asking){l, p, record, t});
    }
}

static void touch_surely(struct planned *p, const struct root_list *list) {
    for (uint32_t i = 0; i < list->count; i++)
        bit_drop(p->turned, list->roots[i]);
    touch(p->touched, list);
}

static void touch_any_event(struct live *l, struct planned *p, const struct touching *t) {
    for (uint32_t i = 0; i < p->any_event.count; i++)
        touch_root(l, p, p->any_event.roots[i], t, EVENT_MAY_MATTER);
}

static void touch_related(struct planned *p, const struct related_list *list) {
    for (uint32_t i = 0; i < list->count; i++) {
        struct over *over = &p->overs[list->roots[i].over];
        over->is_touched = true;
        bit_set(over->touched, list->roots[i].root);
    }
}

static void touch_record(struct live *l, struct planned *p, const struct record_head *record,
                         const struct slack_place *place) {
    const struct record_value *values = record_values(record);
    struct touching t = {
        .record = record, .place = place, .slack = place->bytes, .document = record->kind == TYPE_DOCUMENT};
    if (place->bytes && adds_event(l, record)) {
        t.event = true;
        t.sure = l->now_ms < *place->sure_ms && record->time_ms > l->now_ms - HOLD_LATE_MS;
    }
    if (record->type < p->type_count) {
        struct typed_roots *typed = &p->by_type[record->type];
        if (t.event)
            look_at_values(&t, typed);
        touch_by_type(l, p, record, &t);
        if (t.event)
            add_values(l, &t, typed);
        touch_related(p, &p->related_type[record->type]);
    }
    if (record->kind == TYPE_EVENT) {
        touch_any_event(l, p, &t);
        touch_related(p, &p->related_any_event);
    }
    for (uint32_t i = 0; record->kind == TYPE_ATTRIBUTES && i < record->value_count; i++)
        if (values[i].property < p->attribute_count) {
            touch_surely(p, &p->by_attribute[values[i].property]);
            touch_related(p, &p->related_attribute[values[i].property]);
        }
}

static int compare_customers(const void *a, const void *b) {
    uint32_t x = ((const struct customer_id *)a)->number, y = ((const struct customer_id *)b)->number;
    return (x > y) - (x < y);
}

/* They stand in its rows of the inverse type. */
size_t live_find_ends(struct live *l, struct customer_id customer, uint16_t over) {
    uint16_t inverse = dictionary_type_at(l->dictionary, over)->inverse;
    struct history_rows rows;
    size_t found = 0, kept = 0;
    l->ends_cut = false;
    if (!inverse)
        return 0;
    if (!l->ends)
        l->ends = memory_get(RELATED_MAX, sizeof *l->ends);
    arena_reset(&l->arena);
    history_rows(l->history, customer, inverse, &l->arena, &rows);
    for (size_t i = 0; i < rows.count && found < RELATED_MAX; i++) {
        const struct record_head *row = history_row(l->history, &rows, i, &l->builder);
        const struct record_value *end = record_find(row, RELATION_CUSTOMER);
        struct customer_id other = target_now(l->identity, (struct identifier_id){row->document},
                                              (struct customer_id){end ? (uint32_t)record_number(end) : 0});
        if (other.number) /* itself too: the two may have been made one */
            l->ends[found++] = other;
    }
    l->ends_cut = found == RELATED_MAX;
    if (found)
        qsort(l->ends, found, sizeof *l->ends, compare_customers);
    for (size_t i = 0; i < found; i++)
        if (i == 0 || l->ends[i].number != l->ends[kept - 1].number)
            l->ends[kept++] = l->ends[i];
    return kept;
}

/* Evaluates what was touched over relations, and forgets it. */
static void work_related(struct live *l, struct planned *p, struct customer_id customer, enum feed_cause cause) {
    for (uint32_t i = 0; i < p->over_count; i++) {
        struct over *over = &p->overs[i];
        if (!over->is_touched)
            continue;
        size_t ends = live_find_ends(l, customer, over->type);
        for (size_t e = 0; e < ends; e++)
            if (members_has(l->members, MEMBERS_POPULATION, l->ends[e]))
                evaluate_one(l, p, l->ends[e], over->touched, timers_get(l->timers, l->ends[e]),
                             &(struct telling){.cause = cause});
        over->is_touched = false;
        for (uint32_t w = 0; w < p->words; w++)
            over->touched[w] = 0;
    }
}

static void touch_all_related(struct planned *p) {
    for (uint32_t i = 0; i < p->over_count; i++) {
        p->overs[i].is_touched = true;
        touch(p->overs[i].touched, &p->overs[i].any);
    }
}

void live_records(struct live *l, struct planned *p, struct customer_id customer, bool created,
                  struct record_head *const *records, size_t record_count, uint64_t position) {
    bool in = live_in_population(l, customer), was = members_has(l->members, MEMBERS_POPULATION, customer);
    bool fresh = record_count && records[0]->position == position; /* a replayed one has its own place among the rows */
    struct telling telling = {.cause = FEED_RECORD,
                              .known = fresh,
                              .then_ms = l->now_ms,
                              .before = position,
                              .events = fresh,
                              .turned = p->turned};
    if (!in && was)
        leave_all(l, p, customer, FEED_RECORD);
    if (!in || !p->root_count) {
        members_put(l->members, MEMBERS_POPULATION, customer, in);
        return;
    }
    for (uint32_t w = 0; w < p->words; w++)
        p->touched[w] = p->turned[w] = 0;
    struct slack_place place = was ? slack_of(l->slack, customer) : (struct slack_place){0};
    for (size_t i = 0; i < record_count; i++) {
        touch_record(l, p, records[i], &place);
        telling.events &= records[i]->kind == TYPE_EVENT && !(records[i]->flags & RECORD_REPLACES);
    }
    members_put(l->members, MEMBERS_POPULATION, customer, true);
    if (!was && created)
        enter_new(l, p, customer, p->touched);
    else if (!was)
        evaluate_one(l, p, customer, p->all, TIMER_NEVER, &(struct telling){.cause = FEED_RECORD});
    else if (next_bit(p->touched, 0, p->root_count) < p->root_count)
        evaluate_one(l, p, customer, p->touched, timers_get(l->timers, customer), &telling);
    work_related(l, p, customer, FEED_RELATED);
}

/* --- merges --- */

/* Stored sets wait for their next run; until then the winner stands where the loser stood. */
static void move_stored(struct live *l, struct planned *p, struct customer_id winner, struct customer_id loser) {
    const struct audience_snapshot *s = p->snapshot;
    for (uint32_t n = 1; n < s->number_count; n++)
        if (s->by_number[n]->sort == SORT_SEGMENT && s->by_number[n]->how == HOW_SCHEDULED &&
            members_has(l->members, n, loser) && members_put(l->members, n, winner, true))
            live_entry(l, FEED_ENTERED, FEED_MERGE, winner, n, 0, 0);
}

void live_merged(struct live *l, struct planned *p, struct customer_id winner, struct customer_id loser) {
    bool in = live_in_population(l, winner);
    live_entry(l, FEED_MERGED, FEED_MERGE, winner, loser.number, 0, 0);
    if (in)
        move_stored(l, p, winner, loser);
    leave_all(l, p, loser, FEED_MERGE);
    if (!in) {
        leave_all(l, p, winner, FEED_MERGE);
        return;
    }
    members_put(l->members, MEMBERS_POPULATION, winner, true);
    evaluate_one(l, p, winner, p->all, TIMER_NEVER, &(struct telling){.cause = FEED_MERGE});
    touch_all_related(p);
    work_related(l, p, winner, FEED_RELATED);
}

/* --- splits --- */

static void evaluate_side(struct live *l, struct planned *p, struct customer_id customer) {
    if (!live_in_population(l, customer)) {
        leave_all(l, p, customer, FEED_SPLIT);
        return;
    }
    members_put(l->members, MEMBERS_POPULATION, customer, true);
    evaluate_one(l, p, customer, p->all, TIMER_NEVER, &(struct telling){.cause = FEED_SPLIT});
    touch_all_related(p);
    work_related(l, p, customer, FEED_RELATED);
}

void live_split(struct live *l, struct planned *p, struct customer_id from, struct customer_id to) {
    evaluate_side(l, p, from);
    evaluate_side(l, p, to);
}

void live_put_stored(struct live *l, uint32_t number, struct customer_id customer, bool in, enum feed_cause cause) {
    if (members_put(l->members, number, customer, in))
        live_entry(l, kind_of(in), cause, customer, number, 0, 0);
}

/* --- whole spans --- */

struct pass {
    uint32_t span;
    enum feed_cause cause;
    const uint64_t *which;
    uint64_t any[SPAN_WORDS], population[SPAN_WORDS];
    int64_t due[SPAN_CUSTOMERS];
    struct hold holds[SPAN_CUSTOMERS];
};

/* What the holds of root `r` say of due moments and slack. */
static void take_holds(struct live *l, const struct live_root *root, struct evaluator *e, struct pass *pass) {
    slack_forget_span(l->slack, pass->span, root->slot);
    for (uint32_t w = 0; w < SPAN_WORDS; w++)
        for (uint64_t left = pass->population[w]; left; left &= left - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
            struct slack_place place = slack_of(l->slack, (struct customer_id){pass->span * SPAN_CUSTOMERS + i});
            const struct hold *hold = &pass->holds[i];
            if (!hold->slack)
                continue; /* no customer to the evaluator */
            if (root->timed && hold->until_ms < pass->due[i])
                pass->due[i] = hold->until_ms;
            slack_expire(l->slack, &place, l->now_ms);
            note_slack(l, root, e, i, &place, hold);
        }
}

static void pass_root(struct live *l, struct group *g, const struct live_root *root, struct pass *pass,
                      uint64_t bits[SPAN_WORDS]) {
    if (root->stored) {
        evaluate_bits(g->now, root->index, bits, NULL);
        return;
    }
    memset(pass->holds, 0, sizeof pass->holds);
    evaluate_holds(g->now, root->index, bits, pass->holds);
    take_holds(l, root, g->now, pass);
}

/* False where the history has no such span. */
static bool pass_group(struct live *l, struct planned *p, struct group *g, struct pass *pass) {
    uint32_t end = g->first + g->count, first = next_bit(pass->which, g->first, end);
    if (first == end)
        return true;
    if (!evaluator_span(g->now, pass->span, l->now_ms))
        return false;
    for (uint32_t r = first; r < end; r = next_bit(pass->which, r + 1, end)) {
        uint64_t bits[SPAN_WORDS];
        pass_root(l, g, &p->roots[r], pass, bits);
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            bits[w] &= pass->population[w];
        if (members_put_span(l->members, p->roots[r].number, pass->span, bits, p->span_bits[r]))
            for (uint32_t w = 0; w < SPAN_WORDS; w++)
                pass->any[w] |= p->span_bits[r][w];
        count(&l->counters.evaluations, SPAN_CUSTOMERS);
    }
    return true;
}

/* Clauses of the changed roots of one customer at a moment, evaluated for it alone. `was`: before they changed. */
static void pass_clauses(struct live *l, struct planned *p, const struct pass *pass, struct customer_id customer,
                         int64_t at_ms, bool was, uint64_t *clauses) {
    uint32_t group = UINT32_MAX;
    bool at_hand = false;
    for (uint32_t r = next_bit(pass->which, 0, p->root_count); r < p->root_count;
         r = next_bit(pass->which, r + 1, p->root_count)) {
        const struct live_root *root = &p->roots[r];
        if (!bit_get(p->span_bits[r], place_in_span(customer)))
            continue;
        at_hand = at_hand && group == root->group;
        group = root->group;
        clauses[r] = clauses_of(p->groups[group].then, root, was != members_has(l->members, root->number, customer),
                                &at_hand, customer, at_ms, UINT64_MAX);
    }
}

/* Entries that time alone caused must not show how they were reached: they have their clauses here too. */
static void tell_customer(struct live *l, struct planned *p, const struct pass *pass, struct customer_id customer) {
    bool timed = pass->cause == FEED_TIME;
    if (timed) {
        pass_clauses(l, p, pass, customer, l->now_ms - 1, true, p->clauses_before);
        pass_clauses(l, p, pass, customer, l->now_ms, false, p->clauses_after);
    }
    for (uint32_t r = next_bit(pass->which, 0, p->root_count); r < p->root_count;
         r = next_bit(pass->which, r + 1, p->root_count))
        if (bit_get(p->span_bits[r], place_in_span(customer)))
            live_entry(l, kind_of(members_has(l->members, p->roots[r].number, customer)), pass->cause, customer,
                       p->roots[r].number, timed ? p->clauses_before[r] : 0, timed ? p->clauses_after[r] : 0);
}

static void tell_span(struct live *l, struct planned *p, struct pass *pass) {
    for (uint32_t w = 0; w < SPAN_WORDS; w++)
        for (uint64_t left = pass->any[w]; left; left &= left - 1)
            tell_customer(l, p, pass,
                          (struct customer_id){pass->span * SPAN_CUSTOMERS + w * 64 + (uint32_t)__builtin_ctzll(left)});
}

/* The population of a span one by one: where it has customers and no rows. */
static void pass_one_by_one(struct live *l, struct planned *p, struct pass *pass, bool all_timed) {
    struct telling telling = {
        .cause = pass->cause, .known = pass->cause == FEED_TIME, .then_ms = l->now_ms - 1, .before = UINT64_MAX};
    uint64_t now[SPAN_WORDS];
    for (uint32_t r = next_bit(pass->which, 0, p->root_count); r < p->root_count;
         r = next_bit(pass->which, r + 1, p->root_count)) {
        slack_forget_span(l->slack, pass->span, p->roots[r].slot);
        members_span(l->members, p->roots[r].number, pass->span, p->span_bits[r]);
    }
    for (uint32_t w = 0; w < SPAN_WORDS; w++)
        for (uint64_t left = pass->population[w]; left; left &= left - 1) {
            struct customer_id c = {pass->span * SPAN_CUSTOMERS + w * 64 + (uint32_t)__builtin_ctzll(left)};
            evaluate_one(l, p, c, pass->which, all_timed ? TIMER_NEVER : timers_get(l->timers, c), &telling);
        }
    for (uint32_t r = next_bit(pass->which, 0, p->root_count); r < p->root_count;
         r = next_bit(pass->which, r + 1, p->root_count)) {
        members_span(l->members, p->roots[r].number, pass->span, now);
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            pass->any[w] |= now[w] ^ p->span_bits[r][w];
    }
}

static void pass_begin(struct live *l, struct planned *p, struct pass *pass, bool all_timed) {
    members_span(l->members, MEMBERS_POPULATION, pass->span, pass->population);
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
        pass->due[i] =
            all_timed ? TIMER_NEVER : timers_get(l->timers, (struct customer_id){pass->span * SPAN_CUSTOMERS + i});
    for (uint32_t r = next_bit(pass->which, 0, p->root_count); r < p->root_count;
         r = next_bit(pass->which, r + 1, p->root_count))
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            p->span_bits[r][w] = 0;
}

static void pass_end(struct live *l, struct planned *p, struct pass *pass) {
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
        if (!bit_get(pass->population, i))
            pass->due[i] = TIMER_NEVER;
    if (p->timed_count)
        timers_set_span(l->timers, pass->span, pass->due);
    tell_span(l, p, pass);
}

/* `all_timed`: `which` has every timed root, so that due moments are known anew. */
static void span_pass(struct live *l, struct planned *p, uint32_t span, const uint64_t *which, bool all_timed,
                      enum feed_cause cause, struct buffer *changed) {
    struct pass *pass = memory_get(1, sizeof *pass);
    struct span_change change = {.span = span};
    uint64_t any = 0;
    bool there = true;
    pass->span = span;
    pass->cause = cause;
    pass->which = which;
    pass_begin(l, p, pass, all_timed);
    for (uint32_t i = 0; i < p->group_count && there; i++)
        there = pass_group(l, p, &p->groups[i], pass);
    if (there)
        pass_end(l, p, pass);
    else
        pass_one_by_one(l, p, pass, all_timed);
    for (uint32_t w = 0; w < SPAN_WORDS; w++)
        any |= change.bits[w] = pass->any[w];
    if (changed && any)
        buffer_add(changed, &change, sizeof change);
    count(&l->counters.span_passes, 1);
    free(pass);
}

void live_everybody(struct live *l, struct planned *p, const uint64_t *which, enum feed_cause cause,
                    struct buffer *changed) {
    uint32_t spans = members_spans(l->members);
    for (uint32_t r = next_bit(which, 0, p->root_count); r < p->root_count; r = next_bit(which, r + 1, p->root_count))
        if (p->roots[r].slot != SLACK_SLOT_NONE)
            slack_set_void(l->slack, p->roots[r].slot, false);
    for (uint32_t span = 0; span < spans; span++)
        span_pass(l, p, span, which, false, cause, changed);
}

void live_empty(struct live *l, uint32_t number, enum feed_cause cause) {
    struct customer_id page[256], after = {0};
    size_t found;
    while ((found = members_page(l->members, number, after, page, 256)) > 0) {
        for (size_t i = 0; i < found; i++)
            live_entry(l, FEED_LEFT, cause, page[i], number, 0, 0);
        after = page[found - 1];
    }
    members_clear(l->members, number);
}

/* --- the clock --- */

void live_due(struct live *l, struct planned *p, int64_t moment_ms) {
    uint16_t *places = memory_get(SPAN_CUSTOMERS, sizeof *places);
    assert(moment_ms == timers_next(l->timers) && moment_ms == l->now_ms);
    for (uint32_t span = timers_span_due(l->timers, 0, moment_ms); span != UINT32_MAX;
         span = timers_span_due(l->timers, span + 1, moment_ms)) {
        uint32_t due = timers_due(l->timers, span, moment_ms, places);
        assert(due);
        count(&l->counters.timers_due, due);
        if (due > SPAN_PASS_DUE && p->timed_count) {
            span_pass(l, p, span, p->timed, true, FEED_TIME, NULL);
            continue;
        }
        for (uint32_t i = 0; i < due; i++) {
            struct customer_id customer = {span * SPAN_CUSTOMERS + places[i]};
            if (p->timed_count && members_has(l->members, MEMBERS_POPULATION, customer))
                evaluate_one(l, p, customer, p->timed, TIMER_NEVER,
                             &(struct telling){
                                 .cause = FEED_TIME, .known = true, .then_ms = moment_ms - 1, .before = UINT64_MAX});
            else
                timers_set(l->timers, customer, TIMER_NEVER);
        }
    }
    free(places);
    assert(timers_next(l->timers) > moment_ms);
}

/* --- stored sets --- */

static void set_changed_for(struct live *l, struct planned *p, uint32_t number, struct customer_id customer,
                            bool self) {
    const struct root_list *list = &p->by_set[number];
    if (self && list->count) {
        for (uint32_t w = 0; w < p->words; w++)
            p->touched[w] = 0;
        touch(p->touched, list);
        evaluate_one(l, p, customer, p->touched, timers_get(l->timers, customer),
                     &(struct telling){.cause = FEED_SCHEDULE});
    }
    touch_related(p, &p->related_set[number]);
    work_related(l, p, customer, FEED_RELATED);
}

void live_set_changed(struct live *l, struct planned *p, uint32_t number, const struct buffer *changed) {
    struct span_change change;
    if (number >= p->set_count || (!p->by_set[number].count && !p->related_set[number].count))
        return;
    for (size_t at = 0; at < changed->size; at += sizeof change) {
        uint32_t customers = 0;
        memcpy(&change, changed->data + at, sizeof change);
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            customers += (uint32_t)__builtin_popcountll(change.bits[w]);
        bool whole = customers > SPAN_PASS_DUE && p->by_set[number].count;
        if (whole) {
            for (uint32_t w = 0; w < p->words; w++)
                p->touched[w] = 0;
            touch(p->touched, &p->by_set[number]);
            span_pass(l, p, change.span, p->touched, false, FEED_SCHEDULE, NULL);
        }
        for (uint32_t w = 0; w < SPAN_WORDS && (!whole || p->related_set[number].count); w++)
            for (uint64_t left = change.bits[w]; left; left &= left - 1)
                set_changed_for(
                    l, p, number,
                    (struct customer_id){change.span * SPAN_CUSTOMERS + w * 64 + (uint32_t)__builtin_ctzll(left)},
                    !whole);
    }
}
