// Calls linked-callee-c on the bus, to which nobody has a link, as whoever one may claim to be.
//
//   node forger.mjs '{"url":"...","credentials":"PATH","lattice":"...","hosts":["N..."],"modules":"..."}'
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { url, credentials, lattice, hosts, modules } = JSON.parse(process.argv[2]);
const require = createRequire(`${modules}/`);
const { connect, credsAuthenticator, headers } = require("nats");

const connection = await connect({ servers: url, authenticator: credsAuthenticator(await readFile(credentials)) });
const operation = "linked-callee-c.wrpc.0.0.1.wattle:linked/work@1.0.0.add";
let judged = 0;
for (const subject of [`${lattice}.${operation}`, ...hosts.map((host) => `wattle.${lattice}.${host}.${operation}`)])
  for (const source of [undefined, "", "linked-caller-c", "linked-callee-c", "nobody", "a b", hosts[0]]) {
    const said = headers();
    said.set("wattle-call", "5000");
    if (source !== undefined) said.set("source-id", source);
    let answer;
    try {
      answer = await connection.request(subject, new Uint8Array([2, 3]), { headers: said, timeout: 10_000 });
    } catch (error) {
      assert.equal(error.code, "503"); // it does not run on that host
      continue;
    }
    assert.equal(answer.headers.get("wattle-result"), "permission-denied", `${subject} as ${source}`);
    ++judged;
  }
assert.equal(judged, 14); // by the subject for everybody, and by that of the host that runs it
await connection.drain();
console.log("done");
