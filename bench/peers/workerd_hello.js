export default {
  fetch() {
    return new Response("hello from wattle\n", { headers: { "content-type": "text/plain" } });
  },
};
