"""How large the project is, and how much of it is typed, documented and tested.

python tools/sizes.py
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(folder: str) -> dict[Path, ast.Module]:
    """Every module below a folder of the project, parsed."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method, however deep."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of_function(function: Function) -> int:
    """Lines from `def` to the end, less those of the docstring."""
    first = function.body[0]
    docstring = ast.get_docstring(function, clean=False) is not None
    described = (first.end_lineno or 0) - first.lineno + 1 if docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - described


def lines_of_code(path: Path, tree: ast.Module) -> int:
    """Lines that hold code: no blank ones, comments or docstrings."""
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    docs = [one for one in constants if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    described = {line for one in docs for line in range(one.lineno, (one.end_lineno or 0) + 1)}
    numbered = enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), start=1)
    return sum(
        1 for number, line in numbered if line.strip() and line.strip()[0] != "#" and number not in described
    )


def all_lines(path: Path) -> int:
    """Lines of a file."""
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def public(tree: ast.Module) -> list[ast.Module | Function | ast.ClassDef]:
    """A module, and its functions and classes without a leading underscore."""
    named = [node for node in tree.body if isinstance(node, Function | ast.ClassDef)]
    return [tree, *(node for node in named if not node.name.startswith("_"))]


def typed(function: Function) -> bool:
    """Whether all its parameters and what it returns are annotated; `self` and `cls` need not be."""
    known = function.args
    named = [*known.posonlyargs, *known.args, *known.kwonlyargs, known.vararg, known.kwarg]
    asked = [one for one in named if one is not None and one.arg not in ("self", "cls")]
    return function.returns is not None and all(one.annotation for one in asked)


def share(holds: list[bool]) -> str:
    """`12 of 13`."""
    return f"{sum(holds):,} of {len(holds):,}"


def main() -> None:
    """Print the figures."""
    package, code = modules("t3d"), {}
    for folder in ("t3d", "tests", "benchmarks", "experiments", "tools"):
        found = modules(folder)
        code[folder] = sum(lines_of_code(path, tree) for path, tree in found.items())
        whole = sum(map(all_lines, found))
        print(f"{folder}: {len(found)} modules, {code[folder]:,} lines of code, {whole:,} in all")
    print(f"lines of tests per line of the package: {code['tests'] / code['t3d']:.2f}")
    length, path = max((all_lines(path), path) for path in package)
    print(f"longest module: {path}, {length} lines in all")
    own = [(path, one) for path, tree in package.items() for one in functions(tree)]
    path, longest = max(own, key=lambda pair: lines_of_function(pair[1]))
    print(f"longest function: {path}: {longest.name}, {lines_of_function(longest)} lines")
    print(f"functions with types for all that goes in and out: {share([typed(one) for _, one in own])}")
    named = [bool(ast.get_docstring(node)) for tree in package.values() for node in public(tree)]
    print(f"public modules, classes and functions with a docstring: {share(named)}")


if __name__ == "__main__":
    main()
