#!/usr/bin/env python3
"""wattle spy: calls from and to a component are seen, with their values, on one host and between two."""

import json
import select
import signal
import subprocess
import unittest

from lattice import Lattice
from program import SECONDS_MAX, ProgramTest, environment, guest, wait_until

ADD = "wattle:caller/caller@1.0.0.run-add"
CHECK = "wattle:capabilities/checks@1.0.0.run"


class Spy(ProgramTest):
    def spy(self, lattice, who, *words):
        process = self.start(*words, "spy", who, "--lattice", lattice.name, env=environment(lattice.environment), stdin=subprocess.DEVNULL)
        self.seen = []
        return process

    def sees(self, process, fits):
        """Whether a line of those so far fits."""
        while select.select([process.stdout], [], [], 0.05)[0]:
            line = process.stdout.readline().decode()
            self.assertTrue(line, process.stderr.read() if process.poll() is not None else "")
            self.seen.append(line)
        return any(map(fits, self.seen))

    def end(self, process):
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(SECONDS_MAX), 0)

    def start_two(self, lattice, hosts):
        lattice.succeeds("start", "component", guest("library-c"), "--id", "library", "--host", hosts[0])
        lattice.succeeds("start", "component", guest("caller-c"), "--id", "caller", "--host", hosts[-1])
        lattice.succeeds("link", "put", "caller", "library", "wattle:demo", "--interface", "calc", "--interface", "counters")

    def check_calls(self, hosts_count):
        lattice = Lattice(self, hosts=hosts_count)
        hosts = [host["host_id"] for host in lattice.ready["hosts"]]
        self.start_two(lattice, hosts)
        process = self.spy(lattice, "library", "-o", "json")

        def fits(line):
            call = json.loads(line)
            if (call["source"], call["target"], call["function"]) != ("caller", "library", "add"):
                return False
            self.assertEqual((call["host_id"], call["interface"]), (hosts[0], "wattle:demo/calc@1.0.0"))
            self.assertEqual((call["arguments"], call["result"]), ("(2, 40)", "42"))
            return True

        def is_seen():
            self.assertEqual(lattice.succeeds("call", "caller", ADD, 2, 40), "42\n")
            return self.sees(process, fits)

        wait_until(is_seen, "a call on its way")
        self.end(process)

    def test_calls_on_one_host(self):
        self.check_calls(1)

    def test_calls_between_hosts(self):
        self.check_calls(2)

    def test_capabilities_as_text(self):
        lattice = Lattice(self)
        lattice.succeeds("start", "component", guest("capabilities-js"), "--id", "checks", "--max-instances", 2)
        lattice.succeeds("start", "provider", "builtin://keyvalue-memory", "--id", "kv")
        lattice.succeeds("link", "put", "checks", "kv", "wasi:keyvalue", "--interface", "store")
        process = self.spy(lattice, "checks")

        def is_seen():
            lattice.succeeds("call", "checks", CHECK, '"key-value"')
            return self.sees(process, lambda line: line.startswith("checks -> kv wasi:keyvalue/store.bucket.set("))

        wait_until(is_seen, "a call of the key-value store")
        wait_until(lambda: self.sees(process, lambda line: '.run("key-value") = ok(' in line), "the call from outside")
        self.end(process)

    def test_who_is_nowhere_is_refused(self):
        Lattice(self).refused("spy", "nobody", says=['"nobody"'], remedy=["wattle get inventory"])


if __name__ == "__main__":
    unittest.main()
