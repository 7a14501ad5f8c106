"""One more way in which a student might write a mistake of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field

from swissroll.exercise.misconceptions.source import solution


@dataclass(frozen=True)
class Writing:
    """A mistake, written in another way than the catalogue has it.

    Attributes:
        wanted: The mistake's id.
        parts: Parts of the exercise's code that replace the right ones.
        siblings: Ids that say the same of this writing, and may be named instead.
        head: What the sampler's second parameter is called.
        after: Code at the end of the file.
    """

    wanted: str
    parts: dict[str, str]
    siblings: tuple[str, ...] = ()
    head: str = "logvar"
    after: str = field(default="", repr=False)

    @property
    def source(self) -> str:
        """The whole solution."""
        signature = "reparameterize(self, mu, logvar)"
        whole = solution(**self.parts).replace(f"def {signature}", f"def reparameterize(self, mu, {self.head})")
        return f"{whole}\n\n{self.after}"


def sampler(wanted: str, code: str, *siblings: str) -> Writing:
    """A mistake in the sampler."""
    return Writing(wanted, {"sampler": code}, siblings)


def kl(wanted: str, code: str, *siblings: str) -> Writing:
    """A mistake in the KL term."""
    return Writing(wanted, {"kl": code}, siblings)
