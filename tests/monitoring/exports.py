#!/usr/bin/env python3
"""exports.py agent|operator METRICS TABLE: what a program exports is what the table says of it, and the other way round.

METRICS is the text of /metrics, TABLE is docs/metrics.md. Names and types must be the same both ways, the labels of each sample those of
its row, where "or" separates labels that not every sample has. Prints one line for each difference; the status is 0 when there is none.
"""

import re
import sys

SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def table(path):
    rows = {}
    for line in open(path, encoding="utf-8"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 5 or not cells[0].startswith("`"):
            continue
        name, kind, labels, by, _ = cells
        labels = [set(re.findall(r"`(\w+)`", way)) for way in labels.split(" or ")]
        rows[name.strip("`")] = (kind, labels, ["agent", "operator"] if by == "both" else [by])
    return rows


def exported(path):
    families, samples = {}, {}
    for line in open(path, encoding="utf-8"):
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            families[name] = kind
        elif not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
            found = set(re.findall(r'(\w+)="(?:[^"\\]|\\.)*"', labels or "")) - {"le"}
            samples.setdefault(name, []).append(found)
    return families, samples


def main():
    who, metrics, document = sys.argv[1:]
    rows = {name: row for name, row in table(document).items() if who in row[2]}
    families, samples = exported(metrics)
    wrong = [f"{name} is exported and not in the table" for name in families.keys() - rows.keys()]
    for name, (kind, labels, _) in rows.items():
        if name not in families:
            wrong.append(f"{name} is in the table and not exported")
            continue
        if families[name] != kind:
            wrong.append(f"{name} is a {families[name]}, the table says {kind}")
        if (kind == "counter") != name.endswith("_total"):
            wrong.append(f"{name}: what only grows ends in _total, and nothing else does")
        for sample in [name + suffix for suffix in SUFFIXES.get(kind, ("",))]:
            for found in samples.get(sample, []):
                if found not in labels:
                    wrong.append(f"{sample} has labels {sorted(found)}, the table says {[sorted(way) for way in labels]}")
    print("\n".join(sorted(set(wrong))) or f"{len(families)} metrics as in the table")
    return 1 if wrong or not families else 0


sys.exit(main())
