/* fuzzy_text_model: see the header. */
#include "identity/fuzzy_text_model.h"

#include <assert.h>

#define MOST 80

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

unsigned fuzzy_model_edits(struct slice a, struct slice b) {
    unsigned d[MOST][MOST];
    assert(a.size < MOST && b.size < MOST);
    for (size_t i = 0; i <= a.size; i++)
        for (size_t j = 0; j <= b.size; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned other = a.data[i - 1] != b.data[j - 1];
            d[i][j] = least(least(d[i - 1][j] + 1, d[i][j - 1] + 1), d[i - 1][j - 1] + other);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[a.size][b.size];
}

double fuzzy_model_jaro_winkler(struct slice a, struct slice b) {
    bool used_a[MOST] = {0}, used_b[MOST] = {0};
    size_t longer = a.size > b.size ? a.size : b.size, window = longer / 2 > 0 ? longer / 2 - 1 : 0, matches = 0,
           moved = 0, start = 0;
    if (a.size == 0 || b.size == 0)
        return a.size == b.size;
    for (size_t i = 0; i < a.size; i++)
        for (size_t j = i > window ? i - window : 0; j <= i + window && j < b.size; j++)
            if (!used_b[j] && a.data[i] == b.data[j]) {
                used_a[i] = used_b[j] = true;
                matches++;
                break;
            }
    if (matches == 0)
        return 0;
    for (size_t i = 0, j = 0; i < a.size; i++) {
        if (!used_a[i])
            continue;
        while (!used_b[j])
            j++;
        moved += a.data[i] != b.data[j++];
    }
    double m = (double)matches, jaro = (m / (double)a.size + m / (double)b.size + (m - (double)(moved / 2)) / m) / 3;
    while (start < 4 && start < a.size && start < b.size && a.data[start] == b.data[start])
        start++;
    return jaro + 0.1 * (double)start * (1 - jaro);
}
