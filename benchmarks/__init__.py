"""Measurements of speed, memory and time to quality, side by side with other ways of doing the same.

    make bench                              all of it, at most 12 minutes, then tables and plots into docs/
    python -m benchmarks --quick            the same in 3 minutes, with more noise
    python -m benchmarks --parts growth     one part; results are JSON lines in runs/bench/results.jsonl
    python -m benchmarks.render             tables and plots from the results, which can be made again

Nothing here is timed by a test.
"""
