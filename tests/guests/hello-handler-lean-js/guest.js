// Hello through wasi:http/types itself, as hello-handler-js. Against WASI before 0.2.10 jco takes componentize-js
// 0.19.3, whose bindings call the host directly; newer ones make a task, promises and closures of each host call.
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.3";

const text = new TextEncoder().encode("hello from wattle\n");
const plain = new TextEncoder().encode("text/plain");

export const incomingHandler = {
  handle(request, out) {
    const fields = new Fields();
    fields.append("content-type", plain);
    const response = new OutgoingResponse(fields);
    const body = response.body();
    ResponseOutparam.set(out, { tag: "ok", val: response });
    const stream = body.write();
    stream.blockingWriteAndFlush(text);
    stream[Symbol.dispose]();
    OutgoingBody.finish(body, undefined);
  },
};
