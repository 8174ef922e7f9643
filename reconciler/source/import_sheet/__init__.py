"""A first plan file for a spreadsheet: what its columns seem to be, and what a person has to say."""
