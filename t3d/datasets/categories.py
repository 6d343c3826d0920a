"""Names of categories: `sofa`, `sofas`, `couch` and `04256520` are the same thing.

Synset ids are ShapeNetCore's (Chang et al. 2015); the 13 classes are those of 3D-R2N2 (Choy et al. 2016).
"""

from t3d.errors import UsageError

SYNSETS = {
    "plane": "02691156",
    "bench": "02828884",
    "cabinet": "02933112",
    "car": "02958343",
    "chair": "03001627",
    "display": "03211117",
    "lamp": "03636649",
    "speaker": "03691459",
    "rifle": "04090263",
    "sofa": "04256520",
    "table": "04379243",
    "telephone": "04401088",
    "vessel": "04530566",
}
"""ShapeNet synset id by t3d's name of the category."""

_OTHER_NAMES = {
    "plane": ("airplane", "aeroplane", "aircraft"),
    "cabinet": ("dresser",),
    "car": ("auto", "automobile"),
    "display": ("monitor", "screen"),
    "speaker": ("loudspeaker",),
    "rifle": ("firearm", "gun"),
    "sofa": ("couch",),
    "telephone": ("phone", "cellphone"),
    "vessel": ("watercraft", "boat", "ship"),
}


def plural(name: str) -> str:
    """The category's name for many shapes, for titles: `couch` -> `couches`, `bus` -> `buses`."""
    return name if name.endswith("aircraft") else name + ("es" if name.endswith(("s", "ch", "x")) else "s")


def _spellings() -> dict[str, str]:
    """Canonical name by every spelling of it."""
    table = {}
    for name, synset in SYNSETS.items():
        for word in (name, *_OTHER_NAMES.get(name, ())):
            table[word] = table[plural(word)] = name
        table[synset] = name
    return table


_CANONICAL = _spellings()


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
