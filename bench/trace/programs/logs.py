"""A program that logs: logging with two formatters, dates, exceptions, and a summary of what was written.

Argument: scale (1 takes about a second)."""
import io
import logging
import sys


def logger(stream):
    made = logging.getLogger("bench")
    made.setLevel(logging.DEBUG)
    made.propagate = False
    made.handlers.clear()
    plain, detailed = logging.StreamHandler(stream), logging.StreamHandler(stream)
    plain.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    wide = "{asctime} {process} {filename}:{lineno} {funcName} [{levelname:>8}] {message}"
    detailed.setFormatter(logging.Formatter(wide, style="{"))
    detailed.setLevel(logging.WARNING)
    made.addHandler(plain)
    made.addHandler(detailed)
    return made


def request(log, number):
    log.info("request %d from %s: %r", number, f"10.0.{number % 256}.1", {"path": f"/item/{number}", "size": number * 3})
    log.debug("took %.3f ms", number / 7)
    if number % 5 == 0:
        log.warning("slow request %d, %s", number, ["retry"] * (number % 3))
    if number % 50 == 0:
        try:
            raise LookupError(f"no item {number}")
        except LookupError:
            log.exception("request %d failed", number)


def main():
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for _ in range(max(1, int(30 * scale))):
        stream = io.StringIO()
        log = logger(stream)
        for number in range(3000):
            request(log, number)
        lines = stream.getvalue().splitlines()
        assert sum(line.startswith("INFO") for line in lines) == 3000


if __name__ == "__main__":
    main()
