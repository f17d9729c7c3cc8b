"""Reports of evaluations: tables beside the papers', figures, and all their numbers."""

from radiofm_models.report.calibration import reliability_diagram
from radiofm_models.report.comparison import beside_paper
from radiofm_models.report.confusion import confusion_matrices
from radiofm_models.report.curves import Series, curves, error_distribution
from radiofm_models.report.document import SMOKE, Part, Report, Run, Scale, Section
from radiofm_models.report.embeddings import embedding_pca
from radiofm_models.report.figure import Figure
from radiofm_models.report.lora_front import LoraPoint, Reference, lora_front
from radiofm_models.report.pictures import answers, forecasts, reconstructions, segmentations
from radiofm_models.report.table import Cell, Column, Measured, Table
from radiofm_models.report.tasks import (
    channel_curves,
    channel_section,
    channel_table,
    positioning_section,
)
from radiofm_models.report.writing import write_report

__all__ = [
    "SMOKE",
    "Cell",
    "Column",
    "Figure",
    "LoraPoint",
    "Measured",
    "Part",
    "Reference",
    "Report",
    "Run",
    "Scale",
    "Section",
    "Series",
    "Table",
    "answers",
    "beside_paper",
    "channel_curves",
    "channel_section",
    "channel_table",
    "confusion_matrices",
    "curves",
    "embedding_pca",
    "error_distribution",
    "forecasts",
    "lora_front",
    "positioning_section",
    "reconstructions",
    "reliability_diagram",
    "segmentations",
    "write_report",
]
