/* cli/attach.c - `ouro attach`: switches the tracing of a running process on and off, asks it for something, or writes down what it
 * has now. The process is asked through the page of its area, and answers when it next allocates. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ouro/trace.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/profile/request.h"
#include "cli/profile/writer.h"

#define PATIENCE_NS UINT64_C(3000000000)
#define PAUSE_NS 5000000

static const char help[] =
    "usage: ouro attach PID [ACTION [options]]\n"
    "\n"
    "Control the tracing of a process that runs under `ouro run --trace`, as often and from as many terminals as you "
    "like.\n"
    "\n"
    "  status       what is traced, and how much there is so far (the default)\n"
    "  start        begin to trace; what was counted before is forgotten\n"
    "                 --frames N         record at most N frames of each stack, 1 to 256\n"
    "                 --sample           trace a part of the allocations, at next to no cost\n"
    "                 --sample-bytes SIZE  sample one in SIZE bytes (default 512k)\n"
    "                 --native           in Python programs, record native frames among Python's\n"
    "  stop         end tracing; what was counted can still be read\n"
    "  snapshot     write a recording of what there is now\n"
    "                 -o, --output FILE  to FILE instead of PROGRAM.PID.at-SECONDS.ouro\n"
    "                 --force            overwrite it\n"
    "  pins         look anew at which lines keep which memory from the system; then: ouro pins PID\n"
    "  clear        forget what was counted, and go on tracing\n"
    "  reset-peak   let the peak be what is live now\n"
    "\n"
    "Sizes: 10kB is 10,000 bytes, 10KiB and 10k are 10,240.\n"
    "Exit status: 0; 1 when the process did not answer in time, 2 for wrong usage.\n";

typedef struct attach_state {
  pid_t pid;
  char path[PATH_MAX]; /* of the area */
  ouro__area area;
  const char *output;
  bool force, native, sample;
  uint64_t sample_bytes; /* 0: the process's */
  unsigned frames;       /* 0: the process's */
} attach_state;

/* ---------------------------------------------------------------- asking */

static void pause_shortly(void) { nanosleep(&(struct timespec){0, PAUSE_NS}, NULL); }

static bool is_alive(const attach_state *attach) { return kill(attach->pid, 0) == 0 || errno == EPERM; }

/* Another command may be asking at this moment. */
static int ask(const attach_state *attach, const ouro__request *request, uint32_t *number, uint64_t end_ns) {
  int error;
  while ((error = ouro__request_ask(attach->path, request, number)) == EWOULDBLOCK && ouro__now_ns() < end_ns)
    pause_shortly();
  return error;
}

/* Ask, and wait for the answer. Returns 0; or 1, and the user was told. */
static int demand(attach_state *attach, const ouro__request *request) {
  uint32_t number;
  uint64_t end_ns = ouro__now_ns() + PATIENCE_NS;
  int error = ask(attach, request, &number, end_ns);
  if (error) {
    ouro__say("cannot ask process %ld: %s", (long)attach->pid, strerror(error));
    return 1;
  }
  while (ouro__area_look(&attach->area)) {
    if (ouro__request_is_answered(attach->area.page.answered, number)) return 0;
    if (ouro__now_ns() >= end_ns || !is_alive(attach)) break;
    pause_shortly();
  }
  ouro__say(is_alive(attach) ? "process %ld is idle and has not answered yet; it will when it next allocates memory"
                             : "process %ld has ended",
            (long)attach->pid);
  return 1;
}

static int demand_plain(attach_state *attach, uint32_t what) {
  ouro__request request = {.what = what};
  return demand(attach, &request);
}

/* ---------------------------------------------------------------- status */

static const char *mode_word(uint32_t mode) {
  return mode == OURO_TRACE_EXACT ? "exact" : mode == OURO_TRACE_SAMPLE ? "sampling" : "off";
}

static void tally_line(const char *name, uint64_t count, uint64_t bytes) {
  ouro__words bytes_text, count_text;
  printf(" %-12s %10s in %s blocks\n", name, ouro__words_bytes(&bytes_text, bytes),
         ouro__words_count(&count_text, count));
}

static void traced_lines(const ouro__area *area) {
  const ouro__area_page *page = &area->page;
  bool peak_is_now = ouro__area_peak_is_now(area);
  uint64_t unit = page->sample_bytes ? 256 : 1;
  ouro__words words, own;
  printf(" %-12s %10s ago, at most %u frames%s", "began",
         ouro__words_seconds(&words, (double)(ouro__now_ns() - page->started_ns) / 1e9), page->frames,
         page->native ? ", native ones too" : "");
  if (page->sample_bytes) printf(", one sample in %s", ouro__words_bytes(&words, page->sample_bytes));
  putchar('\n');
  tally_line("live", page->live / unit, page->live_bytes);
  tally_line("peak", (peak_is_now ? page->live : page->peak) / unit, peak_is_now ? page->live_bytes : page->peak_bytes);
  tally_line("allocated", page->allocs / unit, page->bytes);
  printf(" %-12s %10s at %s sites\n", "the trace", ouro__words_bytes(&own, page->own_bytes),
         ouro__words_count(&words, page->counts[OURO_AREA_SITES]));
}

static int status(attach_state *attach) {
  const ouro__area_page *page = &attach->area.page;
  const char *state = is_alive(attach) ? mode_word(page->mode) : "ended";
  char python[sizeof page->python + 1] = "";
  memcpy(python, page->python, sizeof page->python);
  ouro__harmless(python);
  printf("process %ld: %s%s%s\n", (long)attach->pid, state, *python ? ", Python " : "", python);
  if (page->started_ns) traced_lines(&attach->area);
  if (page->broken)
    printf(" since the area could not grow (%s), new lines are not told apart\n", strerror((int)page->broken));
  return 0;
}

/* ---------------------------------------------------------------- the other actions */

static int start(attach_state *attach) {
  const ouro__area_page *page = &attach->area.page;
  if (page->mode != OURO_TRACE_OFF) {
    ouro__say("process %ld is being traced already (%s); to begin anew: ouro attach %ld stop", (long)attach->pid,
              mode_word(page->mode), (long)attach->pid);
    return 1;
  }
  ouro__request request = {
      .what = OURO_WISH_MODE,
      .mode = attach->sample ? OURO_TRACE_SAMPLE : OURO_TRACE_EXACT,
      .frames = attach->frames,
      .native = attach->native || page->native,
      .sample_bytes = attach->sample_bytes,
  };
  int result = demand(attach, &request);
  if (result || page->mode == request.mode) return result;
  ouro__say("process %ld could not begin to trace: it has no memory for it", (long)attach->pid);
  return 1;
}

static int stop(attach_state *attach) {
  ouro__request request = {.what = OURO_WISH_MODE, .mode = OURO_TRACE_OFF, .native = attach->area.page.native};
  return demand(attach, &request);
}

static int clear(attach_state *attach) { return demand_plain(attach, OURO_WISH_CLEAR); }
static int reset_peak(attach_state *attach) { return demand_plain(attach, OURO_WISH_RESET_PEAK); }

static int pins(attach_state *attach) {
  int result = demand_plain(attach, OURO_WISH_PINS);
  if (result == 0) printf("see: ouro pins %ld\n", (long)attach->pid);
  return result;
}

/* PROGRAM.PID.at-SECONDS.ouro */
static void default_name(const attach_state *attach, uint64_t ns, char name[PATH_MAX]) {
  const char *command = attach->area.page.command;
  int length = (int)strnlen(command, 200);
  const char *slash = memrchr(command, '/', (size_t)length);
  if (slash) length -= (int)(slash + 1 - command);
  snprintf(name, PATH_MAX, "%.*s.%ld.at-%llus.ouro", length, slash ? slash + 1 : command, (long)attach->pid,
           (unsigned long long)(ns / 1000000000u));
  ouro__harmless(name);
}

static void write_recording(attach_state *attach, ouro__writer *writer, uint64_t now) {
  uint64_t ns = now - attach->area.page.started_ns;
  char *heap = ouro__area_heap(attach->path);
  ouro__writer_update(writer, &attach->area, now, !is_alive(attach));
  ouro__writer_snapshot(writer, ns, "asked");
  ouro__writer_pins(writer, &attach->area);
  if (heap) ouro__writer_heap(writer, heap, strlen(heap));
  ouro__writer_symbols(writer, &attach->area);
  free(heap);
}

static int snapshot(attach_state *attach) {
  ouro__writer writer;
  char name[PATH_MAX];
  if (!attach->area.page.started_ns) {
    ouro__say("process %ld has not been traced yet; begin with: ouro attach %ld start", (long)attach->pid,
              (long)attach->pid);
    return 1;
  }
  if (is_alive(attach) && attach->area.page.mode != OURO_TRACE_OFF) demand_plain(attach, OURO_WISH_PINS);
  ouro__area_look(&attach->area);
  uint64_t now = ouro__now_ns();
  default_name(attach, now - attach->area.page.started_ns, name);
  const char *path = attach->output ? attach->output : name;
  int error = ouro__writer_open(&writer, path, attach->force);
  if (error) {
    ouro__say(error == EEXIST ? "%s exists; name another file with --output, or add --force" : "cannot write %s: %s",
              path, strerror(error));
    return OURO_EXIT_USAGE;
  }
  write_recording(attach, &writer, now);
  bool written = writer.fd >= 0;
  ouro__writer_close(&writer);
  if (written) printf("see: ouro report %s\n", path);
  return written ? 0 : 1;
}

/* ---------------------------------------------------------------- arguments */

enum { OPT_FRAMES = 256, OPT_SAMPLE, OPT_SAMPLE_BYTES, OPT_NATIVE, OPT_FORCE };

static const struct option start_options[] = {
    {"frames", required_argument, NULL, OPT_FRAMES},
    {"sample", no_argument, NULL, OPT_SAMPLE},
    {"sample-bytes", required_argument, NULL, OPT_SAMPLE_BYTES},
    {"native", no_argument, NULL, OPT_NATIVE},
    {NULL, 0, NULL, 0},
};
static const struct option snapshot_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, OPT_FORCE},
    {NULL, 0, NULL, 0},
};
static const struct option no_options[] = {{NULL, 0, NULL, 0}};

static const struct action {
  const char *word;
  int (*call)(attach_state *attach);
  const struct option *options;
  bool to_the_living; /* means nothing when the process has ended */
} actions[] = {
    {"status", status, no_options, false},
    {"start", start, start_options, true},
    {"stop", stop, no_options, true},
    {"snapshot", snapshot, snapshot_options, false},
    {"pins", pins, no_options, true},
    {"clear", clear, no_options, true},
    {"reset-peak", reset_peak, no_options, true},
};

static const struct action *find_action(const char *word) {
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    if (strcmp(actions[i].word, word) == 0) return &actions[i];
  }
  ouro__say("ouro attach knows no '%s'; ouro attach --help lists what there is", word);
  return NULL;
}

/* false: the user was told what is wrong. */
static bool read_option(attach_state *attach, int option) {
  switch (option) {
  case OPT_FRAMES:
    if (ouro__number_within(optarg, 1, 256, &attach->frames)) return true;
    ouro__say("--frames takes a number from 1 to 256, not '%s'", optarg);
    return false;
  case OPT_SAMPLE:
    return attach->sample = true;
  case OPT_SAMPLE_BYTES:
    attach->sample = true;
    if (ouro__size_read(optarg, &attach->sample_bytes) && attach->sample_bytes) return true;
    ouro__say("--sample-bytes takes a size such as 64k or 1m, not '%s'", optarg);
    return false;
  case OPT_NATIVE:
    return attach->native = true;
  case 'o':
    attach->output = optarg;
    return true;
  case OPT_FORCE:
    return attach->force = true;
  default:
    return false;
  }
}

/* `argv` begins with the action's word. */
static bool read_options(attach_state *attach, const struct action *action, int argc, char **argv) {
  opterr = 0;
  optind = 0;
  for (int option; (option = getopt_long(argc, argv, action->options == snapshot_options ? ":o:" : ":", action->options, NULL)) != -1;) {
    if (option == '?' || option == ':') {
      ouro__options_unknown("attach", option, argv);
      return false;
    }
    if (!read_option(attach, option)) return false;
  }
  if (optind >= argc) return true;
  ouro__say("'%s' is one argument too many; ouro attach --help says what there is", argv[optind]);
  return false;
}

static bool read_pid(attach_state *attach, const char *text) {
  unsigned number;
  if (!ouro__number_within(text, 1, INT_MAX, &number)) {
    ouro__say("'%s' is no process: ouro attach PID [ACTION], with its number", text);
    return false;
  }
  attach->pid = (pid_t)number;
  return true;
}

static int find_area(attach_state *attach) {
  if (!ouro__area_find(attach->pid, attach->path)) {
    ouro__say("process %ld is not one that this user started with: ouro run --trace[=later] -- PROGRAM",
              (long)attach->pid);
    return 1;
  }
  int fd = ouro__run_file_open(attach->path, O_RDONLY);
  if (fd >= 0 && ouro__area_open(&attach->area, fd)) return 0;
  ouro__say("cannot read %s: %s", attach->path, fd < 0 ? strerror(errno) : "it is damaged");
  return 1;
}

static int act(attach_state *attach, const struct action *action) {
  int result = find_area(attach);
  if (result) return result;
  if (action->to_the_living && !is_alive(attach)) {
    ouro__say("process %ld has ended", (long)attach->pid);
    result = 1;
  } else {
    result = action->call(attach);
  }
  ouro__area_close(&attach->area);
  return result;
}

int ouro__cmd_attach(int argc, char **argv) {
  attach_state attach = {.area = {.fd = -1}};
  if (argc == 0) {
    ouro__say("name a process: ouro attach PID [ACTION]; ouro attach --help lists the actions");
    return OURO_EXIT_USAGE;
  }
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
    fputs(help, stdout);
    return 0;
  }
  if (!read_pid(&attach, argv[0])) return OURO_EXIT_USAGE;
  const struct action *action = find_action(argc > 1 ? argv[1] : "status");
  if (!action) return OURO_EXIT_USAGE;
  if (argc > 1 && !read_options(&attach, action, argc - 1, argv + 1)) return OURO_EXIT_USAGE;
  return act(&attach, action);
}
