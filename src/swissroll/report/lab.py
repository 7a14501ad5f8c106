"""The lab in one HTML file: ``web/lab`` put together, with a content security policy that forbids connections.

The page holds its style, the kernel, and one script, which its workers run too; nothing is fetched. Script and kernel
are compressed, and ``web/lab/loader.js`` unpacks and starts them. What the page begins with, such as a run, is a block
of JSON beside them, which ``web/lab/parts.js`` reads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import swissroll
from swissroll.errors import Fix, FixableError
from swissroll.report.modules import link, read_modules, strip

GENERATOR = '<meta name="generator" content="swissroll lab">'
"""What tells a lab page from another file."""
HEAD_BYTES = 4096
"""Where a page says what made it."""
STYLE_LINK = '<link rel="stylesheet" href="lab.css">'
OTHER_STYLE_LINKS = re.compile(r'<link rel="stylesheet" href="(?!lab\.css")[\w-]+\.css">\n')
SCRIPT_LINK = '<script type="module" src="main.js"></script>'
CHARSET = '<meta charset="utf-8">'
CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
POLICY = (
    "default-src 'none'; connect-src 'none'; base-uri 'none'; form-action 'none'; "
    "script-src {script} 'wasm-unsafe-eval'; style-src {style}; worker-src blob:; img-src data: blob:; "
    "require-trusted-types-for 'script'; trusted-types lab-script lab-worker"
)
"""No connection, no code but the page's own, none of it from text: markup from strings is refused, too."""


def lab_page(given: Mapping[str, Any] | None = None) -> str:
    """The page.

    Args:
        given: What it begins with, ready for JSON, such as ``{"settings": {...}}``; by default with its own settings.
    """
    before, after = _own_parts()
    return before + _given_block(given) + after


@cache
def _own_parts() -> tuple[str, str]:
    """The parts of the package's own page. Kept, as a report asks for them twice and a process may write many."""
    return _parts(files("swissroll") / "web" / "lab")


def assemble(folder: Traversable, given: Mapping[str, Any] | None = None) -> str:
    """The page of a folder that holds lab.html, lab.css, kernel.wasm and modules, among them main.js and worker.js.

    Raises:
        ValueError: lab.html lacks one of the lines that are replaced, or a module cannot be linked.
    """
    before, after = _parts(folder)
    return before + _given_block(given) + after


def _parts(folder: Traversable) -> tuple[str, str]:
    """What stands before and after the block that a page begins with."""
    sources = read_modules(folder)
    script = link(sources, page="main.js", worker="worker.js")
    loader = strip(sources["loader.js"], "loader.js")
    style = _plain_lines(CSS_COMMENT.sub("", "".join(_styles(folder))))
    policy = POLICY.format(script=f"{_hash_source(loader)} {_hash_source(script)}", style=_hash_source(style))

    blocks = [
        _block("script", "text/plain", _pack(script.encode())),
        _block("kernel", "text/plain", _pack((folder / "kernel.wasm").read_bytes())),
    ]

    page = _plain_lines(HTML_COMMENT.sub("", _read(folder, "lab.html")))
    security = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    version = f'<meta name="version" content="{swissroll.__version__}">'
    page = _replace(page, CHARSET, f"{CHARSET}\n{security}\n{GENERATOR}\n{version}")
    page = _replace(OTHER_STYLE_LINKS.sub("", page), STYLE_LINK, f"<style>{style}</style>")
    before, after = _split(page, SCRIPT_LINK)
    return before + "".join(blocks), f"<script>{loader}</script>{after}"


def _given_block(given: Mapping[str, Any] | None) -> str:
    """What a page begins with, as an element; nothing where it begins with its own settings."""
    return "" if given is None else _block("given", "application/json", _safe_json(given))


def _read(folder: Traversable, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def _styles(folder: Traversable) -> list[str]:
    """The style sheets of a folder, lab.css first."""
    names = [file.name for file in folder.iterdir() if file.name.endswith(".css")]
    return [_read(folder, name) for name in sorted(names, key=lambda name: (name != "lab.css", name))]


def _plain_lines(text: str) -> str:
    """Text without indentation and empty lines."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n"


def _replace(page: str, line: str, by: str) -> str:
    """Replace a line that stands once in lab.html."""
    before, after = _split(page, line)
    return before + by + after


def _split(page: str, line: str) -> tuple[str, str]:
    """What stands before and after a line that stands once in lab.html."""
    if page.count(line) != 1:
        raise ValueError(f"lab.html must hold {line} once; it does {page.count(line)} times.")
    before, _, after = page.partition(line)
    return before, after


def _hash_source(text: str) -> str:
    """The word by which a policy allows a script or style: its digest."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _pack(content: bytes) -> str:
    """Bytes compressed, as text."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _block(name: str, kind: str, text: str) -> str:
    """An element that holds data and is not run."""
    return f'<script type="{kind}" id="part-{name}">{text}</script>\n'


def _safe_json(value: Mapping[str, Any]) -> str:
    """JSON that cannot end the element that holds it."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def write_lab(path: Path, page: str) -> None:
    """Write a page; a file that is no lab page is never replaced.

    Raises:
        FixableError: Another file lies there, or a folder.
    """
    if path.exists() and not is_lab(path):
        raise FixableError(f"{path}: is there already, and is not a lab page.", Fix.CHOOSE_ANOTHER_FILE, path=path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        aside.write_text(page, encoding="utf-8", newline="")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def is_lab(path: Path) -> bool:
    """Whether a file is a lab page."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return GENERATOR.encode() in file.read(HEAD_BYTES)
