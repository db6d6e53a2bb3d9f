#!/usr/bin/env python3
"""wattle serve: answers, limits, isolation of requests, and a quiet end."""

import http.client
import json
import signal
import socket
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from program import SECONDS_MAX, HalfRequest, ProgramTest, Serving, guest, wait_until

HELLO = "hello from wattle\n"


def curl(*words):
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", str(SECONDS_MAX), *map(str, words)], capture_output=True,
        text=True, timeout=2 * SECONDS_MAX,
    )  # fmt: skip


class Serve(ProgramTest):
    def test_hello_and_a_quiet_end(self):
        server = Serving(self, guest("hello-http-c"))
        self.assertEqual(server.first_line, f"serving {guest('hello-http-c')} on {server.url}\n")
        status, headers, text = server.get()
        self.assertEqual((status, headers["content-type"], text), (200, "text/plain", HELLO))
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.log(), "")

    def test_interrupt_ends_it_too(self):
        server = Serving(self, guest("hello-http-c"))
        self.assertEqual(server.stop(signal.SIGINT), 0)

    def test_announces_itself_as_json(self):
        server = Serving(self, guest("hello-http-c"), json_lines=True)
        self.assertEqual(json.loads(server.first_line), {"serving": str(guest("hello-http-c")), "url": server.url})

    def test_javascript(self):
        self.assertEqual(Serving(self, guest("hello-http-js")).get()[0], 200)

    def test_echo_of_a_large_body(self):
        body = "0123456789abcdef" * (1 << 16)
        self.assertEqual(Serving(self, guest("echo-http-c")).get("/", body)[2], body)

    def test_many_workers_share_the_port(self):
        server = Serving(self, guest("hello-http-c"), "--workers", "4")
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda _: server.get(), range(200)))
        self.assertEqual({(status, text) for status, _, text in answers}, {(200, HELLO)})
        self.assertEqual(server.stop(), 0)

    def test_one_connection_serves_many_requests(self):
        server = Serving(self, guest("hello-http-c"))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS_MAX)
        self.addCleanup(connection.close)
        connection.connect()
        local = connection.sock.getsockname()
        for _ in range(20):
            connection.request("GET", "/")
            self.assertEqual(connection.getresponse().read().decode(), HELLO)
            self.assertEqual(connection.sock.getsockname(), local)

    def test_goes_on_when_nobody_reads_its_output(self):
        server = Serving(self, guest("hostile-c"))
        server.process.stdout.close()
        server.process.stdout = None
        self.assertEqual(server.get("/unreachable")[0], 500)
        self.assertEqual(server.get()[0], 200)


class Protocols(ProgramTest):
    def test_http2_with_prior_knowledge(self):
        server = Serving(self, guest("hello-http-c"))
        done = curl("--http2-prior-knowledge", "--write-out", "%{http_version} %{http_code}", server.url)
        self.assertEqual(done.stdout, HELLO + "2 200", done.stderr)

    def make_certificate(self, name):
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
            check=True, capture_output=True, timeout=SECONDS_MAX,
        )  # fmt: skip
        return certificate, key

    def test_tls(self):
        certificate, key = self.make_certificate("one")
        server = Serving(self, guest("hello-http-c"), "--tls-cert", certificate, "--tls-key", key)
        self.assertTrue(server.url.startswith("https://"))
        for option, version in (("--http2", "2"), ("--http1.1", "1.1")):
            done = curl(option, "--cacert", certificate, "--write-out", "%{http_version} %{http_code}", server.url)
            self.assertEqual(done.stdout, HELLO + f"{version} 200", done.stderr)
        done = curl("--tls-max", "1.1", "--tlsv1.1", "--cacert", certificate, server.url)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(server.stop(), 0)

    def test_a_key_of_another_certificate(self):
        certificate, _ = self.make_certificate("one")
        _, key = self.make_certificate("two")
        serve = ("serve", guest("hello-http-c"), "--addr", "127.0.0.1:0")
        self.refused(*serve, "--tls-cert", certificate, "--tls-key", key, says=["two.key"])
        self.refused(*serve, "--tls-cert", certificate, "--tls-key", self.folder / "none.key", says=["none.key"])
        self.refused(*serve, "--tls-cert", self.file("text.pem", "text"), "--tls-key", key, says=["text.pem"])
        self.refused(*serve, "--tls-cert", certificate, says=["--tls-key"])
        self.refused(*serve, "--tls-key", key, says=["--tls-cert"])


class Limits(ProgramTest):
    def test_timeout(self):
        server = Serving(self, guest("hostile-c"), "--timeout", "300ms")
        self.assertEqual(server.get("/sleep-for-ever")[0], 504)
        self.assertEqual(server.get()[0], 200)

    def test_cpu_time(self):
        server = Serving(self, guest("hostile-c"), "--cpu-time", "100ms")
        self.assertEqual(server.get("/spin")[0], 500)
        self.assertIn("code=cpu-time-exceeded", server.wait_for_log())
        self.assertEqual(server.get()[0], 200)

    def test_memory(self):
        server = Serving(self, guest("hostile-c"), "--max-memory", "16MiB")
        status, _, text = server.get("/eat-memory")
        self.assertEqual(status, 200)
        self.assertLessEqual(int(text.split(": ")[1]), 256)

    def test_overload(self):
        server = Serving(self, guest("echo-http-c"), "--max-instances", "1", "--queue", "0", "--workers", "2")
        first = HalfRequest(server.port)
        status, headers, _ = server.get()
        self.assertEqual(status, 503)
        self.assertRegex(headers["retry-after"], r"^\d+$")
        self.assertEqual(first.finish(), 200)
        wait_until(lambda: server.get()[0] == 200, "an answer after the first request")

    def test_requests_wait_in_the_queue(self):
        server = Serving(self, guest("echo-http-c"), "--max-instances", "1", "--queue", "1")
        first = HalfRequest(server.port)
        with ThreadPoolExecutor(2) as pool:
            others = [pool.submit(server.get, "/", "waited") for _ in range(2)]
            wait_until(lambda: any(other.done() for other in others), "a refusal, as the queue is full")
            refused, waiting = sorted(others, key=lambda other: not other.done())
            self.assertEqual(refused.result()[0], 503)
            self.assertFalse(waiting.done())
            self.assertEqual(first.finish(), 200)
            self.assertEqual(waiting.result(SECONDS_MAX)[::2], (200, "waited"))

    def test_largest_body(self):
        server = Serving(self, guest("echo-http-c"), "--max-body", "1KiB")
        self.assertEqual(server.get("/", "x" * 1024)[0], 200)
        self.assertEqual(server.get("/", "x" * 1025)[0], 413)


class Isolation(ProgramTest):
    FIRST = "memory 1, grown memory 1, global 1, table 1\n"

    def test_each_request_has_a_pristine_instance(self):
        server = Serving(self, guest("counter-http-c"), "--workers", "1", "--max-instances", "1")
        for _ in range(20):
            self.assertEqual(server.get()[::2], (200, self.FIRST))

    def test_pristine_on_many_workers_at_once(self):
        server = Serving(self, guest("counter-http-c"), "--workers", "2", "--max-instances", "4")
        with ThreadPoolExecutor(8) as pool:
            self.assertEqual({text for _, _, text in pool.map(lambda _: server.get(), range(100))}, {self.FIRST})

    def test_reuse_keeps_state(self):
        server = Serving(self, guest("counter-http-c"), "--reuse", "--workers", "1", "--max-instances", "1")
        for count in range(1, 6):
            expected = f"memory {count}, grown memory {count}, global {count}, table {count}\n"
            self.assertEqual(server.get()[2], expected)

    def test_a_trap_is_told_and_contained(self):
        server = Serving(self, guest("hostile-c"), "--workers", "1", "--max-instances", "1")
        status, _, text = server.get("/unreachable")
        self.assertEqual(status, 500)
        self.assertNotIn("unreachable", text)  # the inside is the operator's business
        log = server.wait_for_log()
        self.assertEqual(log.count("\n"), 1, log)
        for part in ("request failed", "/unreachable", "trap", "GET"):
            self.assertIn(part, log)
        self.assertEqual(server.get()[0], 200)
        self.assertEqual(server.stop(), 0)

    def test_traps_in_a_json_log(self):
        server = Serving(self, guest("hostile-c"), json_lines=True)
        server.get("/divide-by-zero")
        line = json.loads(server.wait_for_log())
        self.assertEqual((line["level"], line["path"], line["code"]), ("error", "/divide-by-zero", "trap"))


class Drain(ProgramTest):
    def test_a_request_in_flight_ends_well(self):
        server = Serving(self, guest("echo-http-c"))
        slow = HalfRequest(server.port)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not self.accepts(server.port), "a closed port")
        self.assertIsNone(server.process.poll())
        self.assertEqual(slow.finish(), 200)
        self.assertEqual(server.process.wait(SECONDS_MAX), 0)

    def test_idle_connections_do_not_hold_it(self):
        server = Serving(self, guest("hello-http-c"))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS_MAX)
        self.addCleanup(connection.close)
        connection.request("GET", "/")
        connection.getresponse().read()
        self.assertEqual(server.stop(), 0)

    def test_what_takes_too_long_is_cut(self):
        server = Serving(self, guest("echo-http-c"), "--drain-timeout", "200ms")
        slow = HalfRequest(server.port)
        self.addCleanup(slow.leave)
        self.assertEqual(server.stop(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        server = Serving(self, guest("echo-http-c"), "--drain-timeout", "60s")
        slow = HalfRequest(server.port)
        self.addCleanup(slow.leave)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not self.accepts(server.port), "a closed port")
        self.assertEqual(server.stop(), -signal.SIGTERM)

    def accepts(self, port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX).close()
            return True
        except ConnectionError:
            return False


if __name__ == "__main__":
    unittest.main()
