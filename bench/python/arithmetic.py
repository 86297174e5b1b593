"""Numbers: bodies in orbit with floats, decimals, fractions, long integers.

Argument: scale (1 takes about a second)."""
import sys
from decimal import Decimal, getcontext
from fractions import Fraction


def orbit(steps):
    bodies = [[0.0, 0.0, 0.0, 0.0, 40.0], [5.0, 0.1, 0.0, 2.8, 0.04],
              [0.2, 9.5, -2.0, 0.1, 0.01], [-19.0, 1.0, 0.0, -1.4, 0.002]]
    for _ in range(steps):
        for i, a in enumerate(bodies):
            for b in bodies[i + 1:]:
                dx, dy = a[0] - b[0], a[1] - b[1]
                pull = 0.001 / (dx * dx + dy * dy + 0.01) ** 1.5
                a[2], a[3] = a[2] - dx * b[4] * pull, a[3] - dy * b[4] * pull
                b[2], b[3] = b[2] + dx * a[4] * pull, b[3] + dy * a[4] * pull
        for body in bodies:
            body[0] += 0.001 * body[2]
            body[1] += 0.001 * body[3]
    return bodies[1][0]


def euler(digits):
    getcontext().prec = digits
    term = total = Decimal(1)
    number = 1
    while True:
        term /= number
        following = total + term
        if following == total:
            return total
        total = following
        number += 1


def harmonic(count):
    return sum((Fraction(1, i) for i in range(1, count)), Fraction(0))


def factorials(count):
    value = 1
    values = []
    for i in range(1, count):
        value *= i
        values.append(value)
    return len(str(values[-1]))


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    ops = 0
    for _ in range(max(1, int(18 * scale))):
        assert orbit(14_000) != 0.0
        assert str(euler(600)).startswith("2.718281828")
        assert harmonic(800).denominator > 1
        assert factorials(1200) > 1000
        assert sum(Decimal(i) / 7 for i in range(60_000)) > 0
        ops += 14_000 * 6 + 600 + 800 + 1200 + 60_000
    print("ops", ops)


if __name__ == "__main__":
    main()
