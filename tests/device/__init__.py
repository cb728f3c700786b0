"""Delivery: tail, feeds, device actors."""
