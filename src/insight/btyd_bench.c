/* btyd_bench: fitting the models of customer value to many customers.
 *
 *     onefold bench btyd [customers, default 5000000]
 *
 * Customers are made by BG/NBD's own story (r .243, alpha 4.414 weeks, a .793, b 2.426) over two years, in whole days, so that what is found can be held
 * against what was put in. On paper: a pass costs two logarithms and an exponential a group, about 40 ns, and a fit takes 50 to 100. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/random.h"
#include "insight/btyd.h"

#define WEEKS 104

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double random_normal(struct random *r) {
    return sqrt(-2 * log(1 - random_unit(r))) * cos(2 * M_PI * random_unit(r));
}

static double random_gamma(struct random *r, double shape) { /* Marsaglia and Tsang 2000 */
    if (shape < 1)
        return random_gamma(r, shape + 1) * pow(1 - random_unit(r), 1 / shape);
    for (double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);;) {
        double z = random_normal(r), v = 1 + c * z;
        if (v > 0 && log(1 - random_unit(r)) < 0.5 * z * z + d - d * v * v * v + d * log(v * v * v))
            return d * v * v * v;
    }
}

static struct btyd_buyer make_buyer(struct random *r, const double *p) {
    double lambda = random_gamma(r, p[0]) / p[1], u = random_gamma(r, p[2]), v = random_gamma(r, p[3]),
           drop = u / (u + v), last = -1;
    struct btyd_buyer b = {.T = (double)random_between(r, 1, WEEKS * 7) / 7, .count = 1};
    for (double t = 0; b.x == 0 || !random_chance(r, drop);) {
        t -= log(1 - random_unit(r)) / lambda;
        double day = ceil(t * 7);
        if (t > b.T || day / 7 > b.T)
            break;
        if (day == last)
            continue;
        b.x++;
        b.t_x = day / 7;
        last = day;
    }
    return b;
}

int btyd_bench(int argc, char **argv) {
    const double p[] = {0.243, 4.414, 0.793, 2.426};
    size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 5000000;
    struct btyd_buyer *buyers = memory_get(count + 1, sizeof *buyers);
    struct random r;
    random_init(&r, 2005);
    for (size_t i = 0; i < count; i++)
        buyers[i] = make_buyer(&r, p);
    double began = now_s();
    size_t groups = btyd_group(buyers, count);
    printf("%zu customers over %d weeks, %zu different, grouped in %.2f s\n", count, WEEKS, groups, now_s() - began);
    for (unsigned model = 0; model < BTYD_MODELS; model++) {
        struct maximum m;
        struct fault fault = {0};
        began = now_s();
        if (btyd_fit((enum btyd_model)model, buyers, groups, &(struct btyd_run){.workers = 2}, &m, &fault)) {
            printf("  %s\n", fault.text);
            continue;
        }
        const struct btyd_words *words = btyd_words((enum btyd_model)model);
        printf("  %s: %.2f s, %u passes;", words->name, now_s() - began, m.evaluation_count);
        for (unsigned i = 0; i < BTYD_PARAMETERS; i++)
            printf(" %s %.4f", words->parameters[i], m.parameters[i]);
        printf("; log-likelihood %.3f\n", m.value);
    }
    free(buyers);
    return 0;
}
