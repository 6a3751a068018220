"""An echo over tcp by cffi, which reads the header: echo_cffi.py LIBRARY HEADER"""
import re
import sys

import cffi

ffi = cffi.FFI()
with open(sys.argv[2], encoding="ascii") as header:
    ffi.cdef(re.sub(r'(?m)^#(?!define NET_(NOW|FOREVER)\b).*|^extern "C".*|^}$|NET_USE_RESULT', "",
                    header.read()))
net = ffi.dlopen(sys.argv[1])
assert all(getattr(net, name) is not None for name in dir(net))  # each name is there

soon, words = net.net_after(20000), ffi.new("char[128]")
door = net.net_listen(b"tcp://127.0.0.1:0")
net.net_get(door, b"local", words, 128)
caller = net.net_connect(words, soon)
callee = net.net_accept(door, net.NET_FOREVER)
net.net_send(caller, b"hello\n", 6, soon)
heard = net.net_recv_until(callee, words, 128, ord("\n"), soon)
net.net_send(callee, words, heard, soon)
heard = net.net_recv_until(caller, words, 128, ord("\n"), soon)
print(ffi.string(words, heard).decode(), end="")
for socket in (caller, callee, door):
    net.net_close(socket, net.NET_NOW)
