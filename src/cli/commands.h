/* cli/commands.h - the words that may follow `ouro`: each is one function.
 *
 * A command is called with the arguments after its own word; argv[-1] is that word, and argv[argc] is NULL. It returns the
 * status to exit with. */
#ifndef OURO_CLI_COMMANDS_H
#define OURO_CLI_COMMANDS_H

int ouro__cmd_run(int argc, char **argv);
int ouro__cmd_attach(int argc, char **argv);
int ouro__cmd_report(int argc, char **argv);
int ouro__cmd_diff(int argc, char **argv);
int ouro__cmd_tree(int argc, char **argv);
int ouro__cmd_flame(int argc, char **argv);
int ouro__cmd_pins(int argc, char **argv);
int ouro__cmd_leaks(int argc, char **argv);
int ouro__cmd_top(int argc, char **argv);
int ouro__cmd_export(int argc, char **argv);
int ouro__cmd_check(int argc, char **argv);

#endif
