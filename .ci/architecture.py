"""Who imports whom: the rooms of the plugin in their order, checked by ``tests/architecture`` and drawn here.

``python .ci/architecture.py`` writes ``docs/architecture.md`` and its picture from the imports of the code alone.
"""

from __future__ import annotations

import ast
import collections
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ORDER = {
    "engine": (
        "error_codes < errors < progress < text_files < series < models < estimation < methods",
        "methods < evaluation < reports < tasks",
        "series < imagery < mapping < evaluation",
        "models < mapping",
        "imagery < methods",
    ),
    "engine/imagery": ("geo < sensors < discovery < stack < labels", "stack < parcels", "sensors < stac", "geo < maps"),
    "engine/methods": ("shared < ghca", "shared < baselines"),
    "engine/tasks": (
        "protocol < specs < resolve < checks < runs < worker < cli",
        "protocol < supervisor < runs",
        "specs < storage < cluster < runs",
        "resolve < cluster",
    ),
    "ui": (
        "common < engine_process < search < stack < compatibility < transfer",
        "common < labels < transfer",
        "search < processing",
    ),
}
"""The rooms of each folder, in chains: a room imports only rooms to its left in some chain."""


@dataclass(frozen=True)
class Import:
    """One import of the project's own code."""

    importer: str
    """File that imports, relative to the root."""
    imported: str
    """File that is imported."""
    names: tuple[str, ...]
    """Names taken from it; empty for the module itself."""


def sources(root: Path) -> list[Path]:
    """Return the Python files of the engine and the plugin."""
    return [path for folder in ("engine", "ui") for path in sorted((root / folder).rglob("*.py"))]


def read_imports(root: Path) -> list[Import]:
    """Return the imports among the files of the engine and the plugin, also those inside functions."""
    return [one for path in sources(root) for one in _imports_of(path, root)]


def _imports_of(path: Path, root: Path) -> Iterator[Import]:
    own = path.relative_to(root)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        package = own.parent.parts[: len(own.parent.parts) - node.level + 1]
        base = Path(*package, *(node.module or "").split("."))
        names: dict[str, list[str]] = {}
        for alias in node.names:
            submodule = _file_of(base / alias.name, root)
            found = submodule or _file_of(base, root)
            if found:
                names.setdefault(found, []).extend([] if submodule else [alias.name])
        for imported, taken in names.items():
            if imported != own.as_posix():
                yield Import(own.as_posix(), imported, tuple(taken))


def _file_of(module: Path, root: Path) -> str:
    """Return the file of a module or package, relative to the root; empty where it is none."""
    for path in (module.with_suffix(".py"), module / "__init__.py"):
        if (root / path).is_file():
            return path.as_posix()
    return ""


def before(folder: str) -> dict[str, set[str]]:
    """Return for each room of a folder all rooms that it may import."""
    allowed: dict[str, set[str]] = {}
    for chain in ORDER[folder]:
        rooms = chain.split(" < ")
        for index, room in enumerate(rooms):
            allowed.setdefault(room, set()).update(rooms[:index])
    changed = True
    while changed:
        wider = {room: below | set().union(*(allowed[one] for one in below)) for room, below in allowed.items()}
        changed, allowed = wider != allowed, wider
    return allowed


def room_in(folder: str, file: str) -> str:
    """Return the room of a file inside a folder; empty for the folder's ``__init__`` and ``__main__``."""
    name = Path(file).relative_to(folder).parts[0]
    return "" if name.startswith("__") else name.removesuffix(".py")


def upward_imports(imports: Iterable[Import]) -> list[str]:
    """Return the imports against the order of the rooms, and rooms that the order does not name, as sentences."""
    wrong = []
    for folder in ORDER:
        allowed = before(folder)
        inside = [one for one in imports if one.importer.startswith(folder + "/")]
        for one in inside:
            own = room_in(folder, one.importer)
            if own and own not in allowed:
                wrong.append(f"{folder}/{own} has no place in the order")
                continue
            if not own or not one.imported.startswith(folder + "/"):
                continue
            other = room_in(folder, one.imported)
            if other and other != own and other not in allowed[own]:
                wrong.append(f"{one.importer} imports {one.imported}")
    return sorted(set(wrong))


def circles(imports: Iterable[Import]) -> list[list[str]]:
    """Return the groups of files that import one another (strongly connected, by Tarjan's algorithm)."""
    after: dict[str, set[str]] = collections.defaultdict(set)
    for one in imports:
        after[one.importer].add(one.imported)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(file: str) -> None:
        index[file] = low[file] = len(index)
        stack.append(file)
        for other in sorted(after.get(file, ())):
            if other not in index:
                visit(other)
                low[file] = min(low[file], low[other])
            elif other in stack:
                low[file] = min(low[file], index[other])
        if low[file] == index[file]:
            group = stack[stack.index(file) :]
            del stack[stack.index(file) :]
            if len(group) > 1:
                found.append(sorted(group))

    for file in sorted(after):
        if file not in index:
            visit(file)
    return found


def room_of(file: str) -> str:
    """Return the innermost room of a file, such as ``engine/imagery/geo`` or ``engine/errors``."""
    room = ""
    for folder in ORDER:
        if file.startswith(folder + "/"):
            inner = room_in(folder, file)
            room = f"{folder}/{inner}" if inner else folder
    return room


def purpose(room: str, root: Path) -> str:
    """Return the first sentence of a room's docstring."""
    path = root / room / "__init__.py" if (root / room).is_dir() else root / f"{room}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    # Markdown knows no roles of Sphinx.
    return re.sub(r":\w+:`(\w+\.)*(\w+)`", r"`\2`", " ".join(text.split("\n\n")[0].split())).replace("``", "`")


def flows(imports: Iterable[Import], level: Callable[[str], str], root: Path) -> dict[tuple[str, str], list[str]]:
    """Return what each room takes from another: names of classes, those that most files take first.

    Parameters
    ----------
    imports : all imports.
    level : from a file to its room, empty for a file that is not drawn.
    """
    classes = {file: _classes(root / file) for file in {one.imported for one in imports}}
    counts: dict[tuple[str, str], collections.Counter[str]] = {}
    for one in imports:
        giver, taker = level(one.imported), level(one.importer)
        if giver and taker and giver != taker:
            counter = counts.setdefault((giver, taker), collections.Counter())
            counter.update(name for name in one.names if name in classes[one.imported])
    return {pair: [name for name, _ in _by_count(counter)] for pair, counter in sorted(counts.items())}


def _classes(path: Path) -> set[str]:
    """Return the names of classes that a file defines or, being a package, re-exports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    if path.name == "__init__.py":
        taken = {a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
        own |= {name for name in taken if re.fullmatch(r"[A-Z][a-z]\w*|[A-Z]+[a-z]\w*", name)}
    return own


def _by_count(counter: collections.Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def reduced(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the pairs that no chain of others already implies (transitive reduction)."""
    pairs = set(pairs)
    after: dict[str, set[str]] = collections.defaultdict(set)
    for giver, taker in pairs:
        after[giver].add(taker)

    def reaches(start: str, goal: str) -> bool:
        pending, seen = [start], set()
        while pending:
            room = pending.pop()
            if room == goal:
                return True
            if room not in seen:
                seen.add(room)
                pending += after[room]
        return False

    return {(a, b) for a, b in pairs if not any(reaches(other, b) for other in after[a] - {b})}


STYLE = """
  rankdir=TB; compound=true; nodesep=0.3; ranksep=0.4; pad=0.2; fontname="Helvetica";
  graph [style="rounded,filled", fillcolor="#eef4ec", color="#9db39f", fontname="Helvetica"];
  node [shape=box, style="rounded,filled", fillcolor=white, color="#55745a", fontname="Helvetica", fontsize=12];
  edge [color="#55745a", fontcolor="#33413a", fontname="Helvetica", fontsize=10, arrowsize=0.7];
"""


def dot(imports: list[Import], root: Path) -> str:
    """Return the picture in Graphviz's language: rooms in their folders, arrows the way that data flows."""
    drawn = [room for room in ROOMS if (root / room).is_dir()]
    parents = [folder for folder in ORDER if folder != "engine"]
    inner = flows(imports, lambda file: room_of(file) if room_of(file) in drawn else "", root)
    outer = flows(imports, lambda file: _outer(file, drawn), root)
    lines = []
    for folder in parents:
        rooms = [room for room in drawn if _folder(room) == folder]
        lines.append(f'  subgraph "cluster_{folder}" {{ label="{folder}";')
        lines += [f'    "{room}" [label="{Path(room).name}"];' for room in rooms]
        pairs = reduced(pair for pair in inner if pair[0] in rooms and pair[1] in rooms)
        lines += [f"  {_edge(pair, inner[pair])}" for pair in sorted(pairs)]
        lines.append("  }")
    lines += [f'  "{room}";' for room in drawn if room.count("/") == 1 and _folder(room) not in parents]
    for pair in sorted(reduced(outer)):
        lines.append(_edge(pair, outer[pair], parents, drawn))
    return "\n".join(["digraph rooms {" + STYLE.rstrip(), *lines, "}", ""])


def _folder(room: str) -> str:
    return Path(room).parent.as_posix()


def _outer(file: str, drawn: list[str]) -> str:
    """Return the outermost drawn room of a file: a folder of rooms counts as one."""
    parts = Path(file).parts
    if parts[0] == "ui":
        return "ui"
    room = "/".join(parts[:2])
    return room if room in ORDER or room in drawn else ""


def _edge(pair: tuple[str, str], names: list[str], parents: Iterable[str] = (), drawn: Iterable[str] = ()) -> str:
    ends, clusters = [], []
    for room, side in zip(pair, ("ltail", "lhead")):
        if room in parents:
            inside = [one for one in drawn if _folder(one) == room]
            # The first room of a folder imports least, the last one most.
            ends.append(inside[-1] if side == "ltail" else inside[0])
            clusters.append(f'{side}="cluster_{room}"')
        else:
            ends.append(room)
    label = "\\n".join(names[:2])
    options = ", ".join([f'label="{label}"', *clusters])
    return f'  "{ends[0]}" -> "{ends[1]}" [{options}];'


def page(imports: list[Import], root: Path) -> str:
    """Return the text of ``docs/architecture.md``."""
    below: dict[str, set[str]] = collections.defaultdict(set)
    files = collections.Counter(room_of(path.relative_to(root).as_posix()) for path in sources(root))
    for one in imports:
        giver, taker = room_of(one.imported), room_of(one.importer)
        if giver != taker and giver in ROOMS:
            below[taker].add(giver)
    lines = [
        "# Architecture",
        "",
        "Written by `make architecture` from the imports of the code: do not edit. `tests/architecture` holds the code",
        "to this order: no room imports one above it, and no files import one another in a circle.",
        "",
        f"![Rooms and the data that flows between them]({PICTURE.relative_to('docs').as_posix()})",
        "",
        "Arrows run the way data flows, from the room that defines it to the room that uses it, with the classes that",
        "are handed over most. Arrows that follow from others are left out.",
        "",
        "| room | files | what it holds | what it imports |",
        "|---|---|---|---|",
    ]
    for room in ROOMS:
        taken = ", ".join(_short(one, room, root) for one in ROOMS if one in below[room])
        lines.append(f"| `{_path(room, root)}` | {files[room]} | {purpose(room, root)} | {taken} |")
    return "\n".join([*lines, ""])


def _path(room: str, root: Path) -> str:
    """Return the folder or file of a room, relative to the root."""
    return room if (root / room).is_dir() else f"{room}.py"


def _short(room: str, other: str, root: Path) -> str:
    """Return the path of a room as seen from another: without the folder that both share."""
    path = _path(room, root)
    return f"`{Path(path).name if _folder(room) == _folder(other) else path}`"


def _rooms() -> list[str]:
    """Return all rooms in an order in which each comes after those that it imports."""
    ordered = []
    for folder in ORDER:
        allowed = before(folder)
        rooms = sorted(allowed, key=lambda room: (len(allowed[room]), room))
        ordered += [f"{folder}/{room}" for room in rooms if f"{folder}/{room}" not in ORDER]
    return ordered


ROOMS = _rooms()
PICTURE = Path("docs/images/architecture.svg")
PAGE = Path("docs/architecture.md")


def main(root: Path = ROOT) -> int:
    """Write the page and its picture."""
    imports = read_imports(root)
    graph = dot(imports, root)
    try:
        drawn = subprocess.run(["dot", "-Tsvg"], input=graph, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        print("Graphviz is missing: install it, as in 'apt install graphviz'.", file=sys.stderr)
        return 1
    (root / PAGE).write_text(page(imports, root), encoding="utf-8")
    (root / PICTURE).write_text(drawn.stdout, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
