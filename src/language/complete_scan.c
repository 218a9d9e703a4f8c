/* complete_scan: see the header. */
#include "language/complete_scan.h"

#include <assert.h>

#include "language/tree_inside.h"

#define WORDS_MAX 3 /* of one operator: "days until anniversary" */
#define WORD_BYTES_MAX 40

bool scan_word(const struct scan *s, uint32_t i, const char *lower) {
    return i < s->count && s->tokens[i].kind == TOKEN_WORD && tree_word_is(s->tokens[i].text, lower);
}

bool scan_sign(const struct scan *s, uint32_t i, enum sign sign) {
    return i < s->count && s->tokens[i].kind == TOKEN_SIGN && s->tokens[i].sign == sign;
}

bool scan_is_name(const struct token *token) { return token->kind == TOKEN_WORD || token->kind == TOKEN_QUOTED; }

/* Words [from, to) in lower case with blanks between; empty where one is no word. */
static struct slice joined_words(const struct scan *s, uint32_t from, uint32_t to, char out[WORD_BYTES_MAX]) {
    size_t size = 0;
    for (uint32_t i = from; i < to; i++) {
        struct slice word = s->tokens[i].text;
        if (s->tokens[i].kind != TOKEN_WORD || size + word.size + 1 > WORD_BYTES_MAX)
            return SLICE_NONE;
        if (i > from)
            out[size++] = ' ';
        for (size_t k = 0; k < word.size; k++)
            out[size++] = (char)(word.data[k] >= 'A' && word.data[k] <= 'Z' ? word.data[k] + 32 : word.data[k]);
    }
    return slice_of(out, size);
}

static enum op op_of_words(struct slice words, unsigned forms) {
    for (unsigned op = OP_NOTHING + 1; words.size && op < OP_COUNT_; op++)
        if ((forms >> operator_row((enum op)op)->form & 1) && slice_is(words, operator_row((enum op)op)->word))
            return (enum op)op;
    return OP_NOTHING;
}

enum op scan_op(const struct scan *s, uint32_t end, unsigned forms, uint32_t *words) {
    char text[WORD_BYTES_MAX];
    for (*words = WORDS_MAX; *words; --*words) {
        if (*words > end)
            continue;
        enum op op = op_of_words(joined_words(s, end - *words, end, text), forms);
        if (op != OP_NOTHING)
            return op;
    }
    return OP_NOTHING;
}

uint32_t scan_path(const struct scan *s, uint32_t end) {
    uint32_t from = end;
    if (end && scan_is_name(&s->tokens[end - 1]))
        from = end - 1;
    else if (!scan_sign(s, end - 1, SIGN_DOT) || end == 0)
        return end;
    while (from >= 1) {
        bool dot = scan_sign(s, from - 1, SIGN_DOT);
        if (dot && from >= 2 && scan_is_name(&s->tokens[from - 2]))
            from -= 2;
        else if (from == end && dot)
            from--;
        else
            break;
    }
    return from;
}

void scan_pieces(const struct scan *s, uint32_t from, uint32_t to, struct arena *arena, struct node *node) {
    node->pieces = arena_get(arena, (to - from + 1) * sizeof *node->pieces);
    node->piece_count = 0;
    for (uint32_t i = from; i < to; i++)
        if (scan_is_name(&s->tokens[i]) && node->piece_count < NAME_PIECES_MAX)
            node->pieces[node->piece_count++] =
                (struct name_piece){s->tokens[i].text, s->tokens[i].kind == TOKEN_QUOTED};
}

/* --- frames --- */

static struct frame *top(struct scan *s) { return &s->frames[s->frame_count - 1]; }

static void open_frame(struct scan *s, uint32_t at) {
    uint32_t words;
    unsigned forms =
        1u << FORM_FUNCTION | 1u << FORM_AGGREGATE | 1u << FORM_SEQUENCE | 1u << FORM_INFIX | 1u << FORM_NAMED;
    enum op op = scan_op(s, at, forms, &words);
    struct frame frame = {.op = op, .state = FRAME_ARGUMENTS, .begin = at + 1, .source = at + 1, .end = at + 1};
    enum operator_form form = op == OP_NOTHING ? FORM_FUNCTION : (enum operator_form)operator_row(op)->form;
    if (form == FORM_AGGREGATE || form == FORM_SEQUENCE)
        frame.state = FRAME_SOURCE;
    else if (op == OP_IN || op == OP_CONTAINS_ANY || op == OP_CONTAINS_ALL)
        frame.state = FRAME_LIST;
    else if (form == FORM_INFIX)
        frame.op = OP_NOTHING;
    if (s->frame_count < FRAMES_MAX)
        s->frames[s->frame_count++] = frame;
}

static bool of_rows(const struct frame *f) {
    return f->state == FRAME_SOURCE || f->state == FRAME_WHERE || f->state == FRAME_WINDOW;
}

static void take_sign(struct scan *s, uint32_t i) {
    struct frame *f = top(s);
    switch (s->tokens[i].sign) {
    case SIGN_OPEN:
        open_frame(s, i);
        break;
    case SIGN_CLOSE:
        if (s->frame_count > 1)
            s->frame_count--;
        break;
    case SIGN_COMMA:
        if (of_rows(f))
            f->state = FRAME_WINDOW;
        f->begin = i + 1;
        break;
    case SIGN_ARROW:
        if (of_rows(f))
            f->state = FRAME_SOURCE;
        f->begin = f->source = f->end = i + 1;
        break;
    default:
        break;
    }
}

static void take_token(struct scan *s, uint32_t i) {
    struct frame *f = top(s);
    if (s->tokens[i].kind == TOKEN_SIGN && s->tokens[i].sign != SIGN_DOT) {
        take_sign(s, i);
    } else if (f->state == FRAME_SOURCE && scan_word(s, i, "where")) {
        f->state = FRAME_WHERE;
        f->begin = i + 1;
    } else if (f->state == FRAME_SOURCE && f->end == i) {
        bool not_word = f->source == i && f->op == OP_SEQUENCE && scan_word(s, i, "not");
        bool continues = f->source == i || scan_sign(s, i, SIGN_DOT) || scan_sign(s, i - 1, SIGN_DOT) ||
                         (scan_word(s, i, "event") && scan_word(s, i - 1, "any"));
        if (not_word)
            f->source = f->end = i + 1;
        else if (continues)
            f->end = i + 1;
    }
}

/* --- the place --- */

static bool in_comment(struct slice text, uint32_t from, uint32_t at) {
    bool comment = false;
    for (uint32_t i = from; i < at; i++)
        comment =
            text.data[i] == '\n' ? false : comment || (text.data[i] == '-' && i + 1 < at && text.data[i + 1] == '-');
    return comment;
}

static void find_partial(struct scan *s, struct slice text, uint32_t at) {
    const struct token *last = s->count ? &s->tokens[s->count - 1] : NULL;
    s->partial_from = at;
    s->path = s->count;
    if (!last)
        return;
    if (last->kind == TOKEN_FAULT && text.data[last->place] == '`') { /* a name that is not closed yet */
        struct token *name = &s->tokens[s->count - 1];
        name->kind = TOKEN_QUOTED;
        name->text = slice_of(text.data + name->place + 1, at - name->place - 1);
        name->end = at;
    }
    if (last->kind == TOKEN_FAULT) {
        struct slice rest = slice_of(text.data + last->place, at - last->place);
        size_t quote = slice_starts(rest, SLICE("\"")) ? 1 : slice_starts(rest, SLICE("\u201c")) ? 3 : 0;
        s->in_text = quote != 0;
        s->partial_from = last->place;
        s->partial = slice_of(rest.data + quote, rest.size - quote);
        s->path = --s->count;
    } else if (last->end == at && scan_is_name(last)) {
        s->partial_from = last->place;
        s->partial = last->text;
        s->path = scan_path(s, s->count);
    } else if (last->end == at && scan_sign(s, s->count - 1, SIGN_DOT)) {
        s->path = scan_path(s, s->count);
    }
}

void scan_text(struct slice text, uint32_t at, struct arena *arena, struct scan *s) {
    struct buffer tokens = {0};
    struct lexer lexer = {.text = slice_of(text.data, at < text.size ? at : text.size), .arena = arena};
    struct token token;
    *s = (struct scan){.frame_count = 1};
    at = (uint32_t)lexer.text.size;
    for (lexer_next(&lexer, &token); token.kind != TOKEN_END; lexer_next(&lexer, &token)) {
        buffer_add(&tokens, &token, sizeof token);
        if (token.kind == TOKEN_FAULT)
            break;
    }
    struct slice copied = arena_copy(arena, buffer_slice(&tokens));
    s->tokens = (struct token *)(uintptr_t)copied.data;
    s->count = (uint32_t)(tokens.size / sizeof token);
    buffer_release(&tokens);
    find_partial(s, lexer.text, at);
    uint32_t end = s->partial.size && !s->in_text ? s->count - (s->path < s->count) : s->count;
    for (uint32_t i = 0; i < end; i++)
        take_token(s, i);
    uint32_t last_end = s->count ? s->tokens[s->count - 1].end : 0;
    s->in_comment = !s->in_text && s->path == s->count && in_comment(lexer.text, last_end, at);
}
