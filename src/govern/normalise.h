/* normalise: one spelling for each value. A phone number, an e-mail address or a sum arrives in as many spellings as
 * there are sources; identity and the language compare bytes, so each is brought to its one form here, or refused with
 * a sentence that says what was wrong and what would be right ("phone '12345': too short for CN; expected 11 digits
 * such as 13123456789").
 *
 * For all of these: pure; thread any. `raw` is borrowed for the call. Text results lie in `arena` (caller's), never in
 * `raw`. `fault` may be NULL. Errors: INVALID, unless said. Every result is its own normal form: normalising it again
 * gives the same. Blanks at the ends, full-width characters (１２３，ＡＢＣ), typographic dashes and invisible marks
 * are taken care of everywhere. Dates and times: govern/normalise_time.h. UTF-8 and placeholders:
 * govern/normalise_text.h. Both are included here. */
#ifndef ONEFOLD_GOVERN_NORMALISE_H
#define ONEFOLD_GOVERN_NORMALISE_H

#include "base/decimal.h"
#include "base/memory.h"
#include "base/slice.h"
#include "base/status.h"
#include "govern/normalise_text.h"
#include "govern/normalise_time.h"

/* To E.164: "+8613800001111". `region`: where it is dialled when it has no country code ("CN"); NULL: only "+..." is
 * read. Takes blanks, - . / ( ) [ ] between digits, "+86", "0086", "86", "tel:", and leaves an extension out (x5, ext.
 * 5, #5, 转5, 分机5). Valid means: in a range that is given out, by the libphonenumber installed; letters for digits
 * (1-800-FLOWERS) are refused. Cost: Chinese mobiles some 20 ns (150 in full-width digits); all others and every
 * refusal some 10 microseconds. */
enum status normalise_phone(struct slice raw, const char *region, struct arena *arena, struct slice *e164,
                            struct fault *fault) WARN_UNUSED;

/* To "local@domain", all in lower case. RFC 5321 lets a server tell local parts apart by case; none in use does, and
 * people do not. Takes "mailto:a@b.com?subject=x" and "Name <a@b.com>". Dots and +tags stay: they matter to some
 * servers. ASCII only. */
enum status normalise_email(struct slice raw, struct arena *arena, struct slice *email,
                            struct fault *fault) WARN_UNUSED;

/* GB/T 2261.1's codes 0, 1 and 2; its 9 ("not stated") is 0 here. Words: normalise.c's table. */
enum gender { GENDER_UNKNOWN = 0, GENDER_MALE = 1, GENDER_FEMALE = 2 };
enum status normalise_gender(struct slice raw, enum gender *gender, struct fault *fault) WARN_UNUSED;

/* A Chinese resident identity number (GB 11643-1999): 18 characters, X in upper case, checksum (ISO 7064 MOD 11-2),
 * province and date of birth right. 15-digit numbers (before 1999) are brought to 18; their century is the 20th, for
 * 996 to 999 at the end the 19th. */
struct idcard {
    struct slice number;
    int64_t birth_days;
    enum gender gender;
};
enum status normalise_idcard(struct slice raw, struct arena *arena, struct idcard *idcard,
                             struct fault *fault) WARN_UNUSED;

/* A sum in major units (yuan), exact: "¥1,234.50", "RMB 12", "1.2万", "12元", "5分", "-3", "(3.00)", "3.00-". `unit` is
 * what a bare number counts: "yuan" (also NULL), "fen" or "wan"; where the text has a currency or a unit of its own,
 * that holds. The currency itself is not told. Commas, blanks or apostrophes must group by three. Beyond 6 decimals is
 * refused, except for a double printed with 16 or more digits (12.340000000000001), which is rounded to 6. */
enum status normalise_money(struct slice raw, const char *unit, struct decimal *amount,
                            struct fault *fault) WARN_UNUSED;
/* Whether `unit` is one of them (or NULL), for checking a mapping before it is used. */
bool normalise_money_unit_valid(const char *unit);

/* A number, exact: grouping as above, "12%" is 0.12, "1.2万", "1e3". Errors: TOO_LARGE where it is a number but not
 * exact in a decimal (then normalise_real may do). */
enum status normalise_number(struct slice raw, struct decimal *number, struct fault *fault) WARN_UNUSED;
/* The same, to the nearest double. */
enum status normalise_real(struct slice raw, double *number, struct fault *fault) WARN_UNUSED;

/* true/false, yes/no, y/n, t/f, 1/0, on/off, 是/否, 真/假, 有/无, 对/错. */
enum status normalise_bool(struct slice raw, bool *value, struct fault *fault) WARN_UNUSED;

#define NAME_BYTES_MAX 400
/* A person's or company's name: control characters and runs of blanks become one blank, which goes too between two
 * Chinese characters ("张　三"); Latin letters and digits half width; Unicode NFC. Case is kept. Errors: INVALID when
 * empty, not UTF-8 or past NAME_BYTES_MAX. */
enum status normalise_name(struct slice raw, struct arena *arena, struct slice *name, struct fault *fault) WARN_UNUSED;

/* Trimmed, half width, lower case (Unicode's simple mapping): for codes that are compared without case. Errors: INVALID
 * when empty or not UTF-8. */
enum status normalise_lower(struct slice raw, struct arena *arena, struct slice *lower,
                            struct fault *fault) WARN_UNUSED;

#endif
