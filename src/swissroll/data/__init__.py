"""What points come from: curves whose geometry is known exactly, and the door to every distribution."""

from swissroll.data.curves import CURVES, Curve, generate_swiss_roll
from swissroll.data.distribution import Distribution, NoisyCurve, Sample, open_distribution

__all__ = ["CURVES", "Curve", "Distribution", "NoisyCurve", "Sample", "generate_swiss_roll", "open_distribution"]
