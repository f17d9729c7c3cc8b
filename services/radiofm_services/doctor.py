"""What `radiofm doctor` finds of inference: does the bundle run, and does it keep up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from radiofm.bundle import load_bundle
from radiofm.doctor import Finding, version_of
from radiofm.errors import BundleError, MissingDependencyError
from radiofm.machine import median_time, say_speed
from radiofm.wire import SPECTROGRAM
from radiofm_services.encoder import Encoder
from radiofm_services.heads import head_set, load_head
from radiofm_services.passes import answers


def inference_speed(path: Path) -> Iterator[Finding]:
    """Trunk, tail and all heads of the bundle on one slice, in one thread."""
    try:
        bundle = load_bundle(path)
        encoder = Encoder(bundle)
        names = [head.name for head in bundle.manifest.heads]
        heads = head_set({name: load_head(bundle, name, encoder) for name in names})
    except MissingDependencyError:
        return  # the finding of the extra has said so
    except BundleError as error:
        yield Finding("inference", "fail", str(error), "name a bundle that is whole: --bundle")
        return
    spec = bundle.manifest.spec
    shape = (1, 1, spec.height, spec.width)
    image = np.random.default_rng(0).standard_normal(shape, np.float32)

    def one_slice() -> None:
        answers(encoder, heads, image, SPECTROGRAM)

    share = median_time(one_slice) / spec.duration_s
    seen = (
        f"{bundle.manifest.name} with {len(heads)} heads, onnxruntime "
        f"{version_of('onnxruntime')}, one thread: {say_speed(share, spec.duration_s)}"
    )
    cure = "slices will be passed over: serve fewer --heads, or give more --threads"
    yield Finding("inference", "warn" if share > 1 else "ok", seen, cure if share > 1 else "")
