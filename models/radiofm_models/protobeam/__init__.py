"""Beam prediction and angle of arrival by prototypical networks: ProtoBeam and ProtoAoA."""
