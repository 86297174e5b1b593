/* ouro/source.h - the place of a call in C source, for tracing: what OURO_TRACE makes of the functions that allocate.
 *
 * A program that is compiled with -DOURO_TRACE (with gcc, clang or another compiler with their extensions) calls the functions below through
 * macros of their own names. Each call has a static record of its file, function and line, and leaves its address to the tracer just before it
 * calls. Without tracing that costs a call of two instructions. The functions themselves stay what they are: (ouro_malloc)(8) and &ouro_malloc
 * avoid the macro. The macros are expressions for use inside functions: in C++, the initial value of a global is none.
 *
 *     void *a = ouro_malloc(64);     the site is this line, without a stack
 *
 * A function that allocates for its callers can hand their place on: take it as an `const ouro_source *`, OURO_HERE in the caller, and say
 * ouro_trace_here(place) before it calls (ouro_malloc). */
#ifndef OURO_SOURCE_H
#define OURO_SOURCE_H

#include "base.h"

OURO_BEGIN_DECLS

typedef struct ouro_source {
  const char *file, *function; /* static */
  unsigned line;
} ouro_source;

/* Let the next allocation of the calling thread through this library be at that place. `place` is never freed. While tracing is off,
 * nothing comes of it.
 * Cost: O(1). */
OURO_API void ouro_trace_here(const ouro_source *place);

#if defined(__GNUC__)
#define OURO_HERE \
  (__extension__({ \
    static const ouro_source ouro__this_place = {__FILE__, __func__, __LINE__}; \
    &ouro__this_place; \
  }))
#endif

OURO_END_DECLS

#endif
