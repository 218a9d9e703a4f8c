/* feed_fuzz: bytes as a checkpoint's section "feed": whatever they are, loading it refuses or takes them, and reading what it took stays
 * inside. */
#include <stdlib.h>

#include "audience/feed.h"
#include "os/os_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct image *image_of(struct os *os, const uint8_t *data, size_t size) {
    struct image_writer *writer;
    struct image *image;
    if (image_create(os, "/image", &writer, NULL) || image_add(writer, "feed", data, size, NULL) ||
        image_finish(writer, NULL, NULL) || image_open(os, "/image", &image, NULL))
        abort();
    return image;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct os_sim *sim = os_sim_create(1);
    struct feed *feed;
    struct feed_entry entries[16];
    struct feed_place after = {0};
    uint64_t sum = 0;
    struct image *image = image_of(os_sim_os(sim), data, size);
    if (feed_create_small(os_sim_os(sim), "/feed", 1, 64, &feed, NULL))
        abort();
    if (feed_load(feed, image, NULL) == STATUS_OK) {
        for (size_t count; (count = feed_read(feed, after, entries, 16)) > 0;) {
            for (size_t i = 0; i < count; i++)
                sum += entries[i].clauses_after;
            after = (struct feed_place){entries[count - 1].position, entries[count - 1].order};
        }
        sum += feed_search(feed, 1, 0, 1000, entries, 16);
    }
    feed_free(feed);
    image_close(image);
    os_sim_free(sim);
    return sum == UINT64_MAX; /* the entries were really read */
}
