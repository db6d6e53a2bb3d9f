#!/usr/bin/env python3
"""wattle call: every function of library-c, with arguments and results as WAVE text."""

import json
import unittest

from program import ProgramTest, guest

CALC = "wattle:demo/calc@1.0.0"
# function, arguments, result, result as JSON
CALLS = [
    ("add", ["4294967295", "1"], "0", 0),
    ("length", ['"häb"'], "4", 4),
    ("echo", [r'"a\n\"b\" \u{1F600}"'], '"a\\n\\"b\\" \U0001f600"', 'a\n"b" \U0001f600'),
    ("reverse", ["[1, 2, 255]"], "[255, 2, 1]", [255, 2, 1]),
    ("translate", ["{x: 1, y: -2}", "(10, 20)"], "{x: 11, y: 18}", {"x": 11, "y": 18}),
    ("area", ["circle(1)"], "3.141592653589793", 3.141592653589793),
    ("area", ["rectangle((2, 2.5))"], "5", 5),
    ("area", ["nothing"], "0", 0),
    ("invert", ["{read}"], "{write, execute}", ["write", "execute"]),
    ("next", ["blue"], "red", "red"),
    ("find", ['"häb"', "'b'"], "some(3)", 3),
    ("find", ['"häb"', "'x'"], "none", None),
    ("divide", ["-7", "2"], "ok(-3)", {"ok": -3}),
    ("divide", ["7", "0"], 'err("division by zero")', {"err": "division by zero"}),
    ("bounds", ["[3, -1, 2]"], "some((-1, 3))", [-1, 3]),
    ("bounds", ["[]"], "none", None),
    ("join", ['["a", "b", "c"]', '"-"'], '"a-b-c"', "a-b-c"),
    ("negate", ["true"], "false", False),
    ("halve", ["3"], "1.5", 1.5),
    ("centre", ["[{x: 1, y: 2}, {x: 3, y: 4}]"], "ok({x: 2, y: 3})", {"ok": {"x": 2, "y": 3}}),
    ("centre", ["[]"], "err", {"err": None}),
]


class Call(ProgramTest):
    def test_every_function_and_its_result_as_text(self):
        for function, arguments, result, _ in CALLS:
            with self.subTest(function=function, arguments=arguments):
                out = self.succeeds("call", guest("library-c"), f"{CALC}.{function}", *arguments)
                self.assertEqual(out, result + "\n")

    def test_results_as_json(self):
        for function, arguments, _, result in CALLS:
            with self.subTest(function=function, arguments=arguments):
                out = self.succeeds("-o", "json", "call", guest("library-c"), f"{CALC}.{function}", *arguments)
                self.assertEqual(json.loads(out), {"result": result})

    def test_a_result_is_an_argument_again(self):
        once = self.succeeds("call", guest("library-c"), f"{CALC}.translate", "{x: 1, y: 2}", "(1, 1)").strip()
        again = self.succeeds("call", guest("library-c"), f"{CALC}.translate", once, "(-1, -1)").strip()
        self.assertEqual(again, "{x: 1, y: 2}")

    def test_arguments_behind_two_dashes(self):
        self.assertEqual(self.succeeds("call", guest("library-c"), f"{CALC}.divide", "--", "-9", "-3"), "ok(3)\n")

    def test_another_version_of_the_track_is_found(self):
        self.assertEqual(self.succeeds("call", guest("library-c"), "wattle:demo/calc@1.2.0.add", "2", "3"), "5\n")

    def test_through_a_composition(self):
        out = self.succeeds("call", guest("composed"), "wattle:caller/caller@1.0.0.run-add", "2", "3")
        self.assertEqual(out, "5\n")

    def test_with_grants_in_javascript(self):
        out = self.succeeds("call", guest("files-js"), "wasi:cli/run@0.2.12.run", "--dir", f"{self.folder}::/")
        self.assertEqual(out.splitlines()[-1], "ok")
        self.assertEqual((self.folder / "wattle.txt").read_text().strip(), "written by a component")


if __name__ == "__main__":
    unittest.main()
