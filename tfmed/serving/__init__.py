"""Models in service: SavedModels for TF Serving, their gate, their cards, and a client.

`tfmed models check DIR` judges exported models; `tfmed models predict` asks a server. A version is
a folder `<models>/<name>/<number>/` that holds, beside the SavedModel:

- `model_card.json`: what the model is, and the SHA-256 of every other file (`tfmed.serving.card`);
- `gate.json`: the verdict of the gate (`tfmed.serving.gate`);
- `assets.extra/tf_serving_warmup_requests`: requests that TF Serving makes before a client does;
- `assets.extra/reference.npz`: drawn images and the Keras original's answers to them;
- `assets.extra/test_scores.npz`: labels and the original's scores of the test split.

No image of a data set leaves with a model: what the first two of `assets.extra` hold is drawn.
"""
