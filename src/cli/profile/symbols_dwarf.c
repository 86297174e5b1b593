/* cli/profile/symbols_dwarf.c - from an address to functions and lines, by debug information.
 *
 *     file -> units, by address                    read once, when the first address is asked for
 *     unit -> functions (subprograms), by address  read when the first address in the unit is asked for
 *     function -> inlined functions                looked through for each address
 *
 * libdw could do each of these, but it looks through a whole unit for each address. Units' own ranges are used, not .debug_aranges, which
 * not every compiler writes. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/profile/symbols.h"

/* Addresses [start, end) belong to what has that number. */
typedef struct span {
  uint64_t start, end;
  size_t number;
} span;

typedef struct spans {
  span *all; /* sorted by start once complete */
  size_t count, room;
} spans;

typedef struct unit {
  Dwarf_Die die;     /* the unit in the program: it has the lines */
  Dwarf_Die content; /* the same, or, with split debug information, the one in the other file */
  Dwarf_Die *functions;
  size_t count, room;
  spans by_address; /* numbers of functions */
  bool read;
} unit;

/* A name that was put together; NULL: it could not be. */
typedef struct kept_text {
  const void *die; /* as it lies in the file */
  char *text;
} kept_text;

struct ouro__dwarf {
  unit *units;
  size_t count, room;
  spans by_address; /* numbers of units */
  kept_text *names;
  size_t name_count, name_room;
};

/* ---------------------------------------------------------------- spans */

/* Room for one more; a place in `all`, of which each has `size` bytes. NULL: no memory. */
static void *more(void *all, size_t count, size_t *room, size_t size) {
  if (count < *room) return all;
  size_t wanted = *room ? 2 * *room : 16;
  void *grown = reallocarray(all, wanted, size);
  if (grown) *room = wanted;
  return grown;
}

static void add_span(spans *to, uint64_t start, uint64_t end, size_t number) {
  span *all = more(to->all, to->count, &to->room, sizeof *all);
  if (!all) return; /* its addresses stay unknown */
  to->all = all;
  all[to->count++] = (span){start, end, number};
}

/* All ranges of a unit or a function. Address 0 is where linkers put what they have thrown away. */
static void add_ranges(spans *to, Dwarf_Die *die, size_t number) {
  Dwarf_Addr base, start, end;
  for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &start, &end)) > 0;) {
    if (start && start < end) add_span(to, start, end, number);
  }
}

static int by_start(const void *a, const void *b) {
  const span *one = a, *other = b;
  return (one->start > other->start) - (one->start < other->start);
}

static void sort(spans *all) {
  if (all->count) qsort(all->all, all->count, sizeof *all->all, by_start);
}

/* The span that an address is in; NULL: none. Where they overlap, the one that begins last. */
static const span *find(const spans *all, uint64_t address) {
  size_t low = 0, high = all->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (all->all[middle].start <= address) low = middle + 1;
    else high = middle;
  }
  return low && address < all->all[low - 1].end ? &all->all[low - 1] : NULL;
}

/* ---------------------------------------------------------------- units */

static void add_unit(ouro__dwarf *all, const Dwarf_Die *die, const Dwarf_Die *split) {
  unit *units = more(all->units, all->count, &all->room, sizeof *units);
  if (!units) return;
  all->units = units;
  unit *added = &units[all->count];
  *added = (unit){.die = *die, .content = split->addr ? *split : *die};
  add_ranges(&all->by_address, &added->die, all->count++);
}

ouro__dwarf *ouro__dwarf_open(Dwarf *dwarf) {
  ouro__dwarf *all = calloc(1, sizeof *all);
  if (!all) return NULL;
  Dwarf_CU *cu = NULL;
  Dwarf_Die die, split;
  uint8_t type;
  while (dwarf_get_units(dwarf, cu, &cu, NULL, &type, &die, &split) == 0) {
    if (type == DW_UT_compile || type == DW_UT_skeleton) add_unit(all, &die, &split);
  }
  sort(&all->by_address);
  return all;
}

void ouro__dwarf_close(ouro__dwarf *all) {
  if (!all) return;
  for (size_t i = 0; i < all->count; i++) {
    free(all->units[i].functions);
    free(all->units[i].by_address.all);
  }
  for (size_t i = 0; i < all->name_count; i++) free(all->names[i].text);
  free(all->units);
  free(all->by_address.all);
  free(all->names);
  free(all);
}

/* ---------------------------------------------------------------- functions */

static void add_function(unit *in, Dwarf_Die *die) {
  Dwarf_Die *functions = more(in->functions, in->count, &in->room, sizeof *functions);
  if (!functions) return;
  in->functions = functions;
  functions[in->count] = *die;
  add_ranges(&in->by_address, die, in->count++);
}

static bool holds_functions(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
         tag == DW_TAG_module;
}

/* Those of a unit, a namespace or a class. */
static void add_functions(unit *in, Dwarf_Die *scope) {
  Dwarf_Die child;
  if (dwarf_child(scope, &child) != 0) return;
  do {
    int tag = dwarf_tag(&child);
    if (tag == DW_TAG_subprogram) add_function(in, &child);
    else if (holds_functions(tag)) add_functions(in, &child);
  } while (dwarf_siblingof(&child, &child) == 0);
}

static Dwarf_Die *function_at(unit *in, uint64_t address) {
  if (!in->read) {
    add_functions(in, &in->content);
    sort(&in->by_address);
    in->read = true;
  }
  const span *found = find(&in->by_address, address);
  return found ? &in->functions[found->number] : NULL;
}

/* ---------------------------------------------------------------- names
 *
 * The linker's name says all, demangled. C++ compilers give none to what no other file can name (members in a namespace without a name,
 * lambdas): such names are put together from the scopes around the function. To find these, libdw looks through the unit: each is kept. */

static const char *text_of(Dwarf_Die *die, unsigned name) {
  Dwarf_Attribute attribute;
  return dwarf_attr_integrate(die, name, &attribute) ? dwarf_formstring(&attribute) : NULL;
}

/* Where the function is declared, in its scope: not where it was inlined or defined. */
static Dwarf_Die declaration_of(Dwarf_Die *die) {
  Dwarf_Die at = *die;
  Dwarf_Attribute attribute;
  for (unsigned steps = 0; steps < 8; steps++) {
    bool further = dwarf_attr(&at, DW_AT_abstract_origin, &attribute) || dwarf_attr(&at, DW_AT_specification, &attribute);
    if (!further || !dwarf_formref_die(&attribute, &at)) break;
  }
  return at;
}

static bool is_plus_plus(Dwarf_Die *die) {
  Dwarf_Die whole;
  int language = dwarf_diecu(die, &whole, NULL, NULL) ? dwarf_srclang(&whole) : 0;
  return language == DW_LANG_C_plus_plus || language == DW_LANG_C_plus_plus_03 || language == DW_LANG_C_plus_plus_11 ||
         language == DW_LANG_C_plus_plus_14;
}

static const char *name_of_scope(Dwarf_Die *scope) {
  const char *name = dwarf_diename(scope);
  if (name || dwarf_tag(scope) != DW_TAG_namespace) return name;
  return "(anonymous namespace)";
}

/* The names of the scopes, outermost first; the innermost is the function's own. */
static char *joined(Dwarf_Die *scopes, int count) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  const char *between = "";
  while (count-- > 0) {
    int tag = dwarf_tag(&scopes[count]);
    const char *name = holds_functions(tag) || tag == DW_TAG_subprogram ? name_of_scope(&scopes[count]) : NULL;
    if (!name) continue;
    fprintf(out, "%s%s", between, name);
    between = "::";
  }
  fclose(out);
  return text;
}

static char *qualified(Dwarf_Die *die) {
  Dwarf_Die *scopes;
  int count = dwarf_getscopes_die(die, &scopes);
  if (count <= 0) return NULL;
  char *text = joined(scopes, count);
  free(scopes);
  return text;
}

static const char *kept_name(ouro__dwarf *all, Dwarf_Die *declaration) {
  for (size_t i = 0; i < all->name_count; i++) {
    if (all->names[i].die == declaration->addr) return all->names[i].text;
  }
  kept_text *names = more(all->names, all->name_count, &all->name_room, sizeof *names);
  if (!names) return NULL;
  all->names = names;
  names[all->name_count] = (kept_text){declaration->addr, qualified(declaration)};
  return names[all->name_count++].text;
}

static const char *name_of(ouro__dwarf *all, Dwarf_Die *die) {
  const char *name = text_of(die, DW_AT_linkage_name);
  if (!name) name = text_of(die, DW_AT_MIPS_linkage_name);
  if (name) return name;
  if (is_plus_plus(die)) {
    Dwarf_Die declaration = declaration_of(die);
    name = kept_name(all, &declaration);
  }
  return name ? name : text_of(die, DW_AT_name);
}

/* ---------------------------------------------------------------- calls */

static Dwarf_Word number_of(Dwarf_Die *die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word number = 0;
  return dwarf_attr(die, name, &attribute) && dwarf_formudata(&attribute, &number) == 0 ? number : 0;
}

/* The inlined function within `scope` that the address is in; what has no name of its own, as a block, is looked into. */
static bool inlined_at(Dwarf_Die *scope, uint64_t address, Dwarf_Die *found) {
  if (dwarf_child(scope, found) != 0) return false;
  do {
    int tag = dwarf_tag(found);
    bool is_block = tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
    if ((!is_block && tag != DW_TAG_inlined_subroutine) || dwarf_haspc(found, address) != 1) continue;
    if (!is_block) return true;
    Dwarf_Die block = *found;
    if (inlined_at(&block, address, found)) return true;
    *found = block;
  } while (dwarf_siblingof(found, found) == 0);
  return false;
}

/* Where the inlined function was called. */
static void set_call_site(ouro__symbols_call *call, unit *in, Dwarf_Die *inlined) {
  Dwarf_Files *files;
  size_t count, number = number_of(inlined, DW_AT_call_file);
  call->line = (uint32_t)number_of(inlined, DW_AT_call_line);
  call->file = dwarf_getsrcfiles(&in->content, &files, &count) == 0 && number < count ? dwarf_filesrc(files, number, NULL, NULL) : NULL;
}

static void set_line(ouro__symbols_call *call, unit *in, uint64_t address) {
  Dwarf_Line *line = dwarf_getsrc_die(&in->die, address);
  int number = 0;
  if (!line) return;
  call->file = dwarf_linesrc(line, NULL, NULL);
  if (dwarf_lineno(line, &number) == 0 && number > 0) call->line = (uint32_t)number;
}

/* From the function inwards; calls are wanted from the innermost outwards, so the list is turned. */
static size_t calls_in(ouro__dwarf *all, unit *in, Dwarf_Die *function, uint64_t address, ouro__symbols_call calls[OURO_SYMBOLS_CALLS]) {
  Dwarf_Die at = *function, inner;
  size_t count = 0;
  calls[count++] = (ouro__symbols_call){.function = name_of(all, &at)};
  for (; inlined_at(&at, address, &inner); at = inner) {
    size_t last = count - 1;
    set_call_site(&calls[last], in, &inner);
    if (count < OURO_SYMBOLS_CALLS) last = count++; /* otherwise the innermost is overwritten */
    calls[last] = (ouro__symbols_call){.function = name_of(all, &inner)};
  }
  set_line(&calls[count - 1], in, address);
  for (size_t i = 0; i < count / 2; i++) {
    ouro__symbols_call swapped = calls[i];
    calls[i] = calls[count - 1 - i];
    calls[count - 1 - i] = swapped;
  }
  return count;
}

size_t ouro__dwarf_calls(ouro__dwarf *all, uint64_t address, ouro__symbols_call calls[OURO_SYMBOLS_CALLS]) {
  const span *found = find(&all->by_address, address);
  if (!found) return 0;
  unit *in = &all->units[found->number];
  Dwarf_Die *function = function_at(in, address);
  if (function) return calls_in(all, in, function, address, calls);
  calls[0] = (ouro__symbols_call){.function = NULL};
  set_line(&calls[0], in, address);
  return calls[0].file ? 1 : 0;
}
