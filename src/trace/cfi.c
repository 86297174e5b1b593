/* trace/cfi.c - unwind rules from .eh_frame.
 *
 *     _dl_find_object(pc)   glibc's lock-free way (2.35 and later) to the object of an address and its .eh_frame_hdr
 *     .eh_frame_hdr         a sorted table: first address of a function -> its FDE
 *     FDE -> CIE            both carry call frame instructions: a program that tells, address by address, how the row changes
 *
 * The program is run up to the address, for three columns alone: the CFA, rbp (or rbx), and the return address. The sections are parts
 * of mapped objects and are trusted as the code beside them is; the reader stays within the record that it reads all the same.
 *
 * Where there is no _dl_find_object (older and other C libraries), and on other processors, no address has a rule, and the walk follows
 * frame pointers. The format is in the DWARF standard, section 6.4, and in the Linux Standard Base ("Exception Frames"). */
#include "trace/cfi.h"

#include <stddef.h>
#include <string.h>

#include "base/base.h"

#if defined(__x86_64__) && defined(__linux__)

/* Of the processor's numbering for DWARF. */
enum { REG_BX = 3, REG_BP = 6, REG_SP = 7, REG_PC = 16 };

/* glibc's struct dl_find_object, under a name of ours: this compiles where the header does not have it yet. */
typedef struct found_object {
  unsigned long long flags;
  void *start, *end, *link_map, *eh_frame_hdr;
  unsigned long long reserved[8];
} found_object;

extern int _dl_find_object(void *address, found_object *found) __attribute__((weak));

/* Written by ouro__cfi_start alone. The address is taken there, so that no call goes through lazy binding. */
static int (*find_object)(void *, found_object *);

void ouro__cfi_start(void) { find_object = _dl_find_object; }

/* ---------------------------------------------------------------- reading */

typedef struct reader {
  const uint8_t *at, *end; /* at == NULL: it went past the end, and all further reads give 0 */
} reader;

/* The next `size` bytes, or NULL. */
static const uint8_t *take(reader *in, uint64_t size) {
  if (!in->at || size > (uint64_t)(in->end - in->at)) {
    in->at = NULL;
    return NULL;
  }
  const uint8_t *bytes = in->at;
  in->at += size;
  return bytes;
}

static uint64_t fixed(reader *in, unsigned size) {
  uint64_t value = 0;
  const uint8_t *bytes = take(in, size);
  if (bytes) memcpy(&value, bytes, size);
  return value;
}

static int64_t fixed_signed(reader *in, unsigned size) {
  unsigned unused = 64 - 8 * size;
  return (int64_t)(fixed(in, size) << unused) >> unused;
}

static uint64_t leb(reader *in, bool is_signed) {
  uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const uint8_t *byte = take(in, 1);
    if (!byte || shift > 63) return 0;
    value |= (uint64_t)(*byte & 0x7f) << shift;
    if (*byte & 0x80) continue;
    if (is_signed && (*byte & 0x40) && shift < 57) value |= ~UINT64_C(0) << (shift + 7);
    return value;
  }
}

static uint64_t uleb(reader *in) { return leb(in, false); }
static int64_t sleb(reader *in) { return (int64_t)leb(in, true); }

enum { ENC_ABSENT = 0xff, ENC_FORM = 0x0f, ENC_BASE = 0x70, ENC_PCREL = 0x10 };

/* A pointer in one of the encodings of exception frames. Those relative to anything but their own place do not occur here. */
static uintptr_t encoded(reader *in, unsigned encoding) {
  uintptr_t base = (encoding & ENC_BASE) == ENC_PCREL ? (uintptr_t)in->at : 0;
  switch (encoding & ENC_FORM) {
    case 0x00: case 0x04: case 0x0c: return base + fixed(in, 8);
    case 0x01: return base + uleb(in);
    case 0x02: return base + fixed(in, 2);
    case 0x03: return base + fixed(in, 4);
    case 0x09: return base + (uint64_t)sleb(in);
    case 0x0a: return base + (uint64_t)fixed_signed(in, 2);
    case 0x0b: return base + (uint64_t)fixed_signed(in, 4);
    default: in->at = NULL; return 0;
  }
}

/* ---------------------------------------------------------------- from an address to its program */

typedef struct cfi_program {
  reader common, own;   /* the CIE's instructions, then the FDE's */
  uintptr_t begin;      /* address of the first row */
  uint64_t code_align;
  int64_t data_align;
  unsigned pointers;    /* encoding of addresses */
  bool sized;           /* the augmentation says its length */
  bool signal;
} cfi_program;

/* The record (CIE or FDE) at an address; it begins behind its length. at NULL where it is none. */
static reader record_at(const uint8_t *address, const found_object *object) {
  reader in = {address, object->end};
  if (address < (const uint8_t *)object->start || address >= in.end) return (reader){NULL, NULL};
  uint64_t length = fixed(&in, 4);
  if (length == 0xffffffff) length = fixed(&in, 8);
  const uint8_t *bytes = take(&in, length);
  return bytes && length ? (reader){bytes, bytes + length} : (reader){NULL, NULL};
}

/* What the letters of a CIE's augmentation bring with them. */
static bool read_augmentation(cfi_program *program, reader *in, const char *letters) {
  program->sized = *letters == 'z';
  if (!program->sized) return *letters == 0;
  uint64_t length = uleb(in);
  const uint8_t *bytes = take(in, length);
  if (!bytes) return false;
  reader data = {bytes, bytes + length};
  while (*++letters) {
    if (*letters == 'R') program->pointers = (unsigned)fixed(&data, 1);
    else if (*letters == 'L') (void)take(&data, 1);
    else if (*letters == 'P') (void)encoded(&data, (unsigned)fixed(&data, 1));
    else if (*letters == 'S') program->signal = true;
    else return true; /* their data ends with what is known; the length has already been skipped */
  }
  return data.at != NULL;
}

static bool read_cie(cfi_program *program, reader in) {
  (void)take(&in, 4); /* 0: it is a CIE */
  unsigned version = (unsigned)fixed(&in, 1);
  if (version != 1 && version != 3) return false;
  const char *letters = (const char *)in.at;
  while (in.at && fixed(&in, 1)) {
  }
  program->code_align = uleb(&in);
  program->data_align = sleb(&in);
  uint64_t return_column = version == 1 ? fixed(&in, 1) : uleb(&in);
  if (!in.at || return_column != REG_PC) return false;
  if (!read_augmentation(program, &in, letters)) return false;
  program->common = in;
  return in.at != NULL;
}

static bool read_fde(cfi_program *program, const uint8_t *fde, const found_object *object, uintptr_t pc) {
  reader in = record_at(fde, object);
  const uint8_t *place = in.at;
  uint64_t back = fixed(&in, 4);
  if (!in.at || !back || !read_cie(program, record_at(place - back, object))) return false;
  program->begin = encoded(&in, program->pointers);
  uintptr_t size = encoded(&in, program->pointers & ENC_FORM);
  if (program->sized) {
    uint64_t length = uleb(&in);
    (void)take(&in, length);
  }
  program->own = in;
  return in.at && pc - program->begin < size;
}

/* The last FDE that begins at `pc` or before. */
static const uint8_t *search(const found_object *object, uintptr_t pc) {
  const uint8_t *header = object->eh_frame_hdr;
  if (!header || header[0] != 1 || header[2] != 0x03 || header[3] != 0x3b) return NULL; /* as every linker writes it */
  reader in = {header + 4, object->end};
  (void)encoded(&in, header[1]);
  uint32_t low = 0, high = (uint32_t)fixed(&in, 4);
  if (!in.at || high > (size_t)(in.end - in.at) / 8) return NULL;
  const int32_t *table = (const void *)in.at; /* pairs: function, FDE; relative to the header */
  int64_t wanted = (int64_t)(pc - (uintptr_t)header);
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (table[2 * middle] <= wanted) low = middle + 1;
    else high = middle;
  }
  return low ? header + table[2 * (low - 1) + 1] : NULL;
}

static bool find_program(cfi_program *program, uintptr_t pc) {
  found_object object;
  if (!find_object || find_object((void *)pc, &object) != 0) return false;
  const uint8_t *fde = search(&object, pc);
  return fde && read_fde(program, fde, &object, pc);
}

/* ---------------------------------------------------------------- running it */

enum how { UNTOUCHED = 0, SAVED, AT_EXPRESSION, UNDEFINED, ELSEWHERE };

typedef struct cell {
  enum how how;
  int64_t offset; /* SAVED: from the CFA */
  reader expression;
} cell;

typedef struct cfi_row {
  uint64_t cfa_register;
  int64_t cfa_offset;
  reader cfa_expression; /* at != NULL: it holds, and not the two above */
  cell saved;          /* of the machine's `watched` register */
  cell pc;
} cfi_row;

#define REMEMBERED 8

typedef struct machine {
  const cfi_program *program;
  uintptr_t at, until;  /* address of the row; the one that is looked for */
  uint64_t watched;     /* register, beside the return address */
  cfi_row row, initial;     /* initial: as the CIE leaves it */
  cfi_row remembered[REMEMBERED];
  unsigned depth;
  bool failed;          /* something that is not understood */
} machine;

static cell *cell_of(machine *m, uint64_t number) {
  if (number == m->watched) return &m->row.saved;
  return number == REG_PC ? &m->row.pc : NULL;
}

static void set(machine *m, uint64_t number, cell value) {
  cell *its = cell_of(m, number);
  if (its) *its = value;
}

static void restore(machine *m, uint64_t number) {
  if (number == m->watched) m->row.saved = m->initial.saved;
  if (number == REG_PC) m->row.pc = m->initial.pc;
}

static void set_offset(machine *m, uint64_t number, int64_t factored) {
  set(m, number, (cell){.how = SAVED, .offset = factored * m->program->data_align});
}

static reader block(reader *in) {
  uint64_t length = uleb(in);
  const uint8_t *bytes = take(in, length);
  return bytes ? (reader){bytes, bytes + length} : (reader){NULL, NULL};
}

static void define_cfa(machine *m, uint64_t number, int64_t offset) {
  m->row.cfa_register = number;
  m->row.cfa_offset = offset;
  m->row.cfa_expression.at = NULL;
}

static void remember(machine *m) {
  if (m->depth == REMEMBERED) m->failed = true;
  else m->remembered[m->depth++] = m->row;
}

static void recall(machine *m) {
  if (m->depth == 0) m->failed = true;
  else m->row = m->remembered[--m->depth];
}

/* False: the row reached is beyond the address that is looked for. */
static bool advance(machine *m, uint64_t delta) {
  delta *= m->program->code_align;
  if (delta > m->until - m->at) return false;
  m->at += delta;
  return true;
}

/* Instructions about one register's column. */
static void run_column(machine *m, reader *in, unsigned op) {
  uint64_t number = uleb(in);
  switch (op) {
    case 0x05: set_offset(m, number, (int64_t)uleb(in)); break;
    case 0x06: restore(m, number); break;
    case 0x07: set(m, number, (cell){.how = UNDEFINED}); break;
    case 0x08: set(m, number, (cell){.how = UNTOUCHED}); break;
    case 0x10: set(m, number, (cell){.how = AT_EXPRESSION, .expression = block(in)}); break;
    case 0x11: set_offset(m, number, sleb(in)); break;
    case 0x2f: set_offset(m, number, -(int64_t)uleb(in)); break; /* GNU: negative offset extended */
    case 0x09: case 0x14: case 0x15: /* in a register, or a value: with one operand more */
      (void)uleb(in);
      set(m, number, (cell){.how = ELSEWHERE});
      break;
    case 0x16: /* val_expression */
      (void)block(in);
      set(m, number, (cell){.how = ELSEWHERE});
      break;
    default: m->failed = true;
  }
}

/* The other instructions with an opcode of their own. False as in advance. */
static bool run_extended(machine *m, reader *in, unsigned op) {
  switch (op) {
    case 0x00: return true; /* nop */
    case 0x01: { /* set_loc */
      uintptr_t place = encoded(in, m->program->pointers);
      if (place > m->until) return false;
      m->at = place;
      return true;
    }
    case 0x02: return advance(m, fixed(in, 1));
    case 0x03: return advance(m, fixed(in, 2));
    case 0x04: return advance(m, fixed(in, 4));
    case 0x0a: remember(m); return true;
    case 0x0b: recall(m); return true;
    case 0x0c: case 0x12: { /* def_cfa, def_cfa_sf */
      uint64_t number = uleb(in);
      define_cfa(m, number, op == 0x0c ? (int64_t)uleb(in) : sleb(in) * m->program->data_align);
      return true;
    }
    case 0x0d: define_cfa(m, uleb(in), m->row.cfa_offset); return true;
    case 0x0e: define_cfa(m, m->row.cfa_register, (int64_t)uleb(in)); return true;
    case 0x13: define_cfa(m, m->row.cfa_register, sleb(in) * m->program->data_align); return true;
    case 0x0f: m->row.cfa_expression = block(in); return true;
    case 0x2e: (void)uleb(in); return true; /* GNU: size of arguments */
    default: run_column(m, in, op); return true;
  }
}

static void run(machine *m, reader in) {
  while (in.at && in.at < in.end && !m->failed) {
    unsigned op = (unsigned)fixed(&in, 1), low = op & 0x3f;
    switch (op >> 6) {
      case 0:
        if (!run_extended(m, &in, op)) return;
        break;
      case 1:
        if (!advance(m, low)) return;
        break;
      case 2: set_offset(m, low, (int64_t)uleb(&in)); break;
      case 3: restore(m, low); break;
    }
  }
  if (!in.at) m->failed = true;
}

/* The row of `pc`, into m->row. */
static bool run_to(machine *m, const cfi_program *program, uintptr_t pc, uint64_t watched) {
  *m = (machine){.program = program, .at = program->begin, .until = pc, .watched = watched};
  run(m, program->common);
  m->initial = m->row;
  run(m, program->own);
  return !m->failed;
}

/* ---------------------------------------------------------------- from a row to a rule */

enum { OP_DEREF = 0x06, OP_BREG = 0x70 };

/* Is it [rbp + offset], with `deref` after it or not? */
static bool is_based_on_bp(reader in, bool deref, int64_t *offset) {
  if (fixed(&in, 1) != OP_BREG + REG_BP) return false;
  *offset = sleb(&in);
  if (deref && fixed(&in, 1) != OP_DEREF) return false;
  return in.at == in.end;
}

/* Linkers describe the entries of a procedure linkage table by one expression: rsp + 8, and 8 more from the entry's push on:
 * breg7 8, breg16 0, lit15, and, litN, ge, lit3, shl, plus. */
static bool is_of_linkage_table(reader in, uintptr_t pc, int64_t *offset) {
  static const uint8_t form[] = {0x77, 0x08, 0x80, 0x00, 0x3f, 0x1a, 0, 0x2a, 0x33, 0x24, 0x22};
  if (!in.at || in.end - in.at != sizeof form) return false;
  for (size_t i = 0; i < sizeof form; i++) {
    if (i != 6 && in.at[i] != form[i]) return false;
  }
  *offset = 8 + ((int)(pc & 15) >= in.at[6] - 0x30 ? 8 : 0);
  return true;
}

static const ouro__cfi_rule no_rule = {.kind = OURO_CFI_NONE};

static ouro__cfi_rule rule_of_expression(const cfi_row *row, const cell *bp, uintptr_t pc) {
  int64_t offset, at;
  if (is_of_linkage_table(row->cfa_expression, pc, &offset)) return (ouro__cfi_rule){.kind = OURO_CFI_SP, .cfa = (int32_t)offset};
  if (!is_based_on_bp(row->cfa_expression, true, &offset) || offset != (int32_t)offset) return no_rule;
  if (bp->how != AT_EXPRESSION || !is_based_on_bp(bp->expression, false, &at) || at != 0) return no_rule;
  return (ouro__cfi_rule){.kind = OURO_CFI_STORED, .cfa = (int32_t)offset};
}

static uint32_t kind_of_register(uint64_t number) {
  if (number == REG_SP) return OURO_CFI_SP;
  if (number == REG_BP) return OURO_CFI_BP;
  return number == REG_BX ? OURO_CFI_BX : OURO_CFI_NONE;
}

static ouro__cfi_rule rule_of_register(const cfi_row *row, const cell *bp) {
  ouro__cfi_rule rule = {.kind = kind_of_register(row->cfa_register), .cfa = (int32_t)row->cfa_offset};
  if (row->cfa_offset != rule.cfa || bp->how == ELSEWHERE || bp->how == AT_EXPRESSION) return no_rule;
  if (bp->how != SAVED) return rule;
  if (bp->offset >= 0 || bp->offset < -INT32_MAX) return no_rule;
  rule.bp = (int32_t)-bp->offset;
  return rule;
}

ouro__cfi_rule ouro__cfi_rule_at(uintptr_t pc) {
  cfi_program program = {.signal = false};
  machine m;
  if (!find_program(&program, pc) || !run_to(&m, &program, pc, REG_BP)) return no_rule;
  bool expression = m.row.cfa_expression.at != NULL;
  if (program.signal && expression) return (ouro__cfi_rule){.kind = OURO_CFI_SIGNAL};
  if (m.row.pc.how == UNDEFINED) return (ouro__cfi_rule){.kind = OURO_CFI_END};
  if (m.row.pc.how != SAVED || m.row.pc.offset != -8) return no_rule;
  return expression ? rule_of_expression(&m.row, &m.row.saved, pc) : rule_of_register(&m.row, &m.row.saved);
}

int32_t ouro__cfi_saved_bx(uintptr_t pc) {
  cfi_program program = {.signal = false};
  machine m;
  if (!find_program(&program, pc) || !run_to(&m, &program, pc, REG_BX) || m.row.saved.how != SAVED) return 0;
  return m.row.saved.offset < 0 && m.row.saved.offset > INT32_MIN ? (int32_t)-m.row.saved.offset : 0;
}

#else

void ouro__cfi_start(void) {}

ouro__cfi_rule ouro__cfi_rule_at(uintptr_t pc) {
  (void)pc;
  return (ouro__cfi_rule){.kind = OURO_CFI_NONE};
}

int32_t ouro__cfi_saved_bx(uintptr_t pc) {
  (void)pc;
  return 0;
}

#endif
