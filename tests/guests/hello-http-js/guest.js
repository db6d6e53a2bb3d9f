// Hello through StarlingMonkey's fetch event.
addEventListener("fetch", (event) => {
  event.respondWith(new Response("hello from wattle\n", { headers: { "content-type": "text/plain" } }));
});
