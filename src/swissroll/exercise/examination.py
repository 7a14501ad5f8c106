"""Put all questions to one solution, in the order in which they help one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.error import ErrorLaws
from swissroll.exercise.laws.forward import ForwardLaws
from swissroll.exercise.laws.heads import HeadLaws, encode_randomly, is_head_positive
from swissroll.exercise.laws.kl import KlLaws
from swissroll.exercise.laws.loss_meter import LossMeter
from swissroll.exercise.laws.measured_loss import MeasuredLoss, measure_loss
from swissroll.exercise.laws.measured_model import LATENT_NAMES, ModelMeter
from swissroll.exercise.laws.measured_sampler import BASE_HEAD, BASE_MU, filled
from swissroll.exercise.laws.objective import ObjectiveLaws
from swissroll.exercise.laws.readings import BY_NAME, LOG_VARIANCE, accepted
from swissroll.exercise.laws.sampler import SamplerLaws
from swissroll.exercise.questions import QUESTIONS
from swissroll.exercise.subject import Subject
from swissroll.model.translation import translate

DATA_DIM = 2
LATENT_DIM = 2
ANOTHER_SEED = 10_000
"""Is added where something is measured once more."""


class Examination:
    """All that was measured of one solution.

    Args:
        subject: The solution.
        seed: Of the draws and of the weights that models are given.
    """

    def __init__(self, subject: Subject, *, seed: int = 0) -> None:
        self.subject = subject
        self.offset = 20_000 * seed
        self.seed = 1000 + self.offset
        self.described = subject.ask({"kind": "describe"})
        self.sampler: SamplerLaws | None = None
        self.kl: KlLaws | None = None
        self.error: ErrorLaws | None = None
        self.meter: LossMeter | None = None
        self.measured = MeasuredLoss()
        self.order_differs = False

    def judge(self, parts: Sequence[str]) -> Iterator[Evidence]:
        """The evidence of each law of some parts."""
        if "error" in self.described:
            yield from self._undescribed(parts)
            return
        self._measure_all()
        judged: dict[str, Evidence] = {}
        for evidence in self._judge_all(parts):
            judged[evidence.law] = evidence
            yield evidence

    # What is measured.

    def _part(self, name: str) -> dict[str, Any] | None:
        part: dict[str, Any] | None = self.described.get(name)
        return part

    def _measure_all(self) -> None:
        sampler = self._part("reparameterize")
        if sampler is not None:
            self.sampler = SamplerLaws(self.subject, self.seed, self._declared(), self.latents_of_method(sampler))
        if self._part("loss") is not None:
            self._measure_loss(self.seed)

    def latents_of_method(self, sampler: Mapping[str, Any]) -> str | None:
        """The argument of the model that a sampler is a method of which is the number of latents; "" where it has none.

        None where the sampler is no method.
        """
        vae = self._part("vae")
        if not sampler["is_method"] or vae is None:
            return None
        return next((name for name in vae["parameters"] if name.lower() in LATENT_NAMES), "")

    def _declared(self) -> list[str]:
        """Readings that are right by the names of parameters: of the sampler, or of a loss that takes a head itself."""
        sampler = self._part("reparameterize")
        parameters = sampler["parameters"] if sampler else []
        loss = self._part("loss")
        if loss is not None and "head" in loss["roles"]:
            index = loss["roles"].index("head")
            of_loss = accepted(["mu", loss["parameters"][index]])
        else:
            of_loss = ["log-variance"]
        of_sampler = accepted(parameters)
        return [*of_sampler, *(name for name in of_loss if name not in of_sampler)]

    def _measure_loss(self, seed: int) -> None:
        loss = self.described["loss"]
        readings = self._declared()
        of_sampler = self.sampler.matches if self.sampler else []
        self.meter = None
        probes = ["own", "plain"] if self.described.get("arrangement") == "other" else ["plain"]
        for probe in probes:
            # A sampler that ends the process, or never ends, must not take the loss with it.
            meter = LossMeter(self.subject, probe, loss["has_beta"], draws=bool(of_sampler), seed=seed)
            measured = measure_loss(meter)
            kl = None
            error = None
            if len(measured.kl) and len(measured.squares):
                error = ErrorLaws(measured)
                constants = [0.0] if meter.kl_beta is None else [0.0, *error.gaussian_constants()]
                kl = KlLaws(measured, list(readings), error.factor, constants, weight_is_written=not loss["has_beta"])
            is_right = kl is not None and any(name in kl.matches for name in (*readings, *of_sampler))
            if self.meter is None or is_right:
                self.order_differs = self.meter is not None
                self.meter = meter
                self.measured = measured
                self.error = error
                self.kl = kl
            if is_right:
                break
        if self.sampler is not None and self.kl is not None:
            shared = [name for name in of_sampler if name in self.kl.matches]
            self.sampler.readings = shared or self.sampler.readings
            self.kl.readings = shared or self.kl.readings
        self._accept_what_the_head_is()

    # What is judged.

    def _judge_all(self, parts: Sequence[str]) -> Iterator[Evidence]:
        sampler: list[Evidence] = []
        if self.sampler is not None:
            sampler = list(self.sampler.judge())
        loss = self._judge_loss_surely()
        by_law = {one.law: one for one in (*sampler, *loss)}

        if "reparameterize" in parts:
            yield from sampler or self._missing("reparameterize", "reparameterize")
        yield from (one for one in loss if one.part in parts)
        if "heads" in parts:
            yield from self._judge_heads(by_law, alone="kl" not in parts)
        if "forward" in parts:
            yield from self._judge_forward(sampler)

    def _judge_loss_surely(self) -> list[Evidence]:
        """The evidence of the loss; what a random one seems to do wrong is seen twice before anybody is accused."""
        first = list(self._judge_loss())
        if not self.measured.is_random or all(one.passed is not False for one in first):
            return first
        self._measure_loss(self.seed + ANOTHER_SEED)
        second = list(self._judge_loss())
        return [other if one.passed is False else one for one, other in zip(first, second, strict=True)]

    def _judge_loss(self) -> Iterator[Evidence]:
        if self.meter is None:
            for part in ("kl", "error", "objective"):
                yield from self._missing(part, "compute_vae_loss")
            return
        if self.kl is None or self.error is None:
            for part in ("kl", "error"):
                yield from self._unknown(part)
        else:
            yield from self.kl.judge()
            yield from self.error.judge()
        yield from ObjectiveLaws(self.meter, self.measured, self.kl, self.error).judge()

    def _judge_heads(self, judged: dict[str, Evidence], *, alone: bool) -> Iterator[Evidence]:
        of_sampler = [name for name in self._readings_of_sampler() if _holds(judged, "reparameterize.scale")]
        of_kl = [name for name in self._readings_of_kl() if _holds(judged, "kl.formula")]
        laws = HeadLaws(self._encoded, self._reading(), of_sampler, of_kl, self._is_sign_harmless())
        for evidence in laws.judge():
            if alone and evidence.law == "heads.consistent" and evidence.passed is None:
                continue
            yield evidence

    @cached_property
    def _encoded(self) -> list[list[Any]]:
        """What random networks encode points to; empty where there is no model that can be called."""
        vae = self._part("vae")
        return [] if vae is None else encode_randomly(ModelMeter(self.subject, vae["parameters"], self.offset))

    def _accept_what_the_head_is(self) -> None:
        """Where sampler and KL term read the head in two ways, one as a logarithm, and the encoder makes it positive.

        Then each of them is right in itself, and what is wrong is that they disagree.
        """
        if self.sampler is None or self.kl is None or set(self.sampler.matches) & set(self.kl.matches):
            return
        is_positive = {name: BY_NAME[name].is_positive for name in (*self.sampler.matches, *self.kl.matches)}
        if set(is_positive.values()) == {True, False} and is_head_positive(self._encoded):
            self.sampler.readings = [*self.sampler.readings, *self.sampler.matches]
            self.kl.readings = [*self.kl.readings, *self.kl.matches]

    def _readings_of_sampler(self) -> list[str]:
        return [] if self.sampler is None else [name for name in self.sampler.readings if name in self.sampler.matches]

    def _readings_of_kl(self) -> list[str]:
        return [] if self.kl is None else [name for name in self.kl.readings if name in self.kl.matches]

    def _reading(self) -> Any:
        """How the head is read: by the sampler where it is right, else by the KL term."""
        names = [*self._readings_of_sampler(), *self._readings_of_kl()]
        # Where the two disagree, a head that is never negative is no logarithm.
        if any(BY_NAME[name].is_positive != BY_NAME[names[0]].is_positive for name in names):
            names.sort(key=lambda name: BY_NAME[name].is_positive != is_head_positive(self._encoded))
        return BY_NAME[names[0]] if names else LOG_VARIANCE

    def _is_sign_harmless(self) -> bool:
        """Whether a head below 0 does what its absolute value does, in sampler and KL term."""
        reading = self._reading()
        if self.sampler is None or self.kl is None or not reading.is_positive:
            return False
        measured = self.sampler.measured
        negative = measured.heads < 0
        mirrored = reading.deviation(np.abs(measured.heads[negative])) / reading.deviation(np.float64(BASE_HEAD))
        draws = negative.sum() >= 4 and bool(np.allclose(np.abs(measured.ratio[negative]), mirrored, rtol=0.01))
        table = self.kl.measured.kl
        below = table[table[:, 1] < 0]
        expected = reading.divergence(below[:, 0], np.abs(below[:, 1]))
        factor = self.kl.factor * self.kl.powers.factor
        return draws and len(below) > 0 and bool(np.allclose(below[:, 2], factor * expected, rtol=0.02, atol=0.02))

    def _judge_forward(self, sampler: Sequence[Evidence]) -> Iterator[Evidence]:
        vae = self._part("vae")
        if vae is None:
            yield from self._missing("forward", "VAE")
            return
        holds = bool(sampler) and all(one.passed is True for one in sampler)
        laws = ForwardLaws(
            self.subject, ModelMeter(self.subject, vae["parameters"], self.offset), self._reading(), holds
        )
        for evidence in laws.judge():
            if self.order_differs and evidence.law == "forward.runs" and evidence.passed:
                line = "The model returns its values in another order than the loss takes them in."
                yield Evidence(law=evidence.law, passed=False, line=line, facts={"signs": ["forward-order"]})
            else:
                yield evidence

    # What could not be asked.

    def _missing(self, part: str, what: str) -> Iterator[Evidence]:
        for evidence in self._unknown(part):
            yield Evidence(law=evidence.law, passed=None, line=f"{what} was not found.", facts={"signs": ["missing"]})

    @staticmethod
    def _unknown(part: str) -> Iterator[Evidence]:
        for question in QUESTIONS:
            if question.part == part:
                yield Evidence(law=question.id, passed=None, line="This could not be checked.")

    def _undescribed(self, parts: Sequence[str]) -> Iterator[Evidence]:
        line = f"The solution could not be read: {self.described.get('message', '')}"
        for question in QUESTIONS:
            if question.part in parts:
                yield Evidence(law=question.id, passed=None, line=line, facts={"signs": ["error"]})

    # What is a choice.

    def conventions(self) -> Iterator[str]:
        """Choices of the solution, one sentence each."""
        for name, part in (("reparameterize", "reparameterize"), ("compute_vae_loss", "loss"), ("VAE", "vae")):
            own = (self._part(part) or {}).get("name", name)
            if own != name and own.isidentifier():
                yield f"Your {own} was taken for {name}."
        yield from self._elsewhere()
        reading = self._reading()
        if (self._readings_of_sampler() or self._readings_of_kl()) and reading is not LOG_VARIANCE:
            yield f"The encoder's second output is read as a {reading.name}."
        if self.measured.first.get("training") is False:
            yield "The loss leaves the model in evaluation mode: what draws in training alone then draws nothing."
        if self.measured.is_random:
            yield "The loss is computed from random draws: it is right on average, and noisy."
        if self.kl is None or self.error is None or self.kl.reading is None or self.error.factor is None:
            return
        kl = self.kl.powers
        error = self.error.powers
        if kl.batch is None or kl.latent is None or error.batch is None or error.data is None:
            return
        points = "sum" if error.batch else "mean"
        yield (
            f"Over points it is a {points}; the reconstruction term is a "
            f"{'sum' if error.data else 'mean'} over coordinates, "
            f"the KL term a {'sum' if kl.latent else 'mean'} over latent dimensions."
        )
        if self.error.is_gaussian and abs(self.error.constant) > 1e-6:
            yield "The reconstruction term is a Gaussian's log-density with its constant."
        yield from self._translated()

    def _elsewhere(self) -> Iterator[str]:
        """What a sampler that is right does not take, and need not for the exercise."""
        if self.sampler is None or not self.sampler.matches:
            return
        place = filled((3, 2), BASE_MU, BASE_HEAD)
        for name, said in self.subject.ask({"kind": "elsewhere", **place}).items():
            if isinstance(said, dict) and "error" in said:
                yield f"The sampler does not work {'in' if name == 'float64' else 'on'} {name}: {said['message']}."

    def _translated(self) -> Iterator[str]:
        """Which decoder the loss implies, and the true beta."""
        if self.kl is None or self.error is None or not self.kl.factor > 0:
            return
        # Weight of the rate, in nats per point, beside the squared error summed over coordinates.
        kl = self.kl.powers
        error = self.error.powers
        if kl.batch != error.batch:
            return
        of_rate = self.kl.factor * LATENT_DIM ** ((kl.latent or 0) - 1) * DATA_DIM ** (kl.data or 0)
        of_squares = (self.error.factor or float("nan")) * DATA_DIM ** ((error.data or 0) - 1)
        weight = of_rate / of_squares
        if not np.isfinite(weight) or weight <= 0:
            return
        sigma = translate(weight, "sum", DATA_DIM, LATENT_DIM).sigma
        small = translate(0.01 * weight, "sum", DATA_DIM, LATENT_DIM).sigma
        yield (
            f"With {LATENT_DIM} latent dimensions, beta 1 is the exact bound for a "
            f"decoder whose sigma is {sigma:.3g}, and beta "
            f"0.01 for sigma {small:.3g}."
        )


def _holds(judged: dict[str, Evidence], law: str) -> bool:
    return law in judged and judged[law].passed is True
