/* complete_scan: where in an expression a place is, from its tokens alone: for completion and hover, which look at text that is not whole
 * yet and cannot be parsed. */
#ifndef ONEFOLD_LANGUAGE_COMPLETE_SCAN_H
#define ONEFOLD_LANGUAGE_COMPLETE_SCAN_H

#include "language/check_inside.h"
#include "language/tree_lex.h"

enum frame_state {
    FRAME_ARGUMENTS, /* of a function, or between parentheses alone */
    FRAME_LIST,      /* the values of in, contains any, contains all */
    FRAME_SOURCE,    /* of an aggregate or a step: what it is about */
    FRAME_WHERE,
    FRAME_WINDOW /* after the comma of an aggregate */
};
/* What is open at the place: an expression between parentheses. The outermost has no parenthesis. */
struct frame {
    enum op op;
    enum frame_state state;
    uint32_t begin;       /* first token behind its parenthesis, comma, arrow or where */
    uint32_t source, end; /* tokens [source, end) of an aggregate's or step's source; the same: none yet */
};
#define FRAMES_MAX TREE_DEPTH_MAX

struct scan {
    struct token *tokens; /* those before the place, whole or begun; the last kind is never TOKEN_END */
    uint32_t count;
    struct frame frames[FRAMES_MAX];
    uint32_t frame_count; /* at least 1 */
    bool in_text;         /* inside a text literal that is not closed: `partial` is what stands of it */
    bool in_comment;
    uint32_t path;         /* first token of the dotted name that ends at the place; `count` where there is none */
    uint32_t partial_from; /* byte where `partial` begins */
    struct slice partial;  /* what stands of the last piece or word, so far */
};

/* Of text[0, at). Tokens lie in `arena`. */
void scan_text(struct slice text, uint32_t at, struct arena *arena, struct scan *scan);
/* The operator whose words end before token `end`: "distinct days"; *words: how many. OP_NOTHING: none. */
enum op scan_op(const struct scan *scan, uint32_t end, unsigned forms, uint32_t *words);
/* Names and dots [from, to) as pieces, in `arena`. */
void scan_pieces(const struct scan *scan, uint32_t from, uint32_t to, struct arena *arena, struct node *node);
/* First token of the dotted name that ends before `end`; `end` where none does. */
uint32_t scan_path(const struct scan *scan, uint32_t end);
bool scan_is_name(const struct token *token); /* a word, or in backticks */
bool scan_word(const struct scan *scan, uint32_t i, const char *lower);
bool scan_sign(const struct scan *scan, uint32_t i, enum sign sign);

#endif
