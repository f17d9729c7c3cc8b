"""The terminal view: what the radio hears, what the heads say, and what was lost."""
