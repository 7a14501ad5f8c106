"""A density for a table of one's own: a scikit-learn estimator around a VAE, with an exact log density.

``estimator`` is what people use. ``table`` takes their rows, ``learning`` makes a checked density of them: ``fitting``
trains, with the noise covariance of ``whitened``; ``choice`` compares numbers of latents; ``scoring`` computes log
densities, on the fixed grid of ``nodes`` or by draws; ``calibration`` turns them into tail probabilities; ``doctor``
says what ails the fit. ``files`` keeps it.
"""
