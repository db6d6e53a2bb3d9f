#!/usr/bin/env python3
"""What wattle refuses: exit code 2, what is wrong and what to do about it, as text and as JSON."""

import os
import shutil
import socket
import subprocess
import unittest

from program import SECONDS_MAX, WATTLE, ProgramTest, Serving, component_from_text, guest, wait_until

CALC = "wattle:demo/calc@1.0.0"
CORE_MODULE = b"\0asm\1\0\0\0"
# A command that calls one function of the interface that it imports.
IMPORTER = """
(component
  (import "%s" (instance $imported (export "%s" (func %s))))
  (core func $lowered (canon lower (func $imported "%s")))
  (core module $module
    (import "host" "call" (func $call %s))
    (func (export "run") (result i32) %s))
  (core instance $instance (instantiate $module (with "host" (instance (export "call" (func $lowered))))))
  (func $run (result (result)) (canon lift (core func $instance "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
"""


def importer(interface, function, component_type, core_type, body):
    return component_from_text(IMPORTER % (interface, function, component_type, function, core_type, body))


class Files(ProgramTest):
    def every_verb(self, path, **expected):
        for words in (("run", path), ("serve", path), ("call", path, "f"), ("inspect", path), ("validate", path)):
            with self.subTest(verb=words[0]):
                self.refused(*words, **expected)

    def test_a_core_module(self):
        self.every_verb(self.file("core.wasm", CORE_MODULE), says=["core.wasm", "core WebAssembly module"], remedy=["component new"])

    def test_a_truncated_component(self):
        whole = guest("library-c").read_bytes()
        for size in (4, 9, 100, len(whole) - 1):
            self.refused("validate", self.file("cut.wasm", whole[:size]), says=["cut.wasm", "end-of-file"], remedy=["again"])

    def test_a_text_file(self):
        self.every_verb(self.file("notes.txt", "hello\n"), says=["not a WebAssembly binary"], remedy=["component"])

    def test_webassembly_text(self):
        self.refused("run", self.file("app.wat", "(component)"), says=["text"], remedy=["parse"])

    def test_an_empty_file(self):
        self.every_verb(self.file("empty.wasm", ""), says=["the file is empty"], remedy=["again"])

    def test_a_missing_file(self):
        self.every_verb("missing.wasm", says=['"missing.wasm"', "No such file"], remedy=["check the path"])

    def test_a_directory(self):
        self.every_verb(self.folder, says=["is a directory"], remedy=["component file"])

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to become somebody else")
    def test_an_unreadable_file_for_root(self):
        self.unreadable(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])

    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_an_unreadable_file(self):
        path = self.file("secret.wasm", CORE_MODULE)
        path.chmod(0)
        self.refused("validate", path, says=["secret.wasm", "Permission denied"], remedy=["permissions"])

    def unreadable(self, become):
        path = self.file("secret.wasm", CORE_MODULE)
        path.chmod(0)
        self.folder.chmod(0o755)
        program = shutil.copy(WATTLE, self.folder / "wattle")
        done = subprocess.run(
            [*become, program, "--no-cache", "validate", path], capture_output=True, text=True, timeout=SECONDS_MAX, cwd="/"
        )
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("secret.wasm\": Permission denied", done.stderr)
        self.assertIn("  remedy: check the permissions", done.stderr)


class Imports(ProgramTest):
    def test_an_unknown_interface(self):
        path = importer("acme:store/blobs@1.0.0", "count", "(result u32)", "(result i32)", "call $call")
        self.refused("run", path, says=['"acme:store/blobs@1.0.0"', "not available"], remedy=["wasi:http@0.2", "compose"])

    def test_an_interface_of_another_component(self):
        self.refused("call", guest("caller-c"), "x", says=["wattle:demo/calc@1.0.0"], remedy=["compose"])

    def test_a_misspelt_interface(self):
        path = importer("wasi:random/randon@0.2.0", "get-random-u64", "(result u64)", "(result i64)", "call $call drop i32.const 0")
        self.refused("run", path, says=['"wasi:random/randon@0.2.0"'], remedy=['"wasi:random/random@'])

    def test_an_unknown_function(self):
        path = importer("wasi:random/random@0.2.0", "get-random-u65", "(result u64)", "(result i64)", "call $call drop i32.const 0")
        self.refused("run", path, says=['"get-random-u65"'], remedy=['"get-random-u64"'])

    def test_another_version(self):
        path = importer("wasi:random/random@0.3.0", "get-random-u64", "(result u64)", "(result i64)", "call $call drop i32.const 0")
        self.refused("run", path, says=["wasi:random/random@0.3.0", "0.2."], remedy=["wasi:random/random@0.2."])

    def test_another_type(self):
        path = importer("wasi:random/random@0.2.0", "get-random-u64", "(result u32)", "(result i32)", "call $call")
        self.refused("run", path, says=["get-random-u64", "the component asks for  func() -> u32", "the host has          func() -> u64"], remedy=["build"])

    def test_another_type_in_the_same_core_types(self):
        path = importer("wasi:random/random@0.2.0", "get-random-u64", "(result s64)", "(result i64)", "call $call drop i32.const 0")
        self.refused("run", path, says=["the component asks for  func() -> s64", "the host has          func() -> u64"])

    def test_other_parameters(self):
        path = importer("wasi:random/random@0.2.0", "get-random-u64", '(param "seed" u64) (result u64)', "(param i64) (result i64)",
                        "i64.const 1 call $call drop i32.const 0")  # fmt: skip
        self.refused("run", path, says=["get-random-u64", "func(seed: u64) -> u64", "func() -> u64"])

    def test_the_wrong_kind_of_component(self):
        self.refused("run", guest("hello-http-c"), says=["wasi:cli/run"], remedy=["serve"])
        self.refused("serve", guest("command-c"), "--addr", "127.0.0.1:0", says=["wasi:http/incoming-handler"], remedy=["run"])


class Addresses(ProgramTest):
    def serve(self, address, **expected):
        self.refused("serve", guest("hello-http-c"), "--addr", address, **expected)

    def test_an_occupied_port(self):
        with socket.create_server(("127.0.0.1", 0)) as occupied:
            address = f"127.0.0.1:{occupied.getsockname()[1]}"
            self.serve(address, says=[address, "in use"], remedy=["another port"])

    def test_what_is_no_address(self):
        for address in ("127.0.0.1", "nonsense:99999", "localhost:http", ":", "[::1]", "127.0.0.1:-1"):
            with self.subTest(address=address):
                self.serve(address, says=[f'"{address}"'], remedy=["HOST:PORT"])

    def test_an_address_of_somebody_else(self):
        self.serve("192.0.2.1:8000", says=["192.0.2.1", "not an address of this machine"], remedy=["0.0.0.0"])


class Options(ProgramTest):
    def test_durations(self):
        for option in ("--timeout", "--cpu-time"):
            for value in ("5", "5x", "fast", "-1s", ""):
                with self.subTest(option=option, value=value):
                    self.refused("run", guest("command-c"), f"{option}={value}", says=[option], remedy=["5s"] if value else [])
            self.refused("run", guest("command-c"), option, "0s", says=[option, "more than zero"])
        self.refused("serve", guest("hello-http-c"), "--drain-timeout", "soon", says=["--drain-timeout", '"soon"'], remedy=["5s"])

    def test_sizes(self):
        for value in ("lots", "-1", "5MX", "0"):
            self.refused("run", guest("command-c"), f"--max-memory={value}", says=["--max-memory"], remedy=["64MiB"])
        self.refused("serve", guest("hello-http-c"), "--max-body", "big", says=["--max-body", '"big"'], remedy=["64MiB"])

    def test_numbers(self):
        for option in ("--queue", "--workers", "--max-connections"):
            for value in ("many", "-1", "1.5"):
                self.refused("serve", guest("hello-http-c"), f"{option}={value}", says=[option, f'"{value}"'], remedy=["--help"])
        self.refused("serve", guest("hello-http-c"), "--max-instances", "0", says=["--max-instances"], remedy=["--help"])

    def test_unknown_options_and_verbs(self):
        self.refused("run", "x", "--timout", "5s", says=["--timout"], remedy=['"--timeout"', "wattle run --help"])
        self.refused("serve", "x", "--max-memroy=1MiB", says=["--max-memroy"], remedy=['"--max-memory"'])
        self.refused("rum", "x", says=['"rum"'], remedy=['"run"', "wattle --help"])
        self.refused("deploy", says=['"deploy"'], remedy=["wattle --help"])
        self.refused(says=["no verb"], remedy=["run, serve, ", "call, inspect, validate"])
        self.refused("run", says=["no component"], remedy=["wattle run --help"])
        self.refused("validate", "a", "b", says=['"b"', "too many"], remedy=["wattle validate --help"])
        self.refused("--log-level", "loud", "run", "x", says=["--log-level", "loud", "warn"], remedy=["--help"])

    def test_grants(self):
        command = ("run", guest("command-c"))
        self.refused(*command, "--dir", "/missing::/d", says=["/missing", "No such file"], remedy=["existing folder"])
        self.refused(*command, "--dir", "::", says=['"::"'], remedy=["HOST::GUEST"])
        self.refused(*command, "--env", "NOT_SET_HERE", says=["NOT_SET_HERE"], remedy=["NOT_SET_HERE=VALUE"])
        self.refused(*command, "--env", "=x", says=['"=x"'], remedy=["NAME=VALUE"])
        self.refused(*command, "--allow-connect", "1.2.3.4:99999", says=["--allow-connect", "1.2.3.4:99999"], remedy=["HOST:PORT"])
        self.refused(*command, "--allow-http", "1.2.3.4/99:1", says=["--allow-http", "1.2.3.4/99:1"], remedy=["HOST:PORT"])


class Calls(ProgramTest):
    def call(self, function, *arguments, **expected):
        self.refused("call", guest("library-c"), function, *arguments, **expected)

    def test_arguments_that_are_no_wave(self):
        self.call(f"{CALC}.add", "2", "x", says=["argument 2 (b: u32)", "column 1"], remedy=["WAVE"])
        self.call(f"{CALC}.add", "2", "4294967296", says=["out of range for u32"], remedy=["WAVE"])
        self.call(f"{CALC}.translate", "{x: 1, z: 2}", "(1, 2)", says=["argument 1", "column 8", "'z'", "x, y"])
        self.call(f"{CALC}.area", "square(2)", says=["'square'", "circle, rectangle, nothing"])
        self.call(f"{CALC}.bounds", "[1, 2", says=["argument 1", "column 6"])

    def test_the_wrong_number_of_arguments(self):
        self.call(f"{CALC}.add", "2", says=["takes 2 arguments, not 1"], remedy=["func(a: u32, b: u32) -> u32"])
        self.call(f"{CALC}.negate", "true", "true", says=["takes 1 argument, not 2"])

    def test_unknown_functions(self):
        self.call(f"{CALC}.ad", "2", "3", says=[f'"{CALC}.ad"'], remedy=[f'"{CALC}.add"', "wattle inspect"])
        self.call("wattle:demo/calk@1.0.0.add", says=["calk"], remedy=[f'"{CALC}.add"'])
        self.call("wattle:demo/calc@2.0.0.add", says=["calc@2.0.0"], remedy=[f'"{CALC}.add"'])

    def test_what_names_no_function(self):
        for name in ("", CALC, "wattle:demo/calc"):
            self.call(name, says=["names no function"], remedy=["wattle inspect"])


class Cache(ProgramTest):
    def test_a_folder_that_cannot_be_written_is_a_warning(self):
        for folder in (self.file("file", "text"), "/proc/wattle"):
            with self.subTest(folder=folder):
                done = self.wattle("--cache-dir", folder, "run", guest("command-c"), "--", "echo", "x")
                self.assertEqual((done.code, done.out), (0, "x\n"), done)
                self.assertRegex(done.err, f'^warning: .*"{folder}".*\n  remedy: .*--cache-dir')

    def test_the_warning_can_be_switched_off(self):
        for words in (("--log-level", "error"), ("--no-cache",)):
            done = self.wattle("--cache-dir", "/proc/wattle", *words, "run", guest("command-c"), "--", "echo", "x")
            self.assertEqual((done.code, done.out, done.err), (0, "x\n", ""))

    def test_no_home_is_fine(self):
        done = self.wattle("run", guest("command-c"), "--", "echo", "x", env={"HOME": "", "XDG_CACHE_HOME": ""})
        self.assertEqual((done.code, done.out, done.err), (0, "x\n", ""))

    def test_compiled_code_is_kept_for_the_next_start(self):
        folder = self.folder / "cache"
        server = Serving(self, guest("hello-http-js"), "--cache-dir", folder)
        self.assertEqual(server.get()[0], 200)
        # What is being written has another name until it is whole.
        whole = lambda: [path for path in folder.iterdir() if not path.name.startswith("writing-")]
        wait_until(lambda: any(path.stat().st_size > 1 << 20 for path in whole()), "compiled code in the cache")
        server.stop()
        self.assertEqual(Serving(self, guest("hello-http-js"), "--cache-dir", folder).get()[0], 200)


if __name__ == "__main__":
    unittest.main()
