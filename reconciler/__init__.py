"""Declarative outbound AI phone calls: files -> rows -> plan -> effect, each call placed at most once."""

__version__ = "0.1.0"
