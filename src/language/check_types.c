/* check_types: types of operators and functions. Those that ask the same of every argument are rows of `rules`; the others have a
 * function each. */
#include "language/check_inside.h"

#include <assert.h>
#include <stdio.h>

#define BIT(type) (1u << (type))
#define NUMBERS BIT(TERM_NUMBER)
#define TEXTS BIT(TERM_TEXT)
#define MOMENTS (BIT(TERM_TIME) | BIT(TERM_DATE))
#define LISTS (BIT(TERM_TEXT_LIST) | BIT(TERM_NUMBER_LIST))
#define SCALARS (NUMBERS | TEXTS | MOMENTS | BIT(TERM_BOOL))

struct rule {
    uint16_t takes; /* every argument: bits of enum term_type */
    uint8_t gives;
    bool keeps_money;
    bool clock; /* depends on the time: never constant */
    const char *needs;
};
static const struct rule rules[OP_COUNT_] = {
    [OP_OR] = {BIT(TERM_BOOL), TERM_BOOL, .needs = "conditions"},
    [OP_AND] = {BIT(TERM_BOOL), TERM_BOOL, .needs = "conditions"},
    [OP_NOT] = {BIT(TERM_BOOL), TERM_BOOL, .needs = "a condition"},
    [OP_STARTS_WITH] = {TEXTS, TERM_BOOL, .needs = "texts"},
    [OP_ENDS_WITH] = {TEXTS, TERM_BOOL, .needs = "texts"},
    [OP_MATCHES] = {TEXTS, TERM_BOOL, .needs = "texts"},
    [OP_MULTIPLY] = {NUMBERS, TERM_NUMBER, .needs = "numbers"},
    [OP_DIVIDE] = {NUMBERS, TERM_NUMBER, .needs = "numbers"},
    [OP_MODULO] = {NUMBERS, TERM_NUMBER, .needs = "numbers"},
    [OP_NEGATE] = {NUMBERS, TERM_NUMBER, true, .needs = "a number"},
    [OP_ABS] = {NUMBERS, TERM_NUMBER, true, .needs = "a number"},
    [OP_ROUND] = {NUMBERS, TERM_NUMBER, true, .needs = "a number"},
    [OP_FLOOR] = {NUMBERS, TERM_NUMBER, true, .needs = "a number"},
    [OP_CEILING] = {NUMBERS, TERM_NUMBER, true, .needs = "a number"},
    [OP_LOWER] = {TEXTS, TERM_TEXT, .needs = "a text"},
    [OP_UPPER] = {TEXTS, TERM_TEXT, .needs = "a text"},
    [OP_TRIM] = {TEXTS, TERM_TEXT, .needs = "a text"},
    [OP_LENGTH] = {TEXTS | LISTS, TERM_NUMBER, .needs = "a text or a list"},
    [OP_NOW] = {0, TERM_TIME, .clock = true},
    [OP_TODAY] = {0, TERM_DATE, .clock = true},
    [OP_DATE] = {BIT(TERM_TIME), TERM_DATE, .needs = "a time"},
    [OP_YEAR] = {MOMENTS, TERM_NUMBER, .needs = "a time or a date"},
    [OP_QUARTER] = {MOMENTS, TERM_NUMBER, .needs = "a time or a date"},
    [OP_MONTH] = {MOMENTS, TERM_NUMBER, .needs = "a time or a date"},
    [OP_DAY] = {MOMENTS, TERM_NUMBER, .needs = "a time or a date"},
    [OP_WEEKDAY] = {MOMENTS, TERM_NUMBER, .needs = "a time or a date"},
    [OP_HOUR] = {BIT(TERM_TIME), TERM_NUMBER, .needs = "a time"},
    [OP_AGE] = {BIT(TERM_DATE), TERM_NUMBER, .clock = true, .needs = "a date"},
    [OP_SECONDS_SINCE] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_MINUTES_SINCE] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_HOURS_SINCE] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_DAYS_SINCE] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_WEEKS_SINCE] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_MONTHS_SINCE] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_YEARS_SINCE] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_DAYS_UNTIL] = {MOMENTS, TERM_NUMBER, .clock = true, .needs = "a time or a date"},
    [OP_DAYS_UNTIL_ANNIVERSARY] = {BIT(TERM_DATE), TERM_NUMBER, .clock = true, .needs = "a date"},
};

enum term_type check_op_gives(enum op op) {
    static const uint8_t others[OP_COUNT_] = {[OP_EQUAL] = TERM_BOOL,
                                              [OP_NOT_EQUAL] = TERM_BOOL,
                                              [OP_LESS] = TERM_BOOL,
                                              [OP_LESS_EQUAL] = TERM_BOOL,
                                              [OP_GREATER] = TERM_BOOL,
                                              [OP_GREATER_EQUAL] = TERM_BOOL,
                                              [OP_BETWEEN] = TERM_BOOL,
                                              [OP_IN] = TERM_BOOL,
                                              [OP_CONTAINS] = TERM_BOOL,
                                              [OP_CONTAINS_ANY] = TERM_BOOL,
                                              [OP_CONTAINS_ALL] = TERM_BOOL,
                                              [OP_IS_MISSING] = TERM_BOOL,
                                              [OP_IS_PRESENT] = TERM_BOOL,
                                              [OP_SUBSTRING] = TERM_TEXT,
                                              [OP_COUNT] = TERM_NUMBER,
                                              [OP_SUM] = TERM_NUMBER,
                                              [OP_AVG] = TERM_NUMBER,
                                              [OP_MEDIAN] = TERM_NUMBER,
                                              [OP_ANY] = TERM_BOOL,
                                              [OP_NONE] = TERM_BOOL,
                                              [OP_DISTINCT] = TERM_NUMBER,
                                              [OP_DISTINCT_DAYS] = TERM_NUMBER,
                                              [OP_DISTRIBUTION] = TERM_DISTRIBUTION,
                                              [OP_SHARE] = TERM_NUMBER,
                                              [OP_SEQUENCE] = TERM_BOOL,
                                              [OP_STEPS] = TERM_NUMBER,
                                              [OP_IN_SEGMENT] = TERM_BOOL,
                                              [OP_HAS_TAG] = TERM_BOOL,
                                              [OP_SCORE] = TERM_NUMBER};
    return (enum term_type)(rules[op].gives ? rules[op].gives : others[op]);
}

bool check_op_clock(enum op op) { return rules[op].clock; }

/* --- words for messages --- */

const char *check_phrase(const struct node *node) {
    static const char *const phrases[] = {[TERM_NONE] = "nothing",
                                          [TERM_BOOL] = "true or false",
                                          [TERM_NUMBER] = "a number",
                                          [TERM_TEXT] = "text",
                                          [TERM_TIME] = "a time",
                                          [TERM_DATE] = "a date",
                                          [TERM_TEXT_LIST] = "a list of texts",
                                          [TERM_NUMBER_LIST] = "a list of numbers",
                                          [TERM_DISTRIBUTION] = "a distribution",
                                          [TERM_DURATION] = "a duration"};
    assert(node->type < sizeof phrases / sizeof *phrases);
    return node->type == TERM_NUMBER && node->money ? "money" : phrases[node->type];
}

/* The same without an article: text "a lot". */
static const char *noun(const struct node *node) {
    const char *phrase = check_phrase(node);
    return phrase[0] == 'a' && phrase[1] == ' ' ? phrase + 2 : node->type == TERM_BOOL ? "the condition" : phrase;
}

/* "total" of order; "city"; count(order). */
static struct shown subject(const struct node *node, const struct term *term) {
    struct shown said;
    if (node->kind != NODE_NAME || !term->property)
        return check_shown(node);
    int owner_bytes = term->owner->number == DICTIONARY_CUSTOMER ? 0 : (int)term->owner->name.size;
    (void)snprintf(said.text, sizeof said.text, "\"%s\"%s%.*s", check_shown_text(term->property->name).text,
                   owner_bytes ? " of " : "", owner_bytes > SHOWN_BYTES ? SHOWN_BYTES : owner_bytes,
                   term->owner->name.data);
    return said;
}

const char *check_word(const struct node *node) { return operator_row((enum op)node->op)->word; }

/* --- arguments --- */

static bool is(const struct node *node, unsigned types) { return (BIT(node->type) & types) != 0; }

/* What would make it right. */
static void argument_fix(const struct node *node, unsigned takes, char *fix, size_t size) {
    fix[0] = 0;
    if (takes == BIT(TERM_DATE) && node->type == TERM_TIME)
        (void)snprintf(fix, size, "; its date is date(%s)", check_shown(node).text);
    else if (takes == BIT(TERM_TIME) && node->type == TERM_DATE)
        (void)snprintf(fix, size, "; a date has no time of day");
    else if (takes == BIT(TERM_BOOL))
        (void)snprintf(fix, size, "; compare it with something, or ask whether it \"is present\"");
    else if (check_is_text(node) && (takes & NUMBERS))
        (void)snprintf(fix, size, "; numbers stand without quotes");
}

static bool fail_argument(struct check *c, const struct node *call, const struct node *argument,
                          const struct term *term, unsigned takes, const char *needs) {
    char fix[2 * SHOWN_BYTES];
    argument_fix(argument, takes, fix, sizeof fix);
    return check_fail(c, argument, "%s needs %s; %s is %s%s", check_word(call), needs, subject(argument, term).text,
                      check_phrase(argument), fix);
}

static bool check_argument(struct check *c, const struct node *call, struct node *argument, unsigned takes,
                           const char *needs) {
    struct term term;
    if (!check_node(c, argument, &term))
        return false;
    if (check_is_text(argument) && (takes & MOMENTS) && !(takes & TEXTS) && !check_convert_moment(c, argument))
        return false;
    return is(argument, takes) || fail_argument(c, call, argument, &term, takes, needs);
}

bool check_condition(struct check *c, struct node *node, const char *whose) {
    struct term term;
    char fix[2 * SHOWN_BYTES];
    if (!check_node(c, node, &term))
        return false;
    argument_fix(node, BIT(TERM_BOOL), fix, sizeof fix);
    return node->type == TERM_BOOL || check_fail(c, node, "%s needs a condition; %s is %s%s", whose,
                                                 subject(node, &term).text, check_phrase(node), fix);
}

/* 2026/1/31 and 2026-1-31 read as arithmetic. */
static const char *moment_fix(const struct node *node) {
    bool sum = node->kind == NODE_CALL && (node->op == OP_DIVIDE || node->op == OP_SUBTRACT);
    return node->type == TERM_DURATION             ? "; a moment is written 3 days ago"
           : sum && node->first->kind != NODE_NAME ? "; dates are written 2026-01-31"
                                                   : "";
}

bool check_moment(struct check *c, struct node *node, const char *whose) {
    struct term term;
    if (!check_node(c, node, &term) || (check_is_text(node) && !check_convert_moment(c, node)))
        return false;
    return check_is_moment(node) || check_fail(c, node, "%s needs a time or a date; %s is %s%s", whose,
                                               subject(node, &term).text, check_phrase(node), moment_fix(node));
}

/* --- comparisons --- */

static bool comparable(const struct node *a, const struct node *b) {
    return (a->type == b->type && is(a, SCALARS)) || (is(a, MOMENTS) && is(b, MOMENTS));
}

static struct shown comparison_fix(const struct node *a, const struct node *b) {
    struct shown fix;
    const char *text = "";
    fix.text[0] = 0;
    if (is(a, LISTS) || is(b, LISTS))
        text = "; of a list ask contains, contains any or contains all";
    else if (a->type == TERM_DURATION || b->type == TERM_DURATION)
        text = "; a moment is written 3 days ago, an age days since x < 3";
    else if (a->type == TERM_TEXT && b->kind == NODE_LITERAL)
        (void)snprintf(fix.text, sizeof fix.text, "; write it in quotes: \"%s\"", check_shown(b).text);
    else if (a->type == TERM_TEXT)
        text = "; a text stands in quotes";
    else if (a->type == TERM_NUMBER)
        text = "; write a number";
    else if (is(a, MOMENTS))
        text = "; write a date such as 2026-01-31";
    else if (a->type == TERM_BOOL)
        text = "; write true or false, or nothing: a condition stands by itself";
    return *text ? (void)snprintf(fix.text, sizeof fix.text, "%s", text), fix : fix;
}

/* Takes literals to the other side's type, then asks whether the two go together. */
static bool compare(struct check *c, struct node *a, const struct term *a_term, struct node *b,
                    const struct term *b_term) {
    if (!check_is_text(a) && !check_convert(c, b, (enum term_type)a->type, a_term))
        return false;
    if (!check_is_text(b) && !check_convert(c, a, (enum term_type)b->type, b_term))
        return false;
    if (comparable(a, b))
        return true;
    return check_fail(c, b, "%s is %s and cannot be compared with %s %s%s", subject(a, a_term).text, check_phrase(a),
                      noun(b), check_shown(b).text, comparison_fix(a, b).text);
}

static bool check_ordered(struct check *c, const struct node *call, const struct node *operand,
                          const struct term *term) {
    if (is(operand, NUMBERS | MOMENTS))
        return true;
    return check_fail(c, operand, "%s compares numbers, times and dates; %s is %s, which has no order",
                      check_word(call), subject(operand, term).text, check_phrase(operand));
}

/* a = b, a < b, a between b and c, a in (b, c ...). */
static bool check_comparison(struct check *c, struct node *node, bool ordered) {
    struct term left, right;
    struct node *a = node->first;
    if (!check_node(c, a, &left))
        return false;
    for (struct node *b = a->next; b; b = b->next) {
        c->beside_text = a->type == TERM_TEXT || check_gender(&left);
        if (!check_node(c, b, &right) || !compare(c, a, &left, b, &right))
            return false;
        if (ordered && !check_ordered(c, node, a, &left))
            return false;
    }
    node->type = TERM_BOOL;
    return true;
}

static bool fail_contains(struct check *c, const struct node *node, const struct node *list, const struct term *term) {
    if (node->op == OP_CONTAINS)
        return check_fail(c, list, "contains asks a text or a list; %s is %s", subject(list, term).text,
                          check_phrase(list));
    return check_fail(
        c, list, "%s asks a list; %s is %s%s", check_word(node), subject(list, term).text, check_phrase(list),
        list->type == TERM_TEXT ? "; join several contains with or, or write in (...) for whole texts" : "");
}

static bool check_contains(struct check *c, struct node *node) {
    struct term left, right;
    struct node *list = node->first;
    if (!check_node(c, list, &left))
        return false;
    if (!is(list, LISTS) && !(node->op == OP_CONTAINS && list->type == TERM_TEXT))
        return fail_contains(c, node, list, &left);
    uint8_t element = list->type == TERM_NUMBER_LIST ? TERM_NUMBER : TERM_TEXT;
    for (struct node *n = list->next; n; n = n->next) {
        c->beside_text = element == TERM_TEXT;
        if (!check_node(c, n, &right))
            return false;
        if (n->type != element)
            return check_fail(c, n, "%s is %s and contains %s; %s is %s", subject(list, &left).text, check_phrase(list),
                              element == TERM_TEXT ? "text" : "numbers", check_shown(n).text, check_phrase(n));
    }
    node->type = TERM_BOOL;
    return true;
}

static bool check_missing(struct check *c, struct node *node) {
    struct term term;
    struct node *value = node->first;
    if (!check_node(c, value, &term))
        return false;
    bool asked = value->kind == NODE_NAME || value->op == OP_TAG || value->op == OP_METRIC || value->op == OP_FIRST ||
                 value->op == OP_LAST || value->op == OP_COALESCE || value->op == OP_IF;
    if (value->type == TERM_BOOL && !asked)
        return check_fail(c, value, "a condition is true or false, never missing; ask this of a value in it");
    if (!is(value, SCALARS | LISTS))
        return check_fail(c, value, "%s needs a value; %s is %s", check_word(node), subject(value, &term).text,
                          check_phrase(value));
    node->type = TERM_BOOL;
    return true;
}

/* --- arithmetic --- */

/* moment + 3 days. */
static bool check_moved(struct check *c, struct node *node, struct node *moment, struct node *duration) {
    if (check_is_text(moment) && !check_convert_moment(c, moment))
        return false;
    if (!is(moment, MOMENTS))
        return check_fail(c, moment, "a duration is added to or taken from a time or a date; %s is %s%s",
                          check_shown(moment).text, check_phrase(moment),
                          moment->type == TERM_NUMBER ? "; as a number it is days since x" : "");
    if (!check_duration(c, duration, false))
        return false;
    node->type = TERM_TIME;
    return true;
}

static bool check_sum(struct check *c, struct node *node) {
    struct term left, right;
    struct node *a = node->first, *b = a->next;
    if (!check_node(c, a, &left) || !check_node(c, b, &right))
        return false;
    if (b->type == TERM_DURATION)
        return check_moved(c, node, a, b);
    if (a->type == TERM_DURATION)
        return check_fail(c, a, "write the moment first, then what is added to it, such as created_at + %s",
                          check_shown(a).text);
    if (is(a, MOMENTS) && is(b, MOMENTS))
        return check_fail(c, node, "times are not added or subtracted; ask days since %s, or compare with %s + 3 days",
                          check_shown(b).text, check_shown(b).text);
    unsigned takes = NUMBERS | (node->op == OP_ADD ? TEXTS : 0);
    const char *needs = node->op == OP_ADD ? "numbers, or texts to join" : "numbers";
    if (!is(a, takes))
        return fail_argument(c, node, a, &left, takes, needs);
    if (!is(b, takes))
        return fail_argument(c, node, b, &right, takes, needs);
    if (a->type != b->type)
        return check_fail(c, b, "+ adds numbers or joins texts; %s is %s and %s is %s", subject(a, &left).text,
                          check_phrase(a), subject(b, &right).text, check_phrase(b));
    node->type = a->type;
    node->money = a->money || b->money;
    return node->type != TERM_TEXT || check_spend(c, node, JOIN_COST);
}

/* Money times a number is money; money over money is not. */
static bool product_money(const struct node *node) {
    bool a = node->first->money, b = node->first->next->money;
    return node->op == OP_MULTIPLY ? a != b : a && !b;
}

static bool check_digits(struct check *c, struct node *node) {
    const struct node *digits = node->first->next;
    if (!digits)
        return true;
    if (digits->kind == NODE_LITERAL && digits->literal == VALUE_NUMBER && digits->scale == 0 && digits->integer >= 0 &&
        digits->integer <= 6)
        return true;
    return check_fail(c, digits, "round's digits are a whole number from 0 to 6, written out");
}

static bool check_substring(struct check *c, struct node *node) {
    struct node *text = node->first;
    if (!check_argument(c, node, text, TEXTS, "a text"))
        return false;
    for (struct node *n = text->next; n; n = n->next)
        if (!check_argument(c, node, n, NUMBERS, "numbers for from and count"))
            return false;
    node->type = TERM_TEXT;
    return true;
}

/* --- values of one type --- */

#define SAME_MAX 16

static bool fail_same(struct check *c, const struct node *node, const struct node *a, const struct node *b) {
    return check_fail(c, b, "%s gives values of one type; %s is %s and %s is %s%s", check_word(node),
                      check_shown(a).text, check_phrase(a), check_shown(b).text, check_phrase(b),
                      is(a, MOMENTS) && is(b, MOMENTS) ? "; the date of a time is date(x)" : "");
}

/* The arguments from `first` on give one type, that of the first that is no text literal. */
static bool check_same(struct check *c, struct node *node, struct node *first, unsigned takes, const char *needs) {
    struct term terms[SAME_MAX];
    struct node *base = NULL;
    size_t base_at = 0, i = 0;
    for (struct node *n = first; n; n = n->next, i++) {
        assert(i < SAME_MAX);
        if (!check_node(c, n, &terms[i]))
            return false;
        if (!base && !check_is_text(n)) {
            base = n;
            base_at = i;
        }
    }
    if (!base)
        base = first;
    if (!is(base, takes))
        return fail_argument(c, node, base, &terms[base_at], takes, needs);
    for (struct node *n = first; n; n = n->next) {
        if (n != base && !check_convert(c, n, (enum term_type)base->type, &terms[base_at]))
            return false;
        if (n->type != base->type)
            return fail_same(c, node, base, n);
        node->money = node->money || n->money;
    }
    node->type = base->type;
    return true;
}

/* --- calls --- */

static bool check_rule(struct check *c, struct node *node, const struct rule *rule) {
    for (struct node *n = node->first; n; n = n->next) {
        if (!check_argument(c, node, n, rule->takes, rule->needs))
            return false;
        node->money = node->money || (rule->keeps_money && n->money);
    }
    node->type = rule->gives;
    return true;
}

static bool check_matches(struct check *c, struct node *node) {
    const struct node *pattern = node->first->next;
    if (!check_rule(c, node, &rules[OP_MATCHES]))
        return false;
    return check_is_text(pattern) ||
           check_fail(c, pattern,
                      "matches takes its pattern in quotes, such as \"138*\"; compare two values with = or contains");
}

static bool call_types(struct check *c, struct node *node, struct term *term) {
    switch (node->op) {
    case OP_EQUAL:
    case OP_NOT_EQUAL:
    case OP_IN:
        return check_comparison(c, node, false);
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
    case OP_BETWEEN:
        return check_comparison(c, node, true);
    case OP_CONTAINS:
    case OP_CONTAINS_ANY:
    case OP_CONTAINS_ALL:
        return check_contains(c, node);
    case OP_IS_MISSING:
    case OP_IS_PRESENT:
        return check_missing(c, node);
    case OP_ADD:
    case OP_SUBTRACT:
        return check_sum(c, node);
    case OP_MULTIPLY:
    case OP_DIVIDE:
        if (!check_rule(c, node, &rules[node->op]))
            return false;
        node->money = product_money(node);
        return true;
    case OP_ROUND:
        return check_rule(c, node, &rules[OP_ROUND]) && check_digits(c, node);
    case OP_LEAST:
    case OP_GREATEST:
        return check_same(c, node, node->first, NUMBERS | MOMENTS, "numbers, times or dates");
    case OP_COALESCE:
        return check_same(c, node, node->first, SCALARS, "single values");
    case OP_IF:
        return check_condition(c, node->first, "if") &&
               check_same(c, node, node->first->next, SCALARS, "single values after its condition");
    case OP_SUBSTRING:
        return check_substring(c, node);
    case OP_MATCHES:
        return check_matches(c, node);
    case OP_IN_SEGMENT:
    case OP_HAS_TAG:
    case OP_TAG:
    case OP_METRIC:
    case OP_SCORE:
        return check_definition(c, node, term);
    default:
        assert(rules[node->op].gives != TERM_NONE);
        return check_rule(c, node, &rules[node->op]);
    }
}

static bool op_is_call(enum op op) {
    return op > OP_NOTHING && op < OP_COUNT_ && operator_row(op)->form != FORM_AGGREGATE &&
           operator_row(op)->form != FORM_SEQUENCE && operator_row(op)->form != FORM_WINDOW;
}

/* A tree may come from elsewhere than the parser. */
static bool check_count(struct check *c, const struct node *node) {
    if (!op_is_call((enum op)node->op))
        return check_fail(c, node, "this is no operator or function of values");
    const struct operator_row *row = operator_row((enum op)node->op);
    size_t count = 0;
    for (const struct node *n = node->first; n; n = n->next)
        count++;
    bool open = node->op == OP_AND || node->op == OP_OR || node->op == OP_IN || node->op == OP_CONTAINS_ANY ||
                node->op == OP_CONTAINS_ALL;
    if (count >= row->least && (open || count <= row->most))
        return true;
    return check_fail(c, node, "%s takes %s%u value%s; there %s %zu", row->word,
                      row->least == row->most ? "" : "at least ", (unsigned)row->least, row->least == 1 ? "" : "s",
                      count == 1 ? "is" : "are", count);
}

static bool check_call(struct check *c, struct node *node, struct term *term) {
    if (!check_count(c, node) || !call_types(c, node, term))
        return false;
    node->constant = !rules[node->op].clock && operator_row((enum op)node->op)->form != FORM_NAMED;
    for (const struct node *n = node->first; n; n = n->next)
        node->constant = node->constant && n->constant;
    return true;
}

/* --- any node --- */

static bool check_kind(struct check *c, struct node *node, bool beside_text, struct term *term) {
    switch (node->kind) {
    case NODE_LITERAL:
        return check_literal(c, node);
    case NODE_DURATION:
        node->type = node->ago ? TERM_TIME : TERM_DURATION;
        return check_duration(c, node, true);
    case NODE_NAME: {
        c->beside_text = beside_text;
        bool found = check_name(c, node, term);
        c->beside_text = false;
        return found;
    }
    case NODE_CALL:
        return check_call(c, node, term);
    case NODE_AGGREGATE:
        return check_aggregate(c, node, term);
    case NODE_SEQUENCE:
        return check_sequence(c, node);
    default:
        return check_fail(c, node, "a value is asked for here");
    }
}

bool check_node(struct check *c, struct node *node, struct term *term) {
    bool top = c->top, beside_text = c->beside_text;
    c->top = c->beside_text = false;
    *term = (struct term){0};
    node->money = node->constant = false;
    node->definition = NULL;
    node->reference = (struct reference){0};
    if (++c->depth > CHECK_DEPTH_MAX)
        return check_fail_as(c, STATUS_TOO_LARGE, node, "this is nested too deep");
    if (!check_kind(c, node, beside_text, term))
        return false;
    c->depth--;
    assert(node->type != TERM_NONE);
    if (node->type == TERM_DISTRIBUTION && !top)
        return check_fail(
            c, node,
            "%s gives a distribution, which stands alone, in a tag or metric; the most frequent value is top(...)",
            check_shown(node).text);
    return true;
}
