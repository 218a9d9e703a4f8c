/* simulate/trade: baskets, online orders as the back office exports them, receipts as the tills print them, and what
 * follows: refunds, reviews, calls. */
#include <assert.h>
#include <stdio.h>

#include "main/simulate/world.h"

static void add_item(struct world *w, struct order *order, int product, int quantity) {
    for (int i = 0; i < order->item_count; i++)
        if (order->items[i].product == product)
            return;
    if (order->item_count == ITEMS_MAX)
        return;
    order->items[order->item_count++] = (struct item){(uint16_t)product, quantity, w->products[product].price};
}

static const struct need *need_of(const struct person *p, int category) {
    for (int i = 0; i < p->need_count; i++)
        if (p->needs[i].category == category)
            return &p->needs[i];
    return NULL;
}

/* Other needs that fall due within a few days come along. */
static void add_other_needs(struct world *w, struct order *order, int category) {
    struct person *p = order->person;
    for (int i = 0; i < p->need_count; i++) {
        struct need *need = &p->needs[i];
        if (need->category == category || need->due_day > w->day + 3 || !random_chance(&p->random, 0.6))
            continue;
        add_item(w, order, sim_shop_pick(w, &p->random, need->category, need->brand), 1);
        need->due_day = (int16_t)(w->day + need->cycle_days);
    }
}

/* What the planted affinities add: to this basket, or as a purchase some days on. */
static void add_affinities(struct world *w, struct order *order) {
    struct person *p = order->person;
    int bought = order->item_count;
    for (int i = 0; i < AFFINITIES; i++) {
        const struct affinity *a = &w->affinities[i];
        bool has = false;
        for (int k = 0; k < bought; k++)
            has = has || order->items[k].product == a->first;
        if (!has || !random_chance(&p->random, a->chance))
            continue;
        if (a->together) {
            add_item(w, order, a->second, 1);
        } else {
            p->cross_product = a->second;
            p->cross_day = (int16_t)(w->day + random_between(&p->random, a->low_days, a->high_days));
            if (p->cross_day < p->wake_day)
                p->wake_day = p->cross_day;
        }
    }
}

static void use_coupon(struct world *w, struct order *order) {
    struct person *p = order->person;
    if (p->coupon >= 0 && p->coupon_until >= w->day && order->gross >= w->coupons[p->coupon].threshold) {
        order->coupon = p->coupon;
        order->discount = w->coupons[p->coupon].off;
        p->coupon = -1;
    } else if (sim_shop_season(w, w->day) >= 1.5) {
        order->discount = order->gross / 10; /* festivals: a tenth off everything */
    } else if (random_chance(&p->random, 0.05 + 0.2 * p->sensitivity)) {
        order->discount = order->gross * random_between(&p->random, 5, 15) / 100;
    }
}

void sim_order_fill(struct world *w, struct order *order, int category, int product, int campaign) {
    struct person *p = order->person;
    assert(category >= 0 && category < CATEGORIES);
    const struct need *need = need_of(p, category);
    int brand = need && random_chance(&p->random, 0.65) ? need->brand : -1;
    int quantity = 1 + (random_chance(&p->random, 0.25) ? (int)random_between(&p->random, 1, 3) : 0);
    add_item(w, order, product >= 0 ? product : sim_shop_pick(w, &p->random, category, brand), quantity);
    if (random_chance(&p->random, 0.3))
        add_item(w, order, sim_shop_pick(w, &p->random, category, -1), 1);
    if (campaign < 0)
        add_other_needs(w, order, category);
    add_affinities(w, order);
    for (int i = 0; i < order->item_count; i++)
        order->gross += (int64_t)order->items[i].price * order->items[i].quantity;
    use_coupon(w, order);
    order->total = order->gross - order->discount;
    p->orders++;
    p->spend += (uint64_t)order->total;
    w->summary.orders++;
    assert(order->item_count > 0 && order->total > 0);
}

static void phone_field(struct world *w, uint64_t phone) {
    if (phone)
        feeds_print(&w->feeds, "%llu", (unsigned long long)(phone % 100000000000));
    else
        feeds_text(&w->feeds, "");
}

/* The phone somebody gives: mostly the first, sometimes the second one. */
static uint64_t given_phone(struct world *w, struct person *p) {
    return p->phones[1] && random_chance(&p->random, 0.3) ? p->phones[1] : sim_person_phone(p, w->day);
}

static void filler_field(struct world *w, struct person *p) {
    static const char *const fillers[] = {"13800138000", "00000000000", "null", "anonymous", "-"};
    feeds_text(&w->feeds, fillers[random_below(&p->random, 5)]);
}

static void order_line(struct world *w, const struct order *order, int line, const char *user, uint64_t phone,
                       bool filler, struct slice receiver) {
    struct feeds *f = &w->feeds;
    struct person *p = order->person;
    const struct item *item = &order->items[line];
    const struct product *product = &w->products[item->product];
    char text[96], time[32];
    feeds_begin(f);
    feeds_text(f, order->id);
    feeds_print(f, "%d", line + 1);
    feeds_field(f, sim_local_time(time, order->at_ms));
    feeds_text(f, "已付款");
    feeds_text(f, sim_place_names[order->place]);
    feeds_text(f, user);
    if (filler)
        filler_field(w, p);
    else
        phone_field(w, phone);
    feeds_field(f, receiver);
    feeds_text(f, sim_cities[p->city].name);
    feeds_print(f, "SK%05d", 10001 + item->product);
    feeds_field(f, sim_product_name(product, text));
    feeds_text(f, sim_categories[product->category].name);
    feeds_text(f, sim_categories[product->category].brands[product->brand]);
    feeds_print(f, "%d", item->quantity);
    feeds_print(f, "%d", item->price);
    feeds_print(f, "%lld", (long long)order->discount);
    feeds_print(f, "%lld", (long long)order->total);
    feeds_text(f, "CNY");
    feeds_text(f, order->coupon >= 0 ? w->coupons[order->coupon].id : "");
    int times = sim_soil(w, &p->random, DIRT_REPEATED_ROW, FEED_ORDERS) ? 2 : 1;
    feeds_end(f, FEED_ORDERS, order->at_ms + 15 * MINUTE_MS, times, 0);
}

/* A later row about the order; the truth hears of the first one (`told` false). Nothing after the last day. */
static void order_update(struct world *w, const struct order *order, const char *status, int64_t at_ms, int64_t refund,
                         bool told) {
    char time[32], record[40];
    if (at_ms >= w->end_ms)
        return;
    feeds_begin(&w->feeds);
    feeds_text(&w->feeds, order->id);
    feeds_text(&w->feeds, status);
    feeds_field(&w->feeds, sim_local_time(time, at_ms));
    if (refund)
        feeds_print(&w->feeds, "%lld", (long long)refund);
    else
        feeds_text(&w->feeds, "");
    feeds_end(&w->feeds, FEED_ORDER_UPDATES, at_ms + MINUTE_MS, 1, 0);
    if (!told) {
        snprintf(record, sizeof record, "order:%s", order->id);
        sim_truth_record(w, FEED_ORDER_UPDATES, slice_text(record), order->person, at_ms);
    }
}

static void track_refund(struct world *w, const struct order *order, int64_t at_ms) {
    struct person *p = order->person;
    char message[40], user[24];
    if (at_ms >= w->end_ms)
        return;
    struct json_writer j = {.out = feeds_begin(&w->feeds)};
    sim_uuid_draw(&p->random, message);
    snprintf(user, sizeof user, "u%07u", p->number * 3 + 1000);
    json_object(&j);
    json_member_cstring(&j, "type", "track");
    json_member_cstring(&j, "messageId", message);
    json_member_cstring(&j, "userId", user);
    json_key(&j, "context");
    json_raw(&j, SLICE("{\"library\":{\"name\":\"analytics-node\",\"version\":\"2.2.0\"}}"));
    json_member_cstring(&j, "event", "Order Refunded");
    json_key(&j, "properties");
    json_object(&j);
    json_member_cstring(&j, "order_id", order->id);
    json_key(&j, "total");
    json_decimal(&j, order->total, 2);
    json_member_cstring(&j, "currency", "CNY");
    json_end_object(&j);
    json_member_time(&j, "timestamp", at_ms);
    json_member_time(&j, "originalTimestamp", at_ms);
    json_member_time(&j, "sentAt", at_ms + 40);
    json_member_time(&j, "receivedAt", at_ms + 90);
    json_end_object(&j);
    feeds_end(&w->feeds, FEED_WEB, at_ms + 90, 1, 0);
    sim_truth_record(w, FEED_WEB, slice_text(message), p, at_ms + 90);
}

static bool leaving(const struct world *w, const struct person *p) {
    return p->churn_day != NEVER && p->churn_day - w->day < 70;
}

static void review(struct world *w, const struct order *order, const char *user) {
    static const char *const texts[5][2] = {
        {"质量太差，再也不买了，客服也不理人", "收到就坏了，非常失望"},
        {"一般般，物流太慢", "和描述不太一样，不太满意"},
        {"还可以吧，中规中矩", "价格有点贵，东西还行"},
        {"不错，会再来", "孩子挺喜欢，包装也好"},
        {"非常好用，已经回购好几次了", "新鲜，送得快，推荐给朋友了"},
    };
    struct person *p = order->person;
    struct random *r = &p->random;
    int64_t at_ms = order->at_ms + random_between(r, 3 * 24, 9 * 24) * HOUR_MS;
    char text[48];
    if (at_ms >= w->end_ms)
        return;
    int rating = 1 + (leaving(w, p) ? sim_draw_weighted(r, (const uint8_t[]){22, 24, 24, 18, 12}, 5)
                                    : sim_draw_weighted(r, (const uint8_t[]){3, 4, 11, 33, 49}, 5));
    struct json_writer j = {.out = feeds_begin(&w->feeds)};
    json_object(&j);
    snprintf(text, sizeof text, "R%08llu", (unsigned long long)++w->review_number);
    json_member_cstring(&j, "review_id", text);
    char record[64];
    snprintf(record, sizeof record, "review:%s", text);
    json_member_cstring(&j, "order_id", order->id);
    json_member_cstring(&j, "user_id", user);
    snprintf(text, sizeof text, "SK%05d", 10001 + order->items[0].product);
    json_member_cstring(&j, "sku", text);
    json_member_integer(&j, "rating", rating);
    json_member_cstring(&j, "text", texts[rating - 1][random_below(r, 2)]);
    char time[32];
    json_member_text(&j, "time", sim_local_time(time, at_ms));
    json_end_object(&j);
    feeds_end(&w->feeds, FEED_REVIEWS, at_ms, 1, 0);
    sim_truth_record(w, FEED_REVIEWS, slice_text(record), p, at_ms);
}

static void after_order(struct world *w, const struct order *order, const char *user) {
    struct random *r = &order->person->random;
    int64_t shipped = order->at_ms + random_between(r, 4, 40) * HOUR_MS,
            done = shipped + random_between(r, 24, 96) * HOUR_MS;
    order_update(w, order, "已发货", shipped, 0, false);
    if (random_chance(r, leaving(w, order->person) ? 0.10 : 0.035)) {
        int64_t at_ms = done + random_between(r, 2, 100) * HOUR_MS;
        order_update(w, order, "已退款", at_ms, order->total, true);
        if (*user)
            track_refund(w, order, at_ms);
        if (random_chance(r, 0.4))
            sim_call_centre(w, order->person, order->id, at_ms - HOUR_MS, true);
    } else {
        order_update(w, order, "已完成", done, 0, true);
        if (random_chance(r, 0.03))
            sim_call_centre(w, order->person, order->id, shipped + 5 * HOUR_MS, false);
    }
    if (*user && random_chance(r, 0.12))
        review(w, order, user);
}

void sim_order_online(struct world *w, struct order *order, bool with_user) {
    struct person *p = order->person;
    char name[NAME_BYTES], user[24] = "", record[40];
    if (with_user)
        snprintf(user, sizeof user, "u%07u", p->number * 3 + 1000);
    uint64_t phone = given_phone(w, p);
    bool filler = with_user && sim_soil(w, &p->random, DIRT_FILLER, FEED_ORDERS);
    struct slice receiver = sim_person_name(p, name);
    if (sim_soil(w, &p->random, DIRT_BYTES, FEED_ORDERS))
        receiver = feeds_gb18030(&w->feeds, receiver);
    if (!filler)
        sim_truth_phone(w, p, phone);
    for (int i = 0; i < order->item_count; i++)
        order_line(w, order, i, user, phone, filler, receiver);
    snprintf(record, sizeof record, "order:%s", order->id);
    sim_truth_record(w, FEED_ORDERS, slice_text(record), p, order->at_ms);
    after_order(w, order, user);
}

static void amount_field(struct world *w, struct random *r, int64_t fen) {
    char plain[32], text[48] = "¥";
    struct slice amount = sim_yuan(plain, fen);
    if (!sim_soil(w, r, DIRT_AMOUNT_TEXT, FEED_POS)) {
        feeds_field(&w->feeds, amount);
        return;
    }
    size_t at = strlen(text), whole = amount.size - 3;
    for (size_t i = 0; i < amount.size; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = amount.data[i];
    }
    feeds_field(&w->feeds, slice_of(text, at));
}

struct receipt {
    const struct order *order; /* person NULL for walk-ins */
    int store, staff;
    int64_t late_ms;
    bool voided;
    char card[16], phone[24];
};

static void receipt_line(struct world *w, struct random *r, const struct receipt *receipt, int line) {
    struct feeds *f = &w->feeds;
    const struct order *order = receipt->order;
    const struct item *item = &order->items[line];
    const struct product *product = &w->products[item->product];
    char text[96], time[32], money[32];
    feeds_begin(f);
    feeds_text(f, order->id);
    feeds_print(f, "%d", line + 1);
    feeds_print(f, "S%03d", receipt->store + 1);
    feeds_print(f, "E%03d", receipt->staff + 1);
    feeds_text(f, receipt->card);
    feeds_text(f, receipt->phone);
    feeds_print(f, "SK%05d", 10001 + item->product);
    feeds_field(f, sim_product_name(product, text));
    feeds_text(f, sim_categories[product->category].name);
    feeds_text(f, sim_categories[product->category].brands[product->brand]);
    feeds_print(f, "%d", sim_soil(w, r, DIRT_NEGATIVE, FEED_POS) ? -item->quantity : item->quantity);
    amount_field(w, r, item->price);
    feeds_field(f, sim_yuan(money, order->total));
    feeds_text(f, order->coupon >= 0 ? w->coupons[order->coupon].id : "");
    feeds_text(f, receipt->voided ? "作废" : "销售");
    feeds_text(f, "门店");
    feeds_text(f, "人民币");
    struct slice at = sim_local_time(time, order->at_ms);
    time[4] = time[7] = '/';
    feeds_field(f, slice_of(at.data, 16));
    int times = sim_soil(w, r, DIRT_REPEATED_ROW, FEED_POS) ? 2 : 1;
    feeds_end(f, FEED_POS, order->at_ms + receipt->late_ms, times, 0);
}

static void receipt_write(struct world *w, struct random *r, struct receipt *receipt) {
    receipt->staff = receipt->store * 2 + (int)random_below(r, 2);
    receipt->voided = random_chance(r, 0.004);
    receipt->late_ms = MINUTE_MS;
    if (sim_soil(w, r, DIRT_LATE_ROW, FEED_POS))
        receipt->late_ms = random_between(r, 18, 72) * HOUR_MS;
    for (int i = 0; i < receipt->order->item_count; i++)
        receipt_line(w, r, receipt, i);
}

/* What the cashier types: the right number, or one with a wrong digit, cut short, somebody else's, or a filler. */
static void type_phone(struct world *w, struct person *p, bool with_card, char text[24]) {
    struct random *r = &p->random;
    uint64_t phone = given_phone(w, p);
    static const char *const fillers[] = {"13800138000", "00000000000", "0000", "-", "null"};
    snprintf(text, 24, "%llu", (unsigned long long)(phone % 100000000000));
    if (with_card && sim_soil(w, r, DIRT_FILLER, FEED_POS)) {
        snprintf(text, 24, "%s", fillers[random_below(r, 5)]);
    } else if (sim_soil(w, r, DIRT_PHONE_OTHER, FEED_POS)) {
        struct person *other = &w->people[random_below(r, w->person_count)];
        snprintf(text, 24, "%llu", (unsigned long long)(other->phones[0] % 100000000000));
    } else if (sim_soil(w, r, DIRT_PHONE_TYPO, FEED_POS)) {
        size_t at = (size_t)random_between(r, 3, 10);
        text[at] = (char)('0' + (text[at] - '0' + (int)random_between(r, 1, 9)) % 10);
    } else if (sim_soil(w, r, DIRT_PHONE_SHORT, FEED_POS)) {
        text[random_between(r, 7, 10)] = 0;
    } else {
        sim_truth_phone(w, p, phone);
    }
}

static void name_buyer(struct world *w, struct person *p, struct receipt *receipt) {
    struct random *r = &p->random;
    bool card = p->card && p->card_day <= w->day && random_chance(r, 0.72);
    if (card) {
        uint32_t number = p->card_2 && random_chance(r, 0.4) && p->member_told ? p->card_2 : p->card;
        snprintf(receipt->card, sizeof receipt->card, "M%08u", number);
    }
    if (card ? random_chance(r, 0.35) : random_chance(r, 0.93))
        type_phone(w, p, card, receipt->phone);
}

static void receipt_id(struct world *w, struct order *order, int store) {
    snprintf(order->id, sizeof order->id, "R%03d%09llu", store + 1, (unsigned long long)++w->receipt_number);
}

static int open_store(const struct world *w, struct random *r, int store) {
    while (w->stores[store].closed_day <= w->day)
        store = (int)random_below(r, STORES);
    return store;
}

void sim_visit_store(struct world *w, const struct visit *visit) {
    struct person *p = &w->people[visit->person];
    struct order order = {.person = p, .place = PLACE_STORE, .at_ms = visit->at_ms, .coupon = -1};
    struct receipt receipt = {.order = &order};
    char record[40];
    assert(visit->buys);
    receipt.store = open_store(w, &p->random, p->store);
    receipt_id(w, &order, receipt.store);
    sim_order_fill(w, &order, visit->category, visit->product, visit->campaign);
    name_buyer(w, p, &receipt);
    receipt_write(w, &p->random, &receipt);
    if (receipt.card[0] || receipt.phone[0]) {
        snprintf(record, sizeof record, "order:%s", order.id);
        sim_truth_record(w, FEED_POS, slice_text(record), p, order.at_ms + receipt.late_ms);
    }
}

/* Receipts of people nobody knows: no card, no phone, no truth. */
void sim_walk_ins(struct world *w) {
    struct random *r = &w->random;
    int count = (int)random_between(r, 0, 2 + (int64_t)w->person_count / 250);
    for (int i = 0; i < count; i++) {
        struct order order = {.place = PLACE_STORE, .coupon = -1};
        struct receipt receipt = {.order = &order};
        order.at_ms = sim_day_start_ms(w, w->day) + random_between(r, 9 * HOUR_MS, 21 * HOUR_MS);
        receipt.store = open_store(w, r, (int)random_below(r, STORES));
        receipt_id(w, &order, receipt.store);
        add_item(w, &order, sim_shop_pick(w, r, (int)random_below(r, CATEGORIES), -1), 1);
        order.total = order.items[0].price;
        receipt_write(w, r, &receipt);
    }
}

static const char *const topics[] = {"物流", "退款", "质量", "会员", "活动咨询"};
static const char *const bad_notes[] = {"客户投诉配送太慢，情绪激动，要求尽快处理",
                                        "客户反映商品有质量问题，非常不满，要求退款",
                                        "客户第二次来电催退款，表示以后不会再买", "客户对客服处理不满意，已升级主管"};
static const char *const good_notes[] = {"咨询订单物流，已告知预计送达时间", "咨询会员积分规则，已解答",
                                         "询问新品上市时间，客户表示感谢", "修改收货地址，已处理"};

void sim_call_centre(struct world *w, struct person *p, const char *order_id, int64_t at_ms, bool complaint) {
    struct random *r = &p->random;
    struct feeds *f = &w->feeds;
    struct json_writer j = {.out = feeds_begin(f)};
    char text[48], record[64];
    if (at_ms >= w->end_ms || at_ms < w->start_ms)
        return;
    bool hidden = sim_soil(w, r, DIRT_FILLER, FEED_CALLS), home = p->home_phone && !hidden && random_chance(r, 0.15);
    uint64_t phone = home ? p->home_phone : given_phone(w, p);
    json_object(&j);
    snprintf(text, sizeof text, "T%08llu", (unsigned long long)++w->call_number);
    snprintf(record, sizeof record, "call:%s", text);
    json_member_cstring(&j, "call_id", text);
    snprintf(text, sizeof text, home ? "+%llu" : "%llu", (unsigned long long)(home ? phone : phone % 100000000000));
    json_member_cstring(&j, "phone", hidden ? "anonymous" : text);
    snprintf(text, sizeof text, "E%03d", STORES * 2 + 1 + (int)random_below(r, 20));
    json_member_cstring(&j, "agent", text);
    json_member_text(&j, "start", sim_local_time(text, at_ms));
    json_member_integer(&j, "duration_s", random_between(r, 30, complaint ? 900 : 300));
    json_member_cstring(&j, "topic", topics[complaint ? random_between(r, 0, 2) : random_between(r, 3, 4)]);
    if (*order_id)
        json_member_cstring(&j, "order_id", order_id);
    json_member_cstring(&j, "note", complaint ? bad_notes[random_below(r, 4)] : good_notes[random_below(r, 4)]);
    json_member_integer(&j, "satisfaction", complaint ? random_between(r, 1, 3) : random_between(r, 3, 5));
    json_end_object(&j);
    feeds_end(f, FEED_CALLS, at_ms, 1, 0);
    if (!hidden) {
        sim_truth_phone(w, p, phone);
        sim_truth_record(w, FEED_CALLS, slice_text(record), p, at_ms);
    }
}
