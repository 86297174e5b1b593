/* ouro/base.h - version, export macros, error codes, and the fatal handler.
 *
 * One rule for threads holds in every ouro header: a function may be called from any thread at any time, unless its comment
 * says otherwise. One rule for errors: a function that returns `int` gives 0, or a negative OURO_E code and nothing changed;
 * a function that returns memory gives NULL with `errno` set and nothing changed. The library never prints and never exits,
 * except through the fatal handler below, for proven corruption. */
#ifndef OURO_BASE_H
#define OURO_BASE_H

#include <stddef.h>
#include <stdint.h>

#define OURO_VERSION_MAJOR 0
#define OURO_VERSION_MINOR 1
#define OURO_VERSION_PATCH 0
#define OURO_VERSION "0.1.0"

#if defined(__cplusplus)
#define OURO_BEGIN_DECLS extern "C" {
#define OURO_END_DECLS }
#else
#define OURO_BEGIN_DECLS
#define OURO_END_DECLS
#endif

#if defined(__GNUC__)
#define OURO_API __attribute__((visibility("default")))
#define OURO_ATTR_MALLOC __attribute__((malloc, warn_unused_result))
#define OURO_ATTR_REALLOC __attribute__((warn_unused_result))
#define OURO_ATTR_NEW __attribute__((warn_unused_result)) /* a reference that the caller must release */
#define OURO_ATTR_SIZE(i) __attribute__((alloc_size(i)))
#define OURO_ATTR_SIZE2(i, j) __attribute__((alloc_size(i, j)))
#define OURO_ATTR_ALIGN(i) __attribute__((alloc_align(i)))
#else
#define OURO_API
#define OURO_ATTR_MALLOC
#define OURO_ATTR_REALLOC
#define OURO_ATTR_NEW
#define OURO_ATTR_SIZE(i)
#define OURO_ATTR_SIZE2(i, j)
#define OURO_ATTR_ALIGN(i)
#endif

OURO_BEGIN_DECLS

/* What can go wrong. Codes are stable; new ones are added at the end. */
enum ouro_error {
  OURO_OK = 0,
  OURO_ENOMEM = -1,  /* the system, or the limit, gives no more memory */
  OURO_EINVAL = -2,  /* an argument outside what the function accepts */
  OURO_EBUSY = -3,   /* too late or too early for this call; or a thread did not come to a safepoint in time */
  OURO_ESYSTEM = -4, /* a system call failed; `errno` says why */
  OURO_ESTOP = -5,   /* a visitor asked to stop. errno: ECONNABORTED */
  OURO_EPERM = -6,   /* a second thread, where OURO_CONF=threads:1 promised that there is none */
  OURO_ETYPE = -7,   /* an object of the wrong type, or one that has no such operation. errno: ENOTSUP */
  OURO_EHASH = -8,   /* an object that cannot be hashed, as it may change. errno: EPROTOTYPE */
  OURO_EKEY = -9,    /* no such key, or attribute. errno: ENOENT */
  OURO_EINDEX = -10, /* an index outside the sequence. errno: ENXIO */
  OURO_ERANGE = -11, /* a number that does not fit; a division by zero. errno: ERANGE */
  OURO_EUTF8 = -12,  /* text that is not UTF-8. errno: EILSEQ */
  OURO_ECHANGED = -13, /* a container was changed while it was walked, or sorted. errno: ESTALE */
  OURO_EDEEP = -14,  /* values nested too deep, or without end. errno: ELOOP */
  OURO_ERAISED = -15, /* an error object was raised: ouro_raised_take() gives it. errno: ECANCELED */
  OURO_ESYNTAX = -16, /* text that is not well-formed: JSON, a number, a format. errno: EBADMSG */
};

/* One sentence for a code; "unknown error" for any other number. Never NULL; static.
 * Cost: O(1). */
OURO_API const char *ouro_strerror(int code);

/* The name of a code, such as "OURO_ENOMEM". Never NULL; static.
 * Cost: O(1). */
OURO_API const char *ouro_err_name(int code);

/* The version of the library that runs, such as "0.1.0"; OURO_VERSION is that of the header that was compiled.
 * Cost: O(1). */
OURO_API const char *ouro_version(void);

/* What the fatal handler is told. Proven corruption only; docs/misuse.md shows a program for each. */
enum ouro_fatal_code {
  OURO_FATAL_BAD_POINTER = 1,      /* freed or resized: an address that is in no block of this heap */
  OURO_FATAL_INTERIOR_POINTER = 2, /* freed or resized: an address inside a block, not its beginning */
  OURO_FATAL_DOUBLE_FREE = 3,      /* freed: a block that is free already */
  OURO_FATAL_WRONG_SIZE = 4,       /* freed with a size that cannot be the block's */
  OURO_FATAL_WRITE_AFTER_FREE = 5, /* a free block was written to (found under OURO_CONF=check) */
  OURO_FATAL_OVERRUN = 6,          /* bytes after the end of a block were written (found under OURO_CONF=check) */
  OURO_FATAL_INTERNAL = 7,         /* an invariant of the heap itself does not hold */
  OURO_FATAL_DEAD_OBJECT = 8,      /* counted or released: an object that has been freed, or is being freed */
  OURO_FATAL_WRONG_THREAD = 9,     /* counted by a second thread, where a confined type, or OURO_CONF=threads:1, promised that there
                                    * is none */
  OURO_FATAL_OBJECT_AS_BLOCK = 10, /* freed or resized as a block: an object */
  OURO_FATAL_COUNT_TOO_SMALL = 11, /* the collector found more references to an object than are counted, or a count fell below zero */
  OURO_FATAL_BAD_REFERENCE = 12,   /* the collector found a reference to what is no live object */
  OURO_FATAL_LOCKED = 13,          /* released for the last time: an object in whose section a thread is; or a section ended that is
                                    * not the innermost */
};

typedef struct ouro_fatal_info {
  size_t struct_size;       /* bytes of this struct as the library knows it */
  enum ouro_fatal_code code;
  const char *text;         /* one sentence, static */
  const void *address;      /* the pointer that was passed, or the block */
  const void *block;        /* beginning of the block that `address` lies in, or NULL */
  size_t block_size;        /* usable bytes of that block (its size class), or 0 */
  const void *pool;         /* beginning of the pool, or NULL */
  size_t pool_size;         /* bytes of the pool, or 0 */
  const char *type_name;    /* of the object, or NULL */
} ouro_fatal_info;

/* If it returns, the library aborts; it may instead exit, or longjmp, where what was found was found on a thread of the program. (A
 * block that was freed twice by a thread which sleeps now may be found by the library's own thread; then only abort and exit are left.) */
typedef void (*ouro_fatal_fn)(const ouro_fatal_info *info);

/* Install a handler for proven corruption; NULL restores the default, which writes one line to file descriptor 2 and
 * aborts. Returns the handler that was installed before (NULL for the default).
 * Calls: no lock of the library is held while the handler runs.
 * Cost:  O(1). */
OURO_API ouro_fatal_fn ouro_set_fatal_handler(ouro_fatal_fn handler);

OURO_END_DECLS

#endif
