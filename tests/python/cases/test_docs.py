"""The programs in docs/python.md run."""

import pathlib
import re

from common import Case

DOCUMENT = pathlib.Path(__file__).resolve().parents[3] / 'docs' / 'python.md'


class Document(Case):
    def test_programs_run(self):
        programs = re.findall(r'^```python\n(.*?)^```$', DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
        self.assertGreater(len(programs), 3)
        for program in programs:
            with self.subTest(program=program):
                self.assertTrue(self.program(program))
