/* path_book: distinct sequences of codes with what they came to: the paths to conversion, the ways through a site.
 *
 * A path is up to PATH_CODES_MAX codes of a byte each. Equal paths are one entry; entries keep the order in which they were first
 * added until path_book_sort puts them in the order of their codes, which is the same whoever added them and in whatever
 * order. So one worker's book and several workers' merged books give the same bytes. */
#ifndef ONEFOLD_INSIGHT_PATH_BOOK_H
#define ONEFOLD_INSIGHT_PATH_BOOK_H

#include "base/slice.h"

#define PATH_CODES_MAX 1000
#define PATH_CODES 256                   /* codes are below this */
#define PATH_BOOK_MAX (2u * 1024 * 1024) /* distinct paths */

struct path_entry {
    uint64_t hash;
    uint32_t at; /* of its codes */
    uint32_t length;
    uint64_t conversions, misses; /* how often it ended in a conversion, and how often in none */
    __int128 value;               /* of the conversions; in units of the caller's */
};

struct path_book {
    struct path_entry *entries;
    uint8_t *codes;
    uint32_t *slots; /* open addressing: 1 + entry; 0: free */
    size_t count, room, code_count, code_room, slot_count;
    size_t most;   /* distinct paths it may hold; 0: PATH_BOOK_MAX */
    uint64_t lost; /* additions of paths that came when it was full */
};

/* `book` starts zeroed. Adds to the path's entry; a path of a full book is counted as lost and false is returned. */
bool path_book_add(struct path_book *book, const uint8_t *codes, size_t length, uint64_t conversions, uint64_t misses,
                   __int128 value);
/* Adds everything of `from`, its code c as map[c] (NULL: as it is); false where something was lost. */
bool path_book_merge(struct path_book *book, const struct path_book *from, const uint8_t *map);
/* Puts the entries into the order of their codes (a beginning comes first). Nothing may be added afterwards. */
void path_book_sort(struct path_book *book);
void path_book_release(struct path_book *book);
static inline const uint8_t *path_codes(const struct path_book *book, const struct path_entry *e) {
    return book->codes + e->at;
}

#endif
