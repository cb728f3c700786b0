"""A client of Rookery that people and tests share. Filled as its parts land."""
