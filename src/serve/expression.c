/* expression: see the header. */
#include "serve/expression.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "serve/show.h"

#define WIDTH 100 /* of formatted text */
#define IDENTIFIERS_SHOWN 8
#define IDENTIFIERS_LOOKED_AT 200

struct audience_snapshot *expression_snapshot(struct call *call) {
    if (call->parts->audience)
        return audience_snapshot(call->parts->audience);
    call_fail_text(call, STATUS_UNSUPPORTED, "this server keeps no segments, tags and metrics");
    return NULL;
}

/* --- reading --- */

enum status expression_read(struct call *call, const struct audience_snapshot *snapshot, const struct json *json,
                            enum term_type expected, struct node **root, struct fault *fault, uint32_t *place) {
    const struct vocabulary *vocabulary = audience_vocabulary(snapshot);
    struct arena *arena = &call->bench->arena;
    *place = UINT32_MAX;
    if (json && json->kind == JSON_TEXT)
        return check_text(vocabulary, json->text, expected, arena, root, fault, place);
    if (json == NULL || json->kind != JSON_OBJECT)
        return fault_set(fault, STATUS_INVALID, "\"expression\" must be text, or a tree as GET /v1/segments shows it");
    enum status status = tree_read_json(call->bench->parser, json, arena, root, fault);
    return status ? status : check_tree(vocabulary, *root, expected, arena, fault, place);
}

struct node *expression_member(struct call *call, const struct audience_snapshot *snapshot, const struct json *body,
                               const char *key, enum term_type expected) {
    struct fault fault = {0};
    struct node *root;
    uint32_t place;
    enum status status =
        expression_read(call, snapshot, json_get(call->bench->parser, body, key), expected, &root, &fault, &place);
    if (status == STATUS_OK)
        return root;
    call_fail(call, status, &fault);
    return NULL;
}

struct node *expression_of_name(struct call *call, const struct audience_snapshot *snapshot, enum definition_kind kind,
                                struct slice name) {
    static const uint8_t ops[] = {
        [DEFINITION_SEGMENT] = OP_IN_SEGMENT, [DEFINITION_TAG] = OP_TAG, [DEFINITION_METRIC] = OP_METRIC};
    struct arena *arena = &call->bench->arena;
    struct node *literal = arena_get(arena, sizeof *literal), *use = arena_get(arena, sizeof *use);
    uint32_t place;
    *literal = (struct node){.kind = NODE_LITERAL, .literal = VALUE_TEXT, .text = name};
    *use = (struct node){.kind = NODE_CALL, .op = ops[kind], .first = literal};
    return check_tree(audience_vocabulary(snapshot), use, TERM_NONE, arena, NULL, &place) == STATUS_OK ? use : NULL;
}

/* --- showing --- */

/* Ids of master data that a condition holds, with their names. */
struct names {
    struct call *call;
    struct json_writer *w;
};

static void write_name(struct names *names, const struct type *type, struct slice id, struct slice shown) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    if (!master_get_json(names->call->parts->master, type->number, id, TIME_NONE, &w) ||
        json_parse(p, buffer_slice(&text), true, &root, NULL) != STATUS_OK)
        root = NULL;
    struct slice name = root ? json_get_text(p, json_get(p, root, "fields"), "name") : SLICE_NONE;
    json_object(names->w);
    json_member_text(names->w, "type", type->name);
    json_member_text(names->w, "id", id);
    json_member_text(names->w, "name", name.size ? name : shown);
    json_end_object(names->w);
    json_parser_free(p);
    buffer_release(&text);
}

/* The type of master data whose ids a name holds: store_id, sku, product. */
static const struct type *master_of(const struct names *names, const struct node *name) {
    const struct dictionary *d = names->call->parts->dictionary;
    struct slice last = name->pieces[name->piece_count - 1].text;
    const struct type *type = dictionary_type_find(d, TYPE_MASTER, last);
    if (type == NULL && slice_is(last, "sku"))
        type = dictionary_type_find(d, TYPE_MASTER, SLICE("product"));
    if (type == NULL && last.size > 3 && memcmp(last.data + last.size - 3, "_id", 3) == 0)
        type = dictionary_type_find(d, TYPE_MASTER, slice_of(last.data, last.size - 3));
    return type;
}

static void find_names(struct names *names, const struct node *node) {
    if (node == NULL)
        return;
    const struct type *type = NULL;
    if (node->kind == NODE_CALL && node->first && node->first->kind == NODE_NAME && node->first->piece_count)
        type = master_of(names, node->first);
    for (const struct node *child = node->first; child; child = child->next) {
        if (type && child->kind == NODE_LITERAL && child->literal == VALUE_TEXT)
            write_name(names, type, child->text, child->shown);
        find_names(names, child);
    }
    find_names(names, node->source);
    find_names(names, node->where);
    find_names(names, node->window);
}

void expression_write(struct call *call, const struct node *root) {
    struct json_writer *w = &call->json;
    struct buffer text = {0};
    struct names names = {call, w};
    tree_format(root, &text);
    json_member_text(w, "expression", buffer_slice(&text));
    buffer_clear(&text);
    tree_format_wide(root, WIDTH, &text);
    json_member_text(w, "formatted", buffer_slice(&text));
    buffer_release(&text);
    json_member_cstring(w, "type", term_type_name(root->type));
    json_key(w, "tree");
    tree_write_json(root, w);
    json_key(w, "names");
    json_array(w);
    find_names(&names, root);
    json_end_array(w);
}

void expression_write_value(const struct term_value *value, struct json_writer *w) {
    char date[TIME_TEXT_BYTES];
    switch ((enum term_type)value->type) {
    case TERM_BOOL:
        json_bool(w, value->integer != 0);
        return;
    case TERM_NUMBER:
        if (value->scale == UINT8_MAX)
            json_real(w, value->real);
        else
            json_decimal(w, value->integer, value->scale);
        return;
    case TERM_TEXT:
        json_text(w, value->text);
        return;
    case TERM_TIME:
        json_time(w, value->integer);
        return;
    case TERM_DATE:
        json_text(w, slice_of(date, time_format_date(value->integer, date)));
        return;
    case TERM_TEXT_LIST:
    case TERM_NUMBER_LIST:
    case TERM_DISTRIBUTION:
        json_raw(w, value->text);
        return;
    case TERM_NONE:
    case TERM_DURATION:
        break;
    }
    json_null(w);
}

/* --- columns --- */

static bool columns_finish(struct call *call, const struct audience_snapshot *snapshot, struct node *const *roots,
                           struct columns *columns) {
    struct fault fault = {0};
    struct outside outside;
    if (columns->count == 0)
        return true;
    enum status status = plan_create(audience_vocabulary(snapshot), (const struct node *const *)roots, columns->count,
                                     &columns->plan, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return false;
    }
    audience_outside(call->parts->audience, &outside);
    columns->evaluator = evaluator_create(columns->plan, &outside);
    columns->now_ms = os_now_ms(call->parts->os);
    return true;
}

static bool too_many(struct call *call) {
    call_fail_text(call, STATUS_TOO_LARGE, "at most %d values can be asked for at once", COLUMNS_MAX);
    return false;
}

/* A tree is called by its text. */
static struct slice name_of(struct call *call, const struct json *json, const struct node *root) {
    struct buffer text = {0};
    if (json->kind == JSON_TEXT)
        return arena_copy(&call->bench->arena, json->text);
    tree_format(root, &text);
    struct slice name = arena_copy(&call->bench->arena, buffer_slice(&text));
    buffer_release(&text);
    return name;
}

bool columns_of_json(struct call *call, const struct audience_snapshot *snapshot, const struct json *list,
                     struct columns *columns) {
    struct node *roots[COLUMNS_MAX];
    struct json_parser *p = call->bench->parser;
    *columns = (struct columns){0};
    if (list && list->kind != JSON_NULL && list->kind != JSON_ARRAY) {
        call_fail_text(call, STATUS_INVALID, "\"values\" must be a list of expressions, such as [\"city\", \"level\"]");
        return false;
    }
    for (const struct json *one = list ? json_first(p, list) : NULL; one; one = json_next(p, one)) {
        struct fault fault = {0};
        uint32_t place;
        if (columns->count == COLUMNS_MAX)
            return too_many(call);
        enum status status = expression_read(call, snapshot, one, TERM_NONE, &roots[columns->count], &fault, &place);
        if (status != STATUS_OK) {
            call_fail_text(call, status, "values, number %zu: %s", columns->count + 1, fault.text);
            return false;
        }
        columns->names[columns->count] = name_of(call, one, roots[columns->count]);
        columns->count++;
    }
    return columns_finish(call, snapshot, roots, columns);
}

/* Cuts at the next comma that stands in no brackets and no text. */
static struct slice take_piece(struct slice *text) {
    size_t i = 0, depth = 0;
    char quote = 0;
    for (; i < text->size; i++) {
        char c = text->data[i];
        if (quote && c == '\\')
            i++;
        else if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '`')
            quote = c;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth)
            depth--;
        else if (c == ',' && depth == 0)
            break;
    }
    i = i < text->size ? i : text->size;
    struct slice piece = slice_trim(slice_of(text->data, i));
    *text = i < text->size ? slice_of(text->data + i + 1, text->size - i - 1) : SLICE_NONE;
    return piece;
}

bool columns_of_text(struct call *call, const struct audience_snapshot *snapshot, struct slice text,
                     struct arena *arena, struct columns *columns) {
    struct node *roots[COLUMNS_MAX];
    *columns = (struct columns){0};
    while (text.size) {
        struct fault fault = {0};
        uint32_t place;
        struct slice piece = take_piece(&text);
        if (piece.size == 0)
            continue;
        if (columns->count == COLUMNS_MAX)
            return too_many(call);
        columns->names[columns->count] = arena_copy(arena, piece);
        enum status status =
            check_text(audience_vocabulary(snapshot), piece, TERM_NONE, arena, &roots[columns->count], &fault, &place);
        if (status != STATUS_OK) {
            call_fail_text(call, status, "values, number %zu: %s", columns->count + 1, fault.text);
            return false;
        }
        columns->count++;
    }
    return columns_finish(call, snapshot, roots, columns);
}

void columns_release(struct columns *columns) {
    if (columns->evaluator)
        evaluator_free(columns->evaluator);
    if (columns->plan)
        plan_free(columns->plan);
    *columns = (struct columns){0};
}

void columns_customer(struct columns *columns, struct customer_id customer) {
    if (columns->evaluator)
        evaluator_customer(columns->evaluator, customer, columns->now_ms, UINT64_MAX);
}

struct term_value columns_value(struct columns *columns, size_t i) {
    assert(i < columns->count);
    return evaluate_value(columns->evaluator, i, 0);
}

void columns_write(struct columns *columns, struct json_writer *w) {
    json_object(w);
    for (size_t i = 0; i < columns->count; i++) {
        struct term_value value = columns_value(columns, i);
        json_key_slice(w, columns->names[i]);
        expression_write_value(&value, w);
    }
    json_end_object(w);
}

/* --- customers --- */

struct identifiers {
    struct show *show;
    unsigned left;
};

static void show_own(void *context, struct identifier_id identifier) {
    struct identifiers *i = context;
    const struct serve_parts *parts = i->show->parts;
    const struct namespace *n =
        dictionary_namespace_at(parts->dictionary, identity_namespace(parts->identity, identifier));
    if (i->left == 0 || n == NULL || n->kind == NAMESPACE_DOCUMENT)
        return;
    i->left--;
    show_identifier(i->show, identifier);
}

void expression_write_customer(struct call *call, struct columns *columns, struct customer_id customer) {
    const struct serve_parts *parts = call->parts;
    struct show show = {.parts = parts, .json = &call->json};
    struct identifiers identifiers = {&show, IDENTIFIERS_SHOWN};
    json_object(&call->json);
    show_oneid(&show, "oneid", customer);
    json_key(&call->json, "identifiers");
    json_array(&call->json);
    identity_identifiers(parts->identity, customer, IDENTIFIERS_LOOKED_AT, show_own, &identifiers);
    json_end_array(&call->json);
    struct history_hold hold = history_enter(parts->history);
    if (columns->count) {
        columns_customer(columns, customer);
        json_key(&call->json, "values");
        columns_write(columns, &call->json);
    } else {
        struct history_rows rows;
        history_rows(parts->history, customer, 0, &call->bench->arena, &rows);
        json_key(&call->json, "attributes");
        show_attributes(&show, parts->history, &rows, &call->bench->arena, false);
    }
    history_leave(parts->history, hold);
    json_end_object(&call->json);
}
