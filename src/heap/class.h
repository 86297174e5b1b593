/* heap/class.h - size classes: 16-byte steps to 512 bytes, then eight to each doubling up to 128 KiB, so that at most a ninth of
 * a block above 512 bytes is rounding.
 *
 * Three kinds of blocks have classes of their own, so that they never share a pool: what the program allocates (1 to 96), objects of
 * types with references (the same sizes, 97 to 192), and acyclic objects (the smaller 62 sizes, 193 to 254). */
#ifndef OURO_HEAP_CLASS_H
#define OURO_HEAP_CLASS_H

#include "heap/layout.h"

/* The class of a request, ouro__class_of, is in <ouro/inline.h>. */

#define OURO_CONTAINERS (OURO_RAW_CLASSES - 1)    /* what is added to a class for objects with references */
#define OURO_ACYCLICS (2 * (OURO_RAW_CLASSES - 1)) /* and for acyclic ones */

/* The class of blocks of the program's that has the same size. */
static inline unsigned ouro__base_class(unsigned class_) {
  return class_ > OURO_ACYCLICS ? class_ - OURO_ACYCLICS : class_ > OURO_CONTAINERS ? class_ - OURO_CONTAINERS : class_;
}

static inline bool ouro__is_container_class(unsigned class_) { return class_ > OURO_CONTAINERS && class_ <= OURO_ACYCLICS; }
static inline bool ouro__is_small_class(unsigned class_) { return ouro__base_class(class_) < OURO_SMALL_CLASSES; }

/* Bytes of a block of the class; 1 <= class < OURO_CLASSES. */
static inline size_t ouro__class_size(unsigned class_) {
  class_ = ouro__base_class(class_);
  if (class_ <= 32) return (size_t)class_ * 16;
  return (size_t)(9 + (class_ - 33) % 8) << (6 + (class_ - 33) / 8);
}

/* Units of a pool of the class: enough for four blocks, so that a pool of large ones can become empty. */
static inline uint32_t ouro__class_units(unsigned class_) {
  class_ = ouro__base_class(class_);
  if (class_ < OURO_SMALL_CLASSES) return 1;
  return class_ < OURO_SMALL_CLASSES + 8 ? 2 : class_ < OURO_SMALL_CLASSES + 16 ? 4 : 8;
}

/* The smallest class whose blocks are at least `size` bytes and all lie at multiples of `alignment`, a power of two up to
 * OURO_UNIT_BYTES; 0 where only a large block will do. Pools begin at multiples of a unit, so it is enough that `alignment`
 * divides the block's size. */
static inline unsigned ouro__class_aligned(size_t size, size_t alignment) {
  if (size > OURO_BLOCK_MAX || alignment > OURO_UNIT_BYTES) return 0;
  for (unsigned class_ = ouro__class_of(size < alignment ? alignment : size); class_ < OURO_RAW_CLASSES; class_++) {
    if (ouro__class_size(class_) % alignment == 0) return class_;
  }
  return 0;
}

#endif
