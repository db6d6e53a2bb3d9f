// A peer of the next format version in a lattice of this one: it writes leases and records that this version may
// read (with fields that it does not know), and such that only its own may. Ends with 1 at the first thing
// that is not as it should be.
//
//   node next_version.mjs '{"url":"...","credentials":"PATH","lattice":"...","modules":"..."}'
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { url, credentials, lattice, modules } = JSON.parse(process.argv[2]);
const require = createRequire(`${modules}/`);
const { connect, createInbox, credsAuthenticator, headers } = require("nats");

const WAIT_MS = 30_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const json = (value) => encoder.encode(JSON.stringify(value));
const connection = await connect({ servers: url, authenticator: credsAuthenticator(await readFile(credentials)) });
const buckets = connection.jetstream().views;

async function ask(subject, value) {
  const reply = await connection.request(`wasmbus.ctl.v1.${lattice}.${subject}`, json(value), { timeout: 10_000 });
  return JSON.parse(decoder.decode(reply.data));
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

/** The bucket, once it holds something: nats-server 2.9 breaks when it is asked for a key while it makes the bucket. */
const bucket = (name) =>
  eventually(`the bucket ${name}`, async () => {
    const opened = await buckets.kv(name, { bindOnly: true }).catch(() => undefined);
    return opened && (await opened.status().catch(() => ({ values: 0 }))).values > 0 ? opened : undefined;
  });

// ---- leases

const id = () => `N${createInbox().replaceAll(/[^A-Z2-7]/gi, "").toUpperCase().padEnd(55, "A").slice(-55)}`;
const [neighbour, stranger] = [id(), id()];
const answering = connection.subscribe(`wasmbus.ctl.v1.${lattice}.host.get.${neighbour}`, {
  callback: (_, message) =>
    message.respond(
      json({
        success: true, message: "",
        response: { host_id: neighbour, friendly_name: "next", labels: {}, version: "9", uptime_human: "1s", uptime_seconds: 1, components: [], providers: [], later: 1 },
      }),
    ),
});
const started = Date.now();
let sequence = 0;
const beat = setInterval(() => {
  const lease = { incarnation: started, sequence: ++sequence, friendly_name: "next", labels: {}, components: [], providers: [], later: { field: [1] } };
  connection.publish(`wattle.${lattice}.lease.${neighbour}`, json({ ...lease, version: 2, readable_by: 1, host_id: neighbour }));
  connection.publish(`wattle.${lattice}.lease.${stranger}`, json({ ...lease, version: 2, readable_by: 2, host_id: stranger }));
}, 300);
const observed = await bucket("wadm_state");
const hosts = await eventually("the neighbour among the hosts", async () => {
  const entry = await observed.get(`host_${lattice}`);
  const all = entry?.json() ?? {};
  return neighbour in all ? all : undefined;
});
assert.ok(!(stranger in hosts), "a lease that this version must not read was read");

// ---- the store

const link = {
  source_id: "web", target: "shop", name: "default", wit_namespace: "wasi", wit_package: "http",
  interfaces: ["incoming-handler"], source_config: [], target_config: [],
};
assert.ok((await ask("link.put", link)).success);
const store = await bucket(`wattle_store_${lattice}`);
/** A record's first line and its value. */
async function record(key) {
  const text = (await store.get(key)).string();
  const end = text.indexOf("\n");
  return { header: JSON.parse(text.slice(0, end)), value: text.slice(end + 1) };
}
const key = await eventually("the link in the store", async () => {
  for await (const each of await store.keys()) if (each.startsWith("k.") && (await record(each)).value.includes('"web"')) return each;
});
const { header, value } = await record(key);
const changed = JSON.parse(value).map((each) => ({ ...each, target: "market", later: { field: true } }));
await store.put(key, `${JSON.stringify({ ...header, format: 2, readable_by: 1, id: "of-the-next", later: true })}\n${JSON.stringify(changed)}`);
await eventually("the link as the next version put it", async () => {
  const links = (await ask("link.get")).response;
  return links.length === 1 && links[0].target === "market";
});

// What is the next version's alone is refused by name, and stays.
const unreadable = `${JSON.stringify({ ...header, format: 3, readable_by: 2, id: "other" })}\nwhatever it is by then`;
const revision = await store.put(key, unreadable);
const refused = await eventually("a host that has seen it", async () => {
  const answer = await ask("link.put", { ...link, target: "market" });
  return answer.success ? undefined : answer;
});
assert.match(refused.message, /format 3/);
const after = await store.get(key);
assert.deepEqual([after.string(), after.revision], [unreadable, revision]);
assert.ok((await ask("config.put.other", { key: "value" })).success, "the rest of the store goes on");

// ---- calls

const said = headers();
said.set("wattle-call", "later 5000");
said.set("source-id", "web");
const answer = await connection.request(`${lattice}.hello.wrpc.0.0.1.wrpc:http/incoming-handler@0.1.0.handle`, new Uint8Array(), { headers: said, timeout: 10_000 });
assert.equal(answer.headers.get("wattle-result"), "unsupported");
assert.match(decoder.decode(answer.data), /later version/);

clearInterval(beat);
answering.unsubscribe();
await connection.drain();
console.log("shared");
