// Runs what wattle-differential wrote on jco: transpiles each component, hands the values through it, and prints
// every one that does not come through unchanged. node compare.mjs FOLDER MODULES
import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

const [folder, modules] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(modules, 'index.js'));
const { transpile } = await import(pathToFileURL(require.resolve('@bytecodealliance/jco')).href);
const { default: cases } = await import(pathToFileURL(join(folder, 'cases.mjs')).href);

// Typed arrays are lists like others; a key without value is like no key.
function plain(value) {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, plain(item)]),
  );
}

async function load(index) {
  const bytes = await readFile(join(folder, `${index}.wasm`));
  const { files } = await transpile(bytes, { name: 'c', instantiation: 'sync', noTypescript: true, tlaCompat: false });
  const target = join(folder, `jco-${index}`);
  await mkdir(target, { recursive: true });
  const entries = files instanceof Map ? [...files] : Object.entries(files);
  const content = new Map(entries.map(([name, data]) => [name.split('/').pop(), data]));
  await writeFile(join(target, 'c.mjs'), content.get('c.js'));
  // A call that fails leaves jco's module in disorder: each attempt gets a module of its own.
  let attempt = 0;
  return async (imports) => {
    const { instantiate } = await import(`${pathToFileURL(join(target, 'c.mjs')).href}?${attempt++}`);
    return instantiate((name) => new WebAssembly.Module(content.get(name)), imports);
  };
}

// Where jco is wrong and the specification decides. Flattening (CanonicalABI.md "Flattening", lift_flat_signed): a
// signed payload of 8 or 16 bits that shares its slot with another case arrives sign-extended in an i32 or i64; jco
// (0.14) checks its range as if it were unsigned.
const jcoFaults = [/^TypeError: must be between -128 and 127$/, /^TypeError: must be between -32768 and 32767$/];

const show = (value) =>
  JSON.stringify(plain(value), (_, item) => (typeof item === 'bigint' ? `${item}n` : item === undefined ? 'undefined' : item));

let passed = 0;
let total = 0;
let faults = 0;
for (const [index, functions] of cases.entries()) {
  if (functions === null) continue; // not for jco
  let seen;
  const host = Object.fromEntries(functions.map((_, i) => [`f${i}`, (value) => (seen = value)]));
  total += functions.reduce((sum, values) => sum + values.length, 0);
  let start;
  let instance;
  try {
    start = await load(index);
    instance = await start({ 'test:pass/host': host });
  } catch (error) {
    console.log(`component ${index}: ${error}`);
    continue;
  }
  for (const [i, values] of functions.entries()) {
    for (const make of values) {
      const sent = plain(make());
      try {
        seen = undefined;
        const result = plain(instance[`pass${i}`](make()));
        if (isDeepStrictEqual(plain(seen), sent) && isDeepStrictEqual(result, sent)) passed += 1;
        else console.log(`component ${index} function ${i}: sent ${show(sent)}, host saw ${show(seen)}, returned ${show(result)}`);
      } catch (error) {
        const known = jcoFaults.some((pattern) => pattern.test(`${error}`));
        faults += known ? 1 : 0;
        console.log(`${known ? 'known fault of jco: ' : ''}component ${index} function ${i}: sent ${show(sent)}: ${error}`);
        instance = await start({ 'test:pass/host': host });
      }
    }
  }
}
console.log(`jco: ${passed} of ${total} values came through unchanged, ${faults} known faults of jco`);
process.exitCode = passed + faults === total && total > 0 ? 0 : 1;
