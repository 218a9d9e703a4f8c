/* phone: the one door to libphonenumber (phone.cc). Use normalise_phone (govern/normalise.h): it cleans what people
 * type and answers plain Chinese mobiles without coming here.
 *
 * Thread: any. Cost: 10 to 20 microseconds a call; the first one loads the library's tables (some milliseconds). */
#ifndef ONEFOLD_GOVERN_PHONE_H
#define ONEFOLD_GOVERN_PHONE_H

#include "base/slice.h"

#define PHONE_E164_BYTES 24 /* "+" and at most 17 digits, and a zero */

enum phone_verdict {
    PHONE_VALID,
    PHONE_NOT_A_NUMBER,
    PHONE_NO_COUNTRY, /* no region given and no "+", or a country code nobody has */
    PHONE_TOO_SHORT,
    PHONE_TOO_LONG,
    PHONE_UNASSIGNED /* of a possible length, but in no range that is given out */
};

/* Reads `text` as dialled in `region` (two capital letters; NULL: only numbers that start with "+"). Fills `e164`
 * ("+8613800001111") when VALID. */
enum phone_verdict phone_read(struct slice text, const char *region, char e164[PHONE_E164_BYTES]);

/* The national digits of a typical mobile of the region ("13123456789"); false where the region is not known. */
bool phone_example(const char *region, char digits[PHONE_E164_BYTES]);

#endif
