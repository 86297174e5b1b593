/* values/json_read.c - the reader of JSON: pieces of text go to the parser, and where in the text an error is.
 *
 *     text ->  feed  -> (held)  ->  pass: look, parse  ->  yajl's events -> builder -> values
 *
 * yajl keeps a word (a string, a number) that a piece cuts, and reads it from its beginning with the next piece: text that comes in pieces
 * of a few bytes, with strings of megabytes, would cost the square of their length. So it is counted what yajl reads again; when that is
 * much more than the text, bytes are held back until there are as many as wait in yajl: each costs at most one reading more then.
 *
 * I-READ-1  pending: bytes of a word that yajl waits for the end of, read so far */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <ouro/heap.h>

#include "values/json.h"

enum {
  PIECE = 1 << 16,      /* small enough for the second cache, where a piece is looked through twice */
  AGAIN_FREE = 1 << 20, /* bytes that may be read again without a thought: below a millisecond */
  AGAIN_TIMES = 8,      /* and so many times the text */
};

struct ouro_json_reader {
  ouro__json_parser parser;
  ouro__json_escape escape;
  ouro_json_error error;
  bool ended;  /* the next piece begins another text */
  size_t offset, line, line_begin; /* of the piece: bytes before it, newlines before it, where its line begins */
  size_t pending, again;           /* again: how much yajl read more than once */
  char *held;
  size_t held_count, held_room;
};

/* ---------------------------------------------------------------- errors */

/* What is wrong at offset `at` of the text, in or just before the piece. */
static int fail(ouro_json_reader *reader, const char *piece, int code, size_t at, const char *why) {
  for (size_t i = reader->offset; i < at; i++) {
    if (piece[i - reader->offset] != '\n') continue;
    reader->line++;
    reader->line_begin = i + 1;
  }
  reader->error = (ouro_json_error){code, reader->line + 1, at - reader->line_begin + 1, at, ""};
  ouro__text text = {reader->error.text, sizeof reader->error.text - 1};
  ouro__text_str(&text, why);
  if (!reader->parser.many) reader->parser.builder.whole = 0; /* a value that something wrong comes behind */
  ouro__json_drop(&reader->parser.builder);
  return code;
}

/* The parser's, from the piece's beginning. */
static int fail_parser(ouro_json_reader *reader, const char *piece) {
  const ouro__json_parser *parser = &reader->parser;
  size_t at = reader->offset + (size_t)parser->at;
  return fail(reader, piece, parser->code, at < SIZE_MAX / 2 ? at : 0, parser->why);
}

/* ---------------------------------------------------------------- a piece of text */

static size_t spaces(const char *text, size_t bytes) {
  size_t at = 0;
  while (at < bytes && ouro__json_is_space(text[at])) at++;
  return at;
}

/* Behind the last event there is nothing but white space, commas and colons, and then a word perhaps. */
static void count_pending(ouro_json_reader *reader, const char *piece, size_t bytes) {
  size_t at = reader->parser.mark;
  if (at == SIZE_MAX && reader->pending) {
    reader->pending += bytes;
    return;
  }
  for (at = at == SIZE_MAX ? 0 : at; at < bytes && (ouro__json_is_space(piece[at]) || piece[at] == ',' || piece[at] == ':');) at++;
  reader->pending = bytes - at;
}

static void count_lines(ouro_json_reader *reader, const char *piece, size_t bytes, size_t lines) {
  reader->line += lines;
  if (lines) reader->line_begin = reader->offset + (size_t)((const char *)memrchr(piece, '\n', bytes) - piece) + 1;
  reader->offset += bytes;
}

/* Behind the one value. */
static int check_rest(ouro_json_reader *reader, const char *piece, size_t from, size_t bytes) {
  size_t at = from + spaces(piece + from, bytes - from);
  return at == bytes ? OURO_OK : fail(reader, piece, OURO_ESYNTAX, reader->offset + at, "something behind the value");
}

/* One that is small, or as large as what waits. */
static int pass(ouro_json_reader *reader, const char *piece, size_t bytes) {
  ouro__json_parser *parser = &reader->parser;
  ouro__json_survey survey = ouro__json_look(&reader->escape, piece, bytes);
  size_t behind = 0; /* the one value's end */
  if (!parser->complete) {
    reader->again += reader->pending;
    ouro__json_parse(parser, piece, survey.good);
    if (OURO_UNLIKELY(parser->code)) return fail_parser(reader, piece);
    count_pending(reader, piece, survey.good);
    behind = parser->complete ? parser->mark : bytes;
  }
  if (OURO_UNLIKELY(parser->complete) && check_rest(reader, piece, behind, bytes)) return reader->error.code;
  if (OURO_UNLIKELY(survey.code)) return fail(reader, piece, survey.code, reader->offset + survey.good, survey.why);
  count_lines(reader, piece, bytes, survey.lines);
  ouro_safepoint();
  return OURO_OK;
}

/* ---------------------------------------------------------------- many pieces */

/* Is it better to wait for more bytes? */
static bool shall_wait(const ouro_json_reader *reader, size_t bytes) {
  return bytes < reader->pending && reader->again + reader->pending > reader->offset * AGAIN_TIMES + AGAIN_FREE;
}

static int hold(ouro_json_reader *reader, const char *text, size_t bytes) {
  size_t count = reader->held_count + bytes, room = reader->held_room;
  while (room < count) room = room ? room * 2 : PIECE;
  if (room > reader->held_room) {
    char *held = ouro_realloc(reader->held, room);
    if (!held) return fail(reader, text, OURO_ENOMEM, reader->offset, ouro_strerror(OURO_ENOMEM));
    reader->held = held;
    reader->held_room = room;
  }
  memcpy(reader->held + reader->held_count, text, bytes);
  reader->held_count = count;
  return OURO_OK;
}

static int pass_held(ouro_json_reader *reader) {
  size_t count = reader->held_count;
  reader->held_count = 0;
  return count ? pass(reader, reader->held, count) : OURO_OK;
}

/* So many of the bytes go to the parser at once. */
static size_t piece_of(const ouro_json_reader *reader, size_t bytes) {
  size_t most = reader->pending > PIECE ? reader->pending : PIECE;
  return bytes < most ? bytes : most;
}

static void begin(ouro_json_reader *reader) {
  reader->error = (ouro_json_error){0};
  reader->ended = false;
}

int ouro_json_reader_feed(ouro_json_reader *reader, const char *text, size_t bytes) {
  if (!reader || (!text && bytes)) return OURO_EINVAL;
  if (reader->ended) begin(reader);
  if (reader->error.code || !bytes) return reader->error.code;
  if (reader->held_count || shall_wait(reader, bytes)) {
    if (hold(reader, text, bytes)) return reader->error.code;
    return shall_wait(reader, reader->held_count) ? OURO_OK : pass_held(reader);
  }
  int code = OURO_OK;
  for (size_t done = 0, piece; done < bytes && !code; done += piece) {
    piece = piece_of(reader, bytes - done);
    code = pass(reader, text + done, piece);
  }
  return code;
}

/* ---------------------------------------------------------------- the end of the text */

/* The parser is told where there may be something for it: of many values, there may be none. */
static int end_of_text(ouro_json_reader *reader) {
  ouro__json_parser *parser = &reader->parser;
  if (parser->complete) return OURO_OK;
  bool waits = parser->builder.depth || reader->pending;
  if (parser->many && !waits) return OURO_OK;
  ouro__json_parse_end(parser);
  if (parser->code && parser->code != OURO_ESYNTAX) return fail_parser(reader, NULL);
  if (!parser->code && parser->mark != SIZE_MAX) return OURO_OK; /* a number, which its end completes */
  return fail(reader, NULL, OURO_ESYNTAX, reader->offset, parser->code && reader->pending ? parser->why : "the text ends too early");
}

static void reset(ouro_json_reader *reader) {
  ouro__json_parser_reset(&reader->parser);
  reader->escape = (ouro__json_escape){0};
  reader->offset = reader->line = reader->line_begin = reader->pending = reader->again = reader->held_count = 0;
  reader->ended = true;
}

int ouro_json_reader_finish(ouro_json_reader *reader, ouro_slot value) {
  if (!reader || (!value && !reader->parser.many)) return OURO_EINVAL;
  if (reader->ended) begin(reader);
  int code = reader->error.code;
  if (!code) code = pass_held(reader);
  if (!code) code = end_of_text(reader);
  if (!code && !reader->parser.many) ouro__json_take(&reader->parser.builder, value);
  reset(reader);
  return code;
}

/* ---------------------------------------------------------------- readers */

bool ouro_json_can_read(void) { return OURO_HAVE_YAJL; }

ouro_json_reader *ouro_json_reader_new(const ouro_json_read_options *options) {
  if (options && options->flags & ~(unsigned)OURO_JSON_MANY) return ouro__fail(OURO_EINVAL);
  if (!OURO_HAVE_YAJL) {
    errno = ENOSYS;
    return NULL;
  }
  ouro_json_reader *reader = ouro_calloc(1, sizeof *reader);
  if (!reader) return NULL;
  reader->parser.many = options && options->flags & OURO_JSON_MANY;
  reader->parser.builder.deepest = options && options->depth ? options->depth : OURO_JSON_DEPTH;
  reset(reader);
  return reader;
}

void ouro_json_reader_free(ouro_json_reader *reader) {
  if (!reader) return;
  ouro__json_parser_reset(&reader->parser);
  ouro__json_builder_done(&reader->parser.builder);
  ouro_free(reader->held);
  ouro_free(reader);
}

int ouro_json_reader_next(ouro_json_reader *reader, ouro_slot value) {
  if (!reader || !value || !reader->parser.many) return OURO_EINVAL;
  return ouro__json_take(&reader->parser.builder, value);
}

void ouro_json_reader_error(const ouro_json_reader *reader, ouro_json_error *error) {
  if (error) *error = reader ? reader->error : (ouro_json_error){.code = OURO_EINVAL};
}

/* ---------------------------------------------------------------- a text at once, a file */

/* An error that is none of the text's. Keeps errno. */
static int refuse(int code, ouro_json_error *error) {
  if (!error) return code;
  *error = (ouro_json_error){.code = code};
  strncpy(error->text, ouro_strerror(code), sizeof error->text - 1);
  return code;
}

/* The reader has been fed, and is not needed any more. */
static int end_reader(ouro_json_reader *reader, int code, ouro_slot value, ouro_json_error *error) {
  if (!code) code = ouro_json_reader_finish(reader, value);
  ouro_json_reader_error(reader, error);
  ouro_json_reader_free(reader);
  return code;
}

int ouro_json_parse(const char *text, size_t bytes, ouro_slot value, ouro_json_error *error) {
  if ((!text && bytes) || !value) return refuse(OURO_EINVAL, error);
  ouro_json_reader *reader = ouro_json_reader_new(NULL);
  if (!reader) return refuse(ouro__code(), error);
  return end_reader(reader, ouro_json_reader_feed(reader, text, bytes), value, error);
}

static ssize_t read_piece(int fd, char *piece) {
  ssize_t count;
  ouro_blocking_begin();
  do count = read(fd, piece, PIECE);
  while (count < 0 && errno == EINTR);
  ouro_blocking_end();
  return count;
}

/* OURO_ESYSTEM with errno, or what the reader says. */
static int feed_file(ouro_json_reader *reader, int fd, char *piece) {
  ssize_t count;
  int code = OURO_OK;
  while (!code && (count = read_piece(fd, piece)) != 0) {
    code = count > 0 ? ouro_json_reader_feed(reader, piece, (size_t)count) : OURO_ESYSTEM;
  }
  return code;
}

int ouro_json_load(int fd, ouro_slot value, ouro_json_error *error) {
  if (!value) return refuse(OURO_EINVAL, error);
  ouro_json_reader *reader = ouro_json_reader_new(NULL);
  char *piece = reader ? ouro_malloc(PIECE) : NULL;
  int code = piece ? feed_file(reader, fd, piece) : ouro__code(), number = errno;
  ouro_free(piece);
  if (reader && code != OURO_ESYSTEM && piece) return end_reader(reader, code, value, error);
  ouro_json_reader_free(reader);
  errno = number;
  return refuse(code, error);
}

int ouro_json_load_file(const char *path, ouro_slot value, ouro_json_error *error) {
  if (!path || !value) return refuse(OURO_EINVAL, error);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return refuse(OURO_ESYSTEM, error);
  int code = ouro_json_load(fd, value, error), number = errno;
  close(fd);
  errno = number;
  return code;
}
