/* suggest: edit distance with swaps of neighbours (optimal string alignment), in three rows, given up where it passes what is asked. */
#include "language/suggest.h"

static unsigned char plain(char c) { return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

unsigned suggest_distance(struct slice a, struct slice b, unsigned most) {
    unsigned rows[3][SUGGEST_BYTES_MAX + 1];
    size_t apart = a.size > b.size ? a.size - b.size : b.size - a.size;
    if (a.size > SUGGEST_BYTES_MAX || b.size > SUGGEST_BYTES_MAX || apart > most)
        return most + 1;
    for (unsigned j = 0; j <= b.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        const unsigned *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        unsigned *row = rows[i % 3], smallest = row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.size; j++) {
            unsigned other = plain(a.data[i - 1]) != plain(b.data[j - 1]);
            row[j] = least(before[j - 1] + other, least(before[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && plain(a.data[i - 1]) == plain(b.data[j - 2]) &&
                plain(a.data[i - 2]) == plain(b.data[j - 1]))
                row[j] = least(row[j], two_before[j - 2] + 1);
            smallest = least(smallest, row[j]);
        }
        if (smallest > most + 1)
            return most + 1;
    }
    return least(rows[a.size % 3][b.size], most + 1);
}

void suggestion_offer(struct suggestion *s, struct slice candidate) {
    unsigned most = s->wanted.size <= 3 ? 1 : s->wanted.size <= 7 ? 2 : 3;
    unsigned distance = suggest_distance(s->wanted, candidate, most);
    if (distance <= most && distance < s->distance) {
        s->distance = distance;
        s->best = candidate;
    }
}
