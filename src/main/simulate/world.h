/* simulate/world: the made-up company's state, shared by the .c files of this folder and nobody else (functions and tables:
 * sim_).
 *
 *     simulate_names.c      what people, towns, brands and goods are called
 *     simulate_people.c     who they are: traits, families, numbers, devices
 *     simulate_shop.c       what there is: goods, stores, campaigns, coupons, staff (the master data)
 *     simulate_days.c       what they do: the day loop, from needs to visits
 *     simulate_visit.c      a visit on web, app or mini-program, as Segment calls
 *     simulate_trade.c      orders, receipts, reviews, calls
 *     simulate_members.c    the CRM: members, contracts, touches, ad clicks
 *     simulate_truth.c      the truth, the mappings, the manifest
 *
 * Money is in fen, `day` counts from the first simulated day, moments are real (server) ms. A person's behaviour draws
 * from the person's own generator, so that one person's life hardly depends on the others'. No floating-point function
 * of libm is used, and no two draws stand in one expression whose order C leaves open: both would differ between
 * machines. */
#ifndef ONEFOLD_MAIN_SIMULATE_WORLD_H
#define ONEFOLD_MAIN_SIMULATE_WORLD_H

#include "base/json_write.h"
#include "base/random.h"
#include "base/time.h"
#include "main/simulate/out.h"

#define CATEGORIES 12
#define PRODUCTS 240
#define PRODUCTS_EACH (PRODUCTS / CATEGORIES)
#define BRANDS_EACH 5
#define STORES 40
#define CAMPAIGNS_MAX 160
#define COUPONS 12
#define NEEDS_MAX 4
#define AFFINITIES 12
#define ITEMS_MAX 6
#define MESSAGE_DAYS                                                                                                   \
    4 /* a purchase that a message plants is made on the third day after it at the latest, until midnight */
#define IMAGINED_RUNS 4
#define MINUTE_MS 60000LL
#define HOUR_MS 3600000LL
#define ZONE_MS (8 * HOUR_MS)
#define NEVER INT16_MAX

enum platform { PLATFORM_TENCENT, PLATFORM_DOUYIN, PLATFORM_BAIDU, PLATFORM_TOUTIAO, PLATFORMS };
enum touch_channel { TOUCH_SMS, TOUCH_EMAIL, TOUCH_AD };
enum place { PLACE_WEB, PLACE_APP, PLACE_MINI, PLACE_STORE, PLACES };
/* How a person appears to the company. */
enum person_kind { PERSON_ANONYMOUS, PERSON_STORE, PERSON_ONLINE, PERSON_OMNI };

struct category {
    const char *name, *path;
    int cycle_days;            /* typical days between purchases */
    int price_low, price_high; /* fen */
    int shelf_days;
    const char *brands[BRANDS_EACH];
    const char *goods[5];
};
extern const struct category sim_categories[CATEGORIES];
struct city {
    const char *name;
    int region; /* first six digits of id cards */
    const char *area;
};
#define CITIES 20
extern const struct city sim_cities[CITIES];
extern const char *const sim_platform_names[PLATFORMS];
extern const char *const sim_person_kind_names[4];
extern const char *const sim_place_names[PLACES];

struct product {
    uint8_t category, brand, good;
    int price, cost;
    int16_t delisted_day; /* NEVER while on sale */
    int16_t listed_day;
};
struct store {
    uint8_t city;
    int16_t closed_day;
    uint32_t kiosk; /* device number or 0 */
};
struct campaign {
    uint8_t channel; /* enum touch_channel */
    uint8_t platform;
    int8_t coupon; /* or -1 */
    int16_t first_day, last_day;
    double
        uplift; /* planted: chance that a person reached buys what they would not have bought, averaged over people */
    uint32_t reached, withheld, opened, clicked, caused;
    int64_t
        imagined; /* messages: orders more within MESSAGE_DAYS of it, over IMAGINED_RUNS lives each of all who were reached */
    uint64_t cost;
    char id[16];
};
struct coupon {
    char id[16];
    int threshold, off;
};
/* Who buys `first` also takes `second`: in the same basket, or some days later. */
struct affinity {
    uint16_t first, second;
    bool together;
    double chance;
    int low_days, high_days; /* unless together */
};

struct device {
    uint8_t place; /* PLACE_WEB, _APP, _MINI */
    bool shared;
    uint8_t model;
    uint32_t generation; /* cookies cleared so often */
    bool told;           /* this generation's ids are in the truth */
    uint32_t owner;      /* person, or the first of several */
    uint32_t user;       /* person logged in + 1, or 0 */
    int16_t user_until;  /* day the login lapses */
    int64_t skew_ms, busy_until_ms;
};

struct need {
    uint8_t category, brand;
    int16_t cycle_days, due_day;
    uint8_t waits; /* times put off for want of a discount */
};

/* Identifiers already written to truth/identifiers.csv: bits. */
enum {
    TOLD_PHONE_0 = 1,
    TOLD_PHONE_1 = 2,
    TOLD_PHONE_OLD = 4,
    TOLD_EMAIL = 8,
    TOLD_USER = 16,
    TOLD_CARD = 32,
    TOLD_CARD_2 = 64,
    TOLD_HOME = 128,
    TOLD_OPENID = 256,
    TOLD_UNIONID = 512,
    TOLD_TABLET = 1024,
    TOLD_KIOSK = 2048
};

struct person {
    struct random random;
    uint32_t number, family; /* family 0: none */
    uint32_t partner;        /* another of the family + 1, or 0 */
    uint8_t kind, gender;    /* gender: 0 woman, 1 man */
    uint8_t surname, given[2], city, store, mail_host;
    int32_t birthday, child_birthday; /* days since 1970; 0: no child */
    uint64_t phones[2];               /* [1] is 0 where there is one only */
    uint64_t phone_old;               /* before the change */
    uint64_t home_phone;              /* the family's landline, +86..., or 0 */
    int16_t phone_change_day;
    uint32_t card, card_2; /* member cards or 0 */
    int16_t card_day, bind_day;
    bool email, id_card, account_phone, account_exists, mini_authorised, unionid, home_phone_in_crm, unsubscribed,
        member_told;
    bool recycled_phone, corporate;
    uint16_t told;
    uint32_t web[2], app, mini, tablet; /* device numbers, 0: none */
    int16_t first_day, churn_day, next_browse_day, wake_day;
    double browse_rate; /* per day */
    uint8_t place_weight[PLACES];
    uint8_t need_count;
    struct need needs[NEEDS_MAX];
    double sensitivity;    /* to prices, 0..1 */
    double sms, mail, ads; /* how receptive: 0..2, mean 0.5 */
    int8_t coupon;         /* held, or -1 */
    int16_t coupon_until;
    int16_t extra_day; /* a purchase a campaign caused */
    int16_t extra_campaign;
    uint8_t extra_category;
    int16_t cross_day; /* a purchase an affinity caused */
    uint16_t cross_product;
    uint32_t orders;
    uint64_t spend;
};

struct item {
    uint16_t product;
    int quantity, price; /* fen each */
};
struct order {
    struct person *person;
    char id[24];
    enum place place;
    int64_t at_ms;
    struct item items[ITEMS_MAX];
    int item_count;
    int64_t gross, discount, total;
    int coupon; /* or -1 */
};
struct visit {
    uint32_t person;
    uint8_t place;
    bool buys;
    int8_t category;  /* of the need that drives it */
    int16_t campaign; /* that brought them, or -1 */
    int32_t product;  /* wanted for sure, or -1 */
    int64_t at_ms;
};

struct world {
    struct simulate_options options;
    struct simulate_summary summary;
    struct feeds feeds;
    struct random random;
    uint64_t salt;
    int days, day;
    int64_t start_ms; /* local midnight of day 0 */
    int64_t end_ms;
    struct person *people;
    size_t person_count;
    struct device *devices; /* [0] unused */
    uint32_t device_count, device_capacity;
    uint32_t family_count;
    struct product products[PRODUCTS];
    struct store stores[STORES];
    struct campaign campaigns[CAMPAIGNS_MAX];
    int campaign_count;
    struct coupon coupons[COUPONS];
    struct affinity affinities[AFFINITIES];
    uint64_t *released; /* phones given up, waiting for a new owner */
    size_t released_count;
    struct visit *visits;
    size_t visit_count, visit_capacity;
    uint64_t order_number, receipt_number, touch_number, click_number, call_number, review_number, contract_number;
    uint64_t phones_drawn;
    double dirt_rate[DIRT_COUNT];
};

/* --- drawing and dirt (simulate.c) --- */
/* A roughly normal number, mean 0, deviation 1, within +-3.5. */
double sim_draw_normal(struct random *r);
/* In 0..1, mean 0.25, small numbers likelier. */
double sim_draw_low(struct random *r);
/* Index into weights by weight. */
int sim_draw_weighted(struct random *r, const uint8_t *weights, int count);
/* True with the planted rate of `dirt`, and then counts it for `feed`. */
bool sim_soil(struct world *w, struct random *r, enum dirt dirt, enum simulated_feed feed);
void sim_soil_count(struct world *w, enum dirt dirt, enum simulated_feed feed);
int64_t sim_day_start_ms(const struct world *w, int day);
/* Days since 1970 of a simulated day. */
int32_t sim_day_date(const struct world *w, int day);
/* Fen as yuan: "12.50". */
struct slice sim_yuan(char out[32], int64_t fen);
/* Local time "2026-03-05 14:22:10". */
struct slice sim_local_time(char out[32], int64_t at_ms);

/* --- simulate_names.c --- */
#define NAME_BYTES 16
struct slice sim_person_name(const struct person *p, char out[NAME_BYTES]);
int sim_surname_count(void);
int sim_given_count(int gender);
const char *sim_surname_pinyin(const struct person *p);
struct slice sim_person_email(const struct person *p, char out[64]);
/* +86... of the phone held on `day`. */
uint64_t sim_person_phone(const struct person *p, int day);
struct slice sim_person_id_card(const struct person *p, char out[24]);
struct slice sim_product_name(const struct product *product, char out[96]);
const char *sim_store_district(int store);
extern const char *const sim_mail_hosts[];
int sim_mail_host_count(void);

/* --- simulate_people.c --- */
void sim_people_create(struct world *w);
/* The anonymous id of a device as it is now; 36 characters. */
struct slice sim_device_anonymous(const struct world *w, uint32_t device, char out[40]);
/* The id an app sees of its device; 36 characters. */
struct slice sim_device_id(const struct world *w, uint32_t device, char out[40]);
struct slice sim_wechat_id(const struct world *w, const struct person *p, bool union_id, char out[40]);
void sim_uuid_draw(struct random *r, char out[40]);
void sim_uuid_text(uint64_t high, uint64_t low, char out[40]);

/* --- simulate_shop.c --- */
void sim_shop_create(struct world *w);
void sim_shop_write(struct world *w);
void sim_shop_ad_costs(struct world *w);
/* A product of the category on sale on the world's day, preferably of the brand. */
int sim_shop_pick(struct world *w, struct random *r, int category, int brand);
/* Multiplies demand: weekends, shopping festivals. */
double sim_shop_season(const struct world *w, int day);

/* --- simulate_days.c --- */
void sim_days_prepare(struct world *w);
void sim_day_run(struct world *w);
/* Looks around today because of a message that was clicked. `at_ms` lies in the world's day. */
/* How many orders somebody in this state would make in (after_ms, until_ms] from the world's day on, were it not for what happens to them
 * meanwhile (messages, ads). Nothing is written, and nothing of the world changes: the person is a copy, random numbers are its own. */
int sim_days_imagine(struct world *w, struct person person, int64_t after_ms, int64_t until_ms);
void sim_visit_from_message(struct world *w, struct person *p, int campaign, int64_t at_ms);

/* --- simulate_visit.c --- */
void sim_visit_online(struct world *w, const struct visit *visit);

/* --- simulate_trade.c --- */
void sim_order_fill(struct world *w, struct order *order, int category, int product, int campaign);
void sim_order_online(struct world *w, struct order *order, bool with_user);
void sim_visit_store(struct world *w, const struct visit *visit);
void sim_walk_ins(struct world *w);
void sim_call_centre(struct world *w, struct person *p, const char *order_id, int64_t at_ms, bool complaint);

/* --- simulate_members.c --- */
void sim_members_day(struct world *w);
void sim_touches_day(struct world *w);
/* Writes the click's row; false when there is no campaign of the kind that day. Returns the campaign. */
int sim_ad_click(struct world *w, struct person *p, uint32_t device, int64_t at_ms);

/* --- simulate_truth.c --- */
void sim_truth_record(struct world *w, enum simulated_feed feed, struct slice record, const struct person *p,
                      int64_t at_ms);
void sim_truth_identifier(struct world *w, const char *namespace, struct slice value, const struct person *p,
                          bool shared);
/* Once per bit of enum TOLD_.... */
void sim_truth_phone(struct world *w, struct person *p, uint64_t phone);
void sim_truth_email(struct world *w, struct person *p);
void sim_truth_user(struct world *w, struct person *p);
void sim_truth_device(struct world *w, struct person *p, uint32_t device);
/* truth/people.csv as rows; then the small files: effects.json, dirt.json, mappings, manifest.json. */
void sim_truth_finish(struct world *w);
enum status sim_truth_files(struct world *w) WARN_UNUSED;

#endif
