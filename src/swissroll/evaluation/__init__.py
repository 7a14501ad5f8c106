"""What a trained model is worth, in numbers, and what ails it; needs no folder."""
