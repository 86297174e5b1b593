"""What ouro counts, line by line, is what tracemalloc counts: the same program, twice."""

import json

from common import Case

# Each has a function run() and keeps what that returns. They make no second use of objects that Python keeps in free lists (lists,
# dictionaries, tuples, floats): such an object is no allocation, and tracemalloc alone hears of it.
PROGRAMS = {
    'blocks of many sizes': '''
        def run():
            kept = []
            for number in range(3000):
                kept.append(bytes(number))
            for number in range(0, 3000, 3):
                kept[number] = None
            return kept
        ''',
    'texts and dictionaries': '''
        def run():
            words = {}
            for number in range(5000):
                words['word %d' % number] = 'value ' * (number % 20)
            for number in range(0, 5000, 2):
                del words['word %d' % number]
            copied = words.copy()
            copied['more'] = str(10 ** 20)
            return words, copied
        ''',
    'objects': '''
        class Plain:
            pass

        class Slots:
            __slots__ = ('left', 'right')

        def plain(number):
            made = Plain()
            made.number = number * 1000003
            made.text = str(number) * 3
            return made

        def chain(length):
            last = None
            for number in range(length):
                node = Slots()
                node.left = last
                node.right = number * 10 ** 12
                last = node
            return last

        def run():
            return [plain(number) for number in range(2000)], chain(999)
        ''',
    'arrays that grow and shrink': '''
        import array

        def run():
            grown = array.array('q')
            text = bytearray()
            table = []
            for number in range(20000):
                grown.append(number)
                text += b'abc'
                table.append(None)
            del table[5000:]
            del text[1000:]
            return grown, text, table
        ''',
    'parsing': '''
        import json
        TEXT = json.dumps([{'name': 'n%d' % each, 'value': each * 1000, 'more': {'x': str(each)}} for each in range(1000)])

        def run():
            return json.loads(TEXT)
        ''',
    'closures and generators': '''
        def numbers(count):
            for number in range(count):
                yield number * 10 ** 12

        def closure(number):
            def inner():
                return number
            return inner

        def run():
            generators = []
            for each in range(100):
                generators.append(numbers(each + 1000))
                next(generators[-1])
            return list(numbers(3000)), [closure(each * 1000) for each in range(1000)], generators
        ''',
    'temporary blocks': '''
        def run():
            total = 0
            for number in range(20000):
                total += len(b'x' * (number % 1000))
            return [b'y' * (each + 100) for each in range(10)]
        ''',
    'sorting and sets': '''
        def run():
            numbers = sorted(each * 7919 % 10007 + 1000 for each in range(5000))
            unique = {*numbers}
            for number in range(0, 5000, 2):
                unique.discard(number)
            return [numbers, unique, repr(numbers)]
        ''',
}

DRIVER = '''
    import gc, json, sys
    if sys.argv[1] == 'ouro':
        import ouro as tracer
    else:
        import tracemalloc as tracer
    names = {'__name__': 'text'}
    exec(compile(open('text.py').read(), 'text.py', 'exec'), names)
    run = names['run']
    gc.disable()
    tracer.start(int(sys.argv[2]))
    gc.collect()  # this empties the free lists
    tracer.clear_traces()
    kept = run()
    snapshot = tracer.take_snapshot()
    tracer.stop()
    snapshot = snapshot.filter_traces([tracer.Filter(True, 'text.py')])
    print(json.dumps([[[[frame.filename, frame.lineno] for frame in line.traceback], line.size, line.count]
                      for line in sorted(snapshot.statistics(sys.argv[3]), key=lambda line: line.traceback)]))
'''


class Exactness(Case):
    def counted(self, by, frames, key_type):
        return json.loads(self.program(DRIVER, by, frames, key_type, PYTHONHASHSEED='1'))

    def test_lines(self):
        for name, text in PROGRAMS.items():
            with self.subTest(name):
                self.file('text.py', text)
                expected = self.counted('tracemalloc', 1, 'lineno')
                self.assertGreater(len(expected), 0)
                self.assertEqual(self.counted('ouro', 1, 'lineno'), expected)

    def test_stacks(self):
        for name, text in PROGRAMS.items():
            with self.subTest(name):
                self.file('text.py', text)
                expected = self.counted('tracemalloc', 25, 'traceback')
                self.assertGreater(len(expected), 0)
                self.assertEqual(self.counted('ouro', 25, 'traceback'), expected)
