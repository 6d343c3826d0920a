import numpy as np

from t3d.report.training import overlaid, read_curves


def test_read_curves(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text("step,seconds,loss,val\r\n1,0.5,2.5,\r\n2,1.0,1e-3,0.25\r\n")
    columns = read_curves(path)
    assert list(columns) == ["step", "seconds", "loss", "val"]
    assert columns["loss"].tolist() == [2.5, 0.001]
    assert np.isnan(columns["val"][0])
    assert columns["val"][1] == 0.25


def test_read_curves_of_a_run_without_steps(tmp_path):
    (tmp_path / "curves.csv").write_text("step,loss\n")
    assert {name: len(values) for name, values in read_curves(tmp_path / "curves.csv").items()} == {
        "step": 0,
        "loss": 0,
    }


def test_losses_by_pre_training_are_in_one_figure(tmp_path):
    networks = {name: tmp_path / name for name in ("s1", "s2-simclr", "s2-none")}
    for extra, folder in enumerate(networks.values()):
        folder.mkdir()
        steps = range(10, 10 * (4 + extra), 10)  # one went on for longer
        lines = ["step,loss", *(f"{step},{1 / step}" for step in steps)]
        (folder / "curves.csv").write_text("\n".join(lines))
    figure = overlaid(networks)
    assert "s2-simclr" in figure
    assert "s2-none" in figure
    assert ">s1<" not in figure
    assert overlaid({name: networks[name] for name in ("s1", "s2-none")}) == ""
