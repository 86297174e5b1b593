#!/usr/bin/env python3
"""examples/document: its tour, bad input, depth, and random edits beside Python's own element tree.

    document.py PROGRAM"""

import functools
import pathlib
import random
import re
import sys
import tempfile
import xml.etree.ElementTree as etree

from common import ROOT, Wrong, expect, main, run

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
EXAMPLE = ROOT / 'examples' / 'document'

BAD = [
    ('', 1, 'no element'),
    ('<!-- a comment alone -->', 1, 'no element'),
    ('<a><b></a></b>', 1, 'an end that is not that of the open element'),
    ('<a>\n<b>\n', 3, 'the document ends inside an element'),
    ('<a/>\n<b/>', 2, 'a second root'),
    ('<a/>text', 1, 'text outside of the root'),
    ('</a>', 1, 'an end that is not that of the open element'),
    ('<a b></a>', 1, 'an attribute without ='),
    ('<a b=c></a>', 1, 'the value of an attribute is not in quotes'),
    ('<a b="c', 1, 'the value of an attribute does not end'),
    ('<a ?></a>', 1, 'the name of an attribute, > or /> is missing'),
    ('<a>&nbsp;</a>', 1, 'an entity that is none of &amp; &lt; &gt; &quot; &apos;'),
    ('<a>\n\n<>', 3, 'a < without a name'),
    ('<a><!-- no end', 1, 'a comment does not end'),
    ('<a></a', 1, 'an end without >'),
    ('<a>zero\0byte</a>', 1, 'a zero byte'),
    ('<a', 1, 'the name of an attribute, > or /> is missing'),
    ('<', 1, 'a < without a name'),
]


def document(source, commands, **options):
    """(stdout, stderr) for a document given as text."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'in.xml'
        path.write_text(source)
        out, err = run(PROGRAM, path, text=commands, **options)
        return out, err.replace(str(path), 'in.xml')


def tour(conf=''):
    out, err = run(PROGRAM, EXAMPLE / 'library.xml', text=(EXAMPLE / 'tour.txt').read_text(), conf=conf)
    expect(err, '', 'stderr')
    if conf:  # collections come earlier: what they are reported to have freed differs
        expect(out.splitlines()[-1], 'left: 0 objects')
    else:
        expect(out, (EXAMPLE / 'tour.out').read_text())


def bad_input(source, line, text):
    out, err = document(source, '', status=1)
    expect(err, f'document: in.xml:{line}: {text}\n', 'stderr')
    expect(out, '')


def no_memory():
    """The limit is met while the document is read; what was read until then goes."""
    source = '<a>' + '<b id="x"><c>text</c></b>' * 200000 + '</a>'
    _, err = document(source, '', conf='limit:24m', status=1)
    expect(err, 'document: in.xml:1: out of memory\n', 'stderr')


def deep():
    """A chain of 100,000 elements, dropped whole, on a small stack."""
    depth = 100000
    source = '<root><a id="top">' + '<a>' * (depth - 1) + '</a>' * depth + '</root>'
    out, _ = document(source, 'alive\ndrop top\ncollect\nalive\n', stack_kib=256)
    lines = out.splitlines()
    if not lines[0].startswith(f'alive: {depth + 1} elements') or not lines[2].startswith('alive: 1 elements'):
        raise Wrong(out)
    if int(lines[1].split()[1]) < depth or lines[3] != 'left: 0 objects':
        raise Wrong(out)


def usage():
    _, err = run(PROGRAM, status=2)
    expect(err, 'usage: document FILE < COMMANDS\n', 'stderr')
    out, err = run(PROGRAM, '/nowhere/at/all', status=1)
    expect(err, '/nowhere/at/all: No such file or directory\n', 'stderr')


def bad_commands():
    out, _ = document('<a id="a"/>', 'fly\nset a\nprint nobody\ndrop a\nmove a a\n\n# a comment\nhelp\n')
    lines = out.splitlines()
    expect('\n'.join(lines[:5]), 'fly is no command; help lists them\nusage: set ID NAME VALUE      set an attribute\n'
           'no element has the id nobody\nthe root stays\nit would be inside itself')
    if len(lines) != 5 + 14 + 1 or lines[-1] != 'left: 0 objects':
        raise Wrong(out)


# ---------------------------------------------------------------- random edits, and the same ones in a model


class Model:
    """The document as Python's element tree, and what the program must print for each command."""

    def __init__(self, rng):
        self.rng = rng
        self.root = etree.Element('root', {'id': 'e0'})
        self.elements = {'e0': self.root}  # by id, those in the document
        self.next = 1
        self.said = []

    def source(self):
        return etree.tostring(self.root, encoding='unicode')

    def grow(self, count):
        """Elements and texts before the program starts."""
        for _ in range(count):
            parent = self.elements[self.pick()]
            if self.rng.random() < 0.3 and not len(parent) and not parent.text and parent is not self.root:
                parent.text = self.rng.choice(['one & two', '<three>', 'four "five"'])
            elif not parent.text:
                self.add_to(parent)

    def pick(self):
        return self.rng.choice(list(self.elements))

    def add_to(self, parent):
        identity = f'e{self.next}'
        self.next += 1
        self.elements[identity] = etree.SubElement(parent, self.rng.choice('abc'), {'id': identity})
        return identity

    def within(self, element, top):
        return any(each is element for each in top.iter())

    def add(self):
        """Texts are leaves' alone here: a text behind an element belongs to the element in Python's tree."""
        identity = self.rng.choice([each for each, element in self.elements.items() if not element.text])
        made = self.add_to(self.elements[identity])
        return f'add {identity} {self.elements[made].tag} {made}'

    def parent_of(self, element):
        return next(each for each in self.root.iter() if any(child is element for child in each))

    def move(self):
        identity, target = self.pick(), self.pick()
        element, parent = self.elements[identity], self.elements[target]
        if self.within(parent, element):
            self.said.append('it would be inside itself')
        elif not parent.text:
            self.parent_of(element).remove(element)
            parent.append(element)
        else:
            return ''
        return f'move {identity} {target}'

    def drop(self):
        identity = self.pick()
        element = self.elements[identity]
        if element is self.root:
            self.said.append('the root stays')
        else:
            self.parent_of(element).remove(element)
            for gone in element.iter():
                del self.elements[gone.get('id')]
        return f'drop {identity}'

    def empty(self):
        identity = self.pick()
        element = self.elements[identity]
        if len(element) > 3:
            return ''  # or little would be left
        for gone in [each for each in element.iter() if each is not element]:
            del self.elements[gone.get('id')]
        for child in list(element):
            element.remove(child)
        element.text = None
        return f'empty {identity}'

    def set(self):
        identity, name = self.pick(), self.rng.choice(['x', 'y', 'title'])
        value = self.rng.choice(['1', 'R&D', '<', '"'])
        self.elements[identity].set(name, value)
        return f'set {identity} {name} {value}'

    def stranger(self):
        identity = f'e{self.rng.randrange(self.next)}'
        if identity in self.elements:
            return ''
        self.said.append(f'no element has the id {identity}')
        return f'print {identity}'

    def show(self):
        identity = self.pick()
        self.print_tree(self.elements[identity], 0)
        return f'print {identity}'

    def collect(self):
        """Behind a collection just what stands in the document is alive."""
        texts = sum(bool(element.text) for element in self.root.iter())
        self.said += ['collected', f'alive: {len(self.elements)} elements, {texts} texts']
        return 'collect\nalive'

    def escape(self, text):
        return text.replace('&', '&amp;').replace('<', '&lt;').replace('"', '&quot;')

    def begin(self, element):
        attributes = ''.join(f' {name}="{self.escape(value)}"' for name, value in element.attrib.items())
        return f'<{element.tag}{attributes}' + ('>' if len(element) or element.text else '/>')

    def print_tree(self, element, depth):
        indent = '  ' * depth
        self.said.append(indent + self.begin(element))
        if element.text:
            self.said.append(indent + '  ' + self.escape(element.text))
        for child in element:
            self.print_tree(child, depth + 1)
        if len(element) or element.text:
            self.said.append(f'{indent}</{element.tag}>')


def random_edits(seed, conf=''):
    model = Model(random.Random(seed))
    model.grow(60)
    source = model.source()
    often = [model.add, model.move] * 4 + [model.drop, model.set, model.empty] * 2
    seldom = [model.stranger, model.show, model.collect]
    commands = [model.rng.choice(often + seldom)() for _ in range(400)] + [model.collect(), 'print']
    model.print_tree(model.root, 0)
    out, _ = document(source, '\n'.join(commands) + '\n', conf=conf)
    found = re.sub(r'^collected: \d+$', 'collected', out, flags=re.MULTILINE)
    found = re.sub(r'^(alive: .* texts), .*$', r'\1', found, flags=re.MULTILINE)
    expect(found, '\n'.join(model.said + ['left: 0 objects']) + '\n')


def cases():
    yield 'the tour prints what it should', tour
    yield 'the tour, collecting and verifying at every safepoint', functools.partial(tour, 'gc_stress:2')
    yield 'the command line', usage
    yield 'commands that are wrong', bad_commands
    for source, line, text in BAD:
        yield f'refused: {source!r}', functools.partial(bad_input, source, line, text)
    yield 'a document that does not fit in memory', no_memory
    yield 'a document of 100,000 levels, on a stack of 256 KiB', deep
    for seed in range(40):
        yield f'random edits, {seed}', functools.partial(random_edits, seed, 'gc_stress:2' if seed % 4 == 0 else '')


main(cases())
