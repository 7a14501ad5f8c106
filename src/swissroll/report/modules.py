"""ES modules made into one script, so that a page works from ``file://``, where browsers load no module by its address.

Each module becomes a function that is called when the first of its importers is, and returns what it exports. A page
and its workers run the same script, each from an entry of its own. What is understood of the language is what the
modules of ``web/lab`` keep to:

    import { a, b as c } from "./name.js";
    export function f() ...      export async function f() ...      export class C ...      export const c = ...
    export { a, b as c };
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable

IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";$', re.MULTILINE)
EXPORTED_DECLARATION = re.compile(r"^export ((?:async )?function\*? ?|class |const )([\w$]+)(?=[\s(=])", re.MULTILINE)
EXPORTED_NAMES = re.compile(r"^export \{([^}]*)\};$", re.MULTILINE)
RENAMED = re.compile(r"^([\w$]+)(?: as ([\w$]+))?$")
LEFT_OVER = re.compile(r"^import\b.*[\"'{].*|^export[ {*].*|.*\bimport(?:\(|\.meta).*", re.MULTILINE)
FRAME = """"use strict";
{{
const made__ = {{}};
const use__ = (name) => (made__[name] ??= modules__[name]());
const modules__ = {{
{functions}}};
use__(globalThis.document ? "{page}" : "{worker}");
}}
"""
"""The script; names of two underscores clash with none of a module's own."""
CLOSES_SCRIPT = re.compile(r"</script|<!--", re.IGNORECASE)
"""What would end the element that holds a script, or make a browser read on beyond its end."""


def read_modules(folder: Traversable) -> dict[str, str]:
    """The sources of a flat folder of modules, by file name."""
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".js")}


def link(sources: Mapping[str, str], page: str, worker: str) -> str:
    """One classic script of two modules and of all that they import.

    Args:
        sources: Text of each module, by file name.
        page: The module that a page runs.
        worker: The module that a worker, which has no document, runs.

    Raises:
        ValueError: A module is missing, imports itself by way of others, or is written in another form than this
            file's head says.
    """
    names = dict.fromkeys(dependency_order(sources, page) + dependency_order(sources, worker))
    functions = "".join(_as_function(name, strip(sources[name], name)) for name in names)
    script = FRAME.format(functions=functions, page=page, worker=worker)
    found = CLOSES_SCRIPT.search(script)
    if found:
        raise ValueError(f"A module holds {found[0]!r}, which would end the page's script.")
    return script


def dependency_order(sources: Mapping[str, str], entry: str) -> list[str]:
    """The modules that an entry needs, each after those that it imports, the entry last.

    Raises:
        ValueError: A module is missing, or imports itself by way of others.
    """
    order: list[str] = []
    _visit(sources, entry, (), order)
    return order


def _visit(sources: Mapping[str, str], name: str, importers: tuple[str, ...], order: list[str]) -> None:
    if name in importers:
        raise ValueError(f"Modules import one another in a circle: {' > '.join((*importers, name))}.")
    if name not in sources:
        raise ValueError(f"{importers[-1] if importers else 'The page'} imports {name}, which is not there.")
    if name in order:
        return
    for found in IMPORT.finditer(sources[name]):
        _visit(sources, found[2], (*importers, name), order)
    order.append(name)


def _as_function(name: str, source: str) -> str:
    """A module as a function that returns what the module exports."""
    exported = [f"{found[2]}" for found in EXPORTED_DECLARATION.finditer(source)]
    for found in EXPORTED_NAMES.finditer(source):
        exported += [f"{outer}: {inner}" for inner, outer in _renames(found[1], name)]

    body = IMPORT.sub(lambda found: _as_constants(found, name), source)
    body = EXPORTED_DECLARATION.sub(r"\1\2", body)
    body = EXPORTED_NAMES.sub("", body)
    left_over = LEFT_OVER.search(body)
    if left_over:
        raise ValueError(f"{name}: the page's assembly does not understand {left_over[0]!r:.80}.")
    return f'"{name}": () => {{\n{body}return {{ {", ".join(exported)} }};\n}},\n'


def _as_constants(found: re.Match[str], name: str) -> str:
    names = [inner if inner == outer else f"{inner}: {outer}" for inner, outer in _renames(found[1], name)]
    return f'const {{ {", ".join(names)} }} = use__("{found[2]}");'


def _renames(names: str, module: str) -> Iterator[tuple[str, str]]:
    """The names between the braces of an import or export, each as it is called inside and outside."""
    for part in names.split(","):
        if not part.strip():
            continue
        found = RENAMED.match(" ".join(part.split()))
        if found is None:
            raise ValueError(f"{module}: the page's assembly does not understand {part.strip()!r:.80} in braces.")
        yield found[1], found[2] or found[1]


def strip(source: str, name: str) -> str:
    """A script without lines of comment, empty lines and indentation; what lies in templates stays as it is.

    Raises:
        ValueError: A template or a comment does not end; or a string holds a single backtick, which looks the same.
    """
    kept: list[str] = []
    is_in_template = False
    is_in_comment = False
    for line in source.splitlines():
        text = line if is_in_template else line.strip()
        if is_in_comment or (text.startswith("/*") and not is_in_template):
            is_in_comment = "*/" not in text
            text = text.partition("*/")[2].strip()
        if is_in_template or (text and not text.startswith("//")):
            kept.append(text)
            is_in_template ^= text.replace("\\`", "").count("`") % 2 == 1

    if is_in_template or is_in_comment:
        raise ValueError(f"{name}: a template or a comment does not end, or a string holds one backtick alone.")
    return "\n".join(kept) + "\n"
