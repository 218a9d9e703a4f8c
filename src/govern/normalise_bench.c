/* normalise_bench: what one call costs, for the plain spelling of each value and for a decorated one.
 *
 *     onefold bench normalise [calls, default 1000000]
 *
 * Each line is the best of five rounds. On paper: a plain phone or time is one pass over 11 to 24 bytes, some 20 to 60
 * cycles; what goes to libphonenumber is a protobuf and some regular expressions, and is called a hundredth as often.
 */
#include "govern/normalise.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int normalise_bench(int argc, char **argv);

#define ROUNDS 5

static struct zone *shanghai, *new_york;

#define SLICE_OF(literal)                                                                                              \
    { "" literal, sizeof(literal) - 1 }

/* One call; adds what it found to the checksum, so that no call is left out. */
typedef uint64_t (*call)(struct slice raw, struct arena *arena);

static uint64_t phone(struct slice raw, struct arena *arena) {
    struct slice out = SLICE_NONE;
    return normalise_phone(raw, "CN", arena, &out, NULL) + out.size;
}
static uint64_t email(struct slice raw, struct arena *arena) {
    struct slice out = SLICE_NONE;
    return normalise_email(raw, arena, &out, NULL) + out.size;
}
static uint64_t name(struct slice raw, struct arena *arena) {
    struct slice out = SLICE_NONE;
    return normalise_name(raw, arena, &out, NULL) + out.size;
}
static uint64_t idcard(struct slice raw, struct arena *arena) {
    struct idcard out = {0};
    return normalise_idcard(raw, arena, &out, NULL) + (uint64_t)out.birth_days;
}
static uint64_t money(struct slice raw, struct arena *arena) {
    struct decimal out = {0};
    (void)arena;
    return normalise_money(raw, NULL, &out, NULL) + (uint64_t)out.value;
}
static uint64_t number(struct slice raw, struct arena *arena) {
    struct decimal out = {0};
    (void)arena;
    return normalise_number(raw, &out, NULL) + (uint64_t)out.value;
}
static uint64_t gender(struct slice raw, struct arena *arena) {
    enum gender out = GENDER_UNKNOWN;
    (void)arena;
    return normalise_gender(raw, &out, NULL) + (uint64_t)out;
}
static uint64_t time_in_shanghai(struct slice raw, struct arena *arena) {
    int64_t out = 0;
    (void)arena;
    return normalise_time(raw, shanghai, NULL, &out, NULL) + (uint64_t)out;
}
static uint64_t time_in_new_york(struct slice raw, struct arena *arena) {
    int64_t out = 0;
    (void)arena;
    return normalise_time(raw, new_york, NULL, &out, NULL) + (uint64_t)out;
}
static uint64_t date(struct slice raw, struct arena *arena) {
    int64_t out = 0;
    (void)arena;
    return normalise_date(raw, shanghai, NULL, &out, NULL) + (uint64_t)out;
}
static uint64_t placeholder(struct slice raw, struct arena *arena) {
    (void)arena;
    return text_is_placeholder(raw);
}

static const struct {
    const char *label;
    call call;
    struct slice raw;
    unsigned share; /* called count / share times */
} rows[] = {
    {"phone, plain mobile", phone, SLICE_OF("13800001111"), 1},
    {"phone, +86 and dashes", phone, SLICE_OF("+86 138-0000-1111"), 1},
    {"phone, full width", phone, SLICE_OF("１３８００００１１１１"), 1},
    {"phone, landline (library)", phone, SLICE_OF("010-12345678"), 100},
    {"phone, refused (library)", phone, SLICE_OF("12345"), 100},
    {"e-mail", email, SLICE_OF("Zhang.San@Example.com"), 1},
    {"name", name, SLICE_OF("张　三"), 1},
    {"identity number", idcard, SLICE_OF("11010519491231002x"), 1},
    {"money, plain", money, SLICE_OF("1234.50"), 1},
    {"money, ¥ and comma", money, SLICE_OF("¥1,234.50"), 1},
    {"number, percent", number, SLICE_OF("12.5%"), 1},
    {"gender", gender, SLICE_OF("女"), 1},
    {"time, ISO with Z", time_in_shanghai, SLICE_OF("2026-03-05T14:22:09.123Z"), 1},
    {"time, ISO in Shanghai", time_in_shanghai, SLICE_OF("2026-03-05 14:22:09"), 1},
    {"time, ISO in New York", time_in_new_york, SLICE_OF("2026-03-05 14:22:09"), 1},
    {"time, slashes", time_in_shanghai, SLICE_OF("2026/03/05 14:22"), 1},
    {"time, Chinese", time_in_shanghai, SLICE_OF("2026年3月5日 14时22分"), 1},
    {"time, 13 digits", time_in_shanghai, SLICE_OF("1772691729123"), 1},
    {"time, RFC 2822", time_in_shanghai, SLICE_OF("Thu, 05 Mar 2026 14:22:09 +0800"), 1},
    {"date, ISO", date, SLICE_OF("2026-03-05"), 1},
    {"placeholder? (no)", placeholder, SLICE_OF("13800001111"), 1},
};

/* Nanoseconds a call, the best of the rounds. */
static double measure(call measured, struct slice raw, uint64_t count, uint64_t *checksum) {
    struct arena arena = {0};
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = os_monotonic_ns(os_real()), sum = 0;
        for (uint64_t i = 0; i < count; i++) {
            sum += measured(raw, &arena);
            if (i % 1024 == 0)
                arena_reset(&arena);
        }
        double each = (double)(os_monotonic_ns(os_real()) - start) / (double)count;
        best = round && best < each ? best : each;
        *checksum = sum;
    }
    arena_release(&arena);
    return best;
}

int normalise_bench(int argc, char **argv) {
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    struct fault fault = {0};
    if (zone_load(os_real(), SLICE("Asia/Shanghai"), &shanghai, &fault) != STATUS_OK ||
        zone_load(os_real(), SLICE("America/New_York"), &new_york, &fault) != STATUS_OK) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t checksum = 0, calls = count / rows[i].share + 1;
        double ns = measure(rows[i].call, rows[i].raw, calls, &checksum);
        printf("%-28s %10.1f ns  checksum %" PRIx64 "\n", rows[i].label, ns, checksum);
    }
    zone_free(shanghai);
    zone_free(new_york);
    return 0;
}
