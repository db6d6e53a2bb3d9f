#!/usr/bin/env python3
"""wattle app, against a lattice with a manager: from a manifest to an answer over HTTP, other versions, and back."""

import contextlib
import hashlib
import json
import os
import pty
import select
import shutil
import signal
import termios
import time
import unittest

from lattice import Lattice
from program import SECONDS_MAX, ProgramTest, environment, guest, wait_until
from verbs_test import HELLO, free_address, get


def component(name, image, extra=""):
    return f"""    - name: {name}
      type: component
      properties: {{image: "{image}"}}
      traits:
        - {{type: spreadscaler, properties: {{instances: 2{extra}}}}}
"""


def in_one_line(name, image, id):
    scaler = "{type: spreadscaler, properties: {instances: 1}}"
    return f'    - {{name: {name}, type: component, properties: {{image: "{image}", id: {id}}}, traits: [{scaler}]}}\n'


def manifest(version, components, name="shop", annotations=""):
    return f"""# {name} {version}
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {{name: {name}, annotations: {{version: "{version}"{annotations}}}}}
spec:
  components:
{components}"""


def web(address):
    return f"""    - name: web
      type: capability
      properties: {{image: "ghcr.io/wasmcloud/http-server:0.28.0"}}
      traits:
        - type: link
          properties:
            target: {{name: api}}
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            source: {{config: [{{name: address, properties: {{address: "{address}"}}}}]}}
"""


def image(name):
    """Of a guest, as it is in the lattice's store."""
    return f"wattle://sha256:{hashlib.sha256(guest(name).read_bytes()).hexdigest()}"


# An interface that wattle's own table leads to no provider.
FORECAST = """apiVersion: runtime.wasmcloud.dev/v1alpha1
kind: Workload
metadata: {name: forecast, annotations: {version: "1"}}
spec:
  components: [{name: api, image: "a:1"}]
  hostInterfaces: [{namespace: example, package: weather, interfaces: [forecast]}]
"""


class ApplicationsTest(ProgramTest):
    def lattice(self, **options):
        lattice = Lattice(self, **options)
        wait_until(lambda: lattice.wattle("app", "list").code == 0, "a manager")
        return lattice

    def images(self, lattice):
        return {one["image_ref"] for one in lattice.json("get", "components")}

    def shop(self, version, image="hello-http-c", extra="", file=None):
        """A component beside its manifest."""
        copy = self.file(f"{image}.wasm", guest(image).read_bytes())
        return self.file(file or f"shop-{version}.yaml", manifest(version, component("api", f"./{copy.name}", extra)))


class Deploy(ApplicationsTest):
    def test_from_a_file_to_an_answer_and_back(self):
        lattice, address = self.lattice(), free_address()
        self.file("api.wasm", guest("hello-http-c").read_bytes())
        path = self.file("shop.yaml", manifest("1", component("api", "./api.wasm") + web(address)))
        told = lattice.succeeds("app", "deploy", path, "--wait").splitlines()
        self.assertEqual((told[0], told[-1]), ("shop 1 is to be deployed", "shop 1 is deployed"))
        self.assertTrue(any("api 2/2: deployed" in line for line in told), told)
        wait_until(lambda: get(address) == (200, HELLO), "an answer over HTTP")
        self.assertRegex(lattice.succeeds("app", "list"), r"\nshop +1 +1 +deployed +-\n$")
        [one] = lattice.json("app", "list")
        self.assertEqual((one["name"], one["deployed_version"], one["status"]), ("shop", "1", "deployed"))
        shown = lattice.succeeds("app", "status", "shop")
        self.assertTrue(shown.startswith("shop 1: deployed\n"), shown)
        self.assertRegex(shown, r"\n(shop-)?api +SpreadScaler +2/2 +deployed +-\n")

        told = lattice.succeeds("app", "undeploy", "shop", "--wait").splitlines()
        self.assertEqual(told[-1], "shop is undeployed")
        self.assertEqual(lattice.json("get", "components"), [])
        self.assertEqual(lattice.json("get", "providers"), [])
        self.assertEqual(lattice.json("get", "links"), [])
        self.assertEqual(lattice.json("app", "status", "shop")["status"]["status"]["type"], "undeployed")

    def test_another_version_and_back(self):
        lattice = self.lattice()
        lattice.succeeds("app", "deploy", self.shop("1"), "--wait")
        lattice.succeeds("app", "deploy", self.shop("2", "counter-http-c"), "--wait")
        self.assertEqual(self.images(lattice), {image("counter-http-c")})
        back = lattice.json("app", "rollback", "shop", "--wait")
        self.assertEqual((back["deployed_version"], back["status"]["status"]["type"]), ("1", "deployed"))
        wait_until(lambda: self.images(lattice) == {image("hello-http-c")}, "the first image")
        what = [(one["what"], one["version"]) for one in lattice.json("app", "history", "shop")]
        self.assertEqual(what, [("put", "1"), ("deployed", "1"), ("put", "2"), ("deployed", "2"), ("rolled back", "1")])
        deployed = {one["version"]: one["deployed"] for one in lattice.json("app", "versions", "shop")}
        self.assertEqual(deployed, {"1": True, "2": False})

    def test_what_cannot_be_yet_is_told(self):
        lattice = self.lattice()
        path = self.shop("1", extra=", spread: [{name: b, requirements: {zone: b}}]")
        done = lattice.wattle("app", "deploy", path, "--wait", "--timeout", "3s")
        self.assertEqual(done.code, 124, done)
        self.assertRegex(done.err, r"^error: shop is still \w+ after 3s\n  .*api 0/.*zone")
        [host] = lattice.json("get", "hosts")
        lattice.succeeds("label", host["id"], "zone=b")
        lattice.succeeds("app", "deploy", "shop", "--wait")

    def test_a_wrong_timeout_is_refused_before_anything_is_put(self):
        lattice, path = self.lattice(), self.shop("1")
        lattice.refused("app", "deploy", path, "--wait", "--timeout", "10x", says=['"10x"'], remedy=["5s"])
        self.assertEqual(lattice.json("app", "list"), [])

    def test_an_image_that_cannot_be_had(self):
        lattice = self.lattice()
        path = self.file("shop.yaml", manifest("1", component("api", "file:///nowhere/api.wasm")))
        done = lattice.wattle("app", "deploy", path, "--wait", "--timeout", "8s")
        self.assertIn(done.code, (2, 124), done)
        self.assertIn("/nowhere/api.wasm", done.err)


class Images(ApplicationsTest):
    """Files beside a manifest are put into the lattice's store, so that no host needs to see their paths."""

    def test_are_given_back_by_a_host_that_has_them(self):
        lattice = self.lattice()
        daemon = component("api", "./api.wasm").replace("spreadscaler", "daemonscaler")
        self.file("api.wasm", guest("hello-http-c").read_bytes())
        lattice.succeeds("app", "deploy", self.file("shop.yaml", manifest("1", daemon)), "--wait")
        self.assertEqual(self.images(lattice), {image("hello-http-c")})
        shutil.rmtree(lattice.state / "nats", ignore_errors=True)
        lattice.kill("nats-server")
        wait_until(lambda: lattice.wattle("app", "list").code == 0, "a manager")
        connection = lattice.connection()
        words = ["--nats-url", connection["url"], "--nats-creds", connection["credentials_file"]]
        self.start("host", "--lattice", "test", *words, env=environment(lattice.environment))
        wait_until(lambda: len(lattice.json("get", "hosts")) == 2, "another host")
        wait_until(lambda: self.runs_on(lattice) == 2, "the component on both")

    def runs_on(self, lattice):
        return sum(len(one["components"]) for one in lattice.json("get", "inventory"))

    def test_a_large_one_is_told(self):
        lattice = self.lattice()
        self.file("api.wasm", guest("echo-http-js").read_bytes())
        path = self.file("shop.yaml", manifest("1", component("api", "./api.wasm")))
        self.assertRegex(lattice.succeeds("app", "put", path), r"^putting .*/api.wasm into the lattice: \d+ MiB\nshop 1 is put\n$")
        self.assertIn("was put before", lattice.succeeds("app", "put", path).splitlines()[0])
        self.assertIn(image("echo-http-js"), lattice.succeeds("app", "get", "shop"))


class Versions(ApplicationsTest):
    def test_they_never_change(self):
        lattice = self.lattice()
        path = self.shop("1")
        self.assertEqual(lattice.succeeds("app", "put", path), "shop 1 is put\n")
        self.assertIn("was put before", lattice.succeeds("app", "put", path))
        other = path.read_text().replace("instances: 2", "instances: 3")
        lattice.refused("app", "put", self.file("other.yaml", other), says=["has a version"], remedy=["another version"])
        self.assertEqual(len(lattice.json("app", "versions", "shop")), 1)
        lattice.refused("app", "get", "shop", "--version", "2", says=['no version "2"'], remedy=["there is 1"])
        lattice.refused("app", "deploy", "shpo", says=['no application "shpo"'], remedy=["wattle app list"])

    def test_a_manifest_is_printed_as_it_was_put(self):
        lattice = self.lattice()
        text = manifest("1", component("api", "ghcr.io/example/api:1"))
        self.assertEqual(lattice.wattle("app", "put", "-", stdin=text).code, 0)
        self.assertEqual(lattice.succeeds("app", "get", "shop"), text)
        self.assertEqual(lattice.json("app", "get", "shop")["metadata"]["annotations"]["version"], "1")

    def test_files_of_several(self):
        lattice = self.lattice()
        one, two = manifest("1", component("api", "a:1")), manifest("1", component("api", "a:1"), name="blog")
        out = lattice.succeeds("app", "put", self.file("both.yaml", f"{one}---\n{two}"))
        self.assertEqual(out, "shop 1 is put\nblog 1 is put\n")
        self.assertEqual([each["name"] for each in lattice.json("app", "list")], ["blog", "shop"])

    def test_files_that_are_wrong_are_refused_with_their_lines(self):
        lattice = self.lattice()
        path = self.file("bad.yaml", manifest("1", component("api", "a:1").replace("instances", "instance")))
        done = lattice.wattle("app", "deploy", path)
        self.assertEqual(done.code, 2)
        self.assertRegex(done.err, rf"{path}:\d+:\d+: error: .*did you mean \"instances\"")
        missing = self.file("missing.yaml", manifest("1", component("api", "./gone.wasm")))
        done = lattice.wattle("app", "put", missing)
        self.assertEqual(done.code, 2)
        self.assertIn(f"{self.folder}/gone.wasm", done.err)
        self.assertEqual(lattice.json("app", "list"), [])

    def test_what_is_not_shared_is_refused(self):
        lattice = self.lattice()
        lattice.succeeds("app", "put", self.file("shop.yaml", manifest("1", component("api", "a:1"))))
        uses = "    - {name: api, type: component, properties: {application: {name: shop, component: api}}}\n"
        user = self.file("user.yaml", manifest("1", uses, name="user"))
        done = lattice.wattle("app", "put", user)
        self.assertEqual(done.code, 2)
        self.assertIn('the application "shop" is not shared', done.err)
        self.assertIn(f"{user}:7:", done.err)

    def test_what_other_applications_refuse_has_the_lines_of_the_file(self):
        lattice = self.lattice()
        deployed = self.file("one.yaml", manifest("1", in_one_line("api", "a:1", "x"), name="one"))
        lattice.succeeds("app", "deploy", deployed)
        self.file("api.wasm", guest("hello-http-c").read_bytes())
        fine = manifest("1", component("api", "a:1"))
        path = self.file("both.yaml", f"{fine}---\n{manifest('1', in_one_line('api', './api.wasm', 'x'), name='blog')}")
        seen = self.wattle("app", "validate", path, deployed).out.splitlines()[0]
        self.assertRegex(seen, rf"^{path}:19:74: error: .*the id \"x\" is that of \"api\"")
        for verb in ("put", "deploy", "diff"):
            done = lattice.wattle("app", verb, path)
            self.assertEqual(done.code, 2, done)
            self.assertIn(f"\n  {seen}\n", done.err)
        done = lattice.wattle("app", "put", "-", stdin=path.read_text())
        self.assertIn(seen.replace(str(path), "\n  standard input"), done.err)

    def test_a_file_that_is_put_and_cannot_be_deployed(self):
        lattice = self.lattice()
        uses = "    - {name: api, type: component, properties: {application: {name: shop, component: api}}}\n"
        path = self.file("user.yaml", "# of shop\n---\n" + manifest("1", uses, name="user"))
        done = lattice.wattle("app", "deploy", path)
        self.assertEqual(done.code, 2, done)
        self.assertRegex(done.err, rf"^error: \"user\" of {path} is put, but cannot be deployed\n")
        self.assertRegex(done.err, rf"\n  {path}:9:\d+: error: .*there is no application \"shop\"")

    def test_deleting(self):
        lattice = self.lattice()
        for version in "12":
            lattice.succeeds("app", "put", self.shop(version))
        lattice.succeeds("app", "deploy", "shop", "--version", "1", "--wait")
        self.assertEqual(lattice.succeeds("app", "delete", "shop", "--version", "2"), "shop 2 is deleted\n")
        self.assertTrue(lattice.json("app", "delete", "shop")["undeploy"])
        wait_until(lambda: lattice.json("get", "components") == [], "the end of what was deployed")
        lattice.refused("app", "delete", "shop", says=["there is no shop"], remedy=["wattle app list"])
        self.assertEqual(lattice.succeeds("app", "list"), 'There are no applications in the lattice "test".\n')


class Table(ApplicationsTest):
    """Which provider runs in place of which image, and serves which interface, is said by the manager that is asked."""

    def test_manifests_are_checked_by_that_of_the_manager(self):
        own = self.succeeds("app", "images").replace("interfaces:\n", 'interfaces:\n  "example:weather": "builtin://weather"\n')
        path = self.file("forecast.yaml", FORECAST)
        lattice, other = self.lattice(words=["--images", self.file("images.yaml", own)]), self.lattice(name="other")
        self.assertTrue(lattice.wattle("app", "diff", path).out.startswith("+ "))
        self.assertEqual(lattice.succeeds("app", "put", path), "forecast 1 is put\n")
        for verb in ("put", "deploy", "diff"):
            other.refused("app", verb, path, says=[f"{path}:6:", "no provider serves example:weather/forecast"], remedy=["change"])
        lattice.succeeds("app", "deploy", path)
        self.assertEqual(lattice.succeeds("app", "images", "--of-manager"), own)
        self.assertEqual(lattice.json("app", "images", "--of-manager")["interfaces"]["example:weather"], "builtin://weather")
        self.assertEqual(other.succeeds("app", "images", "--of-manager"), self.succeeds("app", "images"))


class Diff(ApplicationsTest):
    def test_before_and_after(self):
        lattice = self.lattice()
        path = self.shop("1")
        out = self.differs(lattice, path)
        self.assertTrue(out.startswith("+ ") and "shop-api" in out, out)
        self.assertEqual(lattice.json("app", "list"), [])
        lattice.succeeds("app", "deploy", path, "--wait")
        self.assertEqual(lattice.succeeds("app", "diff", "shop"), "shop: nothing would change\n")
        self.assertEqual(lattice.succeeds("app", "diff", path), "shop: nothing would change\n")
        self.assertEqual(lattice.json("app", "diff", path)["differences"], [])
        second = self.shop("2", "counter-http-c")
        other = json.loads(self.differs(lattice, second, "-o", "json"))
        self.assertEqual((other["name"], other["version"]), ("shop", "2"))
        self.assertTrue(any(one["kind"] == "change" for one in other["differences"]), other)
        lattice.succeeds("app", "put", second)
        self.differs(lattice, "shop")

    def test_of_several_one_is_enough(self):
        lattice = self.lattice()
        self.file("api.wasm", guest("hello-http-c").read_bytes())
        one, two = (manifest("1", component("api", "./api.wasm"), name=name) for name in ("one", "two"))
        lattice.succeeds("app", "deploy", self.file("two.yaml", two), "--wait")
        out = self.differs(lattice, self.file("both.yaml", f"{one}---\n{two}"))
        self.assertTrue(out.endswith("two: nothing would change\n"), out)

    def test_errors_are_no_differences(self):
        lattice = self.lattice()
        lattice.refused("app", "diff", "shop", says=['no application "shop"'], remedy=["wattle app list"])
        with open("/dev/full", "w") as full:
            process = self.start(
                "app", "diff", self.shop("1"), "--lattice", "test", env=environment(lattice.environment), stdout=full
            )
            _, told = process.communicate(timeout=SECONDS_MAX)
        self.assertEqual((process.returncode, told.count(b"error:")), (2, 1), told)

    def differs(self, lattice, *words):
        done = lattice.wattle("app", "diff", *words)
        self.assertEqual((done.code, done.err), (1, ""), done)
        return done.out


class Watch(ApplicationsTest):
    def lines_until(self, read, wanted):
        """What is shown until `wanted` is in it."""
        shown, deadline = "", time.monotonic() + SECONDS_MAX
        while wanted not in shown:
            self.assertLess(time.monotonic(), deadline, shown)
            if select.select([read], [], [], 1)[0]:
                shown += os.read(read, 65536).decode()
        return shown

    def watch(self, lattice, **options):
        return self.start("app", "status", "shop", "--watch", "--lattice", "test", env=environment(lattice.environment), **options)

    def test_a_line_for_each_change(self):
        lattice = self.lattice()
        lattice.succeeds("app", "put", self.shop("1"))
        process = self.watch(lattice)
        read = process.stdout.fileno()
        self.lines_until(read, "shop: undeployed\n")
        lattice.succeeds("app", "deploy", "shop")
        shown = self.lines_until(read, "shop 1: deployed\n")
        self.assertIn("api 2/2: deployed\n", shown)
        self.assertNotIn("\x1b", shown)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(SECONDS_MAX), 0)

    def test_a_live_table_on_a_terminal(self):
        lattice = self.lattice()
        lattice.succeeds("app", "deploy", self.shop("1"), "--wait")
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = self.watch(lattice, stdout=theirs)
        os.close(theirs)
        shown = self.lines_until(ours, "HOSTS")
        self.assertTrue(shown.startswith("\x1b[H\x1b[J") and "shop 1: deployed" in shown, shown)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the other end is closed
            while os.read(ours, 65536):
                pass
        self.assertEqual(process.wait(SECONDS_MAX), 0)

    def test_a_terminal_shows_what_it_has_room_for(self):
        lattice = self.lattice()
        lattice.succeeds("app", "deploy", self.shop("1"), "--wait")
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        termios.tcsetwinsize(theirs, (4, 12))
        process = self.watch(lattice, stdout=theirs)
        # What is left of "shop 1: deployed", and of the rest; and no line below the last.
        drawn = "\x1b[H\x1b[J\x1b[?7lshop 1: depl\r\n\r\n... 5 more l\x1b[?7h\r\n"
        shown = self.lines_until(ours, "\x1b[?7h\r\n")
        self.assertTrue(shown.startswith(drawn), shown)
        # Drawn again for the window as it is now, though nothing else is another.
        termios.tcsetwinsize(theirs, (40, 200))
        os.close(theirs)
        shown = self.lines_until(ours, "HOSTS").rpartition("\x1b[H")[2]
        self.assertIn("shop 1: deployed\r\n", shown)
        self.assertNotIn("... ", shown)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(SECONDS_MAX), 0)

    def test_there_must_be_such_an_application(self):
        lattice = self.lattice()
        lattice.refused("app", "status", "shop", "--watch", says=['no application "shop"'], remedy=["wattle app list"])


class Nobody(ApplicationsTest):
    def test_says_what_to_start(self):
        lattice = self.lattice()
        connection = lattice.connection()
        words = ["--lattice", "empty", "--nats-url", connection["url"], "--nats-creds", connection["credentials_file"]]
        path = self.shop("1")
        for verb in (("list",), ("put", path), ("deploy", path), ("diff", path), ("images", "--of-manager")):
            done = self.wattle("app", *verb, *words, env=lattice.environment)
            self.assertEqual(done.code, 2, done)
            self.assertIn('no manager of the lattice "empty" answers\n', done.err)
            self.assertRegex(done.err, r'remedy: .*"wattle up".*"wattle manager"')


if __name__ == "__main__":
    unittest.main()
