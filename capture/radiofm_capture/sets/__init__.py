"""Recipes of simulated sets: positions, activities, beams, angles."""
