"""Who computes the gradient steps."""
