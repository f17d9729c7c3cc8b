"""WAV files of SDR programs: two channels, I and Q; the header has the rate, the name the rest."""

from __future__ import annotations

import dataclasses
import struct
import warnings
from pathlib import Path

import numpy as np

from radiofm.errors import RecordingError
from radiofm.formats import datatype_of
from radiofm.raw_source import described, read_name
from radiofm.source import Given, Source


def wav_source(path: Path, given: Given) -> Source:
    """A two-channel WAV file (16-bit, 8-bit or float), mapped where it lies."""
    from scipy.io import wavfile  # slow to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # the programs' own chunks
            rate, data = wavfile.read(path, mmap=True)
    except (OSError, ValueError, struct.error) as error:
        raise RecordingError(f"{path} is not read as WAV: {error}: is it whole?") from None
    if data.ndim != 2 or data.shape[1] != 2:
        channels = data.shape[1] if data.ndim == 2 else 1
        raise RecordingError(f"{path} has {channels} channels: samples need two, I and Q")
    data.flags.writeable = False  # it is a private copy where written to
    named = dataclasses.replace(read_name(path), sample_rate_hz=float(rate) or None)
    meta = described(datatype_of(path, data.dtype), named, given)
    return Source(path, path.stem, meta, np.asarray(data))
