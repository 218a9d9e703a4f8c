/* dictionary_inside: what dictionary.c (storage, look-up, discovery, preset) and dictionary_json.c (definitions,
 * saving) share.
 *
 * All memory is the arena's and stays until the end, so that readers on other threads never meet freed memory: types,
 * properties, namespaces, names and outgrown index tables. One open-addressing index finds everything by (space, name):
 * a space is the types of one kind, the namespaces, or the properties of one type. The fold thread writes a slot's hash
 * last, with release; a reader that sees it sees all that it leads to. */
#ifndef ONEFOLD_GOVERN_DICTIONARY_INSIDE_H
#define ONEFOLD_GOVERN_DICTIONARY_INSIDE_H

#include "govern/dictionary.h"

struct dictionary_slot {
    _Atomic uint64_t hash; /* of the name, seeded by the space; 0: empty */
    uint64_t space;
    const struct slice *name; /* the first member of what is found */
};
struct dictionary_slots {
    uint64_t mask;
    struct dictionary_slot slot[];
};

struct dictionary {
    struct arena arena;
    _Atomic(struct dictionary_slots *) index;
    uint64_t index_count;
    uint64_t generation; /* changes when it is emptied: pointers into it are stale then */
    _Atomic(struct type *) types[DICTIONARY_TYPES_MAX];
    _Atomic(struct namespace *) namespaces[DICTIONARY_NAMESPACES_MAX + 1];
    _Atomic uint32_t type_count, namespace_count;
};

/* Empties it, without the preset; what readers hold stays readable. */
void dictionary_empty(struct dictionary *d);
/* Adds what is missing of dictionary_preset.def. */
void dictionary_add_preset(struct dictionary *d);
bool dictionary_name_valid(struct slice name);
/* As the public ones; for the caller's own changing. */
struct type *dictionary_type_mutable(const struct dictionary *d, uint16_t number);
struct property *dictionary_property_lookup(const struct dictionary *d, const struct type *type, struct slice name);
enum status dictionary_namespace_mutable(struct dictionary *d, struct slice name, struct namespace **ns,
                                         struct fault *fault) WARN_UNUSED;
/* Adds a type that is not there, alone: without a relation's properties. `inverse`: number of a relation's, or 0 while it is not known. */
enum status dictionary_type_add(struct dictionary *d, enum type_kind kind, struct slice name, uint16_t inverse,
                                struct type **type, struct fault *fault) WARN_UNUSED;
/* Whether a relation `name` could have `inverse` (empty: its own); nothing is changed. */
enum status dictionary_relation_check(const struct dictionary *d, struct slice name, struct slice inverse,
                                      struct fault *fault) WARN_UNUSED;
/* The relation to another customer whom a record names, where nothing says which. */
static inline struct slice dictionary_relation_default(bool subject) {
    return subject ? SLICE("contact_of") : SLICE("has_contact");
}
/* Gives a property the type `type`; for ITEMS finds or makes the item type. */
enum status dictionary_set_type(struct dictionary *d, const struct type *owner, struct property *property,
                                enum property_type type, struct fault *fault) WARN_UNUSED;

#endif
