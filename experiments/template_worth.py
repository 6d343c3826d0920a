"""What warp and template are worth to a decoder: phase 1 with them, and with one plain network instead.

    python experiments/template_worth.py STORE [STEPS]

STORE is a category's folder in a store where a run ended. The plain decoder is DeepSDF's: code and point go
in, a distance comes out, both again halfway. It has about as many weights, and learns from the same batches,
with the same losses and rates, for STEPS (8,000); once more at two fifths of the rate, and once more for as
long as the other took. A line each, as `experiments/oracle.py` prints it.
"""

import dataclasses
import itertools
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import torch
from oracle import newest, score_decoder
from torch import Tensor, nn

from t3d.datasets.formats import read_json
from t3d.models.codes import train_codes
from t3d.models.decoder import Decoder
from t3d.models.network import Start
from t3d.models.plans import STAGES, CodesPlan, DecoderConfig, LossPlan
from t3d.models.samples import Samples

WIDTH, DEPTH = 128, 4
PRESET = Path(__file__).resolve().parents[1] / "t3d" / "presets" / "tiny.toml"


class Plain(Decoder):
    """Signed distance from code and point by one network; nothing is warped."""

    def __init__(self, config: DecoderConfig) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.warp = nn.Identity()
        sizes = [config.code + 3] + [WIDTH] * DEPTH
        layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
        layers[DEPTH // 2] = nn.Linear(WIDTH + sizes[0], WIDTH)
        self.template = nn.ModuleList(
            [*map(nn.utils.parametrizations.weight_norm, layers), nn.Linear(WIDTH, 1)]
        )

    def values(self, points: Tensor, codes: Tensor) -> Tensor:
        """Points (B, N, 3), codes (B, C) -> signed distances (B, N)."""
        seen = torch.cat([codes[:, None].expand(-1, points.shape[1], -1), points], dim=-1)
        x = seen
        for number, layer in enumerate(self.template[:-1]):
            x = layer(torch.cat([x, seen], dim=-1) if number == DEPTH // 2 else x).relu()
        return self.template[-1](x).tanh().squeeze(-1)

    def training_forward(
        self, points: Tensor, codes: Tensor, generator: torch.Generator
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The same four times, as the losses want it."""
        return [self.values(points, codes)] * STAGES, [points] * STAGES


def main(store: Path, steps: int) -> None:
    """Print a line per decoder."""
    torch.set_num_threads(1)
    split = read_json(newest(store, "split", "_all") / "split.json")
    samples = Samples({shape: newest(store, "sdf", shape) for shape in split["train"]})
    told = tomllib.loads(PRESET.read_text())["codes"] | {"iterations": steps}
    told = tomllib.loads(PRESET.read_text())["codes"] | {"iterations": steps}
    plan, weights, config = (
        kind(**{name: value for name, value in told.items() if name in kind.__dataclass_fields__})
        for kind in (CodesPlan, LossPlan, DecoderConfig)
    )
    zero = np.zeros(config.code, np.float32)

    def line(name: str, plan: CodesPlan, plain: bool) -> float:
        torch.manual_seed(0)
        start = Start(Plain(config), zero, None, store) if plain else None
        begun = time.process_time()
        made = train_codes(samples, config, (plan, weights), 0, None, lambda *_, **__: None, start)
        seconds = time.process_time() - begun
        codes = dict(zip(samples.ids, made.codes, strict=True))
        count = sum(weight.numel() for weight in made.decoder.parameters())
        figures = score_decoder(store, made.decoder, codes, split)
        sys.stdout.write(f"{name}: {plan.iterations} steps, {seconds:.0f} s, {count} weights  {figures}\n")
        sys.stdout.flush()
        return seconds

    long = line("warp and template", plan, False)
    short = line("plain", plan, True)
    line("plain, lower rate", dataclasses.replace(plan, lr_template=0.4 * plan.lr_template), True)
    line("plain, as long", dataclasses.replace(plan, iterations=round(steps * long / short)), True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8_000)
