"""What the report says about the latent spaces."""

from tfmed.design import SCRATCH, Strategy, method_of
from tfmed.report.asked import group_names, is_multilabel
from tfmed.report.blocks import Block, appendix, figure, heading, paragraph, table, term, text
from tfmed.report.figures.plotting import class_colours
from tfmed.report.selection import (
    Entry,
    Results,
    explorable,
    is_binary,
    space_chunks,
    spaces_of,
    task_slugs,
)
from tfmed.report.wording import (
    MISSING,
    budget_name,
    count,
    interval,
    number,
    p_value,
    percent,
    strategy_name,
    task_title,
)

COMPONENTS = 3
WIDTHS = [2, 2, 1.3, 0.9, 1.1, 1.1, 1.7, 1.6]


def latent_blocks(results: Results) -> list[Block]:
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
            "No picture proves that the classes are separate; the numbers beside it say more. ",
            term("10-NN accuracy"),
            ": share of images whose class is that of most of their 10 nearest neighbours. ",
            term("Silhouette"),
            ": from −1 to 1, how much closer images are to their own class than to the other. ",
            term("AUC of a component"),
            ": how well that principal component alone separates the classes (0.5: not at all). ",
            term("Linear CKA"),
            ": similarity of two latent spaces, 1 for the same up to rotation and scale, about 0 "
            "for unrelated ones (Kornblith et al., 2019; debiased as in Nguyen et al., 2021).",
        )
    ]
    slugs = task_slugs(results)
    first, *others = [task for task in slugs if spaces_of(results, task)]
    blocks += _task_blocks(results, first, slugs[first])
    for task in others:
        blocks += appendix(*_task_blocks(results, task, slugs[task]))
    return blocks


def _task_blocks(results: Results, task: str, slug: str) -> list[Block]:
    spaces = spaces_of(results, task)
    images = count(max(space["n"] for space in spaces))
    some = f"{len(spaces)} latent spaces" if len(spaces) > 1 else "One latent space"
    large = [figure(f"latent-{slug}-{i}") for i in range(1, len(space_chunks(results, task)) + 1)]
    glance = [figure(f"spaces-{slug}")] if len(large) > 1 else large
    return [
        heading(task_title(results, task)),
        paragraph(f"{some} of {images} test images.", *_left_out(results, task)),
        *explorer_blocks(results, task, slug),
        *glance,
        *appendix(
            *(large if len(large) > 1 else []),
            figure(f"mistakes-{slug}"),
            _space_table(results, task, slug),
            _test_table(results, task, slug),
            figure(f"cka-{slug}"),
        ),
    ]


def _left_out(results: Results, task: str) -> list[str]:
    """What is said of two classes only."""
    if is_binary(results, task):
        return []
    if is_multilabel(results, task):
        return [
            " An image may have several findings: points are coloured by how many (none, one, "
            "several), and silhouette and 10-NN accuracy are of these three groups, not of the "
            "findings; the tables of findings above say how well each is told apart. What is about "
            "two classes only, and pictures of single errors, are left out."
        ]
    return [
        " With more than two classes, the AUC of single components, their difference and two "
        "clusters on the map mean nothing and are left out, as are pictures of single errors: "
        "the confusion matrix says which classes are taken for which."
    ]


def explorer_blocks(results: Results, task: str, slug: str) -> list[Block]:
    """The explorer of a task for the page; none where there is nothing to explore."""
    spaces = explorable(results, task)
    if not spaces:
        return []
    ways = [method_of(space["strategy"]) for space in spaces]
    tuned = [
        i
        for i, way in enumerate(ways)
        if isinstance(way, Strategy) and way.pretrained and not way.frozen
    ]
    others = [i for i, way in enumerate(ways) if way == SCRATCH]
    return [
        {
            "kind": "explorer",
            "slug": slug,
            "title": f"Explore the latent spaces of {task_title(results, task)}",
            "caption": text(
                "Point at an image to see it; draw a box around points to mark them in all "
                f"pictures. {_right_words(results, task)}; a frozen encoder's scores are those of "
                "its run with most labels."
            ),
            "n": count(spaces[0]["n"]),
            "classes": group_names(results, task),
            "colours": []
            if is_binary(results, task)
            else class_colours(len(group_names(results, task))),
            "findings": is_multilabel(results, task),
            "spaces": [space["title"] for space in spaces],
            "chosen": [tuned[-1] if tuned else len(spaces) - 1, others[-1] if others else 0],
        }
    ]


def _right_words(results: Results, task: str) -> str:
    if is_binary(results, task):
        return (
            "A prediction is right or wrong at a threshold of .5 on the score, the probability of "
            "the second class"
        )
    if is_multilabel(results, task):
        return "An image is named with its findings and with those of the highest scores"
    return "A prediction is the most probable class, and its probability is the score"


def _space_table(results: Results, task: str, slug: str) -> Block:
    spaces = spaces_of(results, task)
    columns = [
        "Latent space",
        "Encoder",
        "Labels seen",
        "Images",
        "10-NN accuracy",
        "Silhouette",
        "Variance of PC1–3",
        *(["AUC of PC1–3"] if is_binary(results, task) else []),
    ]
    words = text(f"Numbers on the latent spaces of {task_title(results, task)}.")
    rows = [_space_row(results, space) for space in spaces]
    widths = WIDTHS[: len(columns)]
    return table(f"latent-table-{slug}", words, columns, rows, left=3, size="small", widths=widths)


def _space_row(results: Results, space: Entry) -> list[str]:
    ratios = space["pca"]["explained_variance_ratio"][:COMPONENTS]
    areas = space["component_auc"][:COMPONENTS]
    return [
        space["title"],
        f"{strategy_name(results, space)}, seed {space['seed']}",
        budget_name(results, space["task"], space["label_budget"]),
        count(space["n"]),
        number(space["knn_accuracy"]),
        number(space["silhouette"]),
        ", ".join(percent(ratio) for ratio in ratios) or MISSING,
        *(
            [", ".join(number(area, 2) for area in areas) or MISSING]
            if is_binary(results, space["task"])
            else []
        ),
    ]


_OF_TWO_CLASSES = (
    " Components: |AUC − .5| of PC1 minus that of PC2. t-SNE: agreement (adjusted Rand index) of "
    "the classes with the map split in two."
)


def _test_table(results: Results, task: str, slug: str) -> Block:
    spaces = spaces_of(results, task)
    beyond = sum(
        all(test["value"] > test["null_high"] for test in space["clusters"].values())
        for space in spaces
    )
    words = text(
        f"Are the classes separate in the latent spaces of {task_title(results, task)}? More than "
        f"by chance in {beyond} of {len(spaces)}, where both silhouette and 10-NN accuracy exceed "
        "what 97.5 % of permuted labels reach (in brackets); a silhouette up to .25 is not "
        "a substantial structure (Kaufman and Rousseeuw, 1990). Where there are many images, a "
        "sample of them is permuted, and its values differ a little from those of all."
    )
    columns = ["Latent space", "Silhouette", "10-NN accuracy"]
    if is_binary(results, task):
        words = [*words, *text(_OF_TWO_CLASSES)]
        columns += ["PC1 − PC2", "t-SNE, two clusters"]
    rows = [_test_row(space)[: len(columns)] for space in spaces]
    widths = [2, 1.6, 1.6, 1.6, 1.6][: len(columns)]
    name = f"latent-tests-{slug}"
    return table(name, words, columns, rows, size="small", widths=widths)


def _test_row(space: Entry) -> list[str]:
    found, clusters = space["components"], space["tsne"]["two_clusters"]
    agreement = clusters and clusters["adjusted_rand"]
    return [
        space["title"],
        *(_permutation_words(space["clusters"][name]) for name in ("silhouette", "knn_accuracy")),
        interval(found and {"mean": found["difference"], **found}),
        interval(agreement and {"mean": agreement["value"], **agreement}),
    ]


def _permutation_words(test: Entry) -> str:
    return f"{number(test['value'])} ({number(test['null_high'])})\np {p_value(test['p_value'])}"
