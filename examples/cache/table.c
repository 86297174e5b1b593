/* examples/cache/table.c - the same by hand: a hash table in stripes, each with a lock, whose entries are the pages
 * themselves.
 *
 *     stripe --> page --> page --> NULL        borrowed pointers: the table holds no reference
 *
 * How can it look at what it does not hold? A page leaves the table in its release function, under the stripe's lock.
 * So whoever has that lock, and finds a page, knows that its memory is still there; but its last reference may have
 * gone, and its release function be waiting for that very lock. ouro_try_incref tells the two apart: it takes a
 * reference, unless the page is about to go.
 *
 * While one page is about to go, another of the same name may be added: so a page is taken out by its address, not by
 * its name.
 *
 * The locks are held for a few instructions, in which the thread comes to no safepoint, makes nothing, and releases
 * nothing (what is released may be a page, whose release would take the lock again). So nobody can be stopped inside,
 * and nobody has to say that he waits: a plain pthread_mutex_lock will do. */
#include <string.h>

#include "cache.h"

enum { STRIPES = 32 };

typedef struct tabled_page {
  page base;
  struct stripe *stripe;    /* NULL: it is in no table */
  struct tabled_page *next; /* borrowed, in the same slot */
  size_t hash;
} tabled_page;

typedef struct stripe {
  _Alignas(64) pthread_mutex_t lock; /* for all that follows; a cache line for each */
  tabled_page **slots;
  size_t room, count;
} stripe;

static stripe *stripe_of(cache *c, size_t hash) { return (stripe *)c->of_kind + hash % STRIPES; }

static tabled_page **slot_of(const stripe *s, size_t hash) { return &s->slots[hash / STRIPES % s->room]; }

/* ---------------------------------------------------------------- a page that leaves the table */

/* Called last, when nothing can bring it back. Behind it, page_type's own release frees the name. */
static void leave(void *self) {
  tabled_page *p = self;
  stripe *s = p->stripe;
  if (!s) return;
  pthread_mutex_lock(&s->lock);
  tabled_page **link = slot_of(s, p->hash);
  while (*link != p) link = &(*link)->next;
  *link = p->next;
  s->count--;
  pthread_mutex_unlock(&s->lock);
}

static ouro_type tabled_page_type = {
    .name = "page in a table",
    .size = sizeof(tabled_page),
    .base = &page_type,
    .release = leave,
    .flags = OURO_TYPE_ACYCLIC,
};

/* ---------------------------------------------------------------- the cache */

static OURO_OWNED(page) find(cache *c, const char *name) {
  size_t hash = cache_hash(name);
  stripe *s = stripe_of(c, hash);
  pthread_mutex_lock(&s->lock);
  tabled_page *p = *slot_of(s, hash);
  while (p && !(p->hash == hash && strcmp(p->base.name, name) == 0 && ouro_try_incref(p))) p = p->next;
  pthread_mutex_unlock(&s->lock);
  return ouro_adopt((void *)p);
}

/* The caller holds it, so that it is there; from now on others may try. */
static bool add(cache *c, page *added) {
  tabled_page *p = (tabled_page *)added;
  p->hash = cache_hash(added->name);
  p->stripe = stripe_of(c, p->hash);
  ouro_allow_tries(p);
  pthread_mutex_lock(&p->stripe->lock);
  tabled_page **slot = slot_of(p->stripe, p->hash);
  p->next = *slot;
  *slot = p;
  p->stripe->count++;
  pthread_mutex_unlock(&p->stripe->lock);
  return true;
}

static size_t count(cache *c) {
  size_t pages = 0;
  for (size_t i = 0; i < STRIPES; i++) {
    stripe *s = stripe_of(c, i);
    pthread_mutex_lock(&s->lock);
    pages += s->count;
    pthread_mutex_unlock(&s->lock);
  }
  return pages;
}

static void close_table(cache *c) {
  for (size_t i = 0; c->of_kind && i < STRIPES; i++) {
    pthread_mutex_destroy(&stripe_of(c, i)->lock);
    ouro_free(stripe_of(c, i)->slots);
  }
  ouro_free(c->of_kind);
}

static bool open_table(cache *c, size_t names) {
  bool good = (c->of_kind = ouro_aligned_alloc(_Alignof(stripe), STRIPES * sizeof(stripe)));
  for (size_t i = 0; c->of_kind && i < STRIPES; i++) {
    stripe *s = stripe_of(c, i);
    *s = (stripe){.room = names / STRIPES + 1};
    s->slots = ouro_calloc(s->room, sizeof *s->slots);
    pthread_mutex_init(&s->lock, NULL);
    good = good && s->slots;
  }
  return good;
}

const cache_kind cache_table = {"striped table", &tabled_page_type, open_table, find, add, count, close_table};
