"""The parts of `bench/run trace`, one after the other.

A part has names, which --only chooses from, and `measure(bench, tools, names, runs)`, which returns a Result."""
import subprocess

from . import session
from .allocators import Ineffective, Missing
from .measure import Failed
from .traceanswers import Accuracy, Memory, Pins, Report
from .traceresult import Result
from .tracetimes import Command, NativePrograms, PythonPrograms

PARTS = (PythonPrograms(), Command(), Accuracy(), Memory(), NativePrograms(), Report(), Pins())


def choose(pattern):
    """Pairs of a part and those of its names that match."""
    found = [(part, [name for name in part.names() if pattern.search(name)]) for part in PARTS]
    return [(part, names) for part, names in found if names]


def measure_all(bench, tools, chosen, runs):
    """A Result for each part; what fails as a whole is one with that failure, and the others go on."""
    results = []
    for part, names in chosen:
        try:
            results.append(part.measure(bench, tools, names, runs))
        except (Failed, Ineffective, Missing, OSError, subprocess.SubprocessError) as error:
            session.tell(f"FAILED: {error}")
            results.append(Result(failures=[f"{names[0].split(':')[0]}: {error}"]))
    return results
