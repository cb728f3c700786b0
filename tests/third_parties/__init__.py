"""Code of third parties (Node) against a running server: AT Protocol's own libraries, and MLS clients."""
