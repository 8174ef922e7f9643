"""The checks of ``doctor``, one module for each area: this machine, the project, the state, the service."""
