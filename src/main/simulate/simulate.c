/* simulate: the order of work (world, days, truth), drawing and dirt. */
#include "main/simulate/simulate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "main/simulate/world.h"

static const double dirt_rates[DIRT_COUNT] = {
#define DIRT(name, text, rate, meaning) rate,
#include "main/simulate/dirt.def"
#undef DIRT
};

/* Sum of four uniforms, scaled: close enough to normal, and exact arithmetic on every machine. */
double sim_draw_normal(struct random *r) {
    double sum = -2.0;
    for (int i = 0; i < 4; i++)
        sum += random_unit(r);
    return sum * 1.7320508075688772;
}

double sim_draw_low(struct random *r) {
    double first = random_unit(r);
    return first * random_unit(r);
}

int sim_draw_weighted(struct random *r, const uint8_t *weights, int count) {
    unsigned total = 0;
    for (int i = 0; i < count; i++)
        total += weights[i];
    assert(total > 0);
    unsigned luck = (unsigned)random_below(r, total);
    for (int i = 0; i < count; i++) {
        if (luck < weights[i])
            return i;
        luck -= weights[i];
    }
    return count - 1;
}

bool sim_soil(struct world *w, struct random *r, enum dirt dirt, enum simulated_feed feed) {
    assert(dirt < DIRT_COUNT && feed < FEED_COUNT);
    if (!random_chance(r, w->dirt_rate[dirt]))
        return false;
    w->summary.dirt[dirt][feed]++;
    return true;
}

void sim_soil_count(struct world *w, enum dirt dirt, enum simulated_feed feed) { w->summary.dirt[dirt][feed]++; }

int64_t sim_day_start_ms(const struct world *w, int day) { return w->start_ms + day * DAY_MS; }

int32_t sim_day_date(const struct world *w, int day) { return (int32_t)((w->start_ms + ZONE_MS) / DAY_MS) + day; }

struct slice sim_yuan(char out[32], int64_t fen) {
    int64_t size = fen < 0 ? -fen : fen;
    int length =
        snprintf(out, 32, "%s%lld.%02lld", fen < 0 ? "-" : "", (long long)(size / 100), (long long)(size % 100));
    return slice_of(out, (size_t)length);
}

struct slice sim_local_time(char out[32], int64_t at_ms) {
    size_t size = time_format(at_ms + ZONE_MS, out);
    assert(size == 24);
    out[10] = ' ';
    return slice_of(out, 19);
}

static enum status check(const struct simulate_options *o, struct fault *fault) {
    if (o->customers < 1 || o->customers > SIMULATE_CUSTOMERS_MAX)
        return fault_set(fault, STATUS_INVALID, "customers is %zu; it must be 1 to %d", o->customers,
                         SIMULATE_CUSTOMERS_MAX);
    if (o->days < 0 || o->days > SIMULATE_DAYS_MAX)
        return fault_set(fault, STATUS_INVALID, "days is %d; it must be 1 to %d", o->days, SIMULATE_DAYS_MAX);
    if (!o->folder || !*o->folder)
        return fault_set(fault, STATUS_INVALID, "no folder to write to was given");
    return STATUS_OK;
}

static void world_init(struct world *w, const struct simulate_options *o) {
    w->options = *o;
    w->days = o->days ? o->days : 365;
    w->end_ms = (time_days(2026, 11, 1)) * DAY_MS - ZONE_MS;
    w->start_ms = w->end_ms - w->days * DAY_MS;
    w->salt = hash_mix(o->seed + 0x6f6e65666f6c64ULL) >> 16;
    memcpy(w->dirt_rate, dirt_rates, sizeof dirt_rates);
    random_init(&w->random, hash_mix(o->seed));
    sim_shop_create(w);
    sim_people_create(w);
}

static void world_release(struct world *w) {
    feeds_release(&w->feeds);
    free(w->people);
    free(w->devices);
    free(w->released);
    free(w->visits);
    free(w);
}

enum status simulate(struct os *os, const struct simulate_options *options, struct simulate_summary *out,
                     struct fault *fault) {
    enum status status = check(options, fault);
    if (status)
        return status;
    struct world *w = memory_get(1, sizeof *w);
    status = feeds_open(&w->feeds, os, options->folder, &w->summary, fault);
    if (status == STATUS_OK) {
        world_init(w, options);
        sim_shop_write(w);
        sim_days_prepare(w);
    }
    for (w->day = 0; w->day < w->days && status == STATUS_OK; w->day++) {
        sim_day_run(w);
        status = feeds_flush(&w->feeds, sim_day_start_ms(w, w->day + 1));
    }
    if (status == STATUS_OK) {
        sim_truth_finish(w);
        status = feeds_flush(&w->feeds, INT64_MAX);
    }
    if (status == STATUS_OK)
        status = sim_truth_files(w);
    if (out)
        *out = w->summary;
    world_release(w);
    return status;
}
