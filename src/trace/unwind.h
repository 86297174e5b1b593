/* trace/unwind.h - the native stack of the calling thread, without a lock, an allocation, or the dynamic linker.
 *
 * A thread keeps the stack that it found the last time. Most of a stack is the same from one allocation to the next: a walk goes from
 * the innermost frame outwards until it meets a frame that was there before, with the same caller's, and checks the rest by comparing
 * saved return addresses in place. */
#ifndef OURO_TRACE_UNWIND_H
#define OURO_TRACE_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#define OURO_UNWIND_MOST 256u /* frames that may be asked for: of a deeper stack at least these, the innermost, are there */
#define OURO_UNWIND_FRESH 384u
#define OURO_UNWIND_ROOM 512u

typedef struct ouro__native_frame {
  uintptr_t pc;   /* inside the call instruction (return address - 1); of a frame that a signal interrupted, the next instruction */
  uintptr_t cfa;  /* canonical frame address of this frame; of a signal's, where the kernel keeps the registers */
  uintptr_t bp;   /* frame pointer register in this frame */
  uint32_t node;  /* the user's: kept as long as the frame, and all outside it, stay; means nothing in new frames */
  uint32_t link;  /* the walk's own: how to get to the caller */
} ouro__native_frame;

/* All zeros is a walk that has not begun. */
typedef struct ouro__native_walk {
  unsigned depth;   /* frames; [0] is the outermost */
  unsigned changed; /* frames below it are as they were before the last walk; set by the walk */
  bool cut;         /* there are more frames outside of frame 0: it is `deep`, or the walk could not go on */
  bool deep;        /* there are more than OURO_UNWIND_MOST frames; some of those outside are left out */
  uint32_t generation; /* of the rules that the frames were found by; the walk's own */
  ouro__native_frame frame[OURO_UNWIND_ROOM];
  ouro__native_frame fresh[OURO_UNWIND_FRESH]; /* the walk's own: new frames in the order in which they are found */
} ouro__native_walk;

/* Prepare: look up what the walk needs, while that may still take locks and allocate. Once, before threads. */
void ouro__unwind_start(void);

/* Update `walk`, the calling thread's own, to its stack. Frames of the library that this code is in are left out; where it is part of
 * the program itself, only the walk's own. Safe in signal handlers, apart from one that interrupts a walk with the same `walk`.
 * Keeps errno.
 * Cost: 5 to 10 ns for each frame that has changed, 1 ns for each other; 0.3 us for a place that was not seen before. */
void ouro__unwind(ouro__native_walk *walk);

/* Libraries were unloaded: what was learned of their addresses means nothing any more. Any thread. Later walks begin anew. */
void ouro__unwind_forget(void);

#endif
