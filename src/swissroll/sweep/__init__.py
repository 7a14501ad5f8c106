"""Many runs: planned from a few axes, computed by many processes, compiled into one table."""
