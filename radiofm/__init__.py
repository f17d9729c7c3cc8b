"""The shared ground of radiofm: what crosses between capture, models and services."""

__version__ = "0.1.0"
