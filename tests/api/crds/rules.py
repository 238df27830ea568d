#!/usr/bin/env python3
"""rules.py FILE...: each object of the files is refused by the API server for the one reason that it was written for.

An object's annotation `says` is (part of) the message, `field` the field that the server names; with `instead-of`, the
object is put in place of the stored one of that name. Every rule of every CRD must be broken by some object, at every place where
the schema has it.
"""

import re
import sys

from server import Checks, Server, read_manifests, schema


def rules(node, at=""):
    """(place, message) of each rule: ("spec.peers[].ipBlock", "...")."""
    for rule in node.get("x-kubernetes-validations", []):
        yield at, rule["message"]
    for name, child in node.get("properties", {}).items():
        yield from rules(child, f"{at}.{name}".lstrip("."))
    for child in (node.get("items"), node.get("additionalProperties")):
        if isinstance(child, dict):
            yield from rules(child, at + "[]")


def place(field):
    return re.sub(r"\[[^]]*\]", "[]", field)


def main():
    server, checks = Server(), Checks()
    crds = server.crds()
    broken = {kind: set() for kind in crds}
    for path in sys.argv[1:]:
        for thing in read_manifests(path):
            kind = thing["kind"]
            wanted = thing["metadata"].pop("annotations")
            what = f"{kind} {thing['metadata']['name']}"
            old = wanted.get("instead-of")
            if old:
                thing["metadata"]["name"] = old
            complaints = server.complaints(crds[kind], thing, old)
            good = [message for field, message in complaints
                    if wanted["says"] in message and field == wanted["field"]]
            checks.check(f"{what}: {wanted['says']}", good and len(complaints) == 1, complaints)
            broken[kind].update((at, message) for field, text in complaints for at, message in rules(schema(crds[kind]))
                                if message in text and at == place(field))
    for kind, crd in sorted(crds.items()):
        missing = sorted(set(rules(schema(crd))) - broken[kind])
        checks.check(f"{kind}: every rule was broken where it stands", not missing, missing)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
