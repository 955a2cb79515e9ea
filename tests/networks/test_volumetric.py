"""D²-Net's 3D networks: the sizes the paper lists, where codes act, and what no sample sees of another."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from medsyn_core.methods import d2net
from medsyn_core.networks.volumetric import (
    AdaIN3d,
    Decoder3d,
    Encoder3d,
    Fusion3d,
    ModalityContent,
    SideClassifiers,
    check_cube,
)

FEATURES, CODE, WIDTH, LEVELS = 4, 8, 4, 2


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(kind, *how, **more):
    torch.manual_seed(3)
    return kind(*how, **more)


def encoder():
    return made(Encoder3d, 4, WIDTH, LEVELS, FEATURES)


def decoder(outputs=3, **how):
    return made(Decoder3d, FEATURES, WIDTH, LEVELS, outputs, **how)


def coarse(batch=2, side=4, seed=1):
    return noise(batch, FEATURES, side, side, side, seed=seed)


def skips(batch=2, side=16):
    return tuple(noise(batch, WIDTH << k, *3 * (side >> k,), seed=k) for k in range(LEVELS))


def parameters(network):
    return sum(p.numel() for p in network.parameters())


# -- the paper's sizes


def test_the_papers_feature_maps():
    """Listed for 128 voxels a side: 64 channels of 8³, 32 of 16³, 16 of 32³, 8 of 64³. A quarter of that, here."""
    method = d2net.recipe("gpu").method
    assert (method.patch, method.width, method.levels, method.layers) == (128, 8, 5, 4)
    size = (4, method.width, method.levels, method.features)
    with torch.no_grad():
        z, fine_to_coarse = made(Encoder3d, *size)(noise(1, 4, 32, 32, 32))
        decoded = made(Decoder3d, method.features, method.width, method.levels, 4)(z, fine_to_coarse)
    assert z.shape == (1, 4, 1, 1, 1)  # the paper's is 4 of 4³
    assert [tuple(s.shape[1:3]) for s in fine_to_coarse] == [(8, 32), (16, 16), (32, 8), (64, 4), (128, 2)]
    listed = [(64, 8), (32, 16), (16, 32), (8, 64)]
    assert [tuple(x.shape[1:]) for x in decoded.layers] == [
        (channels, *3 * (side // 4,)) for channels, side in (*listed, (8, 128))
    ]
    assert decoded.output.shape == (1, 4, 32, 32, 32)


def test_the_papers_number_of_parameters():
    networks = d2net.recipe("gpu").method.networks({})
    assert sum(map(parameters, networks.values())) == pytest.approx(5.1e6, rel=0.02)


@pytest.mark.parametrize("size", [(16, 16, 16), (8, 16, 24)])
def test_shapes(size):
    images = noise(2, 4, *size)
    half = lambda k: tuple(side >> k for side in size)
    with torch.no_grad():
        z, found = encoder()(images)
        decoded, steered = decoder()(z, found), decoder(code=CODE)(z, found, noise(2, CODE))
        content = made(ModalityContent, FEATURES, CODE)(z, noise(2, CODE))
        fused = made(Fusion3d, 3, FEATURES)(torch.cat([z, z, z], dim=1))
        sides = made(SideClassifiers, [WIDTH, WIDTH], 5)(decoded.layers)
    assert z.shape == content.shape == fused.shape == (2, FEATURES, *half(LEVELS))
    assert [s.shape for s in found] == [(2, WIDTH << k, *half(k)) for k in range(LEVELS)]
    for answer in (decoded, steered):
        assert answer.output.shape == (2, 3, *size)
        assert [x.shape for x in answer.layers] == [(2, WIDTH, *half(1)), (2, WIDTH, *size)]
    assert [s.shape for s in sides] == [(2, 5, *half(1)), (2, 5, *size)]


def test_a_student_can_be_compressed():
    whole, half, tiny = (made(Decoder3d, 4, 8, 5, 4, shrink=shrink) for shrink in (1, 2, 100))
    assert whole.widths == [64, 32, 16, 8, 8] and half.widths == [32, 16, 8, 4, 4] and tiny.widths == [1] * 5
    assert parameters(half) < 0.6 * parameters(whole)
    with torch.no_grad():
        answer = decoder(shrink=2)(coarse(), skips())
    assert answer.output.shape == (2, 3, 16, 16, 16) and [x.shape[1] for x in answer.layers] == [2, 2]


def test_at_full_size_a_decoder_convolves_once():
    depths = [sum(isinstance(m, nn.Conv3d) for m in block.modules()) for block in made(Decoder3d, 4, 8, 4, 1).blocks]
    assert depths == [2, 2, 2, 1]


@given(st.integers(0, 5), st.tuples(*[st.integers(1, 40)] * 3))
def test_only_volumes_that_can_be_halved_pass(levels, size):
    if all(side % 2**levels == 0 for side in size):
        check_cube(size, levels)
    else:
        with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} x {size[2]} voxels cannot be halved {levels} t"):
            check_cube(size, levels)


@pytest.mark.parametrize("size", [(18, 16, 16), (16, 18, 16), (16, 16, 18)])
def test_the_encoder_refuses_the_others_with_the_way_out(size):
    with pytest.raises(ValueError, match="voxels cannot be halved 2 times; use multiples of 4"):
        encoder()(noise(1, 4, *size))


# -- samples and inputs


def encode(images):
    z, found = encoder().train()(images)
    return [z, *found]


VOLUMES, CLASSES, CODES = noise(3, 4, 16, 16, 16), noise(3, 3 * FEATURES, 4, 4, 4), noise(3, CODE, seed=9)
KINDS = {
    "encoder": lambda b: encode(VOLUMES[b]),
    "decoder": lambda b: [decoder().train()(coarse(3)[b], [s[b] for s in skips(3)]).output],
    "steered": lambda b: [decoder(code=CODE).train()(coarse(3)[b], [s[b] for s in skips(3)], CODES[b]).output],
    "content": lambda b: [made(ModalityContent, FEATURES, CODE).train()(coarse(3)[b], CODES[b])],
    "fusion": lambda b: [made(Fusion3d, 3, FEATURES).train()(CLASSES[b])],
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_sample_sees_another(kind):
    """In training as well: what the paper's batch normalisation would break."""
    with torch.no_grad():
        for together, alone in zip(KINDS[kind](slice(None)), KINDS[kind](slice(1, 2)), strict=True):
            torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)


def depends(function, *inputs):
    """Of each input, whether the answer moves when it does."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    function(*leaves).square().sum().backward()
    return [bool(x.grad.any()) for x in leaves]


def test_every_modality_skip_and_code_is_used():
    net, images = encoder(), noise(1, 4, 16, 16, 16).requires_grad_()
    net(images)[0].sum().backward()
    assert all(images.grad[0, m].any() for m in range(4))
    assert depends(lambda z, *s: decoder()(z, s).output, coarse(), *skips()) == [True] * 3
    steered = lambda z, code, *s: decoder(code=CODE)(z, s, code).output
    assert depends(steered, coarse(), noise(2, CODE), *skips()) == [True] * 4


def test_an_output_is_read_from_the_last_layer_voxel_by_voxel():
    net = decoder()
    decoded = net(coarse(), skips())
    torch.testing.assert_close(decoded.output, net.head(decoded.layers[-1]))
    assert net.head.kernel_size == encoder().narrow.kernel_size == (1, 1, 1)


def test_what_comes_from_below_is_interpolated_beside_the_skip_and_rectified():
    net, seen = decoder(), []
    for block in net.blocks:
        block.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    z, fine_to_coarse = coarse(), skips()
    decoded = net(z, fine_to_coarse)
    for x, below, skip in zip(seen, (z, decoded.layers[0]), reversed(fine_to_coarse), strict=True):
        larger = F.interpolate(below, scale_factor=2, mode="trilinear", align_corners=False)
        torch.testing.assert_close(x, torch.cat([larger, skip], dim=1))
    assert all(-0.05 * x.max() < x.min() < 0 for x in decoded.layers)  # a leak, no more


def test_every_weight_learns():
    codes, side = noise(2, CODE), made(SideClassifiers, [WIDTH, WIDTH], 3)
    net, eye, content = decoder(code=CODE), encoder(), made(ModalityContent, FEATURES, CODE)
    fusion = made(Fusion3d, 2, FEATURES)
    z, found = eye(noise(2, 4, 16, 16, 16))
    decoded = net(fusion(torch.cat([content(z, codes), z], dim=1)), found, codes)
    (decoded.output.square().sum() + sum(x.square().sum() for x in side(decoded.layers))).backward()
    for network in (net, eye, content, fusion, side):
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in network.parameters())


def test_an_empty_volume_makes_no_nan():
    images = torch.zeros(1, 4, 16, 16, 16)
    net, eye = decoder(code=CODE), encoder()
    z, found = eye(images)
    answer = net(z, found, torch.zeros(1, CODE)).output
    answer.sum().backward()
    assert answer.isfinite().all()
    assert all(p.grad.isfinite().all() for network in (net, eye) for p in network.parameters())


# -- codes


def test_adain_is_instance_normalisation_with_a_linear_scale_and_shift():
    x, code, net = noise(2, 3, 4, 4, 4), noise(2, CODE), made(AdaIN3d, 3, CODE)
    answer, linear = net(x, code), F.linear(code, net.style.weight, net.style.bias)
    for b in range(2):
        for c in range(3):
            plain = (x[b, c] - x[b, c].mean()) / torch.sqrt(x[b, c].var(unbiased=False) + 1e-5)
            torch.testing.assert_close(answer[b, c], plain * (1 + linear[b, c]) + linear[b, 3 + c])
    assert parameters(net) == (CODE + 1) * 2 * 3  # nothing else is learnt


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(3)))
def test_each_sample_has_its_own_code(order):
    z, codes = coarse(1).expand(3, -1, -1, -1, -1), noise(3, CODE)
    net = made(ModalityContent, FEATURES, CODE)
    with torch.no_grad():
        torch.testing.assert_close(net(z, codes[list(order)]), net(z, codes)[list(order)], atol=1e-5, rtol=1e-4)
        assert not torch.allclose(*net(z, codes)[:2], atol=1e-2)


@pytest.mark.parametrize("kind", ["content", "decoder"])
def test_a_code_acts_in_the_interior(kind):
    """Not through the padding at the borders alone: as a constant plane it would be normalised away elsewhere."""
    with torch.no_grad():
        if kind == "content":
            net, z = made(ModalityContent, FEATURES, CODE), coarse(2, 16)
            one, two = (net(z, noise(2, CODE, seed=k)) for k in (5, 6))
        else:
            net = decoder(code=CODE)
            one, two = (net(coarse(), skips(), noise(2, CODE, seed=k)).output for k in (5, 6))
    change, inside = (one - two).abs(), (..., slice(6, 10), slice(6, 10), slice(6, 10))
    assert change[inside].mean() > 0.1 * one[inside].std() and change[inside].mean() > 0.5 * change.mean()


def test_tumour_features_keep_what_they_had():
    """Four residual blocks: with convolutions of 0 each adds its rectified shift, the same at every voxel."""
    net, z, code = made(ModalityContent, FEATURES, CODE), coarse(), noise(2, CODE)
    assert len(net.convolutions) == len(net.norms) == 4 and net.convolutions[0].kernel_size == (3, 3, 3)
    for convolution in net.convolutions:
        nn.init.zeros_(convolution.weight)
    added = sum(F.leaky_relu(n.style(code)[:, FEATURES:], 0.01) for n in net.norms)
    torch.testing.assert_close(net(z, code), z + added[..., None, None, None])


# -- fusion and side classifiers


def test_fusion_mixes_all_classes_and_weighs_channels_by_what_they_hold():
    net, x = made(Fusion3d, 3, FEATURES), noise(2, 3 * FEATURES, 4, 4, 4)
    given = x.clone().requires_grad_()
    net(given).square().sum().backward()
    assert given.grad.flatten(2).any(dim=2).all()
    mixed = net.mix(x)
    gate = torch.sigmoid(net.excite[2](F.relu(net.excite[0](mixed.mean(dim=(2, 3, 4))))))
    torch.testing.assert_close(net(x), mixed * gate[..., None, None, None])
    assert len(gate[0].unique()) == FEATURES and sum(isinstance(m, nn.Conv3d) for m in net.modules()) == 2


def test_the_gate_of_the_fusion_tells_volumes_apart():
    """Normalised each by itself, channels would all have one mean, and the gate would be a constant."""
    net, x = made(Fusion3d, 4, 4), noise(6, 16, 4, 4, 4) + noise(6, 16, 1, 1, 1)
    squeezed = net.mix(x).mean(dim=(2, 3, 4))  # (6, 4)
    assert squeezed.std(dim=1).min() > 0.02  # from channel to channel
    assert net.excite(squeezed).std(dim=0).max() > 3e-3  # from volume to volume


def test_a_side_classifier_reads_a_voxel_and_sees_no_other():
    net, layers = made(SideClassifiers, [6, 4], 3), [noise(1, 6, 2, 2, 2), noise(1, 4, 4, 4, 4)]
    with torch.no_grad():
        before = net(tuple(layers))
        layers[1][..., 1, 2, 3] += 1
        after = net(tuple(layers))
    assert torch.equal(before[0], after[0])
    changed = (before[1] != after[1]).any(dim=1)[0]
    assert changed.nonzero().tolist() == [[1, 2, 3]]
