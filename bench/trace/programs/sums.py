"""Arithmetic with decimals, fractions, large integers and complex numbers: many small, short-lived blocks.

Argument: scale (1 takes about a second)."""
import sys
from decimal import Decimal, getcontext
from fractions import Fraction


def interest(years):
    balance, rate = Decimal("1000.00"), Decimal("0.0375")
    for _ in range(years):
        balance = (balance * (1 + rate) - Decimal("1.25")).quantize(Decimal("0.01"))
        if balance > 1_000_000:
            balance -= 999_000
    return balance


def harmonic(count):
    total = Fraction(0)
    for i in range(1, count):
        total += Fraction(1, i)
    return total


def fibonacci(count):
    a, b = 0, 1
    for _ in range(count):
        a, b = b, a + b
    return a


def escape(width):
    inside = 0
    for i in range(width):
        for j in range(width):
            z, c = 0j, complex(i * 3 / width - 2, j * 2 / width - 1)
            for _ in range(30):
                z = z * z + c
                if abs(z) > 2:
                    break
            else:
                inside += 1
    return inside


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    getcontext().prec = 30
    for _ in range(max(1, int(50 * scale))):
        assert interest(9000) > 1000
        assert 5 < harmonic(300) < 8
        assert fibonacci(4001) * fibonacci(3999) - fibonacci(4000) ** 2 == 1
        assert escape(80) > 0
        series = [i * 0.5 for i in range(60_000)]
        assert sum(x * x - x for x in series) > 0


if __name__ == "__main__":
    main()
