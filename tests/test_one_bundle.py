"""Every task's head from one bundle: exported from torch, served over real sockets, compared."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from radiofm.adapter import read_adapter, write_adapter
from radiofm.array_set_writer import write_array_set
from radiofm.bundle import Bundle, file_record, load_bundle
from radiofm.bus import Publisher, Subscriber
from radiofm.errors import BundleError, UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import (
    Message,
    ResultHeader,
    SliceHeader,
    StatusHeader,
    arrays,
    masks,
)
from radiofm_capture.sets.csi import Csi
from radiofm_models.adaptable import TrainedAdapter
from radiofm_models.datasets.opening import open_dataset
from radiofm_models.datasets.scaling import Scaling, measure
from radiofm_models.export import TOLERANCE, Modality, TrainedHead, export_bundle
from radiofm_models.feed import Feed, FeedConfig
from radiofm_models.heads import Decoder, PixelHead
from radiofm_models.lora import LoRAConfig, adapter_of, attach
from radiofm_models.probes import Probe
from radiofm_models.served import ServedBundle
from radiofm_models.tuned import TunedTail, changed, placed
from radiofm_models.vit import Encoder, ViTConfig
from radiofm_services.encoder import Encoder as ServedEncoder
from radiofm_services.heads import head_set, load_head
from radiofm_services.inference import InferenceConfig, InferenceService
from radiofm_services.passes import answers

pytestmark = pytest.mark.timeout(300)  # fourteen graphs are exported: 17 s of processor time

CONFIG = ViTConfig(
    dim=32, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2,
    channels={"spectrogram": 1, "wifi-csi": 3, "iq-grid": 2},
)  # fmt: skip
SPEC = SpectrogramSpec(
    duration_s=0.001, window_size=64, hop=64, fft_size=64, height=32, width=48
)  # fmt: skip
LABELS = ("noise", "ofdm", "fm")
LORA = LoRAConfig(rank=3, alpha=0.5)


class Made:
    """The encoder, the heads of every task, and what torch says of a slice."""

    def __init__(self, csi: Scaling) -> None:
        torch.manual_seed(0)
        rng = np.random.default_rng(0)
        self.encoder = Encoder(CONFIG).eval()
        adapted, tail, tokenizer = (Encoder(CONFIG).eval() for _ in range(3))
        for other in (adapted, tail, tokenizer):
            other.load_state_dict(self.encoder.state_dict())
        attach(adapted, LORA)
        with torch.no_grad():
            for name, value in adapted.named_parameters():
                if name.endswith("_b"):
                    value.normal_()
            for parameter in (*tail.blocks[-2:].parameters(), *tail.norm.parameters()):
                parameter.add_(0.05 * torch.randn_like(parameter))
            for parameter in (tokenizer.cls, *tokenizer.patch_embed.parameters()):
                parameter.add_(0.5 * torch.randn_like(parameter))
        self.tuned = {"lora": adapted, "tail": tail, "tokenizer": tokenizer}
        har = TrainedAdapter("har", adapter_of(adapted), LORA)
        grid = (2, 3)

        def pixels(channels: int, out: tuple[int, int] | None = None) -> nn.Module:
            return PixelHead(Decoder(32, 16, grid, depth=0), channels, 16, out)

        self.heads = [
            TrainedHead("bands", "presence", "trunk", Probe(32, 3, "avg"), LABELS,
                        {"temperature": 0.5}, thresholds=(0.2, 0.9, 0.5)),
            TrainedHead("nr-lte", "segmentation", "trunk", pixels(3), LABELS),
            TrainedHead("anomaly", "reconstruction", "tokens", pixels(1),
                        calibration={"error_p99": 2.0}),
            TrainedHead("next", "forecast", "tokens", pixels(1, (2, 1))),
            TrainedHead("activity", "classification", "tokens", Probe(32, 3, "token"), LABELS,
                        {"temperature": 1.5}, modality="wifi-csi", adapter=har),
            TrainedHead("position", "regression", "trunk", Probe(32, 2, "avg"),
                        modality="wifi-csi", adapter=har),
            TrainedHead("channel", "channel", "tokens", pixels(2, (1, 4)), modality="iq-grid"),
        ]  # fmt: skip
        grids = Scaling(range=(-1, 2), mean=(0.2, 0.3), std=(0.5, 0.6), size=(32, 48), source="it")

        def images(channels: int) -> Any:
            return rng.normal(size=(3, channels, 32, 48)).astype(np.float32)

        self.modalities = {
            "spectrogram": Modality(SPEC, images(1)),
            "wifi-csi": Modality(csi, images(3)),
            "iq-grid": Modality(grids, images(2)),
        }
        for name, encoder in (("last", tail), ("linear", tokenizer)):
            probe = Probe(32, 3, "token")
            head = TrainedHead(name, "classification", "tokens", probe, LABELS, modality="wifi-csi")
            head, more = placed(self.encoder, encoder, head, self.modalities["wifi-csi"])
            self.heads.append(head)
            self.modalities |= more

    @torch.no_grad()
    def torch(self, head: TrainedHead, image: Any) -> Any:
        """The head's output for one slice [C, H, W], by the encoders as they were trained."""
        slices = torch.from_numpy(image[None])
        encoder, module = self.encoder, head.module
        if head.adapter:
            encoder = self.tuned["lora"]
        if head.name == "linear":
            encoder = self.tuned["tokenizer"]
        if isinstance(module, TunedTail):
            encoder, module = self.tuned["tail"], module.head
        modality = head.modality.removesuffix("-linear")
        through = head.tap == "trunk" and module is head.module
        tokens: Tensor = (encoder.trunk if through else encoder)(slices, modality=modality)
        return module(tokens).numpy()[0]


@pytest.fixture(scope="module")
def csi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csi")
    write_array_set(folder, Csi(packets=50), 12, 1, "")
    return folder


@pytest.fixture(scope="module")
def made(csi: Path) -> Made:
    data = open_dataset("simulated", csi)
    return Made(measure(data, np.arange(len(data)), (32, 48)))


@pytest.fixture(scope="module")
def bundle(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    export_bundle(folder, "all", "test", made.encoder, made.modalities, made.heads, {})
    return load_bundle(folder)


def test_parity_of_every_file(bundle: Bundle) -> None:
    parity = bundle.manifest.metrics["parity"]
    assert parity["batches"] == [1, 3]
    assert set(parity["max_abs_difference"]) == set(bundle.manifest.files)
    assert "adapters/har.onnx_adapter" in parity["max_abs_difference"]
    assert max(parity["max_abs_difference"].values()) <= TOLERANCE


def test_in_bulk(bundle: Bundle, made: Made) -> None:
    served = ServedBundle(bundle.manifest, bundle.read)
    for name, modality in made.modalities.items():
        heads = [head for head in made.heads if head.modality == name]
        outputs = served(modality.images, name)
        assert set(outputs) == {head.name for head in heads}
        for head in heads:
            want = np.stack([made.torch(head, image) for image in modality.images])
            assert np.abs(outputs[head.name] - want).max() <= TOLERANCE


def test_what_fine_tuning_changed(made: Made) -> None:
    assert changed(made.encoder, made.encoder) == set()
    assert changed(made.encoder, made.tuned["tail"]) == {"tail"}
    assert changed(made.encoder, made.tuned["tokenizer"]) == {"embedding"}
    assert changed(made.encoder, made.tuned["lora"]) == set()
    other = Encoder(CONFIG)
    assert changed(made.encoder, other) == {"embedding", "trunk", "tail"}
    with pytest.raises(BundleError, match="head position: fine-tuning changed the encoder's first"):
        placed(made.encoder, other, made.heads[5], made.modalities["wifi-csi"])


@torch.no_grad()
def test_what_is_placed_computes_what_was_tuned(made: Made) -> None:
    """All at once: adapters, and a patch embedding and a norm of its own."""
    tuned = copy.deepcopy(made.tuned["lora"])
    tuned.norm.weight.mul_(1.5)
    tuned.cls.add_(1)
    probe = Probe(32, 3, "avg")
    head = TrainedHead("all", "classification", "tokens", probe, LABELS, modality="wifi-csi")
    head, more = placed(made.encoder, tuned, head, made.modalities["wifi-csi"])
    assert head.modality == "wifi-csi-all" and head.tap == "trunk" and head.adapter is not None
    own = more["wifi-csi-all"]
    assert own.slices == "wifi-csi" and own.encoder is not None
    image = torch.from_numpy(own.images)
    tokens = own.encoder.embed(image, modality="wifi-csi")
    for block in head.adapter.on(made.encoder).blocks[:-2]:
        tokens = block(tokens)
    close(head.module(tokens), probe(tuned(image, modality="wifi-csi")))


def test_what_cannot_be_exported(made: Made, tmp_path: Path) -> None:
    spec, images = SPEC, made.modalities["spectrogram"].images
    head, lora = made.heads[0], next(head for head in made.heads if head.adapter)
    twin = replace(lora, name="twin", adapter=replace(lora.adapter, config=LORA))  # type: ignore[type-var]
    for modalities, heads, reason in (
        ({"spectrogram": Modality(spec, images[:1])}, [head], "spectrogram has 1 examples: give"),
        ({"iq-grid": made.modalities["iq-grid"]}, [head], "modality 'spectrogram' is not there"),
        (made.modalities, [lora, twin], "there are two adapters har: rename one"),
    ):
        with pytest.raises(BundleError, match=reason):
            export_bundle(tmp_path, "it", "test", made.encoder, modalities, heads, {})
    assert list(tmp_path.iterdir()) == []


def test_heads_with_an_adapter_share_its_pass(bundle: Bundle, made: Made) -> None:
    encoder = ServedEncoder(bundle)
    names = ("activity", "position", "last", "linear")
    heads = head_set({name: load_head(bundle, name, encoder) for name in names})
    passes: list[str] = []
    trunk, tail = encoder.trunk, encoder.tail
    encoder.trunk = lambda x, a=None: (passes.append("trunk"), trunk(x, a))[1]  # type: ignore
    encoder.tail = lambda x, a=None: (passes.append("tail"), tail(x, a))[1]  # type: ignore
    image = made.modalities["wifi-csi"].images[:1]
    assert len(answers(encoder, heads, image, "wifi-csi").answers) == 4
    # The adapter's; that of `last`, which brings its tail; that of the other embedding.
    assert passes == ["trunk", "tail", "trunk", "trunk", "tail"]
    assert answers(encoder, heads, image, "spectrogram").answers == []


def test_an_adapter_of_another_width_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    encoder, file = ServedEncoder(bundle), "adapters/har.onnx_adapter"
    matrices = read_adapter(bundle.read(file), file)
    cut = {name: value[:16] if name.endswith("_a") else value for name, value in matrices.items()}
    (tmp_path / "adapters").mkdir()
    data = write_adapter(cut)
    (tmp_path / file).write_bytes(data)
    files = bundle.manifest.files | {file: file_record(data)}
    other = Bundle(tmp_path, bundle.manifest.model_copy(update={"files": files}))
    with pytest.raises(BundleError, match="query_a is 16 x 3, which does not fit a width of 32"):
        encoder.adapter(other, file)
    with pytest.raises(BundleError, match="is not the file that bundle.json names"):
        encoder.adapter(Bundle(tmp_path, bundle.manifest), file)


def test_a_head_of_another_embedding_is_refused(bundle: Bundle) -> None:
    encoder = ServedEncoder(bundle)
    files = bundle.manifest.files | {"embeds/wifi-csi.onnx": file_record(b"other")}
    other = Bundle(bundle.path, bundle.manifest.model_copy(update={"files": files}))
    with pytest.raises(BundleError, match="last was made for another modality wifi-csi than"):
        load_head(other, "last", encoder)
    assert load_head(other, "linear", encoder).record.modality == "wifi-csi-linear"


class Service:
    """An inference service in a thread, and its results as they come."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.slices = f"ipc://{folder}/slice"
        config = InferenceConfig(
            bundle=bundle.path, slices=self.slices, results=f"ipc://{folder}/result",
            control=f"ipc://{folder}/control", policy="lossless", readers=1, patience_s=30,
        )  # fmt: skip
        service = InferenceService(config)
        self.outcome: list[Any] = []
        self._reader = Subscriber([config.results], ["result", "status"], message_bytes=1 << 12)
        self._thread = threading.Thread(target=self._run, args=(service,), daemon=True)
        self._thread.start()

    def _run(self, service: InferenceService) -> None:
        try:
            self.outcome.append(service.run())
        except BundleError as error:
            self.outcome.append(error)

    def results(self) -> Iterator[Message]:
        """Until its last word."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            message = self._reader.receive(0.1)
            if message is None:
                continue
            if isinstance(message.header, ResultHeader):
                yield Message(message.header, message.payload.copy())
            elif isinstance(message.header, StatusHeader) and message.header.state == "ended":
                break
        self._thread.join(20)
        self._reader.close()


def published(publisher: Publisher, modality: str, image: Any, spec: str) -> None:
    """One slice of a stream of its own."""
    header = SliceHeader(
        stream=uuid4(), sequence=publisher.next_sequence("slice"), sample_index=0, sample_count=1,
        time_ns=1, time_quality="host", center_frequency_hz=0, sample_rate_hz=0, slice_index=0,
        spec=spec, shape=image.shape, complete=True, modality=modality, host_time_ns=1,
    )  # fmt: skip
    assert publisher.send(header, image, timeout_s=10)


def ended(publisher: Publisher) -> None:
    header = StatusHeader(
        stream=uuid4(), sequence=publisher.next_sequence("status"), sample_index=0, sample_count=0,
        time_ns=1, time_quality="host", center_frequency_hz=0, sample_rate_hz=0, daemon="feed",
        state="ended",
    )  # fmt: skip
    assert publisher.send(header, timeout_s=10)


def test_every_task_is_served(bundle: Bundle, made: Made, tmp_path: Path) -> None:
    publisher = Publisher(f"ipc://{tmp_path}/slice", message_bytes=1 << 12, lossless=True)
    service = Service(tmp_path, bundle)
    assert publisher.wait_for_subscribers("slice", 1, 10)
    assert publisher.wait_for_subscribers("status", 1, 10)
    sent = ("spectrogram", "wifi-csi", "iq-grid")
    for name in sent:
        image = made.modalities[name].images[0]
        spec = bundle.manifest.modality(name).hash(bundle.manifest.spec)
        published(publisher, name, image[0] if len(image) == 1 else image, spec)
    ended(publisher)
    messages = list(service.results())
    publisher.close()
    assert service.outcome[0].slices_inferred == 3
    heads = {head.name: head for head in made.heads}
    answered: list[str] = []
    for name, message in zip(sent, messages, strict=True):
        header = message.header
        assert isinstance(header, ResultHeader)
        image = made.modalities[name].images[0]
        for result in header.heads:
            answered.append(result.name)
            head = heads[result.name]
            assert result.task == head.task and head.modality.startswith(name)
            want = torch.from_numpy(made.torch(head, image))
            scores = {label.label: label.score for label in result.labels}
            match head.task:
                case "classification":
                    shares = torch.softmax(want / head.calibration.get("temperature", 1), 0)
                    assert list(scores.values()) == sorted(scores.values(), reverse=True)
                    close([scores[label] for label in LABELS], shares)
                case "presence":
                    chances = torch.sigmoid(want / 0.5)
                    close([scores[label] for label in LABELS], chances)
                    reached = chances >= torch.tensor(head.thresholds)
                    there = {label.label for label in result.labels[: result.present]}
                    assert there == {LABELS[i] for i in np.flatnonzero(reached)}
                case "segmentation":
                    assert np.array_equal(masks(message)[head.name], want.argmax(0))
                case "reconstruction":
                    error = float(((want - torch.from_numpy(image)) ** 2).mean())
                    close(result.vector, [error])
                    assert header.novelty == pytest.approx(error / 2.0, rel=1e-4)
                case "regression":
                    close(result.vector, want)
                case "channel" | "forecast":
                    close(arrays(message)[head.name], want)
    assert sorted(answered) == sorted(head.name for head in made.heads)


def close(have: Any, want: Any) -> None:
    np.testing.assert_allclose(np.asarray(have), np.asarray(want), rtol=0, atol=TOLERANCE)


def test_slices_that_the_bundle_does_not_take_end_it(bundle: Bundle, tmp_path: Path) -> None:
    spec = bundle.manifest.modality("wifi-csi").hash(bundle.manifest.spec)
    for n, (modality, shape, sentence) in enumerate(
        (
            ("radar", (3, 32, 48), "of modality radar, but bundle all has spectrogram, wifi-csi"),
            ("wifi-csi", (3, 32, 32), "are 3 x 32 x 32, but bundle all was trained on 3 x 32 x 48"),
            ("iq-grid", (2, 32, 48), f"made by spec {spec}, but bundle all was trained on"),
            # It is an embedding of Wi-Fi CSI: no slices are called so.
            ("wifi-csi-linear", (3, 32, 48), "of modality wifi-csi-linear, but bundle"),
        )
    ):
        folder = tmp_path / str(n)
        folder.mkdir()
        publisher = Publisher(f"ipc://{folder}/slice", message_bytes=1 << 12, lossless=True)
        service = Service(folder, bundle)
        assert publisher.wait_for_subscribers("slice", 1, 10)
        published(publisher, modality, np.zeros(shape, np.float32), spec)
        assert list(service.results()) == []
        publisher.close()
        assert sentence in str(service.outcome[0])


def test_a_data_set_is_fed_and_inferred(
    bundle: Bundle, made: Made, csi: Path, tmp_path: Path
) -> None:
    service = Service(tmp_path, bundle)
    command = [
        sys.executable, "-m", "radiofm", "feed", csi, "--bundle", bundle.path,
        "--modality", "wifi-csi", "--publish", service.slices, "--rate", "max", "--count", "9",
        "--json",
    ]  # fmt: skip
    fed = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
    messages = list(service.results())
    report = json.loads(fed.communicate(timeout=30)[0])
    assert report == {
        "command": "feed", "items": 12, "slices": 9, "slices_made": 9, "slices_untaken": 0,
    }  # fmt: skip
    assert service.outcome[0].slices_inferred == service.outcome[0].slices == 9
    data, scaling = open_dataset("simulated", csi), made.modalities["wifi-csi"].scaling
    assert isinstance(scaling, Scaling)
    head = next(head for head in made.heads if head.name == "position")
    for k, message in enumerate(messages):
        assert isinstance(message.header, ResultHeader) and message.header.slice_index == k
        assert [h.name for h in message.header.heads] == ["activity", "position", "last", "linear"]
        close(message.header.heads[1].vector, made.torch(head, scaling(data.item(k)[0])))


def test_what_cannot_be_fed(bundle: Bundle, csi: Path) -> None:
    for items, modality, kind, sentence in (
        (str(csi), "radar", BundleError, "modality 'radar' is not in bundle all: it has spectr"),
        (str(csi), "spectrogram", UsageError, "is made of samples: feed it by `radiofm spect"),
        (str(csi), "iq-grid", UsageError, "items of 3 channels are not those of bundle all"),
        ("nowhere", "wifi-csi", UsageError, "'nowhere' is no folder"),
        ("nothing:x", "wifi-csi", UsageError, "data set 'nothing' is unknown"),
    ):
        config = FeedConfig(items=items, bundle=bundle.path, modality=modality, slices="ipc://x")
        with pytest.raises(kind, match=sentence):
            Feed(config)
