/* examples/json/walk.h - a walk over all values of a document: what it counts, and what it finds. */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>

#include <ouro/ouro.h>

enum walk_type { WALK_DICT, WALK_LIST, WALK_STR, WALK_INT, WALK_FLOAT, WALK_BOOL, WALK_NONE, WALK_TYPES };

enum {
  WALK_DEPTHS = 32, /* that are counted one by one */
  WALK_LONGEST = 5,
};

/* A list or a dict on the way from the document to where the walk is. It holds what it walks over, so that somebody else may change the
 * document meanwhile. */
typedef struct walk_level {
  OURO_OWNED(void) object;
  size_t cursor;
} walk_level;

typedef struct json_walk {
  size_t of_type[WALK_TYPES];
  size_t at_depth[WALK_DEPTHS], deeper;      /* the document itself is at depth 0 */
  OURO_OWNED(ouro_str) longest[WALK_LONGEST]; /* strings, keys aside; the longest first, those that came first before equal ones */
  walk_level *levels;
  size_t depth, room;
} json_walk;

/* Walk over `document`, borrowed; *walk is all zeros. 0, or a code: OURO_ENOMEM; OURO_ECHANGED: somebody else changed a dict. */
int walk_all(json_walk *walk, void *document);

/* Let go of what the walk holds. */
void walk_end(json_walk *walk);

#endif
