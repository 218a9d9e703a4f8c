/* presets: the table, and its expressions with names in the language asked for: those are parsed, renamed in the tree and formatted again. */
#include "audience/presets.h"

#include <assert.h>

#include "govern/record.h"

static const struct preset presets[] = {
#define KIND_SEGMENT DEFINITION_SEGMENT, ""
#define KIND_METRIC DEFINITION_METRIC, ""
#define KIND_TAG_BOOL DEFINITION_TAG, "bool"
#define KIND_TAG_TEXT DEFINITION_TAG, "text"
#define KIND_TAG_NUMBER DEFINITION_TAG, "number"
#define KIND_TAG_PREFERENCE DEFINITION_TAG, "preference"
#define KIND_TAG_DISTRIBUTION DEFINITION_TAG, "distribution"
#define PRESET(kind, name_en, name_zh, expression, en, zh) {KIND_##kind, name_en, name_zh, expression, en, zh},
#include "audience/presets.def"
};

static const struct {
    const char *en, *zh;
} values[] = {
#define PRESET_VALUE(en, zh) {en, zh},
#include "audience/presets.def"
};

size_t presets_count(void) { return sizeof presets / sizeof *presets; }

const struct preset *preset_at(size_t i) {
    assert(i < presets_count());
    return &presets[i];
}

const struct preset *preset_find(enum definition_kind kind, struct slice name) {
    for (size_t i = 0; i < presets_count(); i++)
        if (presets[i].kind == kind && (slice_is(name, presets[i].name_en) || slice_is(name, presets[i].name_zh)))
            return &presets[i];
    return NULL;
}

/* The kind of definition that a node names; false where it names none. */
static bool names_definition(const struct node *node, enum definition_kind *kind) {
    if (node->kind != NODE_CALL)
        return false;
    *kind = node->op == OP_IN_SEGMENT ? DEFINITION_SEGMENT : node->op == OP_METRIC ? DEFINITION_METRIC : DEFINITION_TAG;
    return node->op == OP_IN_SEGMENT || node->op == OP_METRIC || node->op == OP_TAG || node->op == OP_HAS_TAG;
}

/* A value that a tag gives; conditions compare with what is stored, and keep it. */
static void translate_value(struct node *node) {
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (slice_is(node->text, values[i].en))
            node->text = slice_text(values[i].zh);
}

static void translate(struct node *node) {
    enum definition_kind kind;
    if (names_definition(node, &kind)) {
        const struct preset *named = preset_find(kind, node->first->text);
        assert(named); /* presets_test */
        node->first->text = slice_text(named->name_zh);
        return;
    }
    if (node->kind == NODE_CALL && node->op == OP_IF)
        for (struct node *value = node->first->next; value; value = value->next)
            if (value->kind == NODE_LITERAL && value->literal == VALUE_TEXT)
                translate_value(value);
    for (struct node *child = node->first; child; child = child->next)
        translate(child);
    if (node->where)
        translate(node->where);
    if (node->window)
        translate(node->window);
}

static void write_expression(const struct preset *preset, bool chinese_names, struct json_writer *w) {
    struct arena arena = {0};
    struct buffer text = {0};
    struct node *root;
    enum status status = tree_parse(slice_text(preset->expression), &arena, &root, NULL, NULL);
    assert(status == STATUS_OK); /* presets_test */
    if (chinese_names)
        translate(root);
    tree_format(root, &text);
    json_member_text(w, "expression", buffer_slice(&text));
    buffer_release(&text);
    arena_release(&arena);
}

void preset_write_definition(const struct preset *preset, bool chinese_names, struct json_writer *w) {
    static const char *const kinds[] = {
        [DEFINITION_SEGMENT] = "segment", [DEFINITION_TAG] = "tag", [DEFINITION_METRIC] = "metric"};
    json_object(w);
    json_member_cstring(w, "define", kinds[preset->kind]);
    json_member_cstring(w, "name", chinese_names ? preset->name_zh : preset->name_en);
    if (preset->kind != DEFINITION_METRIC)
        json_member_cstring(w, "kind", preset->kind == DEFINITION_SEGMENT ? "live" : "rule");
    if (preset->kind == DEFINITION_TAG)
        json_member_cstring(w, "type", preset->type);
    write_expression(preset, chinese_names, w);
    json_key(w, "description");
    json_object(w);
    json_member_cstring(w, "en", preset->en);
    json_member_cstring(w, "zh", preset->zh);
    json_end_object(w);
    json_end_object(w);
}
