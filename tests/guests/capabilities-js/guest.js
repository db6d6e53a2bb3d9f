// Checks of the capabilities, from inside a component (but wasmcloud:secrets, whose resource componentize-js cannot
// bind: see secrets-c). Each uses names of its own, and cleans up first, so that it
// can run against a backend that has been used before.
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { increment } from "wasi:keyvalue/atomics@0.2.0-draft";
import { getMany, setMany, deleteMany } from "wasi:keyvalue/batch@0.2.0-draft";
import * as blobs from "wasi:blobstore/blobstore@0.2.0-draft";
import { OutgoingValue, IncomingValue } from "wasi:blobstore/types@0.2.0-draft";
import * as config from "wasi:config/store@0.2.0-draft";
import * as runtimeConfig from "wasi:config/runtime@0.2.0-draft";
import { log } from "wasi:logging/logging@0.1.0-draft";
import * as consumer from "wasmcloud:messaging/consumer@0.2.0";
import { query, queryBatch } from "wasmcloud:postgres/query@0.1.1-draft";
import { prepare, exec } from "wasmcloud:postgres/prepared@0.1.1-draft";
import { CallTargetInterface, setLinkName } from "wasmcloud:bus/lattice@2.0.1";

const PAGES_MAX = 1000;
const CHUNK_BYTES = 4096;

const bytes = (text) => new TextEncoder().encode(text);
const text = (data) => (data === undefined || data === null ? undefined : new TextDecoder().decode(data));

// Values as text that tells them apart.
function show(value) {
  return JSON.stringify(value, (_, each) => {
    if (typeof each === "bigint") return `${each}n`;
    if (ArrayBuffer.isView(each)) return [...each];
    return each === undefined ? "undefined" : each;
  });
}

function same(what, actual, expected) {
  if (show(actual) !== show(expected)) throw new Error(`${what}: ${show(actual)}, not ${show(expected)}`);
}

// What the call fails with; its own error value.
function failureOf(what, call) {
  try {
    const value = call();
    throw new Error(`${what}: no error, but ${show(value)}`);
  } catch (error) {
    if (error.payload === undefined) throw error;
    return error.payload;
  }
}

// ---- wasi:keyvalue

function allKeys(bucket) {
  const keys = [];
  let cursor;
  for (let page = 0; page < PAGES_MAX; page++) {
    const response = bucket.listKeys(cursor);
    keys.push(...response.keys);
    cursor = response.cursor;
    if (cursor === undefined || cursor === null) return keys.sort();
  }
  throw new Error(`more than ${PAGES_MAX} pages of keys`);
}

function emptyBucket(name) {
  const bucket = open(name);
  for (const key of allKeys(bucket)) bucket.delete(key);
  return bucket;
}

function keyValue() {
  const bucket = emptyBucket("wattle-checks");
  same("a key that is not there", bucket.get("a"), undefined);
  same("exists before", bucket.exists("a"), false);
  bucket.set("a", bytes("first"));
  bucket.set("a", bytes("second"));
  same("get", text(bucket.get("a")), "second");
  same("exists after", bucket.exists("a"), true);
  const odd = new Uint8Array([0, 255, 128, 10, 13, 0]);
  bucket.set("odd", odd);
  same("bytes that are no text", bucket.get("odd"), odd);
  bucket.set("empty", bytes(""));
  same("an empty value", text(bucket.get("empty")), "");
  bucket.set("key with spaces/and*more.ü", bytes("1"));
  same("list-keys", allKeys(bucket), ["a", "empty", "key with spaces/and*more.ü", "odd"]);
  bucket.delete("a");
  bucket.delete("never there");
  same("deleted", bucket.get("a"), undefined);
  const large = new Uint8Array(300_000).map((_, index) => index % 251);
  bucket.set("large", large);
  const back = bucket.get("large");
  same("a large value", [back.length, back.every((value, index) => value === large[index])], [large.length, true]);
}

function keyValueAtomics() {
  const bucket = emptyBucket("wattle-checks-atomics");
  same("the first", increment(bucket, "n", 5n), 5n);
  same("the second", increment(bucket, "n", 7n), 12n);
  same("as text", text(bucket.get("n")), "12");
  bucket.set("word", bytes("twelve"));
  same("no number", failureOf("increment of a word", () => increment(bucket, "word", 1n)).tag, "other");
}

function keyValueBatch() {
  const bucket = emptyBucket("wattle-checks-batch");
  setMany(bucket, [["a", bytes("1")], ["b", bytes("2")], ["c", bytes("3")]]);
  const got = getMany(bucket, ["a", "missing", "c"]).map((entry) => entry && [entry[0], text(entry[1])]);
  same("get-many", [got[0], got[1] ?? null, got[2]], [["a", "1"], null, ["c", "3"]]);
  deleteMany(bucket, ["a", "b", "missing"]);
  same("what is left", allKeys(bucket), ["c"]);
}

function missingLink() {
  setLinkName("nowhere", [new CallTargetInterface("wasi", "keyvalue", "store")]);
  const error = failureOf("open", () => open("anything"));
  setLinkName("default", [new CallTargetInterface("wasi", "keyvalue", "store")]);
  same("kind", error.tag, "other");
  open("anything");
  return error.val;
}

// ---- wasi:blobstore

function writeObject(container, name, contents) {
  const value = OutgoingValue.newOutgoingValue();
  const body = value.outgoingValueWriteBody();
  container.writeData(name, value);
  for (let at = 0; at < contents.length; at += CHUNK_BYTES)
    body.blockingWriteAndFlush(contents.subarray(at, at + CHUNK_BYTES));
  body[Symbol.dispose]?.();
  OutgoingValue.finish(value);
}

function readStream(stream) {
  const parts = [];
  let size = 0;
  try {
    for (;;) {
      const part = stream.blockingRead(65536n);
      parts.push(part);
      size += part.length;
    }
  } catch (error) {
    if (error.payload?.tag !== "closed") throw error;
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function blobstore() {
  if (blobs.containerExists("wattle-checks")) blobs.deleteContainer("wattle-checks");
  same("exists before", blobs.containerExists("wattle-checks"), false);
  failureOf("get-container of none", () => blobs.getContainer("wattle-checks"));
  const container = blobs.createContainer("wattle-checks");
  same("exists after", blobs.containerExists("wattle-checks"), true);
  same("name", [container.name(), container.info().name], ["wattle-checks", "wattle-checks"]);

  writeObject(container, "text", bytes("hello blob"));
  const whole = container.getData("text", 0n, 1000n);
  same("size", whole.size(), 10n);
  same("consume-sync", text(IncomingValue.incomingValueConsumeSync(whole)), "hello blob");
  const part = container.getData("text", 6n, 8n);
  same("a part", text(readStream(IncomingValue.incomingValueConsumeAsync(part))), "blo");

  const large = new Uint8Array(700_000).map((_, index) => index % 253);
  writeObject(container, "folder/large", large);
  const back = readStream(IncomingValue.incomingValueConsumeAsync(container.getData("folder/large", 0n, 10_000_000n)));
  same("a large object", [back.length, back.every((value, index) => value === large[index])], [large.length, true]);
  const info = container.objectInfo("folder/large");
  same("object-info", [info.name, info.container, info.size], ["folder/large", "wattle-checks", 700000n]);

  writeObject(container, "empty", new Uint8Array());
  same("has-object", [container.hasObject("empty"), container.hasObject("none")], [true, false]);
  same("empty", container.objectInfo("empty").size, 0n);
  failureOf("get-data of none", () => container.getData("none", 0n, 1n));

  blobs.copyObject({ container: "wattle-checks", object: "text" }, { container: "wattle-checks", object: "copy" });
  blobs.moveObject({ container: "wattle-checks", object: "copy" }, { container: "wattle-checks", object: "moved" });
  same("copied and moved", [container.hasObject("copy"), container.hasObject("moved")], [false, true]);

  const names = container.listObjects();
  const [first, isEnd] = names.readStreamObjectNames(2n);
  same("first names", [first, isEnd], [["empty", "folder/large"], false]);
  same("skipped", names.skipStreamObjectNames(1n), [1n, false]);
  same("rest", names.readStreamObjectNames(10n), [["text"], true]);

  container.deleteObject("moved");
  container.deleteObject("moved");
  container.deleteObjects(["empty", "none"]);
  same("deleted", [container.hasObject("moved"), container.hasObject("empty")], [false, false]);
  container.clear();
  same("cleared", container.hasObject("text"), false);
  blobs.deleteContainer("wattle-checks");
  same("gone", blobs.containerExists("wattle-checks"), false);
}

// Of these, nothing must appear.
function blobstoreUnfinished() {
  const container = blobs.createContainer("wattle-checks-unfinished");
  const unfinished = OutgoingValue.newOutgoingValue();
  container.writeData("unfinished", unfinished);
  unfinished.outgoingValueWriteBody().blockingWriteAndFlush(bytes("half"));
  unfinished[Symbol.dispose]?.();
  same("given to no object", failureOf("finish", () => OutgoingValue.finish(OutgoingValue.newOutgoingValue())).includes("write-data"), true);
}

// ---- The others

function configuration() {
  same("get", config.get("colour"), "green");
  same("get of none", config.get("none"), undefined);
  same("get-all", config.getAll(), [["colour", "green"], ["size", "large"]]);
  same("by the older name", [runtimeConfig.get("size"), runtimeConfig.getAll().length], ["large", 2]);
}

function logging() {
  log("trace", "checks", "trace");
  log("warn", "checks", "watch out");
  log("critical", "", "end");
}

function messaging() {
  const reply = consumer.request("checks.echo", bytes("ping"), 2000);
  same("reply", [reply.subject, text(reply.body)], ["checks.reply", "ping"]);
  consumer.publish({ subject: "checks.news", body: bytes("read all about it"), replyTo: "checks.answers" });
  return failureOf("nobody answers", () => consumer.request("checks.nobody", bytes("?"), 50));
}

function postgres() {
  const values = [
    { tag: "null" }, { tag: "int8", val: -5n }, { tag: "bool-array", val: [true, false, true] },
    { tag: "text", val: "grüße" }, { tag: "bytea", val: new Uint8Array([0, 1, 255]) },
    { tag: "float8", val: [3n, -1, -1] }, { tag: "date", val: { tag: "ymd", val: [2024, 2, 29] } },
    { tag: "macaddr", val: { bytes: [1, 2, 3, 4, 5, 6] } },
    { tag: "timestamp-tz", val: { timestamp: { date: { tag: "positive-infinity" }, time: { hour: 1, min: 2, sec: 3, micro: 4 } }, offset: { tag: "western-hemisphere-secs", val: 3600 } } },
    { tag: "ts-vector", val: [{ position: 3, weight: "B", data: "fox" }, { position: undefined, weight: undefined, data: "dog" }] },
    { tag: "hstore", val: [["a", "1"], ["b", undefined]] },
    { tag: "pg-snapshot", val: [1n, 2n, [3n, 4n]] },
    { tag: "polygon", val: [[[1n, 0, 1], [2n, 0, 1]]] },
    { tag: "varbit", val: [7, new Uint8Array([254])] },
  ];
  const rows = query("ECHO", values);
  same("one row of all values", rows.length, 1);
  same("values", rows[0].map((entry) => entry.value), values);
  same("names", rows[0].map((entry) => entry.columnName).slice(0, 2), ["c0", "c1"]);
  queryBatch("BATCH");
  same("invalid query", failureOf("query", () => query("NONSENSE", [])), { tag: "invalid-query", val: "syntax error" });
  same("prepared", exec(prepare("COUNT"), [{ tag: "int4", val: 1 }, { tag: "int4", val: 2 }]), 2n);
  same("unknown token", failureOf("exec", () => exec("none", [])).tag, "unknown-prepared-query");
  same("refused", failureOf("prepare", () => prepare("NONSENSE")), { tag: "unexpected", val: "syntax error" });
}

const CHECKS = {
  "key-value": keyValue,
  "key-value-atomics": keyValueAtomics,
  "key-value-batch": keyValueBatch,
  "missing-link": missingLink,
  blobstore,
  "blobstore-unfinished": blobstoreUnfinished,
  config: configuration,
  logging,
  messaging,
  postgres,
};

export const checks = {
  run(name) {
    try {
      if (!(name in CHECKS)) throw new Error(`there are no checks "${name}"`);
      return String(CHECKS[name]() ?? "");
    } catch (error) {
      throw `${error.message ?? error}${error.payload === undefined ? "" : `: ${show(error.payload)}`}`;
    }
  },
};
