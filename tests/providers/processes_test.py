#!/usr/bin/env python3
"""Built-in providers as processes of their own (process://NAME): capabilities of components, and calls into components."""

import http.client
import pathlib
import socket
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from lattice import Lattice  # noqa: E402
from program import SECONDS_MAX, ProgramTest, guest, wait_until  # noqa: E402

CHECKS = "wattle:capabilities/checks@1.0.0.run"
INTERFACES = ("--interface", "store", "--interface", "atomics", "--interface", "batch")


def get(address):
    connection = http.client.HTTPConnection(address, timeout=SECONDS_MAX)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


class Processes(ProgramTest):
    def test_key_value(self):
        lattice = Lattice(self, hosts=2)
        lattice.succeeds("start", "component", guest("capabilities-js"), "--id", "checks")
        lattice.succeeds("start", "provider", "process://keyvalue-memory", "--id", "kv")
        lattice.succeeds("link", "put", "checks", "kv", "wasi:keyvalue", *INTERFACES)
        for check in ("key-value", "key-value-atomics", "key-value-batch"):
            done = lattice.wattle("call", "checks", CHECKS, f'"{check}"')
            self.assertEqual((done.code, done.out[:3]), (0, "ok("), f"{done}\n{lattice.log_path.read_text()}")

    def test_http_server(self):
        lattice = Lattice(self, hosts=1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        lattice.succeeds("start", "component", guest("hello-http-c"), "--id", "hello")
        lattice.succeeds("start", "provider", "process://http-server", "--id", "web")
        lattice.succeeds("config", "put", "web", f"address={address}")
        lattice.succeeds("link", "put", "web", "hello", "wasi:http", "--interface", "incoming-handler", "--source-config", "web")
        wait_until(lambda: get(address) == "hello from wattle\n", "an answer through the process")
        lattice.succeeds("stop", "provider", "web")
        self.assertEqual(get(address), "")

    def test_an_unknown_one(self):
        Lattice(self).refused("start", "provider", "process://nothing", "--id", "kv", says=['no provider "nothing"', "keyvalue-memory"], remedy=["get inventory"])


if __name__ == "__main__":
    unittest.main()
