#!/usr/bin/env python3
"""The example manifests (tests/manifests) deploy as they are, put by a client that is written for wadm's API
(wadm_client.py): replicas are where weights and labels say, as hosts tell themselves, and the applications answer.

Manifests name their ports, so each test has a network of its own."""

import base64
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "cli"), str(HERE.parent / "support")]
import network  # noqa: E402
from bus import Bus  # noqa: E402
from lattice import Lattice  # noqa: E402
from program import SECONDS_MAX, WATTLE, ProgramTest, environment, guest, wait_until  # noqa: E402
from wadm_client import WadmClient  # noqa: E402

MANIFESTS = HERE.parent / "manifests"
MODULES = HERE.parents[1] / ".deps" / "npm" / "node_modules"
NATS, REDIS = 4222, 6379
# What runs in place of the manifests' components; their providers are wattle's own, by wattle's own table.
COMPONENTS = {
    "echo": "echo-http-c", "storefront-pages": "keyvalue-http-c", "hello": "keyvalue-http-c", "blog-articles": "keyvalue-http-c",
    "ledger-books": "secrets-c", "edge-agent": "client-http-c", "guestbook-web": "keyvalue-http-c",
    "guestbook-entries": "counter-http-c", "thumbnails-resize": "messaging-c",
}  # fmt: skip


def image(name):
    return f"file://{guest(COMPONENTS[name])}"


def exchange(address, path="/", body=None, host=None):
    """(status, text), or nothing where nobody listens."""
    connection = http.client.HTTPConnection(address, timeout=SECONDS_MAX)
    try:
        connection.request("GET" if body is None else "POST", path, body, {"Host": host or address})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return None
    finally:
        connection.close()


class WadmTest(ProgramTest):
    def start_server(self, words, port):
        with open(self.folder / f"{words[0]}.log", "wb") as log:
            process = subprocess.Popen(words, cwd=self.folder, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def answers():
            try:
                Bus(port).close() if port == NATS else exchange(f"127.0.0.1:{port}")
                return True
            except (OSError, http.client.HTTPException) as problem:
                return isinstance(problem, http.client.HTTPException)

        wait_until(answers, words[0])

    def bring_up(self, *labels):
        """A lattice with a host for each set of labels, and wadm's client on its bus."""
        nats = ["nats-server", "-js", "-a", "0.0.0.0", "-p", str(NATS), "-sd", str(self.folder / "js")]
        self.start_server(["env", "PATH=/usr/sbin:/usr/local/bin:/usr/bin", *nats], NATS)
        table = json.loads(self.succeeds("-o", "json", "app", "images"))
        table["images"].update({f"ghcr.io/example/{name}": image(name) for name in COMPONENTS})
        words = ["--nats-url", f"nats://127.0.0.1:{NATS}", "--allow-file-load", "--workers", 1]
        words += ["--images", self.file("images.yaml", json.dumps(table))]
        self.lattice = Lattice(self, hosts=len(labels), words=words)
        self.hosts = sorted(host["id"] for host in self.lattice.json("get", "hosts"))
        for host, pairs in zip(self.hosts, labels):
            if pairs:
                self.lattice.succeeds("label", host, *(f"{key}={value}" for key, value in pairs.items()))
        self.wadm = WadmClient(Bus(NATS), "test")
        self.addCleanup(self.wadm.bus.close)
        self.wadm.bus.subscribe("wadm.status.test.>")
        wait_until(lambda: self.lattice.wattle("app", "list").code == 0, "a manager")

    # ---- the life of an application, by wadm's API

    def deploy(self, text, name, version, content_type=None):
        put = self.wadm.put(text, content_type)
        self.assertEqual((put["result"], put["name"], put["current_version"], put["total_versions"]), ("created", name, version, 1), put)
        deployed = self.wadm.deploy(name, version)
        self.assertEqual((deployed["result"], deployed["name"], deployed["version"]), ("acknowledged", name, version), deployed)
        self.wait_for(name, "deployed")
        self.assertEqual([each["status"]["type"] for each in self.status(name)["scalers"] if each["status"]["type"] != "deployed"], [])
        [one] = [each for each in self.wadm.models()["models"] if each["name"] == name]
        self.assertEqual((one["version"], one["deployed_version"], one["status"]), (version, version, "deployed"))
        self.assertIn(name, [each["name"] for each in self.wadm.list()])
        self.assertEqual(self.wadm.get(name)["manifest"]["metadata"]["name"], name)
        self.assertEqual(self.wadm.versions(name)["versions"], [{"version": version, "deployed": True}])

    def status(self, name):
        answer = self.wadm.status(name)
        self.assertEqual(answer["result"], "ok")
        return answer["status"]

    def wait_for(self, name, kind):
        try:
            wait_until(lambda: self.status(name)["status"]["type"] == kind, f"{name} {kind}")
        except AssertionError as late:
            raise AssertionError(f"{late}: {json.dumps(self.status(name), indent=1)}\n{self.lattice.log_path.read_text()[-4000:]}") from None
        wait_until(lambda: self.told(name, kind), f"the news that {name} is {kind}")

    def told(self, name, kind):
        self.wadm.models()  # reads what has come meanwhile, too
        return any(status["status"]["type"] == kind for status in self.wadm.told(name))

    def update(self, text, name, version):
        """Another version beside the first, which then goes."""
        put = self.wadm.put(text)
        self.assertEqual((put["result"], put["current_version"], put["total_versions"]), ("newversion", version, 2), put)
        self.assertEqual(self.wadm.deploy(name)["version"], version)
        wait_until(lambda: self.deployed_version(name) == version, f"{name} {version}")
        self.wait_for(name, "deployed")

    def deployed_version(self, name):
        return next((each["version"] for each in self.wadm.versions(name)["versions"] if each["deployed"]), None)

    def take_away(self, name):
        undeployed = self.wadm.undeploy(name)
        self.assertEqual((undeployed["result"], undeployed["name"]), ("acknowledged", name), undeployed)
        self.wait_for(name, "undeployed")
        wait_until(lambda: not self.wadm.status(name)["status"]["status"]["message"], f"the end of {name}")
        deleted = self.wadm.delete(name)
        self.assertEqual((deleted["result"], deleted["undeploy"]), ("deleted", False), deleted)
        self.assertEqual(self.wadm.delete(name)["result"], "noop")
        for answer in (self.wadm.status(name), self.wadm.get(name), self.wadm.versions(name), self.wadm.deploy(name), self.wadm.undeploy(name)):
            self.assertEqual(answer["result"], "notfound", answer)

    def nothing_is_left(self):
        for host in self.all_hosts():
            inventory = self.inventory(host)
            self.assertEqual((inventory["components"], inventory["providers"]), ([], []))
        self.assertEqual(self.control("link.get"), [])

    # ---- what hosts say

    def control(self, subject, body=""):
        return json.loads(self.wadm.bus.request(f"wasmbus.ctl.v1.test.{subject}", body))["response"]

    def all_hosts(self):
        return sorted(host["id"] for host in self.lattice.json("get", "hosts"))

    def inventory(self, host):
        return self.control(f"host.get.{host}")

    def instances(self, component):
        """By host; the image is that of the table, and wadm's annotations are there."""
        counts = {}
        for host in self.all_hosts():
            for each in self.inventory(host)["components"]:
                if each["id"] == component:
                    self.assertEqual(each["annotations"]["wasmcloud.dev/managed-by"], "wadm")
                    counts[host] = counts.get(host, 0) + each["max_instances"]
        return counts

    def providers(self, provider):
        return {host for host in self.all_hosts() for each in self.inventory(host)["providers"] if each["id"] == provider}

    def answers(self, address, path, expected, host=None):
        try:
            wait_until(lambda: exchange(address, path, host=host) == expected, f"{address}{path} answers {expected}", 20)
        except AssertionError as late:
            raise AssertionError(f"{late}: {exchange(address, path, host=host)}\n{self.lattice.log_path.read_text()[-4000:]}") from None

    def sets_and_reads(self, address):
        self.answers(address, "/set/a/1", (200, "done"))
        self.assertEqual(exchange(address, "/get/a"), (200, "1"))


class Examples(WadmTest):
    def test_as_json(self):
        self.bring_up({})
        text = (MANIFESTS / "application.json").read_text()
        self.deploy(text, "echo", "v1", "application/json")
        self.assertEqual(self.instances("echo-echo"), {self.hosts[0]: 1})
        wait_until(lambda: exchange("127.0.0.1:8090", "/echo", "hello") == (200, "hello"), "an echo")
        self.update(text.replace('"instances": 1', '"instances": 3').replace('"v1"', '"v2"'), "echo", "v2")
        self.assertEqual(self.instances("echo-echo"), {self.hosts[0]: 3})
        self.assertEqual(self.wadm.delete("echo", "v1")["result"], "deleted")
        self.assertEqual(self.wadm.get("echo", "v1")["result"], "notfound")
        self.take_away("echo")
        self.nothing_is_left()

    def test_spreads_with_weights_and_labels(self):
        """Its HTTP server listens on the same port in both regions: on machines of their own."""
        self.bring_up({"region": "east", "tier": "web"}, {"region": "east", "tier": "data"}, {"region": "north"})
        west = network.Machine(2)
        self.addCleanup(west.end)
        west.lead(NATS)
        words = ["-o", "json", "host", "--lattice", "test", "--nats-url", f"nats://127.0.0.1:{NATS}", "--allow-file-load", "--workers", 1]
        said = west.start([WATTLE, *words, "--label", "region=west", "--label", "tier=web"], env=environment(self.lattice.environment))
        far = json.loads(said.stdout.readline())["host_id"]
        text = (MANIFESTS / "spreads.yaml").read_text()
        self.deploy(text, "storefront", "v1.4.0")
        self.assertEqual(self.instances("storefront-pages"), {self.hosts[0]: 32, far: 8})
        where = self.providers("storefront-httpserver")
        self.assertTrue(far in where and len(where) == 2 and self.hosts[2] not in where, where)
        self.assertEqual(len(self.providers("storefront-cache")), 1)
        self.sets_and_reads("127.0.0.1:8082")
        self.assertEqual(exchange(f"{west.address}:8082", "/get/a"), (200, "1"))
        self.update(text.replace("weight: 80", "weight: 60").replace("weight: 20", "weight: 40").replace("v1.4.0", "v1.5.0"), "storefront", "v1.5.0")
        self.assertEqual(self.instances("storefront-pages"), {self.hosts[0]: 24, far: 16})
        self.take_away("storefront")
        self.nothing_is_left()

    def test_daemons(self):
        edge = {"zone": "edge"}
        self.bring_up({"role": "gateway", **edge}, {"role": "sensor", **edge}, {"role": "sensor"}, {"role": "console"})
        text = (MANIFESTS / "daemons.yaml").read_text()
        self.deploy(text, "edge-agent", "v5")
        self.assertEqual(self.instances("edge_agent-agent"), {host: 2 for host in self.hosts[:3]})
        self.assertEqual(self.providers("edge_agent-out"), set(self.hosts[:2]))
        self.lattice.succeeds("label", self.hosts[3], "role=gateway")  # one more of them
        wait_until(lambda: self.instances("edge_agent-agent") == {host: 2 for host in self.hosts}, "an agent on the host that is a gateway now")
        self.take_away("edge-agent")
        self.nothing_is_left()

    def test_what_wadm_deprecated(self):
        self.bring_up({})
        text = (MANIFESTS / "older.yaml").read_text()
        self.deploy(text, "greeter", "v0.0.1")
        self.assertEqual(self.instances("greeter-hello"), {self.hosts[0]: 5})
        self.sets_and_reads("127.0.0.1:8081")
        self.update(text.replace("replicas: 5", "replicas: 7").replace("v0.0.1", "v0.0.2"), "greeter", "v0.0.2")
        self.assertEqual(self.instances("greeter-hello"), {self.hosts[0]: 7})
        self.take_away("greeter")
        self.nothing_is_left()

    def test_shared_providers(self):
        self.bring_up({}, {})
        self.start_server(["redis-server", "--port", str(REDIS), "--save", ""], REDIS)
        blog = (MANIFESTS / "blog.yaml").read_text()
        refused = self.wadm.put(blog)
        if refused["result"] != "error":
            refused = self.wadm.deploy("blog")
        self.assertEqual(refused["result"], "error", "what it uses is not there")
        self.wadm.delete("blog")
        self.deploy((MANIFESTS / "platform.yaml").read_text(), "platform", "1.0")
        self.deploy(blog, "blog", "v0.3.1")
        self.assertEqual(sum(self.instances("blog-articles").values()), 10)
        with socket.create_connection(("127.0.0.1", REDIS)) as redis:
            redis.sendall(b"SET first words\r\n")
            self.assertEqual(redis.recv(100), b"+OK\r\n")
        self.answers("127.0.0.1:8008", "/blog/first", (200, "words"))
        self.update(blog.replace("instances: 10", "instances: 4").replace("v0.3.1", "v0.4.0"), "blog", "v0.4.0")
        self.assertEqual(sum(self.instances("blog-articles").values()), 4)
        for refused in (self.wadm.undeploy("platform"), self.wadm.delete("platform")):
            self.assertEqual(refused["result"], "error")
            self.assertIn("blog", refused["message"])
        self.take_away("blog")
        self.take_away("platform")
        self.nothing_is_left()

    def test_configs_and_secrets(self):
        self.bring_up({}, {})
        settings = {"url": f"nats://127.0.0.1:{NATS}", "name": "vault", "modules": str(MODULES),
                    "secrets": {"ledger/signing#private": "sealed and opened", "ledger/database": "a", "nats/seed": "b"}}  # fmt: skip
        vault = subprocess.Popen(["node", HERE / "wadm_vault.mjs", json.dumps(settings)], stdout=subprocess.PIPE)
        self.addCleanup(vault.stdout.close)
        self.addCleanup(vault.wait)
        self.addCleanup(vault.kill)
        self.assertEqual(vault.stdout.readline(), b"ready\n")
        self.lattice.succeeds("config", "put", "company-wide", "name=example")
        text = (MANIFESTS / "secrets.yaml").read_text()
        self.deploy(text, "ledger", "2.0.0-rc.1")
        self.assertEqual(sum(self.instances("ledger-books").values()), 8)
        self.assertEqual(self.control("config.get.ledger-currencies"), {"home": "EUR", "others": "CHF,SEK"})
        shown = self.lattice.json("call", "ledger-books", "wattle:secrecy/secrecy@1.0.0.reveal", '"signing-key"')
        self.assertEqual(shown, {"result": {"ok": "sealed and opened"}})
        self.update(text.replace("others: CHF,SEK", "others: CHF").replace("2.0.0-rc.1", "2.0.0"), "ledger", "2.0.0")
        self.assertEqual(self.control("config.get.ledger-currencies"), {"home": "EUR", "others": "CHF"})
        self.take_away("ledger")
        self.nothing_is_left()
        self.assertEqual(self.control("config.get.company-wide"), {"name": "example"}, "somebody else's")

    def test_a_workload_of_two_components(self):
        """Of wasmCloud v2: both on the same hosts; the one that an annotation names answers."""
        self.bring_up(*[{"hostgroup": "public"}] * 3, {})
        self.start_server(["redis-server", "--port", str(REDIS), "--save", ""], REDIS)
        self.lattice.succeeds("secrets", "put", "redis", "--as", "url", "--from-file", self.file("url", f"redis://127.0.0.1:{REDIS}"))
        text = (MANIFESTS / "workload_deployment.yaml").read_text().replace("handler: web", "handler: web\n    version: v2.1")
        self.deploy(text, "guestbook", "v2.1")
        manifest = self.wadm.get("guestbook")["manifest"]
        self.assertEqual(manifest["kind"], "WorkloadDeployment")
        self.assertEqual([each["name"] for each in manifest["spec"]["template"]["spec"]["components"]], ["web", "entries"])
        public = self.hosts[:3]
        self.assertEqual(self.instances("guestbook-web"), {host: 150 for host in public})
        self.assertEqual(self.instances("guestbook-entries"), {host: 100 for host in public})
        self.answers("127.0.0.1:8000", "/set/a/1", (200, "done"), "guestbook.example.com")
        self.answers("127.0.0.1:8000", "/get/a", (200, "1"), "www.guestbook.example.com")
        self.update(text.replace("replicas: 3", "replicas: 2").replace("v2.1", "v2.2"), "guestbook", "v2.2")
        self.assertEqual(sum(self.instances("guestbook-entries").values()), 200)
        self.assertEqual(set(self.instances("guestbook-web")), set(self.instances("guestbook-entries")))
        self.take_away("guestbook")
        self.nothing_is_left()


class Refusals(WadmTest):
    def test_have_wadms_words(self):
        self.bring_up({})
        for text in ("", "kind: [", "kind: Application", (MANIFESTS / "blog.yaml").read_text().replace("name: store", "name: stoer", 1)):
            self.assertEqual(self.wadm.put(text)["result"], "error", text)
        text = (MANIFESTS / "application.json").read_text()
        self.assertEqual(self.wadm.put(text)["result"], "created")
        self.assertEqual(self.wadm.put(text.replace("8090", "8091"))["result"], "error", "another text for a version")
        self.assertEqual(self.wadm.deploy("echo", "v9")["result"], "notfound")
        self.assertEqual(self.wadm.get("echo", "v9")["result"], "notfound")
        self.assertEqual(self.status("echo")["status"]["type"], "undeployed")


class ObservedState(WadmTest):
    """The bucket wadm_state, in which wadm's clients read what runs."""

    def observed(self, part):
        key = {"last_by_subj": f"$KV.wadm_state.{part}_test"}
        answer = json.loads(self.wadm.bus.request("$JS.API.STREAM.MSG.GET.KV_wadm_state", json.dumps(key)))
        return json.loads(base64.b64decode(answer["message"]["data"])) if "message" in answer else {}

    def components(self):
        hosts = self.observed("component").get("echo-echo", {}).get("instances", {})
        return {host: sum(each["count"] for each in several) for host, several in hosts.items()}

    def listeners(self):
        return set(self.observed("provider").get("echo-httpserver", {}).get("hosts", {}))

    def label(self, value):
        self.lattice.succeeds("label", self.hosts[0], f"seen={value}")
        wait_until(lambda: self.observed("host").get(self.hosts[0], {}).get("labels", {}).get("seen") == value, f"the label {value}", 20)

    def test_is_kept_with_managers_and_without(self):
        self.bring_up({}, {})
        self.deploy((MANIFESTS / "application.json").read_text(), "echo", "v1")
        wait_until(lambda: self.components() == self.instances("echo-echo"), "what is deployed")
        wait_until(lambda: self.listeners() == self.providers("echo-httpserver"), "its provider")
        self.assertEqual(sorted(self.observed("host")), self.hosts)
        manager = self.lattice.processes("manager")[0]["pid"]
        os.kill(manager, signal.SIGSTOP)
        self.label("without-a-manager")
        os.kill(manager, signal.SIGCONT)
        self.label("with-one")
        self.lattice.kill("manager")
        self.label("after-it")
        hosts = [each["pid"] for each in self.lattice.processes("host")]
        for host in hosts:
            os.kill(host, signal.SIGSTOP)
        wait_until(lambda: self.observed("host") == {}, "what none of the hosts can have written", 20)
        for host in hosts:
            os.kill(host, signal.SIGCONT)
        wait_until(lambda: sorted(self.observed("host")) == self.hosts, "the hosts", 20)


if __name__ == "__main__":
    if not network.enter():
        print("skipped: this machine lets its users have no network of their own")
        sys.exit(0)
    unittest.main()
