/* cli/report/places.h - the places and stacks of several profiles as one: equal ones have one number, whichever process they come
 * from.
 *
 *     profile A: frames, nodes --.
 *                                 >-- PLACES (a line of a file, in a function)  <--  STACKS (a place, and its caller's stack)
 *     profile B: frames, nodes --'
 *
 * A call that was inlined is a place of its own on the stack. What a stack begins with (most recent first) that is only a way to
 * allocate - malloc's family, operator new, the C library, g_malloc, xmalloc, ouro itself - is left out, so that the stack begins with the
 * line that people mean.
 *
 * I-STACKS  stack 0 is empty, and its place is "(no stack)"; stack 1 is of site 0, which takes what was not recorded;
 *           stacks[i].parent < i. Parents are callers.
 *
 * Without memory, these functions say so and end the command. */
#ifndef OURO_CLI_REPORT_PLACES_H
#define OURO_CLI_REPORT_PLACES_H

#include "cli/profile/profile.h"

/* Zeroed memory, or the end of the command with OURO_EXIT_FAILED. */
void *ouro__zeroed_or_end(size_t count, size_t size);
void *ouro__resized_or_end(void *block, size_t count, size_t size);

/* Make room for one more in an array of `count` entries, which has room for a power of two of them, 16 at least. */
#define OURO_ROOM_FOR_ONE(array, count)                                                                                \
  ((count) == 0 || ((count) >= 16 && ((count) & ((count)-1)) == 0)                                                     \
       ? (void)((array) = ouro__resized_or_end((array), (count) ? 2 * (count) : 16, sizeof *(array)))                  \
       : (void)0)

/* ---------------------------------------------------------------- an index by hash */

/* Finds the number of an entry that lies elsewhere. I-INDEX: 2 * used <= room, and room is 0 or a power of two. */
typedef struct ouro__index {
  uint32_t *slots;  /* number + 1; 0: empty */
  uint32_t *hashes; /* of each number */
  size_t room, used;
} ouro__index;

/* The number of the entry for which `equal` says so, or UINT32_MAX. */
uint32_t ouro__index_find(const ouro__index *index, uint32_t hash,
                          bool (*equal)(const void *of, uint32_t number, const void *key), const void *of,
                          const void *key);

/* Enter the next number: `used` as it is. */
void ouro__index_add(ouro__index *index, uint32_t hash);
void ouro__index_free(ouro__index *index);

/* ---------------------------------------------------------------- places */

/* A frame as people see it; also a key of rows, and then what rows have in common is set and the rest empty. Strings are the
 * profile's. */
typedef struct ouro__place {
  const char *file, *function, *module; /* never NULL */
  uint64_t address;                     /* where nothing else is known; otherwise 0 */
  uint32_t line;
  uint32_t kind; /* ouro__frame_kind; 0: no frame, `function` is all there is */
} ouro__place;

typedef struct ouro__places {
  ouro__place *list;
  size_t count;
  ouro__index index;
} ouro__places;

uint32_t ouro__places_add(ouro__places *places, const ouro__place *place);
void ouro__places_free(ouro__places *places);

/* A word for what has no frame, such as "(no stack)". */
ouro__place ouro__place_word(const char *word);

/* Write it as people read it, in `size` bytes at most: "file.py:12", "function [libx.so]", "[libx.so+0x1234]". Files below the
 * working directory are named from there where `relative`. */
void ouro__place_text(char *to, size_t size, const ouro__place *place, bool relative);

/* `path` from the working directory, where it is below it. */
const char *ouro__path_relative(const char *path);
const char *ouro__path_name(const char *path);

/* Which frames a stack begins with that nobody means, since they only hand out memory: a TRIM is given the stack's places, the most
 * recent first, until it has had enough. The first `skipped` of them are such frames.
 *
 * The allocator's own functions, in a program that it is linked into, are among them: ouro_* and ouro__*, and what lies between
 * those of the tracer, which calls nobody else's functions. */
typedef struct ouro__trim {
  size_t seen, skipped;
  bool in_tracer;   /* the last that was skipped is the tracer's */
  const char *file; /* of the tracer, which tells where the library's sources are; NULL: not seen */
} ouro__trim;

/* false: what comes after `place` is not to be skipped, whatever it is. */
bool ouro__trim_place(ouro__trim *trim, const ouro__place *place);

/* ---------------------------------------------------------------- stacks */

typedef struct ouro__stack {
  uint32_t parent, place;
} ouro__stack;

typedef struct ouro__stacks {
  ouro__places places;
  ouro__stack *list;
  size_t count;
  ouro__index index;
  bool raw;         /* wrappers stay */
  bool python_only; /* native frames go */
  bool functions;   /* places have no lines */
} ouro__stacks;

void ouro__stacks_init(ouro__stacks *stacks, bool raw, bool python_only, bool functions);
uint32_t ouro__stacks_push(ouro__stacks *stacks, uint32_t parent, uint32_t place);

/* The number of the stack of each node of `profile`. The caller frees it. */
uint32_t *ouro__stacks_add(ouro__stacks *stacks, const ouro__profile *profile);

/* The stack of a site; `stack_of` is of ouro__stacks_add. */
uint32_t ouro__stack_of_site(const uint32_t *stack_of, const ouro__profile *profile, size_t site);
void ouro__stacks_free(ouro__stacks *stacks);

/* The stack's most recent place. */
const ouro__place *ouro__stack_place(const ouro__stacks *stacks, uint32_t stack);

#endif
