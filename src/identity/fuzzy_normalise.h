/* fuzzy_normalise: one spelling for what is compared, by role. Unlike govern/normalise.h it never refuses: a birthday with a
 * thirteenth month is evidence too; what it cannot read it leaves nearly as it came.
 *
 * Letters become lower case, accents go, Greek and Cyrillic are written in Latin letters (ICU); Chinese, Japanese and Korean
 * stay, and fuzzy_normalise_latin says how they are spoken (pinyin). Thread: one per struct fuzzy_normaliser. */
#ifndef ONEFOLD_IDENTITY_FUZZY_NORMALISE_H
#define ONEFOLD_IDENTITY_FUZZY_NORMALISE_H

#include "identity/fuzzy_rules.h"

struct fuzzy_normaliser;
struct fuzzy_normaliser *fuzzy_normaliser_create(void);
void fuzzy_normaliser_free(struct fuzzy_normaliser *n);
/* Says how dates with two small numbers in front are written: 31/12/1990 or 12/31/1990. */
void fuzzy_normaliser_day_first(struct fuzzy_normaliser *n, bool day_first);
/* Whether `raw` can only be day first (+1), only month first (-1), or tells nothing (0). */
int fuzzy_date_order(struct slice raw);

/* Appends `raw`'s one spelling for `role`; nothing where it says nothing.
 *   dates: "19900131", parts that are missing as zeros    phones, codes: digits (and letters) only
 *   e-mail: lower case    quantities: as a decimal number; durations in seconds    all else: words, one blank between */
void fuzzy_normalise(struct fuzzy_normaliser *n, enum fuzzy_role role, struct slice raw, struct buffer *into);
/* Appends the Latin spelling of a normalised text that is not ASCII. */
void fuzzy_normalise_latin(struct fuzzy_normaliser *n, struct slice text, struct buffer *into);
/* True where `raw` reads as a date with year, month and day. */
bool fuzzy_is_date(struct slice raw);

#endif
