"""Callers from outside: each request is written down with when it began, when it ended, and how."""

import asyncio
import collections
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from exchange import exchange, leave, open_connection  # noqa: E402

GIVEN_UP_SECONDS = 20  # a request that takes so long hangs
SLACK_SECONDS = 0.1
patience = 1  # how many times as long everything may take
TICK_SECONDS = 0.005


class Failure(Exception):
    """Something is not as it should be; the message says what."""


Request = collections.namedtuple("Request", "kind begun ended outcome status text")


class Kind:
    """One sort of request: where it goes, and what a good answer holds. `deadline_seconds` is the link's."""

    def __init__(self, name, port, path, good, deadline_seconds=1.0):
        self.name, self.port, self.path, self.good = name, port, path, good
        self.deadline_seconds = deadline_seconds


async def ask(kind, connection=None):
    """One request. Its outcome: "ok"; "error" (a status that says failure, and a text that says why); "cut" (the head
    had come when what sent the body failed: the connection ends); "reset" (the connection ended without an answer);
    "hang"; or "wrong", any other answer."""
    begun = time.monotonic()
    try:
        answer = await exchange(kind.port, kind.path, seconds_max=GIVEN_UP_SECONDS, connection=connection)
    except OSError:  # refused: nobody listens
        return Request(kind.name, begun, time.monotonic(), "reset", 0, "")
    ended = time.monotonic()
    text = answer.body.decode(errors="replace")
    if answer.seen == "closed":
        outcome = "reset"
    elif answer.seen == "cut":
        outcome = "cut"
    elif answer.seen == "no answer":
        outcome = "hang"
    elif answer.status == 200:
        outcome = "ok" if text == kind.good else "wrong"
    else:
        outcome = "error" if answer.status in (500, 502, 503, 504) and text.strip() else "wrong"
    return Request(kind.name, begun, ended, outcome, answer.status, text)


class Load:
    """Callers of several kinds at once, from the moment that it is entered until it is left.

    async with Load(kinds) as load:
        ...break something...
        load.judge(...)
    """

    def __init__(self, kinds, callers=3, pause_seconds=0.02):
        self.kinds, self.callers, self.pause_seconds = kinds, callers, pause_seconds
        self.requests = []
        self.on = False
        self.tasks = []
        self.lags = []  # (when, seconds) that this program itself was late

    async def __aenter__(self):
        self.on = True
        self.tasks = [asyncio.ensure_future(self.watch_itself())]
        for kind in self.kinds:
            self.tasks += [asyncio.ensure_future(self.call(kind)) for _ in range(self.callers)]
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def stop(self):
        """No new requests; returns when those under way have ended."""
        self.on = False
        await asyncio.gather(*self.tasks)

    async def watch_itself(self):
        while self.on:
            asleep = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
            late = time.monotonic() - asleep - TICK_SECONDS
            if late > TICK_SECONDS:
                self.lags.append((asleep, late))

    async def call(self, kind):
        connection = None
        while self.on:
            request = None
            if connection is None:
                begun = time.monotonic()
                try:
                    connection = await asyncio.wait_for(open_connection(kind.port), GIVEN_UP_SECONDS)
                except (OSError, asyncio.TimeoutError) as error:
                    outcome = "hang" if isinstance(error, asyncio.TimeoutError) else "reset"
                    request = Request(kind.name, begun, time.monotonic(), outcome, 0, "")
            if connection is not None:
                request = await ask(kind, connection)
                if request.outcome in ("reset", "cut", "hang"):
                    leave(connection[1])
                    connection = None
            self.requests.append(request)
            await asyncio.sleep(self.pause_seconds)
        if connection is not None:
            leave(connection[1])

    def since(self, moment, name=None):
        """Requests that ended after it."""
        return [each for each in self.requests if each.ended >= moment and name in (None, each.kind)]

    def counts(self, since=0.0):
        return dict(collections.Counter(f"{each.kind} {each.outcome}" for each in self.since(since)))

    def lag_during(self, begun, ended):
        """How late this program was meanwhile, in sending and in seeing the answer."""
        return 2 * max((late for when, late in self.lags if when + late >= begun and when <= ended), default=0.0)

    def over_deadline(self, request):
        """Seconds beyond its deadline; what this program was late is not the platform's."""
        deadline = {kind.name: kind.deadline_seconds for kind in self.kinds}[request.kind]
        return request.ended - request.begun - deadline - self.lag_during(request.begun, request.ended)

    def seconds_until_good(self, name, since):
        """From `since` until nothing fails any more."""
        failed = [each.ended for each in self.since(since, name) if each.outcome != "ok"]
        return max(failed) - since if failed else 0.0

    async def all_good(self, names, seconds_max, count=10):
        """Waits until the last `count` requests of each kind were good."""
        since = time.monotonic()
        while True:
            good = True
            for name in names:
                last = self.since(since, name)[-count:]
                good = good and len(last) == count and all(each.outcome == "ok" for each in last)
            if good:
                return
            if time.monotonic() - since > seconds_max:
                examples = [each for each in self.requests[-200:] if each.outcome != "ok"][-3:]
                raise Failure(f"not well again within {seconds_max} s: {self.counts(since)} {examples}")
            await asyncio.sleep(0.02)

    def judge(self, may_reset=(), stopped=None):
        """Every request ended as it should. `may_reset`: kinds whose connections, or whose bodies, come from a process
        that was killed or cut off.
        `stopped` = (begin, end, kinds): while a process was stopped whose connections these are, it answers nothing,
        and has until the end."""
        for request in self.requests:
            late = self.over_deadline(request)
            if stopped and request.kind in stopped[2] and request.begun < stopped[1] and request.ended > stopped[0]:
                late = request.ended - stopped[1] - self.lag_during(stopped[1], request.ended)
            if request.outcome in ("hang", "wrong") or late > SLACK_SECONDS * patience:
                raise Failure(f"{late * 1000:.0f} ms over its deadline, {request}")
            if request.outcome in ("reset", "cut") and request.kind not in may_reset:
                raise Failure(f"a connection into a process that lives was cut: {request}")

    def worst_over_deadline(self, without=()):
        return max((self.over_deadline(each) for each in self.requests if each.kind not in without), default=0.0)
