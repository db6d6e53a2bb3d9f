#!/usr/bin/env python3
"""The rules of the house that need no compiler: includes, CMake dependencies, shape of files, format.

The table of folders is read from docs/architecture.md, where people read it too.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINES_MAX = 700
CODE_FOLDERS = ("src", "sdk", "tests", "bench", "fuzz", "examples")
CODE_SUFFIXES = (".h", ".c", ".cpp")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
ROW = re.compile(r"^\| `src/(\w+)(?:/\*)?` \| .* \| ([\w ]+) \|$", re.MULTILINE)
# Each folder in it is a library of its own, which none of its neighbours may include.
NESTED = "providers"
V8_HEADERS = re.compile(r"^(v8[-\w]*\.h|libplatform/.*|node\.h|node_.*\.h)$")


def read_table(text):
    """Folder -> all folders it may include, itself and the transitive ones among them."""
    rows = {folder: names.split() for folder, names in ROW.findall(text)}
    allowed = {}

    def close(folder, seen):
        if folder in seen:
            raise ValueError(f"the table is circular at {folder}")
        if folder not in rows:
            raise ValueError(f'the table names "{folder}", which has no row')
        if folder not in allowed:
            names = [] if rows[folder] == ["nothing"] else rows[folder]
            if names == ["all"]:
                names = [other for other in rows if other != folder]
            allowed[folder] = {folder}.union(*(close(name, seen | {folder}) for name in names))
        return allowed[folder]

    for folder in rows:
        close(folder, frozenset())
    return allowed


def unit_of(parts):
    """The folder that a file beneath src/ belongs to: "http", or "providers/keyvalue_redis"."""
    return "/".join(parts[:2]) if parts[0] == NESTED and len(parts) > 2 else parts[0]


def may_include(allowed, own, target):
    if own == target:
        return True
    top = own.split("/")[0]
    if target.split("/")[0] not in allowed.get(top, ()):
        return False
    return "/" not in target or top != NESTED


def code_files(root):
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in CODE_SUFFIXES and "node_modules" not in path.parts and path.is_file():
                yield path


def include_faults(root, allowed):
    faults = []
    for path in code_files(root):
        parts = path.relative_to(root).parts
        own = unit_of(parts[1:]) if parts[0] == "src" else None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            quote, target = found.groups()
            place = f"{path.relative_to(root)}:{number}"
            if V8_HEADERS.match(target) and own != "engine":
                faults.append(f"{place}: only src/engine includes {target}")
            if own is None or quote == "<":
                continue
            folder = unit_of(target.split("/"))
            if "/" not in target or folder.split("/")[0] not in allowed:
                faults.append(f'{place}: write "{target}" as it is found from src/, folder first')
            elif not may_include(allowed, own, folder):
                faults.append(f"{place}: src/{own} may not include src/{folder} (table in docs/architecture.md)")
            elif not (root / "src" / target).is_file():
                faults.append(f"{place}: there is no src/{target}")
    return faults


def dependency_faults(root, allowed):
    faults = []
    nested = {path.name: f"{NESTED}/{path.name}" for path in (root / "src" / NESTED).glob("*") if path.is_dir()}
    lists = [*(root / "src").glob("*/CMakeLists.txt"), *(root / "src" / NESTED).glob("*/CMakeLists.txt")]
    for path in sorted(lists):
        own = str(path.parent.relative_to(root / "src"))
        if own.split("/")[0] not in allowed:
            faults.append(f"src/{own} has no row in the table of docs/architecture.md")
            continue
        for name, arguments in re.findall(r"wattle_library\(\s*(\w+)([^)]*)\)", path.read_text()):
            words = arguments.split()
            depends = []
            if "DEPENDS" in words:
                for word in words[words.index("DEPENDS") + 1 :]:
                    if word.isupper():
                        break
                    depends.append(word)
            faults += [
                f"src/{own}/CMakeLists.txt: {name} may not depend on {folder} (table in docs/architecture.md)"
                for folder in depends
                if not may_include(allowed, own, nested.get(folder, folder))
            ]
    return faults


def shape_faults(root):
    faults = []
    for path in code_files(root):
        text = path.read_text()
        place = path.relative_to(root)
        lines = text.count("\n")
        if lines > LINES_MAX:
            faults.append(f"{place}: {lines} lines, at most {LINES_MAX}; split it by job")
        if path.suffix == ".h":
            if not text.startswith("//"):
                faults.append(f"{place}: a header opens with its purpose, in a comment")
            if not re.search(r"^#pragma once$", text, re.MULTILINE):
                faults.append(f"{place}: #pragma once is missing")
        if text and not text.endswith("\n"):
            faults.append(f"{place}: the last line has no end")
    return faults


class House(unittest.TestCase):
    """The project as it is."""

    def setUp(self):
        self.allowed = read_table((ROOT / "docs" / "architecture.md").read_text())

    def none(self, faults):
        self.assertFalse(faults, "\n" + "\n".join(faults))

    def test_every_folder_has_a_row(self):
        folders = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
        self.assertEqual(folders, set(self.allowed))

    def test_includes_keep_to_the_table(self):
        self.none(include_faults(ROOT, self.allowed))

    def test_cmake_dependencies_keep_to_the_table(self):
        self.none(dependency_faults(ROOT, self.allowed))

    def test_files_have_their_shape(self):
        self.none(shape_faults(ROOT))

    def test_code_is_formatted(self):
        formatter = shutil.which("clang-format-19")
        self.assertTrue(formatter, "clang-format-19 is missing; run tools/install")
        files = [str(path.relative_to(ROOT)) for path in code_files(ROOT)]
        done = subprocess.run(
            [formatter, "--dry-run", "-Werror", "--ferror-limit=1", *files], cwd=ROOT, capture_output=True, text=True
        )
        unformatted = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "-Wclang-format-violations" in line})
        self.assertEqual(done.returncode, 0, "\nclang-format-19 -i " + " ".join(unformatted or [done.stderr[-2000:]]))


class Checker(unittest.TestCase):
    """The checks themselves: each finds the fault that it is for."""

    TABLE = "| `src/base` | x | nothing |\n| `src/async` | x | base |\n| `src/engine` | x | async |\n| `src/cli` | x | all |\n"

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.allowed = read_table(self.TABLE)
        self.write("src/base/result.h", "// Purpose.\n#pragma once\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def test_table_is_transitive(self):
        self.assertEqual(self.allowed["engine"], {"engine", "async", "base"})
        self.assertEqual(self.allowed["cli"], {"cli", "engine", "async", "base"})

    def test_circular_table_is_refused(self):
        with self.assertRaises(ValueError):
            read_table("| `src/a` | x | b |\n| `src/b` | x | a |\n")

    def test_allowed_include_passes(self):
        self.write("src/engine/x.cpp", '#include "base/result.h"\n#include <v8.h>\n')
        self.assertEqual(include_faults(self.root, self.allowed), [])

    def test_include_against_the_table_is_found(self):
        self.write("src/engine/x.h", "// Purpose.\n#pragma once\n")
        self.write("src/base/x.cpp", '#include "engine/x.h"\n')
        self.assertIn("src/base/x.cpp:1", include_faults(self.root, self.allowed)[0])

    def test_v8_outside_the_engine_is_found(self):
        self.write("src/async/x.cpp", "#include <v8.h>\n")
        self.assertIn("only src/engine", include_faults(self.root, self.allowed)[0])

    def test_include_without_folder_is_found(self):
        self.write("src/base/x.cpp", '#include "result.h"\n')
        self.assertIn("folder first", include_faults(self.root, self.allowed)[0])

    def test_dependency_against_the_table_is_found(self):
        self.write("src/base/CMakeLists.txt", "wattle_library(base DEPENDS async LIBRARIES fmt::fmt)\n")
        self.assertIn("may not depend on async", dependency_faults(self.root, self.allowed)[0])

    def test_provider_that_includes_another_is_found(self):
        self.allowed = read_table(self.TABLE + "| `src/providers/*` | x | base |\n")
        self.write("src/providers/shared.h", "// Purpose.\n#pragma once\n")
        self.write("src/providers/one/one.h", '// Purpose.\n#pragma once\n#include "providers/shared.h"\n')
        self.write("src/providers/two/two.cpp", '#include "providers/one/one.h"\n')
        self.write("src/cli/x.cpp", '#include "providers/one/one.h"\n')
        self.assertEqual(len(include_faults(self.root, self.allowed)), 1)
        self.assertIn("src/providers/two/two.cpp:1", include_faults(self.root, self.allowed)[0])
        self.write("src/providers/two/CMakeLists.txt", "wattle_library(two DEPENDS base one)\n")
        self.assertIn("may not depend on one", dependency_faults(self.root, self.allowed)[0])

    def test_long_file_is_found(self):
        self.write("src/base/x.cpp", "\n" * (LINES_MAX + 1))
        self.assertIn("split it", shape_faults(self.root)[0])

    def test_header_without_purpose_is_found(self):
        self.write("src/base/x.h", "#pragma once\n")
        self.assertIn("purpose", shape_faults(self.root)[0])


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(unittest.main(verbosity=1))
