#!/usr/bin/env python3
"""examples/mail: a component sends letters through a provider of an interface of its own, which was written with the
provider SDK and runs as a process of its own, in each way that it can be started."""

import http.client
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tarfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from lattice import Lattice  # noqa: E402
from program import SECONDS_MAX, ProgramTest, guest, wait_until  # noqa: E402

ROOT = HERE.parents[1]
OUTBOX = pathlib.Path(os.environ.get("EXAMPLE_OUTBOX", ROOT / "build/release/bin/example_outbox"))
LETTER = {"to": "ann@example.org", "subject": "Hello", "text": "How are you?"}


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def processes_of(program):
    """The process ids of a program's processes, by the name that it was started under."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[0] == os.fsencode(program):
                found.append(int(path.parent.name))
        except OSError:
            pass  # it has ended
    return found


class Mail(ProgramTest):
    def open_shop(self, hosts=2):
        """A lattice with the component and a way to it, and without the provider."""
        self.lattice = Lattice(self, hosts=hosts, words=("--allow-file-load",))
        self.address = free_address()
        self.box = self.folder / "box"
        self.box.mkdir()
        run = self.lattice.succeeds
        run("start", "component", guest("mail-sender"), "--id", "sender")
        run("start", "provider", "builtin://http-server", "--id", "web")
        run("config", "put", "web", f"address={self.address}")
        run("link", "put", "web", "sender", "wasi:http", "--interface", "incoming-handler", "--source-config", "web")
        wait_until(lambda: self.post({})[0] is not None, "the component's answer")

    def link(self, folder=None):
        config = []
        if folder:
            self.lattice.succeeds("config", "put", "mail", f"folder={folder}")
            config = ["--target-config", "mail"]
        self.lattice.succeeds("link", "put", "sender", "outbox", "example:mail", "--interface", "outbox", *config)

    def post(self, letter):
        connection = http.client.HTTPConnection(self.address, timeout=SECONDS_MAX)
        try:
            connection.request("POST", "/", json.dumps(letter))
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return None, ""
        finally:
            connection.close()

    def sends(self, number, folder=None):
        self.assertEqual(self.post(LETTER), (200, f"{number}\n"), self.lattice.log_path.read_text())
        letter = (folder or self.box) / f"{number:06}.eml"
        self.assertEqual(letter.read_text(), "To: ann@example.org\nSubject: Hello\n\nHow are you?\n")

    def test_letters_go_out(self):
        self.open_shop()
        self.lattice.succeeds("start", "provider", f"file://{OUTBOX}", "--id", "outbox")
        status, text = self.post(LETTER)
        self.assertEqual(status, 502)
        self.assertIn('"sender" has no link', text)
        self.link()
        wait_until(lambda: "does not say where its letters go" in self.post(LETTER)[1], "the provider's refusal of the link")
        self.link(self.box)
        wait_until(lambda: self.post(LETTER) == (200, "1\n"), "the link's config at the provider")
        self.sends(2)
        self.assertEqual(self.post(LETTER | {"to": "nobody"})[0], 502)
        self.assertIn("an address", self.post(LETTER | {"subject": "a\nb"})[1])
        other = self.folder / "other"
        other.mkdir()
        self.lattice.succeeds("config", "put", "mail", f"folder={other}")
        wait_until(lambda: self.post(LETTER)[1] == "1\n", "the new config at the provider, which still runs")
        self.sends(2, other)
        (victim,) = processes_of(OUTBOX)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: self.post(LETTER)[0] == 200, "a letter after a new start")
        self.assertNotIn(victim, processes_of(OUTBOX))
        self.lattice.succeeds("stop", "provider", "outbox")
        self.assertEqual(processes_of(OUTBOX), [])

    def test_from_the_lattices_store_and_from_an_archive(self):
        self.open_shop(hosts=1)
        archive = self.folder / "outbox.par.gz"
        self.write_archive(archive)
        for number, image in enumerate((OUTBOX, archive, f"file://{archive}"), 1):
            started = self.lattice.json("start", "provider", image, "--id", "outbox")
            self.link(self.box)
            wait_until(lambda: self.post(LETTER) == (200, f"{number}\n"), f"a letter through {image}")
            inventory = self.lattice.json("get", "inventory", started["host_id"])
            names = [each.get("name") for host in inventory for each in host["providers"] if each["id"] == "outbox"]
            self.assertEqual(names, ["Outbox" if number > 1 else None])
            self.lattice.succeeds("stop", "provider", "outbox")
        archive.write_bytes(archive.read_bytes()[:-1000])
        self.lattice.refused("start", "provider", f"file://{archive}", "--id", "outbox",
                             says=["damaged", "ends early", "build it anew"], remedy=["get inventory"])  # fmt: skip
        self.assertNotIn("outbox", self.lattice.succeeds("get", "providers"))

    def write_archive(self, path):
        """As wash par create makes them."""
        program = OUTBOX.read_bytes()
        target = f"{os.uname().machine}-linux"
        token = subprocess.run(
            ["node", HERE / "sign.cjs", ROOT / ".deps" / "npm" / "node_modules", target, OUTBOX],
            capture_output=True, check=True, timeout=SECONDS_MAX,
        ).stdout  # fmt: skip
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for name, content in (("claims.jwt", token), (f"{target}.bin", program)):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    unittest.main()
