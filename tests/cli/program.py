"""The program under test: run it and look at what it says, or serve with it and end it again.

    class Echo(ProgramTest):
        def test_says_it(self):
            done = self.wattle("run", guest("command-c"), "--", "echo", "hello")
            self.assertEqual((done.code, done.out), (0, "hello\\n"))
"""

import contextlib
import functools
import http.client
import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from process import GUESTS, ROOT, WATTLE, stat_fields  # noqa: E402

SECONDS_MAX = 60
JCO = ROOT / ".deps" / "npm" / "node_modules" / "@bytecodealliance" / "jco" / "dist" / "jco.js"


def guest(name):
    return GUESTS / f"{name}.wasm"


@functools.cache
def cache_folder():
    """One for all tests of a file: compiled code, and what text was assembled to."""
    return tempfile.TemporaryDirectory(prefix="wattle-cli-")


@functools.cache
def component_from_text(text):
    """A component from its text format, by jco."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=cache_folder().name))
    (folder / "component.wat").write_text(text)
    subprocess.run(
        ["node", JCO, "parse", "component.wat", "-o", "component.wasm"], cwd=folder, check=True,
        capture_output=True, timeout=SECONDS_MAX,
    )  # fmt: skip
    return folder / "component.wasm"


def environment(extra=None):
    return {**os.environ, "XDG_CACHE_HOME": cache_folder().name, **(extra or {})}


class Done:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit code {self.code}\nstdout: {self.out}\nstderr: {self.err}"


def wait_until(condition, what, seconds_max=SECONDS_MAX):
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds_max} s")
        time.sleep(0.01)


class ProgramTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="wattle-cli-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def wattle(self, *words, stdin="", env=None, cwd=None):
        done = subprocess.run(
            [WATTLE, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=SECONDS_MAX,
            env=environment(env), cwd=cwd or self.folder,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def succeeds(self, *words, **options):
        done = self.wattle(*words, **options)
        self.assertEqual((done.code, done.err), (0, ""), done)
        return done.out

    def start(self, *words, **options):
        """A process that goes on; it is killed at the test's end if it still runs."""
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        settings = dict(env=environment(), cwd=self.folder)
        process = subprocess.Popen([WATTLE, *map(str, words)], **{**settings, **pipes, **options})

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                with contextlib.suppress(BrokenPipeError):  # what was not yet written cannot be any more
                    if pipe:
                        pipe.close()

        self.addCleanup(end)
        return process

    def refused(self, *words, says=(), remedy=(), code=2, env=None):
        """Expects a refusal, as text and as JSON, that holds what `says` and `remedy` list."""
        done = self.wattle(*words, env=env)
        self.assertEqual((done.code, done.out), (code, ""), done)
        lines = done.err.splitlines()
        self.assertTrue(lines and lines[0].startswith("error: "), done)
        self.assertEqual(sum(line.startswith("error:") for line in lines), 1, done)
        for line in lines[1:]:  # causes, the remedy, the lines of a longer message
            self.assertRegex(line, r"^  \S", done)
        self.assertNotRegex(done.err, r"\b0x[0-9a-f]{6,}\b|terminate called|\.cpp:\d|#\d+ ", "a stack trace")
        self.assertNotIn("\x1b", done.err)
        remedies = [line for line in lines if line.startswith("  remedy: ")]
        self.assertEqual(len(remedies), 1, done)
        for text in says:
            self.assertIn(text, done.err.split("  remedy: ")[0])
        for text in remedy:
            self.assertIn(text, remedies[0])
        self.check_json(words, done, env)
        return done.err

    def check_json(self, words, as_text, env):
        done = self.wattle("-o", "json", *words, env=env)
        self.assertEqual((done.code, done.out, done.err.count("\n")), (as_text.code, "", 1), done)
        error = json.loads(done.err)["error"]
        self.assertRegex(error["code"], "^[a-z-]+$")
        self.assertIn(f"error: {error['message']}\n", as_text.err)
        self.assertIn(f"  remedy: {error['remedy']}\n", as_text.err)
        cause = error.get("cause")
        while cause:
            self.assertIn(f"  cause: {cause['message']}\n", as_text.err)
            cause = cause.get("cause")


class Serving:
    """`wattle serve` on a free port; what it prints and logs goes to files."""

    def __init__(self, test, component, *words, json_lines=False):
        self.log_path = test.folder / f"serve-{len(os.listdir(test.folder))}.log"
        with open(self.log_path, "wb") as log:
            globals_ = ["-o", "json"] if json_lines else []
            self.process = test.start(
                *globals_, "serve", component, "--addr", "127.0.0.1:0", *words, stdin=subprocess.DEVNULL, stderr=log
            )
        self.first_line = self.read_line()
        found = re.search(r"(https?)://127\.0\.0\.1:(\d+)", self.first_line)
        test.assertTrue(found, f"no address in {self.first_line!r}; log: {self.log()}")
        self.url, self.port = found[0], int(found[2])

    def read_line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS_MAX)
        return self.process.stdout.readline().decode() if ready else ""

    def log(self):
        return self.log_path.read_text()

    def wait_for_log(self):
        """The first whole line, and what more there is by then: it is written when the answer is."""
        wait_until(lambda: "\n" in self.log(), "a line in the log")
        return self.log()

    def get(self, path="/", body=None):
        """(status, headers, text) of a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_MAX)
        try:
            connection.request("GET" if body is None else "POST", path, body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def stop(self, number=signal.SIGTERM):
        """Asks it to end, and returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS_MAX)


class HalfRequest:
    """A request to echo-http-c whose body is not complete: in flight until finish()."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
        self.connection.sendall(b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nfirst")
        self.answer = b""
        self.read_until(b"first")  # the guest is at work

    def read_until(self, text):
        while text not in self.answer:
            block = self.connection.recv(65536)
            if not block:
                raise AssertionError(f"the connection ended after {self.answer!r}")
            self.answer += block

    def finish(self):
        self.connection.sendall(b"-last")
        self.read_until(b"-last")
        self.connection.close()
        return int(self.answer.split(b" ")[1])

    def leave(self):
        self.connection.close()


__all__ = [
    "Done", "HalfRequest", "ProgramTest", "SECONDS_MAX", "Serving", "WATTLE", "cache_folder", "component_from_text",
    "environment", "guest", "stat_fields", "wait_until",
]  # fmt: skip
