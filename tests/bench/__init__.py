"""How fast the commands are, and how much memory they take, beside tools that do less of the same work.

``python -m tests.bench`` makes the inputs, runs each case and its yardstick in turn, checks that what came out is
right, and prints a table. ``--help`` tells the rest.
"""
