"""Public data sets, read in the formats that they are published in."""
