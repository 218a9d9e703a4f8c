/* identity_rules: see the header for the rules. Values are counted by namespace for both sides in one scratch table, of
 * which only the touched places are looked at and cleared. */
#include "identity/identity_rules.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct tally {
    uint32_t count[65536][2]; /* by namespace and side */
    uint16_t touched[65536];
    size_t touched_count;
    uint32_t total[2];
};

struct tally *tally_create(void) {
    return memory_get(1, sizeof(struct tally));
}
void tally_free(struct tally *tally) { free(tally); }

static void tally_add(struct tally *tally, uint16_t namespace_number, int side) {
    uint32_t *count = tally->count[namespace_number];
    if (!count[0] && !count[1])
        tally->touched[tally->touched_count++] = namespace_number;
    count[side]++;
    tally->total[side]++;
}

static void tally_side(const struct identity *identity, struct side side, int which) {
    uint32_t at =
        side.customer ? atomic_load_explicit(&customer_at(identity, side.customer)->first, memory_order_relaxed) : 0;
    for (; at; at = atomic_load_explicit(&identifier_at(identity, at)->next, memory_order_relaxed))
        tally_add(identity->tally, identifier_at(identity, at)->namespace_number, which);
    for (size_t i = 0; i < side.count; i++)
        tally_add(identity->tally, side.namespaces[i], which);
}

/* Where both sides have values of a namespace: may they be together? */
static uint8_t verdict(const struct namespace *ns, const uint32_t count[2]) {
    if (!count[0] || !count[1])
        return 0;
    if (ns->unique)
        return JOURNAL_CONFLICT;
    return ns->limit && count[0] + count[1] > ns->limit ? JOURNAL_LIMIT : 0;
}

/* The stronger reason of two. */
static struct refusal worse(struct refusal a, struct refusal b) {
    if (!a.kind || !b.kind)
        return a.kind ? a : b;
    if (a.kind != b.kind)
        return a.kind == JOURNAL_CONFLICT ? a : b;
    return a.namespace_number <= b.namespace_number ? a : b;
}

static uint32_t side_total(const struct identity *identity, struct side side) {
    return (side.customer ? customer_at(identity, side.customer)->identifier_count : 0) + (uint32_t)side.count;
}

/* One new value of a namespace without rules. */
static bool free_value(const struct identity *identity, struct side side) {
    if (side.customer || side.count != 1)
        return false;
    const struct namespace *ns = dictionary_namespace_at(identity->dictionary, side.namespaces[0]);
    return !ns->unique && !ns->limit;
}

struct refusal identity_may_join(const struct identity *identity, struct side a, struct side b) {
    struct tally *tally = identity->tally;
    struct refusal refusal = {0};
    uint32_t total_a = side_total(identity, a), total_b = side_total(identity, b);
    if (!total_a || !total_b)
        return refusal;
    if (free_value(identity, b))
        return total_a + total_b > IDENTIFIERS_MAX ? (struct refusal){JOURNAL_LIMIT, 0} : refusal;
    assert(tally->touched_count == 0 && !tally->total[0] && !tally->total[1]);
    tally_side(identity, a, 0);
    tally_side(identity, b, 1);
    for (size_t i = 0; i < tally->touched_count; i++) {
        uint16_t number = tally->touched[i];
        uint8_t kind = verdict(dictionary_namespace_at(identity->dictionary, number), tally->count[number]);
        refusal = worse(refusal, (struct refusal){kind, number});
        memset(tally->count[number], 0, sizeof tally->count[number]);
    }
    assert(tally->total[0] == total_a && tally->total[1] == total_b);
    if (!refusal.kind && total_a + total_b > IDENTIFIERS_MAX)
        refusal = (struct refusal){JOURNAL_LIMIT, 0};
    tally->touched_count = 0;
    tally->total[0] = tally->total[1] = 0;
    return refusal;
}

static bool only_zeros(struct slice value) {
    for (size_t i = 0; i < value.size; i++)
        if (!strchr("0-:.", value.data[i]) || !value.data[i])
            return false;
    return true;
}

static bool equal_without_case(struct slice value, const char *lower) {
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c) != lower[i])
            return false; /* also where `lower` ends early */
    }
    return !lower[value.size];
}

#define BLOCKED_BYTES_MAX 20 /* the longest of the list; most ids are longer */
#define BLOCKED(text) _Static_assert(sizeof(text) - 1 <= BLOCKED_BYTES_MAX, "raise BLOCKED_BYTES_MAX");
#include "identity/identity_blocked.def"
#undef BLOCKED

bool identity_blocked(struct slice value) {
    static const struct {
        size_t size;
        const char *text;
    } blocked[] = {
#define BLOCKED(text) {sizeof(text) - 1, text},
#include "identity/identity_blocked.def"
#undef BLOCKED
    };
    if (value.size > IDENTIFIER_BYTES_MAX || only_zeros(value))
        return true;
    if (value.size > BLOCKED_BYTES_MAX)
        return false;
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
        if (blocked[i].size == value.size && equal_without_case(value, blocked[i].text))
            return true;
    return false;
}
