/* simulate/visit: one visit on web, app or mini-program, as the calls Segment's SDKs would send.
 *
 * A visit starts on a device in the state the last one left: logged in as this person, as another (shared devices; then
 * that person is logged out first, and the calls stay anonymous until this one logs in), or as nobody. The anonymous id
 * is kept over logins, which is what makes shared devices a trap. Times: `timestamp` and `originalTimestamp` are the
 * device's clock at the happening, `sentAt` the same clock at sending, `receivedAt` the company's clock. */
#include <assert.h>
#include <stdio.h>

#include "base/hash.h"
#include "main/simulate/world.h"

struct session {
    struct world *w;
    struct person *p;
    struct device *device;
    uint32_t device_number;
    enum simulated_feed feed;
    int64_t now_ms, offline_ms;
    int campaign; /* of the ad or message that brought them, or -1 */
    bool logged_in, kiosk;
    char anonymous[40];
    char context[1024]; /* see prepare_context */
    size_t context_size;
    /* the call being written */
    struct json_writer out;
    char message[40];
    bool no_ids;
};

static const struct {
    const char *maker, *model, *os, *version;
} phones[] = {
    {"Apple", "iPhone16,1", "iOS", "18.1"},     {"Apple", "iPhone14,5", "iOS", "17.6"},
    {"HUAWEI", "ALN-AL00", "HarmonyOS", "4.2"}, {"Xiaomi", "23127PN0CC", "Android", "14"},
    {"OPPO", "PHZ110", "Android", "14"},        {"vivo", "V2309A", "Android", "14"},
    {"HONOR", "ANY-AN00", "Android", "13"},     {"Apple", "iPhone17,2", "iOS", "18.4"},
};
static const char *const agents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile "
    "Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 "
    "Edg/125.0.0.0",
};

static void member_print(struct json_writer *j, const char *key, const char *format, unsigned number) {
    char text[64];
    snprintf(text, sizeof text, format, number);
    json_member_cstring(j, key, text);
}

static void external_id(struct json_writer *j, const struct session *s, bool union_id) {
    char text[40];
    const char *type = union_id ? "unionid" : "openid";
    int bit = union_id ? TOLD_UNIONID : TOLD_OPENID;
    struct slice id = sim_wechat_id(s->w, s->p, union_id, text);
    json_object(j);
    json_member_text(j, "id", id);
    json_member_cstring(j, "type", type);
    json_member_cstring(j, "collection", "users");
    json_member_cstring(j, "encoding", "none");
    json_end_object(j);
    if (!(s->p->told & bit)) {
        s->p->told |= (uint16_t)bit;
        sim_truth_identifier(s->w, type, id, s->p, false);
    }
}

static void page_context(struct json_writer *j, const struct session *s, const char *path, const char *title) {
    char url[160];
    json_key(j, "page");
    json_object(j);
    json_member_cstring(j, "path", path);
    snprintf(url, sizeof url, "https://www.yunji-mall.example%s", path);
    json_member_cstring(j, "url", url);
    json_member_cstring(j, "title", title);
    json_member_cstring(j, "referrer", s->campaign >= 0 ? "https://ad.example/" : "");
    json_end_object(j);
}

static void web_context(struct json_writer *j, const struct session *s) {
    json_member_cstring(j, "userAgent", agents[s->device->model % 4]);
    json_key(j, "library");
    json_raw(j, SLICE("{\"name\":\"analytics.js\",\"version\":\"1.70.0\"}"));
}

static void phone_context(struct json_writer *j, const struct session *s) {
    unsigned i = s->device->model % 8;
    char id[40];
    json_key(j, "device");
    json_object(j);
    if (s->feed == FEED_APP) {
        json_member_text(j, "id", sim_device_id(s->w, s->device_number, id));
    }
    json_member_cstring(j, "manufacturer", phones[i].maker);
    json_member_cstring(j, "model", phones[i].model);
    json_end_object(j);
    json_key(j, "os");
    json_object(j);
    json_member_cstring(j, "name", phones[i].os);
    json_member_cstring(j, "version", phones[i].version);
    json_end_object(j);
    json_key(j, "library");
    if (s->feed == FEED_APP)
        json_raw(j, i % 8 < 2 || i == 7 ? SLICE("{\"name\":\"analytics-swift\",\"version\":\"1.6.2\"}")
                                        : SLICE("{\"name\":\"analytics-kotlin\",\"version\":\"1.16.3\"}"));
    else
        json_raw(j, SLICE("{\"name\":\"analytics-wechat\",\"version\":\"1.0.4\"}"));
}

static void campaign_context(struct json_writer *j, const struct session *s) {
    const struct campaign *c = &s->w->campaigns[s->campaign];
    json_key(j, "campaign");
    json_object(j);
    json_member_cstring(j, "name", c->id);
    json_member_cstring(j, "source", c->channel == TOUCH_AD ? sim_platform_names[c->platform] : "crm");
    json_member_cstring(j, "medium", c->channel == TOUCH_AD ? "cpc" : c->channel == TOUCH_SMS ? "sms" : "email");
    json_end_object(j);
}

/* What all calls of the visit have in their context, as the inside of a JSON object. */
static void prepare_context(struct session *s) {
    struct buffer text = {0};
    struct json_writer writer = {.out = &text}, *j = &writer;
    char ip[32];
    uint64_t bits = hash_mix(s->w->salt ^ s->device_number);
    json_object(j);
    if (s->feed == FEED_WEB)
        web_context(j, s);
    else
        phone_context(j, s);
    if (s->feed == FEED_APP) {
        json_key(j, "app");
        json_raw(j, SLICE("{\"name\":\"云集优选\",\"version\":\"5.2.0\",\"build\":\"5203\"}"));
    }
    if (s->feed == FEED_MINIPROGRAM) {
        json_key(j, "externalIds");
        json_array(j);
        external_id(j, s, false);
        if (s->p->unionid)
            external_id(j, s, true);
        json_end_array(j);
    }
    if (s->campaign >= 0)
        campaign_context(j, s);
    json_member_cstring(j, "locale", "zh-CN");
    snprintf(ip, sizeof ip, "%u.%u.%u.%u", 36 + (unsigned)(bits % 180), (unsigned)(bits >> 8 & 255),
             (unsigned)(bits >> 16 & 255), (unsigned)(bits >> 24 & 255));
    json_member_cstring(j, "ip", ip);
    assert(text.size - 1 <= sizeof s->context);
    s->context_size = text.size - 1;
    memcpy(s->context, text.data + 1, s->context_size);
    buffer_release(&text);
}

static void write_context(struct session *s, const char *path, const char *title) {
    struct json_writer *j = &s->out;
    json_key(j, "context");
    json_object(j);
    if (s->feed == FEED_WEB)
        page_context(j, s, path, title);
    if (j->comma)
        buffer_add_char(j->out, ',');
    buffer_add(j->out, s->context, s->context_size);
    json_end_object(j);
}

static void write_user(struct session *s, bool identify) {
    struct json_writer *j = &s->out;
    if (!identify && s->feed == FEED_WEB && !s->logged_in && sim_soil(s->w, &s->p->random, DIRT_FILLER_USER, s->feed)) {
        static const char *const fillers[] = {"null", "undefined", "0000"};
        json_member_cstring(j, "userId", fillers[random_below(&s->p->random, 3)]);
    } else if (s->logged_in) {
        member_print(j, "userId", "u%07u", s->p->number * 3 + 1000);
    } else if (s->feed == FEED_WEB) {
        json_key(j, "userId");
        json_null(j);
    }
}

/* Opens a call up to its context; the caller adds event, properties or traits, then call_end. */
static struct json_writer *call_begin(struct session *s, const char *type, const char *path, const char *title) {
    struct random *r = &s->p->random;
    struct json_writer *j = &s->out;
    *j = (struct json_writer){.out = feeds_begin(&s->w->feeds)};
    sim_uuid_draw(r, s->message);
    s->no_ids = !s->kiosk && strcmp(type, "identify") != 0 && sim_soil(s->w, r, DIRT_MISSING_ID, s->feed);
    json_object(j);
    json_member_cstring(j, "type", type);
    json_member_cstring(j, "messageId", s->message);
    if (!s->no_ids) {
        json_member_cstring(j, "anonymousId", s->anonymous);
        write_user(s, strcmp(type, "identify") == 0);
    }
    write_context(s, path, title);
    return j;
}

static void call_end(struct session *s) {
    struct random *r = &s->p->random;
    struct json_writer *j = &s->out;
    int64_t skew = s->device->skew_ms, sent = s->now_ms + s->offline_ms + random_between(r, 20, 900);
    int64_t arrival = sent + random_between(r, 40, 600);
    if (s->offline_ms)
        sim_soil_count(s->w, DIRT_LATE_CALL, s->feed);
    else if (sim_soil(s->w, r, DIRT_OUT_OF_ORDER, s->feed))
        arrival += random_between(r, 5, 40) * MINUTE_MS;
    if (skew)
        sim_soil_count(s->w, skew > 0 ? DIRT_CLOCK_AHEAD : DIRT_CLOCK_BEHIND, s->feed);
    json_member_time(j, "timestamp", s->now_ms + skew);
    json_member_time(j, "originalTimestamp", s->now_ms + skew);
    json_member_time(j, "sentAt", sent + skew);
    json_member_time(j, "receivedAt", arrival);
    json_end_object(j);
    bool repeat = sim_soil(s->w, r, DIRT_EXACT_REPEAT, s->feed);
    feeds_end(&s->w->feeds, s->feed, arrival, repeat ? 2 : 1, random_between(r, 1000, 9 * MINUTE_MS));
    if (!s->no_ids || s->feed != FEED_WEB) /* phones tell a device id or openid all the same */
        sim_truth_record(s->w, s->feed, slice_text(s->message), s->p, arrival);
    s->now_ms += random_between(r, 3000, 70000);
}

static struct json_writer *track_begin(struct session *s, const char *event, const char *path, const char *title) {
    struct json_writer *j = call_begin(s, "track", path, title);
    json_member_cstring(j, "event", event);
    json_key(j, "properties");
    json_object(j);
    return j;
}

static void track_end(struct session *s) {
    json_end_object(&s->out);
    call_end(s);
}

static void page(struct session *s, const char *name, const char *path) {
    bool web = s->feed == FEED_WEB;
    struct json_writer *j = call_begin(s, web ? "page" : "screen", path, name);
    json_member_cstring(j, "name", name);
    json_key(j, "properties");
    json_object(j);
    if (web)
        json_member_cstring(j, "path", path);
    json_member_cstring(j, "title", name);
    track_end(s);
}

static void product_members(struct json_writer *j, const struct product *product, int number, int quantity) {
    char name[96];
    member_print(j, "product_id", "SK%05u", 10001 + (unsigned)number);
    json_member_text(j, "name", sim_product_name(product, name));
    json_member_cstring(j, "brand", sim_categories[product->category].brands[product->brand]);
    json_member_cstring(j, "category", sim_categories[product->category].name);
    if (quantity)
        json_member_integer(j, "quantity", quantity);
}

static void price_member(struct json_writer *j, const char *key, int64_t fen) {
    json_key(j, key);
    json_decimal(j, fen, 2);
}

static void track_product(struct session *s, const char *event, int number, int quantity) {
    const struct product *product = &s->w->products[number];
    char path[32];
    snprintf(path, sizeof path, "/p/SK%05d", 10001 + number);
    struct json_writer *j = track_begin(s, event, path, "商品详情");
    product_members(j, product, number, quantity);
    if (strcmp(event, "Product Viewed") == 0 && sim_soil(s->w, &s->p->random, DIRT_WRONG_TYPE, s->feed)) {
        static const char *const wrong[] = {"abc", "NaN", "--", "面议"};
        json_member_cstring(j, "price", wrong[random_below(&s->p->random, 4)]);
    } else {
        price_member(j, "price", product->price);
    }
    json_member_cstring(j, "currency", "CNY");
    track_end(s);
}

static void write_email(struct session *s, struct json_writer *j) {
    char email[64], soiled[72];
    struct slice text = sim_person_email(s->p, email);
    sim_truth_email(s->w, s->p);
    if (sim_soil(s->w, &s->p->random, DIRT_EMAIL_CASE, s->feed)) {
        snprintf(soiled, sizeof soiled, " %s", email);
        soiled[1] = (char)(soiled[1] - 32);
        text = slice_text(soiled);
    }
    json_member_text(j, "email", text);
}

static void write_traits(struct session *s, bool phone) {
    struct json_writer *j = &s->out;
    struct person *p = s->p;
    char name[NAME_BYTES], date[TIME_TEXT_BYTES];
    json_key(j, "traits");
    json_object(j);
    if (p->number % 3)
        json_member_text(j, "name", sim_person_name(p, name));
    if (phone) {
        uint64_t number = sim_person_phone(p, s->w->day);
        snprintf(date, sizeof date, p->number % 2 ? "+%llu" : "%llu",
                 (unsigned long long)(p->number % 2 ? number : number % 100000000000));
        json_member_cstring(j, "phone", date);
        sim_truth_phone(s->w, p, number);
    }
    if (p->email)
        write_email(s, j);
    if (p->number % 4 == 0)
        json_member_cstring(j, "gender", p->gender ? "male" : "female");
    if (p->number % 5 == 0)
        json_member_text(j, "birthday", slice_of(date, time_format_date(p->birthday, date)));
    if (p->child_birthday && p->number % 2)
        json_member_text(j, "child_birthday", slice_of(date, time_format_date(p->child_birthday, date)));
    json_member_cstring(j, "city", sim_cities[p->city].name);
    json_end_object(j);
}

static void group(struct session *s) {
    struct json_writer *j = call_begin(s, "group", "/account/company", "企业账户");
    member_print(j, "groupId", "company-%04u", s->p->number % 97 + 1);
    json_key(j, "traits");
    json_object(j);
    member_print(j, "name", "第%u采购公司", s->p->number % 97 + 1);
    json_member_cstring(j, "industry", "企业采购");
    json_end_object(j);
    call_end(s);
}

static void alias(struct session *s) {
    struct json_writer *j = call_begin(s, "alias", "", "");
    json_member_cstring(j, "previousId", s->anonymous);
    call_end(s);
}

static void log_in(struct session *s) {
    struct person *p = s->p;
    bool first = !p->account_exists;
    p->account_exists = true;
    s->logged_in = true;
    s->device->user = p->number + 1;
    s->device->user_until = (int16_t)(s->w->day + random_between(&p->random, 20, 90));
    sim_truth_user(s->w, p);
    if (s->feed == FEED_APP && p->number % 3 == 0 && first)
        alias(s);
    if (s->feed == FEED_MINIPROGRAM)
        p->mini_authorised = true;
    struct json_writer *j = track_begin(s, first ? "Signed Up" : "Signed In", "/login", "登录");
    json_member_cstring(j, "method",
                        s->feed == FEED_MINIPROGRAM ? "wechat_phone"
                        : p->account_phone          ? "sms_code"
                                                    : "password");
    track_end(s);
    call_begin(s, "identify", "/login", "登录");
    write_traits(s, p->account_phone || s->feed == FEED_MINIPROGRAM);
    call_end(s);
    if (p->corporate && s->feed == FEED_WEB)
        group(s);
}

static void search(struct session *s, int category) {
    struct json_writer *j = track_begin(s, "Products Searched", "/search", "搜索");
    json_member_cstring(j, "query", sim_categories[category].goods[random_below(&s->p->random, 5)]);
    track_end(s);
}

static void write_products(struct session *s, const struct order *order) {
    struct json_writer *j = &s->out;
    json_key(j, "products");
    json_array(j);
    for (int i = 0; i < order->item_count; i++) {
        const struct item *item = &order->items[i];
        json_object(j);
        product_members(j, &s->w->products[item->product], item->product, item->quantity);
        price_member(j, "price", item->price);
        json_end_object(j);
    }
    json_end_array(j);
}

static void track_order(struct session *s, const char *event, const struct order *order, bool complete) {
    struct json_writer *j =
        track_begin(s, event, complete ? "/checkout/done" : "/checkout", complete ? "支付成功" : "结算");
    json_member_cstring(j, "order_id", order->id);
    price_member(j, "total", order->total);
    price_member(j, "revenue", order->total);
    price_member(j, "discount", order->discount);
    json_member_cstring(j, "currency", "CNY");
    if (order->coupon >= 0)
        json_member_cstring(j, "coupon", s->w->coupons[order->coupon].id);
    write_products(s, order);
    track_end(s);
}

static void cart(struct session *s, const struct order *order) {
    for (int i = 0; i < order->item_count; i++) {
        if (i == 0 || random_chance(&s->p->random, 0.6))
            track_product(s, "Product Viewed", order->items[i].product, 0);
        track_product(s, "Product Added", order->items[i].product, order->items[i].quantity);
    }
    if (!random_chance(&s->p->random, 0.6))
        return;
    struct json_writer *j = track_begin(s, "Cart Viewed", "/cart", "购物车");
    json_member_integer(j, "item_count", order->item_count);
    track_end(s);
}

/* Checkout to the end. Some buy as guests on the web: the order then carries a phone and no user. */
static void check_out(struct session *s, const struct visit *visit) {
    struct order order = {.person = s->p, .place = (enum place)visit->place, .coupon = -1};
    snprintf(order.id, sizeof order.id, "E%010llu", (unsigned long long)(2000000000 + s->w->order_number++));
    sim_order_fill(s->w, &order, visit->category, visit->product, visit->campaign);
    cart(s, &order);
    bool guest = !s->p->account_exists && s->feed == FEED_WEB && random_chance(&s->p->random, 0.12);
    if (!s->logged_in && !guest)
        log_in(s);
    track_order(s, "Checkout Started", &order, false);
    order.at_ms = s->now_ms;
    if (!sim_soil(s->w, &s->p->random, DIRT_LOST_CALL, s->feed))
        track_order(s, "Order Completed", &order, true);
    sim_order_online(s->w, &order, s->logged_in);
}

static void leave_cart(struct session *s, int number) {
    track_product(s, "Product Added", number, 1);
    if (!random_chance(&s->p->random, 0.3))
        return;
    struct json_writer *j = track_begin(s, "Checkout Started", "/checkout", "结算");
    price_member(j, "total", s->w->products[number].price);
    json_member_cstring(j, "currency", "CNY");
    track_end(s);
}

static uint32_t choose_device(struct session *s, const struct visit *visit) {
    struct world *w = s->w;
    struct person *p = s->p;
    const struct store *store = &w->stores[p->store];
    if (visit->place == PLACE_MINI)
        return p->mini;
    if (visit->place == PLACE_APP)
        return p->tablet && (!p->app || random_chance(&p->random, 0.3)) ? p->tablet : p->app;
    if (visit->buys && p->kind == PERSON_OMNI && store->kiosk && store->closed_day > w->day &&
        random_chance(&p->random, 0.06)) {
        s->kiosk = true;
        return store->kiosk;
    }
    return p->web[1] && random_chance(&p->random, 0.35) ? p->web[1] : p->web[0];
}

/* The device as this visit finds it. */
static void open_session(struct session *s, const struct visit *visit) {
    struct device *d = s->device;
    struct random *r = &s->p->random;
    if (!d->shared && d->place == PLACE_WEB && random_chance(r, 0.012)) {
        d->generation++; /* cookies cleared */
        d->user = 0;
        d->told = false;
    }
    sim_device_anonymous(s->w, s->device_number, s->anonymous);
    s->now_ms = visit->at_ms > d->busy_until_ms ? visit->at_ms : d->busy_until_ms + MINUTE_MS;
    if (d->user != s->p->number + 1 || d->user_until < s->w->day)
        d->user = 0;
    s->logged_in = d->user != 0;
    s->offline_ms = 0;
    if (d->place != PLACE_WEB && random_chance(r, s->w->dirt_rate[DIRT_LATE_CALL]))
        s->offline_ms = random_between(r, HOUR_MS, random_chance(r, 0.8) ? 20 * HOUR_MS : 5 * DAY_MS);
    sim_truth_device(s->w, s->p, s->device_number);
}

static void close_session(struct session *s) {
    s->device->busy_until_ms = s->now_ms;
    if (!s->kiosk)
        return;
    track_begin(s, "Signed Out", "/login", "退出");
    track_end(s);
    s->device->user = 0;
}

/* How readily somebody logs in before having to. */
static double login_chance(const struct session *s) {
    if (s->p->kind == PERSON_ANONYMOUS || s->p->kind == PERSON_STORE)
        return 0;
    return s->kiosk ? 1 : !s->p->account_exists ? 0.1 : s->device->shared ? 0.8 : 0.5;
}

static void arrive(struct session *s, const struct visit *visit) {
    struct world *w = s->w;
    bool may_ad = visit->campaign < 0 && !s->kiosk && s->feed != FEED_APP;
    if (may_ad && random_chance(&s->p->random, 0.03 + 0.10 * s->p->ads))
        s->campaign = sim_ad_click(w, s->p, s->device_number, s->now_ms);
    s->now_ms += 1500;
    prepare_context(s);
    if (s->feed == FEED_APP) {
        track_begin(s, "Application Opened", "", "");
        track_end(s);
    }
    page(s, s->campaign >= 0 ? "活动页" : "首页", s->campaign >= 0 ? "/landing" : "/");
    if (!s->logged_in && random_chance(&s->p->random, login_chance(s)))
        log_in(s);
}

/* An ad now and then turns looking around into buying: the planted effect of the platform. */
static bool persuaded(struct session *s) {
    struct person *p = s->p;
    if (s->campaign < 0 || p->kind == PERSON_ANONYMOUS || s->w->campaigns[s->campaign].channel != TOUCH_AD ||
        !random_chance(&p->random, s->w->campaigns[s->campaign].uplift * 2 * p->ads))
        return false;
    s->w->campaigns[s->campaign].caused++;
    return true;
}

void sim_visit_online(struct world *w, const struct visit *visit) {
    static const enum simulated_feed feeds[] = {FEED_WEB, FEED_APP, FEED_MINIPROGRAM};
    assert(visit->place < PLACE_STORE);
    struct session s = {
        .w = w, .p = &w->people[visit->person], .feed = feeds[visit->place], .campaign = visit->campaign};
    struct random *r = &s.p->random;
    struct visit own = *visit;
    s.device_number = choose_device(&s, visit);
    assert(s.device_number > 0 && s.device_number < w->device_count);
    s.device = &w->devices[s.device_number];
    open_session(&s, visit);
    arrive(&s, visit);
    if (own.category < 0)
        own.category = (int8_t)s.p->needs[random_below(r, s.p->need_count)].category;
    if (random_chance(r, 0.3))
        search(&s, own.category);
    int seen = -1;
    for (int views = (int)random_between(r, visit->buys ? 0 : 1, 3); views > 0; views--) {
        seen = sim_shop_pick(w, r, own.category, -1);
        track_product(&s, "Product Viewed", seen, 0);
    }
    if (visit->buys || persuaded(&s))
        check_out(&s, &own);
    else if (seen >= 0 && random_chance(r, 0.25))
        leave_cart(&s, seen);
    close_session(&s);
}
