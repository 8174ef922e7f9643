"""Computed columns: CEL formulas that are checked for limits before compilation, and see only their row."""
