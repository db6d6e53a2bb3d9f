// A backend of wasmCloud's secrets protocol (v1alpha1) on nats.js and nkeys.js, which knows nothing of wattle.
//
//   node wadm_vault.mjs '{"url":"...","name":"vault","secrets":{"ledger/signing":"..."},"modules":"..."}'
import { createRequire } from "node:module";

const { url, name, secrets, modules } = JSON.parse(process.argv[2]);
const require = createRequire(`${modules}/`);
const { connect, headers } = require("nats");
const { createCurve } = require("nkeys.js");

const key = createCurve();
const decoder = new TextDecoder();
const encoder = new TextEncoder();
const connection = await connect({ servers: url });
const subject = (operation) => `wasmcloud.secrets.v1alpha1.${name}.${operation}`;

connection.subscribe(subject("server_xkey"), { callback: (_, message) => message.respond(encoder.encode(key.getPublicKey())) });
connection.subscribe(subject("get"), {
  callback: (_, message) => {
    const host = message.headers.get("WasmCloud-Host-Xkey");
    const request = JSON.parse(decoder.decode(key.open(message.data, host)));
    const value = secrets[request.field ? `${request.key}#${request.field}` : request.key];
    if (value === undefined) return message.respond(encoder.encode(JSON.stringify({ error: "SecretNotFound" })));
    const head = headers();
    head.set("Server-Response-Xkey", key.getPublicKey());
    const answer = { secret: { version: request.version ?? "1", string_secret: value } };
    message.respond(key.seal(encoder.encode(JSON.stringify(answer)), host), { headers: head });
  },
});
await connection.flush();
console.log("ready");
