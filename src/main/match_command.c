/* match_command: `onefold identity match`: files -> clusters, and how good they are where the truth is known.
 *
 *     onefold identity match people.csv [more.csv ...] [--rules RULES.json] [--out clusters.csv] [--pairs pairs.csv]
 *
 * What is true about the records (--truth-column) is taken out of the table before anything is compared. */
#include <assert.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/fuzzy_evaluate.h"
#include "identity/fuzzy_match.h"
#include "language/workers.h"
#include "main/args.h"
#include "main/match_files.h"
#include "main/match_truth.h"

#define FILES_MAX 64

struct job {
    const char *files[FILES_MAX];
    int file_count;
    const char *rules, *out, *pairs_out, *explain, *threshold, *id, *ignore, *truth_column, *truth_pattern, *truth;
    bool between, print_rules, print_weights, curve, quiet;
    uint64_t workers;
    struct fuzzy_table table;
    struct fuzzy_match match;
    struct fuzzy_column *id_column; /* NULL: the record's number */
    struct match_truth truths;
    struct os *os;
};

/* A column that is not to be compared gets a name nobody compares. */
static enum status set_aside(struct job *j, struct slice name, struct fault *fault) {
    struct fuzzy_column *c = fuzzy_table_find(&j->table, name);
    if (!c)
        return fault_set(fault, STATUS_INVALID, "there is no column '%.*s' to leave out", SLICE_ARG(name));
    memset(c->codes, 0, j->table.record_count * sizeof *c->codes);
    return STATUS_OK;
}

static enum status set_aside_all(struct job *j, struct fault *fault) {
    enum status status = STATUS_OK;
    for (const char *at = j->ignore ? j->ignore : ""; *at && !status;) {
        size_t size = strcspn(at, ",");
        status = set_aside(j, slice_of(at, size), fault);
        at += size + (at[size] == ',');
    }
    return status;
}

/* The id column: as told; else the first whose name says so and that has a value in every record. */
static enum status find_id(struct job *j, struct fault *fault) {
    if (j->id) {
        j->id_column = fuzzy_table_find(&j->table, slice_text(j->id));
        return j->id_column ? STATUS_OK : fault_set(fault, STATUS_INVALID, "--id: there is no column '%s'", j->id);
    }
    for (size_t i = 0; i < j->table.column_count && !j->id_column; i++) {
        struct fuzzy_column *c = &j->table.columns[i];
        bool full = fuzzy_role_of_header(slice_text(c->name)) == FUZZY_ROLE_RECORD_ID;
        for (size_t r = 0; full && r < j->table.record_count; r++)
            full = c->codes[r] != 0;
        if (full)
            j->id_column = c;
    }
    return STATUS_OK;
}

static void print_id(const struct job *j, size_t record, FILE *to) {
    if (j->id_column) {
        struct slice id = fuzzy_table_text(j->id_column, record);
        fprintf(to, "%.*s", SLICE_ARG(id));
    } else {
        fprintf(to, "%zu", record + 1);
    }
}

static enum status read_inputs(struct job *j, struct fuzzy_rules *rules, struct fault *fault) {
    enum status status = STATUS_OK;
    struct buffer text = {0};
    for (int i = 0; i < j->file_count && !status; i++)
        status = match_files_read(j->os, j->files[i], (uint32_t)i, &j->table, fault);
    if (!status)
        status = find_id(j, fault);
    if (!status && (j->truth || j->truth_column))
        status = match_truth_read(j->os, &j->table, j->id_column, j->truth, j->truth_column, j->truth_pattern,
                                  &j->truths, fault);
    if (!status && j->truth_column)
        status = set_aside(j, slice_text(j->truth_column), fault);
    if (!status)
        status = set_aside_all(j, fault);
    if (!status && j->rules)
        status = os_read_file(j->os, j->rules, &text, fault);
    if (!status) {
        struct fault inner = {0};
        status = fuzzy_rules_parse(j->rules ? buffer_slice(&text) : SLICE("{}"), &j->table, rules, &inner);
        if (status)
            fault_set(fault, status, "%s: %s", j->rules ? j->rules : "rules", inner.text);
    }
    if (!status && j->threshold) {
        char *end;
        rules->threshold = strtod(j->threshold, &end);
        if (*end || !(rules->threshold > 0 && rules->threshold < 1))
            status = fault_set(fault, STATUS_INVALID, "--threshold is a probability, above 0 and below 1, not %s",
                               j->threshold);
    }
    rules->between_only |= j->between;
    buffer_release(&text);
    return status;
}

/* --- answers --- */

static FILE *open_out(const char *path, struct fault *fault) {
    FILE *file = fopen(path, "w");
    if (!file)
        fault_set(fault, STATUS_IO, "%s cannot be written", path);
    return file;
}

static enum status write_clusters(struct job *j, struct fault *fault) {
    FILE *file = open_out(j->out, fault);
    if (!file)
        return STATUS_IO;
    fprintf(file, "cluster,source,record_id\n");
    for (size_t r = 0; r < j->table.record_count; r++) {
        fprintf(file, "%u,%u,", j->match.clusters[r] + 1, j->table.sources[r] + 1);
        print_id(j, r, file);
        fputc('\n', file);
    }
    return fclose(file) ? fault_set(fault, STATUS_IO, "%s was not written whole", j->out) : STATUS_OK;
}

static enum status write_pairs(struct job *j, struct fault *fault) {
    FILE *file = open_out(j->pairs_out, fault);
    if (!file)
        return STATUS_IO;
    fprintf(file, "record_a,record_b,probability,bits,same_cluster\n");
    for (size_t i = 0; i < j->match.pair_count; i++) {
        const struct fuzzy_pair *p = &j->match.pairs[i];
        print_id(j, p->a, file);
        fputc(',', file);
        print_id(j, p->b, file);
        fprintf(file, ",%.6f,%.3f,%d\n", fuzzy_probability(p->bits), (double)p->bits,
                j->match.clusters[p->a] == j->match.clusters[p->b]);
    }
    return fclose(file) ? fault_set(fault, STATUS_IO, "%s was not written whole", j->pairs_out) : STATUS_OK;
}

static void print_quality_line(const char *what, const struct fuzzy_quality *q) {
    printf("%-22s precision %.5f  recall %.5f  F1 %.5f   right %.0f  wrong %.0f  missed %.0f\n", what, q->precision,
           q->recall, q->f1, q->right_pairs, q->found_pairs - q->right_pairs, q->true_pairs - q->right_pairs);
}

static void print_curve(struct job *j, const uint32_t *sources) {
    static const double at[] = {0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999};
    uint32_t *clusters = memory_get(j->table.record_count + 1, sizeof *clusters);
    printf("threshold  precision    recall        F1\n");
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        struct fuzzy_quality q;
        fuzzy_match_cluster(&j->match, at[i], clusters);
        fuzzy_evaluate(j->truths.entities, clusters, j->table.record_count, sources, &q);
        printf("%9.3f  %9.5f %9.5f %9.5f\n", at[i], q.precision, q.recall, q.f1);
    }
    free(clusters);
}

static void print_quality(struct job *j) {
    struct fuzzy_match *m = &j->match;
    const uint32_t *sources = m->rules.between_only ? m->fields.sources : NULL;
    struct fuzzy_quality q, pairs;
    double best_f1, best, bits = log2(m->rules.threshold / (1 - m->rules.threshold));
    fuzzy_evaluate(j->truths.entities, m->clusters, j->table.record_count, sources, &q);
    fuzzy_evaluate_pairs(j->truths.entities, m->pairs, m->pair_count, bits, q.true_pairs, &pairs);
    best = fuzzy_best_threshold(j->truths.entities, m->pairs, m->pair_count, q.true_pairs, &best_f1);
    print_quality_line("clusters", &q);
    print_quality_line("scored pairs", &pairs);
    printf("%-22s F1 %.5f at probability %.6f\n", "best of scored pairs", best_f1, fuzzy_probability(best));
    printf("%-22s %llu of %llu exact; entities %llu, clusters %llu, cluster F1 %.5f, coverage %.5f\n", "whole clusters",
           (unsigned long long)q.exact_clusters, (unsigned long long)q.clusters, (unsigned long long)q.entities,
           (unsigned long long)q.clusters, q.cluster_f1, q.coverage);
    if (j->curve)
        print_curve(j, sources);
}

static bool same_id(const struct job *j, size_t record, struct slice id) {
    char number[24];
    int size = snprintf(number, sizeof number, "%zu", record + 1);
    return slice_equal(id, j->id_column ? fuzzy_table_text(j->id_column, record) : slice_of(number, (size_t)size));
}

static enum status explain(struct job *j, struct fault *fault) {
    const char *comma = strchr(j->explain, ',');
    struct slice ids[2] = {slice_of(j->explain, comma ? (size_t)(comma - j->explain) : 0),
                           slice_text(comma ? comma + 1 : NULL)};
    size_t found[2] = {SIZE_MAX, SIZE_MAX};
    for (size_t r = 0; comma && r < j->table.record_count; r++)
        for (int i = 0; i < 2; i++)
            if (found[i] == SIZE_MAX && !(i == 1 && found[0] == r) && same_id(j, r, ids[i]))
                found[i] = r;
    if (found[0] == SIZE_MAX || found[1] == SIZE_MAX)
        return fault_set(fault, STATUS_NOT_FOUND, "--explain A,B: two record ids are expected, and '%.*s' is none",
                         SLICE_ARG(ids[found[0] == SIZE_MAX ? 0 : 1]));
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    fuzzy_match_explain(&j->match, (uint32_t)found[0], (uint32_t)found[1], &w);
    printf("%.*s\n", SLICE_ARG(buffer_slice(&text)));
    buffer_release(&text);
    return STATUS_OK;
}

static void print_json(const struct job *j, bool weights) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    if (weights)
        fuzzy_match_weights(&j->match, &w);
    else
        fuzzy_rules_write(&j->match.rules, &j->table, &w);
    printf("%.*s\n", SLICE_ARG(buffer_slice(&text)));
    buffer_release(&text);
}

static enum status answer(struct job *j, double seconds, struct fault *fault) {
    struct fuzzy_match *m = &j->match;
    enum status status = STATUS_OK;
    if (!j->quiet)
        printf("%zu records, %llu pairs compared, %zu kept, %zu clusters%s, %.2f s\n", j->table.record_count,
               (unsigned long long)m->compared_count, m->pair_count, m->cluster_count,
               m->unique_sources ? ", nobody twice in a source" : "", seconds);
    if (j->print_rules)
        print_json(j, false);
    if (j->print_weights)
        print_json(j, true);
    if (j->truths.entities)
        print_quality(j);
    if (j->explain)
        status = explain(j, fault);
    if (!status && j->out)
        status = write_clusters(j, fault);
    if (!status && j->pairs_out)
        status = write_pairs(j, fault);
    return status;
}

int match_command(int argc, char **argv) {
    struct job *j = memory_get(1, sizeof *j);
    struct fuzzy_rules rules;
    struct fault fault = {0};
    j->workers = 2;
    j->os = os_real();
    j->file_count = FILES_MAX;
    const struct arg table[] = {
        {"rules", ARG_TEXT, &j->rules, "rule file (docs/matching.md); without it everything is inferred"},
        {"out", ARG_TEXT, &j->out, "clusters as CSV: cluster,source,record_id"},
        {"pairs", ARG_TEXT, &j->pairs_out, "scored pairs as CSV"},
        {"threshold", ARG_TEXT, &j->threshold, "probability from which two are one (0.5)"},
        {"between", ARG_FLAG, &j->between, "compare only records of different files or sources"},
        {"id", ARG_TEXT, &j->id, "column with the record's id (else found by name, else the record's number)"},
        {"ignore", ARG_TEXT, &j->ignore, "columns not to look at, with commas between"},
        {"explain", ARG_TEXT, &j->explain, "A,B: the score of two records, field by field"},
        {"print-rules", ARG_FLAG, &j->print_rules, "the complete rule file used, to start one's own from"},
        {"print-weights", ARG_FLAG, &j->print_weights, "what was learnt about each level of each field"},
        {"truth-column", ARG_TEXT, &j->truth_column, "column that says which entity a record is; it is not compared"},
        {"truth-pattern", ARG_TEXT, &j->truth_pattern, "regular expression whose first group is the entity in it"},
        {"truth", ARG_TEXT, &j->truth, "file that says it: record id and entity, or pairs of ids"},
        {"curve", ARG_FLAG, &j->curve, "quality at twelve thresholds"},
        {"workers", ARG_NUMBER, &j->workers, "threads (2)"},
        {NULL, ARG_FLAG, NULL, NULL},
    };
    args_parse(argc, argv, "identity match FILE... [--rules RULES.json] [--out CLUSTERS.csv] [--truth-column NAME]",
               table, j->files, &j->file_count);
    enum status status = STATUS_INVALID;
    if (j->file_count == 0)
        fault_set(&fault, status, "which file? CSV, TSV or JSON lines, plain or gzipped");
    else
        status = read_inputs(j, &rules, &fault);
    if (!status) {
        struct fuzzy_options options = {.workers = (unsigned)(j->workers < 1    ? 1
                                                              : j->workers > 64 ? 64
                                                                                : j->workers),
                                        .run = workers_run};
        uint64_t start = os_monotonic_ns(j->os);
        status = fuzzy_match_run(&j->table, &rules, &options, &j->match, &fault);
        if (!status)
            status = answer(j, (double)(os_monotonic_ns(j->os) - start) * 1e-9, &fault);
        fuzzy_match_release(&j->match);
    }
    if (status)
        fprintf(stderr, "onefold identity match: %s\n", fault.text);
    match_truth_release(&j->truths);
    fuzzy_table_release(&j->table);
    free(j);
    return status ? 1 : 0;
}

/* --- onefold identity evaluate --- */

int match_evaluate_command(int argc, char **argv) {
    const char *truth = NULL, *clusters = NULL, *id = NULL, *entity = NULL, *cluster = NULL;
    struct os *os = os_real();
    struct fault fault = {0};
    struct fuzzy_quality q;
    const struct arg table[] = {
        {"truth", ARG_TEXT, &truth, "CSV with a record id and its entity in each row"},
        {"clusters", ARG_TEXT, &clusters, "CSV with a record id and its cluster in each row (identity match --out)"},
        {"id", ARG_TEXT, &id, "name of the id column, in both (record_id, or the one that reads so)"},
        {"entity", ARG_TEXT, &entity, "name of the truth's entity column"},
        {"cluster", ARG_TEXT, &cluster, "name of the clusters' cluster column (cluster)"},
        {NULL, ARG_FLAG, NULL, NULL},
    };
    args_parse(argc, argv,
               "identity evaluate --truth FILE --clusters FILE [--id NAME] [--entity NAME] [--cluster NAME]", table,
               NULL, NULL);
    enum status status = STATUS_INVALID;
    if (!truth || !clusters)
        fault_set(&fault, status, "--truth and --clusters both name a file");
    else
        status = match_truth_compare(os, truth, clusters, id, entity, cluster, &q, &fault);
    if (status) {
        fprintf(stderr, "onefold identity evaluate: %s\n", fault.text);
        return 1;
    }
    print_quality_line("pairs", &q);
    printf("%-22s %llu of %llu exact; precision %.5f  recall %.5f  F1 %.5f; entities %llu\n", "whole clusters",
           (unsigned long long)q.exact_clusters, (unsigned long long)q.clusters, q.cluster_precision, q.cluster_recall,
           q.cluster_f1, (unsigned long long)q.entities);
    printf("%-22s %llu of %llu records, %.5f\n", "coverage", (unsigned long long)q.covered,
           (unsigned long long)q.records, q.coverage);
    return 0;
}
