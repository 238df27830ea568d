#!/usr/bin/env python3
"""Breaks every bound that the CRDs' schemas set, one by one, and asks the API server what it says.

For each field with a limit an object is made that holds just that field, once at the limit and once past it. The server
must complain of the field past the limit, in words that name the limit, and not at the limit.
"""

import sys

from server import Checks, Server, schema

# What the server says when a bound is broken.
SAYS = {
    "maxLength": "may not be more than {}",
    "maxItems": "must have at most {} item",
    "minItems": "should have at least {} items",
    "maxProperties": "must have at most {} item",
    "minLength": "should be at least {} chars long",
    "minimum": "should be greater than or equal to {}",
    "maximum": "should be less than or equal to {}",
    "enum": "supported values: ",
}


def values_at(node, bound):
    """A value at the limit (None: there is none to try) and one past it."""
    limit = node[bound]
    items = node.get("items", {})

    def some(count):
        return [filler(items, index) for index in range(count)]

    if bound == "maxLength":
        return "x" * limit, "x" * (limit + 1)
    if bound == "minLength":
        return "x" * limit, "x" * (limit - 1)
    if bound == "maxItems":
        return some(limit), some(limit + 1)
    if bound == "minItems":
        return some(limit), some(limit - 1)
    if bound == "maxProperties":
        return {f"k{i}": "v" for i in range(limit)}, {f"k{i}": "v" for i in range(limit + 1)}
    if bound == "minimum":
        return limit, limit - 1
    if bound == "maximum":
        return limit, limit + 1
    return limit[0], "Nonsense"


def filler(node, index):
    """Any value of the type, different for each index."""
    if node["type"] == "object":
        keys = [key for key, child in node.get("properties", {}).items() if child["type"] in ("string", "integer")]
        return {key: filler(node["properties"][key], index) for key in keys}
    if node["type"] == "array":
        return []
    if node["type"] == "integer":
        return max(node.get("minimum", 0), 1) + index
    if node["type"] == "boolean":
        return True
    if "enum" in node:
        return node["enum"][index % len(node["enum"])]
    return f"x{index:04}"[-max(2, node.get("maxLength", 9)):]


def walk(node, path):
    """Every node of the schema, with the path to it; [] stands for an entry of a list, {} for one of a map."""
    yield path, node
    for key, child in node.get("properties", {}).items():
        yield from walk(child, path + [key])
    if "items" in node:
        yield from walk(node["items"], path + ["[]"])
    if "additionalProperties" in node:
        yield from walk(node["additionalProperties"], path + ["{}"])


def wrap(path, value):
    for step in reversed(path):
        value = [value] if step == "[]" else {"key": value} if step == "{}" else {step: value}
    return value


def field_name(path):
    text = ""
    for step in path:
        text += "[0]" if step == "[]" else ".key" if step == "{}" else f".{step}"
    return text[1:]


def main():
    server, checks = Server(), Checks()
    for kind, crd in sorted(server.crds().items()):
        tried = 0
        for path, node in walk(schema(crd)["properties"]["spec"], ["spec"]):
            for bound in SAYS:
                if bound not in node or (bound in ("minItems", "minLength") and node[bound] < 1):
                    continue
                name, limit = field_name(path), node[bound]
                says = SAYS[bound].format(limit)

                def told(value):
                    thing = {"apiVersion": "espalier.io/v1alpha1", "kind": kind, "metadata": {"name": "x"}}
                    if crd["spec"]["scope"] == "Namespaced":
                        thing["metadata"]["namespace"] = "default"
                    thing.update(wrap(path, value))
                    complaints = server.complaints(crd, thing)
                    return [message for field, message in complaints if field == name and says in message], complaints

                at_limit, past = values_at(node, bound)
                here, all_here = told(at_limit)
                checks.check(f"{kind} {name} at {bound} {limit}", not here, None if not here else all_here)
                beyond, all_beyond = told(past)
                checks.check(f"{kind} {name} past {bound}", beyond, None if beyond else all_beyond)
                tried += 1
        print(f"ok   {kind}: {tried} bounds, tried at and past the limit")
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
