"""Metrics of predictions, and the simple baselines that stand beside them."""

from radiofm_models.metrics.classification import (
    BANDS,
    Counts,
    accuracy_by_snr,
    calibration_error,
    classification_metrics,
    confusion,
)
from radiofm_models.metrics.embeddings import (
    knn_accuracy,
    n_shot_accuracy,
    n_shot_folds,
    nearest_mean,
)
from radiofm_models.metrics.presence import (
    average_precision,
    best_threshold,
    f1_score,
    presence_metrics,
)
from radiofm_models.metrics.regression import (
    channel_errors_by_snr,
    position_errors,
    reconstruction_error,
)
from radiofm_models.metrics.resource_grid import (
    block_pixels,
    forecast_counts,
    forecast_recall,
    grid_accuracy,
    row_mean,
    visible_mean,
)
from radiofm_models.metrics.segmentation import (
    Mask,
    above_median,
    best_energy_threshold,
    intersection_over_union,
    mask_metrics,
    pixel_counts,
    segmentation_by_snr,
)

__all__ = [
    "BANDS",
    "Counts",
    "Mask",
    "above_median",
    "accuracy_by_snr",
    "average_precision",
    "best_energy_threshold",
    "best_threshold",
    "block_pixels",
    "calibration_error",
    "channel_errors_by_snr",
    "classification_metrics",
    "confusion",
    "f1_score",
    "forecast_counts",
    "forecast_recall",
    "grid_accuracy",
    "intersection_over_union",
    "knn_accuracy",
    "mask_metrics",
    "n_shot_accuracy",
    "n_shot_folds",
    "nearest_mean",
    "pixel_counts",
    "position_errors",
    "presence_metrics",
    "reconstruction_error",
    "row_mean",
    "segmentation_by_snr",
    "visible_mean",
]
