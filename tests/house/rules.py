"""The rules about source files. Each yields (rule, path, line, what is wrong)."""

import re

from link_graph import PURE_EVERYWHERE

LONG, TOO_LONG, README_LINES = 400, 600, 30
EMPTY_NAMES = re.compile(r"(^|_)(manager|helper|helpers|util|utils|common|misc)(_|\.|$)")

# What only an adapter, runtime/ or a main may touch, where no header gives it away.
SYSTEM_NAMES = re.compile(
    r"\b(steady_clock|system_clock|high_resolution_clock|random_device|thread_local|fmt::print)\b"
    r"|\b(clock_gettime|gettimeofday|getrandom|getentropy|getenv|secure_getenv|setenv|sleep_for|sleep_until|usleep|nanosleep"
    r"|fopen|f?printf|puts|popen|system|fork)\s*\("
)
SLEEPS = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
ABORTS = re.compile(r"\b(assert|abort|terminate|__builtin_trap|__builtin_unreachable)\s*\(")
THROWS = re.compile(r"\bthrow\b")


def edges_between_folders(files, edges, foreign):
    known = {file.path for file in files}
    for file in files:
        if not file.is_cpp:
            continue
        row = edges.row_for(file.folder, file.is_test)
        if row is None:
            yield "folder", file.path, 0, f"folder {file.folder} has no line in allowed_edges.txt"
            continue
        for bracket, header in file.includes:
            if bracket == "<":
                yield from _foreign_include(file, header, row, foreign)
            elif header.endswith((".pb.h", ".grpc.pb.h")):
                if not row.may_name("grpc"):
                    yield "edge", file.path, 0, f'may not include generated "{header}" (grpc)'
            elif header not in known:
                yield "path", file.path, 0, f'"{header}" is no path from the root of the repository'
            elif header.rsplit("/", 1)[0] != file.folder and not row.may_include(header):
                yield "edge", file.path, 0, f'{file.folder} may not include "{header}"'


def _foreign_include(file, header, row, foreign):
    library = foreign.of_header(header)
    if library is None:
        yield "foreign", file.path, 0, f"<{header}> belongs to no library in foreign.txt"
    elif library in ("system", "threads"):
        if not row.may_name(library):
            yield "system", file.path, 0, f"<{header}>: clocks, sockets, files and threads live in adapters and runtime"
    elif library not in PURE_EVERYWHERE and not row.may_name(library):
        yield "edge", file.path, 0, f"{file.folder} may not include <{header}> ({library})"


def edges_form_no_circle(edges):
    def visit(folder, path):
        if folder in path:
            return path[path.index(folder):] + [folder]
        for target in sorted(edges.rows[folder].includes & edges.rows.keys()):
            circle = visit(target, path + [folder])
            if circle:
                return circle
        return None

    for folder in edges.rows:
        circle = visit(folder, [])
        if circle:
            yield "circle", "tests/house/allowed_edges.txt", 0, " -> ".join(circle)
            return


def code_lines(files, edges):
    for file in files:
        if not file.is_cpp:
            continue
        if file.is_test:
            for line, match in file.find(SLEEPS):
                yield "sleep", file.path, line, f"{match.group(1)}: a test waits for nothing"
            continue
        for line, match in file.find(ABORTS):
            yield "abort", file.path, line, f"{match.group(1)}(: nothing ends the process; return an Error"
        row = edges.row_for(file.folder, tests=False)
        if row is not None and not row.may_name("system"):
            for line, match in file.find(SYSTEM_NAMES):
                yield "system", file.path, line, f"{match.group(0)}: clocks, files and threads live in adapters and runtime"
            for line, _ in file.find(THROWS):
                yield "throw", file.path, line, "throw: what can fail returns Result<T>"


def shape(files):
    """File names, file lengths, how headers begin, a README in every folder with sources."""
    readmes = {file.folder: file for file in files if file.name == "README.md"}
    for file in files:
        if file.suffix == ".md":
            continue
        if any(EMPTY_NAMES.search(part) for part in file.path.lower().split("/")):
            yield "name", file.path, 0, "manager, helper, util and common say nothing: name it for what it is"
        if file.suffix == ".h":
            if not file.text.lstrip().startswith("//"):
                yield "header", file.path, 1, "a header opens with a comment: what it is, what it guarantees"
            if "#pragma once" not in file.code:
                yield "header", file.path, 1, "no #pragma once"
        if (file.is_cpp or file.is_script) and file.lines > TOO_LONG:
            yield "long", file.path, file.lines, f"{file.lines} lines, at most {TOO_LONG}"
    with_sources = {f.folder for f in files if f.is_cpp or f.is_script or f.suffix == ".proto"}
    for folder in sorted(with_sources - {""}):
        if folder not in readmes:
            yield "readme", folder, 0, "no README.md: what it is, what may depend on it"
        elif readmes[folder].lines > README_LINES:
            yield "readme", folder + "/README.md", 0, f"{readmes[folder].lines} lines, at most {README_LINES}"


def long_files(files):
    """Not errors: files to think about."""
    return [(f.path, f.lines) for f in files if (f.is_cpp or f.is_script) and LONG < f.lines <= TOO_LONG]
