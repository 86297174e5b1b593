/* trace/unwind.c - the walk along the stack.
 *
 * Three registers lead outwards: pc, the stack pointer and the frame pointer. Each frame's rule (trace/cfi.h) gives its CFA; under that
 * lies the return address, and a fixed distance below it, where the frame has saved it, the caller's frame pointer:
 *
 *     outer    | ...                   |
 *              | return address        |  <- CFA - 8           of the frame that is being left; its CFA is the caller's stack pointer
 *              | caller's rbp, maybe   |  <- CFA - link
 *     inner    | locals                |  <- stack pointer
 *
 * Rules are kept in a table by pc: one atomic word holds a tag and a rule that has been made small, so that readers and writers need no
 * order among each other. Code without a rule is tried by its frame pointer, which lies the same way with 16 for the distance. That is a
 * guess: from there on nothing is read of a page of which it is not certain that it is mapped, and a return address without a rule must
 * lie behind a call.
 *
 * The last walk's frames are the second cache. Frame i with equal pc, CFA and frame pointer finds its caller at the same two places as
 * before; where they hold what they held, frame i - 1 is equal as well, and so on outwards. So no rule is looked up for what stayed.
 *
 * I-UNWIND-1  frame[i - 1] follows from frame[i] by its link and memory alone, or frame[i].link has a flag */
#include "trace/unwind.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "trace/cfi.h"

#define PAGE_OF(address) ((address) >> 12)
#define FRAME_MOST ((uintptr_t)1 << 30)      /* bytes: what claims to be larger is no frame */
#define FRAME_PLAUSIBLE ((uintptr_t)1 << 20) /* larger ones are looked at twice; as a guess they are no frames */
#define ADDRESS_BITS 47                      /* of programs */

/* ouro__native_frame.link: the distance of the saved frame pointer, a multiple of 8 (0: it was not saved), and flags. */
enum {
  LINK_ODD = 1,    /* the frame outside does not follow by return address and frame pointer alone */
  LINK_SIGNAL = 2, /* CFA is the address of a context with all registers */
  LINK_DOUBT = 4,  /* it is not certain that the memory is mapped */
  LINK_FLAGS = 7
};

/* Registers in a frame that is not yet known. The callee is the frame that it was reached from; its two words are not side by side, since
 * compilers would copy them as one, and a processor waits when it reads as one what was just written as two. */
typedef struct cursor {
  uintptr_t pc, sp, bp;
  uintptr_t callee_pc;
  bool guessed; /* by a frame pointer, here or farther in */
  uintptr_t callee_cfa;
} cursor;

/* Stack memory is read whatever the compiler, or a sanitizer, thinks of the place. */
__attribute__((no_sanitize("address", "thread"))) static inline uintptr_t peek(uintptr_t address) {
  return *(const volatile uintptr_t *)address;
}

/* Is the word mapped? The kernel reads the set before it finds that no such change of the signal mask exists. */
static OURO_NOINLINE bool readable(uintptr_t address) {
  int saved = errno;
  bool is = !(address & 7) && syscall(SYS_rt_sigprocmask, -1, address, NULL, 8) != 0 && errno != EFAULT;
  errno = saved;
  return is;
}

/* ---------------------------------------------------------------- the library itself */

static struct {
  uintptr_t start, end; /* its code; empty where it is in the program */
} self;

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _etext[] __attribute__((visibility("hidden")));

static inline bool is_own(uintptr_t pc) { return pc - self.start < self.end - self.start; }

void ouro__unwind_start(void) {
  ouro__cfi_start();
  uintptr_t start = (uintptr_t)__ehdr_start, end = (uintptr_t)_etext, entry = getauxval(AT_ENTRY);
  if (entry >= start && entry < end) return;
  self.start = start;
  self.end = end;
}

/* ---------------------------------------------------------------- rules by address
 *
 * A word: 33 bits of tag, 16 bits cfa / 8, 11 bits bp / 8, 4 bits kind; 0 is empty. Bucket and tag together are the address, scrambled
 * by an odd factor, so that no two addresses share a tag in one bucket. */

#define BUCKET_BITS 14
#define RULE_BITS 31
#define TAG_BITS (ADDRESS_BITS - BUCKET_BITS)
#define SCRAMBLE UINT64_C(0x9e3779b97f4a7c15)

static _Atomic uint64_t rules[1u << BUCKET_BITS][2];
static _Atomic uint32_t generation; /* changes when `rules` was emptied */

static uint64_t packed(ouro__cfi_rule rule) {
  int32_t cfa = rule.cfa / 8, bp = rule.bp / 8;
  if (rule.cfa % 8 || rule.bp % 8 || cfa != (int16_t)cfa || bp < 0 || bp > 0x7ff) return 0;
  return (uint64_t)(uint16_t)cfa << 15 | (uint64_t)bp << 4 | rule.kind;
}

static inline ouro__cfi_rule unpacked(uint64_t word) {
  return (ouro__cfi_rule){.kind = word & 15, .cfa = (int16_t)(word >> 15) * 8, .bp = (int32_t)(word >> 4 & 0x7ff) * 8};
}

/* Does a call end at `pc`? Where code cannot be told from data, as well. */
static bool ends_call(uintptr_t pc) {
#ifdef __x86_64__
  const uint8_t *end = (const uint8_t *)pc + 1;
  uintptr_t in_page = pc % 4096;
  if (!readable(pc & ~(uintptr_t)7)) return false;
  int longest = in_page >= 6 || readable(pc - in_page - 8) ? 7 : (int)in_page + 1;
  for (int length = 2; length <= longest; length++) { /* the opcode ff with 2 in the next byte's middle, and its operands */
    if (end[-length] == 0xff && (end[1 - length] & 0x38) == 0x10) return true;
  }
  return longest >= 5 && end[-5] == 0xe8;
#else
  return pc != 0;
#endif
}

/* Who would return to the first instruction of a function was not called from there: a coroutine's stack begins so. */
static ouro__cfi_rule found_rule(uintptr_t pc) {
  ouro__cfi_rule rule = ouro__cfi_rule_at(pc);
  if (rule.kind != OURO_CFI_NONE) return rule;
  if (ouro__cfi_rule_at(pc + 1).kind != OURO_CFI_NONE) rule.kind = OURO_CFI_END;
  else if (!ends_call(pc)) rule.kind = OURO_CFI_NO_CODE;
  return rule;
}

static OURO_NOINLINE ouro__cfi_rule new_rule(uintptr_t pc, _Atomic uint64_t bucket[2], uint64_t tag) {
  ouro__cfi_rule rule = found_rule(pc);
  uint64_t word = packed(rule);
  if (!word) return rule; /* one that does not fit is found anew each time */
  ouro__store_relaxed(&bucket[1], ouro__load_relaxed(&bucket[0]));
  ouro__store_relaxed(&bucket[0], tag << RULE_BITS | word);
  return rule;
}

OURO_INLINE ouro__cfi_rule rule_of(uintptr_t pc) {
  uint64_t scrambled = (pc * SCRAMBLE) & ((UINT64_C(1) << ADDRESS_BITS) - 1);
  _Atomic uint64_t *bucket = rules[scrambled >> TAG_BITS];
  uint64_t tag = scrambled & ((UINT64_C(1) << TAG_BITS) - 1);
  for (unsigned i = 0; i < 2; i++) {
    uint64_t word = ouro__load_relaxed(&bucket[i]);
    if (OURO_LIKELY(word >> RULE_BITS == tag && word)) return unpacked(word);
  }
  return new_rule(pc, bucket, tag);
}

void ouro__unwind_forget(void) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    ouro__store_relaxed(&rules[i][0], 0);
    ouro__store_relaxed(&rules[i][1], 0);
  }
  atomic_fetch_add_explicit(&generation, 1, memory_order_release);
}

/* ---------------------------------------------------------------- one step */

/* The rule of the frame that the registers are in. Without one, a frame pointer of 0 says that it is the outermost. */
OURO_INLINE ouro__cfi_rule rule_here(const cursor *c) {
  ouro__cfi_rule rule = rule_of(c->pc);
  if (OURO_UNLIKELY(rule.kind == OURO_CFI_NONE && !c->bp)) rule.kind = OURO_CFI_END;
  return rule;
}

/* In the kernel's context: its layout is fixed, and the C library's unwind information describes the same. */
enum { CONTEXT_BP = 120, CONTEXT_SP = 160, CONTEXT_PC = 168 };

/* All that leave() reads. */
static bool is_mapped(const ouro__native_frame *frame) {
  uintptr_t first = frame->cfa - (frame->link & ~(uint32_t)LINK_FLAGS), last = frame->cfa - 8;
  if (frame->link & LINK_SIGNAL) {
    first = frame->cfa + CONTEXT_BP;
    last = frame->cfa + CONTEXT_PC;
  }
  return readable(last) && (first > last || PAGE_OF(first) == PAGE_OF(last) || readable(first));
}

/* The CFA where neither register gives it; 0: it cannot be found. */
static uintptr_t unusual_cfa(const cursor *c, ouro__cfi_rule rule) {
  if (rule.kind == OURO_CFI_STORED) {
    uintptr_t slot = c->bp + (uintptr_t)(intptr_t)rule.cfa;
    return slot - c->sp < FRAME_MOST && readable(slot) ? peek(slot) : 0;
  }
  int32_t saved = ouro__cfi_saved_bx(c->callee_pc); /* only a direct callee is asked for rbx */
  return saved && !c->guessed ? peek(c->callee_cfa - (uintptr_t)saved) + (uintptr_t)(intptr_t)rule.cfa : 0;
}

/* What is found by neither register: frame->cfa and frame->link. */
static OURO_NOINLINE void locate_unusual(cursor *c, ouro__cfi_rule rule, ouro__native_frame *frame) {
  switch (rule.kind) {
    case OURO_CFI_STORED:
      frame->cfa = unusual_cfa(c, rule);
      frame->link = (uint32_t)(frame->cfa - c->bp);
      break;
    case OURO_CFI_BX: frame->cfa = unusual_cfa(c, rule); break;
    case OURO_CFI_SIGNAL: case OURO_CFI_END: frame->cfa = c->sp; break;
    case OURO_CFI_NONE:
      c->guessed = true;
      frame->cfa = c->bp + 16;
      frame->link = 16;
      break;
    default: frame->cfa = 0;
  }
}

/* Where the stack pointer must not be believed, or a frame is very large: is the memory there? */
static OURO_NOINLINE bool allay_doubt(const cursor *c, ouro__cfi_rule rule, ouro__native_frame *frame) {
  frame->link |= LINK_DOUBT;
  if (rule.kind == OURO_CFI_NONE && frame->cfa - c->sp > FRAME_PLAUSIBLE) return false;
  return is_mapped(frame);
}

/* Frames that end where they begin: of the kernel, and the outermost. */
static OURO_NOINLINE bool is_without_size(const cursor *c, ouro__cfi_rule rule, ouro__native_frame *frame) {
  if (rule.kind == OURO_CFI_SIGNAL) {
    frame->link = LINK_SIGNAL;
    return !c->guessed || allay_doubt(c, rule, frame);
  }
  return rule.kind == OURO_CFI_END;
}

/* The frame that the registers are in. False: it cannot be made out. */
OURO_INLINE bool locate(cursor *c, ouro__cfi_rule rule, ouro__native_frame *frame) {
  bool by_bp = rule.kind == OURO_CFI_BP;
  frame->pc = c->pc;
  frame->bp = c->bp;
  frame->cfa = (by_bp ? c->bp : c->sp) + (uintptr_t)(intptr_t)rule.cfa;
  frame->link = (uint32_t)rule.bp;
  if (OURO_UNLIKELY(rule.kind != OURO_CFI_SP && !by_bp)) locate_unusual(c, rule, frame);
  uintptr_t size = frame->cfa - c->sp;
  if (OURO_UNLIKELY(size == 0)) return is_without_size(c, rule, frame);
  if (OURO_UNLIKELY(size >= FRAME_MOST || (frame->cfa & 7) || (frame->link & ~(uint32_t)LINK_FLAGS) > size + 128)) return false;
  bool doubtful = (rule.kind != OURO_CFI_SP && size > FRAME_PLAUSIBLE) || (c->guessed && PAGE_OF(frame->cfa - 8) != PAGE_OF(c->sp - 8));
  return !OURO_UNLIKELY(doubtful) || allay_doubt(c, rule, frame);
}

/* A return address as the processor uses it. */
static inline uintptr_t stripped(uintptr_t address) {
#ifdef __aarch64__
  register uintptr_t x30 __asm__("x30") = address; /* xpaclri, an instruction that older processors ignore */
  __asm__("hint #7" : "+r"(x30));
  return x30;
#else
  return address;
#endif
}

static void leave_signal(cursor *c, const ouro__native_frame *frame) {
  c->bp = peek(frame->cfa + CONTEXT_BP);
  c->sp = peek(frame->cfa + CONTEXT_SP);
  c->pc = peek(frame->cfa + CONTEXT_PC);
}

/* To the caller of `frame`. False: it has none; *c is then without pc, or it has one that is no address. */
OURO_INLINE bool leave(cursor *c, const ouro__native_frame *frame) {
  uint32_t saved = frame->link & ~(uint32_t)LINK_FLAGS;
  c->callee_pc = frame->pc;
  c->callee_cfa = frame->cfa;
  if (OURO_UNLIKELY(frame->link & LINK_SIGNAL)) {
    leave_signal(c, frame);
    return c->pc && !(c->pc >> ADDRESS_BITS);
  }
  c->pc = stripped(peek(frame->cfa - 8));
  c->bp = saved ? peek(frame->cfa - saved) : frame->bp;
  c->sp = frame->cfa;
  if (!c->pc) return false;
  c->pc--;
  return !(c->pc >> ADDRESS_BITS);
}

/* ---------------------------------------------------------------- what stayed */

static inline bool same(const ouro__native_frame *a, const ouro__native_frame *b) {
  return a->cfa == b->cfa && a->pc == b->pc && a->bp == b->bp;
}

/* Is `outer` still the caller of `inner`, of which the link alone cannot tell? */
static OURO_NOINLINE bool still_calls(const ouro__native_frame *inner, const ouro__native_frame *outer) {
  cursor c = {.guessed = inner->link & LINK_DOUBT};
  ouro__native_frame frame = *inner;
  if (c.guessed && !is_mapped(inner)) return false;
  do {
    if (!leave(&c, &frame) || !locate(&c, rule_here(&c), &frame)) return false;
  } while (is_own(c.pc));
  return same(&frame, outer);
}

/* Frame `number` is as it was: the outermost of those outside it of which that holds without a gap. */
static unsigned outermost_kept(const ouro__native_walk *walk, unsigned number) {
  for (const ouro__native_frame *inner = &walk->frame[number]; number; inner--, number--) {
    const ouro__native_frame *outer = inner - 1;
    if (OURO_UNLIKELY(inner->link & LINK_FLAGS)) {
      if (!still_calls(inner, outer)) break;
      continue;
    }
    if (stripped(peek(inner->cfa - 8)) != outer->pc + 1) break;
    if (inner->link && peek(inner->cfa - inner->link) != outer->bp) break;
  }
  return number;
}

/* ---------------------------------------------------------------- the walk */

typedef struct progress {
  ouro__native_walk *walk;
  unsigned known; /* frames of the last walk that may still be met */
  unsigned fresh; /* frames in walk->fresh */
  bool joined;    /* walk->frame[0, known) are the rest of the stack */
} progress;

/* Frames `from` to the last known are as they were, but not those outside. False: there is no way on. */
static bool adopt(progress *p, unsigned from) {
  while (p->known > from && p->fresh < OURO_UNWIND_FRESH) {
    p->walk->fresh[p->fresh++] = p->walk->frame[--p->known];
  }
  const ouro__native_frame *last = &p->walk->fresh[p->fresh - 1];
  return p->known == from && (!(last->link & LINK_DOUBT) || is_mapped(last));
}

/* Take in the frame at fresh[fresh], and, where it is one of the last walk's, those outside it. False: the walk is over, joined or out of
 * room. */
OURO_INLINE bool take_in(progress *p) {
  ouro__native_walk *walk = p->walk;
  const ouro__native_frame *frame = &walk->fresh[p->fresh];
  while (p->known && walk->frame[p->known - 1].cfa < frame->cfa) p->known--;
  if (p->known && same(&walk->frame[p->known - 1], frame)) {
    unsigned from = outermost_kept(walk, p->known - 1);
    p->joined = from == 0;
    return !p->joined && adopt(p, from);
  }
  p->fresh++;
  return true;
}

/* From the registers outwards. True: the stack ends there. */
OURO_INLINE bool go(progress *p, cursor *c) {
  ouro__native_walk *walk = p->walk;
  while (OURO_LIKELY(p->fresh < OURO_UNWIND_FRESH)) {
    ouro__native_frame *frame = &walk->fresh[p->fresh];
    ouro__cfi_rule rule = rule_here(c);
    if (!locate(c, rule, frame)) return false;
    bool own = is_own(c->pc);
    if (OURO_UNLIKELY(own || rule.kind == OURO_CFI_STORED || rule.kind == OURO_CFI_BX) && p->fresh) frame[-1].link |= LINK_ODD;
    if (!own) {
      if (!take_in(p)) return p->joined;
      frame = &walk->fresh[p->fresh - 1]; /* those that were adopted lie between */
    }
    if (rule.kind == OURO_CFI_END) return true;
    if (!leave(c, frame)) return !c->pc;
  }
  return false;
}

/* Put what was found into walk->frame. Of a stack with more frames than that has room for, the outermost are dropped, and some more,
 * so that not each further call drops one. */
static void settle(progress *p) {
  ouro__native_walk *walk = p->walk;
  unsigned keep = p->joined ? p->known : 0, total = keep + p->fresh;
  unsigned drop = total > OURO_UNWIND_ROOM ? total - OURO_UNWIND_FRESH : 0;
  if (drop) memmove(walk->frame, walk->frame + drop, (keep - drop) * sizeof walk->frame[0]);
  walk->deep |= drop != 0;
  walk->cut |= walk->deep;
  walk->changed = drop ? 0 : keep;
  walk->depth = total - drop;
  for (unsigned i = 0; i < p->fresh; i++) walk->frame[walk->depth - 1 - i] = walk->fresh[i];
}

/* From the frame address of ouro__unwind. Meet the first `known` of the last walk's frames, or walk all of the stack. */
OURO_INLINE void walk_from(ouro__native_walk *walk, uintptr_t here, unsigned known) {
  cursor c = {.pc = stripped(peek(here + 8)) - 1, .sp = here + 16, .bp = peek(here)};
  progress p = {.walk = walk, .known = known};
  bool ended = go(&p, &c);
  if (!p.joined) {
    walk->deep = p.fresh == OURO_UNWIND_FRESH;
    walk->cut = !ended;
  }
  settle(&p);
}

static OURO_COLD void walk_anew(ouro__native_walk *walk, uintptr_t here) { walk_from(walk, here, 0); }

/* Not inlined: its caller's registers are taken from the frame that this function makes. */
OURO_NOINLINE void ouro__unwind(ouro__native_walk *walk) {
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  uint32_t current = ouro__load_acquire(&generation);
  unsigned known = walk->generation == current ? walk->depth : 0;
  walk->generation = current;
  walk_from(walk, here, known);
  if (OURO_UNLIKELY(walk->deep && walk->depth < OURO_UNWIND_MOST)) walk_anew(walk, here); /* frames left out are wanted again */
}
