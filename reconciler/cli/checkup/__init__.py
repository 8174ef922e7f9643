"""What ``doctor`` looks at, a module for each place: this machine, the project, the state, the service."""
