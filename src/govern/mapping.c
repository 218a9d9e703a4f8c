/* mapping: a definition read and checked, the table of mappings, and plans: which column of a header goes where. */
#include "govern/mapping.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "govern/json_text.h"
#include "govern/normalise.h"

/* --- targets --- */

static const struct target_word {
    const char *word;
    enum mapping_target_kind kind;
    bool named; /* a name follows */
} target_words[] = {
    {"skip", TARGET_SKIP, false},          {"key", TARGET_KEY, false},
    {"time", TARGET_TIME, false},          {"message_id", TARGET_MESSAGE_ID, false},
    {"type", TARGET_TYPE, false},          {"identifier", TARGET_IDENTIFIER, true},
    {"attribute", TARGET_ATTRIBUTE, true}, {"field", TARGET_FIELD, true},
    {"item", TARGET_ITEM, true},           {"contact", TARGET_CONTACT, true},
    {"subject", TARGET_SUBJECT, true},     {"ended", TARGET_ENDED, false},
    {"since", TARGET_TIME, false},
};
#define TARGETS                                                                                                        \
    "key, time, message_id, type, identifier <namespace>, contact <namespace>, subject <namespace>, attribute "        \
    "<name>, "                                                                                                         \
    "field <name>, item <name>, ended, since, skip"

static enum status parse_target_text(struct mapping *m, struct slice column, struct slice text,
                                     struct mapping_target *out, struct fault *fault) {
    const char *blank = text.size ? memchr(text.data, ' ', text.size) : NULL;
    struct slice word = {text.data, blank ? (size_t)(blank - text.data) : text.size};
    struct slice name = slice_trim((struct slice){text.data + word.size, text.size - word.size});
    for (size_t i = 0; i < sizeof target_words / sizeof *target_words; i++)
        if (slice_is(word, target_words[i].word) && target_words[i].named == (name.size > 0)) {
            if (name.size > DICTIONARY_NAME_BYTES_MAX)
                return fault_set(fault, STATUS_INVALID,
                                 "columns: \"%.*s\": a name of %zu bytes; at most %d are possible", SLICE_ARG(column),
                                 name.size, DICTIONARY_NAME_BYTES_MAX);
            out->kind = target_words[i].kind;
            out->name = arena_copy(&m->arena, name);
            return STATUS_OK;
        }
    return fault_set(fault, STATUS_INVALID, "columns: \"%.*s\" goes to \"%.*s\", which is none of " TARGETS,
                     SLICE_ARG(column), (int)(text.size < 80 ? text.size : 80), text.data);
}

static const struct value_type {
    const char *name;
    enum property_type type;
    enum normaliser normaliser;
} value_types[] = {
    {"text", PROPERTY_TEXT, NORMALISE_NONE},         {"number", PROPERTY_NUMBER, NORMALISE_NONE},
    {"money", PROPERTY_MONEY, NORMALISE_NONE},       {"bool", PROPERTY_BOOL, NORMALISE_NONE},
    {"time", PROPERTY_TIME, NORMALISE_NONE},         {"date", PROPERTY_DATE, NORMALISE_NONE},
    {"birthday", PROPERTY_DATE, NORMALISE_BIRTHDAY}, {"phone", PROPERTY_TEXT, NORMALISE_PHONE},
    {"email", PROPERTY_TEXT, NORMALISE_EMAIL},       {"gender", PROPERTY_NUMBER, NORMALISE_GENDER},
    {"idcard", PROPERTY_TEXT, NORMALISE_IDCARD},     {"name", PROPERTY_TEXT, NORMALISE_NAME},
    {"lower", PROPERTY_TEXT, NORMALISE_LOWER},
};
#define VALUE_TYPES "text, number, money, bool, time, date, birthday, phone, email, gender, idcard, name, lower"

static enum status parse_type(struct slice column, struct slice name, struct reading *reading, struct fault *fault) {
    for (size_t i = 0; i < sizeof value_types / sizeof *value_types; i++)
        if (slice_is(name, value_types[i].name)) {
            reading->type = value_types[i].type;
            reading->normaliser = (uint8_t)value_types[i].normaliser;
            return STATUS_OK;
        }
    return fault_set(fault, STATUS_INVALID, "columns: \"%.*s\": the type \"%.*s\" is none of " VALUE_TYPES,
                     SLICE_ARG(column), SLICE_ARG(name));
}

static int by_raw(const void *a, const void *b) {
    return slice_compare(((const struct mapping_value *)a)->raw, ((const struct mapping_value *)b)->raw);
}

static enum status parse_values(struct mapping *m, struct json_parser *p, struct slice column,
                                const struct json *values, struct reading *reading, struct fault *fault) {
    if (values->kind != JSON_OBJECT)
        return fault_set(fault, STATUS_INVALID, "columns: \"%.*s\": \"values\" is an object of raw and clean text",
                         SLICE_ARG(column));
    struct mapping_value *all = arena_get(&m->arena, (values->count + 1) * sizeof *all);
    size_t count = 0;
    for (const struct json *v = json_first(p, values); v; v = json_next(p, v)) {
        if (v->kind != JSON_TEXT)
            return fault_set(fault, STATUS_INVALID, "columns: \"%.*s\": values: \"%.*s\" must become a text",
                             SLICE_ARG(column), SLICE_ARG(v->key));
        all[count++] =
            (struct mapping_value){arena_copy(&m->arena, slice_trim(v->key)), arena_copy(&m->arena, v->text)};
    }
    if (count)
        qsort(all, count, sizeof *all, by_raw);
    reading->values = all;
    reading->value_count = count;
    return STATUS_OK;
}

static enum status parse_relation(struct mapping *m, struct slice column, struct slice relation,
                                  struct mapping_target *out, struct fault *fault) {
    bool names = out->kind == TARGET_CONTACT || out->kind == TARGET_SUBJECT;
    if (relation.size && !names)
        return fault_set(fault, STATUS_INVALID,
                         "columns: \"%.*s\": \"relation\" goes with contact <namespace> and subject <namespace>",
                         SLICE_ARG(column));
    if (relation.size > DICTIONARY_NAME_BYTES_MAX - 8)
        return fault_set(fault, STATUS_INVALID, "columns: \"%.*s\": \"relation\" has at most %d bytes",
                         SLICE_ARG(column), DICTIONARY_NAME_BYTES_MAX - 8);
    out->relation = arena_copy(&m->arena, relation);
    return STATUS_OK;
}

static enum status parse_target(struct mapping *m, struct json_parser *p, struct slice column,
                                const struct json *target, struct mapping_target *out, struct fault *fault) {
    *out = (struct mapping_target){.reading = {.type = -1}};
    if (target->kind == JSON_TEXT)
        return parse_target_text(m, column, target->text, out, fault);
    if (target->kind != JSON_OBJECT)
        return fault_set(fault, STATUS_INVALID,
                         "columns: \"%.*s\": a target is a text, an object with \"to\", or a list of them",
                         SLICE_ARG(column));
    struct slice type = json_get_text(p, target, "type"), unit = json_get_text(p, target, "unit");
    struct slice format = json_get_text(p, target, "format");
    const struct json *values = json_get(p, target, "values");
    enum status status = parse_target_text(m, column, json_get_text(p, target, "to"), out, fault);
    if (status == STATUS_OK)
        status = parse_relation(m, column, json_get_text(p, target, "relation"), out, fault);
    if (status == STATUS_OK && type.size)
        status = parse_type(column, type, &out->reading, fault);
    if (unit.size)
        out->reading.unit = arena_copy(&m->arena, unit).data;
    if (format.size)
        out->reading.format = arena_copy(&m->arena, format).data;
    if (status == STATUS_OK && !normalise_money_unit_valid(out->reading.unit))
        status = fault_set(fault, STATUS_INVALID, "columns: \"%.*s\": the unit \"%.*s\" is none of yuan, fen, wan",
                           SLICE_ARG(column), SLICE_ARG(unit));
    if (status == STATUS_OK && !normalise_time_format_valid(out->reading.format))
        status = fault_set(fault, STATUS_INVALID,
                           "columns: \"%.*s\": the format \"%.*s\" is none of y/m/d, d/m/y, m/d/y, excel, "
                           "seconds, ms, us",
                           SLICE_ARG(column), SLICE_ARG(format));
    if (status == STATUS_OK && out->reading.unit && out->reading.type < 0)
        out->reading.type = PROPERTY_MONEY;
    if (status == STATUS_OK && values)
        status = parse_values(m, p, column, values, &out->reading, fault);
    return status;
}

/* --- columns --- */

static int by_name(const void *a, const void *b) {
    return slice_compare(((const struct mapping_column *)a)->name, ((const struct mapping_column *)b)->name);
}

static enum status parse_column(struct mapping *m, struct json_parser *p, const struct json *targets,
                                struct mapping_column *out, struct fault *fault) {
    bool several = targets->kind == JSON_ARRAY;
    size_t count = several ? targets->count : 1;
    out->name = arena_copy(&m->arena, targets->key);
    out->targets = arena_get(&m->arena, (count + 1) * sizeof *out->targets);
    out->target_count = 0;
    for (const struct json *t = several ? json_first(p, targets) : targets; t; t = several ? json_next(p, t) : NULL) {
        enum status status = parse_target(m, p, out->name, t, &out->targets[out->target_count++], fault);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status parse_columns(struct mapping *m, struct json_parser *p, const struct json *columns,
                                 struct fault *fault) {
    if (!columns)
        return STATUS_OK;
    if (columns->kind != JSON_OBJECT || columns->count > MAPPING_COLUMNS_MAX)
        return fault_set(fault, STATUS_INVALID, "\"columns\" is an object of at most %d column names and their targets",
                         MAPPING_COLUMNS_MAX);
    m->columns = arena_get(&m->arena, (columns->count + 1) * sizeof *m->columns);
    for (const struct json *c = json_first(p, columns); c; c = json_next(p, c)) {
        enum status status = parse_column(m, p, c, &m->columns[m->column_count++], fault);
        if (status != STATUS_OK)
            return status;
    }
    if (m->column_count)
        qsort(m->columns, m->column_count, sizeof *m->columns, by_name);
    return STATUS_OK;
}

const struct mapping_column *mapping_column_find(const struct mapping *m, struct slice name) {
    struct mapping_column want = {.name = name};
    return m->column_count ? bsearch(&want, m->columns, m->column_count, sizeof want, by_name) : NULL;
}

struct slice reading_clean(const struct reading *reading, struct slice raw) {
    struct mapping_value want = {.raw = slice_trim(raw)};
    const struct mapping_value *found =
        reading->value_count ? bsearch(&want, reading->values, reading->value_count, sizeof want, by_raw) : NULL;
    return found ? found->clean : raw;
}

/* --- the definition as a whole --- */

static enum status parse_choice(struct json_parser *p, const struct json *definition, const char *key,
                                const char *const *words, int otherwise, int *out, struct fault *fault) {
    struct slice text = json_get_text(p, definition, key);
    *out = otherwise;
    if (!json_get(p, definition, key) && otherwise >= 0)
        return STATUS_OK;
    for (int i = 0; words[i]; i++)
        if (slice_is(text, words[i])) {
            *out = i;
            return STATUS_OK;
        }
    char choices[160] = "";
    for (int i = 0; words[i]; i++) {
        size_t size = strlen(choices);
        snprintf(choices + size, sizeof choices - size, "%s%s", i ? ", " : "", words[i]);
    }
    return fault_set(fault, STATUS_INVALID, "\"%s\": \"%.*s\" is none of %s", key, SLICE_ARG(text), choices);
}

static enum status parse_settings(struct mapping *m, struct json_parser *p, const struct json *definition,
                                  struct fault *fault) {
    static const char *const formats[] = {"csv", "tsv", "jsonl", NULL}, *const encodings[] = {"utf-8", "gb18030", NULL};
    static const char *const records[] = {"attributes", "event", "document", "master", "relation", NULL};
    static const enum type_kind kinds[] = {TYPE_ATTRIBUTES, TYPE_EVENT, TYPE_DOCUMENT, TYPE_MASTER, TYPE_RELATION};
    static const char *const repeats[] = {"keep", "drop", NULL}, *const items[] = {"replace", "append", NULL};
    int format, encoding, record, repeat, append;
    enum status status = parse_choice(p, definition, "format", formats, MAPPING_CSV, &format, fault);
    if (status == STATUS_OK)
        status = parse_choice(p, definition, "encoding", encodings, 0, &encoding, fault);
    if (status == STATUS_OK)
        status = parse_choice(p, definition, "record", records, -1, &record, fault);
    if (status == STATUS_OK)
        status = parse_choice(p, definition, "repeats", repeats, 0, &repeat, fault);
    if (status == STATUS_OK)
        status = parse_choice(p, definition, "items", items, 0, &append, fault);
    if (status != STATUS_OK)
        return status;
    m->format = (enum mapping_format)format;
    m->record = kinds[record];
    m->append = append;
    if (m->append && m->record != TYPE_DOCUMENT)
        return fault_set(fault, STATUS_INVALID, "\"items\": only documents have items to append");
    return STATUS_OK;
}

static bool has_target(const struct mapping *m, enum mapping_target_kind kind) {
    for (size_t i = 0; i < m->column_count; i++)
        for (size_t k = 0; k < m->columns[i].target_count; k++)
            if (m->columns[i].targets[k].kind == kind)
                return true;
    return false;
}

static bool has_relation(const struct mapping *m) {
    for (size_t i = 0; i < m->column_count; i++)
        for (size_t k = 0; k < m->columns[i].target_count; k++)
            if (m->columns[i].targets[k].relation.size)
                return true;
    return false;
}

/* Other customers whom rows name. */
static enum status check_parties(const struct mapping *m, struct fault *fault) {
    bool relation = m->record == TYPE_RELATION;
    if (relation && !has_target(m, TARGET_CONTACT))
        return fault_set(fault, STATUS_INVALID,
                         "a column must go to \"contact <namespace>\": the customer at the relation's other end");
    if (relation && has_relation(m))
        return fault_set(fault, STATUS_INVALID,
                         "\"relation\": rows that are relations have theirs from \"type\"; leave it out");
    if (m->record != TYPE_EVENT && has_target(m, TARGET_SUBJECT))
        return fault_set(
            fault, STATUS_INVALID,
            "\"subject\" is for events; elsewhere the subject is whom \"identifier\" names, and others are "
            "\"contact\"");
    if (!relation && has_target(m, TARGET_ENDED))
        return fault_set(fault, STATUS_INVALID, "only relations are \"ended\"; here it would be lost");
    if (m->record == TYPE_MASTER && has_target(m, TARGET_CONTACT))
        return fault_set(fault, STATUS_INVALID, "master data belongs to no customer: no contacts");
    return STATUS_OK;
}

static enum status check_together(const struct mapping *m, struct fault *fault) {
    bool keyed = m->record == TYPE_DOCUMENT || m->record == TYPE_MASTER;
    if (m->record != TYPE_ATTRIBUTES && m->type.size == 0 && !has_target(m, TARGET_TYPE))
        return fault_set(fault, STATUS_INVALID, "\"type\" must name the %s type, or a column must go to \"type\"",
                         type_kind_name(m->record));
    if (keyed && !has_target(m, TARGET_KEY))
        return fault_set(fault, STATUS_INVALID, "a %s needs a column that goes to \"key\"", type_kind_name(m->record));
    if (!keyed && has_target(m, TARGET_KEY))
        return fault_set(fault, STATUS_INVALID, "only documents and master data have a \"key\"; here it would be lost");
    if (m->record != TYPE_DOCUMENT && m->record != TYPE_EVENT && has_target(m, TARGET_ITEM))
        return fault_set(fault, STATUS_INVALID, "only documents and events have items");
    if (m->record == TYPE_MASTER && (has_target(m, TARGET_IDENTIFIER) || has_target(m, TARGET_ATTRIBUTE)))
        return fault_set(fault, STATUS_INVALID, "master data belongs to no customer: no identifiers, no attributes");
    if (m->record != TYPE_DOCUMENT && m->record != TYPE_MASTER && !has_target(m, TARGET_IDENTIFIER))
        return fault_set(fault, STATUS_INVALID,
                         "a column must go to \"identifier <namespace>\": else the rows belong to nobody");
    return check_parties(m, fault);
}

static enum status parse_whole(struct mapping *m, struct json_parser *p, const struct json *definition,
                               struct fault *fault) {
    struct slice name = json_get_text(p, definition, "name");
    struct buffer json = {0};
    struct json_writer w = {.out = &json};
    if (definition->kind != JSON_OBJECT)
        return fault_set(fault, STATUS_INVALID, "a mapping is a JSON object");
    if (name.size == 0 || name.size > MAPPING_NAME_BYTES_MAX || memchr(name.data, 0, name.size))
        return fault_set(fault, STATUS_INVALID, "\"name\" has 1 to %d bytes", MAPPING_NAME_BYTES_MAX);
    m->name = arena_copy(&m->arena, name);
    m->type = arena_copy(&m->arena, json_get_text(p, definition, "type"));
    m->source = arena_copy(&m->arena, json_get_text(p, definition, "source"));
    m->zone_name = arena_copy(&m->arena, json_get_text(p, definition, "time_zone"));
    if (m->type.size > DICTIONARY_NAME_BYTES_MAX - 8)
        return fault_set(fault, STATUS_INVALID, "\"type\" has at most %d bytes", DICTIONARY_NAME_BYTES_MAX - 8);
    json_text_of(p, definition, &w);
    m->json = arena_copy(&m->arena, buffer_slice(&json));
    buffer_release(&json);
    enum status status = parse_settings(m, p, definition, fault);
    if (status == STATUS_OK)
        status = parse_columns(m, p, json_get(p, definition, "columns"), fault);
    return status == STATUS_OK ? check_together(m, fault) : status;
}

enum status mapping_parse(struct json_parser *p, const struct json *definition, struct mapping **mapping,
                          struct fault *fault) {
    struct mapping *made = memory_get(1, sizeof *made);
    enum status status = parse_whole(made, p, definition, fault);
    if (status != STATUS_OK) {
        mapping_free(made);
        return status;
    }
    *mapping = made;
    return STATUS_OK;
}

void mapping_free(struct mapping *m) {
    if (!m)
        return;
    zone_free(m->zone);
    arena_release(&m->arena);
    free(m);
}

/* --- the table of mappings --- */

static void plan_release(struct mapping_plan *plan) {
    free(plan->columns);
    free(plan->names);
    free((char *)plan->header.data);
    *plan = (struct mapping_plan){0};
}

void mappings_release(struct mappings *mappings) {
    for (size_t i = 0; i < MAPPING_PLANS; i++)
        plan_release(&mappings->plans[i]);
    for (size_t i = 0; i < mappings->count; i++)
        mapping_free(mappings->all[i]);
    free(mappings->all);
    *mappings = (struct mappings){0};
}

struct mapping *mappings_find(const struct mappings *mappings, struct slice name) {
    for (size_t i = 0; i < mappings->count; i++)
        if (slice_equal(mappings->all[i]->name, name))
            return mappings->all[i];
    return NULL;
}

enum status mappings_put(struct mappings *mappings, struct mapping *mapping, struct fault *fault) {
    for (size_t i = 0; i < MAPPING_PLANS; i++)
        if (mappings->plans[i].mapping && slice_equal(mappings->plans[i].mapping->name, mapping->name))
            plan_release(&mappings->plans[i]);
    for (size_t i = 0; i < mappings->count; i++)
        if (slice_equal(mappings->all[i]->name, mapping->name)) {
            mapping_free(mappings->all[i]);
            mappings->all[i] = mapping;
            return STATUS_OK;
        }
    if (mappings->count >= MAPPINGS_MAX)
        return fault_set(fault, STATUS_FULL, "at most %d mappings are kept", MAPPINGS_MAX);
    mappings->all = memory_resize(mappings->all, mappings->count + 1, sizeof *mappings->all);
    mappings->all[mappings->count++] = mapping;
    return STATUS_OK;
}

static const struct mapping_plan *plan_make(struct mapping_plan *plan, const struct mapping *mapping,
                                            struct slice header, uint64_t hash) {
    size_t count = 0, start = 0;
    for (size_t i = 0; i < header.size; i++)
        count += header.data[i] == 0;
    plan_release(plan);
    plan->header = slice_of(memory_text(header), header.size);
    plan->columns = memory_get(count + 1, sizeof *plan->columns);
    plan->names = memory_get(count + 1, sizeof *plan->names);
    for (size_t i = 0; i < header.size; i++)
        if (header.data[i] == 0) {
            struct slice name = {plan->header.data + start, i - start};
            plan->names[plan->column_count] = name;
            plan->columns[plan->column_count++] = mapping_column_find(mapping, name);
            start = i + 1;
        }
    assert(plan->column_count == count);
    plan->mapping = mapping;
    plan->header_hash = hash;
    return plan;
}

const struct mapping_plan *mappings_plan(struct mappings *mappings, const struct mapping *mapping,
                                         struct slice header) {
    uint64_t hash = hash_bytes(header, 0);
    if (header.size && header.data[header.size - 1] != 0)
        return NULL;
    for (size_t i = 0; i < MAPPING_PLANS; i++)
        if (mappings->plans[i].mapping == mapping && mappings->plans[i].header_hash == hash &&
            slice_equal(mappings->plans[i].header, header))
            return &mappings->plans[i];
    struct mapping_plan *plan = &mappings->plans[mappings->next_plan++ % MAPPING_PLANS];
    return plan_make(plan, mapping, header, hash);
}
