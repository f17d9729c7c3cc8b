"""The live side: spectrogram worker, inference, terminal view, supervisor. Needs no torch."""
