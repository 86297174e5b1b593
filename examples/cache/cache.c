/* examples/cache/cache.c - what both kinds have in common: a page that is not there is made, by one thread.
 *
 * If two threads miss the same name at once, both could make the page, and the second one's replace that of the first:
 * not wrong, but work done twice, and two pages of one name. So there is a lock, by the hash of the name, and who has
 * it looks again. Two names may have one lock; then one waits for the other without need, and only then. A lock for
 * each name would have to be made, found, and freed: a cache of its own.
 *
 * Who makes a page has the lock for long, and is at safepoints meanwhile, where it may be stopped. So who waits for it
 * must say so: a thread that sleeps in pthread_mutex_lock comes to no safepoint, and the world could not be stopped. */
#include "cache.h"

#include <errno.h>

size_t cache_hash(const char *name) {
  size_t hash = 5381;
  for (; *name; name++) hash = hash * 33 + (unsigned char)*name;
  return hash ^ hash >> 15;
}

bool cache_open(cache *c, const cache_kind *kind, size_t names) {
  *c = (cache){.kind = kind};
  for (size_t i = 0; i < MAKING; i++) pthread_mutex_init(&c->making[i], NULL);
  return kind->open(c, names);
}

void cache_close(cache *c) {
  c->kind->close(c);
  for (size_t i = 0; i < MAKING; i++) pthread_mutex_destroy(&c->making[i]);
}

static void lock_patiently(pthread_mutex_t *lock) {
  ouro_blocking_begin();
  pthread_mutex_lock(lock);
  ouro_blocking_end();
}

/* With the lock held. */
static OURO_OWNED(page) find_or_make(cache *c, const char *name, lookups *l) {
  OURO_AUTO(page) p = c->kind->find(c, name);
  if (ouro_borrow(p)) {
    l->waited++;
    return ouro_steal(&p);
  }
  ouro_movref(&p, page_render(c->kind->type, name));
  if (!ouro_borrow(p)) return OURO_NULL;
  if (!c->kind->add(c, ouro_borrow(p))) {
    errno = ENOMEM;
    return OURO_NULL;
  }
  l->made++;
  return ouro_steal(&p);
}

OURO_OWNED(page) cache_get(cache *c, const char *name, lookups *l) {
  OURO_OWNED(page) found = c->kind->find(c, name);
  if (ouro_borrow(found)) {
    l->found++;
    return found;
  }
  pthread_mutex_t *making = &c->making[cache_hash(name) % MAKING];
  lock_patiently(making);
  found = find_or_make(c, name, l);
  pthread_mutex_unlock(making);
  return found;
}
