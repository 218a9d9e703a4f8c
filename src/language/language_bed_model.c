/* language_bed_model: see the header. */
#include "language/language_bed_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "language/plan_model.h"

/* --- opening and closing --- */

static void remove_folder(const struct language_bed *bed) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", bed->folder); /* the test's own */
    if (system(command))
        fail();
}

void language_bed_open(struct language_bed *bed, const char *zone, const char *now) {
    struct fault fault = {0};
    bool zoned;
    *bed = (struct language_bed){.dictionary = dictionary_create()};
    snprintf(bed->folder, sizeof bed->folder, "/tmp/onefold-language-bed-%d", (int)getpid());
    remove_folder(bed);
    if (zone_load(os_real(), slice_text(zone), &bed->zone, &fault) ||
        history_create(os_real(), bed->folder, bed->dictionary, NULL, &bed->history, &fault))
        fail_msg("%s", fault.text);
    bed->identity = identity_create(os_real(), bed->dictionary);
    bed->master = master_create(bed->dictionary);
    assert_int_equal(time_parse_iso(slice_text(now), &bed->now_ms, &zoned), STATUS_OK);
    assert_true(zoned);
    bed->vocabulary =
        (struct vocabulary){.dictionary = bed->dictionary, .master = bed->master, .zone = bed->zone, .week_start = 1};
    bed->outside = (struct outside){.history = bed->history, .identity = bed->identity};
}

void language_bed_close(struct language_bed *bed) {
    history_free(bed->history);
    identity_free(bed->identity);
    master_free(bed->master);
    zone_free(bed->zone);
    record_builder_release(&bed->builder);
    arena_release(&bed->arena);
    buffer_release(&bed->text);
    dictionary_free(bed->dictionary);
    remove_folder(bed);
}

/* --- types --- */

static void add_properties(struct language_bed *bed, struct type *type, struct slice list, char between) {
    while (list.size) {
        size_t name = 0, end, depth = 0;
        while (list.data[name] != ':')
            name++;
        for (end = name + 1; end < list.size && (depth || list.data[end] != between); end++)
            depth = depth + (list.data[end] == '(') - (list.data[end] == ')');
        struct slice word = slice_of(list.data + name + 1, end - name - 1), inside = SLICE_NONE;
        for (size_t i = 0; i < word.size; i++)
            if (word.data[i] == '(') {
                inside = slice_of(word.data + i + 1, word.size - i - 2);
                word.size = i;
            }
        struct property *p;
        int property_type = property_type_parse(word);
        assert_true(property_type >= 0);
        assert_int_equal(dictionary_property(bed->dictionary, type, slice_of(list.data, name),
                                             (enum property_type)property_type, &p, NULL),
                         STATUS_OK);
        if (inside.size)
            add_properties(bed, (struct type *)dictionary_type_at(bed->dictionary, p->item_type), inside, ',');
        end += end < list.size;
        list = slice_of(list.data + end, list.size - end);
    }
}

struct type *language_bed_type(struct language_bed *bed, enum type_kind kind, const char *name,
                               const char *properties) {
    struct type *type;
    assert_int_equal(dictionary_type(bed->dictionary, kind, slice_text(name), &type, NULL), STATUS_OK);
    add_properties(bed, type, slice_text(properties), ' ');
    return type;
}

/* --- rows --- */

static int64_t parse_time(struct language_bed *bed, struct slice text) {
    int64_t ms;
    bool zoned;
    assert_int_equal(time_parse_iso(text, &ms, &zoned), STATUS_OK);
    return zoned ? ms : zone_local_to_utc(bed->zone, ms);
}

static void set_values(struct language_bed *bed, const struct type *type, struct slice list, char between);

static void set_number(struct language_bed *bed, uint16_t number, struct slice text) {
    struct decimal d;
    if (decimal_parse(text, &d) == STATUS_OK) {
        record_set(&bed->builder, number, VALUE_NUMBER, d.value, (uint8_t)d.scale);
        return;
    }
    char copy[64];
    snprintf(copy, sizeof copy, "%.*s", SLICE_ARG(text));
    record_set_real(&bed->builder, number, strtod(copy, NULL));
}

static void set_list(struct language_bed *bed, const struct property *p, struct slice text) {
    record_list_begin(&bed->builder, p->number);
    for (size_t at = 0, end; at < text.size; at = end + 1) {
        for (end = at; end < text.size && text.data[end] != '|'; end++) {
        }
        struct slice element = slice_of(text.data + at, end - at);
        if (p->type == PROPERTY_TEXT_LIST)
            record_set_text(&bed->builder, 0, element);
        else
            set_number(bed, 0, element);
    }
    record_list_end(&bed->builder);
}

static void set_items(struct language_bed *bed, const struct property *p, struct slice text) {
    record_items_begin(&bed->builder, p->number);
    for (size_t at = 0, end; at < text.size; at = end + 1) {
        for (end = at; text.data[end] != '}'; end++) {
        }
        record_item_begin(&bed->builder);
        set_values(bed, dictionary_type_at(bed->dictionary, p->item_type), slice_of(text.data + at + 1, end - at - 1),
                   ',');
    }
    record_items_end(&bed->builder);
}

static void set_value(struct language_bed *bed, const struct property *p, struct slice text) {
    int64_t ms;
    bool zoned;
    if (slice_is(text, "null")) {
        record_set(&bed->builder, p->number, VALUE_MISSING, 0, 0);
        return;
    }
    switch ((enum property_type)p->type) {
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        set_number(bed, p->number, text);
        break;
    case PROPERTY_BOOL:
        record_set(&bed->builder, p->number, VALUE_BOOL, slice_is(text, "true"), 0);
        break;
    case PROPERTY_TIME:
        record_set(&bed->builder, p->number, VALUE_TIME, parse_time(bed, text), 0);
        break;
    case PROPERTY_DATE:
        assert_int_equal(time_parse_iso(text, &ms, &zoned), STATUS_OK);
        record_set(&bed->builder, p->number, VALUE_DATE, ms / DAY_MS - (ms % DAY_MS < 0), 0);
        break;
    case PROPERTY_TEXT:
        record_set_text(&bed->builder, p->number, text);
        break;
    case PROPERTY_ITEMS:
        set_items(bed, p, text);
        break;
    default:
        set_list(bed, p, text);
    }
}

static void set_values(struct language_bed *bed, const struct type *type, struct slice list, char between) {
    for (size_t at = 0, end; at < list.size; at = end + 1) {
        size_t name = at, depth = 0;
        while (list.data[name] != '=')
            name++;
        bool quoted = list.data[name + 1] == '\'';
        for (end = name + 1 + quoted; end < list.size; end++) {
            depth = depth + (list.data[end] == '{') - (list.data[end] == '}');
            if (quoted ? list.data[end] == '\'' : !depth && list.data[end] == between)
                break;
        }
        const struct property *p = dictionary_property_find(bed->dictionary, type, slice_of(list.data + at, name - at));
        assert_non_null(p);
        set_value(bed, p, slice_of(list.data + name + 1 + quoted, end - name - 1 - quoted));
        end += quoted;
    }
}

void language_bed_row(struct language_bed *bed, uint32_t customer, const struct type *type, const char *time,
                      uint32_t document, const char *values) {
    struct record_head head = {.type = type->number,
                               .kind = type->kind,
                               .source = 1,
                               .time_ms = parse_time(bed, slice_text(time)),
                               .received_ms = bed->now_ms,
                               .position = ++bed->position,
                               .arrival = 1,
                               .document = document};
    if (*values == '+') {
        head.flags |= RECORD_ITEMS_APPEND;
        values++;
    }
    record_begin(&bed->builder, &head);
    set_values(bed, type, slice_text(values), ' ');
    if (type->kind == TYPE_MASTER)
        master_put(bed->master, record_end(&bed->builder));
    else
        history_append(bed->history, (struct customer_id){customer}, record_end(&bed->builder));
    history_advance(bed->history, bed->position);
}

uint32_t language_bed_customer(struct language_bed *bed) {
    char value[32];
    struct governed governed = {.source = 1, .claim_count = 1};
    struct resolution out;
    int size = snprintf(value, sizeof value, "u%llu", (unsigned long long)bed->position);
    governed.claims[0] = (struct claim){dictionary_namespace_find(bed->dictionary, SLICE("user_id"))->number,
                                        slice_of(value, (size_t)size)};
    assert_int_equal(identity_resolve(bed->identity, &governed, ++bed->position, 1, &out), STATUS_OK);
    return out.customer.number;
}

void language_bed_compact(struct language_bed *bed) {
    struct fault fault = {0};
    enum status status;
    while (!(status = history_compact(bed->history, true, &fault)))
        history_tidy(bed->history);
    assert_int_equal(status, STATUS_END);
}

/* --- asking --- */

struct node *language_bed_check(struct language_bed *bed, const char *expression) {
    struct fault fault = {0};
    struct node *root = NULL;
    if (check_text(&bed->vocabulary, slice_text(expression), TERM_NONE, &bed->arena, &root, &fault, NULL))
        fail_msg("%s: %s", expression, fault.text);
    return root;
}

const char *language_bed_print(struct language_bed *bed, const struct term_value *v) {
    struct json_writer w = {.out = &bed->text};
    char out[TIME_TEXT_BYTES];
    buffer_clear(&bed->text);
    switch (v->type) {
    case TERM_NONE:
        buffer_print(&bed->text, "missing");
        break;
    case TERM_BOOL:
        json_bool(&w, v->integer);
        break;
    case TERM_NUMBER:
        if (v->scale == UINT8_MAX)
            buffer_print(&bed->text, "%.3f~", v->real);
        else
            json_decimal(&w, v->integer, v->scale);
        break;
    case TERM_TIME:
        buffer_add(&bed->text, out, time_format(v->integer, out));
        break;
    case TERM_DATE:
        buffer_add(&bed->text, out, time_format_date(v->integer, out));
        break;
    default:
        buffer_add_slice(&bed->text, v->text);
    }
    buffer_add_char(&bed->text, 0);
    return bed->text.data;
}

const char *language_bed_twin(struct language_bed *bed, const char *expression, uint32_t customer) {
    const struct node *root = language_bed_check(bed, expression);
    struct term_value v =
        model_evaluate(&bed->vocabulary, &bed->outside, root, (struct customer_id){customer}, bed->now_ms, &bed->arena);
    return language_bed_print(bed, &v);
}
const char *language_bed_plan(struct language_bed *bed, const char *expression, uint32_t customer) {
    const struct node *root = language_bed_check(bed, expression);
    struct plan *plan;
    struct term_value v = {0};
    uint64_t bit = 0;
    assert_int_equal(plan_create(&bed->vocabulary, &root, 1, &plan, NULL), STATUS_OK);
    struct evaluator *e = evaluator_create(plan, &bed->outside);
    evaluator_customer(e, (struct customer_id){customer}, bed->now_ms, UINT64_MAX);
    if (plan_type(plan, 0) == TERM_BOOL) {
        evaluate_bits(e, 0, &bit, NULL);
        v = (struct term_value){.type = TERM_BOOL, .integer = bit & 1};
    } else
        v = evaluate_value(e, 0, 0);
    const char *text = language_bed_print(bed, &v);
    evaluator_free(e);
    plan_free(plan);
    return text;
}
