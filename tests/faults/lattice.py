"""A lattice of real processes for the fault tests: nats-server, three hosts, and what runs on them.

    front  http-server on four ports; `api` and `asker`, components that ask others
    left   `worker`; an http-server of its own
    right  `worker`; the key-value providers `store`, and `process`, a program

http://127.0.0.1:PORT/... of:
    api     /here (api alone), /work (a worker, over the bus), /get and /set (store, over the bus)
    far     /here (a worker, over the bus)
    left    /here (the worker on left, by left itself)
    asker   /get (process, over the bus)
"""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from load import Failure, Kind, ask  # noqa: E402
from process import GUESTS, ROOT, WATTLE, free_port, process_tree, read_text  # noqa: E402

START_SECONDS_MAX = 60
LOG_BYTES_SHOWN = 4000
DEADLINE = "1s"
GUEST = GUESTS / "faults-c.wasm"
PROVIDER = f"file://{ROOT}/tests/providers/v1_provider.py"


async def wait_for(what, holds, seconds_max=START_SECONDS_MAX):
    """Returns how long it took."""
    since = time.monotonic()
    while True:
        held = holds()
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return time.monotonic() - since
        if time.monotonic() - since > seconds_max:
            raise Failure(f"{what}: not within {seconds_max} s")
        await asyncio.sleep(0.01)


async def listens(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


class Program:
    """One process, which can be killed, stopped, and started again the same way."""

    def __init__(self, name, command, folder, environment=None):
        self.name, self.command = name, [str(word) for word in command]
        self.log_path = pathlib.Path(folder) / f"{name}.log"
        self.environment = environment
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As a crash: returns when it is gone."""
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self, seconds_max=20):
        if self.process is None or self.process.poll() is not None:
            return
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(seconds_max)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


class Listener:
    """What is said on the bus, with when it was heard."""

    def __init__(self, port, *subjects):
        self.port, self.subjects = port, subjects
        self.heard = []  # (when, subject, payload)
        self.writer = self.task = None

    async def __aenter__(self):
        reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        text = 'CONNECT {"verbose":false,"headers":false}\r\n'
        for number, subject in enumerate(self.subjects):
            text += f"SUB {subject} {number}\r\n"
        self.writer.write(f"{text}PING\r\n".encode())
        while (await reader.readline()).strip() != b"PONG":
            pass
        self.task = asyncio.ensure_future(self.listen(reader))
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        self.writer.close()

    async def listen(self, reader):
        while line := (await reader.readline()).decode().split():
            if line[0] == "PING":
                self.writer.write(b"PONG\r\n")
            if line[0] == "MSG":
                payload = await reader.readexactly(int(line[-1]) + 2)
                self.heard.append((time.monotonic(), line[1], payload[:-2].decode(errors="replace")))

    async def publish(self, subject, payload):
        self.writer.write(f"PUB {subject} {len(payload)}\r\n".encode() + payload + b"\r\n")
        await self.writer.drain()

    def first(self, subject, since):
        """When it was first said after `since`; nothing if it was not."""
        return next((when for when, said, _ in self.heard if said.endswith(subject) and when >= since), None)


class Lattice:
    """async with Lattice() as lattice: ..."""

    HOSTS = ("front", "left", "right")

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="wattle-faults-"))
        self.nats_port = free_port()
        self.bus_ports = {}  # by role, where something stands between a host and the bus
        self.ports = {name: free_port() for name in ("api", "far", "left", "asker")}
        self.programs = {}
        self.hosts = {}  # ids
        self.environment = os.environ | {
            "WATTLE_NATS_URL": f"nats://127.0.0.1:{self.nats_port}",
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
        }

    async def __aenter__(self):
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def close(self):
        for program in reversed(self.programs.values()):
            await asyncio.to_thread(program.end)
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, name, *command):
        program = self.programs[name] = Program(name, command, self.folder, self.environment)
        program.start()
        return program

    def __getitem__(self, name):
        return self.programs[name]

    def logs(self):
        shown = ""
        for name, program in self.programs.items():
            shown += f"--- {name}\n{program.log()[-LOG_BYTES_SHOWN:]}\n"
        return shown

    async def wattle(self, *words):
        process = await asyncio.create_subprocess_exec(
            str(WATTLE), "-o", "json", *map(str, words),
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        out, problem = await process.communicate()
        if process.returncode != 0:
            raise Failure(f"wattle {' '.join(map(str, words))}: {out.decode()} {problem.decode()}".strip())
        return out.decode()

    async def known_hosts(self):
        """Ids by role; none while nobody answers."""
        try:
            return {host["labels"].get("role"): host["id"] for host in json.loads(await self.wattle("get", "hosts"))}
        except Failure:
            return {}

    def start_nats(self):
        self.add("nats", "nats-server", "-a", "127.0.0.1", "-p", self.nats_port, "-js", "-sd", self.folder / "nats")

    def start_host(self, role):
        url = f"nats://127.0.0.1:{self.bus_ports.get(role, self.nats_port)}"
        self.add(role, WATTLE, "host", "--nats-url", url, "--label", f"role={role}", "--workers", 1,
                 "--allow-file-load", "--drain-timeout", "5s")  # fmt: skip

    async def wait_for_hosts(self, roles):
        async def all_there():
            self.hosts = await self.known_hosts()
            return set(roles) <= set(self.hosts)

        await wait_for("every host", all_there)

    async def put_config(self, name, **values):
        await self.wattle("config", "put", name, *(f"{key}={value}" for key, value in values.items()))

    async def open(self):
        self.start_nats()
        await wait_for("nats-server", lambda: listens(self.nats_port))
        for role in self.HOSTS:
            self.start_host(role)
        await self.wait_for_hosts(self.HOSTS)
        await self.put_config("limit", **{"wattle-timeout": DEADLINE})
        for name, port in self.ports.items():
            # A component has the time to say what a call of its own ended with.
            timeout = DEADLINE if name in ("far", "left") else "2s"
            await self.put_config(f"route-{name}", **{"address": f"127.0.0.1:{port}", "wattle-timeout": timeout})
        await self.start_on_left()
        for name, role in (("api", "front"), ("asker", "front"), ("worker", "right")):
            await self.wattle("start", "component", GUEST, "--id", name, "--host", self.hosts[role], "--max-instances", 20)
        await self.wattle("start", "provider", "builtin://http-server", "--id", "web", "--host", self.hosts["front"])
        await self.wattle("start", "provider", "builtin://keyvalue-memory", "--id", "store", "--host", self.hosts["right"])
        await self.put_config("process", log=self.folder / "process.log")
        await self.wattle("start", "provider", PROVIDER, "--id", "process", "--host", self.hosts["right"], "--config", "process")
        await self.link("api", "worker", "wattle:faults", "work", "limit")
        await self.link("asker", "process", "wasi:keyvalue", "store", "limit")
        await self.link("api", "store", "wasi:keyvalue", "store", "limit")
        for source, target, port in (("web", "api", "api"), ("web", "worker", "far"), ("web", "asker", "asker"), ("web-left", "worker", "left")):
            await self.link(source, target, "wasi:http", "incoming-handler", f"route-{port}", name=port)
        for port in self.ports.values():
            await wait_for("a port of http-server", lambda port=port: listens(port))

    async def start_on_left(self):
        await self.wattle("start", "component", GUEST, "--id", "worker", "--host", self.hosts["left"], "--max-instances", 20)
        await self.wattle("start", "provider", "builtin://http-server", "--id", "web-left", "--host", self.hosts["left"])

    async def restart_left(self):
        """After it was killed: another host of the same role, and what ran there."""
        self.start_host("left")
        await self.wait_for_hosts(self.HOSTS)
        await self.start_on_left()
        await wait_for("a port of http-server", lambda: listens(self.ports["left"]))

    async def put_store(self, provider, settings):
        """Another key-value provider for `api`: returns when it is asked."""
        target = "store" if provider == "keyvalue-memory" else provider
        if target != "store":
            await self.wattle("start", "provider", f"builtin://{provider}", "--id", target, "--host", self.hosts["right"])
            await self.put_config(target, **settings)
        await self.wattle("link", "del", "api", "wasi:keyvalue")
        get, put = self.kinds("get", "set")

        async def answers(kind, outcome):
            return (await ask(kind)).outcome == outcome

        await wait_for("the link's end", lambda: answers(get, "error"))
        await self.link("api", target, "wasi:keyvalue", "store", "limit", target if settings else None)
        await wait_for("the new store", lambda: answers(put if settings else get, "ok"))

    def provider_pid(self):
        for pid in process_tree(self["right"].process.pid):
            if "v1_provider.py" in read_text(f"/proc/{pid}/cmdline"):
                return pid
        raise Failure("the provider's program does not run")

    async def link(self, source, target, package, interface, source_config, target_config=None, name="default"):
        words = ["--target-config", target_config] if target_config else []
        await self.wattle("link", "put", source, target, package, "--interface", interface,
                          "--source-config", source_config, "--link-name", name, *words)  # fmt: skip

    def kind(self, name, port, path, good, deadline_seconds=1.0):
        return Kind(name, self.ports[port], path, good, deadline_seconds)

    def kinds(self, *names):
        known = {
            "here": self.kind("here", "api", "/here", "here"),
            "work": self.kind("work", "api", "/work", "2"),
            "get": self.kind("get", "api", "/get", "none"),
            "set": self.kind("set", "api", "/set", "done"),
            "kept": self.kind("kept", "api", "/get", "value"),
            "far": self.kind("far", "far", "/here", "here"),
            "left": self.kind("left", "left", "/here", "here"),
            "process": self.kind("process", "asker", "/get", "v1"),
        }
        return [known[name] for name in names]
