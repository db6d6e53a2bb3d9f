#!/usr/bin/env python3
"""A client written for wasmCloud v1 (v1_client.mjs, on npm's nats and nats.ws) works unchanged, over NATS and over
NATS WebSocket."""

import json
import pathlib
import socket
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from lattice import Lattice  # noqa: E402
from program import SECONDS_MAX, ProgramTest, guest  # noqa: E402

MODULES = HERE.parents[1] / ".deps" / "npm" / "node_modules"


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class V1Client(ProgramTest):
    def run_client(self, transport, url):
        lattice = Lattice(self, hosts=2, words=("--allow-file-load",))
        settings = {
            "transport": transport, "url": lattice.ready[url], "credentials": lattice.ready["credentials_file"],
            "lattice": lattice.name, "address": free_address(), "modules": str(MODULES),
            "images": [f"file://{guest(name)}" for name in ("hello-http-c", "echo-http-c")],
        }  # fmt: skip
        # Node 20 has a WebSocket, and hides it.
        done = subprocess.run(
            ["node", "--experimental-websocket", HERE / "v1_client.mjs", json.dumps(settings)],
            capture_output=True, text=True, timeout=2 * SECONDS_MAX,
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, f"{done.stdout}{done.stderr}{lattice.log_path.read_text()}")
        self.assertRegex(done.stdout, r"^\d+ events\n$")

    def test_over_nats(self):
        self.run_client("nats", "url")

    def test_over_websocket(self):
        self.run_client("nats.ws", "websocket_url")


if __name__ == "__main__":
    unittest.main()
