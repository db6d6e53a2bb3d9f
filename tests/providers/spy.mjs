// What one can do with the credentials that a provider was told: call, and be called; nothing else.
//
//   node spy.mjs '{"url":"...","lattice":"...","told":"PATH","host":"N...","component":"...","modules":"..."}'
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { url, lattice, told, host, component, modules } = JSON.parse(process.argv[2]);
const require = createRequire(`${modules}/`);
const { connect, jwtAuthenticator, headers } = require("nats");

const data = JSON.parse(await readFile(told));
const connection = await connect({
  servers: url, authenticator: jwtAuthenticator(data.lattice_rpc_user_jwt, new TextEncoder().encode(data.lattice_rpc_user_seed)),
});
const violations = [];
(async () => {
  for await (const status of connection.status())
    if (status.type === "error") violations.push(status.permissionContext ?? status);
})();

/** Whether the server has refused it by the time that it has answered everything before. */
async function refused(operation, subject, attempt) {
  const before = violations.length;
  await attempt();
  for (let i = 0; i < 500 && violations.length === before; ++i) await new Promise((resolve) => setTimeout(resolve, 10));
  const found = violations.slice(before);
  assert.ok(found.some((each) => each.operation === operation && each.subject === subject), `${operation} of ${subject} was let through`);
}
const publishing = (subject, body = "{}") => refused("publish", subject, () => connection.publish(subject, body));
const subscribing = (subject) => refused("subscription", subject, () => void connection.subscribe(subject, { callback: () => {} }));

const control = `wasmbus.ctl.v1.${lattice}`;
await publishing(`${control}.host.ping`, "");
await publishing(`${control}.config.get.secretive`, "");
await publishing(`${control}.config.put.secretive`);
await publishing(`${control}.component.scale.${host}`);
await publishing(`${control}.host.stop.${host}`);
await publishing(`$JS.API.STREAM.MSG.GET.KV_CONFIGDATA_${lattice}`, '{"last_by_subj":"$KV.CONFIGDATA.secretive"}');
await publishing(`$JS.API.DIRECT.GET.KV_CONFIGDATA_${lattice}.$KV.CONFIGDATA_${lattice}.secretive`, "");
await publishing(`$JS.API.CONSUMER.CREATE.KV_CONFIGDATA_${lattice}`);
await publishing(`$JS.API.DIRECT.GET.KV_wattle_store_${lattice}.$KV.wattle_store_${lattice}.meta`, "");
await publishing(`$KV.CONFIGDATA_${lattice}.secretive`);
await publishing(`wasmbus.evt.${lattice}.host_stopped`);
await publishing(`wattle.${lattice}.lease.${host}`);
await publishing(`wattle.${lattice}.${host}.${component}.wrpc.0.0.1.wrpc:http/incoming-handler@0.1.0.handle`);
await publishing(`wasmbus.rpc.${lattice}.other.default.shutdown`);
await subscribing(`${control}.>`);
await subscribing(`wasmbus.evt.${lattice}.>`);
await subscribing(`wasmbus.rpc.${lattice}.*.linkdefs.put`);
await subscribing(`${lattice}.${component}.wrpc.>`);
await subscribing(`wattle.${lattice}.>`);
await subscribing(`$KV.CONFIGDATA_${lattice}.>`);
await subscribing("_INBOX_WATTLE.>"); // answers to hosts and to the command line
await subscribing(">");

// What it may: ask a component, which judges by links.
const said = headers();
said.set("source-id", data.provider_key);
said.set("wattle-call", "5000");
const answer = await connection.request(`${lattice}.${component}.wrpc.0.0.1.wrpc:http/incoming-handler@0.1.0.handle`, "", { headers: said, timeout: 10_000 });
assert.equal(answer.headers.get("wattle-result"), "permission-denied");
await connection.close();
console.log("done");
