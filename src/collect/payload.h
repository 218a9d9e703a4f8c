/* payload: how collect lays a raw record's bytes into the log, and govern reads them. On disk: docs/formats/payload.md.
 *
 * LOG_SEGMENT_ITEM: struct payload_segment, then the batch's outer context (JSON object or nothing), then the item's
 * JSON, both as they were sent (an item without "type" or "integrations" has them added at its front). 64 bytes past the
 * payload are readable when it comes from log_read.
 * LOG_ROW: struct payload_row, the mapping's name, the header (header_bytes), then cells: u32 size and bytes (UTF-8)
 * each, in the order of the header; a jsonl row is one cell holding the JSON text. The header (column names, each ended
 * by a zero byte) stands in every row, so that a row can be read alone (it is small beside the sync, and replay needs no
 * other record). */
#ifndef ONEFOLD_COLLECT_PAYLOAD_H
#define ONEFOLD_COLLECT_PAYLOAD_H

#include <stdint.h>

struct payload_segment {
    int64_t sent_at_ms; /* the batch's sentAt; INT64_MIN where there was none */
    uint32_t context_bytes;
    uint32_t item_bytes;
};
_Static_assert(sizeof(struct payload_segment) == 16, "on disk");

struct payload_row {
    uint64_t job;        /* import job number */
    uint64_t line;       /* line number in the file, from 1 */
    uint64_t row_hash;   /* of the row's bytes and how often they came before in this file: its message id */
    uint32_t name_bytes; /* mapping's name */
    uint32_t header_bytes;
    uint32_t cell_count;
    uint32_t reserved;
};
_Static_assert(sizeof(struct payload_row) == 40, "on disk");

#endif
