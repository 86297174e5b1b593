/* trace/pyframes.c - chooses the layout of the CPython at hand, and tells what its places mean. See pyframes.h.
 *
 * A wrong offset would crash somebody else's program, so the layout is believed only where everything that can be asked agrees
 * with the table: the sizes of the three types, the offsets that two of them publish for their attributes, and the offsets that
 * 3.13 publishes for debuggers. All of that is constant data of the interpreter: it can be read before the interpreter runs. */
#include "trace/pyframes.h"

#include <stdlib.h>

/* What 3.13 publishes about itself: the value at byte `at` of _PyRuntime is that of the uint16_t at `field` of ouro__py_offsets.
 * */
typedef struct published {
  uint16_t at, field;
} published;

#include "trace/pyoffsets.h"

typedef void *(*find_fn)(const char *name);

ouro__py_layout ouro__py;

/* ---------------------------------------------------------------- what can be asked of the interpreter */

/* CPython's PyMemberDef, part of its stable interface. */
typedef struct python_member {
  const char *name;
  int type;
  ptrdiff_t offset;
  int flags;
  const char *doc;
} python_member;

static bool has_size(const char *type, const ouro__py_offsets *is, uint16_t bytes) {
  return type && (uintptr_t)ouro__py_pointer(type, is->type_bytes) == bytes;
}

/* Does the type not list the member, or at that offset? */
static bool member_agrees(const char *type, const ouro__py_offsets *is, const char *name, uint16_t offset) {
  const python_member *member = (const void *)ouro__py_pointer(type, is->type_members);
  while (member && member->name && strcmp(member->name, name) != 0) member++;
  return !member || !member->name || member->offset == offset;
}

static bool types_agree(const ouro__py_offsets *is, find_fn find) {
  const char *code = find("PyCode_Type"), *frame = find("PyFrame_Type"), *string = find("PyUnicode_Type");
  return has_size(code, is, is->code_bytes) && has_size(frame, is, is->frame_bytes) &&
         has_size(string, is, is->string_bytes) && member_agrees(code, is, "co_filename", is->code_file) &&
         member_agrees(code, is, is->minor >= 11 ? "co_qualname" : "co_name", is->code_name) &&
         member_agrees(code, is, "co_firstlineno", is->code_line) &&
         member_agrees(code, is, is->minor >= 10 ? "co_linetable" : "co_lnotab", is->code_lines) &&
         member_agrees(frame, is, "f_back", is->frame_back) && member_agrees(frame, is, "f_code", is->frame_code);
}

/* Up to 3.12, nothing is published. */
static bool published_agrees(const ouro__py_offsets *is, find_fn find) {
  if (is->minor < 13) return true;
  const char *runtime = find("_PyRuntime");
  if (!runtime || memcmp(runtime, "xdebugpy", 8) != 0) return false;
  for (size_t i = 0; i < sizeof published_13 / sizeof published_13[0]; i++) {
    uint16_t expected;
    memcpy(&expected, (const char *)is + published_13[i].field, sizeof expected);
    if ((uintptr_t)ouro__py_pointer(runtime, published_13[i].at) != expected) return false;
  }
  return true;
}

/* ---------------------------------------------------------------- the start */

/* "3.11.7 (main, ...)" to 11; 0 for versions that are not known, such as alphas and betas, whose layout is not final, and for
 * free-threaded builds, where threads run without a lock. */
static unsigned long known_minor(const char *text) {
  if (strncmp(text, "3.", 2) != 0 || strstr(text, "free-threading build")) return 0;
  char *end;
  unsigned long minor = strtoul(text + 2, &end, 10);
  if (*end != '.') return 0;
  strtoul(end + 1, &end, 10);
  return *end == 'a' || *end == 'b' ? 0 : minor;
}

static const ouro__py_offsets *offsets_of(unsigned long minor) {
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    if (offsets[i].minor == minor) return &offsets[i];
  }
  return NULL;
}

/* Store the address of `name` in `*function`, a pointer to function. */
static bool find_function(find_fn find, const char *name, void *function) {
  void *address = find(name);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

static bool find_functions(find_fn find, unsigned minor) {
  return find_function(find, minor >= 13 ? "PyThreadState_GetUnchecked" : "_PyThreadState_UncheckedGet",
                       &ouro__py.current) &&
         find_function(find, "PyGILState_GetThisThreadState", &ouro__py.own) &&
         find_function(find, "Py_IsInitialized", &ouro__py.is_initialized);
}

bool ouro__py_start(const char *version_text, void *(*find)(const char *name)) {
  const ouro__py_offsets *is = offsets_of(known_minor(version_text));
  if (!is || !types_agree(is, find) || !published_agrees(is, find)) return false;
  if (!find_functions(find, is->minor)) return false;
  ouro__py.is = *is;
  ouro__store_release(&ouro__py.ready, true); /* pairs with the acquires of `ready` */
  return true;
}

bool ouro__py_finalizing(void) { return !ouro__load_acquire(&ouro__py.ready) || !ouro__py.is_initialized(); }

/* ---------------------------------------------------------------- strings */

/* PyASCIIObject.state, the same in all versions. The kind is the bytes of a character; 0 has a str of an interface that 3.12 no
 * longer has, until somebody looks at it: it is not read. */
#define STATE_KIND(state) ((state) >> 2 & 7u)
#define STATE_COMPACT(state) ((state) >> 5 & 1u)
#define STATE_ASCII(state) ((state) >> 6 & 1u)

static uint32_t character(const char *data, unsigned kind, size_t index) {
  uint16_t two;
  uint32_t four;
  switch (kind) {
  case 1:
    return (unsigned char)data[index];
  case 2:
    memcpy(&two, data + 2 * index, sizeof two);
    return two;
  default:
    memcpy(&four, data + 4 * index, sizeof four);
    return four;
  }
}

/* Returns the number of bytes. A byte of a file name that Python could not decode is U+DC80 and above in its string: it becomes
 * that byte again. Other surrogates have no UTF-8. */
static unsigned encode(uint32_t c, char *out) {
  if (c >= 0xdc80 && c <= 0xdcff) c = (c & 0xff) | 0x80000000u;
  if (c < 0x80 || c & 0x80000000u) {
    out[0] = (char)c;
    return 1;
  }
  if (c >= 0xd800 && c <= 0xdfff) c = 0xfffd;
  unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
  out[0] = (char)(first[more] | c >> 6 * more);
  for (unsigned i = 1; i <= more; i++) out[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
  return more + 1;
}

static const char *string_data(const char *string, uint32_t state) {
  const ouro__py_offsets *is = &ouro__py.is;
  if (!STATE_COMPACT(state)) return ouro__py_pointer(string, is->string_any);
  return string + (STATE_ASCII(state) ? is->string_ascii : is->string_compact);
}

/* Write a str as UTF-8, as much as fits in `size` with a NUL. Returns its bytes. */
static unsigned copy_string(const char *string, char *out, unsigned size) {
  unsigned used = 0;
  uint32_t state = string ? (uint32_t)ouro__py_int(string, ouro__py.is.string_state) : 0;
  if (STATE_KIND(state)) {
    const char *data = string_data(string, state);
    size_t length = (size_t)ouro__py_pointer(string, ouro__py.is.string_length);
    for (size_t i = 0; i < length; i++) {
      char bytes[4];
      unsigned count = encode(character(data, STATE_KIND(state), i), bytes);
      if (used + count >= size) break;
      memcpy(out + used, bytes, count);
      used += count;
    }
  }
  out[used] = 0;
  return used;
}

/* ---------------------------------------------------------------- lines
 *
 * The table of lines is a constant of the code, whatever debuggers and monitors do to it meanwhile. Each version has CPython's
 * own reading of it, PyCode_Addr2Line, but some of them look at what monitors keep as well, which another thread may be changing.
 *
 * `at` counts bytes of instructions here. Each function returns -1 for instructions that belong to no line. */

typedef struct line_table {
  const unsigned char *next, *end;
} line_table;

/* 3.9: pairs (instruction bytes to advance, then lines to advance). */
static int line_3_9(line_table table, int line, int at) {
  for (int reached = 0; table.end - table.next >= 2; table.next += 2) {
    reached += table.next[0];
    if (reached > at) break;
    line += (signed char)table.next[1];
  }
  return line;
}

/* 3.10: pairs (instruction bytes of a range, lines from the one before to this one). */
static int line_3_10(line_table table, int line, int at) {
  for (int reached = 0; table.end - table.next >= 2; table.next += 2) {
    reached += table.next[0];
    int delta = (signed char)table.next[1];
    bool none = delta == -128;
    if (!none) line += delta;
    if (reached > at) return none ? -1 : line;
  }
  return -1;
}

/* Groups of six bits, the lowest first; 0x40 says that there are more. The lowest bit of all is the sign. */
static int signed_number(const unsigned char *next, const unsigned char *end) {
  unsigned value = 0;
  for (unsigned shift = 0; next < end && shift < 32; shift += 6, next++) {
    value |= (*next & 0x3fu) << shift;
    if (!(*next & 0x40)) break;
  }
  return value & 1 ? -(int)(value >> 1) : (int)(value >> 1);
}

/* From 3.11 on: an entry for each range. Its first byte alone has the highest bit; then four bits of kind, and three of the
 * range's length in instructions, less one. Columns follow in most kinds. */
static int line_3_11(line_table table, int line, int at, ouro__py_bookmark *mark) {
  enum { ONE_LINE = 10, NO_COLUMNS = 13, LONG = 14, NONE = 15 };
  int reached = 0;
  if (mark->next && mark->reached <= at) { /* from where the last question about this code ended */
    table.next = mark->next;
    line = mark->line;
    reached = mark->reached;
  }
  while (table.next < table.end) {
    *mark = (ouro__py_bookmark){table.next, line, reached};
    int kind = *table.next >> 3 & 15;
    reached += ((*table.next & 7) + 1) * (int)sizeof(uint16_t);
    table.next++;
    if (kind == NO_COLUMNS || kind == LONG)
      line += signed_number(table.next, table.end);
    else if (kind >= ONE_LINE && kind != NONE)
      line += kind - ONE_LINE;
    if (reached > at) return kind == NONE ? -1 : line;
    while (table.next < table.end && !(*table.next & 0x80)) table.next++;
  }
  return -1;
}

static int bytes_before(const char *code, uintptr_t at) {
  if (ouro__py.is.minor == 9) return (int)(intptr_t)at;
  if (ouro__py.is.minor == 10) return (int)(intptr_t)at * (int)sizeof(uint16_t);
  return (int)(intptr_t)(at - (uintptr_t)code - ouro__py.is.code_start);
}

/* Before the first instruction, it is the line where the code begins. */
static int line_of(const char *code, uintptr_t at, ouro__py_bookmark *mark) {
  const ouro__py_offsets *is = &ouro__py.is;
  int before = bytes_before(code, at), first = ouro__py_int(code, is->code_line);
  if (before < 0) return first;
  const char *bytes = ouro__py_pointer(code, is->code_lines);
  line_table table = {(const unsigned char *)bytes + is->bytes_data, NULL};
  table.end = table.next + (size_t)ouro__py_pointer(bytes, is->bytes_length);
  if (is->minor == 9) return line_3_9(table, first, before);
  return is->minor == 10 ? line_3_10(table, first, before) : line_3_11(table, first, before, mark);
}

bool ouro__py_resolve(const char *code, uintptr_t at, ouro__py_bookmark *mark, ouro__py_place *out) {
  ouro__py_bookmark none = {0};
  if (!ouro__load_acquire(&ouro__py.ready)) return false;
  int line = line_of(code, at, mark ? mark : &none);
  out->line = line < 0 ? 0 : (unsigned)line;
  out->file_length = copy_string(ouro__py_pointer(code, ouro__py.is.code_file), out->file, sizeof out->file);
  out->function_length =
      copy_string(ouro__py_pointer(code, ouro__py.is.code_name), out->function, sizeof out->function);
  return true;
}
