"""Pages are rendered: string.Template, str.format, and a small engine that compiles {% for %} and {{ name }} to functions.

Argument: scale (1 takes about a second)."""
import html
import re
import string
import sys

ROW = string.Template("<tr class='$kind'><td>$number</td><td>$name</td><td>$price</td></tr>")
CARD = "<div id='{0.number}'><h2>{0.name:<20}</h2><p>{0.price:>10.2f} EUR, {1:%}</p></div>"
PAGE = """<h1>{{ title }}</h1>
{% for item in items %}<li>{{ item.number }}: <b>{{ item.name }}</b> ({{ item.price }})</li>
{% end %}<p>{{ count }} items</p>"""
TOKEN = re.compile(r"({{.*?}}|{%.*?%})")


class Item:
    def __init__(self, number):
        self.number, self.name, self.price = number, f"item <{number * 7919 % 9973}>", number * 0.37
        self.kind = "odd" if number % 2 else "even"


def lookup(path):
    first, *rest = path.split(".")

    def find(scope):
        value = scope[first]
        for name in rest:
            value = getattr(value, name)
        return html.escape(str(value))
    return find


def loop(name, sequence, body):
    def render(scope):
        return "".join(part(scope | {name: value}) for value in scope[sequence] for part in body)
    return render


def engine(text):
    """The template as a list of functions from a scope to text."""
    stack = [[]]
    heads = []
    for token in TOKEN.split(text):
        if token.startswith("{{"):
            stack[-1].append(lookup(token[2:-2].strip()))
        elif token.startswith("{% for"):
            _, name, _, sequence = token[2:-2].split()
            heads.append((name, sequence))
            stack.append([])
        elif token.startswith("{%"):
            body = stack.pop()
            stack[-1].append(loop(*heads.pop(), body))
        else:
            stack[-1].append(lambda scope, token=token: token)
    return stack[0]


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    items = [Item(number) for number in range(400)]
    for turn in range(max(1, int(400 * scale))):
        rows = [ROW.substitute(vars(item)) for item in items]
        cards = "".join(CARD.format(item, turn / 1000) for item in items)
        scope = {"title": f"page {turn}", "items": items, "count": len(items)}
        page = "".join(part(scope) for part in engine(PAGE))
        assert len(rows) == cards.count("<div") == page.count("<li>") == len(items)


if __name__ == "__main__":
    main()
