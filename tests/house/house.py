#!/usr/bin/env python3
"""house.py ROOT [--graph FILE]: checks the house's rules; says each breach on a line; exit status 1 if there is one."""

import argparse
import pathlib
import sys

import link_graph
import rules
import tree


def breaches(root, graph=None):
    """Every breach as "path:line: [rule] what", and the files that are long but not too long."""
    root = pathlib.Path(root).resolve()
    tables = root / "tests" / "house"
    edges = tree.Edges((tables / "allowed_edges.txt").read_text())
    foreign = tree.Foreign((tables / "foreign.txt").read_text())
    exceptions = tree.Exceptions((tables / "exceptions.txt").read_text())
    files = tree.read_files(root)

    found = [
        *rules.edges_between_folders(files, edges, foreign),
        *rules.edges_form_no_circle(edges),
        *rules.code_lines(files, edges),
        *rules.shape(files),
    ]
    if graph is not None:
        found += link_graph.check(link_graph.read(graph, root), edges, foreign, files)

    told = [
        f"{path}:{line}: [{rule}] {what}" if line else f"{path}: [{rule}] {what}"
        for rule, path, line, what in found
        if not exceptions.covers(rule, path)
    ]
    told += [f"tests/house/exceptions.txt: [exception] '{rule} {glob}' is needed no more" for rule, glob in exceptions.unused()]
    return sorted(set(told)), rules.long_files(files)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root")
    parser.add_argument("--graph", help="the link graph that CMake wrote")
    options = parser.parse_args()
    graph = pathlib.Path(options.graph).read_text() if options.graph else None
    told, long = breaches(options.root, graph)
    for path, lines in long:
        print(f"long, but allowed: {path} ({lines} lines)")
    for line in told:
        print(line)
    print(f"{len(told)} breaches of the house's rules" if told else "the house's rules hold")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
