/* attribution_markov: removal effects in the Markov chain of paths, by solving for the chance to convert.
 *
 * A state is the last `order` channels; from it the chain goes on as the paths did: to a next channel, to a conversion, or to none. With
 * h(s) the chance to come to a conversion from s, h = P h + r, r(s) being the chance of a conversion next. Removing a channel makes h zero in
 * every state that holds it. The removal effect is 1 - h'(start) / h(start), and the channels' shares are in proportion to it.
 * The same with the mean value of a conversion in place of 1 for value. The chain without removals gives back the counts
 * exactly, because what flows into each state flows out again.
 *
 * Up to DENSE_MAX states the system is solved by elimination (I - P is diagonally dominant: no pivoting is needed); above, by
 * Gauss-Seidel, whose error shrinks with the chance that a path goes on. */
#include "insight/attribution_models.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

#define DENSE_MAX 300
#define STATES_MAX (1u << 20)
#define SWEEPS_MAX 20000
#define CLOSE 1e-14
#define START 0 /* state without a channel yet, number 0 */

struct edge {
    uint32_t to, next; /* next edge out of the same state; 0: none */
    double count;
};
struct state {
    uint64_t key; /* a byte for each of the last channels + 1, the latest lowest */
    uint32_t edges;
    double all, conversions, value; /* how often it was left; to conversion; value of these */
};
struct chain {
    struct state *states;
    struct edge *edges; /* the first is not used */
    uint32_t *slots;
    size_t state_count, state_room, edge_count, edge_room, slot_count;
};

static void chain_release(struct chain *c) {
    free(c->states);
    free(c->edges);
    free(c->slots);
}

/* --- building --- */

static void rehash(struct chain *c) {
    c->slot_count = c->slot_count ? c->slot_count * 2 : 1024;
    free(c->slots);
    c->slots = memory_get(c->slot_count, sizeof *c->slots);
    for (size_t i = 0; i < c->state_count; i++) {
        size_t at = hash_mix(c->states[i].key) & (c->slot_count - 1);
        while (c->slots[at])
            at = (at + 1) & (c->slot_count - 1);
        c->slots[at] = (uint32_t)i + 1;
    }
}

static uint32_t state_of(struct chain *c, uint64_t key) {
    if (2 * (c->state_count + 1) > c->slot_count)
        rehash(c);
    size_t at = hash_mix(key) & (c->slot_count - 1);
    for (; c->slots[at]; at = (at + 1) & (c->slot_count - 1))
        if (c->states[c->slots[at] - 1].key == key)
            return c->slots[at] - 1;
    if (c->state_count == c->state_room) {
        c->state_room = c->state_room ? c->state_room * 2 : 256;
        c->states = memory_resize(c->states, c->state_room, sizeof *c->states);
    }
    c->states[c->state_count] = (struct state){.key = key};
    c->slots[at] = (uint32_t)++c->state_count;
    return (uint32_t)c->state_count - 1;
}

static void edge_count(struct chain *c, uint32_t from, uint32_t to, double count) {
    for (uint32_t e = c->states[from].edges; e; e = c->edges[e].next)
        if (c->edges[e].to == to) {
            c->edges[e].count += count;
            return;
        }
    if (c->edge_count + 1 >= c->edge_room) {
        c->edge_room = c->edge_room ? c->edge_room * 2 : 1024;
        c->edges = memory_resize(c->edges, c->edge_room, sizeof *c->edges);
    }
    c->edges[++c->edge_count] = (struct edge){to, c->states[from].edges, count};
    c->states[from].edges = (uint32_t)c->edge_count;
}

static enum status chain_build(const struct attribution *t, uint32_t order, struct chain *c, struct fault *fault) {
    const uint64_t mask = order >= 8 ? UINT64_MAX : ((uint64_t)1 << (8 * order)) - 1;
    state_of(c, 0);
    for (size_t i = 0; i < t->book.count; i++) {
        const struct path_entry *e = &t->book.entries[i];
        const uint8_t *codes = path_codes(&t->book, e);
        double count = (double)(e->conversions + e->misses);
        uint32_t at = START;
        for (size_t k = 0; k < e->length; k++) {
            uint32_t next = state_of(c, ((c->states[at].key << 8) | (codes[k] + 1u)) & mask);
            edge_count(c, at, next, count);
            c->states[at].all += count;
            at = next;
        }
        c->states[at].all += count;
        c->states[at].conversions += (double)e->conversions;
        c->states[at].value += ATTRIBUTION_VALUE(e->value);
        if (c->state_count > STATES_MAX)
            return fault_set(
                fault, STATUS_TOO_LARGE,
                "a Markov chain of order %u of these paths has more than %u states; a lower markov_order or "
                "fewer channels would do",
                order, STATES_MAX);
    }
    return STATUS_OK;
}

/* --- solving --- */

static bool holds(uint64_t key, uint32_t channel) {
    for (; key; key >>= 8)
        if ((key & 0xff) == channel + 1u)
            return true;
    return false;
}

struct solution {
    double chance, value; /* at the start */
};
#define REMOVED_NONE UINT32_MAX

/* (I - P) [h v] = [r s], by elimination from the last state to the first, so that the start is left. */
static struct solution solve_dense(const struct chain *c, uint32_t removed) {
    const size_t n = c->state_count, width = n + 2;
    double *m = memory_get(n * width, sizeof *m);
    for (size_t i = 0; i < n; i++) {
        const struct state *s = &c->states[i];
        double *row = m + i * width;
        row[i] = 1;
        if (holds(s->key, removed) || s->all <= 0)
            continue;
        for (uint32_t e = s->edges; e; e = c->edges[e].next)
            row[c->edges[e].to] -= c->edges[e].count / s->all;
        row[n] = s->conversions / s->all;
        row[n + 1] = s->value / s->all;
    }
    for (size_t k = n; k-- > 1;) {
        const double *pivot = m + k * width;
        for (size_t i = 0; i < k; i++) {
            double *row = m + i * width, factor = row[k] / pivot[k];
            if (factor == 0)
                continue;
            for (size_t j = 0; j < k; j++)
                row[j] -= factor * pivot[j];
            row[n] -= factor * pivot[n];
            row[n + 1] -= factor * pivot[n + 1];
        }
    }
    struct solution found = {m[n] / m[0], m[n + 1] / m[0]};
    free(m);
    return found;
}

static enum status solve_sweeping(const struct chain *c, uint32_t removed, struct solution *found,
                                  struct fault *fault) {
    struct solution *h = memory_get(c->state_count, sizeof *h);
    double most = 1;
    for (unsigned sweep = 0; sweep < SWEEPS_MAX && most > CLOSE; sweep++) {
        most = 0;
        for (size_t i = c->state_count; i-- > 0;) {
            const struct state *s = &c->states[i];
            double chance = s->conversions, value = s->value, own = 0;
            if (holds(s->key, removed) || s->all <= 0)
                continue;
            for (uint32_t e = s->edges; e; e = c->edges[e].next)
                if (c->edges[e].to == i) {
                    own = c->edges[e].count;
                } else {
                    chance += c->edges[e].count * h[c->edges[e].to].chance;
                    value += c->edges[e].count * h[c->edges[e].to].value;
                }
            chance /= s->all - own;
            value /= s->all - own;
            double change = fabs(chance - h[i].chance) + fabs(value - h[i].value) / (1 + fabs(value));
            most = change > most ? change : most;
            h[i] = (struct solution){chance, value};
        }
    }
    *found = h[START];
    free(h);
    return most > CLOSE ? fault_set(fault, STATUS_TOO_LARGE,
                                    "the Markov chain of these paths was not solved within %d sweeps; a lower "
                                    "markov_order would do",
                                    SWEEPS_MAX)
                        : STATUS_OK;
}

static enum status solve(const struct chain *c, uint32_t removed, struct solution *found, struct fault *fault) {
    if (c->state_count > DENSE_MAX)
        return solve_sweeping(c, removed, found, fault);
    *found = solve_dense(c, removed);
    return STATUS_OK;
}

static double effect(double with, double without) {
    double e = with > 0 ? 1 - without / with : 0;
    return e > 0 ? e : 0; /* below by rounding only */
}

static void share_out(const struct attribution *t, struct credit *credits) {
    double sum = 0, sum_value = 0;
    for (uint32_t i = 0; i < t->channel_count; i++) {
        sum += credits[i].removal_effect;
        sum_value += credits[i].removal_effect_value;
    }
    for (uint32_t i = 0; i < t->channel_count; i++) {
        credits[i].conversions = sum > 0 ? credits[i].removal_effect / sum * (double)t->conversions : 0;
        credits[i].value =
            sum_value > 0 ? credits[i].removal_effect_value / sum_value * ATTRIBUTION_VALUE(t->value) : 0;
    }
}

enum status markov_credit(const struct attribution *t, uint32_t order, struct credit *credits, struct fault *fault) {
    struct chain c = {0};
    struct solution all, without;
    assert(order >= 1 && order <= ATTRIBUTION_ORDER_MAX);
    enum status status = chain_build(t, order, &c, fault);
    if (!status)
        status = solve(&c, REMOVED_NONE, &all, fault);
    for (uint32_t i = 0; i < t->channel_count && !status; i++) {
        status = solve(&c, i, &without, fault);
        if (status)
            break;
        credits[i].removal_effect = effect(all.chance, without.chance);
        credits[i].removal_effect_value = effect(all.value, without.value);
    }
    if (!status)
        share_out(t, credits);
    chain_release(&c);
    return status;
}

void markov_transitions(const struct attribution *t, double *chances) {
    const size_t n = t->channel_count, width = n + 2;
    memset(chances, 0, (n + 1) * width * sizeof *chances);
    for (size_t i = 0; i < t->book.count; i++) {
        const struct path_entry *e = &t->book.entries[i];
        const uint8_t *codes = path_codes(&t->book, e);
        size_t at = n;
        for (size_t k = 0; k < e->length; at = codes[k++])
            chances[at * width + codes[k]] += (double)(e->conversions + e->misses);
        chances[at * width + n] += (double)e->conversions;
        chances[at * width + n + 1] += (double)e->misses;
    }
    for (size_t i = 0; i <= n; i++) {
        double sum = 0;
        for (size_t k = 0; k < width; k++)
            sum += chances[i * width + k];
        for (size_t k = 0; k < width && sum > 0; k++)
            chances[i * width + k] /= sum;
    }
}
