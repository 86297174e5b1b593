/* values/format.c - ouro_format: printf, with objects, for strings of UTF-8.
 *
 * A format is read once: what stands for itself is checked and copied; of a conversion, a SPEC is made, its argument is taken by the type
 * that the C standard says for it, and its text appended. Numbers are the C library's to print: integers as (u)intmax_t, after they were
 * cut to the type that the modifier says; floats in the locale "C". Text is padded here, since the C library counts bytes. */
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>

#include "values/number.h"
#include "values/str.h"

typedef enum modifier { NONE, HH, H, L, LL, J, Z, T, LONG_DOUBLE } modifier;

typedef struct spec {
  bool left, plus, space, alternate, zero; /* - + ' ' # 0 */
  int width, precision;                    /* precision -1: none */
  modifier modifier;
  char conversion;
} spec;

/* Arguments, so that functions may take from them: a va_list may be an array. */
typedef struct arguments {
  va_list list;
} arguments;

/* ---------------------------------------------------------------- reading a conversion */

static bool read_flag(char c, spec *it) {
  switch (c) {
    case '-': it->left = true; return true;
    case '+': it->plus = true; return true;
    case ' ': it->space = true; return true;
    case '#': it->alternate = true; return true;
    case '0': it->zero = true; return true;
    default: return false;
  }
}

/* A number, or a star. OURO_ERANGE: it is too large. */
static int read_number(const char **at, arguments *from, int *number) {
  int64_t value = 0;
  if (**at == '*') {
    ++*at;
    *number = va_arg(from->list, int);
    return OURO_OK;
  }
  for (; **at >= '0' && **at <= '9'; ++*at) {
    value = value * 10 + (**at - '0');
    if (value > INT_MAX) return OURO_ERANGE;
  }
  *number = (int)value;
  return OURO_OK;
}

static int read_width(const char **at, arguments *from, spec *it) {
  int code = read_number(at, from, &it->width);
  if (code || it->width >= 0) return code;
  if (it->width == INT_MIN) return OURO_ERANGE;
  it->left = true;
  it->width = -it->width;
  return OURO_OK;
}

static int read_precision(const char **at, arguments *from, spec *it) {
  it->precision = -1;
  if (**at != '.') return OURO_OK;
  ++*at;
  if (**at == '-') return OURO_ESYNTAX;
  int code = read_number(at, from, &it->precision);
  if (it->precision < 0) it->precision = -1;
  return code;
}

static modifier read_modifier(const char **at) {
  bool twice = (*at)[0] && (*at)[0] == (*at)[1];
  switch (*(*at)++) {
    case 'h': return twice ? (++*at, HH) : H;
    case 'l': return twice ? (++*at, LL) : L;
    case 'j': return J;
    case 'z': return Z;
    case 't': return T;
    case 'L': return LONG_DOUBLE;
    default: --*at; return NONE;
  }
}

/* *at: behind the percent sign; then behind the conversion. */
static int read_spec(const char **at, arguments *from, spec *it) {
  *it = (spec){.precision = -1};
  while (read_flag(**at, it)) ++*at;
  int code = read_width(at, from, it);
  if (!code) code = read_precision(at, from, it);
  if (code) return code;
  it->modifier = read_modifier(at);
  it->conversion = **at;
  if (it->conversion) ++*at;
  return OURO_OK;
}

/* ---------------------------------------------------------------- what is appended, padded */

static int append_many(ouro_buffer *out, char c, size_t count) {
  char some[64];
  memset(some, c, sizeof some);
  int code = OURO_OK;
  for (; !code && count > sizeof some; count -= sizeof some) code = ouro_buffer_append(out, some, sizeof some);
  return code ? code : ouro_buffer_append(out, some, count);
}

/* Spaces that so many characters need to be as wide as is asked. */
static size_t padding(const spec *it, size_t points) { return (size_t)it->width > points ? (size_t)it->width - points : 0; }

static int append_text(ouro_buffer *out, const spec *it, const char *text, size_t bytes, size_t points) {
  size_t spaces = padding(it, points);
  int code = it->left ? OURO_OK : append_many(out, ' ', spaces);
  if (!code) code = ouro_buffer_append(out, text, bytes);
  return !code && it->left ? append_many(out, ' ', spaces) : code;
}

/* No byte is read behind the last character that the precision lets through; nor behind the NUL. */
static int measure_text(const char *text, size_t most, size_t *bytes, size_t *points) {
  const char *at = text;
  for (*points = 0; *points < most && *at; ++*points) {
    unsigned count = ouro__utf8_sequence(at, at + 4);
    if (!count) return OURO_EUTF8;
    at += count;
  }
  *bytes = (size_t)(at - text);
  return OURO_OK;
}

static int append_c_string(ouro_buffer *out, const spec *it, const char *text) {
  size_t bytes, points;
  if (!text) text = "(null)";
  int code;
  if (it->precision < 0) {
    bytes = strlen(text);
    code = ouro__utf8_check(text, bytes, &points);
  } else {
    code = measure_text(text, (size_t)it->precision, &bytes, &points);
  }
  return code ? code : append_text(out, it, text, bytes, points);
}

static int append_point(ouro_buffer *out, const spec *it, uint32_t point) {
  char text[4];
  unsigned bytes = ouro__utf8_put(point, text);
  return bytes ? append_text(out, it, text, bytes, 1) : OURO_EUTF8;
}

/* What was appended from `begin` on, cut to the precision, padded to the width. */
static int fit(ouro_buffer *out, const spec *it, size_t begin) {
  const char *text = ouro_buffer_data(out) + begin;
  size_t bytes = ouro_buffer_count(out) - begin, points;
  if (bytes == 0) return append_many(out, ' ', (size_t)it->width);
  int code = ouro__utf8_check(text, bytes, &points);
  if (code) return code;
  if (it->precision >= 0 && points > (size_t)it->precision) {
    points = (size_t)it->precision;
    ouro_buffer_truncate(out, (size_t)(ouro__utf8_skip(text, points) - ouro_buffer_data(out)));
  }
  size_t spaces = padding(it, points), end = ouro_buffer_count(out);
  code = append_many(out, ' ', spaces);
  if (code || it->left || !spaces) return code;
  char *data = ouro_buffer_data(out);
  memmove(data + begin + spaces, data + begin, end - begin);
  memset(data + begin, ' ', spaces);
  return OURO_OK;
}

static int append_object(ouro_buffer *out, const spec *it, void *object) {
  size_t begin = ouro_buffer_count(out);
  if (!object) return OURO_EINVAL;
  int code = it->conversion == 'R' ? ouro_repr_into(object, out) : ouro_str_into(object, out);
  return code ? code : fit(out, it, begin);
}

/* ---------------------------------------------------------------- numbers, by the C library */

enum { SPEC_ROOM = 16, NUMBER_ROOM = 128 };

/* The spec as the C library reads it, width and precision as stars. */
static void write_spec(const spec *it, const char *length, char text[SPEC_ROOM]) {
  char *at = text;
  *at++ = '%';
  if (it->left) *at++ = '-';
  if (it->plus) *at++ = '+';
  if (it->space) *at++ = ' ';
  if (it->alternate) *at++ = '#';
  if (it->zero) *at++ = '0';
  memcpy(at, "*.*", 3);
  at += 3;
  while (*length) *at++ = *length++;
  *at++ = it->conversion;
  *at = 0;
}

typedef struct number {
  enum { SIGNED, UNSIGNED, ADDRESS, DOUBLE, LONG } kind;
  union {
    intmax_t i;
    uintmax_t u;
    void *address;
    double d;
    long double ld;
  } as;
} number;

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* it was written by write_spec */
#endif
static int print(char *text, size_t room, const char *format, const spec *it, const number *value) {
  switch (value->kind) {
    case SIGNED: return snprintf(text, room, format, it->width, it->precision, value->as.i);
    case UNSIGNED: return snprintf(text, room, format, it->width, it->precision, value->as.u);
    case ADDRESS: return snprintf(text, room, format, it->width, it->precision, value->as.address);
    case DOUBLE: return snprintf(text, room, format, it->width, it->precision, value->as.d);
    default: return snprintf(text, room, format, it->width, it->precision, value->as.ld);
  }
}
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

static int append_number(ouro_buffer *out, const spec *it, const number *value) {
  static const char *const lengths[] = {[SIGNED] = "j", [UNSIGNED] = "j", [ADDRESS] = "", [DOUBLE] = "", [LONG] = "L"};
  char format[SPEC_ROOM], text[NUMBER_ROOM];
  write_spec(it, lengths[value->kind], format);
  int count = print(text, sizeof text, format, it, value);
  if (count < 0) return errno == EOVERFLOW ? OURO_ERANGE : OURO_ENOMEM;
  if ((size_t)count < sizeof text) return ouro_buffer_append(out, text, (size_t)count);
  size_t begin = ouro_buffer_count(out);
  int code = ouro_buffer_reserve(out, begin + (size_t)count + 1);
  if (!code) code = append_many(out, ' ', (size_t)count + 1);
  if (code) return code;
  (void)print(ouro_buffer_data(out) + begin, (size_t)count + 1, format, it, value);
  ouro_buffer_truncate(out, begin + (size_t)count);
  return OURO_OK;
}

/* The plain conversion of most. */
static int append_plain(ouro_buffer *out, bool negative, uintmax_t magnitude, unsigned base) {
  char text[72], *end = text + sizeof text, *at = ouro__digits_before(end, magnitude, base);
  if (negative) *--at = '-';
  return ouro_buffer_append(out, at, (size_t)(end - at));
}

static bool is_plain(const spec *it) {
  return !it->width && it->precision < 0 && !(it->plus || it->space || it->alternate || it->zero);
}

static bool take_signed(arguments *from, modifier as, intmax_t *value) {
  switch (as) {
    case NONE: *value = va_arg(from->list, int); return true;
    case HH: *value = (signed char)va_arg(from->list, int); return true;
    case H: *value = (short)va_arg(from->list, int); return true;
    case L: *value = va_arg(from->list, long); return true;
    case LL: *value = va_arg(from->list, long long); return true;
    case J: *value = va_arg(from->list, intmax_t); return true;
    case Z:
    case T: *value = va_arg(from->list, ptrdiff_t); return true; /* the signed type of size_t's width */
    default: return false;
  }
}

static bool take_unsigned(arguments *from, modifier as, uintmax_t *value) {
  switch (as) {
    case NONE: *value = va_arg(from->list, unsigned); return true;
    case HH: *value = (unsigned char)va_arg(from->list, unsigned); return true;
    case H: *value = (unsigned short)va_arg(from->list, unsigned); return true;
    case L: *value = va_arg(from->list, unsigned long); return true;
    case LL: *value = va_arg(from->list, unsigned long long); return true;
    case J: *value = va_arg(from->list, uintmax_t); return true;
    case Z:
    case T: *value = va_arg(from->list, size_t); return true;
    default: return false;
  }
}

static int append_signed(ouro_buffer *out, spec *it, arguments *from) {
  intmax_t value;
  if (!take_signed(from, it->modifier, &value)) return OURO_ESYNTAX;
  if (is_plain(it)) return append_plain(out, value < 0, value < 0 ? -(uintmax_t)value : (uintmax_t)value, 10);
  it->conversion = 'd';
  return append_number(out, it, &(number){SIGNED, {.i = value}});
}

static int append_unsigned(ouro_buffer *out, const spec *it, arguments *from) {
  uintmax_t value;
  if (!take_unsigned(from, it->modifier, &value)) return OURO_ESYNTAX;
  if (is_plain(it) && it->conversion == 'u') return append_plain(out, false, value, 10);
  return append_number(out, it, &(number){UNSIGNED, {.u = value}});
}

/* ---------------------------------------------------------------- floats, in the locale "C" */

/* Made once, and never freed; (locale_t)0: there is no memory. */
static locale_t c_locale(void) {
  static _Atomic(locale_t) known;
  locale_t made = ouro__load_acquire(&known), nobody = (locale_t)0;
  if (OURO_LIKELY(made != (locale_t)0)) return made;
  made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!made || atomic_compare_exchange_strong(&known, &nobody, made)) return made;
  freelocale(made); /* another thread was quicker */
  return nobody;
}

static int append_float(ouro_buffer *out, const spec *it, arguments *from) {
  number value = {DOUBLE, {0}};
  if (it->modifier == LONG_DOUBLE) {
    value.kind = LONG;
    value.as.ld = va_arg(from->list, long double);
  } else if (it->modifier == NONE || it->modifier == L) {
    value.as.d = va_arg(from->list, double);
  } else {
    return OURO_ESYNTAX;
  }
  locale_t ours = c_locale();
  if (!ours) return OURO_ENOMEM;
  locale_t before = uselocale(ours);
  int code = append_number(out, it, &value);
  uselocale(before);
  return code;
}

/* ---------------------------------------------------------------- the format */

static int append_of_text(ouro_buffer *out, const spec *it, arguments *from) {
  if (it->modifier != NONE) return OURO_ESYNTAX;
  switch (it->conversion) {
    case 'c': return append_point(out, it, va_arg(from->list, unsigned));
    case 's': return append_c_string(out, it, va_arg(from->list, const char *));
    case 'p': return append_number(out, it, &(number){ADDRESS, {.address = va_arg(from->list, void *)}});
    default: return append_object(out, it, va_arg(from->list, void *));
  }
}

static int append_conversion(ouro_buffer *out, spec *it, arguments *from) {
  switch (it->conversion) {
    case 'd':
    case 'i': return append_signed(out, it, from);
    case 'u':
    case 'x':
    case 'X':
    case 'o': return append_unsigned(out, it, from);
    case 'f':
    case 'F':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
    case 'a':
    case 'A': return append_float(out, it, from);
    case 'c':
    case 's':
    case 'p':
    case 'O':
    case 'R': return append_of_text(out, it, from);
    default: return OURO_ESYNTAX;
  }
}

static int append_literal(ouro_buffer *out, const char *from, const char *to) {
  size_t points;
  int code = ouro__utf8_check(from, (size_t)(to - from), &points);
  return code ? code : ouro_buffer_append(out, from, (size_t)(to - from));
}

static int append_all(ouro_buffer *out, const char *format, arguments *from) {
  for (;;) {
    spec it;
    const char *percent = strchr(format, '%'), *end = percent ? percent : format + strlen(format);
    int code = append_literal(out, format, end);
    if (code || !percent) return code;
    format = percent + 1;
    if (*format == '%') {
      code = ouro_buffer_append_char(out, *format++);
    } else {
      code = read_spec(&format, from, &it);
      if (!code) code = append_conversion(out, &it, from);
    }
    if (code) return code;
  }
}

/* ---------------------------------------------------------------- the interface */

/* To a buffer on the stack. */
static int format_on_stack(ouro_buffer *out, const char *format, va_list list) {
  arguments from;
  size_t before = ouro_buffer_count(out);
  if (!format) return OURO_EINVAL;
  va_copy(from.list, list);
  int code = append_all(out, format, &from);
  va_end(from.list);
  if (code) ouro_buffer_truncate(out, before);
  return code;
}

/* What an object gets, it gets at one moment. */
int ouro_format_into_list(ouro_buffer *out, const char *format, va_list list) {
  ouro_buffer text = OURO_BUFFER_ON_STACK;
  if (!out) return OURO_EINVAL;
  if (ouro__buffer_is_on_stack(out)) return format_on_stack(out, format, list);
  int code = format_on_stack(&text, format, list);
  if (!code) code = ouro_buffer_append(out, ouro_buffer_data(&text), ouro_buffer_count(&text));
  ouro_buffer_done(&text);
  return code;
}

int ouro_format_into(ouro_buffer *out, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int code = ouro_format_into_list(out, format, list);
  va_end(list);
  return code;
}

ouro_ref ouro_format_list(const char *format, va_list list) {
  ouro_buffer text = OURO_BUFFER_ON_STACK;
  int code = format_on_stack(&text, format, list);
  ouro_ref made = code ? ouro__fail(code) : ouro_buffer_to_str(&text);
  int saved = errno;
  ouro_buffer_done(&text);
  errno = saved;
  return made;
}

ouro_ref ouro_format(const char *format, ...) {
  va_list list;
  va_start(list, format);
  ouro_ref made = ouro_format_list(format, list);
  va_end(list);
  return made;
}
