"""Input for the real programs: a C file, an SQL script and a JSON file, made by script, the same on every machine.

Each is made once for a size and kept in the build folder; a file is complete where it has its final name."""
import os
import random
import subprocess


def kept(path, write):
    """`path`, written by `write(file)` where it is not there yet."""
    if not path.exists():
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        with open(partial, "w", encoding="utf-8") as file:
            write(file)
        partial.rename(path)
    return path


C_HEAD = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
typedef struct cell { int kind; long number; double real; char *text; struct cell *next; } cell;
typedef struct machine { cell stack[64]; int top; long pc; const unsigned char *code; cell *heap; } machine;
static cell *cell_new(machine *m, int kind) {
  cell *c = malloc(sizeof *c);
  if (c != NULL) { c->kind = kind; c->next = m->heap; m->heap = c; }
  return c;
}
"""

C_CASES = (
    "m->stack[m->top].number += m->stack[(m->top + {a}) & 63].number * {b};",
    "for (i = 0; i < {a}; i++) m->stack[i & 63].real = sqrt(m->stack[i & 63].real + {b}.5);",
    "if (m->stack[m->top].kind == {a}) return -{b}; m->stack[m->top].kind ^= {a};",
    "c = cell_new(m, {a}); if (c == NULL) return -1; c->number = m->stack[m->top].number % ({b} + 1);",
    "m->top = (m->top + {a}) & 63; m->stack[m->top].text = strchr(\"operand {b}\", 'o');",
    "for (c = m->heap; c != NULL && i < {a}; c = c->next, i++) sum += c->number ^ {b};",
    "memset(&m->stack[{a} & 63], 0, sizeof m->stack[0]); sum -= m->pc << ({b} & 7);",
)


def c_source(file, functions):
    """A large interpreter, in many functions, each a switch over its instructions."""
    rng = random.Random(4)
    file.write(C_HEAD)
    for number in range(functions):
        file.write(f"static long step_{number}(machine *m) {{\n  long sum = {number}; int i = 0; cell *c = m->heap;\n"
                   f"  switch (m->code[m->pc++] % 24) {{\n")
        for case in range(24):
            body = rng.choice(C_CASES).format(a=rng.randrange(1, 60), b=rng.randrange(1, 900))
            file.write(f"  case {case}: {body} break;\n")
        file.write("  }\n  (void)c;\n  return sum + i;\n}\n")
    file.write("long run(machine *m) {\n  long sum = 0;\n")
    file.writelines(f"  sum += step_{number}(m);\n" for number in range(functions))
    file.write("  return sum;\n}\n")


def c_file(folder, functions):
    """The source after the preprocessor, so that only the compiler proper is measured."""
    source = kept(folder / f"machine-{functions}.c", lambda file: c_source(file, functions))
    output = folder / f"machine-{functions}.i"
    if not output.exists():
        partial = output.with_name(f"{output.name}.{os.getpid()}")
        subprocess.run(["gcc", "-E", "-P", str(source), "-o", str(partial)], check=True)
        partial.rename(output)
    return output


def sql_script(file, rows):
    """A fifth of the rows come as statements of their own, which must be parsed; the rest from one query."""
    single = rows // 5
    file.write("CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, city INTEGER, note TEXT);\n"
               "CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT);\n"
               "CREATE TABLE visit(person INTEGER, city INTEGER, day INTEGER);\n"
               "BEGIN;\n")
    for i in range(single):
        file.write(f"INSERT INTO person VALUES({i}, 'name {i * 7919 % 99991}', {i % 500}, '{'n' * (i % 60)}');\n")
    file.write(f"""WITH RECURSIVE n(i) AS (SELECT {single} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows})
INSERT INTO person SELECT i, 'name ' || (i * 7919 % 99991), i % 500, substr(hex(zeroblob(30)), 1, i % 60) FROM n;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 500)
INSERT INTO city SELECT i, 'city ' || i FROM n;
INSERT INTO visit SELECT id, (id * 31) % 500, id % 365 FROM person WHERE id % 3 = 0;
COMMIT;
CREATE INDEX person_name ON person(name);
CREATE INDEX visit_person ON visit(person);
SELECT count(*), sum(length(note)) FROM person;
SELECT city.name, count(*) FROM visit JOIN city ON city.id = visit.city GROUP BY city.name ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(DISTINCT person.name) FROM person JOIN visit ON visit.person = person.id WHERE visit.day < 200;
SELECT upper(name) || '-' || group_concat(id) FROM person WHERE id % 50 = 1 GROUP BY name ORDER BY name LIMIT 3;
UPDATE person SET note = note || name WHERE id % 4 = 0;
DELETE FROM person WHERE id % 5 = 0;
SELECT count(*) FROM person;
""")


def sql_file(folder, rows):
    return kept(folder / f"rows-{rows}.sql", lambda file: sql_script(file, rows))


def json_records(file, megabytes):
    """Records with text, numbers, lists and objects, one after the other until there are enough bytes."""
    rng = random.Random(6)
    written = file.write("[")
    number = 0
    while written < megabytes * 1_000_000:
        tags = ",".join(f'"tag{rng.randrange(3000)}"' for _ in range(rng.randrange(5)))
        place = f"{rng.uniform(-180, 180):.5f},{rng.uniform(-90, 90):.5f}"
        written += file.write(
            f'{"," if number else ""}{{"id":{number},"name":"user {rng.randrange(10 ** 6)}","score":{rng.random():.6f},'
            f'"active":{"true" if number % 3 else "false"},"tags":[{tags}],"place":{{"city":"city {number % 700}",'
            f'"at":[{place}]}},"note":"{"text " * rng.randrange(12)}"}}\n')
        number += 1
    file.write("]")


def json_file(folder, megabytes):
    return kept(folder / f"records-{megabytes}.json", lambda file: json_records(file, megabytes))
