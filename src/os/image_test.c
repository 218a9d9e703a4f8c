/* image_test: what was written is read back; a half-written image never shows; any changed byte is found or harmless. */
#include "os/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"

static char folder[64], path[96], path_new[96];

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/image_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state.img", folder);
    snprintf(path_new, sizeof path_new, "%s/state.img.new", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    unlink(path_new);
    rmdir(folder);
    return 0;
}

#define MUST(call) assert_int_equal(call, STATUS_OK)

static void write_small(void) {
    struct image_writer *w;
    struct fault fault = {0};
    MUST(image_create(os_real(), path, &w, &fault));
    MUST(image_add(w, "zebra", "stripes", 7, &fault));
    MUST(image_section(w, "empty", &fault));
    MUST(image_section(w, "ant", &fault));
    MUST(image_write(w, "six ", 4, &fault));
    MUST(image_write(w, "legs", 4, &fault));
    MUST(image_finish(w, NULL, &fault));
}

static void expect(struct image *image, const char *name, struct slice want) {
    struct slice got;
    struct fault fault = {0};
    MUST(image_find(image, name, true, &got, &fault));
    assert_true(slice_equal(got, want));
    assert_int_equal((uintptr_t)got.data % 64, 0);
}

static void sections_are_read_back(void **state) {
    (void)state;
    struct image *image;
    struct slice got;
    struct fault fault = {0};
    write_small();
    MUST(image_open(os_real(), path, &image, &fault));
    expect(image, "ant", SLICE("six legs"));
    expect(image, "zebra", SLICE("stripes"));
    expect(image, "empty", SLICE(""));
    assert_int_equal(image_find(image, "bee", true, &got, &fault), STATUS_NOT_FOUND);
    assert_non_null(strstr(fault.text, "bee"));
    image_close(image);
}

static void no_sections_at_all(void **state) {
    (void)state;
    struct image_writer *w;
    struct image *image;
    struct slice got;
    struct fault fault = {0};
    MUST(image_create(os_real(), path, &w, &fault));
    MUST(image_finish(w, NULL, &fault));
    MUST(image_open(os_real(), path, &image, &fault));
    assert_int_equal(image_find(image, "any", true, &got, &fault), STATUS_NOT_FOUND);
    image_close(image);
}

/* Random pieces from nothing to past the write block, many sections. */
static void large_and_many(void **state) {
    (void)state;
    enum { SECTIONS = 300 };
    static size_t sizes[SECTIONS];
    struct random random;
    struct image_writer *w;
    struct image *image;
    struct fault fault = {0};
    uint64_t bytes = 0;
    char name[32], *noise = malloc(3 << 20);
    random_init(&random, 7);
    for (size_t i = 0; i < 3 << 20; i++)
        noise[i] = (char)random_next(&random);
    MUST(image_create(os_real(), path, &w, &fault));
    for (int i = 0; i < SECTIONS; i++) {
        snprintf(name, sizeof name, "section.%d", i);
        MUST(image_section(w, name, &fault));
        size_t pieces = random_below(&random, 5), limit = i % 100 == 0 ? 3 << 19 : 500;
        for (size_t k = 0; k < pieces; k++) {
            size_t piece = random_below(&random, limit);
            if (sizes[i] + piece > 3 << 20)
                break;
            MUST(image_write(w, noise + sizes[i], piece, &fault));
            sizes[i] += piece;
        }
    }
    MUST(image_finish(w, &bytes, &fault));
    MUST(image_open(os_real(), path, &image, &fault));
    assert_true(image_bytes(image) == bytes);
    for (int i = SECTIONS - 1; i >= 0; i--) {
        snprintf(name, sizeof name, "section.%d", i);
        expect(image, name, slice_of(noise, sizes[i]));
    }
    image_close(image);
    free(noise);
}

static void the_old_image_stays_until_the_end(void **state) {
    (void)state;
    struct image_writer *w;
    struct image *image;
    struct fault fault = {0};
    write_small();
    MUST(image_create(os_real(), path, &w, &fault));
    MUST(image_add(w, "ant", "new", 3, &fault));
    image_abandon(w);
    assert_int_equal(access(path_new, F_OK), -1);
    MUST(image_open(os_real(), path, &image, &fault));
    expect(image, "ant", SLICE("six legs"));
    image_close(image);
}

/* Opens a changed copy: damage is named, or every section still reads as it was (the byte was padding). */
static bool survives(const struct buffer *bytes) {
    struct image *image;
    struct slice got;
    struct fault fault = {0};
    MUST(os_write_file(os_real(), path, buffer_slice(bytes), &fault));
    enum status status = image_open(os_real(), path, &image, &fault);
    if (status != STATUS_OK) {
        assert_int_equal(status, STATUS_DAMAGED);
        assert_non_null(strstr(fault.text, path));
        return false;
    }
    static const struct {
        const char *name, *text;
    } want[] = {{"ant", "six legs"}, {"empty", ""}, {"zebra", "stripes"}};
    bool whole = true;
    for (size_t i = 0; i < 3; i++) {
        status = image_find(image, want[i].name, true, &got, &fault);
        assert_true(status == STATUS_OK || status == STATUS_DAMAGED);
        assert_true(status != STATUS_OK || slice_is(got, want[i].text));
        whole = whole && status == STATUS_OK;
    }
    image_close(image);
    return whole;
}

static void any_changed_byte_is_found(void **state) {
    (void)state;
    struct buffer whole = {0}, changed = {0};
    struct fault fault = {0};
    write_small();
    MUST(os_read_file(os_real(), path, &whole, &fault));
    size_t found = 0;
    for (size_t i = 0; i < whole.size; i++) {
        buffer_clear(&changed);
        buffer_add_slice(&changed, buffer_slice(&whole));
        changed.data[i] ^= 0x20;
        found += !survives(&changed);
    }
    assert_true(found > 8 + 8 + 7 + 3 * 72 + 64 - 1);
    for (size_t size = 0; size < whole.size; size += 7) {
        buffer_clear(&changed);
        buffer_add(&changed, whole.data, size);
        assert_false(survives(&changed));
    }
    buffer_release(&whole);
    buffer_release(&changed);
}

static void missing_and_unwritable(void **state) {
    (void)state;
    struct image *image;
    struct image_writer *w;
    struct fault fault = {0};
    assert_int_equal(image_open(os_real(), "/tmp/no such folder/x.img", &image, &fault), STATUS_NOT_FOUND);
    assert_int_not_equal(image_create(os_real(), "/tmp/no such folder/x.img", &w, &fault), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_read_back),
        cmocka_unit_test(no_sections_at_all),
        cmocka_unit_test(large_and_many),
        cmocka_unit_test(the_old_image_stays_until_the_end),
        cmocka_unit_test(any_changed_byte_is_found),
        cmocka_unit_test(missing_and_unwritable),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
