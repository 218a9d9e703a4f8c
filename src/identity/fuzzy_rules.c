/* fuzzy_rules: see the header. */
#include "identity/fuzzy_rules.h"

#include <assert.h>

#include "base/json_read.h"
#include "govern/normalise_text.h"

#define LEVELS_MAX 8
static const struct {
    const char *word, *levels[LEVELS_MAX];
} comparators[] = {
#define COMPARATOR(name, word, ...) {word, {__VA_ARGS__}},
#include "identity/fuzzy_comparator.def"
#undef COMPARATOR
};
static const struct {
    const char *word;
    enum fuzzy_comparator comparator;
    bool tf;
    const char *headers;
} roles[] = {
#define ROLE(name, word, comparator, tf, headers) {word, FUZZY_##comparator, tf, headers},
#include "identity/fuzzy_role.def"
#undef ROLE
};
static const char *const forms[] = {"same", "sound", "start", "end", "tokens", "hashes", "local"};

const char *fuzzy_role_word(enum fuzzy_role role) { return roles[role].word; }
enum fuzzy_comparator fuzzy_role_comparator(enum fuzzy_role role) { return roles[role].comparator; }
bool fuzzy_role_tf(enum fuzzy_role role) { return roles[role].tf; }
const char *fuzzy_comparator_word(enum fuzzy_comparator comparator) { return comparators[comparator].word; }

unsigned fuzzy_levels(enum fuzzy_comparator comparator) {
    unsigned count = 0;
    while (count < LEVELS_MAX && comparators[comparator].levels[count])
        count++;
    return count;
}

const char *fuzzy_level_word(enum fuzzy_comparator comparator, unsigned level) {
    assert(level < fuzzy_levels(comparator));
    return comparators[comparator].levels[level];
}

static int level_called(enum fuzzy_comparator comparator, const char *word) {
    for (unsigned i = 0; i < fuzzy_levels(comparator); i++)
        if (strcmp(comparators[comparator].levels[i], word) == 0)
            return (int)i;
    return -1;
}

int fuzzy_level_differ(enum fuzzy_comparator comparator) { return level_called(comparator, "differ"); }
int fuzzy_level_swapped(enum fuzzy_comparator comparator) { return level_called(comparator, "swapped"); }

#define HEADER_WORDS_MAX 12

/* A column's name as lower case words: "firstName", "FIRST_NAME" and "first name" are the same two. */
struct header {
    char text[FUZZY_NAME_BYTES * 2];
    size_t starts[HEADER_WORDS_MAX + 1], count; /* word i is text[starts[i]..starts[i + 1]) */
};

static void split_header(struct slice name, struct header *h) {
    size_t size = 0;
    bool apart = true, was_lower = false;
    *h = (struct header){0};
    for (size_t i = 0; i < name.size && size < sizeof h->text; i++) {
        char c = name.data[i];
        bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z', other = (c >= '0' && c <= '9') || (c & 0x80);
        apart |= upper && was_lower;
        was_lower = lower;
        if (!upper && !lower && !other) {
            apart = true;
            continue;
        }
        if (apart && h->count < HEADER_WORDS_MAX)
            h->starts[h->count++] = size;
        apart = false;
        h->text[size++] = upper ? (char)(c + 32) : c;
    }
    h->starts[h->count] = size;
}

/* Whether words i.. of the name, written together, are the pattern; a single word may also begin or end with a long one. */
static bool words_fit(const struct header *h, size_t i, struct slice pattern) {
    struct slice word = slice_of(h->text + h->starts[i], h->starts[i + 1] - h->starts[i]);
    for (size_t j = i + 1; j <= h->count; j++)
        if (slice_equal(slice_of(h->text + h->starts[i], h->starts[j] - h->starts[i]), pattern))
            return true;
    if (pattern.size < 5 || word.size < pattern.size)
        return false;
    return slice_starts(word, pattern) || memcmp(word.data + word.size - pattern.size, pattern.data, pattern.size) == 0;
}

/* One pattern of a role's headers. */
static bool header_fits(const struct header *h, struct slice pattern) {
    if (pattern.data[0] == '^')
        return slice_equal(slice_of(h->text, h->starts[h->count]), slice_of(pattern.data + 1, pattern.size - 1));
    if (pattern.data[0] & 0x80)
        return memmem(h->text, h->starts[h->count], pattern.data, pattern.size) != NULL;
    for (size_t i = 0; i < h->count; i++)
        if (words_fit(h, i, pattern))
            return true;
    return false;
}

enum fuzzy_role fuzzy_role_of_header(struct slice name) {
    struct header header;
    split_header(name, &header);
    for (unsigned role = 0; role < FUZZY_ROLES; role++)
        for (const char *at = roles[role].headers; *at;) {
            size_t length = strcspn(at, "|");
            if (header_fits(&header, slice_of(at, length)))
                return (enum fuzzy_role)role;
            at += length + (at[length] == '|');
        }
    return FUZZY_ROLES;
}

void fuzzy_rules_init(struct fuzzy_rules *rules) {
    *rules =
        (struct fuzzy_rules){.source_column = -1, .threshold = 0.5, .pairs_per_record = 30, .block_records_max = 400};
}

/* --- reading --- */

struct reader {
    struct json_parser *parser;
    struct fuzzy_table *table;
    struct fuzzy_rules *rules;
    struct fault *fault;
};

static enum status read_column(struct reader *r, struct slice name, const char *where, unsigned *column) {
    struct fuzzy_column *found = fuzzy_table_find(r->table, name);
    if (!found) {
        struct buffer all = {0};
        for (size_t i = 0; i < r->table->column_count; i++)
            buffer_print(&all, "%s%s", i ? ", " : "", r->table->columns[i].name);
        fault_set(r->fault, STATUS_INVALID, "%s: there is no column '%.*s'; there are %.*s", where, SLICE_ARG(name),
                  SLICE_ARG(buffer_slice(&all)));
        buffer_release(&all);
        return STATUS_INVALID;
    }
    *column = (unsigned)(found - r->table->columns);
    return STATUS_OK;
}

static enum status read_role(struct reader *r, struct slice word, struct fuzzy_field_rule *field) {
    for (unsigned i = 0; i < FUZZY_ROLES; i++)
        if (slice_is(word, roles[i].word)) {
            field->role = (enum fuzzy_role)i;
            field->comparator = roles[i].comparator;
            field->tf = roles[i].tf;
            return STATUS_OK;
        }
    return fault_set(r->fault, STATUS_INVALID, "field '%s': there is no role '%.*s'; docs/matching.md lists them",
                     field->name, SLICE_ARG(word));
}

static enum status read_comparator(struct reader *r, struct slice word, struct fuzzy_field_rule *field) {
    for (unsigned i = 0; i < FUZZY_COMPARATORS; i++)
        if (slice_is(word, comparators[i].word)) {
            field->comparator = (enum fuzzy_comparator)i;
            return STATUS_OK;
        }
    return fault_set(r->fault, STATUS_INVALID, "field '%s': there is no comparator '%.*s'; docs/matching.md lists them",
                     field->name, SLICE_ARG(word));
}

static enum status read_field(struct reader *r, const struct json *j) {
    struct fuzzy_field_rule *field = &r->rules->fields[r->rules->field_count];
    struct slice name = json_get_text(r->parser, j, "name"), role = json_get_text(r->parser, j, "role"),
                 compare = json_get_text(r->parser, j, "compare");
    const struct json *columns = json_get(r->parser, j, "columns");
    enum status status = STATUS_OK;
    if (r->rules->field_count == FUZZY_FIELDS_MAX)
        return fault_set(r->fault, STATUS_INVALID, "at most %d fields can be compared", FUZZY_FIELDS_MAX);
    if (name.size == 0 || name.size >= FUZZY_NAME_BYTES || !columns || columns->kind != JSON_ARRAY)
        return fault_set(r->fault, STATUS_INVALID,
                         "fields: each needs \"name\" (below %d letters) and \"columns\": [\"...\"]", FUZZY_NAME_BYTES);
    *field = (struct fuzzy_field_rule){.swap_with = -1};
    memcpy(field->name, name.data, name.size);
    for (const struct json *c = json_first(r->parser, columns); c && !status; c = json_next(r->parser, c)) {
        if (c->kind != JSON_TEXT || field->column_count == FUZZY_FIELD_COLUMNS_MAX)
            return fault_set(r->fault, STATUS_INVALID, "field '%s': columns are at most %d names", field->name,
                             FUZZY_FIELD_COLUMNS_MAX);
        status = read_column(r, c->text, field->name, &field->columns[field->column_count++]);
    }
    if (!status)
        status = read_role(r, role.size ? role : SLICE("word"), field);
    if (!status && compare.size)
        status = read_comparator(r, compare, field);
    field->tf = json_get_bool(r->parser, j, "term_frequency", field->tf);
    r->rules->field_count += !status;
    return status;
}

static int field_called(const struct fuzzy_rules *rules, struct slice name) {
    for (size_t i = 0; i < rules->field_count; i++)
        if (slice_is(name, rules->fields[i].name))
            return (int)i;
    return -1;
}

static enum status read_swap(struct reader *r, const struct json *j) {
    const struct json *a = json_first(r->parser, j), *b = a ? json_next(r->parser, a) : NULL;
    int one = a && a->kind == JSON_TEXT ? field_called(r->rules, a->text) : -1;
    int two = b && b->kind == JSON_TEXT ? field_called(r->rules, b->text) : -1;
    if (one < 0 || two < 0 || one == two)
        return fault_set(r->fault, STATUS_INVALID, "swap: a list of pairs of two fields' names is expected");
    if (fuzzy_level_swapped(r->rules->fields[one].comparator) < 0)
        return fault_set(r->fault, STATUS_INVALID, "swap: field '%s' is compared by '%s', which has no level 'swapped'",
                         r->rules->fields[one].name, fuzzy_comparator_word(r->rules->fields[one].comparator));
    r->rules->fields[one].swap_with = two;
    r->rules->fields[two].swap_with = -1;
    return STATUS_OK;
}

/* "given", "given:sound", "family:start 3". */
static enum status read_part(struct reader *r, struct slice text, struct fuzzy_block_part *part) {
    const char *colon = memchr(text.data, ':', text.size);
    struct slice name = colon ? slice_of(text.data, (size_t)(colon - text.data)) : text;
    struct slice form = colon ? slice_of(colon + 1, text.size - name.size - 1) : SLICE("same");
    int field = field_called(r->rules, name);
    if (field < 0)
        return fault_set(r->fault, STATUS_INVALID, "blocking '%.*s': there is no field '%.*s'", SLICE_ARG(text),
                         SLICE_ARG(name));
    *part = (struct fuzzy_block_part){.field = (unsigned)field, .form = FUZZY_FORMS};
    for (size_t i = 0; i < form.size; i++)
        if (form.data[i] >= '0' && form.data[i] <= '9' && part->length < 100)
            part->length = part->length * 10 + (unsigned)(form.data[i] - '0');
    for (unsigned i = 0; i < FUZZY_FORMS; i++)
        if (slice_starts(form, slice_text(forms[i])))
            part->form = (enum fuzzy_form)i;
    if (part->form == FUZZY_FORMS)
        return fault_set(
            r->fault, STATUS_INVALID,
            "blocking '%.*s': expected FIELD, FIELD:sound, FIELD:start N, FIELD:end N, FIELD:tokens, FIELD:local or "
            "FIELD:hashes N",
            SLICE_ARG(text));
    part->length = part->length ? part->length : part->form == FUZZY_FORM_HASHES ? 8 : 4;
    return STATUS_OK;
}

static enum status read_block(struct reader *r, const struct json *j) {
    struct fuzzy_rules *rules = r->rules;
    enum status status = STATUS_OK;
    if (rules->block_count == FUZZY_BLOCKS_MAX || j->kind != JSON_ARRAY)
        return fault_set(r->fault, STATUS_INVALID,
                         "blocking: at most %d lists of parts such as [\"given:sound\", \"birth\"]", FUZZY_BLOCKS_MAX);
    struct fuzzy_block_rule *block = &rules->blocks[rules->block_count++];
    *block = (struct fuzzy_block_rule){0};
    for (const struct json *p = json_first(r->parser, j); p && !status; p = json_next(r->parser, p)) {
        if (p->kind != JSON_TEXT || block->part_count == FUZZY_BLOCK_PARTS_MAX)
            return fault_set(r->fault, STATUS_INVALID, "blocking: one key has at most %d parts, each a text",
                             FUZZY_BLOCK_PARTS_MAX);
        status = read_part(r, p->text, &block->parts[block->part_count++]);
    }
    return status; /* without any part: all with all */
}

static enum status read_each(struct reader *r, const struct json *root, const char *key,
                             enum status (*read)(struct reader *, const struct json *)) {
    const struct json *list = json_get(r->parser, root, key);
    enum status status = STATUS_OK;
    if (list && list->kind != JSON_ARRAY)
        return fault_set(r->fault, STATUS_INVALID, "\"%s\" must be a list", key);
    for (const struct json *j = list ? json_first(r->parser, list) : NULL; j && !status; j = json_next(r->parser, j))
        status = read(r, j);
    return status;
}

static double number_of(const struct json *j, double otherwise) {
    return !j ? otherwise : j->kind == JSON_REAL ? j->real : j->kind == JSON_INTEGER ? (double)j->integer : -1;
}

static enum status read_settings(struct reader *r, const struct json *root) {
    struct fuzzy_rules *rules = r->rules;
    struct slice pairs = json_get_text(r->parser, root, "pairs"), clusters = json_get_text(r->parser, root, "clusters"),
                 source = json_get_text(r->parser, root, "source");
    const struct json *unique = json_get(r->parser, root, "unique_sources");
    unsigned column;
    if (pairs.size && !slice_is(pairs, "all") && !slice_is(pairs, "between"))
        return fault_set(r->fault, STATUS_INVALID, "\"pairs\" is \"all\" or \"between\" (sources)");
    if (clusters.size && !slice_is(clusters, "average") && !slice_is(clusters, "connected"))
        return fault_set(r->fault, STATUS_INVALID, "\"clusters\" is \"average\" or \"connected\"");
    if (unique && unique->kind == JSON_BOOL)
        rules->unique_sources = unique->boolean ? FUZZY_YES : FUZZY_NO;
    else if (unique && !(unique->kind == JSON_TEXT && slice_is(unique->text, "auto")))
        return fault_set(r->fault, STATUS_INVALID, "\"unique_sources\" is true, false or \"auto\"");
    if (source.size) {
        enum status status = read_column(r, source, "source", &column);
        if (status)
            return status;
        rules->source_column = (int)column;
    }
    rules->between_only = slice_is(pairs, "between");
    rules->connected = slice_is(clusters, "connected");
    rules->threshold = number_of(json_get(r->parser, root, "threshold"), rules->threshold);
    rules->pairs_per_record = number_of(json_get(r->parser, root, "pairs_per_record"), rules->pairs_per_record);
    double most = number_of(json_get(r->parser, root, "block_records_max"), (double)rules->block_records_max);
    if (!(rules->threshold > 0 && rules->threshold < 1))
        return fault_set(r->fault, STATUS_INVALID, "\"threshold\" is a probability, above 0 and below 1");
    if (!(rules->pairs_per_record >= 1 && rules->pairs_per_record <= 1e6 && most >= 2 && most <= 1e9))
        return fault_set(r->fault, STATUS_INVALID,
                         "\"pairs_per_record\" is 1 to a million, \"block_records_max\" 2 to a thousand million");
    rules->block_records_max = (size_t)most;
    return STATUS_OK;
}

/* A member nobody reads is a mistake somebody made. */
static enum status check_members(struct reader *r, const struct json *root) {
    static const char *const known[] = {
        "fields",         "swap",     "blocking",  "source",           "pairs",
        "unique_sources", "clusters", "threshold", "pairs_per_record", "block_records_max"};
    for (const struct json *m = json_first(r->parser, root); m; m = json_next(r->parser, m)) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= slice_is(m->key, known[i]);
        if (!found)
            return fault_set(
                r->fault, STATUS_INVALID,
                "'%.*s' is not known here; there are fields, swap, blocking, source, pairs, unique_sources, "
                "clusters, threshold, pairs_per_record, block_records_max",
                SLICE_ARG(m->key));
    }
    return STATUS_OK;
}

enum status fuzzy_rules_parse(struct slice text, struct fuzzy_table *table, struct fuzzy_rules *rules,
                              struct fault *fault) {
    struct reader r = {json_parser_create(), table, rules, fault};
    const struct json *root;
    fuzzy_rules_init(rules);
    enum status status = json_parse(r.parser, text, false, &root, fault);
    if (!status && root->kind != JSON_OBJECT)
        status = fault_set(fault, STATUS_INVALID, "a rule file is one JSON object");
    if (!status)
        status = check_members(&r, root);
    if (!status)
        status = read_each(&r, root, "fields", read_field);
    rules->fields_given = rules->field_count > 0;
    if (!status && !rules->fields_given) { /* blocking and swap speak of fields by name */
        if (json_get(r.parser, root, "source"))
            status = read_settings(&r, root);
        if (!status)
            fuzzy_profile(table, rules);
    }
    if (!status)
        status = read_each(&r, root, "swap", read_swap);
    if (!status)
        status = read_each(&r, root, "blocking", read_block);
    rules->blocks_given = rules->block_count > 0;
    if (!status)
        status = read_settings(&r, root);
    json_parser_free(r.parser);
    return status;
}

/* --- writing --- */

void fuzzy_rules_part_text(const struct fuzzy_rules *rules, const struct fuzzy_block_part *part, struct buffer *into) {
    buffer_print(into, "%s", rules->fields[part->field].name);
    if (part->form != FUZZY_FORM_SAME)
        buffer_print(into, ":%s", forms[part->form]);
    if (part->form == FUZZY_FORM_START || part->form == FUZZY_FORM_END || part->form == FUZZY_FORM_HASHES)
        buffer_print(into, " %u", part->length);
}

static void write_fields(const struct fuzzy_rules *rules, const struct fuzzy_table *table, struct json_writer *w) {
    json_key(w, "fields");
    json_array(w);
    for (size_t i = 0; i < rules->field_count; i++) {
        const struct fuzzy_field_rule *f = &rules->fields[i];
        json_object(w);
        json_member_cstring(w, "name", f->name);
        json_member_cstring(w, "role", roles[f->role].word);
        json_member_cstring(w, "compare", comparators[f->comparator].word);
        json_member_bool(w, "term_frequency", f->tf);
        json_key(w, "columns");
        json_array(w);
        for (size_t c = 0; c < f->column_count; c++)
            json_cstring(w, table->columns[f->columns[c]].name);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "swap");
    json_array(w);
    for (size_t i = 0; i < rules->field_count; i++)
        if (rules->fields[i].swap_with >= 0) {
            json_array(w);
            json_cstring(w, rules->fields[i].name);
            json_cstring(w, rules->fields[rules->fields[i].swap_with].name);
            json_end_array(w);
        }
    json_end_array(w);
}

void fuzzy_rules_write(const struct fuzzy_rules *rules, const struct fuzzy_table *table, struct json_writer *w) {
    struct buffer text = {0};
    json_object(w);
    write_fields(rules, table, w);
    json_key(w, "blocking");
    json_array(w);
    for (size_t i = 0; i < rules->block_count; i++) {
        json_array(w);
        for (size_t p = 0; p < rules->blocks[i].part_count; p++) {
            buffer_clear(&text);
            fuzzy_rules_part_text(rules, &rules->blocks[i].parts[p], &text);
            json_text(w, buffer_slice(&text));
        }
        json_end_array(w);
    }
    json_end_array(w);
    if (rules->source_column >= 0)
        json_member_cstring(w, "source", table->columns[rules->source_column].name);
    json_member_cstring(w, "pairs", rules->between_only ? "between" : "all");
    if (rules->unique_sources == FUZZY_AUTO)
        json_member_cstring(w, "unique_sources", "auto");
    else
        json_member_bool(w, "unique_sources", rules->unique_sources == FUZZY_YES);
    json_member_cstring(w, "clusters", rules->connected ? "connected" : "average");
    json_member_real(w, "threshold", rules->threshold);
    json_member_real(w, "pairs_per_record", rules->pairs_per_record);
    json_member_integer(w, "block_records_max", (int64_t)rules->block_records_max);
    json_end_object(w);
    buffer_release(&text);
}
