"""The cases, run inside of a CPython that has the walker preloaded: is its stack, read in place, the one that Python tells?

    LD_PRELOAD=WALKER python inside.py WALKER

Prints a line for each case: its name, a tab, what is wrong. Everything is said in the language of 3.9."""

import asyncio
import contextlib
import ctypes
import functools
import gc
import os
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import traceback

WALKER = sys.argv[1]
HELD, RELEASED = ctypes.PyDLL(WALKER), ctypes.CDLL(WALKER)  # the second gives up the interpreter's lock for each call
MARK = 777777
TEXT_BYTES = 1 << 20
VERSION = sys.version_info[:2]
FIELDS = 'allocations frames early late begun compared compared_frames different'.split()

for library in HELD, RELEASED:
    library.walker_difference.restype = library.walker_marked.restype = ctypes.c_char_p
    library.walker_stack.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
    library.walker_line.argtypes = [ctypes.py_object, ctypes.c_int]

CASES = []


def case(function):
    CASES.append(function)
    return function


class Frame(tuple):
    """(file, function, line); .entry says that a C evaluation loop was entered for it."""


def parse(text):
    frames = []
    for line in text.decode('utf-8', 'surrogateescape').splitlines():
        file, function, number, entry = line.split('\t')
        frames.append(Frame((file, function, int(number))))
        frames[-1].entry = entry == '1'
    return frames


BUFFERS = threading.local()


def buffer():
    if not hasattr(BUFFERS, 'buffer'):
        BUFFERS.buffer = ctypes.create_string_buffer(TEXT_BYTES)
    return BUFFERS.buffer


def name_of(code):
    return code.co_qualname if VERSION >= (3, 11) else code.co_name


def expected(frame):
    frames = []
    while frame:
        frames.append((frame.f_code.co_filename, name_of(frame.f_code), frame.f_lineno))
        frame = frame.f_back
    return frames


# On one line, so that both see the same.
look_held = lambda room: (HELD.walker_stack(1, room, TEXT_BYTES), parse(room.value), expected(sys._getframe()))
look_unsure = lambda room: (HELD.walker_stack(0, room, TEXT_BYTES), parse(room.value), expected(sys._getframe()))
look_released = lambda room: (RELEASED.walker_stack(0, room, TEXT_BYTES), parse(room.value), expected(sys._getframe()))


def same(result=None, ways=(look_held, look_unsure, look_released)):
    """Fails where a stack differs from what Python says at this place. Returns `result`."""
    for way in ways:
        count, ours, theirs = way(buffer())
        assert ours == theirs, f'{ours[:5]} is not {theirs[:5]}'
        assert count == len(theirs) > 0
    return result


def marked():
    return parse(HELD.walker_marked())


def counts():
    values = (ctypes.c_ulong * len(FIELDS))()
    HELD.walker_read(values)
    return dict(zip(FIELDS, values))


# ---------------------------------------------------------------- shapes of code; each looks at its stack somewhere inside


def shape_nested_functions():
    def outer(n):
        def inner():
            return same(
                n
            )
        return inner() if n == 0 else outer(n - 1)
    outer(7)


def shape_lambdas_and_comprehensions():
    (lambda: [same(i) for i in range(2)])()
    {same(i) for i in range(2)}
    {same(i): i for i in range(2)}
    list(same(i) for i in range(2))
    [[same(j) for j in range(2)] for i in range(2)]


def shape_calls_through_c():
    list(map(same, range(2)))
    sorted(range(3), key=lambda i: same(i))
    functools.reduce(lambda a, b: same(a), range(4))
    functools.partial(same, 1)()
    type('Called', (), {'__call__': lambda self: same()})()()
    max([1, 2], key=same)


def shape_exec_eval():
    exec('def f():\n  same()\n\nf()', {'same': same})
    eval('same(1) + \\\n same(2)', {'same': same})
    exec(compile('\n\n\nsame()', '<made up>', 'exec'), {'same': same})


def shape_class_bodies():
    class Outer:
        same()

        class Inner:
            value = same(1)

        def __init__(self):
            same()

        @property
        def attribute(self):
            return same(1)

        def __getattr__(self, name):
            return same(name)

        def __eq__(self, other):
            return same(True)

        def __enter__(self):
            return same(self)

        def __exit__(self, *error):
            same()

        def __iter__(self):
            yield same(1)

    with Outer() as it:
        assert it.attribute and it.anything and it == it and list(it)


def shape_decorators():
    def decorate(function):
        @functools.wraps(function)
        def call(*args, **keywords):
            same()
            return function(*args, **keywords)
        return same(call)

    @decorate
    def decorated(a, *, b=same(1), **rest):
        return same(a)

    decorated(1, c=2)


def shape_generators():
    def leaf(n):
        try:
            while True:
                same()
                got = yield n
                if got:
                    return got
        except KeyError:
            same()
            yield 0
        finally:
            same()

    def middle():
        result = yield from leaf(1)
        same()
        return result

    def top():
        same((yield from middle()))

    list(zip(range(3), top()))
    one = top()
    next(one)
    with contextlib.suppress(StopIteration):
        one.send(5)
    two = top()
    next(two)
    two.throw(KeyError())
    two.close()
    three = top()
    next(three)
    del three
    with contextlib.suppress(ValueError):
        top().throw(ValueError())  # has not begun
    for _ in (same(i) for i in (same(j) for j in range(2))):
        same()


def shape_coroutines():
    class Awaited:
        def __await__(self):
            same()
            yield from asyncio.sleep(0).__await__()
            return same(1)

    @contextlib.asynccontextmanager
    async def context():
        same()
        yield await Awaited()
        same()

    async def numbers():
        for i in range(3):
            await asyncio.sleep(0)
            yield same(i)

    async def child(n):
        async with context() as value:
            same(value)
            async for i in numbers():
                same(i)
            return [same(i) async for i in numbers()] + [await asyncio.wait_for(leaf(), 10)]

    async def leaf():
        await asyncio.sleep(0.001)
        return same(1)

    async def main():
        await asyncio.gather(*(child(n) for n in range(5)))
        loop = asyncio.get_running_loop()
        loop.call_soon(same)
        await loop.run_in_executor(None, same)

    asyncio.run(main())


def shape_exceptions():
    def fail(n):
        try:
            return fail(n - 1) if n else 1 / 0
        finally:
            same()

    try:
        fail(5)
    except ZeroDivisionError:
        same()
        try:
            raise KeyError from None
        except KeyError as error:
            same(traceback.format_exception(KeyError, error, error.__traceback__))


def shape_finalizers():
    class Finalized:
        def __del__(self):
            same()

    one = Finalized()
    del one
    for _ in range(3):
        cycle = [Finalized()]
        cycle.append(cycle)
    del cycle
    gc.collect()


def shape_imports():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'imported_module.py'), 'w') as file:
            file.write('from __main__ import same\n\nsame()\n\ndef f():\n    same()\n')
        sys.path.insert(0, folder)
        try:
            import imported_module
            imported_module.f()
        finally:
            sys.path.remove(folder)
            sys.modules.pop('imported_module', None)


def shape_keywords_and_cells():
    def outer(a, *args, b=1, **rest):
        cell = a

        def inner(**more):
            nonlocal cell
            cell = more
            return same(cell)
        return [inner(x=i, **rest) for i in args]

    outer(1, 2, 3, b=4, c=5)


SHAPES = [value for name, value in list(globals().items()) if name.startswith('shape_')]


def add_shape(shape):
    def run():
        shape()
    run.__name__ = shape.__name__.replace('shape_', '')
    CASES.append(run)


for each in SHAPES:
    add_shape(each)

# ---------------------------------------------------------------- every allocation, against tracemalloc


def work():
    """Code that allocates in many places."""
    import ast
    import collections
    import json
    import re
    tree = ast.parse('\n'.join(f'def f{i}(a, b=[1, 2]):\n  return [x for x in a if x > {i}]' for i in range(10)))
    compile(tree, '<tree>', 'exec')
    text = json.dumps([{'key': i, 'list': list(range(i))} for i in range(20)], indent=1)
    json.loads(text)
    collections.Counter(re.findall(r'\w+', text)).most_common(3)
    collections.namedtuple('Made', 'a b c')(1, 2, 3)
    subprocess.list2cmdline(['a'] * 10)
    sorted(text.split(), key=lambda word: (len(word), word))


def compared_with_tracemalloc(functions):
    """Each stack is compared once for each of 64 frames at most."""
    gc.collect()
    gc.disable()
    tracemalloc.start(64)
    before = counts()
    HELD.walker_compare(1)
    try:
        for function in functions:
            function()
    finally:
        HELD.walker_compare(0)
        tracemalloc.stop()
        gc.enable()
    after = counts()
    stacks, frames = (after[name] - before[name] for name in ('compared', 'compared_frames'))
    assert after['different'] == before['different'], HELD.walker_difference()
    assert stacks > 2000 and frames > 3 * stacks, (stacks, frames)


@case
def every_allocation_is_as_tracemalloc_has_it():
    compared_with_tracemalloc([work] + SHAPES)


# With a trace function, 3.9 answers with the line of the last event, which is behind after an exception. The place is exact all
# the same.
STALE = VERSION == (3, 9)


@case
def every_allocation_is_as_tracemalloc_has_it_under_settrace():
    if STALE:
        return
    lines = []

    def tracer(frame, event, arg):
        lines.append(frame.f_lineno)
        return tracer

    def traced():
        sys.settrace(tracer)
        try:
            work()
        finally:
            sys.settrace(None)

    compared_with_tracemalloc([traced])
    assert len(lines) > 1000


@case
def shapes_under_settrace_and_setprofile():
    if STALE:
        return
    events = []

    def tracer(frame, event, arg):
        if frame.f_code.co_filename == __file__ and frame.f_code.co_name.startswith('shape'):
            events.append(same(event))
        return tracer

    try:
        for switch in sys.settrace, sys.setprofile:
            switch(tracer)
            shape_generators()
            shape_nested_functions()
            shape_exceptions()
    finally:
        sys.settrace(None)
        sys.setprofile(None)
    assert len(events) > 30


@case
def shapes_under_monitoring():
    if VERSION < (3, 12):
        return
    monitoring, events = sys.monitoring, []
    monitoring.use_tool_id(3, 'test')
    try:
        monitoring.register_callback(3, monitoring.events.LINE, lambda *args: events.append(same(args)))
        monitoring.set_local_events(3, shape_generators.__code__, monitoring.events.LINE)
        monitoring.set_local_events(3, shape_exceptions.__code__, monitoring.events.LINE)
        shape_generators()
        shape_exceptions()
    finally:
        monitoring.free_tool_id(3)
    assert len(events) > 10


@case
def a_deep_stack():
    def deeper(n):
        return deeper(n - 1) if n else same()

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(3000)
    try:
        deeper(2000)
    finally:
        sys.setrecursionlimit(limit)


# ---------------------------------------------------------------- places


def code_objects():
    seen = []
    stack = [function.__code__ for module in list(sys.modules.values()) for function in list(vars(module).values())
             if hasattr(function, '__code__') and type(function).__name__ == 'function']
    while stack:
        code = stack.pop()
        seen.append(code)
        stack += [constant for constant in code.co_consts if hasattr(constant, 'co_code')]
    return seen


def odd_code():
    """Code with far jumps between lines, and instructions of no line."""
    text = 'def f(a):\n' + '\n' * 3000 + '  b = [a,\n' + '\n' * 200 + '   f(a for x in (\n1,\n2))]\n' + '\n' * 40
    text += '  try:\n    with a as c: pass\n  except* KeyError:\n    pass\n' if VERSION >= (3, 11) else '  with a as c: pass\n'
    text += '  while 1:\n    if a: break\n    else: continue\n  return (a.\n   b.\n    c(a,\n   b)(\n))\n'
    return compile(text, '<odd>', 'exec').co_consts[0]


@case
def lines_of_all_instructions():
    known = ctypes.pythonapi.PyCode_Addr2Line
    known.argtypes = [ctypes.py_object, ctypes.c_int]
    checked = 0
    for code in code_objects() + [odd_code()]:
        for offset in range(0, len(code.co_code), 2):
            line = known(code, offset)
            ours = HELD.walker_line(code, offset)
            assert ours == max(line, 0), f'{code} at {offset}: {ours} is not {line}'
            checked += 1
    assert checked > 20000


def call_renamed(**changes):
    code = (lambda: look_held(buffer())).__code__.replace(**changes)
    return eval(code, globals())


@case
def names_of_all_kinds_of_characters():
    name = 'co_qualname' if VERSION >= (3, 11) else 'co_name'
    for text in '', 'ascii', 'caf\xe9', 'eur\u20ac', 'snake\U0001f40d', '\xe9\u20ac\U0001f40d':
        _, ours, theirs = call_renamed(**{name: text, 'co_filename': '/' + text})
        assert ours == theirs, (ours[1], theirs[1])
    _, ours, _ = call_renamed(co_filename='/tmp/\udcff\udc80.py')
    assert ours[1][0] == '/tmp/\udcff\udc80.py', ours[1]
    _, ours, _ = call_renamed(co_filename='/\ud800')
    assert ours[1][0] == '/\ufffd', ours[1]


@case
def long_names_are_cut_between_characters():
    name = 'co_qualname' if VERSION >= (3, 11) else 'co_name'
    _, ours, _ = call_renamed(**{name: 'x' * 300, 'co_filename': 'a' + '\u20ac' * 1000})
    assert ours[1][1] == 'x' * 255, ours[1]
    assert ours[1][0] == 'a' + '\u20ac' * 340, ours[1]


@case
def names_that_are_subclasses_of_str():
    class Text(str):
        pass

    _, ours, _ = call_renamed(co_filename=Text('/sub/class'))
    assert ours[1][0] == '/sub/class', ours[1]


@case
def frames_that_entered_an_evaluation_loop():
    def entries(call=lambda function: function()):
        def top():
            return look_held(buffer())[1]

        def inner():
            return top()
        return [frame.entry for frame in call(inner)[:4]]

    plain = entries()
    assert plain[:3] == ([True] * 3 if VERSION < (3, 11) else [False] * 3), plain
    through_c = entries(lambda function: next(map(lambda _: function(), [0])))
    assert look_held(buffer())[1][-1].entry
    if VERSION >= (3, 11):
        assert through_c == [False, False, False, True], through_c


# ---------------------------------------------------------------- threads, locks


@case
def a_raw_allocation_with_and_without_the_lock():
    def here():
        held = library.walker_raw(); frames = expected(sys._getframe())  # on one line
        return held, frames

    for library, expects in (HELD, 1), (RELEASED, 0):
        held, frames = here()
        assert held == expects
        assert marked() == frames, (marked()[:3], frames[:3])


@case
def a_thread_that_python_does_not_know_has_no_frames():
    assert HELD.walker_native_thread() == 0
    assert RELEASED.walker_native_thread() == 0


@case
def a_thread_of_c_that_calls_python():
    wrong = []

    def call():
        try:
            same()
            shape_generators()
        except BaseException:
            wrong.append(traceback.format_exc())

    assert RELEASED.walker_callback(ctypes.CFUNCTYPE(None)(call)) == 0
    assert not wrong, wrong[0]


@case
def threads_see_their_own_stacks():
    wrong = []

    def run(depth):
        try:
            for i in range(100):
                nest(depth)
        except BaseException:
            wrong.append(traceback.format_exc())

    def nest(depth):
        return nest(depth - 1) if depth else same()

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(depth,)) for depth in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert not wrong, wrong[0]


@case
def libraries_that_allocate_without_the_lock():
    import sqlite3
    import zlib
    try:
        import bz2
        import lzma
        packers = [zlib, bz2, lzma]
    except ImportError:
        packers = [zlib]
    wrong = []
    data = os.urandom(1000) * 100

    def run(packer):
        try:
            for i in range(5):
                assert packer.decompress(packer.compress(data)) == data
                database = sqlite3.connect(':memory:')
                database.create_function('f', 1, lambda value: same(value))
                database.executescript('create table t(a); insert into t values (1), (2), (3)')
                assert database.execute('select f(a) from t').fetchall() == [(1,), (2,), (3,)]
                database.close()
        except BaseException:
            wrong.append(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(packer,)) for packer in packers * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]


# ---------------------------------------------------------------- processes and interpreters


@case
def a_child_of_fork():
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for shape in SHAPES:
                shape()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


@case
def a_child_of_fork_in_a_thread():
    statuses = []

    def run():
        child = os.fork()
        if child == 0:
            status = 1
            try:
                same()
                shape_generators()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        statuses.append(os.waitpid(child, 0)[1])

    other = threading.Event()
    waiting = threading.Thread(target=other.wait)
    thread = threading.Thread(target=run)
    waiting.start()
    thread.start()
    thread.join()
    other.set()
    waiting.join()
    assert statuses == [0], statuses


def interpreters():
    return __import__('_interpreters' if VERSION >= (3, 13) else '_xxsubinterpreters')


def make_interpreter(isolated):
    module = interpreters()
    if VERSION >= (3, 13):
        return module.create('isolated' if isolated else 'legacy')
    return module.create(isolated=isolated)


# It leaves its stack as a mark: ctypes is not for interpreters with a lock of their own.
SCRIPT = '''

def inner():
    return bytes(%d)

def outer():
    return [inner() for i in range(2)]

outer()
''' % MARK


def interpreter_case(isolated):
    module, wrong = interpreters(), []

    def run():
        interpreter = make_interpreter(isolated)
        for _ in range(3):
            module.run_string(interpreter, SCRIPT)
        frames = [(function, line) for _, function, line in marked()]
        expects = [('inner', 4), ('outer', 7), ('<module>', 9)]
        if VERSION < (3, 12):
            expects.insert(1, ('outer.<locals>.<listcomp>' if VERSION == (3, 11) else '<listcomp>', 7))
        if frames != expects:
            wrong.append(frames)
        module.destroy(interpreter)
        same()

    run()
    for _ in range(3):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert not wrong, wrong
    same()


@case
def an_interpreter_in_the_process():
    interpreter_case(False)


@case
def an_interpreter_with_limits_in_the_process():
    interpreter_case(True)


@case
def interpreters_in_threads_at_the_same_time():
    module = interpreters()
    made = [make_interpreter(VERSION >= (3, 12)) for _ in range(3)]
    text = 'for i in range(300):\n  x = [[j] for j in range(20)]\n'
    threads = [threading.Thread(target=module.run_string, args=(each, text)) for each in made]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        shape_nested_functions()
    for each in made:
        module.destroy(each)
    same()


# ---------------------------------------------------------------- the start


@case
def the_start_refuses_what_it_does_not_know():
    own = f'3.{VERSION[1]}'
    assert not HELD.walker_refuses(sys.version.encode())
    unknown = ['', 'x', '3', '3.', '2.7.18', '3.8.19', '3.14.0', '4.0.0', own, own + '.0a6 (main)', own + '.0b1+',
               own + '.0 experimental free-threading build']
    others = [f'3.{minor}.1' for minor in range(9, 14) if minor != VERSION[1]]
    for version in unknown + others:
        assert HELD.walker_refuses(version.encode()), version


def main():
    assert HELD.walker_ready()
    for function in CASES:
        wrong = ''
        try:
            function()
        except BaseException:
            wrong = traceback.format_exc()
        print(function.__name__.replace('_', ' ') + '\t' + wrong[-2000:].replace('\n', '\r'), flush=True)


if __name__ == '__main__':
    main()
