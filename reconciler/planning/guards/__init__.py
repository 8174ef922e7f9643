"""Guards: pure functions that say which calls must not ring, and why. See ``words`` and ``registry``."""
