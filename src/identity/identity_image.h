/* identity_image: saving, the side the store sees (docs/formats/identity.md has the format).
 *
 * Freezing copies what every record changes (redirects and row counts of customers) and notes how far the append-only arrays
 * reach. Owners are read while the fold goes on; a move meanwhile leaves the owner before it in the image's list, and the
 * writer puts those back. Lists, chains, tables and counters are not saved: loading builds them again. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_IMAGE_H
#define ONEFOLD_IDENTITY_IDENTITY_IMAGE_H

#include "identity/identity.h"

/* `identifier` is about to get another owner. Fold thread. */
void identity_image_note_move(struct identity_image *image, uint32_t identifier, uint32_t owner);

#endif
