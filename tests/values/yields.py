#!/usr/bin/env python3
"""Compiles generators that are wrong, and never links them: a local variable of C that should outlive a yield, two yields on a line, a
yield across an owned variable. Each compiler must say so, with the warnings that everybody has (-Wall); and right ones compile without a
word, also as C++. Prints TAP."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / 'include'
FRAME = '''#include <ouro/ouro.h>
typedef struct squares { ouro_generator base; ouro_object *held; int64_t i; } squares;
static int squares_step(squares *self, ouro_slot item) {
  __attribute__((unused)) int64_t scratch;
  OURO_GENERATOR_BEGIN(self);
%s
  OURO_GENERATOR_END(self);
}
%s
OURO_GENERATOR_TYPE(squares_type, "squares", squares, squares_step, SLOTS);
ouro_ref make(void);
ouro_ref make(void) { return ouro_generator_new(&squares_type); }
'''
C_REFERENCES = '#define SLOTS OURO_REFERENCES(offsetof(squares, held))'
CPP_REFERENCES = 'static const uint32_t SLOTS[] = {offsetof(squares, held), UINT32_MAX};'

RIGHT = {
    'fields': '  for (self->i = 0; self->i < 3; self->i++) OURO_YIELD(self, item, ouro_int_new(self->i));',
    'variables between yields': '''  {
    int64_t n = self->i * 2;
    self->i = n;
  }
  for (int64_t n = 0; n < 5; n++) self->i += n;
  scratch = self->i;
  OURO_YIELD(self, item, ouro_int_new(scratch));''',
    'a clean-up': '''  OURO_YIELD_CATCH(self, item, ouro_int_new(1), caught);
  OURO_YIELD_FROM(self, item, ouro_newref(self->held));
caught:
  OURO_YIELD_FROM_CATCH(self, item, ouro_newref(self->held), done);
done:
  if (self->i) OURO_GENERATOR_FAIL(self, OURO_EKEY);
  OURO_RETURN(self, ouro_int_new(1));
  OURO_GENERATOR_FINALLY(self);
  self->i = 0;''',
}
WRONG = {
    'a loop variable': '  for (int i = 0; i < 3; i++) OURO_YIELD(self, item, ouro_int_new(i));',
    'an initialised variable': '''  int64_t n = self->i * 2;
  OURO_YIELD(self, item, ouro_int_new(n));
  self->i = n;''',
    'a variable that is set later': '''  int64_t n;
  n = self->i * 2;
  OURO_YIELD(self, item, ouro_int_new(n));
  self->i = n;''',
    'a variable from before the frame': '''  scratch = self->i * 2;
  OURO_YIELD(self, item, ouro_int_new(scratch));
  self->i = scratch;''',
    'an owned variable': '''  OURO_AUTO(void) made = ouro_int_new(3);
  OURO_YIELD(self, item, ouro_newref(made));''',
    'an array of variable length': '''  char text[self->i];
  text[0] = 1;
  OURO_YIELD(self, item, ouro_int_new(text[0]));''',
    'two yields on a line': '  OURO_YIELD(self, item, ouro_int_new(1)); OURO_YIELD(self, item, ouro_int_new(2));',
    'a yield in the frame of another struct': '  OURO_YIELD(&self->i, item, ouro_int_new(1));',
}


def complaint(compiler, body, language='c'):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / f'squares.{language}'
        source.write_text(FRAME % (body, CPP_REFERENCES if language == 'cpp' else C_REFERENCES))
        standard = '-std=c++17' if language == 'cpp' else '-std=c11'
        command = [compiler, standard, '-O2', '-Wall', '-Wextra', '-Werror', f'-I{INCLUDE}', '-c', source, '-o', f'{folder}/out.o']
        return subprocess.run(command, capture_output=True, text=True).stderr


def cases():
    """(name, what is wrong, reason to skip)."""
    for compiler, cpp in (('gcc', 'g++'), ('clang', 'clang++')):
        if not shutil.which(compiler):
            yield compiler, '', f'{compiler} is not installed'
            continue
        for name, body in RIGHT.items():
            yield f'{compiler}: {name}: compiles', complaint(compiler, body), ''
        if shutil.which(cpp):
            yield f'{cpp}: compiles', complaint(cpp, RIGHT['fields'], 'cpp'), ''
        for name, body in WRONG.items():
            yield f'{compiler}: {name}: is refused', '' if complaint(compiler, body) else 'it compiled', ''


def main():
    failed = number = 0
    for number, (name, wrong, skip) in enumerate(cases(), 1):
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}{f" # SKIP {skip}" if skip else ""}')
        for line in wrong.splitlines():
            print(f'# {line}')
    print(f'1..{number}')
    return failed > 0


sys.exit(main())
