/* cli/profile/symbols.h - what a program or library says of the addresses in its code.
 *
 *     symbols_image    the file: its segments, its symbol table, where its debug information is
 *     symbols_dwarf    functions, those that were inlined into them, and lines, by debug information
 *     symbols_name     names as people write them
 *     symbols          the frames of a profile
 *
 * An ADDRESS is one of the file itself (link-time), as nm and addr2line take it. */
#ifndef OURO_CLI_PROFILE_SYMBOLS_H
#define OURO_CLI_PROFILE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <elfutils/libdwfl.h>

/* One of the calls at an address: the innermost comes first, each further one is where that was inlined into. */
typedef struct ouro__symbols_call {
  const char *function; /* as the linker sees it (mangled) where possible; NULL where unknown */
  const char *file;     /* NULL where unknown */
  uint32_t line;        /* 0 where unknown */
} ouro__symbols_call;

#define OURO_SYMBOLS_CALLS 64 /* at one address; those outside of more are left out, but for the function itself */

/* ---------------------------------------------------------------- debug information */

typedef struct ouro__dwarf ouro__dwarf;

/* NULL: no memory. `dwarf` stays its owner's, and stays open as long. */
ouro__dwarf *ouro__dwarf_open(Dwarf *dwarf);
void ouro__dwarf_close(ouro__dwarf *all);

/* What is known of an address; texts live as long as `all`. Returns the number of calls, 0 where there is no such function. */
size_t ouro__dwarf_calls(ouro__dwarf *all, uint64_t address, ouro__symbols_call calls[OURO_SYMBOLS_CALLS]);

/* ---------------------------------------------------------------- a file */

typedef struct ouro__image ouro__image;

/* NULL: it is no program or library that can be read. */
ouro__image *ouro__image_open(const char *path);
void ouro__image_close(ouro__image *image);

/* The address of what is at `offset` in the file; false: it is not mapped. */
bool ouro__image_address(const ouro__image *image, uint64_t offset, uint64_t *address);

/* As ouro__dwarf_calls; of a file without debug information, the function alone. */
size_t ouro__image_calls(ouro__image *image, uint64_t address, ouro__symbols_call calls[OURO_SYMBOLS_CALLS]);

/* ---------------------------------------------------------------- names */

/* The name for people: demangled, where it is mangled and that can be undone. The caller frees it. NULL: no memory. */
char *ouro__symbols_function(const char *name);

/* `path` without "/./", "//" and "x/..". The caller frees it. NULL: no memory. */
char *ouro__symbols_file(const char *path);

#endif
