/* bench/data: templates whose runs of low bytes are put in place. */
#include "main/bench/data.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"
#include "collect/payload.h"

/* What stands in a template's run: one byte value each, repeated for as many characters as the value has. */
#define CUSTOMER "\1\1\1\1\1\1\1"
#define MESSAGE "\2\2\2\2\2\2\2\2\2\2\2\2"
#define TIME "\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3"
#define PRODUCT "\4\4\4\4"
#define BRAND "\5\5"
#define PRICE "\6\6\6\6\6\6"
#define QUANTITY "\7"
#define PLACE "\10\10" /* in a list: 10 to 59 */
#define ADDRESS "\11\11\11"
#define AGENT "\13\13"
#define CATEGORY "\14\14\14\14\14\14"
#define CITY "\15\15\15\15\15\15"
#define NAME "\16\16\16\16\16\16"
#define GENDER "\17\17\17"
#define DIGIT "\20" /* any, by customer */
#define PRODUCT_2 "\21\21\21\21"
#define PRICE_2 "\22\22\22\22\22\22"
#define LEVEL "\23\23\23\23"
#define MARK_LAST 19

#define WHO                                                                                                            \
    "\"userId\":\"u-" CUSTOMER "\",\"anonymousId\":\"5b1c03e7-9f62-4d0a-8a11-00000" CUSTOMER                           \
    "\",\"messageId\":\"ajs-next-1769817600000-" MESSAGE "\",\"timestamp\":\"" TIME "\","
#define CONTEXT                                                                                                        \
    "\"context\":{\"library\":{\"name\":\"analytics.js\",\"version\":\"next-1.70.0\"},\"page\":{\"path\":\"/"          \
    "p/" PRODUCT "\",\"url\":\"https://shop.example.com/p/" PRODUCT "\"},\"ip\":\"203.0." ADDRESS "." ADDRESS          \
    "\",\"userAgent\":\"Mozilla/5.0 (iPhone; CPU iPhone OS " AGENT "_1 like Mac OS X)\"}"

static const char *const templates[BENCH_CALL_COUNT] = {
    [BENCH_VIEW] = "{\"type\":\"track\",\"event\":\"Product Viewed\"," WHO "\"properties\":{\"product_id\":\"p-" PRODUCT
                   "\",\"sku\":\"S" PRODUCT "\",\"category\":\"" CATEGORY "\",\"name\":\"Cream " PRODUCT
                   "\",\"brand\":\"B" BRAND "\",\"price\":" PRICE ",\"currency\":\"CNY\",\"quantity\":" QUANTITY
                   ",\"position\":" PLACE ",\"url\":\"https://shop.example.com/p/" PRODUCT "\"}," CONTEXT "}",
    [BENCH_IDENTIFY] = "{\"type\":\"identify\"," WHO "\"traits\":{\"name\":\"" NAME "\",\"gender\":\"" GENDER
                       "\",\"birthday\":\"198" DIGIT "-0" QUANTITY "-1" DIGIT "\",\"phone\":\"+861391" CUSTOMER
                       "\",\"email\":\"u" CUSTOMER "@example.com\",\"city\":\"" CITY
                       "\",\"country\":\"CN\",\"level\":\"" LEVEL "\",\"member_id\":\"m" CUSTOMER
                       "\",\"created_at\":\"201" DIGIT "-0" QUANTITY "-1" DIGIT "T08:00:00Z\"}," CONTEXT "}",
    [BENCH_ORDER] = "{\"type\":\"track\",\"event\":\"Order Completed\"," WHO "\"properties\":{\"order_id\":\"SO" MESSAGE
                    "\",\"total\":" PRICE ",\"revenue\":" PRICE
                    ",\"shipping\":10,\"currency\":\"CNY\",\"products\":[{\"product_id\":\"p-" PRODUCT
                    "\",\"sku\":\"S" PRODUCT "\",\"name\":\"Cream " PRODUCT "\",\"price\":" PRICE
                    ",\"quantity\":" QUANTITY "},{\"product_id\":\"p-" PRODUCT_2 "\",\"sku\":\"S" PRODUCT_2
                    "\",\"name\":\"Cream " PRODUCT_2 "\",\"price\":" PRICE_2 ",\"quantity\":1}]}," CONTEXT "}"};

static const char categories[][7] = {"护肤", "彩妆", "奶粉", "尿裤", "零食", "饮料", "洗护", "香水", "粮油", "玩具"};
static const char cities[][7] = {"上海", "北京", "广州", "深圳", "成都", "杭州", "武汉", "西安"};
static const char surnames[][4] = {"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴"};
static const char given[][4] = {"伟", "芳", "娜", "敏", "静", "强", "磊", "洋", "艳", "勇", "军", "杰"};
static const char levels[][5] = {"gold", "base", "plus"};

static void put_digits(char *at, size_t size, uint64_t value) {
    while (size--) {
        at[size] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* 100.00 to 999.99: a product's price is its own. */
static void put_price(char *at, uint64_t product) {
    static const uint8_t cents[] = {0, 50, 90, 99};
    uint64_t h = hash_mix(product + 77);
    put_digits(at, 3, 100 + h % 900);
    at[3] = '.';
    put_digits(at + 4, 2, cents[(h >> 32) % 4]);
}

struct drawn {
    uint64_t number, customer, event, person; /* the latter two: random bits of the event and of the customer */
    int64_t time_ms;
};

static void put(char *at, size_t size, char mark, const struct drawn *d) {
    uint64_t product = d->event % BENCH_PRODUCTS, other = (d->event >> 13) % BENCH_PRODUCTS;
    switch (mark) {
    case 1:
        put_digits(at, size, d->customer);
        break;
    case 2:
        put_digits(at, size, d->number);
        break;
    case 3: {
        char text[TIME_TEXT_BYTES];
        size_t length = time_format(d->time_ms, text);
        assert(length == size);
        memcpy(at, text, length);
        break;
    }
    case 4:
        put_digits(at, size, product);
        break;
    case 5:
        put_digits(at, size, product % 50);
        break;
    case 6:
        put_price(at, product);
        break;
    case 7:
        put_digits(at, size, 1 + (d->event >> 40) % 3);
        break;
    case 8:
        put_digits(at, size, 10 + (d->event >> 44) % 50);
        break;
    case 9:
        put_digits(at, size, 100 + d->person % 155);
        break;
    case 11:
        put_digits(at, size, 10 + (d->person >> 8) % 9);
        break;
    case 12:
        memcpy(at, categories[product % (sizeof categories / sizeof *categories)], size);
        break;
    case 13:
        memcpy(at, cities[(d->person >> 12) % (sizeof cities / sizeof *cities)], size);
        break;
    case 14:
        memcpy(at, surnames[(d->person >> 16) % (sizeof surnames / sizeof *surnames)], 3);
        memcpy(at + 3, given[(d->person >> 20) % (sizeof given / sizeof *given)], 3);
        break;
    case 15:
        memcpy(at, d->person >> 24 & 1 ? "女" : "男", size);
        break;
    case 16:
        put_digits(at, size, (d->person >> 28) % 10);
        break;
    case 17:
        put_digits(at, size, other);
        break;
    case 18:
        put_price(at, other);
        break;
    case 19:
        memcpy(at, levels[(d->person >> 32) % (sizeof levels / sizeof *levels)], size);
        break;
    default:
        assert(!"a template's mark");
    }
}

/* A template's runs, found once. */
#define RUNS_MAX 40
struct layout {
    size_t bytes, count;
    struct {
        uint16_t at, size;
        char mark;
    } runs[RUNS_MAX];
};
static struct layout layouts[BENCH_CALL_COUNT];

static const struct layout *layout_of(enum bench_call call) {
    struct layout *l = &layouts[call];
    const char *text = templates[call];
    if (l->bytes)
        return l;
    size_t bytes = strlen(text);
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < 1 || text[i] > MARK_LAST)
            continue;
        size_t end = i;
        while (text[end] == text[i])
            end++;
        assert(l->count < RUNS_MAX);
        l->runs[l->count].at = (uint16_t)i;
        l->runs[l->count].size = (uint16_t)(end - i);
        l->runs[l->count++].mark = text[i];
        i = end - 1;
    }
    l->bytes = bytes;
    return l;
}

static uint64_t draw(uint64_t seed, uint64_t number) { return hash_mix(seed * 0x9e3779b97f4a7c15ULL + number + 1); }

uint64_t bench_data_customer(const struct bench_data *data, uint64_t number) {
    return (uint64_t)(((unsigned __int128)draw(data->seed, number) * data->customers) >> 64);
}

void bench_data_call(const struct bench_data *data, enum bench_call call, uint64_t number, uint64_t customer,
                     int64_t time_ms, struct buffer *out) {
    const struct layout *l = layout_of(call);
    struct drawn d = {number, customer, draw(data->seed + 1, number), draw(data->seed + 2, customer), time_ms};
    char *at = buffer_reserve(out, l->bytes);
    assert(customer < data->customers && customer < 10000000);
    memcpy(at, templates[call], l->bytes);
    for (size_t i = 0; i < l->count; i++)
        put(at + l->runs[i].at, l->runs[i].size, l->runs[i].mark, &d);
    out->size += l->bytes;
}

size_t bench_data_bytes(enum bench_call call) { return layout_of(call)->bytes; }

void bench_data_delays(const struct bench_data *data, uint64_t number, int64_t time_ms, int64_t *sent_ms,
                       int64_t *received_ms) {
    uint64_t h = draw(data->seed + 3, number);
    *sent_ms = time_ms + (int64_t)(h % 3000);
    *received_ms = *sent_ms + 20 + (int64_t)((h >> 32) % 480);
}

void bench_data_payload(const struct bench_data *data, enum bench_call call, uint64_t number, uint64_t customer,
                        int64_t time_ms, struct buffer *out) {
    int64_t sent_ms, received_ms;
    bench_data_delays(data, number, time_ms, &sent_ms, &received_ms);
    struct payload_segment head = {.sent_at_ms = sent_ms, .item_bytes = (uint32_t)bench_data_bytes(call)};
    buffer_add(out, &head, sizeof head);
    bench_data_call(data, call, number, customer, time_ms, out);
}

void bench_data_user(uint64_t customer, char out[16]) {
    snprintf(out, 16, "u-%07llu", (unsigned long long)(customer % 10000000));
}

uint64_t bench_data_distinct(const struct bench_data *data, uint64_t first, uint64_t count) {
    uint8_t *met = memory_get(data->customers, 1);
    uint64_t distinct = 0;
    for (uint64_t i = first; i < first + count; i++) {
        uint64_t customer = bench_data_customer(data, i);
        distinct += !met[customer];
        met[customer] = 1;
    }
    free(met);
    return distinct;
}
