#!/usr/bin/env python3
"""wattle app: manifests as they are checked before anybody puts them."""

import json
import pathlib
import unittest

from program import ProgramTest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "tests" / "manifests"

GOOD = """apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: {name: hello, annotations: {version: v1}}
spec:
  components:
    - name: hello
      type: component
      properties: {image: ./hello.wasm}
      traits:
        - {type: spreadscaler, properties: {instances: 3}}
    - name: web
      type: capability
      properties: {image: "ghcr.io/wasmcloud/http-server:0.28.0"}
      traits:
        - type: link
          properties:
            target: {name: hello}
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
"""


class Validate(ProgramTest):
    def manifest(self, text=GOOD, name="app.yaml"):
        self.file("hello.wasm", "")
        return self.file(name, text)

    def findings(self, *words):
        """What is told of the files, and the error that sums it up."""
        done = self.wattle("app", "validate", *words)
        self.assertEqual(done.code, 2, done)
        self.assertRegex(done.err, r"^error: \d+ of \d+ manifest files? not valid\n  remedy: .+\n$")
        return done.out

    def test_a_valid_one(self):
        path = self.manifest()
        self.assertEqual(
            self.succeeds("app", "validate", path), f"{path}: valid: application hello of 1 component, 1 provider, 1 link\n"
        )

    def test_every_example_is_valid_beside_the_others(self):
        files = sorted(MANIFESTS.iterdir())
        self.assertGreater(len(files), 8)
        out = self.succeeds("app", "validate", *files, ROOT / "examples/shop/wattle.yaml")
        self.assertEqual(out.count(": valid: application "), len(files) + 1, out)

    def test_problems_have_file_line_column_and_path(self):
        path = self.manifest(GOOD.replace("instances: 3", "instances: many").replace("interfaces:", "interface:"))
        out = self.findings(path).splitlines()
        self.assertEqual(len(out), 3, out)
        self.assertEqual(
            out[0],
            f"{path}:10:56: error: spec.components[0].traits[0].properties.instances: "
            'expected a whole number from 0 to 1000000, found the text "many"',
        )
        self.assertTrue(out[1].startswith(f"{path}:17:13: error: spec.components[1].traits[0].properties.interfaces: "), out)
        self.assertTrue(out[2].endswith('there is no field "interface" here; did you mean "interfaces"?'), out)

    def test_as_json(self):
        [seen] = json.loads(self.succeeds("-o", "json", "app", "validate", self.manifest()))
        self.assertEqual((seen["valid"], seen["problems"]), (True, []))
        [application] = seen["applications"]
        self.assertEqual(application["providers"][0], {
            "name": "web", "id": "hello-web", "image": "ghcr.io/wasmcloud/http-server:0.28.0", "reference": "builtin://http-server",
        })  # fmt: skip
        self.assertEqual((application["links"][0]["source_id"], application["links"][0]["target"]), ("hello-web", "hello-hello"))

        bad = self.manifest(GOOD.replace("target: {name: hello}", "target: {name: helo}"))
        done = self.wattle("-o", "json", "app", "validate", MANIFESTS / "daemons.yaml", bad)
        self.assertEqual(done.code, 2, done)
        self.assertEqual(json.loads(done.err)["error"]["code"], "invalid")
        first, second = json.loads(done.out)
        self.assertEqual((first["valid"], second["valid"]), (True, False))
        [problem] = second["problems"]
        self.assertEqual((problem["severity"], problem["line"], problem["column"]), ("error", 17, 28))
        self.assertEqual(problem["path"], "spec.components[1].traits[0].properties.target.name")
        self.assertEqual(problem["remedy"], 'did you mean "hello"?')

    def test_files_are_checked_together(self):
        other = self.manifest(GOOD.replace("name: hello, ann", "name: other, ann"), "other.yaml")
        out = self.findings(self.manifest(), other)
        self.assertIn('the port 8000 is that of the application "other" too', out)
        self.assertIn("is declared twice", self.findings(self.manifest(), self.manifest(name="copy.yaml")))
        shared = GOOD.replace("version: v1}", 'version: v1, experimental.wasmcloud.dev/shared: "false"}')
        user = GOOD.replace("name: hello, ann", "name: user, ann").replace(
            'image: "ghcr.io/wasmcloud/http-server:0.28.0"', "application: {name: hello, component: web}"
        )
        out = self.findings(self.manifest(shared), self.manifest(user, "user.yaml"))
        self.assertIn('the application "hello" is not shared', out)

    def test_a_file_beside_it_that_is_missing(self):
        out = self.succeeds("app", "validate", self.manifest(GOOD.replace("hello.wasm", "gone.wasm")))
        self.assertIn(f"warning: spec.components[0].properties.image: there is no file {self.folder}/gone.wasm", out)

    def test_what_is_no_manifest(self):
        self.assertIn("no YAML", self.findings(self.file("x.yaml", "a: [b\n")))
        self.assertIn("expected a manifest", self.findings(self.file("x.yaml", "hello\n")))
        self.assertIn("empty", self.findings(self.file("x.yaml", "")))
        self.assertIn("deeper", self.findings(self.file("x.yaml", "[" * 100_000)))
        self.assertIn("no YAML", self.findings(self.file("x.yaml", b"\0asm\xff\xff")))
        self.refused("app", "validate", "missing.yaml", says=['"missing.yaml"', "No such file"], remedy=["check the path"])
        self.refused("app", "validate", says=["file"], remedy=["--help"])

    def test_a_table_of_images(self):
        table = self.succeeds("app", "images")
        self.assertIn('"ghcr.io/wasmcloud/http-server": "builtin://http-server"\n', table)
        path = self.file("images.yaml", table.replace('"builtin://http-server"', '"ghcr.io/example/web:1"'))
        [seen] = json.loads(self.succeeds("-o", "json", "app", "validate", self.manifest(), "--images", path))
        self.assertEqual(seen["applications"][0]["providers"][0]["reference"], "ghcr.io/example/web:1")
        self.assertEqual(self.succeeds("app", "images", "--images", path).count("ghcr.io/example/web:1"), 3)
        self.refused("app", "images", "--images", self.file("x.yaml", "imagse: {}"), says=['did you mean "images"?'], remedy=["change"])
        self.refused("app", "images", "--images", path, "--of-manager", says=["do not go together"], remedy=["leave one"])


class Schema(ProgramTest):
    def test_it_takes_every_example(self):
        try:
            import jsonschema
            import yaml
        except ImportError:
            self.skipTest("python3-jsonschema and python3-yaml are not installed")
        validator = jsonschema.Draft202012Validator(json.loads(self.succeeds("app", "schema")))
        texts = [path.read_text() for path in [*MANIFESTS.iterdir(), ROOT / "examples/shop/wattle.yaml"]]
        documents = [one for text in texts for one in yaml.safe_load_all(text) if one["apiVersion"] != "v1"]
        self.assertGreater(len(documents), 10)
        for document in documents:
            with self.subTest(name=document["metadata"]["name"]):
                validator.validate(document)
                for path in (("kind",), ("metadata", "name"), ("spec",)):
                    broken = json.loads(json.dumps(document))
                    inner = broken
                    for key in path[:-1]:
                        inner = inner[key]
                    inner[path[-1]] = 5
                    self.assertFalse(validator.is_valid(broken))


class Help(ProgramTest):
    def test_every_verb_has_an_example(self):
        verbs = "validate schema images put deploy undeploy rollback delete list get status versions history diff"
        for words in ((), *((verb,) for verb in verbs.split())):
            self.assertRegex(self.succeeds("app", *words, "--help"), r"Examples?:\n  wattle app ")


if __name__ == "__main__":
    unittest.main()
