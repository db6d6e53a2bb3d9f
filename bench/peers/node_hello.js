// node's http module without anything on top: node node_hello.js PORT
require("http")
  .createServer((request, response) => {
    response.writeHead(200, { "content-type": "text/plain", "content-length": 18 });
    response.end("hello from wattle\n");
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
