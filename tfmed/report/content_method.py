"""What the report says about method, limits, sources and provenance."""

from collections.abc import Iterator
from typing import Any

from tfmed.report.blocks import (
    Block,
    Text,
    bullets,
    code,
    heading,
    link,
    paragraph,
    strong,
    table,
    text,
)
from tfmed.report.wording import (
    BASELINE_NAMES,
    STRATEGIES,
    SYNTHETIC_MARK,
    budget_name,
    budgets,
    count,
    strategy_name,
    task_title,
    tasks,
)

CITATIONS = {
    "nih": (
        "NIH ChestX-ray14: provided by the NIH Clinical Center; Wang et al., “ChestX-ray8”, CVPR "
        "2017. Original: ",
        "https://nihcc.app.box.com/v/ChestXray-NIHCC",
    ),
    "medmnist": (
        "MedMNIST: Yang et al., “MedMNIST v2”, Scientific Data 2023. Home page: ",
        "https://medmnist.com",
    ),
    "kermany": (
        "The images of PneumoniaMNIST: Kermany et al., “Identifying Medical Diagnoses and "
        "Treatable Diseases by Image-Based Deep Learning”, Cell 172, 2018. ",
        "https://doi.org/10.1016/j.cell.2018.02.010",
    ),
}


def method_blocks(results: dict) -> list[Block]:
    """The method in plain words, and every setting."""
    items = [
        _split_words(results),
        _budget_words(results),
        _strategy_words(results),
        _stopping_words(results),
        text(
            strong("Test split. "),
            "Read once per classifier, after its weights and its threshold were chosen.",
        ),
        text(
            strong("Threshold. "),
            "The second class is answered where its predicted probability exceeds the threshold. "
            "Metrics are given at .5 and at the threshold with the best balanced accuracy on the "
            "validation labels of the budget.",
        ),
        _interval_words(results),
        _comparison_words(results),
        *_baseline_words(results),
    ]
    settings = [[name, value] for name, value in flat_settings(results["study"]["settings"])]
    blocks = [bullets(items)]
    if settings:
        caption = text("Every setting of the study, defaults included.")
        blocks.append(
            table("settings", caption, ["Setting", "Value"], settings, left=2, widths=[1, 1.5])
        )
    return blocks


def flat_settings(settings: dict, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names and values in words."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from flat_settings(value, f"{name}.")
        else:
            yield name, _setting_words(value)


def _setting_words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_setting_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == {} else str(value)


def _split_words(results: dict) -> Text:
    study = results["study"]
    source, target = (task_title(results, study[key]) for key in ("source", "target"))
    return text(
        strong("Data. "),
        f"The autoencoder is trained on the images of {source}, without labels; the target task is "
        f"{target}. The splits for training, validation and test are those of the files.",
    )


def _budget_words(results: dict) -> Text:
    sizes = {
        (run["task"], run["label_budget"]): (run["n_train"], run["n_val"])
        for run in results["runs"]
        if run["strategy"] in STRATEGIES
    }
    found = [
        f"{task_title(results, task)}, {budget_name(results, task, budget)}: "
        f"{count(sizes[task, budget][0])} for training, {count(sizes[task, budget][1])} for "
        "validation"
        for task in tasks(results)
        for budget in budgets(results, task)
        if (task, budget) in sizes
    ]
    return text(
        strong("Label budgets. "),
        "Labels used to decide when to stop count as much as labels trained on. A budget is drawn "
        "from the training split, fixed by the seed and stratified by class, so it has the class "
        "balance of that split. The default settings of fitting were chosen once, on validation "
        "splits of PneumoniaMNIST and an NIH ChestX-ray14 subset, whose labels no budget counts. "
        + (f"{'; '.join(found)}." if found else ""),
    )


def _strategy_words(results: dict) -> Text:
    seen = {run["strategy"] for run in results["runs"]}
    words = []
    if seen & {"frozen", "random_frozen"}:
        words.append(
            "A frozen encoder keeps its weights and the statistics of its normalisation layers; "
            "only the classifier on its embeddings is trained."
        )
    if "finetune" in seen:
        words.append(
            "A fine-tuned encoder is a copy of the pretrained one and is trained with the "
            "classifier; the autoencoder itself does not change."
        )
    if any(run["variant"] == "overtrained" for run in results["runs"]):
        words.append(
            "“Overtrained” classifiers train for a fixed number of epochs without early stopping, "
            "to show what that does."
        )
    parameters = {
        strategy_name(run): run["parameters"]
        for run in results["runs"]
        if run["variant"] == "standard" and run["parameters"]
    }
    sizes = "; ".join(
        f"{name} {count(p['trainable'])} of {count(p['total'])}" for name, p in parameters.items()
    )
    counted = f" Parameters trained: {sizes}." if sizes else ""
    return text(strong("Strategies. "), " ".join(words) + counted)


def _stopping_words(results: dict) -> Text:
    runs = [r for r in results["runs"] if r["variant"] == "standard" and r["parameters"]]
    stopped = sum(run["stopped_early"] for run in runs)
    counted = f" {stopped} of {len(runs)} classifiers stopped early." if runs else ""
    return text(
        strong("Early stopping. "),
        "Training ends when the validation loss has not improved for some epochs (the patience in "
        f"the settings), and the weights of the best epoch are restored.{counted}",
    )


def _interval_words(results: dict) -> Text:
    seeds = len(results["study"]["seeds"])
    words = (
        "95 % intervals carry two sources of luck, the seed (label subset, initial weights, "
        "shuffling) and the draw of the test images: variance of the seeds divided by their "
        "number, plus the covariance of two seeds due to their common images, with Student's t "
        "(crossed random effects; Obuchowski and Rockette, 1995; Hillis, 2007; for the AUC DeLong "
        "et al., 1988), and never narrower than the test images alone make them. Differences are "
        "paired: same seeds, same test images."
    )
    if seeds == 1:
        words += " With one seed, intervals carry the luck of the test images only."
    return text(strong("Intervals. "), words)


def _comparison_words(results: dict) -> Text:
    family = max((entry["family"] for entry in results["comparisons"]), default=0)
    number_words = f" (here up to {count(family)} of them)" if family else ""
    return text(
        strong("Comparisons. "),
        "Each difference has a p-value that agrees with its interval. Three kinds of comparison "
        "are told apart beforehand: those of the study's question (from scratch, frozen, "
        "fine-tuned, random), those with baselines, and those of experiments. All of one kind, "
        f"task and metric{number_words} are corrected together (Holm, 1979); “clear” means a "
        "corrected p below .05, and more than one seed.",
    )


def _baseline_words(results: dict) -> Iterator[Text]:
    names = [
        words
        for name, words in BASELINE_NAMES.items()
        if any(row["strategy"] == name for row in results["summary"])
    ]
    if names:
        yield text(
            strong("Baselines. "),
            f"{'; '.join(names)} (logistic: regression with a penalty; k-NN: nearest neighbours; "
            "encoder: on its embeddings). What they have to choose, they choose by "
            "cross-validation inside the label budget.",
            *(
                f" Those on pixels take all images at once: {task_title(results, task)}, which is "
                "not held in memory, has none."
                for task in tasks(results)
                if _without_pixels(results, task)
            ),
        )


def _without_pixels(results: dict, task: str) -> bool:
    names = {row["strategy"] for row in results["summary"] if row["task"] == task}
    return bool(names & set(BASELINE_NAMES)) and "pixels_logistic" not in names


def limit_blocks(results: dict) -> list[Block]:
    """What the results do not show; sources and terms of the images."""
    items = [
        text(strong("Not a medical device. "), "Nothing here is fit for decisions on patients."),
        *_data_limits(results),
        text(
            "Intervals are not corrected for their number: of 20 around a true 0, one leaves it "
            "out. Only p-values and the word “clear” are corrected; the verdicts of the ledger "
            "follow the intervals."
        ),
        text(
            "Test images count as independent. Where several are of one patient, which the files "
            "do not tell, every interval is too narrow."
        ),
        *_shared_encoder(results),
        text(
            "With all labels every seed has the same labelled images, and with few the same number "
            "of each class: no interval holds the luck of these."
        ),
        text(
            "“Fine-tuned” and “from scratch” are two ways of fitting, not one with two starts: "
            "fine-tuning begins with a trained head on standardised features and has its own "
            "learning rate and patience, which may have part in a difference between them."
        ),
        text(
            "Intervals take seeds as drawn from a normal distribution. Where few labels make some "
            "seeds collapse and others not, they hold the truth less often than 95 %."
        ),
        text(
            "One family of small networks and one way of pretraining; other networks, image sizes "
            "or data sets may answer differently."
        ),
        text("A number that repeats on the same machine and versions may differ on others."),
    ]
    if results["study"]["quick"]:
        items.insert(1, text("A quick run: fewer images, epochs or seeds than the full study."))
    rows = [
        [data["title"], data["license"] or "not stated", data["file"]]
        for data in results["datasets"]
    ]
    caption = text("Terms of the images.")
    return [
        bullets(items),
        heading("Sources and terms"),
        *_citation_blocks(results),
        table("terms", caption, ["Data set", "Terms", "File"], rows, left=3, widths=[2, 4, 2]),
    ]


def _shared_encoder(results: dict) -> Iterator[Text]:
    if len(results["pretraining"]) == 1 and len(results["study"]["seeds"]) > 1:
        yield text(
            "All seeds of a strategy share one pretrained autoencoder, so no interval holds the "
            "luck of pretraining; a study file with pretraining.per_seed = true has it too. "
            "Latent spaces are those of one seed."
        )


def _data_limits(results: dict) -> Iterator[Text]:
    if results["synthetic"]:
        yield text(strong(f"{SYNTHETIC_MARK}. "), "They only show that the software works.")
    for data in results["datasets"]:
        n = data["splits"]["test"]["n"]
        half = 196 * (0.85 * 0.15 / max(1, n)) ** 0.5
        yield text(
            f"{data['title']} has {count(n)} test images: an accuracy of 85 % carries about "
            f"±{half:.1f} points from the draw of the test images alone."
        )
        if data["class_names"][0].lower() == "no listed finding":
            yield text(f"{data['title']}: “no listed finding” is not the same as healthy.")
        if not results["synthetic"] and "nih" in _source_words(data):
            yield text(
                f"{data['title']}: labels were read from radiologists' reports by software, and "
                "hold errors (Wang et al., 2017)."
            )
    small = [max(data["image_shape"][:2]) for data in results["datasets"]]
    if min(small, default=0) < 200:
        yield text(
            f"Images of {min(small)} pixels a side lose most of what a radiologist looks at."
        )


def _source_words(dataset: dict) -> str:
    """What is written on a data set's source, in lower case."""
    keys = ("name", "title", "description", "license")
    return " ".join(dataset[key] for key in keys).lower()


def _citation_blocks(results: dict) -> list[Block]:
    if results["synthetic"]:
        return [paragraph("The images were drawn by a procedure; no patient is behind them.")]
    return [paragraph(words, link(address, address)) for words, address in citations(results)]


def citations(results: dict) -> list[tuple[str, str]]:
    """Who made the images, in words that end before an address, and that address."""
    if results["synthetic"]:
        return []
    words = " ".join(map(_source_words, results["datasets"]))
    return [
        CITATIONS[key]
        for key, needles in (
            ("nih", ("nih", "chestmnist")),
            ("medmnist", ("mnist",)),
            ("kermany", ("pneumoniamnist",)),
        )
        if any(needle in words for needle in needles)
    ]


def provenance_blocks(results: dict) -> list[Block]:
    """What is needed to run the study again."""
    provenance = results["provenance"]
    hardware = provenance["hardware"]
    gpus = ", ".join(hardware["gpus"]) or "none"
    facts = [
        ["Study", results["study"]["name"]],
        ["Command", provenance["command"]],
        ["Started", provenance["started"]],
        ["Time", duration(provenance["seconds"])],
        ["Seeds", ", ".join(map(str, provenance["seeds"]))],
        ["Commit", provenance["commit"] or "not known"],
        ["Processor", f"{hardware['cpu']}, {hardware['cores']} cores"],
        ["Memory", f"{hardware['memory_gib']:.1f} GiB"],
        ["GPUs", gpus],
        ["Versions", ", ".join(f"{k} {v}" for k, v in provenance["versions"].items())],
    ]
    files = [[name, md5] for name, md5 in provenance["files"].items()]
    blocks = [table("run", text("The run."), ["What", "Value"], facts, left=2, widths=[1, 4])]
    if files:
        blocks.append(
            table("files", text("Files read."), ["File", "MD5"], files, left=2, widths=[1.3, 2])
        )
    blocks.append(
        paragraph(
            "Raw scores of every classifier on the test split lie in ",
            code("predictions/"),
            ", every number of this report in ",
            code("results.json"),
            " and every figure in ",
            code("figures/"),
            ".",
        )
    )
    return blocks


def duration(seconds: float) -> str:
    """A time span in words."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
