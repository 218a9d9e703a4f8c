/* tree_parser: the tools of the parser. It looks at most three tokens ahead and never goes back, so its time is that of the text's length. */
#include "language/tree_parser.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "govern/record.h"
#include "language/tree_meant.h"

/* --- tokens --- */

const struct token *parser_look(struct parser *p, unsigned n) {
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

void parser_take(struct parser *p, unsigned count) {
    parser_look(p, count - 1);
    p->before = p->ahead[count - 1];
    p->have -= count;
    memmove(p->ahead, p->ahead + count, p->have * sizeof *p->ahead);
}

bool parser_at_sign(struct parser *p, unsigned n, enum sign sign) {
    const struct token *token = parser_look(p, n);
    return token->kind == TOKEN_SIGN && token->sign == sign;
}

bool parser_at_word(struct parser *p, unsigned n, const char *lower) {
    const struct token *token = parser_look(p, n);
    return token->kind == TOKEN_WORD && tree_word_is(token->text, lower);
}

bool parser_at_number(struct parser *p, unsigned n) {
    const struct token *token = parser_look(p, n);
    return token->kind == TOKEN_LITERAL && (token->literal == VALUE_NUMBER || token->literal == VALUE_REAL);
}

bool parser_at_unit(struct parser *p, unsigned n) {
    enum unit unit;
    return parser_look(p, n)->kind == TOKEN_WORD && tree_unit_of(parser_look(p, n)->text, &unit);
}

bool parser_take_sign(struct parser *p, enum sign sign) {
    bool there = parser_at_sign(p, 0, sign);
    if (there)
        parser_take(p, 1);
    return there;
}

bool parser_take_word(struct parser *p, const char *lower) {
    bool there = parser_at_word(p, 0, lower);
    if (there)
        parser_take(p, 1);
    return there;
}

/* --- faults --- */

static size_t characters_before(struct slice text, size_t place) {
    size_t count = 0;
    for (size_t i = 0; i < place && i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

void *parser_fail(struct parser *p, size_t place, const char *format, ...) {
    char sentence[448];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    p->fault_place = (uint32_t)place;
    fault_set(p->fault, STATUS_INVALID, "at %zu: %s", characters_before(p->lexer.text, place) + 1, sentence);
    return NULL;
}

const char *parser_shown(const struct parser *p, const struct token *token, char out[TEXT_QUOTE_BYTES]) {
    return text_quote(slice_of(p->lexer.text.data + token->place, token->end - token->place), out);
}

/* The token that comes is none of what may stand here. `words` (NULL: none; ends in NULL): words it may have been meant as. */
void *parser_fail_expected(struct parser *p, const char *expected, const char *const *words) {
    const struct token *token = parser_look(p, 0);
    char found[TEXT_QUOTE_BYTES], after[TEXT_QUOTE_BYTES], meant[MEANT_BYTES];
    if (token->kind == TOKEN_FAULT)
        return parser_fail(p, token->place, "%.*s", SLICE_ARG(token->text));
    bool first = p->before.end == 0;
    const char *quote = token->kind == TOKEN_END ? "" : "\"";
    tree_meant(&(struct meant_place){&p->before, token, parser_look(p, 1), expected, words}, meant);
    return parser_fail(p, token->place, "expected %s%s%s%s; found %s%s%s%s", expected, first ? "" : " after \"",
                       first ? "" : parser_shown(p, &p->before, after), first ? "" : "\"", quote,
                       token->kind == TOKEN_END ? "the end" : parser_shown(p, token, found), quote, meant);
}

/* After a whole value or condition something stands that cannot go on from it. */
void *parser_fail_continuation(struct parser *p, const char *expected) {
    static const char *const words[] = {"and",  "or",      "in", "not",   "between", "contains", "starts",
                                        "ends", "matches", "is", "where", "within",  "ago",      NULL};
    if (parser_at_sign(p, 0, SIGN_DOT))
        return parser_fail(
            p, parser_look(p, 0)->place,
            "nothing has fields after \")\" but first(...) and last(...); put the field inside: sum(order.total)");
    return parser_fail_expected(p, expected, words);
}

bool parser_expect_sign(struct parser *p, enum sign sign, const char *expected) {
    return parser_take_sign(p, sign) || parser_fail_continuation(p, expected);
}

/* --- nodes --- */

struct node *parser_make(struct parser *p, enum node_kind kind, size_t place) {
    struct node *node = tree_make(&p->maker, kind);
    if (!node)
        return parser_fail(p, place, "the expression has more than %d parts; divide it into several segments",
                           TREE_NODES_MAX);
    node->place = (uint32_t)place;
    return node;
}

/* All that hangs below is there. */
struct node *parser_finish(struct parser *p, struct node *node) {
    node->end = p->before.end;
    if (!tree_set_depth(node))
        return parser_fail(p, node->place, "the expression has more than %d levels; divide it into several segments",
                           TREE_DEPTH_MAX);
    return node;
}

bool parser_enter(struct parser *p) {
    if (++p->nesting <= NESTING_MAX)
        return true;
    parser_fail(p, parser_look(p, 0)->place, "the expression has more than %d levels; divide it into several segments",
                TREE_DEPTH_MAX);
    return false;
}

void parser_add_child(struct children *children, struct node *child) {
    if (!children->first)
        children->first = child;
    else
        *children->tail = child;
    children->tail = &child->next;
    children->count++;
}

struct node *parser_call(struct parser *p, enum op op, size_t place, struct node *first, struct node *second) {
    struct node *node = first ? parser_make(p, NODE_CALL, place) : NULL;
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    node->first = first;
    first->next = second;
    return parser_finish(p, node);
}

struct node *parser_literal(struct parser *p, const struct token *token) {
    struct node *node = parser_make(p, NODE_LITERAL, token->place);
    if (!node)
        return NULL;
    lexer_give_literal(token, node);
    return parser_finish(p, node);
}
