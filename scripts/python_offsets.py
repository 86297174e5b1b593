#!/usr/bin/env python3
"""Write src/trace/pyoffsets.h: where CPython 3.9 to 3.13 keep what src/trace/pyframes.h reads.

    scripts/python_offsets.py [--check] [INCLUDE...]

The offsets are asked of the compiler: a probe is compiled against the internal headers of each CPython found on this machine, or
of those given, as /usr/include/python3.11. Two of one minor version, a debug build among them, must agree. A version that is not
found keeps the row that it has. With --check nothing is written: exit status 1 says that the table differs from the headers, 77
that there are none to compare it with.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(ROOT, "src/trace/pyoffsets.h")
MINORS = range(9, 14)
NOTHING_TO_CHECK = 77  # meson counts it as skipped
PLACES = ("/usr/include/python3.*", "/usr/local/include/python3.*", "~/.pyenv/versions/*/include/python3.*")

HEAD = """/* trace/pyoffsets.h - the table of trace/pyframes.h, included by trace/pyframes.c alone. scripts/python_offsets.py writes it, from
 * CPython's headers. */
#ifndef OURO_TRACE_PYOFFSETS_H
#define OURO_TRACE_PYOFFSETS_H

"""

PROBE = """#include <Python.h>
#include <frameobject.h>
#include <stddef.h>
#include <stdio.h>
#if PY_MINOR_VERSION >= 11
#include <internal/pycore_frame.h>
#endif
#if PY_MINOR_VERSION >= 13
#include <internal/pycore_runtime.h>
#endif
#define SHOW(name, value) printf("%s %zu\\n", name, (size_t)(value))
#define PUBLISHED(name, field) SHOW("published." name, offsetof(_PyRuntimeState, debug_offsets.field))
static unsigned state(PyASCIIObject *string) { return *(unsigned *)&string->state; }
int main(void) {
  static PyASCIIObject kind, compact, ascii;
  kind.state.kind = 7, compact.state.compact = 1, ascii.state.ascii = 1;
  if (state(&kind) != 7u << 2 || state(&compact) != 1u << 5 || state(&ascii) != 1u << 6) return 1;
  SHOW("minor", PY_MINOR_VERSION);
#if PY_MINOR_VERSION <= 10
#define FRAME PyFrameObject
  SHOW("thread_frame", offsetof(PyThreadState, frame));
  SHOW("frame_code", offsetof(FRAME, f_code));
  SHOW("frame_back", offsetof(FRAME, f_back));
  SHOW("frame_at", offsetof(FRAME, f_lasti));
  SHOW("code_name", offsetof(PyCodeObject, co_name));
  SHOW("code_bytes", sizeof(PyCodeObject));
  SHOW("frame_bytes", sizeof(PyFrameObject));
#else
#define FRAME _PyInterpreterFrame
#if PY_MINOR_VERSION <= 12
  SHOW("thread_frame", offsetof(PyThreadState, cframe));
  SHOW("control_frame", offsetof(_PyCFrame, current_frame));
  SHOW("frame_code", offsetof(FRAME, f_code));
  SHOW("frame_at", offsetof(FRAME, prev_instr));
#else
  SHOW("thread_frame", offsetof(PyThreadState, current_frame));
  SHOW("frame_code", offsetof(FRAME, f_executable));
  SHOW("frame_at", offsetof(FRAME, instr_ptr));
#endif
#if PY_MINOR_VERSION == 11
  SHOW("frame_entry", offsetof(FRAME, is_entry));
#endif
  SHOW("frame_back", offsetof(FRAME, previous));
  SHOW("frame_owner", offsetof(FRAME, owner));
  SHOW("code_name", offsetof(PyCodeObject, co_qualname));
  SHOW("code_start", offsetof(PyCodeObject, co_code_adaptive));
  SHOW("code_first", offsetof(PyCodeObject, _co_firsttraceable));
  SHOW("code_bytes", offsetof(PyCodeObject, co_code_adaptive));
  SHOW("frame_bytes", offsetof(PyFrameObject, _f_frame_data) + offsetof(FRAME, localsplus));
#endif
#if PY_MINOR_VERSION == 9
  SHOW("code_lines", offsetof(PyCodeObject, co_lnotab));
#else
  SHOW("code_lines", offsetof(PyCodeObject, co_linetable));
#endif
  SHOW("code_line", offsetof(PyCodeObject, co_firstlineno));
  SHOW("bytes_length", offsetof(PyVarObject, ob_size));
  SHOW("bytes_data", offsetof(PyBytesObject, ob_sval));
  SHOW("code_file", offsetof(PyCodeObject, co_filename));
  SHOW("string_length", offsetof(PyASCIIObject, length));
  SHOW("string_state", offsetof(PyASCIIObject, state));
  SHOW("string_ascii", sizeof(PyASCIIObject));
  SHOW("string_compact", sizeof(PyCompactUnicodeObject));
  SHOW("string_any", offsetof(PyUnicodeObject, data));
  SHOW("string_bytes", sizeof(PyUnicodeObject));
  SHOW("type_bytes", offsetof(PyTypeObject, tp_basicsize));
  SHOW("type_members", offsetof(PyTypeObject, tp_members));
#if PY_MINOR_VERSION == 13
  PUBLISHED("thread_frame", thread_state.current_frame);
  PUBLISHED("frame_code", interpreter_frame.executable);
  PUBLISHED("frame_back", interpreter_frame.previous);
  PUBLISHED("frame_at", interpreter_frame.instr_ptr);
  PUBLISHED("frame_owner", interpreter_frame.owner);
  PUBLISHED("code_file", code_object.filename);
  PUBLISHED("code_name", code_object.qualname);
  PUBLISHED("code_line", code_object.firstlineno);
  PUBLISHED("code_lines", code_object.linetable);
  PUBLISHED("code_start", code_object.co_code_adaptive);
  PUBLISHED("bytes_length", bytes_object.ob_size);
  PUBLISHED("bytes_data", bytes_object.ob_sval);
  PUBLISHED("string_length", unicode_object.length);
  PUBLISHED("string_state", unicode_object.state);
  PUBLISHED("string_ascii", unicode_object.asciiobject_size);
#endif
  return 0;
}
"""


def minor_of(include):
    """3.11 and 3.11d to 11; None for versions that are not supported, and for free-threaded builds (3.13t)."""
    match = re.search(r"python3\.(\d+)d?/?$", include)
    return int(match[1]) if match and int(match[1]) in MINORS else None


def has_headers(include):
    return minor_of(include) is not None and os.path.exists(os.path.join(include, "internal", "pycore_code.h"))


def find_includes():
    found = [path for place in PLACES for path in sorted(glob.glob(os.path.expanduser(place)))]
    return [path for path in found if has_headers(path)]


def probe(include):
    """Compile and run the probe; returns {name: number} in the order in which it printed them."""
    with tempfile.TemporaryDirectory() as directory:
        source, program = os.path.join(directory, "probe.c"), os.path.join(directory, "probe")
        with open(source, "w") as file:
            file.write(PROBE)
        command = [os.environ.get("CC", "cc"), "-DPy_BUILD_CORE", "-I" + include, "-I" + os.path.join(include, "internal"),
                   "-w", source, "-o", program]
        if subprocess.run(command).returncode != 0:
            sys.exit(f"error: the probe does not compile against {include}: give other headers")
        text = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    if text.returncode != 0:
        sys.exit(f"error: {include} has another layout of strings: src/trace/pyframes.c must learn it")
    return {name: int(number) for name, number in (line.split() for line in text.stdout.splitlines())}


def collect(includes):
    """{minor: numbers}; ends the program where two of one version differ."""
    rows, origin = {}, {}
    for include in includes:
        numbers = probe(include)
        minor = numbers["minor"]
        if rows.setdefault(minor, numbers) != numbers:
            sys.exit(f"error: {include} and {origin[minor]} differ: the table has one row for each minor version")
        origin.setdefault(minor, include)
    return rows, origin


def wrap(fields):
    lines, line = [], "   "
    for field in fields:
        if len(line) + len(field) + 2 > 120:
            lines.append(line)
            line = "   "
        line += f" {field},"
    return "\n".join(lines + [line])


def row_text(numbers):
    fields = [f".{name} = {number}" for name, number in numbers.items() if "." not in name]
    return "  {\n" + wrap(fields) + "\n  },\n"


def published_text(numbers):
    pairs = [(name.partition(".")[2], number) for name, number in numbers.items() if "." in name]
    return "".join(f"  {{{number}, offsetof(ouro__py_offsets, {name})}},\n" for name, number in pairs)


def read_table():
    """The rows and the published offsets of the table as it is, as text."""
    if not os.path.exists(TABLE):
        return {}, ""
    with open(TABLE) as file:
        text = file.read()
    rows = {int(row[1]): row[0] for row in re.finditer(r"  \{\n    \.minor = (\d+),[^}]*\},\n", text)}
    return rows, "".join(re.findall(r"  \{\d+, offsetof.*\n", text))


def table_text(rows, published):
    return (HEAD + "static const ouro__py_offsets offsets[] = {\n" + "".join(rows[minor] for minor in sorted(rows)) + "};\n\n" +
            "static const published published_13[] = {\n" + published + "};\n\n#endif\n")


def check(text):
    with open(TABLE) as file:
        if file.read() == text:
            return 0
    print("error: src/trace/pyoffsets.h is not what these headers say: run scripts/python_offsets.py", file=sys.stderr)
    return 1


def main():
    parser = argparse.ArgumentParser(usage="%(prog)s [--check] [INCLUDE...]", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare the table with the headers; write nothing")
    parser.add_argument("include", nargs="*", help="a directory of CPython's headers; by default those of this machine")
    options = parser.parse_args()
    for include in options.include:
        if not has_headers(include):
            sys.exit(f"error: {include} has no internal headers of CPython 3.9 to 3.13: give one like /usr/include/python3.11")
    includes = options.include or find_includes()
    if not includes:
        print("error: no headers of CPython 3.9 to 3.13: install python3-dev", file=sys.stderr)
        return NOTHING_TO_CHECK if options.check else 1
    found, origin = collect(includes)
    rows, published = read_table()
    rows.update({minor: row_text(numbers) for minor, numbers in found.items()})
    published = published_text(found[13]) if 13 in found else published
    text = table_text(rows, published)
    print("from " + ", ".join(origin[minor] for minor in sorted(origin)))
    if options.check:
        return check(text)
    with open(TABLE, "w") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
