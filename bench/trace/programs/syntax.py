"""Python source is tokenised, parsed, walked, rewritten, compiled, and turned back into text.

Argument: scale (1 takes about a second)."""
import ast
import io
import sys
import tokenize
from collections import Counter

FUNCTION = '''
def step_{0}(first, second={0}, *rest, key=None):
    """Number {0}."""
    total = first * {0} + len(rest)
    for index, value in enumerate(rest):
        if value > second and index % {1} == 0:
            total += value ** 2 - (index << {1})
        elif value is None:
            raise ValueError(f"no value at {{index}}: {{key!r}}")
    return [total + each for each in rest if each], {{"key": key, "total": total}}
'''


class Fold(ast.NodeTransformer):
    """Numbers that are powers of two become shifts."""

    def visit_Constant(self, node):
        if type(node.value) is int and node.value > 1 and node.value & (node.value - 1) == 0:
            return ast.copy_location(ast.BinOp(ast.Constant(1), ast.LShift(), ast.Constant(node.value.bit_length() - 1)), node)
        return node


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    source = "".join(FUNCTION.format(number, number % 9 + 1) for number in range(90))
    for _ in range(max(1, int(16 * scale))):
        names = Counter(token.string for token in tokenize.generate_tokens(io.StringIO(source).readline)
                        if token.type == tokenize.NAME)
        tree = ast.parse(source)
        kinds = Counter(type(node).__name__ for node in ast.walk(tree))
        folded = ast.fix_missing_locations(Fold().visit(tree))
        code = compile(folded, "made", "exec")
        again = ast.parse(ast.unparse(folded))
        assert names["rest"] == 90 * 4 and kinds["FunctionDef"] == len(again.body) == 90 and len(code.co_names) == 90


if __name__ == "__main__":
    main()
