"""What points come from: curves and surfaces whose geometry is known exactly, densities, and the door to them."""

from swissroll.data.catalogue import DISTRIBUTIONS, open_distribution
from swissroll.data.curves import CURVES, Curve, generate_swiss_roll
from swissroll.data.densities import Checkerboard, Gaussians, HasDensity, Pinwheel
from swissroll.data.distribution import Distribution, NoisyCurve, Sample
from swissroll.data.points import Points, fresh_points
from swissroll.data.standardization import Standardization
from swissroll.data.surfaces import SURFACES, NoisySurface, Surface
from swissroll.data.table import Table, read_table

__all__ = [
    "CURVES",
    "DISTRIBUTIONS",
    "SURFACES",
    "Checkerboard",
    "Curve",
    "Distribution",
    "Gaussians",
    "HasDensity",
    "NoisyCurve",
    "NoisySurface",
    "Pinwheel",
    "Points",
    "Sample",
    "Standardization",
    "Surface",
    "Table",
    "fresh_points",
    "generate_swiss_roll",
    "open_distribution",
    "read_table",
]
