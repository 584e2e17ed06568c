import pytest

from distaff import Recipe
from distaff.errors import InputError
from distaff.latents import Gaussian
from distaff.losses import GECO, KL, Classify
from distaff.recipe import from_yaml, load_recipe, to_yaml
from distaff.recipes import parse_settings, shipped
from distaff.schedules import Sigmoid

DESIGN = """
about: Class regions that share borders; labels in training only.
data: mnist
network: conv
latent:
  - gaussian: {size: 8, scale: exp}
likelihood: bernoulli
loss:
  - kl: {penalty: square, weight: 1}
  - classify: {attribute: digit, weight: {sigmoid: {from: 100, to: 0, until: 60%}}}
train: {steps: 12000, batch: 128, lr: 1e-3, precision: auto}
"""


def test_yaml_and_python_are_one_schema():
    built = Recipe(
        about="Class regions that share borders; labels in training only.",
        data="mnist",
        latent=[Gaussian(8)],
        loss=[KL(), Classify("digit", weight=Sigmoid(100, 0, until="60%"))],
        train={"steps": 12000, "batch": 128, "lr": 1e-3},
    )
    assert from_yaml(DESIGN, "design") == built


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_shipped_recipe_reads_back_what_it_writes(name):
    recipe = load_recipe(name)
    assert from_yaml(to_yaml(recipe), "again") == recipe
    assert recipe.about.endswith((".", ")"))


@pytest.mark.parametrize(
    ("name", "pixels", "published"),
    [
        ("qlae", 64 * 64, {"quantise.codebook": 0.01 / 10, "quantise.commitment": 0.01 / 10}),
        ("tripod", 64 * 64, {"tc.weight": 1e-4, "hessian.weight": 1e-2}),
        ("mmd-vae", 28 * 28, {"mmd.weight": 1}),
    ],
)
def test_weights_published_beside_a_mean_over_pixels_are_times_the_pixels(name, pixels, published):
    # Those of qlae are on a mean over the latents, too, and here on their sum.
    recipe = load_recipe(name)
    assert recipe.data.source == ("mnist" if pixels == 784 else "sprites")
    assert recipe.latent[0].size == 10
    terms = {each.tag: each for each in recipe.loss}
    found = {path: getattr(terms[path.split(".")[0]], path.split(".")[1]) for path in published}
    assert found == pytest.approx({path: pixels * each for path, each in published.items()}, rel=2e-3)


@pytest.mark.parametrize(
    ("setting", "look", "value"),
    [
        ("loss.kl.weight=4", lambda r: r.loss[0].weight, 4),
        ("loss.0.weight=4", lambda r: r.loss[0].weight, 4),
        ("latent.gaussian.size=16", lambda r: r.latent[0].size, 16),
        ("latent.z.size=16", lambda r: r.latent[0].size, 16),
        ("train.batch=64", lambda r: r.train.batch, 64),
        ("train.lr=1e-4", lambda r: r.train.lr, 1e-4),
        ("network=mlp", lambda r: r.network.tag, "mlp"),
        ("network.conv.hidden=[64, 32]", lambda r: r.network.hidden, (64, 32)),
        ("network.mlp.hidden=[64]", lambda r: (r.network.tag, r.network.hidden), ("mlp", (64,))),
        ("network.mlp={hidden: [64]}", lambda r: (r.network.tag, r.network.hidden), ("mlp", (64,))),
        ("network.pair.decoder.conv.hidden=[8]", lambda r: r.network.decoder.hidden, (8,)),
        ("latent.0.gaussian.size=3", lambda r: r.latent[0].size, 3),
        (
            "latent.0.softmax.head=normal",
            lambda r: (r.latent[0].tag, r.latent[0].head),
            ("softmax", "normal"),
        ),
        ("latent.gaussian.rules=[detach]", lambda r: r.latent[0].rules[0].tag, "detach"),
        ("latent.gaussian.prior.mixture.components=3", lambda r: r.latent[0].prior.components, 3),
        ("train.optimizer.adamw.weight_decay=0.1", lambda r: r.train.optimizer.weight_decay, 0.1),
        ("condition.dropout=0.3", lambda r: r.condition.dropout, 0.3),
        ("latent.gaussian=softmax", lambda r: r.latent[0].tag, "softmax"),
        ("likelihood.laplace.scale=2", lambda r: r.likelihood.scale, 2),
        ("likelihood=gaussian", lambda r: r.likelihood.variance, "learned"),
        ("loss.classify.weight.sigmoid.from=7", lambda r: r.loss[1].weight.start, 7),
        ("loss.kl.weight={linear: {from: 0, to: 4}}", lambda r: r.loss[0].weight.to, 4),
        ("data.labelled=0.1", lambda r: r.data.labelled, 0.1),
        ("condition=digit", lambda r: r.condition.attributes, ("digit",)),
    ],
)
def test_settings_reach_any_field(setting, look, value):
    changed = from_yaml(DESIGN, "design").changed(parse_settings([setting]))
    assert look(changed) == value


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("loss.kk.weight=4", "did you mean 'kl'"),
        ("train.btch=3", "did you mean 'batch'"),
        ("latent.gaussian.sizee=2", "did you mean 'size'"),
        ("latent.gaussian.size=-2", "greater than or equal to 1"),
        ("loss.kl.weight={lineer: {}}", "did you mean 'linear'"),
        ("network=conf", "did you mean 'conv'"),
        ("train.steps.x=3", "has no fields"),
        ("train.steps.x.y=3", "has no fields"),
        ("nope=1", "unknown field 'nope'"),
        ("train.steps", "expected KEY=VALUE"),
        ("train.precision=16", "precision"),
        ("train.lr=-1", "cannot be negative"),
        ("train.lr={linear: {from: 1, to: -1}}", "cannot be negative"),
        ("train.lr=.nan", "finite"),
        (f"train.seed={2**63}", "train.seed"),
        (f"data.seed={2**63}", "data.seed"),
        ("loss.\u00b2.weight=1", "no part '\u00b2'"),
        ("loss.kl.blocks=[]", "blocks"),
        *((f"loss.kl.name={name}", "give the term another name") for name in ("loss", "lr", "split")),
        ("network.mlp.hiden=[64]", "did you mean 'hidden'"),
        ("network.mpl.hidden=[64]", "unknown field 'mpl'"),
        ("loss.kl.weight={linear: {from: 0, to: 1, to: 2}}", "the key 'to' is given twice"),
        ("train.steps=2024-13-45", "train.steps"),
        ("data.labeled=3", "did you mean 'labelled'"),
    ],
)
def test_a_wrong_setting_names_the_right_one_in_one_line(setting, message):
    with pytest.raises(InputError, match=message) as caught:
        from_yaml(DESIGN, "design").changed(parse_settings([setting]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss: [kl: {wight: 1}]", "did you mean 'weight'"),
        ("lss: []", "did you mean 'loss'"),
        ("a: [", "not valid YAML in line 1"),
        ("about: 2024-13-45", "not valid YAML: month"),
        pytest.param("[" * 5000, "nested too deeply", id="deep"),
        ("train: {steps: 1}\ntrain: {steps: 2}", "not valid YAML in line 2: the key 'train' is given twice"),
        ("- 3", "a recipe is a mapping"),
        ("latent: [{gauss: {}}]", "did you mean 'gaussian'"),
        ("latent: []", "latent"),
        ("train: {steps: 0}", "greater than or equal to 1"),
        ("loss: [kl: {weight: {linear: {frm: 0, to: 1}}}]", "did you mean 'from'"),
        ("data: {source: mnist, valid: 0.6, test: 0.5}", "leave none to train on"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_wrong_recipe_names_the_right_field_in_one_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        from_yaml(text, "recipe mine.yaml")
    assert str(caught.value).startswith("recipe mine.yaml: ")
    assert "\n" not in str(caught.value)


def test_a_misspelt_recipe_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'class-separated'"):
        load_recipe("class-seperated")


def test_an_unreadable_recipe_file_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        load_recipe(tmp_path / "bytes.yaml")


def test_a_name_too_long_for_a_file_is_said_shortly():
    for name in ("x" * 5000, "x" * 5000 + ".yaml"):
        with pytest.raises(InputError, match="File name too long") as caught:
            load_recipe(name)
        assert len(str(caught.value)) < 300


def test_a_part_in_anothers_place_keeps_the_fields_that_both_have():
    recipe = load_recipe("original/supervised").changed({"latent.softmax": "argmax_norm"})
    assert (recipe.latent[0].tag, recipe.latent[0].head) == ("argmax_norm", "normal")


def test_early_stopping_is_refused_where_a_term_moves_its_own_weight():
    recipe = Recipe(latent=[Gaussian(2)], loss=[KL(), GECO(target=5)]).changed({"train.early_stopping": 3})
    with pytest.raises(InputError, match="early_stopping"):
        recipe.build((), (1, 8, 8), images=100)
