"""A lattice of two hosts with Redis and PostgreSQL beside it, and callers that know what they wrote.

    with Lattice() as lattice:
        lattice.open()
        with Load(lattice.ports, rate=1000) as load:
            lattice.wattle("provider", "copy", "--from", "api", "--to", "api/next")
        assert not load.failures

Component and http-server run on both hosts, the providers on the second one.
"""

import glob
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from process import GUESTS, WATTLE, free_port, wait_or_kill  # noqa: E402

SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 10
CALLERS = 8
KEYS_OF_EACH = 400
# On a machine that is busy with other things, hosts can be late; that is told, and nothing has changed then.
TRIES_MAX = 5
TRY_AGAIN = ("answers within", "does not answer", "has died or stopped")


class SwapError(Exception):
    """Something is not as it should be; the message says what."""


def wait_for(what, holds, seconds_max=SECONDS_MAX):
    deadline = time.monotonic() + seconds_max
    while not holds():
        if time.monotonic() > deadline:
            raise SwapError(f"{what}: not within {seconds_max} s")
        time.sleep(0.02)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Lattice:
    COMPONENT = GUESTS / "keyvalue-http-c.wasm"

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="wattle-swap-")
        self.path = pathlib.Path(self.folder.name)
        self.processes = {}
        self.nats, self.redis, self.postgres = free_port(), free_port(), free_port()
        self.ports = [free_port(), free_port()]
        self.environment = os.environ | {"WATTLE_NATS_URL": f"nats://127.0.0.1:{self.nats}"}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if error is not None and not isinstance(error, KeyboardInterrupt):
            for log in sorted(self.path.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
        for name in reversed(list(self.processes)):
            self.stop(name)
        self.folder.cleanup()

    # ---- processes

    def start(self, name, *command, **options):
        with open(self.path / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment, **options,
            )  # fmt: skip
        return self.processes[name]

    def stop(self, name, number=signal.SIGTERM):
        process = self.processes.pop(name)
        # PostgreSQL would wait for its clients.
        process.send_signal(signal.SIGINT if name == "postgres" else number)
        wait_or_kill(process)

    def start_redis(self):
        server = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/bin") or "valkey-server"
        self.start("redis", server, "--port", self.redis, "--bind", "127.0.0.1", "--dir", self.path, "--save", "")

    def start_postgres(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        if not programs:
            raise SwapError("PostgreSQL is missing; run tools/install")
        data = self.path / "postgres"
        data.mkdir(exist_ok=True)
        options = {"cwd": "/"}
        if os.geteuid() == 0:  # under which it does not run
            user = pwd.getpwnam("postgres")
            os.chmod(self.path, 0o755)
            os.chown(data, user.pw_uid, user.pw_gid)
            options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        if not any(data.iterdir()):
            subprocess.run(
                [f"{programs[-1]}/initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
                check=True, capture_output=True, **options,
            )  # fmt: skip
        self.start(
            "postgres", f"{programs[-1]}/postgres", "-D", data, "-p", self.postgres,
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", **options,
        )  # fmt: skip

    def start_host(self, name):
        return self.start(name, WATTLE, "host", "--nats-url", self.environment["WATTLE_NATS_URL"], "--workers", 1, "--label", f"role={name}")

    # ---- the command

    def run(self, *words):
        return subprocess.run(
            [str(WATTLE), *map(str, words)], env=self.environment, capture_output=True, text=True, timeout=180
        )

    def wattle(self, *words):
        """What it says; asked again where no host had the time to answer."""
        for _ in range(TRIES_MAX):
            done = self.run(*words)
            if done.returncode == 0 or not any(reason in done.stderr for reason in TRY_AGAIN):
                break
        if done.returncode != 0:
            raise SwapError(f"wattle {' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def hosts(self):
        """Ids by role; none while nobody answers."""
        done = self.run("-o", "json", "get", "hosts")
        return {host["labels"].get("role"): host["id"] for host in json.loads(done.stdout)} if done.returncode == 0 else {}

    def target(self, link_name="default"):
        """Where the component's link leads."""
        links = json.loads(self.wattle("-o", "json", "get", "links"))
        targets = [link["target"] for link in links if link["source_id"] == "api" and link["name"] == link_name]
        return targets[0] if len(targets) == 1 else targets

    def images(self):
        """What runs as "api" on each host: references that hold the digest."""
        components = json.loads(self.wattle("-o", "json", "get", "components"))
        return sorted(part["image_ref"] for part in components if part["id"] == "api")

    def put_link(self, *words):
        self.wattle("link", "put", *words)

    def open(self):
        self.start("nats", "nats-server", "-a", "127.0.0.1", "-p", self.nats, "-js", "-sd", self.path / "nats")
        self.start_redis()
        self.start_postgres()
        wait_for("servers", lambda: all(map(listens, (self.nats, self.redis, self.postgres))))
        self.start_host("first")
        self.start_host("second")
        wait_for("two hosts", lambda: {"first", "second"} <= set(self.hosts()))
        hosts = self.hosts()
        self.wattle("config", "put", "redis", f"URL=redis://127.0.0.1:{self.redis}")
        self.wattle(
            "config", "put", "postgres", "POSTGRES_HOST=127.0.0.1", f"POSTGRES_PORT={self.postgres}",
            "POSTGRES_USERNAME=postgres", "POSTGRES_PASSWORD=any", "POSTGRES_DATABASE=postgres",
        )  # fmt: skip
        for backend in ("redis", "postgres"):
            self.wattle("start", "provider", f"builtin://keyvalue-{backend}", "--id", backend, "--host", hosts["second"])
        for role, port in zip(("first", "second"), self.ports):
            self.wattle("start", "component", self.COMPONENT, "--id", "api", "--host", hosts[role], "--max-instances", 50)
            self.wattle("start", "provider", "builtin://http-server", "--id", f"web-{role}", "--host", hosts[role])
            self.wattle("config", "put", f"route-{role}", f"address=127.0.0.1:{port}")
            self.put_link(f"web-{role}", "api", "wasi:http", "--interface", "incoming-handler", "--source-config", f"route-{role}")
        self.put_link("api", "redis", "wasi:keyvalue", "--interface", "store", "--target-config", "redis")
        self.put_link("api", "postgres", "wasi:keyvalue", "--interface", "store", "--link-name", "next", "--target-config", "postgres")
        wait_for("answers", self.answers)

    def answers(self):
        try:
            return all(Connection(port).get("/set/first/value") == (200, b"done") for port in self.ports)
        except OSError:
            return False


class Connection:
    """Kept open; one request at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def read_to(self, mark):
        while mark not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise OSError("the connection was closed")
            self.buffer += more
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def get(self, path):
        """Status and body."""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        head = self.read_to(b"\r\n\r\n").lower()
        status, body = int(head[9:12]), b""
        if b"transfer-encoding: chunked" in head:
            while size := int(self.read_to(b"\r\n"), 16):
                while len(self.buffer) < size + 2:
                    self.buffer += self.socket.recv(65536)
                body, self.buffer = body + self.buffer[:size], self.buffer[size + 2 :]
            self.read_to(b"\r\n")
        elif b"content-length: " in head:
            size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(self.buffer) < size:
                self.buffer += self.socket.recv(65536)
            body, self.buffer = self.buffer[:size], self.buffer[size:]
        return status, body


class Load:
    """Callers that write, delete and read keys of their own, at `rate` requests a second together; each read is held
    against what was written."""

    def __init__(self, ports, rate, seed=1):
        self.rate, self.seed = rate, seed
        self.failures, self.done, self.slowest = [], 0, 0.0
        self.stopping = threading.Event()
        self.started = time.monotonic()
        self.expected = [{} for _ in range(CALLERS)]
        self.threads = [
            threading.Thread(target=self.call, args=(number, ports[number % len(ports)], random.Random(seed * 100 + number)))
            for number in range(CALLERS)
        ]
        self.counts = [0] * CALLERS

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.seconds = time.monotonic() - self.started

    def requests(self):
        return sum(self.counts)

    def call(self, number, port, chance):
        expected, connection, interval = self.expected[number], None, CALLERS / self.rate
        due = time.monotonic() + interval * chance.random()
        while not self.stopping.is_set():
            if (early := due - time.monotonic()) > 0:
                time.sleep(early)
            due += interval
            key, kind = f"k{self.seed}-{number}-{chance.randrange(KEYS_OF_EACH)}", chance.random()
            begun = time.monotonic()
            try:
                connection = connection or Connection(port)
                self.ask(connection, expected, key, kind, f"v{self.counts[number]}")
            except (OSError, ValueError) as error:
                self.failures.append(f"{key}: {error!r}")
                expected.pop(key, None)  # nobody knows
                connection = None
            self.counts[number] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)

    def ask(self, connection, expected, key, kind, value):
        if kind < 0.5:
            answer, wanted = connection.get(f"/set/{key}/{value}"), (200, b"done")
        elif kind < 0.6:
            answer, wanted, value = connection.get(f"/delete/{key}"), (200, b"done"), None
        else:
            value = expected.get(key)
            answer = connection.get(f"/get/{key}")
            wanted = (404, b"no such key") if value is None else (200, value.encode())
        if answer != wanted:
            self.failures.append(f"{key}: {answer}, not {wanted}")
        expected[key] = value

    def check_all(self, port):
        """Every key that was ever written, as it was written last."""
        connection, wrong, keys = Connection(port), [], 0
        for expected in self.expected:
            for key, value in expected.items():
                keys += value is not None
                answer = connection.get(f"/get/{key}")
                if answer != ((404, b"no such key") if value is None else (200, value.encode())):
                    wrong.append(f"{key}: {answer}, not {value}")
        if wrong:
            raise SwapError(f"{len(wrong)} keys are not as they were written: {wrong[:5]}")
        return keys
