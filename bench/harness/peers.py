"""The servers that bench/run compares: how each is installed and started."""

import pathlib
import shutil
import subprocess
import tempfile

from process import GUESTS, ROOT, WATTLE, Server, wattle_serve

BODY = b"hello from wattle\n"
PEERS = ROOT / "bench" / "peers"
NODE_MODULES = ROOT / ".deps" / "npm" / "node_modules"
JCO = NODE_MODULES / "@bytecodealliance" / "jco" / "dist" / "jco.js"
WORKERD = NODE_MODULES / "workerd" / "bin" / "workerd"
NGINX_PREFIX = ROOT / ".deps" / "nginx"
WRK_REPORT = ROOT / "bench" / "harness" / "wrk_report.lua"


def nginx_program():
    return shutil.which("nginx", path="/usr/sbin:/usr/bin:" + str(NGINX_PREFIX / "usr/sbin"))


def install_nginx():
    """Unpacks Debian's package beside the others: installing it would start a server on port 80."""
    if nginx_program():
        return
    print("Unpacking nginx into .deps/nginx", flush=True)
    with tempfile.TemporaryDirectory(prefix="wattle-nginx-") as work:
        try:
            subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=work, check=True, capture_output=True)
            (package,) = pathlib.Path(work).glob("*.deb")
            subprocess.run(["dpkg", "-x", package, NGINX_PREFIX], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError):
            raise SystemExit("bench/run: no nginx. Remedy: apt-get install nginx-light, or --skip nginx") from None


def prepare_nginx(folder, port):
    text = (PEERS / "nginx.conf").read_text().replace("{folder}", str(folder)).replace("{port}", str(port))
    (folder / "nginx.conf").write_text(text)


def jco_serve(name, component, *options):
    return Server(
        name,
        ["node", JCO, "serve", GUESTS / f"{component}.wasm", "--host", "127.0.0.1", "--port", "{port}",
         "--jco-dir", "{folder}/transpiled", *options],
    )  # fmt: skip


class Candidate:
    """`make` gives a server that is ready to be started; `guest` names the component that it serves, if any."""

    def __init__(self, name, what, make, guest=None, first_answer_seconds_max=60):
        self.name, self.what, self.make, self.guest = name, what, make, guest
        self.first_answer_seconds_max = first_answer_seconds_max


def candidates(wattle, cache_folder):
    def wattle_serving(name, what, guest, *options):
        make = lambda: wattle_serve(guest, *options, name=name, wattle=wattle, cache_folder=cache_folder)
        return Candidate(name, f"wattle serve, {what}", make, guest)

    def jco_serving(name, what, guest, *options):
        return Candidate(name, f"jco serve, {what}", lambda: jco_serve(name, guest, *options), guest)

    workerd = [WORKERD, "serve", PEERS / "workerd.capnp", "--socket-addr", "http=127.0.0.1:{port}"]
    nginx = [nginx_program(), "-c", "{folder}/nginx.conf", "-p", "{folder}"]
    node = ["node", PEERS / "node_hello.js", "{port}"]
    return [
        wattle_serving("wattle-c", "C, 1 worker", "hello-http-c", "--workers", "1"),
        wattle_serving("wattle-c-all", "C, workers by default", "hello-http-c"),
        Candidate("workerd", "workerd, JavaScript", lambda: Server("workerd", workerd)),
        jco_serving("jco-c", "C", "hello-http-c"),
        Candidate("nginx", "nginx, return 200, 1 worker", lambda: Server("nginx", nginx, prepare=prepare_nginx)),
        Candidate("node", "node, http module", lambda: Server("node", node)),
        wattle_serving("wattle-fetch", "JavaScript fetch event, 1 worker", "hello-http-js", "--workers", "1"),
        jco_serving("jco-fetch", "JavaScript fetch event", "hello-http-js", "--isolate-requests", "instance"),
        wattle_serving("wattle-js", "JavaScript handler, 1 worker, 4 instances", "hello-handler-js",
                       "--workers", "1", "--max-instances", "4"),
        wattle_serving("wattle-js-reuse", "the same with --reuse", "hello-handler-js",
                       "--workers", "1", "--max-instances", "4", "--reuse"),
        wattle_serving("wattle-js-all", "JavaScript handler, workers by default", "hello-handler-js"),
        jco_serving("jco-js", "JavaScript handler", "hello-handler-js"),
        wattle_serving("wattle-lean", "JavaScript handler, lean bindings, 1 worker, 4 instances", "hello-handler-lean-js",
                       "--workers", "1", "--max-instances", "4"),
        wattle_serving("wattle-lean-reuse", "the same with --reuse", "hello-handler-lean-js",
                       "--workers", "1", "--max-instances", "4", "--reuse"),
        jco_serving("jco-lean", "JavaScript handler, lean bindings", "hello-handler-lean-js"),
    ]  # fmt: skip


def versions(wattle):
    """What was compared, as the programs call themselves."""

    def first_line(*command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return "missing"
        lines = (done.stdout + done.stderr).strip().splitlines()
        return lines[0] if lines else "unknown"

    return {
        "wattle": first_line(wattle or WATTLE, "--version"),
        "workerd": first_line(WORKERD, "--version"),
        "jco": first_line("node", JCO, "--version"),
        "node": first_line("node", "--version"),
        "nginx": first_line(nginx_program() or "nginx", "-v").removeprefix("nginx version: "),
        "wrk": first_line("wrk", "-v").split(" [")[0],
    }
