/* examples/json/walk.c - one loop, with a stack of its own: a level for each list or dict that the walk is within. */
#include "walk.h"

#include <stdlib.h>

static enum walk_type type_of(const void *object) {
  if (ouro_is_dict(object)) return WALK_DICT;
  if (ouro_is_list(object)) return WALK_LIST;
  if (ouro_is_str(object)) return WALK_STR;
  if (ouro_is_int(object)) return WALK_INT;
  if (ouro_is_float(object)) return WALK_FLOAT;
  return ouro_is_bool(object) ? WALK_BOOL : WALK_NONE;
}

/* Borrowed; the walk takes a reference of its own if the string is one of the longest. */
static void note_string(json_walk *walk, ouro_str *str) {
  size_t length = ouro_str_length(str);
  int place = WALK_LONGEST;
  while (place > 0) {
    const ouro_str *other = ouro_borrow(walk->longest[place - 1]);
    if (other && ouro_str_length(other) >= length) break;
    place--;
  }
  if (place == WALK_LONGEST) return;
  for (int i = WALK_LONGEST - 1; i > place; i--) {
    ouro_movref(&walk->longest[i], ouro_steal(&walk->longest[i - 1]));
  }
  ouro_setref(&walk->longest[place], str);
}

/* Takes over the reference, also when it fails. */
static int enter(json_walk *walk, ouro_ref container) {
  if (walk->depth == walk->room) {
    size_t room = walk->room ? walk->room * 2 : 16;
    walk_level *levels = realloc(walk->levels, room * sizeof *levels);
    if (!levels) return ouro_decref(container), OURO_ENOMEM;
    walk->levels = levels;
    walk->room = room;
  }
  walk->levels[walk->depth++] = (walk_level){container, 0};
  return OURO_OK;
}

static void leave(json_walk *walk) { ouro_clear(&walk->levels[--walk->depth].object); }

/* Takes over the reference. */
static int visit(json_walk *walk, ouro_ref value) {
  enum walk_type type = type_of(ouro_borrow(value));
  walk->of_type[type]++;
  if (walk->depth < WALK_DEPTHS) walk->at_depth[walk->depth]++;
  else walk->deeper++;
  if (type == WALK_DICT || type == WALK_LIST) return enter(walk, value);
  if (type == WALK_STR) note_string(walk, ouro_borrow(value));
  ouro_decref(value);
  return OURO_OK;
}

/* The next value of the innermost list or dict: 1, 0 or a code. */
static int next(json_walk *walk, ouro_slot value) {
  walk_level *level = &walk->levels[walk->depth - 1];
  void *object = ouro_borrow(level->object);
  if (ouro_is_list(object)) return ouro_list_next(object, &level->cursor, value);
  return ouro_dict_next(object, &level->cursor, NULL, value);
}

int walk_all(json_walk *walk, void *document) {
  int code = visit(walk, ouro_newref(document));
  while (!code && walk->depth) {
    ouro_ref value = OURO_NULL;
    int there = next(walk, &value);
    if (there == 1) code = visit(walk, value);
    else if (there == 0) leave(walk);
    else code = there;
  }
  return code;
}

void walk_end(json_walk *walk) {
  while (walk->depth) leave(walk);
  for (int i = 0; i < WALK_LONGEST; i++) {
    ouro_clear(&walk->longest[i]);
  }
  free(walk->levels);
}
