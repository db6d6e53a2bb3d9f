"""What applications survive: processes killed and stopped, NATS gone and empty, while people change versions."""

import asyncio
import collections
import os
import random
import shutil
import signal
import subprocess
import time

from lattice import Failure, Lattice, Load, component, expect, manifest, say, wait_for, web

SHARED = ', experimental.wasmcloud.dev/shared: "true"'


class Faults:
    """What befalls a lattice, one after the other; each is over before the next begins, or soon after."""

    KINDS = ["kill a host"] * 6 + ["stop a host"] * 5 + ["kill a manager"] * 3 + ["stop a manager", "restart NATS", "delete NATS's data"]

    def __init__(self, lattice, keeper):
        self.lattice, self.keeper, self.random = lattice, keeper, random.Random(7)
        self.count = collections.Counter()

    async def one(self):
        kind = self.random.choice(self.KINDS)
        self.count[kind] += 1
        if kind == "restart NATS":
            self.lattice.restart_server()
        elif kind == "delete NATS's data":
            self.lattice.restart_server(forget=True)
        else:
            verb = kind.split(" ")[-1]
            # The host that listens for clients stays: without it nobody could tell what the others answer.
            child = self.random.choice([each for each in self.lattice.live(verb) if each is not self.keeper])
            if kind.startswith("kill"):
                child.kill()
                await asyncio.sleep(self.random.uniform(0, 2))
                child.start()
                child.wait()
            else:
                os.kill(child.process.pid, signal.SIGSTOP)
                await asyncio.sleep(self.random.uniform(0.2, 4))
                os.kill(child.process.pid, signal.SIGCONT)
        await asyncio.sleep(self.random.uniform(0, 3))


class Redis:
    """Where notes are kept; no fault befalls it."""

    def __init__(self, lattice):
        self.port = lattice.free_port()
        path = shutil.which("redis-server", path=f"{os.environ['PATH']}:/usr/bin:/usr/sbin")
        with open(lattice.folder / "redis.log", "ab") as log:
            self.process = subprocess.Popen([path, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
                                            cwd=lattice.folder, stdout=log, stderr=log)
        lattice.processes.append(self.process)


def notes(lattice, redis, address):
    """An application with a provider of its own, a link with a config, and a port at another application's server."""
    api = component("api", lattice.guest("keyvalue-http-c"), 8, tier="back") + f"""        - type: link
          properties:
            target: {{name: store, config: [{{name: redis, properties: {{url: "redis://127.0.0.1:{redis.port}"}}}}]}}
            namespace: wasi
            package: keyvalue
            interfaces: [store]
"""
    store = """    - name: store
      type: capability
      properties: {image: "ghcr.io/wasmcloud/keyvalue-redis:0.28.1"}
"""
    return manifest("notes", "1.0.0", api + store + web(address, owner="shop", link="notes"))


class Notes:
    """Writes numbers and reads them back: what was acknowledged last is there, or a write whose call failed with "it
    may have been carried out": a host that was stopped in it carries it out when it goes on."""

    def __init__(self, port):
        self.port, self.count, self.errors, self.wrong = port, collections.Counter(), collections.Counter(), []

    async def __aenter__(self):
        self.on = True
        self.tasks = [asyncio.ensure_future(self.write(f"key{number}")) for number in range(4)]
        return self

    async def __aexit__(self, *_):
        self.on = False
        await asyncio.gather(*self.tasks)

    async def write(self, key):
        kept, doubtful, number, connection = None, set(), 0, None
        while self.on:
            await asyncio.sleep(0.05)
            number += 1
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.port)
                written = str(number).encode()
                doubtful.add(written)
                if await self.get(connection, f"/set/{key}/{number}"):
                    kept = written
                    doubtful.remove(written)
                seen = await self.get(connection, f"/get/{key}")
                if seen and seen != kept and seen not in doubtful:
                    self.wrong.append(f"{key} is {seen}, and {kept} was written")
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as problem:
                self.wrong.append(f"no answer: {problem!r}")
                connection = None

    async def get(self, connection, path):
        """The body, where the answer is none of an error."""
        status, body = await asyncio.wait_for(Load.exchange(*connection, path), 20)
        self.count[status] += 1
        if status in (200, 404):
            return body if status == 200 else None
        if status not in (500, 502, 503, 504):
            self.wrong.append(f"{status} {body[:80]}")
        self.errors[body[:60].decode(errors="replace")] += 1
        return None


class Person:
    """Deploys a version after the other; `told` is the last that was acknowledged, `tried` those after it that may
    have been taken or not."""

    def __init__(self, lattice, version):
        self.lattice, self.version = lattice, version
        self.number, self.told, self.tried = 0, "1.0.0", []
        self.acknowledged = []

    def act(self):
        self.number += 1
        name = f"1.{self.number}.0"
        self.tried.append(name)
        try:
            self.lattice.deploy(self.version(name))
            self.told, self.tried = name, []
            self.acknowledged.append(name)
        except (Failure, OSError, ValueError):
            self.lattice.reconnect()


async def chaos(options):
    seconds, least = (1200, 200) if options.full else (60, 8)
    with Lattice(hosts=5, managers=3) as lattice:
        port, notes_port = lattice.free_port(), lattice.free_port()
        redis = Redis(lattice)
        images = [lattice.fresh_image("hello-http-c", f"chaos {number}") for number in range(2)]

        def image_of(name):
            return images[int(name.split(".")[1]) % 2]

        def version(name):
            return manifest("shop", name, component("api", image_of(name), 40, tier="back") + web(f"127.0.0.1:{port}", tier="front"), SHARED + ', wattle/observe: "1s"')

        lattice.deploy(version("1.0.0"))
        lattice.deploy(notes(lattice, redis, f"127.0.0.1:{notes_port}"))
        await lattice.deployed("shop")
        await lattice.deployed("notes")
        keeper = lattice.live("host")[0]
        faults, person = Faults(lattice, keeper), Person(lattice, version)
        began = time.monotonic()
        async with Load(port, 50) as load, Notes(notes_port) as kept:
            while time.monotonic() - began < seconds:
                if sum(faults.count.values()) % 5 == 0:
                    await asyncio.to_thread(person.act)
                await faults.one()
            await asyncio.sleep(1)
        total = sum(faults.count.values())
        say(f"{total} faults in {time.monotonic() - began:.0f} s: " + ", ".join(f"{kind} {count}" for kind, count in sorted(faults.count.items())))
        say(f"{load.sent} requests, {len(load.failures)} with an error, {len(load.unanswered)} without an answer, the slowest took {load.slowest:.1f} s")
        say(f"{sum(kept.count.values())} notes written and read: {dict(kept.count)}; {len(kept.wrong)} wrong; errors: {dict(kept.errors)}")
        say(f"{person.number} versions deployed, the last that was acknowledged is {person.told}")
        await as_declared(lattice, person, image_of)
        say("afterwards everything is as declared")
        expect(total >= least, f"only {total} faults")
        expect(not load.unanswered, f"{load.unanswered[:5]}")
        expect(all(status in (500, 502, 503, 504) for status in load.failures), f"answers that are no typed error: {set(load.failures)}")
        expect(not kept.wrong, f"{kept.wrong[:5]}")


async def as_declared(lattice, person, image_of):
    await lattice.deployed("shop", 60)
    await lattice.deployed("notes", 60)
    deployed = lattice.deployed_version("shop")
    expect(deployed in [person.told, *person.tried], f"{deployed} is deployed, and {person.told} was acknowledged: {lattice.status('shop')['rollout']}")
    expect(lattice.revisions("shop", "api") == {image_of(deployed)}, "something else runs")
    for id, count in (("shop-api", 40), ("notes-api", 8)):
        instances = sum(each["max_instances"] for each in lattice.inventories("components") if each["id"] == id)
        expect(instances == count, f"{instances} instances of {id} run, and {count} are declared")
    providers = sorted(each["id"] for each in lattice.inventories("providers"))
    expect(providers == ["notes-store", "shop-web"], f"{providers} run")
    annotations = lattice.request("get.shop")["manifest"]["metadata"]["annotations"]
    expect(annotations["version"] in [person.told, *person.tried, deployed], "the manifest is lost")


async def survival(options):
    """Everything dies at once, at any moment of a stream of changes."""
    random.seed(11)
    with Lattice(hosts=2, managers=2) as lattice:
        image = lattice.fresh_image("hello-http-c", "survival")
        people = [Person(lattice, lambda version, name=name: manifest(name, version, component("api", image, 4))) for name in ("left", "right")]
        for name, person in zip(("left", "right"), people):
            person.act()
        rounds = 20 if options.full else 3
        for number in range(rounds):
            dies_after = random.uniform(0.05, 1)

            async def change():
                while lattice.alive:
                    await asyncio.to_thread(random.choice(people).act)

            changes = asyncio.ensure_future(change())
            await asyncio.sleep(dies_after)
            lattice.kill_everything()
            await changes
            lattice.start_everything(forget=number % 2 == 1)
            for name, person in zip(("left", "right"), people):
                await lattice.deployed(name, 60)
                there = {each["version"] for each in lattice.request(f"versions.{name}")["versions"]}
                lost = set(person.acknowledged) - there
                expect(not lost, f"versions of {name} were acknowledged and are lost: {sorted(lost)}")
                deployed = lattice.deployed_version(name)
                expect(deployed in [person.told, *person.tried], f"{deployed} of {name} is deployed, and {person.told} was acknowledged")
        count = sum(len(person.acknowledged) for person in people)
        say(f"everything killed {rounds} times, every second time NATS's data deleted: all of {count} changes are there")
