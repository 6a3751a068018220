"""An echo over tcp by ctypes, which knows the plain names alone: echo_ctypes.py LIBRARY"""
from ctypes import CDLL, c_char_p, c_int, c_int64, c_size_t, c_ssize_t, c_void_p
from ctypes import create_string_buffer
import sys

net = CDLL(sys.argv[1])
for name, result, *arguments in (
        ("net_after", c_int64, c_int64), ("net_listen", c_void_p, c_char_p),
        ("net_accept", c_void_p, c_void_p, c_int64), ("net_connect", c_void_p, c_char_p, c_int64),
        ("net_get", c_int, c_void_p, c_char_p, c_char_p, c_size_t),
        ("net_send", c_ssize_t, c_void_p, c_char_p, c_size_t, c_int64),
        ("net_recv_until", c_ssize_t, c_void_p, c_char_p, c_size_t, c_int, c_int64),
        ("net_close", c_int, c_void_p, c_int64)):
    getattr(net, name).restype, getattr(net, name).argtypes = result, arguments

soon, words = net.net_after(20000), create_string_buffer(128)
door = net.net_listen(b"tcp://127.0.0.1:0")
net.net_get(door, b"local", words, len(words))
caller = net.net_connect(words.value, soon)
callee = net.net_accept(door, soon)
net.net_send(caller, b"hello\n", 6, soon)
heard = net.net_recv_until(callee, words, len(words), ord("\n"), soon)
net.net_send(callee, words, heard, soon)
heard = net.net_recv_until(caller, words, len(words), ord("\n"), soon)
print(words.raw[:heard].decode(), end="")
for socket in (caller, callee, door):
    net.net_close(socket, 0)
