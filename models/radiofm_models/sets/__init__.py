"""Recipes of simulated sets that need torch."""
