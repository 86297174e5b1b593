"""Planets: floating-point arithmetic on lists, with hardly a block that lives longer than a line.

Argument: scale (1 takes about a second)."""
import sys

BODIES = (
    # x, y, z, speed in each, mass: a star and four planets, of made-up orbits
    (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 40.0),
    (5.0, -1.0, 0.1, 0.6, 2.7, -0.02, 0.04),
    (8.0, 4.0, -0.3, -1.0, 1.8, 0.01, 0.01),
    (13.0, -15.0, 0.2, 1.1, 0.9, -0.01, 0.002),
    (15.0, -26.0, 0.2, 0.9, 0.6, -0.03, 0.002),
)


def advance(bodies, pairs, step):
    for first, second in pairs:
        dx, dy, dz = first[0] - second[0], first[1] - second[1], first[2] - second[2]
        pull = step * (dx * dx + dy * dy + dz * dz) ** -1.5
        to_first, to_second = second[6] * pull, first[6] * pull
        first[3] -= dx * to_first
        first[4] -= dy * to_first
        first[5] -= dz * to_first
        second[3] += dx * to_second
        second[4] += dy * to_second
        second[5] += dz * to_second
    for body in bodies:
        body[0] += step * body[3]
        body[1] += step * body[4]
        body[2] += step * body[5]


def momentum(bodies):
    return sum(body[6] * (body[3] + body[4] + body[5]) for body in bodies)


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    bodies = [list(body) for body in BODIES]
    pairs = [(first, second) for i, first in enumerate(bodies) for second in bodies[i + 1:]]
    before = momentum(bodies)
    for _ in range(max(10, int(260_000 * scale))):
        advance(bodies, pairs, 0.001)
    assert abs(momentum(bodies) - before) < 1e-6


if __name__ == "__main__":
    main()
