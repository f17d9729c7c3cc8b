"""Bulk annotation: what heads say of recordings, as SigMF annotations."""
