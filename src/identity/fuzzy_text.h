/* fuzzy_text: how alike two short texts are. Kernels of record linkage: pure, over bytes, no memory of their own.
 *
 * Texts are compared byte by byte, so they must be in a one-byte alphabet: what fuzzy_normalise makes of Latin, Greek and
 * Cyrillic is ASCII; for Chinese fuzzy_alphabet maps the characters of both texts to bytes of a passing alphabet first, so that
 * one character counts as one letter.
 *
 * Thread: any. Texts past FUZZY_TEXT_MAX bytes are compared by their start. */
#ifndef ONEFOLD_IDENTITY_FUZZY_TEXT_H
#define ONEFOLD_IDENTITY_FUZZY_TEXT_H

#include "base/slice.h"

#define FUZZY_TEXT_MAX 64

/* Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, each costing one, no part
 * edited twice. Bit-parallel (Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances"):
 * about 3 ns a byte of `b`. */
unsigned fuzzy_edits(struct slice a, struct slice b);
/* Jaro-Winkler similarity in [0, 1]: Jaro's, and a tenth of the way to 1 for each equal letter at the start, four at most
 * (Winkler 1990; no threshold under which the start does not count). Both empty: 1. */
double fuzzy_jaro_winkler(struct slice a, struct slice b);
/* Soundex as the US National Archives describe it ("robert" R163, "ashcraft" A261); "" where there is no Latin letter. */
void fuzzy_soundex(struct slice text, char out[5]);
#define FUZZY_SOUND_BYTES 9
/* A finer key for what sounds alike ("smith" and "smyth", "philip" and "filip", "meier" and "mayer"): spellings of one sound
 * become one letter, vowels go except at the start, repeats once; at most eight letters. In the manner of Metaphone (Philips
 * 1990), but without rules for one language alone. */
void fuzzy_sound(struct slice text, char out[FUZZY_SOUND_BYTES]);
/* True where one is the start of the other, three letters at least ("rob", "robert"), or its initial ("r"). */
bool fuzzy_shortened(struct slice a, struct slice b);
/* Maps the code points of two UTF-8 texts to bytes, equal ones to equal bytes. `x` and `y` take FUZZY_TEXT_MAX bytes; returns the
 * two as slices of them. Past 255 different code points the last byte is shared. */
void fuzzy_alphabet(struct slice a, struct slice b, char *x, char *y, struct slice *ax, struct slice *by);
/* Digits that differ between two texts of one length; 99 where lengths differ. */
unsigned fuzzy_digits_apart(struct slice a, struct slice b);

#endif
