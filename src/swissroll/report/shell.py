"""Words of a command, as a shell takes them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def quote(word: object) -> str:
    """A path or another word, to be copied into a shell: spaces, quotes, dollar signs and line breaks stay in it.

    A path that begins with a dash would be taken for a flag, so it is named from the folder that it lies in.
    """
    text = str(word)
    if isinstance(word, Path) and text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escape, text)) + "'"


def _escape(character: str) -> str:
    """A character inside of $'...', which bash, zsh and POSIX of 2024 know."""
    if character in "'\\":
        return "\\" + character
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
