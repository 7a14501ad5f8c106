"""What holds for the forward pass: encode, draw, decode, and nothing else in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swissroll.exercise.asking.model import planted_latent
from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.heads import limit_of
from swissroll.exercise.laws.measured_model import LATENTS, ModelMeter
from swissroll.exercise.laws.moments import Array, excess_kurtosis, skewness
from swissroll.exercise.laws.readings import Reading
from swissroll.exercise.laws.words import number, say_error, sign_of_error
from swissroll.exercise.subject import Subject

LAWS = ("runs", "latent", "output", "gradients", "nonlinear")
NAME = "The model"
POINTS = 400
MAX_DEVIATIONS = 7.0
"""Standard errors that a moment of 1,200 draws may lie off: the kurtosis of five right models in a million does."""


class ForwardLaws:
    """The laws of the forward pass.

    Args:
        subject: The solution.
        meter: Calls its model.
        reading: How the sampler reads the head.
        sampler_holds: Whether the sampler itself is right: where it is not, what it draws is judged there.
    """

    def __init__(self, subject: Subject, meter: ModelMeter, reading: Reading, sampler_holds: bool) -> None:
        self.subject = subject
        self.meter = meter
        self.reading = reading
        self.sampler_holds = sampler_holds
        x = meter.points(POINTS, 3)
        self.trained = meter.ask(x, 21, gain=1.0, plant=True, trace=True)
        self.evaluated = meter.ask(x, 21, gain=1.0, plant=True, training=False)
        self.plain = meter.ask(x, 22, gain=1.0)

    def judge(self) -> Iterator[Evidence]:
        """The evidence of each law, in the order of the questions."""
        runs = self._runs()
        yield runs
        for law in LAWS[1:]:
            broken = "error" in self.trained or "error" in self.evaluated
            judged: Evidence = _unknown(law) if broken else getattr(self, f"_{law}")()
            yield judged

    def _runs(self) -> Evidence:
        small = [self.meter.ask(self.meter.points(count, count), 23) for count in (1, 5)]
        answers = [*small, self.trained, self.evaluated]
        if self.sampler_holds:
            answers.append(self.plain)
        for answered in answers:
            if "error" in answered and not (answered in small and not self.sampler_holds):
                sign = sign_of_error(answered)
                passed = None if sign == "limit" else False
                return _judged("runs", passed, say_error(NAME, answered), [sign], answer=answered)
        outputs = self.trained["outputs"]
        width = outputs["mu"].shape[-1]
        wanted = LATENTS if LATENTS in self.meter.sizes.values() else width
        if width != wanted or outputs["mu"].shape != outputs["head"].shape:
            shapes = f"{tuple(outputs['mu'].shape)} and {tuple(outputs['head'].shape)}"
            line = f"For {POINTS} points and {wanted} latent dimensions, mu and logvar had the shapes {shapes}."
            return _failed("runs", line, ["latent-shape"])
        if self._encodes_other_points():
            if self._is_random_before_the_draw():
                line = "Two calls of the model encoded other points: there is noise on what it encodes."
                return _failed("runs", line, ["points-noisy"])
            line = "For the same points, encode gives another mu than the model returns and decodes a draw around."
            return _failed("runs", line, ["points-changed"])
        if self._returns_draw():
            line = "What it returns in the place of mu is the draw that was decoded."
            return _failed("runs", line, ["forward-returns-draw"])
        return _held("runs", "It returns a reconstruction, mu and logvar, for 1, 5 and 400 points.")

    def _encodes_other_points(self) -> bool:
        """Whether the model is right in itself, and yet its mu is not what encode makes of the same points."""
        encoded = self.evaluated["encoded"]
        mu = self.evaluated["outputs"]["mu"]
        if encoded is None or not self.evaluated["planted"] or not self._is_planted(self.evaluated):
            return False
        first, second = (pair[0] for pair in encoded)
        of_this_kind = first.shape == mu.shape and torch.equal(first, second)
        return of_this_kind and not any(_same(mu, part) for part in encoded[0])

    def _is_random_before_the_draw(self) -> bool:
        """Whether a model whose sampler draws nothing decodes other latents at a second call."""
        again = self.evaluated["handed_again"]
        return again is not None and not torch.equal(self.evaluated["handed"], again)

    def _returns_draw(self) -> bool:
        """Whether the model returns the latent where mu should be, and mu is another number."""
        encoded = self.trained.get("encoded")
        handed = self.trained.get("handed")
        if not encoded or handed is None:
            return False
        return _same(self.trained["outputs"]["mu"], handed) and not _same(encoded[0][0], handed)

    def _latent(self) -> Evidence:
        if self._returns_draw():
            return _unknown("latent")
        for answered, mode in ((self.trained, "training"), (self.evaluated, "evaluation")):
            handed = answered["handed"]
            if handed is None:
                return _unknown("latent")
            mu = answered["outputs"]["mu"]
            head = answered["outputs"]["head"]
            if handed.shape == mu.shape and torch.allclose(handed, mu, rtol=1e-5, atol=1e-6):
                sign = "forward-decodes-mean" if mode == "training" else "forward-eval-mean"
                return _failed("latent", f"In {mode} mode the decoder is handed mu itself.", [sign])
            if answered["planted"]:
                wrong = self._judge_wiring(handed, mu, head, mode)
                if wrong is not None:
                    return wrong
        if self.trained["planted"] and self._is_planted(self.trained) and self._is_planted(self.evaluated):
            return _held("latent", "The decoder is handed what reparameterize(mu, logvar) returned.")
        if self._is_changed_after():
            line = "What the decoder is handed is not what reparameterize(mu, logvar) returned."
            return _failed("latent", line, ["latent-not-drawn"])
        return self._judge_draw()

    @staticmethod
    def _is_planted(answered: dict[str, Any]) -> bool:
        outputs = answered["outputs"]
        return _same(answered["handed"], planted_latent(outputs["mu"], outputs["head"]))

    def _judge_wiring(self, handed: Tensor, mu: Tensor, head: Tensor, mode: str) -> Evidence | None:
        """What is wrong with how the sampler was called; None where nothing is, or it was not called."""
        known = {
            "arguments-swapped": planted_latent(head, mu),
            "head-changed:half": planted_latent(mu, head / 2),
            "head-changed:exp": planted_latent(mu, head.exp()),
            "head-changed:exp-half": planted_latent(mu, (head / 2).exp()),
            "head-changed:double": planted_latent(mu, head * 2),
            "argument-twice:head": planted_latent(head, head),
            "argument-twice:mu": planted_latent(mu, mu),
        }
        if handed.shape != mu.shape or _same(handed, planted_latent(mu, head)):
            return None
        for sign, latent in known.items():
            if _same(handed, latent):
                line = f"In {mode} mode reparameterize is not called with the mu and logvar that the model returns."
                return _failed("latent", line, [sign.split(":")[0], sign])
        return None

    def _is_changed_after(self) -> bool:
        """Whether what the decoder is handed is a fixed function of what the sampler returned, and another number."""
        for answered in (self.trained, self.evaluated):
            again = answered["handed_again"]
            # A planted sampler draws nothing: where nothing varies, it was it that was called.
            if not answered["planted"] or again is None or not torch.equal(answered["handed"], again):
                return False
        return True

    def _judge_draw(self) -> Evidence:
        """Where the model draws by itself: the numbers that the decoder is handed, made standard normal."""
        answered = self.plain
        if "error" in answered or answered["handed"] is None:
            return _unknown("latent")
        handed = answered["handed"].double()
        mu = answered["outputs"]["mu"]
        if handed.shape != mu.shape:
            line = f"The decoder is handed latents of the shape {tuple(handed.shape)} for mu of {tuple(mu.shape)}."
            return _failed("latent", line, ["latent-shape"])
        if not self.sampler_holds:
            return _unknown("latent")
        again = answered["handed_again"]
        if again is not None and torch.equal(again.double(), handed):
            return _failed("latent", "Two calls of the model decoded the same latents.", ["noise-frozen"])
        if self._is_off(answered):
            # Draws that are not normal are seen twice before anybody is accused.
            second = self.meter.ask(self.meter.points(POINTS, 4), 24, gain=1.0)
            if "error" in second or second["handed"] is None or self._is_off(second):
                spread = number(float(self._noise(answered).std()))
                line = f"(z - mu) / std of what the decoder is handed has a standard deviation of {spread}: 1 is right."
                return _failed("latent", line, ["latent-not-drawn"])
        return _held("latent", "The decoder is handed draws from N(mu, exp(logvar)).")

    def _noise(self, answered: dict[str, Any]) -> Array:
        """The numbers that the decoder was handed, made standard normal."""
        outputs = answered["outputs"]
        centred = answered["handed"].double() - outputs["mu"].double()
        return np.asarray(centred.numpy() / self.reading.deviation(outputs["head"].double().numpy())).ravel()

    def _is_off(self, answered: dict[str, Any]) -> bool:
        """Whether the first four moments of these numbers are not those of a standard normal distribution."""
        noise = self._noise(answered)
        root = np.sqrt(noise.size)
        moments = (
            float(noise.mean()) * root,
            float(noise.var() - 1) * root / np.sqrt(2),
            skewness(noise) * root / np.sqrt(6),
            excess_kurtosis(noise) * root / np.sqrt(24),
        )
        return not bool(np.isfinite(noise).all()) or max(abs(moment) for moment in moments) > MAX_DEVIATIONS

    def _output(self) -> Evidence:
        recon = self.evaluated["outputs"]["recon"]
        again = self.evaluated["redecoded"]
        if again is None:
            return _unknown("output")
        if recon.shape != again.shape or not torch.allclose(recon, again, rtol=1e-4, atol=1e-5, equal_nan=True):
            line = "The reconstruction is not what the decoder makes of the latent that it was handed."
            return _failed("output", line, ["output-changed"])

        parts = [recon]
        for seed in (31, 32, 33):
            answered = self.meter.ask(self.meter.points(POINTS, seed, spread=2.0), seed, gain=2.5, plant=True)
            if "error" not in answered:
                parts.append(answered["outputs"]["recon"])
        values = torch.cat(parts).double().flatten().numpy()
        limit = limit_of(values)
        if limit:
            low = number(float(values.min()))
            high = number(float(values.max()))
            line = f"At any weights the reconstruction lies between {low} and {high}."
            if limit == "tanh":
                line += " The data do so, too, but the mean of a Gaussian can be any number."
            else:
                line += " The data have both signs."
            # Which of the two signs it has makes no other mistake of it.
            return _failed("output", line, [f"output-{limit.replace('negative', 'positive')}"])
        return _held("output", "The reconstruction is the decoder's output, and takes both signs.")

    def _gradients(self) -> Evidence:
        gradients = self.trained["gradients"]
        if not gradients:
            return _unknown("gradients")
        if all(norm is None for norm in gradients.values()):
            return _failed("gradients", "No gradient of the reconstruction reaches any weight.", ["forward-no-grad"])
        missing = [name for name, norm in gradients.items() if norm is None and "weight" in name]
        arrived = [name for name, norm in gradients.items() if norm is not None]
        before_latent = [name for name in missing if "dec" not in name.lower()]
        if before_latent and self.trained["planted"]:
            line = f"No gradient of the reconstruction reaches {', '.join(before_latent[:3])}."
            everything = all("dec" in name.lower() for name in arrived)
            return _failed("gradients", line, ["latent-detached" if everything else "weights-unused"])
        for output, weights in self.trained["detached"].items():
            if weights:
                words = "mu" if output == "mu" else "logvar"
                line = f"{words} changes with {', '.join(weights[:3])}, and yet no gradient of {words} reaches there."
                return _failed("gradients", line, ["output-detached"])
        return _held("gradients", "Gradients of the reconstruction, mu and logvar reach every weight of the encoder.")

    def _nonlinear(self) -> Evidence:
        bend = self.trained["bend"]
        if bend is None:
            return _unknown("nonlinear")
        if bend < 1e-4:
            line = (
                "Moving a latent by twice as much moves the reconstruction by exactly twice "
                "as much: the decoder is linear."
            )
            return _failed("nonlinear", line, ["decoder-linear"])
        return _held("nonlinear", "The decoder bends.")


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.allclose(one, other, rtol=1e-4, atol=1e-4, equal_nan=True))


def _judged(law: str, passed: bool | None, line: str, signs: list[str], **facts: Any) -> Evidence:
    return Evidence(law=f"forward.{law}", passed=passed, line=line, facts={"signs": signs, **facts})


def _held(law: str, line: str) -> Evidence:
    return Evidence(law=f"forward.{law}", passed=True, line=line)


def _failed(law: str, line: str, signs: list[str], **facts: Any) -> Evidence:
    return _judged(law, False, line, signs, **facts)


def _unknown(law: str) -> Evidence:
    return Evidence(law=f"forward.{law}", passed=None, line="This could not be checked.")
