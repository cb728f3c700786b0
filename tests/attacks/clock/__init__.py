"""On the path of an attacked process: a wall clock that a test sets."""
