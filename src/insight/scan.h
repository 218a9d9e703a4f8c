/* scan: the pass over everybody's histories that an analysis is made of: sets of rows and values, span by span, on all workers.
 *
 *     struct scan *scan = scan_create(definition);                          -- reads the population
 *     scan_rows(scan, &step, &number, fault); ...                           -- "product_viewed where price > 100"
 *     scan_row_value(scan, number, SLICE("price"), "", TERM_NUMBER, &value, fault);
 *     scan_run(scan, &(struct scan_work){context, begin, visit, merge, end}, fault);
 *     scan_free(scan);
 *
 * visit() gets a part of a span: up to SPAN_CUSTOMERS customers with their rows in time order (language/rows.h), of which those in `asked`
 * count: the population. Conditions and values are evaluated by the language's own kernels when they are asked for.
 *
 * Same bytes from one worker and many: which spans a worker gets is chance, so a worker's state may hold only what does not depend on the
 * order of adding: counts, exact sums (128 bits), least and greatest, sets, histograms, lists that are sorted afterwards; never doubles.
 * merge() then adds the states, in the order of workers. Texts are numbers of the worker's own (texts.h); merge() takes them into shared
 * ones (scan_shared), whose order is chance too: sort by the text itself before showing.
 *
 * Thread: begin, visit on the workers' own; the rest on the caller's. Cost: 10 to 20 microseconds a span and what is evaluated. */
#ifndef ONEFOLD_INSIGHT_SCAN_H
#define ONEFOLD_INSIGHT_SCAN_H

#include "insight/groups.h"
#include "insight/insight.h"
#include "insight/texts.h"
#include "language/rows.h"

struct scan;
/* Reads `population` of the definition. */
enum status scan_create(const struct definition_part *definition, struct scan **scan, struct fault *fault) WARN_UNUSED;
void scan_free(struct scan *scan); /* NULL is fine */

/* What is to be read; each gives a number to ask by. Equal ones cost once. `path` ("steps[1].event") leads faults. */
enum status scan_rows(struct scan *scan, const struct definition_rows *rows, unsigned *number,
                      struct fault *fault) WARN_UNUSED;
enum status scan_rows_text(struct scan *scan, struct slice text, const char *path, unsigned *number,
                           struct fault *fault) WARN_UNUSED;
/* An expression about each row of set `rows`. TERM_NONE: of any type but lists, which are no single value. */
enum status scan_row_value(struct scan *scan, unsigned rows, struct slice text, const char *path,
                           enum term_type expected, unsigned *number, struct fault *fault) WARN_UNUSED;
/* The same where a row may have several: a list's elements are things of the row (scan_row_texts). */
enum status scan_row_things(struct scan *scan, unsigned rows, struct slice text, const char *path, unsigned *number,
                            struct fault *fault) WARN_UNUSED;
/* About the customer: TERM_BOOL for conditions. */
enum status scan_value(struct scan *scan, struct slice text, const char *path, enum term_type expected,
                       unsigned *number, struct fault *fault) WARN_UNUSED;
/* Of what was read: type, and whether it is money. */
const struct node *scan_row_value_node(const struct scan *scan, unsigned rows, unsigned value);
const struct node *scan_value_node(const struct scan *scan, unsigned value);
/* Whether two sets take their rows from the same table, so that equal row numbers are the same row. After scan_run began. */
bool scan_same_table(const struct scan *scan, unsigned rows, unsigned other);
/* Fails with "at path: ..." in front. */
enum status scan_fail(const char *path, enum status status, struct fault *fault);

/* --- splitting customers into groups: the common member "split" ---
 * A value of the customer ("city", "first(page_viewed).channel"): its texts are the groups. Or segments ({"segments": ["a", "b"]}): a customer is
 * in as many groups as segments, and in none where in none. */
#define SCAN_SPLITS_MAX 32
struct scan_split {
    bool given;
    struct slice name; /* for a column's title */
    unsigned value;
    size_t segment_count; /* 0: by value */
    unsigned segments[SCAN_SPLITS_MAX];
    struct slice names[SCAN_SPLITS_MAX];
};
enum status scan_split(struct scan *scan, const struct definition_part *definition, struct scan_split *split,
                       struct fault *fault) WARN_UNUSED;

/* --- the pass --- */
struct scan_worker; /* texts of a worker */
struct scan_part;
struct scan_work {
    void *context;
    void *(*begin)(void *context);                      /* a worker's state */
    void (*visit)(void *state, struct scan_part *part); /* called for every part with somebody in it */
    void (*merge)(void *context, void *state, struct scan_worker *worker);
    void (*end)(void *state); /* of every state begun, also when stopped */
};
/* Errors: TOO_LARGE; CLOSED where it was stopped. May run again with other work. */
enum status scan_run(struct scan *scan, const struct scan_work *work, struct fault *fault) WARN_UNUSED;
uint64_t scan_population(const struct scan *scan); /* customers visited by the last run */

struct scan_part {
    struct scan *scan;
    struct scan_worker *worker;
    struct evaluator *evaluator;
    unsigned part; /* of language/rows.h */
    uint32_t span;
    uint32_t count; /* customers */
    const uint64_t *asked;
};
/* The next customer asked for, from `i` on; part->count at the end:  for (i = scan_next(p, 0); i < p->count; i = scan_next(p, i + 1)) */
static inline uint32_t scan_next(const struct scan_part *part, uint32_t i) {
    if (i >= part->count)
        return part->count;
    uint64_t word = part->asked[i / 64] >> (i % 64);
    if (word) {
        i += (uint32_t)__builtin_ctzll(word);
        return i < part->count ? i : part->count;
    }
    for (uint32_t w = i / 64 + 1; w * 64 < part->count; w++)
        if (part->asked[w]) {
            i = w * 64 + (uint32_t)__builtin_ctzll(part->asked[w]);
            return i < part->count ? i : part->count;
        }
    return part->count;
}
static inline struct customer_id scan_customer(const struct scan_part *part, uint32_t i) {
    return evaluate_part_customer(part->evaluator, part->part, i);
}

/* Rows of a set with their times: element r of customer i lies in [begin(i), end(i)); the set's are those in `bits`. */
struct scan_rows {
    const uint32_t *starts; /* absolute: subtract starts[0] */
    const uint64_t *bits;   /* NULL: all */
    const int64_t *times;
    uint32_t count;
};
void scan_part_rows(struct scan_part *part, unsigned rows, struct scan_rows *out);
static inline uint32_t scan_begin(const struct scan_rows *r, uint32_t i) { return r->starts[i] - r->starts[0]; }
static inline uint32_t scan_end(const struct scan_rows *r, uint32_t i) { return r->starts[i + 1] - r->starts[0]; }
/* The next element of the set in [i, end), or end. */
static inline uint32_t scan_row(const struct scan_rows *r, uint32_t i, uint32_t end) {
    if (!r->bits || i >= end)
        return i < end ? i : end;
    uint64_t word = r->bits[i / 64] >> (i % 64);
    if (word) {
        i += (uint32_t)__builtin_ctzll(word);
        return i < end ? i : end;
    }
    for (uint32_t w = i / 64 + 1; w * 64 < end; w++)
        if (r->bits[w]) {
            i = w * 64 + (uint32_t)__builtin_ctzll(r->bits[w]);
            return i < end ? i : end;
        }
    return end;
}
/* All rows of a part in one line, for who does the same with each: a loop over customers with a loop over each one's few rows inside guesses
 * its end wrong at every other customer, which costs more than the rows. Of rows [64 w, 64 w + 64) bits of `in` are in the set and of customers
 * asked for, those of `marks` are their customer's first row (of the table, not of the set): whose a row is, is how many marks there are up to it. */
struct scan_line {
    const uint64_t *in; /* NULL: all */
    const uint64_t *marks;
    uint32_t count;
};
void scan_part_line(struct scan_part *part, const struct scan_rows *rows, struct scan_line *out);
const uint64_t *scan_part_in(struct scan_part *part, const struct scan_rows *rows); /* its `in` alone */
static inline uint64_t scan_line_in(const struct scan_line *line, uint32_t w) {
    uint32_t left = line->count - w * 64;
    return line->in ? line->in[w] : left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
}
/* What orders rows of equal time, of whatever tables. */
int64_t scan_position(struct scan_part *part, unsigned rows, uint32_t element);
/* Values of rows, and of customers: numbers, times, bools ... (language/vector.h). */
const struct vector *scan_part_row_values(struct scan_part *part, unsigned rows, unsigned value);
const struct vector *scan_part_values(struct scan_part *part, unsigned value);
const uint64_t *scan_part_bits(struct scan_part *part, unsigned value); /* of conditions */

/* Values as texts, numbered: 0 missing. Where texts lie in a column by code, each code is looked up once a span. Numbers, dates, bools are
 * written out as texts. */
struct scan_texts {
    struct scan_worker *worker;
    struct code_column codes; /* column NULL: `vector` */
    uint32_t *known;          /* of codes: number + 1, or 0 */
    const struct vector *vector;
    const struct calendar *calendar;
};
void scan_part_row_texts(struct scan_part *part, unsigned rows, unsigned value, struct scan_texts *out);
void scan_part_texts(struct scan_part *part, unsigned value, struct scan_texts *out);
uint32_t scan_text_new(const struct scan_texts *texts, uint32_t code); /* inside */
uint32_t scan_text_of_vector(const struct scan_texts *texts, uint32_t i);
static inline uint32_t scan_text(const struct scan_texts *t, uint32_t i) {
    if (!t->codes.column)
        return scan_text_of_vector(t, i);
    uint32_t code = code_column_at(&t->codes, i);
    if (code >= t->codes.count)
        return 0;
    return t->known[code] ? t->known[code] - 1 : scan_text_new(t, code);
}
/* Numbers of all texts of row i: of a list each element's, missing ones left out; else its one, or none. Returns how many; `out` lasts as long as the
 * part. */
size_t scan_row_texts(struct scan_part *part, const struct scan_texts *texts, uint32_t i, uint32_t **out);
/* A worker's number of a text of one's own. */
uint32_t scan_text_add(struct scan_worker *worker, struct slice text);
struct slice scan_worker_text(const struct scan_worker *worker, uint32_t text);
/* While merging: a worker's number as one of all workers, and its text. */
uint32_t scan_shared(struct scan *scan, const struct scan_worker *worker, uint32_t text);
struct slice scan_shared_text(const struct scan *scan, uint32_t shared);
uint32_t scan_shared_count(const struct scan *scan); /* numbers are at most this, or TEXTS_OTHER */

/* Groups of customers of a part. Without a split everybody is in group 0. By value they are numbers of texts; by segments 0 .. count-1. */
struct scan_groups {
    const struct scan_split *split;
    struct scan_texts texts;
    const uint64_t *bits[SCAN_SPLITS_MAX];
};
void scan_part_groups(struct scan_part *part, const struct scan_split *split, struct scan_groups *out);
/* The groups of customer i; returns how many. */
static inline size_t scan_groups_of(const struct scan_groups *g, uint32_t i, uint32_t groups[SCAN_SPLITS_MAX]) {
    size_t count = 0;
    groups[0] = 0;
    if (!g->split->given)
        return 1;
    if (g->split->segment_count == 0) {
        groups[0] = scan_text(&g->texts, i);
        return 1;
    }
    for (size_t k = 0; k < g->split->segment_count; k++)
        if (bit_of(g->bits[k], i))
            groups[count++] = (uint32_t)k;
    return count;
}
/* A worker's group as one of all workers, and what it is called. */
uint32_t scan_shared_group(struct scan *scan, const struct scan_worker *worker, const struct scan_split *split,
                           uint32_t group);
struct slice scan_group_name(const struct scan *scan, const struct scan_split *split, uint32_t shared);
/* What most analyses end with. While merging: all of a worker's groups into those of all workers; and the list of these, heaviest first, with
 * their names (groups.h). `by_row`: groups are numbers of texts of rows, whatever the split. */
void scan_merge_groups(struct scan *scan, const struct scan_worker *worker, const struct scan_split *split, bool by_row,
                       const struct groups *from, struct groups *into);
void scan_list_groups(const struct scan *scan, const struct scan_split *split, bool by_row, struct groups *groups,
                      int64_t most, uint64_t (*weight)(const void *data), struct group_list *list);

#endif
