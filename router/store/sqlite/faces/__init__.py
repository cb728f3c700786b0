"""What can be asked of the SQLite store: one file for each part of the interface."""
