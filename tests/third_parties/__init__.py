"""Code of third parties (Node) against a running server: AT Protocol's own libraries, MLS clients of `ts-mls`."""
