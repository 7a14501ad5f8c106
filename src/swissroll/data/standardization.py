"""The map between data units and model coordinates, in which columns have mean 0 and standard deviation 1.

    z = W (x - mean) / scale        log p(x) = log p(z) - log_volume,  log_volume = sum log scale - log |det W|

W is the identity, or decorrelates the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swissroll import checks

MIN_EIGENVALUE = 1e-10
"""Smallest eigenvalue of a correlation matrix that is whitened: below, one column follows from the others."""
MAX_DIGITS = 16
"""Most digits of a number, from that of its column's scale on, that are tried before it is left as it is."""


@dataclass(frozen=True)
class Standardization:
    """An affine map from data units to model coordinates.

    All is computed in float64, each row for itself, so that a row's coordinates do not depend on the rows beside it.

    Args:
        mean: Of each column, D numbers, in data units.
        scale: Of each column, D numbers above 0, in data units.
        whitening: The matrix W that is applied after, D rows of D numbers; the identity by default.

    Raises:
        ValueError: Shapes do not fit, a number is not finite, a scale is not above 0, or W has no inverse.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    whitening: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        mean = np.array(self.mean, dtype=np.float64)
        scale = np.array(self.scale, dtype=np.float64)
        if mean.ndim != 1 or not len(mean) or mean.shape != scale.shape:
            raise ValueError(f"mean and scale must be as many numbers; got shapes {mean.shape} and {scale.shape}.")
        if not np.isfinite(mean).all() or not np.isfinite(scale).all() or (scale <= 0).any():
            raise ValueError("mean and scale must be finite, and scale above 0.")
        if self.whitening is not None:
            matrix = self._matrix()
            if matrix.shape != (len(mean), len(mean)) or not np.isfinite(np.linalg.slogdet(matrix)[1]):
                raise ValueError(f"whitening must be a matrix of {len(mean)} by {len(mean)} that has an inverse.")

    @classmethod
    def of(cls, rows: Any, *, whiten: bool = False) -> Standardization:
        """The map that gives these rows mean 0 and standard deviation 1 (dividing by N) in each column.

        A column that is multiplied by a power of two has the same bits after it.

        Args:
            rows: Shape (N, D) with N of at least 2, in data units.
            whiten: Also decorrelate the columns, by the symmetric root of the inverse correlation matrix.

        Raises:
            NotFiniteError: A number is not finite.
            ValueError: The rows are of another shape, or a column has one value only.

        Source for the root: Kessy, Lewin and Strimmer (2018), "Optimal whitening and decorrelation", ZCA-cor.
        """
        x = checks.points("rows", rows, least=2).numpy()
        checks.flag("whiten", whiten)
        mean = x.mean(axis=0)
        scale = x.std(axis=0)
        constant = (np.ptp(x, axis=0) == 0) | (scale == 0)
        if constant.any():
            column = int(constant.argmax())
            raise ValueError(
                f"column {column} of the rows, counted from 0, is {x[0, column]:g} in all of them, "
                "which has no density. Leave it out."
            )
        plain = cls(tuple(mean.tolist()), tuple(scale.tolist()))
        if not whiten:
            return plain

        standardized = plain.standardize(x)
        values, vectors = np.linalg.eigh(standardized.T @ standardized / len(x))
        if values.min() < MIN_EIGENVALUE:
            raise ValueError("one column follows from the others, so they cannot be decorrelated. Leave one out.")
        root = (vectors / np.sqrt(values)) @ vectors.T
        return cls(plain.mean, plain.scale, tuple(tuple(row) for row in root.tolist()))

    @property
    def data_dim(self) -> int:
        """D, columns of a row."""
        return len(self.mean)

    @property
    def log_volume(self) -> float:
        """Log of the volume in data units of a unit of volume in model coordinates."""
        volume = float(np.log(self.scale).sum())
        return volume if self.whitening is None else volume - float(np.linalg.slogdet(self._matrix())[1])

    @property
    def noise_scale(self) -> NDArray[np.float64]:
        """Standard deviation in data units, in each column, of noise N(0, I) in model coordinates, shape (D,)."""
        scale = np.array(self.scale)
        return scale if self.whitening is None else scale * np.linalg.norm(np.linalg.inv(self._matrix()), axis=1)

    def standardize(self, rows: Any) -> NDArray[np.float64]:
        """Model coordinates of rows in data units, both of shape (N, D); raises ValueError for another shape."""
        z: NDArray[np.float64] = (self._rows(rows) - np.array(self.mean)) / np.array(self.scale)
        if self.whitening is not None:
            z = multiply_rows(z, self._matrix())
        return z

    def restore(self, rows: Any) -> NDArray[np.float64]:
        """Rows in data units from model coordinates, both of shape (N, D); raises ValueError for another shape."""
        z = self._rows(rows)
        if self.whitening is not None:
            z = multiply_rows(z, np.linalg.inv(self._matrix()))
        restored: NDArray[np.float64] = z * np.array(self.scale) + np.array(self.mean)
        return restored

    def shorten(self, rows: Any) -> NDArray[np.float64]:
        """Rows in data units, each number with the fewest decimals that leave its model coordinate as it is in float32.

        A network computes in float32, so a number of its own that is restored in float64 has no more digits than these.
        Columns that are decorrelated depend on each other and stay as they are.

        Args:
            rows: Shape (N, D), in data units.

        Raises:
            ValueError: They are of another shape.
        """
        x = self._rows(rows)
        if self.whitening is not None:
            return x
        columns = zip(x.T, self.mean, self.scale, strict=True)
        return np.column_stack([_shorten(values, mean, scale) for values, mean, scale in columns])

    def _rows(self, rows: Any) -> NDArray[np.float64]:
        x: NDArray[np.float64] = checks.numbers("rows", rows).numpy()
        if x.ndim != 2 or x.shape[1] != self.data_dim:
            raise ValueError(f"rows must have shape (N, {self.data_dim}); got shape {x.shape}.")
        return x

    def _matrix(self) -> NDArray[np.float64]:
        return np.array(self.whitening, dtype=np.float64)


def _shorten(values: NDArray[np.float64], mean: float, scale: float) -> NDArray[np.float64]:
    """Numbers of a column, shape (N,), with the fewest decimals that leave (x - mean) / scale as it is in float32."""
    coordinates = ((values - mean) / scale).astype(np.float32)
    found = values.copy()
    left = np.arange(len(values))
    first = -int(np.floor(np.log10(scale)))
    for decimals in range(first, first + MAX_DIGITS):
        rounded = np.round(values[left], decimals)
        is_same = ((rounded - mean) / scale).astype(np.float32) == coordinates[left]
        found[left[is_same]] = rounded[is_same]
        left = left[~is_same]
    return found


def multiply_rows(rows: Any, matrix: Any) -> Any:
    """Each row times a matrix, (N, D) and (D, D) to (N, D), of NumPy or PyTorch.

    A library's product of matrices may round a row otherwise in another company of rows; this sum does not.
    """
    product = rows[:, :1] * matrix[:, 0]
    for column in range(1, rows.shape[1]):
        product = product + rows[:, column : column + 1] * matrix[:, column]
    return product
