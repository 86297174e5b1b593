"""HTML is taken apart by html.parser; XML is built, written, parsed and searched by xml.etree.

Argument: scale (1 takes about a second)."""
import random
import sys
import xml.etree.ElementTree as etree
from html.parser import HTMLParser


class Outline(HTMLParser):
    """Links, text by tag, and how deep the tags go."""

    def __init__(self):
        super().__init__()
        self.open, self.links, self.texts, self.depth = [], [], {}, 0

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.depth = max(self.depth, len(self.open))
        self.links += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data.strip())


def page(count, rng):
    parts = [f"<div class='box {i % 7}'><h3>title {i}</h3><p>text &amp; more {rng.randrange(10 ** 6)} "
             f"<a href='/to/{i}'>there</a></p></div>" for i in range(count)]
    return f"<html><body>{''.join(parts)}</body></html>"


def catalogue(count, rng):
    root = etree.Element("catalogue")
    for i in range(count):
        book = etree.SubElement(root, "book", id=str(i), lang=rng.choice(("de", "en", "fr")))
        etree.SubElement(book, "title").text = f"title {i}"
        etree.SubElement(book, "price").text = f"{rng.uniform(1, 90):.2f}"
        for name in range(i % 4):
            etree.SubElement(book, "author").text = f"author {name}"
    return root


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    rng = random.Random(12)
    for _ in range(max(1, int(16 * scale))):
        outline = Outline()
        outline.feed(page(2500, rng))
        assert len(outline.links) == len(outline.texts["h3"]) == 2500 and outline.depth == 5
        text = etree.tostring(catalogue(4000, rng), encoding="unicode")
        root = etree.fromstring(text)
        prices = [float(book.findtext("price")) for book in root.iter("book")]
        german = root.findall("./book[@lang='de']")
        assert len(prices) == 4000 and 0 < len(german) < 4000


if __name__ == "__main__":
    main()
