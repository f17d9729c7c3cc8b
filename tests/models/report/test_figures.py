"""Figures: all of them render, and what they show is where it belongs."""

from __future__ import annotations

import io
import warnings

import matplotlib
import numpy as np
import pytest
from matplotlib.image import AxesImage
from PIL import Image

from radiofm_models.metrics import calibration_error
from radiofm_models.report import (
    Figure,
    LoraPoint,
    Measured,
    answers,
    confusion_matrices,
    error_distribution,
    reconstructions,
    reliability_diagram,
    segmentations,
)
from radiofm_models.report.embeddings import principal_components
from radiofm_models.report.lora_front import pareto
from tests.models.report.example import every_figure

FIGURES = every_figure()


@pytest.mark.parametrize("kind", FIGURES)
def test_it_renders_without_a_warning(kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = Image.open(io.BytesIO(FIGURES[kind].png))
    assert 600 < picture.width < 1100  # legible at a report's width
    grey = np.asarray(picture.convert("L"))
    margin = np.concatenate([grey[:2].ravel(), grey[-2:].ravel(), grey[:, :2].ravel()])
    assert (margin > 250).all()  # nothing is cut off
    assert grey.std() > 5


def test_the_users_settings_are_neither_used_nor_changed() -> None:
    before = matplotlib.rcParams.copy()
    plain = every_figure()["curves"].png
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black"}):
        again = every_figure()["curves"].png
    assert hash(again) == hash(plain)  # of bytes that differ, a difference takes minutes to show
    assert matplotlib.rcParams.copy() == before


def shown(figure: Figure) -> list[list[AxesImage]]:
    """The images of each axes that has some."""
    return [list(axes.images) for axes in figure.drawing.axes if axes.images]


def test_frequency_is_up_and_time_to_the_right() -> None:
    """A bright patch of the highest frequencies at the latest time comes out top right."""
    image = np.zeros((1, 32, 32), np.float32)
    image[0, 24:, 24:] = 1
    nothing = np.zeros(image.shape, bool)
    figure = reconstructions("c", image, nothing, image, ["row"])
    grey = np.asarray(Image.open(io.BytesIO(figure.png)).convert("L"))
    box = figure.drawing.axes[0].get_position()
    height, width = grey.shape
    panel = grey[
        int((1 - box.y1) * height) + 3 : int((1 - box.y0) * height) - 3,
        int(box.x0 * width) + 3 : int(box.x1 * width) - 3,
    ]
    h, w = panel.shape
    assert panel[h // 10, w * 9 // 10] > 200
    assert max(panel[h * 9 // 10, w * 9 // 10], panel[h // 10, w // 10], panel[-5, 5]) < 50


def test_panels_of_a_row_share_their_colours() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, 16, 16)) * np.array([1, 9])[:, None, None]
    removed = rng.random(images.shape) < 0.5
    figure = reconstructions("c", images, removed, images + 99, ["a", "b"])
    limits = [[one.get_clim() for one in images] for images in shown(figure)][:6]
    assert limits[0] == limits[1] == limits[2] != limits[3] == limits[4] == limits[5]
    assert figure.data["masked_mse"] == pytest.approx([99**2, 99**2])


def test_what_was_kept_is_the_originals() -> None:
    original, predicted = np.zeros((1, 4, 4)), np.ones((1, 4, 4))
    removed = np.zeros((1, 4, 4), bool)
    removed[0, 0] = True
    panels = shown(reconstructions("c", original, removed, predicted, ["row"]))
    masked, again = panels[1][0].get_array(), panels[2][0].get_array()
    assert masked is not None and again is not None
    assert np.ma.getmaskarray(masked)[0].all() and not np.ma.getmaskarray(masked)[1:].any()
    assert np.array_equal(again, removed[0].astype(float))


def test_a_class_has_its_colour_where_others_are_missing() -> None:
    masks = np.full((1, 8, 8), 2)
    figure = segmentations("c", np.zeros((1, 8, 8)), masks, masks * 0, ["none", "a", "b"], ["r"])
    truth, prediction = (panel[0].to_rgba(np.array([0, 1, 2])) for panel in shown(figure)[1:])
    assert np.array_equal(truth, prediction) and len(np.unique(truth, axis=0)) == 3
    assert figure.data["pixel_accuracy"] == [0]


def test_confusion_is_of_the_row() -> None:
    figure = confusion_matrices("c", {"m": [[3, 1], [0, 0]]}, ["a", "b"])
    texts = [text.get_text() for text in figure.drawing.axes[0].texts]
    assert texts == ["75.0%\n3", "25.0%\n1", "0", "0"]  # b never occurs: it has no share
    [[image]] = shown(figure)
    values = image.get_array()
    assert values is not None
    assert values[0].tolist() == [0.75, 0.25] and np.ma.getmaskarray(values)[1].all()


def test_reliability_agrees_with_the_metric() -> None:
    rng = np.random.default_rng(1)
    scores = rng.dirichlet(np.ones(4), 300).astype(np.float32)
    truth = rng.integers(0, 4, 300)
    data = reliability_diagram("c", {"m": scores}, truth).data["scores"]["m"]
    assert data["ece"] == calibration_error(scores, truth)
    held = data["share"] > 0
    gaps = np.abs(data["confidence"] - data["accuracy"])[held]
    assert float((gaps * data["share"][held]).sum()) == pytest.approx(data["ece"], abs=1e-6)
    assert np.isnan(data["accuracy"][~held]).all() and data["share"].sum() == pytest.approx(1)


def test_each_of_many_curves_looks_different() -> None:
    lines = FIGURES["curves"].drawing.axes[0].lines
    assert (
        len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}) == 10
    )


def test_error_distribution_steps_up_at_each_error() -> None:
    [line] = error_distribution("c", {"m": [3.0, 1.0]}).drawing.axes[0].lines[:1]
    assert line.get_xydata().tolist() == [[0, 0], [1, 0.5], [3, 1]]  # type: ignore[union-attr]
    assert line.get_drawstyle() == "steps-post"


def test_principal_components_of_points_on_a_line() -> None:
    along = np.array([-2.0, 0.0, 1.0, 3.0])
    points, share = principal_components(np.outer(along, [0.6, -0.8]) + 5)
    assert share == pytest.approx([1, 0])
    assert points[:, 0] == pytest.approx(-(along - along.mean()))  # its greatest entry is positive
    assert points[:, 1] == pytest.approx(0, abs=1e-12)


def test_the_front_has_what_no_cheaper_point_equals() -> None:
    def point(parameters: int, accuracy: float) -> LoraPoint:
        return LoraPoint(1, 1.0, parameters, Measured(accuracy))

    points = [point(10, 0.5), point(10, 0.6), point(20, 0.6), point(40, 0.8), point(30, 0.7)]
    assert pareto(points) == [point(10, 0.6), point(30, 0.7), point(40, 0.8)]


def test_answers_are_told_apart_and_counted() -> None:
    """Each head has colours of its own, but for the background, and shares of its labels."""
    classes = np.zeros((4, 4), int)
    classes[:2] = 1
    heads = {"a": (classes, ["none", "x"]), "b": (classes[::-1], ["none", "y"])}
    figure = answers("c", np.zeros((4, 4)), heads, (0.5,))
    _, first, second = (images[0] for images in shown(figure))
    assert np.allclose(first.cmap(0), second.cmap(0)) and not np.allclose(
        first.cmap(1), second.cmap(1)
    )
    assert figure.data["shares"] == {"a": {"none": 0.5, "x": 0.5}, "b": {"none": 0.5, "y": 0.5}}
    (dashed,) = [line for line in figure.drawing.axes[0].lines if line.get_linestyle() == "--"]
    assert np.array_equal(dashed.get_ydata(), [1.5, 1.5])  # between the second and third row
