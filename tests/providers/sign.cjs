// The token of a provider's archive, signed by an account that is made for it.
//
//   node sign.cjs NODE_MODULES TARGET PROGRAM
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");

const [modules, target, program] = process.argv.slice(2);
const { createAccount } = require(`${modules}/nkeys.js`);

const account = createAccount();
const encode = (text) => Buffer.from(text).toString("base64url");
const hash = createHash("sha256").update(readFileSync(program)).digest("hex").toUpperCase();
const claims = {
  jti: "1", iat: 1, iss: account.getPublicKey(), sub: account.getPublicKey().replace(/^A/, "V"),
  wascap: { name: "Outbox", vendor: "somebody", rev: 1, ver: "1.0.0", target_hashes: { [target]: hash } },
  wascap_revision: 3,
};
const body = `${encode('{"typ":"jwt","alg":"Ed25519"}')}.${encode(JSON.stringify(claims))}`;
process.stdout.write(`${body}.${encode(account.sign(Buffer.from(body)))}`);
