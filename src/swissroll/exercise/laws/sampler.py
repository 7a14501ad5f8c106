"""What holds for reparameterize: z = mu + s(head) * noise, with standard normal noise of its own for each number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from swissroll.exercise.evidence import Evidence
from swissroll.exercise.laws.draw_gradients import judge_gradients
from swissroll.exercise.laws.matching import STATISTICAL_TOLERANCE, TOLERANCE, centre_error, clipping, matching_readings
from swissroll.exercise.laws.measured_sampler import (
    BASE_HEAD,
    BASE_MU,
    SHAPES,
    as_array,
    ask_draws,
    draw_sample,
    filled,
    is_squeezed,
    measure_sampler,
)
from swissroll.exercise.laws.noise import (
    MAX_DEVIATIONS,
    MIN_DIFFERENT,
    describe_noise,
    fault_in_evaluation,
    is_correlated,
    is_discrete,
    is_normalised,
    share_of_different,
    without_copies,
)
from swissroll.exercise.laws.readings import BY_NAME, LOG_VARIANCE, Reading
from swissroll.exercise.laws.sampler_evidence import NAME, failed, held, stopped, unknown
from swissroll.exercise.laws.words import NOT_WRITTEN, is_stub, number, say_error, sign_of_error
from swissroll.exercise.subject import Subject

STANDARDISED = "draws-standardised"
RUN_SHAPES: tuple[tuple[int, int], ...] = ((1, 2), (3, 1), (128, 2), (7, 5))
LAWS = ("runs", "independent", "fresh", "normal", "centre", "scale", "gradients", "inputs")


class SamplerLaws:
    """The laws of the sampler, and what they measured.

    Args:
        subject: The solution.
        seed: Of the noise.
        readings: Names of the readings of the head that are right here, the likeliest first.
        latents: For a method, the name of the model's argument that is the number of latents, "" where there is none.
    """

    def __init__(self, subject: Subject, seed: int, readings: Sequence[str], latents: str | None = None) -> None:
        self.subject = subject
        self.seed = seed
        self.readings = readings
        self.latents = latents
        self.measured = measure_sampler(subject, seed)
        self.matches: list[str] = [] if self.measured.error else matching_readings(self.measured)

    def judge(self) -> Iterator[Evidence]:
        """The evidence of each law, in the order of the questions."""
        if self.measured.error is not None:
            yield from self._unusable(self.measured.error)
            return
        for law in LAWS:
            judged: Evidence = getattr(self, f"_{law}")()
            yield judged

    @property
    def reading(self) -> Reading:
        """How the sampler reads the head, as far as that is known."""
        right = [name for name in self.readings if name in self.matches]
        return BY_NAME[right[0]] if right else BY_NAME.get(self.readings[0], LOG_VARIANCE)

    def _unusable(self, error: dict[str, Any]) -> Iterator[Evidence]:
        sign = sign_of_error(error)
        facts = {"signs": [sign], "answer": error}
        passed = None if sign in ("missing", "limit") else False
        line = say_error(NAME, error)
        if "error" not in error:
            # It is the answer to the last of the shapes that were tried.
            facts = {"signs": ["latent-not-finite" if _is_of(error, SHAPES[-1]) else "shape"]}
            line = f"For mu and logvar of shape {SHAPES[-1]}: it returned {_what_came(error, SHAPES[-1])}."
        yield Evidence(law=f"{NAME}.runs", passed=passed, line=line, facts=facts)
        for law in LAWS[1:]:
            yield unknown(law, [NOT_WRITTEN] if is_stub(error) else [])

    # What comes back.

    def _runs(self) -> Evidence:
        shapes = RUN_SHAPES
        # A method may take the number of latents from its model. Where that has but one, others are not asked for.
        if self.latents == "" and self.measured.shape[1] != SHAPES[0][1]:
            shapes = tuple(shape for shape in RUN_SHAPES if shape[1] == self.measured.shape[1])
        generator = torch.Generator().manual_seed(self.seed)
        calls = []
        for shape in shapes:
            mu = torch.rand(shape, generator=generator) + 0.3
            head = torch.rand(shape, generator=generator) + 0.3
            sizes = {self.latents: shape[1]} if self.latents else None
            calls.append({"mu": mu, "head": head, "seed": self.seed, "sizes": sizes})
        draws = ask_draws(self.subject, calls)
        kinds = {str(draw["z"].dtype) for draw in draws if "z" in draw}
        wrong = [shape for shape, draw in zip(shapes, draws, strict=True) if as_array(draw, shape) is None]

        if wrong:
            first = draws[shapes.index(wrong[0])]
            if sign_of_error(first) == "limit":
                return stopped("runs", first)
            came = say_error(NAME, first) if "error" in first else f"it returned {_what_came(first, wrong[0])}"
            line = f"For mu and logvar of shape {wrong[0]}: {came}."
            sign = self._sign_of_shape(first, wrong)
            return failed("runs", line.replace("..", "."), [sign], shapes=[list(shape) for shape in wrong])
        if kinds != {"torch.float32"}:
            line = (
                f"For mu and logvar in float32 it returned {', '.join(sorted(kinds))}, which a float32 decoder refuses."
            )
            return failed("runs", line, ["dtype"])
        return held("runs", f"One latent for each point, for {_listed(shapes)} points.")

    def _sign_of_shape(self, draw: dict[str, Any], wrong: list[tuple[int, int]]) -> str:
        """What makes a sampler fail at some shapes of mu; the draw is that of the first of them."""
        if self._is_standardised():
            return STANDARDISED
        if self._is_centred() and not self._shared() and is_normalised(self.measured.base - BASE_MU):
            return "noise-normalised"
        if _is_of(draw, wrong[0]):
            return "latent-not-finite"
        if is_squeezed(draw, wrong[0]):
            return "shape"
        if all(one[1] != self.measured.shape[1] for one in wrong):
            return "latents-frozen"
        return "shape" if len(wrong) == len(RUN_SHAPES) else "batch-frozen"

    # The noise.

    def _independent(self) -> Evidence:
        z = self.measured.base
        rows = bool(np.allclose(z, z[:1], rtol=1e-6, atol=1e-7)) and len(z) > 1
        columns = bool(np.allclose(z, z[:, :1], rtol=1e-6, atol=1e-7)) and z.shape[1] > 1
        at = f"At mu {BASE_MU} and logvar {BASE_HEAD}"
        shape = f"{z.shape[0]} x {z.shape[1]}"

        if rows and columns:
            sign = "noise-shared-all" if self._varies() else "no-noise"
            line = f"{at}, all {shape} numbers of a draw are the same: {number(float(z[0, 0]))}."
            return failed("independent", line, [sign])
        if rows:
            line = f"{at}, all {len(z)} points of a batch got the same latent: ({', '.join(map(number, z[0, :2]))})."
            return failed("independent", line, ["noise-shared-rows"])
        if columns:
            line = f"{at}, all coordinates of a point got the same number: {', '.join(map(number, z[0, :2]))}."
            return failed("independent", line, ["noise-shared-columns"])

        different = share_of_different(z)
        if different < MIN_DIFFERENT and not self._takes_few_values():
            line = f"{at}, only {different:.0%} of the {shape} numbers of a draw differ from one another."
            return failed("independent", line, ["noise-shared-partly"])
        if self._is_centred() and is_normalised(z - BASE_MU) and not self._takes_few_values():
            line = f"{at}, the noise of each batch, or of each point, has the same average or the same length."
            return failed("independent", line, ["noise-normalised"])
        if is_correlated(z):
            line = f"{at}, numbers that lie beside each other in a draw go together."
            return failed("independent", line, ["noise-correlated"])
        return held("independent", f"{at}, the {shape} numbers of a draw do not depend on one another.")

    def _takes_few_values(self) -> bool:
        """Whether equal numbers are those of noise that takes a few values only, and not of noise that is shared."""
        if share_of_different(self.measured.base) >= MIN_DIFFERENT:
            return False
        shape = self.measured.shape
        call = {**filled(shape, BASE_MU, BASE_HEAD), "seed": self.seed + 1}
        other = as_array(ask_draws(self.subject, [call])[0], shape)
        return not self._shared() and other is not None and is_discrete(self.measured.base, other)

    def _varies(self) -> bool:
        shape = self.measured.shape
        calls = [{**filled(shape, BASE_MU, BASE_HEAD), "seed": self.seed + index} for index in range(4)]
        arrays = [as_array(draw, shape) for draw in ask_draws(self.subject, calls)]
        values = [float(z[0, 0]) for z in arrays if z is not None]
        return float(np.ptp(values)) > 1e-6

    def _fresh(self) -> Evidence:
        shape = self.measured.shape
        call = filled(shape, BASE_MU, BASE_HEAD)
        seeded = {**call, "seed": self.seed, "training": True}
        others = [{**call, "seed": None, "training": training} for training in (True, True, False, False)]
        draws = ask_draws(self.subject, [seeded, *others])
        arrays = [as_array(draw, shape) for draw in draws]
        if any(z is None for z in arrays):
            broken = next(draw for draw, z in zip(draws, arrays, strict=True) if z is None)
            if sign_of_error(broken) == "limit":
                return stopped("fresh", broken)
            return failed("fresh", f"A second call: {say_error(NAME, broken)}.", ["error"])
        _, first, second, third, fourth = (np.asarray(z) for z in arrays)

        if self._is_deterministic():
            return unknown("fresh", [])
        if np.array_equal(first, second):
            # What seeds a generator leaves it where it was left by the call before.
            reseeds = any(one == other for one, other in zip(draws[1]["next"], draws[2]["next"], strict=True))
            line = f"Two calls in a row gave the same {first.size} numbers."
            return failed("fresh", line, ["noise-reseeded" if reseeds else "noise-frozen"])
        is_usual = not self._shared() and not is_correlated(self.measured.base)
        fault = fault_in_evaluation(first, third, fourth, is_usual=is_usual)
        if fault is not None:
            return failed("fresh", fault.line, [fault.sign])
        return held("fresh", "Two calls in a row gave different numbers, in training and in evaluation mode.")

    def _shared(self) -> bool:
        z = self.measured.base
        return bool(np.allclose(z, z[:1]) or np.allclose(z, z[:, :1]))

    def _is_deterministic(self) -> bool:
        return self.measured.is_constant and not self._varies()

    def _normal(self) -> Evidence:
        if self._is_deterministic() or self._is_standardised():
            return unknown("normal", [])
        found: list[str] = []
        line = ""
        # Noise that is not normal is seen twice before anybody is accused.
        for attempt in range(2):
            seed = self.seed + 17 + 5000 * attempt
            sample = draw_sample(self.subject, self.measured, seed, many_calls=self._shared())
            if sample.size < 500:
                return unknown("normal", [])
            self.measured.sample = sample
            if self._takes_few_values():
                z = self.measured.base
                line = f"{z.size} draws take {len(np.unique(np.round(z, 5)))} different values, the same at each call."
                return failed("normal", line, ["noise-discrete"])
            found, line = describe_noise(without_copies(sample), self._is_centred())
            if not found:
                break
        if not found:
            return held("normal", line)
        return failed("normal", line, found)

    # The two functions.

    def _is_centred(self) -> bool:
        return centre_error(self.measured) <= self._tolerance()

    def _tolerance(self) -> float:
        return TOLERANCE if self.measured.repeatable else STATISTICAL_TOLERANCE

    def _centre(self) -> Evidence:
        facts = self._functions()
        if self._is_deterministic():
            is_mean = bool(np.allclose(self.measured.mean_offset, self.measured.means, atol=1e-4))
            is_mean = is_mean and bool(np.allclose(self.measured.offset, BASE_MU, atol=1e-4))
            line = (
                "It returns mu itself: nothing is drawn."
                if is_mean
                else "It adds the same number at every call: nothing is drawn."
            )
            return failed("centre", line, ["returns-mean" if is_mean else "noise-constant"], **facts)
        if self._is_centred():
            return held("centre", "Where mu moves, the draws move with it.")
        if self._is_standardised():
            line = f"At any mu the average of the {len(self.measured.base)} draws of a batch is the same."
            return failed("centre", line, [STANDARDISED], **facts)
        means = self.measured.means
        moved = self.measured.mean_offset + self.measured.mean_ratio * BASE_MU
        index = int(np.argmax(np.abs(moved - means)))
        line = f"Draws at mu {means[index]:g} and logvar {BASE_HEAD} are centred at {number(float(moved[index]))}."
        if abs(moved[index] - means[index]) < 0.05:
            line = "Where logvar moves, the centre of the draws moves, too."
        return failed("centre", line, ["centre"], **facts)

    def _is_standardised(self) -> bool:
        """Whether the draws of each column, or of each row, have the same average: that of chance never is."""
        z = self.measured.base
        over_batch = len(z) > 1 and float(np.ptp(z.mean(axis=0))) < 1e-4
        over_row = z.shape[1] > 1 and float(np.ptp(z.mean(axis=1))) < 1e-4
        return (over_batch or over_row) and not self._shared() and not self._is_centred()

    def _functions(self) -> dict[str, Any]:
        """The measured functions as plain values, which the catalogue's formulas are compared with."""
        measured = self.measured
        names = ("heads", "ratio", "offset", "means", "mean_ratio", "mean_offset")
        facts: dict[str, Any] = {name: [float(value) for value in getattr(measured, name)] for name in names}
        sample = measured.sample if measured.sample.size else measured.base
        facts["deviation"] = float(sample.std())
        facts["is_linear"] = measured.is_linear
        facts["readings"] = self.matches
        return facts

    def _scale(self) -> Evidence:
        facts = self._functions()
        if self._is_deterministic():
            return unknown("scale", [])
        right = [name for name in self.readings if name in self.matches]
        deviation = facts["deviation"]
        if not right:
            reading = BY_NAME[self.readings[0]]
            signs = [STANDARDISED if self._is_standardised() else "scale"]
            clipped = clipping(self.measured.heads, np.abs(self.measured.ratio) * deviation, reading)
            signs += ["scale-clipped"] if clipped else []
            return failed("scale", self._say_scale(reading, deviation), signs, **facts)

        factor = deviation / float(BY_NAME[right[0]].deviation(np.float64(BASE_HEAD)))
        facts["factor"] = factor
        facts["reading"] = right[0]
        size = self.measured.sample.size
        allowed = 0.02 if size < 1000 else MAX_DEVIATIONS / np.sqrt(2 * size)
        names_normal = not describe_noise(self.measured.sample, True)[0] if size else True
        # Noise that is shared has as many numbers as there are different ones: a sample of many draws tells its size.
        is_known = size > 0 or not self._shared()
        if is_known and names_normal and abs(factor - 1) > allowed + 0.002:
            line = f"The draws have {number(factor)} times the standard deviation that the {right[0]} says."
            return failed("scale", line, ["scale-factor"], **facts)
        mixed = self._mixing(BY_NAME[right[0]])
        if mixed:
            what = "point to point" if "scale-mixed-rows" in mixed else "coordinate to coordinate"
            line = f"Where logvar differs from {what}, the draws do not follow each one's own."
            return failed("scale", line, mixed)
        return held("scale", f"The draws have the standard deviation of a {right[0]}.", **facts)

    def _mixing(self, reading: Reading) -> list[str]:
        """Signs of a draw of one coordinate, or of one point, that another one's head or mean decides about."""
        if not self.measured.repeatable or self._shared() or not self._is_centred():
            return []
        shape = self.measured.shape
        generator = torch.Generator().manual_seed(self.seed)
        mu = torch.rand(shape, generator=generator) * 2 - 1
        head = torch.rand(shape, generator=generator) * 1.5 + 0.2
        z = as_array(ask_draws(self.subject, [{"mu": mu, "head": head, "seed": self.seed}])[0], shape)
        if z is None:
            return ["scale-mixed"]
        noise = (self.measured.base - BASE_MU) / reading.deviation(np.float64(BASE_HEAD))
        drawn = z - mu.double().numpy()
        expected = reading.deviation(head.double().numpy()) * noise
        if np.allclose(drawn, expected, rtol=5e-3, atol=2e-3):
            return []
        # One spread for all points, in each coordinate: the noise times a number.
        spreads = (drawn * noise).sum(axis=0) / (noise**2).sum(axis=0)
        is_shared = shape[0] > 1 and np.allclose(drawn, spreads * noise, rtol=5e-3, atol=2e-3)
        is_shared = is_shared and not np.allclose(spreads, spreads[0], rtol=5e-3)
        return ["scale-mixed", "scale-mixed-rows"] if is_shared else ["scale-mixed"]

    def _say_scale(self, reading: Reading, deviation: float) -> str:
        heads = self.measured.heads
        if len(heads) == 0:
            return "The draws could not be measured at any other logvar."
        wanted = reading.deviation(heads)
        came = np.abs(self.measured.ratio) * deviation
        with np.errstate(all="ignore"):
            off = np.abs(np.log(np.maximum(came, 1e-9)) - np.log(np.maximum(wanted, 1e-9)))
        pick = int(np.argmax(np.where(np.abs(heads) <= 2.5, np.nan_to_num(off), -1)))
        name = "logvar" if reading.name == "log-variance" else reading.name
        return (
            f"At {name} {heads[pick]:g} the draws have a standard deviation of {number(float(came[pick]))}; "
            f"the distribution that it stands for has {number(float(wanted[pick]))}."
        )

    # Gradients and side effects.

    def _gradients(self) -> Evidence:
        if self._is_deterministic():
            return unknown("gradients", [])
        return judge_gradients(self.subject, self.measured, self.reading, self.seed)

    def _inputs(self) -> Evidence:
        shape = self.measured.shape
        call = filled(shape, BASE_MU, BASE_HEAD)
        draw = ask_draws(self.subject, [{**call, "seed": self.seed}])[0]
        if "error" in draw:
            return unknown("inputs", [])
        for name, words in (("mu", "mu"), ("head", "logvar")):
            after = draw[f"{name}_after"]
            if after.shape != call[name].shape or not torch.equal(after, call[name]):
                was = number(float(call[name].flatten()[0]))
                now = number(float(after.flatten()[0]))
                return failed("inputs", f"After the call {words} was {now}, where it had been {was}.", ["in-place"])
        return held("inputs", "mu and logvar were the same after the call.")


def _is_of(draw: dict[str, Any], shape: tuple[int, int]) -> bool:
    """Whether a draw came, and has the shape of mu."""
    return "z" in draw and tuple(draw["z"].shape) == shape


def _what_came(draw: dict[str, Any], shape: tuple[int, int]) -> str:
    """A draw that is no latent, in words."""
    if not _is_of(draw, shape):
        return f"the shape {tuple(draw['z'].shape)}"
    return "nan" if bool(draw["z"].isnan().any()) else "infinite numbers"


def _listed(shapes: Sequence[tuple[int, int]]) -> str:
    """The numbers of points of some shapes, in words."""
    counts = [str(count) for count in sorted({shape[0] for shape in shapes})]
    return f"{', '.join(counts[:-1])} and {counts[-1]}"
