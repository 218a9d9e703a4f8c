/* tree: the tables of operators and windows, the making of nodes, and equality. Text in is tree_parse.c, text out tree_format.c, JSON both ways
 * tree_json.c. */
#include <assert.h>

#include "govern/normalise_text.h"
#include "govern/record.h"
#include "language/tree_inside.h"
#include "language/tree_lex.h"

/* --- tables --- */

const struct operator_row *operator_row(enum op op) {
    static const struct operator_row rows[] = {

        {"NOTHING", "", FORM_FUNCTION, 0, 0, "", "", "", "", "", ""},
#define OPERATOR(id, word, form, least, most, ...) {#id, word, FORM_##form, least, most, __VA_ARGS__},
#include "language/operator.def"
#undef OPERATOR
    };
    _Static_assert(sizeof rows / sizeof *rows == OP_COUNT_, "a row each");
    assert(op < OP_COUNT_);
    return &rows[op];
}

const struct window_row *window_row(enum window_kind kind) {
    static const struct window_row rows[] = {
#define WINDOW(id, ...) [WINDOW_##id] = {#id, __VA_ARGS__},
#include "language/windows.def"
#undef WINDOW
    };
    assert(kind > WINDOW_NONE && kind < sizeof rows / sizeof *rows);
    return &rows[kind];
}

struct window_parts tree_window_parts(enum window_kind kind) {
    static const struct window_parts parts[] = {
        [WINDOW_ROLLING] = {.amount = true},
        [WINDOW_THIS] = {.period = true},
        [WINDOW_PREVIOUS] = {.period = true},
        [WINDOW_SINCE] = {.moments = 1},
        [WINDOW_BEFORE] = {.moments = 1},
        [WINDOW_FROM_TO] = {.moments = 2},
        [WINDOW_ON] = {.moments = 1},
        [WINDOW_SPAN_AFTER] = {.amount = true, .moments = 1},
        [WINDOW_SPAN_BEFORE] = {.amount = true, .moments = 1},
        [WINDOW_AFTER] = {.moments = 1},
    };
    assert(kind < sizeof parts / sizeof *parts);
    return parts[kind];
}

const char *term_type_name(enum term_type type) {
    static const char *const names[] = {"nothing", "true or false", "number",      "text",         "time",
                                        "date",    "text list",     "number list", "distribution", "duration"};
    assert(type < sizeof names / sizeof *names);
    return names[type];
}

static const struct {
    const char *word, *words;
    int64_t most;
} units[] = {{"second", "seconds", 31536000000}, {"minute", "minutes", 525600000},
             {"hour", "hours", 8760000},         {"day", "days", 365000},
             {"week", "weeks", 52000},           {"month", "months", 12000},
             {"quarter", "quarters", 4000},      {"year", "years", 1000}};

const char *unit_word(enum unit unit) {
    assert(unit <= UNIT_YEAR);
    return units[unit].word;
}
int64_t tree_amount_max(enum unit unit) { return units[unit].most; }

bool tree_word_is(struct slice word, const char *lower) { return text_equals_lower(word, lower); }

bool tree_unit_of(struct slice word, enum unit *unit) {
    for (int i = 0; i <= UNIT_YEAR; i++) {
        if (tree_word_is(word, units[i].word) || tree_word_is(word, units[i].words)) {
            *unit = (enum unit)i;
            return true;
        }
    }
    return false;
}

bool tree_word_reserved(struct slice word) {
    static const char *const words[] = {"or", "and",   "not",  "between", "in",  "contains", "matches",
                                        "is", "where", "true", "false",   "now", "today",    "anniversary"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (tree_word_is(word, words[i]))
            return true;
    return false;
}

bool tree_piece_needs_quotes(const struct node *node, uint32_t i) {
    bool begins = i == 0 && node->kind != NODE_AGGREGATE;
    struct slice text = node->pieces[i].text;
    return !lexer_plain_name(text) || (begins && tree_word_reserved(text));
}

enum op tree_op_of(struct slice word, size_t children) {
    for (int op = 1; op < OP_COUNT_; op++)
        if (slice_is(word, operator_row(op)->word) && !(op == OP_SUBTRACT && children == 1))
            return op;
    return OP_NOTHING;
}

bool tree_inner_not(enum op op) {
    return op == OP_BETWEEN || op == OP_IN || op == OP_CONTAINS || op == OP_CONTAINS_ANY || op == OP_CONTAINS_ALL ||
           op == OP_STARTS_WITH || op == OP_ENDS_WITH || op == OP_MATCHES;
}

/* --- making --- */

struct node *tree_make(struct tree_maker *maker, enum node_kind kind) {
    if (maker->nodes == TREE_NODES_MAX)
        return NULL;
    struct node *node = arena_get(maker->arena, sizeof *node);
    *node = (struct node){.kind = (uint8_t)kind, .depth = 1};
    maker->nodes++;
    return node;
}

static unsigned deeper(unsigned depth, const struct node *below) {
    return below && below->depth >= depth ? below->depth + 1u : depth;
}

bool tree_set_depth(struct node *node) {
    unsigned depth = 1;
    for (const struct node *child = node->first; child; child = child->next)
        depth = deeper(depth, child);
    depth = deeper(deeper(depth, node->source), node->where);
    depth = deeper(deeper(depth, node->window), node->within);
    node->depth = (uint8_t)(depth > TREE_DEPTH_MAX ? TREE_DEPTH_MAX : depth);
    return depth <= TREE_DEPTH_MAX;
}

enum status tree_check_size(const struct node *root, struct fault *fault) {
    struct buffer text = {0};
    tree_format(root, &text);
    size_t size = text.size;
    buffer_release(&text);
    if (size <= TREE_TEXT_BYTES_MAX)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID, "the expression is %zu bytes long; at most %d can be read", size,
                     TREE_TEXT_BYTES_MAX);
}

/* --- equality --- */

static bool pieces_equal(const struct node *a, const struct node *b) {
    if (a->piece_count != b->piece_count)
        return false;
    for (uint32_t i = 0; i < a->piece_count; i++)
        if (!slice_equal(a->pieces[i].text, b->pieces[i].text) || tree_piece_quoted(a, i) != tree_piece_quoted(b, i))
            return false;
    return true;
}

static bool literals_equal(const struct node *a, const struct node *b) {
    if (a->literal != b->literal)
        return false;
    switch (a->literal) {
    case VALUE_REAL:
        return memcmp(&a->real, &b->real, sizeof a->real) == 0;
    case VALUE_TEXT:
        return slice_equal(a->text, b->text);
    default:
        return a->integer == b->integer && a->scale == b->scale && a->zoned == b->zoned;
    }
}

static bool both_equal(const struct node *a, const struct node *b) { return a && b ? tree_equal(a, b) : !a && !b; }

bool tree_equal(const struct node *a, const struct node *b) {
    if (a->kind != b->kind || a->op != b->op || a->unit != b->unit || a->window_kind != b->window_kind ||
        a->amount != b->amount || a->negated != b->negated || a->ago != b->ago || a->any_event != b->any_event)
        return false;
    if (!pieces_equal(a, b) || (a->kind == NODE_LITERAL && !literals_equal(a, b)))
        return false;
    if (!both_equal(a->source, b->source) || !both_equal(a->where, b->where) || !both_equal(a->window, b->window) ||
        !both_equal(a->within, b->within))
        return false;
    const struct node *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (!tree_equal(x, y))
            return false;
    return !x && !y;
}
