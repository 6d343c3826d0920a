"""What could run code of others: pickles, evaluated text. (Ports: tests/pipeline/test_runner.py.)"""

import ast
from pathlib import Path

import t3d


def calls() -> list[tuple[str, ast.Call]]:
    found = []
    for path in sorted(Path(t3d.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found.append((f"{path.name}:{node.lineno} {ast.unparse(node.func)}", node))
    return found


def test_no_pickle_is_loaded_unguarded():
    """NumPy refuses them unless told otherwise, torch loads weights only, and nothing else is asked."""
    every = calls()
    assert len(every) > 3000
    for where, call in every:
        name = ast.unparse(call.func)
        given = {one.arg: ast.unparse(one.value) for one in call.keywords}
        assert given.get("allow_pickle", "False") == "False", where
        assert name not in ("pickle.load", "pickle.loads", "joblib.load", "torch.jit.load", "eval", "exec"), (
            where
        )
        if name == "torch.load":
            assert given.get("weights_only") == "True", where
