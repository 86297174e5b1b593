"""Regular expressions: compiled, searched, split, replaced by functions; a tokeniser of named groups.

Argument: scale (1 takes about a second)."""
import random
import re
import sys

TOKENS = re.compile(r"(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)|(?P<text>\"[^\"]*\")|"
                    r"(?P<sign>[-+*/=<>!(){};,])|(?P<space>\s+)")
MAIL = re.compile(r"\b([\w.+-]+)@([\w-]+(?:\.[\w-]+)+)\b")
DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def program(lines, rng):
    return "\n".join(f'value_{i} = call_{rng.randrange(50)}({rng.randrange(10 ** 6)}, "text {i}") * {rng.random():.4f};'
                     for i in range(lines))


def letters(count, rng):
    return "\n".join(f"from: user{rng.randrange(999)}@host-{i % 40}.example.org "
                     f"on 20{i % 90 + 10}-{i % 12 + 1:02}-{i % 28 + 1:02}, {'blah ' * (i % 8)}" for i in range(count))


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(14)
    for turn in range(max(1, int(30 * scale))):
        tokens = [(match.lastgroup, match.group()) for match in TOKENS.finditer(program(2500, rng))]
        assert sum(kind == "text" for kind, _ in tokens) == 2500
        text = letters(5000, rng)
        hosts = {host for _, host in MAIL.findall(text)}
        turned = DATE.sub(lambda match: ".".join(reversed(match.groups())), text)
        words = re.split(r"[\s,:]+", turned)
        fresh = re.compile(rf"(?:user{turn}\d*|host-{turn}\.)")  # its source is new, so it is compiled
        assert len(hosts) == 40 and len(words) > 20_000 and fresh.search(text)


if __name__ == "__main__":
    main()
