"""Computed columns: formulas in CEL, bounded before they are compiled, blind to everything but their row."""
