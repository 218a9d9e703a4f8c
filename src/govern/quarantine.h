/* quarantine: what could not be used, with its reason, countable and listed; the store behind the quarantine_ functions
 * of govern/govern.h.
 *
 * Entries stand in the order they came, number = place from 1, and are never moved or removed. At most
 * QUARANTINE_ENTRIES_MAX are listed (QUARANTINE_TEXT_BYTES_MAX of their text): the first ones, as those show where the
 * trouble began; the counts go on, and say how many are not listed. One lock guards everything: the fold thread holds
 * it to add, others while they list. */
#ifndef ONEFOLD_GOVERN_QUARANTINE_H
#define ONEFOLD_GOVERN_QUARANTINE_H

#include <pthread.h>

#include "base/memory.h"
#include "govern/govern.h"

#define QUARANTINE_ENTRIES_MAX 1000000u
#define QUARANTINE_TEXT_BYTES_MAX ((uint64_t)256 << 20)

/* One entry as it is kept and saved (docs/formats/govern.md). */
struct quarantine_stored {
    uint64_t position;
    int64_t received_ms;
    uint64_t text_offset; /* of field, then text */
    uint16_t source;
    uint8_t reason;
    uint8_t flags; /* enum quarantine_flags */
    uint16_t field_bytes, text_bytes;
    uint32_t previous; /* number of the entry before it of the same position, 0 for none */
    uint32_t holder;   /* who has the record without this value: see govern_note_holder; 0: nobody */
};
_Static_assert(sizeof(struct quarantine_stored) == 40, "on disk");
enum quarantine_flags { QUARANTINE_WHOLE = 1, QUARANTINE_REPAIRED = 2 };

/* Per source and reason. On disk. */
struct quarantine_count {
    uint64_t waiting, repaired, unlisted;
};

struct quarantine {
    pthread_mutex_t lock;
    struct quarantine_stored *entries;
    uint32_t count, capacity;
    struct buffer text;
    uint32_t *by_position; /* open addressing: number of the position's last entry, 0 free */
    uint32_t position_mask, position_count;
    struct quarantine_count (*counts)[QUARANTINE_REASON_COUNT]; /* [source_count] */
    uint32_t source_count;
    uint64_t waiting; /* all sources; read by any thread */
};

void quarantine_init(struct quarantine *q);
void quarantine_release(struct quarantine *q);
/* Adds `entry` (its number is given here; `repaired` is ignored). Field and text are cut to 255 and 400 bytes. */
void quarantine_add(struct quarantine *q, const struct quarantine_entry *entry);
/* Waiting entries of a raw record: of the whole of it, and of values. */
void quarantine_waiting_at(struct quarantine *q, uint64_t position, unsigned *whole, unsigned *values);
/* Says who has the record whose values wait; who that was (of the values noted last). */
void quarantine_hold(struct quarantine *q, uint64_t position, uint32_t holder);
uint32_t quarantine_holder(struct quarantine *q, uint64_t position);
/* Marks the position's waiting entries repaired. */
void quarantine_repair(struct quarantine *q, uint64_t position);
enum status quarantine_save(struct quarantine *q, struct image_writer *image, struct fault *fault) WARN_UNUSED;
enum status quarantine_load(struct quarantine *q, struct image *image, struct fault *fault) WARN_UNUSED;

const char *quarantine_reason_name(enum quarantine_reason reason);

#endif
