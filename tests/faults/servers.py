"""Redis and PostgreSQL on free ports, which crash and come back with their data."""

import os
import pathlib
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from load import Failure  # noqa: E402
from process import free_port  # noqa: E402

STOP_SECONDS_MAX = 10


class BackendServer:
    """`with` starts it, and ends it in the end."""

    crash_signal = signal.SIGKILL

    def __init__(self):
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="wattle-faults-backend-"))
        self.process = None
        self.user = None  # whom it runs as, where it refuses to run as root

    def __enter__(self):
        self.prepare()
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self):
        pass

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=self.user, cwd="/",
            )  # fmt: skip

    def crash(self):
        self.process.send_signal(self.crash_signal)
        self.process.wait()


class RedisServer(BackendServer):
    provider = "keyvalue-redis"

    def command(self):
        program = next((name for name in ("redis-server", "valkey-server") if shutil.which(name)), None)
        if program is None:
            raise Failure("redis-server is missing; run tools/install")
        return [program, "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--appendonly", "yes"]

    def settings(self):
        return {"URL": f"redis://127.0.0.1:{self.port}"}


class PostgresServer(BackendServer):
    provider = "keyvalue-postgres"
    # At once, its connections' processes too: killed otherwise, it would leave shared memory behind.
    crash_signal = signal.SIGQUIT

    def __init__(self):
        super().__init__()
        self.password = secrets.token_hex(8)
        if os.geteuid() == 0:
            self.user = "postgres"
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)

    def program(self, name):
        # Debian keeps them out of the path, by version.
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        if not found and not shutil.which(name):
            raise Failure(f"{name} is missing; run tools/install")
        return found[-1] if found else name

    def prepare(self):
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        password_file.chmod(0o644)
        words = ["-D", self.folder / "data", "-U", "postgres", "-A", "scram-sha-256", "--no-sync", "--pwfile", password_file]
        made = subprocess.run([self.program("initdb"), *words, "-E", "UTF8", "--locale=C"],
                              capture_output=True, text=True, user=self.user, cwd="/")  # fmt: skip
        if made.returncode != 0:
            raise Failure(f"initdb: {made.stdout}{made.stderr}")

    def command(self):
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        words = [word for setting in settings for word in ("-c", setting)]
        return [self.program("postgres"), "-D", self.folder / "data", "-p", self.port, *words]

    def settings(self):
        return {
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": self.port,
            "POSTGRES_USERNAME": "postgres",
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_DATABASE": "postgres",
        }
