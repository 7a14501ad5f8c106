"""Training: one loop that yields what happened, and the engines that compute its steps."""
