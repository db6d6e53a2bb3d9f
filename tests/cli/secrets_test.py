#!/usr/bin/env python3
"""wattle secrets: what is put is given to whom it is meant for, live, and is nowhere else to be seen."""

import json
import os
import pathlib
import pty
import secrets
import select
import signal
import socket
import stat
import subprocess
import termios
import unittest

from lattice import Lattice
from program import SECONDS_MAX, WATTLE, ProgramTest, environment, guest, wait_until

REVEAL = "wattle:secrecy/secrecy@1.0.0.reveal"
CHECK = "wattle:capabilities/checks@1.0.0.run"


class SecretsTest(ProgramTest):
    def put(self, lattice, name, value, *words):
        done = lattice.wattle("-o", "json", "secrets", "put", name, *words, stdin=value)
        self.assertEqual((done.code, done.err), (0, ""), done)
        return json.loads(done.out)

    def start_component(self, lattice, name, component, *configs):
        words = [word for config in configs for word in ("--config", config)]
        lattice.succeeds("start", "component", guest(component), "--id", name, "--max-instances", 4, *words)

    def reveal(self, lattice, name):
        done = lattice.wattle("-o", "json", "call", "vault", REVEAL, json.dumps(name))
        return json.loads(done.out)["result"] if done.code == 0 else done


class Verbs(SecretsTest):
    def test_put_get_and_del(self):
        lattice = Lattice(self, hosts=1)
        self.assertEqual(lattice.succeeds("secrets", "get"), 'There are no secrets in the lattice "test".\n')
        for backend in ("nats", "file"):
            with self.subTest(backend=backend):
                put = self.put(lattice, "token", "first value\n", "--backend", backend)
                self.assertEqual((put["result"], put["config"], put["key"]), ("put", "SECRET_token", "token"))
                again = self.put(lattice, "token", "second value", "--backend", backend, "--as", "password")
                self.assertNotEqual(put["version"], again["version"])
                shown = lattice.json("secrets", "get", "token")
                self.assertEqual((shown["backend"], shown["seen_as"], shown["version"]), (backend, "password", again["version"]))
                self.assertNotIn("value", shown)
                self.assertEqual(lattice.succeeds("secrets", "get", "token", "--reveal"), "second value\n")
                wait_until(lambda: lattice.json("secrets", "get") == [shown], "the list of secrets")
                self.assertNotIn("value", lattice.succeeds("config", "get", "SECRET_token"))
                self.assertEqual(lattice.succeeds("secrets", "del", "token"), "secret token deleted\n")
                lattice.refused("secrets", "get", "token", says=['"token"'], remedy=["wattle secrets put token"])
        self.assertEqual(os.listdir(lattice.state / "secrets"), [])

    def test_an_older_version_can_be_meant(self):
        lattice = Lattice(self, hosts=1)
        first = self.put(lattice, "token", "first")["version"]
        self.put(lattice, "token", "second")
        lattice.succeeds("secrets", "put", "token", "--version", first)
        self.assertEqual(lattice.succeeds("secrets", "get", "token", "--reveal"), "first\n")

    def test_bytes_and_fields(self):
        lattice = Lattice(self, hosts=1)
        path = self.file("bytes", b"\xff\x00\x01")
        lattice.succeeds("secrets", "put", "bytes", "--from-file", path)
        self.assertEqual(lattice.json("secrets", "get", "bytes", "--reveal")["base64"], "/wAB")
        self.put(lattice, "login", '{"user":"me","password":"pw"}', "--field", "password")
        self.assertEqual(lattice.succeeds("secrets", "get", "login", "--reveal"), "pw\n")

    def test_files_are_for_their_owner_alone(self):
        lattice = Lattice(self, hosts=0)
        self.assertEqual(stat.S_IMODE(os.stat(lattice.state / "secrets.nk").st_mode), 0o600)

    def test_refusals(self):
        lattice = Lattice(self, hosts=1)
        lattice.refused("secrets", "put", "token", says=["empty"], remedy=["--from-file"])
        lattice.refused("secrets", "put", "token", "--from-file", "missing", says=['"missing"'], remedy=["standard input"])
        lattice.refused("secrets", "del", "nobody", says=['"nobody"'], remedy=["wattle secrets get"])
        names = {"XDG_RUNTIME_DIR": str(self.folder / "elsewhere")}
        self.refused("secrets", "put", "token", "--from-file", self.file("value", "x"), "--nats-url", lattice.ready["url"],
                     "--nats-creds", lattice.ready["credentials_file"], "--lattice", "test", env=names,
                     says=["no key"], remedy=["--secrets-key"])  # fmt: skip


class Typed(SecretsTest):
    def type(self, lattice, keys):
        """Exit code, and what the terminal has shown."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        words = [WATTLE, "secrets", "put", "token", "--lattice", lattice.name]
        process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(lattice.environment))
        self.addCleanup(lambda: process.poll() is None and process.kill())
        shown = b""

        def read():
            nonlocal shown
            while select.select([ours], [], [], 0.05)[0]:
                shown += os.read(ours, 4096)
            return shown

        wait_until(lambda: b"value" in read(), "the prompt")
        os.write(ours, keys)
        code = process.wait(SECONDS_MAX)
        read()
        self.assertTrue(termios.tcgetattr(theirs)[3] & termios.ECHO, "the terminal shows what is typed again")
        os.close(theirs)
        return code, shown.decode()

    def test_what_is_typed_is_not_shown(self):
        lattice = Lattice(self, hosts=1)
        code, shown = self.type(lattice, b"typed value\n\x04")
        self.assertEqual((code, "typed" in shown, "secret token put" in shown), (0, False, True), shown)
        self.assertEqual(lattice.succeeds("secrets", "get", "token", "--reveal"), "typed value\n")

    def test_an_interrupt_leaves_the_terminal_as_it_was(self):
        lattice = Lattice(self, hosts=1)
        code, shown = self.type(lattice, b"typed val\x03")
        self.assertEqual((code != 0, "typed" in shown, "interrupted" in shown), (True, False, True), shown)
        lattice.refused("secrets", "get", "token", says=['"token"'], remedy=["wattle secrets put token"])


class Given(SecretsTest):
    def test_a_component_reveals_what_it_was_given_and_nothing_else(self):
        lattice = Lattice(self, hosts=2)
        self.put(lattice, "token", "first")
        self.put(lattice, "other", "not for the vault")
        self.put(lattice, "in-a-file", "from a file", "--backend", "file", "--as", "filed")
        self.start_component(lattice, "vault", "secrets-c", "SECRET_token", "SECRET_in-a-file")
        self.assertEqual(self.reveal(lattice, "token"), {"ok": "first"})
        self.assertEqual(self.reveal(lattice, "filed"), {"ok": "from a file"})
        self.assertEqual(self.reveal(lattice, "other"), {"err": "not-found"})
        for backend, name, seen_as in (("nats", "token", "token"), ("file", "in-a-file", "filed")):
            self.put(lattice, name, "second", "--backend", backend, "--as", seen_as)
            wait_until(lambda: self.reveal(lattice, seen_as) == {"ok": "second"}, "the newer value")

    def test_a_component_is_not_started_without_its_secrets(self):
        lattice = Lattice(self, hosts=1)
        self.put(lattice, "token", "value")
        (lattice.state / "secrets.nk").rename(lattice.state / "taken-away")
        lattice.refused("start", "component", guest("secrets-c"), "--id", "vault", "--config", "SECRET_token",
                        says=['"token"', "secrets.nk"], remedy=["inventory"])  # fmt: skip
        (lattice.state / "taken-away").rename(lattice.state / "secrets.nk")
        self.start_component(lattice, "vault", "secrets-c", "SECRET_token")
        self.assertEqual(self.reveal(lattice, "token"), {"ok": "value"})


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Deleted(SecretsTest):
    def test_a_component_has_a_deleted_secret_no_more(self):
        lattice = Lattice(self, hosts=1)
        self.put(lattice, "token", "value")
        self.start_component(lattice, "vault", "secrets-c", "SECRET_token")
        self.assertEqual(self.reveal(lattice, "token"), {"ok": "value"})
        lattice.succeeds("secrets", "del", "token")
        wait_until(lambda: self.reveal(lattice, "token") == {"err": "not-found"}, "the refusal")
        self.put(lattice, "token", "another")
        wait_until(lambda: self.reveal(lattice, "token") == {"ok": "another"}, "the secret that was put again")


class Nowhere(SecretsTest):
    """A marker that is a secret everywhere is looked for in all that the lattice leaves behind and shows."""

    def start_redis(self, password):
        """A server that reads its settings from standard input, so that its password is in no argument."""
        port = free_port()
        server = subprocess.Popen(
            ["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        self.addCleanup(lambda: (server.kill(), server.wait()))
        server.stdin.write(f"port {port}\nbind 127.0.0.1\nsave ''\nrequirepass {password}\n".encode())
        server.stdin.close()

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(answers, "redis-server")
        return port

    def processes_of(self, lattice):
        """The supervisor's and of all that descend from it."""
        found = [lattice.process.pid]
        for parent in found:
            for children in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        return found

    def look_for(self, marker, lattice, shown):
        """Everything but the folder of the backend file, whose files hold it by design."""
        bytes_ = marker.encode()
        for path in pathlib.Path(self.folder).rglob("*"):
            if path.is_file() and path.parent != lattice.state / "secrets":
                self.assertNotIn(bytes_, path.read_bytes(), path)
        looked_at = []
        for process in self.processes_of(lattice):
            for name in ("cmdline", "environ"):
                shows = pathlib.Path(f"/proc/{process}/{name}").read_bytes()
                self.assertNotIn(bytes_, shows, process)
                looked_at += [shows] if name == "cmdline" else []
        self.assertEqual(len(looked_at), 6, "supervisor, bus, two hosts, a manager and a provider")
        self.assertTrue(any(b"provider-process" in shows for shows in looked_at), looked_at)
        for text in shown:
            self.assertNotIn(marker, text)

    def test_a_marker_is_nowhere_but_where_it_belongs(self):
        marker = "MARKER" + secrets.token_hex(16)
        port = self.start_redis(marker)
        lattice = Lattice(self, hosts=2, words=("--log-level", "debug"))
        watch = self.start("-o", "json", "watch", "--lattice", "test", env=environment(lattice.environment), stderr=subprocess.DEVNULL)
        events = []

        def hears(name):
            while select.select([watch.stdout], [], [], 0.05)[0]:
                events.append(watch.stdout.readline().decode())
            return any(f".{name}" in event for event in events)

        wait_until(lambda: lattice.succeeds("config", "put", "seen", "a=b") and hears("config_set"), "the first event")
        self.put(lattice, "token", marker)
        self.put(lattice, "filed", marker, "--backend", "file")
        self.put(lattice, "redis", f"redis://:{marker}@127.0.0.1:{port}", "--as", "url")
        self.put(lattice, "wrong", f"redis://:{marker}@127.0.0.1:{port}/{marker}", "--as", "url")
        self.start_component(lattice, "vault", "secrets-c", "SECRET_token", "SECRET_filed")
        self.assertEqual(self.reveal(lattice, "token"), {"ok": marker})
        self.assertEqual(self.reveal(lattice, "filed"), {"ok": marker})

        lattice.succeeds("start", "provider", "builtin://keyvalue-redis", "--id", "kv")
        self.start_component(lattice, "checks", "capabilities-js")
        with open(self.folder / "spied", "wb") as spied:
            spy = self.start("spy", "kv", "--lattice", "test", env=environment(lattice.environment), stdout=spied)
        interfaces = ("wasi:keyvalue", "--interface", "store", "--interface", "atomics", "--interface", "batch")
        link = ("link", "put", "checks", "kv", *interfaces)
        result = []

        def passes():
            done = lattice.wattle("-o", "json", "call", "checks", CHECK, '"key-value"')
            result[:] = [done]
            return done.code == 0 and "ok" in json.loads(done.out)["result"]

        lattice.succeeds("start", "provider", "process://keyvalue-redis", "--id", "outside")
        lattice.succeeds("link", "put", "checks", "outside", *interfaces, "--target-config", "SECRET_redis")
        wait_until(passes, f"the checks with a process that speaks to Redis, which last said {result}")
        lattice.succeeds(*link, "--target-config", "SECRET_redis")
        wait_until(passes, f"the checks with Redis, which last said {result}")
        wait_until(lambda: passes() and (self.folder / "spied").stat().st_size > 0, "a call that the spy sees")
        spy.send_signal(signal.SIGINT)
        self.assertEqual(spy.wait(SECONDS_MAX), 0)

        shown = []  # with what does not fit, so that there are errors to look at
        lattice.succeeds(*link, "--target-config", "SECRET_wrong")
        wait_until(lambda: "a database that is no number" in lattice.log_path.read_text(), "the refusal of the link")
        lattice.succeeds("stop", "provider", "kv")
        wait_until(lambda: not passes(), "an error of the component")
        shown += [result[0].out, result[0].err]
        for words in (("secrets", "get", "token"), ("secrets", "get"), ("config", "get", "SECRET_token"), ("get", "configs"),
                      ("get", "inventory"), ("get", "links"), ("link", "query")):  # fmt: skip
            shown += [lattice.succeeds(*words), lattice.succeeds("-o", "json", *words)]
        lattice.succeeds("secrets", "del", "wrong")
        wait_until(lambda: hears("config_deleted"), "the last event")
        self.assertTrue(any("SECRET_token" in event for event in events))
        self.look_for(marker, lattice, shown + events)
        watch.send_signal(signal.SIGINT)
        watch.wait(SECONDS_MAX)
        self.assertEqual(lattice.stop(), 0)
        files = [path for path in pathlib.Path(self.folder).rglob("*") if path.is_file() and path.parent != lattice.state / "secrets"]
        self.assertTrue(any(path.suffix == ".blk" for path in files) and any(path.suffix == ".sqlite" for path in files), files)
        for path in files:
            self.assertNotIn(marker.encode(), path.read_bytes(), path)


if __name__ == "__main__":
    unittest.main()
