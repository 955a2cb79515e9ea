"""Networks: shapes, independence of samples, and errors for images they cannot take."""

import pytest
import torch

from medsyn_core.networks.critics import GlobalCritic
from medsyn_core.networks.unet import FCN, UNet


@pytest.mark.parametrize("kind", [UNet, FCN])
@pytest.mark.parametrize(("size", "levels"), [((32, 32), 3), ((32, 48), 2), ((64, 32), 4)])
def test_generators_keep_the_image_size(kind, size, levels):
    net = kind(inputs=2, outputs=3, width=4, levels=levels)
    assert net(torch.rand(2, 2, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("kind", [UNet, FCN])
def test_generators_refuse_sizes_that_cannot_be_halved(kind):
    with pytest.raises(ValueError, match=r"36 x 32 pixels cannot be halved 3 times; use multiples of 8"):
        kind(width=4)(torch.rand(1, 1, 36, 32))


def test_the_paper_sized_critic_has_the_parameters_of_its_description():
    """Three stages of 32, 64, 128, one of 256 filters; 512, 128 and 1 outputs: 8.9 M weights at 64 x 64."""
    net = GlobalCritic(1, (64, 64), width=32)
    linear = [m for m in net.modules() if isinstance(m, torch.nn.Linear)]
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in convolutions] == [32, 64, 128, 256]
    assert [m.out_features for m in linear] == [512, 128, 1]
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(8.85e6, rel=0.01)
    assert net(torch.rand(3, 1, 64, 64)).shape == (3, 1)


def test_the_critic_names_the_size_it_was_built_for():
    with pytest.raises(ValueError, match=r"built for \(32, 32\) images, not \(64, 64\)"):
        GlobalCritic(1, (32, 32), width=2)(torch.rand(1, 1, 64, 64))


@pytest.mark.parametrize("net", [UNet(width=4), FCN(width=4), GlobalCritic(1, (16, 16), width=4)])
def test_no_sample_sees_another(net):
    """What batch normalisation would break: a sample's output does not depend on its neighbours in the batch."""
    x = torch.rand(3, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(net.train()(x)[:1], net(x[:1]), atol=1e-5, rtol=1e-4)


def test_the_dense_discriminators_score_depends_on_its_surroundings_and_no_farther():
    net = FCN(width=4, levels=1)
    for module in net.modules():
        if isinstance(module, torch.nn.GroupNorm):
            module.forward = lambda x: x  # normalisation sees the whole image; the convolutions must not
    x = torch.rand(1, 1, 64, 64, requires_grad=True)
    net(x)[0, 0, 32, 32].backward()
    seen = x.grad[0, 0].abs() > 0
    assert seen[32, 32] and not seen[:10].any() and not seen[54:].any()
