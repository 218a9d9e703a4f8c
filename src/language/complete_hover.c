/* complete_hover: what stands at a place: a word of the language, explained from its table, or a name, with its type. */
#include "language/complete_inside.h"

#include <stdio.h>

#define WORDS_MAX 3

struct hover {
    const char *use, *en, *caution_en, *zh, *caution_zh, *type;
    struct slice word;
};

static void write_member(struct json_writer *w, const char *key, const char *text) {
    if (text && *text)
        json_member_cstring(w, key, text);
}

static void write_hover(const struct hover *hover, struct json_writer *w) {
    json_object(w);
    json_member_text(w, "word", hover->word);
    write_member(w, "use", hover->use);
    write_member(w, "en", hover->en);
    write_member(w, "caution_en", hover->caution_en);
    write_member(w, "zh", hover->zh);
    write_member(w, "caution_zh", hover->caution_zh);
    write_member(w, "type", hover->type);
    json_end_object(w);
}

static struct hover of_op(enum op op) {
    const struct operator_row *row = operator_row(op);
    enum term_type type = check_op_gives(op);
    return (struct hover){.word = slice_text(row->word),
                          .use = row->use,
                          .en = row->meaning_en,
                          .caution_en = row->caution_en,
                          .zh = row->meaning_zh,
                          .caution_zh = row->caution_zh,
                          .type = type == TERM_NONE ? "" : term_type_name(type)};
}

static struct hover of_window(enum window_kind kind) {
    const struct window_row *row = window_row(kind);
    return (struct hover){.word = slice_text(row->use),
                          .use = row->use,
                          .en = row->meaning_en,
                          .caution_en = row->caution_en,
                          .zh = row->meaning_zh,
                          .caution_zh = row->caution_zh};
}

/* --- words of the language --- */

static enum op op_of_sign(const struct scan *s, uint32_t at) {
    static const uint8_t ops[] = {[SIGN_PLUS] = OP_ADD,
                                  [SIGN_MINUS] = OP_SUBTRACT,
                                  [SIGN_TIMES] = OP_MULTIPLY,
                                  [SIGN_DIVIDE] = OP_DIVIDE,
                                  [SIGN_REMAINDER] = OP_MODULO,
                                  [SIGN_EQUAL] = OP_EQUAL,
                                  [SIGN_NOT_EQUAL] = OP_NOT_EQUAL,
                                  [SIGN_LESS] = OP_LESS,
                                  [SIGN_LESS_EQUAL] = OP_LESS_EQUAL,
                                  [SIGN_GREATER] = OP_GREATER,
                                  [SIGN_GREATER_EQUAL] = OP_GREATER_EQUAL};
    const struct token *token = &s->tokens[at];
    bool first = at == 0 || (s->tokens[at - 1].kind == TOKEN_SIGN && s->tokens[at - 1].sign != SIGN_CLOSE);
    if (token->kind != TOKEN_SIGN || token->sign >= sizeof ops)
        return OP_NOTHING;
    return token->sign == SIGN_MINUS && first ? OP_NEGATE : (enum op)ops[token->sign];
}

/* A function's word is one only before its parenthesis: "age" alone is an attribute. */
static bool stands_as(const struct scan *s, enum op op, uint32_t end) {
    const struct operator_row *row = operator_row(op);
    bool call = row->form == FORM_FUNCTION || row->form == FORM_AGGREGATE || row->form == FORM_SEQUENCE ||
                op == OP_TAG || op == OP_METRIC || op == OP_SCORE;
    return !call || row->most == 0 || scan_sign(s, end, SIGN_OPEN);
}

static enum op op_of_words(const struct scan *s, uint32_t at) {
    for (uint32_t after = WORDS_MAX; after; after--) {
        uint32_t words, end = at + after;
        enum op op = end <= s->count ? scan_op(s, end, UINT32_MAX, &words) : OP_NOTHING;
        if (op != OP_NOTHING && words >= after && stands_as(s, op, end))
            return op;
    }
    return OP_NOTHING;
}

static enum window_kind window_of(const struct scan *s, uint32_t at) {
    static const struct {
        const char *word;
        uint8_t kind;
    } words[] = {{"today", WINDOW_TODAY},       {"yesterday", WINDOW_YESTERDAY}, {"this", WINDOW_THIS},
                 {"previous", WINDOW_PREVIOUS}, {"since", WINDOW_SINCE},         {"before", WINDOW_BEFORE},
                 {"from", WINDOW_FROM_TO},      {"to", WINDOW_FROM_TO},          {"on", WINDOW_ON},
                 {"after", WINDOW_AFTER}};
    bool number = at + 1 < s->count && s->tokens[at + 1].kind == TOKEN_LITERAL;
    if (scan_word(s, at, "last"))
        return number ? WINDOW_ROLLING : WINDOW_PREVIOUS;
    if (at >= 2 && s->tokens[at - 2].kind == TOKEN_LITERAL && s->tokens[at - 2].literal == VALUE_NUMBER) {
        if (scan_word(s, at, "after"))
            return WINDOW_SPAN_AFTER;
        if (scan_word(s, at, "before"))
            return WINDOW_SPAN_BEFORE;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (scan_word(s, at, words[i].word))
            return (enum window_kind)words[i].kind;
    return WINDOW_NONE;
}

/* --- names --- */

/* Tokens [*from, *to) of the dotted name around `at`. */
static void name_around(const struct scan *s, uint32_t at, uint32_t *from, uint32_t *to) {
    *from = scan_path(s, at + 1);
    *to = at + 1;
    while (*to + 1 < s->count && scan_sign(s, *to, SIGN_DOT) && scan_is_name(&s->tokens[*to + 1]))
        *to += 2;
    bool any = scan_word(s, at, "any") && scan_word(s, at + 1, "event");
    if (any)
        *to = at + 2;
    if (at && scan_word(s, at, "event") && scan_word(s, at - 1, "any"))
        *from = at - 1;
}

static void write_typed(struct slice word, const struct node *node, const char *en, const char *zh,
                        struct json_writer *w) {
    char in_english[160], in_chinese[160];
    (void)snprintf(in_english, sizeof in_english, "%s%s%.100s", spot_type_word(node, false), *en ? " of " : "", en);
    (void)snprintf(in_chinese, sizeof in_chinese, "%.100s%s%s", zh, *zh ? " 的" : "", spot_type_word(node, true));
    write_hover(&(struct hover){.word = word, .en = in_english, .zh = in_chinese, .type = spot_type_word(node, false)},
                w);
}

static bool write_source(struct spot *whole, struct slice word, const struct node *source, struct json_writer *w) {
    const struct source_reference *from = &source->from;
    const struct type *type =
        dictionary_type_at(whole->check.v->dictionary, from->items ? from->item_type : from->type);
    struct node value = {.type = (uint8_t)check_type_of(from->value.property_type),
                         .money = from->value.property_type == PROPERTY_MONEY};
    if (from->value.kind != REFERENCE_NONE)
        write_typed(word, &value, type->name.data, type->name.data, w);
    else if (from->kind == SOURCE_ANY_EVENT)
        write_hover(&(struct hover){.word = word, .en = "every event of any type", .zh = "任何类型的事件"}, w);
    else
        write_hover(&(struct hover){.word = word, .en = spot_kind_word(type, false), .zh = spot_kind_word(type, true)},
                    w);
    return true;
}

/* The name of tokens [from, to), in the scope of its place. */
static bool write_name(const struct vocabulary *v, struct slice text, struct spot *whole, uint32_t from, uint32_t to,
                       struct json_writer *w) {
    const struct token *tokens = whole->scan.tokens;
    struct slice word = slice_of(text.data + tokens[from].place, tokens[to - 1].end - tokens[from].place);
    struct spot spot;
    struct node node;
    struct term term;
    spot_open(&spot, v, text, tokens[from].place);
    const struct frame *frame = &spot.scan.frames[spot.scan.frame_count - 1];
    whole->check.scope = spot.check.scope;
    bool source = frame->state == FRAME_SOURCE && frame->end == spot.scan.count;
    bool end = from && scan_sign(&whole->scan, from - 1, SIGN_DOT); /* last(order).total */
    bool lost = end && !spot_end_rows(whole, from - 1, &whole->check.scope);
    source = source && !end;
    bool known = lost     ? false
                 : source ? spot_source(whole, from, to, &node, &term)
                          : spot_name(whole, from, to, &node, &term);
    if (known && source) {
        known = write_source(whole, word, &node, w);
    } else if (known) {
        const char *owner = term.owner ? term.owner->name.data : "";
        write_typed(word, &node, owner, owner, w);
    }
    spot_close(&spot);
    return known;
}

/* --- the way in --- */

static uint32_t token_at(const struct scan *s, uint32_t at) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->tokens[i].place <= at && at < s->tokens[i].end)
            return i;
    return UINT32_MAX;
}

static bool in_window(const struct vocabulary *v, struct slice text, const struct token *token) {
    struct spot spot;
    spot_open(&spot, v, text, token->place);
    bool in = spot.scan.frames[spot.scan.frame_count - 1].state == FRAME_WINDOW;
    spot_close(&spot);
    return in;
}

static bool hover(const struct vocabulary *v, struct slice text, struct spot *whole, uint32_t at,
                  struct json_writer *w) {
    const struct scan *s = &whole->scan;
    uint32_t i = token_at(s, at), from, to;
    if (i == UINT32_MAX)
        return false;
    enum window_kind window =
        s->tokens[i].kind == TOKEN_WORD && in_window(v, text, &s->tokens[i]) ? window_of(s, i) : WINDOW_NONE;
    enum op op = s->tokens[i].kind == TOKEN_SIGN ? op_of_sign(s, i) : op_of_words(s, i);
    struct hover found = window != WINDOW_NONE ? of_window(window) : of_op(op);
    if (window != WINDOW_NONE || op != OP_NOTHING) {
        write_hover(&found, w);
        return true;
    }
    if (!scan_is_name(&s->tokens[i]) && !scan_sign(s, i, SIGN_DOT))
        return false;
    name_around(s, scan_sign(s, i, SIGN_DOT) && i ? i - 1 : i, &from, &to);
    return from < to && scan_is_name(&s->tokens[from]) && write_name(v, text, whole, from, to, w);
}

void check_hover(const struct vocabulary *vocabulary, struct slice text, uint32_t at, struct json_writer *w) {
    struct spot whole;
    spot_open(&whole, vocabulary, text, (uint32_t)text.size);
    if (!hover(vocabulary, text, &whole, at, w))
        json_null(w);
    spot_close(&whole);
}
