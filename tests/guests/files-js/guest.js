// A command in JavaScript that uses wasi:filesystem directly: writes NAME with TEXT into the first preopened folder,
// reads it back, and prints what it read and what lies beside it.
import { getArguments } from "wasi:cli/environment@0.2.12";
import { getStdout } from "wasi:cli/stdout@0.2.12";
import { getDirectories } from "wasi:filesystem/preopens@0.2.12";

const SIZE_MAX = 1n << 20n;

function print(text) {
  getStdout().blockingWriteAndFlush(new TextEncoder().encode(text + "\n"));
}

function write(folder, name, text) {
  const file = folder.openAt({}, name, { create: true, truncate: true }, { write: true });
  file.write(new TextEncoder().encode(text), 0n);
  file.syncData();
}

function read(folder, name) {
  const file = folder.openAt({}, name, {}, { read: true });
  const [bytes] = file.read(SIZE_MAX, 0n);
  return new TextDecoder().decode(bytes);
}

// What lies beside the file NAME.
function list(preopened, name) {
  const parent = name.split("/").slice(0, -1).join("/");
  const folder = parent ? preopened.openAt({}, parent, { directory: true }, { read: true }) : preopened;
  const entries = folder.readDirectory();
  const names = [];
  for (let entry = entries.readDirectoryEntry(); entry; entry = entries.readDirectoryEntry()) names.push(entry.name);
  return names.sort();
}

export const run = {
  run() {
    const [name = "wattle.txt", text = "written by a component"] = getArguments().slice(1);
    const [preopened] = getDirectories();
    if (!preopened) {
      print("no folder is open to this component; run it with --dir");
      throw undefined;
    }
    const [folder, path] = preopened;
    try {
      write(folder, name, text);
      print(`${path}/${name}: ${read(folder, name)}`);
      print(`${path}: ${list(folder, name).join(" ")}`);
    } catch (error) {
      print(`${path}/${name}: ${error.payload ?? error}`);
      throw undefined;
    }
  },
};
