/* normalise_text: what every normaliser needs to know about text: UTF-8, the wide and invisible characters people's
 * keyboards and spreadsheets leave in plain values, and the words that mean "nothing here".
 *
 * All pure. Thread: any. Cost: a pass over the bytes; plain ASCII goes eight bytes a step. */
#ifndef ONEFOLD_GOVERN_NORMALISE_TEXT_H
#define ONEFOLD_GOVERN_NORMALISE_TEXT_H

#include "base/memory.h"
#include "base/slice.h"

#define UTF8_REPLACEMENT 0xFFFDu

/* The code point at `at` (< text.size) and its length in bytes; 0 where the bytes there are no UTF-8 (overlong forms,
 * surrogates and what is past U+10FFFF included). */
size_t utf8_read(struct slice text, size_t at, uint32_t *code);
/* Writes `code` (a valid one) to `out`, 1..4 bytes; returns how many. */
size_t utf8_write(uint32_t code, char *out);
bool utf8_valid(struct slice text);
/* Where the first bad byte is; text.size when there is none. */
size_t utf8_bad_at(struct slice text);
/* The text with every byte that is no UTF-8 replaced by U+FFFD; the same slice when there is none. */
struct slice utf8_repair(struct slice text, struct arena *arena);

/* The plain twin of a code point in a machine-like value (phone, e-mail, number, date): full-width forms to ASCII,
 * every kind of blank to ' ', every kind of dash to '-', '￥' to '¥'; 0 for what cannot be seen (zero-width and
 * direction marks, byte order mark); itself otherwise. */
uint32_t text_plain(uint32_t code);
/* `raw` in plain characters, trimmed, in `out`; bytes that are no UTF-8 become U+FFFD. Returns the size, or SIZE_MAX
 * when it does not fit (out is then unspecified). */
size_t text_fold(struct slice raw, char *out, size_t capacity);
/* The same for a text of any length. */
struct slice text_half_width(struct slice raw, struct arena *arena);

/* ASCII letters of `text` in lower case, in place. */
void text_lower(char *text, size_t size);
/* Equal but for the case of ASCII letters; `lower` is in lower case. */
bool text_equals_lower(struct slice text, const char *lower);

/* True for what people and programs put where a value is missing: nothing at all, only punctuation ("--", "***"), only
 * zeros whatever stands between ("000-0000", "0000-00-00", the all-zero advertising id, also "0" itself), one digit
 * eight times or more, or a word of normalise_placeholder.def, in any case and width. Used to refuse identifiers, not
 * values: "0" is a good number. */
bool text_is_placeholder(struct slice text);

/* The start of `raw` as it can stand in a sentence: at most TEXT_QUOTE_BYTES - 1 bytes, cut between characters, control
 * and bad bytes as '?'. Returns `out`. */
#define TEXT_QUOTE_BYTES 48
const char *text_quote(struct slice raw, char out[TEXT_QUOTE_BYTES]);

#endif
