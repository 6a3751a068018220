"""smtp_server.py CERT KEY [WORDS] - an SMTP server that wants STARTTLS before any mail. WORDS are sent
in the clear, in one segment with the answer to it."""
import socket
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
injected = sys.argv[3].encode().decode("unicode_escape").encode() if len(sys.argv) > 3 else b""


def talk(caller, lines):
    """Answer commands. True: TLS is to start."""
    in_data = False
    for line in lines:
        word = line.strip().upper()
        if in_data:
            in_data = line != b".\r\n"
            if not in_data:
                print("a mail, by", caller.version(), flush=True)
                caller.sendall(b"250 thanks\r\n")
        elif word.startswith(b"EHLO"):
            caller.sendall(b"250-localhost\r\n250-8BITMIME\r\n250 STARTTLS\r\n")
        elif word == b"STARTTLS":
            caller.sendall(b"220 go ahead\r\n" + injected)
            return True
        elif word == b"DATA" and isinstance(caller, ssl.SSLSocket):
            in_data = True
            caller.sendall(b"354 go ahead\r\n")
        elif word == b"QUIT":
            caller.sendall(b"221 bye\r\n")
            return False
        else:
            caller.sendall(b"250 well\r\n" if isinstance(caller, ssl.SSLSocket) else b"530 TLS\r\n")
    return False


def lines_of(caller):
    line = b""
    while True:
        byte = caller.recv(1)
        if not byte:
            return
        line += byte
        if byte == b"\n":
            yield line
            line = b""


listener = socket.create_server(("127.0.0.1", 0))
print("listening on", listener.getsockname()[1], flush=True)
while True:
    caller, _ = listener.accept()
    caller.settimeout(20)
    try:
        caller.sendall(b"220 localhost ESMTP\r\n")
        if talk(caller, lines_of(caller)):
            with context.wrap_socket(caller, server_side=True) as encrypted:
                talk(encrypted, lines_of(encrypted))
    except (OSError, ssl.SSLError) as error:
        print("ended:", error, flush=True)
    caller.close()
