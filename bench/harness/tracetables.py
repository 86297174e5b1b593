"""The text of `bench/run trace`: bars first, then the tables, then what failed; and the same as JSON."""
from . import tables


def digits(value):
    """Ratios near a bar differ in the third digit behind the point."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def bar_line(verdict):
    bar = f"{'at least' if verdict.least else 'at most'} {verdict.bar:g}{verdict.unit}"
    return [verdict.what, digits(verdict.value) + verdict.unit, bar, "met" if verdict.met else "MISSED"]


def bars_text(results):
    verdicts = [verdict for result in results for verdict in result.verdicts]
    if not verdicts:
        return ""
    return "## Bars\n\n" + tables.markdown(["what", "figure", "bar", "verdict"], [bar_line(verdict) for verdict in verdicts]) + "\n"


def tables_text(results):
    found = [table for result in results for table in result.tables]
    return "\n".join(f"## {table.title}\n\n{tables.markdown(table.head, table.lines)}\n" for table in found)


def failures_text(results):
    lines = [f"- {text}" for result in results for text in result.failures]
    return "## Failures\n\n" + "\n".join(lines) + "\n" if lines else ""


def text(results):
    return [part for part in (bars_text(results), tables_text(results), failures_text(results)) if part]


def as_json(results):
    return [{"tables": [{"title": table.title, "head": table.head, "lines": table.lines} for table in result.tables],
             "bars": [{"what": each.what, "value": each.value, "bar": each.bar, "least": each.least, "met": each.met}
                      for each in result.verdicts],
             "failures": result.failures, "data": result.data} for result in results]
