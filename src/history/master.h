/* master: master data (products, stores, campaigns, coupons, staff), by type and id, with their versions.
 *
 * A version holds from its record's time (or the field `valid_from`) until the next one's, or `valid_to`; nothing is deleted: a closed
 * store stays selectable as such. Writer: the fold thread. Readers: any, under a read-write lock held for one call. */
#ifndef ONEFOLD_HISTORY_MASTER_H
#define ONEFOLD_HISTORY_MASTER_H

#include "base/json_write.h"
#include "govern/dictionary.h"
#include "os/image.h"

struct master;
struct master *master_create(const struct dictionary *dictionary);
void master_free(struct master *master);
/* `record` is of a TYPE_MASTER type and holds the id as its text property "id". Fields it does not name keep the version before's
 * values. The same content again adds no version. */
void master_put(struct master *master, const struct record_head *record);
uint64_t master_count(const struct master *master, uint16_t type); /* ids */
/* The version in force at `time_ms` (TIME_NONE: the latest) as a JSON object with id, fields, valid_from, valid_to; false
 * where the id is not known. */
bool master_get_json(const struct master *master, uint16_t type, struct slice id, int64_t time_ms, struct json_writer *w);
/* A page of ids after `after` (empty: from the start), in byte order, optionally those whose id or name contains `query`. */
void master_list_json(const struct master *master, uint16_t type, struct slice after, struct slice query, size_t limit,
                      struct json_writer *w);
enum status master_save(const struct master *master, struct image_writer *image, struct fault *fault) WARN_UNUSED;
enum status master_load(struct master *master, struct image *image, struct fault *fault) WARN_UNUSED;

#endif
