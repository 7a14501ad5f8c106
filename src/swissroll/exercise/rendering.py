"""A check's result as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import textwrap
from html import escape
from typing import TYPE_CHECKING

from swissroll.exercise.evidence import Evidence, stops
from swissroll.exercise.naming import Named
from swissroll.exercise.questions import BY_ID, PARTS

if TYPE_CHECKING:
    from swissroll.exercise.checking import CheckResult

WIDTH = 88
MARKS = {True: "ok", False: "NO", None: "??"}
STYLE = (
    # The page's own text colour, and tints that show on light and on dark: a light notebook may lie on a dark desktop,
    # so what the system prefers says nothing about the page.
    ".swissroll-check{font:14px/1.45 system-ui,sans-serif;max-width:46em;overflow-wrap:anywhere}"
    ".swissroll-check section{border-left:4px solid #d55e00;background:rgba(213,94,0,.1);padding:.5em .8em;"
    "margin:.6em 0}"
    ".swissroll-check section h4{margin:.1em 0 .3em;font-size:1em;font-weight:600;line-height:1.35}"
    ".swissroll-check p{margin:.25em 0}"
    ".swissroll-check .good,.swissroll-check .bad{font-weight:600;border-left:4px solid #009e73;"
    "padding:.1em 0 .1em .6em}"
    ".swissroll-check .bad{border-color:#d55e00}"
    ".swissroll-check ul{margin:.3em 0;padding-left:1.3em}.swissroll-check summary{cursor:pointer}"
)


def headline(result: CheckResult) -> str:
    """One sentence: how many laws hold; that all do is said only where all were checked."""
    total = len(result.evidence)
    held = sum(one.passed is True for one in result.evidence)
    unknown = sum(one.passed is None for one in result.evidence)
    parts = [PARTS[part] for part in dict.fromkeys(one.part for one in result.evidence)]
    if result.passed:
        return f"All {total} checks passed ({', '.join(parts)})."
    words = [f"{held} of {total} checks passed"]
    if result.failed:
        words.append(f"{len(result.failed)} failed")
    if unknown:
        words.append(f"{unknown} could not be made")
    return ", ".join(words) + "."


def unexplained(result: CheckResult) -> list[Evidence]:
    """Failed laws that no misconception explains."""
    explained: set[str] = set()
    for named in result.misconceptions:
        explained |= set(named.laws)
    return [one for one in result.failed if one.law not in explained]


def as_text(result: CheckResult) -> str:
    """Lines for a terminal."""
    lines = [headline(result)]
    if result.failed:
        for line in stops(result.evidence):
            lines += ["", *_wrap(line, "Not checked: ")]
    for named in result.misconceptions:
        lines += ["", *_block(result, named)]
    for one in unexplained(result):
        lines += ["", *_wrap(BY_ID[one.law].title, "This does not hold: "), *_wrap(one.line, "  Seen: ")]
    unknown = [one for one in result.evidence if one.passed is None]
    if unknown and not result.failed:
        lines += ["", "Not checked:"]
        for one in unknown:
            lines += _wrap(f"{BY_ID[one.law].title}. {one.line}", "  - ")
    if result.conventions:
        lines += ["", "Choices, none of them a mistake:"]
        for sentence in result.conventions:
            lines += _wrap(sentence, "  - ")
    return "\n".join(lines)


def seen(result: CheckResult, named: Named) -> list[str]:
    """The lines of the laws that a misconception explains."""
    return list(dict.fromkeys(one.line for one in result.failed if one.law in named.laws))


def _block(result: CheckResult, named: Named) -> list[str]:
    entry = named.misconception
    lines = _wrap(entry.name, "")
    for line in seen(result, named):
        lines += _wrap(line, "  Seen: ")
    lines += _wrap(entry.thought, "  You may have thought: ")
    lines += _wrap(entry.effect, "  What it does: ")
    lines += _wrap(entry.hint, "  Hint: ")
    lines += _wrap(entry.read, "  Read: ")
    if named.runner_up is not None:
        lines += _wrap(named.runner_up.name, "  Or else: ")
    return lines


def _wrap(text: str, lead: str) -> list[str]:
    return textwrap.wrap(lead + text, WIDTH, subsequent_indent=" " * min(len(lead), 8), break_long_words=False)


def as_html(result: CheckResult) -> str:
    """A fragment for a notebook, on light and dark pages, from 390 pixels on."""
    kind = "good" if result.passed else "bad"
    parts = [f'<p class="{kind}">{escape(headline(result))}</p>']
    for line in stops(result.evidence):
        parts.append(f"<section><h4>Not checked</h4><p>{escape(line)}</p></section>")
    for named in result.misconceptions:
        parts.append(_section(result, named))
    for one in unexplained(result):
        parts.append(
            f"<section><h4>{escape(BY_ID[one.law].title)}: this does not hold</h4><p>{escape(one.line)}</p></section>"
        )
    if result.conventions:
        items = "".join(f"<li>{escape(sentence)}</li>" for sentence in result.conventions)
        parts.append(f"<p>Choices, none of them a mistake:</p><ul>{items}</ul>")
    rows = "".join(
        f"<li>{MARKS[one.passed]} &middot; {escape(BY_ID[one.law].title)}. {escape(one.line)}</li>"
        for one in result.evidence
    )
    parts.append(f"<details><summary>All {len(result.evidence)} checks</summary><ul>{rows}</ul></details>")
    return f'<style>{STYLE}</style><div class="swissroll-check">{"".join(parts)}</div>'


def _section(result: CheckResult, named: Named) -> str:
    entry = named.misconception
    lines = "".join(f"<p>{escape(line)}</p>" for line in seen(result, named))
    facts = (
        ("You may have thought", entry.thought),
        ("What it does", entry.effect),
        ("Hint", entry.hint),
        ("Read", entry.read),
    )
    rows = "".join(f"<p><b>{label}:</b> {escape(text)}</p>" for label, text in facts)
    if named.runner_up is not None:
        rows += f"<p><b>Or else:</b> {escape(named.runner_up.name)}</p>"
    return f"<section><h4>{escape(entry.name)}</h4>{lines}{rows}</section>"
