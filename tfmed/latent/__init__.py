"""Latent spaces: projections to two dimensions, separation of classes, significance."""
