/* tests/adapters/test_lua.c - Lua states on ouro's heap: real scripts, a limit, and nothing left at the end.
 * Linked with: libouro, liblua5.4. */
#include "balance.h"

#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <ouro/adapt/lua.h>

/* Tables, closures, coroutines, string building, sorting, and the collector. Returns a number that must come out right. */
static const char work[] =
    "local words, seen = {}, {}\n"
    "for i = 1, 20000 do\n"
    "  local word = string.format('%05d', (i * 7919) % 20011)\n"
    "  words[#words + 1] = word\n"
    "  seen[word] = (seen[word] or 0) + 1\n"
    "end\n"
    "table.sort(words)\n"
    "for i = 2, #words do assert(words[i - 1] <= words[i]) end\n"
    "local text = table.concat(words)\n"
    "assert(#text == 5 * #words)\n"
    "local total = 0\n"
    "local function range(n)\n"
    "  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end)\n"
    "end\n"
    "for i in range(1000) do total = total + i end\n"
    "for i = 1, 200 do local junk = {i, {i}, function() return i end} total = total + junk[3]() end\n"
    "words, seen = nil, nil\n"
    "collectgarbage()\n"
    "return total, #text\n";

static lua_State *new_state(ouro_heap *heap) {
  lua_State *state = lua_newstate(ouro_lua_alloc, heap);
  assert_non_null(state);
  luaL_openlibs(state);
  return state;
}

static void run_work(lua_State *state) {
  if (luaL_dostring(state, work) != LUA_OK) fail_msg("%s", lua_tostring(state, -1));
  assert_int_equal(lua_tointeger(state, -2), 1000 * 1001 / 2 + 200 * 201 / 2);
  assert_int_equal(lua_tointeger(state, -1), 100000);
  lua_settop(state, 0);
}

static void a_script_runs_on_the_common_heap(void **unused) {
  (void)unused;
  size_t before = blocks_live();
  lua_State *state = new_state(NULL);
  assert_true(blocks_live() > before);
  lua_newtable(state);
  assert_true(ouro_owns(lua_topointer(state, -1)));
  lua_pop(state, 1);
  run_work(state);
  lua_close(state);
  assert_int_equal(blocks_live(), before);
}

static void a_private_heap_holds_the_whole_state(void **unused) {
  (void)unused;
  size_t before = blocks_live();
  ouro_heap *heap = limited_heap("lua", 0);
  lua_State *state = new_state(heap);
  lua_newtable(state);
  assert_true(ouro_owns(lua_topointer(state, -1)));
  run_work(state);
  assert_true(blocks_live_in(heap) > 100);
  lua_close(state);
  assert_int_equal(blocks_live_in(heap), 0);
  ouro_heap_destroy(heap);
  assert_int_equal(blocks_live(), before);
}

static void a_state_dies_with_its_heap(void **unused) {
  (void)unused;
  size_t before = blocks_live();
  ouro_heap *heap = limited_heap("lua", 0);
  run_work(new_state(heap));
  ouro_heap_destroy(heap);
  assert_int_equal(blocks_live(), before);
}

static void a_limit_is_an_error_in_the_script_and_the_state_lives_on(void **unused) {
  (void)unused;
  ouro_heap *heap = limited_heap("lua", (size_t)16 << 20);
  lua_State *state = new_state(heap);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(luaL_loadstring(state, "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100) .. i end"), LUA_OK);
    assert_int_equal(lua_pcall(state, 0, 0, 0), LUA_ERRMEM);
    assert_string_equal(lua_tostring(state, -1), "not enough memory");
    lua_settop(state, 0);
    lua_gc(state, LUA_GCCOLLECT);
    run_work(state);
  }
  lua_close(state);
  assert_int_equal(blocks_live_in(heap), 0);
  ouro_heap_destroy(heap);
}

/* In a full heap a block cannot move to a smaller size class; Lua must get a block all the same, with its bytes. */
static void a_shrink_in_a_full_heap_does_not_fail(void **unused) {
  (void)unused;
  enum { BIG = 100000 };
  ouro_heap *heap = limited_heap("lua", (size_t)4 << 20);
  unsigned char *block = ouro_lua_alloc(heap, NULL, 0, BIG);
  assert_non_null(block);
  test_fill(block, BIG, 1);
  while (ouro_lua_alloc(heap, NULL, 0, BIG)) {
  }
  for (size_t old_size = BIG, size = BIG / 2; size > 0; old_size = size, size /= 2) {
    block = ouro_lua_alloc(heap, block, old_size, size);
    assert_non_null(block);
    assert_true(test_holds(block, size, 1));
  }
  assert_null(ouro_lua_alloc(heap, block, 1, 0));
  assert_null(ouro_lua_alloc(heap, NULL, 0, 0));
  ouro_heap_destroy(heap);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_script_runs_on_the_common_heap),
      cmocka_unit_test(a_private_heap_holds_the_whole_state),
      cmocka_unit_test(a_state_dies_with_its_heap),
      cmocka_unit_test(a_limit_is_an_error_in_the_script_and_the_state_lives_on),
      cmocka_unit_test(a_shrink_in_a_full_heap_does_not_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
