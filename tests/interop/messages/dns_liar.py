"""dns_liar.py HOST PORT - a DNS server over udp and tcp that answers what the name's first label
says, mostly something that no server may say."""
import socket
import struct
import sys
import threading

ADDRESS = b"\xc0\x0c" + struct.pack(">HHIH4s", 1, 1, 60, 4, bytes([192, 0, 2, 1]))
ALIAS = b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, 2) + b"\xc0\x0c"


def answer(query, by_tcp):
    size = query.index(b"\0", 12) + 5
    what = query[13 : 13 + query[12]].decode()
    ident, question = query[:2], query[12:size]
    flags, count, body = 0x8180, 1, ADDRESS
    before = []
    if what == "stray" or (what == "cut" and by_tcp):  # what is no answer goes before it
        other = bytes([ident[0] ^ 1, ident[1]])
        rest = struct.pack(">HHHHH", flags, 1, 1, 0, 0)
        before = [
            b"",
            ident,
            other + rest + question + ADDRESS,
            ident + struct.pack(">HHHHH", 0x0100, 1, 1, 0, 0) + question + ADDRESS,
            ident + struct.pack(">HHHHH", flags, 2, 1, 0, 0) + question + ADDRESS,
            ident + rest + b"\5other" + question[6:] + ADDRESS,
            ident + rest + question[:-1],
        ]
    elif what == "alias":
        count, body = 3, ALIAS + ADDRESS + ADDRESS
    elif what == "loop":  # a name that is a pointer to itself
        at = 12 + len(question)
        body = struct.pack(">H", 0xC000 | at) + ADDRESS[2:]
    elif what == "short":
        body = ADDRESS[:-1]
    elif what == "many":  # it announces more answers than there are
        count = 65535
    elif what == "label":  # a label that goes beyond the end
        body = b"\x3f" + b"x"
    elif what == "long":  # data beyond the end
        body = b"\xc0\x0c" + struct.pack(">HHIH4s", 1, 1, 60, 65535, bytes(4))
    elif what == "failure":
        flags, count, body = 0x8182, 0, b""
    elif what == "nothing":
        count, body = 0, b""
    elif what in ("cut", "hangup") and not by_tcp:
        flags, count, body = 0x8380, 0, b""
    elif what == "hangup":
        return []
    return before + [ident + struct.pack(">HHHHH", flags, 1, count, 0, 0) + question + body]


def serve_udp(server):
    while True:
        query, peer = server.recvfrom(512)
        for words in answer(query, False):
            server.sendto(words, peer)


def serve_tcp(server):
    while True:
        call, _ = server.accept()
        with call:
            size = struct.unpack(">H", call.recv(2, socket.MSG_WAITALL))[0]
            for words in answer(call.recv(size, socket.MSG_WAITALL), True):
                call.sendall(struct.pack(">H", len(words)) + words)


place = (sys.argv[1], int(sys.argv[2]))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(place)
tcp = socket.socket()
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind(place)
tcp.listen()
threading.Thread(target=serve_tcp, args=(tcp,), daemon=True).start()
print("listening", flush=True)
serve_udp(udp)
