// Hello through wasi:http/types itself. A fetch event can be answered once in an instance's life, so this is what
// a host can serve that keeps its instances: jco serve in bench/.
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.10";

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
