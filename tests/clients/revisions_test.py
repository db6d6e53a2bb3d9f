#!/usr/bin/env python3
"""Several revisions of one component share its calls by weight, on one host and on two (revisions_client.mjs)."""

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


class Revisions(ProgramTest):
    def test_share_calls_by_weight(self):
        lattice = Lattice(self, hosts=2, words=("--allow-file-load",))
        settings = {
            "url": lattice.ready["url"], "credentials": lattice.ready["credentials_file"], "lattice": lattice.name,
            "modules": str(MODULES), "address": free_address(),
            "images": [f"file://{guest(name)}" for name in ("hello-http-c", "echo-http-c", "faults-c")],
        }  # fmt: skip
        done = subprocess.run(
            ["node", HERE / "revisions_client.mjs", json.dumps(settings)], capture_output=True, text=True, timeout=2 * SECONDS_MAX
        )
        self.assertEqual((done.returncode, done.stdout), (0, "shared\n"), f"{done.stderr}{lattice.log_path.read_text()}")


if __name__ == "__main__":
    unittest.main()
