"""Where a setting comes from: defaults < t3d.toml < environment < options."""

import pytest

from t3d.cli.options import Conduct, Settings
from t3d.cli.project import command_of, settings_of, variants_of
from t3d.cli.running import execution_of
from t3d.errors import UsageError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("T3D_DATA", "T3D_WORK"):
        monkeypatch.delenv(name, raising=False)


def test_each_layer_wins_over_the_one_before(tmp_path, monkeypatch):
    assert settings_of({}) == Settings(values={})
    (tmp_path / "t3d.toml").write_text('data = "a"\nseed = 3\nwork = "w"\n[sdf]\ncount = 7\n')
    assert settings_of({}) == Settings(data="a", seed=3, work="w", values={"sdf": {"count": 7}})
    monkeypatch.setenv("T3D_DATA", "b")
    assert settings_of({}).data == "b"
    options = {"data": "c", "sets": ("sdf.count=8",), "values": {"views": {"size": "64"}}}
    found = settings_of(options)
    assert (found.data, found.seed) == ("c", 3)
    assert found.values == {"sdf": {"count": "8"}, "views": {"size": "64"}}


def test_an_earlier_run_is_the_lowest_layer(tmp_path):
    earlier = Settings(data="a", seed=5, values={"sdf": {"count": 9}}).record()
    found = settings_of({"seed": 6}, {**earlier, "work": "w", "of another version": 1})
    assert (found.data, found.seed, found.work, found.values) == ("a", 6, "w", {"sdf": {"count": 9}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('seed = "x"', "t3d.toml: seed: 'x' is not a whole number"),
        ('preset = "big"', "t3d.toml: preset: value 'big' is not known"),
        ("[views]\nsiez = 3", "t3d.toml: parameter of views 'siez' is not known; did you mean 'size'?"),
    ],
)
def test_wrong_toml_is_named(tmp_path, text, message):
    (tmp_path / "t3d.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        settings_of({})
    assert message in str(caught.value)


def test_a_config_file_is_used_instead_of_t3d_toml(tmp_path):
    (tmp_path / "t3d.toml").write_text("seed = 1")
    (tmp_path / "other.toml").write_text("seed = 2")
    assert settings_of({"config": "other.toml"}).seed == 2


def test_variants():
    assert variants_of(Settings()) == ("s1", "s2-simclr")
    assert variants_of(Settings(solution="1")) == ("s1",)
    assert variants_of(Settings(solution="2", contrastive="byol")) == ("s2-byol",)
    several = settings_of({"contrastive": "none,simclr,none"})
    assert variants_of(several) == ("s1", "s2-none", "s2-simclr")


@pytest.mark.parametrize("text", ["simcrl", "simclr,simcrl", "simclr,"])
def test_unknown_methods_are_named(text):
    with pytest.raises(UsageError, match=r"--contrastive '(simcrl)?' is not known"):
        settings_of({"contrastive": text})


def test_the_command_names_what_is_not_default():
    settings = Settings(
        data="my data",
        limit=3,
        allow_missing=True,
        values={"sdf": {"count": 5}, "views": {"easy_elevation": [1, 2]}},
    )
    assert command_of(settings) == (
        "t3d run --data 'my data' --category sofa --limit 3 --allow-missing"
        " --set sdf.count=5 --set views.easy_elevation=1,2"
    )


def test_a_cluster_is_a_table_of_its_own_and_flags_win(tmp_path):
    path = tmp_path / "t.toml"
    path.write_text('[cluster]\nkind = "slurm"\ncores = 4\n[sdf]\ncount = 1000\n')
    assert settings_of({"config": str(path)}).values == {"sdf": {"count": 1000}}
    options = {"config": str(path)}
    assert execution_of(Conduct(), options, 2).cluster == {"kind": "slurm", "cores": 4}
    assert execution_of(Conduct(workers=2), options, 2).cluster is None
    assert execution_of(Conduct(scheduler="tcp://host:8786"), options, 2).cluster is None
