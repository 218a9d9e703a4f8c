/* tree_lex: the text of an expression cut into tokens, one at a time.
 *
 * Besides ASCII the marks of Chinese keyboards are known, since that is how half of our users type: （ ） ， “ ” ＝ ＜ ＞ ≤ ≥ ≠ → and the
 * wide blank mean ( ) , " " = < > <= >= != -> and a blank. A word is a run of letters of any alphabet, digits and _; whether it
 * is a name or a word of the language is the parser's business. */
#ifndef ONEFOLD_LANGUAGE_TREE_LEX_H
#define ONEFOLD_LANGUAGE_TREE_LEX_H

#include "base/memory.h"
#include "language/tree.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,    /* `text` as written */
    TOKEN_QUOTED,  /* a name in backticks; `text` without them */
    TOKEN_LITERAL, /* NUMBER, REAL, TEXT, DATE or TIME, as in struct node */
    TOKEN_SIGN,
    TOKEN_FAULT /* no token: `text` says what is wrong and what would be right */
};
enum sign {
    SIGN_NONE,
    SIGN_OPEN,
    SIGN_CLOSE,
    SIGN_COMMA,
    SIGN_DOT,
    SIGN_ARROW,
    SIGN_PLUS,
    SIGN_MINUS,
    SIGN_TIMES,
    SIGN_DIVIDE,
    SIGN_REMAINDER,
    SIGN_EQUAL,
    SIGN_NOT_EQUAL,
    SIGN_LESS,
    SIGN_LESS_EQUAL,
    SIGN_GREATER,
    SIGN_GREATER_EQUAL
};

struct token {
    uint8_t kind, sign;
    uint8_t literal, scale; /* TOKEN_LITERAL: as in struct node */
    bool zoned;
    uint32_t place, end; /* bytes */
    int64_t integer;
    double real;
    struct slice text; /* in the arena, or of the text itself where nothing had to be unescaped */
};
struct lexer {
    struct slice text;
    size_t at;
    struct arena *arena;
};
/* The next token; at the end TOKEN_END, again and again. After TOKEN_FAULT nothing more should be asked. */
void lexer_next(struct lexer *lexer, struct token *token);

/* What a token of kind TOKEN_LITERAL says, into a node of kind NODE_LITERAL. */
void lexer_give_literal(const struct token *token, struct node *node);
/* Without backticks: letters, digits and _, no digit first. */
bool lexer_plain_name(struct slice name);
/* A number's literal out of its text (which may begin with -). False: no number, or too large even for a double. */
bool lexer_number(struct slice text, struct token *token);
/* A real as the shortest text that reads back the same; its length. `out` has 32 bytes. */
size_t lexer_real_text(double real, char *out);
/* False where `text` has bytes that no text literal may hold: not UTF-8, or a zero byte. */
bool lexer_text_good(struct slice text);

#endif
