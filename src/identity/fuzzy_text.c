/* fuzzy_text: see the header. Slow twins that follow the definitions letter by letter are in fuzzy_text_model.c. */
#include "identity/fuzzy_text.h"

#include "govern/normalise_text.h"

static struct slice head(struct slice s) { return s.size > FUZZY_TEXT_MAX ? slice_of(s.data, FUZZY_TEXT_MAX) : s; }

/* Equal starts and ends cost nothing and take no part. */
static void strip(struct slice *a, struct slice *b) {
    while (a->size && b->size && a->data[a->size - 1] == b->data[b->size - 1]) {
        a->size--;
        b->size--;
    }
    while (a->size && b->size && a->data[0] == b->data[0]) {
        *a = slice_of(a->data + 1, a->size - 1);
        *b = slice_of(b->data + 1, b->size - 1);
    }
}

/* Where each letter stands in a text, as bits. Only the slots a text uses are touched and cleared again: the table stays zero
 * between calls. */
static _Thread_local uint64_t places[256];

unsigned fuzzy_edits(struct slice a, struct slice b) {
    a = head(a);
    b = head(b);
    strip(&a, &b);
    if (a.size == 0 || b.size == 0)
        return (unsigned)(a.size + b.size);
    for (size_t i = 0; i < a.size; i++)
        places[(unsigned char)a.data[i]] |= 1ULL << i;
    uint64_t vp = ~0ULL, vn = 0, d0 = 0, pm_before = 0, top = 1ULL << (a.size - 1);
    unsigned distance = (unsigned)a.size;
    for (size_t j = 0; j < b.size; j++) {
        uint64_t pm = places[(unsigned char)b.data[j]];
        uint64_t swapped = (((~d0) & pm) << 1) & pm_before;
        d0 = (((pm & vp) + vp) ^ vp) | pm | vn | swapped;
        uint64_t hp = vn | ~(d0 | vp), hn = d0 & vp;
        distance += (hp & top) != 0;
        distance -= (hn & top) != 0;
        hp = (hp << 1) | 1;
        hn <<= 1;
        vp = hn | ~(d0 | hp);
        vn = hp & d0;
        pm_before = pm;
    }
    for (size_t i = 0; i < a.size; i++)
        places[(unsigned char)a.data[i]] = 0;
    return distance;
}

/* Jaro's matches: letters of `a` found in `b` no farther than the window, each letter of `b` taken once, the nearest to the left
 * first. As bits of where they stand. */
static unsigned matches(struct slice a, struct slice b, uint64_t *in_a, uint64_t *in_b) {
    size_t longer = a.size > b.size ? a.size : b.size, window = longer / 2 ? longer / 2 - 1 : 0;
    uint64_t all_b = b.size == 64 ? ~0ULL : (1ULL << b.size) - 1, taken_a = 0, taken_b = 0;
    unsigned count = 0;
    for (size_t j = 0; j < b.size; j++)
        places[(unsigned char)b.data[j]] |= 1ULL << j;
    for (size_t i = 0; i < a.size; i++) {
        size_t low = i > window ? i - window : 0, high = i + window;
        uint64_t reach = low >= 64 ? 0 : all_b & (~0ULL << low) & (high >= 63 ? ~0ULL : (1ULL << (high + 1)) - 1);
        uint64_t found = places[(unsigned char)a.data[i]] & reach & ~taken_b;
        taken_b |= found & -found;
        taken_a |= found ? 1ULL << i : 0;
        count += found != 0;
    }
    for (size_t j = 0; j < b.size; j++)
        places[(unsigned char)b.data[j]] = 0;
    *in_a = taken_a;
    *in_b = taken_b;
    return count;
}

double fuzzy_jaro_winkler(struct slice a, struct slice b) {
    uint64_t in_a, in_b;
    a = head(a);
    b = head(b);
    if (a.size == 0 || b.size == 0)
        return a.size == b.size;
    unsigned count = matches(a, b, &in_a, &in_b), moved = 0;
    if (count == 0)
        return 0;
    for (; in_a; in_a &= in_a - 1, in_b &= in_b - 1)
        moved += a.data[__builtin_ctzll(in_a)] != b.data[__builtin_ctzll(in_b)];
    double m = count, jaro = (m / (double)a.size + m / (double)b.size + (m - moved / 2) / m) / 3;
    size_t start = 0;
    while (start < 4 && start < a.size && start < b.size && a.data[start] == b.data[start])
        start++;
    return jaro + (double)start * 0.1 * (1 - jaro);
}

static char lower_letter(char c) {
    c = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    return c >= 'a' && c <= 'z' ? c : 0;
}

void fuzzy_soundex(struct slice text, char out[5]) {
    static const char codes[] = "01230120022455012623010202"; /* a to z; h and w are passed over */
    size_t size = 0;
    char last = 0;
    memset(out, 0, 5);
    for (size_t i = 0; i < text.size && size < 4; i++) {
        char c = lower_letter(text.data[i]);
        if (!c)
            continue;
        char code = codes[c - 'a'];
        if (size == 0)
            out[size++] = (char)(c - 32);
        else if (c == 'h' || c == 'w')
            continue;
        else if (code != '0' && code != last)
            out[size++] = code;
        last = code;
    }
    while (size && size < 4)
        out[size++] = '0';
}

/* The letter a sound gets, by the letter at `at`; *skip: letters behind it that belong to it. 0: silent. */
static char sound_of(const char *s, size_t size, size_t at, size_t *skip) {
    char c = s[at], next = at + 1 < size ? s[at + 1] : 0;
    *skip = 0;
    switch (c) {
    case 'b':
        return at + 1 == size && at && s[at - 1] == 'm' ? 0 : 'p';
    case 'c':
        if (next == 'h' || next == 'k') {
            *skip = 1;
            return next == 'k' ? 'k' : 'x';
        }
        return next == 'e' || next == 'i' || next == 'y' ? 's' : 'k';
    case 'd':
        if (next == 't')
            *skip = 1;
        return 't';
    case 'g':
        if (next == 'h') {
            *skip = 1;
            return at ? 0 : 'k';
        }
        return next == 'e' || next == 'i' || next == 'y' ? 'j' : next == 'n' && at == 0 ? 0 : 'k';
    case 'k':
        return next == 'n' && at == 0 ? 0 : 'k';
    case 'p':
        if (next == 'h')
            *skip = 1;
        return next == 'h' ? 'f' : 'p';
    case 'q':
        return 'k';
    case 's':
        if (next == 'h' || (next == 'c' && at + 2 < size && s[at + 2] == 'h'))
            *skip = next == 'h' ? 1 : 2;
        return *skip ? 'x' : 's';
    case 't':
        if (next == 'h' || next == 'z')
            *skip = 1;
        return next == 'z' ? 's' : 't';
    case 'v':
    case 'f':
        return 'f';
    case 'z':
        return 's';
    case 'h':
    case 'w':
    case 'y':
        return 0;
    default:
        return c;
    }
}

static bool is_vowel(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y'; }

void fuzzy_sound(struct slice text, char out[FUZZY_SOUND_BYTES]) {
    char s[FUZZY_TEXT_MAX];
    size_t size = 0, made = 0, skip;
    memset(out, 0, FUZZY_SOUND_BYTES);
    for (size_t i = 0; i < text.size && size < sizeof s; i++) {
        char c = lower_letter(text.data[i]);
        if (c)
            s[size++] = c;
    }
    for (size_t i = 0; i < size && made < FUZZY_SOUND_BYTES - 1; i += 1 + skip) {
        char sound = sound_of(s, size, i, &skip);
        if (i == 0 && is_vowel(s[0]))
            sound = 'a';
        else if (is_vowel(s[i]))
            continue;
        if (sound && (made == 0 || out[made - 1] != sound))
            out[made++] = sound;
    }
}

bool fuzzy_shortened(struct slice a, struct slice b) {
    struct slice less = a.size < b.size ? a : b, more = a.size < b.size ? b : a;
    return less.size < more.size && (less.size == 1 || less.size >= 3) && slice_starts(more, less);
}

void fuzzy_alphabet(struct slice a, struct slice b, char *x, char *y, struct slice *ax, struct slice *by) {
    uint32_t known[255], code;
    size_t known_count = 0;
    struct slice from[2] = {a, b};
    char *to[2] = {x, y};
    struct slice *made[2] = {ax, by};
    for (int side = 0; side < 2; side++) {
        size_t size = 0;
        for (size_t at = 0, step; at < from[side].size && size < FUZZY_TEXT_MAX; at += step) {
            step = utf8_read(from[side], at, &code);
            code = step ? code : UTF8_REPLACEMENT;
            step = step ? step : 1;
            size_t i = 0;
            while (i < known_count && known[i] != code)
                i++;
            if (i == known_count && known_count < 255)
                known[known_count++] = code;
            to[side][size++] = (char)(i + 1 < 255 ? i + 1 : 255);
        }
        *made[side] = slice_of(to[side], size);
    }
}

unsigned fuzzy_digits_apart(struct slice a, struct slice b) {
    unsigned apart = 0;
    if (a.size != b.size)
        return 99;
    for (size_t i = 0; i < a.size; i++)
        apart += a.data[i] != b.data[i];
    return apart;
}
