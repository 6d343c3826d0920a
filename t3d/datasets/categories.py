"""Names of categories: `sofa`, `sofas`, `couch` and `04256520` are the same thing.

Synset ids are ShapeNetCore's (Chang et al. 2015); the 13 classes are those of 3D-R2N2 (Choy et al. 2016).
"""

from t3d.errors import UsageError

_WORDS = """
02691156 plane airplane aeroplane aircraft
02828884 bench
02933112 cabinet dresser
02958343 car auto automobile
03001627 chair
03211117 display monitor screen
03636649 lamp
03691459 speaker loudspeaker
04090263 rifle firearm gun
04256520 sofa couch
04379243 table
04401088 telephone phone cellphone
04530566 vessel watercraft boat ship
""".split("\n")[1:-1]
SYNSETS = {line.split()[1]: line.split()[0] for line in _WORDS}
"""ShapeNet synset id by t3d's name of the category."""


def plural(name: str) -> str:
    """The category's name for many shapes, for titles: `couch` -> `couches`, `bus` -> `buses`."""
    return name if name.endswith("aircraft") else name + ("es" if name.endswith(("s", "ch", "x")) else "s")


_CANONICAL = {
    spelling: line.split()[1] for line in _WORDS for word in line.split() for spelling in (word, plural(word))
}


def canonical(name: str) -> str:
    """The one name of a category, used for the store's folder; an unknown name is returned as it is.

    Raises UsageError where the name could not be that of a folder.

    >>> canonical("Couches"), canonical("04256520"), canonical("Teapots")
    ('sofa', 'sofa', 'Teapots')
    """
    name = name.strip()
    if not name or name.startswith(".") or any(c in name for c in "/\\\0"):
        raise UsageError(f"category {name!r}: give a name such as sofa, or that of a folder in the data set")
    return _CANONICAL.get(name.casefold(), name)


def is_known(name: str) -> bool:
    """Whether the name is one of the 13 categories in any spelling."""
    return name.strip().casefold() in _CANONICAL


def same(name: str, category: str) -> bool:
    """Whether two names mean one category; other than `canonical`, any text will do for the first.

    >>> same("couch", "04256520"), same("Teapots", "Teapots"), same("teapots", "Teapots"), same(" ", "sofa")
    (True, True, False, False)
    """
    return name == category or (is_known(name) and canonical(name) == canonical(category))


def synset(name: str) -> str | None:
    """ShapeNet synset id of a category in any spelling; None for other folders.

    >>> synset("airplanes"), synset("Teapots")
    ('02691156', None)
    """
    return SYNSETS.get(canonical(name))
