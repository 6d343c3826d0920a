"""Contact sheets hold every view in its place."""

import numpy as np

from t3d.geometry.cameras import centred, look_at
from t3d.geometry.recipe import View
from t3d.report.contact import LABEL, RED, TEXT, contact_sheet


def color(level, number):
    return (10 * number, 0, 200 if level == "hard" else 100)


def artifact(counts, size):
    """Pictures of one colour each, and their views."""
    view = View(centred(look_at((1, 1, 1), (0, 0, 0)), 32.0, 32), 367.2, 25.0, 1.5, (0, 0, 0), 1, False)
    pictures = {
        f"{level}/{number:02d}": np.full((size, size, 3), color(level, number), np.uint8)
        for level, count in counts.items()
        for number in range(count)
    }
    return pictures, {level: [view] * count for level, count in counts.items()}


def test_every_view_is_in_its_row_and_column_over_a_label():
    pictures, views = artifact({"easy": 5, "hard": 3}, 100)
    sheet = contact_sheet(pictures, views, {"easy/04"}, columns=4)
    side, row_height = 50, 50 + LABEL
    assert sheet.shape == (3 * row_height, 4 * TEXT, 3)
    places = {("easy", i): divmod(i, 4) for i in range(5)} | {("hard", i): (2, i) for i in range(3)}
    for (level, number), (row, column) in places.items():
        tile = sheet[row * row_height : (row + 1) * row_height, column * TEXT : (column + 1) * TEXT]
        assert (tile[:side, :side] == color(level, number)).all()
        assert tile[side:].min() < 200
        reddish = (tile[side:, :, 0].astype(int) - tile[side:, :, 1]).max() > RED[0] / 2
        assert reddish == ((level, number) == ("easy", 4))
    assert sheet[2 * row_height :, 3 * TEXT :].min() == 255


def test_small_pictures_are_not_shrunk_and_odd_ones_fill_their_place():
    pictures, views = artifact({"easy": 1}, 64)
    assert (contact_sheet(pictures, views)[:64, :64] == color("easy", 0)).all()
    pictures, views = artifact({"easy": 1}, 225)
    assert (contact_sheet(pictures, views)[:75, :75] == color("easy", 0)).all()
