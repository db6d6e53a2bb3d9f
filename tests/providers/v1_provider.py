#!/usr/bin/python3
"""A provider as its author would have written it for wasmCloud v1, on nothing but a socket: reads the host's data
from standard input, listens on its subjects, and does what its config says.

It answers wasi:keyvalue/store's get, too, over wRPC 0.0.1: every key holds "v1".

  log      a file that each message it hears is written to
  mode     "silent": answers nothing; "unwell": says so in health checks; "stubborn": does not shut down
"""
import base64
import json
import os
import socket
import sys
import urllib.parse


def public_xkey(seed):
    """Not needed to listen: the subject's word is whatever the host uses, so listen on all of them."""
    del seed
    return "*"


def main():
    data = json.loads(base64.b64decode(sys.stdin.readline()))
    config = data["config"]
    log = open(config["log"], "a", buffering=1)
    log.write("started %s %s\n" % (os.environ.get("RUST_LOG", ""), json.dumps(data["link_definitions"])))
    log.write("keys %s %s\n" % (data["host_xkey_public_key"], data["provider_xkey_private_key"]))
    log.write("secrets %s\n" % json.dumps(data["secrets"]))
    url = urllib.parse.urlparse(data["lattice_rpc_url"])
    connection = socket.create_connection((url.hostname, url.port))
    stream = connection.makefile("rb")
    stream.readline()  # INFO
    prefix = "wasmbus.rpc.%s." % data["lattice_rpc_prefix"]
    me = prefix + data["provider_key"]
    subjects = [prefix + public_xkey(data["provider_xkey_private_key"]) + ".linkdefs.put", me + ".linkdefs.del",
                me + ".config.update", me + ".health", me + ".default.shutdown"]
    subjects.append("%s.%s.wrpc.0.0.1.wrpc:keyvalue/store@0.2.0-draft.get"
                    % (data["lattice_rpc_prefix"], data["provider_key"]))
    text = 'CONNECT {"verbose":false,"headers":false}\r\n'
    for number, subject in enumerate(subjects):
        text += "SUB %s %d\r\n" % (subject, number)
    if config.get("mode") != "silent":
        connection.sendall(text.encode())

    def answer(reply, body):
        connection.sendall(b"PUB %s %d\r\n%s\r\n" % (reply.encode(), len(body), body))

    while True:
        line = stream.readline().decode().split()
        if not line:
            return 1
        if line[0] == "PING":
            connection.sendall(b"PONG\r\n")
        if line[0] != "MSG":
            continue
        payload = stream.read(int(line[-1]) + 2)[:-2].decode()
        reply = line[3] if len(line) == 5 else ""
        if line[2] == str(len(subjects) - 1):
            # Accepted; ok(some("v1")); and the end of it.
            connection.sendall(b"PUB %s _INBOX.%s 0\r\n\r\n" % (reply.encode(), data["instance_id"].encode()))
            answer(reply + ".results", b"\x00\x01\x02v1")
            answer(reply + ".results", b"")
            continue
        verb = ".".join(line[1].split(".")[4:])
        if verb == "health":
            well = config.get("mode") != "unwell"
            answer(reply, json.dumps({"healthy": well}).encode())
            continue
        log.write("%s %s\n" % (verb, payload))
        if verb == "config.update":
            config = json.loads(payload)
        if verb == "default.shutdown":
            answer(reply, b"shutting down")
            if config.get("mode") != "stubborn":
                return 0


sys.exit(main())
