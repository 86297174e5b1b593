"""Limits of memory in pytest.

    @pytest.mark.limit_memory('24 MB')    no more at once than this, above what was live before the test
    @pytest.mark.limit_leaks('1 MB')      no line may have left more than this when the test is over, which runs once before

and `pytest --ouro`: which tests took most memory. KB, MB and GB are powers of 1024, as KiB, MiB and GiB are."""

from __future__ import annotations

import functools
import gc
import inspect
import re
import unittest
from collections.abc import Generator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Callable, NamedTuple, Optional

import pytest

from ouro import _ouro
from ouro._snapshot import StatisticDiff, amount
from ouro._tracer import Tracer

UNITS = {unit: 1024 ** power for power, names in enumerate(['B', 'K KB KIB', 'M MB MIB', 'G GB GIB']) for unit in names.split()}
FRAMES = 8       # of a stack, in messages
MOST_LINES = 5   # in messages
MOST_TESTS = 10  # in the summary


def parse_size(text: object) -> int:
    """'24 MB' to bytes."""
    match = re.fullmatch(r'\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*', text) if isinstance(text, str) else None
    unit = UNITS.get(match[2].upper() or 'B') if match else None
    if match is None or unit is None:
        raise pytest.UsageError(f"a limit of memory is a text such as '24 MB', not {text!r}")
    return int(float(match[1]) * unit)


class Limits(NamedTuple):
    memory: Optional[int]
    leaks: Optional[int]
    warmups: int


def limits_of(item: pytest.Item) -> Limits:
    """What the marks of a test say; the nearest mark of a kind counts."""
    memory, leaks = item.get_closest_marker('limit_memory'), item.get_closest_marker('limit_leaks')
    for mark, keywords in ((memory, ()), (leaks, ('warmups',))):
        if mark and (len(mark.args) != 1 or not set(mark.kwargs).issubset(keywords)):
            raise pytest.UsageError(f"{item.nodeid}: {mark.name} takes one limit, such as @pytest.mark.{mark.name}('24 MB')"
                                    + (', and warmups=N' if keywords else ''))
    return Limits(parse_size(memory.args[0]) if memory else None, parse_size(leaks.args[0]) if leaks else None,
                  int(leaks.kwargs.get('warmups', 1)) if leaks else 0)


# ---------------------------------------------------------------- failing

def describe(line: StatisticDiff) -> list[str]:
    """A stack that grew, the most recent frame first, as far as it is the test's."""
    frames = takewhile(lambda frame: frame.filename != __file__, line.traceback[::-1])
    places = [f'    {frame} {frame.function}'.rstrip() for frame in frames]
    return [f'  {amount(line.size_diff)} in {line.count_diff} blocks:', *places]


def message(what: str, lines: list[StatisticDiff]) -> str:
    grown = [line for line in lines if line.size_diff > 0][:MOST_LINES]
    return '\n'.join([what, *(text for line in grown for text in describe(line))])


def check(limits: Limits, trace: Tracer) -> None:
    __tracebackhide__ = True
    if limits.memory is not None and trace.peak > limits.memory:
        what = f'the test had {amount(trace.peak)} at once, and its limit is {amount(limits.memory)}'
        pytest.fail(message(what, trace.peak_diff('traceback')), pytrace=False)
    if limits.leaks is None:
        return
    leaks = limits.leaks
    places = {line.traceback[-1] for line in trace.diff('lineno') if line.size_diff > leaks}
    if places:
        what = f'{len(places)} {"line" if len(places) == 1 else "lines"} left more than {amount(leaks)} behind'
        stacks = [line for line in trace.diff('traceback') if line.traceback[-1] in places]
        pytest.fail(message(what, stacks), pytrace=False)


# ---------------------------------------------------------------- measuring

class Test(NamedTuple):
    name: str
    peak: int
    size: int


class Plugin:
    def __init__(self, every: bool) -> None:
        self.every = every
        self.tests: list[Test] = []

    @contextmanager
    def measured(self, item: pytest.Item, limits: Limits) -> Generator[None, None, None]:
        __tracebackhide__ = True
        if limits.leaks is not None:
            gc.collect()
        with Tracer(FRAMES) as trace:
            yield
            if limits.leaks is not None:
                gc.collect()
        self.tests.append(Test(item.nodeid, trace.peak, trace.size))
        check(limits, trace)

    def wrap(self, item: Any, limits: Limits) -> Callable[..., Any]:
        """The test's function, measured."""
        test = item.obj

        @functools.wraps(test)
        def plain(*arguments: Any, **keywords: Any) -> Any:
            __tracebackhide__ = True
            for _ in range(limits.warmups):
                test(*arguments, **keywords)
            with self.measured(item, limits):
                return test(*arguments, **keywords)

        @functools.wraps(test)
        async def coroutine(*arguments: Any, **keywords: Any) -> Any:
            __tracebackhide__ = True
            for _ in range(limits.warmups):
                await test(*arguments, **keywords)
            with self.measured(item, limits):
                return await test(*arguments, **keywords)

        return coroutine if inspect.iscoroutinefunction(test) else plain

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            limits_of(item)  # what is wrong with a mark is told before any test runs

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)  # type: ignore[misc]
    def pytest_runtest_call(self, item: Any) -> Generator[None, Any, None]:
        limits = limits_of(item)
        wanted = hasattr(item, 'obj') and (self.every or limits.memory is not None or limits.leaks is not None)
        test = item.obj if wanted else None
        if wanted:
            item.obj = self.wrap(item, limits)
            case = getattr(test, '__self__', None)
            if isinstance(case, unittest.TestCase):  # of coroutines, pytest leaves it to unittest to find them
                setattr(case, test.__name__, item.obj)
        yield
        if wanted:
            item.obj = test

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.every or not self.tests:
            return
        terminalreporter.section('ouro: tests that took most memory')
        for test in sorted(self.tests, key=lambda test: test.peak, reverse=True)[:MOST_TESTS]:
            terminalreporter.write_line(f'{amount(test.peak):>10} at once {amount(test.size):>10} left  {test.name}')

    def pytest_unconfigure(self) -> None:
        if self.every:
            _ouro.stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup('ouro').addoption('--ouro', action='store_true', help='show which tests took most memory')


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line('markers', 'limit_memory(limit): the most memory that the test may have at once, such as "24 MB"')
    config.addinivalue_line('markers', 'limit_leaks(limit, warmups=1): the most memory that a line may leave behind')
    every = bool(config.getoption('--ouro'))
    if every:
        _ouro.start(FRAMES)
    config.pluginmanager.register(Plugin(every), 'ouro-limits')
