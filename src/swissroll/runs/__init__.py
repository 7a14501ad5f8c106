"""A run on disk: resumed, examined, its prior fitted again."""
