/* master: master data (products, stores, campaigns, coupons, staff), by type and id, with their versions.
 *
 * A version holds from its record's time (or the field `valid_from`) until the next one's, or `valid_to`; nothing is
 * deleted: a closed store stays selectable as such. Writer: the fold thread. Readers: any, under a read-write lock
 * held for one call. */
#ifndef ONEFOLD_HISTORY_MASTER_H
#define ONEFOLD_HISTORY_MASTER_H

#include "base/json_write.h"
#include "govern/dictionary.h"
#include "os/image.h"

struct master;
struct master *master_create(const struct dictionary *dictionary);
void master_free(struct master *master);
/* `record` is of a TYPE_MASTER type and holds the id as its property "id": text, or a number, whose digits are the id
 * then; one without is ignored. Fields it does not name keep the version before's values; an explicit null clears
 * one. The same content again adds no version. "valid_from" and "valid_to" (time, date, or ISO 8601 text; without a zone: UTC) are read as instants; `valid_from` is not taken over,
 * `valid_to` is: what is closed stays closed until a null or a later `valid_to`. Versions stand in the order of their
 * start, ties in that of their coming; "before" and "again" mean in that order, and a version that comes late changes
 * none behind it. Fold thread. Cost: O(log ids + versions of this one). */
void master_put(struct master *master, const struct record_head *record);
uint64_t master_count(const struct master *master, uint16_t type); /* ids */
/* The version in force at `time_ms` (TIME_NONE: the latest; before the first: the first) as a JSON object; false, and
 * nothing written, where the id is not known:
 *     {"id":"p1","valid_from":"2026-01-31T08:00:00.000Z","valid_to":null,"fields":{"name":"Cream","price":9.5}}
 * `valid_to` is the next version's start or the field's value, whichever is first: past it, it is of the past
 * ("closed"). */
bool master_get_json(const struct master *master, uint16_t type, struct slice id, int64_t time_ms,
                     struct json_writer *w);
/* A page of ids after `after` (empty: from the start), in byte order, optionally those whose id or name contains
 * `query` (ASCII letters of either case): an array of the objects above, latest version. Cost: O(limit), with a query
 * O(ids after). */
void master_list_json(const struct master *master, uint16_t type, struct slice after, struct slice query, size_t limit,
                      struct json_writer *w);
/* Changes with every put that changed something, and with loading: what was made of master data at another version is stale. Thread any. */
uint64_t master_version(const struct master *master);
/* Calls `each` with every id of the type, in byte order, and its latest version; `valid_to`: when it closes (ms), INT64_MAX where it does
 * not. Ends when `each` says false. Under the read lock: `each` calls nothing of master, and keeps nothing it is given. */
void master_walk(const struct master *master, uint16_t type,
                 bool (*each)(void *context, struct slice id, const struct record_head *latest, int64_t valid_to),
                 void *context);
/* The id of the one thing whose latest version has exactly this name (property "name"); appended to `id`. False where there is none, or
 * several. Cost: O(ids). */
bool master_id_of_name(const struct master *master, uint16_t type, struct slice name, struct buffer *id);
/* Writes the sections "master.head" and "master.records": every version as a typed record (govern/record.h), ascending
 * by type, id and start. Thread any, but between two puts if it is to be the state at one position. Cost: O(all);
 * copies into the writer.
 * Loading is into an empty one whose dictionary was loaded before. Errors: NOT_FOUND where there are no such sections;
 * DAMAGED where a record makes no sense (then only master_free may follow). */
enum status master_save(const struct master *master, struct image_writer *image, struct fault *fault) WARN_UNUSED;
enum status master_load(struct master *master, struct image *image, struct fault *fault) WARN_UNUSED;

#endif
