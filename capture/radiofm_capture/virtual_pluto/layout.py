"""The devices, channels and attributes of a PlutoSDR (firmware v0.32), and their first values.

Names, file names and scan formats are the interface that drivers look for; a test compares them
with the context of a real board.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Values = Mapping[str, str | None]  # attribute name to first value; None cannot be read (EINVAL)

RATE = "30720000"
PATH_RATES = {
    "rx_path_rates": "BBPLL:983040002 ADC:{8} R2:{4} R1:{2} RF:{1} RXSAMP:{1}",
    "tx_path_rates": "BBPLL:983040002 DAC:{4} T2:{4} T1:{2} TF:{1} TXSAMP:{1}",
}


def path_rates(name: str, rate: int) -> str:
    """The rates along the converter chain, as the driver words them."""
    return PATH_RATES[name].format(*(rate * k for k in range(9)))


@dataclass(frozen=True)
class Channel:
    """A channel; attributes in `shared` have one value for all channels of its kind."""

    id: str
    output: bool
    name: str | None = None
    scan: tuple[int, str] | None = None  # index and format
    own: Values = field(default_factory=dict)
    shared: Values = field(default_factory=dict)

    @property
    def direction(self) -> str:
        return "output" if self.output else "input"

    def files(self) -> dict[str, tuple[str, str | None]]:
        """Attribute name -> (file name, first value), in the order of names."""
        start = "out_" if self.output else "in_"
        own = start + self.id + (f"_{self.name}" if self.name else "")
        shared = start + self.id.rstrip("0123456789")
        found = {a: (f"{own}_{a}", v) for a, v in self.own.items()}
        found |= {a: (f"{shared}_{a}", v) for a, v in self.shared.items()}
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class Layout:
    """An IIO device."""

    id: str
    name: str
    channels: tuple[Channel, ...]
    attributes: Values = field(default_factory=dict)
    buffer: Values = field(default_factory=dict)
    debug: Values = field(default_factory=dict)


def _lo(number: int, name: str, frequency: str) -> Channel:
    own: Values = {
        "external": "0", "fastlock_load": "0", "fastlock_recall": None, "fastlock_save": "0 0",
        "fastlock_store": "0", "frequency": frequency,
        "frequency_available": "[325000000 1 3800000000]", "powerdown": "0",
    }  # fmt: skip
    return Channel(f"altvoltage{number}", True, name, own=own)


_PHY_RX = {
    "bb_dc_offset_tracking_en": "1", "filter_fir_en": "0",
    "gain_control_mode_available": "manual fast_attack slow_attack hybrid",
    "quadrature_tracking_en": "1", "rf_bandwidth": "18000000",
    "rf_bandwidth_available": "[200000 1 56000000]", "rf_dc_offset_tracking_en": "1",
    "rf_port_select_available": "A_BALANCED B_BALANCED C_BALANCED A_N A_P B_N B_P C_N C_P "
    "TX_MONITOR1 TX_MONITOR2 TX_MONITOR1_2",
    "sampling_frequency": RATE, "sampling_frequency_available": "[2083333 1 61440000]",
}  # fmt: skip
_PHY_TX = {
    "filter_fir_en": "0", "rf_bandwidth": "18000000",
    "rf_bandwidth_available": "[200000 1 40000000]", "rf_port_select_available": "A B",
    "sampling_frequency": RATE, "sampling_frequency_available": "[2083333 1 61440000]",
}  # fmt: skip
_GAIN_RX = {
    "gain_control_mode": "slow_attack", "hardwaregain": "71.000000 dB",
    "hardwaregain_available": "[-3 1 71]", "rf_port_select": "A_BALANCED", "rssi": "115.00 dB",
}  # fmt: skip
_GAIN_TX = {
    "hardwaregain": "-10.000000 dB",
    "hardwaregain_available": "[-89.750000 0.250000 0.000000]",
    "rf_port_select": "A", "rssi": "0.00 dB",
}  # fmt: skip
_AUX_DAC = {"raw": "306", "scale": "1.000000"}
_AUX_ADC = {"offset": "57", "raw": "975", "scale": "0.305250"}

PHY = Layout(
    "iio:device0",
    "ad9361-phy",
    (
        _lo(1, "TX_LO", "2450000000"),
        Channel("voltage0", False, own=_GAIN_RX, shared=_PHY_RX),
        Channel("voltage3", True, own=_AUX_DAC, shared=_PHY_TX),
        _lo(0, "RX_LO", "2400000000"),
        Channel("voltage2", True, own=_AUX_DAC, shared=_PHY_TX),
        Channel("temp0", False, own={"input": "36842"}),
        Channel("voltage0", True, own=_GAIN_TX, shared=_PHY_TX),
        Channel("voltage2", False, own=_AUX_ADC, shared=_PHY_RX),
        Channel("out", False, own={"voltage_filter_fir_en": "0"}),
    ),
    attributes={
        "calib_mode": "auto",
        "calib_mode_available": "auto manual manual_tx_quad tx_quad rf_dc_offs rssi_gain_step",
        "dcxo_tune_coarse": None, "dcxo_tune_coarse_available": "[0 0 0]",
        "dcxo_tune_fine": None, "dcxo_tune_fine_available": "[0 0 0]",
        "ensm_mode": "fdd",
        "ensm_mode_available": "sleep wait alert fdd pinctrl pinctrl_fdd_indep",
        "filter_fir_config": "FIR Rx: 0,0 Tx: 0,0", "gain_table_config": None,
        "multichip_sync": None, "rssi_gain_step_error": "lna_error: 0 0 0 0",
        "rx_path_rates": path_rates("rx_path_rates", int(RATE)),
        "trx_rate_governor": "nominal", "trx_rate_governor_available": "nominal highest_osr",
        "tx_path_rates": path_rates("tx_path_rates", int(RATE)),
        "xo_correction": "40000000", "xo_correction_available": "[39992000 1 40008000]",
    },
    debug={
        "bist_prbs": "0", "bist_tone": "0", "calibration_switch_control": "0",
        "digital_tune": "0", "direct_reg_access": "0x0", "gaininfo_rx1": "71 76 0 0 0 0 0 0",
        "initialize": "0", "loopback": "0", "multichip_sync": "0",
    },
)  # fmt: skip


def _supply(number: int, name: str | None, raw: str, scale: str = "0.732421875") -> Channel:
    return Channel(f"voltage{number}", False, name, own={"raw": raw, "scale": scale})


XADC = Layout(
    "iio:device1",
    "xadc",
    (
        _supply(5, "vccoddr", "1856"),
        _supply(0, "vccint", "1387"),
        _supply(4, "vccpaux", "2453"),
        Channel("temp0", False, own={"offset": "-2219", "raw": "2700", "scale": "123.040771484"}),
        _supply(7, "vrefn", "14"),
        _supply(1, "vccaux", "2455"),
        _supply(2, "vccbram", "1383"),
        _supply(3, "vccpint", "1387"),
        _supply(8, None, "3296", "0.244140625"),
        _supply(6, "vrefp", "1721"),
    ),
    attributes={"sampling_frequency": "961538"},
)

_DATA_RATE = {"sampling_frequency": RATE, "sampling_frequency_available": "30720000 3840000 "}
_CALIBRATION = {"calibphase": "0.000000", "calibscale": "1.000000"}
_DMA = {"data_available": "0", "length_align_bytes": "8", "watermark": "2048"}


def _tone(number: int, name: str, phase: str) -> Channel:
    own = {"frequency": "9279985", "phase": phase, "raw": "1", "scale": "0.000000"}
    return Channel(f"altvoltage{number}", True, name, own=own, shared={"sampling_frequency": RATE})


TX = Layout(
    "iio:device2",
    "cf-ad9361-dds-core-lpc",
    (
        Channel("voltage0", True, None, (0, "le:S16/16>>0"), _CALIBRATION, _DATA_RATE),
        Channel("voltage1", True, None, (1, "le:S16/16>>0"), _CALIBRATION, _DATA_RATE),
        _tone(3, "TX1_Q_F2", "0"),
        _tone(1, "TX1_I_F2", "90000"),
        _tone(0, "TX1_I_F1", "90000"),
        _tone(2, "TX1_Q_F1", "0"),
    ),
    buffer=_DMA,
    debug={"direct_reg_access": "0x0"},
)

_RX_OWN = _CALIBRATION | {"calibbias": "0"}
_RX_SHARED: Values = {**_DATA_RATE, "samples_pps": None}
RX = Layout(
    "iio:device3",
    "cf-ad9361-lpc",
    (
        Channel("voltage0", False, None, (0, "le:S12/16>>0"), _RX_OWN, _RX_SHARED),
        Channel("voltage1", False, None, (1, "le:S12/16>>0"), _RX_OWN, _RX_SHARED),
    ),
    buffer=_DMA,
    debug={"direct_reg_access": "0x0", "pseudorandom_err_check": "CH0 : PN9 : In Sync : OK"},
)

DEVICES = (PHY, XADC, TX, RX)
