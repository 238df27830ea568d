#!/usr/bin/env python3
"""Proof that the house's rules can fail: a small sound tree, broken in one way at a time."""

import pathlib
import re
import tempfile
import unittest

import house
import tree

EDGES = """
* (tests)  : cmake/fuzz      : gtest system threads
base       :                 :
wire       : base            :
port       : base            :
port/nl    : base  port      : libnl system threads
engine     : base  wire  port/key.h :
engine (tests) : port/nl     :
main       : *               : *
"""
HEADER = "// What it is.\n#pragma once\n"
SOUND = {
    "tests/house/allowed_edges.txt": EDGES,
    "tests/house/foreign.txt": (pathlib.Path(__file__).parent / "foreign.txt").read_text(),
    "tests/house/exceptions.txt": "",
    "base/README.md": "",
    "base/text.h": HEADER + "#include <string>\n",
    "wire/README.md": "",
    "wire/reader.h": HEADER + '#include "base/text.h"\n',
    "wire/reader.cc": '#include "wire/reader.h"\n',
    "port/README.md": "",
    "port/key.h": HEADER,
    "port/kernel.h": HEADER,
    "port/nl/README.md": "",
    "port/nl/socket.cc": '#include <sys/socket.h>\n#include <netlink/netlink.h>\n#include "port/kernel.h"\n',
    "port/nl/socket.h": HEADER,
    "engine/README.md": "",
    "engine/engine.cc": '#include "port/key.h"\n#include "wire/reader.h"\n',
    "engine/engine_test.cc": '#include <gtest/gtest.h>\n#include "engine/engine.h"\n#include "port/nl/socket.h"\n',
    "engine/engine.h": HEADER,
}
FLAGS = "espalier_build_flags"


class Graph:
    """The link graph as CMake would write it, one target at a time."""

    def __init__(self):
        self.targets = {
            FLAGS: ("INTERFACE_LIBRARY", "", "", "", ""),
            "espalier_base": ("STATIC_LIBRARY", "base", "text.cc", f"{FLAGS};fmt::fmt", FLAGS),
            "espalier_wire": ("STATIC_LIBRARY", "wire", "reader.cc", f"{FLAGS};espalier::base", f"{FLAGS};espalier::base"),
            "espalier_key": ("STATIC_LIBRARY", "port", "key.cc", FLAGS, FLAGS),
            "espalier_port": ("STATIC_LIBRARY", "port", "kernel.cc", FLAGS, FLAGS),
            "espalier_nl": ("STATIC_LIBRARY", "port/nl", "socket.cc", "espalier::port;PkgConfig::LIBNL", "$<LINK_ONLY:espalier::port>"),
            "espalier_engine": ("STATIC_LIBRARY", "engine", "engine.cc", "espalier::wire;espalier::key", "espalier::wire"),
            "engine_test": ("EXECUTABLE", "engine", "engine_test.cc", "espalier::engine;espalier::nl;GTest::gmock", ""),
        }

    def text(self, root):
        return "".join(
            "\t".join([name, kind, str(root / folder), sources, links, interface]) + "\n"
            for name, (kind, folder, sources, links, interface) in self.targets.items()
        )


def breaches(changes=None, graph=None):
    """What the rules say of the sound tree with `changes` (a value of None removes the file)."""
    files = {**SOUND, **(changes or {})}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        for path, text in files.items():
            if text is not None:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
        return house.breaches(root, graph.text(root) if graph else None)


class HouseTest(unittest.TestCase):
    def expect(self, *patterns, changes=None, graph=None):
        told, _ = breaches(changes, graph)
        self.assertEqual(len(told), len(patterns), told)
        for pattern in patterns:
            self.assertEqual(sum(bool(re.search(pattern, line)) for line in told), 1, f"{pattern} in {told}")

    def test_a_sound_tree_has_no_breach(self):
        self.expect(graph=Graph())

    def test_comments_and_strings_are_not_code(self):
        self.expect(changes={"engine/engine.cc": '// abort() std::thread\n/* throw\n */\n'
                                                 'const char* kText = "assert(1) // \\" throw";\n'
                                                 'const auto kRaw = R"x(throw "abort()" )x"; const int kBig = 1\'000\'000;\n'})

    # Who may include whom.
    def test_include_of_a_folder_not_listed(self):
        self.expect(r'wire/reader.cc: \[edge\] wire may not include "engine/engine.h"',
                    changes={"wire/reader.cc": '#include "engine/engine.h"\n'})

    def test_a_listed_header_opens_only_that_header(self):
        self.expect(r'\[edge\] engine may not include "port/kernel.h"',
                    changes={"engine/engine.cc": '#include "port/kernel.h"\n'})

    def test_what_tests_may_include_code_may_not(self):
        self.expect(r'\[edge\] engine may not include "port/nl/socket.h"',
                    changes={"engine/engine.cc": '#include "port/nl/socket.h"\n'})

    def test_include_of_a_foreign_library(self):
        self.expect(r"engine/engine.cc: \[edge\] engine may not include <pk11pub.h> \(nss\)",
                    changes={"engine/engine.cc": "#include <pk11pub.h>\n"})

    def test_include_of_gtest_outside_a_test(self):
        self.expect(r"\[edge\] engine may not include <gtest/gtest.h>",
                    changes={"engine/engine.cc": "#include <gtest/gtest.h>\n"})

    def test_include_of_a_library_nobody_knows(self):
        self.expect(r"\[foreign\] <zlib/zlib.h> belongs to no library",
                    changes={"engine/engine.cc": "#include <zlib/zlib.h>\n"})

    def test_include_by_a_path_not_from_the_root(self):
        self.expect(r'\[path\] "reader.h" is no path from the root', changes={"wire/reader.cc": '#include "reader.h"\n'})

    def test_a_folder_without_a_line(self):
        self.expect(r"\[folder\] folder attic has no line", changes={"attic/box.cc": "\n", "attic/README.md": ""})

    def test_arrows_in_a_circle(self):
        self.expect(r"\[circle\] base -> wire -> base",
                    changes={"tests/house/allowed_edges.txt": EDGES.replace("base       :                 :", "base : wire :")})

    # What may be named where.
    def test_system_headers_and_names_in_a_core_folder(self):
        for code in ("#include <sys/socket.h>", "#include <thread>", "#include <fstream>",
                     "auto t = std::chrono::steady_clock::now();", 'auto v = getenv("HOME");', 'std::printf("x");'):
            with self.subTest(code):
                self.expect(r"engine/engine.cc\S* \[system\]", changes={"engine/engine.cc": code + "\n"})

    def test_abort_anywhere_but_in_tests(self):
        for code in ("assert(x > 0);", "std::abort();", "std::terminate();"):
            with self.subTest(code):
                self.expect(r"port/nl/socket.cc:2: \[abort\]", changes={"port/nl/socket.cc": "\n" + code + "\n"})
        self.expect(changes={"port/nl/socket.cc": 'static_assert(sizeof(int) == 4, "");\n', "engine/engine_test.cc": "abort();\n"})

    def test_throw_in_a_core_folder(self):
        self.expect(r"engine/engine.cc:1: \[throw\]", changes={"engine/engine.cc": "throw 1;\n"})

    def test_a_test_that_sleeps(self):
        self.expect(r"\[sleep\] sleep_for", changes={"engine/engine_test.cc": "std::this_thread::sleep_for(x);\n"})

    # Shape.
    def test_names_that_say_nothing(self):
        for path in ("wire/reader_util.cc", "wire/common.cc", "wire/key_manager.cc"):
            with self.subTest(path):
                self.expect(path + r": \[name\]", changes={path: "\n"})

    def test_a_header_that_does_not_say_what_it_is(self):
        self.expect(r"wire/reader.h:1: \[header\] a header opens", changes={"wire/reader.h": "#pragma once\n// late\n"})
        self.expect(r"wire/reader.h:1: \[header\] no #pragma once", changes={"wire/reader.h": "// #pragma once\n"})

    def test_a_file_too_long(self):
        self.expect(r"wire/reader.cc:601: \[long\]", changes={"wire/reader.cc": "\n" * 601})
        told, long = breaches({"wire/reader.cc": "\n" * 600})
        self.assertEqual((told, long), ([], [("wire/reader.cc", 600)]))

    def test_a_folder_without_a_readme(self):
        self.expect(r"wire: \[readme\] no README.md", changes={"wire/README.md": None})
        self.expect(r"wire/README.md: \[readme\] 31 lines", changes={"wire/README.md": "\n" * 31})

    def test_exceptions_excuse_their_path_alone_and_must_be_needed(self):
        long = {"wire/reader.cc": "\n" * 601, "tests/house/exceptions.txt": "long wire/reader.* a table\n"}
        self.expect(changes=long)
        self.expect(r"engine/engine.cc:601: \[long\]", changes={**long, "engine/engine.cc": "\n" * 601})
        self.expect(r"\[exception\] 'long wire/reader.\*' is needed no more", changes={**long, "wire/reader.cc": "\n"})

    # What CMake links.
    def test_link_with_a_folder_not_listed(self):
        graph = Graph()
        graph.targets["espalier_wire"] = ("STATIC_LIBRARY", "wire", "reader.cc", "espalier::base;espalier::engine", "")
        self.expect(r"wire/CMakeLists.txt: \[link\] espalier_wire may not link espalier_engine", graph=graph)

    def test_a_listed_header_opens_only_its_target(self):
        graph = Graph()
        graph.targets["espalier_engine"] = ("STATIC_LIBRARY", "engine", "engine.cc",
                                            "espalier::wire;espalier::key;espalier::port", "")
        self.expect(r"\[link\] espalier_engine may not link espalier_port", graph=graph)

    def test_link_with_a_foreign_library(self):
        graph = Graph()
        graph.targets["espalier_wire"] = ("STATIC_LIBRARY", "wire", "reader.cc", "espalier::base;PkgConfig::NSS", "espalier::base")
        self.expect(r"\[link\] espalier_wire may not link PkgConfig::NSS", r"\[purity\] espalier_wire ends up linked with nss",
                    r"\[purity\] espalier_engine ends up linked with nss", graph=graph)

    def test_a_foreign_library_that_comes_in_deep_down(self):
        graph = Graph()
        graph.targets["espalier_key"] = ("STATIC_LIBRARY", "port", "key.cc", "espalier::nl", "")
        self.expect(r"\[link\] espalier_key may not link espalier_nl", r"\[purity\] espalier_key ends up linked with libnl",
                    r"\[purity\] espalier_engine ends up linked with libnl", graph=graph)

    def test_link_with_a_library_nobody_knows(self):
        graph = Graph()
        graph.targets["espalier_base"] = ("STATIC_LIBRARY", "base", "text.cc", "z", "")
        self.expect(r"\[foreign\] espalier_base links z", graph=graph)

    def test_an_include_without_a_declared_dependency(self):
        graph = Graph()
        graph.targets["espalier_engine"] = ("STATIC_LIBRARY", "engine", "engine.cc", "espalier::wire", "")
        self.expect(r'\[undeclared\] includes "port/key.h", but espalier_engine declares no dependency on port', graph=graph)

    def test_tables_that_cannot_be_read(self):
        for table in (tree.Edges, tree.Foreign, tree.Exceptions):
            with self.subTest(table.__name__), self.assertRaises(ValueError):
                table("one-column")


if __name__ == "__main__":
    unittest.main()
