/* check_literal: literals, and those that take the type of what they are compared with. A text beside a date becomes that date, beside
 * gender its number, beside the id of master data the id of what is called so. Done in place: the tree that comes out says what is
 * compared, and evaluating it needs none of this again. */
#include "language/check_inside.h"

#include <assert.h>

#include "govern/normalise.h"

bool check_gender(const struct term *term) {
    return term->property && term->property->normaliser == NORMALISE_GENDER && term->property->type == PROPERTY_NUMBER;
}

/* --- durations --- */

/* About a thousand years in each unit, as the parser has it; a tree may come from elsewhere. */
static int64_t amount_max(enum unit unit) {
    static const int64_t a_year[] = {
        [UNIT_SECOND] = 31622400, [UNIT_MINUTE] = 527040, [UNIT_HOUR] = 8784, [UNIT_DAY] = 366,
        [UNIT_WEEK] = 53,         [UNIT_MONTH] = 12,      [UNIT_QUARTER] = 4, [UNIT_YEAR] = 1};
    assert((size_t)unit < sizeof a_year / sizeof *a_year);
    return 1000 * a_year[unit];
}

bool check_duration(struct check *c, const struct node *node, bool ago) {
    if (node->ago && !ago)
        return check_fail(c, node, "a duration is asked for here, such as 3 days; %s is a moment",
                          check_shown(node).text);
    if (node->amount < 1)
        return check_fail(c, node, "a duration has at least one unit, such as 1 day");
    if (node->amount > amount_max((enum unit)node->unit))
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
    struct named_literal *named = arena_get(c->arena, sizeof *named);
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

static bool id_known(const struct check *c, uint16_t type, struct slice id) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    bool known = master_get_json(c->v->master, type, id, TIME_NONE, &w);
    buffer_release(&text);
    return known;
}

static void match_name(struct check *c, struct named_literal *named, struct slice id, struct slice name) {
    if (!slice_equal(name, named->node->text))
        return;
    if (named->matches == 0)
        named->id = arena_copy(c->arena, id);
    else if (named->matches == 1)
        named->more = arena_copy(c->arena, id);
    if (named->matches < UINT16_MAX)
        named->matches++;
}

static void find_by_name(struct check *c, struct named_literal *named) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    master_list_json(c->v->master, named->type, SLICE_NONE, named->node->text, 1000, &w);
    buffer_reserve(&text, 1);
    if (json_parse(p, buffer_slice(&text), true, &root, NULL) == STATUS_OK)
        for (const struct json *m = json_first(p, root); m; m = json_next(p, m))
            match_name(c, named, json_get_text(p, m, "id"), json_get_text(p, json_get(p, m, "fields"), "name"));
    json_parser_free(p);
    buffer_release(&text);
}

bool check_names_to_ids(struct check *c) {
    for (struct named_literal *n = c->names; n; n = n->next) {
        if (id_known(c, n->type, n->node->text))
            continue;
        find_by_name(c, n);
        if (n->matches > 1)
            return check_fail(c, n->node, "several are called \"%s\"; write the id, such as \"%s\" or \"%s\"",
                              check_shown_text(n->node->text).text, check_shown_text(n->id).text,
                              check_shown_text(n->more).text);
        if (n->matches == 0)
            continue;
        n->node->shown = n->node->text;
        n->node->text = n->id;
    }
    return true;
}
