"""Compiled loops over LANES frames side by side: frame l of a group lies in vector lane l.

All arithmetic then is the same in every lane, and nothing is shuffled: an FFT needs no transposing,
its bins may stay in the order in which they come, and frames are pooled without sums across lanes.
Values lie as [..., part, lane], the parts being real and imaginary. Sizes that are constants here
are so for the compiler, which vectorises what it can see not to overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np

LANES = 16  # float32: one AVX-512 register, two of AVX2
PAIR = 2 * LANES  # one complex value of each lane
TILE = 8 * LANES  # values that are pooled in one go
LINE = 16  # samples of int16 in a cache line
ROOT_HALF: Any = np.float32(np.sqrt(0.5))
STRIDES = (8, 64, 512)  # of the passes; the last pass has stride 1

Array = Any  # numba sees numpy arrays; their dtypes and shapes are told where they are made
F = TypeVar("F", bound=Callable[..., Any])


class Tables(NamedTuple):
    """What does not change from slice to slice, and the buffers that are used again."""

    starts: Array  # int64 [LANES]: the first sample of each lane's first frame
    hop: int  # samples from a frame to the next of its lane
    window_size: int
    twiddles: Array  # float32 [sum of STRIDES, 14]: of the 7 outputs of a butterfly
    steps: Array  # int64 [frames of a lane + 1]: whose entries feed rows at each step
    rows: Array  # int64 [entries]: the row of each lane that is fed
    weights: Array  # float32 [entries, TILE]
    bands: Array  # int32 [height + 1]: CSR over frequency
    bins: Array  # int32 [..]
    shares: Array  # float32 [..]
    even: Array  # float32 [fft_size * LANES]: the even bins' half of the FFT
    odd: Array
    values: Array  # float32 [fft_size * LANES]: power, or its logarithm
    total: Array  # float32 [rows of a lane, fft_size * LANES]


def _compiled(function: F) -> F:
    """Machine code at the first call; FMA is allowed, all else is IEEE."""
    made: F = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy")(function)
    return made


def _kept(function: F) -> F:
    """The same, kept on disk for the next process where there is a folder for it."""
    try:
        made: F = numba.njit(nogil=True, fastmath={"contract"}, error_model="numpy", cache=True)(
            function
        )
    except RuntimeError:  # "no locator available"
        return _compiled(function)
    return made


@_compiled
def _butterfly(*points: float) -> tuple[float, ...]:
    """The FFT of 8 points, decimated in frequency; in and out 0..7 as real, imaginary, ..."""
    ar, ai, br, bi, cr, ci, dr, di, er, ei, fr, fi, gr, gi, hr, hi = points
    a0r, a0i, a4r, a4i = ar + er, ai + ei, ar - er, ai - ei
    a1r, a1i, a5r, a5i = br + fr, bi + fi, br - fr, bi - fi
    a2r, a2i, a6r, a6i = cr + gr, ci + gi, cr - gr, ci - gi
    a3r, a3i, a7r, a7i = dr + hr, di + hi, dr - hr, di - hi
    # The even outputs: 4 points, multiplied by 1 and -i.
    b0r, b0i, b2r, b2i = a0r + a2r, a0i + a2i, a0r - a2r, a0i - a2i
    b1r, b1i, b3r, b3i = a1r + a3r, a1i + a3i, a1i - a3i, a3r - a1r
    # The odd ones: multiplied by the eighth roots before.
    a5r, a5i = (a5r + a5i) * ROOT_HALF, (a5i - a5r) * ROOT_HALF
    a7r, a7i = (a7i - a7r) * ROOT_HALF, -(a7r + a7i) * ROOT_HALF
    b4r, b4i, b6r, b6i = a4r + a6i, a4i - a6r, a4r - a6i, a4i + a6r
    b5r, b5i, b7r, b7i = a5r + a7r, a5i + a7i, a5i - a7i, a7r - a5r
    return (
        b0r + b1r, b0i + b1i, b4r + b5r, b4i + b5i, b2r + b3r, b2i + b3i, b6r + b7r, b6i + b7i,
        b0r - b1r, b0i - b1i, b4r - b5r, b4i - b5i, b2r - b3r, b2i - b3i, b6r - b7r, b6i - b7i,
    )  # fmt: skip


def _pass(stride: int) -> Callable[..., None]:
    """One radix-8 pass in place over blocks of 8 * stride complex values."""

    @_compiled
    def radix8(values: Array, twiddles: Array) -> None:
        size = 8 * stride * PAIR
        for block in range(len(values) // size):
            x = values[block * size : (block + 1) * size]
            for k in range(stride):
                w, a = twiddles[k], k * PAIR
                b = a + stride * PAIR
                c = b + stride * PAIR
                d = c + stride * PAIR
                e = d + stride * PAIR
                f = e + stride * PAIR
                g = f + stride * PAIR
                h = g + stride * PAIR
                for i in range(LANES):
                    j = i + LANES
                    y = _butterfly(
                        x[a + i], x[a + j], x[b + i], x[b + j], x[c + i], x[c + j],
                        x[d + i], x[d + j], x[e + i], x[e + j], x[f + i], x[f + j],
                        x[g + i], x[g + j], x[h + i], x[h + j],
                    )  # fmt: skip
                    x[a + i], x[a + j] = y[0], y[1]
                    x[b + i] = y[2] * w[0] - y[3] * w[1]
                    x[b + j] = y[2] * w[1] + y[3] * w[0]
                    x[c + i] = y[4] * w[2] - y[5] * w[3]
                    x[c + j] = y[4] * w[3] + y[5] * w[2]
                    x[d + i] = y[6] * w[4] - y[7] * w[5]
                    x[d + j] = y[6] * w[5] + y[7] * w[4]
                    x[e + i] = y[8] * w[6] - y[9] * w[7]
                    x[e + j] = y[8] * w[7] + y[9] * w[6]
                    x[f + i] = y[10] * w[8] - y[11] * w[9]
                    x[f + j] = y[10] * w[9] + y[11] * w[8]
                    x[g + i] = y[12] * w[10] - y[13] * w[11]
                    x[g + j] = y[12] * w[11] + y[13] * w[10]
                    x[h + i] = y[14] * w[12] - y[15] * w[13]
                    x[h + j] = y[14] * w[13] + y[15] * w[12]

    return radix8


_pass8, _pass64, _pass512 = (_pass(stride) for stride in STRIDES)


@_compiled
def _last_pass(values: Array, powers: Array) -> None:
    """The pass of stride 1, and |X|^2 of what comes out; 64 complex values at a time."""
    for block in range(len(powers) // (64 * LANES)):
        x = values[block * 64 * PAIR : (block + 1) * 64 * PAIR]
        power = powers[block * 64 * LANES : (block + 1) * 64 * LANES]
        for k in range(8):
            a, o = k * 8 * PAIR, k * 8 * LANES
            b, c, d, e = a + PAIR, a + 2 * PAIR, a + 3 * PAIR, a + 4 * PAIR
            f, g, h = a + 5 * PAIR, a + 6 * PAIR, a + 7 * PAIR
            for i in range(LANES):
                j = i + LANES
                y = _butterfly(
                    x[a + i], x[a + j], x[b + i], x[b + j], x[c + i], x[c + j],
                    x[d + i], x[d + j], x[e + i], x[e + j], x[f + i], x[f + j],
                    x[g + i], x[g + j], x[h + i], x[h + j],
                )  # fmt: skip
                power[o + i] = y[0] * y[0] + y[1] * y[1]
                power[o + LANES + i] = y[2] * y[2] + y[3] * y[3]
                power[o + 2 * LANES + i] = y[4] * y[4] + y[5] * y[5]
                power[o + 3 * LANES + i] = y[6] * y[6] + y[7] * y[7]
                power[o + 4 * LANES + i] = y[8] * y[8] + y[9] * y[9]
                power[o + 5 * LANES + i] = y[10] * y[10] + y[11] * y[11]
                power[o + 6 * LANES + i] = y[12] * y[12] + y[13] * y[13]
                power[o + 7 * LANES + i] = y[14] * y[14] + y[15] * y[15]


@_compiled
def _fft_power(x: Array, twiddles: Array, size: int, power: Array) -> None:
    """|FFT|^2 of `size` values in each lane of x, which it overwrites. Bins in digit order."""
    if size >= 4096:
        _pass512(x, twiddles[72:])
    if size >= 512:
        _pass64(x, twiddles[8:])
    _pass8(x, twiddles)
    _last_pass(x, power)


@_compiled
def _gather(samples: Array, starts: Array, offset: int, size: int, group: Array) -> None:
    """Frames from where they are to [sample, lane], a cache line at a time."""
    for n in range(0, size, LINE):
        for lane in range(LANES):
            first = starts[lane] + offset + n
            line = samples[first : first + min(LINE, size - n)]
            into = group[n * LANES + lane :]
            for i in range(len(line)):
                into[i * LANES] = line[i]


@_compiled
def _halve(group: Array, window: Array, even: Array, odd: Array) -> None:
    """Window, and the FFT's first radix-2 pass: even bins are the FFT of one half, odd ones of the
    other. `window` [half, 4]: of sample n, of sample n + half, twiddle; zeros are not looked at.
    """
    half = len(window)
    long = len(group) > half
    for n in range(half):
        e, o = even[n * PAIR : (n + 1) * PAIR], odd[n * PAIR : (n + 1) * PAIR]
        w, v, turn_r, turn_i = window[n, 0], window[n, 1], window[n, 2], window[n, 3]
        first, second = group[n], group[n + half if long else n]
        if not long:
            for i in range(LANES):
                re, im = np.float32(first[2 * i]) * w, np.float32(first[2 * i + 1]) * w
                e[i], e[i + LANES] = re, im
                o[i] = re * turn_r - im * turn_i
                o[i + LANES] = re * turn_i + im * turn_r
        else:
            for i in range(LANES):
                ar, ai = np.float32(first[2 * i]) * w, np.float32(first[2 * i + 1]) * w
                br, bi = np.float32(second[2 * i]) * v, np.float32(second[2 * i + 1]) * v
                e[i], e[i + LANES] = ar + br, ai + bi
                o[i] = (ar - br) * turn_r - (ai - bi) * turn_i
                o[i + LANES] = (ar - br) * turn_i + (ai - bi) * turn_r


@_kept
def power(
    samples: Array, step: int, group: Array, numbers: Array, window: Array, tables: Tables
) -> None:
    """|X|^2 of every lane's frame `step`, to tables.values. `numbers` is `group`, seen as
    [samples, 2 * LANES].
    """
    t, half = tables, len(window)
    _gather(samples, t.starts, step * t.hop, t.window_size, group)
    _halve(numbers, window, t.even, t.odd)
    _fft_power(t.even, t.twiddles, half, t.values[: half * LANES])
    _fft_power(t.odd, t.twiddles, half, t.values[half * LANES :])


@_kept
def pool(step: int, tables: Tables) -> None:
    """Add tables.values to the rows that `step` feeds."""
    values = tables.values
    for entry in range(tables.steps[step], tables.steps[step + 1]):
        total, weights = tables.total[tables.rows[entry]], tables.weights[entry]
        for k in range(len(values) // TILE):
            for i in range(TILE):
                total[k * TILE + i] += weights[i] * values[k * TILE + i]


@_kept
def resize_frequency(tables: Tables, image: Array) -> None:
    """What was pooled -> image [height, width]."""
    share = np.empty(LANES, np.float32)
    height, width = image.shape
    rows = len(tables.total)
    for row in range(rows):
        total = tables.total[row]
        for y in range(height):
            share[:] = 0
            for entry in range(tables.bands[y], tables.bands[y + 1]):
                weight, at = tables.shares[entry], tables.bins[entry] * LANES
                for i in range(LANES):
                    share[i] += weight * total[at + i]
            for i in range(LANES):
                x = i * rows + row
                if x < width:
                    image[y, x] = share[i]


@_kept
def whole(
    samples: Array, group: Array, numbers: Array, window: Array, tables: Tables, image: Array
) -> None:
    """A slice's power, resized: `image` float32 [height, width]."""
    tables.total[:] = 0
    for step in range(len(tables.steps) - 1):
        power(samples, step, group, numbers, window, tables)
        pool(step, tables)
    resize_frequency(tables, image)
