/* identity_rules: see the header for the rules. Values are counted by namespace in one scratch table, of which only the
 * touched places are looked at and cleared. */
#include "identity/identity_rules.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

struct tally {
    struct tally_count {
        uint32_t total, sides, last; /* last: the side that was counted last, from 1 */
    } of[65536];                     /* by namespace */
    uint16_t touched[65536];
    size_t touched_count;
    uint32_t side, total, persons, person_sides, last_person;
};

struct tally *tally_create(void) {
    return memory_get(1, sizeof(struct tally));
}
void tally_free(struct tally *tally) { free(tally); }

/* Says who somebody is: what joins only anonymous customers does not. */
static bool is_person(const struct namespace *ns) {
    return (ns->kind == NAMESPACE_PERSON || ns->kind == NAMESPACE_ANY) && !ns->anonymous_only;
}

static void tally_add(struct identity *identity, uint16_t namespace_number) {
    struct tally *t = identity->tally;
    struct tally_count *count = &t->of[namespace_number];
    if (!count->total)
        t->touched[t->touched_count++] = namespace_number;
    count->total++;
    count->sides += count->last != t->side;
    count->last = t->side;
    t->total++;
    if (is_person(dictionary_namespace_at(identity->dictionary, namespace_number))) {
        t->persons++;
        t->person_sides += t->last_person != t->side;
        t->last_person = t->side;
    }
}

static void tally_customer(struct identity *identity, uint32_t customer) {
    uint32_t at = atomic_load_explicit(&customer_at(identity, customer)->first, memory_order_relaxed);
    identity->tally->side++;
    for (; at; at = atomic_load_explicit(&identifier_at(identity, at)->next, memory_order_relaxed))
        tally_add(identity, identifier_at(identity, at)->namespace_number);
}

static uint8_t verdict(const struct namespace *ns, const struct tally_count *count) {
    if (count->sides < 2)
        return 0;
    if (ns->unique)
        return JOURNAL_CONFLICT;
    return ns->limit && count->total > ns->limit ? JOURNAL_LIMIT : 0;
}

/* The stronger reason of two. */
static struct refusal worse(struct refusal a, struct refusal b) {
    if (!a.kind || !b.kind)
        return a.kind ? a : b;
    if (a.kind != b.kind)
        return a.kind == JOURNAL_CONFLICT ? a : b;
    return a.namespace_number <= b.namespace_number ? a : b;
}

/* What the tally comes to; it is empty afterwards. */
static struct refusal tally_judge(struct identity *identity, bool anonymous_only) {
    struct tally *t = identity->tally;
    struct refusal refusal = {0};
    for (size_t i = 0; i < t->touched_count; i++) {
        uint16_t number = t->touched[i];
        uint8_t kind = verdict(dictionary_namespace_at(identity->dictionary, number), &t->of[number]);
        refusal = worse(refusal, (struct refusal){kind, number});
        t->of[number] = (struct tally_count){0};
    }
    if (!refusal.kind && anonymous_only && t->person_sides > 1)
        refusal = (struct refusal){JOURNAL_CONFLICT, 0};
    if (!refusal.kind && t->total > IDENTIFIERS_MAX)
        refusal = (struct refusal){JOURNAL_LIMIT, 0};
    if (!refusal.kind && t->person_sides > 1 && t->persons > IDENTIFIERS_HELD)
        refusal = (struct refusal){JOURNAL_HELD, 0};
    t->touched_count = 0;
    t->side = t->total = t->persons = t->person_sides = t->last_person = 0;
    return refusal;
}

/* New values without rules for one customer, or none of a namespace twice for nobody yet: the usual. */
static bool nothing_to_judge(const struct identity *identity, const uint32_t *customers, size_t customer_count,
                             const uint16_t *namespaces, size_t namespace_count) {
    if (customer_count > 1)
        return false;
    uint32_t have = customer_count ? customer_at(identity, customers[0])->identifier_count : 0;
    for (size_t i = 0; i < namespace_count; i++) {
        const struct namespace *ns = dictionary_namespace_at(identity->dictionary, namespaces[i]);
        bool again = have != 0;
        for (size_t j = 0; j < i; j++)
            again |= namespaces[j] == namespaces[i];
        if (again && (ns->unique || ns->limit))
            return false;
    }
    return have + namespace_count <= IDENTIFIERS_HELD;
}

struct refusal identity_may_join(struct identity *identity, const uint32_t *customers, size_t customer_count,
                                 const uint16_t *namespaces, size_t namespace_count, bool anonymous_only) {
    if (customer_count + namespace_count < 2 ||
        (!anonymous_only && nothing_to_judge(identity, customers, customer_count, namespaces, namespace_count)))
        return (struct refusal){0};
    assert(identity->tally->touched_count == 0 && !identity->tally->total);
    for (size_t i = 0; i < customer_count; i++)
        tally_customer(identity, customers[i]);
    for (size_t i = 0; i < namespace_count; i++) {
        identity->tally->side++;
        tally_add(identity, namespaces[i]);
    }
    return tally_judge(identity, anonymous_only);
}

static uint8_t shared_of(const struct identity *identity, const struct namespace *ns) {
    if (ns->shared != SHARED_DEFAULT)
        return ns->shared;
    return atomic_load_explicit(&identity->shared_devices, memory_order_relaxed) == SHARED_DEVICE_LAST ? SHARED_LAST
                                                                                                       : SHARED_NONE;
}

void rules_read(const struct identity *identity, struct rules *rules) {
    rules->count = dictionary_namespace_count(identity->dictionary);
    for (size_t i = 1; i <= rules->count; i++) {
        const struct namespace *ns = dictionary_namespace_at(identity->dictionary, (uint16_t)i);
        rules->of[i] = (struct rule){.name_hash = hash_bytes(ns->name, 0),
                                     .window_ms = ns->window_ms,
                                     .blocked = ns->blocked,
                                     .limit = ns->limit,
                                     .kind = ns->kind,
                                     .priority = ns->priority,
                                     .shared = shared_of(identity, ns),
                                     .unique = ns->unique,
                                     .anonymous_only = ns->anonymous_only};
    }
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
