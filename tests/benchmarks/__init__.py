"""Speed and memory, measured beside their floors. Nothing here is asserted; `make bench` prints it."""
