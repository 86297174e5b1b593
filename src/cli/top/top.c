/* cli/top/top.c - `ouro top`: the command line, the loop, and what keys do. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/export/export.h"
#include "cli/top/top.h"

#define KEY_ESCAPE 27
#define INTERVAL_LEAST 0.1
#define INTERVAL_MOST 60.0

static const char help[] =
    "usage: ouro top [options] [PID|FILE]\n"
    "\n"
    "Show which lines hold the memory of a process that is traced, and follow it; or what is in a recording. Without "
    "a\n"
    "name: the newest process of yours that is traced. The key ? lists the keys. The process need not know of it.\n"
    "\n"
    "  --interval SECONDS  look so often, 0.1 to 60 (1)\n"
    "  --once              print one frame as text, of $COLUMNS by $LINES characters, and end\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit status: 0; 2 for wrong usage or what cannot be read, 125 when there is no terminal that can be used.\n";

/* ---------------------------------------------------------------- the command line */

typedef struct request {
  const char *name; /* NULL: none */
  double interval;
  bool once;
} request;

static int read_interval(request *asked, const char *text) {
  char *end;
  asked->interval = strtod(text, &end);
  if (end != text && !*end && asked->interval >= INTERVAL_LEAST && asked->interval <= INTERVAL_MOST) return -1;
  ouro__say("--interval takes seconds from 0.1 to 60, not '%s'", text);
  return OURO_EXIT_USAGE;
}

static int read_option(request *asked, int option) {
  switch (option) {
  case 'i':
    return read_interval(asked, optarg);
  case 'o':
    asked->once = true;
    return -1;
  default:
    fputs(help, stdout);
    return 0;
  }
}

/* Returns -1 to go on, or the status to exit with. */
static int read_request(request *asked, int argc, char **argv) {
  static const struct option table[] = {
      {"interval", required_argument, NULL, 'i'},
      {"once", no_argument, NULL, 'o'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0},
  };
  opterr = 0;
  optind = 0;
  for (int option; (option = getopt_long(argc + 1, argv - 1, ":h", table, NULL)) != -1;) {
    bool unknown = option == '?' || option == ':';
    int status = unknown ? ouro__options_unknown("top", option, argv - 1) : read_option(asked, option);
    if (status >= 0) return status;
  }
  asked->name = argv[optind - 1];
  if (argc + 1 - optind > 1) {
    ouro__say("name one process or recording: ouro top [options] [PID|FILE]");
    return OURO_EXIT_USAGE;
  }
  if (asked->once || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) return -1;
  ouro__say("top needs a terminal: add --once for one frame as text");
  return OURO_EXIT_USAGE;
}

/* ---------------------------------------------------------------- writing what is shown */

/* Under the first name that is free, in the working directory. */
static int open_new(const ouro__profile *profile, char name[64]) {
  for (unsigned number = 1; number < 10000; number++) {
    snprintf(name, 64, "ouro-%d-%u.json", profile->pid, number);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

static void save(ouro__view *view) {
  char name[64];
  int fd = open_new(view->follow.profile, name);
  FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
  bool good = out && ouro__export_json(view->follow.profile, OURO_MEASURE_LIVE, out);
  if (out && fclose(out) != 0) good = false;
  if (good) {
    snprintf(view->message, sizeof view->message, "written: %s", name);
    return;
  }
  snprintf(view->message, sizeof view->message, "cannot write %s: %s", name, strerror(errno));
  if (out) unlink(name);
}

/* ---------------------------------------------------------------- keys */

static void choose_tab(ouro__view *view, int by) {
  view->table.tab = (enum ouro__tab)(((int)view->table.tab + by + OURO_TABS) % OURO_TABS);
  view->selected = view->first = 0;
  if (view->table.tab == OURO_TAB_PINS) ouro__follow_ask_pins(&view->follow);
}

/* Text has no bar: what is shown moves itself. */
static void step(ouro__view *view, long by) {
  bool text = view->help || view->table.tab == OURO_TAB_COLLECTIONS;
  size_t *at = text ? &view->first : &view->selected;
  size_t most = text ? 100 : view->table.line_count ? view->table.line_count - 1 : 0;
  if (by < 0)
    *at -= (size_t)-by < *at ? (size_t)-by : *at;
  else
    *at = most - *at < (size_t)by ? most : *at + (size_t)by;
}

static void change_interval(ouro__view *view, double factor) {
  view->interval *= factor;
  if (view->interval < INTERVAL_LEAST) view->interval = INTERVAL_LEAST;
  if (view->interval > INTERVAL_MOST) view->interval = INTERVAL_MOST;
}

static void edit(ouro__view *view, int key) {
  char *filter = view->table.filter;
  size_t length = strlen(filter);
  if (key == '\r' || key == '\n' || key == KEY_ENTER) {
    view->editing = false;
  } else if (key == KEY_ESCAPE) {
    view->editing = false;
    filter[0] = 0;
  } else if (key == KEY_BACKSPACE || key == 127 || key == 8) {
    while (length > 0 && (filter[length - 1] & 0xc0) == 0x80) length--;
    if (length > 0) filter[length - 1] = 0;
  } else if (key >= ' ' && key < 256 && length + 1 < sizeof view->table.filter) {
    filter[length] = (char)key;
    filter[length + 1] = 0;
  }
}

static void press_movement(ouro__view *view, int key) {
  switch (key) {
  case KEY_UP:
    step(view, -1);
    break;
  case KEY_DOWN:
    step(view, 1);
    break;
  case KEY_PPAGE:
    step(view, -(long)view->page);
    break;
  case KEY_NPAGE:
    step(view, (long)view->page);
    break;
  case KEY_HOME:
    step(view, -(long)(view->table.line_count + 100));
    break;
  case KEY_END:
    step(view, (long)(view->table.line_count + 100));
    break;
  case KEY_LEFT:
    ouro__follow_move(&view->follow, -1);
    break;
  case KEY_RIGHT:
    ouro__follow_move(&view->follow, 1);
    break;
  default:
    break;
  }
}

static void press(ouro__view *view, int key) {
  switch (key) {
  case '\t':
    choose_tab(view, 1);
    break;
  case KEY_BTAB:
    choose_tab(view, -1);
    break;
  case 's':
    view->table.sort = (view->table.sort + 1) % (OURO_COLUMNS + 1);
    break;
  case '/':
    view->editing = true;
    break;
  case KEY_ESCAPE:
    view->table.filter[0] = 0;
    break;
  case 'p':
    view->paused = !view->paused;
    break;
  case 'w':
    save(view);
    break;
  case '+':
    change_interval(view, 0.5);
    break;
  case '-':
    change_interval(view, 2);
    break;
  default:
    press_movement(view, key);
  }
}

/* false: the user has had enough. */
static bool take_key(ouro__view *view, int key) {
  view->message[0] = 0;
  if (view->editing) {
    edit(view, key);
  } else if (key == 'q' || key == OURO_KEY_GONE) {
    return false;
  } else if (view->help || key == '?') {
    view->help = !view->help;
    view->first = 0;
  } else {
    press(view, key);
  }
  return key != OURO_KEY_GONE;
}

/* ---------------------------------------------------------------- the loop */

static bool draw(ouro__view *view, ouro__canvas *canvas, int rows, int columns) {
  if (!ouro__canvas_clear(canvas, rows, columns)) return false;
  ouro__table_fill(&view->table, &view->follow);
  ouro__view_draw(view, canvas);
  return true;
}

static void look(ouro__view *view) {
  ouro__follow_look(&view->follow);
  if (view->table.tab == OURO_TAB_PINS) ouro__follow_ask_pins(&view->follow);
}

static void show(ouro__view *view) {
  ouro__canvas canvas = {0};
  uint64_t next = ouro__now_ns();
  for (bool on = true; on;) {
    int rows, columns;
    uint64_t now = ouro__now_ns(), interval = (uint64_t)(view->interval * 1e9);
    if (now >= next) {
      if (!view->paused) look(view);
      next = now + interval;
    }
    if (next > now + interval) next = now + interval;
    ouro__terminal_size(&rows, &columns);
    if (draw(view, &canvas, rows, columns)) ouro__terminal_show(&canvas);
    int key = ouro__terminal_key((int)((next - now) / 1000000) + 1);
    if (key != OURO_KEY_NONE && key != KEY_RESIZE) on = take_key(view, key);
  }
  ouro__canvas_free(&canvas);
}

/* What the variable says, or the terminal where there is one. */
static int size_from(const char *variable, int terminal, int otherwise) {
  const char *text = getenv(variable);
  int number = text ? atoi(text) : 0;
  if (number >= 1 && number <= 10000) return number;
  return terminal > 0 ? terminal : otherwise;
}

static int print_once(ouro__view *view) {
  ouro__canvas canvas = {0};
  struct winsize size = {.ws_row = 0};
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  view->still = true;
  if (!draw(view, &canvas, size_from("LINES", size.ws_row, 24), size_from("COLUMNS", size.ws_col, 80))) {
    ouro__say("out of memory");
    return OURO_EXIT_FAILED;
  }
  ouro__canvas_print(&canvas, stdout);
  ouro__canvas_free(&canvas);
  if (fflush(stdout) == 0) return 0;
  ouro__say("cannot write to standard output: %s", strerror(errno));
  return OURO_EXIT_FAILED;
}

static int run(ouro__view *view, const request *asked) {
  int status = 0;
  ouro__table_init(&view->table);
  view->interval = asked->interval;
  ouro__pen_get(); /* sets the locale, which text and ncurses need */
  if (asked->once) {
    status = print_once(view);
  } else if (ouro__terminal_open()) {
    show(view);
    ouro__terminal_close();
  } else {
    status = OURO_EXIT_FAILED;
  }
  ouro__table_free(&view->table);
  return status;
}

int ouro__cmd_top(int argc, char **argv) {
  static ouro__view view;
  request asked = {.interval = 1};
  int status = read_request(&asked, argc, argv);
  if (status >= 0) return status;
  if (!ouro__follow_open(&view.follow, asked.name)) return OURO_EXIT_USAGE;
  status = run(&view, &asked);
  ouro__follow_close(&view.follow);
  return status;
}
