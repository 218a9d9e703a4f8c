/* identity_command: `onefold identity WORD ...`: a word's own command. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "main/commands.h"

int match_command(int argc, char **argv);
int match_evaluate_command(int argc, char **argv);
int identity_rules_command(int argc, char **argv);
int identity_rehearse_command(int argc, char **argv);
int households_command(int argc, char **argv);
int identity_merge_command(int argc, char **argv);
int identity_split_command(int argc, char **argv);
int identity_undo_command(int argc, char **argv);
int identity_decisions_command(int argc, char **argv);
int identity_explain_command(int argc, char **argv);
int identity_device_command(int argc, char **argv);
int identity_oneid_command(int argc, char **argv);
int identity_audit_command(int argc, char **argv);

static const struct {
    const char *word;
    int (*run)(int argc, char **argv);
    const char *summary;
} words[] = {
    {"match", match_command, "finds records of files that are one person, and groups them"},
    {"evaluate", match_evaluate_command, "compares such groups with the truth: precision, recall, F1"},
    {"rules", identity_rules_command, "the rules in force; takes over others, and solves everything anew by them"},
    {"rehearse", identity_rehearse_command, "what other rules would come to, without changing anything"},
    {"households", households_command, "customers who may live together, and why; measured against the truth"},
    {"merge", identity_merge_command, "two customers are one; with --preview, what would come of it"},
    {"split", identity_split_command, "one customer is two: by identifiers, by a merge, or by time"},
    {"undo", identity_undo_command, "takes a merge or a split back"},
    {"decisions", identity_decisions_command, "what was decided by hand, oldest first"},
    {"explain", identity_explain_command, "why two are one customer, or why not"},
    {"device", identity_device_command, "who was seen on a device"},
    {"oneid", identity_oneid_command, "what became of a oneid"},
    {"audit", identity_audit_command,
     "solves all evidence of the log anew and compares it with what the data folder says"},
};
#define WORDS (sizeof words / sizeof *words)

int identity_command(int argc, char **argv) {
    for (size_t i = 0; argc > 0 && i < WORDS; i++)
        if (strcmp(argv[0], words[i].word) == 0)
            return words[i].run(argc - 1, argv + 1);
    bool help = argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0);
    if (argc > 0 && !help)
        fprintf(stderr, "onefold identity: no such word: %s\n", argv[0]);
    fprintf(help ? stdout : stderr, "usage: onefold identity WORD [--help] ...\n");
    for (size_t i = 0; i < WORDS; i++)
        fprintf(help ? stdout : stderr, "  %-10s %s\n", words[i].word, words[i].summary);
    return help ? 0 : 2;
}
