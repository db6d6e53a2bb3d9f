"""A network of its own for a test whose ports are given: nothing else of this machine listens there. And further
machines in it, each with the same ports free.

    network.enter()                       # starts the program again, inside
    machine = network.Machine(number=2)   # reached as 10.77.0.2
    machine.start(["wattle", "host"])
"""

import os
import subprocess
import sys

from process import wait_or_kill

INSIDE = "WATTLE_TEST_NETWORK"
GATE = "10.77.0.1"  # of the test's own machine, where there is another
# Leads what comes to one port of this machine to the same port of the test's own.
RELAY = """
import asyncio, sys
async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
async def lead(reader, writer):
    there = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
async def main():
    server = await asyncio.start_server(lead, "127.0.0.1", int(sys.argv[2]))
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def enter():
    """Returns inside. False: this machine does not let its users have networks."""
    if INSIDE in os.environ:
        return True
    for words in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        command = [*words, "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            os.environ[INSIDE] = "1"
            os.execvp(command[0], [*command, sys.executable, *sys.argv])
    return False


def run(*words):
    subprocess.run(list(map(str, words)), check=True, capture_output=True)


class Machine:
    """One more network, beside the test's own; ends with the processes that are started in it."""

    def __init__(self, number):
        self.address = f"10.77.0.{number}"
        self.processes = []
        self.holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "ip link set lo up && echo ready && exec sleep 100000"], stdout=subprocess.PIPE
        )
        self.holder.stdout.readline()
        near, far = f"near{number}", f"far{number}"
        run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", self.holder.pid)
        run("ip", "address", "add", f"{GATE}/24", "dev", near)
        run("ip", "link", "set", near, "up")
        run(*self.inside, "ip", "address", "add", f"{self.address}/24", "dev", far)
        run(*self.inside, "ip", "link", "set", far, "up")

    @property
    def inside(self):
        return ["nsenter", "-t", str(self.holder.pid), "-n"]

    def start(self, words, **options):
        process = subprocess.Popen([*self.inside, *map(str, words)], stdout=subprocess.PIPE, **options)
        self.processes.append(process)
        return process

    def lead(self, port):
        """What connects to the port here is led to the test's own machine."""
        self.start([sys.executable, "-c", RELAY, GATE, port]).stdout.readline()

    def end(self):
        for process in [*reversed(self.processes), self.holder]:
            process.terminate()
            wait_or_kill(process)
            process.stdout.close()
