"""What bench/run prints: the table, and the acceptance lines with their figures."""

# Ratios that must hold: (what, server, its measure, peer, at least). Memory and latency are compared the other
# way round, so that every ratio is "at least".
RATE, P99, MEMORY = "requests_per_second", "p99_us", "pss_bytes"
LINES = [
    ("requests/s against workerd", "wattle-c", RATE, "workerd", 2.5),
    ("requests/s against nginx", "wattle-c", RATE, "nginx", 0.5),
    ("requests/s against jco serve, C", "wattle-c", RATE, "jco-c", 20),
    ("requests/s against jco serve, JavaScript", "wattle-fetch", RATE, "jco-fetch", 8),
    ("p99 against workerd", "wattle-c", P99, "workerd", 1),
    ("p99 against jco serve, C", "wattle-c", P99, "jco-c", 1),
    ("p99 against jco serve, JavaScript", "wattle-fetch", P99, "jco-fetch", 1),
    ("memory against workerd", "wattle-c", MEMORY, "workerd", 3),
    ("memory against jco serve, C", "wattle-c", MEMORY, "jco-c", 3),
    ("memory against jco serve, JavaScript", "wattle-fetch", MEMORY, "jco-fetch", 3),
]
# Beside them, not judged: jco serve keeps its instance here, and wattle does with --reuse only.
COMPARISONS = [
    (f"{what} against jco serve, {name}{', --reuse' if server.endswith('reuse') else ''}", server, measure, peer, at_least)
    for name, servers, peer in [
        ("handler", ("wattle-js", "wattle-js-reuse"), "jco-js"),
        ("handler with lean bindings", ("wattle-lean", "wattle-lean-reuse"), "jco-lean"),
    ]
    for server in servers
    for what, measure, at_least in [("requests/s", RATE, 8), ("p99", P99, 1), ("memory", MEMORY, 3)]
]


def table(rows):
    """Text in columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row):
        return "  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])])

    return "\n".join(line(row).rstrip() for row in rows)


def mebibytes(count):
    return f"{count / (1 << 20):.1f}"


def server_table(results, candidates):
    rows = [("", "requests/s", "p50 ms", "p99 ms", "CPU us/request", "PSS MiB", "RSS MiB", "errors")]
    for candidate in candidates:
        if not (r := results.get(candidate.name)):
            continue
        if "failed" in r:
            rows.append((candidate.what, "failed", *[""] * 6))
            continue
        rows.append((
            candidate.what, f"{r[RATE]:,.0f}", f"{r['p50_us'] / 1000:.2f}", f"{r[P99] / 1000:.2f}",
            f"{r['cpu_us_per_request']:.1f}", mebibytes(r[MEMORY]), mebibytes(r["rss_bytes"]), str(r["errors"]),
        ))  # fmt: skip
    return table(rows)


def judge(results):
    """One record for each acceptance line whose two servers were measured, and for errors of ours."""
    records = compare(results, LINES)
    for name, result in results.items():
        if name.startswith("wattle") and result.get("errors"):
            records.append({"line": f"answers of {name} without error", "ratio": None, "target": 0, "reached": False})
    return records


def compare(results, lines):
    records = []
    for what, server, measure, peer, target in lines:
        ours, theirs = results.get(server), results.get(peer)
        if not ours or not theirs or "failed" in theirs:
            continue
        if "failed" in ours:
            records.append({"line": what, "ratio": None, "target": target, "reached": False})
            continue
        ratio = ours[measure] / theirs[measure] if measure == RATE else theirs[measure] / ours[measure]
        records.append({"line": what, "ratio": ratio, "target": target, "reached": ratio >= target})
    return records


def line_table(title, records):
    rows = [(title, "ratio", "target", "")]
    for record in records:
        ratio = "-" if record["ratio"] is None else f"{record['ratio']:.2f}"
        rows.append((record["line"], ratio, f">= {record['target']:g}", "reached" if record["reached"] else "MISSED"))
    return table(rows)
