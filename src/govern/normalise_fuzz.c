/* Fuzz target: the first byte says which normaliser, the rest is the value (or a TZif file). Beyond not faulting: a
 * result is valid UTF-8 and its own normal form, exact and rounded numbers agree, instants stay in the years 1 to 9999,
 * and a zone that was read gives offsets under 27 hours everywhere and local times that lead back. */
#include "govern/normalise.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum status (*text_function)(struct slice raw, struct arena *arena, struct slice *out, struct fault *fault);

static enum status phone_cn(struct slice raw, struct arena *arena, struct slice *out, struct fault *fault) {
    return normalise_phone(raw, "CN", arena, out, fault);
}
static enum status phone_gb(struct slice raw, struct arena *arena, struct slice *out, struct fault *fault) {
    return normalise_phone(raw, "GB", arena, out, fault);
}
static enum status idcard(struct slice raw, struct arena *arena, struct slice *out, struct fault *fault) {
    struct idcard idcard = {0};
    enum status status = normalise_idcard(raw, arena, &idcard, fault);
    *out = idcard.number;
    return status;
}

static void check_text(text_function normalise, struct slice raw) {
    struct arena arena = {0};
    struct slice once = SLICE_NONE, twice = SLICE_NONE;
    struct fault fault = {0};
    enum status status = normalise(raw, &arena, &once, &fault);
    assert(utf8_valid(slice_text(fault.text)) && (status == STATUS_OK) == (fault.text[0] == 0));
    if (status == STATUS_OK) {
        assert(utf8_valid(once) && once.size > 0);
        status = normalise(once, &arena, &twice, NULL);
        assert(status == STATUS_OK && slice_equal(once, twice));
    }
    arena_release(&arena);
}

static void check_number(struct slice raw) {
    struct decimal number;
    double real;
    struct fault fault = {0};
    enum status status = normalise_number(raw, &number, &fault);
    assert(utf8_valid(slice_text(fault.text)));
    if (status == STATUS_OK) {
        double exact = decimal_real(number.value, number.scale);
        assert(normalise_real(raw, &real, NULL) == STATUS_OK);
        assert(fabs(exact - real) <= 1e-6 + fabs(real) * 1e-12);
    }
    if (normalise_money(raw, raw.size % 2 ? "fen" : NULL, &number, &fault) == STATUS_OK)
        assert(number.scale <= DECIMAL_SCALE_MAX);
}

static void check_time(struct slice raw, const char *format) {
    int64_t time_ms, days;
    char text[TIME_TEXT_BYTES];
    struct fault fault = {0};
    enum status status = normalise_time(raw, zone_utc(), format, &time_ms, &fault);
    assert(utf8_valid(slice_text(fault.text)));
    if (status == STATUS_OK) {
        int64_t again;
        assert(normalise_time(slice_of(text, time_format(time_ms, text)), zone_utc(), NULL, &again, NULL) == STATUS_OK);
        assert(again == time_ms);
    }
    if (normalise_date(raw, zone_utc(), format, &days, &fault) == STATUS_OK)
        assert(status == STATUS_OK || days == time_days(9999, 12, 31));
    if (normalise_birthday(raw, NULL, format, 20000, &days, &fault) == STATUS_OK)
        assert(days <= 20000 && days > time_days(1900, 1, 1));
}

static void check_zone(struct slice bytes) {
    struct zone *zone = NULL;
    struct fault fault = {0};
    if (zone_parse(bytes, SLICE("Fuzz/Zone"), &zone, &fault) != STATUS_OK)
        return;
    for (int64_t time_ms = -6000 * 365 * DAY_MS; time_ms < 6000 * 365 * DAY_MS; time_ms += 97 * DAY_MS + 12345677) {
        int32_t offset = zone_offset_at_utc(zone, time_ms);
        assert(abs(offset) < 27 * 3600000);
        int64_t back = zone_local_to_utc(zone, zone_utc_to_local(zone, time_ms));
        assert(llabs(back - time_ms) <= 2 * 27 * 3600000LL);
    }
    (void)zone_local_to_utc(zone, INT64_MAX);
    (void)zone_local_to_utc(zone, INT64_MIN);
    zone_free(zone);
}

static void check_words(struct slice raw) {
    enum gender gender;
    bool value;
    struct arena arena = {0};
    struct slice repaired = utf8_repair(raw, &arena);
    assert(utf8_valid(repaired) && utf8_valid(text_half_width(raw, &arena)));
    assert(!utf8_valid(raw) || repaired.data == raw.data);
    if (normalise_gender(raw, &gender, NULL) == STATUS_OK)
        assert(gender <= GENDER_FEMALE);
    if (normalise_bool(raw, &value, NULL) == STATUS_OK)
        assert(!text_is_placeholder(raw) || raw.size);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const formats[] = {NULL, "d/m/y", "m/d/y", "y/m/d", "excel", "seconds", "ms", "us"};
    static const text_function texts[] = {phone_cn, phone_gb, normalise_email, idcard, normalise_name, normalise_lower};
    if (size == 0 || size > 65536)
        return 0;
    char *copy = malloc(size - 1 ? size - 1 : 1); /* exactly as large, so that a byte too far is seen */
    if (!copy)
        return 0;
    memcpy(copy, data + 1, size - 1);
    struct slice raw = slice_of(copy, size - 1);
    unsigned choice = data[0] % 17;
    if (choice < 6)
        check_text(texts[choice], raw);
    else if (choice < 14)
        check_time(raw, formats[choice - 6]);
    else if (choice == 14)
        check_number(raw);
    else if (choice == 15)
        check_words(raw);
    else
        check_zone(raw);
    free(copy);
    return 0;
}
