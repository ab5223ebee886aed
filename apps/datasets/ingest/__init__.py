"""From foreign bytes to a clean sample: pure functions, no database."""
