/* identity_image: saving, the side the store sees (docs/formats/identity.md has the format).
 *
 * Freezing copies what every record changes (redirects and row counts of customers) and notes how far the append-only
 * arrays reach. Owners are read while the fold goes on; a move meanwhile leaves the owner before it in the image's
 * list, and the writer puts those back. Lists, chains, tables and counters are not saved: loading builds them again. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_IMAGE_H
#define ONEFOLD_IDENTITY_IDENTITY_IMAGE_H

#include "identity/identity.h"

/* The owners that moves changed since the image was frozen. Thread: any. */
struct moves;
struct moves *moves_create(void);
void moves_free(struct moves *moves);
/* `identifier` is about to get another owner than `owner`. Kept only while there is an image. */
void moves_note(struct moves *moves, uint32_t identifier, uint32_t owner);
/* Likewise: `edge` is about to have another first event time than `first_ms`. */
void times_note(struct moves *moves, uint32_t edge, int64_t first_ms);

#endif
