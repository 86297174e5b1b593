"""The table of `bench/run gc`: a line for each figure, ouro first, what it is by CPython's and by another ouro's, and each bar with its
verdict."""
from .session import geometric_mean
from .systems import SUBJECT
from .tables import figure as number
from .tables import markdown

BASE = "CPython"


def cell(workload, figure, system):
    return "failed" if system in workload.failures else number(figure.median(system))


def bar_text(bar, value, met):
    word = "ok" if met else "MISSED"
    if bar.peer is None:
        return f"{number(value)}, bar {number(bar.factor)}: {word}"
    return f"{value:.3f} of {bar.peer}, bar {bar.factor:.3f}: {word}"


def line(workload, figure, names, bases):
    cells = [figure.title, figure.unit, *(cell(workload, figure, name) for name in names)]
    if bases:
        shares = (figure.by(base) for base in bases)
        verdicts = [bar_text(*verdict) for verdict in figure.verdicts()]
        cells += [*("" if share is None else f"{share:.2f}" for share in shares), "; ".join(verdicts)]
    return cells


def table(workloads, names, beside=()):
    """`beside`: names of other libraries of ouro's, which the bars compare with ours."""
    bases = [BASE, *beside] if SUBJECT in names else []
    head = ["workload", "unit", *names, *(f"{SUBJECT} : {base}" for base in bases), *(["bars"] if bases else [])]
    return markdown(head, [line(workload, figure, names, bases) for workload in workloads for figure in workload.figures])


def instructions_table(programs):
    """Whole programs, in millions of instructions: ours, those beside it, and ours by each of them."""
    names = list(next(iter(programs.values())))
    head = ["whole programs, millions", *names, *(f"{SUBJECT} : {name}" for name in names[1:])]
    lines = [[title, *(number(counts[name] / 1e6) for name in names), *(f"{counts[SUBJECT] / counts[name]:.3f}" for name in names[1:])]
             for title, counts in programs.items()]
    means = [geometric_mean([counts[SUBJECT] / counts[name] for counts in programs.values()]) for name in names[1:]]
    return markdown(head, [*lines, ["geometric mean", *("" for _ in names), *(f"{mean:.3f}" for mean in means)]])


def means_text(workloads, beside):
    """Of all times, by another library of ouro's."""
    text = ""
    for base in beside:
        shares = [figure.by(base) for workload in workloads for figure in workload.figures if figure.is_time]
        shares = [share for share in shares if share]
        if shares:
            text += f"Geometric mean of {len(shares)} times, {SUBJECT} : {base}: {geometric_mean(shares):.3f}.\n"
    return text


def bars_text(workloads):
    """How many bars there were, and those that were missed."""
    verdicts = [(figure, *verdict) for workload in workloads for figure in workload.figures for verdict in figure.verdicts()]
    if not verdicts:
        return ""
    missed = [(figure, bar, value) for figure, bar, value, met in verdicts if not met]
    text = f"{len(verdicts) - len(missed)} of {len(verdicts)} bars met."
    if missed:
        text += " MISSED:\n\n" + "\n".join(f"- {figure.title}: {bar_text(bar, value, False)}" for figure, bar, value in missed)
    return text + "\n"


def failures_text(workloads):
    lines = [f"- {workload.figures[0].title}, {name}: {text}"
             for workload in workloads for name, text in workload.failures.items()]
    return "## Failures\n\n" + "\n".join(lines) + "\n" if lines else ""


def rows_json(workloads):
    return [{"name": figure.title, "program": workload.program, "unit": figure.unit, "samples": figure.samples,
             "medians": {name: figure.median(name) for name in figure.samples},
             "bars": [{"peer": bar.peer, "factor": bar.factor, "value": value, "met": met}
                      for bar, value, met in figure.verdicts()],
             "failures": workload.failures}
            for workload in workloads for figure in workload.figures]
