/* presets_test: every preset parses, names only those before it, has names and lines in both languages, and is right in a new workspace, under its
 * English and its Chinese names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audience/presets.h"
#include "base/json_read.h"

static void names(void **state) {
    (void)state;
    assert_true(presets_count() >= 40);
    for (size_t i = 0; i < presets_count(); i++) {
        const struct preset *p = preset_at(i);
        assert_true(p->name_en[0] && p->name_zh[0] && p->en[0] && p->zh[0] && p->expression[0]);
        assert_int_equal(p->kind == DEFINITION_TAG, p->type[0] != 0);
        assert_ptr_equal(preset_find(p->kind, slice_text(p->name_en)), p); /* so names are different */
        assert_ptr_equal(preset_find(p->kind, slice_text(p->name_zh)), p);
    }
    assert_null(preset_find(DEFINITION_TAG, SLICE("Prospects")));
}

/* In the canonical form, so that what is installed is what stands in the table. */
static void expressions_are_canonical(void **state) {
    (void)state;
    struct arena arena = {0};
    struct buffer text = {0};
    for (size_t i = 0; i < presets_count(); i++) {
        struct node *root;
        struct fault fault = {0};
        const struct preset *p = preset_at(i);
        if (tree_parse(slice_text(p->expression), &arena, &root, &fault, NULL) != STATUS_OK)
            fail_msg("%s: %s", p->name_en, fault.text);
        buffer_clear(&text);
        tree_format(root, &text);
        if (!slice_is(buffer_slice(&text), p->expression))
            fail_msg("%s: %s\n is %.*s", p->name_en, p->expression, SLICE_ARG(buffer_slice(&text)));
    }
    buffer_release(&text);
    arena_release(&arena);
}

/* What was installed so far. */
struct shelf {
    bool chinese;
    size_t count;
    struct definition definitions[200];
    struct arena arena;
    struct dictionary *dictionary;
};

static bool find(void *context, enum definition_kind kind, struct slice name, struct definition *out) {
    const struct shelf *shelf = context;
    for (size_t i = 0; i < shelf->count; i++) {
        const struct preset *p = preset_at(i);
        if (p->kind == kind && slice_is(name, shelf->chinese ? p->name_zh : p->name_en)) {
            *out = shelf->definitions[i];
            return true;
        }
    }
    return false;
}

static bool type_fits(const struct preset *p, enum term_type type) {
    static const struct {
        const char *name;
        enum term_type type;
    } types[] = {{"bool", TERM_BOOL},
                 {"text", TERM_TEXT},
                 {"number", TERM_NUMBER},
                 {"preference", TERM_TEXT},
                 {"distribution", TERM_DISTRIBUTION}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(p->type, types[i].name) == 0)
            return type == types[i].type;
    return type == (p->kind == DEFINITION_SEGMENT ? TERM_BOOL : TERM_NUMBER);
}

static struct slice made_expression(struct shelf *shelf, const struct preset *p) {
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    struct json_parser *parser = json_parser_create();
    const struct json *root;
    struct fault fault = {0};
    preset_write_definition(p, shelf->chinese, &w);
    assert_int_equal(json_parse(parser, buffer_slice(&out), true, &root, &fault), STATUS_OK);
    assert_true(slice_is(json_get_text(parser, root, "name"), shelf->chinese ? p->name_zh : p->name_en));
    assert_true(json_get_text(parser, json_get(parser, root, "description"), "zh").size > 0);
    struct slice expression = arena_copy(&shelf->arena, json_get_text(parser, root, "expression"));
    assert_int_equal(p->kind == DEFINITION_TAG, json_get(parser, root, "type") != NULL);
    json_parser_free(parser);
    buffer_release(&out);
    return expression;
}

static void install_all(bool chinese) {
    struct shelf shelf = {.chinese = chinese, .dictionary = dictionary_create()};
    struct vocabulary vocabulary = {
        .dictionary = shelf.dictionary, .zone = zone_utc(), .week_start = 1, .context = &shelf, .find = find};
    assert_true(presets_count() <= sizeof shelf.definitions / sizeof *shelf.definitions);
    for (size_t i = 0; i < presets_count(); i++) {
        const struct preset *p = preset_at(i);
        struct slice expression = made_expression(&shelf, p);
        enum term_type expected = p->kind == DEFINITION_SEGMENT ? TERM_BOOL : TERM_NONE;
        struct node *root;
        struct fault fault = {0};
        if (check_text(&vocabulary, expression, expected, &shelf.arena, &root, &fault, NULL) != STATUS_OK)
            fail_msg("%s: %.*s: %s", p->name_en, SLICE_ARG(expression), fault.text);
        if (!type_fits(p, root->type))
            fail_msg("%s is %s", p->name_en, term_type_name(root->type));
        shelf.definitions[i] = (struct definition){.number = (uint32_t)i + 1, .type = root->type, .expression = root};
        shelf.count++;
    }
    dictionary_free(shelf.dictionary);
    arena_release(&shelf.arena);
}

static void right_in_a_new_workspace(void **state) {
    (void)state;
    install_all(false);
    install_all(true);
}

static void a_definition_as_written(void **state) {
    (void)state;
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    preset_write_definition(preset_find(DEFINITION_SEGMENT, SLICE("VIP customers")), true, &w);
    buffer_add_char(&out, 0);
    assert_string_equal(out.data,
                        "{\"define\":\"segment\",\"name\":\"VIP 客户\",\"kind\":\"live\",\"expression\":"
                        "\"in segment \\\"高价值客户\\\" and in segment \\\"忠诚客户\\\"\",\"description\":{\"en\":"
                        "\"High value and loyal.\",\"zh\":\"既是高价值客户又是忠诚客户。\"}}");
    buffer_clear(&out);
    w.comma = false;
    preset_write_definition(preset_find(DEFINITION_TAG, SLICE("Price band")), true, &w);
    buffer_add_char(&out, 0);
    assert_non_null(strstr(out.data,
                           "\"kind\":\"rule\",\"type\":\"text\",\"expression\":\"if(metric(\\\"客单价\\\") >= 500, "
                           "\\\"高端\\\""));
    buffer_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(expressions_are_canonical),
        cmocka_unit_test(right_in_a_new_workspace),
        cmocka_unit_test(a_definition_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
