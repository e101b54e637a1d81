"""What the report says about limits, sources and provenance."""

from collections.abc import Iterator

from tfmed.report.blocks import (
    Block,
    Text,
    appendix,
    bullets,
    code,
    heading,
    link,
    paragraph,
    ref,
    strong,
    table,
    text,
)
from tfmed.report.sections.recipes import searched_runs
from tfmed.report.selection import (
    Entry,
    Results,
    pretrained_by,
    pretraining_method,
    strategies,
)
from tfmed.report.wording import (
    SYNTHETIC_MARK,
    count,
    duration,
    listed,
    pretraining_names,
    test_patients,
)

FEW_PATIENTS = 40
"""Below it, benchmarks find intervals that miss 95 % by some points."""
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


def limit_blocks(results: Results) -> list[Block]:
    """What the results do not show; sources and terms of the images."""
    items = [
        text(strong("Not a medical device. "), "Nothing here is fit for decisions on patients."),
        *_data_limits(results),
        text(
            "Intervals are not corrected for their number: of 20 for true differences of 0, one "
            "is expected to exclude 0. Only p-values and the word “clear” are corrected; the "
            "verdicts on findings follow the intervals."
        ),
        *_patient_limits(results),
        *_shared_encoder(results),
        *_chosen_best(results),
        text(
            "With all labels every seed has the same labelled images, and with few the same number "
            "of each class: no interval covers the variance that other ones would add."
        ),
        *_unlike_fits(results),
        text(
            "Intervals assume that seeds follow a normal distribution. Where few labels make some "
            "seeds collapse and others not, they cover the true value in less than 95 % of cases."
        ),
        text(
            "One family of networks was tried, and as pretraining "
            f"{pretraining_names(results) or 'none'}; other networks, methods, image sizes or data "
            "sets may give other results."
        ),
        text("A number that is reproduced on the same machine and versions may differ on others."),
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
        paragraph("The terms of the images are in ", ref("terms"), "."),
        *_citation_blocks(results),
        table("terms", caption, ["Data set", "Terms", "File"], rows, left=3, widths=[2, 4, 2]),
    ]


def _patient_limits(results: Results) -> Iterator[Text]:
    unknown = [data["title"] for data in results["datasets"] if test_patients(data) is None]
    if len(unknown) == len(results["datasets"]):
        yield text(
            "Test images are taken as independent. Where several are of one patient, which the "
            "files do not record, every interval is too narrow."
        )
    elif unknown:
        yield text(
            f"Test images of {listed(unknown)} are taken as independent. Where several are of one "
            "patient, which its file does not record, every interval is too narrow."
        )
    for data in results["datasets"]:
        patients = test_patients(data)
        if patients is not None and patients < FEW_PATIENTS:
            yield text(
                f"{data['title']} has {count(patients)} patients in its test split. With fewer "
                f"than {FEW_PATIENTS}, intervals are only roughly at 95 %, and those of average "
                "precision are too narrow."
            )


def _shared_encoder(results: Results) -> Iterator[Text]:
    times = max((row.get("n_pretrainings", 1) for row in results["summary"]), default=1)
    fits = [pretraining_method(fit) for fit in results["pretraining"] if fit["epochs"]]
    if times > 1:
        all_fitted = len(fits) == len(results["pretraining"])
        which = "Each method" if all_fitted else "Each method that is trained here"
        yield text(
            f"{which} was pretrained {times} times, and each time fitted with every seed. "
            "Intervals count both as samples, so they cover the variance of pretraining, but how "
            f"large that is {times} pretrainings tell only roughly. Latent spaces are those of one "
            "seed and of the first pretraining."
        )
    elif len(fits) == len(set(fits)) > 0 and len(results["study"]["seeds"]) > 1:
        yield text(
            "All seeds of a strategy share one pretrained encoder, so no interval covers the "
            "variance of pretraining; with pretraining.repeats = 3 in the study file it does. "
            "Latent spaces are those of one seed."
        )


def _chosen_best(results: Results) -> Iterator[Text]:
    """What naming the best of several by the test split does."""
    pretrained = [strategy for strategy in strategies(results) if strategy.pretrained]
    if len(pretrained_by(results)) > 1:
        yield text(
            f"The answer names the strategy with the highest mean of {len(pretrained)} on the very "
            "test images that measure it. That favours it a little: the best of several is partly "
            "the luckiest, and the intervals of its value and of its gains do not allow for it."
        )


def _unlike_fits(results: Results) -> Iterator[Text]:
    """Where fine-tuning and training from scratch differ in more than the start."""
    if not searched_runs(results):
        yield text(
            "“Fine-tuned” and “from scratch” are two ways of fitting, not one with two starts: "
            "fine-tuning begins with a trained head on standardised features and has its own "
            "learning rate and patience, which may explain part of a difference between them."
        )


def _data_limits(results: Results) -> Iterator[Text]:
    if results["synthetic"]:
        yield text(strong(f"{SYNTHETIC_MARK}. "), "They only show that the software works.")
    for data in results["datasets"]:
        if not data["class_names"]:
            continue
        n = data["splits"]["test"]["n"]
        half = 196 * (0.85 * 0.15 / max(1, n)) ** 0.5
        if (patients := test_patients(data)) is not None:
            yield text(
                f"{data['title']} has {count(n)} test images of {count(patients)} patients: an "
                f"accuracy of 85 % has an uncertainty of about ±{half:.1f} points from the sample "
                "of patients alone where a patient's images are no more alike than others, and of "
                "more where they are."
            )
        else:
            yield text(
                f"{data['title']} has {count(n)} test images: an accuracy of 85 % has an "
                f"uncertainty of about ±{half:.1f} points from the sample of test images alone."
            )
        if data["class_names"][0].lower() == "no listed finding":
            yield text(f"{data['title']}: “no listed finding” is not the same as healthy.")
        if not results["synthetic"] and "nih" in _source_words(data):
            yield text(
                f"{data['title']}: labels were extracted from radiologists' reports by software, "
                "and contain errors (Wang et al., 2017)."
            )
    small = [max(data["image_shape"][:2]) for data in results["datasets"]]
    if min(small, default=0) < 200:
        yield text(
            f"Images of {min(small)} pixels a side lose most of what a radiologist looks at."
        )


def _source_words(dataset: Entry) -> str:
    """What is written on a data set's source, in lower case."""
    keys = ("name", "title", "description", "license")
    return " ".join(dataset[key] for key in keys).lower()


def _citation_blocks(results: Results) -> list[Block]:
    if results["synthetic"]:
        return [paragraph("The images were drawn by a program; none shows a patient.")]
    return [paragraph(words, link(address, address)) for words, address in citations(results)]


def citations(results: Results) -> list[tuple[str, str]]:
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


def provenance_blocks(results: Results) -> list[Block]:
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
            "Raw scores of every classifier on the test split are in ",
            code("predictions/"),
            ", every number of this report in ",
            code("results.json"),
            " and every figure in ",
            code("figures/"),
            ".",
        )
    )
    return appendix(*blocks)
