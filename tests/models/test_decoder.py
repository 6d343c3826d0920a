"""The warp against the recurrence written out with torch's LSTMCell; what the template must satisfy."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from t3d.errors import UsageError
from t3d.models.codes import AutoDecoder, CodeBook, LossPlan, weighted_losses
from t3d.models.decoder import Decoder, DecoderConfig, build_decoder, fold
from t3d.models.losses import pointpair_mean_weight
from t3d.models.samples import Batch

SMALL = DecoderConfig(code=7, hidden=12, steps=8, width=10, depth=3, dropout=0.0)


def _lively(config: DecoderConfig = SMALL, seed: int = 0) -> Decoder:
    """A decoder whose warp is far from the identity."""
    decoder = build_decoder(config, seed)
    with torch.no_grad():
        decoder.warp.head.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(seed))
    return decoder


def _inputs(config: DecoderConfig = SMALL) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(1)
    return torch.rand(3, 50, 3, generator=draws) * 2 - 1, torch.randn(3, config.code, generator=draws)


def _plain_warp(decoder: Decoder, points: Tensor, codes: Tensor, limit: float = 10.0) -> list[Tensor]:
    """The published recurrence, one row per point, nothing factored."""
    xyz = points.reshape(-1, 3)
    rows = codes.repeat_interleave(points.shape[1], dim=0)
    state, kept = None, []
    for step in range(decoder.config.steps):
        state = decoder.warp.cell(torch.cat([rows, xyz], dim=1), state)
        if state[0].requires_grad:
            state[0].register_hook(lambda grad: grad.clamp(-limit, limit))
        affine = decoder.warp.head(state[0])
        xyz = (1 + affine[:, :3]) * xyz + affine[:, 3:]
        if (step + 1) % (decoder.config.steps // 4) == 0:
            kept.append(xyz.view(points.shape))
    return kept


@pytest.mark.parametrize("steps", [4, 8, 12])
def test_factored_warp_equals_lstm_cell(steps: int) -> None:
    config = DecoderConfig(code=7, hidden=12, steps=steps, width=10, depth=2)
    decoder, (points, codes) = _lively(config), _inputs(config)
    expected = _plain_warp(decoder, points, codes)
    with torch.no_grad():
        alone = decoder.warp.stages(points, codes)
    for stage, bare, plain in zip(decoder.warp.stages(points, codes), alone, expected, strict=True):
        assert (plain - points).abs().max() > 0.05
        torch.testing.assert_close(stage, plain, atol=1e-5, rtol=0)
        torch.testing.assert_close(bare, plain, atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_factored_gradients_equal_lstm_cell_with_bounded_hidden_gradients(scale: float) -> None:
    """The second scale drives the gradients of the hidden states into their bound."""
    decoder, (points, codes) = _lively(), _inputs()
    found = []
    for walk in (decoder.warp.stages, lambda p, c: _plain_warp(decoder, p, c)):
        leaves = [points.clone().requires_grad_(), codes.clone().requires_grad_()]
        decoder.zero_grad()
        (sum((stage**2).sum() for stage in walk(*leaves)) * scale).backward()
        wanted = [*leaves, *decoder.warp.parameters()]
        found.append([leaf.grad.clone() for leaf in wanted if leaf.grad is not None])
    assert len(found[0]) == 2 + len(list(decoder.warp.parameters()))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_hidden_gradients_are_bounded() -> None:
    decoder, (points, codes) = _lively(), _inputs()
    decoder.zero_grad()
    (sum((stage**2).sum() for stage in decoder.warp.stages(points, codes)) * 1e4).backward()
    bounded = decoder.warp.cell.weight_hh.grad.clone()
    decoder.zero_grad()
    (sum((stage**2).sum() for stage in _plain_warp(decoder, points, codes, limit=1e9)) * 1e4).backward()
    assert decoder.warp.cell.weight_hh.grad.norm() > 10 * bounded.norm()


def test_warp_starts_as_the_identity_with_four_stages() -> None:
    """Acceptance check 1 of the reproduction."""
    decoder, (points, codes) = build_decoder(DecoderConfig(), 0), _inputs(DecoderConfig())
    values, warped = decoder.training_forward(points, codes, torch.Generator().manual_seed(0))
    assert len(values) == len(warped) == 4
    for stage in warped:
        assert (stage - points).abs().max() < 1e-3
    assert all(stage.shape == (3, 50) and bool((stage.abs() < 1).all()) for stage in values)


def test_sdf_is_the_last_stage_of_training_without_dropout() -> None:
    decoder, (points, codes) = _lively(), _inputs()
    values, warped = decoder.training_forward(points, codes, torch.Generator())
    for shape in range(3):
        torch.testing.assert_close(decoder.sdf(points[shape], codes[shape]), values[-1][shape])
    torch.testing.assert_close(decoder.values(points, codes), values[-1])
    torch.testing.assert_close(decoder.template.values(warped[-1]), values[-1])


def test_dropout_comes_from_the_generator_and_in_training_alone() -> None:
    config = DecoderConfig(code=7, hidden=12, width=200, depth=3, dropout=0.5)
    decoder, (points, codes) = _lively(config), _inputs(config)

    def values(seed: int) -> Tensor:
        return decoder.training_forward(points, codes, torch.Generator().manual_seed(seed))[0][-1]

    assert torch.equal(values(1), values(1))
    assert not torch.equal(values(1), values(2))
    assert torch.equal(decoder.values(points, codes), decoder.values(points, codes))


def test_dropout_keeps_the_expected_share_and_scale() -> None:
    config = DecoderConfig(code=7, hidden=12, width=4000, depth=1, dropout=0.25)
    decoder = _lively(config)
    seen: list[Tensor] = []
    decoder.template.last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    point = torch.tensor([[0.3, -0.2, 0.5]])
    decoder.template.values(point)
    decoder.template.training_values(point, torch.Generator().manual_seed(0))
    plain, dropped = seen
    positive = plain > 0
    kept = dropped[positive] > 0
    assert abs(float(kept.float().mean()) - 0.75) < 0.03
    torch.testing.assert_close(dropped[positive][kept], plain[positive][kept] / 0.75)


def test_folding_changes_no_value() -> None:
    decoder, (points, codes) = _lively(), _inputs()
    before = decoder.values(points, codes)
    folded = fold(decoder)
    assert not any("original" in name for name in folded.state_dict())
    torch.testing.assert_close(folded.values(points, codes), before)


def test_initialisations() -> None:
    published = build_decoder(DecoderConfig(), 0).warp.cell
    assert float(published.weight_hh.detach().abs().max()) <= 512**-0.5
    intended = build_decoder(DecoderConfig(init="intended"), 0).warp.cell
    gram = intended.weight_hh.t() @ intended.weight_hh
    torch.testing.assert_close(gram, torch.eye(512), atol=1e-4, rtol=0)
    for cell in (published, intended):
        for bias in (cell.bias_ih, cell.bias_hh):
            assert bool((bias[512:1024] == 1).all())


def test_published_size() -> None:
    decoder = build_decoder(DecoderConfig(), 0)
    assert sum(p.numel() for p in decoder.warp.parameters()) == 4 * 512 * (259 + 512 + 2) + 6 * 513
    assert 0.26e6 < sum(p.numel() for p in decoder.template.parameters()) < 0.27e6


def test_the_seed_decides_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    one, same, other = (build_decoder(SMALL, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["template.last.weight"], other["template.last.weight"])


@pytest.mark.parametrize("wrong", [{"steps": 6}, {"steps": 0}, {"dropout": 1.0}, {"code": 0}])
def test_impossible_settings_are_told(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        DecoderConfig(**wrong)


def _published() -> ModuleType:
    """`benchmarks/_published.py`: the published network, restated."""
    path = Path(__file__).parents[2] / "benchmarks" / "_published.py"
    spec = importlib.util.spec_from_file_location("published", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "sizes", [{"code": 9, "hidden": 24, "width": 16, "depth": 3}, {}], ids=["small", "full"]
)
def test_it_is_the_published_network_with_its_losses_and_gradients(sizes: dict[str, int]) -> None:
    """All four stages to 1e-5, and the gradients of the whole published loss, from the same weights."""
    config, shapes, count = DecoderConfig(**sizes, dropout=0.0), 3, 64
    model = AutoDecoder(_lively(config), CodeBook((shapes, config.code), 1.5, 1.0, seed=0))
    peer = _published().PublishedPhase1(shapes, **sizes)
    peer.decoder.template.dropout = 0.0
    peer.load_state_dict(model.state_dict(), strict=True)
    points, _ = _inputs(config)
    points = points.repeat(1, 2, 1)[:, :count] * torch.linspace(0.5, 1, count)[:, None]
    batch = Batch(torch.arange(shapes), points, points.norm(dim=2) - 0.6)
    ours = model(batch.shapes, points, torch.Generator())
    theirs = peer(batch.shapes, points)
    for found, wanted in zip((*ours[0], *ours[1], ours[2]), (*theirs[0], *theirs[1], theirs[2]), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert (ours[1][-1] - points).abs().max() > 0.05
    plan = LossPlan(
        clamp=0.1, pointwise=0.005, pointpair=pointpair_mean_weight(2e-5, count), pointpair_limit=5.0,
        code_weight=1e-4, ramp=100,
    )  # fmt: skip
    loss = weighted_losses(ours, batch, plan, 50)["loss"]
    wanted_loss = _published().published_loss(theirs, points, batch.distances, 50)
    assert float(loss.detach()) == pytest.approx(float(wanted_loss.detach()), rel=1e-5)
    loss.backward()
    wanted_loss.backward()
    mine, named = dict(model.named_parameters()), dict(peer.named_parameters())
    assert mine.keys() == named.keys()
    for name, parameter in named.items():
        scale = float(parameter.grad.abs().max())
        assert scale > 0
        torch.testing.assert_close(mine[name].grad, parameter.grad, atol=1e-5 * scale, rtol=1e-3, msg=name)


def test_evaluation_is_the_published_networks() -> None:
    decoder, (points, codes) = _lively(DecoderConfig()), _inputs(DecoderConfig())
    peer = _published().PublishedDecoder().eval()
    peer.load_state_dict(decoder.state_dict(), strict=True)
    with torch.inference_mode():
        wanted = peer(points, codes)[0]
        torch.testing.assert_close(decoder.values(points, codes), wanted[0], atol=1e-5, rtol=0)
        folded = fold(decoder)
        for shape in range(3):
            found = folded.sdf(points[shape], codes[shape])
            torch.testing.assert_close(found, wanted[0][shape], atol=1e-5, rtol=0)
    assert len(wanted) == 1


def test_the_published_first_weights_are_torchs_and_the_forget_gates_stay_open() -> None:
    """The same distributions as the restated network's: greatest weights, and a bias of two in all."""
    ours, theirs = build_decoder(DecoderConfig(), 0), _published().PublishedDecoder()
    for name, parameter in theirs.state_dict().items():
        found = ours.state_dict()[name]
        assert found.shape == parameter.shape
        if found.numel() < 500:
            continue
        assert float(found.abs().max()) == pytest.approx(float(parameter.abs().max()), rel=0.1), name
        assert float(found.double().square().mean()) == pytest.approx(
            float(parameter.double().square().mean()), rel=0.15
        ), name
    bound = math.sqrt(1 / 512)
    gates = (ours.warp.cell.bias_ih + ours.warp.cell.bias_hh).detach().view(4, 512)
    assert bool((gates[1] == 2).all())
    assert float(gates[[0, 2, 3]].abs().max()) <= 2 * bound


def test_bf16_stays_near_float32() -> None:
    decoder, (points, codes) = fold(_lively(DecoderConfig(dropout=0.0))), _inputs(DecoderConfig())
    with torch.inference_mode():
        exact = decoder.values(points, codes)
        with torch.autocast("cpu", torch.bfloat16):
            rough = decoder.values(points, codes)
    error = (rough.float() - exact).abs()
    assert 0 < float(error.max()) < 0.02
    assert float(error.mean()) < 2e-3


def test_dropout_is_fair_over_all_places() -> None:
    """Four draws out of one number: each of them, and neighbours together, as often as chance has it."""
    from t3d.models.decoder import _kept

    kept = _kept(torch.ones(40_000, 4), 0.25, torch.Generator().manual_seed(0)) > 0
    assert bool((abs(kept.float().mean(0) - 0.75) < 0.01).all())
    for other in range(1, 4):
        both = (kept[:, 0] & kept[:, other]).float().mean()
        assert abs(float(both) - 0.5625) < 0.012
    assert _kept(torch.ones(5), 0.1, torch.Generator()).shape == (5,)
