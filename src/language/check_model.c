/* check_model: see the header. */
#include "language/check_model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"

void check_bed_define(struct check_bed *bed, const char *json) {
    struct json_parser *p = json_parser_create();
    struct fault fault = {0};
    const struct json *root;
    if (json_parse(p, slice_text(json), false, &root, &fault) != STATUS_OK ||
        dictionary_define(bed->dictionary, p, root, &fault) != STATUS_OK) {
        fprintf(stderr, "check_model: %s: %s\n", json, fault.text);
        abort();
    }
    json_parser_free(p);
}

void check_bed_store(struct check_bed *bed, const char *id, const char *name, bool closed) {
    const struct type *store = dictionary_type_find(bed->dictionary, TYPE_MASTER, SLICE("store"));
    struct record_builder b = {0};
    struct record_head head = {.type = store->number, .kind = TYPE_MASTER, .time_ms = DAY_MS, .position = 1};
    record_begin(&b, &head);
    record_set_text(&b, dictionary_property_find(bed->dictionary, store, SLICE("id"))->number, slice_text(id));
    record_set_text(&b, dictionary_property_find(bed->dictionary, store, SLICE("name"))->number, slice_text(name));
    if (closed)
        record_set(&b, dictionary_property_find(bed->dictionary, store, SLICE("valid_to"))->number, VALUE_TIME,
                   2 * DAY_MS, 0);
    master_put(bed->master, record_end(&b));
    record_builder_release(&b);
}

static bool find(void *context, enum definition_kind kind, struct slice name, struct definition *out) {
    const struct check_bed *bed = context;
    for (size_t i = 0; i < bed->definition_count; i++) {
        if (bed->definitions[i].kind != kind || !slice_is(name, bed->definitions[i].name))
            continue;
        *out = bed->definitions[i].definition;
        return true;
    }
    return false;
}

static void each(void *context, enum definition_kind kind, void (*name)(void *to, struct slice name), void *to) {
    const struct check_bed *bed = context;
    for (size_t i = 0; i < bed->definition_count; i++)
        if (bed->definitions[i].kind == kind)
            name(to, slice_text(bed->definitions[i].name));
}

static struct definition *add(struct check_bed *bed, enum definition_kind kind, const char *name) {
    assert(bed->definition_count < CHECK_BED_DEFINITIONS);
    struct check_bed_definition *made = &bed->definitions[bed->definition_count++];
    *made = (struct check_bed_definition){.kind = kind, .name = name};
    made->definition.number = (uint32_t)bed->definition_count;
    return &made->definition;
}

void check_bed_add(struct check_bed *bed, enum definition_kind kind, const char *name, const char *expression) {
    const struct node *root = check_bed_good(bed, expression);
    struct definition *made = add(bed, kind, name);
    made->type = (enum term_type)root->type;
    made->expression = root;
}

struct node *check_bed_good(struct check_bed *bed, const char *text) {
    struct node *root = NULL;
    struct fault fault = {0};
    uint32_t place;
    if (check_text(&bed->vocabulary, slice_text(text), TERM_NONE, &bed->arena, &root, &fault, &place) != STATUS_OK) {
        fprintf(stderr, "%s\n    %s\n", text, fault.text);
        abort();
    }
    return root;
}

enum status check_bed_try(struct check_bed *bed, const struct vocabulary *vocabulary, const char *text,
                          struct fault *fault) {
    struct node *root = NULL;
    uint32_t place;
    *fault = (struct fault){0};
    return check_text(vocabulary, slice_text(text), TERM_NONE, &bed->arena, &root, fault, &place);
}

static void add_types(struct check_bed *bed) {
    check_bed_define(bed,
                     "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Thing Done\",\"properties\":{"
                     "\"text\":\"text\",\"number\":\"number\",\"money\":\"money\",\"flag\":\"bool\",\"at\":\"time\","
                     "\"day\":\"date\",\"texts\":\"text_list\",\"numbers\":\"number_list\","
                     "\"parts\":{\"type\":\"items\",\"properties\":{\"sku\":\"text\",\"weight\":\"number\"}}}}");
    check_bed_define(bed,
                     "{\"define\":\"type\",\"kind\":\"attributes\",\"name\":\"customer\",\"properties\":{"
                     "\"a_text\":\"text\",\"a_number\":\"number\",\"a_money\":\"money\",\"a_flag\":\"bool\","
                     "\"a_time\":\"time\",\"a_date\":\"date\",\"a_texts\":\"text_list\",\"a_numbers\":\"number_list\","
                     "\"store_id\":\"text\",\"score.churn_30d\":\"number\",\"score.words\":\"text\","
                     "\"tag.by "
                     "hand\":\"text\",\"tag.VIP\":\"bool\",\"tag.价格敏感度\":\"number\",\"interests\":\"text_list\","
                     "\"paid_until\":\"time\"}}");
    check_bed_define(bed, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"twin-name\",\"properties\":{}}");
    check_bed_define(bed, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Twin Name\",\"properties\":{}}");
    struct type *relation;
    struct fault fault = {0};
    enum status status = dictionary_type(bed->dictionary, TYPE_RELATION, SLICE("guardian_of"), &relation, &fault);
    assert(status == STATUS_OK);
    (void)status;
}

/* A tag kept in the attribute of its name. */
static void add_by_hand(struct check_bed *bed, const char *name, enum term_type type) {
    char attribute[64];
    const struct type *customer = dictionary_type_at(bed->dictionary, DICTIONARY_CUSTOMER);
    (void)snprintf(attribute, sizeof attribute, "tag.%s", name);
    const struct property *property = dictionary_property_find(bed->dictionary, customer, slice_text(attribute));
    assert(property);
    struct definition *made = add(bed, DEFINITION_TAG, name);
    made->type = type;
    made->attribute = property->number;
}

static void add_definitions(struct check_bed *bed) {
    check_bed_add(bed, DEFINITION_SEGMENT, "vip", "sum(order.total) > 50000");
    check_bed_add(bed, DEFINITION_SEGMENT, "inner", "in segment \"vip\" and city = \"x\"");
    check_bed_add(bed, DEFINITION_METRIC, "spent", "sum(order.total)");
    check_bed_add(bed, DEFINITION_TAG, "brands", "distribution(order.items.brand)");
    check_bed_add(bed, DEFINITION_SEGMENT, "guardians", "any(guardian_of)");
    check_bed_add(bed, DEFINITION_METRIC, "R score", "if(any(order, last 30 days), 5, 1)");
    check_bed_add(bed, DEFINITION_METRIC, "M score", "round(sum(order.total) / 100)");
    *add(bed, DEFINITION_SEGMENT, "uploaded") = (struct definition){.number = 77, .type = TERM_BOOL};
    *add(bed, DEFINITION_SEGMENT, "核心客户") = (struct definition){.number = 79, .type = TERM_BOOL};
    *add(bed, DEFINITION_SEGMENT, "投诉中") = (struct definition){.number = 80, .type = TERM_BOOL};
    add_by_hand(bed, "by hand", TERM_TEXT);
    add_by_hand(bed, "VIP", TERM_BOOL);
    add_by_hand(bed, "价格敏感度", TERM_NUMBER);
}

void check_bed_open(struct check_bed *bed) {
    struct fault fault = {0};
    *bed = (struct check_bed){.dictionary = dictionary_create()};
    bed->master = master_create(bed->dictionary);
    enum status status = zone_load(NULL, SLICE("+08:00"), &bed->zone, &fault);
    assert(status == STATUS_OK);
    (void)status;
    bed->vocabulary = (struct vocabulary){.dictionary = bed->dictionary,
                                          .master = bed->master,
                                          .zone = bed->zone,
                                          .week_start = 1,
                                          .context = bed,
                                          .find = find,
                                          .each = each};
    add_types(bed);
    check_bed_store(bed, "S1", "南京路店", false);
    check_bed_store(bed, "S2", "徐家汇店", true);
    check_bed_store(bed, "S3", "Old Town", false);
    check_bed_store(bed, "S4", "S3", false);
    check_bed_store(bed, "S5", "Twin", false);
    check_bed_store(bed, "S6", "Twin", false);
    add_definitions(bed);
}

void check_bed_close(struct check_bed *bed) {
    arena_release(&bed->arena);
    master_free(bed->master);
    dictionary_free(bed->dictionary);
    zone_free(bed->zone);
}
