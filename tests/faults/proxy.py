"""A TCP connection that can be cut, slowed down and made silent: it stands between one process and a server.

    proxy = await FaultProxy(server_port).open()    # clients connect to proxy.port
    proxy.cut()         # connections end, and new ones are refused
    proxy.silence()     # nothing comes through any more, either way, and nobody is told
    proxy.mend()        # as before: what was silent goes on, new connections are taken
"""

import asyncio
import contextlib

BLOCK_BYTES = 65536


class FaultProxy:
    def __init__(self, target_port):
        self.target_port = target_port
        self.port = None
        self.server = None
        self.writers = set()
        self.tasks = set()
        self.refuses = False
        self.flows = asyncio.Event()
        self.flows.set()

    async def open(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def close(self):
        self.server.close()
        self.cut()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def cut(self):
        self.refuses = True
        for writer in list(self.writers):
            writer.transport.abort()

    def silence(self):
        self.flows.clear()

    def mend(self):
        self.refuses = False
        self.flows.set()

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            if self.refuses:
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
            self.writers |= {writer, back}
            try:
                await asyncio.gather(self.pour(reader, back), self.pour(there, writer))
            finally:
                self.writers -= {writer, back}
                back.transport.abort()
        except OSError:
            pass  # one side has gone
        finally:
            self.tasks.discard(task)
            writer.transport.abort()

    async def pour(self, reader, writer):
        """Until one side ends; then the other one learns of it."""
        with contextlib.suppress(OSError):
            while block := await reader.read(BLOCK_BYTES):
                await self.flows.wait()
                writer.write(block)
                await writer.drain()
        writer.transport.abort()
