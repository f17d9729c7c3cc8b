"""The torch side: encoders, masked spectrogram modeling, heads, training, export."""
