"""redis-server on a free port of the loopback interface, a client small enough to be read, and the two loads.

Debian's redis-server is linked with jemalloc. A preloaded library still comes first; for glibc the C library itself is
preloaded, so that its malloc comes before jemalloc's."""
import os
import socket
import subprocess
import time

from .measure import TIMEOUT, Failed


def environment(allocator):
    env = allocator.environment()
    return env if "LD_PRELOAD" in env else env | {"LD_PRELOAD": "libc.so.6"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """Sends commands in batches and reads the answers; of these it knows status, error, integer and text."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.answers = self.socket.makefile("rb")

    def close(self):
        self.answers.close()
        self.socket.close()

    def call(self, *words):
        return self.batch([words])[0]

    def batch(self, commands):
        parts = []
        for words in commands:
            parts.append(b"*%d\r\n" % len(words))
            for word in words:
                raw = word.encode()
                parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
        self.socket.sendall(b"".join(parts))
        return [self.answer() for _ in commands]

    def answer(self):
        line = self.answers.readline()
        kind, text = line[:1], line[1:].strip()
        if kind == b"$":
            return self.answers.read(int(text) + 2)[:-2].decode()
        if kind not in (b"+", b":"):
            raise Failed(f"redis-server answered {line!r}")
        return text.decode()


class Server:
    def __init__(self, bench, allocator):
        self.bench, self.allocator = bench, allocator

    def __enter__(self):
        self.port = free_port()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--loglevel", "warning", "--dir", str(self.bench.scratch)], env=environment(self.allocator),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.client = self.connect()
        except BaseException:
            self.stop()
            raise
        return self

    def connect(self):
        while True:
            try:
                client = Client(self.port)
            except ConnectionRefusedError:
                if self.process.poll() is not None:
                    raise Failed(f"redis-server ended with status {self.process.returncode}") from None
                if self.age() > 20:
                    raise Failed("redis-server does not listen") from None
                time.sleep(0.02)
                continue
            client.call("PING")
            return client

    def __exit__(self, *_):
        self.client.close()
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def age(self):
        return time.monotonic() - self.began

    def cpu(self):
        """Seconds of user and system time of the server, all its threads together."""
        said = dict(line.split(":") for line in self.client.call("INFO", "cpu").splitlines() if ":" in line)
        return float(said["used_cpu_user"]) + float(said["used_cpu_sys"])

    def status(self, name):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) / 1024
        raise Failed(f"no {name} in the server's status")

    def peak(self):
        return self.status("VmHWM")

    def resident(self):
        return self.status("VmRSS")


MIX = ((32, 300_000), (512, 200_000), (8192, 40_000))


def request_mix(server, scale):
    """SET, GET and LPUSH with three sizes of data; returns the server's processor time and the wall time."""
    cpu, wall = server.cpu(), time.monotonic()
    for size, requests in MIX:
        count = max(100, int(requests * scale))
        subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", str(server.port), "-t", "set,get,lpush",
                        "-n", str(count), "-r", str(max(100, count // 4)), "-d", str(size),
                        "-P", "16", "-c", "20", "-q"],
                       check=True, stdout=subprocess.DEVNULL, timeout=TIMEOUT, env={"PATH": os.environ["PATH"]})
        server.client.call("DEL", "mylist")
    return server.cpu() - cpu, time.monotonic() - wall


def commands(count):
    """Texts of 16 to 700 bytes, and small hashes and lists among them."""
    for i in range(count):
        size = 16 + i * 7919 % 685
        if i % 10 == 0:
            yield ("HSET", f"hash:{i}", "name", f"user {i}", "text", "h" * (size // 2), "count", str(i))
        elif i % 10 == 1:
            yield ("RPUSH", f"list:{i}", *(f"{k}:{'l' * (size // 16)}" for k in range(8)))
        else:
            yield ("SET", f"key:{i}", "v" * size)


def fill_and_flush(server, scale, looks):
    """Loads about 100 MB, drops it, and looks at resident memory: [(moment, MB)]."""
    steps = [("started", server.resident())]
    batch = []
    for words in commands(int(200_000 * scale)):
        batch.append(words)
        if len(batch) == 500:
            server.client.batch(batch)
            batch.clear()
    if batch:
        server.client.batch(batch)
    steps.append(("loaded", server.resident()))
    server.client.call("FLUSHALL")
    flushed = time.monotonic()
    for moment in looks:
        time.sleep(max(0.0, flushed + moment - time.monotonic()))
        steps.append((f"{moment:g} s after", server.resident()))
    return steps
