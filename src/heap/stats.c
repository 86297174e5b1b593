/* heap/stats.c - figures: read off the structures when they are asked for, so that the fast path counts nothing. */
#include "heap/stats.h"

#include <string.h>

#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/class.h"
#include "heap/find.h"
#include "heap/heap.h"
#include "heap/large.h"
#include "heap/meta.h"
#include "heap/private.h"
#include "heap/theap.h"

static int add_pool(const ouro__pool_view *view, void *arg) {
  ouro__sums *sums = arg;
  if (view->kind == OURO_KIND_LARGE) {
    sums->large_blocks++;
    sums->large_bytes += view->block_bytes;
    return 0;
  }
  ouro__class_sums *class_ = &sums->classes[ouro__base_class(view->class_)];
  class_->pools++;
  class_->out += view->blocks - view->nfree;
  class_->free += view->nfree;
  class_->returned += view->bytes_returned;
  class_->bytes += view->bytes;
  return 0;
}



static int add_arena(const ouro__arena_view *arena, void *arg) {
  return ouro__each_pool(arena, ((ouro__sums *)arg)->wait, add_pool, arg);
}

/* Caches empty and fill while we look: never count more than are out. */
static void add_caches(ouro__sums *sums) {
  if (sums->wait) {
    ouro__acquire(&ouro__heaps_lock);
  } else if (!ouro__trylock(&ouro__heaps_lock)) {
    return;
  }
  for (const ouro__cache *cache = ouro__caches; cache; cache = cache->next) {
    sums->threads++;
    for (unsigned class_ = 1; class_ < OURO_CLASSES; class_++) {
      sums->classes[ouro__base_class(class_)].cached += ouro__bin_count(cache, class_);
    }
  }
  ouro__release(&ouro__heaps_lock);
  for (unsigned class_ = 1; class_ < OURO_RAW_CLASSES; class_++) {
    ouro__class_sums *it = &sums->classes[class_];
    if (it->cached > it->out) it->cached = it->out;
  }
}

void ouro__sum_all(ouro__sums *sums, bool wait) {
  memset(sums, 0, sizeof *sums);
  sums->wait = wait;
  ouro__each_arena(wait, add_arena, sums);
  add_caches(sums);
}

void ouro__stats_from(const ouro__sums *sums, ouro_heap_stats *stats) {
  *stats = (ouro_heap_stats){.struct_size = sizeof *stats};
  for (unsigned class_ = 1; class_ < OURO_RAW_CLASSES; class_++) {
    const ouro__class_sums *it = &sums->classes[class_];
    size_t size = ouro__class_size(class_);
    stats->blocks_live += it->out - it->cached;
    stats->bytes_live += (it->out - it->cached) * size;
    stats->bytes_cached += it->cached * size;
    stats->bytes_pools += it->bytes;
    stats->pools += it->pools;
  }
  stats->blocks_live += sums->large_blocks;
  stats->bytes_live += sums->large_bytes;
  stats->blocks_large = sums->large_blocks;
  stats->bytes_large = sums->large_bytes;
  stats->threads = sums->threads;
  const ouro__account *account = &ouro__the_account;
  stats->bytes_held = ouro__load_relaxed(&account->held);
  stats->bytes_held_peak = ouro__load_relaxed(&account->held_peak);
  stats->bytes_dirty = ouro__load_relaxed(&account->units_dirty) << OURO_UNIT_SHIFT;
  stats->bytes_taken = ouro__load_relaxed(&account->taken);
  stats->bytes_returned = ouro__load_relaxed(&account->returned);
  stats->arenas = ouro__load_relaxed(&account->arenas);
  stats->bytes_metadata = ouro__load_relaxed(&ouro__meta_bytes);
  stats->heaps = ouro__load_relaxed(&ouro__heaps_count) + ouro__load_relaxed(&ouro__private_count);
}

int ouro_heap_stats_get(ouro_heap_stats *stats) {
  ouro__sums sums;
  if (!stats || stats->struct_size != sizeof *stats) return OURO_EINVAL;
  ouro__sum_all(&sums, true);
  ouro__stats_from(&sums, stats);
  return OURO_OK;
}

unsigned ouro_class_count(void) { return OURO_RAW_CLASSES - 1; }

int ouro_class_stats_get(unsigned index, ouro_class_stats *stats) {
  ouro__sums sums;
  if (!stats || stats->struct_size != sizeof *stats || index >= OURO_RAW_CLASSES - 1) return OURO_EINVAL;
  ouro__sum_all(&sums, true);
  const ouro__class_sums *it = &sums.classes[index + 1];
  *stats = (ouro_class_stats){.struct_size = sizeof *stats, .block_size = ouro__class_size(index + 1), .pools = it->pools,
                              .blocks_live = it->out - it->cached, .blocks_free = it->free,
                              .blocks_cached = it->cached, .bytes_returned = it->returned};
  return OURO_OK;
}

void ouro__heap_counters(ouro__counters *out) {
  const ouro__account *account = &ouro__the_account;
  *out = (ouro__counters){.bytes_held = ouro__load_relaxed(&account->held),
                          .bytes_held_peak = ouro__load_relaxed(&account->held_peak),
                          .bytes_taken = ouro__load_relaxed(&account->taken),
                          .bytes_returned = ouro__load_relaxed(&account->returned),
                          .bytes_dirty = ouro__load_relaxed(&account->units_dirty) << OURO_UNIT_SHIFT,
                          .arenas = ouro__load_relaxed(&account->arenas),
                          .pools = ouro__load_relaxed(&account->units_used),
                          .threads = ouro__load_relaxed(&ouro__caches_count)};
}
