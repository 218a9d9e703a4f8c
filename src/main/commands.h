/* commands: the functions behind the words of the command line. Each takes what stands after its word and returns the
 * exit code: 0, 1 for a failure, 2 for wrong arguments. */
#ifndef ONEFOLD_MAIN_COMMANDS_H
#define ONEFOLD_MAIN_COMMANDS_H

#define COMMAND(name, function, summary) int function(int argc, char **argv);
#include "main/commands.def"
#undef COMMAND

#endif
