/* govern_row: the row's cells are first laid out as (column, value) pairs, whatever the format; then worked in three
 * passes: what says who, when and which (key, time, type, identifiers); the main record; the attributes. A csv cell is
 * a JSON text without the quotes, so that both formats go the same way from there. */
#include "govern/govern_row.h"

#include <assert.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "collect/payload.h"
#include "govern/govern_value.h"

struct cell {
    struct slice name;                   /* of the column, or path in a jsonl row */
    const struct mapping_column *column; /* NULL: a field of its own name */
    const struct json *value;
};

struct row {
    struct govern *g;
    struct mapping *mapping;
    struct slice header, cells; /* as they stand in the payload */
    uint32_t cell_count;
    struct cell *all; /* in scratch */
    size_t count, capacity;
    char path[DICTIONARY_NAME_BYTES_MAX + 1]; /* of a jsonl member being visited */
    struct slice key, type, time;
    const char *time_format;
    struct slice time_column;
    struct slice ended, ended_column;
    const char *ended_format;
};

/* --- reading the payload --- */

static bool take(struct slice *rest, size_t size, struct slice *out) {
    if (rest->size < size)
        return false;
    *out = (struct slice){rest->data, size};
    rest->data += size;
    rest->size -= size;
    return true;
}

static bool read_row(struct row *row) {
    struct govern *g = row->g;
    struct slice rest = g->raw->payload, bytes, name;
    struct payload_row head;
    char quoted[TEXT_QUOTE_BYTES];
    if (!take(&rest, sizeof head, &bytes)) {
        govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "a payload of %zu bytes", rest.size);
        return false;
    }
    memcpy(&head, bytes.data, sizeof head);
    if (!take(&rest, head.name_bytes, &name) || !take(&rest, head.header_bytes, &row->header)) {
        govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "a name of %u bytes and a header of %u in %zu",
                            head.name_bytes, head.header_bytes, g->raw->payload.size);
        return false;
    }
    g->line = head.line;
    row->cells = rest;
    row->cell_count = head.cell_count;
    row->mapping = mappings_find(&g->mappings, name);
    if (!row->mapping) {
        govern_refuse_whole(g, QUARANTINE_UNKNOWN_MAPPING, SLICE_NONE,
                            "no mapping is called \"%s\"; define it, then replay", text_quote(name, quoted));
        return false;
    }
    uint64_t hash = hash_mix(head.row_hash ^ hash_bytes(name, GOVERN_MESSAGE_SEED));
    g->out->message_hash = hash ? hash : 1;
    if (row->mapping->zone)
        g->zone = row->mapping->zone;
    return true;
}

static void add_cell(struct row *row, struct slice name, const struct mapping_column *column,
                     const struct json *value) {
    if (row->count == row->capacity) {
        size_t grown = row->capacity ? row->capacity * 2 : 64;
        struct cell *all = arena_get(&row->g->scratch, grown * sizeof *all);
        if (row->count)
            memcpy(all, row->all, row->count * sizeof *all);
        row->all = all;
        row->capacity = grown;
    }
    row->all[row->count++] = (struct cell){name, column, value};
}

/* The next cell's bytes: u32 size, then the text. */
static bool take_cell(struct slice *rest, struct slice *cell) {
    struct slice bytes;
    uint32_t size;
    if (!take(rest, sizeof size, &bytes))
        return false;
    memcpy(&size, bytes.data, sizeof size);
    return take(rest, size, cell);
}

static bool lay_out_cells(struct row *row) {
    struct govern *g = row->g;
    const struct mapping_plan *plan = mappings_plan(&g->mappings, row->mapping, row->header);
    struct slice rest = row->cells, text;
    if (!plan || plan->column_count != row->cell_count) {
        govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "%u cells under %zu columns", row->cell_count,
                            plan ? plan->column_count : 0);
        return false;
    }
    for (size_t i = 0; i < plan->column_count; i++) {
        if (!take_cell(&rest, &text)) {
            govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "the cells end too early");
            return false;
        }
        struct json *value = arena_get(&g->scratch, sizeof *value);
        *value = (struct json){.kind = JSON_TEXT, .text = utf8_repair(text, &g->scratch)};
        add_cell(row, plan->names[i], plan->columns[i], value);
    }
    return true;
}

/* Members of nested objects by their dotted path, unless the mapping names the object itself. Depth is the parser's. */
static void lay_out_members(struct row *row, const struct json *object, size_t path_size) {
    struct govern *g = row->g;
    for (const struct json *m = json_first(g->parser, object); m; m = json_next(g->parser, m)) {
        size_t size = path_size + m->key.size, room = sizeof row->path - path_size;
        memcpy(row->path + path_size, m->key.data, m->key.size < room ? m->key.size : room);
        struct slice path = {row->path, size < sizeof row->path ? size : sizeof row->path};
        const struct mapping_column *column = mapping_column_find(row->mapping, path);
        if (m->kind == JSON_OBJECT && !column && path.size + 1 < sizeof row->path) {
            row->path[path.size] = '.';
            lay_out_members(row, m, path.size + 1);
        } else
            add_cell(row, arena_copy(&g->scratch, path), column, m);
    }
}

static bool lay_out_json(struct row *row) {
    struct govern *g = row->g;
    struct slice rest = row->cells, text;
    const struct json *root;
    if (row->cell_count != 1 || !take_cell(&rest, &text)) {
        govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "a jsonl row has one cell, not %u", row->cell_count);
        return false;
    }
    if (json_parse(g->parser, text, false, &root, &g->fault) != STATUS_OK || root->kind != JSON_OBJECT) {
        govern_refuse_whole(g, QUARANTINE_INVALID_JSON, SLICE_NONE, "%s",
                            g->fault.text[0] ? g->fault.text : "no JSON object");
        return false;
    }
    lay_out_members(row, root, 0);
    return true;
}

/* --- who, when, which --- */

static void claim(struct row *row, const struct cell *cell, const struct mapping_target *target, struct slice text) {
    struct govern *g = row->g;
    const struct namespace *ns;
    if (text.size == 0)
        return;
    if (dictionary_namespace(g->dictionary, target->name, &ns, &g->fault) == STATUS_OK)
        govern_claim(g, ns, text, cell->name);
    else
        govern_refuse(g, QUARANTINE_BAD_NAME, cell->name, slice_text(g->fault.text));
    g->fault.text[0] = 0;
}

/* A whole number in its plain form: files name who "266079" is 266079.0 too. Anything else as it is. */
static struct slice plain_number(struct govern *g, struct slice text) {
    struct decimal number;
    char plain[24];
    if (decimal_parse(text, &number) != STATUS_OK || number.scale)
        return text;
    (void)snprintf(plain, sizeof plain, "%lld", (long long)number.value);
    return arena_copy(&g->scratch, slice_text(plain));
}

/* What a key, an identifier, a type ... says. */
static struct slice read_word(struct row *row, const struct cell *cell, const struct mapping_target *target) {
    const struct slice text = slice_trim(reading_clean(&target->reading, value_as_text(row->g, cell->value)));
    return target->reading.type == PROPERTY_NUMBER ? plain_number(row->g, text) : text;
}

/* The cell names another customer. */
static void name_party(struct row *row, const struct cell *cell, const struct mapping_target *target) {
    struct govern *g = row->g;
    struct naming_place place = {.subject = target->kind == TARGET_SUBJECT, .field = cell->name};
    struct slice relation = target->relation.size ? target->relation : dictionary_relation_default(place.subject);
    struct json cleaned = {.kind = JSON_TEXT};
    struct type *type = NULL;
    const struct json *value = cell->value;
    if (value->kind != JSON_ARRAY) {
        cleaned.text = read_word(row, cell, target);
        value = &cleaned;
    }
    enum status status = dictionary_namespace(g->dictionary, target->name, &place.ns, &g->fault);
    if (status == STATUS_OK && row->mapping->record != TYPE_RELATION)
        status = dictionary_type(g->dictionary, TYPE_RELATION, relation, &type, &g->fault);
    place.relation = type;
    if (status == STATUS_OK)
        govern_name_parties(g, &place, g->parser, value);
    else
        govern_refuse(g, QUARANTINE_BAD_NAME, cell->name, slice_text(g->fault.text));
    g->fault.text[0] = 0;
}

static void read_target(struct row *row, const struct cell *cell, const struct mapping_target *target) {
    struct govern *g = row->g;
    if (target->kind == TARGET_SKIP || target->kind >= TARGET_ATTRIBUTE)
        return; /* values: later */
    struct slice text = read_word(row, cell, target);
    switch (target->kind) {
    case TARGET_KEY:
        row->key = text;
        break;
    case TARGET_TIME:
        row->time = text;
        row->time_format = target->reading.format;
        row->time_column = cell->name;
        break;
    case TARGET_MESSAGE_ID:
        if (text.size)
            g->out->message_hash = govern_message_hash(text);
        break;
    case TARGET_TYPE:
        row->type = text.size ? text : row->type;
        break;
    case TARGET_IDENTIFIER:
        claim(row, cell, target, text);
        break;
    case TARGET_CONTACT:
    case TARGET_SUBJECT:
        name_party(row, cell, target);
        break;
    case TARGET_ENDED:
        row->ended = text;
        row->ended_format = target->reading.format;
        row->ended_column = cell->name;
        break;
    default:
        assert(false);
    }
}

static bool read_targets(struct row *row) {
    struct govern *g = row->g;
    row->type = row->mapping->type;
    for (size_t i = 0; i < row->count; i++)
        for (size_t k = 0; row->all[i].column && k < row->all[i].column->target_count; k++)
            read_target(row, &row->all[i], &row->all[i].column->targets[k]);
    bool keyed = row->mapping->record == TYPE_DOCUMENT || row->mapping->record == TYPE_MASTER;
    if (keyed && (row->key.size > DICTIONARY_NAME_BYTES_MAX || text_is_placeholder(row->key))) {
        char quoted[TEXT_QUOTE_BYTES];
        govern_refuse_whole(g, QUARANTINE_NO_KEY, SLICE_NONE, "\"%s\" can be no key", text_quote(row->key, quoted));
        return false;
    }
    govern_set_time(g, row->time, row->time_format, TIME_NONE, row->time_column);
    return true;
}

/* --- records --- */

static struct place place_for(struct row *row, struct record_builder *builder) {
    struct govern *g = row->g;
    bool unset = row->mapping->record != TYPE_EVENT && row->mapping->format == MAPPING_JSONL;
    return (struct place){.g = g,
                          .p = g->parser,
                          .builder = builder,
                          .type = g->types[g->out->record_count],
                          .where = "",
                          .nulls_unset = unset};
}

static void put(struct place *place, const struct cell *cell, struct slice name, const struct reading *reading) {
    place->field = cell->name;
    place->reading = reading;
    value_put(place, name, cell->value);
}

/* Values for targets of `kind`; unlisted columns count as `kind` under their own name where `unlisted`. True if there
 * was any. */
static void put_targets(struct row *row, struct place *place, enum mapping_target_kind kind, bool unlisted) {
    for (size_t i = 0; i < row->count; i++) {
        const struct cell *cell = &row->all[i];
        if (!cell->column) {
            if (unlisted && cell->name.size)
                put(place, cell, cell->name, NULL);
            continue;
        }
        for (size_t k = 0; k < cell->column->target_count; k++) {
            const struct mapping_target *target = &cell->column->targets[k];
            if (target->kind == kind)
                put(place, cell, target->name, &target->reading);
        }
    }
}

static bool has_target(const struct row *row, enum mapping_target_kind kind) {
    for (size_t i = 0; i < row->count; i++)
        for (size_t k = 0; row->all[i].column && k < row->all[i].column->target_count; k++)
            if (row->all[i].column->targets[k].kind == kind)
                return true;
    return false;
}

/* The row's one item, from its item targets, in the property "items". */
static void put_item(struct row *row, struct place *place) {
    struct govern *g = row->g;
    struct property *items;
    if (!has_target(row, TARGET_ITEM))
        return;
    enum status status =
        dictionary_property(g->dictionary, place->type, SLICE("items"), PROPERTY_ITEMS, &items, &g->fault);
    if (status != STATUS_OK || items->type != PROPERTY_ITEMS) {
        govern_refuse(g, QUARANTINE_WRONG_TYPE, SLICE("items"),
                      status != STATUS_OK ? slice_text(g->fault.text)
                                          : SLICE("the property \"items\" is there already and holds no items"));
        g->fault.text[0] = 0;
        return;
    }
    struct place inside = *place;
    inside.type = dictionary_type_mutable(g->dictionary, items->item_type);
    inside.in_item = true;
    inside.nulls_unset = false;
    record_items_begin(place->builder, items->number);
    record_item_begin(place->builder);
    count_up(&inside.type->record_count);
    put_targets(row, &inside, TARGET_ITEM, false);
    record_items_end(place->builder);
    count_up(&items->present_count);
}

static void put_fields(void *context, struct place *place) {
    place->nulls_unset = ((struct row *)context)->mapping->format == MAPPING_JSONL;
    put_targets(context, place, TARGET_FIELD, true);
}

static bool add_relation(struct row *row) {
    struct relation_end end;
    govern_read_end(row->g, row->ended, row->ended_format, row->ended_column, &end);
    return govern_add_relation(row->g, row->type, &end, put_fields, row);
}

static bool add_main(struct row *row) {
    struct govern *g = row->g;
    enum type_kind kind = row->mapping->record;
    struct record_builder *builder = govern_begin(g, kind, row->type);
    if (!builder)
        return false;
    struct place place = place_for(row, builder);
    if (kind == TYPE_DOCUMENT)
        g->out->document_keys[g->out->record_count] = (struct claim){place.type->key_namespace, row->key};
    if (kind == TYPE_DOCUMENT && row->mapping->append)
        builder->head.flags |= RECORD_ITEMS_APPEND;
    put_targets(row, &place, TARGET_FIELD, true);
    if (kind == TYPE_MASTER) {
        struct json id = {.kind = JSON_TEXT, .text = row->key};
        place.reading = NULL;
        value_put(&place, SLICE("id"), &id);
    }
    put_item(row, &place);
    govern_end(g);
    return true;
}

static void add_attributes(struct row *row) {
    struct govern *g = row->g;
    bool main = row->mapping->record == TYPE_ATTRIBUTES;
    if (!main && (g->out->claim_count == 0 || !has_target(row, TARGET_ATTRIBUTE)))
        return;
    struct record_builder *builder = govern_begin(g, TYPE_ATTRIBUTES, g->known.customer->name);
    if (!builder)
        return;
    struct place place = place_for(row, builder);
    if (main)
        put_targets(row, &place, TARGET_FIELD, true);
    put_targets(row, &place, TARGET_ATTRIBUTE, false);
    govern_end(g);
}

void govern_row(struct govern *g) {
    struct row row = {.g = g};
    if (!read_row(&row))
        return;
    bool laid_out = row.mapping->format == MAPPING_JSONL ? lay_out_json(&row) : lay_out_cells(&row);
    if (!laid_out || !read_targets(&row))
        return;
    enum type_kind kind = row.mapping->record;
    if (kind == TYPE_RELATION ? !add_relation(&row) : kind != TYPE_ATTRIBUTES && !add_main(&row))
        return;
    add_attributes(&row);
}
