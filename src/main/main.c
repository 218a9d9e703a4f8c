/* main: the word after `onefold` chooses what runs. */
#include <stdio.h>
#include <string.h>

#include "main/commands.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
#define COMMAND(name, function, summary) {#name, function, summary},
#include "main/commands.def"
#undef COMMAND
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static int help(FILE *to, int code) {
    fprintf(to, "onefold: a customer data platform\n\nusage: onefold COMMAND [--help] ...\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    return code;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return help(stderr, 2);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0)
        return help(stdout, 0);
    fprintf(stderr, "onefold: no such command: %s\n\n", argv[1]);
    return help(stderr, 2);
}
