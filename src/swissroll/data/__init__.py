"""What points come from: curves and surfaces whose geometry is known exactly, densities, and the door to them."""

from swissroll.data.catalogue import DISTRIBUTIONS, data_dim_of, open_distribution
from swissroll.data.curves import CURVES, Curve, generate_swiss_roll
from swissroll.data.densities import Checkerboard, Gaussians, HasDensity, Pinwheel
from swissroll.data.distribution import Distribution, NoisyCurve, Sample
from swissroll.data.labels import LabelledPoints, label_name, label_names, label_shares, labels_of
from swissroll.data.own_table import record_table
from swissroll.data.points import Points, unseen_points
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
    "LabelledPoints",
    "NoisyCurve",
    "NoisySurface",
    "Pinwheel",
    "Points",
    "Sample",
    "Standardization",
    "Surface",
    "Table",
    "data_dim_of",
    "generate_swiss_roll",
    "label_name",
    "label_names",
    "label_shares",
    "labels_of",
    "open_distribution",
    "read_table",
    "record_table",
    "unseen_points",
]
