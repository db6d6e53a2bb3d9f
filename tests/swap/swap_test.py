#!/usr/bin/env python3
"""Links that come to lead elsewhere under 1,000 requests a second, and what is copied before: Redis to PostgreSQL.

    tests/swap/swap_test.py              about 15 s
    WATTLE_FULL=1 tests/swap/swap_test.py   longer, with copiers, hosts and backends that die meanwhile
"""

import json
import os
import signal
import subprocess
import sys
import time

from lattice import Connection, Lattice, Load, SwapError, WATTLE, wait_for

FULL = bool(os.environ.get("WATTLE_FULL"))
RATE = 1000
OBJECTS = 1200 if FULL else 60
REQUESTS_MIN = 20_000 if FULL else 3000
KEYS_BEFORE = 20_000 if FULL else 1500
SECONDS_AROUND = 5 if FULL else 1


def expect(holds, what):
    if not holds:
        raise SwapError(what)


def expect_no_failure(load, doing):
    expect(not load.failures, f"{len(load.failures)} of {load.requests()} requests failed while {doing}: {load.failures[:5]}")
    print(f"{doing}: {load.requests()} requests, {load.requests() / load.seconds:.0f} a second, none failed, the slowest took {load.slowest * 1000:.0f} ms")


def fill(lattice):
    connection = Connection(lattice.ports[0])
    for number in range(KEYS_BEFORE):
        expect(connection.get(f"/set/old-{number}/value-{number}") == (200, b"done"), f"old-{number} cannot be set")


def check_filled(lattice):
    connection = Connection(lattice.ports[0])
    for number in range(KEYS_BEFORE):
        answer = connection.get(f"/get/old-{number}")
        expect(answer == (200, f"value-{number}".encode()), f"old-{number} reads {answer}")


def swap_components(lattice):
    """A link between a provider and a component, back and forth; both components are the same."""
    hosts = lattice.hosts()
    lattice.wattle("start", "component", lattice.COMPONENT, "--id", "api-2", "--host", hosts["first"], "--max-instances", 50)
    lattice.put_link("api-2", "redis", "wasi:keyvalue", "--interface", "store", "--target-config", "redis")
    swaps = 0
    with Load(lattice.ports, RATE, seed=2) as load:
        while load.requests() < REQUESTS_MIN or swaps % 2:
            target = "api" if swaps % 2 else "api-2"
            swaps += 1
            for role in ("first", "second"):
                lattice.put_link(f"web-{role}", target, "wasi:http", "--interface", "incoming-handler", "--source-config", f"route-{role}")
    expect_no_failure(load, f"links of http-server were put to another component {2 * swaps} times")
    load.check_all(lattice.ports[1])


def refuse_what_v1_refuses(lattice):
    done = lattice.run("link", "put", "api", "postgres", "wasi:keyvalue", "--interface", "store", "--keep-others")
    expect(done.returncode != 0 and "another target" in done.stderr, f"--keep-others: {done.stderr}")
    expect(lattice.target() == "redis", "a refused put changed the link")


def swap_containers(lattice):
    """Objects from files to NATS and to other files; nobody calls meanwhile."""
    before, after = lattice.path / "before", lattice.path / "after"
    (before / "box").mkdir(parents=True)
    after.mkdir()
    objects = {f"object-{number}": b"%d " % number * (number % 50) for number in range(OBJECTS)}
    objects["large"] = bytes(range(256)) * 20_000
    for name, contents in objects.items():
        (before / "box" / name).write_bytes(contents)
    lattice.wattle("config", "put", "before", f"root={before}")
    lattice.wattle("config", "put", "after", f"root={after}")
    lattice.wattle("config", "put", "objects", f"cluster_uris={lattice.environment['WATTLE_NATS_URL']}")
    places = (("default", "before", "blobstore-fs"), ("next", "objects", "blobstore-nats"), ("last", "after", "blobstore-fs"))
    for name, config, provider in places:
        lattice.wattle("start", "provider", f"builtin://{provider}", "--id", f"box-{name}")
        lattice.put_link("box", f"box-{name}", "wasi:blobstore", "--interface", "blobstore", "--link-name", name, "--target-config", config)
    for name in ("next", "last"):
        told = json.loads(lattice.wattle("-o", "json", "provider", "copy", "--from", "box", "--to", f"box/{name}", "--container", "box"))
        expect(told["copied"] == told["verified"] == len(objects), f"{len(objects)} objects were to be copied: {told}")
    copied = {path.name: path.read_bytes() for path in (after / "box").iterdir() if path.is_file()}
    expect(copied == objects, f"{len(copied)} objects were copied, and should be {len(objects)}; or they differ")
    print(f"a container of {len(objects)} objects went from files to NATS and to other files")


def copy_words(*more):
    return ("-o", "json", "provider", "copy", "--from", "api", "--to", "api/next", *more)


def swap_backends(lattice):
    before = lattice.images()
    expect(len(before) == 2, f"two hosts run the component: {before}")
    with Load(lattice.ports, RATE, seed=3) as load:
        time.sleep(SECONDS_AROUND)
        told = json.loads(lattice.wattle(*copy_words("--overwrite")))
        time.sleep(SECONDS_AROUND)
    expect_no_failure(load, "Redis was exchanged for PostgreSQL")
    print(f"  {told}")
    expect(told["copied"] >= KEYS_BEFORE, f"too little was copied: {told}")
    expect(told["held_ms"] <= 1000, f"calls were held for too long: {told}")
    expect(lattice.target() == "postgres", f"the link leads to {lattice.target()}")
    expect(lattice.images() == before, f"other components than before: {lattice.images()}, {before}")
    lattice.stop("redis")  # nobody needs it
    keys = load.check_all(lattice.ports[1])
    check_filled(lattice)
    print(f"  {keys + KEYS_BEFORE} keys read back with Redis gone")
    if FULL:
        expect(load.requests() / load.seconds > 0.95 * RATE, "the load was not what it should be")


# ---- what dies meanwhile; only with WATTLE_FULL


def start_copy(lattice):
    """With something to copy for a while; returns when it copies."""
    process = subprocess.Popen(
        [str(WATTLE), "provider", "copy", "--from", "api", "--to", "api/next", "--overwrite"],
        env=lattice.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if line.startswith("copying") or line.startswith("verifying"):
            return process
    raise SwapError("the copy ended before it copied")


def end_of(process):
    _, text = process.communicate(timeout=120)
    return process.returncode, text


def kill_the_copier(lattice):
    with Load(lattice.ports, RATE, seed=4) as load:
        copier = start_copy(lattice)
        copier.kill()
        copier.communicate()
        time.sleep(3)
    expect_no_failure(load, "a copier was killed")
    expect(lattice.target() == "redis", "the link leads elsewhere after its copier was killed")
    load.check_all(lattice.ports[0])

    def is_free():
        done = lattice.run("provider", "copy", "--from", "api", "--to", "api/next", "--bucket", "other", "--overwrite")
        return "another copy" not in done.stderr

    # What it left ends by itself: whether this copy then ends well is not what is asked.
    wait_for("the next copy begins", is_free, 30)
    wait_for("the link is at its old target or at the new one", lambda: lattice.target() in ("redis", "postgres"))
    if lattice.target() == "postgres":
        lattice.put_link("api", "redis", "wasi:keyvalue", "--interface", "store", "--target-config", "redis")


def stop_the_target(lattice):
    with Load(lattice.ports, RATE, seed=5) as load:
        copier = start_copy(lattice)
        lattice.stop("postgres")
        code, text = end_of(copier)
        time.sleep(1)
    expect(code != 0 and "leads where it led" in text, f"a copy whose target has gone: {code} {text}")
    expect_no_failure(load, "the target of a copy went away")
    expect(lattice.target() == "redis", "the link leads elsewhere after a copy that failed")
    load.check_all(lattice.ports[0])
    lattice.start_postgres()


def kill_a_host(lattice):
    with Load(lattice.ports[1:], RATE, seed=6) as load:
        copier = start_copy(lattice)
        lattice.stop("first", signal.SIGKILL)
        code, text = end_of(copier)
        time.sleep(1)
    told = "died or stopped" in text or "does not answer" in text
    expect(code != 0 and told and "leads where it led" in text, f"a copy that lost a host: {code} {text}")
    expect_no_failure(load, "a host died during a copy")
    expect(lattice.target() == "redis", "the link leads elsewhere after a copy that failed")
    load.check_all(lattice.ports[1])


def main():
    with Lattice() as lattice:
        lattice.open()
        fill(lattice)
        refuse_what_v1_refuses(lattice)
        swap_components(lattice)
        swap_containers(lattice)
        if FULL:
            kill_the_copier(lattice)
            stop_the_target(lattice)
        swap_backends(lattice)
    if FULL:
        with Lattice() as lattice:
            lattice.open()
            fill(lattice)
            kill_a_host(lattice)


if __name__ == "__main__":
    try:
        main()
    except SwapError as error:
        sys.exit(f"swap: {error}")
