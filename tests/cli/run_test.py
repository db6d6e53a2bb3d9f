#!/usr/bin/env python3
"""wattle run: what a command component gets, what it may, and how it ends."""

import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from program import SECONDS_MAX, ProgramTest, guest, stat_fields, wait_until

COMMAND = guest("command-c")
INTERRUPTED_SECONDS_MAX = 2


class Run(ProgramTest):
    def test_arguments_arrive_as_they_are(self):
        words = ["a b", "[1,2]", "--timeout", "-x", "", "ä"]
        self.assertEqual(self.succeeds("run", COMMAND, "--", "echo", *words), " ".join(words) + "\n")

    def test_environment_is_empty_unless_given(self):
        self.assertEqual(self.succeeds("run", COMMAND, "--", "env"), "")
        out = self.succeeds(
            "run", COMMAND, "--env", "A=1", "--env", "B=x=y", "--env", "FROM_HERE", "--", "env", env={"FROM_HERE": "z"}
        )
        self.assertEqual(out, "A=1\nB=x=y\nFROM_HERE=z\n")

    def test_standard_input(self):
        text = "line\n" * 100_000
        self.assertEqual(self.succeeds("run", COMMAND, "--", "cat", stdin=text), text)

    def test_output_and_errors_are_apart(self):
        done = self.wattle("run", COMMAND, "--", "read-file", "/missing")
        self.assertEqual((done.code, done.out), (1, ""))
        self.assertIn("/missing", done.err)
        self.assertNotIn("error:", done.err)

    def test_exit_codes(self):
        for code in (0, 7, 255):
            self.assertEqual(self.wattle("run", guest("sockets-c"), "--", "exit", code).code, code)
        # Preview 1's adapter knows success and failure only.
        self.assertEqual(self.wattle("run", COMMAND, "--", "exit", "7").code, 1)

    def test_cpp_counts_words(self):
        done = self.wattle("run", guest("command-cpp"), stdin="b a b\n")
        self.assertEqual(done.code, 0, done)
        self.assertIn("b", done.out)

    def test_cpp_counts_more_words_than_its_first_memory_holds(self):
        words = [f"w{number:06}" for number in range(50_000)]
        done = self.wattle("run", guest("command-cpp"), stdin=" ".join(words))
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.out.splitlines(), [f"1 {word}" for word in words])


class Folders(ProgramTest):
    def test_a_folder_is_written_and_read(self):
        self.succeeds("run", COMMAND, "--dir", f"{self.folder}::/data", "--", "write-file", "/data/a.txt", "hello")
        self.assertEqual((self.folder / "a.txt").read_text(), "hello")
        self.assertEqual(self.succeeds("run", COMMAND, "--dir", ".::/d", "--", "read-file", "/d/a.txt"), "hello")

    def test_read_only(self):
        self.file("a.txt", "hello")
        option = ("--dir", f"{self.folder}::/data::ro")
        self.assertEqual(self.succeeds("run", COMMAND, *option, "--", "read-file", "/data/a.txt"), "hello")
        for words in (("write-file", "/data/b.txt", "x"), ("remove-file", "/data/a.txt"), ("make-dir", "/data/c")):
            done = self.wattle("run", COMMAND, *option, "--", *words)
            self.assertEqual(done.code, 1, done)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["a.txt"])

    def test_nothing_lies_outside(self):
        inside = self.folder / "inside"
        inside.mkdir()
        self.file("secret.txt", "secret")
        os.symlink("../secret.txt", inside / "link")
        for path in ("/d/../secret.txt", "/d/link", str(self.folder / "secret.txt")):
            done = self.wattle("run", COMMAND, "--dir", f"{inside}::/d", "--", "read-file", path)
            self.assertEqual((done.code, done.out), (1, ""), path)


class Limits(ProgramTest):
    def ends(self, code, *words, says, remedy=None):
        done = self.wattle("run", COMMAND, *words)
        self.assertEqual(done.code, code, done)
        self.assertEqual(done.err.count("error:"), 1, done)
        self.assertIn(says, done.err)
        if remedy:
            self.assertIn(f"  remedy: allow more with {remedy}", done.err)

    def test_timeout_while_computing(self):
        self.ends(124, "--timeout", "200ms", "--", "spin", says="deadline", remedy="--timeout")

    def test_timeout_while_waiting(self):
        waiting = self.start("run", COMMAND, "--timeout", "200ms", "--", "cat")
        self.assertEqual(waiting.wait(SECONDS_MAX), 124)  # its input never ends
        self.assertIn(b"deadline", waiting.stderr.read())

    def test_cpu_time(self):
        self.ends(124, "--cpu-time", "100ms", "--", "spin", says="CPU time", remedy="--cpu-time")

    def test_waiting_is_no_cpu_time(self):
        out = self.succeeds("run", guest("sockets-c"), "--cpu-time", "1s", "--allow-connect", "*", "--", "lookup", "localhost")
        self.assertIn("127.0.0.1", out)

    def test_memory(self):
        done = self.wattle("run", COMMAND, "--max-memory", "8MiB", "--", "alloc", "64")
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.out, r"refused after \d MiB")
        self.assertEqual(self.succeeds("run", COMMAND, "--max-memory", "128MiB", "--", "alloc", "64"), "64 MiB\n")

    def test_too_little_memory_to_begin_with(self):
        self.ends(137, "--max-memory", "64KiB", says="bytes of memory to begin with", remedy="--max-memory")

    def test_traps(self):
        self.ends(134, "--", "trap", says="unreachable")
        self.ends(134, "--", "recurse", says="call stack exhausted")


class Signals(ProgramTest):
    def interrupted(self, number, *words):
        process = self.start("run", COMMAND, "--dir", f"{self.folder}::/d", "--", *words)
        return process, lambda: self.time_of_end(process, number)

    def time_of_end(self, process, number):
        started = time.monotonic()
        process.send_signal(number)
        code = process.wait(SECONDS_MAX)
        self.assertLess(time.monotonic() - started, INTERRUPTED_SECONDS_MAX)
        return code

    def wait_for_input(self, process):
        """Once what was written came back, the guest runs and waits for more."""
        process.stdin.write(b"x" * 65536 * 2)
        process.stdin.flush()
        self.assertEqual(process.stdout.read(1), b"x")

    def test_interrupt_while_waiting(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = self.start("run", COMMAND, "--", "cat")
            self.wait_for_input(process)
            self.assertEqual(self.time_of_end(process, number), code)
            self.assertEqual(process.stderr.read(), b"")

    def test_interrupt_while_computing(self):
        process = self.start("run", COMMAND, "--", "spin")
        ticks_of_user_time = lambda: int(stat_fields(process.pid)[11])
        wait_until(lambda: ticks_of_user_time() >= 20, "200 ms of CPU time")  # it is well past its start
        self.assertEqual(self.time_of_end(process, signal.SIGINT), 130)


class Sockets(ProgramTest):
    def listener(self):
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(SECONDS_MAX)
        self.addCleanup(server.close)
        return server, server.getsockname()[1]

    def test_refused_unless_allowed(self):
        _, port = self.listener()
        for allowed in ((), ("--allow-connect", f"127.0.0.1:{port + 1 if port < 65535 else 1}"),
                        ("--allow-connect", f"10.0.0.0/8:{port}")):  # fmt: skip
            done = self.wattle("run", guest("sockets-c"), *allowed, "--", "tcp", "127.0.0.1", port, "x")
            self.assertEqual(done.code, 1, done)
            self.assertIn("error-code 1", done.out)  # access-denied

    def test_allowed(self):
        server, port = self.listener()

        def answer():
            connection, _ = server.accept()
            with connection:
                while block := connection.recv(100):
                    connection.sendall(block.upper())

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            out = self.succeeds(
                "run", guest("sockets-c"), "--allow-connect", f"127.0.0.1:{port}", "--", "tcp", "127.0.0.1", port, "hello"
            )
        finally:
            thread.join(SECONDS_MAX)
        self.assertEqual(out, "HELLO")


class Pipes(ProgramTest):
    def test_a_reader_that_leaves_ends_the_guest(self):
        process = self.start("run", COMMAND, "--", "cat", stdin=subprocess.PIPE)
        feeder = threading.Thread(target=self.feed, args=(process.stdin,))
        feeder.start()
        process.stdout.read(10)
        process.stdout.close()
        process.stdout = None
        process.wait(SECONDS_MAX)
        feeder.join(SECONDS_MAX)
        self.assertNotEqual(process.returncode, 0)
        self.assertNotIn(b"terminate", process.stderr.read())

    def feed(self, stdin):
        try:
            while True:
                stdin.write(b"x" * 4096)
        except (BrokenPipeError, ValueError):
            pass


if __name__ == "__main__":
    unittest.main()
