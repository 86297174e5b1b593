#!/usr/bin/env python3
"""Builds ouro in several ways and runs its tests in each. Run as ./check, which installs what is missing first.

A stage is a build folder with its options, the tests that run in it, and perhaps a check of its own at the end. Every single
test case is printed and counted, not only its program. A build that fails, a program that dies, a stage that ran nothing: each
counts as one failure. The last line is "N passed, N failed", and the exit status is 1 where anything failed."""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LEAST_COVERAGE = 95.0
# Not thread/, of which 91 % are counted: most of the rest runs in the child of a fork before fork returns, and gcov forgets it there.
COVERED = ('os', 'heap', 'trace', 'object', 'gc', 'values')
# Run in other processes than those whose lines are counted: in interpreters, preloaded (the suites 'pyframes' and 'python' are about it).
ELSEWHERE = ('src/trace/pyframes.c', 'src/trace/pyframes.h', 'src/trace/table.c')

# Reports from sanitizers end the program; each report is a failure.
SANITIZERS = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:allocator_may_return_null=1',
    'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


@dataclasses.dataclass
class Stage:
    """One build and the tests that run in it."""
    name: str
    about: str
    folder: str
    options: list
    compiler: str = 'gcc'
    suites: list = dataclasses.field(default_factory=list)      # none: all
    without: list = dataclasses.field(default_factory=lambda: ['once'])
    patience: int = 1                                           # times a test's own limit of time
    finish: str = ''                                            # name of a function that adds cases at the end
    tests_alone: bool = False                                   # build the programs of its tests, not everything


STAGES = [
    Stage('release', 'gcc as released, every test', 'build', [], without=[]),
    Stage('clang', 'clang, warnings as errors', 'build-clang', [], compiler='clang', without=['once', 'long']),
    Stage('sanitize', 'address and undefined-behaviour sanitizers, fault twin, debug checks', 'build-sanitize',
          ['-Db_sanitize=address,undefined', '-Db_lundef=false', '-Dfaults=true', '-Ddebug_checks=true'], patience=4),
    Stage('threads', 'thread sanitizer, tests with threads', 'build-threads',
          ['-Db_sanitize=thread', '-Db_lundef=false', '-Ddebug_checks=true'], suites=['threads'], patience=6, tests_alone=True),
    Stage('coverage', f'fault twin; lines of each layer below the doors, at least {LEAST_COVERAGE:.0f} %', 'build-coverage',
          ['-Db_coverage=true', '-Dfaults=true', '-Dc_args=-fprofile-update=single'],
          suites=['heap', 'os', 'trace', 'thread', 'object', 'gc', 'weak', 'values', 'misuse'],
          without=['once', 'slow'], patience=2, finish='coverage', tests_alone=True),
    Stage('bare', 'without GMP and yajl: the values', 'build-bare',
          ['-Dgmp=disabled', '-Djson=disabled', '-Dcommand=disabled', '-Dpython=disabled', '-Dman=disabled', '-Doptimization=0'],
          suites=['values'], without=['once', 'long'], tests_alone=True),
]


class Tally:
    """What passed and what failed. Prints each case as it is added."""

    def __init__(self):
        self.passed = self.skipped = 0
        self.failures = []

    def add(self, name, result, note=''):
        print(f'{result:7} {name}{"  # " + note if note else ""}', flush=True)
        if result == 'ok':
            self.passed += 1
        elif result == 'skipped':
            self.skipped += 1
        else:
            self.failures.append(name)

    @property
    def cases(self):
        return self.passed + self.skipped + len(self.failures)

    def finish(self):
        """Print the summary; returns the exit status."""
        for name in self.failures:
            print(f'failed: {name}')
        if self.skipped:
            print(f'{self.skipped} skipped')
        if not self.passed and not self.failures:
            self.failures.append('nothing ran')
        print(f'{self.passed} passed, {len(self.failures)} failed', flush=True)
        return 1 if self.failures else 0


def heading(text):
    print(f'\n---- {text}', flush=True)


def run(command, **environment):
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode


def configure(stage):
    """Whether meson could set the stage's folder up. One that cannot be reconfigured is made anew."""
    folder = ROOT / stage.folder
    for again in [True, False] if (folder / 'build.ninja').exists() else [False]:
        if not again:
            shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run(['meson', 'setup', *stage.options, *(['--reconfigure'] if again else []), stage.folder], cwd=ROOT,
                              env={**os.environ, 'CC': stage.compiler}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 0:
            return True
    print(done.stdout)
    return False


def build(stage):
    """Whether it configured and compiled. Counts of lines from an earlier build would be complained about at each exit."""
    for counts in (ROOT / stage.folder).glob('**/*.gcda'):
        counts.unlink()
    return configure(stage) and run(['ninja', '-C', stage.folder, '--quiet', '-k', '0', *targets(stage)]) == 0


def targets(stage):
    """What ninja is to build: nothing named means everything."""
    if not stage.tests_alone:
        return []
    wanted = {target for test in tests_of(stage).values() for target in test['depends']}
    listed = subprocess.run(['meson', 'introspect', '--targets', stage.folder], cwd=ROOT, capture_output=True, text=True)
    return [os.path.relpath(file, ROOT / stage.folder) for target in json.loads(listed.stdout) if target['id'] in wanted
            for file in target['filename']]


def tests_of(stage):
    """The stage's programs as meson knows them: {full name: its description}."""
    listed = subprocess.run(['meson', 'introspect', '--tests', stage.folder], cwd=ROOT, capture_output=True, text=True)
    programs = {}
    for test in json.loads(listed.stdout):
        suites = {suite.split(':')[-1] for suite in test['suite']}
        if suites & set(stage.without) or (stage.suites and not suites & set(stage.suites)):
            continue
        programs[test['name']] = test
    return programs


TAP_LINE = re.compile(r'^(not )?ok\b\s*\d*\s*(?:-\s*)?([^#]*)(?:#\s*(\w+)\S*\s*(.*))?$')


def tap_cases(output):
    """(name, result, note) for each line of a test's TAP output."""
    for line in output.splitlines():
        match = TAP_LINE.match(line)
        if match:
            bad, name, directive, note = match.groups()
            skipped = (directive or '').lower() == 'skip'
            yield name.strip(), 'skipped' if skipped else 'FAILED' if bad else 'ok', note if skipped else ''


def planned(output):
    """How many cases a TAP output promised; None where it has no plan."""
    plan = re.search(r'^1\.\.(\d+)', output, re.MULTILINE)
    return int(plan[1]) if plan else None


def skipped_whole(output):
    """Why a TAP output says that nothing ran; empty where it does not."""
    plan = re.match(r'1\.\.0\s*#\s*skip\w*\s*(.+)', output, re.IGNORECASE)
    return plan[1].strip() if plan else ''


def count_program(stage, test, record, tally):
    """Add the cases of one program that has run; `record` is meson's line about it, or None where it never ran."""
    title = f'{stage.name}: {test["name"]}'
    if not record:
        return tally.add(title, 'FAILED', 'did not run')
    output, failures = record['stdout'], len(tally.failures)
    cases = list(tap_cases(output)) if test['protocol'] == 'tap' else []
    for name, result, note in cases:
        tally.add(f'{title}: {name}', result, note)
    good = record['result'] in ('OK', 'SKIP')
    if test['protocol'] != 'tap':
        tally.add(title, 'skipped' if record['result'] == 'SKIP' else 'ok' if good else 'FAILED', '' if good else record['result'])
    elif good and skipped_whole(output):
        tally.add(title, 'skipped', skipped_whole(output))
    elif good and (not cases or planned(output) != len(cases)):
        tally.add(title, 'FAILED', f'{len(cases)} cases ran, {planned(output)} were promised')
    elif not good and len(tally.failures) == failures:
        tally.add(title, 'FAILED', f'{record["result"]}, status {record["returncode"]}')
    if len(tally.failures) > failures:
        lines = (output + record.get('stderr', '')).splitlines()
        print('\n'.join('    ' + line for line in lines if not line.startswith('ok ')), flush=True)


def test(stage, tally):
    """Run the stage's programs and count their cases."""
    programs = tests_of(stage)
    log = ROOT / stage.folder / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    command = ['meson', 'test', '-C', stage.folder, '--no-rebuild', f'--timeout-multiplier={stage.patience}',
               *(f'--suite={suite}' for suite in stage.suites), *(f'--no-suite={suite}' for suite in stage.without)]
    status = run(command, CMOCKA_MESSAGE_OUTPUT='TAP', **SANITIZERS) if programs else 0
    lines = log.read_text().splitlines() if log.exists() else []
    records = {record['name'].split(' / ')[-1].split(':')[-1].strip(): record for record in map(json.loads, lines)}
    before = len(tally.failures)
    for name in programs:
        count_program(stage, programs[name], records.get(name), tally)
    if status and len(tally.failures) == before:
        tally.add(f'{stage.name}: meson test', 'FAILED', f'status {status}')


def coverage(stage, tally):
    """Print the lines of each file that were run; each layer must reach the bar."""
    report = ROOT / stage.folder / 'coverage.json'
    # Counts of two threads at once may get lost, and branches' then come out negative: gcovr passes over those lines alone.
    filters = [word for layer in COVERED for word in ('--filter', f'src/{layer}/')]
    failed = run(['gcovr', stage.folder, '--root', '.', '--object-directory', stage.folder, '--gcov-ignore-parse-errors', *filters,
                  '--json-summary', str(report), '--txt', '-'])
    if failed:
        return tally.add('coverage: gcovr', 'FAILED', f'status {failed}')
    files = json.loads(report.read_text())['files']
    for layer in COVERED:
        mine = [file for file in files if file['filename'].startswith(f'src/{layer}/') and file['filename'] not in ELSEWHERE]
        lines = sum(file['line_total'] for file in mine)
        share = 100.0 * sum(file['line_covered'] for file in mine) / lines if lines else 0.0
        enough = share >= LEAST_COVERAGE
        tally.add(f'coverage: lines of src/{layer}: {share:.1f} % of {lines}', 'ok' if enough else 'FAILED',
                  f'at least {LEAST_COVERAGE:.0f} % wanted')


def run_stage(stage, tally):
    began, before = time.monotonic(), tally.cases
    heading(f'{stage.name}: {stage.about}')
    if not build(stage):
        tally.add(f'{stage.name}: build', 'FAILED')
        return
    test(stage, tally)
    if tally.cases == before:
        tally.add(f'{stage.name}: tests', 'FAILED', 'the stage ran none')
    if stage.finish:
        globals()[stage.finish](stage, tally)
    print(f'{stage.name}: {tally.cases - before} cases, {time.monotonic() - began:.0f} s', flush=True)


def list_stages(stages):
    for stage in stages:
        print(f'{stage.name:10} {stage.about}')
        if (ROOT / stage.folder / 'build.ninja').exists():
            print('\n'.join(f'           {name}' for name in sorted(tests_of(stage))))


def parse():
    parser = argparse.ArgumentParser(prog='./check', description='Build ouro and run its tests.')
    parser.add_argument('stage', nargs='*', help='run only these stages: ' + ', '.join(stage.name for stage in STAGES))
    parser.add_argument('--quick', action='store_true', help='run the release stage only')
    parser.add_argument('--list', action='store_true', help='print the stages, and the tests of those that are configured')
    arguments = parser.parse_args()
    names = ['release'] if arguments.quick else arguments.stage
    unknown = set(names) - {stage.name for stage in STAGES}
    if unknown:
        parser.error(f'no stage is called {", ".join(sorted(unknown))}')
    return arguments, [stage for stage in STAGES if not names or stage.name in names]


def main():
    arguments, stages = parse()
    if arguments.list:
        list_stages(stages)
        return 0
    tally = Tally()
    began = time.monotonic()
    for stage in stages:
        run_stage(stage, tally)
    heading(f'all: {time.monotonic() - began:.0f} s')
    return tally.finish()


if __name__ == '__main__':
    sys.exit(main())
