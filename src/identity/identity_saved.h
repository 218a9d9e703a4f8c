/* identity_saved: an identity image as it lies on disk (docs/formats/identity.md), for those who write and read it. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_SAVED_H
#define ONEFOLD_IDENTITY_IDENTITY_SAVED_H

#include <assert.h>
#include <stdint.h>

#define FORMAT_VERSION 3
#define SECTION_HEAD "identity.head"
#define SECTION_IDENTIFIERS "identity.identifiers"
#define SECTION_VALUES "identity.values"
#define SECTION_OWNERS "identity.owners"
#define SECTION_CUSTOMERS "identity.customers"
#define SECTION_EDGES "identity.edges"
#define SECTION_JOURNAL "identity.journal"
#define SECTION_DECISIONS "identity.decisions"
#define SECTION_MEMBERS "identity.members"

struct saved_head {
    uint32_t version;
    uint32_t identifier_count, customer_count, edge_count, journal_count;
    uint32_t decision_count, member_count;
    uint32_t sweep; /* where solving anew after a change of rules stands, 0 = nowhere */
    uint64_t value_bytes, blocked_count, solved_count, split_count;
};
_Static_assert(sizeof(struct saved_head) == 64, "on disk");

struct saved_identifier {
    uint64_t first_position;
    uint16_t namespace_number;
    uint16_t value_bytes;
    uint32_t document; /* 1 for a document's key */
};
_Static_assert(sizeof(struct saved_identifier) == 16, "on disk");

struct saved_customer {
    uint32_t redirect, row_count;
    uint8_t shared, state, reserved[2];
};
_Static_assert(sizeof(struct saved_customer) == 12, "on disk");

struct saved_edge {
    uint32_t a, b;
    uint64_t position;
    int64_t first_ms;
    uint16_t source, reserved[3];
};
_Static_assert(sizeof(struct saved_edge) == 32, "on disk");

struct saved_entry {
    uint64_t position;
    int64_t received_ms;
    uint32_t winner, loser, strong, weak;
    uint16_t source, namespace_number;
    uint32_t kind;
    uint32_t decision, reserved;
};
_Static_assert(sizeof(struct saved_entry) == 48, "on disk");

struct saved_decision {
    uint64_t position, entry;
    int64_t received_ms, time_ms;
    uint32_t customer, other, member_count;
    uint16_t source;
    uint8_t kind, undone;
};
_Static_assert(sizeof(struct saved_decision) == 48, "on disk");

struct saved_member {
    uint32_t identifier, part;
};
_Static_assert(sizeof(struct saved_member) == 8, "on disk");

#endif
