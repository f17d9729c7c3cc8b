"""What an encoder is fine-tuned for: heads, losses, metrics and trivial answers, by task."""
