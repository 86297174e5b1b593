/* tests/support/json.c - the reader of json.h: recursive descent over the text itself. */
#include "support/support.h"

#include "support/json.h"

#include <string.h>

static const char *value(const char *at);

static const char *space(const char *at) { return at == NULL ? NULL : at + strspn(at, " \t\r\n"); }

static const char *digits(const char *at) {
  size_t count = strspn(at, "0123456789");
  return count == 0 ? NULL : at + count;
}

static const char *number(const char *at) {
  at += *at == '-';
  at = *at == '0' ? at + 1 : digits(at);
  if (at != NULL && *at == '.') {
    at = digits(at + 1);
  }
  if (at != NULL && (*at == 'e' || *at == 'E')) {
    at++;
    at = digits(at + (*at == '+' || *at == '-'));
  }
  return at;
}

static const char *escape(const char *at) {
  if (*at != 'u') {
    return *at != 0 && strchr("\"\\/bfnrt", *at) != NULL ? at + 1 : NULL;
  }
  for (int i = 1; i <= 4; i++) {
    if (!at[i] || !strchr("0123456789abcdefABCDEF", at[i])) return NULL;
  }
  return at + 5;
}

static const char *string(const char *at) {
  if (*at != '"') {
    return NULL;
  }
  at++;
  while (at != NULL && *at != '"') {
    if ((unsigned char)*at < 0x20) {
      return NULL;
    }
    at = *at == '\\' ? escape(at + 1) : at + 1;
  }
  return at == NULL ? NULL : at + 1;
}

static const char *word(const char *at, const char *expected) {
  size_t length = strlen(expected);
  return strncmp(at, expected, length) == 0 ? at + length : NULL;
}

/* The colon and the value of a member whose key ends at `at`: the beginning of the value. */
static const char *member_value(const char *at) {
  at = space(at);
  return at != NULL && *at == ':' ? space(at + 1) : NULL;
}

/* Whether the object that begins at `object` has the key [key, key_end) before `key`. */
static bool has_key_before(const char *object, const char *key, const char *key_end) {
  const char *at = space(object + 1);
  while (at < key) {
    const char *end = string(at);
    if (end - at == key_end - key && memcmp(at, key, (size_t)(key_end - key)) == 0) {
      return true;
    }
    at = space(value(member_value(end)));
    at = space(at + 1);
  }
  return false;
}

static const char *object(const char *begin) {
  const char *at = space(begin + 1);
  if (*at == '}') {
    return at + 1;
  }
  for (;;) {
    const char *end = string(at);
    const char *inner = member_value(end);
    if (inner == NULL || has_key_before(begin, at, end)) {
      return NULL;
    }
    at = space(value(inner));
    if (at == NULL || *at == '}') {
      return at == NULL ? NULL : at + 1;
    }
    if (*at != ',') {
      return NULL;
    }
    at = space(at + 1);
  }
}

static const char *array(const char *begin) {
  const char *at = space(begin + 1);
  if (*at == ']') {
    return at + 1;
  }
  for (;;) {
    at = space(value(at));
    if (at == NULL || *at == ']') {
      return at == NULL ? NULL : at + 1;
    }
    if (*at != ',') {
      return NULL;
    }
    at = space(at + 1);
  }
}

/* The end of the value that begins at `at`, or NULL where it is not one. */
static const char *value(const char *at) {
  if (at == NULL) {
    return NULL;
  }
  switch (*at) {
  case '{':
    return object(at);
  case '[':
    return array(at);
  case '"':
    return string(at);
  case 't':
    return word(at, "true");
  case 'f':
    return word(at, "false");
  case 'n':
    return word(at, "null");
  default:
    return number(at);
  }
}

bool test_json_valid(const char *text) {
  const char *end = space(value(space(text)));
  return end != NULL && *end == 0;
}

/* ---------------------------------------------------------------- looking in */

static const char *member(const char *at, const char *key, size_t length) {
  at = space(at + 1);
  while (*at == '"') {
    const char *end = string(at);
    const char *inner = member_value(end);
    if ((size_t)(end - at) == length + 2 && memcmp(at + 1, key, length) == 0) {
      return inner;
    }
    at = space(value(inner));
    at = space(at + (*at == ','));
  }
  return NULL;
}

static const char *element(const char *at, size_t index) {
  at = space(at + 1);
  for (; *at != ']'; index--) {
    if (index == 0) {
      return at;
    }
    at = space(value(at));
    at = space(at + (*at == ','));
  }
  return NULL;
}

const char *test_json_at(const char *text, const char *path) {
  const char *at = space(text);
  while (at != NULL && *path != 0) {
    size_t length = strcspn(path, ".");
    if (*at == '{') {
      at = member(at, path, length);
    } else if (*at == '[') {
      at = element(at, strtoul(path, NULL, 10));
    } else {
      return NULL;
    }
    path += length + (path[length] == '.');
  }
  return at;
}

uint64_t test_json_number(const char *text, const char *path) {
  const char *at = test_json_at(text, path);
  if (at == NULL || *at < '0' || *at > '9') {
    fprintf(stderr, "no number at %s\n", path);
    test_failed("a number in the JSON", __FILE__, __LINE__);
  }
  return strtoull(at, NULL, 10);
}

size_t test_json_length(const char *text, const char *path) {
  const char *at = test_json_at(text, path);
  TEST_CHECK(at != NULL && *at == '[');
  size_t count = 0;
  while (element(at, count) != NULL) {
    count++;
  }
  return count;
}
