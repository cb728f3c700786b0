"""The conversation actor: one writer for each conversation, which decides commands in batches."""
