import pytest
import torch

from t3d.errors import StoreError
from t3d.models.weights import transfer


def test_transfer_tells_what_fits_what_lacks_and_what_is_left_over() -> None:
    module = torch.nn.Linear(2, 3)
    done = transfer(module, {"weight": torch.ones(3, 2), "bias": torch.ones(4), "other": torch.ones(1)})
    assert done == (("weight",), ("bias",), ("bias", "other"))
    assert bool((module.weight == 1).all())


@pytest.mark.parametrize("prefix", ["module.", "module.module."])
def test_transfer_sees_through_the_names_of_wrappers(prefix: str) -> None:
    """Wrapped twice, an earlier project's weights fitted nothing (defect 33)."""
    source, module = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    transfer(module, {f"{prefix}{name}": value for name, value in source.state_dict().items()})
    assert torch.equal(module.weight, source.weight)


def test_transfer_of_nothing_is_an_error() -> None:
    with pytest.raises(StoreError, match="none of the 1 tensors"):
        transfer(torch.nn.Linear(2, 3), {"encoder.weight": torch.ones(3, 2)})
