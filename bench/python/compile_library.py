"""Modules of the standard library are parsed to syntax trees, walked, and compiled.

Argument: scale (1 takes about a second)."""
import ast
import os
import sys

MODULES = """argparse ast bdb calendar cgi cmd codecs configparser copy csv dataclasses datetime decimal difflib dis doctest
enum fileinput fractions ftplib functools gettext glob heapq imaplib inspect ipaddress locale mailbox mimetypes nntplib
ntpath optparse os pathlib pdb pickle pickletools platform plistlib posixpath pprint profile pstats pydoc random re
sched shelve shlex shutil smtplib socket socketserver ssl statistics string subprocess tarfile tempfile textwrap
threading timeit tokenize trace traceback turtle typing unittest/case unittest/mock uuid warnings wave weakref zipfile
_pydecimal _pyio _strptime asyncio/base_events asyncio/tasks email/message email/_header_value_parser""".split()


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    folder = os.path.dirname(os.__file__)
    chosen = MODULES[:max(2, int(len(MODULES) * scale))]
    nodes = 0
    compiled = []
    for name in chosen:
        path = os.path.join(folder, name + ".py")
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            source = file.read()
        tree = ast.parse(source, path)
        nodes += sum(1 for _ in ast.walk(tree))
        compiled.append(compile(source, path, "exec"))
    assert compiled and nodes > 0
    print("ops", nodes)


if __name__ == "__main__":
    main()
