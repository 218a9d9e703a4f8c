/* tree_parse: text to a tree, by recursive descent: a function for each line of the grammar in tree.h, in its order.
 *
 * Every parse function returns a node, or NULL after the one fault was written. How deep it may call itself is counted in `nesting`. */
#include "govern/record.h"
#include "language/tree_meant.h"
#include "language/tree_parser.h"

/* --- functions --- */

/* sum ("," sum)* ")", behind the "("; or expressions. */
static bool parse_list(struct parser *p, struct children *list, bool sums, size_t most) {
    do {
        struct node *value = sums ? parse_sum(p) : parse_expression(p);
        if (!value)
            return false;
        if (list->count == most)
            return parser_fail(p, value->place, "more than %zu values", most);
        parser_add_child(list, value);
    } while (parser_take_sign(p, SIGN_COMMA));
    return parser_expect_sign(p, SIGN_CLOSE, "\",\" or \")\"");
}

static void *fail_count(struct parser *p, const struct operator_row *row, size_t place, size_t found) {
    if (row->least == row->most)
        return parser_fail(p, place, "%s takes %u value%s, as in %s; found %zu", row->word, row->least,
                           row->least == 1 ? "" : "s", row->use, found);
    return parser_fail(p, place, "%s takes %u to %u values, as in %s; found %zu", row->word, row->least, row->most,
                       row->use, found);
}

/* Behind "round(". */
static struct node *parse_function(struct parser *p, enum op op, size_t place) {
    const struct operator_row *row = operator_row(op);
    struct children values = {0};
    struct node *node = parser_make(p, NODE_CALL, place);
    if (!node || (!parser_take_sign(p, SIGN_CLOSE) && !parse_list(p, &values, false, 64)))
        return NULL;
    if (values.count < row->least || values.count > row->most)
        return fail_count(p, row, place, values.count);
    node->op = (uint8_t)op;
    node->first = values.first;
    return parser_finish(p, node);
}

static struct node *parse_definition_name(struct parser *p, enum op op, size_t place, bool brackets) {
    const struct token *name = parser_look(p, 0);
    if (name->kind != TOKEN_LITERAL || name->literal != VALUE_TEXT)
        return parser_fail_expected(p, "the name in double quotes", NULL);
    struct token text = *name;
    parser_take(p, 1);
    struct node *child = parser_literal(p, &text);
    if (!child || (brackets && !parser_expect_sign(p, SIGN_CLOSE, "\")\"")))
        return NULL;
    return parser_call(p, op, place, child, NULL);
}

/* The tokens from here on are the words `words`. How many; 0: they are not. */
static unsigned words_match(struct parser *p, const char *words) {
    unsigned count = 0;
    for (const char *word = words; *word; count++) {
        const char *end = strchr(word, ' ');
        size_t size = end ? (size_t)(end - word) : strlen(word);
        const struct token *token = parser_look(p, count);
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
    char first = parser_look(p, 0)->text.data[0];
    *words = 0;
    text_lower(&first, 1);
    for (int op = 1; op < OP_COUNT_; op++) {
        const struct operator_row *row = operator_row(op);
        bool may_be = row->word[0] == first && begins_a_value(row);
        unsigned count = may_be ? words_match(p, row->word) : 0;
        if (count > *words && (!needs_bracket(row) || parser_at_sign(p, count, SIGN_OPEN))) {
            found = op;
            *words = count;
        }
    }
    return found;
}

static struct node *parse_unary(struct parser *p);

static struct node *parse_operator(struct parser *p, enum op op, unsigned words) {
    const struct operator_row *row = operator_row(op);
    size_t place = parser_look(p, 0)->place;
    parser_take(p, words);
    bool brackets = needs_bracket(row) && parser_take_sign(p, SIGN_OPEN);
    switch (row->form) {
    case FORM_OF:
        return parser_call(p, op, place, parse_unary(p), NULL);
    case FORM_NAMED:
        return parse_definition_name(p, op, place, brackets);
    case FORM_AGGREGATE:
        return parse_aggregate(p, op, place);
    case FORM_SEQUENCE:
        return parse_sequence(p, op, place);
    default:
        if (brackets || parser_take_sign(p, SIGN_OPEN))
            return parse_function(p, op, place);
        struct node *node = parser_make(p, NODE_CALL, place); /* now, today */
        if (node)
            node->op = (uint8_t)op;
        return node ? parser_finish(p, node) : NULL;
    }
}

static struct node *fail_unknown_function(struct parser *p) {
    const char *words[OP_COUNT_ + 1];
    size_t count = 0;
    const struct token *token = parser_look(p, 0);
    char found[TEXT_QUOTE_BYTES];
    for (int op = 1; op < OP_COUNT_; op++)
        if (begins_a_value(operator_row(op)))
            words[count++] = operator_row(op)->word;
    words[count] = NULL;
    struct slice better = tree_meant_word(token->text, words);
    return parser_fail(p, token->place, "\"%s\" is not known%s%.*s%s", parser_shown(p, token, found),
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
    if (parser_at_word(p, 0, "true") || parser_at_word(p, 0, "false")) {
        struct token token = *parser_look(p, 0);
        token.literal = VALUE_BOOL;
        token.integer = parser_at_word(p, 0, "true");
        parser_take(p, 1);
        return parser_literal(p, &token);
    }
    if (parser_at_word(p, 0, "not"))
        return parser_fail(p, parser_look(p, 0)->place,
                           "\"not\" stands before a whole condition; put it in parentheses: (not ...)");
    if (!tree_word_reserved(parser_look(p, 0)->text) && parser_at_sign(p, 1, SIGN_OPEN))
        return fail_unknown_function(p);
    return parse_name(p, value_expected);
}

static struct node *parse_literal(struct parser *p) {
    if (parser_at_number(p, 0) && parser_at_unit(p, 1)) {
        struct node *duration = parse_duration(p);
        if (!duration)
            return NULL;
        duration->ago = parser_take_word(p, "ago");
        return parser_finish(p, duration);
    }
    struct token token = *parser_look(p, 0);
    parser_take(p, 1);
    return parser_literal(p, &token);
}

static struct node *parse_primary(struct parser *p) {
    switch (parser_look(p, 0)->kind) {
    case TOKEN_WORD:
        return parse_word(p);
    case TOKEN_QUOTED:
        return parse_name(p, value_expected);
    case TOKEN_LITERAL:
        return parse_literal(p);
    default:
        if (!parser_take_sign(p, SIGN_OPEN))
            return parser_fail_expected(p, value_expected, NULL);
        struct node *inner = parse_expression(p);
        return inner && parser_expect_sign(p, SIGN_CLOSE, "an operator such as = or and, or \")\"") ? inner : NULL;
    }
}

/* "-5" is one literal; "-(5)" and "-5 days" are negations. */
static struct node *parse_negative(struct parser *p) {
    size_t place = parser_look(p, 0)->place;
    parser_take(p, 1);
    if (!parser_at_number(p, 0) || parser_at_unit(p, 1))
        return parser_call(p, OP_NEGATE, place, parse_unary(p), NULL);
    struct token token = *parser_look(p, 0);
    parser_take(p, 1);
    token.place = (uint32_t)place;
    token.integer = -token.integer;
    token.real = -token.real;
    return parser_literal(p, &token);
}

static struct node *parse_unary(struct parser *p) {
    if (!parser_enter(p))
        return NULL;
    struct node *node = parser_at_sign(p, 0, SIGN_MINUS) ? parse_negative(p) : parse_primary(p);
    p->nesting--;
    return node;
}

static enum op factor_here(struct parser *p) {
    return parser_at_sign(p, 0, SIGN_TIMES)       ? OP_MULTIPLY
           : parser_at_sign(p, 0, SIGN_DIVIDE)    ? OP_DIVIDE
           : parser_at_sign(p, 0, SIGN_REMAINDER) ? OP_MODULO
                                                  : OP_NOTHING;
}

static struct node *parse_product(struct parser *p) {
    size_t place = parser_look(p, 0)->place;
    struct node *left = parse_unary(p);
    for (enum op op; left && (op = factor_here(p)) != OP_NOTHING;) {
        parser_take(p, 1);
        struct node *right = parse_unary(p);
        left = right ? parser_call(p, op, place, left, right) : NULL;
    }
    return left;
}

struct node *parse_sum(struct parser *p) {
    size_t place = parser_look(p, 0)->place;
    struct node *left = parse_product(p);
    while (left && (parser_at_sign(p, 0, SIGN_PLUS) || parser_at_sign(p, 0, SIGN_MINUS))) {
        enum op op = parser_at_sign(p, 0, SIGN_PLUS) ? OP_ADD : OP_SUBTRACT;
        parser_take(p, 1);
        struct node *right = parse_product(p);
        left = right ? parser_call(p, op, place, left, right) : NULL;
    }
    return left;
}

/* --- conditions --- */

static enum op comparison_here(struct parser *p) {
    static const uint8_t ops[] = {
        [SIGN_EQUAL] = OP_EQUAL,           [SIGN_NOT_EQUAL] = OP_NOT_EQUAL, [SIGN_LESS] = OP_LESS,
        [SIGN_LESS_EQUAL] = OP_LESS_EQUAL, [SIGN_GREATER] = OP_GREATER,     [SIGN_GREATER_EQUAL] = OP_GREATER_EQUAL};
    return parser_look(p, 0)->kind == TOKEN_SIGN && parser_look(p, 0)->sign < sizeof ops ? ops[parser_look(p, 0)->sign]
                                                                                         : OP_NOTHING;
}

/* An operator in words at token `n`, and how many tokens it takes; "contains any" only before "(". */
static enum op word_operator(struct parser *p, unsigned n, unsigned *words) {
    *words = 1;
    if (parser_at_word(p, n, "between"))
        return OP_BETWEEN;
    if (parser_at_word(p, n, "in"))
        return OP_IN;
    if (parser_at_word(p, n, "matches"))
        return OP_MATCHES;
    if (parser_at_word(p, n, "contains")) {
        bool any = parser_at_word(p, n + 1, "any"), all = parser_at_word(p, n + 1, "all");
        if ((!any && !all) || !parser_at_sign(p, n + 2, SIGN_OPEN))
            return OP_CONTAINS;
        *words = 2;
        return any ? OP_CONTAINS_ANY : OP_CONTAINS_ALL;
    }
    *words = 2;
    if (parser_at_word(p, n, "starts") && parser_at_word(p, n + 1, "with"))
        return OP_STARTS_WITH;
    return parser_at_word(p, n, "ends") && parser_at_word(p, n + 1, "with") ? OP_ENDS_WITH : OP_NOTHING;
}

static struct node *parse_between(struct parser *p, struct node *left) {
    struct node *low = parse_sum(p), *high;
    if (!low)
        return NULL;
    if (!parser_take_word(p, "and"))
        return parser_fail_continuation(p, "\"and\" and the upper end of between");
    high = parse_sum(p);
    if (!high)
        return NULL;
    low->next = high;
    return parser_call(p, OP_BETWEEN, left->place, left, low);
}

static struct node *parse_in(struct parser *p, enum op op, struct node *left) {
    struct children list = {0};
    if (!parser_take_sign(p, SIGN_OPEN))
        return parser_fail_expected(p, "\"(\" and values, as in (\"a\", \"b\"), or segment before a segment's name",
                                    NULL);
    if (parser_at_sign(p, 0, SIGN_CLOSE))
        return parser_fail(p, parser_look(p, 0)->place, "the list is empty; write at least one value");
    return parse_list(p, &list, true, TREE_LIST_MAX) ? parser_call(p, op, left->place, left, list.first) : NULL;
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
        return right ? parser_call(p, op, left->place, left, right) : NULL;
    }
}

/* Behind "is". */
static struct node *parse_is(struct parser *p, struct node *left) {
    static const char *const words[] = {"missing", "present", NULL};
    bool negated = parser_take_word(p, "not");
    if (!parser_at_word(p, 0, "missing") && !parser_at_word(p, 0, "present"))
        return parser_fail_expected(p, "\"missing\" or \"present\" (equal is written =)", words);
    bool missing = parser_at_word(p, 0, "missing") != negated;
    parser_take(p, 1);
    return parser_call(p, missing ? OP_IS_MISSING : OP_IS_PRESENT, left->place, left, NULL);
}

static struct node *parse_comparison(struct parser *p) {
    struct node *left = parse_sum(p);
    unsigned words;
    enum op op = left ? comparison_here(p) : OP_NOTHING;
    if (!left)
        return NULL;
    if (op != OP_NOTHING) {
        parser_take(p, 1);
        struct node *right = parse_sum(p);
        left = right ? parser_call(p, op, left->place, left, right) : NULL;
    } else if (parser_take_word(p, "is")) {
        left = parse_is(p, left);
    } else {
        bool negated = parser_at_word(p, 0, "not");
        op = word_operator(p, negated, &words);
        if (op == OP_NOTHING)
            return left;
        parser_take(p, words + negated);
        left = parse_word_comparison(p, op, left);
        if (left && negated)
            left = parser_call(p, OP_NOT, left->place, left, NULL);
    }
    if (left &&
        (comparison_here(p) != OP_NOTHING || word_operator(p, 0, &words) != OP_NOTHING || parser_at_word(p, 0, "is")))
        return parser_fail(p, parser_look(p, 0)->place,
                           "one comparison cannot follow another; join them with and, or put one in parentheses");
    return left;
}

static struct node *parse_not(struct parser *p) {
    if (!parser_at_word(p, 0, "not"))
        return parse_comparison(p);
    if (!parser_enter(p))
        return NULL;
    size_t place = parser_look(p, 0)->place;
    parser_take(p, 1);
    struct node *node = parser_call(p, OP_NOT, place, parse_not(p), NULL);
    p->nesting--;
    return node;
}

/* One operand, or several with `word` between them. */
static struct node *parse_chain(struct parser *p, enum op op, struct node *(*parse)(struct parser *)) {
    const struct operator_row *row = operator_row(op);
    struct children operands = {0};
    size_t place = parser_look(p, 0)->place;
    do {
        struct node *operand = parse(p);
        if (!operand)
            return NULL;
        if (operands.count == row->most)
            return parser_fail(p, operand->place,
                               "more than %u conditions joined by %s; put some of them in parentheses", row->most,
                               row->word);
        parser_add_child(&operands, operand);
    } while (parser_take_word(p, row->word));
    return operands.count == 1 ? operands.first : parser_call(p, op, place, operands.first, operands.first->next);
}

static struct node *parse_and(struct parser *p) { return parse_chain(p, OP_AND, parse_not); }

struct node *parse_expression(struct parser *p) {
    if (!parser_enter(p))
        return NULL;
    struct node *node = parse_chain(p, OP_OR, parse_and);
    p->nesting--;
    return node;
}

/* --- whole texts --- */

static struct node *parse_whole(struct parser *p) {
    if (p->lexer.text.size > TREE_TEXT_BYTES_MAX)
        return parser_fail(p, TREE_TEXT_BYTES_MAX, "the expression is %zu bytes long; at most %d can be read",
                           p->lexer.text.size, TREE_TEXT_BYTES_MAX);
    if (parser_look(p, 0)->kind == TOKEN_END)
        return parser_fail(p, 0, "the expression is empty");
    struct node *root = parse_expression(p);
    if (root && parser_at_sign(p, 0, SIGN_CLOSE))
        return parser_fail(p, parser_look(p, 0)->place,
                           "this bracket closes none that was opened; delete it, or open one before");
    if (root && parser_look(p, 0)->kind != TOKEN_END)
        return parser_fail_continuation(p, "an operator such as =, >, in, contains, \"and\", or the end");
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
