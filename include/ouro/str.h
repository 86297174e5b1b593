/* ouro/str.h - str: text that never changes, in UTF-8; formatting; interned strings, which are one object for one text.
 *
 *     32 bytes: | header | bytes | hash | code points |   then the text, and a NUL that does not count
 *
 *     OURO_AUTO(ouro_str) greeting = ouro_format("%s, %O!", "Hello", name);
 *     OURO_AUTO(ouro_list) words = ouro_str_split(greeting, NULL, -1);
 *
 * The text is valid UTF-8, always: what makes strings of a program's bytes checks them, and refuses what is not (overlong forms,
 * surrogates, what lies above U+10FFFF). It may contain NULs. An INDEX counts code points, and a negative one from the end, as in Python:
 * O(1) in text that is ASCII alone, and O(bytes) in other. The empty string, and those of one ASCII character, were made once, and are
 * immortal.
 *
 * Equality is that of the code points: nothing is normalised. Order is that of the code points, too. A hash is taken once, of 32 bits, by
 * SipHash under a key that is random in each process.
 *
 * Its repr is Python's, but that of what is not ASCII it escapes control characters, ends of lines and paragraphs and noncharacters alone:
 * here are no tables that say what else Unicode calls unprintable.
 *
 * Strings refer to nothing and never change, so all that is here may be called by any number of threads at once. Arguments that are strings
 * are trusted to be strings (ouro_is_str); what takes a void * checks. */
#ifndef OURO_STR_H
#define OURO_STR_H

#include <stdarg.h>
#include <string.h>

#include "list.h"

OURO_BEGIN_DECLS

/* The fields are the library's. */
typedef struct ouro_str {
  ouro_var base;            /* count: bytes, without the NUL */
  uint32_t ouro__hash;      /* 0: not taken yet */
  uint32_t ouro__points;    /* code points; UINT32_MAX: to be counted, they are that many or more */
} ouro_str;

OURO_API extern ouro_type ouro_str_type;
OURO_API extern ouro_type ouro__interned_str_type; /* derived from it */

/* Is it a string? Is it one of the library's two types, and not of one that is derived from them?
 * Threads: any that holds a reference.
 * Cost:    a load, one comparison or two; of other types, O(depth of derivation). */
static inline bool ouro__is_str_exact(const void *object) {
  const ouro_type *type = ouro_type_of(object);
  return type == &ouro_str_type || type == &ouro__interned_str_type;
}
static inline bool ouro_is_str(const void *object) {
  return OURO__LIKELY(ouro__is_str_exact(object)) || ouro_is_instance(object, &ouro_str_type);
}

/* ---------------------------------------------------------------- making */

/* A string of UTF-8 text, copied: so many bytes; or up to its NUL.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EILSEQ: it is not UTF-8; EINVAL: NULL, and yet some bytes.
 * Threads:   any.
 * Cost:      O(bytes), eight at a time while they are ASCII; an object. */
OURO_API ouro_ref ouro_str_new(const char *utf8, size_t bytes) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_from(const char *text) OURO_ATTR_NEW;

/* The string of one code point.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EILSEQ: it is none (above 0x10ffff, or a surrogate).
 * Threads:   any.
 * Cost:      O(1); of ASCII, nothing is made. */
OURO_API ouro_ref ouro_str_from_point(uint32_t point) OURO_ATTR_NEW;

/* Is it UTF-8? Where not, *where (unless NULL) is the index of the byte with which the first wrong sequence begins.
 * Threads: any.
 * Cost:    O(bytes). */
OURO_API bool ouro_utf8_is_valid(const char *text, size_t bytes, size_t *where);

/* ---------------------------------------------------------------- looking */

/* The text, and behind it a NUL; borrowed, as long as the object lives. How many bytes; is it ASCII alone?
 * Threads: any that holds a reference.
 * Cost:    a load. */
static inline const char *ouro_str_text(const ouro_str *str) { return (const char *)(str + 1); }
static inline size_t ouro_str_bytes(const ouro_str *str) { return str->base.count; }
static inline bool ouro_str_is_ascii(const ouro_str *str) { return str->base.count == str->ouro__points; }

/* How many code points.
 * Threads: any that holds a reference.
 * Cost:    a load; O(bytes) where there are more than 4 billion. */
OURO_API size_t ouro__str_length_slow(const ouro_str *str);
static inline size_t ouro_str_length(const ouro_str *str) {
  return OURO__LIKELY(str->ouro__points != UINT32_MAX) ? str->ouro__points : ouro__str_length_slow(str);
}

/* The code point at an index; and as a string.
 * Ownership: get: new.
 * Returns:   the code point, or OURO_EINDEX; get: NULL, errno ENXIO, ENOMEM, EPERM.
 * Threads:   any that holds a reference.
 * Cost:      O(1) in ASCII, else O(bytes). */
OURO_API int32_t ouro_str_at(const ouro_str *str, ptrdiff_t index);
OURO_API ouro_ref ouro_str_get(const ouro_str *str, ptrdiff_t index) OURO_ATTR_NEW;

/* Walk over the code points: *cursor is 0 at first, and stands for a byte.
 * Returns: 1: *point is the next one; 0: there is none left.
 * Threads: any that holds a reference.
 * Cost:    some instructions; nothing is made. */
OURO_API int ouro_str_next(const ouro_str *str, size_t *cursor, uint32_t *point);

/* The code points [start:stop:step], as Python's slice; OURO_LEFT_OUT for each that is not given. What lies outside is left out.
 * Ownership: new; the string itself where that is all of it.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: a step of 0.
 * Threads:   any that holds a reference.
 * Cost:      O(code points of the slice); in text that is not ASCII alone, O(bytes). */
OURO_API ouro_ref ouro_str_slice(ouro_str *str, ptrdiff_t start, ptrdiff_t stop, ptrdiff_t step) OURO_ATTR_NEW;

/* Are the two equal? Is the string equal to that text? Which comes first: below, equal to or above 0?
 * Threads: any that holds references.
 * Cost:    O(bytes); lengths, and hashes that are known, are compared first. Of two interned ones, O(1). */
OURO_API bool ouro_str_equal(const ouro_str *first, const ouro_str *second);
OURO_API bool ouro_str_equal_text(const ouro_str *str, const char *text);
OURO_API int ouro_str_compare(const ouro_str *first, const ouro_str *second);

/* ---------------------------------------------------------------- searching */

/* Where `what` begins for the first time, or the last, in [start:stop]: its index in the whole. The empty string is everywhere.
 *     ouro_str_find(text, what, OURO_LEFT_OUT, OURO_LEFT_OUT)
 * Returns: the index; -1: nowhere.
 * Threads: any that holds references.
 * Cost:    find: O(bytes), the C library's memmem; find_last: O(bytes * bytes of what) at worst. */
OURO_API ptrdiff_t ouro_str_find(const ouro_str *str, const ouro_str *what, ptrdiff_t start, ptrdiff_t stop);
OURO_API ptrdiff_t ouro_str_find_last(const ouro_str *str, const ouro_str *what, ptrdiff_t start, ptrdiff_t stop);

/* Is `what` in it? How often, none over another; of the empty string, one more than there are code points.
 * Threads: any that holds references.
 * Cost:    O(bytes). */
OURO_API bool ouro_str_contains(const ouro_str *str, const ouro_str *what);
OURO_API size_t ouro_str_count_of(const ouro_str *str, const ouro_str *what);

/* Does it begin, or end, with that?
 * Threads: any that holds references.
 * Cost:    O(bytes of what). */
OURO_API bool ouro_str_starts(const ouro_str *str, const ouro_str *what);
OURO_API bool ouro_str_ends(const ouro_str *str, const ouro_str *what);

/* ---------------------------------------------------------------- strings from strings */

/* One behind the other; the same several times over (below 1: none).
 * Ownership: new; one of them itself where the others add nothing.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any that holds references.
 * Cost:      O(bytes of the result). */
OURO_API ouro_ref ouro_str_concat(ouro_str *first, ouro_str *second) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_repeat(ouro_str *str, ptrdiff_t times) OURO_ATTR_NEW;

/* The strings in `items`, anything that can be walked over, with the separator in between.
 * Ownership: new; of one string, that string itself.
 * Errors:    NULL, errno ENOMEM, EPERM; ENOTSUP: an item is no string, or there is no walk; what the walk says.
 * Calls:     `iterate` and `next`, unless it is a list or a tuple.
 * Threads:   any that holds references; a list is taken as it is at one moment.
 * Cost:      O(bytes of the result), which is made once. */
OURO_API ouro_ref ouro_str_join(ouro_str *separator, void *items) OURO_ATTR_NEW;

/* A list of the parts between separators, at most `most` of which are looked for (negative: all). Separator NULL: parts between stretches
 * of white space (Unicode's), none of them empty.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: the separator is empty.
 * Threads:   any that holds references.
 * Cost:      O(bytes), an object for each part; of one ASCII character, none. */
OURO_API ouro_ref ouro_str_split(ouro_str *str, const ouro_str *separator, ptrdiff_t most) OURO_ATTR_NEW;

/* A list of its lines, with their ends or without. What ends a line is what Python says: \n, \r, \r\n, \v, \f, \x1c to \x1e, \x85,
 * U+2028, U+2029.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any that holds a reference.
 * Cost:      O(bytes), an object for each line. */
OURO_API ouro_ref ouro_str_split_lines(ouro_str *str, bool keep_ends) OURO_ATTR_NEW;

/* A tuple of what is before the separator where it is first (last), the separator, and what is behind. Without one in it: the string and
 * two empty ones (two empty ones and the string).
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EINVAL: the separator is empty.
 * Threads:   any that holds references.
 * Cost:      O(bytes). */
OURO_API ouro_ref ouro_str_partition(ouro_str *str, ouro_str *separator) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_partition_last(ouro_str *str, ouro_str *separator) OURO_ATTR_NEW;

/* Without the characters of `points` at both ends, at the beginning (lstrip), at the end (rstrip). NULL: without white space (Unicode's).
 * Ownership: new; the string itself where there are none.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any that holds references.
 * Cost:      O(bytes that go, times code points in `points`), and a copy of the rest. */
OURO_API ouro_ref ouro_str_strip(ouro_str *str, const ouro_str *points) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_lstrip(ouro_str *str, const ouro_str *points) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_rstrip(ouro_str *str, const ouro_str *points) OURO_ATTR_NEW;

/* With `to` in the place of the first `most` times that `from` is there (negative: all). An empty `from` is before each code point, and
 * at the end.
 * Ownership: new; the string itself where nothing is replaced.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any that holds references.
 * Cost:      O(bytes), and of the result, which is made once. */
OURO_API ouro_ref ouro_str_replace(ouro_str *str, const ouro_str *from, const ouro_str *to, ptrdiff_t most) OURO_ATTR_NEW;

/* With the letters a to z, and no others, in upper case; in lower case; title: the first letter of each word of ASCII letters in upper
 * case, the others in lower. What is not ASCII stays, and is no letter: the case of Unicode depends on the language, and is for a library
 * such as ICU.
 * Ownership: new; the string itself where nothing changes.
 * Errors:    NULL, errno ENOMEM, EPERM.
 * Threads:   any that holds a reference.
 * Cost:      O(bytes). */
OURO_API ouro_ref ouro_str_ascii_upper(ouro_str *str) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_ascii_lower(ouro_str *str) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_str_ascii_title(ouro_str *str) OURO_ATTR_NEW;

/* ---------------------------------------------------------------- formatting
 *
 * A format is UTF-8, with conversions as printf's:
 *
 *     %[-+ #0][width][.precision][hh h l ll j z t]conversion       width and precision may be *, an int; negative: '-', or none
 *
 *     d i u x X o          integers, by their modifier       f F e E g G a A     double, with a '.' in any locale; L: long double
 *     c                    a code point, an unsigned int     s                   a C string, UTF-8; NULL: (null)
 *     O                    str of an object                  R                   its repr
 *     p                    an address                        %                   a percent sign
 *
 * Of c, s, O and R, width and precision count code points: no character is cut in two. Of s, nothing is read behind the last character that
 * the precision lets through.
 *
 * Compilers do not know O and R, and cannot check: where those are not used, ouro_format_checked is the same with printf's warnings. */

/* A string of a format and its arguments.
 * Ownership: new. Objects are borrowed.
 * Errors:    NULL, errno ENOMEM, EPERM; EBADMSG: the format is not well-formed, or has a conversion that is not listed; EILSEQ: the
 *            format, or a text, is not UTF-8, or there is no such code point; ERANGE: a width or precision above 2^31 - 1; EINVAL: NULL
 *            for an object; what `str` or `repr` says.
 * Calls:     `str`, `repr` of the objects.
 * Threads:   any.
 * Cost:      O(bytes of the result). */
OURO_API ouro_ref ouro_format(const char *format, ...) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_format_list(const char *format, va_list arguments) OURO_ATTR_NEW;

/* The same, appended to a buffer (<ouro/bytes.h>).
 * Errors:  OURO_ENOMEM, OURO_ESYNTAX, OURO_EUTF8, OURO_ERANGE, OURO_EINVAL, as above; the buffer is unchanged.
 * Calls:   `str`, `repr` of the objects.
 * Threads: any.
 * Cost:    O(bytes of the result). */
OURO_API int ouro_format_into(ouro_buffer *out, const char *format, ...);
OURO_API int ouro_format_into_list(ouro_buffer *out, const char *format, va_list arguments);

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2))) static inline const char *ouro__format_check(const char *format, ...) { return format; }
#define ouro_format_checked(...) ((void)sizeof(ouro__format_check(__VA_ARGS__)), ouro_format(__VA_ARGS__))
#else
#define ouro_format_checked(...) ouro_format(__VA_ARGS__)
#endif

/* ---------------------------------------------------------------- interned strings
 *
 * Of equal interned strings there is one: so two of them are equal where they are the same object, and whoever compares many names compares
 * addresses. An interned string goes when its last reference does, like any object: names that come from outside (keys of documents, users'
 * names) may be interned without end. (CPython 3.12 made all of them immortal, and services that interned what they were sent grew:
 * gh-113993.)
 *
 * Names of the program itself, which it uses all the time in all its threads, are ouro_intern_static's: those are immortal, so that no
 * thread counts them, and none has to make them anew. There are as many as the program's text says; nothing that comes from outside may be
 * interned so. */

/* The interned string that is equal to `str`: the string itself where it is interned, else one that is or is made.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; ENOTSUP: it is no string.
 * Threads:   any that holds a reference.
 * Cost:      a lock of one of 16, by hash (none, as long as there is one thread); a look into a table; an object where it is new. */
OURO_API ouro_ref ouro_intern(void *str) OURO_ATTR_NEW;

/* The same of UTF-8 text: so many bytes; or up to its NUL.
 * Ownership: new.
 * Errors:    NULL, errno ENOMEM, EPERM; EILSEQ: it is not UTF-8; EINVAL: NULL, and yet some bytes.
 * Threads:   any.
 * Cost:      as ouro_intern, and the hash. */
OURO_API ouro_ref ouro_intern_utf8(const char *utf8, size_t bytes) OURO_ATTR_NEW;
OURO_API ouro_ref ouro_intern_text(const char *text) OURO_ATTR_NEW;

/* The same, immortal: for the names that are written in the program. One that others have interned already stays where it is, and is
 * immortal from then on.
 *     static void *name;
 *     if (!name) name = ouro_intern_static("name");
 * Ownership: new, and need not be released.
 * Errors:    NULL, errno ENOMEM, EPERM, EILSEQ; EBUSY: others use it, and could not be stopped in time to let it be immortal.
 * Threads:   any.
 * Cost:      as ouro_intern_text; once, where others use it, that of stopping the world. */
OURO_API ouro_ref ouro_intern_static(const char *text) OURO_ATTR_NEW;

/* Is it an interned string?
 * Threads: any that holds a reference.
 * Cost:    a load and a comparison. */
static inline bool ouro_is_interned(const void *object) { return ouro_type_of(object) == &ouro__interned_str_type; }

/* How many interned strings there are, without those of one ASCII character and the empty one; and bytes of their table, without the
 * strings.
 * Threads: any; each of 16 parts is seen at one moment.
 * Cost:    O(1). */
OURO_API size_t ouro_interned_count(void);
OURO_API size_t ouro_interned_bytes(void);

OURO_END_DECLS

#endif
