#!/usr/bin/env python3
"""Colour and progress are for terminals only."""

import os
import pty
import signal
import subprocess
import threading
import time
import unittest

from program import SECONDS_MAX, WATTLE, ProgramTest, guest

ESCAPE = b"\x1b["
PAUSE_SECONDS, WORK_SECONDS = 0.25, 0.004


class Terminal(ProgramTest):
    def on_terminal(self, *words, env=None, slowly=False):
        """Exit code and what a terminal as stderr shows."""
        ours, theirs = pty.openpty()
        shown = bytearray()

        def read():
            try:
                while block := os.read(ours, 65536):
                    shown.extend(block)
            except OSError:
                pass  # the other end is closed

        try:
            extra = {"env": {**os.environ, "TERM": "xterm", "NO_COLOR": "", **(env or {})}}
            process = self.start_with(words, theirs, extra)
        finally:
            os.close(theirs)
        reader = threading.Thread(target=read)
        reader.start()
        if slowly:
            self.slow_down(process)
        code = process.wait(SECONDS_MAX)
        reader.join(SECONDS_MAX)
        os.close(ours)
        return code, bytes(shown)

    def start_with(self, words, stderr, extra):
        process = subprocess.Popen(
            [WATTLE, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, **extra
        )
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def slow_down(self, process):
        """Lets it work for a fraction of the time, as on a busy machine."""
        deadline = time.monotonic() + SECONDS_MAX
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(signal.SIGSTOP)
            time.sleep(PAUSE_SECONDS)
            process.send_signal(signal.SIGCONT)
            time.sleep(WORK_SECONDS)

    def test_errors_are_coloured(self):
        code, shown = self.on_terminal("run", "missing.wasm")
        self.assertEqual(code, 2)
        self.assertIn(b"\x1b[1;31merror:\x1b[0m cannot read", shown)

    def test_no_color_is_heeded(self):
        _, shown = self.on_terminal("run", "missing.wasm", env={"NO_COLOR": "1"})
        self.assertIn(b"error: cannot read", shown)
        self.assertNotIn(ESCAPE, shown)

    def test_json_is_not_coloured(self):
        self.assertNotIn(ESCAPE, self.on_terminal("-o", "json", "run", "missing.wasm")[1])

    def test_nothing_is_coloured_elsewhere(self):
        self.assertNotIn("\x1b", self.wattle("run", "missing.wasm").err)

    def test_progress_of_what_takes_more_than_a_second(self):
        words = ("--no-cache", "call", guest("hello-http-js"), "no-such-function")
        code, shown = self.on_terminal(*words, slowly=True)
        self.assertEqual(code, 2)
        self.assertIn(b"\rcompiling " + bytes(guest("hello-http-js")) + b" ... 1s", shown)
        self.assertIn(b"\r\x1b[K", shown)  # and it goes away

    def test_no_progress_of_what_is_quick(self):
        _, shown = self.on_terminal("validate", guest("hello-http-c"))
        self.assertEqual(shown, b"")

    def test_no_progress_elsewhere(self):
        process = self.start("--no-cache", "call", guest("hello-http-js"), "no-such-function")
        self.slow_down(process)
        self.assertNotIn(b"compiling", process.stderr.read())


if __name__ == "__main__":
    unittest.main()
