#!/usr/bin/env python3
"""Lists, dicts, sets and strings beside Python's own: the same steps, chosen by Hypothesis, and the same outcome.

    model.py libouro.so [--examples N] [--steps N] [--random]

Prints TAP: a line for each type. Without --random the steps are the same each time."""
import argparse
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from hypothesis import HealthCheck, settings  # noqa: E402
from hypothesis.stateful import run_state_machine_as_test  # noqa: E402

import library  # noqa: E402
import machines  # noqa: E402


def run(machine, options):
    run_state_machine_as_test(machine, settings=settings(
        max_examples=options.examples, stateful_step_count=options.steps, deadline=None, database=None, print_blob=False,
        derandomize=not options.random, suppress_health_check=list(HealthCheck)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--random", action="store_true")
    options = parser.parse_args()
    machines.Machine.library = library.Library(options.library)
    failed = 0
    print(f"1..{len(machines.ALL)}")
    for number, (name, machine) in enumerate(machines.ALL.items(), 1):
        machines.Machine.steps = 0
        try:
            run(machine, options)
            print(f"ok {number} - {name} as Python's: {machines.Machine.steps} steps", flush=True)
        except Exception:  # noqa: BLE001: whatever Hypothesis found
            failed += 1
            print(f"not ok {number} - {name} as Python's", flush=True)
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
