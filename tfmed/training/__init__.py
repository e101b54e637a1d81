"""Networks, fitting with EarlyStopping, freezing and weight transfer, baselines."""
