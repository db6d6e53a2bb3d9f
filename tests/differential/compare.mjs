// Runs what wattle-differential wrote on jco: transpiles each component, hands the values through it, and prints
// every one that does not come through unchanged. For components with a resource: the same steps, with the same right
// answers, as resource_case.cpp. node compare.mjs FOLDER MODULES
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
// In the same place a signed payload of 32 bits in an i64 arrives as if it were unsigned.
const unsignedFault = 'a negative s32 became unsigned';
function asUnsigned(value) {
  if (Array.isArray(value)) return value.map(asUnsigned);
  if (Number.isInteger(value) && value < 0 && value >= -(2 ** 31)) return value + 2 ** 32;
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asUnsigned(item)]));
}
// CanonicalABI.md "lift_own": each handle that is lifted is an owner of its own. In a list with several, jco (1.34)
// makes all of them drop the last one, because the variables of its loop are shared by the closures that it makes
// for [Symbol.dispose]. Such a value is tried again with things that are handed back to be dropped.
const disposeFault = "Symbol.dispose of a list's element";

// A component with the resource of resources.h, and what its destructors should have seen so far.
class Things {
  // With `handsBack` things are never dropped by [Symbol.dispose].
  constructor(instance, handsBack) {
    this.handsBack = handsBack;
    this.exports = instance['test:pass/things'] ?? instance.things;
    this.live = 0;
    this.history = 0;
  }
  get Thing() {
    return this.exports.Thing;
  }
  construct(value) {
    this.live += 1;
    return new this.Thing(value);
  }
  gone(value) {
    this.live -= 1;
    this.history = (Math.imul(this.history, 31) + value) >>> 0;
  }
  drop(thing, value) {
    this.gone(value);
    if (this.handsBack) this.Thing.consume(thing);
    else thing[Symbol.dispose]();
  }
  // In one of four ways; false: something answered wrongly.
  end(way, thing, value) {
    if (way % 4 === 0) {
      this.drop(thing, value);
      return true;
    }
    if (way % 4 === 1) {
      this.gone(value);
      return this.Thing.consume(thing) === value;
    }
    if (way % 4 === 2) {
      this.Thing.keep(thing);
      const again = this.Thing.take();
      const seen = again.value();
      this.drop(again, value);
      return seen === value;
    }
    const joined = 7;
    const other = this.construct(joined);
    this.live += 1;
    this.gone(joined);
    const sum = thing.join(other);
    const seen = sum.value();
    this.drop(thing, value);
    this.drop(sum, value + joined);
    return seen === value + joined;
  }
  asExpected() {
    return this.Thing.live() === this.live && this.Thing.history() === this.history;
  }
  // What was returned, with {own: number} for things, which go to `returned`.
  look(value, returned) {
    if (value instanceof this.Thing) {
      returned.push([value, value.value()]);
      return { own: returned.at(-1)[1] };
    }
    if (Array.isArray(value)) return value.map((item) => this.look(item, returned));
    if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.look(item, returned)]));
  }
  // What is wrong with this value; nothing if it is as it should be.
  pass(name, make) {
    try {
      return this.check(name, make);
    } catch (error) {
      return `${error}`;
    }
  }
  check(name, make) {
    const lent = [];
    const argument = make(
      (value) => this.construct(value),
      (value) => {
        lent.push([this.construct(value), value]);
        return lent.at(-1)[0];
      },
    );
    const wrong = [];
    if (!this.asExpected()) wrong.push('the count before the call');
    const returned = [];
    const seen = plain(this.look(this.exports[name](argument), returned));
    const expected = plain(make((value) => ({ own: value }), (value) => value));
    if (!isDeepStrictEqual(seen, expected)) wrong.push(`sent ${show(expected)}, returned ${show(seen)}`);
    for (const [i, [thing, value]] of returned.entries()) if (!this.end(i, thing, value)) wrong.push(`end ${i % 4}`);
    for (const [thing, value] of lent) this.drop(thing, value);
    if (!this.asExpected())
      wrong.push(`live ${this.Thing.live()} for ${this.live}, history ${this.Thing.history()} for ${this.history}`);
    return wrong.join('; ');
  }
}

const show = (value) =>
  JSON.stringify(plain(value), (_, item) => (typeof item === 'bigint' ? `${item}n` : item === undefined ? 'undefined' : item));

let passed = 0;
let total = 0;
let faults = 0;

function failed(where, what) {
  const known = [disposeFault, unsignedFault].some((fault) => what.startsWith(fault)) || jcoFaults.some((pattern) => pattern.test(what));
  faults += known ? 1 : 0;
  console.log(`${known ? 'known fault of jco: ' : ''}${where}: ${what}`);
}

for (const [index, entry] of cases.entries()) {
  if (entry === null) continue; // not for jco
  const functions = entry.things ?? entry;
  let seen;
  const host = Object.fromEntries(functions.map((_, i) => [`f${i}`, (value) => (seen = value)]));
  total += functions.reduce((sum, values) => sum + values.length, 0);
  let start;
  let instance;
  let things;
  const restart = async (handsBack = false) => {
    instance = await start({ 'test:pass/host': host });
    things = entry.things && new Things(instance, handsBack);
  };
  try {
    start = await load(index);
    await restart();
  } catch (error) {
    console.log(`component ${index}: ${error}`);
    continue;
  }
  for (const [i, values] of functions.entries()) {
    for (const make of values) {
      const where = `component ${index} function ${i}`;
      try {
        if (things) {
          let wrong = things.pass(`pass${i}`, make);
          if (wrong && entry.lists[i]) {
            await restart(true);
            const again = things.pass(`pass${i}`, make);
            if (!again) wrong = `${disposeFault}: ${wrong}`;
          }
          if (!wrong) {
            passed += 1;
            continue;
          }
          failed(where, wrong);
          await restart();
          continue;
        }
        const sent = plain(make());
        seen = undefined;
        const result = plain(instance[`pass${i}`](make()));
        if (isDeepStrictEqual(plain(seen), sent) && isDeepStrictEqual(result, sent)) passed += 1;
        else {
          const unsigned = [seen, result].every((got) => isDeepStrictEqual(asUnsigned(plain(got)), asUnsigned(sent)));
          const what = `sent ${show(sent)}, host saw ${show(seen)}, returned ${show(result)}`;
          failed(where, unsigned ? `${unsignedFault}: ${what}` : what);
        }
      } catch (error) {
        failed(where, `${error}`);
        await restart();
      }
    }
  }
}
console.log(`jco: ${passed} of ${total} values came through unchanged, ${faults} known faults of jco`);
process.exitCode = passed + faults === total && total > 0 ? 0 : 1;
