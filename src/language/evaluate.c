/* evaluate: ranges in hand, results of nodes, and the questions of plan.h. */
#include "language/evaluate.h"

#include <assert.h>
#include <stdlib.h>

#include "history/table.h"
#include "os/os.h"

/* --- memory of a state --- */

void *state_new(struct state *s, size_t count, size_t size) { return arena_get(&s->arena, count * size + 64); }

uint64_t *state_new_bits(struct state *s, size_t count) { return state_new(s, (count + 63) / 64 + 1, 8); }

uint64_t *state_zero_bits(struct state *s, size_t count) {
    uint64_t *bits = state_new_bits(s, count);
    memset(bits, 0, ((count + 63) / 64 + 1) * 8);
    return bits;
}

int64_t state_today(struct state *s) {
    if (s->today_stamp != s->stamp) {
        s->today = calendar_day(&s->plan->calendar, s->now);
        s->today_stamp = s->stamp;
    }
    return s->today;
}

/* --- frames --- */

static const struct range_column no_column = {.form = COLUMN_NOTHING};

static void items_frame(struct state *s, const struct plan_frame *frame, struct frame_now *now) {
    const struct frame_now *above = state_frame(s, frame->above);
    const struct range_column *c = above->count ? range_rows_column(s->range, above->rows, frame->column) : &no_column;
    now->owners = NULL;
    if (c->form != COLUMN_CHILDREN || c->kind != VALUE_ITEMS) {
        uint32_t *none = state_new(s, above->count + 1, sizeof *none);
        memset(none, 0, (above->count + 1) * sizeof *none);
        now->parents = none;
        now->rows = NULL;
        return;
    }
    now->rows = c->child;
    now->items = c;
    if (c->child_begins && above->first == 0 && above->count == c->table->row_count) {
        now->count = c->child->end;
        return;
    }
    now->parents = range_child_starts(s->range, c) + above->first;
    now->first = now->parents[0];
    now->count = now->parents[above->count] - now->first;
}

static const uint32_t *frame_parents(struct state *s, uint16_t number) {
    struct frame_now *now = (struct frame_now *)state_frame(s, number);
    if (!now->parents)
        now->parents = range_child_starts(s->range, now->items);
    return now->parents;
}

bool state_begins(struct state *s, uint16_t number) {
    struct frame_now *now = (struct frame_now *)state_frame(s, number);
    if (now->before || now->unlike || now->parents || !now->items)
        return now->before != NULL;
    const uint64_t *begins = now->items->child_begins;
    uint32_t *before = state_new(s, now->count / 64 + 1, sizeof *before);
    now->unlike = now->count == 0 || !(begins[0] & 1) ||
                  kernel_begins_fill(begins, now->count, before) != now->items->table->row_count;
    now->before = now->unlike ? NULL : before;
    return !now->unlike;
}

/* Of items only where they are asked for. */
static const uint32_t *frame_owners(struct state *s, uint16_t number) {
    struct frame_now *now = (struct frame_now *)state_frame(s, number);
    if (now->owners)
        return now->owners;
    if (s->plan->frames[number].kind == FRAME_OF_ROWS)
        return now->owners = now->parents = range_rows(s->range, s->plan->frames[number].rows)->starts;
    const struct frame_now *above = state_frame(s, s->plan->frames[number].above);
    const uint32_t *customers = frame_owners(s, s->plan->frames[number].above);
    const uint32_t *parents = frame_parents(s, number);
    uint32_t *owners = state_new(s, s->count + 1, sizeof *owners);
    for (uint32_t i = 0; i <= s->count; i++)
        owners[i] = parents[customers[i] - above->first];
    now->owners = owners;
    return owners;
}

const struct frame_now *state_frame(struct state *s, uint16_t number) {
    struct frame_now *now = &s->frames[number];
    if (now->stamp == s->stamp)
        return now;
    const struct plan_frame *frame = &s->plan->frames[number];
    *now = (struct frame_now){.stamp = s->stamp, .count = s->count};
    if (frame->kind == FRAME_OF_ROWS) {
        now->rows = range_rows_lean(s->range, frame->rows);
        now->owners = now->parents = now->rows->starts;
        now->first = now->owners ? now->owners[0] : now->rows->first;
        now->count = (now->owners ? now->owners[s->count] : now->rows->end) - now->first;
    } else if (frame->kind == FRAME_OF_ITEMS) {
        now->count = 0;
        items_frame(s, frame, now);
    }
    s->rows += frame->kind == FRAME_OF_CUSTOMERS ? 0 : now->count;
    return now;
}

const struct frame_now *state_owned_frame(struct state *s, uint16_t number) {
    const struct frame_now *now = state_frame(s, number);
    frame_owners(s, number);
    return now;
}

static uint32_t *groups_of(struct state *s, const uint32_t *starts, uint32_t groups) {
    uint32_t *of = state_new(s, starts[groups] - starts[0], sizeof *of);
    for (uint32_t g = 0; g < groups; g++)
        for (uint32_t i = starts[g] - starts[0]; i < starts[g + 1] - starts[0]; i++)
            of[i] = g;
    return of;
}

const uint32_t *state_owner_of(struct state *s, uint16_t frame) {
    struct frame_now *now = (struct frame_now *)state_frame(s, frame);
    if (!now->owner_of)
        now->owner_of = groups_of(s, frame_owners(s, frame), s->count);
    return now->owner_of;
}

const uint32_t *state_parent_of(struct state *s, uint16_t frame) {
    struct frame_now *now = (struct frame_now *)state_frame(s, frame);
    if (!now->parent_of)
        now->parent_of = s->plan->frames[frame].kind == FRAME_OF_ROWS
                             ? (uint32_t *)state_owner_of(s, frame)
                             : groups_of(s, frame_parents(s, frame), state_count(s, s->plan->frames[frame].above));
    return now->parent_of;
}

const uint32_t *state_groups(struct state *s, uint16_t frame, uint16_t by, uint32_t *groups) {
    *groups = state_count(s, by);
    return by == FRAME_CUSTOMER ? frame_owners(s, frame) : frame_parents(s, frame);
}

/* --- results --- */

static uint64_t *spread_bits(struct state *s, const struct plan_node *n) {
    uint16_t from = state_node(s, n->children[0])->frame;
    uint32_t groups;
    const uint32_t *starts = state_groups(s, n->frame, from, &groups);
    uint64_t *bits = state_zero_bits(s, state_count(s, n->frame));
    kernel_spread(state_bits(s, n->children[0], from), starts, groups, bits);
    return bits;
}

static uint64_t *set_bits(struct state *s, const struct plan_node *n) {
    const struct outside *o = &s->evaluator->outside;
    uint64_t *all = state_zero_bits(s, SPAN_CUSTOMERS);
    if (o->set_bits)
        o->set_bits(o->context, (uint32_t)n->number.integer, s->span, all);
    if (s == &s->evaluator->main && !s->evaluator->live)
        return all;
    uint64_t *bits = state_zero_bits(s, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        if (bit_of(all, range_customer_at(s->range, i).number % SPAN_CUSTOMERS))
            bit_set(bits, i);
    return bits;
}

/* Who fulfils an inner plan, where that was answered for everybody first; else NULL. */
static const uint64_t *targets_known(const struct state *s, const struct plan *inner) {
    const struct evaluator *e = s->evaluator;
    for (uint32_t i = 0; e->targets && i < e->plan->inner_count; i++)
        if (e->plan->inners[i] == inner)
            return e->targets[i];
    return NULL;
}

static void targets_in(const struct vector *ends, uint32_t count, const uint64_t *known, uint32_t words,
                       uint64_t *bits) {
    for (uint32_t i = 0; i < count; i += 64) {
        uint64_t word = 0;
        for (uint32_t k = 0; k < 64 && i + k < count; k++) {
            uint64_t end = (uint64_t)ends->integers[(i + k) & ends->mask];
            word |= (uint64_t)(end && end / 64 < words && bit_of(known, end)) << k;
        }
        bits[i / 64] = word;
    }
    if (ends->present)
        kernel_and(bits, ends->present, (count + 63) / 64);
}

/* Straight from the column; false where it lies otherwise. */
static bool targets_at(struct state *s, const struct plan_node *n, const uint64_t *known, uint64_t *bits) {
    const struct plan_node *end = state_node(s, n->children[0]);
    const struct frame_now *f = NULL;
    if (end->kind != PLAN_COLUMN || end->frame != n->frame)
        return false;
    const struct range_column *c = state_column(s, end, &f);
    if (c->form != COLUMN_WHOLE || c->width > 4 || c->base < 0 || c->base > UINT32_MAX || c->multiple < 0 ||
        c->multiple > UINT32_MAX)
        return false;
    range_scans(c);
    kernel_members((const char *)c->data + (size_t)c->width * f->first, c->width, f->count, (uint64_t)c->base,
                   (uint64_t)c->multiple, known, s->evaluator->target_words * (size_t)64, bits);
    const uint64_t *present = column_present(s, c, f->first, f->count);
    if (present)
        kernel_and(bits, present, (f->count + 63) / 64);
    return true;
}

static uint64_t *target_bits(struct state *s, const struct plan_node *n) {
    uint32_t count = state_count(s, n->frame);
    uint64_t *bits = state_zero_bits(s, count);
    const uint64_t *known = targets_known(s, n->inner);
    if (known && count && targets_at(s, n, known, bits))
        return bits;
    const struct vector *ends = state_values(s, n->children[0]);
    if (known && ends->form == VECTOR_NUMBERS && ends->mask == SIZE_MAX) {
        targets_in(ends, count, known, s->evaluator->target_words, bits);
        return bits;
    }
    for (uint32_t i = 0; i < count; i++)
        if (vector_has(ends, i) && state_target_holds(s, n->inner, ends->integers[i & ends->mask], NULL))
            bit_set(bits, i);
    return bits;
}

/* A list that stays when its range goes: a column of its own. */
static struct list_part list_copy(struct state *s, struct state *from, const struct list_part *part, uint8_t type) {
    uint32_t count = part->end - part->first;
    struct range_column *c = state_new(s, 1, sizeof *c);
    struct vector v;
    unsigned scale = 0;
    *c = (struct range_column){.form = COLUMN_TEXTS, .kind = VALUE_TEXT};
    list_values(from, part, type, &v);
    uint64_t *absent = state_zero_bits(s, count);
    for (uint32_t i = 0; i < count; i++)
        if (!vector_has(&v, i))
            bit_set(absent, i);
    c->absent = (const uint8_t *)absent;
    if (v.form == VECTOR_TEXTS) {
        struct slice *texts = state_new(s, count, sizeof *texts);
        for (uint32_t i = 0; i < count; i++)
            texts[i] = vector_has(&v, i) ? arena_copy(&s->arena, v.texts[i]) : SLICE_NONE;
        c->texts = texts;
        return (struct list_part){c, 0, count};
    }
    int64_t *numbers = state_new(s, count, sizeof *numbers);
    *c = (struct range_column){.form = COLUMN_WHOLE, .kind = VALUE_NUMBER, .width = 8, .multiple = 1, .data = numbers};
    c->absent = (const uint8_t *)absent;
    for (uint32_t i = 0; i < count; i++)
        scale = vector_has(&v, i) && vector_number(&v, i).scale > scale ? vector_number(&v, i).scale : scale;
    bool fits = scale != NUMBER_REAL;
    for (uint32_t i = 0; i < count && fits; i++) {
        numbers[i] = vector_has(&v, i) ? vector_number(&v, i).integer : 0;
        fits = !vector_has(&v, i) || decimal_rescale(&numbers[i], vector_number(&v, i).scale, scale);
    }
    c->scale = (uint8_t)(fits ? scale : 0);
    if (fits)
        return (struct list_part){c, 0, count};
    double *reals = state_new(s, count, sizeof *reals);
    for (uint32_t i = 0; i < count; i++)
        reals[i] = vector_has(&v, i) ? number_as_real(vector_number(&v, i)) : 0;
    c->form = COLUMN_DOUBLES;
    c->kind = VALUE_REAL;
    c->data = reals;
    return (struct list_part){c, 0, count};
}

/* Values of other ends, one by one. */
static void target_values(struct state *s, const struct plan_node *n, struct vector *out) {
    const struct vector *ends = state_values(s, n->children[0]);
    uint32_t count = state_count(s, n->frame), root = n->inner->roots[0];
    struct evaluator *other = state_inner(s, n->inner);
    vector_make_of(s, out, n->type, count);
    for (uint32_t i = 0; i < count; i++) {
        int64_t end = vector_has(ends, i) ? ends->integers[i & ends->mask] : 0;
        if (end <= 0 || end > UINT32_MAX)
            continue;
        evaluator_customer(other, (struct customer_id){(uint32_t)end}, s->now, s->before);
        const struct vector *v = state_values(&other->main, root);
        if (!vector_has(v, 0))
            continue;
        vector_put(out, i, v, 0);
        if (out->form == VECTOR_TEXTS) /* theirs is gone with the next */
            out->texts[i] = arena_copy(&s->arena, out->texts[i]);
        else if (out->form == VECTOR_LISTS && v->form == VECTOR_LISTS)
            out->lists[i] = list_copy(s, &other->main, &v->lists[0], n->type);
    }
}

static bool in_lookup(const void *context, struct slice text) { return lookup_find(context, text) != NULL; }

/* Ids that are numbers are known by their digits. */
static struct slice id_text(struct state *s, const struct vector *ids, size_t i) {
    if (ids->form == VECTOR_TEXTS)
        return ids->texts[i & ids->mask];
    struct json_writer w = {.out = &s->scratch};
    buffer_clear(&s->scratch);
    number_json(&w, vector_number(ids, i), TERM_NUMBER);
    return buffer_slice(&s->scratch);
}

static uint64_t *in_master_bits(struct state *s, const struct plan_node *n) {
    const struct plan_node *id = state_node(s, n->children[0]);
    const struct frame_now *frame = NULL;
    if (n->lookup->count == 0)
        return state_zero_bits(s, state_count(s, n->frame));
    if (id->type == TERM_TEXT && id->kind == PLAN_COLUMN) {
        const struct range_column *c = state_column(s, id, &frame);
        return column_texts_hold(s, c, frame->first, frame->count, in_lookup, n->lookup, NULL, 0);
    }
    const struct vector *ids = state_values(s, n->children[0]);
    uint32_t count = state_count(s, n->frame);
    uint64_t *bits = state_zero_bits(s, count);
    for (uint32_t i = 0; i < count; i++)
        if (vector_has(ids, i) && lookup_find(n->lookup, id_text(s, ids, i)))
            bit_set(bits, i);
    return bits;
}

static void master_values(struct state *s, const struct plan_node *n, struct vector *out) {
    const struct vector *ids = state_values(s, n->children[0]);
    uint32_t count = state_count(s, n->frame);
    vector_make(s, out, n->type == TERM_TEXT ? VECTOR_TEXTS : VECTOR_MIXED, n->type, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct lookup_entry *e = vector_has(ids, i) ? lookup_find(n->lookup, id_text(s, ids, i)) : NULL;
        if (!e)
            continue;
        bit_set((uint64_t *)out->present, i);
        if (n->type == TERM_TEXT) {
            out->texts[i] = e->text;
        } else {
            out->integers[i] = e->number.integer;
            out->scales[i] = e->number.scale;
        }
    }
}

static void event_values(struct state *s, const struct plan_node *n, struct vector *out) {
    const struct vector *types = state_values(s, n->children[0]);
    const struct dictionary *d = s->plan->vocabulary->dictionary;
    uint32_t count = state_count(s, n->frame), known = dictionary_type_count(d);
    vector_make(s, out, VECTOR_TEXTS, TERM_TEXT, count);
    for (uint32_t i = 0; i < count; i++) {
        int64_t type = vector_has(types, i) ? types->integers[i & types->mask] : -1;
        if (type < 0 || type >= known)
            continue;
        out->texts[i] = dictionary_type_at(d, (uint16_t)type)->name;
        bit_set((uint64_t *)out->present, i);
    }
}

/* Bools as values: present where the value is; conditions always are. */
static uint64_t *bits_of_values(struct state *s, uint32_t node, uint16_t frame) {
    const struct vector *v = state_values(s, node);
    uint32_t count = state_count(s, frame);
    uint64_t *bits = state_zero_bits(s, count);
    if (v->form != VECTOR_NUMBERS && v->form != VECTOR_MIXED)
        return bits;
    for (uint32_t i = 0; i < count; i++)
        if (vector_has(v, i) && v->integers[i & v->mask])
            bit_set(bits, i);
    return bits;
}

static void values_of_bits(struct state *s, uint32_t node, struct vector *out) {
    uint16_t frame = state_node(s, node)->frame;
    uint32_t count = state_count(s, frame);
    const uint64_t *bits = state_bits(s, node, frame);
    *out = (struct vector){.type = TERM_BOOL, .mask = SIZE_MAX, .integers = state_new(s, count, sizeof(int64_t))};
    for (uint32_t i = 0; i < count; i++)
        out->integers[i] = bit_of(bits, i);
}

static void constant_values(struct state *s, const struct plan_node *n, struct vector *out) {
    static const uint64_t none = 0;
    *out = (struct vector){.type = n->type, .mask = 0, .scale = n->number.scale};
    if (n->type == TERM_NONE)
        out->present = &none;
    if (n->type == TERM_TEXT) {
        out->form = VECTOR_TEXTS;
        out->texts = (struct slice *)&n->text;
        return;
    }
    out->integers = (int64_t *)&n->number.integer;
    if (n->number.scale == NUMBER_REAL) {
        out->form = VECTOR_MIXED;
        out->scales = (uint8_t *)&n->number.scale;
    }
    if (n->kind != PLAN_CONSTANT) {
        out->integers = state_new(s, 1, sizeof(int64_t));
        out->integers[0] = n->kind == PLAN_NOW ? s->now : state_today(s);
    }
}

static bool is_condition(const struct plan_node *n) {
    switch (n->kind) {
    case PLAN_CALL:
        return n->op <= OP_IS_PRESENT;
    case PLAN_AGGREGATE:
        return n->op == OP_ANY || n->op == OP_NONE;
    case PLAN_SEQUENCE:
        return n->op == OP_SEQUENCE;
    case PLAN_WINDOW:
    case PLAN_SET:
    case PLAN_IN_MASTER:
        return true;
    case PLAN_TARGET:
        return is_condition(&n->inner->nodes[n->inner->roots[0]]);
    default:
        return false;
    }
}

/* A condition spread downwards is one too: its bits are spread. */
static bool spreads_condition(const struct state *s, const struct plan_node *n) {
    return n->kind == PLAN_SPREAD && n->type == TERM_BOOL && is_condition(state_node(s, n->children[0]));
}

static uint64_t *make_bits(struct state *s, uint32_t node, uint16_t frame) {
    const struct plan_node *n = state_node(s, node);
    const struct frame_now *f = NULL;
    switch (n->kind) {
    case PLAN_CONSTANT: {
        uint64_t *bits = state_new_bits(s, state_count(s, frame));
        kernel_fill(bits, state_count(s, frame), n->type == TERM_BOOL && n->number.integer);
        return bits;
    }
    case PLAN_COLUMN: {
        const struct range_column *c = state_column(s, n, &f);
        return column_compare(s, c, f->first, f->count, OP_GREATER, number_whole(0));
    }
    case PLAN_IN_MASTER:
        return in_master_bits(s, n);
    case PLAN_CALL:
        return is_condition(n) ? call_bits(s, node) : bits_of_values(s, node, frame);
    case PLAN_SPREAD:
        return spread_bits(s, n);
    case PLAN_WINDOW:
        return window_bits(s, node);
    case PLAN_AGGREGATE:
        return is_condition(n) ? aggregate_bits(s, node) : bits_of_values(s, node, frame);
    case PLAN_SEQUENCE:
        return is_condition(n) ? sequence_bits(s, node) : bits_of_values(s, node, frame);
    case PLAN_SET:
        return set_bits(s, n);
    case PLAN_TARGET:
        return target_bits(s, n);
    default:
        return bits_of_values(s, node, frame);
    }
}

static void make_values(struct state *s, uint32_t node, struct vector *out) {
    const struct plan_node *n = state_node(s, node);
    const struct frame_now *f = NULL;
    if (is_condition(n) || spreads_condition(s, n)) {
        values_of_bits(s, node, out);
        return;
    }
    switch (n->kind) {
    case PLAN_CONSTANT:
    case PLAN_NOW:
    case PLAN_TODAY:
        constant_values(s, n, out);
        break;
    case PLAN_COLUMN: {
        const struct range_column *c = state_column(s, n, &f);
        column_vector(s, c, f->first, f->count, n->type, out);
        break;
    }
    case PLAN_TIME:
        *out = (struct vector){.type = TERM_TIME, .mask = SIZE_MAX, .integers = (int64_t *)state_times(s, n->frame)};
        break;
    case PLAN_EVENT:
        event_values(s, n, out);
        break;
    case PLAN_MASTER:
        master_values(s, n, out);
        break;
    case PLAN_SHIFT:
        shift_values(s, node, out);
        break;
    case PLAN_TARGET:
        target_values(s, n, out);
        break;
    case PLAN_SPREAD:
        spread_values(s, node, out);
        break;
    case PLAN_AGGREGATE:
        aggregate_values(s, node, out);
        break;
    case PLAN_SEQUENCE:
        sequence_values(s, node, out);
        break;
    default:
        assert(n->kind == PLAN_CALL);
        call_values(s, node, out);
    }
}

static uint64_t profile_begin(const struct state *s) { return s->evaluator->profile ? os_monotonic_ns(os_real()) : 0; }

static void profile_end(struct state *s, uint32_t node, uint64_t since, uint32_t count, const uint64_t *bits) {
    if (!s->evaluator->profile)
        return;
    struct profile *p = &s->evaluator->profile[node];
    p->ns += os_monotonic_ns(os_real()) - since;
    p->elements += count;
    p->count += bits ? kernel_count(bits, (count + 63) / 64) : count;
}

#define LINES_BETWEEN 24 /* of the next span's columns, asked for between two nodes */

const uint64_t *state_bits(struct state *s, uint32_t node, uint16_t frame) {
    struct result *r = &s->results[node];
    bool floats = state_node(s, node)->kind == PLAN_CONSTANT; /* stands in any frame */
    if (r->bits_stamp == s->stamp && !floats)
        return r->bits;
    uint64_t since = profile_begin(s);
    if (!s->evaluator->live)
        range_fetch(s->range, LINES_BETWEEN);
    uint64_t *bits = make_bits(s, node, frame);
    r->bits = bits;
    r->bits_stamp = s->stamp;
    profile_end(s, node, since, s->evaluator->profile ? state_count(s, frame) : 0, bits);
    return bits;
}

bool state_bits_among(struct state *s, uint32_t node, uint64_t *bits) {
    if (state_node(s, node)->kind != PLAN_CALL || s->results[node].bits_stamp == s->stamp)
        return false;
    uint64_t since = profile_begin(s);
    uint32_t among = s->evaluator->profile ? (uint32_t)kernel_count(bits, (s->count + 63) / 64) : 0;
    if (!call_among(s, node, bits))
        return false;
    profile_end(s, node, since, among, NULL);
    return true;
}

const struct vector *state_values(struct state *s, uint32_t node) {
    struct result *r = &s->results[node];
    if (r->values_stamp == s->stamp)
        return &r->values;
    uint64_t since = profile_begin(s);
    make_values(s, node, &r->values);
    r->values_stamp = s->stamp;
    if (s->evaluator->profile && state_node(s, node)->type != TERM_BOOL)
        profile_end(s, node, since, state_count(s, state_node(s, node)->frame), NULL);
    return &r->values;
}

/* --- making evaluators --- */

static void state_init(struct state *s, struct evaluator *e) {
    s->evaluator = e;
    s->plan = e->plan;
    s->range = range_create(e->outside.history, e->outside.identity);
    s->results = memory_get(e->plan->node_count + 1, sizeof *s->results);
    s->frames = memory_get(e->plan->frame_count + 1, sizeof *s->frames);
}

static void state_release(struct state *s) {
    if (s->range)
        range_free(s->range);
    free(s->results);
    free(s->frames);
    arena_release(&s->arena);
    buffer_release(&s->scratch);
}

struct evaluator *evaluator_create(const struct plan *plan, const struct outside *outside) {
    struct evaluator *e = memory_get(1, sizeof *e);
    e->plan = plan;
    e->outside = *outside;
    e->inners = memory_get(plan->inner_count + 1, sizeof(struct evaluator *));
    state_init(&e->main, e);
    return e;
}

void evaluator_free(struct evaluator *e) {
    if (!e)
        return;
    for (uint32_t i = 0; i < e->plan->inner_count; i++)
        evaluator_free(e->inners[i]);
    state_release(&e->main);
    state_release(&e->dirty);
    arena_release(&e->answers);
    free(e->traits);
    free(e->turning);
    free(e->amounts);
    free(e->counting);
    free(e->inners);
    free(e);
}

static void state_begin(struct state *s, uint32_t count, uint32_t span, int64_t now_ms, uint64_t before) {
    arena_reset(&s->arena);
    if (++s->stamp == 0) { /* once in four billion ranges */
        memset(s->results, 0, s->plan->node_count * sizeof *s->results);
        memset(s->frames, 0, s->plan->frame_count * sizeof *s->frames);
        s->today_stamp = 0;
        s->stamp = 1;
    }
    s->count = count;
    s->span = span;
    s->now = now_ms;
    s->before = before;
}

static void list_dirty(struct evaluator *e) {
    for (uint32_t w = 0; w < SPAN_CUSTOMERS / 64; w++)
        for (uint64_t left = e->dirty_bits[w] & e->population[w]; left; left &= left - 1) {
            uint32_t owner = w * 64 + (uint32_t)__builtin_ctzll(left);
            e->dirty_index[owner] = (uint16_t)e->dirty_count;
            e->dirty_owners[e->dirty_count++] = (uint16_t)owner;
        }
}

bool evaluator_span(struct evaluator *e, uint32_t span, int64_t now_ms) {
    e->live = false;
    e->dirty_count = 0;
    e->span = span;
    memset(e->dirty_bits, 0, sizeof e->dirty_bits);
    if (!range_span(e->main.range, &e->plan->want, span, e->dirty_bits, e->everybody ? NULL : e->population))
        return false;
    if (e->everybody)
        memset(e->population, 0xff, sizeof e->population);
    state_begin(&e->main, SPAN_CUSTOMERS, span, now_ms, UINT64_MAX);
    if (!kernel_none(e->dirty_bits, SPAN_CUSTOMERS / 64))
        list_dirty(e);
    if (e->dirty_count == 0)
        return true;
    if (!e->dirty.range)
        state_init(&e->dirty, e);
    range_owners(e->dirty.range, &e->plan->want, span, e->dirty_owners, e->dirty_count);
    state_begin(&e->dirty, e->dirty_count, span, now_ms, UINT64_MAX);
    return true;
}

void evaluator_customer(struct evaluator *e, struct customer_id customer, int64_t now_ms, uint64_t before) {
    e->live = true;
    e->span = customer.number / SPAN_CUSTOMERS;
    range_customer(e->main.range, &e->plan->want, customer, before);
    state_begin(&e->main, 1, e->span, now_ms, before);
}

/* --- relations' other ends --- */

struct evaluator *state_inner(struct state *s, const struct plan *inner) {
    struct evaluator *e = s->evaluator;
    for (uint32_t i = 0; i < e->plan->inner_count; i++)
        if (e->plan->inners[i] == inner) {
            if (!e->inners[i])
                e->inners[i] = evaluator_create(inner, &e->outside);
            return e->inners[i];
        }
    assert(false);
    return NULL;
}

bool state_target_holds(struct state *s, const struct plan *inner, int64_t target, int64_t *until) {
    struct evaluator *e = s->evaluator;
    if (target <= 0 || target > UINT32_MAX)
        return false;
    for (uint32_t i = 0; !until && e->targets && i < e->plan->inner_count; i++)
        if (e->plan->inners[i] == inner)
            return (uint64_t)target / 64 < e->target_words && bit_of(e->targets[i], (size_t)target);
    struct evaluator *other = state_inner(s, inner);
    evaluator_customer(other, (struct customer_id){(uint32_t)target}, s->now, s->before);
    uint32_t root = inner->roots[0];
    if (until)
        *until = state_until(&other->main, root)->each[0];
    return inner->nodes[root].type == TERM_BOOL && (state_bits(&other->main, root, FRAME_CUSTOMER)[0] & 1);
}

/* --- questions --- */

static void put_dirty_bits(const struct evaluator *e, const uint64_t *from, uint64_t *bits) {
    for (uint32_t i = 0; i < e->dirty_count; i++) {
        uint32_t owner = e->dirty_owners[i];
        if (bit_of(from, i))
            bit_set(bits, owner);
        else
            bit_clear(bits, owner);
    }
}

static bool all_dirty(const struct evaluator *e) {
    return e->dirty_count && e->dirty_count == kernel_count(e->population, SPAN_CUSTOMERS / 64);
}

static void span_untils(struct evaluator *e, uint32_t node, int64_t *until) {
    if (!all_dirty(e)) {
        const struct untils *u = state_until(&e->main, node);
        for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
            until[i] = u->each[i & u->mask];
    } else {
        for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
            until[i] = INSTANT_NEVER;
    }
    if (e->dirty_count == 0)
        return;
    const struct untils *u = state_until(&e->dirty, node);
    for (uint32_t i = 0; i < e->dirty_count; i++)
        until[e->dirty_owners[i]] = u->each[i & u->mask];
}

void evaluate_bits(struct evaluator *e, size_t root, uint64_t *bits, int64_t *until) {
    assert(root < e->plan->root_count);
    uint32_t node = e->plan->roots[root];
    if (e->live) {
        bits[0] = state_bits(&e->main, node, FRAME_CUSTOMER)[0] & 1;
        if (until)
            *until = e->plan->nodes[node].timed ? state_until(&e->main, node)->each[0] : INSTANT_NEVER;
        return;
    }
    if (!all_dirty(e))
        memcpy(bits, state_bits(&e->main, node, FRAME_CUSTOMER), SPAN_CUSTOMERS / 8);
    else
        memset(bits, 0, SPAN_CUSTOMERS / 8);
    if (e->dirty_count)
        put_dirty_bits(e, state_bits(&e->dirty, node, FRAME_CUSTOMER), bits);
    kernel_and(bits, e->population, SPAN_CUSTOMERS / 64);
    if (until)
        span_untils(e, node, until);
}

static struct term_value value_at(struct evaluator *e, struct state *s, uint32_t node, uint32_t i) {
    const struct plan_node *n = state_node(s, node);
    struct term_value out = {0};
    if (n->type == TERM_DISTRIBUTION) {
        out.text = aggregate_distribution(s, node, i, &e->answers);
        out.type = out.text.data ? TERM_DISTRIBUTION : TERM_NONE;
        return out;
    }
    const struct vector *v = state_values(s, node);
    if (!vector_has(v, i))
        return out;
    out.type = v->type;
    if (v->form == VECTOR_TEXTS) {
        out.text = v->texts[i & v->mask];
    } else if (v->form == VECTOR_LISTS) {
        out.text = list_json(s, &v->lists[i & v->mask], n->type, &e->answers);
    } else {
        struct number number = number_reduced(vector_number(v, i));
        out.scale = number.scale;
        if (number.scale == NUMBER_REAL)
            out.real = number.real;
        else
            out.integer = number.integer;
    }
    return out;
}

struct term_value evaluate_value(struct evaluator *e, size_t root, uint32_t i) {
    assert(root < e->plan->root_count);
    uint32_t node = e->plan->roots[root];
    arena_reset(&e->answers);
    if (e->live)
        return value_at(e, &e->main, node, 0);
    assert(i < SPAN_CUSTOMERS);
    if (bit_of(e->dirty_bits, i) && bit_of(e->population, i))
        return value_at(e, &e->dirty, node, e->dirty_index[i]);
    return value_at(e, &e->main, node, i);
}

uint64_t evaluate_clauses(struct evaluator *e, size_t root) {
    assert(e->live && root < e->plan->root_count);
    const struct clauses *c = &e->plan->clauses[root];
    uint64_t clauses = 0;
    for (uint32_t i = 0; i < c->count; i++)
        clauses |= (state_bits(&e->main, c->nodes[i], FRAME_CUSTOMER)[0] & 1) << i;
    return clauses;
}

bool evaluate_clauses_told(const struct evaluator *e, size_t root, bool answer, uint64_t *clauses) {
    assert(root < e->plan->root_count);
    const struct clauses *c = &e->plan->clauses[root];
    const struct plan_node *n = &e->plan->nodes[e->plan->roots[root]];
    assert(c->count > 0);
    bool single = c->count == 1 && c->nodes[0] == e->plan->roots[root];
    *clauses = answer ? UINT64_MAX >> (64 - c->count) : 0;
    return single || (n->kind == PLAN_CALL && n->op == (answer ? OP_AND : OP_OR));
}
