"""Run the benchmarks named on the command line, or all of them: `python -m benchmarks engine`."""

import importlib
import pkgutil
import sys

import benchmarks

names = sys.argv[1:] or [
    info.name for info in pkgutil.iter_modules(benchmarks.__path__) if not info.name.startswith("_")
]
for name in names:
    importlib.import_module(f"benchmarks.{name}").main()
