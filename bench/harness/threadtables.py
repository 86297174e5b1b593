"""The tables of `bench/run threads`: one for each section, what more threads do by what one does, and the bars with their verdicts."""
from .objecttables import failures_text
from .systems import SUBJECT, Beside
from .tables import figure as number
from .tables import markdown
from .threads import RATE, counts_for, of_threads


def columns(section):
    """The systems, ouro first."""
    return list(dict.fromkeys(system for workload in section.workloads for system in workload.systems))


def cell(workload, figure, name):
    return "failed" if name in workload.failures else number(figure.median(name))


def scaling_lines(section, title, counts, names):
    """What more threads do, by what one does."""
    found = []
    for count in counts[1:]:
        ratios = [section.ratio((of_threads(title, count), name), (of_threads(title, 1), name)) for name in names]
        if any(ratio is not None for ratio in ratios):
            found.append([f"{title}: {count} threads by one", "ratio", *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])
    return found


def lines(section, counts, names):
    found = [[figure.title, figure.unit, *(cell(workload, figure, name) for name in names)] for workload, figure in section.figures()]
    for title in section.scaling:
        found += scaling_lines(section, title, counts, names)
    return found


def against_peers(section, systems):
    """ouro's figure by that of the best peer, where there is one; of rates, the best peer's by ouro's: below 1, ouro is the better one."""
    found = []
    for _, figure in section.figures():
        own = figure.median(SUBJECT)
        peers = [value for system in systems if system.rows != SUBJECT and (value := figure.median(system.name)) is not None]
        if not own or not peers:
            found.append("")
        else:
            found.append(number(max(peers) / own if figure.unit == RATE else own / min(peers)))
    return found


def with_column(head, body, title, cells):
    """One more column, unless it is empty; the lines behind the figures' own have nothing in it."""
    if any(cells):
        head.append(title)
        for line, added in zip(body, [*cells, *[""] * len(body)]):
            line.append(added)


def against(section, name):
    """ouro's figures by those of another."""
    shares = (figure.by(name) for _, figure in section.figures())
    return ["" if share is None else f"{share:.2f}" for share in shares]


def section_text(section, counts):
    systems = columns(section)
    names = [system.name for system in systems]
    head, body = ["workload", "unit", *names], lines(section, counts, names)
    with_column(head, body, "ouro : best peer", against_peers(section, systems))
    for name in (system.name for system in systems if isinstance(system, Beside)):
        with_column(head, body, f"ouro : {name}", against(section, name))
    return f"## {section.title}\n\n{section.note}\n\n{markdown(head, body)}\n"


def bar_line(bar, value, met):
    word = "at least" if bar.at_least else "at most"
    return [bar.title, number(value) if bar.under is None else f"{value:.2f}", f"{word} {bar.factor:g}", "ok" if met else "MISSED"]


def bars_text(sections):
    body = [bar_line(*verdict) for section in sections for verdict in section.verdicts()]
    if not body:
        return ""
    met = sum(line[-1] == "ok" for line in body)
    return f"## Bars\n\n{met} of {len(body)} bars met.\n\n{markdown(['what', 'value', 'bar', 'verdict'], body)}\n"


def text(sections, processors):
    counts = counts_for(processors)
    workloads = [workload for section in sections for workload in section.workloads]
    return [bars_text(sections), *(section_text(section, counts) for section in sections), failures_text(workloads)]


def row_json(section, workload, figure):
    return {"section": section.title, "name": figure.title, "program": workload.program, "arguments": workload.full, "unit": figure.unit,
            "samples": figure.samples, "medians": {name: figure.median(name) for name in figure.samples}, "failures": workload.failures}


def as_json(sections):
    return {"rows": [row_json(section, workload, figure) for section in sections for workload, figure in section.figures()],
            "bars": [{"section": section.title, "name": bar.title, "value": value, "factor": bar.factor, "at_least": bar.at_least,
                      "met": met} for section in sections for bar, value, met in section.verdicts()]}
