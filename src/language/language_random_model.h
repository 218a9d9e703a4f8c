/* language_random_model: random workspaces for the tests of the language: a dictionary with every type of property, customers that merge,
 * histories with equal times, late, future and replaced rows, documents whose items grow, relations, master data; and random well-typed
 * expressions over them. All of one seed. */
#ifndef ONEFOLD_LANGUAGE_LANGUAGE_RANDOM_MODEL_H
#define ONEFOLD_LANGUAGE_LANGUAGE_RANDOM_MODEL_H

#include "base/random.h"
#include "language/plan.h"

#define RANDOM_TYPES_MAX 8
#define RANDOM_INSTANTS 48
#define RANDOM_DEFINITIONS_MAX 9

/* What happens to the history, in order. */
struct random_step {
    struct customer_id customer,
        loser; /* loser 0: `record` is added to the customer; else the loser is merged into it */
    struct record_head *record;
};

struct random_definition {
    char name[16];
    enum definition_kind kind;
    struct definition definition;
    bool usable; /* by expressions made from now on */
};

struct random_world {
    struct random random;
    uint64_t seed;
    struct dictionary *dictionary;
    struct identity *identity;
    struct master *master;
    struct zone *zone; /* NULL: UTC */
    struct vocabulary vocabulary;
    const struct type *types[RANDOM_TYPES_MAX]; /* events, documents and relations */
    size_t type_count;
    const struct type *master_type;
    uint32_t first, customers; /* numbers first .. first + customers - 1 have rows */
    int64_t now_ms;
    int64_t instants[RANDOM_INSTANTS]; /* of rows and of literals */
    struct random_step *steps;
    size_t step_count;
    uint64_t position;
    struct record_builder builder;
    struct arena arena; /* of definitions */
    struct random_definition definitions[RANDOM_DEFINITIONS_MAX];
    size_t definition_count;
    bool plain; /* expressions that a data base answers in the same way (clickhouse) */
};

/* A workspace with its steps. `far`: its customers stand at the seam of two spans. `plain`: see struct random_world; numbers are decimals then. */
void random_world_create(struct random_world *w, uint64_t seed, bool far, bool plain);
void random_world_release(struct random_world *w);

/* The steps in another order that gives the same history: rows of equal time keep theirs. */
void random_world_shuffle(struct random_world *w);
/* Does steps [from, to). */
void random_world_do(const struct random_world *w, struct history *history, size_t from, size_t to);

/* Makes definitions (segments, tags, metrics; some stored) for expressions to name. */
void random_world_define(struct random_world *w);
/* outside->set_bits of stored segments: pseudo-random members. */
void random_set_bits(void *context, uint32_t set, uint32_t span, uint64_t bits[SPAN_CUSTOMERS / 64]);

/* Text of an expression; of any type, or a condition. Nearly always well typed. */
void random_expression(struct random_world *w, bool condition, struct buffer *text);

/* Prints the customer's steps, for failures. */
void random_world_print(const struct random_world *w, struct customer_id customer, struct buffer *text);

#endif
