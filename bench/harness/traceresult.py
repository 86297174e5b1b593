"""What a part of `bench/run trace` gives: tables, bars with their figures, failures; and the tables of times."""
from dataclasses import dataclass, field

from . import session


@dataclass
class Verdict:
    """A figure, and the bar that it must not exceed, or, where `least`, not fall below."""
    what: str
    value: float
    bar: float
    unit: str = ""
    least: bool = False

    @property
    def met(self):
        return self.value >= self.bar if self.least else self.value <= self.bar


@dataclass
class Table:
    title: str
    head: list
    lines: list


@dataclass
class Result:
    tables: list = field(default_factory=list)
    verdicts: list = field(default_factory=list)
    failures: list = field(default_factory=list)  # texts
    data: dict = field(default_factory=dict)


def figure(value, digits=2, unit=""):
    return "" if value is None else f"{value:.{digits}f}{unit}"


def ratio_lines(rows, what, digits):
    """The base in its unit, then ratios; below, their geometric mean and the worst."""
    names = list(rows[0].samples)
    lines = []
    for row in rows:
        cells = ["failed" if name in row.failures else figure(row.ratio(name, what), digits) for name in names[1:]]
        lines.append([row.name, figure(row.median(names[0], what)), *cells])
    if len(rows) > 1:
        lines.append(["geometric mean", "", *(figure(session.mean_ratio(rows, name, what), digits) for name in names[1:])])
        lines.append(["worst", "", *(figure(worst(rows, name, what), digits) for name in names[1:])])
    return lines


def worst(rows, name, what):
    return max((ratio for row in rows if (ratio := row.ratio(name, what)) is not None), default=None)


UNITS = {"cpu": ("Processor time", "s", 3), "wall": ("Wall time", "s", 3), "peak": ("Peak resident memory", "MB", 2)}


def ratio_table(title, rows, what):
    kind, unit, digits = UNITS[what]
    names = list(rows[0].samples)
    head = ["program", f"{names[0]} ({unit})", *names[1:]]
    return Table(f"{title}: {kind.lower()}, ratio to untraced", head, ratio_lines(rows, what, digits))


def rows_json(rows):
    return [{"name": row.name, "failures": row.failures,
             "samples": {name: [{"cpu_s": sample.cpu, "wall_s": sample.wall, "peak_mb": sample.peak} for sample in samples]
                         for name, samples in row.samples.items()}} for row in rows]


def failures_of(rows):
    return [f"{row.name}, {name}: {text}" for row in rows for name, text in row.failures.items()]


def mean_verdicts(what, rows, bars):
    """`bars` are pairs of a way and the bar of its geometric mean. Single rows are worth a look, not a verdict."""
    found = [(name, session.mean_ratio(rows, name, "cpu"), bar) for name, bar in bars]
    return [Verdict(f"{what}, {name}: time, geometric mean", mean, bar) for name, mean, bar in found if mean is not None]
