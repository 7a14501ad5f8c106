"""Distributions whose geometry is known exactly."""

from swissroll.data.curves import CURVES, Curve, generate_swiss_roll

__all__ = ["CURVES", "Curve", "generate_swiss_roll"]
