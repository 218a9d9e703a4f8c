/* measure: see the header. Two graphs are made: the relations as they are directed, for influence, and each related pair once, for all else. */
#include "network/measure.h"

#include <igraph.h>

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define SEED 20261128
#define DAMPING 0.85
#define LEIDEN_BETA 0.01   /* randomness of its refinement, as its authors have it */
#define LEIDEN_SMALL 20000 /* edges up to which the best of LEIDEN_TRIES is taken */
#define LEIDEN_TRIES 10

static const struct network_measure_row rows[] = {
#define MEASURE(name, word, type, decimals, en, zh) {word, en, zh, PROPERTY_##type, decimals},
#include "network/network_measure.def"
#undef MEASURE
};

const struct network_measure_row *network_measure_row(enum network_measure measure) {
    assert(measure < NETWORK_MEASURES);
    return &rows[measure];
}

int network_measure_parse(struct slice word) {
    for (int i = 0; i < NETWORK_MEASURES; i++)
        if (slice_is(word, rows[i].word))
            return i;
    return -1;
}

void network_values_release(struct network_values *v) {
    free(v->customers);
    for (size_t i = 0; i < NETWORK_MEASURES; i++)
        free(v->values[i]);
    *v = (struct network_values){0};
}

/* --- igraph's surroundings: one call at a time, no handler that ends the process --- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of everything of igraph */
static bool (*ask_stopped)(void *context);
static void *ask_context;
static bool
    in_leiden; /* igraph 0.10.2 frees what lies on the stack of frames that are gone where its Leiden is interrupted */

static igraph_error_t interrupted(void *data) {
    (void)data;
    return ask_stopped && !in_leiden && ask_stopped(ask_context) ? IGRAPH_INTERRUPTED : IGRAPH_SUCCESS;
}

static void enter(bool (*stopped)(void *context), void *context) {
    pthread_mutex_lock(&lock);
    igraph_set_error_handler(igraph_error_handler_ignore);
    igraph_set_warning_handler(igraph_warning_handler_ignore);
    igraph_set_interruption_handler(interrupted);
    igraph_rng_seed(igraph_rng_default(), SEED);
    ask_stopped = stopped;
    ask_context = context;
}

static void leave(void) {
    ask_stopped = NULL;
    pthread_mutex_unlock(&lock);
}

static enum status status_of(igraph_error_t code, const char *what, struct fault *fault) {
    switch (code) {
    case IGRAPH_SUCCESS:
        return STATUS_OK;
    case IGRAPH_INTERRUPTED:
        return fault_set(fault, STATUS_CLOSED, "cancelled");
    case IGRAPH_ENOMEM:
        return fault_set(fault, STATUS_NO_MEMORY, "%s: no memory for so large a network", what);
    default:
        return fault_set(fault, STATUS_IO, "%s: igraph says: %s", what, igraph_strerror(code));
    }
}

/* --- the graphs --- */

struct graphs {
    struct network_values *out;
    struct edge_list pairs; /* indexes of customers, lower first, each once */
    igraph_t undirected;
    bool made;
};

static int compare_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void find_customers(const struct edge_list *edges, struct network_values *out) {
    size_t kept = 0;
    out->customers = memory_get(2 * edges->count + 1, sizeof *out->customers);
    for (size_t i = 0; i < edges->count; i++) {
        assert(edges->edges[i].from != edges->edges[i].to);
        out->customers[2 * i] = edges->edges[i].from;
        out->customers[2 * i + 1] = edges->edges[i].to;
    }
    qsort(out->customers, 2 * edges->count, sizeof *out->customers, compare_u32);
    for (size_t i = 0; i < 2 * edges->count; i++)
        if (!kept || out->customers[kept - 1] != out->customers[i])
            out->customers[kept++] = out->customers[i];
    out->count = kept;
}

static uint32_t index_of(const struct network_values *v, uint32_t customer) {
    size_t low = 0, high = v->count;
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        if (v->customers[middle] <= customer)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static void find_pairs(const struct edge_list *edges, struct graphs *g) {
    for (size_t i = 0; i < edges->count; i++) {
        uint32_t a = index_of(g->out, edges->edges[i].from), b = index_of(g->out, edges->edges[i].to);
        edge_list_add(&g->pairs, a < b ? a : b, a < b ? b : a);
    }
    edge_list_sort(&g->pairs);
    g->out->edge_count = g->pairs.count;
}

static igraph_error_t make_graph(const struct edge_pair *edges, size_t count, const struct network_values *indexes,
                                 size_t nodes, bool directed, igraph_t *graph) {
    igraph_vector_int_t ends;
    igraph_error_t code = igraph_vector_int_init(&ends, (igraph_integer_t)(2 * count));
    if (code)
        return code;
    for (size_t i = 0; i < count; i++) {
        VECTOR(ends)[2 * i] = indexes ? index_of(indexes, edges[i].from) : edges[i].from;
        VECTOR(ends)[2 * i + 1] = indexes ? index_of(indexes, edges[i].to) : edges[i].to;
    }
    code = igraph_create(graph, &ends, (igraph_integer_t)nodes, directed);
    igraph_vector_int_destroy(&ends);
    return code;
}

/* --- the measures --- */

static double *values_for(struct network_values *v, enum network_measure measure) {
    if (!v->values[measure])
        v->values[measure] = memory_get(v->count + 1, sizeof(double));
    return v->values[measure];
}

static void measure_degrees(const struct edge_list *edges, struct graphs *g, uint32_t asked) {
    double *degree = asked & 1u << NETWORK_DEGREE ? values_for(g->out, NETWORK_DEGREE) : NULL,
           *in = asked & 1u << NETWORK_IN_DEGREE ? values_for(g->out, NETWORK_IN_DEGREE) : NULL,
           *out = asked & 1u << NETWORK_OUT_DEGREE ? values_for(g->out, NETWORK_OUT_DEGREE) : NULL;
    for (size_t i = 0; degree && i < g->pairs.count; i++) {
        degree[g->pairs.edges[i].from]++;
        degree[g->pairs.edges[i].to]++;
    }
    for (size_t i = 0; (in || out) && i < edges->count; i++) {
        if (in)
            in[index_of(g->out, edges->edges[i].to)]++;
        if (out)
            out[index_of(g->out, edges->edges[i].from)]++;
    }
}

static igraph_error_t measure_components(struct graphs *g) {
    igraph_vector_int_t membership, sizes;
    igraph_integer_t count;
    double *size = values_for(g->out, NETWORK_COMPONENT_SIZE);
    igraph_error_t code = igraph_vector_int_init(&membership, 0);
    if (code)
        return code;
    if (!(code = igraph_vector_int_init(&sizes, 0))) {
        code = igraph_connected_components(&g->undirected, &membership, &sizes, &count, IGRAPH_WEAK);
        for (size_t i = 0; i < g->out->count && !code; i++)
            size[i] = (double)VECTOR(sizes)[VECTOR(membership)[i]];
        if (!code) {
            g->out->component_count = (size_t)count;
            g->out->component_size_max = (size_t)igraph_vector_int_max(&sizes);
        }
        igraph_vector_int_destroy(&sizes);
    }
    igraph_vector_int_destroy(&membership);
    return code;
}

/* Numbers each community by its oldest customer, which is the first met. */
static void name_communities(struct graphs *g, const igraph_vector_int_t *membership, size_t count) {
    double *community = values_for(g->out, NETWORK_COMMUNITY), *size = values_for(g->out, NETWORK_COMMUNITY_SIZE);
    uint32_t *oldest = memory_get(count + 1, sizeof *oldest), *sizes = memory_get(count + 1, sizeof *sizes);
    for (size_t i = 0; i < g->out->count; i++) {
        size_t c = (size_t)VECTOR(*membership)[i];
        oldest[c] = oldest[c] ? oldest[c] : g->out->customers[i];
        sizes[c]++;
    }
    for (size_t i = 0; i < g->out->count; i++) {
        community[i] = oldest[VECTOR(*membership)[i]];
        size[i] = sizes[VECTOR(*membership)[i]];
    }
    g->out->community_count = count;
    free(oldest);
    free(sizes);
}

/* Leiden with degrees as weights and 1 / 2m as resolution: its quality is modularity then (igraph's manual). */
static igraph_error_t run_leiden(struct graphs *g, const igraph_vector_t *degrees, igraph_vector_int_t *membership,
                                 igraph_integer_t *count, double *modularity) {
    igraph_vector_int_t best;
    igraph_real_t quality;
    size_t tries = g->pairs.count <= LEIDEN_SMALL ? LEIDEN_TRIES : 1;
    igraph_error_t code = igraph_vector_int_init(&best, 0);
    *modularity = -1;
    for (size_t i = 0; i < tries && !code; i++) {
        igraph_integer_t found;
        in_leiden = true;
        code = igraph_community_leiden(&g->undirected, NULL, degrees, 0.5 / (double)g->pairs.count, LEIDEN_BETA, false,
                                       tries > 1 ? -1 : 4, &best, &found, &quality);
        in_leiden = false;
        if (!code && quality > *modularity + 1e-12) {
            *modularity = quality;
            *count = found;
            code = igraph_vector_int_update(membership, &best);
        }
    }
    igraph_vector_int_destroy(&best);
    return code;
}

static igraph_error_t measure_communities(struct graphs *g) {
    igraph_vector_int_t membership;
    igraph_vector_t degrees;
    igraph_integer_t count = 0;
    igraph_error_t code = igraph_vector_int_init(&membership, 0);
    if (code)
        return code;
    if (!(code = igraph_vector_init(&degrees, (igraph_integer_t)g->out->count))) {
        for (size_t i = 0; i < g->pairs.count; i++) {
            VECTOR(degrees)[g->pairs.edges[i].from]++;
            VECTOR(degrees)[g->pairs.edges[i].to]++;
        }
        code = run_leiden(g, &degrees, &membership, &count, &g->out->modularity);
        if (!code)
            name_communities(g, &membership, (size_t)count);
        igraph_vector_destroy(&degrees);
    }
    igraph_vector_int_destroy(&membership);
    return code;
}

static igraph_error_t measure_influence(const struct edge_list *edges, struct graphs *g) {
    igraph_t directed;
    igraph_vector_t ranks;
    igraph_real_t value;
    double *influence = values_for(g->out, NETWORK_INFLUENCE);
    igraph_error_t code = make_graph(edges->edges, edges->count, g->out, g->out->count, true, &directed);
    if (code)
        return code;
    if (!(code = igraph_vector_init(&ranks, 0))) {
        code = igraph_pagerank(&directed, IGRAPH_PAGERANK_ALGO_PRPACK, &ranks, &value, igraph_vss_all(), true, DAMPING,
                               NULL, NULL);
        for (size_t i = 0; i < g->out->count && !code; i++)
            influence[i] = VECTOR(ranks)[i] * (double)g->out->count;
        igraph_vector_destroy(&ranks);
    }
    igraph_destroy(&directed);
    return code;
}

static igraph_error_t measure_core(struct graphs *g) {
    igraph_vector_int_t cores;
    double *core = values_for(g->out, NETWORK_CORE);
    igraph_error_t code = igraph_vector_int_init(&cores, 0);
    if (code)
        return code;
    code = igraph_coreness(&g->undirected, &cores, IGRAPH_ALL);
    for (size_t i = 0; i < g->out->count && !code; i++)
        core[i] = (double)VECTOR(cores)[i];
    igraph_vector_int_destroy(&cores);
    return code;
}

static igraph_error_t measure_betweenness(struct graphs *g) {
    igraph_vector_t between;
    double *values = values_for(g->out, NETWORK_BETWEENNESS);
    igraph_error_t code = igraph_vector_init(&between, 0);
    if (code)
        return code;
    code = igraph_betweenness(&g->undirected, &between, igraph_vss_all(), false, NULL);
    for (size_t i = 0; i < g->out->count && !code; i++)
        values[i] = VECTOR(between)[i];
    igraph_vector_destroy(&between);
    return code;
}

static enum status measure_graph(const struct edge_list *edges, struct graphs *g, uint32_t asked, struct fault *fault) {
    uint32_t communities = 1u << NETWORK_COMMUNITY | 1u << NETWORK_COMMUNITY_SIZE;
    measure_degrees(edges, g, asked);
    enum status status = status_of(
        make_graph(g->pairs.edges, g->pairs.count, NULL, g->out->count, false, &g->undirected), "the network", fault);
    g->made = !status;
    if (!status && asked & 1u << NETWORK_COMPONENT_SIZE)
        status = status_of(measure_components(g), "component_size", fault);
    if (!status && ask_stopped && ask_stopped(ask_context))
        status = fault_set(fault, STATUS_CLOSED, "cancelled");
    if (!status && asked & 1u << NETWORK_CORE)
        status = status_of(measure_core(g), "core", fault);
    if (!status && asked & communities)
        status = status_of(measure_communities(g), "community", fault);
    if (!status && asked & 1u << NETWORK_BETWEENNESS)
        status = status_of(measure_betweenness(g), "betweenness", fault);
    if (g->made)
        igraph_destroy(&g->undirected);
    if (!status && asked & 1u << NETWORK_INFLUENCE)
        status = status_of(measure_influence(edges, g), "influence", fault);
    return status;
}

static void round_values(struct network_values *v, uint32_t asked) {
    for (size_t m = 0; m < NETWORK_MEASURES; m++) {
        double scale = pow(10, rows[m].decimals);
        if (!(asked >> m & 1)) {
            free(v->values[m]);
            v->values[m] = NULL;
        }
        for (size_t i = 0; v->values[m] && i < v->count; i++)
            v->values[m][i] = round(v->values[m][i] * scale) / scale;
    }
}

enum status network_measure_all(const struct edge_list *edges, uint32_t asked, bool (*stopped)(void *context),
                                void *context, struct network_values *out, struct fault *fault) {
    struct graphs g = {.out = out};
    enum status status = STATUS_OK;
    *out = (struct network_values){0};
    find_customers(edges, out);
    find_pairs(edges, &g);
    if (asked & 1u << NETWORK_BETWEENNESS && out->count * (uint64_t)g.pairs.count > NETWORK_BETWEENNESS_MAX)
        status = fault_set(
            fault, STATUS_INVALID,
            "betweenness of %zu customers and %zu relations would take hours; leave it out, or choose fewer types",
            out->count, g.pairs.count);
    if (!status && out->count) {
        enter(stopped, context);
        status = measure_graph(edges, &g, asked, fault);
        leave();
    }
    edge_list_release(&g.pairs);
    if (status)
        network_values_release(out);
    else
        round_values(out, asked);
    return status;
}
