/* check_literal: literals, and those that take the type of what they are compared with. A text beside a date becomes that date, beside
 * gender its number, beside the id of master data the id of what is called so. Done in place: the tree that comes out says what is
 * compared, and evaluating it needs none of this again. */
#include "language/check_inside.h"

#include <assert.h>

#include "base/hash.h"
#include "govern/normalise.h"
#include "language/tree_inside.h"

bool check_gender(const struct term *term) {
    return term->property && term->property->normaliser == NORMALISE_GENDER && term->property->type == PROPERTY_NUMBER;
}

/* --- durations --- */

bool check_duration(struct check *c, const struct node *node, bool ago) {
    if (node->ago && !ago)
        return check_fail(c, node, "a duration is asked for here, such as 3 days; %s is a moment",
                          check_shown(node).text);
    if (node->amount < 1)
        return check_fail(c, node, "a duration has at least one unit, such as 1 day");
    if (node->amount > tree_amount_max((enum unit)node->unit))
        return check_fail(c, node, "a duration is at most 1000 years");
    return true;
}

/* --- literals --- */

bool check_literal(struct check *c, struct node *node) {
    node->constant = true;
    switch (node->literal) {
    case VALUE_BOOL:
        node->type = TERM_BOOL;
        return true;
    case VALUE_NUMBER:
    case VALUE_REAL:
        node->type = TERM_NUMBER;
        return true;
    case VALUE_TEXT:
        node->type = TERM_TEXT;
        return true;
    case VALUE_DATE:
        node->type = TERM_DATE;
        return true;
    case VALUE_TIME:
        node->type = TERM_TIME;
        if (!node->zoned)
            node->integer = zone_local_to_utc(c->v->zone, node->integer);
        node->zoned = true;
        return true;
    default:
        return check_fail(c, node, "a value is asked for here");
    }
}

static bool has_time_of_day(struct slice text) {
    static const struct slice hour = {"时", sizeof "时" - 1};
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == ':' || slice_starts(slice_of(text.data + i, text.size - i), hour))
            return true;
    return false;
}

bool check_convert_moment(struct check *c, struct node *literal) {
    int64_t value;
    assert(check_is_text(literal));
    bool time = has_time_of_day(literal->text);
    if ((time ? normalise_time(literal->text, c->v->zone, NULL, &value, NULL)
              : normalise_date(literal->text, NULL, NULL, &value, NULL)) != STATUS_OK)
        return check_fail(c, literal, "\"%s\" is no date; write one such as 2026-01-31 or 2026-01-31T08:00",
                          check_shown_text(literal->text).text);
    literal->literal = time ? VALUE_TIME : VALUE_DATE;
    literal->type = time ? TERM_TIME : TERM_DATE;
    literal->integer = value;
    literal->zoned = time;
    literal->text = SLICE_NONE;
    return true;
}

static bool convert_gender(struct check *c, struct node *literal) {
    enum gender gender;
    if (normalise_gender(literal->text, &gender, NULL) != STATUS_OK)
        return check_fail(c, literal, "\"%s\" is no gender; write \"male\", \"female\" or \"unknown\"",
                          check_shown_text(literal->text).text);
    literal->shown = literal->text;
    literal->text = SLICE_NONE;
    literal->literal = VALUE_NUMBER;
    literal->type = TERM_NUMBER;
    literal->integer = gender;
    literal->scale = 0;
    return true;
}

/* The plain form of an event type's name becomes the name. */
static void convert_event(const struct check *c, struct node *literal) {
    const struct dictionary *d = c->v->dictionary;
    const struct type *found = NULL;
    if (dictionary_type_find(d, TYPE_EVENT, literal->text))
        return;
    for (uint32_t i = 1, count = dictionary_type_count(d); i < count; i++) {
        const struct type *type = dictionary_type_at(d, (uint16_t)i);
        if (type->kind != TYPE_EVENT || !check_plain_equal(type->name, literal->text))
            continue;
        if (found)
            return;
        found = type;
    }
    if (found) {
        literal->shown = literal->text;
        literal->text = found->name;
    }
}

static void note_name(struct check *c, struct node *literal, uint16_t type) {
    struct named_literal *named = arena_get(&c->scratch->arena, sizeof *named);
    *named = (struct named_literal){.next = c->names, .node = literal, .type = type};
    c->names = named;
}

bool check_convert(struct check *c, struct node *literal, enum term_type type, const struct term *term) {
    if (!check_is_text(literal))
        return true;
    if (type == TERM_TIME || type == TERM_DATE)
        return check_convert_moment(c, literal);
    if (type == TERM_NUMBER && check_gender(term))
        return convert_gender(c, literal);
    if (term->event)
        convert_event(c, literal);
    else if (term->master && c->v->master && literal->text.size)
        note_name(c, literal, term->master);
    return true;
}

/* --- names of master data --- */

/* Literals of one type by their text, for one walk over the type's master data. */
struct wanted {
    struct check *c;
    struct named_literal **buckets;
    size_t mask;
    uint16_t name; /* property */
};

static struct named_literal **bucket_of(const struct wanted *w, struct slice text) {
    return &w->buckets[hash_bytes(text, 0) & w->mask];
}

static void match_id(const struct wanted *w, struct slice id) {
    for (struct named_literal *n = *bucket_of(w, id); n; n = n->beside)
        n->is_id = n->is_id || slice_equal(n->node->text, id);
}

static void match_name(const struct wanted *w, struct slice id, struct slice name) {
    for (struct named_literal *n = *bucket_of(w, name); n; n = n->beside) {
        if (n->matches > 1 || !slice_equal(n->node->text, name))
            continue;
        n->id[n->matches++] = arena_copy(&w->c->scratch->arena, id);
    }
}

static bool look_at(void *context, struct slice id, const struct record_head *latest, int64_t valid_to) {
    const struct wanted *w = context;
    const struct record_value *name = w->name ? record_find(latest, w->name) : NULL;
    (void)valid_to; /* what is closed may be asked for as well */
    match_id(w, id);
    if (name && name->kind == VALUE_TEXT)
        match_name(w, id, record_text(latest, name));
    return true;
}

/* Takes the literals of one type off the list. */
static struct named_literal *take_type(struct check *c, uint16_t type, size_t *count) {
    struct named_literal *taken = NULL, **at = &c->names;
    while (*at) {
        struct named_literal *n = *at;
        if (n->type == type) {
            *at = n->next;
            n->next = taken;
            taken = n;
            ++*count;
        } else {
            at = &n->next;
        }
    }
    return taken;
}

static void find_all(struct check *c, struct named_literal *literals, size_t count) {
    const struct type *type = dictionary_type_at(c->v->dictionary, literals->type);
    const struct property *name = dictionary_property_find(c->v->dictionary, type, SLICE("name"));
    struct wanted w = {.c = c, .mask = 15, .name = name ? name->number : 0};
    while (w.mask < count)
        w.mask = 2 * w.mask + 1;
    w.buckets = arena_get(&c->scratch->arena, (w.mask + 1) * sizeof(struct named_literal *));
    memset(w.buckets, 0, (w.mask + 1) * sizeof(struct named_literal *));
    for (struct named_literal *n = literals; n; n = n->next) {
        struct named_literal **bucket = bucket_of(&w, n->node->text);
        n->beside = *bucket;
        *bucket = n;
    }
    master_walk(c->v->master, type->number, look_at, &w);
}

bool check_names_to_ids(struct check *c) {
    while (c->names) {
        size_t count = 0;
        struct named_literal *literals = take_type(c, c->names->type, &count);
        find_all(c, literals, count);
        for (struct named_literal *n = literals; n; n = n->next) {
            if (n->is_id || n->matches == 0 || n->node->shown.data) /* the last: compared twice */
                continue;
            if (n->matches > 1)
                return check_fail(c, n->node, "several are called \"%s\"; write the id, such as \"%s\" or \"%s\"",
                                  check_shown_text(n->node->text).text, check_shown_text(n->id[0]).text,
                                  check_shown_text(n->id[1]).text);
            n->node->shown = n->node->text;
            n->node->text = arena_copy(c->arena, n->id[0]);
        }
    }
    return true;
}
