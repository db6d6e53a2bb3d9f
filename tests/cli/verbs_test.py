#!/usr/bin/env python3
"""The verbs of the lattice, against real hosts: from a component's file to an answer over HTTP, and back."""

import http.client
import http.server
import json
import os
import select
import signal
import socket
import threading
import unittest

from lattice import Lattice
from program import SECONDS_MAX, ProgramTest, environment, guest, wait_until

HELLO = "hello from wattle\n"


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class SmallSite:
    """Answers every request with "hello"."""

    def __init__(self, test):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        test.addCleanup(server.server_close)
        test.addCleanup(server.shutdown)
        self.address = "127.0.0.1:{}".format(server.server_address[1])


def get(address, headers={}):
    connection = http.client.HTTPConnection(address, timeout=SECONDS_MAX)
    try:
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError as error:
        return error.strerror, ""
    finally:
        connection.close()


class Empty(ProgramTest):
    def test_says_that_there_is_nothing(self):
        lattice = Lattice(self)
        for what in ("components", "providers", "links", "configs", "claims"):
            with self.subTest(what=what):
                self.assertRegex(lattice.succeeds("get", what), '(?s)^There are no .*"test"[.]\n$')
                self.assertEqual(lattice.json("get", what), [])
        self.assertEqual(lattice.succeeds("get", "inventory"), 'Nothing runs in the lattice "test".\n')

    def test_without_a_host_it_says_what_to_start(self):
        Lattice(self, hosts=0).refused("get", "hosts", says=["no host"], remedy=["wattle up"])

    def test_without_a_bus_it_says_what_to_start(self):
        self.refused("get", "hosts", "--nats-url", "nats://127.0.0.1:1", says=["cannot reach the bus"], remedy=["wattle up"])


class Verbs(ProgramTest):
    def test_from_a_file_to_an_answer_and_back(self):
        lattice = Lattice(self, hosts=2)
        address = free_address()
        lattice.succeeds("start", "component", guest("hello-http-c"), "--id", "hello", "--max-instances", 4)
        started = lattice.json("start", "provider", "builtin://http-server", "--id", "web")
        self.assertEqual((started["provider_id"], started["result"]), ("web", "started"))
        lattice.succeeds("config", "put", "web", f"address={address}")
        lattice.succeeds("link", "put", "web", "hello", "wasi:http", "--interface", "incoming-handler", "--source-config", "web")
        wait_until(lambda: get(address) == (200, HELLO), "an answer over HTTP")

        [component] = lattice.json("get", "components")
        self.assertEqual((component["id"], component["max_instances"]), ("hello", 4))
        self.assertRegex(component["image_ref"], "^wattle://sha256:[0-9a-f]{64}$")
        [link] = lattice.json("link", "query", "--source", "web")
        self.assertEqual((link["target"], link["interfaces"], link["source_config"]), ("hello", ["incoming-handler"], ["web"]))
        self.assertEqual(lattice.succeeds("link", "query", "--target", "web"), "No link fits.\n")
        self.assertRegex(lattice.succeeds("get", "links"), r"^SOURCE +TARGET +NAME .*\nweb +hello +default +wasi:http/incoming-handler +web +-\n$")

        lattice.succeeds("scale", "component", "hello", "--max-instances", 2)
        self.assertEqual(lattice.json("get", "components")[0]["max_instances"], 2)
        lattice.succeeds("scale", "component", "hello", "--max-instances", 2, "--idle-after", "100ms")
        wait_until(lambda: "2, parked" in lattice.succeeds("get", "components"), "that it is parked")
        self.assertEqual(lattice.json("get", "components")[0]["idle_after_ms"], 100)
        self.assertEqual(get(address), (200, HELLO))
        lattice.refused("scale", "component", "hello", "--max-instances", 2, "--idle-after", "soon", says=["--idle-after"])
        lattice.succeeds("scale", "component", "hello", "--max-instances", 2, "--idle-after", "0")
        lattice.succeeds("start", "component", guest("echo-http-c"), "--id", "hello", "--beside", "--host", component["host_id"])
        images = {each["image_ref"] for each in lattice.json("get", "components")}
        self.assertEqual(len(images), 2)
        [other] = images - {component["image_ref"]}
        lattice.succeeds("scale", "component", "hello", "--max-instances", 0, "--image", other)
        self.assertEqual([each["image_ref"] for each in lattice.json("get", "components")], [component["image_ref"]])
        lattice.succeeds("update", "component", "hello", guest("counter-http-c"))
        wait_until(lambda: get(address)[0] == 200 and get(address)[1] != HELLO, "the other component's answer")

        lattice.succeeds("link", "del", "web", "wasi:http")
        self.assertEqual(lattice.json("get", "links"), [])
        self.assertEqual(lattice.json("stop", "provider", "web")["result"], "stopped")
        self.assertEqual(lattice.json("stop", "component", "hello")["result"], "stopped")
        self.assertEqual(lattice.json("get", "components"), [])

    def test_outgoing_http_goes_along_its_link(self):
        """On the component's own host, on another, and in a process of its own."""
        lattice = Lattice(self, hosts=2)
        here, there = (host["friendly_name"] for host in lattice.ready["hosts"])
        site, address = SmallSite(self), free_address()
        lattice.succeeds("start", "component", guest("client-http-c"), "--id", "client", "--host", here)
        lattice.succeeds("start", "provider", "builtin://http-server", "--id", "web", "--host", here)
        lattice.succeeds("config", "put", "web", f"address={address}")
        lattice.succeeds("link", "put", "web", "client", "wasi:http", "--interface", "incoming-handler", "--source-config", "web")

        def fetch():
            return get(address, {"wattle-authority": site.address, "wattle-path": "/"})

        failed = "the outgoing request failed: error-code case {}\n".format
        prohibited, internal_error = 4, 38
        wait_until(lambda: fetch() == (502, failed(internal_error)), "an error while there is no link")
        lattice.succeeds("config", "put", "site", f"allowed_hosts={site.address}")
        lattice.succeeds("config", "put", "elsewhere", "allowed_hosts=example.com")
        for reference, host in (("builtin://http-client", here), ("builtin://http-client", there), ("process://http-client", there)):
            with self.subTest(reference=reference, host=host):
                target = f"client-{reference[:7]}-{host}"
                lattice.succeeds("start", "provider", reference, "--id", target, "--host", host)
                link = ("link", "put", "client", target, "wasi:http", "--interface", "outgoing-handler", "--target-config")
                lattice.succeeds(*link, "site")
                wait_until(lambda: fetch() == (200, "hello"), "the site's answer")
                lattice.succeeds(*link, "elsewhere")
                wait_until(lambda: fetch() == (502, failed(prohibited)), "a refusal of this host")

    def test_configs(self):
        lattice = Lattice(self)
        lattice.succeeds("config", "put", "redis", "url=redis://127.0.0.1:6379", "options=a=b", "empty=")
        self.assertEqual(lattice.json("config", "get", "redis"), {"url": "redis://127.0.0.1:6379", "options": "a=b", "empty": ""})
        self.assertEqual(
            lattice.succeeds("config", "get", "redis"),
            "KEY       VALUE\nempty     -\noptions   a=b\nurl       redis://127.0.0.1:6379\n",
        )
        wait_until(lambda: "redis   empty,options,url\n" in lattice.succeeds("get", "configs"), "the config in the list")
        lattice.succeeds("config", "del", "redis")
        lattice.refused("config", "get", "redis", says=['"redis"'], remedy=["wattle config put redis"])
        lattice.refused("config", "put", "x", "nothing", says=['"nothing"'], remedy=["NAME=VALUE"])

    def test_labels_and_auctions(self):
        lattice = Lattice(self, hosts=2)
        name = lattice.ready["hosts"][0]["friendly_name"]
        labels = lattice.json("label", name, "zone=eu", "disk=ssd")["labels"]
        self.assertEqual((labels["zone"], labels["disk"]), ("eu", "ssd"))
        self.assertNotIn("disk", lattice.json("label", name, "disk", "--delete")["labels"])
        start = ("start", "component", guest("hello-http-c"), "--label", "zone=eu")
        self.assertEqual(lattice.json(*start, "--id", "here")["friendly_name"], name)
        lattice.refused(*start, "--id", "nowhere", "--label", "disk=ssd", says=["none of the 2 hosts", "disk=ssd"], remedy=["--host"])
        done = lattice.wattle("label", name, "hostcore.os=x")
        self.assertEqual((done.code, done.out, done.err[:7]), (2, "", "error: "), done)
        self.assertIn('"hostcore.os"', done.err)

    def test_a_start_that_fails_says_so(self):
        lattice = Lattice(self)
        lattice.refused("start", "component", self.file("text.wasm", "text"), "--id", "broken", says=["broken"], remedy=["inventory"])
        lattice.refused("start", "component", "missing.wasm", "--id", "x", says=["missing.wasm"], remedy=["path"])
        lattice.refused("start", "provider", "builtin://nonsense", "--id", "x", says=["nonsense"])
        lattice.refused("stop", "component", "nobody", says=['"nobody"'], remedy=["wattle get components"])
        lattice.refused("scale", "component", "nobody", "--max-instances", 1, says=['"nobody"'], remedy=["wattle start component"])
        lattice.refused("get", "inventory", "nobody", says=['"nobody"'], remedy=["wattle get hosts"])
        lattice.refused("link", "put", "a", "b", "wasi", "--interface", "x", says=['"wasi"'], remedy=["NAMESPACE:PACKAGE"])

    def test_a_call_that_is_interrupted_leaves_no_link(self):
        lattice = Lattice(self)
        lattice.succeeds("start", "component", guest("linked-callee-c"), "--id", "callee")
        words = ("call", "callee", "wattle:linked/work@1.0.0.spin", "--lattice", "test")
        call = self.start(*words, env=environment(lattice.environment))
        wait_until(lambda: len(lattice.json("get", "links")) == 1, "the call's link")
        call.send_signal(signal.SIGINT)
        self.assertEqual(call.wait(SECONDS_MAX), 128 + signal.SIGINT)
        self.assertEqual(lattice.json("get", "links"), [])

    def test_watch(self):
        lattice = Lattice(self)
        watch = self.start("-o", "json", "watch", "--lattice", "test", env=environment(lattice.environment))
        events = []

        def sees(name):
            lattice.succeeds("config", "put", "seen", "key=value")
            while select.select([watch.stdout], [], [], 0.05)[0]:
                events.append(json.loads(watch.stdout.readline()))
            return any(event["type"] == f"com.wasmcloud.lattice.{name}" for event in events)

        os.set_blocking(watch.stdout.fileno(), True)
        wait_until(lambda: sees("config_set"), "an event")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(SECONDS_MAX), 0)


if __name__ == "__main__":
    unittest.main()
