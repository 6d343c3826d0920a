import pytest
from hypothesis import given
from hypothesis import strategies as st

from t3d.datasets.categories import SYNSETS, canonical, is_known, plural, same, synset
from t3d.errors import UsageError


@pytest.mark.parametrize("name", ["sofa", "sofas", "couch", "Couches", " SOFA ", "04256520"])
def test_spellings_of_a_sofa(name):
    assert canonical(name) == "sofa"
    assert synset(name) == "04256520"


@pytest.mark.parametrize("name", ["plane", "airplanes", "aeroplane", "aircraft", "02691156"])
def test_spellings_of_a_plane(name):
    assert canonical(name) == "plane"


def test_the_thirteen_classes_have_their_own_ids():
    assert len(SYNSETS) == 13
    assert len(set(SYNSETS.values())) == 13
    assert all(len(number) == 8 and number.isdigit() for number in SYNSETS.values())


@pytest.mark.parametrize("name", SYNSETS)
def test_plural_and_synset_lead_back_to_the_name(name):
    assert canonical(plural(name)) == canonical(SYNSETS[name]) == name


def test_other_folders_keep_their_name_and_case():
    assert canonical("Teapots") == "Teapots"
    assert synset("Teapots") is None
    assert not is_known("Teapots")
    assert canonical("écrans d'été") == "écrans d'été"


@pytest.mark.parametrize("name", ["", "  ", "..", ".hidden", "a/b", "a\\b", "a\0"])
def test_names_that_no_folder_can_have(name):
    with pytest.raises(UsageError, match="category"):
        canonical(name)
    assert not same(name, "sofa")


@given(st.text(min_size=1))
def test_a_canonical_name_stays_as_it_is(name):
    try:
        once = canonical(name)
    except UsageError:
        return
    assert canonical(once) == once
