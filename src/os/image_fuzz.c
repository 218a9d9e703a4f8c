/* image_fuzz: bytes as an image file: whatever they are, opening it and asking for sections stays inside them. */
#include <stdlib.h>

#include "os/image.h"
#include "os/os_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_input(struct os *os, const uint8_t *data, size_t size) {
    struct os_file *file;
    if (os_open(os, "/image", OS_WRITE | OS_CREATE, &file, NULL) || os_write_at(os, file, data, size, 0, NULL))
        abort();
    os_close(os, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"a", "tables", "t0", "counters", "rows", "a name that is not there"};
    struct os_sim *sim = os_sim_create(1);
    struct image *image;
    uint64_t sum = 0;
    write_input(os_sim_os(sim), data, size);
    if (image_open(os_sim_os(sim), "/image", &image, NULL) == STATUS_OK) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            for (int check = 0; check < 2; check++) {
                struct slice section;
                if (image_find(image, names[i], check, &section, NULL))
                    continue;
                for (size_t k = 0; k < section.size; k++)
                    sum += (unsigned char)section.data[k];
            }
        image_close(image);
    }
    os_sim_free(sim);
    return sum == UINT64_MAX; /* the bytes were really read */
}
