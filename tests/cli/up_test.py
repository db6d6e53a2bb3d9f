#!/usr/bin/env python3
"""wattle up and wattle down: what they start, who gets in, what they start again, and that nothing is left."""

import http.client
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import unittest

from lattice import Lattice, alive
from program import SECONDS_MAX, ProgramTest, environment, wait_until


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Up(ProgramTest):
    def test_brings_up_hosts_and_takes_them_down(self):
        lattice = Lattice(self, hosts=2)
        self.assertEqual(len(lattice.ready["hosts"]), 2)
        self.assertEqual({host["id"] for host in lattice.json("get", "hosts")}, {host["host_id"] for host in lattice.ready["hosts"]})
        self.assertEqual([each["role"] for each in lattice.processes()], ["supervisor", "nats-server", "host", "host", "manager"])
        processes = lattice.processes()
        self.assertEqual(lattice.succeeds("down"), "lattice test is down\n")
        self.assertFalse([each for each in processes if alive(each)])
        self.assertEqual(lattice.process.wait(SECONDS_MAX), 0)
        self.assertFalse(lattice.connection_path.exists())
        self.assertEqual(lattice.succeeds("down"), "lattice test was not up\n")

    def test_a_table_of_images_that_cannot_be_read_is_refused_at_once(self):
        for text, says in (("images: {a: 1}", "images.yaml:1:13"), ("imagse: {}", 'did you mean "images"?')):
            path = self.file("images.yaml", text)
            done = self.wattle("up", "--nats-port", 0, "--images", path, env={"XDG_RUNTIME_DIR": str(self.folder)})
            self.assertEqual(done.code, 2, done)
            self.assertIn(says, done.err)
        self.refused("up", "--images", "gone.yaml", says=["gone.yaml"], env={"XDG_RUNTIME_DIR": str(self.folder)})

    def test_files_are_for_their_owner_alone(self):
        lattice = Lattice(self, hosts=0)
        self.assertEqual((mode(lattice.connection_path), mode(lattice.connection_path.parent), mode(lattice.state)), (0o600, 0o700, 0o700))
        for name in ("account.nk", "client.creds", "nats.conf"):
            self.assertEqual(mode(lattice.state / name), 0o600, name)

    def test_a_signal_ends_it_well(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            lattice = Lattice(self)
            processes = lattice.processes()
            self.assertEqual(lattice.stop(number), 0)
            self.assertFalse([each for each in processes if alive(each)])

    def test_nothing_outlives_a_supervisor_that_is_killed(self):
        lattice = Lattice(self, hosts=2)
        processes = lattice.processes()
        lattice.process.kill()
        wait_until(lambda: not any(map(alive, processes)), "the end of all its processes")
        self.assertEqual(Lattice(self).stop(), 0)  # what it left does not hinder the next

    def test_detached(self):
        names = {"XDG_RUNTIME_DIR": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state")}
        up = ("up", "--detach", "--nats-port", 0, "--websocket-port", 0)
        done = self.wattle("-o", "json", *up, env=names)
        self.assertEqual((done.code, done.err), (0, ""), done)
        processes = json.loads((self.folder / "wattle" / "default.json").read_text())["processes"]
        try:
            self.assertEqual(len(json.loads(done.out)["hosts"]), 1)
            self.refused(*up, env=names, says=['"default" is up already', str(processes[0]["pid"])], remedy=["wattle down"])
        finally:
            self.assertEqual(self.wattle("down", env=names).code, 0)
        self.assertFalse([each for each in processes if alive(each)])

    def test_data_outlives_it(self):
        lattice = Lattice(self)
        lattice.succeeds("config", "put", "kept", "key=value")
        wait_until(lambda: "kept" in lattice.succeeds("get", "configs"), "the config in the bucket")
        self.assertEqual(lattice.stop(), 0)
        shutil.rmtree(lattice.state / "nats")  # the host's own copy is enough
        again = Lattice(self)
        self.assertEqual(again.json("config", "get", "kept"), {"key": "value"})

    def manager(self, lattice):
        manager = self.start("manager", "--lattice", "test", stdin=subprocess.DEVNULL, env=environment(lattice.environment))
        self.assertIn(b"is ready", manager.stdout.readline())
        return manager

    def test_what_was_put_outlives_managers_that_are_told_no_folder(self):
        shop = self.file("shop.yaml", "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: shop}\n"
                                      "spec:\n  components:\n    - {name: api, type: component, properties: {image: 'a:1'}}\n")  # fmt: skip
        lattice = Lattice(self, hosts=0, words=("--managers", 0))
        managers = [self.manager(lattice), self.manager(lattice)]
        wait_until(lambda: lattice.wattle("app", "put", shop).code == 0, "a manager that answers")
        for process in (*managers, lattice.process):
            process.kill()
            process.wait()
        shutil.rmtree(lattice.state / "nats")
        port = lattice.ready["url"].rpartition(":")[2]
        folders = {path.name for path in lattice.state.glob("lone-manager-*")}
        self.assertEqual(folders, {f"lone-manager-localhost-{port}-0", f"lone-manager-localhost-{port}-1"})
        again = Lattice(self, hosts=0, words=("--managers", 0), nats_port=port)
        manager = self.manager(again)
        wait_until(lambda: "shop" in again.wattle("app", "list").out, "what was put")
        manager.terminate()
        self.assertEqual(manager.wait(SECONDS_MAX), 0)


class Refused(ProgramTest):
    def test_an_occupied_port_is_named(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            names = {"XDG_RUNTIME_DIR": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state")}
            self.refused("up", "--nats-port", port, "--websocket-port", 0, env=names,
                         says=[f"port {port}", "another program"], remedy=["--nats-port"])  # fmt: skip
            self.refused("up", "--nats-port", 0, "--websocket-port", port, env=names,
                         says=[f"port {port}", "another program"], remedy=["--websocket-port"])  # fmt: skip

    def test_and_whose_it_is_when_it_is_ours(self):
        lattice = Lattice(self, hosts=0)
        port = lattice.ready["url"].rpartition(":")[2]
        self.refused("up", "--lattice", "other", "--nats-port", port, env=lattice.environment,
                     says=[f"port {port}", 'the lattice "test"'], remedy=["wattle down --lattice test"])  # fmt: skip

    def test_a_second_one_of_the_same_lattice(self):
        lattice = Lattice(self, hosts=0)
        lattice.refused("up", says=["up already", str(lattice.process.pid)], remedy=["wattle down"])

    def test_a_host_that_cannot_start(self):
        lattice = Lattice(self, words=("--label", "hostcore.os=x"), wait=False)
        self.assertEqual(lattice.process.wait(SECONDS_MAX), 2)
        self.assertIn("hostcore.", lattice.log_path.read_text())
        self.assertFalse(lattice.connection_path.exists())

    def test_hosts_tell_what_they_have(self):
        lattice = Lattice(self, words=("--memory", "256Mi", "--cpus", "500m"))
        labels = lattice.json("get", "hosts")[0]["labels"]
        self.assertEqual((labels["hostcore.memory"], labels["hostcore.cpus"]), (str(256 << 20), "0.5"))
        labels = Lattice(self, name="other").json("get", "hosts")[0]["labels"]
        self.assertGreater(int(labels["hostcore.memory"]), 1 << 20)
        self.assertGreater(float(labels["hostcore.cpus"]), 0)

    def test_arguments(self):
        done = self.wattle("up", "--lattice", "a.b")
        self.assertEqual((done.code, done.err), (2, 'error: the lattice\'s name "a.b" may hold only letters, digits and -_\n'))
        self.refused("up", "--drain-timeout", "x", says=["--drain-timeout"])
        self.refused("up", "--memory", "64MB", says=["--memory", '"64MB"'], remedy=["64Mi"])
        self.refused("up", "--cpus", "0.5m", says=["--cpus", '"0.5m"'], remedy=["500m"])
        self.refused("host", "--memory", "much", "--nats-url", "nats://127.0.0.1:1", says=["--memory"], remedy=["64Mi"])
        names = {"XDG_RUNTIME_DIR": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state")}
        self.refused("up", "--nats-port", 24222, "--websocket-port", 24222, env=names,
                     says=["port 24222"], remedy=["--websocket-port"])  # fmt: skip

    def test_what_others_may_read(self):
        (self.folder / "wattle").mkdir()
        os.chmod(self.folder / "wattle", 0o755)
        self.refused("up", env={"XDG_RUNTIME_DIR": str(self.folder)}, says=["alone"], remedy=["chmod 700"])


class WhoGetsIn(ProgramTest):
    def test_nobody_without_credentials(self):
        lattice = Lattice(self)
        self.refused("get", "hosts", "--lattice", "test", "--nats-url", lattice.ready["url"],
                     says=["cannot reach the bus"], remedy=["--nats-creds"])  # fmt: skip
        self.assertEqual(len(lattice.json("get", "hosts", "--nats-url", lattice.ready["url"], "--nats-creds", lattice.ready["credentials_file"])), 1)

    def handshake(self, url, origin):
        connection = http.client.HTTPConnection(url.removeprefix("ws://"), timeout=SECONDS_MAX)
        self.addCleanup(connection.close)
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}
        connection.request("GET", "/", headers=headers | ({"Origin": origin} if origin else {}))
        return connection.getresponse().status

    def test_pages_of_others_are_refused_at_the_websocket(self):
        url = Lattice(self, hosts=0, words=("--allow-origin", "http://page.example:8080")).ready["websocket_url"]
        self.assertEqual(self.handshake(url, "http://page.example:8080"), 101)
        self.assertEqual(self.handshake(url, None), 101)
        for origin in ("http://evil.example", "https://page.example:8080", "http://page.example", "null"):
            self.assertEqual(self.handshake(url, origin), 403, origin)


class Restarts(ProgramTest):
    def test_a_host_that_dies(self):
        lattice = Lattice(self, hosts=2)
        victim = lattice.kill("host")
        wait_until(lambda: len(lattice.processes("host")) == 2 and victim not in lattice.processes("host"), "another process", 1)
        wait_until(lambda: len(lattice.json("get", "hosts")) == 2, "two hosts that answer")

    def test_a_host_that_is_told_to_stop_stays_away(self):
        lattice = Lattice(self, hosts=2)
        host = lattice.ready["hosts"][0]["host_id"]
        self.assertIn("stopped", lattice.succeeds("stop", "host", host))
        wait_until(lambda: len(lattice.processes("host")) == 1, "one process less")
        self.assertNotIn(host, [each["id"] for each in lattice.json("get", "hosts")])

    def test_a_server_that_dies(self):
        lattice = Lattice(self)
        lattice.kill("nats-server")
        wait_until(lambda: lattice.wattle("get", "hosts").code == 0, "a host that answers again")


if __name__ == "__main__":
    unittest.main()
