/* simulate/people: who the customers are. People come one after another; some open a family, which the next one or two
 * join (same town; a partner, or a parent and a grown child) and may share a landline and a tablet.
 *
 * Identifiers are drawn so that two people never meet by chance: numbers step through their whole range, ids are mixed
 * counters. Where two people do share one (landline, tablet, kiosk, a recycled number) it was planted. */
#include <assert.h>
#include <stdio.h>

#include "base/hash.h"
#include "main/simulate/world.h"

static const int prefixes[] = {130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 150, 151, 152, 153, 155, 156, 157,
                               158, 159, 176, 177, 178, 180, 181, 182, 183, 185, 186, 187, 188, 189, 198, 199};

/* A mobile number nobody had: the last eight digits visit every value before one comes again. */
static uint64_t phone_draw(struct world *w) {
    static const uint64_t step = 61803399; /* shares no factor with 10^8 */
    for (;;) {
        uint64_t tail = (w->salt % 100000000 + w->phones_drawn++ * step) % 100000000;
        uint64_t prefix = (uint64_t)prefixes[random_below(&w->random, sizeof prefixes / sizeof *prefixes)];
        if (tail != 138000 && tail % 1000000 != 0)
            return 8600000000000 + prefix * 100000000 + tail;
    }
}

void sim_uuid_draw(struct random *r, char out[40]) {
    uint64_t high = random_next(r);
    sim_uuid_text(high, random_next(r), out);
}

void sim_uuid_text(uint64_t high, uint64_t low, char out[40]) {
    static const char digits[] = "0123456789abcdef";
    high = (high & ~0xf000ULL) | 0x4000ULL;   /* version 4 */
    low = (low & ~(3ULL << 62)) | 1ULL << 63; /* variant 1 */
    char *p = out;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *p++ = '-';
        uint64_t word = i < 16 ? high : low;
        *p++ = digits[(word >> (60 - i % 16 * 4)) & 15];
    }
    *p = 0;
}

struct slice sim_device_anonymous(const struct world *w, uint32_t device, char out[40]) {
    const struct device *d = &w->devices[device];
    uint64_t seed = hash_mix(w->salt ^ ((uint64_t)device << 20 | d->generation));
    sim_uuid_text(seed, hash_mix(seed ^ 0x5bd1e995), out);
    return slice_of(out, 36);
}

struct slice sim_device_id(const struct world *w, uint32_t device, char out[40]) {
    sim_uuid_text(hash_mix(w->salt + device), hash_mix(device), out);
    return slice_of(out, 36);
}

/* WeChat's ids look like this: "o" and 27 characters. */
struct slice sim_wechat_id(const struct world *w, const struct person *p, bool union_id, char out[40]) {
    uint64_t seed = hash_mix(w->salt + (uint64_t)p->number * 2 + union_id);
    snprintf(out, 40, "o%c%012llx%014llx", union_id ? 'U' : 'M', (unsigned long long)(seed & 0xffffffffffff),
             (unsigned long long)(hash_mix(seed + 77) >> 8));
    return slice_of(out, 28);
}

static uint32_t device_add(struct world *w, enum place place, uint32_t owner, bool shared) {
    if (w->device_count == w->device_capacity) {
        w->device_capacity = w->device_capacity ? w->device_capacity * 2 : 1024;
        w->devices = memory_resize(w->devices, w->device_capacity, sizeof *w->devices);
    }
    struct device *d = &w->devices[w->device_count];
    *d = (struct device){.place = (uint8_t)place, .owner = owner, .shared = shared};
    d->model = (uint8_t)random_below(&w->random, 250);
    int64_t skew = random_between(&w->random, 3 * MINUTE_MS, random_chance(&w->random, 0.7) ? HOUR_MS : 20 * HOUR_MS);
    double luck = random_unit(&w->random);
    if (luck < w->dirt_rate[DIRT_CLOCK_AHEAD])
        d->skew_ms = skew;
    else if (luck < w->dirt_rate[DIRT_CLOCK_AHEAD] + w->dirt_rate[DIRT_CLOCK_BEHIND])
        d->skew_ms = -skew;
    return w->device_count++;
}

static uint8_t percent(struct random *r, int low, int high) { return (uint8_t)random_between(r, low, high); }

static void set_name(struct world *w, struct person *p) {
    struct random *r = &w->random;
    p->surname =
        (uint8_t)(random_chance(r, 0.6) ? random_below(r, 20) : random_below(r, (uint64_t)sim_surname_count()));
    p->given[0] = (uint8_t)random_below(r, (uint64_t)sim_given_count(p->gender));
    p->given[1] = random_chance(r, 0.3) ? UINT8_MAX : (uint8_t)random_below(r, (uint64_t)sim_given_count(p->gender));
    p->mail_host = (uint8_t)random_below(r, (uint64_t)sim_mail_host_count());
}

static void set_person(struct world *w, struct person *p) {
    struct random *r = &w->random;
    p->gender = random_chance(r, 0.31);
    set_name(w, p);
    p->city = (uint8_t)(random_chance(r, 0.55) ? random_below(r, 5) : random_below(r, CITIES));
    p->birthday = (int32_t)(time_days(1991, 1, 1) + (int64_t)(sim_draw_normal(r) * 3200));
    if (random_chance(r, 0.3))
        p->child_birthday = (int32_t)(time_days(2024, 9, 1) - random_between(r, -300, 2200));
    p->kind = (uint8_t[]){PERSON_ANONYMOUS, PERSON_STORE, PERSON_ONLINE,
                          PERSON_OMNI}[sim_draw_weighted(r, (const uint8_t[]){12, 17, 31, 40}, 4)];
    p->store = (uint8_t)random_below(r, STORES);
    p->corporate = random_chance(r, 0.015);
}

/* Joins the family of the person before: same town and landline, a name and an age that fit. */
static void join_family(struct world *w, struct person *p, struct person *head) {
    struct random *r = &w->random;
    bool child = p->number - head->number == 2;
    p->family = head->family;
    p->partner = head->number + 1;
    head->partner = p->number + 1;
    p->city = head->city;
    p->store = head->store;
    p->home_phone = head->home_phone;
    p->tablet = head->tablet;
    p->gender = child ? random_chance(r, 0.5) : !head->gender;
    p->child_birthday = child ? 0 : head->child_birthday;
    set_name(w, p);
    if (child)
        p->surname = head->surname;
    if (child)
        p->birthday = head->birthday + (int32_t)random_between(r, 23 * 365, 32 * 365);
    else
        p->birthday = head->birthday + (int32_t)random_between(r, -1500, 1500);
    if (p->birthday > time_days(2008, 1, 1))
        p->birthday = (int32_t)time_days(2008, 1, 1) - (int32_t)random_below(r, 2000);
    if (p->kind == PERSON_ANONYMOUS)
        p->kind = PERSON_OMNI;
}

/* A landline of the town: +86, area code, seven or eight digits. */
static uint64_t landline(const struct world *w, int city) {
    const char *area = sim_cities[city].area;
    uint64_t whole = 86, scale = strcmp(area, "592") == 0 ? 10000000 : 100000000;
    for (const char *c = area; *c; c++)
        whole = whole * 10 + (uint64_t)(*c - '0');
    return whole * scale + scale / 2 + (w->salt + (uint64_t)w->family_count * 7919) % (scale / 3);
}

static void open_family(struct world *w, struct person *p) {
    struct random *r = &w->random;
    p->family = ++w->family_count;
    if (p->kind == PERSON_ANONYMOUS)
        p->kind = PERSON_OMNI;
    if (random_chance(r, 0.35)) {
        p->home_phone = landline(w, p->city);
    }
    if (random_chance(r, 0.25))
        p->tablet = device_add(w, PLACE_APP, p->number, true);
}

static void set_phones(struct world *w, struct person *p) {
    struct random *r = &w->random;
    p->phones[0] = phone_draw(w);
    if (w->released_count > 0 && p->first_day > 150 && random_chance(r, 0.3)) {
        p->phones[0] = w->released[--w->released_count];
        p->recycled_phone = true;
    }
    if (random_chance(r, 0.08))
        p->phones[1] = phone_draw(w);
    p->phone_change_day = NEVER;
    if (!p->recycled_phone && random_chance(r, 0.04)) {
        p->phone_old = p->phones[0];
        p->phones[0] = phone_draw(w);
        p->phone_change_day = (int16_t)random_between(r, 20, w->days > 60 ? w->days - 20 : 40);
        if (p->phone_change_day < 100 && random_chance(r, 0.25))
            w->released[w->released_count++] = p->phone_old;
    }
}

static void set_accounts(struct world *w, struct person *p) {
    struct random *r = &w->random;
    bool online = p->kind == PERSON_ONLINE || p->kind == PERSON_OMNI,
         store = p->kind == PERSON_STORE || p->kind == PERSON_OMNI;
    p->email = p->kind != PERSON_ANONYMOUS && random_chance(r, online ? 0.55 : 0.25);
    p->account_phone = random_chance(r, 0.85);
    p->account_exists = online && p->first_day < 0 && random_chance(r, 0.8);
    p->id_card = random_chance(r, 0.3);
    p->card_day = p->bind_day = NEVER;
    if (store && random_chance(r, 0.85)) {
        p->card = 60000000 + (uint32_t)((w->salt + (uint64_t)p->number * 7368787) % 30000000);
        p->card_day = (int16_t)(p->first_day < 0 ? -1 : p->first_day + random_between(r, 0, 20));
        if (p->kind == PERSON_OMNI && random_chance(r, 0.75))
            p->bind_day = (int16_t)(random_chance(r, 0.6) ? p->card_day : p->card_day + random_between(r, 5, 90));
        if (random_chance(r, 0.012))
            p->card_2 = 95000000 + p->number;
        p->home_phone_in_crm = p->home_phone && random_chance(r, 0.35);
    }
    if (p->home_phone_in_crm && p->kind == PERSON_OMNI && p->bind_day == NEVER)
        p->bind_day = p->card_day; /* or nothing at all would lead from the card to the account */
}

static void set_devices(struct world *w, struct person *p) {
    struct random *r = &w->random;
    bool web = random_chance(r, 0.7), app = random_chance(r, p->kind == PERSON_ANONYMOUS ? 0.15 : 0.5),
         mini = random_chance(r, 0.5);
    if (p->kind == PERSON_STORE) {
        p->place_weight[PLACE_STORE] = 10;
        return;
    }
    if (!web && !app && !mini)
        web = true;
    if (web)
        p->web[0] = device_add(w, PLACE_WEB, p->number, false);
    if (web && random_chance(r, 0.25))
        p->web[1] = device_add(w, PLACE_WEB, p->number, false);
    if (app)
        p->app = device_add(w, PLACE_APP, p->number, false);
    if (mini)
        p->mini = device_add(w, PLACE_MINI, p->number, false);
    p->unionid = mini && random_chance(r, 0.6);
    p->mini_authorised = mini && p->account_exists && random_chance(r, 0.5);
    p->place_weight[PLACE_WEB] = web ? percent(r, 1, 10) : 0;
    p->place_weight[PLACE_APP] = app || p->tablet ? percent(r, 2, 16) : 0;
    p->place_weight[PLACE_MINI] = mini ? percent(r, 1, 14) : 0;
    p->place_weight[PLACE_STORE] = p->kind == PERSON_OMNI ? percent(r, 4, 18) : 0;
}

static void add_need(struct world *w, struct person *p, int category) {
    struct random *r = &w->random;
    for (int i = 0; i < p->need_count; i++)
        if (p->needs[i].category == category)
            return;
    struct need *need = &p->needs[p->need_count++];
    double cycle = sim_categories[category].cycle_days * (2.3 + 0.9 * sim_draw_normal(r));
    need->category = (uint8_t)category;
    need->brand = (uint8_t)random_below(r, BRANDS_EACH);
    need->cycle_days = (int16_t)(cycle < 5 ? 5 : cycle);
    need->due_day = (int16_t)((p->first_day > 0 ? p->first_day : 0) + random_between(r, 0, need->cycle_days));
}

static void set_habits(struct world *w, struct person *p) {
    struct random *r = &w->random;
    static const uint8_t women[CATEGORIES] = {26, 20, 8, 14, 0, 0, 0, 4, 9, 7, 6, 12},
                         men[CATEGORIES] = {8, 2, 6, 14, 0, 0, 0, 4, 14, 10, 12, 20};
    static const uint8_t parents[4] = {35, 35, 20, 10};
    int wanted = 1 + sim_draw_weighted(r, (const uint8_t[]){40, 35, 20}, 3);
    for (int i = 0; i < wanted; i++)
        add_need(w, p, sim_draw_weighted(r, p->gender ? men : women, CATEGORIES));
    if (p->child_birthday && p->child_birthday > sim_day_date(w, 0) - 4 * 365)
        add_need(w, p, 4 + sim_draw_weighted(r, parents, 4));
    p->sensitivity = random_unit(r);
    p->sms = sim_draw_low(r) * 2;
    p->mail = sim_draw_low(r) * 2;
    p->ads = sim_draw_low(r) * 2;
    p->browse_rate = 0.004 + 0.02 * sim_draw_low(r);
    if (p->kind == PERSON_ANONYMOUS)
        p->browse_rate *= 1.2;
}

static void set_life(struct world *w, struct person *p) {
    struct random *r = &w->random;
    p->first_day = (int16_t)(random_chance(r, 0.6) ? -random_between(r, 1, 900) : random_between(r, 0, w->days - 1));
    p->churn_day = NEVER;
    int from = p->first_day > 0 ? p->first_day : 0;
    if (random_chance(r, 0.28) && from + 60 < w->days)
        p->churn_day = (int16_t)random_between(r, from + 60, w->days - 1);
    p->next_browse_day = (int16_t)from;
    p->extra_day = p->cross_day = p->coupon_until = NEVER;
    p->coupon = -1;
}

static void create_person(struct world *w, size_t number, struct person *head) {
    struct person *p = &w->people[number];
    p->number = (uint32_t)number;
    random_init(&p->random, hash_mix(w->salt ^ 0xc0ffee) + number);
    set_person(w, p);
    set_life(w, p);
    if (head)
        join_family(w, p, head);
    else if (random_chance(&w->random, 0.14) && number + 3 < w->person_count)
        open_family(w, p);
    set_phones(w, p);
    set_accounts(w, p);
    set_devices(w, p);
    set_habits(w, p);
}

void sim_people_create(struct world *w) {
    w->person_count = w->options.customers;
    w->people = memory_get(w->person_count, sizeof *w->people);
    w->released = memory_get(w->person_count, sizeof *w->released);
    w->device_count = 1;
    w->devices = memory_get(1024, sizeof *w->devices);
    w->device_capacity = 1024;
    struct person *head = NULL;
    int joining = 0;
    for (size_t i = 0; i < w->person_count; i++) {
        create_person(w, i, joining > 0 ? head : NULL);
        if (joining > 0) {
            joining--;
        } else if (w->people[i].family) {
            head = &w->people[i];
            joining = random_chance(&w->random, 0.3) ? 2 : 1;
        }
    }
    for (int i = 0; i < STORES; i++)
        if (i % 4 == 0)
            w->stores[i].kiosk = device_add(w, PLACE_WEB, UINT32_MAX, true);
    w->summary.people = w->person_count;
    w->summary.families = w->family_count;
    assert(w->device_count <= w->device_capacity);
}
