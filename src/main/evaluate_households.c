/* evaluate_households: see the header. Persons and families are numbers by their names' hashes. A person's customers are those his own identifiers
 * lead to; a customer that has identifiers of several persons is theirs of whom it has most. */
#include "main/evaluate_households.h"

#include <stdlib.h>

#include "base/hash.h"

#define COLUMNS_MAX 40

struct word {
    uint64_t a, b; /* what is joined by, what it leads to */
};
struct words {
    struct word *items;
    size_t count, room;
};

static void add_word(struct words *w, uint64_t a, uint64_t b) {
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 1024;
        w->items = memory_resize(w->items, w->room, sizeof *w->items);
    }
    w->items[w->count++] = (struct word){a, b};
}

static int compare_word(const void *a, const void *b) {
    const struct word *x = a, *y = b;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

static void sort_words(struct words *w) {
    if (w->count)
        qsort(w->items, w->count, sizeof *w->items, compare_word);
}

static size_t find_word(const struct words *w, uint64_t a) {
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->items[middle].a < a)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_word(const struct words *w, uint64_t a, uint64_t b) {
    for (size_t i = find_word(w, a); i < w->count && w->items[i].a == a; i++)
        if (w->items[i].b == b)
            return true;
    return false;
}

/* --- files --- */

static size_t split_line(struct slice line, struct slice cells[COLUMNS_MAX]) {
    size_t count = 0, begin = 0;
    for (size_t i = 0; i <= line.size && count < COLUMNS_MAX; i++)
        if (i == line.size || line.data[i] == ',') {
            cells[count++] = slice_trim(slice_of(line.data + begin, i - begin));
            begin = i + 1;
        }
    return count;
}

/* Calls `each` with the named columns of each row. */
static enum status read_columns(struct os *os, const char *path, const char *const *names, size_t name_count,
                                void (*each)(void *context, const struct slice *values), void *context,
                                struct fault *fault) {
    struct buffer text = {0};
    struct slice cells[COLUMNS_MAX], values[8];
    size_t columns[8] = {0}, count = 0;
    enum status status = os_read_file(os, path, &text, fault);
    bool first = true;
    for (size_t at = 0; at < text.size && !status;) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        struct slice line = {text.data + at, end ? (size_t)(end - text.data) - at : text.size - at};
        at += line.size + 1;
        count = split_line(line, cells);
        for (size_t i = 0; i < name_count && first && !status; i++) {
            for (columns[i] = 0; columns[i] < count && !slice_is(cells[columns[i]], names[i]);)
                columns[i]++;
            if (columns[i] == count)
                status = fault_set(fault, STATUS_INVALID, "%s: its first line has no column \"%s\"", path, names[i]);
        }
        for (size_t i = 0; i < name_count; i++)
            values[i] = columns[i] < count ? cells[columns[i]] : SLICE_NONE;
        if (!first)
            each(context, values);
        first = false;
    }
    buffer_release(&text);
    return status;
}

struct truth {
    struct engine *engine;
    struct words claims; /* customer, person: an identifier each */
    struct words shared; /* hash of a shared identifier, person */
    struct words family; /* person, family */
    uint64_t *persons;   /* [customer], 0: not known */
    uint64_t *families;  /* [customer] */
    uint32_t customers;
    struct words members; /* family, customer */
};

static void take_identifier(void *context, const struct slice *v) {
    struct truth *t = context;
    const struct namespace *n = dictionary_namespace_find(t->engine->dictionary, v[0]);
    uint64_t person = hash_bytes(v[2], 1) | 1;
    if (slice_is(v[3], "1")) {
        add_word(&t->shared, hash_bytes(v[1], hash_bytes(v[0], 0)), person);
        return;
    }
    struct identifier_id id = n ? identity_find(t->engine->identity, n->number, v[1]) : (struct identifier_id){0};
    uint32_t customer = id.number ? identity_customer(t->engine->identity, id).number : 0;
    if (customer && customer <= t->customers &&
        !identity_is_shared(t->engine->identity, (struct customer_id){customer}))
        add_word(&t->claims, customer, person);
}

static void take_person(void *context, const struct slice *v) {
    struct truth *t = context;
    if (v[1].size)
        add_word(&t->family, hash_bytes(v[0], 1) | 1, hash_bytes(v[1], 2) | 1);
}

/* Whose each customer is: who has most of its identifiers. */
static void settle_persons(struct truth *t) {
    sort_words(&t->claims);
    sort_words(&t->family);
    t->persons = memory_get((size_t)t->customers + 1, sizeof *t->persons);
    t->families = memory_get((size_t)t->customers + 1, sizeof *t->families);
    size_t best = 0;
    for (size_t i = 0, end; i < t->claims.count; i = end) {
        const struct word *w = &t->claims.items[i];
        for (end = i + 1; end < t->claims.count && compare_word(&t->claims.items[end], w) == 0;)
            end++;
        if (!t->persons[w->a] || end - i > best) {
            t->persons[w->a] = w->b;
            best = end - i;
        }
        if (end < t->claims.count && t->claims.items[end].a != w->a)
            best = 0;
    }
    for (uint32_t c = 1; c <= t->customers; c++) {
        size_t at = t->persons[c] ? find_word(&t->family, t->persons[c]) : t->family.count;
        if (at < t->family.count && t->family.items[at].a == t->persons[c]) {
            t->families[c] = t->family.items[at].b;
            add_word(&t->members, t->families[c], c);
        }
    }
    sort_words(&t->members);
}

/* --- what there is --- */

/* Pairs of persons who used one shared identifier. */
static void find_visible(const struct truth *t, struct words *out) {
    struct words shared = t->shared;
    sort_words(&shared);
    for (size_t i = 0, end; i < shared.count; i = end) {
        for (end = i + 1; end < shared.count && shared.items[end].a == shared.items[i].a;)
            end++;
        for (size_t a = i; a < end && end - i <= 2 * HOUSEHOLD_MAX; a++)
            for (size_t b = i; b < end; b++)
                if (shared.items[a].b != shared.items[b].b)
                    add_word(out, shared.items[a].b, shared.items[b].b);
    }
    sort_words(out);
}

static void count_truth(const struct truth *t, const struct words *visible, struct household_quality *out) {
    for (size_t i = 0, end; i < t->members.count; i = end) {
        uint64_t pairs = out->pairs;
        for (end = i + 1; end < t->members.count && t->members.items[end].a == t->members.items[i].a;)
            end++;
        for (size_t a = i; a < end; a++)
            for (size_t b = a + 1; b < end; b++) {
                uint64_t one = t->persons[t->members.items[a].b], two = t->persons[t->members.items[b].b];
                out->pairs += one != two;
                out->visible += one != two && has_word(visible, one, two);
            }
        out->families += out->pairs > pairs;
    }
    for (uint32_t c = 1; c <= t->customers; c++)
        out->persons += t->persons[c] != 0;
}

static void count_group(const struct truth *t, const struct words *visible, const uint32_t *members, uint32_t count,
                        struct household_quality *out) {
    bool known = true;
    for (uint32_t i = 0; i < count; i++) {
        known = known && t->persons[members[i]];
        for (uint32_t k = i + 1; k < count; k++) {
            uint64_t one = t->persons[members[i]], two = t->persons[members[k]];
            if (!one || !two) {
                out->unknown++;
            } else if (one == two) {
                out->same_person++;
            } else {
                bool right = t->families[members[i]] && t->families[members[i]] == t->families[members[k]];
                out->proposed++;
                out->right += right;
                out->right_visible += right && has_word(visible, one, two);
            }
        }
    }
    out->groups += known;
    uint64_t family = t->families[members[0]];
    size_t first = find_word(&t->members, family), end = first;
    while (family && end < t->members.count && t->members.items[end].a == family)
        end++;
    bool exact = known && end - first == count;
    for (uint32_t i = 0; i < count && exact; i++)
        exact = t->families[members[i]] == family;
    out->exact_groups += exact;
}

enum status evaluate_households(struct engine *engine, const struct households *h, double least,
                                const char *identifiers, const char *people, struct household_quality *out,
                                struct fault *fault) {
    static const char *const identifier_columns[] = {"namespace", "value", "person_id", "shared"},
                             *const people_columns[] = {"person_id", "family_id"};
    struct identity_counters counters;
    struct words visible = {0};
    identity_counters_read(engine->identity, &counters);
    struct truth t = {.engine = engine, .customers = (uint32_t)counters.created};
    *out = (struct household_quality){0};
    enum status status = read_columns(engine->os, identifiers, identifier_columns, 4, take_identifier, &t, fault);
    if (!status)
        status = read_columns(engine->os, people, people_columns, 2, take_person, &t, fault);
    if (!status) {
        settle_persons(&t);
        find_visible(&t, &visible);
        count_truth(&t, &visible, out);
        for (size_t i = 0; i < h->group_count; i++)
            if (!h->groups[i].decided && (double)h->groups[i].probability >= least)
                count_group(&t, &visible, h->members + h->groups[i].first, h->groups[i].count, out);
        out->precision = out->proposed ? (double)out->right / (double)out->proposed : 1;
        out->recall = out->pairs ? (double)out->right / (double)out->pairs : 1;
        out->visible_recall = out->visible ? (double)out->right_visible / (double)out->visible : 1;
    }
    struct words *const all[] = {&t.claims, &t.shared, &t.family, &t.members, &visible};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]->items);
    free(t.persons);
    free(t.families);
    return status;
}
