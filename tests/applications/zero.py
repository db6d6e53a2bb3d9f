"""To zero and back: components that are parked while nobody calls them."""

import asyncio
import collections
import json
import pathlib
import statistics
import time

from lattice import Failure, Lattice, expect, manifest, say, wait_for, web


def control(lattice, subject, body):
    answer = json.loads(lattice.nats(f"wasmbus.ctl.v1.default.{subject}", json.dumps(body)))
    if not answer["success"]:
        raise Failure(f"{subject}: {answer['message']}")
    return answer.get("response")


def start(lattice, host, image, component="small", idle_after_ms=200, **more):
    control(lattice, f"component.scale.{host}", {"component_id": component, "component_ref": image, "count": 10, "host_id": host,
                                                 "idle_after_ms": idle_after_ms, "allow_update": True, **more})


def serve(lattice, host, component="small"):
    """An HTTP server on this host, and the port where it answers for the component."""
    port = lattice.free_port()
    control(lattice, f"config.put.address-{component}", {"address": f"127.0.0.1:{port}"})
    control(lattice, f"provider.start.{host}", {"provider_id": f"web-{component}", "provider_ref": "builtin://http-server", "host_id": host})
    control(lattice, "link.put", {"source_id": f"web-{component}", "target": component, "name": "default", "wit_namespace": "wasi",
                                  "wit_package": "http", "interfaces": ["incoming-handler"],
                                  "source_config": [f"address-{component}"], "target_config": []})
    return port


def description(lattice, host, component="small"):
    return next((each for each in lattice.inventory(host)["components"] if each["id"] == component), None)


def is_parked(lattice, host, component="small"):
    found = description(lattice, host, component)
    return found is not None and found.get("parked", False)


async def ask(port, headers=""):
    """One request over a connection of its own: the status, the body, and how many milliseconds until it was read."""
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET / HTTP/1.1\r\nHost: a\r\n{headers}Connection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 30)
    took = 1000 * (time.monotonic() - begun)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body.decode(errors="replace"), took


async def listens(port):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            return await ask(port)
        except (OSError, IndexError):
            await asyncio.sleep(0.02)
    raise Failure("the HTTP server does not listen")


async def zero(options):
    await first_answers(options)
    await burst()
    await broken()


async def first_answers(options):
    count = 100 if options.full else 20
    with Lattice(hosts=1) as lattice:
        host = lattice.live("host")[0].id
        start(lattice, host, lattice.guest("hello-http-c"))
        port = serve(lattice, host)
        await listens(port)
        times, warm = [], []
        for _ in range(count):
            await wait_for(lambda: is_parked(lattice, host), 30, "it is not parked")
            status, body, took = await ask(port)
            expect(status == 200, f"the first call is answered {status}: {body}")
            times.append(took)
            warm.append((await ask(port))[2])
    say(f"{count} first answers of a small component that was parked: median {statistics.median(times):.1f} ms, slowest "
        f"{max(times):.1f} ms (in memory: median {statistics.median(warm):.1f} ms)")
    expect(max(times) <= 50 * options.room, "one took more than 50 ms")


def resident_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS"))) / 1024


async def burst():
    """Calls that come together to one that is parked: none is lost; and what its host has of it, before and after."""
    with Lattice(hosts=1) as lattice:
        child = lattice.live("host")[0]
        start(lattice, child.id, lattice.guest("hello-http-js"), idle_after_ms=500)
        port = serve(lattice, child.id)
        await listens(port)
        for _ in range(3):
            await wait_for(lambda: is_parked(lattice, child.id), 30, "it is not parked")
            parked = resident_mib(child.process.pid)
            answers = await asyncio.gather(*(ask(port) for _ in range(60)))
            used = resident_mib(child.process.pid)
            expect(all(status == 200 for status, *_ in answers), f"not all are answered: {collections.Counter(status for status, *_ in answers)}")
        await wait_for(lambda: is_parked(lattice, child.id), 30, "it is not parked")
        await wait_for(lambda: resident_mib(child.process.pid) < (parked + used) / 2, 20, "its host keeps the memory")
        say(f"60 calls at once to a parked component of JavaScript: all answered; its host has {used:.0f} MiB then, and "
            f"{resident_mib(child.process.pid):.0f} MiB when it is parked again")


async def broken():
    """What cannot be loaded is a typed error for its calls, and serves again once it can."""
    with Lattice(hosts=1) as lattice:
        host = lattice.live("host")[0].id
        image = lattice.fresh_image("hello-http-c", "broken")
        path = pathlib.Path(image.removeprefix("file://"))
        start(lattice, host, image)
        port = serve(lattice, host)
        await listens(port)
        await wait_for(lambda: is_parked(lattice, host), 30, "it is not parked")
        path.rename(path.with_suffix(".gone"))
        answers = await asyncio.gather(*(ask(port) for _ in range(20)))
        expect({status for status, *_ in answers} == {502}, f"answers without the image: {answers[:3]}")
        expect("cannot be opened" in answers[0][1], f"the answer does not say why: {answers[0][1]}")
        path.with_suffix(".gone").rename(path)
        tries = 0
        while (await ask(port))[0] != 200:
            tries += 1
            expect(tries < 1000, "it does not serve again")
            await asyncio.sleep(0.02)
    say("calls to one whose image is gone: 502 with the reason; 200 again once it is back")


SCALED = """    - name: api
      type: component
      properties: {{image: "{image}"}}
      traits:
        - type: spreadscaler
          properties:
            instances: 3
            scaling: {{min: 0, max: 30, target: 100%, idle-after: 1s, down-after: 2s}}
        - type: link
          properties:
            target: {{name: client, config: [{{name: site, properties: {{allowed_hosts: "{site}"}}}}]}}
            namespace: wasi
            package: http
            interfaces: [outgoing-handler]
    - name: client
      type: capability
      properties: {{image: "ghcr.io/wasmcloud/http-client:0.12.0"}}
"""


async def slow_site(seconds):
    """Answers each request after a while, so that calls that wait for it are in flight."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(seconds)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nslow")
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def scaling(_options):
    """An application whose component follows its calls: none, many, and none again."""
    site = await slow_site(0.5)
    address = f"127.0.0.1:{site.sockets[0].getsockname()[1]}"
    headers = f"wattle-authority: {address}\r\nwattle-path: /\r\n"
    with Lattice(hosts=3) as lattice:
        port = lattice.free_port()
        image = lattice.guest("client-http-c")
        lattice.deploy(manifest("shop", "1.0.0", SCALED.format(image=image, site=address) + web(f"127.0.0.1:{port}")))
        await lattice.deployed("shop")

        def part():
            return lattice.part("shop", "api")

        def instances():
            return sum(each["max_instances"] for child in lattice.live("host") for each in lattice.inventory(child.id)["components"])

        def at_rest():
            return instances() == 1 and part().get("parked") == 1

        await wait_for(at_rest, 30, "it is not parked in one instance")
        manager = lattice.live("manager")[0]
        manager.kill()
        status, body, took = await ask(port, headers)
        expect(status == 200, f"without a manager the first call is answered {status}: {body}")
        manager.start()
        manager.wait()
        lattice.wait(lambda: lattice.try_request("get") is not None, "no manager answers")
        await wait_for(at_rest, 30, "it is not parked again")
        on, answers, most = True, collections.Counter(), 0

        async def call():
            while on:
                answers[(await ask(port, headers))[0]] += 1

        begun = time.monotonic()
        callers = [asyncio.ensure_future(call()) for _ in range(20)]
        await wait_for(lambda: part()["ready"] >= 15, 30, "it does not grow with its calls")
        grown = time.monotonic() - begun
        for _ in range(20):
            most = max(most, instances())
            await asyncio.sleep(0.1)
        on = False
        await asyncio.gather(*callers)
        expect(set(answers) == {200}, f"answers: {answers}")
        expect(15 <= most <= 30, f"{most} instances for 20 calls at once")
        begun = time.monotonic()
        await wait_for(at_rest, 30, "it does not shrink and park")
        say(f"a component of which nothing runs: answered without a manager in {took:.0f} ms, 500 of them its own; 20 calls at once: at least 15 "
            f"instances after {grown:.1f} s, {most} at most, {answers[200]} answers; parked {time.monotonic() - begun:.1f} s after the last")
