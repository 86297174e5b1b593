/* ouro/adapt/lua.h - Lua's memory on ouro's heap.
 *
 *     lua_State *state = lua_newstate(ouro_lua_alloc, NULL);
 *
 * The second argument may be an `ouro_heap *`: then the state lives in that private heap, whose limit bounds the state ("not
 * enough memory" in the script), and ouro_heap_destroy takes the place of lua_close where no finalizer needs to run. Works
 * with Lua 5.1 to 5.4 and with LuaJIT where it takes an allocator; needs none of their headers. */
#ifndef OURO_ADAPT_LUA_H
#define OURO_ADAPT_LUA_H

#include "context.h"

OURO_BEGIN_DECLS

/* Lua's one function for everything, a lua_Alloc: `new_size` 0 frees; otherwise `block` is resized, or allocated where NULL.
 * `old_size` is the block's size, or the kind of the new object where `block` is NULL.
 * Ownership: `heap` BORROWED: it must live as long as the state; NULL: the common heap.
 * Errors:    NULL, and the block is unchanged. Never when a block shrinks: Lua counts on that.
 * Cost:      as ouro_malloc, ouro_realloc, ouro_free. */
static inline void *ouro_lua_alloc(void *heap, void *block, size_t old_size, size_t new_size) {
  void *result;
  if (new_size == 0) {
    /* Not ouro_free_sized: after a shrink that kept its block, Lua believes in a size that the block never had. */
    ouro_free(block);
    return NULL;
  }
  result = ouro_context_realloc(heap, block, new_size);
  if (!result && block && new_size <= old_size) return block;
  return result;
}

OURO_END_DECLS

#endif
