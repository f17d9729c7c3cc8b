"""Weights from and to others: the authors' released ones come in, ours go to a hub and back."""
