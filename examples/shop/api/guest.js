// The shop over HTTP. Prices come from another component, orders and sessions are kept in wasi:keyvalue, receipts
// in wasi:blobstore, and every order is announced by a message: where these lead, the links say.
//
//   POST /orders {"customer":"ann","lines":[{"article":"tea","quantity":2}]}
//   GET /orders/1, /receipts/1, /mails/1, /sessions/ann, /report
import { price } from "shop:pricing/prices@1.0.0";
import { customers } from "shop:report/report@1.0.0";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { increment } from "wasi:keyvalue/atomics@0.2.0-draft";
import * as blobs from "wasi:blobstore/blobstore@0.2.0-draft";
import { IncomingValue, OutgoingValue } from "wasi:blobstore/types@0.2.0-draft";
import * as consumer from "wasmcloud:messaging/consumer@0.2.0";

const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder().decode(bytes);
const money = (cents) => `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;

function answer(status, body) {
  return new Response(JSON.stringify(body) + "\n", { status, headers: { "content-type": "application/json" } });
}

function receiptOf(id, order) {
  const lines = order.lines.map((line) => `${line.quantity} x ${line.article}`);
  return [`Order ${id} of ${order.customer}`, ...lines, `Total ${order.total}`, ""].join("\n");
}

function writeReceipt(id, text) {
  const container = blobs.createContainer("receipts");
  const value = OutgoingValue.newOutgoingValue();
  const body = value.outgoingValueWriteBody();
  container.writeData(`${id}.txt`, value);
  body.blockingWriteAndFlush(encode(text));
  body[Symbol.dispose]();
  OutgoingValue.finish(value);
}

function placeOrder({ customer, lines }) {
  if (typeof customer !== "string" || customer === "" || !Array.isArray(lines))
    return answer(400, { error: "an order has a customer and lines" });
  let quote;
  try {
    quote = price(lines.map(({ article, quantity }) => ({ article: String(article), quantity: Number(quantity) })));
  } catch (error) {
    return answer(422, { error: error.payload });
  }
  const orders = open("orders");
  const id = String(increment(orders, "last-order", 1n));
  const order = { customer, lines, total: money(quote.total) };
  orders.set(`order-${id}`, encode(JSON.stringify(order)));
  open("sessions").set(customer, encode(JSON.stringify({ lastOrder: id })));
  writeReceipt(id, receiptOf(id, order));
  consumer.publish({ subject: "shop.orders", body: encode(JSON.stringify({ id, ...order })), replyTo: undefined });
  return answer(201, { id, total: order.total });
}

function read(bucket, key) {
  const value = open(bucket).get(key);
  return value === undefined ? answer(404, { error: `nothing is kept as ${key}` }) : answer(200, JSON.parse(decode(value)));
}

function readReceipt(id) {
  const container = blobs.getContainer("receipts");
  const value = container.getData(`${id}.txt`, 0n, (1n << 53n) - 1n);
  return new Response(decode(IncomingValue.incomingValueConsumeSync(value)), { headers: { "content-type": "text/plain" } });
}

// What the mailer wrote, when it has.
function readMail(id) {
  const value = open("mails").get(`mail-${id}`);
  if (value === undefined) return answer(404, { error: `order ${id} has no mail yet` });
  return new Response(decode(value) + "\n", { headers: { "content-type": "text/plain" } });
}

async function handle(request) {
  const [, kind, name] = new URL(request.url).pathname.split("/");
  if (request.method === "POST" && kind === "orders") return placeOrder(await request.json());
  if (kind === "orders" && name) return read("orders", `order-${name}`);
  if (kind === "sessions" && name) return read("sessions", name);
  if (kind === "receipts" && name) return readReceipt(name);
  if (kind === "mails" && name) return readMail(name);
  if (kind === "report") return answer(200, JSON.parse(customers()));
  return answer(404, { error: "POST /orders, GET /orders/ID, /receipts/ID, /mails/ID, /sessions/CUSTOMER or /report" });
}

addEventListener("fetch", (event) => {
  event.respondWith(
    handle(event.request).catch((error) =>
      answer(502, { error: String(error.payload?.val ?? error.payload ?? error.message ?? error) }),
    ),
  );
});
