#!/usr/bin/env node
// A provider that writes what its host told it to the file that its config names, and then lives as one should: on
// nothing but a socket, with the signature of its key by the platform's own ed25519.
const { createPrivateKey, sign } = require("node:crypto");
const { connect } = require("node:net");
const { renameSync, writeFileSync } = require("node:fs");

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
// The 32 bytes behind the two of the prefix.
function keyOf(seed) {
  const bits = [...seed].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2))).subarray(2, 34);
}

let input = "";
process.stdin.on("data", (block) => (input += block));
process.stdin.on("end", () => {
  const data = JSON.parse(Buffer.from(input.trim(), "base64"));
  writeFileSync(`${data.config.file}.new`, JSON.stringify(data), { mode: 0o600 });
  renameSync(`${data.config.file}.new`, data.config.file);
  const { hostname, port } = new URL(data.lattice_rpc_url);
  const socket = connect(Number(port), hostname);
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex"); // of PKCS#8
  const key = createPrivateKey({ key: Buffer.concat([prefix, keyOf(data.lattice_rpc_user_seed)]), format: "der", type: "pkcs8" });
  let text = "";
  socket.on("data", (block) => {
    text += block;
    for (let end = text.indexOf("\r\n"); end >= 0; end = text.indexOf("\r\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      if (line.startsWith("INFO ")) {
        const sig = sign(null, Buffer.from(JSON.parse(line.slice(5)).nonce), key).toString("base64url");
        socket.write(`CONNECT ${JSON.stringify({ verbose: false, jwt: data.lattice_rpc_user_jwt, sig })}\r\n`);
        socket.write(`SUB wasmbus.rpc.${data.lattice_rpc_prefix}.${data.provider_key}.health 1\r\n`);
      }
      if (line === "PING") socket.write("PONG\r\n");
      const message = line.match(/^MSG \S+ 1 (\S+) \d+$/);
      if (message) socket.write(`PUB ${message[1]} 16\r\n{"healthy":true}\r\n`);
    }
  });
  socket.on("close", () => process.exit(1));
});
