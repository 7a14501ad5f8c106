"""What makes a computation the same wherever it runs: streams of random numbers, and PyTorch's modes."""
