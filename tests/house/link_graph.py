"""The rules about what CMake links: the graph is written at configure time by CMakeLists.txt beside this file."""

import dataclasses
import pathlib
import re

PURE_EVERYWHERE = {"std", "fmt", "expected"}
# Header-only and without I/O: named only where the table says so, but no matter who is linked with it.
PURE_BELOW = PURE_EVERYWHERE | {"json"}


@dataclasses.dataclass
class Target:
    name: str
    kind: str
    folder: str
    sources: list
    links: set = dataclasses.field(default_factory=set)       # what it is linked with
    interface: set = dataclasses.field(default_factory=set)   # what its users get with it

    @property
    def is_test(self):
        return self.kind == "EXECUTABLE" and any(s.endswith(("_test.cc", "_fuzz.cc")) for s in self.sources)


def _items(text):
    found = set()
    for item in text.split(";"):
        item = re.sub(r"^\$<LINK_ONLY:(.*)>$", r"\1", item.strip())
        if item and not item.startswith(("-Wl", "$<", "::@")):
            found.add(re.sub(r"^espalier::", "espalier_", item))
    return found


def read(text, root):
    targets = {}
    for line in text.splitlines():
        name, kind, folder, sources, links, interface = line.split("\t")
        relative = pathlib.PurePath(folder).relative_to(root).as_posix()
        targets[name] = Target(name, kind, "" if relative == "." else relative,
                               [s for s in sources.split(";") if s], _items(links), _items(interface))
    return targets


def closure(targets, name):
    """Every link item that a program using target `name` ends up with, however deep."""
    seen, todo = set(), set(targets[name].links)
    while todo:
        item = todo.pop()
        seen.add(item)
        if item in targets:
            todo |= targets[item].links - seen
    return seen


def visible(targets, target):
    """Targets whose headers `target` may include: its own links and what they pass on."""
    seen, todo = set(), set(target.links)
    while todo:
        item = todo.pop()
        seen.add(item)
        if item in targets:
            todo |= targets[item].interface - seen
    return seen


def check(targets, edges, foreign, files):
    for target in targets.values():
        if target.name == "espalier_build_flags" or target.kind == "UTILITY":
            continue
        row = edges.row_for(target.folder, target.is_test)
        if row is None:
            yield "folder", target.folder, 0, f"target {target.name}: no line in allowed_edges.txt"
            continue
        yield from _direct(targets, target, row, foreign)
        if not target.is_test:
            yield from _transitive(targets, target, row, foreign)
    yield from _undeclared(targets, files)


def _direct(targets, target, row, foreign):
    for item in sorted(target.links | target.interface):
        where = target.folder + "/CMakeLists.txt"
        if item == "espalier_build_flags":
            continue
        if item in targets:
            other = targets[item]
            paths = [f"{other.folder}/{pathlib.PurePath(s).stem}.h" for s in other.sources] or [other.folder + "/x.h"]
            if other.folder != target.folder and not any(row.may_include(path) for path in paths):
                yield "link", where, 0, f"{target.name} may not link {item} ({other.folder})"
            continue
        library = foreign.of_link(item)
        if library is None:
            yield "foreign", where, 0, f"{target.name} links {item}, which belongs to no library in foreign.txt"
        elif library not in PURE_EVERYWHERE and not row.may_name(library):
            yield "link", where, 0, f"{target.name} may not link {item} ({library})"


def _transitive(targets, target, row, foreign):
    libraries = {foreign.of_link(item) for item in closure(targets, target.name) if item not in targets}
    for library in sorted(filter(None, libraries - PURE_BELOW)):
        if not row.may_name(library):
            yield "purity", target.folder, 0, f"{target.name} ends up linked with {library}"


def _undeclared(targets, files):
    """An #include of another folder needs a declared dependency on one of that folder's targets."""
    by_folder = {}
    for target in targets.values():
        if target.kind.endswith("_LIBRARY"):
            by_folder.setdefault(target.folder, set()).add(target.name)
    by_path = {file.path: file for file in files}
    for target in targets.values():
        seen = visible(targets, target)
        for source in target.sources:
            file = by_path.get(f"{target.folder}/{source}")
            for bracket, header in file.includes if file else ():
                folder = header.rsplit("/", 1)[0]
                owners = by_folder.get(folder, set())
                if bracket == '"' and folder != target.folder and owners and not owners & seen:
                    yield "undeclared", file.path, 0, f'includes "{header}", but {target.name} declares no dependency on {folder}'
