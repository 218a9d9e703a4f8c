/* tree_format: a tree to text, on one line or over several. Parentheses stand exactly where reading would otherwise give another tree. */
#include <assert.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/time.h"
#include "govern/record.h"
#include "language/tree_inside.h"
#include "language/tree_lex.h"

/* How tightly a node's text holds together, loosest first. */
enum level {
    LEVEL_OR = 1,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARISON,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_UNARY,
    LEVEL_PRIMARY
};

struct formatter {
    struct buffer *out;
    unsigned width; /* 0: one line */
};

static void write_node(struct formatter *f, const struct node *node, unsigned indent);

static void add(struct formatter *f, const char *text) { buffer_add_slice(f->out, slice_text(text)); }

static bool inner_not(const struct node *node) {
    return node->kind == NODE_CALL && node->op == OP_NOT && node->first->kind == NODE_CALL &&
           tree_inner_not(node->first->op);
}

static bool is_number(const struct node *node) {
    return node->kind == NODE_LITERAL && (node->literal == VALUE_NUMBER || node->literal == VALUE_REAL);
}

static bool is_negative(const struct node *node) {
    return is_number(node) && (node->literal == VALUE_REAL ? node->real < 0 : node->integer < 0);
}

static enum level level_of(const struct node *node) {
    if (node->kind != NODE_CALL)
        return is_negative(node) ? LEVEL_UNARY : LEVEL_PRIMARY;
    switch (node->op) {
    case OP_OR:
        return LEVEL_OR;
    case OP_AND:
        return LEVEL_AND;
    case OP_NOT:
        return inner_not(node) ? LEVEL_COMPARISON : LEVEL_NOT;
    case OP_ADD:
    case OP_SUBTRACT:
        return LEVEL_SUM;
    case OP_MULTIPLY:
    case OP_DIVIDE:
    case OP_MODULO:
        return LEVEL_PRODUCT;
    case OP_NEGATE:
        return LEVEL_UNARY;
    default:
        break;
    }
    unsigned form = operator_row(node->op)->form;
    return form == FORM_INFIX || form == FORM_SUFFIX ? LEVEL_COMPARISON : LEVEL_PRIMARY;
}

/* --- widths and lines --- */

static size_t characters(struct slice text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

/* Since the last line break. */
static size_t column(const struct formatter *f) {
    size_t start = f->out->size;
    while (start > 0 && f->out->data[start - 1] != '\n')
        start--;
    return characters(slice_of(f->out->data + start, f->out->size - start));
}

static void new_line(struct formatter *f, unsigned indent) {
    buffer_add_char(f->out, '\n');
    for (unsigned i = 0; i < indent; i++)
        add(f, "  ");
}

/* Whether the node's one line does not fit into what is left of this one. */
static bool too_wide(struct formatter *f, const struct node *node) {
    if (f->width == 0)
        return false;
    struct buffer line = {0};
    tree_format(node, &line);
    bool wide = column(f) + characters(buffer_slice(&line)) > f->width;
    buffer_release(&line);
    return wide;
}

/* --- leaves --- */

static void write_text(struct formatter *f, struct slice text) {
    buffer_add_char(f->out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            buffer_add_char(f->out, '\\');
            buffer_add_char(f->out, (char)c);
        } else if (c == '\n') {
            add(f, "\\n");
        } else if (c == '\t') {
            add(f, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            buffer_print(f->out, "\\u{%X}", c);
        } else {
            buffer_add_char(f->out, (char)c);
        }
    }
    buffer_add_char(f->out, '"');
}

static void write_quoted(struct formatter *f, struct slice piece) {
    buffer_add_char(f->out, '`');
    for (size_t i = 0; i < piece.size; i++) {
        if (piece.data[i] == '`')
            buffer_add_char(f->out, '`');
        buffer_add_char(f->out, piece.data[i]);
    }
    buffer_add_char(f->out, '`');
}

static void write_pieces(struct formatter *f, const struct node *node) {
    for (uint32_t i = 0; i < node->piece_count; i++) {
        if (i > 0)
            buffer_add_char(f->out, '.');
        if (tree_piece_quoted(node, i))
            write_quoted(f, node->pieces[i].text);
        else
            buffer_add_slice(f->out, node->pieces[i].text);
    }
}

static void write_time(struct formatter *f, const struct node *node) {
    char text[TIME_TEXT_BYTES];
    size_t size = time_format(node->integer, text) - 1; /* the Z */
    if (node->integer % 1000 == 0)
        size -= 4; /* .000 */
    buffer_add(f->out, text, size);
    if (node->zoned)
        buffer_add_char(f->out, 'Z');
}

static void write_literal(struct formatter *f, const struct node *node) {
    char text[TIME_TEXT_BYTES];
    struct json_writer w = {.out = f->out};
    switch (node->literal) {
    case VALUE_BOOL:
        add(f, node->integer ? "true" : "false");
        break;
    case VALUE_NUMBER:
        json_decimal(&w, node->integer, node->scale);
        break;
    case VALUE_REAL:
        buffer_add(f->out, text, lexer_real_text(node->real, text));
        break;
    case VALUE_DATE:
        buffer_add(f->out, text, time_format_date(node->integer, text));
        break;
    case VALUE_TIME:
        write_time(f, node);
        break;
    default:
        assert(node->literal == VALUE_TEXT);
        write_text(f, node->text);
    }
}

static void write_amount(struct formatter *f, const struct node *node) {
    buffer_print(f->out, "%lld %s%s", (long long)node->amount, unit_word(node->unit), node->amount == 1 ? "" : "s");
}

/* --- operators --- */

static void write_bracketed(struct formatter *f, const struct node *node, unsigned indent) {
    bool wide = too_wide(f, node);
    buffer_add_char(f->out, '(');
    if (wide)
        new_line(f, indent + 1);
    write_node(f, node, indent + wide);
    if (wide)
        new_line(f, indent);
    buffer_add_char(f->out, ')');
}

/* A child that must hold together at least as tightly as `least`. */
static void write_operand(struct formatter *f, const struct node *node, enum level least, unsigned indent) {
    if (level_of(node) < least)
        write_bracketed(f, node, indent);
    else
        write_node(f, node, indent);
}

static void write_list(struct formatter *f, const struct node *first, enum level least, unsigned indent) {
    for (const struct node *value = first; value; value = value->next) {
        write_operand(f, value, least, indent);
        if (value->next)
            add(f, ", ");
    }
}

static void write_chain(struct formatter *f, const struct node *node, unsigned indent) {
    bool wide = too_wide(f, node);
    enum level least = node->op == OP_OR ? LEVEL_AND : LEVEL_NOT;
    for (const struct node *operand = node->first; operand; operand = operand->next) {
        if (operand != node->first) {
            if (wide)
                new_line(f, indent);
            add(f, wide ? "" : " ");
            add(f, operator_row(node->op)->word);
            add(f, " ");
        }
        write_operand(f, operand, least, indent);
    }
}

/* "x contains any (...)" is an operator of its own, so an aggregate "any(...)" behind contains stands in parentheses. */
static void write_contained(struct formatter *f, const struct node *node, unsigned indent) {
    const struct node *leftmost = node;
    while (leftmost->kind == NODE_CALL && (level_of(leftmost) == LEVEL_SUM || level_of(leftmost) == LEVEL_PRODUCT))
        leftmost = leftmost->first;
    if (leftmost->kind == NODE_AGGREGATE && leftmost->op == OP_ANY)
        write_bracketed(f, node, indent);
    else
        write_operand(f, node, LEVEL_SUM, indent);
}

static void write_comparison(struct formatter *f, const struct node *node, bool negated, unsigned indent) {
    const struct node *right = node->first->next;
    write_operand(f, node->first, LEVEL_SUM, indent);
    buffer_print(f->out, "%s %s", negated ? " not" : "", operator_row(node->op)->word);
    if (!right)
        return;
    buffer_add_char(f->out, ' ');
    switch (node->op) {
    case OP_BETWEEN:
        write_operand(f, right, LEVEL_SUM, indent);
        add(f, " and ");
        write_operand(f, right->next, LEVEL_SUM, indent);
        break;
    case OP_IN:
    case OP_CONTAINS_ANY:
    case OP_CONTAINS_ALL:
        buffer_add_char(f->out, '(');
        write_list(f, right, LEVEL_SUM, indent);
        buffer_add_char(f->out, ')');
        break;
    case OP_CONTAINS:
        write_contained(f, right, indent);
        break;
    default:
        write_operand(f, right, LEVEL_SUM, indent);
    }
}

static void write_arithmetic(struct formatter *f, const struct node *node, unsigned indent) {
    enum level level = level_of(node);
    write_operand(f, node->first, level, indent);
    buffer_print(f->out, " %s ", operator_row(node->op)->word);
    write_operand(f, node->first->next, level + 1, indent);
}

/* "--" would begin a comment and "-5" is a literal. */
static void write_negation(struct formatter *f, const struct node *node, unsigned indent) {
    const struct node *of = node->first;
    buffer_add_char(f->out, '-');
    if (is_number(of) || level_of(of) <= LEVEL_UNARY)
        write_bracketed(f, of, indent);
    else
        write_node(f, of, indent);
}

static void write_function(struct formatter *f, const struct node *node, unsigned indent) {
    add(f, operator_row(node->op)->word);
    if (node->op == OP_NOW || node->op == OP_TODAY)
        return;
    buffer_add_char(f->out, '(');
    write_list(f, node->first, LEVEL_OR, indent);
    buffer_add_char(f->out, ')');
}

static void write_call(struct formatter *f, const struct node *node, unsigned indent) {
    const struct operator_row *row = operator_row(node->op);
    if (inner_not(node)) {
        write_comparison(f, node->first, true, indent);
        return;
    }
    switch (level_of(node)) {
    case LEVEL_OR:
    case LEVEL_AND:
        write_chain(f, node, indent);
        return;
    case LEVEL_NOT:
        add(f, "not ");
        write_operand(f, node->first, LEVEL_NOT, indent);
        return;
    case LEVEL_COMPARISON:
        write_comparison(f, node, false, indent);
        return;
    case LEVEL_SUM:
    case LEVEL_PRODUCT:
        write_arithmetic(f, node, indent);
        return;
    case LEVEL_UNARY:
        write_negation(f, node, indent);
        return;
    default:
        break;
    }
    if (row->form == FORM_OF || (row->form == FORM_NAMED && strchr(row->word, ' '))) {
        buffer_print(f->out, "%s ", row->word);
        write_operand(f, node->first, LEVEL_UNARY, indent);
    } else {
        write_function(f, node, indent);
    }
}

/* --- aggregates, sequences, windows --- */

static void write_window(struct formatter *f, const struct node *node, unsigned indent) {
    static const char *const words[] = {
        [WINDOW_ROLLING] = "last ",     [WINDOW_TODAY] = "today",         [WINDOW_YESTERDAY] = "yesterday",
        [WINDOW_THIS] = "this ",        [WINDOW_PREVIOUS] = "previous ",  [WINDOW_SINCE] = "since ",
        [WINDOW_BEFORE] = "before ",    [WINDOW_FROM_TO] = "from ",       [WINDOW_ON] = "on ",
        [WINDOW_SPAN_AFTER] = "after ", [WINDOW_SPAN_BEFORE] = "before ", [WINDOW_AFTER] = "after "};
    struct window_parts parts = tree_window_parts(node->window_kind);
    bool span = parts.amount && parts.moments;
    if (span) {
        write_amount(f, node);
        buffer_add_char(f->out, ' ');
    }
    add(f, words[node->window_kind]);
    if (parts.amount && !span)
        write_amount(f, node);
    if (parts.period)
        add(f, unit_word(node->unit));
    for (const struct node *moment = node->first; moment; moment = moment->next) {
        write_operand(f, moment, LEVEL_SUM, indent);
        if (moment->next)
            add(f, " to ");
    }
}

/* source ["where" expression] */
static void write_rows(struct formatter *f, const struct node *node, bool wide, unsigned indent) {
    if (node->source->any_event)
        add(f, "any event");
    else
        write_pieces(f, node->source);
    if (!node->where)
        return;
    if (wide)
        new_line(f, indent);
    add(f, wide ? "where " : " where ");
    write_node(f, node->where, indent + wide);
}

static void write_comma(struct formatter *f, bool wide, unsigned indent) {
    add(f, wide ? "," : ", ");
    if (wide)
        new_line(f, indent);
}

static void write_aggregate(struct formatter *f, const struct node *node, unsigned indent) {
    bool wide = node->where && too_wide(f, node);
    buffer_print(f->out, "%s(", operator_row(node->op)->word);
    if (wide)
        new_line(f, indent + 1);
    write_rows(f, node, wide, indent + wide);
    if (node->window) {
        write_comma(f, wide, indent + 1);
        write_window(f, node->window, indent + wide);
    }
    if (wide)
        new_line(f, indent);
    buffer_add_char(f->out, ')');
    if (node->piece_count) {
        buffer_add_char(f->out, '.');
        write_pieces(f, node);
    }
}

static void write_step(struct formatter *f, const struct node *node, unsigned indent) {
    add(f, node->negated ? "not " : "");
    write_rows(f, node, node->where && too_wide(f, node), indent + 1);
    if (node->within) {
        add(f, " within ");
        write_amount(f, node->within);
    }
}

static void write_sequence(struct formatter *f, const struct node *node, unsigned indent) {
    bool wide = too_wide(f, node);
    buffer_print(f->out, "%s(", operator_row(node->op)->word);
    if (wide)
        new_line(f, indent + 1);
    for (const struct node *step = node->first; step; step = step->next) {
        write_step(f, step, indent + wide);
        if (step->next && wide)
            new_line(f, indent + 1);
        if (step->next)
            add(f, wide ? "-> " : " -> ");
    }
    if (node->within) {
        write_comma(f, wide, indent + 1);
        add(f, "within ");
        write_amount(f, node->within);
    }
    if (node->window) {
        write_comma(f, wide, indent + 1);
        write_window(f, node->window, indent + wide);
    }
    if (wide)
        new_line(f, indent);
    buffer_add_char(f->out, ')');
}

static void write_node(struct formatter *f, const struct node *node, unsigned indent) {
    switch ((enum node_kind)node->kind) {
    case NODE_LITERAL:
        write_literal(f, node);
        break;
    case NODE_DURATION:
        write_amount(f, node);
        add(f, node->ago ? " ago" : "");
        break;
    case NODE_NAME:
        write_pieces(f, node);
        break;
    case NODE_CALL:
        write_call(f, node, indent);
        break;
    case NODE_AGGREGATE:
        write_aggregate(f, node, indent);
        break;
    case NODE_SEQUENCE:
        write_sequence(f, node, indent);
        break;
    case NODE_STEP:
        write_step(f, node, indent);
        break;
    case NODE_SOURCE:
        if (node->any_event)
            add(f, "any event");
        else
            write_pieces(f, node);
        break;
    case NODE_WINDOW:
        write_window(f, node, indent);
        break;
    }
}

void tree_format(const struct node *root, struct buffer *out) {
    struct formatter f = {.out = out};
    write_node(&f, root, 0);
}

void tree_format_wide(const struct node *root, unsigned width, struct buffer *out) {
    struct formatter f = {.out = out, .width = width ? width : 1};
    write_node(&f, root, 0);
}
