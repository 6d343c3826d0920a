"""Which network a training goes on from: found by run, store or folder, and refused where it does not fit."""

import json
from types import SimpleNamespace

import pytest

from t3d.datasets.start import SIZES, check_start, start_values
from t3d.errors import UsageError

DECODER = {"code": 32, "hidden": 64, "steps": 4, "width": 96, "depth": 4, "dropout": 0.0}


def network(folder, variant="s1", form="t3d-network"):
    folder.mkdir(parents=True)
    config = {"format": form, "variant": variant, "decoder": DECODER}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def store(root):
    network(root / "network/_all/s1-1")
    network(root / "network/_all/s2-2", "s2-simclr")
    network(root / "codes/_all/v2-3", form="t3d-codes")
    artifacts = {
        "network_s1[s1]": {"": "network/_all/s1-1"},
        "network_s2[s2-simclr]": {"": "network/_all/s2-2"},
        "codes": {"": "codes/_all/v2-3"},
        "pretrain[s2-simclr]": {"": "pretrain/_all/s2-4"},
        "views": {"a": "views/a/v2-5"},
    }
    (root / "runs").mkdir()
    (root / "runs/tiny.json").write_text(json.dumps({"artifacts": artifacts}))
    return root


def places(values):
    return {stage: {one.rsplit("/", 2)[1] for one in of["start"]} for stage, of in values.items()}


@pytest.mark.parametrize("name", ["", "runs/tiny.json"])
def test_each_solution_goes_on_from_its_own_network_of_a_run(tmp_path, name):
    root = store(tmp_path / "sofa")
    found = start_values(str(root / name))
    assert places(found) == {"codes": {"s1-1"}, "network_s1": {"s1-1"}, "network_s2": {"s2-2"}}
    assert [one.rsplit("/")[-1] for one in found["codes"]["start"]] == ["model.safetensors", "config.json"]


def test_one_network_is_for_every_stage_and_phase_1_for_codes_only(tmp_path):
    assert set(start_values(str(network(tmp_path / "model")))) == {"codes", "network_s1", "network_s2"}
    found = start_values(str(network(tmp_path / "codes", form="t3d-codes")))
    assert places(found) == {"codes": {"codes"}}
    assert found["codes"]["start"][2].endswith("codes.npz")


def test_what_is_no_network_is_a_usage_error_in_one_line(tmp_path):
    (tmp_path / "text.json").write_text("no")
    (tmp_path / "empty").mkdir()
    network(tmp_path / "encoder", form="t3d-encoder")
    for name in ("text.json", "empty", "nowhere", "encoder"):
        with pytest.raises(UsageError) as caught:
            start_values(str(tmp_path / name))
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


@pytest.mark.parametrize("name", SIZES)
def test_a_decoder_of_another_size_is_refused_with_the_setting_that_fits(tmp_path, name):
    folder = network(tmp_path / "model")
    files = (folder / "model.safetensors", folder / "config.json")
    check_start(files, SimpleNamespace(**DECODER))
    check_start((), SimpleNamespace())
    with pytest.raises(ValueError, match=rf"has {name}={DECODER[name]}; set these too"):
        check_start(files, SimpleNamespace(**(DECODER | {name: 7})))
    with pytest.raises(ValueError, match="no network in"):
        check_start((tmp_path / "config.json",), SimpleNamespace(**DECODER))
