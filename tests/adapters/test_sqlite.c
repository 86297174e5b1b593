/* tests/adapters/test_sqlite.c - SQLite on ouro's heap: a database in memory, sorting, a limit, and nothing left at the end.
 * Linked with: libouro, libsqlite3. */
#include "balance.h"

#include <limits.h>
#include <string.h>

#include <sqlite3.h>

#include <ouro/adapt/sqlite.h>

static size_t before_sqlite;

static void run(sqlite3 *db, const char *sql) {
  char *error = NULL;
  if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) fail_msg("%s: %s", sql, error);
}

static sqlite3_int64 ask(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  sqlite3_int64 answer = sqlite3_column_int64(statement, 0);
  assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
  return answer;
}

static sqlite3 *open_memory(void) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  return db;
}

static void a_database_lives_on_the_heap(void **unused) {
  (void)unused;
  size_t before = blocks_live();
  sqlite3 *db = open_memory();
  assert_true(ouro_owns(db));
  run(db, "create table item(id integer primary key, name text, body blob);"
          "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)"
          "  insert into item select i, printf('%08x', (i * 2654435761) % 4294967296), randomblob(i % 400) from n;"
          "create index by_name on item(name);");
  /* Fifty rounds of 0 to 399 bytes, but randomblob(0) gives one byte. */
  assert_int_equal(ask(db, "select sum(length(body)) from item"), (sqlite3_int64)50 * (399 * 400 / 2 + 1));
  assert_int_equal(ask(db, "select count(*) from (select name, row_number() over (order by body) from item)"), 20000);
  run(db, "begin; delete from item where id % 3 = 0; rollback; delete from item where id % 2 = 0; vacuum;");
  assert_int_equal(ask(db, "select count(*) from item"), 10000);
  assert_int_equal(ask(db, "select count(*) from item where name = printf('%08x', (19999 * 2654435761) % 4294967296)"),
                   1);
  assert_true(blocks_live() > before + 100);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_block_of_sqlite_is_a_block_of_ouro(void **unused) {
  (void)unused;
  char *text = sqlite3_mprintf("%s and %d", "words", 12);
  assert_true(ouro_owns(text));
  assert_string_equal(text, "words and 12");
  assert_int_equal(sqlite3_msize(text), ouro_usable_size(text));
  text = sqlite3_realloc(text, 100000);
  assert_non_null(text);
  assert_true(ouro_owns(text));
  assert_true(sqlite3_msize(text) >= 100000);
  assert_string_equal(text, "words and 12");
  sqlite3_free(text);
}

static void what_sqlite_counts_is_what_the_blocks_hold(void **unused) {
  (void)unused;
  enum { COUNT = 200 };
  void *blocks[COUNT];
  sqlite3_int64 before = sqlite3_memory_used();
  sqlite3_int64 bytes = 0;
  for (int i = 0; i < COUNT; i++) {
    blocks[i] = sqlite3_malloc(1 + i * i);
    assert_true(ouro_owns(blocks[i]));
    bytes += (sqlite3_int64)ouro_usable_size(blocks[i]);
  }
  assert_int_equal(sqlite3_memory_used() - before, bytes);
  for (int i = 0; i < COUNT; i++) sqlite3_free(blocks[i]);
  assert_int_equal(sqlite3_memory_used(), before);
}

static void sizes_round_up_to_multiples_of_eight(void **unused) {
  (void)unused;
  sqlite3_mem_methods methods = ouro_sqlite_mem_methods();
  for (int size = 1; size < 300000; size += size < 5000 ? 1 : 997) {
    int rounded = methods.xRoundup(size);
    assert_true(rounded >= size && rounded % 8 == 0);
    assert_int_equal(methods.xRoundup(rounded), rounded);
  }
  for (int size = INT_MAX - 70000; size < INT_MAX - 1024; size += 1021) {
    int rounded = methods.xRoundup(size);
    assert_true(rounded >= size && rounded % 8 == 0);
  }
}

static void a_limit_is_an_error_and_the_database_lives_on(void **unused) {
  (void)unused;
  sqlite3 *db = open_memory();
  sqlite3_int64 no_limit = sqlite3_hard_heap_limit64(8 << 20);
  run(db, "create table item(body blob)");
  const char *grow = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)"
                     "  insert into item select randomblob(1000) from n";
  assert_int_equal(sqlite3_exec(db, grow, NULL, NULL, NULL), SQLITE_NOMEM);
  sqlite3_hard_heap_limit64(no_limit);
  run(db, "insert into item values(randomblob(10))");
  assert_int_equal(ask(db, "select count(*) from item"), 1);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int install(void **unused) {
  (void)unused;
  sqlite3_mem_methods methods = ouro_sqlite_mem_methods();
  before_sqlite = blocks_live();
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) || sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1) ||
         sqlite3_initialize();
}

/* The last test: it takes SQLite down. */
static void nothing_is_left_after_shutdown(void **unused) {
  (void)unused;
  assert_int_equal(sqlite3_memory_used(), 0);
  assert_int_equal(sqlite3_shutdown(), SQLITE_OK);
  assert_int_equal(blocks_live(), before_sqlite);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_database_lives_on_the_heap),
      cmocka_unit_test(a_block_of_sqlite_is_a_block_of_ouro),
      cmocka_unit_test(what_sqlite_counts_is_what_the_blocks_hold),
      cmocka_unit_test(sizes_round_up_to_multiples_of_eight),
      cmocka_unit_test(a_limit_is_an_error_and_the_database_lives_on),
      cmocka_unit_test(nothing_is_left_after_shutdown),
  };
  return cmocka_run_group_tests(tests, install, NULL);
}
