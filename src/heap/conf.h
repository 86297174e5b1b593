/* heap/conf.h - the options in force: OURO_CONF, then ouro_options_set. */
#ifndef OURO_HEAP_CONF_H
#define OURO_HEAP_CONF_H

#include "heap/layout.h"

/* Only arenas that are opened when the heap already holds so much may have huge pages: a huge page that is only begun wastes up to
 * 2 MiB, which is then little of the whole. docs/design.md says what was measured. */
#define OURO_HUGE_FROM_BYTES ((size_t)64 << 20)

typedef struct ouro__conf_values {
  _Atomic unsigned decay_ms;
  _Atomic bool check;
  _Atomic bool background;
  _Atomic bool huge_pages;
} ouro__conf_values;

extern ouro__conf_values ouro__conf;

/* Read OURO_CONF, once; before the C library has an environment it does nothing, and the next call tries again. */
void ouro__conf_start(void);

/* The value of `key` in OURO_CONF, of length *length, or NULL. Points into the environment. For the layers above. */
const char *ouro__conf_find(const char *key, size_t *length);

#endif
