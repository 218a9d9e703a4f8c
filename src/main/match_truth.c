/* match_truth: see the header. */
#include "main/match_truth.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "identity/fuzzy_rules.h"
#include "main/match_files.h"

void match_truth_release(struct match_truth *t) {
    free(t->entities);
    *t = (struct match_truth){0};
}

static enum status missing(const char *path, const char *what, const struct fuzzy_table *t, struct fault *fault) {
    struct buffer all = {0};
    for (size_t i = 0; i < t->column_count; i++)
        buffer_print(&all, "%s%s", i ? ", " : "", t->columns[i].name);
    fault_set(fault, STATUS_INVALID, "%s: no column %s; there are %.*s", path, what, SLICE_ARG(buffer_slice(&all)));
    buffer_release(&all);
    return STATUS_INVALID;
}

static enum status from_column(struct fuzzy_table *t, const char *name, const char *pattern, struct match_truth *out,
                               struct fault *fault) {
    struct fuzzy_column *c = fuzzy_table_find(t, slice_text(name));
    struct fuzzy_dictionary entities = {0};
    regex_t regex;
    regmatch_t found[2];
    if (!c)
        return missing("--truth-column", name, t, fault);
    if (pattern && (regcomp(&regex, pattern, REG_EXTENDED) || regex.re_nsub < 1))
        return fault_set(fault, STATUS_INVALID,
                         "--truth-pattern: an extended regular expression with one group is expected");
    out->entities = memory_get(t->record_count + 1, sizeof *out->entities);
    for (size_t r = 0; r < t->record_count; r++) {
        char *text = memory_text(fuzzy_table_text(c, r));
        struct slice entity = slice_text(text);
        if (pattern)
            entity = regexec(&regex, text, 2, found, 0) == 0 && found[1].rm_so >= 0
                         ? slice_of(text + found[1].rm_so, (size_t)(found[1].rm_eo - found[1].rm_so))
                         : SLICE_NONE;
        out->entities[r] = fuzzy_dictionary_add(&entities, entity);
        free(text);
    }
    if (pattern)
        regfree(&regex);
    fuzzy_dictionary_release(&entities);
    return STATUS_OK;
}

/* The first column whose name ends so. */
static struct fuzzy_column *ending_in(struct fuzzy_table *t, const char *end) {
    for (size_t i = 0; i < t->column_count; i++) {
        size_t size = strlen(t->columns[i].name), wanted = strlen(end);
        if (size > wanted && strcmp(t->columns[i].name + size - wanted, end) == 0)
            return &t->columns[i];
    }
    return NULL;
}

static struct fuzzy_column *id_of(struct fuzzy_table *t, const char *name) {
    if (name)
        return fuzzy_table_find(t, slice_text(name));
    for (size_t i = 0; i < t->column_count; i++)
        if (fuzzy_role_of_header(slice_text(t->columns[i].name)) == FUZZY_ROLE_RECORD_ID)
            return &t->columns[i];
    return NULL;
}

/* The column that names entities: as told, or by its name, or the only one beside the id. */
static struct fuzzy_column *entity_of(struct fuzzy_table *t, const char *name, const struct fuzzy_column *id) {
    static const char *const words[] = {"cluster", "entity", "ent_id", "person", "truth", "group"};
    if (name)
        return fuzzy_table_find(t, slice_text(name));
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        for (size_t i = 0; i < t->column_count; i++)
            if (strcasestr(t->columns[i].name, words[w]))
                return &t->columns[i];
    return t->column_count == 2 ? &t->columns[id == &t->columns[0] ? 1 : 0] : NULL;
}

/* Records by id. */
struct ids {
    struct fuzzy_dictionary texts;
    uint32_t *record; /* [code] */
};

static void ids_init(struct ids *ids, const struct fuzzy_table *t, const struct fuzzy_column *id) {
    *ids = (struct ids){.record = memory_get(t->record_count + 2, sizeof(uint32_t))};
    for (size_t r = 0; r < t->record_count; r++) {
        char number[24];
        int size = snprintf(number, sizeof number, "%zu", r + 1);
        struct slice text = id ? fuzzy_table_text(id, r) : slice_of(number, (size_t)size);
        uint32_t code = fuzzy_dictionary_add(&ids->texts, text);
        ids->record[code] = (uint32_t)r;
    }
}

static void ids_release(struct ids *ids) {
    fuzzy_dictionary_release(&ids->texts);
    free(ids->record);
}

static uint32_t root_of(uint32_t *entities, uint32_t r) {
    while (entities[r] != r + 1)
        r = entities[r] - 1;
    return r;
}

static void from_pairs(struct fuzzy_table *labels, struct fuzzy_column *left, struct fuzzy_column *right,
                       struct ids *ids, size_t records, struct match_truth *out) {
    for (uint32_t r = 0; r < records; r++)
        out->entities[r] = r + 1;
    for (size_t i = 0; i < labels->record_count; i++) {
        uint32_t a = fuzzy_dictionary_find(&ids->texts, fuzzy_table_text(left, i)),
                 b = fuzzy_dictionary_find(&ids->texts, fuzzy_table_text(right, i));
        if (!a || !b)
            continue;
        uint32_t x = root_of(out->entities, ids->record[a]), y = root_of(out->entities, ids->record[b]);
        out->entities[x > y ? x : y] = (x > y ? y : x) + 1;
    }
    for (uint32_t r = 0; r < records; r++)
        out->entities[r] = root_of(out->entities, r) + 1;
}

static enum status from_file(struct os *os, struct fuzzy_table *t, struct fuzzy_column *id, const char *path,
                             const char *column, struct match_truth *out, struct fault *fault) {
    struct fuzzy_table labels = {0};
    struct ids ids;
    enum status status = match_files_read(os, path, 0, &labels, fault);
    if (status) {
        fuzzy_table_release(&labels);
        return status;
    }
    struct fuzzy_column *left = ending_in(&labels, "_l"), *right = ending_in(&labels, "_r"), *label_id = NULL,
                        *entity = NULL;
    ids_init(&ids, t, id);
    out->entities = memory_get(t->record_count + 1, sizeof *out->entities);
    if (!left || !right) {
        label_id = id ? fuzzy_table_find(&labels, slice_text(id->name)) : NULL;
        label_id = label_id ? label_id : id_of(&labels, NULL);
        entity = entity_of(&labels, column, label_id);
    }
    if (left && right)
        from_pairs(&labels, left, right, &ids, t->record_count, out);
    else if (!entity)
        status = missing(path, column ? column : "that names the entity (cluster, entity, person ...)", &labels, fault);
    for (size_t i = 0; entity && i < labels.record_count; i++) {
        char number[24];
        int size = snprintf(number, sizeof number, "%zu", i + 1);
        struct slice text = label_id ? fuzzy_table_text(label_id, i) : slice_of(number, (size_t)size);
        uint32_t code = fuzzy_dictionary_find(&ids.texts, text);
        if (code)
            out->entities[ids.record[code]] = entity->codes[i];
    }
    ids_release(&ids);
    fuzzy_table_release(&labels);
    return status;
}

enum status match_truth_read(struct os *os, struct fuzzy_table *t, struct fuzzy_column *id, const char *path,
                             const char *column, const char *pattern, struct match_truth *out, struct fault *fault) {
    *out = (struct match_truth){0};
    return path ? from_file(os, t, id, path, column, out, fault) : from_column(t, column, pattern, out, fault);
}

enum status match_truth_compare(struct os *os, const char *truth_path, const char *clusters_path, const char *id,
                                const char *entity, const char *cluster, struct fuzzy_quality *q, struct fault *fault) {
    struct fuzzy_table truth = {0}, found = {0};
    struct fuzzy_column *truth_id = NULL, *found_id = NULL, *entities = NULL, *clusters = NULL;
    enum status status = match_files_read(os, truth_path, 0, &truth, fault);
    if (!status)
        status = match_files_read(os, clusters_path, 0, &found, fault);
    if (!status && (!(truth_id = id_of(&truth, id)) || !(entities = entity_of(&truth, entity, truth_id))))
        status =
            missing(truth_path, truth_id ? "for the entity (--entity)" : "for the record's id (--id)", &truth, fault);
    if (!status && (!(found_id = id_of(&found, id && fuzzy_table_find(&found, slice_text(id)) ? id : NULL)) ||
                    !(clusters = entity_of(&found, cluster ? cluster : "cluster", found_id))))
        status = missing(clusters_path, found_id ? "for the cluster (--cluster)" : "for the record's id (--id)", &found,
                         fault);
    if (!status) {
        struct ids ids;
        uint32_t *of_record = memory_get(truth.record_count + 1, sizeof *of_record);
        ids_init(&ids, &truth, truth_id);
        memset(of_record, 0xff, truth.record_count * sizeof *of_record);
        for (size_t i = 0; i < found.record_count; i++) {
            uint32_t code = fuzzy_dictionary_find(&ids.texts, fuzzy_table_text(found_id, i));
            if (code && clusters->codes[i])
                of_record[ids.record[code]] = clusters->codes[i];
        }
        fuzzy_evaluate(entities->codes, of_record, truth.record_count, NULL, q);
        free(of_record);
        ids_release(&ids);
    }
    fuzzy_table_release(&truth);
    fuzzy_table_release(&found);
    return status;
}
