"""What a lint says: findings of four levels, as text, as HTML and as plain values."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from swissroll.checks import amount

VERSION = 1
"""Of the plain dict that :meth:`LintResult.to_json` gives."""
WIDTH = 88

ERROR = "error"
WARNING = "warning"
NOTE = "note"
UNKNOWN = "unknown"
LEVELS = {
    ERROR: "cannot be a bound on the evidence, whatever was meant",
    WARNING: "may be meant so: look at it",
    NOTE: "a choice, and no mistake",
    UNKNOWN: "could not be checked",
}
"""The levels, the gravest first, and what each means."""

STYLE = (
    ".swissroll-lint{font:14px/1.45 system-ui,sans-serif;max-width:46em;overflow-wrap:anywhere}"
    ".swissroll-lint ul{margin:.3em 0;padding-left:1.3em}.swissroll-lint b{font-weight:600}"
)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found.

    Attributes:
        rule: Its id, such as "kl-off".
        level: "error", "warning", "note" or "unknown": a key of :data:`LEVELS`.
        line: One sentence or two, with the numbers.
    """

    rule: str
    level: str
    line: str

    def to_json(self) -> dict[str, str]:
        """Plain values."""
        return {"rule": self.rule, "level": self.level, "line": self.line}


@dataclass(frozen=True, kw_only=True)
class LintResult:
    """What was found of a loss, a sampler, a model or a score.

    Attributes:
        name: What was judged.
        kind: "loss", "KL term", "sampler", "model" or "score".
        findings: The gravest first.
        checked: How many checks could be made.
    """

    name: str
    kind: str
    findings: tuple[Finding, ...]
    checked: int

    def at(self, *levels: str) -> tuple[Finding, ...]:
        """The findings of some levels."""
        return tuple(one for one in self.findings if one.level in levels)

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the errors and warnings."""
        return tuple(one.rule for one in self.at(ERROR, WARNING))

    @property
    def passed(self) -> bool:
        """Whether something was checked, and no error was found."""
        return self.checked > 0 and not self.at(ERROR)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the version of their arrangement."""
        return {
            "version": VERSION,
            "name": self.name,
            "kind": self.kind,
            "passed": self.passed,
            "checked": self.checked,
            "findings": [one.to_json() for one in self.findings],
        }

    def headline(self) -> str:
        """One sentence: what was judged, and how many errors and warnings there are."""
        counts = [_count(len(self.at(level)), level) for level in (ERROR, WARNING)]
        checks = _count(self.checked, "check")
        return f"{self.name} ({self.kind}): {' and '.join(counts)} in {checks}."

    def __str__(self) -> str:
        lines = [self.headline()]
        for one in self.findings:
            text = f"{one.level:<8}{one.rule}: {one.line}"
            lines += textwrap.wrap(text, WIDTH, subsequent_indent=" " * 8, break_long_words=False)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        items = "".join(
            f"<li><b>{one.level}</b> <code>{escape(one.rule)}</code>: {escape(one.line)}</li>" for one in self.findings
        )
        body = f"<p><b>{escape(self.headline())}</b></p><ul>{items}</ul>"
        return f'<style>{STYLE}</style><div class="swissroll-lint">{body}</div>'

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The gravest first, each rule once."""
    ranked = sorted(findings, key=lambda one: list(LEVELS).index(one.level))
    by_rule: dict[str, Finding] = {}
    for one in ranked:
        key = one.rule if one.level in (ERROR, WARNING) else one.line
        by_rule.setdefault(key, one)
    return tuple(by_rule.values())


def _count(number: int, word: str) -> str:
    return amount(number, word) if number else f"no {word}s"
