/* simulate/days: a day of the company. Everyone whose wake_day has come decides what to do today (visits); the visits
 * are played in the order of the clock, because a shared device remembers who used it last; then the day's rows are
 * written.
 *
 * A need comes back after its cycle. People who wait for discounts put it off; who is about to leave buys less and less
 * (the cycle stretches during the last 80 days), until churn_day, after which nothing happens. */
#include <assert.h>
#include <stdlib.h>

#include "main/simulate/world.h"

static int min_day(int a, int b) { return a < b ? a : b; }

static int64_t hour_of_visit(struct random *r, bool store) {
    static const uint8_t online[24] = {3, 1, 1, 0, 0, 1, 2, 4, 6, 6, 7, 7, 9, 8, 6, 6, 6, 6, 7, 9, 12, 13, 11, 6};
    static const uint8_t shop[24] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 9, 7, 6, 7, 8, 8, 9, 11, 11, 8, 4, 0, 0};
    int hour = sim_draw_weighted(r, store ? shop : online, 24);
    return hour * HOUR_MS + random_between(r, 0, HOUR_MS - 1000);
}

static struct visit *visit_add(struct world *w, struct person *p, enum place place) {
    if (w->visit_count == w->visit_capacity) {
        w->visit_capacity = w->visit_capacity ? w->visit_capacity * 2 : 256;
        w->visits = memory_resize(w->visits, w->visit_capacity, sizeof *w->visits);
    }
    struct visit *visit = &w->visits[w->visit_count++];
    *visit =
        (struct visit){.person = p->number, .place = (uint8_t)place, .category = -1, .campaign = -1, .product = -1};
    visit->at_ms = sim_day_start_ms(w, w->day) + hour_of_visit(&p->random, place == PLACE_STORE);
    return visit;
}

/* Fresh goods are fetched from the store more often; anonymous people cannot buy. */
static enum place choose_place(struct person *p, int category) {
    uint8_t weights[PLACES];
    memcpy(weights, p->place_weight, sizeof weights);
    if (category < 0)
        weights[PLACE_STORE] = 0; /* looking around leaves no trace in a store */
    else if (category >= 8 && weights[PLACE_STORE])
        weights[PLACE_STORE] = (uint8_t)(weights[PLACE_STORE] * 2);
    for (int i = 0; i < PLACES; i++)
        if (weights[i])
            return (enum place)sim_draw_weighted(&p->random, weights, PLACES);
    return PLACES;
}

void sim_visit_from_message(struct world *w, struct person *p, int campaign, int64_t at_ms) {
    enum place place = choose_place(p, -1);
    assert(at_ms >= sim_day_start_ms(w, w->day) && at_ms < sim_day_start_ms(w, w->day + 1));
    if (place == PLACES || place == PLACE_STORE)
        return;
    struct visit *visit = visit_add(w, p, place);
    visit->campaign = (int16_t)campaign;
    visit->at_ms = at_ms;
}

static double decline(const struct world *w, const struct person *p) {
    int left = p->churn_day == NEVER ? 1000 : p->churn_day - w->day;
    return left > 80 ? 1.0 : 1.0 + 1.4 * (80 - left) / 80.0;
}

static void meet_need(struct world *w, struct person *p, struct need *need) {
    double days = need->cycle_days * (1.0 + 0.22 * sim_draw_normal(&p->random)) * decline(w, p);
    need->due_day = (int16_t)(w->day + (days < 2 ? 2 : (int)(days + 0.5)));
    need->waits = 0;
    if (random_chance(&p->random, 0.35) &&
        p->place_weight[PLACE_WEB] + p->place_weight[PLACE_APP] + p->place_weight[PLACE_MINI] > 0)
        p->next_browse_day =
            (int16_t)min_day(p->next_browse_day, need->due_day - (int)random_between(&p->random, 1, 3));
}

static bool has_coupon(const struct world *w, const struct person *p) {
    return p->coupon >= 0 && p->coupon_until >= w->day;
}

/* Puts the need off for want of a discount, or for no reason. */
static bool put_off(struct world *w, struct person *p, struct need *need) {
    double season = sim_shop_season(w, w->day);
    if (!has_coupon(w, p) && season < 1.5 && need->waits < 4 && random_chance(&p->random, p->sensitivity * 0.7)) {
        need->waits++;
        need->due_day = (int16_t)(w->day + random_between(&p->random, 1, 6));
        return true;
    }
    if (random_chance(&p->random, 0.62 * season))
        return false;
    need->due_day = (int16_t)(w->day + random_between(&p->random, 1, 3));
    return true;
}

static void look_around(struct world *w, struct person *p) {
    double unit = random_unit(&p->random) + random_unit(&p->random);
    enum place place = choose_place(p, -1);
    if (place != PLACES && place != PLACE_STORE)
        visit_add(w, p, place);
    double gap = unit / p->browse_rate * decline(w, p);
    p->next_browse_day = (int16_t)(w->day + 1 + (gap > 2000 ? 2000 : (int)gap));
}

/* What somebody buys today, and why. */
struct purchase {
    int category, product, campaign; /* -1: none in particular */
};
#define PURCHASES_MAX 3

/* Today's purchases, and from what is due the next ones' days. */
static int plan_purchases(struct world *w, struct person *p, struct purchase *out) {
    int count = 0;
    for (int i = 0; i < p->need_count && count == 0; i++) {
        struct need *need = &p->needs[i];
        if (need->due_day > w->day || put_off(w, p, need))
            continue;
        meet_need(w, p, need);
        out[count++] = (struct purchase){need->category, -1, -1};
    }
    if (p->extra_day <= w->day)
        out[count++] = (struct purchase){p->extra_category, -1, p->extra_campaign};
    if (p->cross_day <= w->day)
        out[count++] = (struct purchase){p->cross_product / PRODUCTS_EACH, p->cross_product, -1};
    return count;
}

/* What was due today is settled; the day to look again. */
static void sleep_until(const struct world *w, struct person *p) {
    int wake = p->next_browse_day;
    if (p->extra_day <= w->day)
        p->extra_day = NEVER;
    if (p->cross_day <= w->day)
        p->cross_day = NEVER;
    wake = min_day(wake, min_day(p->extra_day, p->cross_day));
    for (int i = 0; i < p->need_count && p->kind != PERSON_ANONYMOUS; i++)
        wake = min_day(wake, p->needs[i].due_day);
    p->wake_day = (int16_t)wake;
}

static bool buy(struct world *w, struct person *p, const struct purchase *purchase) {
    enum place place = choose_place(p, purchase->category);
    if (place == PLACES)
        return false;
    struct visit *visit = visit_add(w, p, place);
    visit->buys = true;
    visit->category = (int8_t)purchase->category;
    visit->product = purchase->product;
    visit->campaign = (int16_t)purchase->campaign;
    return true;
}

static void plan_person(struct world *w, struct person *p) {
    struct purchase purchases[PURCHASES_MAX];
    int count = p->kind == PERSON_ANONYMOUS ? 0 : plan_purchases(w, p, purchases);
    for (int i = 0; i < count; i++)
        if (buy(w, p, &purchases[i]) && purchases[i].campaign >= 0)
            w->campaigns[purchases[i].campaign].caused++;
    if (p->next_browse_day <= w->day)
        look_around(w, p);
    sleep_until(w, p);
}

int sim_days_imagine(struct world *w, struct person p, int64_t after_ms, int64_t until_ms) {
    const struct simulate_summary summary = w->summary;
    const int today = w->day;
    int within = 0;
    for (; sim_day_start_ms(w, w->day) <= until_ms && p.churn_day > w->day; w->day++) {
        struct purchase purchases[PURCHASES_MAX];
        int count = p.wake_day <= w->day ? plan_purchases(w, &p, purchases) : 0;
        for (int i = 0; i < count; i++) {
            struct order order = {.person = &p, .coupon = -1};
            enum place place = choose_place(&p, purchases[i].category);
            if (place == PLACES)
                continue;
            int64_t at_ms = sim_day_start_ms(w, w->day) + hour_of_visit(&p.random, place == PLACE_STORE);
            sim_order_fill(w, &order, purchases[i].category, purchases[i].product, purchases[i].campaign);
            within += at_ms > after_ms && at_ms <= until_ms;
        }
        sleep_until(w, &p);
    }
    w->day = today;
    w->summary = summary;
    return within;
}

/* Who is dissatisfied rings the call centre in the weeks before leaving. */
static void complain(struct world *w, struct person *p) {
    if (p->churn_day != NEVER && p->churn_day - w->day < 40 && p->kind != PERSON_ANONYMOUS &&
        random_chance(&p->random, 0.012))
        sim_call_centre(w, p, "", sim_day_start_ms(w, w->day) + random_between(&p->random, 9, 20) * HOUR_MS, true);
}

static int by_clock(const void *left, const void *right) {
    const struct visit *a = left, *b = right;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return (a->person > b->person) - (a->person < b->person);
}

void sim_days_prepare(struct world *w) {
    for (size_t i = 0; i < w->person_count; i++) {
        struct person *p = &w->people[i];
        p->wake_day = p->first_day > 0 ? p->first_day : 0;
    }
}

void sim_day_run(struct world *w) {
    w->visit_count = 0;
    sim_touches_day(w);
    for (size_t i = 0; i < w->person_count; i++) {
        struct person *p = &w->people[i];
        if (p->first_day > w->day || p->churn_day <= w->day)
            continue;
        complain(w, p);
        if (p->wake_day <= w->day)
            plan_person(w, p);
    }
    sim_members_day(w);
    if (w->visit_count)
        qsort(w->visits, w->visit_count, sizeof *w->visits, by_clock);
    for (size_t i = 0; i < w->visit_count; i++) {
        if (w->visits[i].place == PLACE_STORE)
            sim_visit_store(w, &w->visits[i]);
        else
            sim_visit_online(w, &w->visits[i]);
    }
    sim_walk_ins(w);
    sim_shop_ad_costs(w);
}
