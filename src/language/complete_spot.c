/* complete_spot: a place in an expression that may not be whole, and what names mean there. */
#include "language/complete_inside.h"

#include <assert.h>

#include "language/tree_inside.h"

const char *spot_type_word(const struct node *node, bool chinese) {
    static const char *const zh[] = {[TERM_NONE] = "",
                                     [TERM_BOOL] = "是/否",
                                     [TERM_NUMBER] = "数字",
                                     [TERM_TEXT] = "文本",
                                     [TERM_TIME] = "时间",
                                     [TERM_DATE] = "日期",
                                     [TERM_TEXT_LIST] = "文本列表",
                                     [TERM_NUMBER_LIST] = "数字列表",
                                     [TERM_DISTRIBUTION] = "分布",
                                     [TERM_DURATION] = "时长"};
    assert(node->type < sizeof zh / sizeof *zh);
    bool money = node->type == TERM_NUMBER && node->money;
    if (chinese)
        return money ? "金额" : zh[node->type];
    return money ? "money" : term_type_name((enum term_type)node->type);
}

const char *spot_kind_word(const struct type *type, bool chinese) {
    switch (type->kind) {
    case TYPE_DOCUMENT:
        return chinese ? "单据" : "documents";
    case TYPE_RELATION:
        return chinese ? "与其他客户的关系" : "relations to other customers";
    case TYPE_ITEM:
        return chinese ? "明细" : "items";
    default:
        return chinese ? "事件" : "events";
    }
}

bool spot_source(struct spot *spot, uint32_t from, uint32_t to, struct node *node, struct term *term) {
    *node = (struct node){.kind = NODE_SOURCE};
    node->any_event =
        to == from + 2 && scan_word(&spot->scan, from, "any") && scan_word(&spot->scan, from + 1, "event");
    scan_pieces(&spot->scan, from, to, &spot->arena, node);
    return from < to && check_source(&spot->check, node, term);
}

bool spot_name(struct spot *spot, uint32_t from, uint32_t to, struct node *node, struct term *term) {
    *node = (struct node){.kind = NODE_NAME};
    scan_pieces(&spot->scan, from, to, &spot->arena, node);
    return from < to && check_name(&spot->check, node, term);
}

bool spot_end_rows(struct spot *spot, uint32_t dot, struct scope *rows) {
    const struct scan *s = &spot->scan;
    uint32_t open, depth = 1, words;
    struct node source;
    struct term term;
    if (dot == 0 || !scan_sign(s, dot - 1, SIGN_CLOSE))
        return false;
    for (open = dot - 1; open && depth; open--)
        depth = depth + scan_sign(s, open - 1, SIGN_CLOSE) - scan_sign(s, open - 1, SIGN_OPEN);
    enum op op = scan_op(s, open, 1u << FORM_AGGREGATE, &words);
    uint32_t end = open + 1;
    while (end < dot && !scan_word(s, end, "where") && (scan_sign(s, end, SIGN_DOT) || scan_is_name(&s->tokens[end])))
        end++;
    if ((op != OP_FIRST && op != OP_LAST) || !spot_source(spot, open + 1, end, &source, &term))
        return false;
    *rows = check_scope_of(&spot->check, &source.from);
    return true;
}

/* The scope that the open parentheses leave. */
static void enter(struct spot *spot, const struct frame *frame) {
    struct scope *scope = &spot->check.scope;
    bool related = scope->related;
    struct node source;
    struct term term;
    if (frame->state == FRAME_WINDOW) {
        *scope = (struct scope){.related = related};
    } else if (frame->state == FRAME_WHERE) {
        bool known = spot_source(spot, frame->source, frame->end, &source, &term);
        *scope = known ? check_scope_of(&spot->check, &source.from) : (struct scope){.related = related};
    }
}

void spot_open(struct spot *spot, const struct vocabulary *vocabulary, struct slice text, uint32_t at) {
    *spot = (struct spot){.check = {.v = vocabulary}};
    spot->check.arena = &spot->arena;
    spot->check.scratch = &spot->scratch;
    scan_text(text, at, &spot->arena, &spot->scan);
    for (uint32_t i = 0; i < spot->scan.frame_count; i++)
        enter(spot, &spot->scan.frames[i]);
}

void spot_close(struct spot *spot) {
    arena_release(&spot->arena);
    arena_release(&spot->scratch.arena);
}
