"""Latent spaces: maps, separation of classes, similarity."""
