"""How good a pretraining is: reconstructions, and the health of its embeddings."""
