"""Tests mirror the packages; `contracts/` are suites every implementation runs, `system/` real processes."""
