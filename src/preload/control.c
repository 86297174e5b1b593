/* preload/control.c - tells the outside what the heap of this process does: the page and slots of control.h for `ouro run`, the
 * text report at exit or on SIGUSR2 without it.
 *
 * It runs inside somebody else's program, so it must not be noticed: no allocation, no standard I/O, no lock that is waited
 * for, no file descriptor once the program runs (but to /proc at exit, and for report:PATH), and `errno` as it was. What
 * cannot be written is silently not written.
 *
 * Life of the page: made by the constructor; replaced in a child of fork; refreshed by ticks, which the heap calls from its
 * slow paths and its background thread, and a last time at exit. A child of vfork runs on its parent's memory under another
 * process id: a tick there does nothing.
 *
 * OURO_CONF, read here: run-dir:DIR, parent:PID (only processes started by PID take part), signal:usr2, report:PATH or
 * report:stderr. In PATH, %p stands for the process id; without it, the processes append to one file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h> /* rename */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/base.h"
#include "heap/heap.h"
#include "os/os.h"
#include "preload/control.h"
#include "preload/doors.h"

#define CONTROL_PATH_BYTES 512
#define CONTROL_KEEP_NS 100000000 /* at least so long between two answers under OURO_CONTROL_KEEP, */
#define CONTROL_KEEP_SHARE 100    /* and so many times as long as the last one took */

_Static_assert(sizeof(ouro__control_page) <= OURO_CONTROL_PAGE_BYTES, "the slots begin behind the page");

/* Written by the constructor, and in a child of fork before there is a second thread; except for the atomics. */
static struct {
  char directory[CONTROL_PATH_BYTES / 2]; /* empty without `ouro run` */
  char report[CONTROL_PATH_BYTES / 2];    /* as in OURO_CONF; empty for none */
  bool only_parent;                       /* parent:PID was given: children of fork take no part */
  ouro__control_page *page;               /* NULL: none */
  _Atomic(const ouro__stats_part *) library; /* of a libouro in the program that has objects; NULL: none */
  sigset_t blocked;                       /* signals that were blocked when that came */
  _Atomic uint32_t writing;               /* 1: somebody writes a slot, or none shall be written any more */
  uint64_t written_ns, cost_ns;           /* when the last slot was begun, and how long it took; under `writing` */
} control;

/* ---------------------------------------------------------------- OURO_CONF */

/* Copy the value of `key` and end it with a NUL; false where there is none or it does not fit. */
static bool conf_value(const char *key, char *value, size_t size) {
  size_t length;
  const char *found = ouro__conf_find(key, &length);
  if (!found || length == 0 || length >= size) return false;
  memcpy(value, found, length);
  value[length] = 0;
  return true;
}

/* ---------------------------------------------------------------- the text report */

/* The descriptor that report:PATH means; -1 where it cannot be opened. */
static int open_report(void) {
  if (!control.report[0] || strcmp(control.report, "stderr") == 0) return STDERR_FILENO;
  char path[CONTROL_PATH_BYTES];
  ouro__text text = {path, sizeof path - 1};
  for (const char *at = control.report; *at;) {
    if (at[0] == '%' && at[1] == 'p') {
      ouro__text_num(&text, (uint64_t)ouro__os_pid());
      at += 2;
    } else {
      char one[2] = {*at++, 0};
      ouro__text_str(&text, one);
    }
  }
  return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

/* An ouro_write_fn. */
static int write_to_fd(void *arg, const char *text, size_t length) {
  ouro__write_fd(*(const int *)arg, text, length);
  return 0;
}

/* What is locked at this moment is left out rather than waited for: the caller may be a signal handler, or exit called by one,
 * above the code that holds the lock. */
static void write_heap(enum ouro_format format, bool handler, ouro_write_fn write, void *arg) {
  (handler ? ouro__stats_write_signal : ouro__stats_write_nowait)(format, write, arg);
}

static void write_text(bool handler) {
  int fd = open_report();
  if (fd < 0) return;
  write_heap(OURO_FORMAT_TEXT, handler, write_to_fd, &fd);
  if (fd != STDERR_FILENO) close(fd);
}

/* ---------------------------------------------------------------- slots */

typedef struct slot_writer {
  char *text;
  uint32_t length;
} slot_writer;

/* An ouro_write_fn. */
static int write_to_slot(void *arg, const char *text, size_t length) {
  slot_writer *slot = arg;
  size_t room = OURO_CONTROL_SLOT_BYTES - slot->length;
  if (length > room) length = room;
  memcpy(slot->text + slot->length, text, length);
  slot->length += (uint32_t)length;
  return room == 0;
}

/* pre: `writing` is held. The older slot is filled, then made the newest. */
static void write_slot(ouro__control_page *page, uint32_t reason, bool handler) {
  uint32_t index = ouro__load_relaxed(&page->writes) % 2;
  slot_writer slot = {(char *)page + OURO_CONTROL_PAGE_BYTES + index * OURO_CONTROL_SLOT_BYTES, 0};
  control.written_ns = ouro__os_now_ns();
  write_heap(OURO_FORMAT_JSON, handler, write_to_slot, &slot);
  control.cost_ns = ouro__os_now_ns() - control.written_ns;
  ouro__store_relaxed(&page->slots[index].length, slot.length);
  ouro__store_relaxed(&page->slots[index].reason, reason);
  ouro__store_relaxed(&page->slots[index].taken_ns, control.written_ns);
  ouro__store_release(&page->newest, index); /* pairs with the acquire of the command */
  ouro__store_release(&page->writes, ouro__load_relaxed(&page->writes) + 1);
}

static bool begin_writing(void) { return ouro__exchange_acquire(&control.writing, 1) == 0; }
static void end_writing(void) { ouro__store_release(&control.writing, 0); }

/* Does the command wait for an answer? */
static bool is_asked(ouro__control_page *page, uint32_t asked) {
  if ((asked ^ ouro__load_relaxed(&page->answered)) & ~OURO_CONTROL_KEEP) return true;
  uint64_t since = ouro__os_now_ns() - control.written_ns;
  return (asked & OURO_CONTROL_KEEP) && since >= CONTROL_KEEP_NS && since >= CONTROL_KEEP_SHARE * control.cost_ns;
}

/* Once an interpreter has begun to end, the slot from before tells what the program had, and stays. */
static void answer(ouro__control_page *page) {
  uint32_t asked = ouro__load_relaxed(&page->asked);
  if (!asked || !begin_writing()) return;
  bool away = ouro__python_is_away();
  if (!away && is_asked(page, asked)) {
    write_slot(page, OURO_CONTROL_ASKED, false);
    ouro__store_relaxed(&page->answered, asked);
  }
  if (!away || control.written_ns == 0) end_writing();
}

/* ---------------------------------------------------------------- the page */

/* Without a system call: a tick may come in a sandbox that allows few. */
static void refresh(ouro__control_page *page) {
  ouro__counters now;
  ouro__heap_counters(&now);
  ouro__control_counters *to = &page->counters;
  ouro__store_relaxed(&to->held, now.bytes_held);
  ouro__store_relaxed(&to->held_peak, now.bytes_held_peak);
  ouro__store_relaxed(&to->taken, now.bytes_taken);
  ouro__store_relaxed(&to->returned, now.bytes_returned);
  ouro__store_relaxed(&to->dirty, now.bytes_dirty);
  ouro__store_relaxed(&to->arenas, now.arenas);
  ouro__store_relaxed(&to->pools, now.pools);
  ouro__store_relaxed(&to->threads, now.threads);
  const ouro__stats_part *library = ouro__load_acquire(&control.library);
  if (library) {
    library->counters(&now);
    ouro__store_relaxed(&page->library_held, now.bytes_held);
    ouro__store_relaxed(&page->library_held_peak, now.bytes_held_peak);
  }
  ouro__store_relaxed(&page->refreshed_ns, ouro__os_now_ns());
}

/* Read up to `size` - 1 bytes of a file of /proc and end them with a NUL. */
static size_t read_file(const char *path, char *buffer, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? 0 : read(fd, buffer, size - 1);
  if (fd >= 0) close(fd);
  if (length < 0) length = 0;
  buffer[length] = 0;
  return (size_t)length;
}

/* Map a new file under `path`; NULL where that fails. Its blocks are allocated now: on a full disk, the first write to a page
 * of a file with holes would kill the program. So would growing a file beyond the limit of the user. */
static ouro__control_page *map_file(const char *path) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < OURO_CONTROL_FILE_BYTES) return NULL;
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return NULL;
  void *page = MAP_FAILED;
  if (posix_fallocate(fd, 0, OURO_CONTROL_FILE_BYTES) == 0) {
    page = mmap(NULL, OURO_CONTROL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  return page == MAP_FAILED ? NULL : page;
}

/* DIR/PID and `suffix`. */
static void file_path(char *path, const char *suffix) {
  ouro__text text = {path, CONTROL_PATH_BYTES - 1};
  ouro__text_str(&text, control.directory);
  ouro__text_str(&text, "/");
  ouro__text_num(&text, (uint64_t)ouro__os_pid());
  ouro__text_str(&text, suffix);
}

static void make_page(void) {
  char temporary[CONTROL_PATH_BYTES], path[CONTROL_PATH_BYTES];
  file_path(temporary, ".new");
  file_path(path, ".stat");
  ouro__control_page *page = map_file(temporary);
  if (!page) return;
  page->magic = OURO_CONTROL_MAGIC;
  page->version = OURO_CONTROL_VERSION;
  page->pid = ouro__os_pid();
  page->parent = getppid();
  read_file("/proc/self/cmdline", page->command, sizeof page->command - 1);
  ouro__python_describe(&page->python, 0);
  ouro__store_relaxed(&page->state, OURO_CONTROL_RUNNING);
  ouro__store_relaxed(&page->started_ns, ouro__os_now_ns());
  refresh(page);
  rename(temporary, path);
  control.page = page;
}

/* The page where it is this process's own; NULL otherwise. */
static ouro__control_page *own_page(void) {
  ouro__control_page *page = control.page;
  return page && page->pid == ouro__os_pid() ? page : NULL;
}

/* ---------------------------------------------------------------- the moments: a tick, a signal, a fork, the end */

static void tick(void) {
  int saved_errno = errno;
  ouro__control_page *page = own_page();
  if (page) {
    refresh(page);
    answer(page);
  }
  ouro__preload_trace_tick();
  errno = saved_errno;
}

/* Where a slot is being written at this moment, the signal has interrupted that or come at the same time: it is the answer
 * too. */
static void on_signal(int number) {
  (void)number;
  int saved_errno = errno;
  ouro__control_page *page = own_page();
  if (page) {
    refresh(page);
    if (begin_writing()) {
      write_slot(page, OURO_CONTROL_SIGNAL, true);
      end_writing();
    }
    ouro__add_relaxed(&page->signals, 1);
  } else if (!control.directory[0]) {
    write_text(true);
  }
  errno = saved_errno;
}

/* From a libouro in the program, see heap/heap.h; the first one that has objects. */
__attribute__((visibility("default"))) ouro__tick_fn ouro_preload_join_1(const ouro__stats_part *part);
ouro__tick_fn ouro_preload_join_1(const ouro__stats_part *part) {
  const ouro__stats_part *none = NULL;
  if (!atomic_compare_exchange_strong(&control.library, &none, part)) return NULL;
  pthread_sigmask(SIG_SETMASK, NULL, &control.blocked);
  ouro__stats_add(part);
  return tick;
}

/* Only where the program left the signal alone so far. It may still take it for itself, with its first sigaction. */
static void install_handler(void) {
  struct sigaction action;
  if (sigaction(SIGUSR2, NULL, &action) != 0 || action.sa_handler != SIG_DFL) return;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigaction(SIGUSR2, &action, NULL);
}

static void after_fork(void) {
  int saved_errno = errno;
  if (control.page) munmap(control.page, OURO_CONTROL_FILE_BYTES);
  control.page = NULL;
  control.written_ns = 0;
  ouro__store_relaxed(&control.writing, 0);
  if (control.only_parent)
    control.directory[0] = 0;
  else
    make_page();
  errno = saved_errno;
}

/* The value in kibibytes of a line such as "VmHWM:    1234 kB", in bytes; 0 where it is not there. */
static uint64_t status_bytes(const char *status, const char *name) {
  const char *line = strstr(status, name);
  return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

static uint64_t microseconds(struct timeval time) { return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec; }

static void refresh_at_exit(ouro__control_page *page) {
  char status[2048];
  struct rusage usage;
  read_file("/proc/self/status", status, sizeof status);
  refresh(page);
  ouro__store_relaxed(&page->resident_peak, status_bytes(status, "\nVmHWM:"));
  ouro__store_relaxed(&page->resident_exit, status_bytes(status, "\nVmRSS:"));
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    ouro__store_relaxed(&page->user_us, microseconds(usage.ru_utime));
    ouro__store_relaxed(&page->system_us, microseconds(usage.ru_stime));
  }
  ouro__python_describe(&page->python, 1);
}

/* Does exit come from a signal handler? That has its signal blocked, or runs on a stack of its own. (What blocks signals in order
 * to wait for them has no handler for them.) */
static bool in_handler(void) {
  sigset_t blocked;
  stack_t stack;
  if (sigaltstack(NULL, &stack) == 0 && stack.ss_flags & SS_ONSTACK) return true;
  if (pthread_sigmask(SIG_SETMASK, NULL, &blocked) != 0) return false;
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigismember(&blocked, number) != 1 || sigismember(&control.blocked, number) == 1) continue;
    if (sigaction(number, NULL, &action) != 0) continue;
    if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) return true;
  }
  return false;
}

/* After the program's own atexit functions. The destructors of libraries loaded before may still allocate. */
__attribute__((destructor)) static void at_exit(void) {
  int saved_errno = errno;
  bool handler = ouro__load_acquire(&control.library) && in_handler(); /* it matters to objects alone */
  if (control.report[0]) write_text(handler);
  ouro__preload_trace_exit();
  ouro__control_page *page = own_page();
  if (page) {
    refresh_at_exit(page);
    bool kept = page->python.memory != OURO_PYTHON_NONE && ouro__load_relaxed(&page->writes) > 0;
    if (!kept && begin_writing()) write_slot(page, OURO_CONTROL_AT_EXIT, handler);
    ouro__store_relaxed(&page->exited_ns, ouro__os_now_ns());
    ouro__store_release(&page->state, OURO_CONTROL_EXITED);
  }
  errno = saved_errno;
}

const char *ouro__control_directory(void) { return control.directory[0] ? control.directory : NULL; }

void ouro__control_start(void) {
  char value[16];
  conf_value("report", control.report, sizeof control.report);
  conf_value("run-dir", control.directory, sizeof control.directory);
  bool on_signal = conf_value("signal", value, sizeof value) && strcmp(value, "usr2") == 0;
  control.only_parent = conf_value("parent", value, sizeof value);
  if (control.only_parent && atoi(value) != getppid()) {
    control.directory[0] = 0;
    return;
  }
  if (on_signal) install_handler();
  if (!control.directory[0]) return;
  pthread_atfork(NULL, NULL, after_fork);
  make_page();
  ouro__heap_set_tick(tick);
}
