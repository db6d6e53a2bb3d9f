#!/usr/bin/env python3
"""wattle inspect, wattle validate, and what the program says about itself."""

import json
import subprocess
import unittest

from program import SECONDS_MAX, WATTLE, ProgramTest, environment, guest

VERBS = ("run", "serve", "call", "inspect", "validate")
GUESTS = ("caller-c", "command-c", "command-cpp", "composed", "hello-http-c", "hello-http-js", "library-c")


class Inspect(ProgramTest):
    def test_imports_exports_and_core_modules(self):
        out = self.succeeds("inspect", guest("caller-c"))
        self.assertIn("imports (2)\n  wattle:demo/calc@1.0.0 (interface, 3 functions)\n", out)
        self.assertIn("    run-add: func(a: u32, b: u32) -> u32\n", out)
        self.assertRegex(out, r"core modules \(\d+\)\n  0: [\d.]+ KiB\n")

    def test_as_json(self):
        seen = json.loads(self.succeeds("-o", "json", "inspect", guest("library-c")))
        self.assertEqual(seen["bytes"], guest("library-c").stat().st_size)
        self.assertEqual([item["name"] for item in seen["exports"]], ["wattle:demo/calc@1.0.0", "wattle:demo/counters@1.0.0"])
        self.assertEqual(seen["exports"][0]["functions"]["add"], "func(a: u32, b: u32) -> u32")
        self.assertGreater(seen["core-modules"][0]["bytes"], 1000)

    def test_resources_have_their_names(self):
        counters = json.loads(self.succeeds("-o", "json", "inspect", guest("library-c")))["exports"][1]["functions"]
        self.assertEqual(counters["[static]counter.merge"], "func(a: counter, b: counter) -> counter")

    def test_as_wit(self):
        out = self.succeeds("inspect", "--wit", guest("library-c"))
        for text in (
            "export wattle:demo/calc@1.0.0;", "package wattle:demo@1.0.0 {", "record point {", "rectangle(tuple<f64, f64>),",
            "divide: func(a: s64, b: s64) -> result<s64, string>;", "resource counter {", "constructor(start: u32);",
            "merge: static func(a: counter, b: counter) -> counter;", "sum: func(counters: list<borrow<counter>>) -> u32;",
        ):  # fmt: skip
            self.assertIn(text, out)
        self.assertEqual(json.loads(self.succeeds("-o", "json", "inspect", "--wit", guest("library-c")))["wit"].strip(), out.strip())

    def test_every_guest_has_wit_with_what_it_imports(self):
        for name in GUESTS:
            with self.subTest(guest=name):
                seen = json.loads(self.succeeds("-o", "json", "inspect", guest(name)))
                wit = self.succeeds("inspect", "--wit", guest(name))
                for item in seen["imports"]:
                    self.assertIn(f"import {item['name']}", wit)
                for item in seen["exports"]:
                    self.assertIn(f"export {item['name']}", wit)

    def test_a_reader_that_leaves_is_no_crash(self):
        process = self.start("inspect", guest("command-c"))
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        code = process.wait(SECONDS_MAX)
        self.assertIn(code, (0, 2, -13))
        self.assertNotIn(b"terminate", process.stderr.read())

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [WATTLE, "inspect", guest("command-c")], stdout=full, stderr=subprocess.PIPE, text=True,
                env=environment(), timeout=SECONDS_MAX,
            )  # fmt: skip
        self.assertEqual(done.returncode, 2)
        self.assertIn("error: cannot write the result to standard output", done.stderr)


class Validate(ProgramTest):
    def test_guests_are_valid(self):
        for name in GUESTS:
            with self.subTest(guest=name):
                self.assertEqual(self.succeeds("validate", guest(name)), f"{guest(name)}: valid\n")

    def test_as_json(self):
        seen = json.loads(self.succeeds("-o", "json", "validate", guest("hello-http-c")))
        self.assertEqual(seen, {"file": str(guest("hello-http-c")), "valid": True})

    def test_a_core_modules_code_is_checked(self):
        # A module that claims to return a number and does not, inside of a component.
        module = bytes.fromhex("0061736d0100000001050160000 17f030201000a040102000b".replace(" ", ""))
        component = b"\0asm\x0d\0\1\0" + bytes([1, len(module)]) + module
        self.refused_validation(self.file("bad.wasm", component))

    def refused_validation(self, path):
        done = self.wattle("validate", path)
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertIn("is not valid", done.err)
        self.assertIn("cause: ", done.err)


class Help(ProgramTest):
    def test_every_verb_has_an_example(self):
        for verb in VERBS:
            with self.subTest(verb=verb):
                out = self.succeeds(verb, "--help")
                self.assertRegex(out, rf"Examples?:\n  wattle {verb} \S+")
                self.assertIn("-o text|json", out)

    def test_the_program_names_its_verbs(self):
        out = self.succeeds("--help")
        for verb in VERBS:
            self.assertRegex(out, rf"\n  {verb} +[A-Z]")
        self.assertIn("Examples:\n", out)

    def test_examples_name_functions_that_there_are(self):
        exports = json.loads(self.succeeds("-o", "json", "inspect", guest("library-c")))["exports"][0]["functions"]
        # Of a component that is a file; cli_verbs calls those that run in a lattice.
        examples = [line for line in self.succeeds("call", "--help").splitlines() if line.startswith("  wattle call library.wasm")]
        self.assertGreater(len(examples), 1)
        for line in examples:
            done = subprocess.run(
                ["sh", "-c", line.replace("wattle", str(WATTLE), 1).replace("library.wasm", str(guest("library-c")))],
                capture_output=True, text=True, env=environment(), timeout=SECONDS_MAX,
            )  # fmt: skip
            self.assertEqual((done.returncode, done.stderr), (0, ""), line)
        self.assertIn("add", exports)

    def test_version(self):
        self.assertRegex(self.succeeds("--version"), r"^wattle \d+\.\d+\.\d+ \(V8 \d+\.\d+")


if __name__ == "__main__":
    unittest.main()
