/* cli/child.c - starts the program so that it is as if the user had started it, and stands between it and whoever signals ouro.
 *
 * The program gets the process group, the terminal, the descriptors, the signal mask and the dispositions that ouro was given.
 * While it runs, ouro blocks every signal and takes them one by one with sigtimedwait, so there is no handler and no race.
 * What the terminal sends (Ctrl-C, Ctrl-\, Ctrl-Z, a new size, hanging up) reaches the program by itself, as a member of the
 * foreground group; what another process sends to ouro is passed on.
 *
 * Stopping: when the program stops, ouro stops too, so that the shell sees its job stop; the shell then continues both. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

/* What ouro was started with, for the child. */
typedef struct inherited {
  sigset_t mask;
  struct sigaction on_child;
} inherited;

/* ---------------------------------------------------------------- starting */

/* Every signal but those that mean a fault of ouro's own, and those of a background job that wants the terminal. */
static void taken_signals(sigset_t *set) {
  static const int left[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGTTIN, SIGTTOU};
  sigfillset(set);
  for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) sigdelset(set, left[i]);
}

/* Block the signals, and undo an inherited SIG_IGN of SIGCHLD, under which the system would keep no status for wait. */
static void take_signals(inherited *before) {
  sigset_t set;
  taken_signals(&set);
  sigprocmask(SIG_BLOCK, &set, &before->mask);
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigaction(SIGCHLD, &standard, &before->on_child);
}

static void restore_signals(const inherited *before) {
  sigaction(SIGCHLD, &before->on_child, NULL);
  sigprocmask(SIG_SETMASK, &before->mask, NULL);
}

/* In the child. An execve that works closes the pipe; its errno goes through it otherwise. */
static _Noreturn void become(char **command, char **environment, const inherited *before, int error_pipe) {
  restore_signals(before);
  execvpe(command[0], command, environment);
  int error = errno;
  while (write(error_pipe, &error, sizeof error) < 0 && errno == EINTR) {
  }
  _exit(OURO_EXIT_CANNOT_RUN);
}

/* The errno that came through the pipe; 0 where it was closed by a successful execve. */
static int read_error(int error_pipe) {
  int error = 0;
  ssize_t length;
  do length = read(error_pipe, &error, sizeof error);
  while (length < 0 && errno == EINTR);
  return length == (ssize_t)sizeof error ? error : 0;
}

int ouro__child_start(ouro__child *child, char **command, char **environment) {
  int ends[2];
  inherited before;
  *child = (ouro__child){.pid = -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  take_signals(&before);
  child->pid = fork();
  if (child->pid == 0) become(command, environment, &before, ends[1]);
  int error = child->pid < 0 ? errno : 0;
  close(ends[1]);
  if (!error) error = read_error(ends[0]);
  close(ends[0]);
  if (error && child->pid > 0) waitpid(child->pid, NULL, 0);
  return error;
}

/* ---------------------------------------------------------------- waiting */

/* The terminal stops the whole foreground group. A program may also stop itself with SIGSTOP; and where ouro is no job of a
 * shell, nobody would continue it. */
static void stop_alike(int signal) {
  int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
  bool foreground = terminal >= 0 && tcgetpgrp(terminal) == getpgrp();
  if (terminal >= 0) close(terminal);
  if (foreground || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) raise(SIGSTOP);
}

/* true: it has ended. */
static bool look_at_child(ouro__child *child) {
  int status;
  struct rusage usage;
  while (wait4(child->pid, &status, WNOHANG | WUNTRACED, &usage) == child->pid) {
    if (!WIFSTOPPED(status)) {
      child->status = status;
      child->usage = usage;
      return true;
    }
    stop_alike(WSTOPSIG(status));
  }
  return false;
}

/* Did the terminal send it, and so to the program as well? The kernel sends an expired timer too, but to ouro alone. */
static bool sent_to_group(const siginfo_t *info) {
  if (info->si_code <= 0) return false;
  switch (info->si_signo) {
  case SIGINT:
  case SIGQUIT:
  case SIGTSTP:
  case SIGHUP:
  case SIGWINCH:
  case SIGCONT:
    return true;
  default:
    return false;
  }
}

enum ouro__event ouro__child_wait(ouro__child *child, uint64_t timeout_ns) {
  sigset_t set;
  siginfo_t info;
  struct timespec timeout = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
  taken_signals(&set);
  int signal = sigtimedwait(&set, &info, &timeout);
  if (signal == SIGCHLD || signal < 0) return look_at_child(child) ? OURO_EVENT_ENDED : OURO_EVENT_NONE;
  /* The program that signals its parent means its parent; a file that may not grow is one of ours. */
  if (signal == SIGPIPE || signal == SIGXFSZ || sent_to_group(&info)) return OURO_EVENT_NONE;
  kill(child->pid, signal);
  return signal == SIGUSR2 ? OURO_EVENT_REPORT : OURO_EVENT_NONE;
}

/* ---------------------------------------------------------------- ending */

_Noreturn void ouro__child_end_alike(const ouro__child *child) {
  if (!WIFSIGNALED(child->status)) _exit(WEXITSTATUS(child->status));
  int number = WTERMSIG(child->status);
  struct sigaction standard = {.sa_handler = SIG_DFL};
  sigset_t only;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the program has left a core file, if anybody wants one */
  sigaction(number, &standard, NULL);
  sigemptyset(&only);
  sigaddset(&only, number);
  raise(number);
  sigprocmask(SIG_UNBLOCK, &only, NULL);
  _exit(128 + number);
}
