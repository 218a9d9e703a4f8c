/* fuzzy_cluster: see the header. Groups are circles of records (next[]) with a representative (root[]). */
#include "identity/fuzzy_cluster.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

struct groups {
    const struct fuzzy_clustering *c;
    uint32_t *root, *next, *size; /* [record]; root: follow until it is itself; size: of a root's group */
};

static uint32_t root_of(struct groups *g, uint32_t r) {
    while (g->root[r] != r) {
        g->root[r] = g->root[g->root[r]];
        r = g->root[r];
    }
    return r;
}

static bool share_a_source(const struct groups *g, uint32_t x, uint32_t y) {
    uint32_t i = x;
    do {
        uint32_t j = y;
        do {
            if (g->c->sources[i] == g->c->sources[j])
                return true;
            j = g->next[j];
        } while (j != y);
        i = g->next[i];
    } while (i != x);
    return false;
}

/* The mean evidence of the groups' cross pairs, over the first FUZZY_CROSS_MAX of them. */
static double mean_bits(const struct groups *g, uint32_t x, uint32_t y) {
    const struct fuzzy_clustering *c = g->c;
    double sum = 0;
    size_t count = 0;
    uint32_t i = x;
    do {
        uint32_t j = y;
        do {
            double bits = c->bits(c->context, i < j ? i : j, i < j ? j : i) - c->threshold_bits;
            sum += bits > c->clamp ? c->clamp : bits < -c->clamp ? -c->clamp : bits;
            count++;
            j = g->next[j];
        } while (j != y && count < FUZZY_CROSS_MAX);
        i = g->next[i];
    } while (i != x && count < FUZZY_CROSS_MAX);
    return sum / (double)count;
}

static void join(struct groups *g, uint32_t x, uint32_t y) {
    uint32_t keep = x < y ? x : y, gone = x < y ? y : x, next = g->next[keep];
    g->root[gone] = keep;
    g->size[keep] += g->size[gone];
    g->next[keep] = g->next[gone]; /* two circles become one */
    g->next[gone] = next;
}

static bool may_join(const struct groups *g, uint32_t x, uint32_t y) {
    if (g->c->sources && share_a_source(g, x, y))
        return false;
    if (g->c->connected || (g->size[x] == 1 && g->size[y] == 1))
        return true;
    return mean_bits(g, x, y) >= 0;
}

size_t fuzzy_cluster(const struct fuzzy_clustering *c, uint32_t *clusters) {
    struct groups g = {c, memory_get(c->record_count + 1, sizeof(uint32_t)),
                       memory_get(c->record_count + 1, sizeof(uint32_t)),
                       memory_get(c->record_count + 1, sizeof(uint32_t))};
    size_t count = c->record_count;
    for (uint32_t r = 0; r < c->record_count; r++) {
        g.root[r] = g.next[r] = r;
        g.size[r] = 1;
    }
    for (size_t p = 0; p < c->pair_count && c->pairs[p].bits >= c->threshold_bits; p++) {
        assert(p == 0 || c->pairs[p].bits <= c->pairs[p - 1].bits);
        uint32_t x = root_of(&g, c->pairs[p].a), y = root_of(&g, c->pairs[p].b);
        if (x != y && may_join(&g, x, y)) {
            join(&g, x, y);
            count--;
        }
    }
    for (uint32_t r = 0; r < c->record_count; r++)
        clusters[r] = root_of(&g, r); /* the smaller root is kept, so it is the smallest record */
    free(g.root);
    free(g.next);
    free(g.size);
    return count;
}
