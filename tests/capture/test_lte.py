"""The LTE downlink, heard by a receiver of its own and held against real cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from radiofm_capture.scenes.lte import Lte, draw_lte
from radiofm_capture.scenes.lte.cell import FDD, TDD, Cell
from radiofm_capture.scenes.lte.control import ControlRegion, phich_fits
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.scenes.signal import Burst, Iq, carrier
from tests.capture import lte_receiver as receiver

CHANNEL_HZ = {6: 1.4e6, 15: 3e6, 25: 5e6, 50: 10e6, 75: 15e6, 100: 20e6}  # TS 36.104, 5.6
FITTING = {6: 1.92e6, 15: 3.84e6, 25: 7.68e6, 50: 15.36e6, 75: 23.04e6, 100: 30.72e6}
DWPTS = (6592, 19760, 21952, 24144, 26336, 6592, 19760, 21952, 24144, 13168)  # 36.211, 4.2-1
UPLINK = ("234789", "2378", "27", "234", "23", "2", "23478")  # subframes of U, 4.2-2


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def render(
    rate: float, seconds: float, offset_hz: float = 0.0, seed: int = 1, **parameters: Any
) -> tuple[Iq, list[Burst]]:
    waveform = Lte.model_validate(parameters)
    return waveform.render(rate, round(seconds * rate), offset_hz, rng(seed))


def with_noise(iq: Iq, rate: float, bandwidth_hz: float, snr_db: float) -> Iq:
    """Noise of unit power in the bandwidth of the signal would be 0 dB."""
    noise = rng(99).standard_normal((len(iq), 2), np.float32).view(np.complex64)[:, 0]
    return iq + np.float32(np.sqrt(rate / bandwidth_hz / 2 / 10 ** (snr_db / 10))) * noise


@pytest.mark.parametrize(
    ("parameters", "rate", "offset_hz", "cfo_hz", "snr_db"),
    [
        ({"prb": 6, "ports": 1, "load": 1.0}, 1.92e6, 0.0, 0.0, 5),
        ({"prb": 15, "ports": 2, "phich_resource": "1/6"}, 3.84e6, 0.0, -20e3, 3),
        ({"prb": 25, "ports": 1, "duplex": "tdd", "uplink_downlink": 0}, 10e6, 2e6, 9e3, 6),
        ({"prb": 50, "ports": 4, "load": 0.7}, 19.2e6, -3.3021e6, 31.9e3, 3),
        ({"prb": 75, "ports": 2, "duplex": "tdd", "uplink_downlink": 5}, 20e6, 1.5e6, -42e3, 6),
        ({"prb": 100, "ports": 2, "load": 0.02, "phich_resource": "2"}, 61.44e6, 17.4e6, 14e3, 0),
        ({"prb": 100, "ports": 4, "load": 1.0}, 1.92e6, 0.0, 4e3, 6),  # the middle alone
        ({"prb": 100, "ports": 2, "load": 0.1}, 2.4e6, 0.2e6, -7.5e3, 6),
    ],
)  # fmt: skip
def test_a_receiver_acquires_the_cell(
    parameters: dict[str, Any], rate: float, offset_hz: float, cfo_hz: float, snr_db: float
) -> None:
    """Cell search at an unknown frequency, then the MIB, all from 40 ms in noise."""
    cell_id, start = 29 * int(rate / 1e5) % 504, 7.6543
    iq, _ = render(rate, 0.04, offset_hz + cfo_hz, cell_id=cell_id, start_s=start, **parameters)
    iq = with_noise(iq, rate, 180e3 * parameters["prb"], snr_db)
    x = receiver.narrow(iq, rate, offset_hz)
    (found,) = receiver.search(x)
    assert (found.cell_id, found.duplex) == (cell_id, parameters.get("duplex", "fdd"))
    assert found.cfo_hz == pytest.approx(cfo_hz, abs=200)
    late = (found.frame_at + start * receiver.RATE + 9600) % 19200 - 9600
    assert abs(late) <= 1.5
    mib = receiver.decode_mib(x, found)
    wide = parameters["prb"], 0, parameters.get("phich_resource", "1")
    assert mib == receiver.Mib(*wide, frame=766, ports=parameters["ports"])


def test_the_frame_number_counts_on_and_wraps() -> None:
    iq, _ = render(1.92e6, 0.06, prb=6, cell_id=123, start_s=10.215)
    x = receiver.narrow(iq, 1.92e6)
    (found,) = receiver.search(x)
    numbers = []
    for frame in range(5):
        mib = receiver.decode_mib(x[frame * 19200 :], found)
        numbers.append(mib and mib.frame)
    assert numbers == [1022, 1023, 0, 1, 2]


# -- the receiver on real air: is it, and is the standard as we understood it, right? --

REAL = [  # recording, shift of the centre, identity, blocks, ports, duplex: by its manifest
    ("lte-fdd20-1815.3M-hackrf-a", 0.0, 301, 100, 2, "fdd"),
    ("lte-fdd20-1815.3M-hackrf-b", 0.0, 300, 100, 2, "fdd"),
    ("lte-fdd10-796M-hackrf", 0.0, 360, 50, 2, "fdd"),
    ("lte-tdd20-2360M-hackrf", 0.0, 30, 100, 1, "tdd"),
    ("lte-1871.75M-hackrf-with-alias", 0.0, 271, 25, 2, "fdd"),
    ("lte-1871.75M-hackrf-with-alias", -4.25e6, 86, 75, 2, "fdd"),
    ("lte-796M-rtlsdr-1.92M", 0.0, 360, 50, 2, "fdd"),
    ("lte-1860M-rtlsdr-1.92M-1s", 0.0, 142, 100, 2, "fdd"),
]


def recording(folder: Path, name: str, seconds: float) -> tuple[Iq, float, float]:
    """Samples, rate and centre frequency of a recording of 8 bit."""
    meta = json.loads((folder / f"{name}.sigmf-meta").read_text("utf-8"))
    rate = float(meta["global"]["core:sample_rate"])
    signed = meta["global"]["core:datatype"] == "ci8"
    values = np.fromfile(
        folder / f"{name}.sigmf-data", np.int8 if signed else np.uint8, 2 * round(seconds * rate)
    )
    iq = (values.astype(np.float32) - (0 if signed else 127.5)).view(np.complex64)
    return iq, rate, float(meta["captures"][0]["core:frequency"])


@pytest.mark.parametrize(("name", "shift", "cell_id", "prb", "ports", "duplex"), REAL)
def test_the_receiver_is_honest_on_real_cells(
    shared_iq: Path, name: str, shift: float, cell_id: int, prb: int, ports: int, duplex: str
) -> None:
    iq, rate, _ = recording(shared_iq, name, 0.045)
    x = receiver.narrow(iq, rate, shift)
    (found,) = receiver.search(x)
    assert (found.cell_id, found.duplex) == (cell_id, duplex)
    mib = receiver.decode_mib(x, found)
    assert mib is not None and (mib.prb, mib.ports) == (prb, ports)


def test_the_receiver_finds_no_cell_in_noise(shared_iq: Path) -> None:
    iq, rate, _ = recording(shared_iq, "receiver-noise-rtlsdr-1.92M", 0.045)
    x = receiver.narrow(iq, rate)
    assert [receiver.decode_mib(x, found) for found in receiver.search(x, 3)] == [None] * 3


@pytest.mark.parametrize(
    ("name", "prb", "length", "pattern"),
    [
        ("lte-fdd20-1815.3M-hackrf-a", 100, 28, FDD),
        ("lte-fdd10-796M-hackrf", 50, 27, FDD),
        ("lte-tdd20-2360M-hackrf", 100, 31, TDD[2]),
    ],
)
def test_the_control_region_is_where_real_cells_have_it(
    shared_iq: Path, name: str, prb: int, length: int, pattern: str
) -> None:
    """With the generator's map, PCFICH reads and PDCCH gives the grants of system information
    (format 1A of `length` bits, TS 36.212, 5.3.3.1.3) where SIB1 has to be (36.331, 5.2.1.2)."""
    iq, rate, center = recording(shared_iq, name, 0.08)
    x = receiver.narrow(iq, rate)
    (found,) = receiver.search(x)
    mib = receiver.decode_mib(x, found)
    assert mib is not None
    cell = Cell(prb, found.cell_id, mib.ports, pattern, 10)
    region = ControlRegion(cell)
    wide = iq * np.exp(-2j * np.pi * found.cfo_hz / rate * np.arange(len(iq)))
    length_s = 1e-3 * (1 - found.cfo_hz / center)  # one crystal clocks both
    begin, size = found.frame_at * rate / receiver.RATE, round(rate / 15e3)
    count = int((len(iq) - begin) / rate / length_s) - 1
    seen, fits = {}, []
    for at in [n for n in range(count) if n % 10 in (0, 5)]:
        here = receiver.subframe(
            wide, begin + at * length_s * rate, size, found.cell_id, at % 10, mib.ports, prb
        )
        cfi, fit = receiver.read_cfi(here, region.pcfich())
        fits.append(fit)
        grants = receiver.common_grants(here, region.pdcch(at % 10, cfi), length)
        seen[mib.frame + at // 10, at % 10] = 0xFFFF in grants
    assert min(fits) > 0.6  # of a wrong map: about 0.2
    due = [seen[frame, n] for frame, n in seen if n == 5 and frame % 2 == 0]
    assert len(due) >= 3 and sum(due) >= len(due) - 1


# -- the air that the standard allows --


@pytest.mark.parametrize("prb", CHANNEL_HZ)
def test_occupied_bandwidth_and_leakage(prb: int) -> None:
    """TS 36.104: 99 % of the power within the channel (6.6.1), 45 dB less beside it (6.6.2)."""
    iq, _ = render(61.44e6, 0.006, prb=prb, load=1.0)
    size = 2**13
    pieces = iq[: len(iq) // size * size].reshape(-1, size) * np.blackman(size)
    power = np.fft.fftshift(np.mean(np.abs(np.fft.fft(pieces)) ** 2, axis=0))
    frequency = np.fft.fftshift(np.fft.fftfreq(size, 1 / 61.44e6))
    below = np.cumsum(power) / power.sum()
    low, high = frequency[np.searchsorted(below, [0.005, 0.995])]
    assert 0.98 * 180e3 * prb <= high - low <= min(1.02 * 180e3 * prb, CHANNEL_HZ[prb])
    own = power[np.abs(frequency) < 90e3 * prb].sum()
    for side in (-1, 1):
        beside = power[np.abs(frequency - side * CHANNEL_HZ[prb]) < 90e3 * prb].sum()
        assert own > 10**4.5 * beside


@pytest.mark.parametrize(("prb", "ports"), [(6, 1), (25, 4), (100, 2)])
def test_error_vectors_are_small(prb: int, ports: int) -> None:
    """Reference signals against one gain and delay a port, PBCH against its own decisions."""
    rate, cell_id = FITTING[prb], 77
    iq, _ = render(rate, 0.012, prb=prb, ports=ports, cell_id=cell_id, start_s=2.0, load=0.5)
    x, size = iq.astype(complex), round(rate / 15e3)
    for slot in (1, 12):
        elements = receiver.symbols(x, round(7.5 * size * slot), size, prb)
        for port in range(ports):
            sent, places = receiver.crs(cell_id, port, slot, 0 if port < 2 else 1, prb)
            h = elements[0 if port < 2 else 1, places] * sent.conj()
            k = np.array(places) + (np.array(places) >= 6 * prb)  # the centre is free
            late = np.polyfit(k, np.unwrap(np.angle(h)), 1)[0]
            flat = h * np.exp(-1j * late * k)
            assert np.std(flat) < 0.01 * np.abs(flat.mean())
    y, gain = receiver.broadcast(x, 0, size, cell_id, ports)
    y = y / gain / np.sqrt(np.mean(np.abs(y / gain) ** 2))
    ideal = (np.sign(y.real) + 1j * np.sign(y.imag)) / np.sqrt(2)
    assert np.sqrt(np.mean(np.abs(y - ideal) ** 2)) < 0.01


@pytest.mark.parametrize("configuration", range(7))
def test_tdd_is_silent_in_uplink(configuration: int) -> None:
    rate, start, special = 1.92e6, 3.003, configuration + 3
    iq, bursts = render(
        rate, 0.03, prb=6, duplex="tdd", uplink_downlink=configuration,
        special_subframe=special, load=1.0, start_s=start,
    )  # fmt: skip
    on = np.zeros(len(iq), bool)
    for burst in bursts:
        on[burst.start : burst.start + burst.count] = True
        assert burst.high_hz - burst.low_hz == 73 * 15e3
    assert np.vdot(iq[~on], iq[~on]).real < 1e-3 * np.vdot(iq, iq).real  # a last ramp
    assert np.vdot(iq, iq).real / on.sum() == pytest.approx(1, rel=0.1)
    where = (np.arange(len(iq)) + round(start * rate)) % 19200
    subframe, inside = where // 1920, where % 1920
    downlink = ~np.isin(subframe, [int(n) for n in UPLINK[configuration]])
    has_special = np.isin(subframe, [1] if configuration in (3, 4, 5) else [1, 6])
    downlink &= ~has_special | (inside < DWPTS[special] / 16)
    assert np.array_equal(on, downlink)


@pytest.mark.parametrize("load", [0.0, 0.05, 0.3, 0.8, 1.0])
def test_load_is_the_share_of_blocks_in_use(load: float) -> None:
    rate, size, prb = 7.68e6, 512, 25
    iq, _ = render(rate, 0.3, prb=prb, load=load, start_s=0.0, cell_id=3, seed=5)
    x, used = iq.astype(complex), []
    for at in range(299):
        if at % 10 not in (0, 5):  # where there are no other channels
            slot = receiver.symbols(x, round((2 * at + 1) * 7.5 * size), size, prb)
            power = np.abs(slot[2:4]).reshape(2, prb, 12).mean(axis=(0, 2))
            used.append(power > 1e-3 * np.abs(slot[0]).max())
    assert np.mean(used) == pytest.approx(load, abs=0.02 + 0.05 * load)


def test_pdsch_begins_where_pcfich_says() -> None:
    rate, size, prb, cell_id = 7.68e6, 512, 25, 200
    iq, _ = render(rate, 0.02, prb=prb, load=1.0, start_s=0.0, cell_id=cell_id)
    region = ControlRegion(Cell(prb, cell_id, 2))
    for at in range(19):
        begin = at * 15.0 * size
        seen = receiver.subframe(iq.astype(complex), begin, size, cell_id, at % 10, 2, prb)
        cfi, fit = receiver.read_cfi(seen, region.pcfich())
        assert fit > 0.99
        busy = np.mean(np.abs(seen.elements.reshape(14, -1)[:4]) > 1e-2, axis=1)
        assert np.all(busy[:cfi] < 0.99)  # PDCCH leaves some elements empty
        assert np.all(busy[cfi:] > 0.99)


@given(
    prb=st.sampled_from([6, 15, 25, 50, 75, 100]),
    cell_id=st.integers(0, 503),
    ports=st.sampled_from([1, 2, 4]),
    pattern=st.sampled_from([FDD, *TDD]),
    phich=st.sampled_from([1, 3, 6, 12]),
)
@settings(max_examples=60, deadline=None)
def test_control_channels_share_no_element(
    prb: int, cell_id: int, ports: int, pattern: str, phich: int
) -> None:
    cell = Cell(prb, cell_id, ports, pattern, 10, phich)
    assume(phich_fits(cell))
    region = ControlRegion(cell)
    for subframe in (0, 1, 9):
        for symbols in region.symbols(subframe):
            channels = region.pcfich(), region.phich(subframe), region.pdcch(subframe, symbols)
            places = np.concatenate([c.reshape(-1) for c in channels])
            assert len(np.unique(places)) == len(places)
            assert places.max() < symbols * 12 * prb
            first = places[places < 12 * prb] % 3
            assert not np.any(first == cell_id % 3)  # there the reference signals are


# -- how it is placed --


def likeness(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    return float(np.abs(np.vdot(one, other)) / np.linalg.norm(one) / np.linalg.norm(other))


def test_an_offset_is_that_of_a_mixer() -> None:
    here, _ = render(15.36e6, 0.003, prb=15, load=0.5)
    there, (box,) = render(15.36e6, 0.003, offset_hz=3.1234567e6, prb=15, load=0.5)
    moved = here * carrier(len(here), 3.1234567e6 / 15.36e6)
    assert likeness(moved, there) > 1 - 1e-4
    assert (box.low_hz + box.high_hz) / 2 == pytest.approx(3.1234567e6)


@pytest.mark.parametrize("rate", [1.92e6, 2.4e6, 20e6])
def test_a_narrower_receiver_hears_its_part(rate: float) -> None:
    offset = 0.3e6
    wide, _ = render(30.72e6, 0.01, offset_hz=offset, prb=100, load=0.5, start_s=1.0005)
    part, _ = render(rate, 0.01, offset_hz=offset, prb=100, load=0.5, start_s=1.0005)
    spectrum = np.fft.fft(wide)
    keep = round(0.98 * rate * 0.01) // 2
    a = np.concatenate([spectrum[:keep], spectrum[-keep:]])
    spectrum = np.fft.fft(part)
    b = np.concatenate([spectrum[:keep], spectrum[-keep:]])
    assert likeness(a, b) > 0.99
    assert np.linalg.norm(b) / len(part) == pytest.approx(np.linalg.norm(a) / len(wide), rel=0.02)


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, _ = render(10e6, 0.004, offset_hz=1e5, prb=50)
    again, _ = render(10e6, 0.004, offset_hz=1e5, prb=50)
    other, _ = render(10e6, 0.004, offset_hz=1e5, prb=50, seed=2)
    assert one.tobytes() == again.tobytes() != other.tobytes()
    assert one.dtype == np.complex64


@given(seed=st.integers(0, 10**6), rate=st.sampled_from([0.25e6, 1.92e6, 2.4e6, 5e6, 30.72e6]))
@settings(max_examples=30, deadline=None)
def test_drawn_cells_fit_any_rate(seed: int, rate: float) -> None:
    waveform = draw_lte(rng(seed), rate)
    offset = float(rng(seed).uniform(-0.5, 0.5) * rate)
    iq, bursts = waveform.render(rate, 5000, offset, rng(seed))
    assert iq.shape == (5000,) and np.all(np.isfinite(iq))
    assert all(0 <= b.start < b.start + b.count <= 5000 for b in bursts)
    assert waveform.bandwidth_hz <= max(1.3 * rate, 1.08e6)


def test_lte_in_a_scene() -> None:
    emitter = {"offset_hz": 0.0, "snr_db": 20.0, "waveform": {"family": "lte", "prb": 6}}
    scene = Scene.model_validate({"emitters": [emitter]})
    assert isinstance(scene.emitters[0].waveform, Lte)
    emitter["waveform"] = {"family": "lte", "off_s": (1.0, 2.0)}
    with pytest.raises(ValueError, match="a cell is always on"):
        Scene.model_validate({"emitters": [emitter]})


def test_a_phich_that_has_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="phich_resource 2 does not fit into 6 blocks"):
        Lte(prb=6, duplex="tdd", uplink_downlink=0, phich_resource="2")
