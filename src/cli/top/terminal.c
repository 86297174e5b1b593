/* cli/top/terminal.c - a canvas on the terminal, with ncurses, and keys from it.
 *
 * ncurses puts the terminal back when a signal ends the command. A terminal that has gone away without one is noticed by poll. */
#define _GNU_SOURCE
#include <ncurses.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/top/top.h"

enum { PAIR_HEAP = 1, PAIR_RESIDENT };

bool ouro__terminal_open(void) {
  const char *name = getenv("TERM");
  if (!newterm(NULL, stdout, stdin)) {
    ouro__say("the terminal '%s' is not known here: set TERM, or add --once for one frame as text", name ? name : "");
    return false;
  }
  cbreak();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  set_escdelay(50);
  curs_set(0);
  if (has_colors() && !getenv("NO_COLOR") && start_color() == OK && use_default_colors() == OK) {
    init_pair(PAIR_HEAP, COLOR_GREEN, -1);
    init_pair(PAIR_RESIDENT, COLOR_BLUE, -1);
  }
  return true;
}

void ouro__terminal_close(void) {
  endwin();
  delscreen(set_term(NULL));
}

void ouro__terminal_size(int *rows, int *columns) { getmaxyx(stdscr, *rows, *columns); }

static attr_t attributes(enum ouro__look look) {
  switch (look) {
  case OURO_LOOK_STRONG:
    return A_BOLD;
  case OURO_LOOK_FAINT:
    return A_DIM;
  case OURO_LOOK_REVERSE:
    return A_REVERSE;
  case OURO_LOOK_HEAP:
    return COLOR_PAIR(PAIR_HEAP);
  case OURO_LOOK_RESIDENT:
    return COLOR_PAIR(PAIR_RESIDENT);
  case OURO_LOOK_PLAIN:
    break;
  }
  return A_NORMAL;
}

void ouro__terminal_show(const ouro__canvas *canvas) {
  erase();
  for (int row = 0; row < canvas->rows; row++) {
    for (int column = 0; column < canvas->columns; column++) {
      const ouro__cell *cell = &canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column];
      if (!*cell->text) continue;
      attrset(attributes((enum ouro__look)cell->look));
      mvaddstr(row, column, cell->text);
    }
  }
  attrset(A_NORMAL);
  refresh();
}

int ouro__terminal_key(int timeout_ms) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  int key = getch(); /* one that ncurses has read already, or a new size */
  if (key != ERR) return key;
  int ready = poll(&input, 1, timeout_ms);
  if (ready > 0 && !(input.revents & POLLIN)) return OURO_KEY_GONE;
  key = getch();
  if (key != ERR) return key;
  return ready > 0 ? OURO_KEY_GONE : OURO_KEY_NONE;
}
