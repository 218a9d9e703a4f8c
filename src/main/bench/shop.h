/* bench/shop: a year of a shop's customers, the same from every run: what segments and funnels are measured on.
 *
 * Everything of a customer is computed from the seed and the customer's number, so that a history, a file for another database and a slow
 * count of the right answers can each be made by walking over the customers once, with nothing kept. Times are whole seconds, no
 * two rows of a customer at the same one, so that no order of equals has to be agreed on. */
#ifndef ONEFOLD_MAIN_BENCH_SHOP_H
#define ONEFOLD_MAIN_BENCH_SHOP_H

#include "history/history.h"
#include "main/bench/bench.h"

#define SHOP_ROWS_MAX 64
#define SHOP_ITEMS_MAX 3
#define SHOP_CITIES 30
#define SHOP_CATEGORIES 12
#define SHOP_CHANNELS 4
#define SHOP_LEVELS 4
#define SHOP_NOW_S 1767268800 /* 2026-01-01T12:00:00Z: when segments are asked for; the data is of the year before */
#define SHOP_DAY_S 86400

extern const char *const shop_cities[SHOP_CITIES],
    *const shop_categories[SHOP_CATEGORIES], *const shop_channels[SHOP_CHANNELS], *const shop_levels[SHOP_LEVELS];

struct shop {
    uint64_t seed, customers;
    uint64_t events_each; /* mean; a customer has 1 to twice as many less one */
};

enum shop_event { SHOP_PAGE, SHOP_VIEW, SHOP_ADD, SHOP_ORDER };
#define SHOP_EVENTS 4
#define SHOP_NONE 255 /* no city, gender, level */

struct shop_item {
    uint16_t product; /* its category is product % SHOP_CATEGORIES */
    uint8_t quantity;
    uint32_t cents; /* a piece */
};
struct shop_row {
    uint32_t time_s;
    uint8_t event, channel;
    uint16_t product;   /* of views and additions */
    uint32_t cents;     /* price; of orders the total */
    uint8_t item_count; /* of orders */
    struct shop_item items[SHOP_ITEMS_MAX];
};
struct shop_customer {
    uint32_t number; /* from 1, as identity gives them */
    uint8_t city, gender, level;
    int32_t birthday; /* days since 1970; 0: unknown */
    uint32_t ward;    /* the customer's number whose guardian this one is; 0: nobody's */
    size_t row_count;
    struct shop_row rows[SHOP_ROWS_MAX]; /* by time; each order is an event and a document */
};
/* Customer `number` (1 .. customers). */
void shop_customer(const struct shop *shop, uint32_t number, struct shop_customer *out);
int32_t shop_birthday(const struct shop *shop, uint32_t number);
bool shop_is_sound(const struct shop *shop); /* sizes that can be made */
/* How many of view, addition, order came in this order, the last within `seconds` of the first: 0 to 3. */
unsigned shop_steps(const struct shop_customer *c, int64_t seconds);

/* Two numbers of a set of customers that say whether two are the same, in whatever order they come; databases compute them too. */
struct shop_answer {
    uint64_t count, sum; /* sum of number * 2654435761 mod 2^32 */
};
static inline void shop_answer_add(struct shop_answer *a, uint32_t number) {
    a->count++;
    a->sum += (uint64_t)(uint32_t)(number * 2654435761u);
}

/* --- as history --- */
struct shop_store {
    struct dictionary *dictionary;
    struct identity *identity;
    struct history *history;
    uint64_t events, orders, items, relations; /* what went in */
};
/* Builds it in the bench's folder, everything compacted and its bases copied into memory, as a server's background thread does; says how long it
 * took and how large it is, and checks the counts. With `kept` not empty it is built in a folder under that one and stays there; a later run
 * finds it again, which takes seconds. */
enum status shop_build(struct bench *b, const struct shop *shop, const char *kept, struct shop_store *store,
                       struct fault *fault) WARN_UNUSED;
/* The row of a bench's options that says where. */
#define SHOP_KEPT_ARG(kept)                                                                                            \
    {                                                                                                                  \
        "keep", ARG_TEXT, kept,                                                                                        \
            "a folder where history and other databases stay, for a later run of the same data (none: passing)"        \
    }
void shop_release(struct shop_store *store);

/* --- other databases on the same rows: ClickHouse (as chDB) and DuckDB, loaded from bench/peers/node_modules, each in a process of its own --- */
/* Their tables, sorted by (customer, time), times in seconds, money in cents:
 *   customers(customer, city, gender, level, birthday), relations(customer, other), orders(customer, time, cents)
 *   events(customer, time, event, category, channel, product, cents), items(customer, time, category, quantity, product, cents)
 * Missing texts are '', a missing gender is 255, a missing birthday the day 0. Texts and event are enums of a byte. */
enum shop_table { SHOP_CUSTOMERS, SHOP_RELATIONS, SHOP_EVENT_ROWS, SHOP_ORDERS, SHOP_ITEMS, SHOP_TABLES };
enum shop_peer { SHOP_CLICKHOUSE, SHOP_DUCKDB };
#define SHOP_PEERS 2
#define SHOP_WAYS_MAX 4
#define SHOP_VALUES_MAX 3
extern const char *const shop_peer_names[SHOP_PEERS];

struct shop_question {
    const char *name;                            /* NULL: not asked */
    const char *ways[SHOP_PEERS][SHOP_WAYS_MAX]; /* SQL of the rows asked for; the fastest counts; NULL ends them */
};
struct shop_asked {
    const char *timed[SHOP_PEERS]; /* what is selected from a way while it is timed */
    const char *check[SHOP_PEERS]; /* and afterwards, where it is another: up to SHOP_VALUES_MAX whole numbers */
    bool without[SHOP_TABLES];     /* tables that no question is about: not loaded */
};
struct shop_peer_answer {
    double median_ms, worst_ms; /* of the fastest way; 0: not asked, or all ways stopped */
    unsigned way;
    double way_ms[SHOP_WAYS_MAX];
    unsigned way_runs[SHOP_WAYS_MAX]; /* 0: stopped after way_ms; 1: once, being much slower than another */
    uint64_t values[SHOP_VALUES_MAX];
};
/* False, with the reason in `why`, where they are not installed. */
bool shop_peers_there(char why[256]);
/* Starts a process for each, which loads all rows, while the caller goes on: best called first, while this process is small and has one thread.
 * With `kept` not empty the databases stay in a folder under that one, and a later run finds them again.
 * Errors: IO. */
struct shop_peers;
enum status shop_peers_begin(struct bench *b, const struct shop *shop, const struct shop_asked *asked,
                             const struct shop_question *questions, size_t question_count, unsigned rounds,
                             const char *kept, struct shop_peers **peers, struct fault *fault) WARN_UNUSED;
/* Waits until both are loaded and idle, so that ours can be asked then as each of them is: with the machine to itself, soon after loading. A process
 * that sits still for minutes finds its memory given up, and is slower for a while. */
enum status shop_peers_load(struct shop_peers *peers, struct fault *fault) WARN_UNUSED;
/* The same, if that was not done yet, and asks one after the other every question: answers[question * SHOP_PEERS + peer]. Warm, both cores, `rounds` times
 * each way; one that is much slower than the best known is run once or stopped. Once. Errors: IO with what the database said. */
enum status shop_peers_ask(struct shop_peers *peers, struct shop_peer_answer *answers, struct fault *fault) WARN_UNUSED;
void shop_peers_end(struct shop_peers *peers); /* NULL is fine */
/* Reports `ours_ms` against each of them and, with the bar, against the faster; checks that their values are `expected`. */
void shop_peers_report(struct bench *b, const struct shop_question *question, const struct shop_peer_answer *answers,
                       double ours_ms, const uint64_t *expected, size_t value_count);
#define SHOP_PEER_BAR 10.0 /* times faster than the faster of them */
#define SHOP_PEER_BYTES 80 /* an event, in all files and both databases: for the space asked for */

#endif
