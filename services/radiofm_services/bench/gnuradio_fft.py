"""Contender: GNU Radio's FFT chain. Runs in the Python that has it, often the system's."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from radiofm.contender import Work, serve

SLICES = 20  # in a run, so that starting threads weighs little
SIZE = 1024


def make(rate: float) -> Work:
    """20 slices of 16 ms through stream_to_vector, fft_vcc and complex_to_mag_squared."""
    from gnuradio import blocks, fft, gr
    from gnuradio.fft import window

    def work() -> None:
        graph = gr.top_block()
        graph.connect(
            blocks.null_source(gr.sizeof_gr_complex),  # the cheapest there is
            blocks.head(gr.sizeof_gr_complex, SLICES * round(0.016 * rate)),
            blocks.stream_to_vector(gr.sizeof_gr_complex, SIZE),
            fft.fft_vcc(SIZE, True, window.hann(SIZE), True, 1),
            blocks.complex_to_mag_squared(SIZE),
            blocks.null_sink(gr.sizeof_float * SIZE),
        )
        graph.run()

    return work


if __name__ == "__main__":
    import gnuradio.fft  # noqa: F401 - says at once if it is not installed

    serve(make, SLICES)
