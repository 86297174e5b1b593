/* values/json_yajl.c - yajl 2.1, an event parser, and what it needs to be safe here.
 *
 * Memory: yajl takes for granted that its allocations succeed; of none is the result compared with NULL. So its allocator does not return
 * where there is no memory, but jumps out of yajl, to `refused`. That is sound, since nothing lies in between but yajl's own functions,
 * which hold nothing except blocks of this allocator (it is called from yajl alone, never from an event), and since yajl is not called any
 * more afterwards: what it has is freed block by block, of which the parser has a list, without looking at what it left half done.
 *
 * UTF-8: yajl checks only that each sequence has as many bytes as its first one says. It is told not to, and the builder checks each
 * string.
 *
 * End: behind a complete value yajl takes the beginning of a string for nothing. With the last event of the one value it is stopped, and
 * what may follow is looked at by the reader; of many values, the reader knows by `mark` that something has begun. */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include <ouro/heap.h>

#include "values/json.h"

/* ---------------------------------------------------------------- memory */

/* In front of each block; in a list, so that it can be taken out. */
struct ouro__json_block {
  ouro__json_block *next, **whence; /* whence: what points here */
  size_t room;
  alignas(max_align_t) char bytes[];
};

static void link_block(ouro__json_parser *parser, ouro__json_block *block) {
  block->next = parser->blocks;
  block->whence = &parser->blocks;
  if (block->next) block->next->whence = &block->next;
  parser->blocks = block;
}

static void unlink_block(ouro__json_block *block) {
  *block->whence = block->next;
  if (block->next) block->next->whence = block->whence;
}

static ouro__json_block *block_of(void *bytes) {
  return (ouro__json_block *)(void *)((char *)bytes - offsetof(ouro__json_block, bytes));
}

static void *yajl_gets(void *arg, size_t room) {
  ouro__json_parser *parser = arg;
  ouro__json_block *block = ouro_malloc(sizeof *block + room);
  if (!block) longjmp(parser->refused, 1);
  block->room = room;
  link_block(parser, block);
  return block->bytes;
}

static void yajl_frees(void *arg, void *bytes) {
  (void)arg;
  if (!bytes) return;
  unlink_block(block_of(bytes));
  ouro_free(block_of(bytes));
}

/* Its stack grows by a few bytes at a time, so it gets twice as many. */
static void *yajl_gets_more(void *arg, void *bytes, size_t room) {
  if (!bytes) return yajl_gets(arg, room);
  ouro__json_block *block = block_of(bytes);
  if (room <= block->room) return bytes;
  void *larger = yajl_gets(arg, room < block->room * 2 ? block->room * 2 : room);
  memcpy(larger, bytes, block->room);
  yajl_frees(arg, bytes);
  return larger;
}

void ouro__json_parser_reset(ouro__json_parser *parser) {
  while (parser->blocks) yajl_frees(parser, parser->blocks->bytes);
  parser->yajl = NULL;
  parser->complete = false;
  parser->mark = SIZE_MAX;
  parser->code = OURO_OK;
}

/* ---------------------------------------------------------------- events */

enum { GO_ON = 1, STOP = 0 };

static void fail(ouro__json_parser *parser, int code, ptrdiff_t at, const char *why) {
  parser->code = code;
  parser->at = at;
  snprintf(parser->why, sizeof parser->why, "%s", why);
}

static OURO_COLD int fail_event(ouro__json_parser *parser, int code) {
  fail(parser, code, (ptrdiff_t)parser->mark - 1, code == OURO_EDEEP ? "lists and dicts lie too deep in each other" : ouro_strerror(code));
  return STOP;
}

static int event(ouro__json_parser *parser, int code) {
  parser->mark = yajl_get_bytes_consumed(parser->yajl);
  if (OURO_UNLIKELY(code)) return fail_event(parser, code);
  if (OURO_LIKELY(parser->builder.depth || parser->many)) return GO_ON;
  parser->complete = true;
  return STOP;
}

/* A string that is not UTF-8: its bytes lie in the piece, unless they were put together. */
static int text_event(ouro__json_parser *parser, int code, const char *text, size_t where) {
  int go_on = event(parser, code);
  uintptr_t from_piece = (uintptr_t)text - (uintptr_t)parser->piece;
  if (OURO_UNLIKELY(code == OURO_EUTF8) && from_piece < parser->bytes) parser->at = (ptrdiff_t)(from_piece + where);
  return go_on;
}

static int on_string(void *arg, const unsigned char *bytes, size_t count) {
  ouro__json_parser *parser = arg;
  const char *text = (const char *)bytes;
  size_t where = 0;
  int code = ouro__json_string(&parser->builder, text, count, &where);
  return text_event(parser, code, text, where);
}

static int on_key(void *arg, const unsigned char *bytes, size_t count) {
  ouro__json_parser *parser = arg;
  const char *text = (const char *)bytes;
  size_t where = 0;
  int code = ouro__json_key(&parser->builder, text, count, &where);
  return text_event(parser, code, text, where);
}

static int on_number(void *arg, const char *text, size_t count) {
  ouro__json_parser *parser = arg;
  return event(parser, ouro__json_number(&parser->builder, text, count));
}

static int on_null(void *arg) {
  ouro__json_parser *parser = arg;
  return event(parser, ouro__json_constant(&parser->builder, ouro_none));
}

static int on_boolean(void *arg, int truth) {
  ouro__json_parser *parser = arg;
  return event(parser, ouro__json_constant(&parser->builder, truth ? ouro_true : ouro_false));
}

static int on_list(void *arg) {
  ouro__json_parser *parser = arg;
  return event(parser, ouro__json_open(&parser->builder, false));
}

static int on_dict(void *arg) {
  ouro__json_parser *parser = arg;
  return event(parser, ouro__json_open(&parser->builder, true));
}

static int on_end(void *arg) {
  ouro__json_parser *parser = arg;
  return event(parser, ouro__json_close(&parser->builder));
}

static const yajl_callbacks events = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_dict,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_list,
    .yajl_end_array = on_end,
};

/* ---------------------------------------------------------------- parsing */

static void begin(ouro__json_parser *parser) {
  yajl_alloc_funcs memory = {yajl_gets, yajl_gets_more, yajl_frees, parser};
  parser->yajl = yajl_alloc(&events, &memory, parser);
  yajl_config(parser->yajl, yajl_dont_validate_strings, 1);
  yajl_config(parser->yajl, yajl_allow_multiple_values, (int)parser->many);
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* yajl stopped behind a word that must not be there (of which it has gone back in one case), or at a byte within one. */
static void fail_as_yajl(ouro__json_parser *parser) {
  unsigned char *text = yajl_get_error(parser->yajl, 0, NULL, 0);
  const char *colon = strstr((char *)text, ": "), *why = colon ? colon + 2 : (char *)text;
  bool is_behind = begins((char *)text, "parse") ? !begins(why, "after key and value") : begins(why, "invalid char ");
  fail(parser, OURO_ESYNTAX, (ptrdiff_t)yajl_get_bytes_consumed(parser->yajl) - is_behind, why);
  parser->why[strcspn(parser->why, ".\n")] = 0;
}

static void parse(ouro__json_parser *parser) {
  if (!parser->yajl) begin(parser);
  yajl_status status = parser->piece ? yajl_parse(parser->yajl, (const unsigned char *)parser->piece, parser->bytes)
                                     : yajl_complete_parse(parser->yajl);
  if (status == yajl_status_error) fail_as_yajl(parser);
}

static void parse_or_refuse(ouro__json_parser *parser) {
  if (setjmp(parser->refused)) {
    fail(parser, OURO_ENOMEM, 0, ouro_strerror(OURO_ENOMEM));
  } else {
    parse(parser);
  }
}

void ouro__json_parse(ouro__json_parser *parser, const char *piece, size_t bytes) {
  parser->piece = piece;
  parser->bytes = bytes;
  parser->mark = SIZE_MAX;
  parse_or_refuse(parser);
}

void ouro__json_parse_end(ouro__json_parser *parser) { ouro__json_parse(parser, NULL, 0); }
