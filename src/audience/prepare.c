/* prepare: definitions whose segments are evaluated for everybody before they are logged, beside the fold (backfill.h).
 *
 * What is touched meanwhile is noted from the moment a preparation stands in the list. The fold changes a customer's rows first and asks
 * whether there is anything in the list afterwards, whoever prepares enters it before he reads any row; both by a read-modify-write
 * of one counter, so that either the fold sees him, or he sees the rows. It costs the fold some ns a record.
 *
 * Whom the fold touches while everybody is evaluated is evaluated again beside it, then who was touched during that, until they are few: the
 * rest is the fold's. Where an expression looks at others over a relation, who has the touched one at the other end is touched too. Not prepared is
 * what reads stored sets.
 *
 * Several definitions are prepared in one pass, each as if it came alone: what one of them says of another is not known yet, and where that changes
 * what it asks, the fold finds that it does not fit. */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "audience/audience_inside.h"
#include "audience/backfill.h"
#include "language/workers.h"

#define PREPARE_NICE 10
#define ROOTS_MAX 16   /* of definitions together: more are evaluated while the fold waits, some spans at a time */
#define PREPARED_MAX 8 /* at a time */
#define OVERS_MAX 4    /* relation types that definitions look over */
#define BYTES_MAX (UINT64_C(512) << 20)
#define ROOT_BYTES 18    /* a customer; 32 more where distinct values are counted, of which there are seldom many */
#define TOUCHED_ROUNDS 6 /* at the most */

/* So many, and an eighth of all, that the fold has yet to evaluate again: it is so far behind that all workers had better evaluate everybody. */
#define TOUCHED_MANY 4096

size_t prepare_touched_few = 256;

struct audience_prepared {
    struct audience_prepared *next;
    struct backfill *backfills[ROOTS_MAX]; /* those that the fold has not taken */
    uint32_t backfill_count, root_count;
    struct backfills *together; /* while they are worked out */
    bool ready, dead;           /* dead: the dictionary changed, or somebody touched stands at too many ends */
    uint16_t overs[OVERS_MAX];  /* relation types it looks over */
    unsigned over_count;
};

/* --- whether it can be --- */

struct seeing {
    struct audience_prepared *prepared;
    bool fits;
};

static void see_dependency(void *context, const struct dependency *d) {
    struct seeing *seeing = context;
    struct audience_prepared *p = seeing->prepared;
    uint16_t over = d->kind == DEPENDS_RELATED ? (uint16_t)d->number : d->over;
    seeing->fits &= d->kind != DEPENDS_SET && !(d->kind == DEPENDS_RELATED && d->over);
    for (unsigned i = 0; i < p->over_count && over; i++)
        over = p->overs[i] == over ? 0 : over;
    if (!over)
        return;
    if (p->over_count < OVERS_MAX)
        p->overs[p->over_count++] = over;
    else
        seeing->fits = false;
}

/* What the trees depend on can be followed; the relations are noted. */
static bool can_follow(struct audience_prepared *prepared, const struct audience_snapshot *s, const uint32_t *numbers,
                       uint32_t count) {
    struct seeing seeing = {prepared, true};
    for (uint32_t i = 0; i < count; i++)
        check_dependencies(definition_numbered(s, numbers[i])->tree, see_dependency, &seeing);
    return seeing.fits;
}

/* How many segments together. */
static uint32_t roots_most(const struct audience *a) {
    uint64_t customers = members_count(a->live.members, MEMBERS_POPULATION) + SPAN_CUSTOMERS;
    uint64_t most = BYTES_MAX / (ROOT_BYTES * customers);
    return most < 1 ? 1 : most > ROOTS_MAX ? ROOTS_MAX : (uint32_t)most;
}

/* Adds what the definition asks for, if it can be prepared. */
static void add_definition(struct audience *a, struct audience_prepared *prepared, struct audience_snapshot *snapshot,
                           struct json_parser *p, const struct json *definition) {
    struct definition_change change;
    struct backfill *b;
    struct fault fault;
    if (definition_apply(&a->parts, snapshot, p, definition, false, 0, 0, &change, &fault) || !change.snapshot)
        return;
    uint32_t count, *numbers = change_live_numbers(&change, &count);
    bool fits = count > 0 && prepared->root_count + count <= (prepared->root_count ? roots_most(a) : ROOTS_MAX) &&
                change.snapshot->workspace == snapshot->workspace &&
                can_follow(prepared, change.snapshot, numbers, count);
    if (fits && !backfill_create(&a->live.outside, change.snapshot, numbers, count, &b, &fault)) {
        prepared->backfills[prepared->backfill_count++] = b;
        prepared->root_count += count;
    }
    free(numbers);
    free(change.again);
    audience_snapshot_release(change.snapshot);
}

static void add_definitions(struct audience *a, struct audience_prepared *prepared, struct json_parser *p,
                            const struct json *const *definitions, size_t count) {
    struct audience_snapshot *snapshot = audience_snapshot(a);
    for (size_t i = 0; i < count; i++)
        add_definition(a, prepared, snapshot, p, definitions[i]);
    audience_snapshot_release(snapshot);
}

static void backfills_drop(struct audience_prepared *prepared, uint32_t from) {
    for (uint32_t i = from; i < prepared->backfill_count; i++)
        backfill_free(prepared->backfills[i]);
    prepared->backfill_count = from;
}

/* --- the list --- */

static bool enter(struct audience *a, struct audience_prepared *prepared) {
    pthread_mutex_lock(&a->prepare_lock);
    bool room = atomic_load(&a->prepared_count) < PREPARED_MAX;
    if (room) {
        prepared->next = a->prepared;
        a->prepared = prepared;
        atomic_fetch_add_explicit(&a->prepared_count, 1, memory_order_acq_rel);
    }
    pthread_mutex_unlock(&a->prepare_lock);
    return room;
}

/* Under the lock. */
static void leave(struct audience *a, struct audience_prepared *prepared) {
    struct audience_prepared **at = &a->prepared;
    while (*at && *at != prepared)
        at = &(*at)->next;
    if (!*at)
        return; /* the fold took it */
    *at = prepared->next;
    atomic_fetch_sub_explicit(&a->prepared_count, 1, memory_order_acq_rel);
}

static void touch_all(struct audience_prepared *p, struct customer_id customer) {
    for (uint32_t i = 0; i < p->backfill_count; i++)
        backfill_touch(p->backfills[i], customer);
}

/* Under the lock; fold thread. */
static void touch_ends(struct audience *a, struct audience_prepared *p, struct customer_id customer) {
    for (unsigned i = 0; i < p->over_count; i++) {
        size_t ends = live_find_ends(&a->live, customer, p->overs[i]);
        for (size_t e = 0; e < ends; e++)
            touch_all(p, a->live.ends[e]);
        p->dead |= a->live.ends_cut;
    }
}

void prepared_touch(struct audience *a, struct customer_id customer) {
    if (atomic_fetch_add_explicit(&a->prepared_count, 0, memory_order_acq_rel) == 0)
        return;
    pthread_mutex_lock(&a->prepare_lock);
    for (struct audience_prepared *p = a->prepared; p; p = p->next) {
        touch_all(p, customer);
        touch_ends(a, p, customer);
    }
    pthread_mutex_unlock(&a->prepare_lock);
}

void prepared_void(struct audience *a) {
    pthread_mutex_lock(&a->prepare_lock);
    for (struct audience_prepared *p = a->prepared; p; p = p->next)
        p->dead = true;
    pthread_mutex_unlock(&a->prepare_lock);
}

/* Under the lock. Out of those of `p` the one that fits; NULL: none. */
static struct backfill *take_fitting(struct audience_prepared *p, uint64_t touched_most,
                                     const struct audience_snapshot *snapshot, const uint32_t *numbers,
                                     uint32_t count) {
    for (uint32_t i = 0; p->ready && !p->dead && i < p->backfill_count; i++) {
        struct backfill *b = p->backfills[i];
        if (backfill_touched(b) > touched_most || !backfill_fits(b, snapshot, numbers, count))
            continue;
        p->backfill_count--;
        memmove(&p->backfills[i], &p->backfills[i + 1], (p->backfill_count - i) * sizeof b);
        return b;
    }
    return NULL;
}

struct backfill *prepared_take(struct audience *a, const struct audience_snapshot *snapshot, const uint32_t *numbers,
                               uint32_t count) {
    struct backfill *taken = NULL;
    uint64_t most = TOUCHED_MANY + members_count(a->live.members, MEMBERS_POPULATION) / 8;
    if (atomic_load_explicit(&a->prepared_count, memory_order_acquire) == 0)
        return NULL;
    pthread_mutex_lock(&a->prepare_lock);
    for (struct audience_prepared *p = a->prepared, *next; p && !taken; p = next) {
        next = p->next;
        taken = take_fitting(p, most, snapshot, numbers, count);
        if (taken && !p->backfill_count)
            leave(a, p);
    }
    pthread_mutex_unlock(&a->prepare_lock);
    return taken;
}

/* --- preparing --- */

/* The lock is held shortly: the fold does not wait for who gives way to it. Returns how many. */
static uint64_t take_touched(struct audience *a, struct audience_prepared *prepared, struct buffer *customers) {
    uint64_t count = 0;
    buffer_release(customers);
    pthread_mutex_lock(&a->prepare_lock);
    *customers = backfill_take_touched(prepared->backfills[0]);
    for (uint32_t i = 1; i < prepared->backfill_count; i++) { /* the same */
        struct buffer same = backfill_take_touched(prepared->backfills[i]);
        buffer_release(&same);
    }
    pthread_mutex_unlock(&a->prepare_lock);
    for (size_t w = 0; w < customers->size / sizeof(uint64_t); w++)
        count += (uint64_t)__builtin_popcountll(((const uint64_t *)(const void *)customers->data)[w]);
    return count;
}

static void prepare(struct audience *a, struct audience_prepared *prepared) {
    struct backfills *together = prepared->together;
    struct buffer customers = {0};
    uint64_t before = UINT64_MAX;
    backfills_work(together, members_spans(a->live.members), audience_now(a), workers_wanted());
    for (unsigned round = 0; round < TOUCHED_ROUNDS; round++) {
        uint64_t touched = take_touched(a, prepared, &customers);
        backfills_again(together, (const uint64_t *)(const void *)customers.data, customers.size / sizeof(uint64_t),
                        audience_now(a));
        if (touched < prepare_touched_few || touched > before / 2)
            break; /* few, or they do not become fewer */
        before = touched;
    }
    buffer_release(&customers);
    pthread_mutex_lock(&a->prepare_lock);
    prepared->ready = true;
    pthread_mutex_unlock(&a->prepare_lock);
}

struct preparing {
    struct audience *audience;
    struct audience_prepared *prepared;
};

static void *prepare_nicely(void *context) {
    struct preparing *p = context;
    int now = nice(PREPARE_NICE); /* of this thread, and of those it makes; where it is refused all goes on as well */
    (void)now;
    pthread_setname_np(pthread_self(), "prepare");
    prepare(p->audience, p->prepared);
    return NULL;
}

/* In a thread of its own, that gives way to the fold. */
static void prepare_apart(struct audience *a, struct audience_prepared *prepared) {
    struct preparing context = {a, prepared};
    pthread_t thread;
    if (pthread_create(&thread, NULL, prepare_nicely, &context))
        prepare(a, prepared);
    else
        pthread_join(thread, NULL);
}

/* One plan of all of them, or of half as many where that is too large. */
static void plan_together(struct audience *a, struct audience_prepared *prepared) {
    struct fault fault;
    while (prepared->backfill_count && backfills_create(&a->live.outside, prepared->backfills, prepared->backfill_count,
                                                        &prepared->together, &fault))
        backfills_drop(prepared, prepared->backfill_count / 2);
}

struct audience_prepared *audience_prepare(struct audience *a, struct json_parser *p,
                                           const struct json *const *definitions, size_t count) {
    struct audience_prepared *prepared = memory_get(1, sizeof *prepared);
    pthread_mutex_lock(&a->prepare_turn);
    add_definitions(a, prepared, p, definitions, count);
    plan_together(a, prepared);
    if (prepared->together && enter(a, prepared)) {
        prepare_apart(a, prepared);
        backfills_free(prepared->together);
    } else {
        backfills_free(prepared->together);
        backfills_drop(prepared, 0);
        free(prepared);
        prepared = NULL;
    }
    pthread_mutex_unlock(&a->prepare_turn);
    return prepared;
}

size_t audience_prepare_most(struct audience *a) { return roots_most(a); }

void audience_prepared_release(struct audience *a, struct audience_prepared *prepared) {
    if (!prepared)
        return;
    pthread_mutex_lock(&a->prepare_lock);
    leave(a, prepared);
    pthread_mutex_unlock(&a->prepare_lock);
    backfills_drop(prepared, 0);
    free(prepared);
}
