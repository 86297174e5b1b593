/* tests/support/json.h - a strict reader of JSON (RFC 8259), enough to check what ouro writes: is it valid, and what does a
 * path hold. It never allocates. */
#ifndef OURO_TEST_JSON_H
#define OURO_TEST_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `text` is one JSON value with white space around it, and nothing else; no object has a key twice. */
bool test_json_valid(const char *text);

/* The value at a path such as "heap.blocks_live" or "classes.3.size": its first character; NULL where there is none. `text`
 * must be valid. */
const char *test_json_at(const char *text, const char *path);

/* The number at a path; fails the test where there is none. */
uint64_t test_json_number(const char *text, const char *path);

/* How many elements the array at a path has; fails the test where there is none. */
size_t test_json_length(const char *text, const char *path);

#endif
