#!/usr/bin/env python3
"""Two neighbouring format versions share a lattice; what only the newer one may read is refused and left as it is."""

import hashlib
import json
import pathlib
import sqlite3
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from lattice import Lattice  # noqa: E402
from program import SECONDS_MAX, ProgramTest, environment, guest  # noqa: E402

MODULES = HERE.parents[1] / ".deps" / "npm" / "node_modules"


class NeighbouringVersions(ProgramTest):
    def test_share_a_lattice(self):
        lattice = Lattice(self, hosts=2)
        lattice.succeeds("start", "component", guest("hello-http-c"), "--id", "hello")
        settings = {
            "url": lattice.ready["url"], "credentials": lattice.ready["credentials_file"], "lattice": lattice.name,
            "modules": str(MODULES),
        }  # fmt: skip
        done = subprocess.run(
            ["node", HERE / "next_version.mjs", json.dumps(settings)], capture_output=True, text=True, timeout=2 * SECONDS_MAX
        )
        self.assertEqual((done.returncode, done.stdout), (0, "shared\n"), f"{done.stderr}{lattice.log_path.read_text()}")
        self.assertIn("format 2", lattice.log_path.read_text())  # of the lease that was refused

    def test_a_newer_file_is_refused_and_left_as_it_is(self):
        lattice = Lattice(self, hosts=0)
        host = ("host", "--data-dir", self.folder / "data")
        path = self.folder / "data" / "store.sqlite"
        first = self.start(*host, "--lattice", lattice.name, env=environment(lattice.environment))
        self.assertIn(b"ready", first.stdout.readline())
        first.terminate()
        self.assertEqual(first.wait(SECONDS_MAX), 0)
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version = 99")
        database.close()
        before = hashlib.sha256(path.read_bytes()).digest()
        lattice.refused(*host, says=[str(path), "format 99"], remedy=["newer"])
        self.assertEqual(hashlib.sha256(path.read_bytes()).digest(), before)


if __name__ == "__main__":
    unittest.main()
