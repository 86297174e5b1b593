"""The tables: Markdown that can be read on a terminal, and the same figures as JSON."""
from .session import BAR, PYTHON_BAR, SUBJECT, mean_ratio
from .workloads import NATIVE, PROGRAMS, PYTHON

TITLES = {"cpu": "Processor time", "wall": "Wall time", "peak": "Peak resident memory"}
UNITS = {"cpu": "s", "wall": "s", "peak": "MB"}


def markdown(head, lines):
    """Columns as wide as their widest cell; the first to the left, the others to the right."""
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    text = ["| " + " | ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                              for i, (cell, width) in enumerate(zip(line, widths))) + " |" for line in [head, *lines]]
    rule = "|" + "|".join("-" * (width + 1) + ("-" if i == 0 else ":") for i, width in enumerate(widths)) + "|"
    return "\n".join([text[0], rule, *text[1:]])


def figure(value):
    """A number in about three digits; nothing for None."""
    if value is None:
        return ""
    digits = 0 if value >= 99.5 else 1 if value >= 9.95 else 2 if value >= 0.0995 else 3
    return f"{value:.{digits}f}"


def cell(row, name, what):
    if name in row.failures:
        return "failed"
    value = row.median(name, what) if name == row.base else row.ratio(name, what)
    text = figure(value)
    return f"**{text}**" if text and name == row.best_peer(what) else text


def ratio_line(row, names, what):
    line = [row.name, *(cell(row, name, what) for name in names)]
    if SUBJECT in names:
        against = row.against_best(what)
        line.append(figure(against) + (" !" if row.flagged(what) else ""))
    return line


def mean_line(title, rows, names, what):
    """The geometric means of a group of rows; at the end ouro's, by the least that a peer has (the base's is 1)."""
    means = {name: mean_ratio(rows, name, what) for name in names[1:]}
    line = [f"geometric mean, {title}", "1", *(figure(mean) for mean in means.values())]
    if SUBJECT in names:
        own, peers = means.pop(SUBJECT), [mean for mean in means.values() if mean is not None]
        line.append(figure(own / min([1.0, *peers]) if own is not None else None))
    return line


def ratio_table(rows, means, what):
    """One table for rows of the same base; `means` are pairs of a title and the rows it is over."""
    names = list(rows[0].samples)
    head = ["workload", f"{names[0]} ({UNITS[what]})", *names[1:]]
    if SUBJECT in names:
        head.append("ouro : best peer")
    lines = [ratio_line(row, names, what) for row in rows]
    lines += [mean_line(title, chosen, names, what) for title, chosen in means if chosen]
    return markdown(head, lines)


def flagged_text(rows, what):
    found = [row for row in rows if row.flagged(what)]
    if not any(SUBJECT in row.samples for row in rows):
        return ""
    bar = f"{BAR} times the best peer"
    if any(row.group == PYTHON for row in rows) and what != "peak":
        bar = f"{PYTHON_BAR} times pymalloc"
    if not found:
        return f"No row in which ouro is above {bar}.\n"
    return f"Rows in which ouro is above {bar} ({len(found)}): " + "; ".join(row.name for row in found) + ".\n"


def section(rows, what):
    """The tables of one kind of figure: native workloads and programs together, then Python programs."""
    native = [row for row in rows if row.group == NATIVE]
    programs = [row for row in rows if row.group == PROGRAMS]
    python = [row for row in rows if row.group == PYTHON]
    parts = []
    if native or programs:
        means = [("native workloads", native), ("programs", programs)]
        if native and programs:
            means.append(("both", native + programs))
        parts += [f"## {TITLES[what]}, ratio to glibc\n", ratio_table(native + programs, means, what) + "\n",
                  flagged_text(native + programs, what)]
    if python:
        parts += [f"## {TITLES[what]} of Python programs, ratio to pymalloc\n",
                  ratio_table(python, [("Python programs", python)], what) + "\n", flagged_text(python, what)]
    return [part for part in parts if part]


def moments_table(row):
    """Resident MB: the moments down, the allocators across; the processor time that it took below."""
    names = list(row.samples)
    steps = {name: row.steps(name) for name in names}
    moments = next((list(found) for found in steps.values() if found), [])
    lines = []
    for moment in moments:
        values = {name: steps[name].get(moment) for name in names}
        peers = [value for name, value in values.items() if name != SUBJECT and value is not None]
        lines.append([moment, *(mark(values[name], name != SUBJECT and values[name] == min(peers, default=None))
                                if name not in row.failures else "failed" for name in names)])
    lines.append(["processor time, s", *(figure(row.median(name, "cpu")) for name in names)])
    return markdown(["resident MB", *names], lines)


def mark(value, best):
    text = "" if value is None else f"{value:.0f}" if value >= 99.5 else f"{value:.1f}"
    return f"**{text}**" if best and text else text


def moments_section(rows):
    parts = []
    for row in rows:
        parts += [f"## Memory over time: {row.name}\n", moments_table(row) + "\n"]
    return parts


def failures_section(rows):
    lines = [f"- {row.name}, {name}: {text}" for row in rows for name, text in row.failures.items()]
    return ["## Failures\n", "\n".join(lines) + "\n"] if lines else []


def row_json(row):
    return {
        "name": row.name, "group": row.group, "base": row.base, "failures": row.failures,
        "best_peer": {what: row.best_peer(what) for what in TITLES},
        "flagged": {what: row.flagged(what) for what in TITLES},
        "ratios": {name: {what: row.ratio(name, what) for what in TITLES} for name in row.samples},
        "samples": {name: [{"cpu_s": sample.cpu, "wall_s": sample.wall, "peak_mb": sample.peak,
                            "resident_mb": dict(sample.steps)} for sample in samples]
                    for name, samples in row.samples.items()},
    }


def means_json(rows):
    groups = {"native": [NATIVE], "programs": [PROGRAMS], "native and programs": [NATIVE, PROGRAMS], "python": [PYTHON]}
    found = {}
    for title, members in groups.items():
        chosen = [row for row in rows if row.group in members]
        if chosen:
            names = chosen[0].samples
            found[title] = {name: {what: mean_ratio(chosen, name, what) for what in TITLES} for name in names}
    return found
