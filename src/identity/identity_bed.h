/* identity_bed: what the tests of identity stand on: a dictionary, an identity, and records written as text. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_BED_H
#define ONEFOLD_IDENTITY_IDENTITY_BED_H

#include "identity/identity.h"

struct bed {
    struct dictionary *dictionary;
    struct identity *identity;
    struct record_head head;
    uint64_t position;
    struct resolution last;
};

struct entries {
    struct journal_entry entry[64];
    size_t count;
};

void bed_open(struct bed *bed);
void bed_close(struct bed *bed);
uint16_t ns(const struct bed *bed, const char *name);
/* "user_id=u1 anonymous_id=a order_id=o": claims and documents' keys; blanks part them. */
void record_of(struct bed *bed, const char *text, struct governed *out);
/* Resolves one record of one row; returns its customer's number, 0 for NOT_FOUND. */
uint32_t see(struct bed *bed, const char *text);
uint32_t number_of(struct bed *bed, const char *name, const char *value);
uint32_t owner_of(struct bed *bed, const char *name, const char *value);
struct identity_counters counters(const struct bed *bed);
struct entries journal_of(struct bed *bed, uint32_t customer);
/* The customer's identifiers as "1,2,5,". */
void assert_identifiers(struct bed *bed, uint32_t customer, const char *expected);

#endif
