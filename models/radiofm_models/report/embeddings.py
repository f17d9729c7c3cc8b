"""Embeddings in the plane of their two first principal components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist

from radiofm_models.data import Indices
from radiofm_models.report.figure import COLOURS, Figure, clipped, colour, drawing, marker, styled

TALL = 24  # names, of a legend beside the plot


def principal_components(
    vectors: npt.NDArray[np.floating], count: int = 2
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Projections [n, count] of vectors [n, d] and the share of variance of each [count].

    By singular values of the centred vectors. A component's sign is free: here the entry of
    greatest size is positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1))
    variance = singular**2
    return centred @ (axes * signs)[:count].T, variance[:count] / max(variance.sum(), 1e-300)


def embedding_pca(
    caption: str, vectors: npt.NDArray[np.floating], classes: Indices, labels: Sequence[str]
) -> Figure:
    """Embeddings [n, d] of classes [n], as points (the ProtoBeam slides' PCA projections)."""
    points, share = principal_components(vectors)
    with styled():
        figure = drawing(4.8)
        axes = figure.add_subplot()
        handles: list[Artist] = []
        for number in range(len(labels)):
            here = points[classes == number]
            handles.append(
                axes.scatter(
                    here[:, 0], here[:, 1], s=16, alpha=0.75, linewidth=0.3, edgecolor="white",
                    color=colour(number),
                    marker=marker(number // len(COLOURS)),
                )
            )  # fmt: skip
        axes.set_xlabel(f"first component, {share[0]:.0%} of variance")
        axes.set_ylabel(f"second component, {share[1]:.0%} of variance")
        axes.set_aspect("equal", adjustable="datalim")
        names = [clipped(label) for label in labels]
        figure.legend(handles, names, loc="outside right upper", ncols=-(-len(names) // TALL))
    data = {"labels": list(labels), "classes": classes, "points": points, "variance": share}
    return Figure(figure, caption, data)
