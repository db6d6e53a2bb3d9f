#!/usr/bin/env python3
"""Who may do what on the bus: a provider's process reaches its own subjects only, and nobody reaches a component without
a link, whatever the caller says that it is."""

import json
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from lattice import Lattice  # noqa: E402
from program import SECONDS_MAX, ProgramTest, guest, wait_until  # noqa: E402

MODULES = HERE.parents[1] / ".deps" / "npm" / "node_modules"


class Authority(ProgramTest):
    def run_script(self, script, lattice, **settings):
        settings |= {"url": lattice.ready["url"], "lattice": lattice.name, "modules": str(MODULES)}
        done = subprocess.run(
            ["node", HERE / script, json.dumps(settings)], capture_output=True, text=True, timeout=2 * SECONDS_MAX
        )
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), f"{done.stderr}{lattice.log_path.read_text()}")

    def test_a_providers_credentials(self):
        lattice = Lattice(self, words=("--allow-file-load",))
        told = self.folder / "told.json"
        lattice.succeeds("config", "put", "secretive", "password=hunter2")
        lattice.succeeds("config", "put", "spy", f"file={told}")
        lattice.succeeds("start", "component", guest("hello-http-c"), "--id", "hello")
        wait_until(lambda: lattice.wattle("config", "get", "secretive").code == 0, "the config")
        lattice.succeeds("start", "provider", f"file://{HERE / 'spy_provider.cjs'}", "--id", "spy", "--config", "spy")
        host = lattice.json("get", "hosts")[0]["id"]
        self.run_script("spy.mjs", lattice, told=str(told), host=host, component="hello")
        self.assertIn("hunter2", lattice.succeeds("config", "get", "secretive"))
        self.assertEqual([each["id"] for each in lattice.json("get", "components")], ["hello"])

    def test_calls_with_a_forged_source(self):
        lattice = Lattice(self, hosts=2)
        for name in ("linked-caller-c", "linked-callee-c"):
            lattice.succeeds("start", "component", guest(name), "--id", name)
        call = ("call", "linked-caller-c", "wattle:linking/relay@1.0.0.add", "2", "3")
        done = lattice.wattle(*call)
        self.assertNotEqual(done.code, 0)
        self.assertIn('"linked-caller-c" has no link', done.err)
        hosts = [each["id"] for each in lattice.json("get", "hosts")]
        self.run_script("forger.mjs", lattice, hosts=hosts, credentials=lattice.ready["credentials_file"])
        lattice.succeeds("link", "put", "linked-caller-c", "linked-callee-c", "wattle:linked", "--interface", "work")
        wait_until(lambda: lattice.wattle(*call).out == "5\n", "the call along the link")


if __name__ == "__main__":
    unittest.main()
