"""The conversation actor."""
