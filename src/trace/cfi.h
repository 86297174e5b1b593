/* trace/cfi.h - how a frame finds its caller, from the unwind information that compilers leave in every program.
 *
 * .eh_frame can describe any register of any row by little programs. A stack needs much less: where the frame ends (its canonical frame
 * address, CFA, under which the return address lies) and where the caller's frame pointer register was saved. That fits in a few bytes,
 * and a few kinds cover what compilers and C libraries emit. */
#ifndef OURO_TRACE_CFI_H
#define OURO_TRACE_CFI_H

#include <stdbool.h>
#include <stdint.h>

enum ouro__cfi_kind {
  OURO_CFI_NONE = 1, /* no unwind information, or something that a rule cannot say */
  OURO_CFI_SP,       /* CFA = stack pointer + cfa */
  OURO_CFI_BP,       /* CFA = frame pointer + cfa */
  OURO_CFI_STORED,   /* CFA is stored at frame pointer + cfa; the caller's frame pointer at the frame pointer: a realigned stack */
  OURO_CFI_BX,       /* CFA = rbx + cfa: glibc's resolver of lazily bound functions */
  OURO_CFI_SIGNAL,   /* the return from a signal handler: all registers are in the context that the kernel put on the stack */
  OURO_CFI_END,      /* has no caller */
  OURO_CFI_NO_CODE   /* the address is in no code that calls: whoever gave it was wrong (never given by ouro__cfi_rule_at) */
};

typedef struct ouro__cfi_rule {
  uint32_t kind;
  int32_t cfa; /* bytes, see the kind */
  int32_t bp;  /* the caller's frame pointer is saved that many bytes below the CFA; 0: it is still in the register */
} ouro__cfi_rule;

/* Once, before threads: is there a way to find an object's unwind information without a lock? */
void ouro__cfi_start(void);

/* The rule at an address of code. Takes no lock and allocates nothing. Cost: about a quarter of a microsecond. */
ouro__cfi_rule ouro__cfi_rule_at(uintptr_t pc);

/* How many bytes below the CFA of the frame at `pc` its caller's rbx is saved; 0: it is not. */
int32_t ouro__cfi_saved_bx(uintptr_t pc);

#endif
