"""Reads the source tree and the tables: which files there are, what they include, their text without comments."""

import dataclasses
import fnmatch
import pathlib
import re

SKIPPED = {"build", "node_modules", "__pycache__", "corpus", "testdata", "vectors"}
CPP = {".cc", ".h"}
SCRIPT = {".py", ".sh"}
EVERYTHING = "*"

# Longest first: a raw string may hold quotes, a string may hold "//".
_NOISE = re.compile(
    r'R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'"
    r"|//[^\n]*|/\*.*?\*/",
    re.DOTALL,
)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def strip_noise(text):
    """The code alone: comments go, literals become empty ones, line numbers stay."""

    def blank(match):
        found = match.group(0)
        lines = "\n" * found.count("\n")
        if found.startswith(("//", "/*")):
            return lines or " "
        return '""' + lines if '"' in found[:2] else "' '"

    return _NOISE.sub(blank, text)


@dataclasses.dataclass
class File:
    path: str  # from the root, with "/"
    text: str

    def __post_init__(self):
        pure = pathlib.PurePosixPath(self.path)
        self.name, self.suffix = pure.name, pure.suffix
        self.folder = "" if str(pure.parent) == "." else str(pure.parent)
        self.is_cpp = self.suffix in CPP
        self.is_test = self.name.endswith(("_test.cc", "_fuzz.cc"))
        self.is_script = self.suffix in SCRIPT or self.text.startswith("#!")
        self.lines = self.text.count("\n")
        self.code = strip_noise(self.text) if self.is_cpp else ""
        # From the whole text: the name between quotes is what strip_noise takes away.
        self.includes = [m.groups() for m in _INCLUDE.finditer(self.text)] if self.is_cpp else []

    def find(self, pattern):
        """(line number, match) for each place in the code, comments and literals aside."""
        for match in re.finditer(pattern, self.code):
            yield self.code.count("\n", 0, match.start()) + 1, match


def read_files(root):
    root = pathlib.Path(root)
    files = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if any(part.startswith(".") or part in SKIPPED for part in relative.parts):
            continue
        if not path.is_file() or path.is_symlink():
            continue
        if path.suffix not in CPP | SCRIPT | {".md", ".def", ".proto", ""}:
            continue
        try:
            files.append(File(relative.as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # a binary
    return files


def _rows(text):
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if line:
            yield number, line


@dataclasses.dataclass
class Row:
    includes: set
    foreign: set

    def may_include(self, path):
        folder = path.rsplit("/", 1)[0]
        return EVERYTHING in self.includes or folder in self.includes or path in self.includes

    def may_name(self, library):
        return EVERYTHING in self.foreign or library in self.foreign


class Edges:
    """allowed_edges.txt: folder -> Row; what its tests may know besides is a Row of its own."""

    def __init__(self, text):
        self.rows, self.test_rows = {}, {}
        for number, line in _rows(text):
            parts = [part.strip() for part in line.split(":")]
            if len(parts) != 3:
                raise ValueError(f"allowed_edges.txt:{number}: three columns, please: {line}")
            folder, row = parts[0], Row(set(parts[1].split()), set(parts[2].split()))
            if folder.endswith("(tests)"):
                self.test_rows[folder.removesuffix("(tests)").strip()] = row
            else:
                self.rows[folder] = row

    def row_for(self, folder, tests):
        row = self.rows.get(folder)
        if row is None or not tests:
            return row
        extras = [self.test_rows[name] for name in (folder, EVERYTHING) if name in self.test_rows]
        return Row(row.includes.union(*(e.includes for e in extras)), row.foreign.union(*(e.foreign for e in extras)))


class Foreign:
    """foreign.txt: which library a link item or a <header> belongs to."""

    def __init__(self, text):
        self.libraries = []
        for number, line in _rows(text):
            # "::" is part of a target's name, so only a lone colon with spaces around it separates.
            parts = [part.strip() for part in re.split(r"\s:\s", line)]
            if len(parts) != 3:
                raise ValueError(f"foreign.txt:{number}: three columns, please: {line}")
            self.libraries.append((parts[0], re.compile(parts[1]), re.compile(parts[2])))

    def _first(self, column, item):
        # `std` matches any plain word, so it is asked last.
        for library in sorted(self.libraries, key=lambda entry: entry[0] == "std"):
            if library[column].fullmatch(item):
                return library[0]
        return None

    def of_link(self, item):
        return self._first(1, item)

    def of_header(self, header):
        return self._first(2, header)


class Exceptions:
    """exceptions.txt: (rule, glob) pairs; remembers which were needed."""

    def __init__(self, text):
        self.entries, self.used = [], set()
        for number, line in _rows(text):
            parts = line.split(None, 2)
            if len(parts) != 3:
                raise ValueError(f"exceptions.txt:{number}: rule, path and reason, please: {line}")
            self.entries.append((parts[0], parts[1]))

    def covers(self, rule, path):
        found = False
        for entry in self.entries:
            if entry[0] == rule and fnmatch.fnmatchcase(path, entry[1]):
                self.used.add(entry)
                found = True
        return found

    def unused(self):
        return [entry for entry in self.entries if entry not in self.used]
