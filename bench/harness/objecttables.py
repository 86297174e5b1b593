"""The table of `bench/run gc`: a line for each figure, ouro first, what it is by CPython's, and each bar with its verdict."""
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


def line(workload, figure, names):
    cells = [figure.title, figure.unit, *(cell(workload, figure, name) for name in names)]
    if SUBJECT in names:
        share = figure.by(BASE)
        verdicts = [bar_text(*verdict) for verdict in figure.verdicts()]
        cells += ["" if share is None else f"{share:.2f}", "; ".join(verdicts)]
    return cells


def table(workloads, names):
    head = ["workload", "unit", *names]
    if SUBJECT in names:
        head += ["ouro : CPython", "bars"]
    return markdown(head, [line(workload, figure, names) for workload in workloads for figure in workload.figures])


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
