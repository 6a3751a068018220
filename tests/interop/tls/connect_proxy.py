"""connect_proxy.py - a proxy that knows CONNECT alone."""
import socket
import threading


def carry(source, to):
    try:
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


listener = socket.create_server(("127.0.0.1", 0))
print("listening on", listener.getsockname()[1], flush=True)
while True:
    caller, _ = listener.accept()
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += caller.recv(1)
    host, port = head.split()[1].decode().rsplit(":", 1)
    server = socket.create_connection((host, int(port)))
    caller.sendall(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
    threading.Thread(target=carry, args=(caller, server), daemon=True).start()
    threading.Thread(target=carry, args=(server, caller), daemon=True).start()
