"""Tests mirror the packages; `contracts/` holds suites that every implementation runs, `system/` real processes."""
