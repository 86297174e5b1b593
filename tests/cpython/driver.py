"""Runs modules of CPython's own tests, and writes what became of each test to a file as JSON: driver.py FILE MODULE...

It goes through unittest.main as `python -m unittest` does: some tests look at how deep the stack is."""

import io
import json
import sys
import unittest


class Outcomes(unittest.TextTestResult):
    """The outcome of each test by its name; a test whose subtests fail has failed."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.of = {}

    def addSuccess(self, test):
        self.of.setdefault(test.id(), 'passed')

    def addSkip(self, test, reason):
        self.of[test.id()] = 'skipped'

    def addExpectedFailure(self, test, error):
        self.of[test.id()] = 'failed as expected'

    def fail(self, test, error):
        self.of[test.id()] = 'FAILED'
        sys.stderr.write(f'{test.id()}\n{self._exc_info_to_string(error, test)}\n')

    addFailure = addError = fail

    def addUnexpectedSuccess(self, test):
        self.of[test.id()] = 'FAILED'

    def addSubTest(self, test, subtest, error):
        if error:
            self.fail(test, error)


def main():
    runner = unittest.TextTestRunner(stream=io.StringIO(), resultclass=Outcomes)
    program = unittest.main(module=None, argv=['unittest', *sys.argv[2:]], testRunner=runner, exit=False)
    with open(sys.argv[1], 'w') as file:
        json.dump(program.result.of, file)


if __name__ == '__main__':
    main()
