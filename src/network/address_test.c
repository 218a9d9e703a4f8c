/* address: spellings of one dwelling have one key, other dwellings have others, and what names no house has none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/address.h"

static const struct {
    const char *key;
    const char *spellings[6];
} dwellings[] = {
    {"海淀区中关村大街 1 3 2 501",
     {"北京市海淀区中关村大街1号院3号楼2单元501室", "海淀区中关村大街1号院 3栋二单元501",
      "北京市 海淀区 中关村大街1号3-2-501", "海淀区中关村大街１号院３幢２单元５０１户"}},
    {"海淀区中关村大街 1 3 2 502", {"北京市海淀区中关村大街1号院3号楼2单元502室"}},
    {"天河区体育西路 21 a 1203",
     {"广东省广州市天河区体育西路21号A座1203室", "天河区体育西路二十一号A座1203",
      "广州市天河区体育西路21号 a座 1203房"}},
    {"余杭区文一西路 969", {"浙江省杭州市余杭区文一西路969号", "余杭区文一西路九六九号"}},
    {"12 high st #3",
     {"Flat 3, 12 High Street", "12 High St. #3", "3/12 High St", "12 high street, apt 3", "Apartment 3 12 HIGH STREET",
      "12 High Street Unit 3"}},
    {"12 high st", {"12 High Street", "12, high st."}},
    {"12a high st", {"12A High Street"}},
    {"hauptstrasse 7", {"Hauptstraße 7", "HAUPTSTRASSE 7"}},
};
#define DWELLINGS (sizeof dwellings / sizeof *dwellings)

static void test_spellings(void **state) {
    (void)state;
    struct fuzzy_normaliser *n = fuzzy_normaliser_create();
    struct buffer key = {0};
    for (size_t i = 0; i < DWELLINGS; i++)
        for (size_t k = 0; k < 6 && dwellings[i].spellings[k]; k++) {
            buffer_clear(&key);
            bool house = address_key(n, slice_text(dwellings[i].spellings[k]), &key);
            buffer_add_char(&key, 0);
            if (!house || strcmp(key.data, dwellings[i].key) != 0)
                fail_msg("%s: \"%s\", not \"%s\"", dwellings[i].spellings[k], house ? key.data : "(none)",
                         dwellings[i].key);
        }
    buffer_release(&key);
    fuzzy_normaliser_free(n);
}

static void test_no_house(void **state) {
    (void)state;
    static const char *const streets[] = {
        "", "北京市海淀区中关村大街", "High Street", "unknown", "上海市", "Flat 3", "  ", "#"};
    struct fuzzy_normaliser *n = fuzzy_normaliser_create();
    struct buffer key = {0};
    for (size_t i = 0; i < sizeof streets / sizeof *streets; i++) {
        assert_false(address_key(n, slice_text(streets[i]), &key));
        assert_int_equal(key.size, 0);
    }
    buffer_release(&key);
    fuzzy_normaliser_free(n);
}

static void test_town(void **state) {
    (void)state;
    assert_true(slice_is(address_town(SLICE("北京市海淀区中关村大街1号")), "北京"));
    assert_true(slice_is(address_town(SLICE("广东省广州市天河区体育西路21号")), "广州"));
    assert_true(slice_is(address_town(SLICE("天河区体育西路21号")), ""));
    assert_true(slice_is(address_town(SLICE("12 High Street")), ""));
    assert_true(slice_is(address_town(SLICE("")), ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_no_house),
        cmocka_unit_test(test_town),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
