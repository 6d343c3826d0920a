"""Contact sheets hold every view in its place."""

import json

import numpy as np
from PIL import Image

from t3d.report.contact import LABEL, write_contact_sheet


def views(folder, counts):
    """A `views` artifact whose pictures have one colour each."""
    frames = []
    for level, count in counts.items():
        (folder / level).mkdir()
        for number in range(count):
            name = f"{level}/{number:02d}.png"
            Image.new("RGB", (20, 20), color(level, number)).save(folder / name)
            frames.append({"file_path": name, "difficulty": level, "azimuth_deg": 7.2, "elevation_deg": 25})
    (folder / "cameras.json").write_text(json.dumps({"frames": frames}))


def color(level, number):
    return (10 * number, 0, 200 if level == "hard" else 100)


def test_every_view_is_in_its_row_and_column_over_a_label(tmp_path):
    views(tmp_path, {"easy": 5, "hard": 3})
    write_contact_sheet(tmp_path, tmp_path / "sheet.png", columns=4, size=40)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (3 * (40 + LABEL), 4 * 40, 3)
    places = {("easy", i): divmod(i, 4) for i in range(5)} | {("hard", i): (2, i) for i in range(3)}
    for (level, number), (row, column) in places.items():
        top, left = row * (40 + LABEL), column * 40
        assert tuple(sheet[top + 20, left + 20]) == color(level, number)
        assert sheet[top + 42 : top + 52, left : left + 40].min() < 200
    assert sheet[2 * 52 + 5 : 2 * 52 + 50, 3 * 40 + 5 : 4 * 40].min() == 255
