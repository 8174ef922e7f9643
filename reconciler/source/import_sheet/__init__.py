"""Draft a plan file for a spreadsheet: guess the purpose of its columns, and mark what a person must fill in."""
