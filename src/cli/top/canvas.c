/* cli/top/canvas.c - a grid of characters. Text is UTF-8; where the locale has no such characters, and where bytes are none,
 * there is a question mark. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "cli/export/export.h"
#include "cli/top/top.h"

bool ouro__canvas_clear(ouro__canvas *canvas, int rows, int columns) {
  ouro__cell *cells = calloc((size_t)rows * (size_t)columns + 1, sizeof *cells);
  if (!cells) return false;
  for (size_t i = 0; i < (size_t)rows * (size_t)columns; i++) cells[i].text[0] = ' ';
  free(canvas->cells);
  *canvas = (ouro__canvas){rows, columns, cells};
  return true;
}

void ouro__canvas_free(ouro__canvas *canvas) { free(canvas->cells); }

/* ---------------------------------------------------------------- characters */

typedef struct character {
  char text[8];
  unsigned bytes; /* of the source */
  int columns;    /* 0: combines with the one before */
} character;

static character unknown(unsigned bytes) { return (character){.text = "?", .bytes = bytes, .columns = 1}; }

static character read_character(const char *text) {
  unsigned length = ouro__utf8_length(text);
  if (length == 0) return unknown(1);
  character one = {.bytes = length};
  wchar_t wide;
  mbstate_t state = {0};
  if (mbrtowc(&wide, text, length, &state) != length) return unknown(length);
  one.columns = wcwidth(wide);
  if (one.columns < 0) return unknown(length);
  memcpy(one.text, text, length);
  return one;
}

int ouro__canvas_width(const char *text) {
  int columns = 0;
  while (*text) {
    character one = read_character(text);
    columns += one.columns;
    text += one.bytes;
  }
  return columns;
}

/* ---------------------------------------------------------------- writing */

static void combine(ouro__cell *cell, const char *text) {
  size_t length = strlen(cell->text);
  if (length + strlen(text) < sizeof cell->text) strcpy(cell->text + length, text);
}

static void set(ouro__canvas *canvas, int row, int column, enum ouro__look look, const character *one) {
  ouro__cell *cell = &canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column];
  strcpy(cell->text, one->text);
  cell->look = (uint8_t)look;
  if (one->columns == 2) cell[1] = (ouro__cell){.look = (uint8_t)look};
}

int ouro__canvas_put(ouro__canvas *canvas, int row, int column, int room, enum ouro__look look, const char *text) {
  int end = column + room < canvas->columns ? column + room : canvas->columns;
  if (row < 0 || row >= canvas->rows || column < 0) return column;
  while (*text) {
    character one = read_character(text);
    if (column + one.columns > end) break;
    if (one.columns > 0)
      set(canvas, row, column, look, &one);
    else if (column > 0)
      combine(&canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column - 1], one.text);
    column += one.columns;
    text += one.bytes;
  }
  return column;
}

void ouro__canvas_put_right(ouro__canvas *canvas, int row, int column, int room, enum ouro__look look,
                            const char *text) {
  int columns = ouro__canvas_width(text), blank = columns < room ? room - columns : 0;
  ouro__canvas_put(canvas, row, column + blank, room - blank, look, text);
}

void ouro__canvas_put_end(ouro__canvas *canvas, int row, int column, int room, enum ouro__look look, const char *text) {
  int surplus = ouro__canvas_width(text) - room;
  if (surplus > 0 && room > 2) {
    column = ouro__canvas_put(canvas, row, column, 2, look, "..");
    room -= 2;
    for (surplus += 2; surplus > 0 && *text;) {
      character one = read_character(text);
      surplus -= one.columns;
      text += one.bytes;
    }
  }
  ouro__canvas_put(canvas, row, column, room, look, text);
}

void ouro__canvas_look(ouro__canvas *canvas, int row, enum ouro__look look) {
  if (row < 0 || row >= canvas->rows) return;
  for (int column = 0; column < canvas->columns; column++) {
    canvas->cells[(size_t)row * (size_t)canvas->columns + (size_t)column].look = (uint8_t)look;
  }
}

/* Without the blanks that a line ends with. */
void ouro__canvas_print(const ouro__canvas *canvas, FILE *out) {
  for (int row = 0; row < canvas->rows; row++) {
    const ouro__cell *cells = &canvas->cells[(size_t)row * (size_t)canvas->columns];
    int end = canvas->columns;
    while (end > 0 && strcmp(cells[end - 1].text, " ") == 0) end--;
    for (int column = 0; column < end; column++) fputs(cells[column].text, out);
    fputc('\n', out);
  }
}
