/* check_model: a workspace for the checker's tests: the commerce preset, a type with a property of every type, a relation, some
 * stores, and a few definitions. Its zone is eight hours ahead of UTC. */
#ifndef ONEFOLD_LANGUAGE_CHECK_MODEL_H
#define ONEFOLD_LANGUAGE_CHECK_MODEL_H

#include "language/check.h"

#define CHECK_BED_DEFINITIONS 80

struct check_bed_definition {
    enum definition_kind kind;
    const char *name;
    struct definition definition;
};
struct check_bed {
    struct dictionary *dictionary;
    struct master *master;
    struct zone *zone;
    struct arena arena; /* of everything checked so far */
    struct vocabulary vocabulary;
    struct check_bed_definition definitions[CHECK_BED_DEFINITIONS];
    size_t definition_count;
};

void check_bed_open(struct check_bed *bed);
void check_bed_close(struct check_bed *bed);
/* A declaration, as dictionary_define takes it. */
void check_bed_define(struct check_bed *bed, const char *json);
void check_bed_store(struct check_bed *bed, const char *id, const char *name, bool closed);
/* A definition by its expression. */
void check_bed_add(struct check_bed *bed, enum definition_kind kind, const char *name, const char *expression);
/* The checked tree of an expression that is right; else the process ends with its message. */
struct node *check_bed_good(struct check_bed *bed, const char *text);
enum status check_bed_try(struct check_bed *bed, const struct vocabulary *vocabulary, const char *text,
                          struct fault *fault);

#endif
