/* args: see the header. */
#include "main/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const char *usage, const struct arg *table) {
    printf("usage: onefold %s\n", usage);
    for (; table->name; table++)
        printf("  --%-20s %s\n", table->name, table->help);
}

static void mistake(const char *usage, const char *what, const char *about) {
    fprintf(stderr, "onefold: %s %s\nusage: onefold %s\n", what, about, usage);
    exit(2);
}

static const struct arg *find(const struct arg *table, const char *name, size_t size) {
    for (; table->name; table++)
        if (strlen(table->name) == size && memcmp(table->name, name, size) == 0)
            return table;
    return NULL;
}

static void set_number(const struct arg *a, const char *usage, const char *text) {
    char *end;
    errno = 0;
    *(uint64_t *)a->into = strtoull(text, &end, 10);
    if (errno || *end || !*text || *text == '-')
        mistake(usage, "a whole number is expected, not", text);
}

void args_parse(int argc, char **argv, const char *usage, const struct arg *table, const char **rest, int *rest_count) {
    int most = rest_count ? *rest_count : 0, count = 0;
    for (int i = 0; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            print_help(usage, table);
            exit(0);
        }
        if (strncmp(name, "--", 2) != 0) {
            if (count == most)
                mistake(usage, "not understood:", name);
            rest[count++] = name;
            continue;
        }
        const char *equals = strchr(name, '=');
        const struct arg *a = find(table, name + 2, equals ? (size_t)(equals - name - 2) : strlen(name + 2));
        if (!a)
            mistake(usage, "no such option:", name);
        if (a->kind == ARG_FLAG) {
            *(bool *)a->into = true;
            continue;
        }
        const char *value = equals ? equals + 1 : ++i < argc ? argv[i] : NULL;
        if (!value)
            mistake(usage, "a value is missing after", name);
        if (a->kind == ARG_NUMBER)
            set_number(a, usage, value);
        else
            *(const char **)a->into = value;
    }
    if (rest_count)
        *rest_count = count;
}
