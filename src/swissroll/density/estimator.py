"""A density for a table of a few numeric columns, in scikit-learn's ways.

from swissroll import VAEDensity

density = VAEDensity(random_state=0).fit(X)
density.score_samples(X), density.sample(100), density.transform(X), density.anomaly_probability(X)
"""

from __future__ import annotations

import warnings
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from swissroll import checks
from swissroll.config import MAX_COMPONENTS
from swissroll.data.points import Points
from swissroll.density import files, table
from swissroll.density.choice import MOST_LATENTS
from swissroll.density.fitting import Settings, size_for
from swissroll.density.learning import Learned, learn
from swissroll.density.progress import Bar
from swissroll.model.standardized import StandardizedVAE
from swissroll.reproducibility import rng

try:
    from sklearn.utils.validation import validate_data

    FINITE = "ensure_all_finite"
except ImportError:  # scikit-learn before 1.6

    def validate_data(estimator: Any, X: Any, **options: Any) -> Any:  # noqa: N803
        """What later became a function."""
        return estimator._validate_data(X, **options)

    FINITE = "force_all_finite"

EVIDENCE = "evidence"
MAX_SEED = 2**31 - 1
MAX_LATENTS = 64
MAX_WIDTH = 4096
MAX_DEPTH = 16
MAX_SAMPLES = 10**7


class VAEDensity(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator):  # type: ignore[misc]
    """A density of a table's rows, learned by a variational autoencoder.

    The model is p(x) = integral p(z) N(x; decode(z), S) dz: a few latents z with a mixture of Gaussians as their prior,
    a neural decoder, and noise of a full covariance S, all trained by the evidence lower bound. Behind it lies one
    heavy-tailed cloud, a Student t, with the weight that rows held out give it. With one or two latents the log density
    is exact, by quadrature. Columns are standardised inside; all that goes in and out is in data units.

    Args:
        latent_dim: Latents; or 'evidence': the fewest, of 1 to 4, that held-out rows do not tell from the best.
        hidden_dim: Units in each hidden layer of encoder and decoder; None chooses by the number of rows.
        depth: Hidden layers in each; None chooses by the number of rows.
        components: Gaussians of the prior; None chooses by the number of rows.
        max_steps: Most gradient steps; training stops before where held-out rows gain no more. None chooses by the
            number of rows.
        batch_size: Rows per step.
        learning_rate: Peak of Adam's learning rate.
        held_out: Share of the rows that training does not see: they decide when it stops, and calibrate the result.
        calibration_samples: Draws from the model that :meth:`anomaly_probability` compares with.
        random_state: Decides every draw; with an int, two fits on one machine are equal to the last bit.
        verbose: Show a progress bar anywhere; in a terminal there is one anyhow, where a fit takes over a second.

    Attributes:
        model_: The trained :class:`swissroll.model.StandardizedVAE`; its ``standardization`` has the units.
        noise_scale_: Standard deviation of the decoder's noise in each column, in data units, shape (D,).
        latent_dim_: Latents that were taken.
        held_out_rows_: Which rows training did not see, counted from 0.
        held_out_score_: Mean log density of these, in nats per row, and its standard error.
        background_weight_: Share of the heavy-tailed cloud behind the model, above 0 and below 1.
        tail_exponent_: Power that turns shares of the model's own samples into :meth:`anomaly_probability`:
            below 1 where more rows that it was not fitted to lie in its tail.
        coverage_: How many rows that the model was not fitted to lie in the regions that should hold 90, 95 and 99 %
            of all rows, each judged by the power that the others give.
        history_: Step by step of the checks: ``step``, ``train_elbo``, ``held_out``, in nats per row in data units.
        evidence_table_: With ``latent_dim='evidence'``, each number of latents that was tried; else None.
        diagnosis_: What ails the fit, and what to try; ``str()`` makes a sentence of it.
        is_exact_: Whether log densities are exact; else they are lower bounds.
        n_features_in_: D, columns.
        feature_names_in_: Their names, where X had some.
    """

    def __init__(
        self,
        latent_dim: int | Literal["evidence"] = 2,
        *,
        hidden_dim: int | None = None,
        depth: int | None = None,
        components: int | None = None,
        max_steps: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 1e-2,
        held_out: float = 0.1,
        calibration_samples: int = 4000,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.latent_dim = latent_dim
        self.hidden_dim = hidden_dim
        self.depth = depth
        self.components = components
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.held_out = held_out
        self.calibration_samples = calibration_samples
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002, N803 - scikit-learn's signature
        """Learn the density of the rows of X, shape (N, D), an array or a data frame of numbers; y is not used.

        Raises:
            ValueError: A parameter is out of range, or X cannot be used as it is: the message names row and column.
            DivergedError: A number was not finite, even at a half and at a tenth of the learning rate.

        Warns:
            ConvergenceWarning: Something ails the fit: the sentence of ``diagnosis_``.
            UserWarning: What to know of the rows: rounded values, a column that counts them.
        """
        self._check_parameters()
        rows = self._take_rows(X, reset=True)
        names = getattr(self, "feature_names_in_", None)
        table.require_spread(rows, names)

        seed = int(check_random_state(self.random_state).randint(MAX_SEED))
        points = Points.of(rows, columns=names, held_out=self.held_out, seed=seed, name="X")
        settings = self._settings(len(points.train), points.data_dim, seed)
        with Bar(sum(each.max_steps for each in settings), asked=bool(self.verbose)) as bar:
            learned = learn(
                points,
                rows,
                settings,
                samples=self.calibration_samples,
                progress=bar.advance,
            )
        self._take(learned, points.held_out_rows)

        for note in table.notes_on(rows, names):
            warnings.warn(note, UserWarning, stacklevel=2)
        if not self.diagnosis_.is_healthy:
            warnings.warn(str(self.diagnosis_), ConvergenceWarning, stacklevel=2)
        return self

    def transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Posterior means, shape (N, L), of rows of shape (N, D); each row for itself, to the last bit."""
        rows = self._given(X)
        return self._density.encode(rows)

    def inverse_transform(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Decoded rows in data units, shape (N, D), of latents, shape (N, L)."""
        check_is_fitted(self)
        latents = check_array(X, dtype=np.float64)
        if latents.shape[1] != self.latent_dim_:
            raise ValueError(
                f"X must have {checks.amount(self.latent_dim_, 'column')}, one per latent; got {latents.shape[1]}."
            )
        return self._density.decode(latents)

    def reconstruct(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Rows as the model remembers them, shape (N, D), in data units: their posterior means, decoded."""
        rows = self._given(X)
        return self._density.decode(self._density.encode(rows))

    def sample(self, n_samples: int = 1) -> NDArray[np.float64]:
        """Draw rows from the density, shape (n, D), in data units.

        As in scikit-learn, an int as ``random_state`` gives the same rows at each call.
        """
        check_is_fitted(self)
        checks.whole("n_samples", n_samples, 1, MAX_SAMPLES)
        seed = int(check_random_state(self.random_state).randint(MAX_SEED))
        return self._density.draw(int(n_samples), rng.generator(seed, "density: samples"))

    def score_samples(self, X: Any, return_error: bool = False) -> Any:  # noqa: N803
        """Log density of each row, in nats in data units, shape (N,).

        A density has a unit: one over those of the columns. With another unit of a column every log density moves by
        the same constant, and it may well be above 0.

        Args:
            X: Rows, shape (N, D).
            return_error: Also return the error of each, shape (N,): of the quadrature with one or two latents; with
                more, where log densities are importance-weighted lower bounds, the standard error of their draws.
        """
        rows = self._given(X)
        log_p, error = self._density.log_density(rows)
        return (log_p, error) if return_error else log_p

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002, N803
        """Mean log density of the rows, in nats per row: the mean, as of GaussianMixture; KernelDensity has the sum."""
        return float(np.mean(self.score_samples(X)))

    def anomaly_probability(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """How often a new row has a density as low as this row's, shape (N,), above 0 and at most 1.

        A small number is unusual: 0.003 means one row in three hundred. It is the share of the model's own samples
        with a density as low, to the power ``tail_exponent_``, found on rows that the model was not fitted to: those
        held out, and in tables of up to 300 training rows also the others, each by a model that was trained without
        it. It is an estimate, not a guarantee: the held-out rows also chose when training stopped. The least that can
        be told is one in the number of calibration samples, to that power. ``coverage_`` says how far to trust it.
        """
        return self._calibration.probabilities(self.score_samples(X))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted estimator as one safetensors file; loading it runs no code.

        Raises:
            ValueError: The file cannot be written.
        """
        check_is_fitted(self)
        files.save(path, self)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read an estimator that :meth:`save` wrote.

        Raises:
            ValueError: The file is none, is damaged or too large.
        """
        return files.load(path, cls())

    def _take(self, learned: Learned, held_out_rows: NDArray[np.int64]) -> None:
        """Make attributes of what was learned."""
        self._density = learned.density
        self._calibration = learned.calibration
        self.held_out_rows_ = held_out_rows
        self.held_out_score_ = learned.held_out_score
        self.coverage_ = learned.coverage
        self.history_ = learned.fitted.history
        self.best_step_ = learned.fitted.best_step
        self.diagnosis_ = learned.finding
        self.evidence_table_ = learned.candidates or None

    @property
    def model_(self) -> StandardizedVAE:
        """The trained :class:`swissroll.model.StandardizedVAE`, in float64; what goes in and out is in data units."""
        check_is_fitted(self)
        return self._density.model

    @property
    def latent_dim_(self) -> int:
        """Latents that were taken."""
        return self.model_.latent_dim

    @property
    def is_exact_(self) -> bool:
        """Whether log densities are exact but for the error that is told; else they are lower bounds."""
        check_is_fitted(self)
        return self._density.is_exact

    @property
    def background_weight_(self) -> float:
        """Share of the heavy-tailed cloud behind the model."""
        check_is_fitted(self)
        return self._density.weight

    @property
    def tail_exponent_(self) -> float:
        """Power that turns shares of the model's own samples into probabilities of new rows."""
        check_is_fitted(self)
        return self._calibration.exponent

    @property
    def noise_scale_(self) -> NDArray[np.float64]:
        """Standard deviation of the decoder's noise in each column, in data units, shape (D,)."""
        sigma = self.model_.decoder_sigma
        return np.full(self.n_features_in_, np.nan) if sigma is None else sigma.numpy()

    @property
    def _n_features_out(self) -> int:
        """What get_feature_names_out counts."""
        return self.latent_dim_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_density")

    def _given(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        check_is_fitted(self)
        return self._take_rows(X, reset=False)

    def _take_rows(self, X: Any, *, reset: bool) -> NDArray[np.float64]:  # noqa: N803
        """X as finite numbers, float64, after scikit-learn's own checks; refusals name row and column."""
        table.require_table_of_numbers(X)
        least = table.LEAST_ROWS if reset else 1
        options = {"dtype": np.float64, "ensure_min_samples": least, FINITE: False}
        try:
            rows: NDArray[np.float64] = validate_data(self, X, reset=reset, **options)
        except ValueError as error:
            # Scikit-learn quotes names whole, in several lines.
            lines = map(checks.printable, str(error).split("\n"))
            raise ValueError(checks.bounded("\n".join(lines))) from None
        table.require_finite(rows, getattr(self, "feature_names_in_", None))
        return np.ascontiguousarray(rows)

    def _settings(self, count: int, data_dim: int, seed: int) -> list[Settings]:
        """How to train on so many rows: one, or those of 1, 2, ... latents."""
        size = size_for(count)
        latents = [self.latent_dim]
        if self.latent_dim == EVIDENCE:
            latents = list(range(1, min(MOST_LATENTS, data_dim) + 1))
        return [
            Settings(
                latent_dim=int(each),
                hidden_dim=int(self.hidden_dim or size.hidden_dim),
                depth=int(self.depth or size.depth),
                components=int(self.components or size.components),
                max_steps=int(self.max_steps or size.max_steps),
                batch_size=int(self.batch_size),
                learning_rate=float(self.learning_rate),
                seed=seed,
            )
            for each in latents
        ]

    def _check_parameters(self) -> None:
        if self.latent_dim != EVIDENCE:
            checks.whole("latent_dim", self.latent_dim, 1, MAX_LATENTS, or_word=EVIDENCE)
        for name, most in (("hidden_dim", MAX_WIDTH), ("depth", MAX_DEPTH), ("components", MAX_COMPONENTS)):
            if getattr(self, name) is not None:
                checks.whole(name, getattr(self, name), 1, most)
        if self.max_steps is not None:
            checks.whole("max_steps", self.max_steps, 1, 10**9)
        checks.whole("batch_size", self.batch_size, 1, 10**6)
        checks.real("learning_rate", self.learning_rate, 0, 1, open_low=True)
        checks.real("held_out", self.held_out, 0, 0.5, open_low=True)
        checks.whole("calibration_samples", self.calibration_samples, 100, MAX_SAMPLES)
        if not isinstance(self.verbose, bool | int):
            raise ValueError(f"verbose must be True or False; got {checks.short(self.verbose)}.")
