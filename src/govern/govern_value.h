/* govern_value: single values into typed records: finds or discovers the property, reads the value as the property's
 * type, normalises, counts, and refuses what cannot be read (the property is left out, the value waits in quarantine).
 *
 * What a value becomes, by the property's type:
 *   text         text as it is (or normalised); numbers and bools as they are written; lists as JSON text
 *   number       JSON numbers exactly where six decimals suffice; text that is one; bools as 1 and 0
 *   money        the same in major units; text with currency, grouping, units
 *   bool         bools; 0 and 1; the words of normalise_bool
 *   time, date   text and counts as normalise_time reads them; without a zone, in the source's
 *   lists        lists of scalars, each read as text or number; a single scalar is a list of one
 *   items        lists of objects, or one object: its members are read as the item type's properties, nested objects
 *                flattened with dots, lists as JSON text
 * Nothing (empty or blank text) is no value: the property is left out. An explicit null unsets in attributes and
 * documents, and is nothing elsewhere. */
#ifndef ONEFOLD_GOVERN_GOVERN_VALUE_H
#define ONEFOLD_GOVERN_GOVERN_VALUE_H

#include "govern/govern_inside.h"

/* Another name for a top-level member; `to` NULL leaves it out. */
struct renaming {
    struct slice from;
    const char *to;
};

/* Where values go, and the dotted name that is being built. */
struct place {
    struct govern *g;
    const struct json_parser *p;
    struct record_builder *builder;
    struct type *type;
    const char *where;                /* before the name in a refusal's field: "properties." */
    const struct place *outer;        /* of an item: the place whose name stands before; NULL elsewhere */
    struct slice field;               /* a refusal's whole field instead, where not empty: a row's column */
    const struct renaming *renamings; /* of top-level members, ended by an empty `from`; or NULL */
    const struct reading *reading;    /* or NULL */
    bool nulls_unset;                 /* an explicit null is kept as VALUE_MISSING */
    bool quiet;                       /* the same values were refused before: do not note them again */
    bool claims;                      /* top-level members of CLAIM_TRAIT are identifiers too */
    bool in_item;
    size_t name_size;
    char name[DICTIONARY_NAME_BYTES_MAX + 1]; /* past the maximum it is cut, and refused */
};

/* Every member of `object` (others are left alone), flattened, under the name so far. */
void value_put_members(struct place *place, const struct json *object);
/* One value under `name` after the name so far. */
void value_put(struct place *place, struct slice name, const struct json *value);
/* A scalar as text: text itself, numbers and bools as written (in g->scratch); empty for null and containers. */
struct slice value_as_text(struct govern *g, const struct json *value);

#endif
