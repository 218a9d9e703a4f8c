/* definition: reading an analysis's definition: JSON members by name, each mistake said with its place and what would be right:
 *     at steps[1].event: at 15: there is no "prize" in Product Viewed; did you mean "price"?
 *     at windw: an unknown member; did you mean "window"?
 *
 * Types of members, as insight.def names them:
 *     text        "..."                        integer, number   3, 0.5, also as text ("3": from a command line)
 *     flag        true                         choice            one of a few words
 *     condition   about a customer: "city = \"上海\" and in segment \"x\""
 *     value       of a customer: "city", "first(page_viewed).channel"
 *     rows        a set of rows (language/rows.h): "order where total > 100", or {"event": that, "name": "Big order"}
 *     rows[]      several: a list of them, or one text with " -> " between
 *     length      "7 days", "1 month", or a number of seconds
 *     moment      "2026-01-31" (in the workspace's zone), "2026-01-31T08:00", or the language's: "30 days ago"
 *     texts       a list of texts, or one text
 *
 * An analysis reads its members through struct definition_part: an object and its path. Everything read lies in the run's arena. */
#ifndef ONEFOLD_INSIGHT_DEFINITION_H
#define ONEFOLD_INSIGHT_DEFINITION_H

#include "base/json_read.h"
#include "base/memory.h"
#include "language/tree.h"

struct insight;
struct definition_part {
    const struct insight *insight;
    const struct json_parser *parser;
    const struct json *object; /* NULL: nothing is given */
    struct arena *arena;
    char path[96]; /* "" at the top, "steps[1]" inside */
    struct slice
        group; /* of a run for one group (apart.h): what its customers fulfil beside the population; "split" is then not seen */
};

/* The member, or NULL; null counts as not there. */
const struct json *definition_get(const struct definition_part *d, const char *key);
/* INVALID: "at path.key: <sentence>"; key NULL: about the whole part. */
enum status definition_fail(const struct definition_part *d, const char *key, struct fault *fault, const char *format,
                            ...) PRINTF_LIKE(4, 5);
/* The same around a fault that says only what is wrong. Returns its status. */
enum status definition_fail_at(const struct definition_part *d, const char *key, enum status status,
                               struct fault *fault);
/* Refuses members other than these (ended by NULL), naming the nearest. */
enum status definition_only(const struct definition_part *d, const char *const *names, struct fault *fault) WARN_UNUSED;
/* The part that stands under `key`, or one of a list's elements; must be an object. */
enum status definition_enter(const struct definition_part *d, const char *key, const struct json *json, size_t index,
                             struct definition_part *into,
                             struct fault *fault) WARN_UNUSED; /* index SIZE_MAX: no list */

/* Where nothing is given, `*value` is left as it is, so it holds the fallback before. A number or a flag is a text too, as it is written. */
enum status definition_text(const struct definition_part *d, const char *key, struct slice *value,
                            struct fault *fault) WARN_UNUSED;
enum status definition_integer(const struct definition_part *d, const char *key, int64_t low, int64_t high,
                               int64_t *value, struct fault *fault) WARN_UNUSED;
enum status definition_real(const struct definition_part *d, const char *key, double low, double high, double *value,
                            struct fault *fault) WARN_UNUSED;
enum status definition_flag(const struct definition_part *d, const char *key, bool *value,
                            struct fault *fault) WARN_UNUSED;
/* `choices`: "ordered|any|strict"; gives which, from 0. */
enum status definition_choice(const struct definition_part *d, const char *key, const char *choices, unsigned *value,
                              struct fault *fault) WARN_UNUSED;
enum status definition_moment(const struct definition_part *d, const char *key, int64_t *value_ms,
                              struct fault *fault) WARN_UNUSED;
/* A list of texts (one text is a list of one); *count is left 0 where nothing is given. */
enum status definition_texts(const struct definition_part *d, const char *key, size_t most, struct slice **texts,
                             size_t *count, struct fault *fault) WARN_UNUSED;
/* A list of numbers, ascending where `ascending`. */
enum status definition_reals(const struct definition_part *d, const char *key, size_t most, bool ascending,
                             double **values, size_t *count, struct fault *fault) WARN_UNUSED;

struct length { /* 7 days; amount 0: none given */
    int64_t amount;
    enum unit unit;
};
enum status definition_length(const struct definition_part *d, const char *key, struct length *value,
                              struct fault *fault) WARN_UNUSED;
/* In ms; months, quarters and years as 30, 91 and 365 days where no calendar counts. */
int64_t length_ms(struct length length);
void length_print(struct length length, struct buffer *out); /* "7 days" */
/* Reads "7 days"; false where it is none. */
bool length_parse(struct slice text, struct length *out);

/* One set of rows as it is written, with the name it is shown by. */
struct definition_rows {
    struct slice text, name;
    char path[96];           /* for faults: "steps[1].event" */
    const struct json *json; /* the object it came from, NULL where a text */
};
/* Of key: `least` to `most` of them. Objects may have other members, which are the analysis's to read (definition_enter) and to refuse. */
enum status definition_rows(const struct definition_part *d, const char *key, size_t least, size_t most,
                            struct definition_rows **rows, size_t *count, struct fault *fault) WARN_UNUSED;

/* The window of time that rows are taken from: members from, to, last of the common ones. [from_ms, to_ms); INT64_MIN, INT64_MAX
 * where open. `last` of "30 days": [now - 30 days, now]. */
struct period {
    int64_t from_ms, to_ms;
};
enum status definition_period(const struct definition_part *d, struct period *period, struct fault *fault) WARN_UNUSED;

#endif
