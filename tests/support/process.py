"""Servers as child processes: start them on a free port, wait for an answer, read what they use, end them.

    with Server("wattle", [WATTLE, "serve", "app.wasm", "--addr", "127.0.0.1:{port}"]) as server:
        server.wait_for_answer(10)
        print(server.memory(), server.get("/").body)

Every process that is started here is ended here, through the process group that it was given.
"""

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WATTLE = pathlib.Path(os.environ.get("WATTLE", ROOT / "build" / "release" / "bin" / "wattle"))
GUESTS = ROOT / "build" / "guests"
# tools/install puts a newer node there where the system's is too old for jco.
os.environ["PATH"] = f"{ROOT / '.deps' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STOP_SECONDS_MAX = 10
LOG_BYTES_SHOWN = 2000


class ServerError(Exception):
    """A server that does not do what it should; the message holds the end of its log."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Memory:
    """Of a whole tree of processes, in bytes: resident, and proportional (what is shared is divided by its sharers)."""

    def __init__(self, resident, proportional):
        self.resident, self.proportional = resident, proportional


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read_text(path):
    """A file of /proc, or nothing where the process is gone or the file is not ours to read."""
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def stat_fields(pid):
    """The fields of /proc/PID/stat from the third on: the second, a name in brackets, may hold blanks."""
    return read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()


def wait_or_kill(process, seconds_max=20):
    """For a child that was told to end."""
    try:
        process.wait(seconds_max)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def process_tree(root_pid):
    """The process and all that descend from it, in no order."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(entry)):
            children.setdefault(int(fields[1]), []).append(int(entry))
    tree, waiting = [], [root_pid]
    while waiting:
        pid = waiting.pop()
        tree.append(pid)
        waiting += children.get(pid, [])
    return tree


class Server:
    """One server. "{port}" and "{folder}" (a scratch folder) in the command and its environment are filled in."""

    def __init__(self, name, command, environment=None, prepare=None):
        self.name = name
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix=f"wattle-{name}-")
        self.log_path = pathlib.Path(self.folder.name) / "log"
        self.process = None
        fill = lambda word: str(word).replace("{port}", str(self.port)).replace("{folder}", self.folder.name)
        self.command = [fill(word) for word in command]
        self.environment = {**os.environ, **{key: fill(value) for key, value in (environment or {}).items()}}
        self.prepare = prepare

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def start(self):
        if self.prepare:
            self.prepare(pathlib.Path(self.folder.name), self.port)
        with open(self.log_path, "wb") as log:
            try:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, env=self.environment, cwd=self.folder.name,
                )  # fmt: skip
            except OSError as error:
                raise ServerError(f"{self.name}: cannot start {self.command[0]}: {error.strerror}") from None

    def log(self):
        """The end of what the server wrote."""
        return self.log_path.read_bytes()[-LOG_BYTES_SHOWN:].decode(errors="replace")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def fail(self, what):
        raise ServerError(f"{self.name}: {what}\n{self.log()}".rstrip())

    def get(self, path="/", seconds_max=5):
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds_max)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def wait_for_answer(self, seconds_max, path="/"):
        deadline = time.monotonic() + seconds_max
        while True:
            if not self.alive():
                self.fail(f"ended with {self.process.returncode} before its first answer")
            try:
                return self.get(path)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    self.fail(f"no answer within {seconds_max} s")
                time.sleep(0.01)

    def expect_body(self, body, path="/"):
        try:
            answer = self.get(path, seconds_max=60)
        except (OSError, http.client.HTTPException) as error:
            self.fail(f"GET {path} gave no answer: {error}")
        if answer.status != 200 or answer.body != body:
            self.fail(f"GET {path} gave {answer.status} {answer.body[:80]!r} and not 200 {body!r}")

    def tree(self):
        return process_tree(self.process.pid)

    def memory(self):
        resident = proportional = 0
        for pid in self.tree():
            for line in read_text(f"/proc/{pid}/smaps_rollup").splitlines():
                if line.startswith("Rss:"):
                    resident += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    proportional += int(line.split()[1]) * 1024
        return Memory(resident, proportional)

    def cpu_seconds(self):
        """User and system time so far, of processes that live."""
        ticks = 0
        for pid in self.tree():
            if fields := stat_fields(pid):
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_SECOND

    def descriptors(self):
        count = 0
        for pid in self.tree():
            try:
                count += len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                pass  # ended meanwhile
        return count

    def threads(self):
        return sum(int(fields[17]) for pid in self.tree() if (fields := stat_fields(pid)))

    def signal_group(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self):
        """Asks, then forces. Returns the exit code, or minus the signal that ended it."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                pass
        self.signal_group(signal.SIGKILL)  # whatever the server left behind, or itself
        return self.process.wait()


def wattle_serve(component, *options, name="wattle", wattle=None, cache_folder="{folder}/cache"):
    """`wattle serve` of a guest by its name in tests/guests, or of a file. Without `cache_folder` it starts cold."""
    path = pathlib.Path(component)
    if path.suffix != ".wasm":
        path = GUESTS / f"{component}.wasm"
    command = [wattle or WATTLE, "serve", path, "--addr", "127.0.0.1:{port}", *options]
    return Server(name, command, environment={"XDG_CACHE_HOME": str(cache_folder)})
