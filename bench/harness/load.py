"""One measurement of one server: warm up, load it with wrk, look at its memory while it is loaded."""

import json
import statistics
import subprocess
import time

from peers import BODY, WRK_REPORT
from process import ServerError

CONNECTIONS = 64
ERRORS = ("connect_errors", "read_errors", "write_errors", "timeouts", "bad_status")
MEMORY_SAMPLES = 3
MEMORY_SAMPLE_INTERVAL_SECONDS = 0.3


def wrk_command(server, seconds):
    return [
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "20s", "-s", str(WRK_REPORT),
        f"http://127.0.0.1:{server.port}/",
    ]  # fmt: skip


def wrk(server, seconds):
    done = subprocess.run(wrk_command(server, seconds), capture_output=True, text=True, timeout=seconds + 30)
    for line in done.stdout.splitlines():
        if line.startswith("WRK "):
            return json.loads(line.removeprefix("WRK "))
    raise ServerError(f"{server.name}: wrk measured nothing: {done.stdout}{done.stderr}")


def memory_under_load(server):
    """Apart from the timed run, since reading it holds the server's page tables."""
    seconds = 1 + round(MEMORY_SAMPLES * MEMORY_SAMPLE_INTERVAL_SECONDS)
    load = subprocess.Popen(wrk_command(server, seconds), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        samples = []
        for _ in range(MEMORY_SAMPLES):
            time.sleep(MEMORY_SAMPLE_INTERVAL_SECONDS)
            samples.append(server.memory())
        return max(s.resident for s in samples), max(s.proportional for s in samples)
    finally:
        load.wait(seconds + 30)


def measure(candidate, warm_up_seconds, seconds):
    """A new process each time, so that no server shares pages or rests on what an earlier round left."""
    with candidate.make() as server:
        started = time.monotonic()
        server.wait_for_answer(candidate.first_answer_seconds_max)
        start_seconds = time.monotonic() - started
        server.expect_body(BODY)
        wrk(server, warm_up_seconds)
        cpu_before = server.cpu_seconds()
        result = wrk(server, seconds)
        cpu = server.cpu_seconds() - cpu_before
        resident, proportional = memory_under_load(server)
        server.expect_body(BODY)
        if result["requests"] == 0:
            server.fail("answered nothing under load")
        errors = sum(result[kind] for kind in ERRORS)
        return {
            "requests_per_second": result["requests"] / result["seconds"],
            "p50_us": result["p50_us"],
            "p99_us": result["p99_us"],
            "max_us": result["max_us"],
            "cpu_us_per_request": cpu * 1e6 / result["requests"],
            "rss_bytes": resident,
            "pss_bytes": proportional,
            "threads": server.threads(),
            "start_seconds": start_seconds,
            "errors": errors,
        }


def medians(rounds):
    summary = {key: statistics.median(r[key] for r in rounds) for key in rounds[0] if key != "errors"}
    return {**summary, "errors": sum(r["errors"] for r in rounds)}
