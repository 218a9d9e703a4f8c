/* fuzz_main: runs a fuzz target without a fuzzer: every file of its corpus, then seeded mutations of them for about a second.
 * So the corpus cannot rot, and each `make test` tries some inputs that nobody wrote.
 *
 *     x_fuzz NAME FOLDER [SEED]    the corpus in FOLDER, then mutations from SEED (1); a minute of them where TEST_LONG is set
 *     x_fuzz NAME FILE             that one input: to look at one that failed
 *
 * A missing folder is an empty corpus: mutations then start from nothing. When the target dies, the input it died of is
 * written to NAME.failed in the folder $TEST_LOGS (or the current one), and the seed and the mutation's number are printed. To
 * keep it: fix, then move the file into the corpus. */
#include "base/memory.h"
#include "base/random.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* There when a sanitizer is linked in. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

#define INPUT_BYTES_MAX 65536

/* The input that is being tried, for whoever reports its failure. */
static struct {
    const char *name;
    const uint8_t *data;
    size_t size;
    char label[160];
} trying;

static void save_failed(void) {
    char path[512];
    const char *folder = getenv("TEST_LOGS");
    int length = snprintf(path, sizeof path, "%s/%s.failed", folder ? folder : ".", trying.name);
    int file = length > 0 ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    ssize_t written = file >= 0 ? write(file, trying.data, trying.size) : -1;
    if (file >= 0)
        close(file);
    dprintf(2, "%s: died of %s (%zu bytes%s%s)\n", trying.name, trying.label, trying.size,
            written == (ssize_t)trying.size ? ", saved as " : "", written == (ssize_t)trying.size ? path : "");
}

static void on_signal(int number) {
    save_failed();
    signal(number, SIG_DFL);
    raise(number);
}

static void try_input(struct slice input) {
    uint8_t *copy = memory_get(input.size, 1); /* its own block, so that the sanitizer sees a read past its end */
    if (input.size)
        memcpy(copy, input.data, input.size);
    trying.data = copy;
    trying.size = input.size;
    LLVMFuzzerTestOneInput(copy, input.size);
    free(copy);
}

static bool read_file(const char *path, struct buffer *into) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    char block[4096];
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
        buffer_add(into, block, got);
    fclose(file);
    return true;
}

/* The corpus: a handful of small files, in the order of their names. */
struct corpus {
    struct dirent **names;
    struct buffer *inputs;
    size_t count;
};

static int ordinary_name(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static struct corpus corpus_read(const char *folder) {
    struct corpus corpus = {0};
    int found = scandir(folder, &corpus.names, ordinary_name, alphasort);
    corpus.count = found > 0 ? (size_t)found : 0;
    corpus.inputs = memory_get(corpus.count, sizeof *corpus.inputs);
    for (size_t i = 0; i < corpus.count; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, corpus.names[i]->d_name);
        if (!read_file(path, &corpus.inputs[i])) {
            fprintf(stderr, "cannot read %s\n", path);
            exit(2);
        }
    }
    return corpus;
}

static void corpus_release(struct corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++) {
        free(corpus->names[i]);
        buffer_release(&corpus->inputs[i]);
    }
    free(corpus->names);
    free(corpus->inputs);
}

static struct slice random_input(const struct corpus *corpus, struct random *random) {
    return corpus->count ? buffer_slice(&corpus->inputs[random_below(random, corpus->count)]) : SLICE_NONE;
}

/* Replaces bytes start..start+gone of `input` by `put`. */
static void replace_bytes(struct buffer *input, size_t start, size_t gone, struct slice put) {
    assert(start + gone <= input->size);
    struct buffer made = {0};
    buffer_add(&made, input->data, start);
    buffer_add_slice(&made, put);
    buffer_add(&made, input->data + start + gone, input->size - start - gone);
    buffer_release(input);
    *input = made;
}

static void mutate_once(struct buffer *input, const struct corpus *corpus, struct random *random) {
    static const char telling[] = "\0\1\x7f\x80\xff\"\\{}[],:-.0919eE \n\r\t%+/=\xc3\xe2\xf0";
    size_t at = random_below(random, input->size + 1), left = input->size - at;
    size_t length = random_below(random, (left < 32 ? left : random_chance(random, 0.1) ? left : 32) + 1);
    char byte = random_chance(random, 0.5) ? telling[random_below(random, sizeof telling)] : (char)random_next(random);
    struct slice other = random_input(corpus, random);
    size_t other_at = random_below(random, other.size + 1),
           other_length = random_below(random, other.size - other_at + 1);
    switch (random_below(random, 6)) {
    case 0: /* flip a bit */
        if (left)
            input->data[at] = (char)(input->data[at] ^ 1 << random_below(random, 8));
        break;
    case 1: /* another byte */
        replace_bytes(input, at, left ? 1 : 0, slice_of(&byte, 1));
        break;
    case 2: /* one byte more */
        replace_bytes(input, at, 0, slice_of(&byte, 1));
        break;
    case 3: /* leave something out */
        replace_bytes(input, at, length, SLICE_NONE);
        break;
    case 4: { /* say something twice */
        struct buffer twice = {0};
        buffer_add(&twice, input->data + at, length);
        replace_bytes(input, at, 0, buffer_slice(&twice));
        buffer_release(&twice);
        break;
    }
    default: /* a piece of another input */
        replace_bytes(input, at, length, slice_of(other.data + other_at, other_length));
    }
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* How many it tried in `seconds`. Mutation n of a seed is the same whatever came before it. */
static uint64_t try_mutations(const struct corpus *corpus, uint64_t seed, double seconds) {
    uint64_t count = 0;
    for (double end = now_s() + seconds; now_s() < end; count++) {
        struct random random;
        random_init(&random, seed * 1000003 + count);
        struct buffer input = {0};
        buffer_add_slice(&input, random_input(corpus, &random));
        buffer_reserve(&input, 1);
        for (uint64_t times = 1 + random_below(&random, 8); times; times--)
            mutate_once(&input, corpus, &random);
        if (input.size > INPUT_BYTES_MAX)
            input.size = INPUT_BYTES_MAX;
        snprintf(trying.label, sizeof trying.label, "mutation %llu of seed %llu", (unsigned long long)count,
                 (unsigned long long)seed);
        try_input(buffer_slice(&input));
        buffer_release(&input);
    }
    return count;
}

static int replay_one(const char *path) {
    struct buffer input = {0};
    if (!read_file(path, &input)) {
        fprintf(stderr, "cannot read %s\n", path);
        return 2;
    }
    snprintf(trying.label, sizeof trying.label, "%s", path);
    try_input(buffer_slice(&input));
    buffer_release(&input);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s NAME FOLDER|FILE [SEED]\n", argv[0]);
        return 2;
    }
    trying.name = argv[1];
    signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(save_failed);
    else
        signal(SIGSEGV, on_signal);
    struct stat about;
    if (stat(argv[2], &about) == 0 && S_ISREG(about.st_mode))
        return replay_one(argv[2]);
    struct corpus corpus = corpus_read(argv[2]);
    for (size_t i = 0; i < corpus.count; i++) {
        snprintf(trying.label, sizeof trying.label, "the corpus file %.100s", corpus.names[i]->d_name);
        try_input(buffer_slice(&corpus.inputs[i]));
    }
    uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    uint64_t count = try_mutations(&corpus, seed, getenv("TEST_LONG") ? 60 : 1);
    printf("%s: %zu corpus files and %llu mutations of seed %llu went through\n", trying.name, corpus.count,
           (unsigned long long)count, (unsigned long long)seed);
    corpus_release(&corpus);
    return 0;
}
