"""A lattice of its own for a test: `wattle up` on free ports, with its files in the test's folder.

    lattice = Lattice(self, hosts=2)
    print(lattice.succeeds("get", "hosts"))
"""

import json
import os
import select
import signal
import subprocess

from program import SECONDS_MAX, environment, stat_fields, wait_until


def alive(process):
    """Whether a process of a connection file lives, which is known by its start."""
    fields = stat_fields(process["pid"])
    return bool(fields) and fields[0] != "Z" and int(fields[19]) == process["started"]


class Lattice:
    def __init__(self, test, hosts=1, name="test", words=(), wait=True, nats_port=0):
        self.test, self.name = test, name
        self.environment = {"XDG_RUNTIME_DIR": str(test.folder / "run"), "XDG_STATE_HOME": str(test.folder / "state")}
        (test.folder / "run").mkdir(mode=0o700, exist_ok=True)
        self.connection_path = test.folder / "run" / "wattle" / f"{name}.json"
        self.state = test.folder / "state" / "wattle" / name
        self.log_path = test.folder / f"up-{name}.log"
        self.words = ["-o", "json", "up", "--lattice", name, "--hosts", hosts, "--nats-port", nats_port, "--websocket-port", 0, *words]
        with open(self.log_path, "ab") as log:
            self.process = test.start(
                *self.words, stdin=subprocess.DEVNULL, stderr=log, env=environment(self.environment)
            )
        test.addCleanup(self.end_what_is_left)
        if wait:
            self.ready = self.wait_for_ready()

    def wait_for_ready(self):
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS_MAX)
        line = self.process.stdout.readline().decode() if ready else ""
        self.test.assertTrue(line, f"the lattice does not come up: {self.log_path.read_text()}")
        return json.loads(line)

    def connection(self):
        return json.loads(self.connection_path.read_text())

    def processes(self, role=None):
        return [each for each in self.connection()["processes"] if role in (None, each["role"])]

    def end_what_is_left(self):
        """A supervisor that is killed takes its children with it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(SECONDS_MAX)

    def wattle(self, *words, **options):
        return self.test.wattle(*words, "--lattice", self.name, env=self.environment, **options)

    def succeeds(self, *words):
        done = self.wattle(*words)
        self.test.assertEqual((done.code, done.err), (0, ""), f"{words}: {done}\n{self.log_path.read_text()}")
        return done.out

    def json(self, *words):
        return json.loads(self.succeeds("-o", "json", *words))

    def refused(self, *words, **expected):
        self.test.refused(*words, "--lattice", self.name, env=self.environment, **expected)

    def kill(self, role):
        """Kills one of the processes, and returns it."""
        victim = self.processes(role)[0]
        os.kill(victim["pid"], signal.SIGKILL)
        wait_until(lambda: not alive(victim), f"the end of {role}")
        return victim


__all__ = ["Lattice", "alive"]
