/* cli/run.c - `ouro run` from beginning to end: look at the program, prepare, start it, watch it, report, clean up, end as it
 * ended.
 *
 * Nothing of the user's is touched before all that can be known to fail has been tried: the options, the program, the library,
 * the report's file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/profile/recorder.h"

#define SECOND_NS UINT64_C(1000000000)
#define ANSWER_NS (SECOND_NS / 2) /* how long a report on request waits for the processes' answers */

typedef struct run_state {
  ouro__run_options options;
  ouro__program program;
  ouro__child child;
  ouro__processes processes;
  ouro__recorder recorder;  /* used with --trace alone */
  char library[PATH_MAX];   /* as LD_PRELOAD has it */
  char directory[PATH_MAX]; /* of the processes' files; empty: none */
  FILE *report;             /* stderr, or the file that --report names */
  bool report_is_new;
  char *command;      /* for people */
  uint64_t live_ns;   /* the next line of --live */
  uint64_t wanted_ns; /* a report is due at this time, if it did not come before; 0: none */
} run_state;

/* ---------------------------------------------------------------- preparing */

/* The user's file is created now, so that a run of hours does not end in "permission denied". Devices and pipes are not files
 * that could be lost. */
static int open_report(run_state *run) {
  const char *path = run->options.report;
  struct stat status;
  run->report = stderr;
  if (!path) return 0;
  bool other = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
  bool exists = stat(path, &status) == 0;
  int may_exist = run->options.force || other ? 0 : O_EXCL;
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | may_exist, 0666);
  if (fd < 0 && errno == EEXIST) {
    ouro__say("%s exists; name another file, or add --force to overwrite it", path);
    return OURO_EXIT_USAGE;
  }
  run->report = fd < 0 ? NULL : fdopen(fd, "w");
  if (!run->report) {
    ouro__say("cannot write %s: %s", path, strerror(errno));
    return OURO_EXIT_USAGE;
  }
  run->report_is_new = !exists;
  return 0;
}

/* A private directory in $TMPDIR or /tmp; it must be expressible in OURO_CONF, whose words end at commas. */
static void make_directory(run_state *run) {
  const char *place = getenv("TMPDIR");
  if (!place || *place != '/' || strchr(place, ',') || strlen(place) > 200) place = "/tmp";
  snprintf(run->directory, sizeof run->directory, "%s/ouro-run-XXXXXX", place);
  if (mkdtemp(run->directory)) return;
  ouro__say("cannot make a directory in %s (%s): the report will know nothing of the heap", place, strerror(errno));
  run->directory[0] = 0;
}

static void remove_directory(run_state *run) {
  DIR *directory = run->directory[0] ? opendir(run->directory) : NULL;
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) unlinkat(dirfd(directory), entry->d_name, 0);
  closedir(directory);
  rmdir(run->directory);
}

/* LD_PRELOAD ends a name at a space or colon, and expands a dollar: such a path is reached through a link. */
static bool name_library(run_state *run) {
  char found[PATH_MAX];
  if (!ouro__preload_find(found, run->options.trace != NULL)) return false;
  strcpy(run->library, found);
  if (!found[strcspn(found, " :$\t\n")]) return true;
  if (run->directory[0] &&
      snprintf(run->library, sizeof run->library, "%s/%s", run->directory, strrchr(found, '/') + 1) > 0 &&
      symlink(found, run->library) == 0) {
    return true;
  }
  ouro__say("LD_PRELOAD cannot express the path %s; move ouro to a path without spaces, colons and dollars", found);
  return false;
}

static char *join(char **words) {
  size_t length = 1;
  for (char **word = words; *word; word++) length += strlen(*word) + 1;
  char *line = malloc(length), *at = line;
  if (!line) return NULL;
  for (char **word = words; *word; word++) at = stpcpy(stpcpy(at, word == words ? "" : " "), *word);
  ouro__harmless(line);
  return line;
}

/* A library that the program's own dynamic linker would refuse with a message of its own, or die of, is not given to it. A
 * static program does not look at LD_PRELOAD, but the programs that it starts do. */
static const char *library_for(const run_state *run) {
  bool harmful = run->program.obstacle == OURO_OBSTACLE_MACHINE || run->program.obstacle == OURO_OBSTACLE_LIBC;
  return harmful ? NULL : run->library;
}

/* ---------------------------------------------------------------- reporting */

static void write_report(run_state *run, const ouro__child *child, FILE *out) {
  ouro__detail detail;
  ouro__report report = {
      .options = &run->options,
      .program = &run->program,
      .processes = &run->processes,
      .subject = ouro__processes_subject(&run->processes),
      .child = child,
      .command = run->command,
      .elapsed_ns = ouro__now_ns() - run->processes.start_ns,
  };
  if (run->options.json) {
    if (!ouro__report_json(&report, out)) ouro__say("cannot write the report: %s", strerror(errno));
    return;
  }
  if (ouro__detail_read(&detail, &run->processes, report.subject)) report.detail = &detail;
  ouro__report_text(&report, out);
  if (report.detail) ouro__detail_free(&detail);
  if (ferror(out)) ouro__say("cannot write the report: %s", strerror(errno));
}

static void final_report(run_state *run) {
  if (run->options.quiet) return;
  if (run->options.report && run->options.force && ftruncate(fileno(run->report), 0) != 0 && errno != EINVAL) {
    ouro__say("cannot overwrite %s: %s", run->options.report, strerror(errno));
    return;
  }
  write_report(run, &run->child, run->report);
  if (run->options.report && fclose(run->report) != 0) {
    ouro__say("cannot write %s: %s", run->options.report, strerror(errno));
  }
}

/* ---------------------------------------------------------------- watching */

/* A snapshot that the user wants often must not wait for the next look at the processes. */
static uint64_t period_ns(const run_state *run) {
  uint64_t period = ouro__processes_period_ns(&run->processes);
  uint64_t wish = (uint64_t)(run->options.snapshot_seconds * 1e9);
  return wish && wish < period ? wish : period;
}

/* A process that was sent SIGUSR2 has written a report: show it. */
static bool new_report(run_state *run) {
  bool any = false;
  for (size_t i = 0; i < run->processes.count; i++) {
    ouro__process *process = &run->processes.list[i];
    any |= process->reports > process->reports_shown;
    process->reports_shown = process->reports;
  }
  return any;
}

static void look(run_state *run) {
  uint64_t now = ouro__now_ns();
  ouro__processes_sample(&run->processes, false);
  ouro__processes_ask(&run->processes, false);
  if (run->options.trace) ouro__recorder_look(&run->recorder, &run->processes);
  if (new_report(run) || (run->wanted_ns && now >= run->wanted_ns)) {
    write_report(run, NULL, stderr);
    run->wanted_ns = 0;
  }
  if (run->options.live && now >= run->live_ns) {
    ouro__report_live(&run->processes, stderr);
    run->live_ns += SECOND_NS;
  }
}

static void watch(run_state *run) {
  run->live_ns = run->processes.start_ns + SECOND_NS;
  uint64_t next = run->processes.start_ns;
  for (enum ouro__event event = OURO_EVENT_NONE; event != OURO_EVENT_ENDED;) {
    uint64_t now = ouro__now_ns();
    event = ouro__child_wait(&run->child, now < next ? next - now : 0);
    if (event == OURO_EVENT_REPORT) {
      ouro__processes_ask(&run->processes, true);
      if (run->options.trace) ouro__recorder_snapshot(&run->recorder, "signal");
      run->wanted_ns = ouro__now_ns() + ANSWER_NS;
    }
    if (event != OURO_EVENT_ENDED && ouro__now_ns() >= next) {
      look(run);
      next = ouro__now_ns() + period_ns(run);
    }
  }
  ouro__processes_sample(&run->processes, true);
  if (run->options.trace) ouro__recorder_look(&run->recorder, &run->processes);
}

/* ---------------------------------------------------------------- from beginning to end */

static int cannot_run(const run_state *run, int error) {
  ouro__say("cannot run '%s': %s", run->options.command[0], strerror(error));
  return error == ENOENT ? OURO_EXIT_NOT_FOUND : OURO_EXIT_CANNOT_RUN;
}

/* Returns a status to exit with, or 0 once the program has run. */
static int start_and_watch(run_state *run) {
  const char *directory = run->directory[0] ? run->directory : NULL;
  if (!name_library(run)) return OURO_EXIT_FAILED;
  char **environment = ouro__environment_make(&run->options, library_for(run), directory);
  run->command = join(run->options.command);
  if (!environment || !run->command) {
    ouro__say("out of memory");
    return OURO_EXIT_FAILED;
  }
  int error = ouro__child_start(&run->child, run->options.command, environment);
  if (error) return cannot_run(run, error);
  if (!ouro__processes_init(&run->processes, directory, run->child.pid, run->command)) {
    ouro__say("out of memory: there will be no report");
    run->options.quiet = true;
    while (ouro__child_wait(&run->child, SECOND_NS) != OURO_EVENT_ENDED) {
    }
    return 0;
  }
  watch(run);
  final_report(run);
  if (run->options.trace) ouro__recorder_close(&run->recorder, run->options.quiet);
  return 0;
}

static int prepare_and_run(run_state *run) {
  int error = ouro__program_find(&run->program, run->options.command[0]);
  if (error) return cannot_run(run, error);
  int status = open_report(run);
  if (status) return status;
  if (run->options.trace) status = ouro__recorder_open(&run->recorder, &run->options);
  if (status) return status;
  if (run->program.obstacle != OURO_OBSTACLE_NONE) {
    ouro__say("%s %s, so it runs on its own allocator", run->program.file, ouro__obstacle_text(run->program.obstacle));
  }
  make_directory(run);
  status = start_and_watch(run);
  remove_directory(run);
  if (status && run->report_is_new) unlink(run->options.report);
  if (status && run->options.trace) ouro__recorder_close(&run->recorder, true);
  return status;
}

int ouro__cmd_run(int argc, char **argv) {
  static run_state run;
  int status = ouro__options_read(&run.options, argc, argv);
  if (status < 0)
    status = prepare_and_run(&run);
  else
    return status;
  ouro__processes_free(&run.processes);
  if (status) return status;
  ouro__child_end_alike(&run.child);
}
