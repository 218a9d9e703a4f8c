/* simulate/shop: what there is to sell and how it is advertised; the master-data files. */
#include <assert.h>
#include <stdio.h>

#include "main/simulate/world.h"

static void create_products(struct world *w) {
    struct random *r = &w->random;
    for (int i = 0; i < PRODUCTS; i++) {
        struct product *p = &w->products[i];
        const struct category *c = &sim_categories[i / PRODUCTS_EACH];
        p->category = (uint8_t)(i / PRODUCTS_EACH);
        p->brand = (uint8_t)(i % BRANDS_EACH);
        p->good = (uint8_t)(i % PRODUCTS_EACH / 4);
        double place = sim_draw_low(r);
        p->price = c->price_low + (int)((c->price_high - c->price_low) * place);
        p->price = p->price >= 10000 ? p->price / 1000 * 1000 + 900 : p->price / 100 * 100 + 90;
        p->cost = (int)(p->price * (0.35 + 0.35 * random_unit(r)));
        p->delisted_day = random_chance(r, 0.04) ? (int16_t)random_between(r, 0, w->days) : NEVER;
        p->listed_day = (int16_t)(random_chance(r, 0.06) ? random_between(r, 1, w->days) : -random_between(r, 30, 900));
    }
}

static void create_affinities(struct world *w) {
    static const struct {
        int first, second;
        bool together;
        double chance;
        int low, high;
    } plan[AFFINITIES] = {
        {0, 0, true, 0.35, 0, 0},   {1, 0, false, 0.30, 3, 12}, {4, 5, true, 0.40, 0, 0},   {4, 6, false, 0.35, 4, 14},
        {8, 9, true, 0.45, 0, 0},   {10, 9, true, 0.40, 0, 0},  {3, 0, false, 0.25, 5, 14}, {11, 8, true, 0.30, 0, 0},
        {5, 7, false, 0.28, 6, 20}, {2, 1, false, 0.30, 5, 20}, {6, 7, true, 0.25, 0, 0},   {1, 3, true, 0.30, 0, 0},
    };
    for (int i = 0; i < AFFINITIES; i++) {
        /* the best sellers of a category come first (shop_pick), so that the pairs have support */
        uint16_t first = (uint16_t)(plan[i].first * PRODUCTS_EACH + i % 3),
                 second = (uint16_t)(plan[i].second * PRODUCTS_EACH + 1 + i % 4);
        if (first == second)
            second++;
        w->affinities[i] =
            (struct affinity){first, second, plan[i].together, plan[i].chance, plan[i].low, plan[i].high};
        w->products[first].delisted_day = w->products[second].delisted_day = NEVER;
        w->products[first].listed_day = w->products[second].listed_day = -200;
    }
}

static void create_coupons(struct world *w) {
    static const int offs[COUPONS] = {500, 1000, 1500, 2000, 3000, 4000, 5000, 6000, 8000, 1000, 2000, 5000};
    for (int i = 0; i < COUPONS; i++) {
        snprintf(w->coupons[i].id, sizeof w->coupons[i].id, "CP%03d", i + 1);
        w->coupons[i].off = offs[i];
        w->coupons[i].threshold = offs[i] * (i < 9 ? 8 : 5);
    }
}

static void add_campaign(struct world *w, int channel, int platform, int first_day, int length, double uplift,
                         int coupon) {
    if (w->campaign_count == CAMPAIGNS_MAX || first_day >= w->days)
        return;
    struct campaign *c = &w->campaigns[w->campaign_count++];
    *c = (struct campaign){
        .channel = (uint8_t)channel, .platform = (uint8_t)platform, .coupon = (int8_t)(coupon < 0 ? -1 : coupon)};
    c->first_day = (int16_t)first_day;
    c->last_day = (int16_t)(first_day + length - 1);
    c->uplift = uplift;
    snprintf(c->id, sizeof c->id, "C%03d", w->campaign_count);
}

/* A text message every 14 days, an e-mail every 12, and each ad platform month by month. */
static void create_campaigns(struct world *w) {
    static const double ad_uplift[PLATFORMS] = {0.06, 0.10, 0.01, 0.05}; /* search ads reach people who come anyway */
    struct random *r = &w->random;
    int step = w->days > 365 ? 28 : 14;
    for (int day = 9; day < w->days; day += step) {
        double uplift = (double)random_between(r, 30, 90) / 1000;
        add_campaign(w, TOUCH_SMS, 0, day, 1, uplift, (int)random_below(r, COUPONS));
    }
    for (int day = 4; day < w->days; day += step) {
        double uplift = (double)random_between(r, 10, 50) / 1000;
        add_campaign(w, TOUCH_EMAIL, 0, day, 1, uplift, (int)random_between(r, -COUPONS, COUPONS - 1));
    }
    for (int day = 0; day < w->days; day += step * 2 + 2)
        for (int platform = 0; platform < PLATFORMS; platform++)
            add_campaign(w, TOUCH_AD, platform, day, step * 2 + 2, ad_uplift[platform], -1);
}

void sim_shop_create(struct world *w) {
    create_products(w);
    create_affinities(w);
    create_coupons(w);
    create_campaigns(w);
    for (int i = 0; i < STORES; i++) {
        w->stores[i].city = (uint8_t)(i % CITIES);
        w->stores[i].closed_day = i % 13 == 12 ? (int16_t)random_between(&w->random, 60, 300) : NEVER;
    }
    assert(w->campaign_count > 0 && w->campaign_count <= CAMPAIGNS_MAX);
}

int sim_shop_pick(struct world *w, struct random *r, int category, int brand) {
    for (int tries = 0; tries < 20; tries++) {
        int first = (int)random_below(r, PRODUCTS_EACH), second = (int)random_below(r, PRODUCTS_EACH);
        int i = category * PRODUCTS_EACH + (first < second ? first : second); /* low numbers sell best */
        const struct product *p = &w->products[i];
        if (p->listed_day > w->day || p->delisted_day <= w->day)
            continue;
        if (brand < 0 || p->brand == brand || tries > 4)
            return i;
    }
    return category * PRODUCTS_EACH + 1;
}

double sim_shop_season(const struct world *w, int day) {
    int64_t year;
    unsigned month, of_month;
    int32_t date = sim_day_date(w, day);
    time_civil(date, &year, &month, &of_month);
    double season = (date + 3) % 7 >= 5 ? 1.25 : 0.95; /* 1970-01-01 was a Thursday */
    if (month == 11 && of_month >= 8 && of_month <= 11)
        season *= 2.2;
    else if (month == 6 && of_month >= 15 && of_month <= 18)
        season *= 1.9;
    else if (month == 3 && of_month >= 5 && of_month <= 8)
        season *= 1.5;
    else if (month == 1 && of_month >= 15)
        season *= 1.2;
    return season;
}

static void date_field(struct world *w, int day) {
    char text[TIME_TEXT_BYTES];
    feeds_field(&w->feeds, day == NEVER ? SLICE_NONE : slice_of(text, time_format_date(sim_day_date(w, day), text)));
}

static void write_products(struct world *w) {
    struct feeds *f = &w->feeds;
    char text[96], money[32];
    for (int i = 0; i < PRODUCTS; i++) {
        const struct product *p = &w->products[i];
        const struct category *c = &sim_categories[p->category];
        feeds_begin(f);
        feeds_print(f, "SK%05d", 10001 + i);
        feeds_field(f, sim_product_name(p, text));
        feeds_text(f, c->brands[p->brand]);
        feeds_text(f, c->name);
        feeds_text(f, c->path);
        feeds_field(f, sim_yuan(money, p->price));
        feeds_field(f, sim_yuan(money, p->cost));
        feeds_print(f, "%d", c->shelf_days);
        feeds_text(f, p->delisted_day == NEVER ? "on_sale" : "delisted");
        date_field(w, p->listed_day);
        date_field(w, p->delisted_day);
        feeds_end(f, FEED_PRODUCTS, w->start_ms, 1, 0);
    }
}

static void write_stores(struct world *w) {
    struct feeds *f = &w->feeds;
    for (int i = 0; i < STORES; i++) {
        const struct store *s = &w->stores[i];
        feeds_begin(f);
        feeds_print(f, "S%03d", i + 1);
        feeds_print(f, "%s%s店%s", sim_cities[s->city].name, sim_store_district(i), i >= 20 ? "（二店）" : "");
        feeds_text(f, sim_cities[s->city].name);
        feeds_text(f, s->closed_day == NEVER ? "open" : "closed");
        date_field(w, -1000 + i * 11);
        date_field(w, s->closed_day);
        feeds_end(f, FEED_STORES, w->start_ms, 1, 0);
    }
}

static void write_campaigns(struct world *w) {
    static const char *const channels[] = {"sms", "email", "ad"}, *const names[] = {"短信", "邮件", "广告"};
    struct feeds *f = &w->feeds;
    for (int i = 0; i < w->campaign_count; i++) {
        const struct campaign *c = &w->campaigns[i];
        bool ad = c->channel == TOUCH_AD;
        feeds_begin(f);
        feeds_text(f, c->id);
        feeds_print(f, "%s%s第%d期", ad ? sim_platform_names[c->platform] : "会员", names[c->channel], i + 1);
        feeds_text(f, channels[c->channel]);
        feeds_text(f, ad ? sim_platform_names[c->platform] : "");
        feeds_text(f, c->coupon >= 0 ? w->coupons[c->coupon].id : "");
        date_field(w, c->first_day);
        date_field(w, c->last_day);
        feeds_end(f, FEED_CAMPAIGNS, w->start_ms, 1, 0);
    }
}

static void write_staff(struct world *w) {
    struct feeds *f = &w->feeds;
    for (int i = 0; i < STORES * 2 + 20; i++) {
        struct person named = {.gender = i % 3 == 0,
                               .surname = (uint8_t)(i * 7 % sim_surname_count()),
                               .given = {(uint8_t)(i * 11 % 48), (uint8_t)(i * 5 % 48)}};
        char name[NAME_BYTES];
        bool agent = i >= STORES * 2;
        feeds_begin(f);
        feeds_print(f, "E%03d", i + 1);
        feeds_field(f, sim_person_name(&named, name));
        feeds_text(f, agent ? "客服" : i % 2 ? "收银员" : "导购");
        if (agent)
            feeds_text(f, "");
        else
            feeds_print(f, "S%03d", i / 2 + 1);
        feeds_end(f, FEED_STAFF, w->start_ms, 1, 0);
    }
}

static void write_coupons(struct world *w) {
    struct feeds *f = &w->feeds;
    char money[32];
    for (int i = 0; i < COUPONS; i++) {
        const struct coupon *c = &w->coupons[i];
        feeds_begin(f);
        feeds_text(f, c->id);
        feeds_print(f, "满%d减%d", c->threshold / 100, c->off / 100);
        feeds_field(f, sim_yuan(money, c->threshold));
        feeds_field(f, sim_yuan(money, c->off));
        feeds_end(f, FEED_COUPONS, w->start_ms, 1, 0);
    }
}

void sim_shop_write(struct world *w) {
    write_products(w);
    write_stores(w);
    write_campaigns(w);
    write_staff(w);
    write_coupons(w);
}

/* One row a day for every running ad campaign: what the platform bills. Clicks include people who never come to matter.
 */
void sim_shop_ad_costs(struct world *w) {
    struct feeds *f = &w->feeds;
    char text[TIME_TEXT_BYTES], money[32];
    for (int i = 0; i < w->campaign_count; i++) {
        struct campaign *c = &w->campaigns[i];
        if (c->channel != TOUCH_AD || w->day < c->first_day || w->day > c->last_day)
            continue;
        int64_t clicks = random_between(&w->random, 5, 20) + (int64_t)w->person_count / 400;
        int64_t cost = clicks * random_between(&w->random, 80, 260);
        struct slice date = slice_of(text, time_format_date(sim_day_date(w, w->day), text));
        c->cost += (uint64_t)cost;
        feeds_begin(f);
        feeds_print(f, "%s-%.*s", c->id, SLICE_ARG(date));
        feeds_text(f, c->id);
        feeds_text(f, sim_platform_names[c->platform]);
        feeds_field(f, date);
        feeds_field(f, sim_yuan(money, cost));
        feeds_print(f, "%lld", (long long)(clicks * random_between(&w->random, 30, 90)));
        feeds_print(f, "%lld", (long long)clicks);
        feeds_end(f, FEED_AD_COSTS, w->start_ms + w->day * DAY_MS + 23 * HOUR_MS, 1, 0);
    }
}
