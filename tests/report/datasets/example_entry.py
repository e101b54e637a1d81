"""What results say of an invented data set."""


def entry(**changes):
    """An entry of `datasets` with something of everything that may be said."""
    splits = {"train": (30, 70), "val": (5, 5), "test": (10, 10)}
    shared = {"earlier": "train", "split": "test", "equal": 2, "near": 3, "named": [["a", "b"]]}
    none = {"earlier": "train", "split": "val", "equal": 0, "near": 0, "named": []}
    within = {"train": 1, "val": 0, "test": 0}
    return {
        "name": "own",
        "title": "Own",
        "role": "",
        "description": "Files.",
        "image_shape": [28, 28, 1],
        "class_names": ["well", "ill"],
        "n_labels": 1,
        "splits": {s: {"n": sum(c), "counts": list(c)} for s, c in splits.items()},
        "warnings": ["4 images of test are of patients of train"],
        "notes": ["left out: 3"],
        "repeated": {"within": within, "blank": within, "across": [none, shared]},
        "shifts": [
            {"split": "val", "distance": 0.2, "p": 0.3},
            {"split": "test", "distance": 0.2, "p": 0.0001},
        ],
        **changes,
    }
