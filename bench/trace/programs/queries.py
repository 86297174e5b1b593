"""SQL in memory by sqlite3: tables filled, joined, grouped, changed, and read as tuples and rows.

Argument: scale (1 takes about a second)."""
import sqlite3
import sys

PEOPLE = 12_000


def fill(base):
    base.executescript("CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, city INTEGER);"
                       "CREATE TABLE visit(person INTEGER, day INTEGER, spent REAL);")
    base.executemany("INSERT INTO person VALUES(?, ?, ?)", ((i, f"name {i * 7919 % 99991}", i % 50) for i in range(PEOPLE)))
    base.executemany("INSERT INTO visit VALUES(?, ?, ?)", ((i * 31 % PEOPLE, i % 365, i * 0.25) for i in range(2 * PEOPLE)))
    base.execute("CREATE INDEX visit_person ON visit(person)")


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for _ in range(max(1, int(30 * scale))):
        base = sqlite3.connect(":memory:")
        base.row_factory = sqlite3.Row
        fill(base)
        cities = base.execute("SELECT city, count(*) AS visits, sum(spent) AS spent FROM visit JOIN person"
                              " ON person.id = visit.person GROUP BY city ORDER BY spent DESC").fetchall()
        assert sum(row["visits"] for row in cities) == 2 * PEOPLE
        for number in range(0, PEOPLE, 8):
            row = base.execute("SELECT name, city FROM person WHERE id = ?", (number,)).fetchone()
            base.execute("UPDATE person SET name = ? WHERE id = ?", (f"{row['name']} of {row['city']}", number))
        names = [tuple(row) for row in base.execute("SELECT id, upper(name) FROM person ORDER BY name")]
        assert len(names) == PEOPLE
        base.close()


if __name__ == "__main__":
    main()
