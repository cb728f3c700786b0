"""The MLS delivery service over XRPC: its rows and its handlers, one file per area."""
