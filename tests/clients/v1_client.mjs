// A client as one writes it for wasmCloud v1, on nats.js: it knows the control protocol, the events and the
// buckets by their documentation alone, and nothing of wattle. It goes through all of them and ends with 1
// at the first thing that is not as it should be.
//
//   node v1_client.mjs '{"transport":"nats","url":"...","credentials":"PATH","lattice":"...","images":["file:///..."]}'
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";

const { transport, url, credentials, lattice, images, address, modules } = JSON.parse(process.argv[2]);
const require = createRequire(`${modules}/`);
const { connect, credsAuthenticator } = require(transport === "nats" ? "nats" : "nats.ws");

const CONTROL = `wasmbus.ctl.v1.${lattice}`;
const EVENTS = `wasmbus.evt.${lattice}`;
const REQUEST_MS = 5000;
const WAIT_MS = 30_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const connection = await connect({ servers: url, authenticator: credsAuthenticator(await readFile(credentials)) });
const jetstream = connection.jetstream();

// ---- as a client library has it

const body = (value) => (value === undefined ? undefined : encoder.encode(JSON.stringify(value)));

/** The reply's envelope. */
async function ask(subject, value) {
  const reply = await connection.request(`${CONTROL}.${subject}`, body(value), { timeout: REQUEST_MS });
  const envelope = JSON.parse(decoder.decode(reply.data));
  assert.equal(typeof envelope.success, "boolean", subject);
  assert.equal(typeof envelope.message, "string", subject);
  return envelope;
}

async function succeeds(subject, value) {
  const envelope = await ask(subject, value);
  assert.ok(envelope.success, `${subject}: ${envelope.message}`);
  return envelope.response;
}

async function refused(subject, value, says) {
  const envelope = await ask(subject, value);
  assert.equal(envelope.success, false, `${subject} was accepted`);
  assert.match(envelope.message, says);
}

/** Every answer that comes within half a second. */
async function gather(subject, value) {
  const answers = [];
  for await (const reply of await connection.requestMany(`${CONTROL}.${subject}`, body(value), { strategy: "timer", maxWait: 500 }))
    if (reply.data.length > 0) answers.push(JSON.parse(decoder.decode(reply.data)).response);
  return answers;
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

/** Any host answers, also one that has not heard of the change yet. */
const eventuallyEqual = (subject, value) =>
  eventually(`${subject} as it was put`, async () => isDeepStrictEqual(await succeeds(subject), value));

const seen = [];
const everything = connection.subscribe(`${EVENTS}.>`);
(async () => {
  for await (const message of everything) seen.push({ subject: message.subject, ...JSON.parse(decoder.decode(message.data)) });
})();
await connection.flush();

/** The data of the first event of that name, from `from` on, that matches; every event is a CloudEvent. */
async function event(name, from, matches = () => true) {
  const found = await eventually(`the event ${name}`, () =>
    seen.slice(from).find((each) => each.subject === `${EVENTS}.${name}` && matches(each.data)),
  );
  assert.equal(found.specversion, "1.0");
  assert.equal(found.type, `com.wasmcloud.lattice.${name}`);
  assert.match(found.source, /^N[A-Z2-7]{55}$/);
  assert.match(found.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.equal(found.datacontenttype, "application/json");
  assert.ok(!Number.isNaN(Date.parse(found.time)));
  return found.data;
}

const has = (object, fields) => assert.deepEqual(Object.fromEntries(Object.keys(fields).map((key) => [key, object[key]])), fields);

/** The bucket, once it holds something: nats-server 2.9 breaks when it is asked for a key while it makes the bucket. */
const bucket = (name) =>
  eventually(`the bucket ${name}`, async () => {
    const opened = await jetstream.views.kv(name, { bindOnly: true }).catch(() => undefined);
    return opened && (await opened.status().catch(() => ({ values: 0 }))).values > 0 ? opened : undefined;
  });

async function kept(store, key, matches) {
  return eventually(`${key} in its bucket`, async () => {
    const entry = await store.get(key);
    const value = entry && entry.operation === "PUT" ? entry.json() : undefined;
    return value && matches(value) ? value : undefined;
  });
}

// ---- hosts

const hosts = await gather("host.ping");
assert.equal(hosts.length, 2);
for (const host of hosts) {
  assert.match(host.id, /^N[A-Z2-7]{55}$/);
  has(host, { lattice });
  for (const key of ["friendly_name", "version", "uptime_human"]) assert.equal(typeof host[key], "string", key);
  assert.equal(typeof host.uptime_seconds, "number");
  assert.deepEqual(Object.keys(host.labels).filter((key) => key.startsWith("hostcore.")).sort(), ["hostcore.arch", "hostcore.cpus", "hostcore.memory", "hostcore.os", "hostcore.osfamily"]);
}
const [first, second] = hosts.map((host) => host.id);
const inventory = async (id) => succeeds(`host.get.${id}`);
{
  const empty = await inventory(first);
  has(empty, { host_id: first, friendly_name: hosts[0].friendly_name, components: [], providers: [] });
  for (const key of ["labels", "version", "uptime_human", "uptime_seconds"]) assert.ok(key in empty, key);
}

// ---- labels

let mark = seen.length;
await succeeds(`label.put.${first}`, { key: "zone", value: "a" });
assert.equal((await event("labels_changed", mark)).labels.zone, "a");
assert.equal((await inventory(first)).labels.zone, "a");
await refused(`label.put.${first}`, { key: "hostcore.os", value: "other" }, /hostcore/);

// ---- configs

mark = seen.length;
await succeeds("config.put.web", { address });
has(await event("config_set", mark), { config_name: "web" });
await eventuallyEqual("config.get.web", { address });
{
  const missing = await ask("config.get.nothing");
  has(missing, { success: true, message: "Configuration not found", response: undefined });
  const configs = await bucket(`CONFIGDATA_${lattice}`);
  assert.deepEqual(await kept(configs, "web", () => true), { address });
  const keys = [];
  for await (const key of await configs.keys()) keys.push(key);
  assert.ok(keys.includes("web"));
  await succeeds("config.put.spare", {});
  await succeeds("config.del.spare");
  has(await event("config_deleted", mark), { config_name: "spare" });
}

// ---- components

assert.deepEqual(
  (await gather("component.auction", { component_ref: images[0], component_id: "hello", constraints: { zone: "a" } })),
  [{ component_ref: images[0], component_id: "hello", host_id: first, constraints: { zone: "a" } }],
);
assert.deepEqual(await gather("component.auction", { component_ref: images[0], component_id: "hello", constraints: { zone: "x" } }), []);

const scale = (host, more) =>
  succeeds(`component.scale.${host}`, {
    component_ref: images[0], component_id: "hello", annotations: { by: "test" }, count: 3, host_id: host, config: [], allow_update: false, ...more,
  });
mark = seen.length;
await scale(first);
const scaled = await event("component_scaled", mark);
has(scaled, { annotations: { by: "test" }, host_id: first, image_ref: images[0], max_instances: 3, component_id: "hello" });
has((await inventory(first)).components[0], { id: "hello", image_ref: images[0], annotations: { by: "test" }, max_instances: 3 });
const state = await bucket(`LATTICEDATA_${lattice}`);
await kept(state, "COMPONENT_hello", (record) => record.url === images[0] && Array.isArray(record.links));
assert.deepEqual(await gather("component.auction", { component_ref: images[0], component_id: "hello", constraints: { zone: "a" } }), []);

mark = seen.length;
await scale(first, { component_ref: "file:///no/such.wasm", component_id: "broken" });
{
  const failed = await event("component_scale_failed", mark, (data) => data.component_id === "broken");
  has(failed, { host_id: first, image_ref: "file:///no/such.wasm", max_instances: 3 });
  assert.match(failed.error, /no\/such/);
}

mark = seen.length;
await succeeds(`component.update.${first}`, { component_id: "hello", host_id: first, new_component_ref: images[1] });
has(await event("component_scaled", mark), { image_ref: images[1], component_id: "hello" });
assert.equal((await inventory(first)).components[0].image_ref, images[1]);
mark = seen.length;
await succeeds(`component.update.${first}`, { component_id: "hello", host_id: first, new_component_ref: images[0] });
await event("component_scaled", mark);
await refused(`component.update.${first}`, { component_id: "nobody", host_id: first, new_component_ref: images[1] }, /nobody/);

// ---- providers

const web = { provider_ref: "wasmcloud+builtin://http-server", provider_id: "web" };
assert.deepEqual(await gather("provider.auction", { ...web, constraints: { zone: "a" } }), [{ host_id: first, ...web, constraints: { zone: "a" } }]);
mark = seen.length;
await succeeds(`provider.start.${first}`, { ...web, host_id: first, config: [], annotations: { by: "test" } });
has(await event("provider_started", mark), { host_id: first, image_ref: web.provider_ref, provider_id: "web", annotations: { by: "test" } });
has((await inventory(first)).providers[0], { id: "web", image_ref: web.provider_ref, annotations: { by: "test" } });
await refused(`provider.start.${first}`, { ...web, host_id: first, config: [] }, /web/);

// ---- links

const link = {
  source_id: "web", target: "hello", name: "default", wit_namespace: "wasi", wit_package: "http",
  interfaces: ["incoming-handler"], source_config: ["web"], target_config: [],
};
mark = seen.length;
await succeeds("link.put", link);
has(await event("linkdef_set", mark), link);
await eventuallyEqual("link.get", [link]);
await kept(state, "COMPONENT_web", (record) => record.links.length === 1 && record.links[0].target === "hello");
await refused("link.put", { ...link, target: "other" }, /web/);
has(await event("linkdef_set_failed", mark), { source_id: "web", target: "other" });
await refused("link.put", { ...link, name: "more", source_config: ["nothing"] }, /nothing/);
assert.equal(await eventually("an answer over HTTP", async () => fetch(`http://${address}/`).then((answer) => answer.text(), () => "")), "hello from wattle\n");

// ---- the state that clients read without asking

const observed = await bucket("wadm_state");
{
  const all = await kept(observed, `host_${lattice}`, (value) => value[first]?.components?.hello === 3 && value[first].providers.length === 1);
  has(all[first], { id: first, friendly_name: hosts[0].friendly_name });
  has(all[first].providers[0], { provider_id: "web", provider_ref: web.provider_ref });
  for (const key of ["labels", "uptime_seconds", "version", "last_seen"]) assert.ok(key in all[first], key);
  const components = await kept(observed, `component_${lattice}`, (value) => value.hello?.instances?.[first]);
  has(components.hello, { id: "hello", reference: images[0] });
  assert.deepEqual(components.hello.instances[first], [{ annotations: { by: "test" }, count: 3 }]);
  const providers = await kept(observed, `provider_${lattice}`, (value) => value.web?.hosts?.[first]);
  has(providers.web, { id: "web", reference: web.provider_ref, hosts: { [first]: "Running" } });
}

// ---- the rest, and the way back

assert.ok(Array.isArray(await succeeds("claims.get")));
await succeeds("registry.put", { "registry.example": { username: "u", password: "p", registryType: "oci" } });
await refused("link.nothing", undefined, /^unsupported subject$/);
await refused(`component.scale.${first}`, [1], /./);

mark = seen.length;
const key = { source_id: "web", name: "default", wit_namespace: "wasi", wit_package: "http" };
await succeeds("link.del", key);
has(await event("linkdef_deleted", mark), { ...key, target: "hello", interfaces: ["incoming-handler"] });
await succeeds("link.del", key);
await eventuallyEqual("link.get", []);
mark = seen.length;
await succeeds(`provider.stop.${first}`, { host_id: first, provider_ref: "web" });
has(await event("provider_stopped", mark), { host_id: first, provider_id: "web", annotations: { by: "test" } });
mark = seen.length;
await scale(first, { count: 0 });
has(await event("component_scaled", mark), { component_id: "hello", max_instances: 0 });
has(await inventory(first), { components: [], providers: [] });
mark = seen.length;
await succeeds(`label.del.${first}`, { key: "zone" });
assert.equal((await event("labels_changed", mark)).labels.zone, undefined);
await succeeds("config.del.web");

// As v1's page stops hosts.
mark = seen.length;
await succeeds(`host.stop.${second}`, {});
assert.ok("labels" in (await event("host_stopped", mark)));
await eventually("one host less", async () => (await gather("host.ping")).length === 1);

await connection.drain();
console.log(`${seen.length} events`);
