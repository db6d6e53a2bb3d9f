"""A lattice of its own for a scenario: nats-server, `wattle host` and `wattle manager` beside it, and its bus spoken to
by hand, as a client of wadm does."""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from bus import Bus, BusGone  # noqa: E402
from process import wait_or_kill  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WATTLE = pathlib.Path(os.environ.get("WATTLE", ROOT / "build/release/bin/wattle"))
GUESTS = ROOT / "build" / "guests"
START_SECONDS_MAX = 60


class Failure(Exception):
    """Something is not as it should be; the message says what."""


def say(text):
    print(text, flush=True)


def expect(holds, what):
    if not holds:
        raise Failure(what)


async def wait_for(holds, seconds, what):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise Failure(what)
        await asyncio.sleep(0.02)


def scaler(instances, tier=None):
    """`tier`: only on hosts that have this label."""
    spread = f", spread: [{{name: {tier}, requirements: {{tier: {tier}}}}}]" if tier else ""
    return f"        - {{type: spreadscaler, properties: {{instances: {instances}{spread}}}}}\n"


def component(name, image, instances, tier=None):
    return f"""    - name: {name}
      type: component
      properties: {{image: "{image}"}}
      traits:
{scaler(instances, tier)}"""


def server(owner=None):
    """An HTTP server: the application's own, or another's that shares it."""
    properties = f"application: {{name: {owner}, component: web}}" if owner else 'image: "ghcr.io/wasmcloud/http-server:0.28.0"'
    return f"""    - name: web
      type: capability
      properties: {{{properties}}}
"""


def web(address, path=None, owner=None, link="default", tier=None):
    route = f', path: "{path}"' if path else ""
    return server(owner) + f"""      traits:
{scaler(1, tier) if tier else ""}        - type: link
          properties:
            target: {{name: api}}
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            name: {link}
            source: {{config: [{{name: route, properties: {{address: "{address}"{route}}}}}]}}
"""


def manifest(name, version, components, annotations=""):
    return f"""apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {{name: {name}, annotations: {{version: "{version}"{annotations}}}}}
spec:
  components:
{components}"""


def workload(name, version, address, images):
    """A WorkloadDeployment of these components, the first of which handles requests, on every host."""
    components = "".join(f'        - {{name: {part}, image: "{image}"}}\n' for part, image in images.items())
    return f"""apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: WorkloadDeployment
metadata: {{name: {name}, annotations: {{version: "{version}", wattle/handler: {next(iter(images))}, wattle/observe: "1s"}}}}
spec:
  replicas: 2
  template:
    spec:
      components:
{components}      hostInterfaces:
        - {{namespace: wasi, package: http, interfaces: [incoming-handler], config: {{address: "{address}"}}}}
"""


class Child:
    """A host or a manager, and what it said when it was ready."""

    def __init__(self, lattice, verb, number):
        self.lattice, self.verb, self.number = lattice, verb, number
        self.log = lattice.folder / f"{verb}-{number}.log"
        self.start()

    def start(self):
        words = [str(WATTLE), "-o", "json", "--log-level", "info", self.verb, "--nats-url", f"nats://127.0.0.1:{self.lattice.port}",
                 "--data-dir", str(self.lattice.folder / f"{self.verb}-{self.number}")]
        if self.verb == "host":
            words += ["--allow-file-load", "--workers", "1", "--cache-dir", str(self.lattice.folder / "cache")]
            words += ["--label", f"tier={'front' if self.number == 0 else 'back'}", *self.lattice.host_words]
        self.began = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log)
        self.said = None

    def wait(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failure(f"{self.verb} {self.number} ended before it was ready")
        self.said = json.loads(line)
        self.id = self.said.get("host_id") or self.said.get("manager_id")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def leads(self):
        with open(self.log, "rb") as log:
            log.seek(self.began)
            text = log.read().decode(errors="replace")
        return text.rfind("this manager leads\"") > text.rfind("leads no more")


class Lattice:
    """Hosts and managers of `wattle host` and `wattle manager`; what is killed stays so until it is started again."""

    def __init__(self, hosts, managers=1, host_words=()):
        self.host_words = host_words
        self.counts = {"host": hosts, "manager": managers}
        self.processes, self.children = [], []  # the first: what a scenario has started itself
        self.alive = True

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="wattle-applications-"))
        try:
            self.start()
        except BaseException:
            self.__exit__(Failure, None, None)
            raise
        return self

    def start(self):
        self.port = self.free_port()
        self.start_server()
        self.children = [Child(self, verb, number) for verb, count in self.counts.items() for number in range(count)]
        for child in self.children:
            child.wait()
        self.bus = Bus(self.port)
        self.wait(lambda: self.try_request("get") is not None, "no manager answers")

    def start_server(self):
        with open(self.folder / "nats-server.log", "ab") as log:
            self.server = subprocess.Popen(
                [shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin"), "-js", "-a", "127.0.0.1", "-p", str(self.port), "-sd", str(self.folder / "js")], stdout=log, stderr=log
            )
        self.wait(self.connects, "nats-server does not listen")

    def restart_server(self, forget=False):
        """As if its machine had died; `forget`: with all of JetStream's data."""
        self.server.kill()
        self.server.wait()
        if forget:
            shutil.rmtree(self.folder / "js", ignore_errors=True)
        self.start_server()
        self.bus = Bus(self.port)

    def reconnect(self):
        try:
            self.bus = Bus(self.port)
        except OSError:
            pass  # there will be a server again, and then the next request finds out

    def kill_everything(self):
        """At once, as when the power fails."""
        self.alive = False
        processes = [child.process for child in self.children] + [self.server]
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    def start_everything(self, forget):
        if forget:
            shutil.rmtree(self.folder / "js", ignore_errors=True)
        self.start_server()
        for child in self.children:
            child.start()
        for child in self.children:
            child.wait()
        self.bus = Bus(self.port)
        self.alive = True
        self.wait(lambda: self.try_request("get") is not None, "no manager answers")

    def __exit__(self, kind, *_):
        processes = self.processes + [child.process for child in self.children] + [self.server]
        for process in processes[:-1]:
            process.terminate()
        for process in processes:
            process.terminate()
            wait_or_kill(process)
        if kind is not None:
            for log in sorted(self.folder.glob("*.log")):
                print(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-30:]))
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the machine

    @staticmethod
    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def connects(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @staticmethod
    def wait(holds, what):
        until = time.monotonic() + START_SECONDS_MAX
        while not holds():
            if time.monotonic() > until:
                raise Failure(what)
            time.sleep(0.05)

    def guest(self, name):
        return f"file://{GUESTS / name}.wasm"

    def fresh_image(self, name, text):
        """The guest with another digest: a custom section of its own."""
        data = text.encode()
        section = bytes([6]) + b"wattle" + data
        image = self.folder / f"{name}-{len(list(self.folder.glob('*.wasm')))}.wasm"
        image.write_bytes((GUESTS / f"{name}.wasm").read_bytes() + bytes([0, len(section)]) + section)
        return f"file://{image}"

    # ---- the bus

    def nats(self, subject, body="", headers=None):
        """The answer, behind its headers."""
        try:
            text = self.bus.request(subject, body, headers)
        except BusGone as gone:
            raise Failure(str(gone)) from None
        return self.bus.head + text

    def try_request(self, operation, body=""):
        text = self.nats(f"wadm.api.default.model.{operation}", body)
        return json.loads(text) if text.startswith(("{", "[")) else None

    def request(self, operation, body=""):
        until = time.monotonic() + 10
        while True:
            answer = self.try_request(operation, body)
            if answer is not None:
                return answer
            if time.monotonic() > until:
                raise Failure(f"nobody answers {operation}")
            time.sleep(0.05)

    def put(self, text):
        answer = self.request("put", text)
        if answer["result"] == "error":
            raise Failure(f"a manifest was refused: {answer['message']}")
        return answer

    def deploy(self, text):
        put = self.put(text)
        answer = self.request(f"deploy.{put['name']}", json.dumps({"version": put["current_version"]}))
        if answer["result"] != "acknowledged":
            raise Failure(f"{put['name']} was not deployed: {answer}")

    def status(self, name):
        return {"rollout": "", **self.request(f"status.{name}")["status"]}

    async def deployed(self, name, seconds=60, version=None):
        until = time.monotonic() + seconds
        while True:
            status = self.status(name)
            if status["status"]["type"] == "deployed" and version in (None, self.deployed_version(name)):
                return
            if time.monotonic() > until:
                raise Failure(f"{name} is not deployed in time: {status['status']} {status['rollout']}")
            await asyncio.sleep(0.05)

    def deployed_version(self, name):
        for model in self.request("get")["models"]:
            if model["name"] == name:
                return model["deployed_version"]
        return None

    def part(self, name, part):
        return next(each for each in self.status(name)["scalers"] if each["name"] == part)

    def revisions(self, name, part):
        """The images of which instances run, on all hosts, as hosts say themselves."""
        images = set()
        for child in self.live("host"):
            for each in self.inventory(child.id)["components"]:
                if each["id"] == f"{name}-{part}":
                    images.add(each["image_ref"])
        return images

    # ---- hosts and managers

    def live(self, verb):
        return [child for child in self.children if child.verb == verb and child.process.poll() is None]

    def inventory(self, host):
        text = self.nats(f"wasmbus.ctl.v1.default.host.get.{host}")
        return json.loads(text)["response"]

    def inventories(self, kind):
        return [each for child in self.live("host") for each in self.inventory(child.id)[kind]]

    def runs_on(self, name, part):
        return {host for revision in self.part(name, part)["revisions"] for host in revision["hosts"]}

    def ready_without(self, name, victim):
        """Every part is there as declared, and nothing counts on a host that is gone."""
        status = self.status(name)
        if status["status"]["type"] != "deployed":
            return False
        return all(victim not in revision["hosts"] for each in status["scalers"] for revision in each.get("revisions", []))

    def leader(self):
        return next((child for child in self.live("manager") if child.leads()), None)


class Load:
    """Requests at a rate, over kept connections; each has the right answer, or is told in `failures`; those without
    any in `unanswered` too."""

    CONNECTIONS = 16

    def __init__(self, port, rate, path="/", answer=b"hello from wattle\n"):
        self.port, self.rate, self.path, self.answer = port, rate, path, answer
        self.sent, self.failures, self.unanswered, self.slowest = 0, [], [], 0.0
        self.reasons = set()  # what the answers said that were no 200

    async def __aenter__(self):
        # A link is deployed when the lattice has it; its host listens a moment later.
        await wait_for(self.listens, 10, "nobody listens")
        self.on = True
        self.began = time.monotonic()
        self.tasks = [asyncio.ensure_future(self.call(number)) for number in range(self.CONNECTIONS)]
        return self

    async def __aexit__(self, *_):
        self.on = False
        await asyncio.gather(*self.tasks)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def call(self, number):
        every = self.CONNECTIONS / self.rate
        due = self.began + every * number / self.CONNECTIONS
        connection = None
        while self.on:
            await asyncio.sleep(max(0, due - time.monotonic()))
            due = max(due + every, time.monotonic() - 1)  # what the machine cannot do is not made up for
            begun = time.monotonic()
            self.sent += 1
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.port)
                status, body = await asyncio.wait_for(self.exchange(*connection, self.path), 20)
                if status != 200:
                    self.failures.append(status)
                    self.reasons.add(body[:200].decode(errors="replace"))
                elif body != self.answer:
                    self.failures.append(body)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as problem:
                self.failures.append(repr(problem))
                self.unanswered.append(repr(problem))
                if connection:
                    connection[1].close()
                connection = None
            self.slowest = max(self.slowest, time.monotonic() - begun)
        if connection:
            connection[1].close()

    @staticmethod
    async def exchange(reader, writer, path="/"):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        body = b""
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                body = await reader.readexactly(int(line.split(b":")[1]))
            elif line.startswith(b"transfer-encoding:"):
                while size := int(await reader.readline(), 16):
                    body += (await reader.readexactly(size + 2))[:-2]
                await reader.readline()
        return int(head.split(b" ")[1]), body
