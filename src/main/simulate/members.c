/* simulate/members: the CRM (members, contracts), its messages, and clicks on ads.
 *
 * A member's row is written on joining (for those who joined before the first day: on the first day) and again whenever
 * something changes: the web account is bound, the phone changes. Campaigns of messages go to those who can be reached;
 * a tenth is withheld, so that what a campaign caused can be measured; whoever is reached may buy what they would not
 * have bought, with the campaign's planted uplift times how receptive they are. */
#include <assert.h>
#include <stdio.h>

#include "main/simulate/world.h"

static struct slice spell_gender(struct world *w, struct person *p) {
    static const char *const women[] = {"F", "2", "female", "女士", "f", "Female"}, *const men[] = {"M",    "1",
                                                                                                    "male", "先生",
                                                                                                    "m",    "Male"};
    if (!sim_soil(w, &p->random, DIRT_GENDER, FEED_MEMBERS))
        return slice_text(p->gender ? "男" : "女");
    if (random_chance(&p->random, 0.06))
        return slice_text("0"); /* not known */
    return slice_text((p->gender ? men : women)[random_below(&p->random, 6)]);
}

static void birthday_field(struct world *w, struct person *p) {
    static const char *const impossible[] = {"1900-01-01", "2999-12-31", "1990-02-30"};
    int64_t year;
    unsigned month, day;
    if (sim_soil(w, &p->random, DIRT_BIRTHDAY, FEED_MEMBERS)) {
        feeds_text(&w->feeds, impossible[random_below(&p->random, 3)]);
        return;
    }
    time_civil(p->birthday, &year, &month, &day);
    switch (random_chance(&p->random, 0.6) ? 0 : random_below(&p->random, 5)) {
    case 1:
        feeds_print(&w->feeds, "%lld/%02u/%02u", (long long)year, month, day);
        break;
    case 2:
        feeds_print(&w->feeds, "%lld%02u%02u", (long long)year, month, day);
        break;
    case 3:
        feeds_print(&w->feeds, "%lld.%u.%u", (long long)year, month, day);
        break;
    case 4:
        feeds_print(&w->feeds, "%lld年%u月%u日", (long long)year, month, day);
        break;
    default:
        feeds_print(&w->feeds, "%lld-%02u-%02u", (long long)year, month, day);
    }
}

static void mobile_field(struct world *w, struct person *p, uint64_t phone) {
    uint64_t n = phone % 100000000000;
    unsigned a = (unsigned)(n / 100000000), b = (unsigned)(n / 10000 % 10000), c = (unsigned)(n % 10000);
    if (!sim_soil(w, &p->random, DIRT_PHONE_SPELLING, FEED_MEMBERS)) {
        feeds_print(&w->feeds, "%03u%04u%04u", a, b, c);
        return;
    }
    switch (random_below(&p->random, 5)) {
    case 0:
        feeds_print(&w->feeds, "+86%03u%04u%04u", a, b, c);
        break;
    case 1:
        feeds_print(&w->feeds, "+86 %03u %04u %04u", a, b, c);
        break;
    case 2:
        feeds_print(&w->feeds, "%03u-%04u-%04u", a, b, c);
        break;
    case 3:
        feeds_print(&w->feeds, "0086%03u%04u%04u", a, b, c);
        break;
    default:
        feeds_print(&w->feeds, "%03u %04u %04u", a, b, c);
    }
}

static void phone_field(struct world *w, struct person *p, int day) {
    static const char *const fillers[] = {"13800138000", "00000000000", "null", "-", "anonymous"};
    if (sim_soil(w, &p->random, DIRT_FILLER, FEED_MEMBERS)) {
        feeds_text(&w->feeds, fillers[random_below(&p->random, 5)]);
    } else if (p->home_phone_in_crm) {
        sim_truth_phone(w, p, p->home_phone);
        feeds_print(&w->feeds, "+%llu", (unsigned long long)p->home_phone);
    } else {
        sim_truth_phone(w, p, sim_person_phone(p, day));
        mobile_field(w, p, sim_person_phone(p, day));
    }
}

static void email_field(struct world *w, struct person *p) {
    char text[72] = "";
    if (p->email && p->number % 10 < 7) {
        sim_person_email(p, text);
        sim_truth_email(w, p);
        if (sim_soil(w, &p->random, DIRT_EMAIL_CASE, FEED_MEMBERS))
            for (char *c = text; *c && *c != '@'; c++)
                *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
    }
    feeds_text(&w->feeds, text);
}

static void card_field(struct world *w, struct person *p, uint32_t card) {
    char text[24];
    int bit = card == p->card ? TOLD_CARD : TOLD_CARD_2;
    snprintf(text, sizeof text, "M%08u", card);
    feeds_text(&w->feeds, text);
    if (p->told & bit)
        return;
    p->told |= (uint16_t)bit;
    sim_truth_identifier(w, "member_id", slice_text(text), p, false);
}

static void one_row(struct world *w, struct person *p, uint32_t card, int day, int64_t at_ms) {
    static const char *const levels[] = {"普通", "银卡", "金卡", "钻石"};
    struct feeds *f = &w->feeds;
    char text[64], time[32];
    bool first = !(p->told & (card == p->card ? TOLD_CARD : TOLD_CARD_2));
    feeds_begin(f);
    card_field(w, p, card);
    struct slice name = sim_person_name(p, text);
    feeds_field(f, sim_soil(w, &p->random, DIRT_BYTES, FEED_MEMBERS) ? feeds_gb18030(f, name) : name);
    feeds_field(f, spell_gender(w, p));
    birthday_field(w, p);
    phone_field(w, p, day);
    email_field(w, p);
    feeds_field(f, p->id_card ? sim_person_id_card(p, text) : SLICE_NONE);
    feeds_text(f, sim_cities[p->city].name);
    feeds_field(f,
                slice_of(text, time_format_date(sim_day_date(w, p->card_day < 0 ? p->first_day : p->card_day), text)));
    feeds_print(f, "S%03d", p->store + 1);
    feeds_text(f, levels[p->spend > 500000 ? 3 : p->spend > 200000 ? 2 : p->spend > 50000 ? 1 : 0]);
    if (p->bind_day <= day) {
        feeds_print(f, "u%07u", p->number * 3 + 1000);
        sim_truth_user(w, p);
        p->account_exists = true;
    } else {
        feeds_text(f, "");
    }
    feeds_field(f, sim_local_time(time, at_ms));
    int times = sim_soil(w, &p->random, DIRT_REPEATED_ROW, FEED_MEMBERS) ? 2 : 1;
    int64_t arrival = at_ms < w->start_ms ? w->start_ms : at_ms;
    feeds_end(f, FEED_MEMBERS, arrival, times, 0);
    snprintf(text, sizeof text, "member:M%08u", card);
    if (first)
        sim_truth_record(w, FEED_MEMBERS, slice_text(text), p, arrival);
}

static void member_row(struct world *w, struct person *p, int day) {
    int joined = day < 0 ? p->first_day : day;
    int64_t at_ms = sim_day_start_ms(w, joined) + random_between(&p->random, 9 * HOUR_MS, 21 * HOUR_MS);
    one_row(w, p, p->card, day, at_ms);
    if (p->card_2 && !p->member_told)
        one_row(w, p, p->card_2, day, at_ms + 20 * MINUTE_MS); /* signed up twice */
    p->member_told = true;
}

static void contract_maybe(struct world *w, struct person *p, int day) {
    static const char *const kinds[] = {"年度会员合约", "预付储值卡", "企业团购协议", "奶粉周期购"};
    static const int amounts[] = {29900, 100000, 880000, 198000};
    struct feeds *f = &w->feeds;
    char text[64], money[32];
    if (!random_chance(&p->random, 0.06))
        return;
    uint64_t number = ++w->contract_number;
    int kind = p->corporate ? 2 : p->child_birthday ? 3 : (int)random_below(&p->random, 2);
    int first = day < 0 ? -(int)random_between(&p->random, 1, 300) : day;
    for (int row = 0; row < 2; row++) {
        int at = row == 0 ? first : first + 365; /* the second row says that it ended */
        if (at >= w->days)
            break;
        int64_t at_ms = sim_day_start_ms(w, at) + 10 * HOUR_MS;
        feeds_begin(f);
        feeds_print(f, "CT%07llu", (unsigned long long)number);
        feeds_print(f, "M%08u", p->card);
        feeds_text(f, kinds[kind]);
        feeds_field(f, sim_yuan(money, amounts[kind]));
        feeds_field(f, slice_of(text, time_format_date(sim_day_date(w, first), text)));
        feeds_field(f, slice_of(text, time_format_date(sim_day_date(w, first + 365), text)));
        feeds_text(f, row == 0 ? "生效" : p->churn_day < w->days ? "解约" : "到期");
        feeds_field(f, sim_local_time(text, at_ms));
        feeds_end(f, FEED_CONTRACTS, at_ms < w->start_ms ? w->start_ms : at_ms, 1, 0);
    }
    snprintf(text, sizeof text, "contract:CT%07llu", (unsigned long long)number);
    sim_truth_record(w, FEED_CONTRACTS, slice_text(text), p, sim_day_start_ms(w, first < 0 ? 0 : first) + 10 * HOUR_MS);
}

/* Joins, bindings and changes of phone that fall on the world's day; before the first day's, those of earlier. */
void sim_members_day(struct world *w) {
    for (size_t i = 0; i < w->person_count; i++) {
        struct person *p = &w->people[i];
        int joined = p->card_day < 0 ? 0 : p->card_day;
        if (!p->card || w->day < joined)
            continue;
        if (w->day == joined) {
            member_row(w, p, p->card_day < 0 ? -1 : w->day);
            contract_maybe(w, p, p->card_day < 0 ? -1 : w->day);
        } else if (w->day == p->bind_day || (w->day == p->phone_change_day && random_chance(&p->random, 0.7))) {
            member_row(w, p, w->day);
        }
    }
}

#define BOUNCED 0.01

struct touch {
    struct person *person;
    const struct campaign *campaign;
    uint64_t send;
    int rows;
    uint64_t phone;
};

static void touch_row(struct world *w, struct touch *touch, const char *event, int64_t at_ms) {
    struct feeds *f = &w->feeds;
    struct person *p = touch->person;
    bool sms = touch->campaign->channel == TOUCH_SMS;
    char text[64], time[32];
    if (at_ms >= w->end_ms)
        return;
    feeds_begin(f);
    snprintf(text, sizeof text, "touch:B%09llu-%d", (unsigned long long)touch->send, ++touch->rows);
    feeds_text(f, text + 6);
    sim_truth_record(w, FEED_TOUCHES, slice_text(text), p, at_ms);
    feeds_print(f, "B%09llu", (unsigned long long)touch->send);
    feeds_text(f, event);
    feeds_text(f, sms ? "sms" : "email");
    feeds_text(f, touch->campaign->id);
    if (sms)
        feeds_print(f, "%llu", (unsigned long long)(touch->phone % 100000000000));
    else
        feeds_text(f, "");
    feeds_field(f, sms ? SLICE_NONE : sim_person_email(p, text));
    feeds_field(f, sim_local_time(time, at_ms));
    int times = sim_soil(w, &p->random, DIRT_REPEATED_ROW, FEED_TOUCHES) ? 2 : 1;
    feeds_end(f, FEED_TOUCHES, at_ms, times, 0);
}

/* Whether the company may and can write to them by this channel. */
static bool reachable(const struct world *w, const struct person *p, const struct campaign *c) {
    bool known = p->account_exists || (p->card && p->card_day < w->day);
    if (p->first_day >= w->day || p->unsubscribed || p->kind == PERSON_ANONYMOUS || !known)
        return false;
    if (c->channel == TOUCH_EMAIL)
        return p->email;
    return (p->account_exists && p->account_phone) || (p->card && p->card_day < w->day && !p->home_phone_in_crm);
}

/* A purchase that would not have been, one to three days on. It counts as caused when it is made: until then another message may take its
 * place, or the last day come (plan_person). */
static void cause(struct world *w, struct person *p, int campaign, double receptive) {
    struct campaign *c = &w->campaigns[campaign];
    if (p->churn_day <= w->day + 3 || !random_chance(&p->random, c->uplift * receptive * 2))
        return;
    p->extra_day = (int16_t)(w->day + random_between(&p->random, 1, 3));
    p->extra_campaign = (int16_t)campaign;
    p->extra_category = p->needs[random_below(&p->random, p->need_count)].category;
    if (p->extra_day < p->wake_day)
        p->wake_day = p->extra_day;
}

/* What a message does to somebody, apart from the click. */
static void affect(struct world *w, struct person *p, int campaign, bool opened) {
    const struct campaign *c = &w->campaigns[campaign];
    if (c->coupon >= 0 && opened) {
        p->coupon = c->coupon;
        p->coupon_until = (int16_t)(w->day + 14);
    }
    cause(w, p, campaign, c->channel == TOUCH_SMS ? p->sms : p->mail);
}

static bool opens(struct person *p, bool sms) {
    return random_chance(&p->random, 0.12 + 0.4 * (sms ? p->sms : p->mail));
}

/* The truth of what a message changes, which an experiment would find: planted purchases, and those that its coupon brings forward. The same days
 * are lived with it and without, several times, with random numbers of their own. */
static void imagine(struct world *w, const struct touch *touch, int campaign, int64_t sent_ms) {
    struct campaign *c = &w->campaigns[campaign];
    const int64_t until_ms = sent_ms + MESSAGE_DAYS * DAY_MS;
    for (uint64_t run = 0; run < IMAGINED_RUNS; run++) {
        struct person with = *touch->person;
        random_init(&with.random, touch->send * IMAGINED_RUNS + run + w->salt);
        struct person without = with;
        if (!random_chance(&with.random, BOUNCED))
            affect(w, &with, campaign, opens(&with, c->channel == TOUCH_SMS));
        c->imagined += sim_days_imagine(w, with, sent_ms, until_ms) - sim_days_imagine(w, without, sent_ms, until_ms);
    }
}

static void respond(struct world *w, struct touch *touch, int campaign, int64_t sent_ms) {
    struct person *p = touch->person;
    struct campaign *c = &w->campaigns[campaign];
    bool sms = c->channel == TOUCH_SMS;
    double receptive = sms ? p->sms : p->mail;
    int64_t at_ms = sent_ms + random_between(&p->random, 2, sms ? 300 : 780) * MINUTE_MS;
    bool opened = opens(p, sms);
    if (opened && !sms)
        touch_row(w, touch, "opened", at_ms);
    c->opened += opened;
    if (opened && random_chance(&p->random, 0.10 + 0.3 * receptive)) {
        at_ms += random_between(&p->random, 5, 200) * 1000;
        touch_row(w, touch, "clicked", at_ms);
        c->clicked++;
        if (p->churn_day > w->day)
            sim_visit_from_message(w, p, campaign, at_ms + 2000);
    } else if (random_chance(&p->random, 0.004)) {
        touch_row(w, touch, "unsubscribed", at_ms + 5 * MINUTE_MS);
        p->unsubscribed = true;
    }
    affect(w, p, campaign, opened);
}

static void touch_person(struct world *w, struct person *p, int campaign) {
    struct campaign *c = &w->campaigns[campaign];
    struct touch touch = {.person = p, .campaign = c, .send = ++w->touch_number};
    int64_t at_ms = sim_day_start_ms(w, w->day) + 10 * HOUR_MS + random_between(&p->random, 0, 30 * MINUTE_MS);
    touch.phone = sim_person_phone(p, w->day);
    if (c->channel == TOUCH_SMS)
        sim_truth_phone(w, p, touch.phone);
    else
        sim_truth_email(w, p);
    if (random_chance(&p->random, 0.1)) {
        c->withheld++;
        touch_row(w, &touch, "withheld", at_ms);
        return;
    }
    c->reached++;
    imagine(w, &touch, campaign, at_ms);
    touch_row(w, &touch, "sent", at_ms);
    if (random_chance(&p->random, BOUNCED))
        touch_row(w, &touch, "bounced", at_ms + 3 * MINUTE_MS);
    else
        respond(w, &touch, campaign, at_ms);
}

void sim_touches_day(struct world *w) {
    for (int i = 0; i < w->campaign_count; i++) {
        const struct campaign *c = &w->campaigns[i];
        if (c->channel == TOUCH_AD || c->first_day != w->day)
            continue;
        for (size_t k = 0; k < w->person_count; k++) {
            struct person *p = &w->people[k];
            if (reachable(w, p, c) && random_chance(&p->random, 0.3))
                touch_person(w, p, i);
        }
    }
}

static int running_ad(struct world *w, struct random *r) {
    int running[PLATFORMS], count = 0;
    for (int i = 0; i < w->campaign_count && count < PLATFORMS; i++)
        if (w->campaigns[i].channel == TOUCH_AD && w->campaigns[i].first_day <= w->day &&
            w->campaigns[i].last_day >= w->day)
            running[count++] = i;
    return count ? running[random_below(r, (uint64_t)count)] : -1;
}

int sim_ad_click(struct world *w, struct person *p, uint32_t device, int64_t at_ms) {
    struct feeds *f = &w->feeds;
    int campaign = running_ad(w, &p->random);
    if (campaign < 0)
        return -1;
    struct campaign *c = &w->campaigns[campaign];
    char text[64], money[32], anonymous[40];
    bool lead = p->kind != PERSON_ANONYMOUS && (c->platform == PLATFORM_TENCENT || c->platform == PLATFORM_DOUYIN) &&
                random_chance(&p->random, 0.15);
    c->clicked++;
    snprintf(text, sizeof text, "click:K%09llu", (unsigned long long)++w->click_number);
    sim_truth_record(w, FEED_ADS, slice_text(text), p, at_ms);
    feeds_begin(f);
    feeds_text(f, text + 6);
    feeds_text(f, sim_platform_names[c->platform]);
    feeds_text(f, c->id);
    feeds_print(f, "素材%d", 1 + (int)random_below(&p->random, 5));
    feeds_field(f, sim_local_time(text, at_ms));
    feeds_field(f, sim_yuan(money, random_between(&p->random, 60, 300)));
    feeds_field(f, sim_device_anonymous(w, device, anonymous));
    if (lead) {
        sim_truth_phone(w, p, sim_person_phone(p, w->day));
        feeds_print(f, "%llu", (unsigned long long)(sim_person_phone(p, w->day) % 100000000000));
    } else {
        feeds_text(f, "");
    }
    feeds_end(f, FEED_ADS, at_ms + 2 * HOUR_MS, 1, 0);
    return campaign;
}
