// Streams the request's body back. With ?upper the body goes through a TransformStream that turns ASCII letters into
// capitals, so that every chunk passes through JavaScript.
function capitals() {
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.map((byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte)));
    },
  });
}

addEventListener("fetch", (event) => {
  const { request } = event;
  const type = request.headers.get("content-type") ?? "application/octet-stream";
  let body = request.body;
  if (body && new URL(request.url).searchParams.has("upper")) body = body.pipeThrough(capitals());
  event.respondWith(new Response(body, { headers: { "content-type": type } }));
});
