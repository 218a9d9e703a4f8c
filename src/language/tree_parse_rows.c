/* tree_parse_rows: the parts of the grammar that look at rows: names and durations, windows, aggregates, sequences. */
#include "govern/record.h"
#include "language/tree_parser.h"

/* --- names and durations --- */

static bool take_piece(struct parser *p, bool first, struct name_piece *piece) {
    const struct token *token = parser_look(p, 0);
    if (token->kind != TOKEN_QUOTED && (token->kind != TOKEN_WORD || (first && tree_word_reserved(token->text))))
        return false;
    *piece = (struct name_piece){arena_copy(p->maker.arena, token->text), token->kind == TOKEN_QUOTED};
    parser_take(p, 1);
    return true;
}

/* `first`: the first piece is a name's beginning, where words of the language need backticks. */
static bool parse_pieces(struct parser *p, struct node *node, bool first, const char *expected) {
    struct name_piece pieces[NAME_PIECES_MAX];
    uint32_t count = 0;
    do {
        if (count == NAME_PIECES_MAX)
            return parser_fail(p, parser_look(p, 0)->place, "a name has at most %d parts", NAME_PIECES_MAX);
        if (!take_piece(p, first && count == 0, &pieces[count]))
            return parser_fail_expected(p, count ? "a name" : expected, NULL);
        count++;
    } while (parser_take_sign(p, SIGN_DOT));
    node->pieces = arena_get(p->maker.arena, count * sizeof *pieces);
    memcpy(node->pieces, pieces, count * sizeof *pieces);
    node->piece_count = count;
    return true;
}

struct node *parse_name(struct parser *p, const char *expected) {
    struct node *node = parser_make(p, NODE_NAME, parser_look(p, 0)->place);
    return node && parse_pieces(p, node, true, expected) ? parser_finish(p, node) : NULL;
}

/* "30 days" into node's amount and unit. */
static bool parse_amount(struct parser *p, struct node *node) {
    static const char *const words[] = {"seconds", "minutes",  "hours", "days", "weeks",
                                        "months",  "quarters", "years", NULL};
    const struct token *number = parser_look(p, 0);
    enum unit unit = UNIT_SECOND;
    if (!parser_at_number(p, 0))
        return parser_fail_expected(p, "a number of days or another unit", NULL);
    if (parser_look(p, 1)->kind != TOKEN_WORD || !tree_unit_of(parser_look(p, 1)->text, &unit)) {
        parser_take(p, 1);
        return parser_fail_expected(p, "seconds, minutes, hours, days, weeks, months, quarters or years", words);
    }
    if (number->literal != VALUE_NUMBER || number->scale != 0 || number->integer < 1 ||
        number->integer > tree_amount_max(unit))
        return parser_fail(p, number->place, "a number of %ss is whole, from 1 to %lld", unit_word(unit),
                           (long long)tree_amount_max(unit));
    node->amount = number->integer;
    node->unit = (uint8_t)unit;
    parser_take(p, 2);
    return true;
}

struct node *parse_duration(struct parser *p) {
    struct node *node = parser_make(p, NODE_DURATION, parser_look(p, 0)->place);
    return node && parse_amount(p, node) ? parser_finish(p, node) : NULL;
}

/* --- windows --- */

static struct node *parse_moments(struct parser *p, struct node *window) {
    struct children moments = {0};
    unsigned wanted = tree_window_parts(window->window_kind).moments;
    for (unsigned i = 0; i < wanted; i++) {
        if (i > 0 && !parser_take_word(p, "to"))
            return parser_fail_continuation(p, "\"to\" and the end");
        struct node *moment = parse_sum(p);
        if (!moment)
            return NULL;
        parser_add_child(&moments, moment);
    }
    window->first = moments.first;
    return parser_finish(p, window);
}

/* Behind "this", "last", "previous". */
static struct node *parse_period(struct parser *p, struct node *window, bool current) {
    static const char *const words[] = {"week", "month", "quarter", "year", NULL};
    enum unit unit;
    const struct token *token = parser_look(p, 0);
    bool known = token->kind == TOKEN_WORD && tree_unit_of(token->text, &unit);
    if (known && unit == UNIT_DAY)
        return parser_fail(p, token->place, "write %s", current ? "today" : "yesterday, or last 1 day for 24 hours");
    if (!known || unit < UNIT_WEEK)
        return parser_fail_expected(
            p, current ? "week, month, quarter or year" : "a number of days, or week, month, quarter or year", words);
    window->window_kind = current ? WINDOW_THIS : WINDOW_PREVIOUS;
    window->unit = (uint8_t)unit;
    parser_take(p, 1);
    return parser_finish(p, window);
}

static struct node *parse_span_window(struct parser *p, struct node *window) {
    if (!parse_amount(p, window))
        return NULL;
    if (parser_take_word(p, "after"))
        window->window_kind = WINDOW_SPAN_AFTER;
    else if (parser_take_word(p, "before"))
        window->window_kind = WINDOW_SPAN_BEFORE;
    else
        return parser_fail_expected(p, "\"after\" or \"before\" and a moment (or write last before the number)", NULL);
    return parse_moments(p, window);
}

static struct node *parse_window(struct parser *p) {
    static const struct {
        const char *word;
        enum window_kind kind;
    } simple[] = {{"today", WINDOW_TODAY},   {"yesterday", WINDOW_YESTERDAY}, {"since", WINDOW_SINCE},
                  {"before", WINDOW_BEFORE}, {"from", WINDOW_FROM_TO},        {"on", WINDOW_ON},
                  {"after", WINDOW_AFTER}};
    static const char *const words[] = {"last",   "this", "previous", "today", "yesterday", "since",
                                        "before", "from", "on",       "after", "within",    NULL};
    struct node *window = parser_make(p, NODE_WINDOW, parser_look(p, 0)->place);
    if (!window)
        return NULL;
    if (parser_at_number(p, 0))
        return parse_span_window(p, window);
    if (parser_take_word(p, "last")) {
        if (!parser_at_number(p, 0))
            return parse_period(p, window, false);
        window->window_kind = WINDOW_ROLLING;
        return parse_amount(p, window) ? parser_finish(p, window) : NULL;
    }
    if (parser_at_word(p, 0, "this") || parser_at_word(p, 0, "previous")) {
        bool current = parser_at_word(p, 0, "this");
        parser_take(p, 1);
        return parse_period(p, window, current);
    }
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (parser_take_word(p, simple[i].word)) {
            window->window_kind = (uint8_t)simple[i].kind;
            return parse_moments(p, window);
        }
    }
    return parser_fail_expected(p, "a window such as last 30 days, today, this month or since 2026-01-31", words);
}

/* --- aggregates and sequences --- */

static struct node *parse_source(struct parser *p) {
    struct node *node = parser_make(p, NODE_SOURCE, parser_look(p, 0)->place);
    if (!node)
        return NULL;
    if (parser_at_word(p, 0, "any") && parser_at_word(p, 1, "event")) {
        node->any_event = true;
        parser_take(p, 2);
        return parser_finish(p, node);
    }
    return parse_pieces(p, node, true, "what to look at, such as order, order.items or any event")
               ? parser_finish(p, node)
               : NULL;
}

/* source ["where" expression] into `node`. */
static bool parse_rows(struct parser *p, struct node *node) {
    node->source = parse_source(p);
    if (!node->source)
        return false;
    if (parser_take_word(p, "where")) {
        node->where = parse_expression(p);
        return node->where != NULL;
    }
    return true;
}

/* Behind "count(". */
struct node *parse_aggregate(struct parser *p, enum op op, size_t place) {
    struct node *node = parser_make(p, NODE_AGGREGATE, place);
    if (!node || !parse_rows(p, node))
        return NULL;
    node->op = (uint8_t)op;
    if (parser_take_sign(p, SIGN_COMMA)) {
        node->window = parse_window(p);
        if (!node->window)
            return NULL;
    }
    if (!parser_expect_sign(p, SIGN_CLOSE,
                            node->window  ? "\")\""
                            : node->where ? "\")\", \",\" and a window, or more conditions"
                                          : "\")\", where, or \",\" and a window"))
        return NULL;
    if ((op == OP_FIRST || op == OP_LAST) && parser_take_sign(p, SIGN_DOT) &&
        !parse_pieces(p, node, false, "a field's name"))
        return NULL;
    return parser_finish(p, node);
}

static struct node *parse_step(struct parser *p) {
    struct node *step = parser_make(p, NODE_STEP, parser_look(p, 0)->place);
    if (!step)
        return NULL;
    step->negated = parser_take_word(p, "not");
    if (!parse_rows(p, step))
        return NULL;
    if (parser_take_word(p, "within")) {
        step->within = parse_duration(p);
        if (!step->within)
            return NULL;
    }
    return parser_finish(p, step);
}

/* ("," ("within" duration | window))*, each once. */
static bool parse_sequence_limits(struct parser *p, struct node *node) {
    while (parser_take_sign(p, SIGN_COMMA)) {
        size_t place = parser_look(p, 0)->place;
        bool within = parser_take_word(p, "within");
        struct node **limit = within ? &node->within : &node->window;
        if (*limit)
            return parser_fail(p, place, "a sequence has one %s", within ? "\"within\" over all its steps" : "window");
        *limit = within ? parse_duration(p) : parse_window(p);
        if (!*limit)
            return false;
    }
    return true;
}

/* Behind "sequence(". */
struct node *parse_sequence(struct parser *p, enum op op, size_t place) {
    struct children steps = {0};
    struct node *node = parser_make(p, NODE_SEQUENCE, place);
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    do {
        struct node *step = parse_step(p);
        if (!step)
            return NULL;
        parser_add_child(&steps, step);
        if (steps.count > operator_row(op)->most)
            return parser_fail(p, step->place, "%s takes at most %u steps", operator_row(op)->word,
                               operator_row(op)->most);
    } while (parser_take_sign(p, SIGN_ARROW));
    node->first = steps.first;
    if (!parse_sequence_limits(p, node) ||
        !parser_expect_sign(p, SIGN_CLOSE, "\"->\" and the next step, \",\" and within or a window, or \")\""))
        return NULL;
    return parser_finish(p, node);
}
