// A client that knows wattle's own additions to the control protocol: several revisions of one component, their
// weights, and what leases tell of each. It runs two of them behind an HTTP server, on one host and then on two,
// and ends with 1 at the first thing that is not as it should be.
//
//   node revisions_client.mjs '{"url":"...","credentials":"PATH","lattice":"...","modules":"...","images":["file:///..."],"address":"..."}'
//
// Of the images the first answers "hello from wattle", the second with the request's body, the third is faults-c.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { url, credentials, lattice, images, address, modules } = JSON.parse(process.argv[2]);
const { connect, credsAuthenticator } = createRequire(`${modules}/`)("nats");

const WAIT_MS = 30_000;
const CALLS = 300;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const connection = await connect({ servers: url, authenticator: credsAuthenticator(await readFile(credentials)) });

async function succeeds(subject, value) {
  const reply = await connection.request(`wasmbus.ctl.v1.${lattice}.${subject}`, encoder.encode(JSON.stringify(value ?? {})), { timeout: 10_000 });
  const envelope = JSON.parse(decoder.decode(reply.data));
  assert.ok(envelope.success, `${subject}: ${envelope.message}`);
  return envelope.response;
}

async function eventually(what, condition) {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < deadline, `${what}: not within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// ---- hosts, and what they tell of themselves

const leases = new Map();
connection.subscribe(`wattle.${lattice}.lease.*`, {
  callback: (_, message) => {
    const lease = JSON.parse(decoder.decode(message.data));
    leases.set(lease.host_id, lease);
  },
});
const [first, second] = (await eventually("two hosts", () => leases.size === 2 && [...leases.keys()])).sort();
/** By image: the revision's lease on a host. */
const told = (host) => Object.fromEntries((leases.get(host).components ?? []).map((each) => [each.image_ref, each]));
const runs = (host, wanted) =>
  eventually(`${wanted} on ${host}`, () => JSON.stringify(Object.keys(told(host)).sort()) === JSON.stringify([...wanted].sort()));

const [hello, echo, faults] = images;
const scale = (host, component_ref, count, beside = true) =>
  succeeds(`component.scale.${host}`, { component_id: "shop", component_ref, count, host_id: host, beside });
const weigh = (weights) => succeeds("weights.put", { component_id: "shop", weights });

// ---- calls

async function ask() {
  const answer = await fetch(`http://${address}/`, { method: "POST", body: "echo" });
  return answer.status === 200 ? await answer.text() : `${answer.status}`;
}

/** How many of so many requests each answered; none fails. */
async function share(calls = CALLS) {
  const counts = { hello: 0, echo: 0 };
  for (let i = 0; i < calls; ++i) {
    const text = await ask();
    if (text === "hello from wattle\n") ++counts.hello;
    else if (text === "echo") ++counts.echo;
    else assert.fail(`the answer ${text}`);
  }
  return counts;
}
/** Weights are on their way to every host. */
const onlyFrom = (name) => eventually(`answers from ${name} alone`, async () => (await share(20))[name] === 20);

await scale(first, hello, 8);
await scale(first, echo, 8);
await runs(first, [hello, echo]);
await succeeds("config.put.web", { address });
await succeeds("link.put", {
  source_id: "web", target: "shop", name: "default", wit_namespace: "wasi", wit_package: "http",
  interfaces: ["incoming-handler"], source_config: ["web"], target_config: [],
});
await succeeds(`provider.start.${first}`, { provider_id: "web", provider_ref: "builtin://http-server", host_id: first, config: [] });
await eventually("an answer over HTTP", () => ask().then((text) => !/^\d+$/.test(text), () => false));

// Two revisions on one host, one of them preferred, then half of the calls each.
await weigh({ [hello]: 1, [echo]: 0 });
await onlyFrom("hello");
await weigh({ [hello]: 50, [echo]: 50 });
await eventually("answers from both", async () => (await share(20)).echo > 0);
let counts = await share();
assert.ok(counts.echo > CALLS / 4 && counts.echo < (CALLS * 3) / 4, JSON.stringify(counts));
const before = (await eventually("calls in the lease", () => told(first)[echo].calls > counts.echo && told(first)))[echo];
assert.equal(before.failures ?? 0, 0);

// The same scale changes nothing, and no count of calls is lost.
await scale(first, echo, 8);
await runs(first, [hello, echo]);
assert.ok(told(first)[echo].calls >= before.calls);

// One moves to the other host: the choice stays the same, and nothing fails meanwhile.
let moved = false;
const meanwhile = (async () => {
  while (!moved) await share(20);
})();
await scale(second, echo, 8);
await runs(second, [echo]);
await scale(first, echo, 0);
await runs(first, [hello]);
moved = true;
await meanwhile;
counts = await share();
assert.ok(counts.echo > CALLS / 4 && counts.echo < (CALLS * 3) / 4, JSON.stringify(counts));
assert.ok(await eventually("calls on the second host", () => told(second)[echo].calls >= counts.echo));
await weigh({ [echo]: 1 });
await onlyFrom("echo");
assert.deepEqual(await succeeds("weights.get"), { shop: { [echo]: 1 } });

// Without weights the own host comes first, as ever; what weighs nothing serves when there is nothing else.
await weigh({});
await onlyFrom("hello");
await weigh({ [echo]: 1, [hello]: 0 });
await onlyFrom("echo");
await scale(second, echo, 0);
await onlyFrom("hello");

// A lease tells which failures are the component's own: a trap and a status of 5xx, but not a missing link.
await scale(first, faults, 2);
await weigh({ [faults]: 1 });
let answered = 0;
await eventually("answers from the third alone", async () => {
  let here = 0;
  for (let i = 0; i < 20; ++i) if ((await (await fetch(`http://${address}/none`)).text()) === "no such path") ++here;
  answered += here;
  return here === 20;
});
for (const [path, status] of [["/trap", 500], ["/here", 200], ["/bare", 502], ["/trap", 500], ["/none", 404]])
  assert.equal((await fetch(`http://${address}${path}`)).status, status, path);
const judged = await eventually("what failed in the lease", () => told(first)[faults].calls === answered + 5 && told(first)[faults]);
assert.equal(judged.failures, 2);
await scale(first, faults, 0);

// version 1 knows nothing of all this: what it scales is all that runs.
await scale(first, echo, 2);
await runs(first, [hello, echo]);
await scale(first, hello, 2, false);
await runs(first, [hello]);

await connection.drain();
console.log("shared");
