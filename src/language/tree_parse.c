/* tree_parse: text to a tree, by recursive descent: a function for each line of the grammar in tree.h, in its order.
 *
 * Every parse function returns a node, or NULL after the one fault was written. The parser looks at most three tokens ahead and never
 * goes back, so its time is that of the text's length; how deep it may call itself is counted in `nesting`. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "govern/normalise_text.h"
#include "govern/record.h"
#include "language/suggest.h"
#include "language/tree_inside.h"
#include "language/tree_lex.h"

#define AHEAD_MAX 4
/* Calls of parse_expression, _not and _unary within each other; a level of a tree needs three at most, "-(". */
#define NESTING_MAX (3 * TREE_DEPTH_MAX + 8)

struct parser {
    struct lexer lexer;
    struct token ahead[AHEAD_MAX], before; /* before: the one taken last */
    unsigned have, nesting;
    struct tree_maker maker;
    struct fault *fault;
    uint32_t fault_place;
};

/* Grows at its end. */
struct children {
    struct node *first, **tail;
    size_t count;
};

static struct node *parse_expression(struct parser *p);
static struct node *parse_sum(struct parser *p);

/* --- tokens --- */

static const struct token *look(struct parser *p, unsigned n) {
    assert(n < AHEAD_MAX);
    for (; p->have <= n; p->have++) {
        const struct token *last = p->have ? &p->ahead[p->have - 1] : &p->before;
        if (p->have && (last->kind == TOKEN_END || last->kind == TOKEN_FAULT))
            p->ahead[p->have] = *last;
        else
            lexer_next(&p->lexer, &p->ahead[p->have]);
    }
    return &p->ahead[n];
}

static void take(struct parser *p, unsigned count) {
    look(p, count - 1);
    p->before = p->ahead[count - 1];
    p->have -= count;
    memmove(p->ahead, p->ahead + count, p->have * sizeof *p->ahead);
}

static bool at_sign(struct parser *p, unsigned n, enum sign sign) {
    const struct token *token = look(p, n);
    return token->kind == TOKEN_SIGN && token->sign == sign;
}

static bool at_word(struct parser *p, unsigned n, const char *lower) {
    const struct token *token = look(p, n);
    return token->kind == TOKEN_WORD && tree_word_is(token->text, lower);
}

static bool at_number(struct parser *p, unsigned n) {
    const struct token *token = look(p, n);
    return token->kind == TOKEN_LITERAL && (token->literal == VALUE_NUMBER || token->literal == VALUE_REAL);
}

static bool at_unit(struct parser *p, unsigned n) {
    enum unit unit;
    return look(p, n)->kind == TOKEN_WORD && tree_unit_of(look(p, n)->text, &unit);
}

static bool take_sign(struct parser *p, enum sign sign) {
    bool there = at_sign(p, 0, sign);
    if (there)
        take(p, 1);
    return there;
}

static bool take_word(struct parser *p, const char *lower) {
    bool there = at_word(p, 0, lower);
    if (there)
        take(p, 1);
    return there;
}

/* --- faults --- */

static size_t characters_before(struct slice text, size_t place) {
    size_t count = 0;
    for (size_t i = 0; i < place && i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

__attribute__((format(printf, 3, 4))) static void *fail(struct parser *p, size_t place, const char *format, ...) {
    char sentence[448];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    p->fault_place = (uint32_t)place;
    fault_set(p->fault, STATUS_INVALID, "at %zu: %s", characters_before(p->lexer.text, place) + 1, sentence);
    return NULL;
}

static const char *shown(const struct parser *p, const struct token *token, char out[TEXT_QUOTE_BYTES]) {
    return text_quote(slice_of(p->lexer.text.data + token->place, token->end - token->place), out);
}

/* What people write who know other languages, or only their own; and what it is here. */
static const struct {
    const char *written, *meant;
} twins[] = {{"like", "contains"},
             {"equals", "="},
             {"eq", "="},
             {"exists", "any"},
             {"average", "avg"},
             {"mean", "avg"},
             {"total", "sum"},
             {"mode", "top"},
             {"favorite", "top"},
             {"favourite", "top"},
             {"len", "length"},
             {"substr", "substring"},
             {"ceil", "ceiling"},
             {"ifnull", "coalesce"},
             {"nvl", "coalesce"},
             {"isnull", "is missing"},
             {"null", "is missing"},
             {"concat", "+"},
             {"maximum", "max"},
             {"minimum", "min"},
             {"unique", "distinct"},
             {"case", "if"},
             {"then", "->"},
             {"followed", "->"},
             {"datediff", "days since"},
             {"funnel", "sequence"},
             {"segment", "in segment"},
             {"percent", "share"},
             {"ratio", "share"},
             {"past", "last"},
             {"until", "before"},
             {"且", "and"},
             {"并且", "and"},
             {"和", "and"},
             {"或", "or"},
             {"或者", "or"},
             {"非", "not"},
             {"包含", "contains"},
             {"属于", "in"},
             {"等于", "="},
             {"为空", "is missing"},
             {"计数", "count"},
             {"求和", "sum"},
             {"平均", "avg"},
             {"最近", "last"},
             {"今天", "today"},
             {"昨天", "yesterday"}};

static struct slice meant(struct slice word, const char *const *candidates) {
    struct suggestion s = suggestion_of(word);
    for (size_t i = 0; candidates[i]; i++)
        suggestion_offer(&s, slice_text(candidates[i]));
    for (size_t i = 0; s.distance > 1 && i < sizeof twins / sizeof *twins; i++)
        if (tree_word_is(word, twins[i].written))
            return slice_text(twins[i].meant);
    return s.best;
}

/* The token that comes is none of what may stand here. `candidates` (NULL: none; ends in NULL): words it may have been meant as. */
static void *fail_expected(struct parser *p, const char *expected, const char *const *candidates) {
    const struct token *token = look(p, 0);
    char found[TEXT_QUOTE_BYTES], after[TEXT_QUOTE_BYTES];
    struct slice better = SLICE_NONE;
    if (token->kind == TOKEN_FAULT)
        return fail(p, token->place, "%.*s", SLICE_ARG(token->text));
    if (token->kind == TOKEN_WORD && candidates)
        better = meant(token->text, candidates);
    bool first = p->before.end == 0;
    const char *quote = token->kind == TOKEN_END ? "" : "\"";
    return fail(p, token->place, "expected %s%s%s%s; found %s%s%s%s%.*s%s", expected, first ? "" : " after \"",
                first ? "" : shown(p, &p->before, after), first ? "" : "\"", quote,
                token->kind == TOKEN_END ? "the end" : shown(p, token, found), quote,
                better.size ? "; did you mean \"" : "", SLICE_ARG(better), better.size ? "\"?" : "");
}

/* After a whole value or condition something stands that cannot go on from it. */
static void *fail_continuation(struct parser *p, const char *expected) {
    static const char *const words[] = {"and",  "or",      "in", "not",   "between", "contains", "starts",
                                        "ends", "matches", "is", "where", "within",  "ago",      NULL};
    if (at_sign(p, 0, SIGN_DOT))
        return fail(
            p, look(p, 0)->place,
            "nothing has fields after \")\" but first(...) and last(...); put the field inside: sum(order.total)");
    return fail_expected(p, expected, words);
}

static bool expect_sign(struct parser *p, enum sign sign, const char *expected) {
    return take_sign(p, sign) || fail_continuation(p, expected);
}

/* --- nodes --- */

static struct node *make(struct parser *p, enum node_kind kind, size_t place) {
    struct node *node = tree_make(&p->maker, kind);
    if (!node)
        return fail(p, place, "the expression has more than %d parts; divide it into several segments", TREE_NODES_MAX);
    node->place = (uint32_t)place;
    return node;
}

/* All that hangs below is there. */
static struct node *finish(struct parser *p, struct node *node) {
    node->end = p->before.end;
    if (!tree_set_depth(node))
        return fail(p, node->place, "the expression has more than %d levels; divide it into several segments",
                    TREE_DEPTH_MAX);
    return node;
}

static bool enter(struct parser *p) {
    if (++p->nesting <= NESTING_MAX)
        return true;
    fail(p, look(p, 0)->place, "the expression has more than %d levels; divide it into several segments",
         TREE_DEPTH_MAX);
    return false;
}

static void add_child(struct children *children, struct node *child) {
    if (!children->first)
        children->first = child;
    else
        *children->tail = child;
    children->tail = &child->next;
    children->count++;
}

static struct node *call(struct parser *p, enum op op, size_t place, struct node *first, struct node *second) {
    struct node *node = first ? make(p, NODE_CALL, place) : NULL;
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    node->first = first;
    first->next = second;
    return finish(p, node);
}

static struct node *literal(struct parser *p, const struct token *token) {
    struct node *node = make(p, NODE_LITERAL, token->place);
    if (!node)
        return NULL;
    node->literal = token->literal;
    node->scale = token->scale;
    node->integer = token->integer;
    node->real = token->real;
    node->zoned = token->zoned;
    if (token->literal == VALUE_TEXT)
        node->text = token->text;
    return finish(p, node);
}

/* --- names and durations --- */

static bool take_piece(struct parser *p, bool first, struct name_piece *piece) {
    const struct token *token = look(p, 0);
    if (token->kind != TOKEN_QUOTED && (token->kind != TOKEN_WORD || (first && tree_word_reserved(token->text))))
        return false;
    *piece = (struct name_piece){arena_copy(p->maker.arena, token->text), token->kind == TOKEN_QUOTED};
    take(p, 1);
    return true;
}

/* `first`: the first piece is a name's beginning, where words of the language need backticks. */
static bool parse_pieces(struct parser *p, struct node *node, bool first, const char *expected) {
    struct name_piece pieces[NAME_PIECES_MAX];
    uint32_t count = 0;
    do {
        if (count == NAME_PIECES_MAX)
            return fail(p, look(p, 0)->place, "a name has at most %d parts", NAME_PIECES_MAX);
        if (!take_piece(p, first && count == 0, &pieces[count]))
            return fail_expected(p, count ? "a name" : expected, NULL);
        count++;
    } while (take_sign(p, SIGN_DOT));
    node->pieces = arena_get(p->maker.arena, count * sizeof *pieces);
    memcpy(node->pieces, pieces, count * sizeof *pieces);
    node->piece_count = count;
    return true;
}

static struct node *parse_name(struct parser *p, const char *expected) {
    struct node *node = make(p, NODE_NAME, look(p, 0)->place);
    return node && parse_pieces(p, node, true, expected) ? finish(p, node) : NULL;
}

/* "30 days" into node's amount and unit. */
static bool parse_amount(struct parser *p, struct node *node) {
    static const char *const words[] = {"seconds", "minutes",  "hours", "days", "weeks",
                                        "months",  "quarters", "years", NULL};
    const struct token *number = look(p, 0);
    enum unit unit = UNIT_SECOND;
    if (!at_number(p, 0))
        return fail_expected(p, "a number of days or another unit", NULL);
    if (look(p, 1)->kind != TOKEN_WORD || !tree_unit_of(look(p, 1)->text, &unit)) {
        take(p, 1);
        return fail_expected(p, "seconds, minutes, hours, days, weeks, months, quarters or years", words);
    }
    if (number->literal != VALUE_NUMBER || number->scale != 0 || number->integer < 1 ||
        number->integer > tree_amount_max(unit))
        return fail(p, number->place, "a number of %ss is whole, from 1 to %lld", unit_word(unit),
                    (long long)tree_amount_max(unit));
    node->amount = number->integer;
    node->unit = (uint8_t)unit;
    take(p, 2);
    return true;
}

static struct node *parse_duration(struct parser *p) {
    struct node *node = make(p, NODE_DURATION, look(p, 0)->place);
    return node && parse_amount(p, node) ? finish(p, node) : NULL;
}

/* --- windows --- */

static struct node *parse_moments(struct parser *p, struct node *window) {
    struct children moments = {0};
    unsigned wanted = tree_window_parts(window->window_kind).moments;
    for (unsigned i = 0; i < wanted; i++) {
        if (i > 0 && !take_word(p, "to"))
            return fail_continuation(p, "\"to\" and the end");
        struct node *moment = parse_sum(p);
        if (!moment)
            return NULL;
        add_child(&moments, moment);
    }
    window->first = moments.first;
    return finish(p, window);
}

/* Behind "this", "last", "previous". */
static struct node *parse_period(struct parser *p, struct node *window, bool current) {
    static const char *const words[] = {"week", "month", "quarter", "year", NULL};
    enum unit unit;
    const struct token *token = look(p, 0);
    bool known = token->kind == TOKEN_WORD && tree_unit_of(token->text, &unit);
    if (known && unit == UNIT_DAY)
        return fail(p, token->place, "write %s", current ? "today" : "yesterday, or last 1 day for 24 hours");
    if (!known || unit < UNIT_WEEK)
        return fail_expected(
            p, current ? "week, month, quarter or year" : "a number of days, or week, month, quarter or year", words);
    window->window_kind = current ? WINDOW_THIS : WINDOW_PREVIOUS;
    window->unit = (uint8_t)unit;
    take(p, 1);
    return finish(p, window);
}

static struct node *parse_span_window(struct parser *p, struct node *window) {
    if (!parse_amount(p, window))
        return NULL;
    if (take_word(p, "after"))
        window->window_kind = WINDOW_SPAN_AFTER;
    else if (take_word(p, "before"))
        window->window_kind = WINDOW_SPAN_BEFORE;
    else
        return fail_expected(p, "\"after\" or \"before\" and a moment (or write last before the number)", NULL);
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
    struct node *window = make(p, NODE_WINDOW, look(p, 0)->place);
    if (!window)
        return NULL;
    if (at_number(p, 0))
        return parse_span_window(p, window);
    if (take_word(p, "last")) {
        if (!at_number(p, 0))
            return parse_period(p, window, false);
        window->window_kind = WINDOW_ROLLING;
        return parse_amount(p, window) ? finish(p, window) : NULL;
    }
    if (at_word(p, 0, "this") || at_word(p, 0, "previous")) {
        bool current = at_word(p, 0, "this");
        take(p, 1);
        return parse_period(p, window, current);
    }
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        if (take_word(p, simple[i].word)) {
            window->window_kind = (uint8_t)simple[i].kind;
            return parse_moments(p, window);
        }
    }
    return fail_expected(p, "a window such as last 30 days, today, this month or since 2026-01-31", words);
}

/* --- aggregates and sequences --- */

static struct node *parse_source(struct parser *p) {
    struct node *node = make(p, NODE_SOURCE, look(p, 0)->place);
    if (!node)
        return NULL;
    if (at_word(p, 0, "any") && at_word(p, 1, "event")) {
        node->any_event = true;
        take(p, 2);
        return finish(p, node);
    }
    return parse_pieces(p, node, true, "what to look at, such as order, order.items or any event") ? finish(p, node)
                                                                                                   : NULL;
}

/* source ["where" expression] into `node`. */
static bool parse_rows(struct parser *p, struct node *node) {
    node->source = parse_source(p);
    if (!node->source)
        return false;
    if (take_word(p, "where")) {
        node->where = parse_expression(p);
        return node->where != NULL;
    }
    return true;
}

/* Behind "count(". */
static struct node *parse_aggregate(struct parser *p, enum op op, size_t place) {
    struct node *node = make(p, NODE_AGGREGATE, place);
    if (!node || !parse_rows(p, node))
        return NULL;
    node->op = (uint8_t)op;
    if (take_sign(p, SIGN_COMMA)) {
        node->window = parse_window(p);
        if (!node->window)
            return NULL;
    }
    if (!expect_sign(p, SIGN_CLOSE,
                     node->window  ? "\")\""
                     : node->where ? "\")\", \",\" and a window, or more conditions"
                                   : "\")\", where, or \",\" and a window"))
        return NULL;
    if ((op == OP_FIRST || op == OP_LAST) && take_sign(p, SIGN_DOT) && !parse_pieces(p, node, false, "a field's name"))
        return NULL;
    return finish(p, node);
}

static struct node *parse_step(struct parser *p) {
    struct node *step = make(p, NODE_STEP, look(p, 0)->place);
    if (!step)
        return NULL;
    step->negated = take_word(p, "not");
    if (!parse_rows(p, step))
        return NULL;
    if (take_word(p, "within")) {
        step->within = parse_duration(p);
        if (!step->within)
            return NULL;
    }
    return finish(p, step);
}

/* ("," ("within" duration | window))*, each once. */
static bool parse_sequence_limits(struct parser *p, struct node *node) {
    while (take_sign(p, SIGN_COMMA)) {
        size_t place = look(p, 0)->place;
        bool within = take_word(p, "within");
        struct node **limit = within ? &node->within : &node->window;
        if (*limit)
            return fail(p, place, "a sequence has one %s", within ? "\"within\" over all its steps" : "window");
        *limit = within ? parse_duration(p) : parse_window(p);
        if (!*limit)
            return false;
    }
    return true;
}

/* Behind "sequence(". */
static struct node *parse_sequence(struct parser *p, enum op op, size_t place) {
    struct children steps = {0};
    struct node *node = make(p, NODE_SEQUENCE, place);
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    do {
        struct node *step = parse_step(p);
        if (!step)
            return NULL;
        add_child(&steps, step);
        if (steps.count > operator_row(op)->most)
            return fail(p, step->place, "%s takes at most %u steps", operator_row(op)->word, operator_row(op)->most);
    } while (take_sign(p, SIGN_ARROW));
    node->first = steps.first;
    if (!parse_sequence_limits(p, node) ||
        !expect_sign(p, SIGN_CLOSE, "\"->\" and the next step, \",\" and within or a window, or \")\""))
        return NULL;
    return finish(p, node);
}

/* --- functions --- */

/* sum ("," sum)* ")", behind the "("; or expressions. */
static bool parse_list(struct parser *p, struct children *list, bool sums, size_t most) {
    do {
        struct node *value = sums ? parse_sum(p) : parse_expression(p);
        if (!value)
            return false;
        if (list->count == most)
            return fail(p, value->place, "more than %zu values", most);
        add_child(list, value);
    } while (take_sign(p, SIGN_COMMA));
    return expect_sign(p, SIGN_CLOSE, "\",\" or \")\"");
}

static void *fail_count(struct parser *p, const struct operator_row *row, size_t place, size_t found) {
    if (row->least == row->most)
        return fail(p, place, "%s takes %u value%s, as in %s; found %zu", row->word, row->least,
                    row->least == 1 ? "" : "s", row->use, found);
    return fail(p, place, "%s takes %u to %u values, as in %s; found %zu", row->word, row->least, row->most, row->use,
                found);
}

/* Behind "round(". */
static struct node *parse_function(struct parser *p, enum op op, size_t place) {
    const struct operator_row *row = operator_row(op);
    struct children values = {0};
    struct node *node = make(p, NODE_CALL, place);
    if (!node || (!take_sign(p, SIGN_CLOSE) && !parse_list(p, &values, false, 64)))
        return NULL;
    if (values.count < row->least || values.count > row->most)
        return fail_count(p, row, place, values.count);
    node->op = (uint8_t)op;
    node->first = values.first;
    return finish(p, node);
}

static struct node *parse_definition_name(struct parser *p, enum op op, size_t place, bool brackets) {
    const struct token *name = look(p, 0);
    if (name->kind != TOKEN_LITERAL || name->literal != VALUE_TEXT)
        return fail_expected(p, "the name in double quotes", NULL);
    struct token text = *name;
    take(p, 1);
    struct node *child = literal(p, &text);
    if (!child || (brackets && !expect_sign(p, SIGN_CLOSE, "\")\"")))
        return NULL;
    return call(p, op, place, child, NULL);
}

/* The tokens from here on are the words `words`. How many; 0: they are not. */
static unsigned words_match(struct parser *p, const char *words) {
    unsigned count = 0;
    for (const char *word = words; *word; count++) {
        const char *end = strchr(word, ' ');
        size_t size = end ? (size_t)(end - word) : strlen(word);
        const struct token *token = look(p, count);
        char lower[16];
        if (token->kind != TOKEN_WORD || token->text.size != size || size >= sizeof lower)
            return 0;
        memcpy(lower, token->text.data, size);
        text_lower(lower, size);
        if (memcmp(lower, word, size) != 0)
            return 0;
        word += size + (end != NULL);
    }
    return count;
}

static bool begins_a_value(const struct operator_row *row) {
    return row->form == FORM_FUNCTION || row->form == FORM_OF || row->form == FORM_AGGREGATE ||
           row->form == FORM_SEQUENCE || row->form == FORM_NAMED;
}

/* Whether "(" must follow the words: else they are a name like any other. */
static bool needs_bracket(const struct operator_row *row) {
    bool two_words = strchr(row->word, ' ') != NULL;
    return row->form == FORM_AGGREGATE || row->form == FORM_SEQUENCE || (row->form == FORM_NAMED && !two_words) ||
           (row->form == FORM_FUNCTION && row->most > 0);
}

/* The operator whose words stand here, the longest; OP_NOTHING where it is a name or wrong. */
static enum op operator_here(struct parser *p, unsigned *words) {
    enum op found = OP_NOTHING;
    char first = look(p, 0)->text.data[0];
    *words = 0;
    text_lower(&first, 1);
    for (int op = 1; op < OP_COUNT_; op++) {
        const struct operator_row *row = operator_row(op);
        bool may_be = row->word[0] == first && begins_a_value(row);
        unsigned count = may_be ? words_match(p, row->word) : 0;
        if (count > *words && (!needs_bracket(row) || at_sign(p, count, SIGN_OPEN))) {
            found = op;
            *words = count;
        }
    }
    return found;
}

static struct node *parse_unary(struct parser *p);

static struct node *parse_operator(struct parser *p, enum op op, unsigned words) {
    const struct operator_row *row = operator_row(op);
    size_t place = look(p, 0)->place;
    take(p, words);
    bool brackets = needs_bracket(row) && take_sign(p, SIGN_OPEN);
    switch (row->form) {
    case FORM_OF:
        return call(p, op, place, parse_unary(p), NULL);
    case FORM_NAMED:
        return parse_definition_name(p, op, place, brackets);
    case FORM_AGGREGATE:
        return parse_aggregate(p, op, place);
    case FORM_SEQUENCE:
        return parse_sequence(p, op, place);
    default:
        if (brackets || take_sign(p, SIGN_OPEN))
            return parse_function(p, op, place);
        struct node *node = make(p, NODE_CALL, place); /* now, today */
        if (node)
            node->op = (uint8_t)op;
        return node ? finish(p, node) : NULL;
    }
}

static struct node *fail_unknown_function(struct parser *p) {
    const char *words[OP_COUNT_ + 1];
    size_t count = 0;
    const struct token *token = look(p, 0);
    char found[TEXT_QUOTE_BYTES];
    for (int op = 1; op < OP_COUNT_; op++)
        if (begins_a_value(operator_row(op)))
            words[count++] = operator_row(op)->word;
    words[count] = NULL;
    struct slice better = meant(token->text, words);
    return fail(p, token->place, "\"%s\" is not known%s%.*s%s", shown(p, token, found),
                better.size ? "; did you mean \"" : "; docs/language.md lists the functions", SLICE_ARG(better),
                better.size ? "\"?" : "");
}

/* --- values --- */

static const char value_expected[] = "a number, a text, a name or \"(\"";

static struct node *parse_word(struct parser *p) {
    unsigned words;
    enum op op = operator_here(p, &words);
    if (op != OP_NOTHING)
        return parse_operator(p, op, words);
    if (at_word(p, 0, "true") || at_word(p, 0, "false")) {
        struct token token = *look(p, 0);
        token.literal = VALUE_BOOL;
        token.integer = at_word(p, 0, "true");
        take(p, 1);
        return literal(p, &token);
    }
    if (at_word(p, 0, "not"))
        return fail(p, look(p, 0)->place, "\"not\" stands before a whole condition; put it in parentheses: (not ...)");
    if (!tree_word_reserved(look(p, 0)->text) && at_sign(p, 1, SIGN_OPEN))
        return fail_unknown_function(p);
    return parse_name(p, value_expected);
}

static struct node *parse_literal(struct parser *p) {
    if (at_number(p, 0) && at_unit(p, 1)) {
        struct node *duration = parse_duration(p);
        if (!duration)
            return NULL;
        duration->ago = take_word(p, "ago");
        return finish(p, duration);
    }
    struct token token = *look(p, 0);
    take(p, 1);
    return literal(p, &token);
}

static struct node *parse_primary(struct parser *p) {
    switch (look(p, 0)->kind) {
    case TOKEN_WORD:
        return parse_word(p);
    case TOKEN_QUOTED:
        return parse_name(p, value_expected);
    case TOKEN_LITERAL:
        return parse_literal(p);
    default:
        if (!take_sign(p, SIGN_OPEN))
            return fail_expected(p, value_expected, NULL);
        struct node *inner = parse_expression(p);
        return inner && expect_sign(p, SIGN_CLOSE, "an operator such as = or and, or \")\"") ? inner : NULL;
    }
}

/* "-5" is one literal; "-(5)" and "-5 days" are negations. */
static struct node *parse_negative(struct parser *p) {
    size_t place = look(p, 0)->place;
    take(p, 1);
    if (!at_number(p, 0) || at_unit(p, 1))
        return call(p, OP_NEGATE, place, parse_unary(p), NULL);
    struct token token = *look(p, 0);
    take(p, 1);
    token.place = (uint32_t)place;
    token.integer = -token.integer;
    token.real = -token.real;
    return literal(p, &token);
}

static struct node *parse_unary(struct parser *p) {
    if (!enter(p))
        return NULL;
    struct node *node = at_sign(p, 0, SIGN_MINUS) ? parse_negative(p) : parse_primary(p);
    p->nesting--;
    return node;
}

static enum op factor_here(struct parser *p) {
    return at_sign(p, 0, SIGN_TIMES)       ? OP_MULTIPLY
           : at_sign(p, 0, SIGN_DIVIDE)    ? OP_DIVIDE
           : at_sign(p, 0, SIGN_REMAINDER) ? OP_MODULO
                                           : OP_NOTHING;
}

static struct node *parse_product(struct parser *p) {
    size_t place = look(p, 0)->place;
    struct node *left = parse_unary(p);
    for (enum op op; left && (op = factor_here(p)) != OP_NOTHING;) {
        take(p, 1);
        struct node *right = parse_unary(p);
        left = right ? call(p, op, place, left, right) : NULL;
    }
    return left;
}

static struct node *parse_sum(struct parser *p) {
    size_t place = look(p, 0)->place;
    struct node *left = parse_product(p);
    while (left && (at_sign(p, 0, SIGN_PLUS) || at_sign(p, 0, SIGN_MINUS))) {
        enum op op = at_sign(p, 0, SIGN_PLUS) ? OP_ADD : OP_SUBTRACT;
        take(p, 1);
        struct node *right = parse_product(p);
        left = right ? call(p, op, place, left, right) : NULL;
    }
    return left;
}

/* --- conditions --- */

static enum op comparison_here(struct parser *p) {
    static const uint8_t ops[] = {
        [SIGN_EQUAL] = OP_EQUAL,           [SIGN_NOT_EQUAL] = OP_NOT_EQUAL, [SIGN_LESS] = OP_LESS,
        [SIGN_LESS_EQUAL] = OP_LESS_EQUAL, [SIGN_GREATER] = OP_GREATER,     [SIGN_GREATER_EQUAL] = OP_GREATER_EQUAL};
    return look(p, 0)->kind == TOKEN_SIGN && look(p, 0)->sign < sizeof ops ? ops[look(p, 0)->sign] : OP_NOTHING;
}

/* An operator in words at token `n`, and how many tokens it takes; "contains any" only before "(". */
static enum op word_operator(struct parser *p, unsigned n, unsigned *words) {
    *words = 1;
    if (at_word(p, n, "between"))
        return OP_BETWEEN;
    if (at_word(p, n, "in"))
        return OP_IN;
    if (at_word(p, n, "matches"))
        return OP_MATCHES;
    if (at_word(p, n, "contains")) {
        bool any = at_word(p, n + 1, "any"), all = at_word(p, n + 1, "all");
        if ((!any && !all) || !at_sign(p, n + 2, SIGN_OPEN))
            return OP_CONTAINS;
        *words = 2;
        return any ? OP_CONTAINS_ANY : OP_CONTAINS_ALL;
    }
    *words = 2;
    if (at_word(p, n, "starts") && at_word(p, n + 1, "with"))
        return OP_STARTS_WITH;
    return at_word(p, n, "ends") && at_word(p, n + 1, "with") ? OP_ENDS_WITH : OP_NOTHING;
}

static struct node *parse_between(struct parser *p, struct node *left) {
    struct node *low = parse_sum(p), *high;
    if (!low)
        return NULL;
    if (!take_word(p, "and"))
        return fail_continuation(p, "\"and\" and the upper end of between");
    high = parse_sum(p);
    if (!high)
        return NULL;
    low->next = high;
    return call(p, OP_BETWEEN, left->place, left, low);
}

static struct node *parse_in(struct parser *p, enum op op, struct node *left) {
    struct children list = {0};
    if (!take_sign(p, SIGN_OPEN))
        return fail_expected(p, "\"(\" and values, as in (\"a\", \"b\"), or segment before a segment's name", NULL);
    if (at_sign(p, 0, SIGN_CLOSE))
        return fail(p, look(p, 0)->place, "the list is empty; write at least one value");
    return parse_list(p, &list, true, TREE_LIST_MAX) ? call(p, op, left->place, left, list.first) : NULL;
}

/* Behind the operator's words. */
static struct node *parse_word_comparison(struct parser *p, enum op op, struct node *left) {
    struct node *right;
    switch (op) {
    case OP_BETWEEN:
        return parse_between(p, left);
    case OP_IN:
    case OP_CONTAINS_ANY:
    case OP_CONTAINS_ALL:
        return parse_in(p, op, left);
    default:
        right = parse_sum(p);
        return right ? call(p, op, left->place, left, right) : NULL;
    }
}

/* Behind "is". */
static struct node *parse_is(struct parser *p, struct node *left) {
    static const char *const words[] = {"missing", "present", NULL};
    bool negated = take_word(p, "not");
    if (!at_word(p, 0, "missing") && !at_word(p, 0, "present"))
        return fail_expected(p, "\"missing\" or \"present\" (equal is written =)", words);
    bool missing = at_word(p, 0, "missing") != negated;
    take(p, 1);
    return call(p, missing ? OP_IS_MISSING : OP_IS_PRESENT, left->place, left, NULL);
}

static struct node *parse_comparison(struct parser *p) {
    struct node *left = parse_sum(p);
    unsigned words;
    enum op op = left ? comparison_here(p) : OP_NOTHING;
    if (!left)
        return NULL;
    if (op != OP_NOTHING) {
        take(p, 1);
        struct node *right = parse_sum(p);
        left = right ? call(p, op, left->place, left, right) : NULL;
    } else if (take_word(p, "is")) {
        left = parse_is(p, left);
    } else {
        bool negated = at_word(p, 0, "not");
        op = word_operator(p, negated, &words);
        if (op == OP_NOTHING)
            return left;
        take(p, words + negated);
        left = parse_word_comparison(p, op, left);
        if (left && negated)
            left = call(p, OP_NOT, left->place, left, NULL);
    }
    if (left && (comparison_here(p) != OP_NOTHING || word_operator(p, 0, &words) != OP_NOTHING || at_word(p, 0, "is")))
        return fail(p, look(p, 0)->place,
                    "one comparison cannot follow another; join them with and, or put one in parentheses");
    return left;
}

static struct node *parse_not(struct parser *p) {
    if (!at_word(p, 0, "not"))
        return parse_comparison(p);
    if (!enter(p))
        return NULL;
    size_t place = look(p, 0)->place;
    take(p, 1);
    struct node *node = call(p, OP_NOT, place, parse_not(p), NULL);
    p->nesting--;
    return node;
}

/* One operand, or several with `word` between them. */
static struct node *parse_chain(struct parser *p, enum op op, struct node *(*parse)(struct parser *)) {
    const struct operator_row *row = operator_row(op);
    struct children operands = {0};
    size_t place = look(p, 0)->place;
    do {
        struct node *operand = parse(p);
        if (!operand)
            return NULL;
        if (operands.count == row->most)
            return fail(p, operand->place, "more than %u conditions joined by %s; put some of them in parentheses",
                        row->most, row->word);
        add_child(&operands, operand);
    } while (take_word(p, row->word));
    return operands.count == 1 ? operands.first : call(p, op, place, operands.first, operands.first->next);
}

static struct node *parse_and(struct parser *p) { return parse_chain(p, OP_AND, parse_not); }

static struct node *parse_expression(struct parser *p) {
    if (!enter(p))
        return NULL;
    struct node *node = parse_chain(p, OP_OR, parse_and);
    p->nesting--;
    return node;
}

/* --- whole texts --- */

static struct node *parse_whole(struct parser *p) {
    if (p->lexer.text.size > TREE_TEXT_BYTES_MAX)
        return fail(p, TREE_TEXT_BYTES_MAX, "the expression is %zu bytes long; at most %d can be read",
                    p->lexer.text.size, TREE_TEXT_BYTES_MAX);
    if (look(p, 0)->kind == TOKEN_END)
        return fail(p, 0, "the expression is empty");
    struct node *root = parse_expression(p);
    if (root && look(p, 0)->kind != TOKEN_END)
        return fail_continuation(p, "an operator such as =, >, in, contains, \"and\", or the end");
    return root;
}

enum status tree_parse(struct slice text, struct arena *arena, struct node **root, struct fault *fault,
                       uint32_t *place) {
    struct parser p = {.lexer = {.text = text, .arena = arena}, .maker = {.arena = arena}, .fault = fault};
    *root = parse_whole(&p);
    if (place)
        *place = *root ? 0 : p.fault_place;
    if (!*root)
        return STATUS_INVALID;
    return text.size * TREE_PLACES_BYTES_MAX > TREE_TEXT_BYTES_MAX ? tree_check_size(*root, fault) : STATUS_OK;
}
