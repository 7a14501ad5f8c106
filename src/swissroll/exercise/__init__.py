"""The exercise: handed out, checked by laws, and each mistake called by its name."""
