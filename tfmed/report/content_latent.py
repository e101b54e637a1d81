"""What the report says about the latent spaces."""

from tfmed.report.blocks import Block, figure, heading, paragraph, table, term, text
from tfmed.report.explorer import explorer_block
from tfmed.report.figures import task_slugs
from tfmed.report.figures_latent import mistakes_of, similarities, space_chunks, spaces_of
from tfmed.report.wording import (
    MISSING,
    budget_name,
    count,
    dataset_of,
    interval,
    number,
    p_value,
    percent,
    strategy_name,
    task_title,
)

COMPONENTS = 3
WIDTHS = [2, 2, 1.3, 0.9, 1.1, 1.1, 1.7, 1.6]


def latent_blocks(results: dict) -> list[Block]:
    """The embeddings of the test images after each way of training, in pictures and numbers."""
    if not results["latent"]["spaces"]:
        return [paragraph("No latent spaces were computed in this study.")]
    blocks = [
        paragraph(
            "A ",
            term("latent space"),
            " holds the embeddings of all test images of a task. ",
            term("PCA"),
            " shows the two directions along which they differ most; ",
            term("t-SNE"),
            " keeps neighbours together, and its axes, distances and cluster sizes mean nothing. "
            "No picture proves that classes are apart; the numbers beside it say more. ",
            term("10-NN accuracy"),
            ": share of images whose class is that of most of their 10 nearest neighbours. ",
            term("Silhouette"),
            ": from −1 to 1, how much closer images are to their own class than to the other. ",
            term("AUC of a component"),
            ": how well that principal component alone tells the classes apart (0.5: not at all). ",
            term("Linear CKA"),
            ": likeness of two latent spaces, 1 for the same up to rotation and scale, about 0 for "
            "unrelated ones (Kornblith et al., 2019; debiased as in Nguyen et al., 2021).",
        )
    ]
    for task, slug in task_slugs(results).items():
        if spaces_of(results, task):
            blocks += [heading(task_title(results, task)), *_task_blocks(results, task, slug)]
    return blocks


def _task_blocks(results: dict, task: str, slug: str) -> list[Block]:
    title = task_title(results, task)
    spaces = spaces_of(results, task)
    images = count(max(space["n"] for space in spaces))
    told = f"{len(spaces)} latent spaces" if len(spaces) > 1 else "One latent space"
    blocks: list[Block] = [paragraph(f"{told} of {images} test images.")]
    explorer = explorer_block(results, task, slug)
    if explorer:
        blocks.append(explorer)
    for i, spaces in enumerate(space_chunks(results, task), 1):
        best = max(spaces, key=lambda space: space["knn_accuracy"])
        words = (
            f"Embeddings of the test images of {title}; one row for each way of training. Of "
            f"these, classes are told apart best in “{best['title']}” (10-NN accuracy "
            f"{number(best['knn_accuracy'])})."
        )
        alt = "; ".join(
            f"{s['title']}: 10-NN accuracy {number(s['knn_accuracy'])}, "
            f"silhouette {number(s['silhouette'])}"
            for s in spaces
        )
        blocks.append(figure(f"latent-{slug}-{i}", text(words), alt))
    if mistakes_of(results, task):
        blocks.append(_mistakes_figure(results, task, slug))
    blocks.append(_space_table(results, task, slug))
    if tested_spaces(results, task):
        blocks.append(_test_table(results, task, slug))
    values = similarities(results, task)
    if values:
        apart = [value for (a, b), value in values.items() if a != b] or [1.0]
        words = (
            f"Likeness (linear CKA) of the latent spaces of {title}, from {min(apart):.2f} to "
            f"{max(apart):.2f}, with 95 % intervals: 1 means the same up to rotation and scale."
        )
        blocks.append(figure(f"cka-{slug}", text(words), words))
    return blocks


def _mistakes_figure(results: dict, task: str, slug: str) -> Block:
    """The surest mistakes of one run, with how many there are."""
    found = mistakes_of(results, task) or {}
    space = next(s for s in spaces_of(results, task) if s["id"] == found["space"])
    totals = [found[kind]["n"] for kind in ("false_positives", "false_negatives")]
    dataset = dataset_of(results, task)
    second = dataset["class_names"][1] if dataset else "class 1"
    words = (
        f"The most confident mistakes on {task_title(results, task)} of “{space['title']}”, seed "
        f"{space['seed']}: from {count(totals[0])} false positives and {count(totals[1])} false "
        f"negatives at a threshold of .5, those furthest from it. Under each image the score of "
        f"“{second}” and the image's number in the test split."
    )
    scores = [
        f"{kind.replace('_', ' ')} with scores "
        + ", ".join(number(case["score"]) for case in found[kind]["shown"])
        for kind in ("false_positives", "false_negatives")
        if found[kind]["shown"]
    ]
    return figure(f"mistakes-{slug}", text(words), f"{'; '.join(scores)}.".capitalize())


def _space_table(results: dict, task: str, slug: str) -> Block:
    spaces = spaces_of(results, task)
    columns = [
        "Latent space",
        "Encoder",
        "Labels seen",
        "Images",
        "10-NN accuracy",
        "Silhouette",
        "Variance of PC1–3",
        "AUC of PC1–3",
    ]
    words = text(f"Numbers on the latent spaces of {task_title(results, task)}.")
    rows = [_space_row(results, space) for space in spaces]
    return table(f"latent-table-{slug}", words, columns, rows, left=3, size="small", widths=WIDTHS)


def _space_row(results: dict, space: dict) -> list[str]:
    ratios = space["pca"]["explained_variance_ratio"][:COMPONENTS]
    areas = space["component_auc"][:COMPONENTS]
    return [
        space["title"],
        f"{strategy_name(space)}, seed {space['seed']}",
        budget_name(results, space["task"], space["label_budget"]),
        count(space["n"]),
        number(space["knn_accuracy"]),
        number(space["silhouette"]),
        ", ".join(percent(ratio) for ratio in ratios) or MISSING,
        ", ".join(number(area, 2) for area in areas) or MISSING,
    ]


def tested_spaces(results: dict, task: str) -> list[dict]:
    """Latent spaces of a task that were tested for clusters or had their components compared."""
    return [
        space
        for space in spaces_of(results, task)
        if space.get("clusters") or space.get("components")
    ]


def _test_table(results: dict, task: str, slug: str) -> Block:
    spaces = tested_spaces(results, task)
    beyond = sum(
        all(test["value"] > test["null_high"] for test in space["clusters"].values())
        for space in spaces
        if space.get("clusters")
    )
    words = text(
        f"Do the classes lie apart in the latent spaces of {task_title(results, task)}? More than "
        f"by chance in {beyond} of {len(spaces)}, where both silhouette and 10-NN accuracy exceed "
        "what 97.5 % of permuted labels reach (in brackets); a silhouette up to .25 is no "
        "substantial structure (Kaufman and Rousseeuw, 1990). Where there are many images, a "
        "sample of them is permuted, and its values differ a little from those of all. Components: "
        "|AUC − .5| of PC1 minus that of PC2. t-SNE: agreement (adjusted Rand index) of the "
        "classes with the map split in two."
    )
    columns = ["Latent space", "Silhouette", "10-NN accuracy", "PC1 − PC2", "t-SNE, two clusters"]
    rows = [_test_row(space) for space in spaces]
    widths = [2, 1.6, 1.6, 1.6, 1.6]
    name = f"latent-tests-{slug}"
    return table(name, words, columns, rows, size="small", widths=widths)


def _test_row(space: dict) -> list[str]:
    tests = space.get("clusters") or {}
    found, rand = space.get("components"), (space["tsne"].get("two_clusters") or {})
    change = MISSING
    if found:
        change = interval({"mean": found["difference"], **found})
    agreement = rand.get("adjusted_rand")
    return [
        space["title"],
        *(_permutation_words(tests.get(name)) for name in ("silhouette", "knn_accuracy")),
        change,
        interval({"mean": agreement["value"], **agreement}) if agreement else MISSING,
    ]


def _permutation_words(test: dict | None) -> str:
    if test is None:
        return MISSING
    return f"{number(test['value'])} ({number(test['null_high'])})\np {p_value(test['p_value'])}"
