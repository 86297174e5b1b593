#!/usr/bin/env python3
"""examples/lisp: its test programs, the prompt, scripts that fail, depth, and too little memory.

    lisp.py PROGRAM"""

import functools
import pathlib
import random
import subprocess
import sys
import tempfile

from common import ROOT, Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
TESTS = sorted((ROOT / 'examples' / 'lisp' / 'tests').glob('*.lisp'))
DEPTH = ['--depth', '50000']
# What these print depends on when collections happen, or they take too many steps to collect at each.
NOT_AT_EVERY_STEP = ['cycles', 'deep', 'metacircular', 'mutual', 'queens', 'weak']
SAID = {'weak': 'lisp: when-gone: car: no is not a pair\n'}  # on stderr


def program(path, *options, conf=''):
    """One of the test programs, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = run(PROGRAM, *DEPTH, *options, path, conf=conf, folder=folder)
    expect(out, path.with_suffix('.out').read_text())
    expect(err, SAID.get(path.stem, ''), 'stderr')


def script(text, *options, **settings):
    """(stdout, stderr) of a script given as text."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'script.lisp'
        path.write_text(text)
        out, err = run(PROGRAM, *options, path, folder=folder, **settings)
        return out, err.replace(str(path), 'script.lisp')


def prompt():
    out, err = run(PROGRAM, text='(define x 5)\nx (car x)\n(+ x 1)\n"a\\nb"\n(lambda (y) y)\n(display x)\n(')
    expect(out, '5\nerror: car: 5 is not a pair\n6\n"a\\nb"\n#<procedure>\n5error: read: a list does not end\n')
    expect(err, '', 'stderr')


def usage():
    for arguments in (['--fast'], ['--depth'], ['--depth', 'no'], ['--depth', '0']):
        _, err = run(PROGRAM, *arguments, status=2)
        expect(err, 'usage: lisp [--depth FRAMES] [--verify] [FILE...]\n', 'stderr')
    _, err = run(PROGRAM, '/nowhere/at/all', status=1)
    expect(err, '/nowhere/at/all: No such file or directory\n', 'stderr')


def fails(text, line, message):
    """A script that fails says where, and still leaves nothing alive (or more would be on stderr)."""
    _, err = script(text, status=1)
    expect(err, f'lisp: script.lisp:{line}: {message}\n', 'stderr')


def no_memory():
    out, err = script('''
        (define (message-of thunk) (try thunk (lambda (message) message)))
        (define kept (iota 1000))
        (display (message-of (lambda () (iota 100000000)))) (newline)
        (display (message-of (lambda () (make-vector 100000000)))) (newline)
        (display (message-of (lambda ()
          (let loop ((text "0123456789")) (loop (string-append text text)))))) (newline)
        (define (forever) (+ 1 (forever)))
        (display (message-of forever)) (newline)
        (display (length kept)) (newline)
        (display (apply + (map (lambda (i) (* i i)) kept))) (newline)''', conf='limit:48m')
    expect(out, 'out of memory\nmake-vector: out of memory\nstring-append: out of memory\n'
           'out of memory\n1000\n332833500\n')
    expect(err, '', 'stderr')


def small_stack():
    """What is deep lies on the heap: a stack of 256 KiB is enough."""
    out, _ = script('''
        (define (count n) (if (= n 0) 0 (+ 1 (count (- n 1)))))
        (display (count 200000)) (newline)
        (define (nest n inner) (if (= n 0) inner (nest (- n 1) (vector inner))))
        (define nested (nest 200000 'kernel))
        (set! nested #f)
        (define rings (let loop ((n 200000) (rings '()))
          (if (= n 0) rings (let ((ring (list rings))) (set-cdr! ring ring) (loop (- n 1) ring)))))
        (set! rings #f)
        (gc)
        (display (alive "vector"))''', stack_kib=256)
    expect(out, '200000\n0')


def many_scripts():
    """Scripts share one machine, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = pathlib.Path(folder) / 'first', pathlib.Path(folder) / 'second'
        first.write_text('(define (square x) (* x x))')
        second.write_text('(display (square 12))')
        out, _ = run(PROGRAM, first, second)
    expect(out, '144')


# ---------------------------------------------------------------- programs that mean nothing


NAMES = """+ - * quotient remainder = < cons car cdr set-car! set-cdr! list length reverse pair? null? list? symbol?
    string? vector? integer? procedure? end? not eq? equal? symbol->string string->symbol string-append string-
    length substring number->string string->number make-vector vector vector-ref vector-set! vector-length
    display write newline open-input-string open-output-string get-output-string close-port read read-line apply
    call/cc try eval error gc alive weak weak-value when-gone map filter fold append for-each assq member iota
    list->vector vector->list a b c d f g x y""".split()
FORMS = 'quote if define set! lambda begin let let* letrec cond else and or when unless'.split()
ATOMS = ['0', '1', '2', '-3', '4611686018427387903', '#t', '#f', '()', "'()", '"ab"', '"1"', "'a", "'(1 2)",
         "'(if 1 2)", "'(let ((a 1)) a)"]
VARIABLES = """(define a 1) (define b '(1 2 3)) (define c (vector 1 2 3)) (define d "text") (define f (lambda (x) x))
    (define g f) (define x 2) (define y '(let ((a 1)) (+ a 2)))"""


def nonsense(rng, depth):
    """A form that is well formed more often than not, and may change itself while it is evaluated."""
    def forms(least, most, deeper=1):
        return ' '.join(nonsense(rng, depth - deeper) for _ in range(rng.randrange(least, most)))

    def names(most):
        return ' '.join(rng.sample('abcdfgxy', rng.randrange(most)))

    if depth <= 0 or rng.random() < 0.25:
        return rng.choice(ATOMS if rng.random() < 0.5 else NAMES)
    return rng.choice([
        lambda: f'(lambda ({names(3)}) {forms(1, 3)})',
        lambda: f'(let ({" ".join(f"({each} {forms(1, 2, 2)})" for each in names(3).split())}) {forms(1, 3)})',
        lambda: f'(define {rng.choice("abcdfg")} {forms(1, 2)})',
        lambda: f'(set-{rng.choice(["car", "cdr"])}! {forms(2, 3)})',
        lambda: f'(eval {forms(1, 2)})',
        lambda: f'(try (lambda () {forms(1, 2)}) (lambda (m) {forms(1, 2)}))',
        lambda: f'(call/cc (lambda (f) (set! g f) {forms(1, 2)}))',
        lambda: f'({rng.choice(FORMS)} {forms(0, 4)})',
        lambda: f'({rng.choice(NAMES)} {forms(0, 4)})',
        lambda: f'({rng.choice(NAMES)} {forms(0, 4)})'])()


def random_programs(seed):
    """Whatever a program does, the interpreter says what is wrong, stays sound, and ends with nothing alive."""
    for number in range(10):
        rng = random.Random(f'{seed}/{number}')
        text = '\n'.join([VARIABLES] + [nonsense(rng, 5) for _ in range(30)])
        try:
            options = ['--depth', '3000', *(['--verify'] if number % 2 else [])]
            _, err = run(PROGRAM, *options, text=text, conf='limit:256m', patience=10)
        except subprocess.TimeoutExpired:
            continue  # it goes round in a circle, as programs may
        wrong = [line for line in err.splitlines() if not line.startswith('lisp: when-gone: ')]
        if wrong:
            raise Wrong('\n'.join([f'program {number}', *wrong]))


def every_program():
    if len(TESTS) < 12:
        raise Wrong(f'only {len(TESTS)} test programs')


def cases():
    yield 'the test programs are there', every_program
    for path in TESTS:
        yield f'{path.name}', functools.partial(program, path)
        yield f'{path.name}, verified behind each form', functools.partial(program, path, '--verify')
        if path.stem not in NOT_AT_EVERY_STEP:
            yield f'{path.name}, collecting and verifying at every step', functools.partial(program, path, conf='gc_stress:2')
    yield 'the prompt', prompt
    yield 'the command line', usage
    yield 'several scripts', many_scripts
    yield 'a script that fails', functools.partial(fails, '(define x 1)\n\n(car x)\n(gc)', 3, 'car: 1 is not a pair')
    yield 'a script that ends too soon', functools.partial(fails, '(display\n"x"\n', 3, 'read: a list does not end')
    yield 'an error that cycles refer to', functools.partial(
        fails, '(define v (vector 1)) (vector-set! v 0 (lambda () v)) (v)', 1, '#(#<procedure>) is not a procedure')
    yield 'too little memory', no_memory
    yield 'a stack of 256 KiB', small_stack
    for seed in range(10):
        yield f'ten programs that mean nothing, {seed}', functools.partial(random_programs, seed)


main(cases())
