/* identity_bed: see the header. */
#include "identity/identity_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void bed_open(struct bed *bed) {
    *bed = (struct bed){.dictionary = dictionary_create()};
    bed->identity = identity_create(os_real(), bed->dictionary);
}

void bed_close(struct bed *bed) {
    identity_free(bed->identity);
    dictionary_free(bed->dictionary);
}

uint16_t ns(const struct bed *bed, const char *name) {
    const struct namespace *found = dictionary_namespace_find(bed->dictionary, slice_text(name));
    assert_non_null(found);
    return found->number;
}

/* "user_id=u1 anonymous_id=a order_id=o": claims and documents' keys; blanks part them. */
void record_of(struct bed *bed, const char *text, struct governed *out) {
    *out = (struct governed){.source = 3};
    while (*text) {
        size_t name = strcspn(text, "="), value = strcspn(text + name + 1, " ");
        const struct namespace *found = dictionary_namespace_find(bed->dictionary, slice_of(text, name));
        assert_non_null(found);
        struct claim claim = {found->number, slice_of(text + name + 1, value)};
        if (found->kind == NAMESPACE_DOCUMENT) {
            out->records[out->record_count] = &bed->head;
            out->document_keys[out->record_count++] = claim;
        } else {
            out->claims[out->claim_count++] = claim;
        }
        text += name + 1 + value;
        text += strspn(text, " ");
    }
}

/* Resolves one record of one row; returns its customer's number, 0 for NOT_FOUND. */
uint32_t see(struct bed *bed, const char *text) {
    struct governed record;
    record_of(bed, text, &record);
    record.time_ms = (int64_t)++bed->position * 1000;
    enum status status = identity_resolve(bed->identity, &record, bed->position, 1, &bed->last);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    assert_true((bed->last.customer.number != 0) == (status == STATUS_OK));
    return bed->last.customer.number;
}

uint32_t number_of(struct bed *bed, const char *name, const char *value) {
    return identity_find(bed->identity, ns(bed, name), slice_text(value)).number;
}
uint32_t owner_of(struct bed *bed, const char *name, const char *value) {
    return identity_customer(bed->identity, (struct identifier_id){number_of(bed, name, value)}).number;
}

struct identity_counters counters(const struct bed *bed) {
    struct identity_counters out;
    identity_counters_read(bed->identity, &out);
    return out;
}

static void collect_entry(void *context, const struct journal_entry *entry) {
    struct entries *entries = context;
    assert_true(entries->count < 64);
    entries->entry[entries->count++] = *entry;
}
struct entries journal_of(struct bed *bed, uint32_t customer) {
    struct entries entries = {0};
    identity_journal(bed->identity, (struct customer_id){customer}, 64, collect_entry, &entries);
    return entries;
}

static void collect_identifier(void *context, struct identifier_id identifier) {
    buffer_add(context, &identifier.number, sizeof identifier.number);
}
/* The customer's identifiers as "1,2,5,". */
void assert_identifiers(struct bed *bed, uint32_t customer, const char *expected) {
    struct buffer numbers = {0}, text = {0};
    identity_identifiers(bed->identity, (struct customer_id){customer}, 1000, collect_identifier, &numbers);
    for (size_t i = 0; i < numbers.size / 4; i++)
        buffer_print(&text, "%u,", ((uint32_t *)(void *)numbers.data)[i]);
    buffer_add_char(&text, 0);
    assert_string_equal(text.data, expected);
    buffer_release(&numbers);
    buffer_release(&text);
}
