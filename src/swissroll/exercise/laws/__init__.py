"""What must hold for a right solution, whatever its style: one file for each part."""
