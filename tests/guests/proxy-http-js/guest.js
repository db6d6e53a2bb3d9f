// Fetches the address in the header wattle-url (or in ?url=) and streams the answer on.
async function proxy(request) {
  const target = request.headers.get("wattle-url") ?? new URL(request.url).searchParams.get("url");
  if (!target) return new Response("set the header wattle-url or ?url=\n", { status: 400 });
  try {
    const response = await fetch(target);
    const headers = new Headers();
    const type = response.headers.get("content-type");
    if (type) headers.set("content-type", type);
    return new Response(response.body, { status: response.status, headers });
  } catch (error) {
    return new Response(`fetching ${target} failed: ${error}\n`, { status: 502 });
  }
}

addEventListener("fetch", (event) => event.respondWith(proxy(event.request)));
