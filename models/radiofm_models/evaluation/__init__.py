"""Evaluation: of a bundle as it is served, of a fine-tuned head, of a pretrained encoder."""
