"""peer.py dial FRAME PLACE COUNT - sends messages to a peer that sends them back, and compares;
peer.py listen FRAME PLACE COUNT - accepts one call first.

PLACE is HOST:PORT or a path. The frames are written and read by hand, in pieces of any size."""
import hashlib
import random
import socket
import struct
import sys
import threading

LIMIT_S = 60
EDGES = [0, 1, 2, 9, 10, 255, 256, 16384, 16385, 65534, 65535, 65536, 69999, 70000]
MOST = {"u16": 65535, "u32": 70000, "netstring": 70000}


def framed(frame, words):
    if frame == "u16":
        return struct.pack(">H", len(words)) + words
    if frame == "u32":
        return struct.pack(">I", len(words)) + words
    return str(len(words)).encode() + b":" + words + b","


class Reader:
    def __init__(self, call, chance):
        self.call = call
        self.chance = chance
        self.bytes = bytearray()
        self.at = 0

    def more(self):
        got = self.call.recv(self.chance.choice([1, 7, 1000, 65536, 1 << 20]))
        if not got:
            raise EOFError("the peer ended early")
        del self.bytes[: self.at]
        self.at = 0
        self.bytes += got

    def take(self, size):
        while len(self.bytes) - self.at < size:
            self.more()
        taken = bytes(self.bytes[self.at : self.at + size])
        self.at += size
        return taken

    def length(self, frame):
        if frame == "u16":
            return struct.unpack(">H", self.take(2))[0]
        if frame == "u32":
            return struct.unpack(">I", self.take(4))[0]
        digits = b""
        while digits[-1:] != b":":
            digits += self.take(1)
        size = int(digits[:-1])
        if str(size).encode() + b":" != digits:
            raise ValueError(f"{digits} begins no netstring")
        return size

    def message(self, frame):
        words = self.take(self.length(frame))
        if frame == "netstring" and self.take(1) != b",":
            raise ValueError("no comma")
        return words

    def expect_end(self):
        if len(self.bytes) > self.at or self.call.recv(1):
            raise ValueError("more came than was sent")


def some_messages(frame, count, chance):
    stuff = chance.randbytes(MOST[frame])
    edges = [size for size in EDGES if size <= MOST[frame]]
    for i in range(count):
        most = chance.choice([20, 20, 300, 300, 3000, MOST[frame]])
        size = edges[i] if i < len(edges) else chance.randrange(most + 1)
        start = chance.randrange(len(stuff) - size + 1)
        yield stuff[start : start + size]


def send_all(call, frame, count, seed, hash_sent):
    chance = random.Random(seed)
    waiting = bytearray()
    for words in some_messages(frame, count, chance):
        hash_sent.update(struct.pack(">I", len(words)) + words)
        waiting += framed(frame, words)
        while len(waiting) > 100000:
            piece = chance.choice([1, 3, 1000, 65536, 99999])
            call.sendall(waiting[:piece])
            del waiting[:piece]
    call.sendall(waiting)
    call.shutdown(socket.SHUT_WR)


def open_call(way, place):
    is_path = place.startswith("/")
    host, _, port = place.rpartition(":")
    name = place if is_path else (host, int(port))
    call = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
    call.settimeout(LIMIT_S)
    if way == "dial":
        call.connect(name)
        return call
    call.bind(name)
    call.listen()
    name = call.getsockname()
    print("listening on", name if is_path else "%s:%d" % name, flush=True)
    accepted, _ = call.accept()
    accepted.settimeout(LIMIT_S)
    return accepted


def main(way, frame, place, count):
    seed = random.randrange(1 << 30)
    hash_sent, hash_received = hashlib.sha256(), hashlib.sha256()
    call = open_call(way, place)
    sender = threading.Thread(
        target=send_all, args=(call, frame, count, seed, hash_sent), daemon=True
    )
    sender.start()
    reader = Reader(call, random.Random(seed + 1))
    for _ in range(count):
        words = reader.message(frame)
        hash_received.update(struct.pack(">I", len(words)) + words)
    reader.expect_end()
    sender.join(LIMIT_S)
    if hash_sent.digest() != hash_received.digest():
        sys.exit(f"what came back differs (seed {seed})")
    print(count, "equal")


main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
