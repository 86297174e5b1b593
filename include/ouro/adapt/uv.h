/* ouro/adapt/uv.h - libuv's memory on ouro's heap.
 *
 * libuv before 1.49 must not call uv_fs_realpath with this or any other replaced allocator: it releases with the replaced
 * `free` what realpath(3) took from libc (libuv issue 4329). ouro reports that as OURO_FATAL_BAD_POINTER. */
#ifndef OURO_ADAPT_UV_H
#define OURO_ADAPT_UV_H

#include <uv.h>

#include "../heap.h"

OURO_BEGIN_DECLS

/* Make libuv allocate from ouro, before any other call of libuv. What libuv hands to the program for it to release, it takes
 * back itself (uv_fs_req_cleanup, uv_free_interface_addresses, ...), so nothing else changes.
 * Errors:  0, or libuv's error code.
 * Threads: one, before any other call of libuv.
 * Cost:    O(1). */
static inline int ouro_uv_replace_allocator(void) {
  return uv_replace_allocator(ouro_malloc, ouro_realloc, ouro_calloc, ouro_free);
}

OURO_END_DECLS

#endif
