#!/usr/bin/env python3
"""Makes docs/reference.md from the comments of the public headers.

    scripts/reference.py            write it
    scripts/reference.py --check    end with status 1 where it is not what the headers say

A header is read as blocks between empty lines: a comment, then the declarations that it speaks of. In a comment, lines that
begin with a word of LABELS become a list; lines that are indented by four spaces are code; all else is prose."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
REFERENCE = ROOT / 'docs' / 'reference.md'
HEADERS = ['base.h', 'heap.h', 'thread.h', 'object.h', 'gc.h', 'weak.h', 'weakmap.h', 'value.h', 'number.h', 'str.h', 'bytes.h', 'list.h',
           'dict.h', 'class.h', 'generator.h', 'json.h', 'trace.h', 'source.h',
           'adapt/context.h', 'adapt/python.h', 'adapt/lua.h', 'adapt/sqlite.h', 'adapt/quickjs.h',
           'adapt/uv.h', 'adapt/git2.h']
LABELS = ('Ownership', 'Errors', 'Threads', 'Calls', 'Fatal', 'Returns', 'Cost')

SECTION = re.compile(r'/\* -{10,} (.*?) ?\*/$', re.MULTILINE)
COMMENT = re.compile(r'/\*(.*?)\*/\s*', re.DOTALL)
ATTRIBUTE = re.compile(r' ?\bOURO_ATTR_\w+(\([\d, ]*\))?')
LABEL = re.compile(rf'({"|".join(LABELS)}):\s+(.*)')


def blocks(text):
    """The pieces of a header between empty lines; an empty line between braces does not count."""
    piece, depth = [], 0
    for line in text.splitlines() + ['']:
        if line.strip() or depth:
            piece.append(line)
        elif piece:
            yield '\n'.join(piece)
            piece = []
        depth += line.count('{') - line.count('}') - ('extern "C" {' in line)
        depth = max(depth, 0)


def plain(comment):
    """The lines of a comment without its decoration."""
    return [re.sub(r'^\s*\* ?', '', line).rstrip() for line in comment.splitlines()]


def markdown(lines):
    """A comment as markdown: prose, labelled lines as a list, indented lines as code."""
    out, label, code = [], False, False
    for line in lines:
        is_code = line.startswith('    ') and not label
        if is_code != code:
            out += ['```' if code else '```c']
            code = is_code
        match = LABEL.match(line)
        if match:
            out += ([] if label else ['']) + [f'- **{match[1]}:** {match[2]}']
            label = True
        elif label and line.startswith(' '):
            out.append('  ' + line.strip())
        else:
            label = label and bool(line)
            out.append(line[4:] if code else line.strip())
    return '\n'.join(out + (['```'] if code else [])).strip()


def declarations(code):
    """The code of a block as a reader wants it: no attributes, no bodies, nothing internal."""
    if re.search(r'\bouro__', code.split('{')[0]):
        return ''
    code = '\n'.join(line for line in code.splitlines() if not line.startswith(('#', 'OURO_BEGIN_DECLS', 'OURO_END_DECLS')))
    code = ATTRIBUTE.sub('', code).replace('OURO_API ', '')
    code = re.sub(r'^static inline ([^{]*?) \{.*', r'\1;', code, flags=re.DOTALL)
    return code.strip()


def names(code):
    """What a block declares, for its heading."""
    outer = re.sub(r'\{.*?\}', '{}', COMMENT.sub('', code), flags=re.DOTALL)
    found = re.findall(r'\(\*(ouro_\w+)\)|\b(ouro_\w+)\(|\b(?:struct|enum)\s+(ouro_\w+)\s*\{|^typedef struct (ouro_\w+) ', outer,
                       re.MULTILINE)
    return list(dict.fromkeys(next(filter(None, match)) for match in found))


def capital(text):
    return text[:1].upper() + text[1:]


def split(block):
    """(lines of the leading comment, code) of a block."""
    match = COMMENT.match(block)
    return (plain(match[1]), block[match.end():]) if match else ([], block)


def entry(block):
    """One block as a chapter of the reference; empty where it declares nothing public."""
    comment, code = split(block)
    code = declarations(code)
    if not code or not names(code):
        return '', []
    title = ', '.join(f'`{name}`' for name in names(code))
    return f'### {title}\n\n```c\n{code}\n```\n\n{markdown(comment)}'.strip(), names(code)


def chapter(header):
    """A header as a chapter: its own comment, then its declarations."""
    text = (ROOT / 'include' / 'ouro' / header).read_text()
    head, rest = split(text)
    about = [re.sub(r'^ouro/\S+ - ', '', head[0].strip()), *head[1:]]
    parts, index = [f'## `<ouro/{header}>`', capital(markdown(about))], []
    section = ''
    for block in blocks(rest):
        match = SECTION.search(block)
        if match:
            section = match[1].strip()
            block = SECTION.sub('', block).strip()
        made, declared = entry(block)
        if made:
            if section:
                parts.append(f'**{capital(section)}**')
                section = ''
            parts.append(made)
            index += declared
    return parts, index


def reference():
    parts = ['# Reference', 'Every public function and type, from the comments of the headers. '
             'Made by `scripts/reference.py`: change the headers, not this file.']
    body, contents = [], []
    for header in HEADERS:
        pieces, index = chapter(header)
        body += pieces
        contents.append(f'- `<ouro/{header}>`: ' + ', '.join(f'`{name}`' for name in index))
    return '\n\n'.join([*parts, '\n'.join(contents), *body]) + '\n'


def main():
    made = reference()
    if '--check' not in sys.argv[1:]:
        REFERENCE.write_text(made)
        return 0
    public = re.findall(r'\b(ouro_\w+)\(', ''.join(declarations(split(b)[1]) for h in ('base.h', 'heap.h')
                                                   for b in blocks((ROOT / 'include' / 'ouro' / h).read_text())))
    missing = [name for name in public if f'`{name}`' not in made]
    if missing:
        print('not in the reference: ' + ', '.join(missing))
    stale = not REFERENCE.exists() or REFERENCE.read_text() != made
    if stale:
        print('docs/reference.md is not what the headers say: run scripts/reference.py')
    return 1 if stale or missing else 0


if __name__ == '__main__':
    sys.exit(main())
