/* language_expression_model: random expressions as text (language_random_model.h): each function writes one of a type, choosing among
 * literals, fields that the place knows, functions and aggregates, with less and less depth. */
#include <assert.h>

#include "language/language_random_model.h"

struct place {
    struct random_world *w;
    struct buffer *out;
    const struct type *row, *item; /* of the where it stands in */
    bool rows, related;
    unsigned nesting; /* aggregates around it */
};

static void condition(struct place *p, int depth);
static void number(struct place *p, int depth);
static void text(struct place *p, int depth);
static void moment(struct place *p, int depth, bool date);
static bool list(struct place *p, bool texts);

static uint64_t below(struct place *p, uint64_t n) { return random_below(&p->w->random, n); }
static bool chance(struct place *p, double c) { return random_chance(&p->w->random, c); }
static void put(struct place *p, const char *word) { buffer_add(p->out, word, strlen(word)); }
static const char *pick(struct place *p, const char *const *words, size_t count) { return words[below(p, count)]; }
#define PICK(p, ...)                                                                                                   \
    pick(p, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* --- names --- */

static void put_name(struct place *p, struct slice name) {
    bool plain = name.size > 0;
    for (size_t i = 0; i < name.size; i++)
        plain = plain && (name.data[i] == '_' || name.data[i] == '.' || (name.data[i] >= '0' && name.data[i] <= '9') ||
                          (name.data[i] >= 'a' && name.data[i] <= 'z'));
    buffer_print(p->out, plain ? "%.*s" : "`%.*s`", SLICE_ARG(name));
}

struct found {
    const struct type *type;
    const struct property *property;
    const char *prefix, *system;
};

static bool of_type(uint8_t property_type, enum term_type wanted) {
    switch (property_type) {
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        return wanted == TERM_NUMBER;
    case PROPERTY_TEXT:
        return wanted == TERM_TEXT;
    case PROPERTY_BOOL:
        return wanted == TERM_BOOL;
    case PROPERTY_TIME:
        return wanted == TERM_TIME;
    case PROPERTY_DATE:
        return wanted == TERM_DATE;
    case PROPERTY_TEXT_LIST:
        return wanted == TERM_TEXT_LIST;
    case PROPERTY_NUMBER_LIST:
        return wanted == TERM_NUMBER_LIST;
    default:
        return false;
    }
}

#define FOUND_MAX 128

static void add_fields(struct found *found, size_t *count, const struct type *type, const char *prefix,
                       enum term_type wanted) {
    for (uint16_t i = 1; type && i <= type->property_count; i++) {
        const struct property *property = dictionary_property_at(type, i);
        bool ours = type->number != DICTIONARY_CUSTOMER ||
                    (property->name.data[0] == 'c' && property->name.size <= 6 && !slice_is(property->name, "city")) ||
                    slice_is(property->name, "num1") || slice_is(property->name, "txt1") ||
                    slice_is(property->name, "gadget_id");
        if (ours && of_type(property->type, wanted) && *count < FOUND_MAX)
            found[(*count)++] = (struct found){type, property, prefix, NULL};
    }
}

static void add_master(struct found *found, size_t *count, const struct place *p, enum term_type wanted) {
    const struct type *owner = p->item ? p->item : p->row ? p->row : dictionary_type_at(p->w->dictionary, 0);
    if (!p->w->plain && dictionary_property_find(p->w->dictionary, owner, SLICE("gadget_id")))
        add_fields(found, count, p->w->master_type, "gadget.", wanted);
}

/* Writes a field of the wanted type that the place knows; false where there is none. */
static bool field(struct place *p, enum term_type wanted) {
    struct found found[FOUND_MAX];
    size_t count = 0;
    add_fields(found, &count, p->item, "", wanted);
    add_fields(found, &count, p->row, "", wanted);
    add_fields(found, &count, p->row, "", wanted); /* rather than attributes */
    if (!p->w->plain || !p->rows || p->related)
        add_fields(found, &count, dictionary_type_at(p->w->dictionary, 0), p->rows ? "customer." : "", wanted);
    add_master(found, &count, p, wanted);
    if (p->rows && wanted == TERM_TIME && count < FOUND_MAX)
        found[count++] = (struct found){.system = PICK(p, "time", "time", "received")};
    if (p->rows && wanted == TERM_NUMBER && count < FOUND_MAX && chance(p, 0.3))
        found[count++] = (struct found){.system = "source"};
    if (p->rows && !p->row && wanted == TERM_TEXT && count < FOUND_MAX)
        found[count++] = (struct found){.system = "event"};
    if (p->row && p->row->kind == TYPE_DOCUMENT && wanted == TERM_TIME && count < FOUND_MAX)
        found[count++] = (struct found){.system = "updated"};
    if (count == 0)
        return false;
    struct found f = found[below(p, count)];
    if (f.system)
        put(p, f.system);
    else {
        put(p, f.prefix);
        put_name(p, f.property->name);
    }
    return true;
}

/* --- literals --- */

static void text_literal(struct place *p) {
    put(p, PICK(p, "\"a\"", "\"b\"", "\"ab\"", "\"A b\"", "\"值一\"", "\"值二\"", "\"\"", "\" x%y \"", "\"a*b\"",
                "\"g1\"", "\"g2\"", "\"\\\"q\\\"\\\\\""));
}

static void number_literal(struct place *p) {
    if (chance(p, 0.6))
        buffer_print(p->out, "%d", (int)below(p, 9));
    else if (chance(p, 0.5))
        buffer_print(p->out, "%d.%d", (int)below(p, 100), (int)below(p, 100));
    else if (chance(p, 0.1))
        put(p, "5000000000000000000");
    else
        put(p, PICK(p, "0.5", "1.25", "0.0001", "100", "12.500", p->w->plain ? "0.25" : "0.1234567"));
}

static void moment_literal(struct place *p, bool date) {
    char out[TIME_TEXT_BYTES];
    int64_t ms = p->w->instants[below(p, RANDOM_INSTANTS)];
    if (date) {
        buffer_add(p->out, out, time_format_date(ms / DAY_MS - (int64_t)below(p, 2), out));
        return;
    }
    size_t size = time_format(ms - ((ms % 1000) + 1000) % 1000, out);
    buffer_add(p->out, out, size - 5); /* without .000Z */
    put(p, PICK(p, "Z", "", "+08:00"));
}

static void duration(struct place *p, bool small) {
    static const char *const units[] = {"day", "hour", "day", "week", "second", "month", "quarter", "year"};
    unsigned amount = 1 + (unsigned)below(p, small ? 3 : 9);
    buffer_print(p->out, "%u %s%s", chance(p, 0.2) ? 30 : amount, units[below(p, small ? 6 : 8)], "s");
}

/* --- sources, windows --- */

static const struct type *some_type(struct place *p, bool relation) {
    const struct type *type = p->w->types[below(p, p->w->type_count)];
    return type->kind == TYPE_RELATION && (!relation || p->related || p->w->plain) ? p->w->types[0] : type;
}

static const struct property *items_of(const struct type *type) {
    for (uint16_t i = 1; i <= type->property_count; i++)
        if (dictionary_property_at(type, i)->type == PROPERTY_ITEMS)
            return dictionary_property_at(type, i);
    return NULL;
}

static void window(struct place *p) {
    struct place outer = {.w = p->w, .out = p->out, .related = p->related, .nesting = p->nesting};
    int depth = p->w->plain ? 0 : (int)below(p, 2);
    switch (below(p, p->w->plain ? 7 : 12)) {
    case 0:
    case 1:
        put(p, "last ");
        duration(p, false);
        break;
    case 2:
        put(p, PICK(p, "today", "yesterday", "this week", "this month", "this year", "previous month", "last week",
                    "this quarter", "previous quarter", "last year"));
        break;
    case 3:
        put(p, "since ");
        moment(&outer, depth, chance(p, 0.5));
        break;
    case 4:
        put(p, "before ");
        moment(&outer, depth, chance(p, 0.5));
        break;
    case 5:
        put(p, "from ");
        moment_literal(p, true);
        put(p, " to ");
        moment_literal(p, true);
        break;
    case 6:
        put(p, "on ");
        moment(&outer, depth, true);
        break;
    case 7:
    case 8:
        duration(p, false);
        put(p, PICK(p, " after ", " before "));
        moment(&outer, depth, chance(p, 0.5));
        break;
    case 9:
        put(p, "after ");
        moment(&outer, depth, chance(p, 0.5));
        break;
    case 10:
        put(p, "from ");
        moment(&outer, 0, chance(p, 0.5));
        put(p, " to ");
        moment(&outer, 0, chance(p, 0.5));
        break;
    default:
        put(p, "today");
    }
}

/* A source; what its rows know is put in `in`. `wanted`: of a field of that type; TERM_NONE: the rows. False: no such field. */
static bool source(struct place *p, struct place *in, enum term_type wanted, bool relation, bool items) {
    bool own = p->row && !p->item && items && items_of(p->row) && chance(p, 0.5);
    *in = (struct place){.w = p->w, .out = p->out, .rows = true, .related = p->related, .nesting = p->nesting + 1};
    if (!own && chance(p, 0.08) && !p->w->plain) {
        put(p, "any event");
        return wanted == TERM_NONE;
    }
    in->row = own ? p->row : some_type(p, relation);
    const struct property *rows = items && (own || chance(p, 0.4)) ? items_of(in->row) : NULL;
    if (!own)
        put_name(p, in->row->name);
    if (rows) {
        put(p, own ? "" : ".");
        put_name(p, rows->name);
        in->item = dictionary_type_at(p->w->dictionary, rows->item_type);
    }
    if (in->row->kind == TYPE_RELATION)
        in->related = true;
    if (wanted == TERM_NONE)
        return true;
    struct found found[FOUND_MAX];
    size_t count = 0;
    add_fields(found, &count, in->item ? in->item : in->row, "", wanted);
    if (count == 0)
        return false;
    put(p, ".");
    put_name(p, found[below(p, count)].property->name);
    return true;
}

/* The rest of an aggregate behind its source. */
static void rest(struct place *p, struct place *in, int depth, bool where) {
    bool own =
        p->row && in->row == p->row && in->nesting > 1 && p->rows; /* items of the row may be meant: no window then */
    if (where || chance(p, 0.6)) {
        put(p, " where ");
        condition(in, depth - 1);
    }
    if (!own && chance(p, 0.55)) {
        put(p, ", ");
        window(p);
    }
    put(p, ")");
}

/* word(source.field where ..., window); false (and nothing written) where no such field came up. */
static bool over_field(struct place *p, const char *word, enum term_type wanted, int depth) {
    struct place in;
    for (unsigned tries = 0; tries < 4; tries++) {
        size_t before = p->out->size;
        put(p, word);
        put(p, "(");
        if (source(p, &in, wanted, false, true)) {
            rest(p, &in, depth, false);
            return true;
        }
        p->out->size = before;
    }
    return false;
}

static void over_rows(struct place *p, const char *word, int depth, bool where) {
    struct place in;
    put(p, word);
    put(p, "(");
    source(p, &in, TERM_NONE, true, true);
    rest(p, &in, depth, where);
}

/* first(x).field */
static bool end_field(struct place *p, enum term_type wanted, int depth) {
    struct place in;
    struct found found[FOUND_MAX];
    size_t count = 0, before = p->out->size;
    put(p, PICK(p, "first(", "last("));
    source(p, &in, TERM_NONE, false, true);
    const struct type *type = in.item ? in.item : in.row;
    add_fields(found, &count, type, "", wanted);
    if (count == 0) {
        p->out->size = before;
        return false;
    }
    rest(p, &in, depth, false);
    put(p, ".");
    put_name(p, found[below(p, count)].property->name);
    return true;
}

static bool may_nest(struct place *p) { return p->nesting == 0 || (!p->w->plain && p->nesting < 2 && chance(p, 0.15)); }

/* --- sequences: their limits are mostly lengths that lie between the instants of rows --- */

static void limit(struct place *p) {
    if (chance(p, 0.3))
        duration(p, true);
    else
        put(p, PICK(p, "1 day", "3 days", "2 days", "7 days", "1 hour", "4 days", "6 days", "1 week", "24 hours"));
}

static void sequence(struct place *p, bool steps) {
    uint64_t count = 1 + below(p, 4);
    bool whole = chance(p, 0.25), negated = false;
    put(p, steps ? "steps(" : "sequence(");
    for (uint64_t i = 0; i < count; i++) {
        struct place in;
        bool last = i + 1 == count;
        put(p, i ? " -> " : "");
        bool absent = i > 0 && (!last || !negated) && chance(p, 0.3);
        put(p, absent ? "not " : "");
        source(p, &in, TERM_NONE, false, false);
        if (chance(p, 0.25)) {
            put(p, " where ");
            condition(&in, 0);
        }
        if (i > 0 && (absent ? last : !whole) && chance(p, 0.5)) {
            put(p, " within ");
            limit(p);
        }
        negated = absent;
    }
    if (whole) {
        put(p, ", within ");
        limit(p);
    }
    if (chance(p, 0.35)) {
        put(p, ", ");
        window(p);
    }
    put(p, ")");
}

/* --- numbers --- */

static void number_aggregate(struct place *p, int depth) {
    static const char *const measures[] = {"sum",   "avg",  "min", "max",   "median",
                                           "first", "last", "top", "count", "sum"};
    switch (below(p, 8)) {
    case 0:
    case 1:
        over_rows(p, "count", depth, false);
        return;
    case 2:
        over_rows(p, p->w->plain ? "count" : "share", depth, true);
        return;
    case 3:
        over_rows(p, p->w->plain ? "count" : "distinct days", depth, false);
        return;
    case 4:
        if (over_field(p, "distinct", PICK(p, "t", "n")[0] == 't' ? TERM_TEXT : TERM_NUMBER, depth))
            return;
        break;
    case 5:
        if (!p->w->plain && end_field(p, TERM_NUMBER, depth))
            return;
        break;
    case 6:
        if (!p->w->plain) {
            sequence(p, true);
            return;
        }
        break;
    default:
        break;
    }
    if (!over_field(p, pick(p, measures, p->w->plain ? 3 : sizeof measures / sizeof *measures), TERM_NUMBER, depth))
        put(p, "2");
}

static void function_of_numbers(struct place *p, const char *word, unsigned count, int depth) {
    put(p, word);
    put(p, "(");
    for (unsigned i = 0; i < count; i++) {
        put(p, i ? ", " : "");
        number(p, depth - 1);
    }
    put(p, ")");
}

static void since(struct place *p, int depth) {
    static const char *const words[] = {
        "days since ",  "days since ", "hours since ",  "minutes since ", "seconds since ",
        "weeks since ", "days until ", "months since ", "years since ",   "days until anniversary "};
    put(p, words[below(p, p->w->plain ? 7 : 10)]);
    size_t at = p->out->size;
    put(p, "(");
    bool date = p->out->data[at - 2] == 'y' || chance(p, 0.4);
    moment(p, depth - 1, date);
    put(p, ")");
}

static void number_function(struct place *p, int depth) {
    switch (below(p, 9)) {
    case 0:
    case 1:
        put(p, "(");
        number(p, depth - 1);
        put(p, PICK(p, " + ", " - ", " * ", " / ", " % "));
        number(p, depth - 1);
        put(p, ")");
        break;
    case 2:
        function_of_numbers(p, PICK(p, "abs", "round", "floor", "ceiling", "-"), 1, depth);
        break;
    case 3:
        function_of_numbers(p, PICK(p, "least", "greatest", "coalesce"), 2 + (unsigned)below(p, 2), depth);
        break;
    case 4:
        put(p, "if(");
        condition(p, depth - 1);
        put(p, ", ");
        number(p, depth - 1);
        put(p, ", ");
        number(p, depth - 1);
        put(p, ")");
        break;
    case 5:
        put(p, "length(");
        if (chance(p, 0.5) || !list(p, chance(p, 0.5)))
            text(p, depth - 1);
        put(p, ")");
        break;
    case 6:
        if (chance(p, 0.2)) {
            put(p, "hour(");
            moment(p, depth - 1, false);
        } else {
            put(p, PICK(p, "year(", "quarter(", "month(", "day(", "weekday("));
            moment(p, depth - 1, chance(p, 0.3));
        }
        put(p, ")");
        break;
    case 7:
        put(p, "round(");
        number(p, depth - 1);
        buffer_print(p->out, ", %u)", (unsigned)below(p, 4));
        break;
    default:
        put(p, "age(");
        moment(p, 0, true);
        put(p, ")");
    }
}

static void named_number(struct place *p) {
    put(p, PICK(p, "tag(\"t2\")", "score(\"s1\")", "metric(\"m1\")", "tag(\"t3\")"));
}

static void number(struct place *p, int depth) {
    double kind = random_unit(&p->w->random);
    if (depth > 0 && kind < 0.35 && may_nest(p))
        number_aggregate(p, depth);
    else if (depth > 0 && kind < 0.55 && !p->w->plain)
        number_function(p, depth);
    else if (depth > 0 && kind < 0.65)
        since(p, p->w->plain ? 1 : depth);
    else if (kind > 0.65 && kind < 0.68 && !p->w->plain)
        named_number(p);
    else if (kind > 0.9 || !field(p, TERM_NUMBER))
        number_literal(p);
}

/* --- texts and moments --- */

static void text_function(struct place *p, int depth) {
    switch (below(p, 5)) {
    case 0:
        put(p, PICK(p, "lower(", "upper(", "trim("));
        text(p, depth - 1);
        put(p, ")");
        break;
    case 1:
        put(p, "substring(");
        text(p, depth - 1);
        buffer_print(p->out, ", %d", (int)below(p, 4));
        if (chance(p, 0.5))
            buffer_print(p->out, ", %d", (int)below(p, 4));
        put(p, ")");
        break;
    case 2:
        put(p, "(");
        text(p, depth - 1);
        put(p, " + ");
        text(p, depth - 1);
        put(p, ")");
        break;
    case 3:
        put(p, "coalesce(");
        text(p, depth - 1);
        put(p, ", ");
        text(p, depth - 1);
        put(p, ")");
        break;
    default:
        put(p, "if(");
        condition(p, depth - 1);
        put(p, ", ");
        text(p, depth - 1);
        put(p, ", \"b\")");
    }
}

static void text(struct place *p, int depth) {
    double kind = random_unit(&p->w->random);
    if (depth > 0 && kind < 0.2 && !p->w->plain)
        text_function(p, depth);
    else if (depth > 0 && kind < 0.3 && !p->w->plain && may_nest(p)) {
        if (chance(p, 0.3) ? !end_field(p, TERM_TEXT, depth)
                           : !over_field(p, PICK(p, "top", "first", "last"), TERM_TEXT, depth))
            text_literal(p);
    } else if (kind > 0.3 && kind < 0.33 && !p->w->plain)
        put(p, "tag(\"t1\")");
    else if (kind > 0.92 || !field(p, TERM_TEXT))
        text_literal(p);
}

static void time_aggregate(struct place *p, int depth) {
    if (chance(p, 0.6))
        over_rows(p, PICK(p, "first", "last"), depth, false);
    else if (!over_field(p, p->w->plain ? PICK(p, "min", "max") : PICK(p, "first", "last", "min", "max"), TERM_TIME,
                         depth))
        put(p, "now");
}

static void moment(struct place *p, int depth, bool date) {
    double kind = random_unit(&p->w->random);
    if (date) {
        if (depth > 0 && kind < 0.2 && !p->w->plain) {
            put(p, "date(");
            moment(p, depth - 1, false);
            put(p, ")");
        } else if (depth > 0 && kind < 0.3 && !p->w->plain && may_nest(p)) {
            if (!over_field(p, PICK(p, "first", "last", "min", "max", "top"), TERM_DATE, depth))
                put(p, "today");
        } else if (kind > 0.3 && kind < 0.4 && !p->w->plain)
            put(p, "today");
        else if (kind > 0.75 || !field(p, TERM_DATE))
            moment_literal(p, true);
        return;
    }
    if (depth > 0 && kind < 0.3 && may_nest(p))
        time_aggregate(p, depth);
    else if (depth > 0 && kind < 0.45 && !p->w->plain) {
        put(p, "(");
        moment(p, depth - 1, chance(p, 0.3));
        put(p, PICK(p, " + ", " - "));
        duration(p, false);
        put(p, ")");
    } else if (kind > 0.45 && kind < 0.55 && !p->w->plain) {
        duration(p, false);
        put(p, " ago");
    } else if (kind > 0.55 && kind < 0.6 && !p->w->plain)
        put(p, "now");
    else if (kind > 0.85 || !field(p, TERM_TIME))
        moment_literal(p, false);
}

static bool list(struct place *p, bool texts) { return field(p, texts ? TERM_TEXT_LIST : TERM_NUMBER_LIST); }

/* --- conditions --- */

static void comparison(struct place *p) { put(p, PICK(p, " = ", " != ", " < ", " <= ", " > ", " >= ")); }

static void compare_numbers(struct place *p, int depth) {
    number(p, depth);
    switch (below(p, 5)) {
    case 0:
        put(p, PICK(p, " between ", " not between "));
        number(p, depth - 2);
        put(p, " and ");
        number(p, depth - 2);
        break;
    case 1:
        put(p, PICK(p, " in (", " not in ("));
        for (uint64_t n = below(p, 4); n > 0; n--) {
            number(p, 0);
            put(p, ", ");
        }
        number(p, 0);
        put(p, ")");
        break;
    default:
        comparison(p);
        number(p, chance(p, 0.7) ? 0 : depth - 1);
    }
}

static void compare_texts(struct place *p, int depth) {
    text(p, depth);
    switch (below(p, 6)) {
    case 0:
        put(p, PICK(p, " in (", " not in ("));
        text_literal(p);
        for (uint64_t n = below(p, 4); n > 0; n--) {
            put(p, ", ");
            text(p, 0);
        }
        put(p, ")");
        break;
    case 1:
        put(p, PICK(p, " contains ", " starts with ", " ends with ", " not contains "));
        text(p, 0);
        break;
    case 2:
        put(p, PICK(p, " matches ", " not matches "));
        put(p, PICK(p, "\"*\"", "\"?\"", "\"a*\"", "\"*b*\"", "\"值?\"", "\"a\\\\*b\"", "\"\"", "\"long-*1*\"",
                    "\"??*\""));
        break;
    default:
        put(p, PICK(p, " = ", " != "));
        text(p, chance(p, 0.7) ? 0 : depth - 1);
    }
}

static void compare_moments(struct place *p, int depth) {
    bool date = chance(p, 0.5);
    moment(p, depth, date);
    if (chance(p, 0.25)) {
        put(p, " between ");
        moment(p, 0, date);
        put(p, " and ");
        moment(p, 0, chance(p, 0.2) ? !date : date);
        return;
    }
    comparison(p);
    moment(p, depth - 1, chance(p, 0.2) ? !date : date);
}

static void ask_list(struct place *p) {
    bool texts = chance(p, 0.5);
    if (!list(p, texts)) {
        put(p, "1 = 1");
        return;
    }
    switch (below(p, 3)) {
    case 0:
        put(p, PICK(p, " contains ", " not contains "));
        texts ? text(p, 0) : number(p, 0);
        return;
    case 1:
        put(p, PICK(p, " is missing", " is present"));
        return;
    default:
        put(p, PICK(p, " contains any (", " contains all (", " not contains any (", " not contains all ("));
        for (uint64_t n = below(p, 3); n > 0; n--) {
            texts ? text(p, 0) : number(p, 0);
            put(p, ", ");
        }
        texts ? text_literal(p) : number_literal(p);
        put(p, ")");
    }
}

static void ask_missing(struct place *p, int depth) {
    switch (below(p, 4)) {
    case 0:
        if (field(p, TERM_BOOL))
            break;
        __attribute__((fallthrough));
    case 1:
        text(p, depth - 1);
        break;
    case 2:
        moment(p, depth - 1, chance(p, 0.5));
        break;
    default:
        put(p, "(");
        number(p, depth - 1);
        put(p, ")");
    }
    put(p, PICK(p, " is missing", " is present"));
}

static void ask_bool(struct place *p) {
    if (!field(p, TERM_BOOL)) {
        put(p, "true");
        return;
    }
    if (chance(p, 0.4))
        put(p, PICK(p, " = true", " != true", " = false", " != false"));
}

static void named_condition(struct place *p) {
    put(p, PICK(p, "in segment \"up\"", "not in segment \"fixed\"", "in segment \"fixed\"", "in segment \"rule\"",
                "in segment \"second\"", "has tag \"t1\"", "has tag \"t2\"", "has tag \"t3\"", "has tag \"t4\""));
}

static void aggregate_condition(struct place *p, int depth) {
    if (!p->w->plain && chance(p, 0.35))
        sequence(p, false);
    else
        over_rows(p, PICK(p, "any", "none"), depth, chance(p, 0.6));
}

static void junction(struct place *p, int depth) {
    const char *word = PICK(p, " and ", " or ");
    put(p, "(");
    condition(p, depth - 1);
    for (uint64_t n = 1 + below(p, 2); n > 0; n--) {
        put(p, word);
        condition(p, depth - 1);
    }
    put(p, ")");
}

static void condition(struct place *p, int depth) {
    double kind = random_unit(&p->w->random);
    if (depth > 1 && kind < 0.22)
        junction(p, depth);
    else if (depth > 0 && kind < 0.28) {
        put(p, "not (");
        condition(p, depth - 1);
        put(p, ")");
    } else if (depth > 0 && kind < 0.48 && may_nest(p))
        aggregate_condition(p, depth);
    else if (kind < 0.7)
        compare_numbers(p, depth);
    else if (kind < 0.8)
        compare_texts(p, depth);
    else if (kind < 0.87)
        compare_moments(p, depth);
    else if (kind < 0.91)
        p->w->plain ? ask_bool(p) : ask_list(p);
    else if (kind < 0.94)
        ask_missing(p, depth);
    else if (kind < 0.97 && !p->w->plain)
        named_condition(p);
    else
        ask_bool(p);
}

void random_expression(struct random_world *w, bool bool_wanted, struct buffer *out) {
    struct place p = {.w = w, .out = out};
    int depth = 2 + (int)random_below(&w->random, 3);
    uint64_t kind = bool_wanted ? 9 : random_below(&w->random, 10);
    if (kind < 3)
        number(&p, depth);
    else if (kind == 3)
        text(&p, depth);
    else if (kind == 4)
        moment(&p, depth, random_chance(&w->random, 0.5));
    else if (kind == 5 && random_chance(&w->random, 0.5))
        over_field(&p, "distribution", TERM_TEXT, depth) ? (void)0 : number(&p, depth);
    else if (!w->plain && random_chance(&w->random, 0.15))
        sequence(&p, !bool_wanted && random_chance(&w->random, 0.3));
    else
        condition(&p, depth);
}
