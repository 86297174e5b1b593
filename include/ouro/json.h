/* ouro/json.h - JSON (RFC 8259) to values, and values to JSON.
 *
 *     object -> dict    array -> list    string -> str    true, false, null -> true, false, none
 *     number -> int, of any size, where it has neither fraction nor exponent; else float, the double that is nearest
 *
 *     ouro_json_error error;
 *     OURO_AUTO(void) document = OURO_NULL;
 *     if (ouro_json_parse(text, bytes, &document, &error))
 *       printf("line %zu, column %zu: %s\n", error.line, error.column, error.text);
 *
 * What Python's json reads is read as Python reads it, but for three things: NaN and Infinity are no JSON and refused, and so is a
 * surrogate without its other half (\ud800 alone), since no UTF-8 can say it; and ints have no longest length. Of a key that comes twice
 * the last value counts, at the first one's place. -0 is the int 0, -0.0 is not; 1e400 is infinite. A text begins with no byte order
 * mark, has no comments, and nothing but white space behind its value. Equal keys of one document are mostly one object, and so are equal
 * short strings.
 *
 * Reading is done by yajl, an event parser; a library that was built without it writes JSON, and refuses to read: OURO_ESYSTEM, errno
 * ENOSYS. */
#ifndef OURO_JSON_H
#define OURO_JSON_H

#include "value.h"

OURO_BEGIN_DECLS

/* ---------------------------------------------------------------- reading */

/* What is wrong with a text, and where: the byte that is wrong, or one of a word that is, mostly its last; of a string that is no UTF-8,
 * its end, where it has escapes or was cut. */
typedef struct ouro_json_error {
  int code;       /* OURO_ESYNTAX, OURO_EUTF8, OURO_EDEEP, OURO_ERANGE, OURO_ENOMEM, OURO_ESYSTEM, OURO_EPERM; OURO_OK: nothing is */
  size_t line;    /* from 1 */
  size_t column;  /* from 1, in bytes */
  size_t offset;  /* from 0, in bytes */
  char text[104]; /* a sentence, or a part of one */
} ouro_json_error;

enum ouro_json_read_flags {
  OURO_JSON_MANY = 1, /* values, one behind the other, none or more: ouro_json_reader_next gives them */
};

typedef struct ouro_json_read_options {
  unsigned flags;
  size_t depth; /* how deep lists and dicts may lie in each other; 0: OURO_JSON_DEPTH */
} ouro_json_read_options;

#define OURO_JSON_DEPTH 10000

/* Was the library built with a reader?
 * Threads: any.
 * Cost:    O(1). */
OURO_API bool ouro_json_can_read(void);

/* The value that a text says. `error` may be NULL.
 * Ownership: *value is new.
 * Errors:    OURO_ESYNTAX; OURO_EUTF8: a string is no UTF-8; OURO_EDEEP: deeper than OURO_JSON_DEPTH; OURO_ERANGE: an int beyond 64
 *            bits, without GMP; OURO_EINVAL, OURO_ENOMEM, OURO_ESYSTEM, OURO_EPERM. *value is unchanged; what had been made is released.
 * Calls:     as ouro_safepoint, every some 10,000 bytes.
 * Threads:   any.
 * Cost:      O(bytes), but for ints beyond 64 bits; memory beside the values: a pointer for each that waits for its list or dict to
 *            end. */
OURO_API int ouro_json_parse(const char *text, size_t bytes, ouro_slot value, ouro_json_error *error);

/* The same of a file, from where `fd` stands to its end: never is the whole text in memory. file: of the file of that name.
 * Ownership: *value is new.
 * Errors:    as ouro_json_parse; OURO_ESYSTEM: the file cannot be read, errno says why.
 * Calls:     as ouro_safepoint.
 * Threads:   any; it is OUT while it waits for the file.
 * Cost:      O(bytes). */
OURO_API int ouro_json_load(int fd, ouro_slot value, ouro_json_error *error);
OURO_API int ouro_json_load_file(const char *path, ouro_slot value, ouro_json_error *error);

/* A reader of text that comes in pieces, cut anywhere:
 *
 *     reader = ouro_json_reader_new(NULL);
 *     while ((bytes = receive(piece)) > 0 && !code) code = ouro_json_reader_feed(reader, piece, bytes);
 *     if (!code) code = ouro_json_reader_finish(reader, &value);
 *     if (code) ouro_json_reader_error(reader, &error);
 *     ouro_json_reader_free(reader); */
typedef struct ouro_json_reader ouro_json_reader;

/* A new reader. options NULL: none.
 * Ownership: the caller's, for ouro_json_reader_free.
 * Errors:    NULL, errno ENOMEM, ENOSYS; EINVAL: a flag that does not exist.
 * Threads:   any; a reader is for one thread at a time.
 * Cost:      an allocation of some kilobytes. */
OURO_API ouro_json_reader *ouro_json_reader_new(const ouro_json_read_options *options);

/* Release it, and whatever it has that nobody took. NULL: nothing.
 * Calls:   what goes with that.
 * Threads: the reader's.
 * Cost:    O(1), beside what goes. */
OURO_API void ouro_json_reader_free(ouro_json_reader *reader);

/* The next bytes of the text; none of them is needed any more afterwards. It is said as soon as it is seen that a text is wrong; what
 * had been made is released then, and the same is said until ouro_json_reader_finish.
 * Errors:  as ouro_json_parse.
 * Calls:   as ouro_safepoint.
 * Threads: the reader's.
 * Cost:    O(bytes), also where a string or a number is cut often: what is not ended by a piece waits for as many bytes as it has. */
OURO_API int ouro_json_reader_feed(ouro_json_reader *reader, const char *text, size_t bytes);

/* Here the text ends: its value. With OURO_JSON_MANY `value` may be NULL and gets nothing: ouro_json_reader_next gives what there is.
 * Afterwards the reader is ready for another text, also where this one failed.
 * Ownership: *value is new.
 * Errors:    as ouro_json_parse; *value is unchanged.
 * Threads:   the reader's.
 * Cost:      O(1), beside what waited. */
OURO_API int ouro_json_reader_finish(ouro_json_reader *reader, ouro_slot value);

/* With OURO_JSON_MANY: the next value that is complete. White space between values is needed only where they would be one without.
 * Those that were complete before an error are given.
 * Returns: 1: *value has it, new; 0: there is none now; OURO_EINVAL.
 * Threads: the reader's.
 * Cost:    O(1). */
OURO_API int ouro_json_reader_next(ouro_json_reader *reader, ouro_slot value);

/* What was wrong with the text that was fed last; code OURO_OK: nothing was.
 * Threads: the reader's.
 * Cost:    O(1). */
OURO_API void ouro_json_reader_error(const ouro_json_reader *reader, ouro_json_error *error);

/* ---------------------------------------------------------------- writing
 *
 * none, true, false, int, float, str; lists and tuples as arrays, dicts whose keys are all str as objects. Nothing else is converted
 * silently, a key that is an int neither: OURO_ETYPE. Floats are the shortest text that reads back as the same double. Of a list or a dict
 * that others change meanwhile, what is written is well-formed. */

enum ouro_json_write_flags {
  OURO_JSON_SORT_KEYS = 1,  /* by code points; else in the order of the dict */
  OURO_JSON_ASCII = 2,      /* what is not ASCII as \u1234; else as it is, UTF-8 */
  OURO_JSON_ALLOW_NAN = 4,  /* NaN, Infinity, -Infinity as Python writes and reads them, though JSON has none; else OURO_ERANGE */
};

/* Gives what is to be written instead of an object that JSON has nothing for: 0, and *value is new; or a code, which ends it all. */
typedef int (*ouro_json_convert_fn)(void *arg, void *object, ouro_slot value);

/* Takes the next bytes of the text; 0 to go on, or a negative code, which ends it all. */
typedef int (*ouro_json_write_fn)(void *arg, const char *text, size_t bytes);

typedef struct ouro_json_write_options {
  unsigned flags;
  unsigned indent;              /* spaces for each level, an item a line; 0: all in one line, without any space */
  size_t depth;                 /* how deep lists and dicts may lie in each other; 0: OURO_JSON_DEPTH */
  ouro_json_convert_fn convert; /* or NULL: OURO_ETYPE */
  void *convert_arg;
} ouro_json_write_options;

/* Give the text of a value to `write`, some thousand bytes at a time. options NULL: none.
 * Errors:  OURO_ETYPE: what JSON has nothing for; OURO_EDEEP: too deep, or it contains itself; OURO_ERANGE: a float that is infinite or no
 *          number; OURO_ECHANGED: a dict had keys added or taken out meanwhile; OURO_EINVAL, OURO_ENOMEM; what `write` and `convert` say.
 *          A part may have been written then.
 * Calls:   `write`, `convert`; as ouro_safepoint.
 * Threads: any; each list and dict item after item, so that others may change it meanwhile.
 * Cost:    O(text); the depth of nesting costs no stack. */
OURO_API int ouro_json_write(void *value, const ouro_json_write_options *options, ouro_json_write_fn write, void *arg);

/* The text of a value as a str; or appended to a buffer, which has what it had before where that fails.
 * Ownership: new.
 * Errors:    as ouro_json_write; as NULL and its errno.
 * Calls:     `convert`.
 * Threads:   any.
 * Cost:      O(text). */
OURO_API ouro_ref ouro_json_text(void *value, const ouro_json_write_options *options) OURO_ATTR_NEW;
OURO_API int ouro_json_into(void *value, const ouro_json_write_options *options, ouro_buffer *out);

OURO_END_DECLS

#endif
