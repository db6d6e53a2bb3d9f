"""As much of NATS' protocol as a client needs that asks and listens, on an open server.

    bus = Bus(4222)
    bus.subscribe("wadm.status.default.>")
    print(bus.request("wadm.api.default.model.get"), bus.heard)
"""

import socket


class BusGone(Exception):
    """The server has ended, or does not answer."""


class Bus:
    def __init__(self, port, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port))
        self.socket.settimeout(10)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.send(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.scenario.* 1\r\n')
        self.count = self.subscriptions = 0
        self.head = ""  # of the last answer
        self.heard = []  # (subject, text) of what was subscribed to

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def subscribe(self, subject):
        self.subscriptions += 1
        self.send(f"SUB {subject} {1 + self.subscriptions}\r\n".encode())

    def publish(self, subject, body="", reply="", headers=None):
        body = body.encode() if isinstance(body, str) else body
        if headers:
            head = ("NATS/1.0\r\n" + "".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n").encode()
            self.send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n".encode() + head + body + b"\r\n")
        else:
            self.send(f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n")

    def request(self, subject, body="", headers=None):
        """The answer's text; empty where nobody listens."""
        self.count += 1
        inbox = f"_INBOX.scenario.{self.count}"
        self.publish(subject, body, inbox, headers)
        return self.read_until(inbox)

    def read_until(self, wanted):
        while True:
            words = self.file.readline().decode().split()
            if not words:
                raise BusGone("the bus is gone")
            if words[0] == "PING":
                self.send(b"PONG\r\n")
            elif words[0] in ("MSG", "HMSG"):
                payload = self.file.read(int(words[-1]) + 2)[:-2]
                head = int(words[-2]) if words[0] == "HMSG" else 0
                self.head, payload = payload[:head].decode(errors="replace"), payload[head:]
                if words[1] == wanted:
                    return payload.decode(errors="replace")
                if words[2] != "1":
                    self.heard.append((words[1], payload.decode(errors="replace")))
