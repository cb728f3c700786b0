"""Delivery: the tail that reads the log once for the whole node, and an actor for each connected device."""
