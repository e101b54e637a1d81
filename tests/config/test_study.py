"""Study files: what they may say, and how they are refused."""

import json
import re
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.config.reading import read_study
from tfmed.config.study import Study
from tfmed.errors import InputError

ROOT = Path(__file__).parents[2]
EARLIER_DEFAULT = Path(__file__).with_name("earlier_default.json")


def read(text: str, folder: Path) -> Study:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study(path)


def refusal(text: str, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(text, folder)
    line = str(caught.value)
    assert line.startswith(f"{folder / 'study.toml'}: ")
    assert line.isprintable()
    return line


def test_the_default_study_file_says_the_defaults():
    assert read_study(ROOT / "studies" / "default.toml") == Study()


def test_the_default_study_file_names_every_setting():
    def written(value, where=""):
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from written(inner, f"{where}.{name}")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, inner in enumerate(value):
                yield from written(inner, f"{where}.{number}")
        else:
            yield where

    table = tomllib.loads((ROOT / "studies" / "default.toml").read_text(encoding="utf-8"))
    assert sorted(written(table)) == sorted(written(Study().settings()))


def test_an_empty_study_file_is_the_default_study(tmp_path):
    assert read("", tmp_path) == Study()


def test_what_a_study_file_leaves_out_keeps_its_default(tmp_path):
    study = read("seeds = 5\n[classifiers.scratch]\nepochs = 7", tmp_path)
    assert (study.seeds, study.classifiers.scratch.epochs) == (5, 7)
    assert study.classifiers.scratch.patience == Study().classifiers.scratch.patience
    assert study.classifiers.head == Study().classifiers.head


def test_an_integer_stands_for_a_float(tmp_path):
    assert read("[latent]\nperplexity = 20", tmp_path).latent.perplexity == 20.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sedes = 3", "unknown setting 'sedes'; did you mean 'seeds'?"),
        ("[encoder]\nname = 'plain'\nlatent_chanels = 8", "'encoder.latent_chanels'; did you mean"),
        ("[encoder]\nchanels = 8", "'encoder.chanels'; did you mean 'channels'?"),
        ("[latent]\nzzz = 1", "'latent.zzz'; known are perplexity, max_images"),
        ('"a\\nb" = 1', "unknown setting"),
        ("seeds = '3'", "seeds = '3' must be an integer"),
        ("seeds = true", "seeds = True must be an integer"),
        ("seeds = 0x" + "f" * 9000, "seeds has more than 64 bits"),
        ("name = 3", "name = 3 must be a text"),
        ("quick = 1", "quick = 1 must be true or false"),
        (
            "[encoder]\nname = 'plan'",
            "did you mean 'plain'?",
        ),
        (
            "[encoder]\nname = 'applications'\narchitecture = 'MobilNetV2'",
            "did you mean 'MobileNetV2'?",
        ),
        (
            "[pretraining]\nmethod = 'imagenet'",
            "encoder.name = 'residual' can't start from the pretraining 'imagenet'; it must be ",
        ),
        (
            "[pretraining]\nmethod = 'supervised'\n[source_task]\n"
            "strategies = ['supervised:frozen']",
            "source_task.strategies = 'supervised:frozen' has seen the labels that its label bud",
        ),
        (
            "[encoder]\nname = 'applications'\n[pretraining]\nmethod = 'imagenet'\nfit.epochs = 3",
            "unknown setting 'pretraining.fit'; known are method, weights",
        ),
        ("[pretraining]\nmethod = 3", "pretraining.method = 3 must be "),
        (
            "[target_task]\nstrategies = ['vicreg:frozen']",
            "= 'vicreg:frozen' starts from a pretraining that this study lacks",
        ),
        ("encoder = 8", "encoder must be a table; write it as [encoder]"),
        ("[pretraining.fit]\nlearning_rate = 'fast'", "learning_rate = 'fast' must be a number"),
        ("[target_task]\nlabel_budgets = 300", "label_budgets = 300 must be a list"),
        ("[target_task]\nlabel_budgets = ['all']", "'all' must be an integer or 'full'"),
        ("[target_task]\nlabel_budgets = [true]", "True must be an integer or 'full'"),
        ("[target_task]\nstrategies = ['freeze']", "must be one of 'scratch', 'random_frozen'"),
        ("[target_task]\nstrategies = ['frozn']", "did you mean 'frozen'?"),
        ("[target_task]\nstrategies = ['autoencoder:froze']", "or METHOD:frozen, METHOD:finetune"),
        ("[experiments]\nlosses = ['focl']", "'class_weighted', 'focal'; did you mean 'focal'?"),
        ("[pretraining]\nper_seed = true", "unknown setting 'pretraining.per_seed'"),
        ("[pretraining]\nrepeats = '3'", "pretraining.repeats = '3' must be an integer"),
        (
            "[pretraining]\nfit.epochs = 'autos'",
            "fit.epochs = 'autos' must be an integer or 'auto'",
        ),
        ("[pretraining]\nfit.epochs = 2.5", "fit.epochs = 2.5 must be an integer or 'auto'"),
        ("[pretraining]\nfit.batch_size = true", "batch_size = True must be an integer or 'auto'"),
        ("[classifiers.search]\nlearning_rates = 0.1", "= 0.1 must be a list; write [0.1]"),
        ("[classifiers.search]\nlearning_rates = ['x']", "learning_rates = 'x' must be a number"),
        ("[classifiers.search]\naugment = true", "augment = True must be a list; write [True]"),
        ("[classifiers.search]\naugment = [1]", "search.augment = 1 must be true or false"),
        ("[classifiers.search]\nrates = []", "unknown setting 'classifiers.search.rates'; known"),
        ("[classifiers]\nsearch = []", "must be a table; write it as [classifiers.search]"),
        ("[classifiers.augmentation]\nflips = 'up'", "must be one of 'none', 'horizontal', 'both'"),
        ("primary_metric = 3", "primary_metric = 3 must be a text"),
        ("primary_metric = 'aucs'", "'balanced_accuracy'"),
        ("primary_metric = 'aucs'", "did you mean 'auc'?"),
    ],
)
def test_an_unknown_setting_or_a_wrong_type_is_named(tmp_path, text, words):
    assert words in refusal(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("seeds = 0", "seeds = 0"),
        ("name = '../up'", "name = '../up'"),
        ("name = ''", "name = ''"),
        ("[encoder]\nchannels = 1", "encoder.channels = 1"),
        ("[encoder]\nname = 'plain'\nlatent_channels = 1", "encoder.latent_channels = 1"),
        ("[encoder]\nbase_filters = 0", "encoder.base_filters = 0"),
        ("[pretraining]\nmax_images = -1", "pretraining.max_images = -1"),
        ("[pretraining]\nseed = -1", "pretraining.seed = -1"),
        ("[pretraining.fit]\nepochs = 0", "pretraining.fit.epochs = 0"),
        ("[classifiers]\ndropout = 1.0", "classifiers.dropout = 1.0"),
        ("[classifiers]\npenalty = inf", "classifiers.penalty = inf"),
        ("[classifiers]\novertrained_epochs = 0", "classifiers.overtrained_epochs = 0"),
        ("[classifiers.head]\nlearning_rate = nan", "classifiers.head.learning_rate = nan"),
        ("[classifiers.scratch]\nbatch_size = 0", "classifiers.scratch.batch_size = 0"),
        ("[classifiers.finetune]\npatience = -1", "classifiers.finetune.patience = -1"),
        ("[target_task]\nlabel_budgets = [9]", "target_task.label_budgets = 9"),
        (
            "[target_task]\nlabel_budgets = []\n[source_task]\nlabel_budgets = []",
            "target_task.label_budgets",
        ),
        (
            "[target_task]\nstrategies = []\n[source_task]\nlabel_budgets = []",
            "target_task.strategies",
        ),
        ("[pretraining]\nrepeats = 0", "pretraining.repeats = 0"),
        ("[pretraining]\nrepeats = 101", "pretraining.repeats = 101"),
        ("[pretraining.fit]\nbatch_size = 65537", "pretraining.fit.batch_size = 65537"),
        ("[classifiers.search]\nlearning_rates = [0]", "search.learning_rates = 0.0"),
        ("[classifiers.search]\nlearning_rates = [1e-3, nan]", "search.learning_rates = nan"),
        ("[classifiers.search]\naugment = []", "classifiers.search.augment = []"),
        ("[classifiers.augmentation]\nrotation = 181.0", "augmentation.rotation = 181.0"),
        ("[latent]\nperplexity = inf", "latent.perplexity = inf"),
        ("[latent]\nmax_images = 3", "latent.max_images = 3"),
        ("[experiments]\nlabel_budget = 9", "experiments.label_budget = 9"),
        ("[experiments]\ndropouts = [0.5, 1]", "experiments.dropouts = 1.0"),
        ("[experiments]\ndropouts = [nan]", "experiments.dropouts = nan"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(tmp_path, text, name):
    line = refusal(text, tmp_path)
    assert name in line
    assert "it must be" in line


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[experiments]\nlosses = ['focal', 'focal']", "experiments.losses = ['focal', 'focal']"),
        ("[target_task]\nlabel_budgets = [30, 30]", "target_task.label_budgets = [30, 30]"),
        ("[source_task]\nstrategies = ['frozen', 'frozen']", "source_task.strategies"),
        ("[classifiers.search]\nlearning_rates = [1, 1.0]", "search.learning_rates = [1.0, 1.0]"),
        ("[classifiers.search]\naugment = [true, true]", "search.augment = [True, True]"),
    ],
)
def test_what_is_named_twice_is_refused(tmp_path, text, named):
    line = refusal(text, tmp_path)
    assert named in line
    assert "name each once" in line


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (
            "'scratch'",
            "= 'scratch' must be a list of pairs, such as [['simclr:frozen', 'scratch']]",
        ),
        ("['scratch', 'frozen']", "= 'scratch' must be two names, such as"),
        ("[['scratch']]", "= ['scratch'] must be two names"),
        ("[['scratch', 'frozen', 'finetune']]", "'finetune'] must be two names"),
        ("[['scratch', 'frozn']]", "= 'frozn' must be one of 'scratch', 'random_frozen', 'frozen'"),
        ("[['scratch', 'frozn']]", "did you mean 'frozen'?"),
        ("[['scratch', 3]]", "= 3 must be one of"),
        ("[['random:finetune', 'scratch']]", "compares a strategy with itself; name two"),
        ("[['scratch', 'frozen'], ['frozen', 'scratch']]", "there twice; name each pair once"),
        ("[['vicreg:frozen', 'scratch']]", "not both run on one data set of this study; choose of"),
    ],
)
def test_comparisons_that_cannot_be_made_are_refused(tmp_path, pairs, words):
    assert words in refusal(f"comparisons = {pairs}", tmp_path)


def test_comparisons_need_both_sides_on_one_data_set(tmp_path):
    apart = "source_task.strategies = ['scratch']\ntarget_task.strategies = ['frozen']\n"
    known = "choose of 'scratch', 'majority'"
    assert known in refusal(f"{apart}comparisons = [['frozen', 'scratch']]", tmp_path)
    without = f"{apart}target_task.baselines = false\nsource_task.baselines = false\n"
    pair = "comparisons = [['frozen', 'majority']]"
    assert read(apart + pair, tmp_path).comparisons == (("frozen", "majority"),)
    assert "['frozen', 'majority'] are not both run" in refusal(without + pair, tmp_path)


def test_comparisons_are_read_by_any_of_their_names(tmp_path):
    study = read("comparisons = [['autoencoder:frozen', 'random:finetune']]", tmp_path)
    assert study.comparisons == (("frozen", "scratch"),)
    assert Study.model_validate(study.settings()) == study


def test_the_study_of_the_earlier_report_has_the_settings_that_were_the_defaults():
    earlier = json.loads(EARLIER_DEFAULT.read_text(encoding="utf-8"))
    found = read_study(ROOT / "studies" / "chest_to_pneumonia" / "as_reported.toml").settings()
    assert found["classifiers"].pop("search")["learning_rates"] == []
    assert found["classifiers"].pop("augmentation")  # of which nothing is used
    fits = [found["pretraining"]["fit"]]
    fits += [found["classifiers"][part] for part in ("head", "finetune", "scratch")]
    assert not any(fit["augment"] for fit in fits)
    assert (found["pretraining"].pop("repeats"), earlier["pretraining"].pop("per_seed")) == (
        1,
        False,
    )
    assert (found.pop("primary_metric"), found.pop("comparisons")) == ("accuracy", [])
    assert (found.pop("name"), earlier.pop("name")) == ("as-reported", "chest-to-pneumonia")
    assert found == earlier


def test_the_default_study_holds_two_methods_three_times_against_random_weights():
    study = Study()
    methods = {
        each.method: (each.repeats, each.images, each.held_out) for each in study.pretraining
    }
    both = (3, "source+target", 0.05)
    assert methods == {"autoencoder": both, "simclr": both}
    own = ("scratch", "random_frozen", "frozen", "finetune", "simclr:frozen", "simclr:finetune")
    assert study.source_task.strategies == study.target_task.strategies == own
    assert study.source_task.label_budgets == (300,)
    assert study.target_task.label_budgets == (30, 100, 300, "full")
    assert (study.experiments.losses, study.experiments.dropouts) == ((), ())
    assert study.classifiers.search.learning_rates
    assert study.classifiers.search.augment == (False, True)


def test_a_byte_order_mark_is_taken_and_another_encoding_is_named(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbfseeds = 3\r\n")
    assert read_study(path).seeds == 3
    path.write_bytes("seeds = 3".encode("utf-16"))
    with pytest.raises(InputError, match="is not a text in UTF-8"):
        read_study(path)


@pytest.mark.parametrize("text", ["seeds =", "seeds = 1\nseeds = 2", "a" * 3, "a = " + "[" * 5000])
def test_what_is_no_toml_is_refused_with_the_place(tmp_path, text):
    assert "is not valid TOML" in refusal(text, tmp_path)


def test_a_study_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match="no such study file"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(InputError, match="can't be read"):
        read_study(tmp_path)


def test_quickened_is_smaller_and_keeps_every_part():
    study, quick = Study(), Study().quickened()
    assert Study.model_validate(quick.settings()) == quick
    assert quick.quick
    assert quick.name != study.name
    assert quick.seeds < study.seeds
    for smaller, full in zip(quick.pretraining, study.pretraining, strict=True):
        assert 0 < smaller.max_images < 10_718
        assert (smaller.method, smaller.repeats) == (full.method, 1)
        assert smaller.fit.epochs < full.fit.resolved(10_718).epochs
    search, rates = quick.classifiers.search, study.classifiers.search.learning_rates
    assert (search.learning_rates, search.augment) == (rates[:1], (False,))
    assert quick.latent.max_images < study.latent.max_images
    assert quick.source_task == study.source_task.replaced(label_budgets=(300,))
    assert quick.target_task == study.target_task.replaced(label_budgets=(300, "full"))
    assert quick.experiments == study.experiments
    for part in ("head", "finetune", "scratch"):
        smaller, full = getattr(quick.classifiers, part), getattr(study.classifiers, part)
        assert smaller.epochs < full.epochs


def test_quickening_enlarges_nothing_of_a_study_that_is_small_already(tmp_path):
    small = read(
        "seeds = 1\n[pretraining]\nmax_images = 100\nfit.epochs = 1\nrepeats = 1\n"
        "[classifiers]\nsearch.learning_rates = []\nscratch.epochs = 2\novertrained_epochs = 3",
        tmp_path,
    )
    quick = small.quickened()
    assert (quick.seeds, quick.pretraining) == (1, small.pretraining)
    assert quick.classifiers.search == small.classifiers.search
    assert quick.classifiers.scratch == small.classifiers.scratch
    assert quick.classifiers.overtrained_epochs == 3


def test_quickening_keeps_the_few_labels_of_a_study_with_others_than_the_default(tmp_path):
    own = "[source_task]\nlabel_budgets = ['full']\n[target_task]\nlabel_budgets = [50, 200, 800]"
    quick = read(own, tmp_path).quickened()
    assert quick.source_task.label_budgets == ("full",)
    assert quick.target_task.label_budgets == (200, 800)


def test_settings_hold_only_json_values():
    values = Study().settings()
    assert json.loads(json.dumps(values)) == values


WORDS = (
    "name title source seeds quick encoder pretraining fit epochs seed classifiers dropout penalty "
    "head learning_rate target_task label_budgets strategies overtrained latent perplexity "
    "repeats batch_size search learning_rates augment augmentation comparisons primary_metric"
)
names = st.sampled_from(WORDS.split()) | st.text(max_size=5)
scalars = (
    st.none().map(lambda _: "full")
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=8)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


def as_toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(f"\\U{ord(c):08X}" for c in value if not 0xD800 <= ord(c) < 0xE000)
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{as_toml(k)} = {as_toml(v)}' for k, v in value.items())}}}"
    return repr(value)


def is_sound_or_refused_in_one_line(content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.toml"
        path.write_bytes(content)
        try:
            study = read_study(path)
        except InputError as error:
            return str(error).isprintable()
    return Study.model_validate(study.settings()) == study


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(names, values, max_size=4))
def test_any_toml_is_a_sound_study_or_one_clear_line(table):
    lines = (f"{as_toml(name)} = {as_toml(value)}" for name, value in table.items())
    assert is_sound_or_refused_in_one_line("\n".join(lines).encode())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text(st.characters(codec="utf-8"), max_size=60).map(str.encode))
def test_any_bytes_are_a_sound_study_or_one_clear_line(content):
    assert is_sound_or_refused_in_one_line(content)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('title = ""', "title = '' is out of range; it must be a text"),
        ('title = "a\\u0000b"', "without control and private characters"),
        ('question = "\\ue000"', "question = '"),
    ],
)
def test_a_text_that_no_page_can_show_is_refused_before_any_work(tmp_path, line, named):
    path = tmp_path / "study.toml"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(named)):
        read_study(path)


def test_a_title_in_any_script_is_taken(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('title = "胸部 صدر 😀\\u200b\\nx"', encoding="utf-8")
    assert read_study(path).title.endswith("\nx")


def test_a_task_is_one_of_the_registry_or_auto(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text('[target_task]\ntask = "multilabel"\n')
    assert read_study(path).target_task.chosen_task == "multilabel"
    assert read_study(path).source_task.chosen_task is None
    path.write_text('[target_task]\ntask = "multilable"\n')
    with pytest.raises(InputError, match=r"target_task.task = 'multilable' must be one of 'auto'"):
        read_study(path)
    path.write_text('[target_task]\nbinarise = "all"\n')
    with pytest.raises(InputError, match=r"target_task.binarise = 'all' must be 'any'"):
        read_study(path)


@pytest.mark.parametrize("value", [1.5, 0, "0.5"])
def test_a_setting_that_is_called_as_its_method_is_named_with_its_range(tmp_path, value):
    path = tmp_path / "study.toml"
    path.write_text(f'pretraining = {{method = "masked", masked = {value!r}}}', encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_study(path)
    assert f"pretraining.masked = {value!r}" in str(refused.value)
    assert isinstance(value, str) or "above 0 and below 1" in str(refused.value)
