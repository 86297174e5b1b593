/* tests/unwind/rules.c - prints the rules of a library, for rules.py.
 *
 *     rules LIBRARY < ADDRESSES
 *
 * Each address is hexadecimal and as in the file. A line for each: kind, cfa, bp (see trace/cfi.h), and where rbx is saved. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>

#include "trace/cfi.h"

static const char *const kinds[] = {[OURO_CFI_NONE] = "none", [OURO_CFI_SP] = "sp", [OURO_CFI_BP] = "bp",
                                    [OURO_CFI_STORED] = "stored", [OURO_CFI_BX] = "bx", [OURO_CFI_SIGNAL] = "signal",
                                    [OURO_CFI_END] = "end"};

int main(int argc, char **argv) {
  struct link_map *map;
  uintptr_t address;
  void *library = argc == 2 ? dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL) : NULL;
  if (!library || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0) {
    fprintf(stderr, "rules: %s\n", argc == 2 ? dlerror() : "usage: rules LIBRARY");
    return 2;
  }
  ouro__cfi_start();
  while (scanf("%" SCNxPTR, &address) == 1) {
    ouro__cfi_rule rule = ouro__cfi_rule_at(map->l_addr + address);
    printf("%s %d %d %d\n", kinds[rule.kind], rule.cfa, rule.bp, ouro__cfi_saved_bx(map->l_addr + address));
  }
  return 0;
}
