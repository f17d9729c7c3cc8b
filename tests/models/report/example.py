"""A report with every kind of part and figure, of seeded numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_models.report import (
    Column,
    Figure,
    LoraPoint,
    Measured,
    Part,
    Reference,
    Report,
    Run,
    Section,
    Series,
    Table,
    answers,
    confusion_matrices,
    curves,
    embedding_pca,
    error_distribution,
    forecasts,
    lora_front,
    reconstructions,
    reliability_diagram,
    segmentations,
)

HOSTILE = "<script>alert(1)</script> & | *b* _i_ `c` [l](http://x) $a$ ~~d~~ # \\ \"q\" 'r'"
RUN = Run(
    "radiofm reproduce x --scale smoke", (0, 1, 2), "simulated", "2 cores", "smoke", ("drift",)
)
TABLE = Table(
    "Accuracy",
    [Column("way"), Column("parameters"), Column("accuracy", ".1%", "max")],
    [
        ["LoRA", 1_228_800, Measured.over([0.8, 0.9])],
        ["frozen", 0, 0.5],
        ["not run", None, None],
        ["diverged", 7, float("nan")],
    ],
)


def report(*parts: Part, title: str = "A report") -> Report:
    return Report(title, RUN, [Section("Results", parts)])


def counts(labels: int) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(labels)
    table = rng.integers(0, 9, (labels, labels)) + 40_000 * np.eye(labels, dtype=np.int64)
    table[-1] = 0  # a class that never occurs
    return table


def every_figure() -> dict[str, Figure]:
    """One of each kind, labels with dollar signs and the edges of their inputs among them."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 32, 48)).astype(np.float32)
    removed = np.stack([rng.random((32, 48)) < 0.75, np.zeros((32, 48), bool)])
    masks = rng.integers(0, 3, (2, 32, 48))
    x = np.arange(5)
    falling = 10.0**-x
    truth = rng.integers(0, 4, 200)
    scores = rng.dirichlet(np.ones(4), 200)
    vectors = rng.normal(size=(60, 8))
    points = [
        LoraPoint(rank, alpha, 1000 * rank, Measured.over(rng.uniform(0.5, 0.9, 3)))
        for alpha in range(1, 10)  # more than there are colours
        for rank in (1, 8, 64)
    ]
    rows = ["$a$ and $b", "a name so long that it does not fit beside one row of panels"]
    return {
        "confusion of 3": confusion_matrices("3", {"one": counts(3)}, ["a", "$b$", "c"]),
        "confusion of 6": confusion_matrices(
            "6", {"one": counts(6), "two": counts(6), "three": counts(6)}, list("abcdef")
        ),
        "confusion of 20": confusion_matrices(
            "20", {"one": counts(20)}, [f"a long name of class {i}" for i in range(20)]
        ),
        "curves": curves(
            "c",
            [Series(f"run {i}", x, x / 9, x / 99) for i in range(9)]
            + [Series("trivial", x, np.where(x == 2, np.nan, 0.3), baseline=True, colour=0)],
            "mask ratio", "accuracy", percent=True,
        ),
        "curves, logarithmic": curves(
            "l", [Series("model", x, falling, 2 * falling)], "SNR, dB", "MSE", log_y=True
        ),
        "error distribution": error_distribution(
            "d", {"model": rng.rayleigh(size=50), "one item": [0.5], "exact": [0.0, 0.0]}
        ),
        "reliability": reliability_diagram("r", {"raw": scores, "scaled": scores**2}, truth),
        "LoRA": lora_front(
            "f", points,
            [Reference("last two", Measured(0.8, 0.1), 90_000), Reference("all", Measured(0.9))],
        ),
        "reconstructions": reconstructions("p", images, removed, images * 0, rows),
        "segmentations": segmentations("s", images, masks, masks[::-1], ["none", "a", "$b$"], rows),
        "answers": answers(
            "n", images[0],
            {"$h$": (masks[0], ["none", "a", "b"]), "two": (masks[1] % 2, ["none", "any"])}, (0.3,),
        ),
        "forecasts": forecasts("t", images, images[..., :8], images[..., 8:16], rows),
        "embeddings": embedding_pca("e", vectors, np.arange(60) % 30, [str(i) for i in range(30)]),
    }  # fmt: skip
