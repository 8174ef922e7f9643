"""Guards: pure functions that decide which calls must not ring, and why. See ``words`` and ``registry``."""
