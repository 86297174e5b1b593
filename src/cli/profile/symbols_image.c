/* cli/profile/symbols_image.c - a program or library: segments, symbol table, and the way to its debug information.
 *
 * Debug information is in the file itself, or in a separate one, found as gdb finds it: by build id or .gnu_debuglink, below
 * /usr/lib/debug or beside the file; from a server only where DEBUGINFOD_URLS is set. libdwfl does that, and puts everything at the
 * addresses that the file was linked for. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/profile/symbols.h"

typedef struct symbol {
  uint64_t start, end;
  const char *name;
  uint32_t rank; /* of those with one address the lowest is taken */
} symbol;

struct ouro__image {
  Dwfl *dwfl;
  Dwfl_Module *module;
  ouro__dwarf *dwarf; /* NULL: none */
  uint64_t dwarf_bias;
  GElf_Phdr *loads;
  size_t load_count;
  symbol *symbols; /* sorted by start, one for each */
  size_t symbol_count;
};

/* ---------------------------------------------------------------- opening */

static const Dwfl_Callbacks callbacks = {
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

/* A regular file: whoever names one in a recording shall not make us wait for a pipe. */
static int open_regular(const char *path) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))) return fd;
  close(fd);
  return -1;
}

static Dwfl_Module *report(Dwfl *dwfl, const char *path) {
  int fd = open_regular(path);
  if (fd < 0) return NULL;
  Dwfl_Module *module = dwfl_report_elf(dwfl, path, path, fd, 0, true);
  if (!module) close(fd);
  return dwfl_report_end(dwfl, NULL, NULL) == 0 ? module : NULL;
}

static bool read_loads(ouro__image *image) {
  GElf_Addr bias;
  size_t count;
  Elf *elf = dwfl_module_getelf(image->module, &bias);
  if (!elf || elf_getphdrnum(elf, &count) != 0) return false;
  image->loads = calloc(count + 1, sizeof *image->loads);
  for (size_t i = 0; image->loads && i < count; i++) {
    GElf_Phdr *header = &image->loads[image->load_count];
    if (gelf_getphdr(elf, (int)i, header) && header->p_type == PT_LOAD) image->load_count++;
  }
  return image->load_count != 0;
}

/* A server that does not answer must not stop a report: it is asked for one file in vain, and not again. What the user has set himself
 * holds. */
static Dwarf *find_dwarf(Dwfl_Module *module, Dwarf_Addr *bias) {
  enum { PATIENCE_SECONDS = 5 };
  setenv("DEBUGINFOD_TIMEOUT", "5", 0);
  setenv("DEBUGINFOD_RETRY_LIMIT", "0", 0);
  setenv("DEBUGINFOD_MAXTIME", "60", 0);
  uint64_t began = ouro__now_ns();
  Dwarf *dwarf = dwfl_module_getdwarf(module, bias);
  if (!dwarf && ouro__now_ns() - began >= PATIENCE_SECONDS * UINT64_C(1000000000)) unsetenv("DEBUGINFOD_URLS");
  return dwarf;
}

static void read_dwarf(ouro__image *image) {
  Dwarf_Addr bias = 0;
  Dwarf *dwarf = find_dwarf(image->module, &bias);
  image->dwarf_bias = bias;
  if (dwarf) image->dwarf = ouro__dwarf_open(dwarf);
}

static void read_symbols(ouro__image *image);

ouro__image *ouro__image_open(const char *path) {
  ouro__image *image = calloc(1, sizeof *image);
  if (!image) return NULL;
  image->dwfl = dwfl_begin(&callbacks);
  image->module = image->dwfl ? report(image->dwfl, path) : NULL;
  if (image->module && read_loads(image)) {
    read_dwarf(image);
    read_symbols(image);
    return image;
  }
  ouro__image_close(image);
  return NULL;
}

void ouro__image_close(ouro__image *image) {
  if (!image) return;
  ouro__dwarf_close(image->dwarf);
  if (image->dwfl) dwfl_end(image->dwfl);
  free(image->loads);
  free(image->symbols);
  free(image);
}

bool ouro__image_address(const ouro__image *image, uint64_t offset, uint64_t *address) {
  for (size_t i = 0; i < image->load_count; i++) {
    const GElf_Phdr *load = &image->loads[i];
    if (offset < load->p_offset || offset - load->p_offset >= load->p_filesz) continue;
    *address = offset - load->p_offset + load->p_vaddr;
    if (load->p_flags & PF_X) return true; /* a page at the edge of two segments may be mapped as both */
  }
  return false;
}

/* ---------------------------------------------------------------- the symbol table */

/* Of several names for one function, the one that was given to be called: global, weak, local; then the one that is shown to users. */
static uint32_t rank_of(const GElf_Sym *from, const char *name) {
  static const uint32_t of_binding[] = {[STB_LOCAL] = 2, [STB_GLOBAL] = 0, [STB_WEAK] = 1};
  unsigned binding = GELF_ST_BIND(from->st_info);
  return (from->st_size == 0 ? 1u << 16 : 0) + (*name == '_' ? 256 : 0) + (binding <= STB_WEAK ? of_binding[binding] : 3);
}

static bool is_code(const GElf_Sym *from) {
  unsigned type = GELF_ST_TYPE(from->st_info);
  bool may_be = type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && from->st_size);
  return may_be && from->st_shndx != SHN_UNDEF && from->st_value;
}

static int by_start_and_rank(const void *a, const void *b) {
  const symbol *one = a, *other = b;
  if (one->start != other->start) return one->start > other->start ? 1 : -1;
  return (one->rank > other->rank) - (one->rank < other->rank);
}

static void sort_symbols(ouro__image *image) {
  size_t count = 0;
  qsort(image->symbols, image->symbol_count, sizeof *image->symbols, by_start_and_rank);
  for (size_t i = 0; i < image->symbol_count; i++) {
    if (count == 0 || image->symbols[count - 1].start != image->symbols[i].start) image->symbols[count++] = image->symbols[i];
  }
  image->symbol_count = count;
}

/* Where it ends: one of hand-written assembly may not say its size, and goes on to the next one or the end of its section. */
static uint64_t end_of(const GElf_Sym *from, uint64_t start, Elf *elf, GElf_Word section, GElf_Addr bias) {
  GElf_Shdr header;
  if (from->st_size) return start + from->st_size;
  return gelf_getshdr(elf_getscn(elf, section), &header) ? header.sh_addr + header.sh_size + bias : start;
}

static void read_symbols(ouro__image *image) {
  int count = dwfl_module_getsymtab(image->module);
  if (count <= 0 || !(image->symbols = calloc((size_t)count, sizeof *image->symbols))) return;
  for (int i = 1; i < count; i++) {
    GElf_Sym from;
    GElf_Addr start, bias;
    GElf_Word section;
    Elf *elf;
    const char *name = dwfl_module_getsym_info(image->module, i, &from, &start, &section, &elf, &bias);
    if (!name || !*name || !is_code(&from)) continue;
    image->symbols[image->symbol_count++] = (symbol){start, end_of(&from, start, elf, section, bias), name, rank_of(&from, name)};
  }
  sort_symbols(image);
}

/* What lies behind a symbol's end is some function without a symbol. */
static const char *symbol_at(const ouro__image *image, uint64_t address) {
  size_t low = 0, high = image->symbol_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (image->symbols[middle].start <= address) low = middle + 1;
    else high = middle;
  }
  if (!low) return NULL;
  const symbol *found = &image->symbols[low - 1];
  return address < found->end ? found->name : NULL;
}

static bool is_mangled(const char *name) { return name && name[0] == '_' && name[1] == 'Z'; }

/* Debug information does not say all of the name of what is in a C++ namespace without a name (its parameters); the symbol does. */
static void complete(ouro__symbols_call *function, const char *linked) {
  if (!function->function || (is_mangled(linked) && !is_mangled(function->function))) function->function = linked;
}

size_t ouro__image_calls(ouro__image *image, uint64_t address, ouro__symbols_call calls[OURO_SYMBOLS_CALLS]) {
  size_t count = image->dwarf ? ouro__dwarf_calls(image->dwarf, address - image->dwarf_bias, calls) : 0;
  if (count == 0) calls[count++] = (ouro__symbols_call){.function = NULL};
  complete(&calls[count - 1], symbol_at(image, address));
  return calls[count - 1].function || calls[0].file ? count : 0;
}
