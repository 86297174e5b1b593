/* tests/model/search.c - depth first for all states, breadth first for a shortest counterexample. */
#include "search.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the states that were seen */

typedef struct seen {
  uint64_t hash[2]; /* both 0: none */
  double paths;     /* from here to an end; 0: not known yet, since it lies on the way to where the search is */
} seen;

typedef struct table {
  seen *places;
  size_t mask, count;
} table;

static void *must(void *block) {
  if (!block) {
    fprintf(stderr, "search: no memory\n");
    abort();
  }
  return block;
}

static uint64_t mix(uint64_t x) {
  x ^= x >> 32;
  x *= UINT64_C(0xd6e8feb86659fd93);
  x ^= x >> 29;
  x *= UINT64_C(0xa0761d6478bd642f);
  return x ^ x >> 32;
}

/* A sum over the words: they are mixed side by side, and the many that are 0 cost nothing. */
static void hash_state(const void *state, size_t bytes, uint64_t hash[2]) {
  uint64_t a = 0, b = 0, key = 0, word;
  for (size_t i = 0; i < bytes; i += 8) {
    key += UINT64_C(0x9e3779b97f4a7c15);
    memcpy(&word, (const char *)state + i, 8);
    if (!word) continue;
    word = mix(word ^ key);
    a += word;
    b += mix(word + key);
  }
  hash[0] = mix(a + b);
  hash[1] = b | 1;
}

static seen *place_of(const table *t, const uint64_t hash[2]) {
  size_t at = (size_t)hash[0] & t->mask;
  while (t->places[at].hash[1] && (t->places[at].hash[0] != hash[0] || t->places[at].hash[1] != hash[1])) at = (at + 1) & t->mask;
  return &t->places[at];
}

static void resize(table *t, size_t places) {
  table larger = {must(calloc(places, sizeof(seen))), places - 1, t->count};
  for (size_t i = 0; t->places && i <= t->mask; i++) {
    if (t->places[i].hash[1]) *place_of(&larger, t->places[i].hash) = t->places[i];
  }
  free(t->places);
  *t = larger;
}

static seen *add(table *t, const uint64_t hash[2]) {
  if (!t->places || t->count >= t->mask / 4 * 3) resize(t, t->places ? (t->mask + 1) * 2 : 1u << 14);
  seen *place = place_of(t, hash);
  memcpy(place->hash, hash, sizeof place->hash);
  t->count++;
  return place;
}

/* ---------------------------------------------------------------- depth first */

typedef struct level {
  uint64_t state[SEARCH_STATE_MOST / 8];
  uint64_t hash[2];
  unsigned thread, choice; /* what to try next */
  bool moved;              /* some step was possible */
  double paths;
} level;

typedef struct search {
  const search_system *system;
  table table;
  level *levels;
  size_t depth, room;
  search_result result;
} search;

static level *push(search *it, const void *state, const uint64_t hash[2]) {
  if (it->depth == it->room) {
    it->room = it->room ? it->room * 2 : 256;
    it->levels = must(realloc(it->levels, it->room * sizeof *it->levels));
  }
  level *top = &it->levels[it->depth++];
  memset(top, 0, sizeof *top);
  memcpy(top->state, state, it->system->bytes);
  memcpy(top->hash, hash, sizeof top->hash);
  if (it->depth - 1 > it->result.longest) it->result.longest = (unsigned)(it->depth - 1);
  add(&it->table, hash);
  it->result.states++;
  return top;
}

static void pop(search *it) {
  level *top = &it->levels[--it->depth];
  place_of(&it->table, top->hash)->paths = top->paths;
  if (it->depth) {
    it->levels[it->depth - 1].paths += top->paths;
  } else {
    it->result.interleavings = top->paths;
  }
}

static void look_at_end(search *it, level *top) {
  it->result.ends++;
  top->paths = 1;
  it->result.wrong = it->system->wrong_at_end(top->state);
}

/* Try the next alternative of the state on top; false: it has no more. */
static bool try_one(search *it) {
  level *top = &it->levels[it->depth - 1];
  uint64_t state[SEARCH_STATE_MOST / 8] = {0}, hash[2];
  search_said said = {0};
  if (top->thread == it->system->threads) return false;
  memcpy(state, top->state, it->system->bytes);
  switch (it->system->step(state, top->thread, top->choice++, &said)) {
    case SEARCH_NO_MORE:
      top->thread++;
      top->choice = 0;
      return true;
    case SEARCH_BLOCKED: return true;
    case SEARCH_DONE: break;
  }
  top->moved = true;
  it->result.steps++;
  it->result.wrong = said.wrong;
  if (said.wrong) return true;
  it->system->make_canonical(state);
  hash_state(state, it->system->bytes, hash);
  seen *known = it->table.places ? place_of(&it->table, hash) : NULL;
  if (!known || !known->hash[1]) {
    push(it, state, hash);
  } else if (known->paths > 0) {
    top->paths += known->paths;
  } else {
    it->result.wrong = "threads can run in a circle for ever";
  }
  return true;
}

search_result search_all(const search_system *system, uint64_t most_states) {
  search it = {.system = system};
  uint64_t state[SEARCH_STATE_MOST / 8] = {0}, hash[2];
  system->first(state);
  system->make_canonical(state);
  hash_state(state, system->bytes, hash);
  push(&it, state, hash);
  while (it.depth && !it.result.wrong && it.result.states <= most_states) {
    if (try_one(&it)) continue;
    level *top = &it.levels[it.depth - 1];
    if (!top->moved) look_at_end(&it, top);
    if (!it.result.wrong) pop(&it);
  }
  it.result.complete = !it.depth;
  free(it.levels);
  free(it.table.places);
  return it.result;
}

/* ---------------------------------------------------------------- breadth first */

typedef struct reached {
  uint32_t from; /* number of the state before */
  uint8_t thread, choice;
} reached;

typedef struct sweep {
  const search_system *system;
  table table;
  reached *reached;
  char *states; /* as they are, not made canonical: threads keep their names */
  size_t count, room;
} sweep;

/* The state gets the next number, if it is new. */
static void note(sweep *it, const void *state, reached how) {
  uint64_t canonical[SEARCH_STATE_MOST / 8] = {0}, hash[2];
  memcpy(canonical, state, it->system->bytes);
  it->system->make_canonical(canonical);
  hash_state(canonical, it->system->bytes, hash);
  if (it->table.places && place_of(&it->table, hash)->hash[1]) return;
  add(&it->table, hash);
  if (it->count == it->room) {
    it->room = it->room ? it->room * 2 : 4096;
    it->reached = must(realloc(it->reached, it->room * sizeof *it->reached));
    it->states = must(realloc(it->states, it->room * it->system->bytes));
  }
  it->reached[it->count] = how;
  memcpy(it->states + it->count++ * it->system->bytes, state, it->system->bytes);
}

static void print_step(sweep *it, void *state, reached how, FILE *out) {
  search_said said = {.about = -1};
  it->system->step(state, how.thread, how.choice, &said);
  fprintf(out, "#   thread %u  ", how.thread + 1u);
  if (said.about >= 0) {
    fprintf(out, "object %d  %-58s", said.about, said.what);
  } else {
    fprintf(out, "          %-58s", said.what);
  }
  it->system->show(state, out);
  fprintf(out, "\n");
  if (said.wrong) fprintf(out, "#   WRONG: %s\n", said.wrong);
}

/* The way to state `number`, and then the step `last`, if it is one. */
static void print_way(sweep *it, size_t number, const reached *last, FILE *out) {
  size_t length = 0;
  for (size_t at = number; at; at = it->reached[at].from) length++;
  size_t *way = must(calloc(length + 1, sizeof *way));
  for (size_t at = number, i = length; at; at = it->reached[at].from) way[--i] = at;
  uint64_t state[SEARCH_STATE_MOST / 8] = {0};
  memcpy(state, it->states, it->system->bytes);
  for (size_t i = 0; i < length; i++) print_step(it, state, it->reached[way[i]], out);
  if (last) print_step(it, state, *last, out);
  free(way);
}

/* All steps of one state; true: one was wrong, or there was none where there should be. */
static bool expand(sweep *it, size_t number, FILE *out) {
  bool moved = false;
  for (unsigned thread = 0; thread < it->system->threads; thread++) {
    search_step done = SEARCH_BLOCKED;
    for (unsigned choice = 0; done != SEARCH_NO_MORE; choice++) {
      uint64_t state[SEARCH_STATE_MOST / 8] = {0};
      search_said said = {.about = -1};
      reached how = {(uint32_t)number, (uint8_t)thread, (uint8_t)choice};
      memcpy(state, it->states + number * it->system->bytes, it->system->bytes);
      done = it->system->step(state, thread, choice, &said);
      if (done != SEARCH_DONE) continue;
      moved = true;
      if (said.wrong) {
        print_way(it, number, &how, out);
        return true;
      }
      note(it, state, how);
    }
  }
  const char *wrong = moved ? NULL : it->system->wrong_at_end(it->states + number * it->system->bytes);
  if (!wrong) return false;
  print_way(it, number, NULL, out);
  fprintf(out, "#   WRONG: %s\n", wrong);
  return true;
}

bool search_print_shortest(const search_system *system, uint64_t most_states, FILE *out) {
  sweep it = {.system = system};
  uint64_t state[SEARCH_STATE_MOST / 8] = {0};
  bool found = false;
  system->first(state);
  note(&it, state, (reached){0, 0, 0});
  for (size_t number = 0; number < it.count && it.count < most_states && !found; number++) found = expand(&it, number, out);
  free(it.table.places);
  free(it.reached);
  free(it.states);
  return found;
}
