"""A corpus: a folder of recordings, and beside them what is known of each of their slices.

corpus.sqlite   the index (index.py): recordings, segments, slices, groups, split
spec.json       the SpectrogramSpec with the data set's statistics

`Corpus.open(folder)` (reading.py) is the way in for all who read; `build` makes the index.
"""

from radiofm.corpus.reading import Corpus, CorpusRecording, CorpusSlice, IqSlice

__all__ = ["Corpus", "CorpusRecording", "CorpusSlice", "IqSlice"]
