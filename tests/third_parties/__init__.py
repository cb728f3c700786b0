"""AT Protocol's own libraries (Node) against a running server: their tokens, client and validators."""
