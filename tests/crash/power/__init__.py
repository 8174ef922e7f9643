"""Power cuts: what the real command writes is recorded, and states are built that a disk may have after a cut.

``recorder.c`` records each write, sync and change of a name below a folder, and what is sent and printed, in one
order. ``disk.py`` is a disk that loses what was not synced. ``judge.py`` opens what is left with the real code.
"""
