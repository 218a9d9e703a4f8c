/* tree_json: a tree to JSON and back, for the visual builder and whoever makes expressions by program. docs/language.md describes the form of
 * each node; a member that is not known is refused, so that a misspelt one is not lost in silence. */
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/time.h"
#include "govern/normalise_text.h"
#include "govern/record.h"
#include "language/tree_inside.h"
#include "language/tree_lex.h"

/* --- out --- */

/* {"quoted":"city"}: in backticks though it need not be. */
static void write_pieces(struct json_writer *w, const char *key, const struct node *node) {
    json_key(w, key);
    json_array(w);
    for (uint32_t i = 0; i < node->piece_count; i++) {
        bool asked = node->pieces[i].quoted && !tree_piece_needs_quotes(node, i);
        if (asked)
            json_object(w);
        if (asked)
            json_key(w, "quoted");
        json_text(w, node->pieces[i].text);
        if (asked)
            json_end_object(w);
    }
    json_end_array(w);
}

/* A number, date or time in the text form of the language. */
static void write_as_text(struct json_writer *w, const char *key, const struct node *node) {
    struct buffer text = {0};
    tree_format(node, &text);
    json_member_text(w, key, buffer_slice(&text));
    buffer_release(&text);
}

static void write_literal(struct json_writer *w, const struct node *node) {
    switch (node->literal) {
    case VALUE_BOOL:
        json_member_bool(w, "bool", node->integer != 0);
        break;
    case VALUE_NUMBER:
    case VALUE_REAL:
        write_as_text(w, "number", node);
        break;
    case VALUE_DATE:
        write_as_text(w, "date", node);
        break;
    case VALUE_TIME:
        write_as_text(w, "time", node);
        break;
    default:
        json_member_text(w, "text", node->text);
    }
    if (node->shown.size)
        json_member_text(w, "shown", node->shown);
}

static void write_unit(struct json_writer *w, const char *key, const struct node *node) {
    json_member_integer(w, key, node->amount);
    json_member_cstring(w, "unit", unit_word(node->unit));
}

static void write_member(struct json_writer *w, const char *key, const struct node *node) {
    if (node) {
        json_key(w, key);
        tree_write_json(node, w);
    }
}

static void write_children(struct json_writer *w, const char *key, const struct node *node) {
    json_key(w, key);
    json_array(w);
    for (const struct node *child = node->first; child; child = child->next)
        tree_write_json(child, w);
    json_end_array(w);
}

static void write_window(struct json_writer *w, const struct node *node) {
    switch ((enum window_kind)node->window_kind) {
    case WINDOW_TODAY:
        json_member_bool(w, "today", true);
        return;
    case WINDOW_YESTERDAY:
        json_member_bool(w, "yesterday", true);
        return;
    case WINDOW_ROLLING:
        write_unit(w, "last", node);
        return;
    case WINDOW_THIS:
        json_member_cstring(w, "this", unit_word(node->unit));
        return;
    case WINDOW_PREVIOUS:
        json_member_cstring(w, "previous", unit_word(node->unit));
        return;
    case WINDOW_SINCE:
        write_member(w, "since", node->first);
        return;
    case WINDOW_FROM_TO:
        write_member(w, "from", node->first);
        write_member(w, "to", node->first->next);
        return;
    case WINDOW_ON:
        write_member(w, "on", node->first);
        return;
    case WINDOW_SPAN_AFTER:
        write_unit(w, "span", node);
        write_member(w, "after", node->first);
        return;
    case WINDOW_AFTER:
        write_member(w, "after", node->first);
        return;
    case WINDOW_SPAN_BEFORE:
        write_unit(w, "span", node);
        write_member(w, "before", node->first);
        return;
    case WINDOW_BEFORE:
        write_member(w, "before", node->first);
        return;
    case WINDOW_NONE:
        break;
    }
    assert(!"a window of some kind");
}

/* source, where */
static void write_rows(struct json_writer *w, const struct node *node) {
    if (node->source->any_event)
        json_member_cstring(w, "source", "any event");
    else
        write_pieces(w, "source", node->source);
    write_member(w, "where", node->where);
}

static void write_step(struct json_writer *w, const struct node *node) {
    if (node->negated)
        json_member_bool(w, "not", true);
    write_rows(w, node);
    write_member(w, "within", node->within);
}

void tree_write_json(const struct node *node, struct json_writer *w) {
    if (node->kind == NODE_SOURCE)
        return; /* it stands in the node that looks at it */
    json_object(w);
    if (node->kind == NODE_CALL || node->kind == NODE_AGGREGATE || node->kind == NODE_SEQUENCE)
        json_member_cstring(w, "op", operator_row(node->op)->word);
    switch ((enum node_kind)node->kind) {
    case NODE_LITERAL:
        write_literal(w, node);
        break;
    case NODE_DURATION:
        write_unit(w, "duration", node);
        if (node->ago)
            json_member_bool(w, "ago", true);
        break;
    case NODE_NAME:
        write_pieces(w, "name", node);
        break;
    case NODE_CALL:
        write_children(w, "of", node);
        break;
    case NODE_AGGREGATE:
        write_rows(w, node);
        write_member(w, "window", node->window);
        if (node->piece_count)
            write_pieces(w, "field", node);
        break;
    case NODE_SEQUENCE:
        write_children(w, "steps", node);
        write_member(w, "within", node->within);
        write_member(w, "window", node->window);
        break;
    case NODE_STEP:
        write_step(w, node);
        break;
    case NODE_WINDOW:
        write_window(w, node);
        break;
    case NODE_SOURCE:
        break;
    }
    json_end_object(w);
}

/* --- in --- */

struct reader {
    const struct json_parser *parser;
    struct tree_maker maker;
    struct fault *fault;
    unsigned depth;
    size_t path_size;
    char path[512];
};

static struct node *read_node(struct reader *r, const struct json *json);

__attribute__((format(printf, 2, 3))) static void *fail(struct reader *r, const char *format, ...) {
    char sentence[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    fault_set(r->fault, STATUS_INVALID, "at %.*s: %s", r->path_size ? (int)r->path_size : 1,
              r->path_size ? r->path : "/", sentence);
    return NULL;
}

/* Goes down to a member (or element `index` where key is NULL); the former size is for `leave`. */
static size_t enter(struct reader *r, const char *key, size_t index) {
    size_t before = r->path_size, room = sizeof r->path - before;
    int size = key ? snprintf(r->path + before, room, "/%s", key) : snprintf(r->path + before, room, "/%zu", index);
    r->path_size = before + (size > 0 && (size_t)size < room ? (size_t)size : 0);
    return before;
}
static void leave(struct reader *r, size_t before) { r->path_size = before; }

static struct node *make(struct reader *r, enum node_kind kind) {
    struct node *node = tree_make(&r->maker, kind);
    return node ? node : fail(r, "the expression has more than %d parts", TREE_NODES_MAX);
}

static struct node *finish(struct reader *r, struct node *node) {
    return tree_set_depth(node) ? node : fail(r, "the expression has more than %d levels", TREE_DEPTH_MAX);
}

/* Every member is one of those in `known`, each between blanks. */
static bool check_members(struct reader *r, const struct json *json, const char *known) {
    char key[32], quoted[TEXT_QUOTE_BYTES];
    for (const struct json *m = json_first(r->parser, json); m; m = json_next(r->parser, m)) {
        int size = snprintf(key, sizeof key, " %.*s ", SLICE_ARG(m->key));
        if (size < 3 || (size_t)size >= sizeof key || strlen(key) != (size_t)size || !strstr(known, key))
            return fail(r, "\"%s\" is not known here; there are%s", text_quote(m->key, quoted), known);
    }
    return true;
}

static const struct json *member(struct reader *r, const struct json *json, const char *key) {
    return json_get(r->parser, json, key);
}

static bool read_flag(struct reader *r, const struct json *json, const char *key, bool *flag) {
    const struct json *found = member(r, json, key);
    *flag = found && found->kind == JSON_BOOL && found->boolean;
    return !found || found->kind == JSON_BOOL || fail(r, "\"%s\" must be true or false", key);
}

/* An optional member that is a node. */
static bool read_child(struct reader *r, const struct json *json, const char *key, struct node **into) {
    const struct json *found = member(r, json, key);
    if (!found)
        return true;
    size_t before = enter(r, key, 0);
    *into = read_node(r, found);
    leave(r, before);
    return *into != NULL;
}

static bool read_pieces(struct reader *r, const struct json *json, const char *key, struct node *node) {
    const struct json *list = member(r, json, key);
    size_t before = enter(r, key, 0);
    if (list->kind != JSON_ARRAY || list->count == 0 || list->count > NAME_PIECES_MAX)
        return fail(r, "expected a list of 1 to %d names, such as [\"order\",\"total\"]", NAME_PIECES_MAX);
    node->pieces = arena_get(r->maker.arena, list->count * sizeof *node->pieces);
    for (const struct json *m = json_first(r->parser, list); m; m = json_next(r->parser, m)) {
        const struct json *quoted = member(r, m, "quoted"), *piece = quoted ? quoted : m;
        if (piece->kind != JSON_TEXT || piece->text.size == 0 || !lexer_text_good(piece->text))
            return fail(r, "a name must be a text of at least one character");
        node->pieces[node->piece_count] = (struct name_piece){arena_copy(r->maker.arena, piece->text), false};
        node->pieces[node->piece_count].quoted = quoted || tree_piece_needs_quotes(node, node->piece_count);
        node->piece_count++;
    }
    leave(r, before);
    return true;
}

static bool read_unit(struct reader *r, const struct json *unit, const char *key, struct node *node) {
    enum unit found = UNIT_SECOND;
    if (!unit || unit->kind != JSON_TEXT || !tree_unit_of(unit->text, &found))
        return fail(r, "\"%s\" must be second, minute, hour, day, week, month, quarter or year", key);
    node->unit = (uint8_t)found;
    return true;
}

static bool read_amount(struct reader *r, const struct json *json, const char *key, struct node *node) {
    const struct json *amount = member(r, json, key);
    if (!read_unit(r, member(r, json, "unit"), "unit", node))
        return false;
    if (amount->kind != JSON_INTEGER || amount->integer < 1 || amount->integer > tree_amount_max(node->unit))
        return fail(r, "\"%s\" must be a whole number of %ss from 1 to %lld", key, unit_word(node->unit),
                    (long long)tree_amount_max(node->unit));
    node->amount = amount->integer;
    return true;
}

/* --- literals --- */

static struct node *literal_of(struct reader *r, const struct token *token) {
    struct node *node = make(r, NODE_LITERAL);
    if (!node)
        return NULL;
    lexer_give_literal(token, node);
    return node;
}

static struct node *read_number(struct reader *r, const struct json *json) {
    char text[40];
    struct token token = {0};
    struct slice written = json->kind == JSON_TEXT ? json->text : SLICE_NONE;
    if (json->kind == JSON_INTEGER)
        written = slice_of(text, (size_t)snprintf(text, sizeof text, "%lld", (long long)json->integer));
    if (json->kind == JSON_REAL && isfinite(json->real))
        written = slice_of(text, lexer_real_text(json->real, text));
    if (!lexer_number(written, &token))
        return fail(r, "expected a number, such as \"12.50\"");
    return literal_of(r, &token);
}

static struct node *read_text(struct reader *r, const struct json *json) {
    if (json->kind != JSON_TEXT || !lexer_text_good(json->text))
        return fail(r, "expected a text without zero bytes");
    struct token token = {.literal = VALUE_TEXT, .text = arena_copy(r->maker.arena, json->text)};
    return literal_of(r, &token);
}

static struct node *read_bool(struct reader *r, const struct json *json) {
    if (json->kind != JSON_BOOL)
        return fail(r, "expected true or false");
    struct token token = {.literal = VALUE_BOOL, .integer = json->boolean};
    return literal_of(r, &token);
}

/* As the language writes it: the whole text must be one token of that kind. */
static struct node *read_moment(struct reader *r, const struct json *json, enum value_kind kind) {
    struct lexer lexer = {.text = json->kind == JSON_TEXT ? json->text : SLICE_NONE, .arena = r->maker.arena};
    struct token token;
    lexer_next(&lexer, &token);
    if (token.kind != TOKEN_LITERAL || token.literal != kind || token.place != 0 || token.end != lexer.text.size)
        return fail(r, "expected %s",
                    kind == VALUE_DATE ? "a date such as \"2026-01-31\"" : "a time such as \"2026-01-31T08:00:00Z\"");
    return literal_of(r, &token);
}

/* {"number":...} and the like, or the bare value. */
static struct node *read_literal(struct reader *r, const struct json *json, const char *key) {
    const struct json *value = member(r, json, key);
    char known[32];
    snprintf(known, sizeof known, " %s shown ", key);
    if (!check_members(r, json, known))
        return NULL;
    if (key[0] == 'n')
        return read_number(r, value);
    if (key[0] == 'b')
        return read_bool(r, value);
    if (key[0] == 'd')
        return read_moment(r, value, VALUE_DATE);
    return strcmp(key, "time") == 0 ? read_moment(r, value, VALUE_TIME) : read_text(r, value);
}

static struct node *read_duration(struct reader *r, const struct json *json) {
    struct node *node = make(r, NODE_DURATION);
    bool good = node && check_members(r, json, " duration unit ago ") && read_amount(r, json, "duration", node) &&
                read_flag(r, json, "ago", &node->ago);
    return good ? node : NULL;
}

static struct node *read_name(struct reader *r, const struct json *json) {
    struct node *node = make(r, NODE_NAME);
    return node && check_members(r, json, " name ") && read_pieces(r, json, "name", node) ? node : NULL;
}

/* --- windows --- */

static const struct {
    const char *key, *second; /* the member it is known by, and one that goes with it */
    const char *known;        /* all it may have */
    enum window_kind kind;
} window_forms[] = {{"today", NULL, " today ", WINDOW_TODAY},
                    {"yesterday", NULL, " yesterday ", WINDOW_YESTERDAY},
                    {"last", NULL, " last unit ", WINDOW_ROLLING},
                    {"this", NULL, " this ", WINDOW_THIS},
                    {"previous", NULL, " previous ", WINDOW_PREVIOUS},
                    {"since", NULL, " since ", WINDOW_SINCE},
                    {"from", "to", " from to ", WINDOW_FROM_TO},
                    {"on", NULL, " on ", WINDOW_ON},
                    {"span", "after", " span unit after ", WINDOW_SPAN_AFTER},
                    {"span", "before", " span unit before ", WINDOW_SPAN_BEFORE},
                    {"after", NULL, " after ", WINDOW_AFTER},
                    {"before", NULL, " before ", WINDOW_BEFORE}};

static bool read_moments(struct reader *r, const struct json *json, const char *first, const char *second,
                         struct node *window) {
    struct node *end = NULL;
    if (!read_child(r, json, first, &window->first))
        return false;
    if (second && !read_child(r, json, second, &end))
        return false;
    window->first->next = end;
    return true;
}

static bool read_period(struct reader *r, const struct json *json, const char *key, struct node *window) {
    if (!read_unit(r, member(r, json, key), key, window))
        return false;
    return window->unit >= UNIT_WEEK || fail(r, "\"%s\" must be week, month, quarter or year", key);
}

static struct node *read_window_as(struct reader *r, const struct json *json, size_t form) {
    const char *key = window_forms[form].key, *second = window_forms[form].second;
    struct node *window = make(r, NODE_WINDOW);
    if (!window || !check_members(r, json, window_forms[form].known))
        return NULL;
    window->window_kind = (uint8_t)window_forms[form].kind;
    struct window_parts parts = tree_window_parts(window->window_kind);
    bool flag = true;
    if (!parts.amount && !parts.period && !parts.moments && (!read_flag(r, json, key, &flag) || !flag))
        return fail(r, "\"%s\" must be true", key);
    if (parts.amount && !read_amount(r, json, key, window))
        return NULL;
    if (parts.period && !read_period(r, json, key, window))
        return NULL;
    if (parts.moments && !read_moments(r, json, parts.amount ? second : key, parts.amount ? NULL : second, window))
        return NULL;
    return finish(r, window);
}

static struct node *read_window(struct reader *r, const struct json *json) {
    for (size_t i = 0; json->kind == JSON_OBJECT && i < sizeof window_forms / sizeof *window_forms; i++) {
        const char *second = window_forms[i].second;
        if (member(r, json, window_forms[i].key) && (!second || member(r, json, second)))
            return read_window_as(r, json, i);
    }
    return fail(r,
                "expected a window, such as {\"last\":30,\"unit\":\"day\"}, {\"today\":true} or {\"this\":\"month\"}");
}

static bool read_window_member(struct reader *r, const struct json *json, struct node *node) {
    const struct json *window = member(r, json, "window");
    if (!window)
        return true;
    size_t before = enter(r, "window", 0);
    node->window = read_window(r, window);
    leave(r, before);
    return node->window != NULL;
}

/* "within": a duration without ago. */
static bool read_within(struct reader *r, const struct json *json, struct node *node) {
    if (!read_child(r, json, "within", &node->within))
        return false;
    return !node->within || (node->within->kind == NODE_DURATION && !node->within->ago) ||
           fail(r, "\"within\" must be a duration, such as {\"duration\":3,\"unit\":\"day\"}");
}

/* --- operators --- */

static bool read_rows(struct reader *r, const struct json *json, struct node *node) {
    const struct json *source = member(r, json, "source");
    if (!source)
        return fail(r, "\"source\" is missing, such as [\"order\"] or \"any event\"");
    node->source = make(r, NODE_SOURCE);
    if (!node->source)
        return false;
    node->source->any_event = source->kind == JSON_TEXT && slice_is(source->text, "any event");
    if (!node->source->any_event && !read_pieces(r, json, "source", node->source))
        return false;
    return read_child(r, json, "where", &node->where);
}

static struct node *read_step(struct reader *r, const struct json *json) {
    struct node *step = make(r, NODE_STEP);
    if (!step || json->kind != JSON_OBJECT)
        return step ? fail(r, "expected a step, such as {\"source\":[\"order\"]}") : NULL;
    bool good = check_members(r, json, " not source where within ") && read_flag(r, json, "not", &step->negated) &&
                read_rows(r, json, step) && read_within(r, json, step);
    return good ? finish(r, step) : NULL;
}

static bool read_list(struct reader *r, const struct json *json, const char *key, struct node *node,
                      struct node *(*read)(struct reader *, const struct json *)) {
    const struct operator_row *row = operator_row(node->op);
    const struct json *list = member(r, json, key);
    struct node **tail = &node->first;
    size_t i = 0, before = enter(r, key, 0);
    if (!list || list->kind != JSON_ARRAY || list->count < row->least || list->count > row->most)
        return fail(r, "%s needs a list of %u to %u here", row->word, row->least, row->most);
    for (const struct json *m = json_first(r->parser, list); m; m = json_next(r->parser, m), i++) {
        size_t inside = enter(r, NULL, i);
        *tail = read(r, m);
        leave(r, inside);
        if (!*tail)
            return false;
        tail = &(*tail)->next;
    }
    leave(r, before);
    return true;
}

static struct node *read_aggregate(struct reader *r, const struct json *json, enum op op) {
    struct node *node = make(r, NODE_AGGREGATE);
    bool fields = op == OP_FIRST || op == OP_LAST;
    if (!node || !check_members(r, json, fields ? " op source where window field " : " op source where window "))
        return NULL;
    node->op = (uint8_t)op;
    if (!read_rows(r, json, node) || !read_window_member(r, json, node))
        return NULL;
    if (member(r, json, "field") && !read_pieces(r, json, "field", node))
        return NULL;
    return finish(r, node);
}

static struct node *read_sequence(struct reader *r, const struct json *json, enum op op) {
    struct node *node = make(r, NODE_SEQUENCE);
    if (!node || !check_members(r, json, " op steps within window "))
        return NULL;
    node->op = (uint8_t)op;
    bool good =
        read_list(r, json, "steps", node, read_step) && read_within(r, json, node) && read_window_member(r, json, node);
    return good ? finish(r, node) : NULL;
}

static struct node *read_call(struct reader *r, const struct json *json, enum op op) {
    struct node *node = make(r, NODE_CALL);
    if (!node || !check_members(r, json, " op of "))
        return NULL;
    node->op = (uint8_t)op;
    if (operator_row(op)->most > 0 && !read_list(r, json, "of", node, read_node))
        return NULL;
    if (operator_row(op)->form == FORM_NAMED &&
        (node->first->kind != NODE_LITERAL || node->first->literal != VALUE_TEXT))
        return fail(r, "%s needs one name, such as {\"text\":\"VIP\"}", operator_row(op)->word);
    return finish(r, node);
}

static struct node *read_operator(struct reader *r, const struct json *json, const struct json *op_member) {
    const struct json *of = member(r, json, "of");
    char quoted[TEXT_QUOTE_BYTES];
    struct slice word = op_member->kind == JSON_TEXT ? op_member->text : SLICE_NONE;
    enum op op = tree_op_of(word, of ? of->count : 0);
    if (op == OP_NOTHING)
        return fail(r, "there is no operator \"%s\"", text_quote(word, quoted));
    switch (operator_row(op)->form) {
    case FORM_AGGREGATE:
        return read_aggregate(r, json, op);
    case FORM_SEQUENCE:
        return read_sequence(r, json, op);
    default:
        return read_call(r, json, op);
    }
}

static struct node *read_object(struct reader *r, const struct json *json) {
    static const char *const literals[] = {"number", "text", "bool", "date", "time"};
    const struct json *op = member(r, json, "op");
    if (op)
        return read_operator(r, json, op);
    if (member(r, json, "name"))
        return read_name(r, json);
    if (member(r, json, "duration"))
        return read_duration(r, json);
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++)
        if (member(r, json, literals[i]))
            return read_literal(r, json, literals[i]);
    return fail(r, "expected \"op\", \"name\", \"duration\", \"number\", \"text\", \"bool\", \"date\" or \"time\"");
}

static struct node *read_node(struct reader *r, const struct json *json) {
    struct node *node = NULL;
    if (r->depth == TREE_DEPTH_MAX)
        return fail(r, "the expression has more than %d levels", TREE_DEPTH_MAX);
    r->depth++;
    switch (json->kind) {
    case JSON_OBJECT:
        node = read_object(r, json);
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        node = read_number(r, json);
        break;
    case JSON_TEXT:
        node = read_text(r, json);
        break;
    case JSON_BOOL:
        node = read_bool(r, json);
        break;
    default:
        node = fail(r, "expected an expression, such as {\"op\":\"=\",\"of\":[...]}");
    }
    r->depth--;
    return node;
}

enum status tree_read_json(const struct json_parser *parser, const struct json *json, struct arena *arena,
                           struct node **root, struct fault *fault) {
    struct reader r = {.parser = parser, .maker = {.arena = arena}, .fault = fault};
    *root = read_node(&r, json);
    return *root ? tree_check_size(*root, fault) : STATUS_INVALID;
}
