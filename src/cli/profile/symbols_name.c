/* cli/profile/symbols_name.c - names of functions and files as people write them. */
#include <stdlib.h>
#include <string.h>

#include "cli/profile/symbols.h"

/* ---------------------------------------------------------------- functions */

/* Of the C++ ABI, out of libsupc++ (linked statically, where it is installed). */
#ifdef OURO_DEMANGLE
char *__cxa_demangle(const char *name, char *buffer, size_t *size, int *status);

static char *demangled(const char *name) {
  int status;
  return strncmp(name, "_Z", 2) == 0 ? __cxa_demangle(name, NULL, NULL, &status) : NULL;
}
#else
static char *demangled(const char *name) {
  (void)name;
  return NULL;
}
#endif

/* Compilers name what they made of a function after it: a copy for some constant argument, a part that is seldom run. To people these are
 * the function. */
static void cut_variants(char *name) {
  static const char *const variants[] = {".cold", ".constprop.", ".isra.", ".llvm.", ".localalias", ".lto_priv.", ".part."};
  for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
    char *variant = strstr(name, variants[i]);
    if (variant && variant > name) *variant = 0;
  }
}

/* Rust's older names are C++'s with a hash for the last part: "::h" and 16 digits. */
static void cut_rust_hash(char *name) {
  static const char digits[] = "0123456789abcdef";
  char *hash = strlen(name) > 19 ? name + strlen(name) - 19 : NULL;
  if (hash && strncmp(hash, "::h", 3) == 0 && strspn(hash + 3, digits) == 16) *hash = 0;
}

char *ouro__symbols_function(const char *name) {
  char *plain = strdup(name);
  if (!plain) return NULL;
  cut_variants(plain);
  char *text = demangled(plain);
  if (!text) return plain;
  free(plain);
  cut_rust_hash(text);
  return text;
}

/* ---------------------------------------------------------------- files */

/* Where the last part of the path [text, end) begins. */
static char *last_part(char *text, char *end) {
  while (end > text && end[-1] != '/') end--;
  return end;
}

static bool is_dots(const char *part, size_t length) { return length == 2 && part[0] == '.' && part[1] == '.'; }

/* Take back the last part of what is written; false: there is none that may go. */
static bool go_up(char *text, char **end) {
  if (*end == text || *end - text == 1) return *end - text == 1 && *text == '/'; /* "/.." is "/" */
  char *part = last_part(text, *end - 1);
  if (is_dots(part, (size_t)(*end - 1 - part))) return false;
  *end = part;
  return true;
}

char *ouro__symbols_file(const char *path) {
  char *text = malloc(strlen(path) + 2), *end = text;
  if (!text) return NULL;
  if (*path == '/') *end++ = '/';
  while (*path) {
    size_t length = strcspn(path, "/");
    bool dropped = length == 0 || (length == 1 && *path == '.') || (is_dots(path, length) && go_up(text, &end));
    if (!dropped) {
      memcpy(end, path, length);
      end += length;
      *end++ = '/';
    }
    path += length + (path[length] == '/');
  }
  if (end - text > 1 && end[-1] == '/') end--;
  *end = 0;
  return text;
}
