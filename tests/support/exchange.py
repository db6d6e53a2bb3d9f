"""One HTTP/1.1 exchange over asyncio, by hand: bodies that stream both ways, answers that are cut short, clients
that leave. For tests, not for servers that lie."""

import asyncio
import socket
import struct

BLOCK_BYTES = 65536
HEAD_BYTES_MAX = 65536


class Exchange:
    """What came back: `seen` is the status as a word, or "cut" when the body never ended, or "closed" when not even
    a head came."""

    def __init__(self, seen, status=0, headers=None, body=b"", body_bytes=0):
        self.seen, self.status, self.headers = seen, status, headers or {}
        self.body, self.body_bytes = body, body_bytes


async def open_connection(port):
    return await asyncio.open_connection("127.0.0.1", port, limit=HEAD_BYTES_MAX)


def leave(writer):
    """Ends a connection as a client does that dies: with a reset."""
    try:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # the other side was first
    writer.transport.abort()


def request_head(method, path, length):
    text = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if length is not None:
        text += f"Content-Length: {length}\r\n"
    return (text + "\r\n").encode()


async def read_head(reader):
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(lines[0].split(" ")[1]), headers


class Sink:
    """Takes a body; keeps no more of it than asked."""

    def __init__(self, bytes_kept, bytes_max):
        self.kept, self.count = bytearray(), 0
        self.bytes_kept, self.bytes_max = bytes_kept, bytes_max

    def take(self, block):
        self.kept += block[: max(0, self.bytes_kept - len(self.kept))]
        self.count += len(block)
        return self.count < self.bytes_max


async def read_exactly(reader, count, sink):
    while count > 0:
        block = await reader.read(min(count, BLOCK_BYTES))
        if not block:
            return False
        count -= len(block)
        if not sink.take(block):
            return False
    return True


async def read_body(reader, headers, sink):
    """Whether the body came to its end."""
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await read_exactly(reader, int(headers.get("content-length", "0")), sink)
    while True:
        size = int((await reader.readline()).split(b";")[0] or b"x", 16)
        if size == 0:
            while (await reader.readline()).strip():
                pass  # trailers
            return True
        if not await read_exactly(reader, size, sink):
            return False
        await reader.readexactly(2)


async def exchange(port, path, body=None, seconds_max=30, connection=None, bytes_kept=4096, bytes_max=1 << 40):
    """One request, GET or POST with `body`; reads while it writes. With `connection` = (reader, writer) the
    connection is kept for the next one, else it is ended. More than `bytes_max` of answer counts as cut."""
    reader, writer = connection or await open_connection(port)
    sink = Sink(bytes_kept, bytes_max)

    async def send():
        writer.write(request_head("GET" if body is None else "POST", path, None if body is None else len(body)))
        for start in range(0, len(body or b""), BLOCK_BYTES):
            writer.write(body[start : start + BLOCK_BYTES])
            await writer.drain()

    async def receive():
        status, headers = await read_head(reader)
        try:
            whole = await read_body(reader, headers, sink)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            whole = False
        return Exchange(str(status) if whole else "cut", status, headers, bytes(sink.kept), sink.count)

    sending = asyncio.ensure_future(send())
    try:
        return await asyncio.wait_for(receive(), seconds_max)
    except asyncio.TimeoutError:  # an OSError too, from Python 3.11 on
        return Exchange("no answer")
    except (OSError, asyncio.IncompleteReadError):
        return Exchange("closed")
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        if connection is None:
            leave(writer)
