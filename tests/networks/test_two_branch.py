"""UTAD-Net's networks: the code acts where nothing can remove it, background stays 0, decoders see what is fused."""

from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.networks.blocks import ConditionalNorm, SteeredNorm, contrast
from medsyn_core.networks.critics import ContrastCritic, PatchCritic
from medsyn_core.networks.two_branch import STRUCTURES, Fusion, TwoBranch

SEES_LOCAL = {"full": True, "global": False, "no_local_encoder": False, "no_local_decoder": True}
ANSWERS_TUMOUR = {"full": True, "global": False, "no_local_encoder": True, "no_local_decoder": False}


def pictures(seed=0, batch=2, px=16):
    """Images of a round brain on a background of exactly 0, (B, 1, px, px), and their tumour areas."""
    x = torch.rand(batch, 1, px, px, generator=torch.Generator().manual_seed(seed)) + 0.1
    axis = torch.linspace(-1, 1, px)
    whole = x * (axis[:, None] ** 2 + axis**2 < 0.8)
    local = whole.clone()
    local[..., : px // 2] = 0
    return whole, local


def network(structure="full", **sizes):
    torch.manual_seed(3)
    encoder, decoder = STRUCTURES[structure]
    return TwoBranch(**{"width": 4, "levels": 2, "codes": 4} | sizes, local_encoder=encoder, local_decoder=decoder)


@torch.no_grad()
def answers(net, whole, local, code):
    return net(whole, local, torch.full((len(whole),), code) if isinstance(code, int) else code)


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_shapes(structure, levels):
    whole, local = torch.rand(2, 1, 16, 24), torch.rand(2, 1, 16, 24)
    image, tumour, features = answers(network(structure, levels=levels), whole, local, 1)
    assert image.shape == whole.shape
    assert features.shape == (2, 4 * 2**levels, 16 // 2**levels, 24 // 2**levels)
    assert (tumour is None) == (not ANSWERS_TUMOUR[structure])
    assert tumour is None or tumour.shape == whole.shape


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match=r"36 x 32 pixels cannot be halved 3 times; use multiples of 8"):
        network(levels=3)(torch.rand(1, 1, 36, 32), torch.rand(1, 1, 36, 32), torch.tensor([0]))
    with pytest.raises(ValueError, match=r"32 x 36 pixels cannot be halved 3 times"):
        PatchCritic(width=4, levels=3)(torch.rand(1, 1, 32, 36), torch.tensor([0]))


# -- the target's code


@pytest.mark.parametrize("answer", ["image", "tumour"])
@pytest.mark.parametrize("pair", combinations(range(4), 2))
def test_the_code_acts_in_the_interior(answer, pair):
    """Every pixel is brain. A code that entered as a plane would act through the zero padding, at the borders alone."""
    whole = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1)) + 0.1
    one, two = (getattr(answers(network(), whole, whole, code), answer)[0, 0] for code in pair)
    change = (one - two).abs()
    border = torch.ones(64, 64, dtype=torch.bool)
    border[16:48, 16:48] = False
    assert change[~border].mean() > 0.1 * one[~border].std()
    assert change[~border].mean() > 0.5 * change[border].mean()


def test_what_is_found_in_the_source_does_not_depend_on_the_target():
    whole, local = pictures()
    net = network()
    assert torch.equal(answers(net, whole, local, 0).features, answers(net, whole, local, 3).features)


def test_each_sample_has_its_own_code():
    whole, local = pictures(batch=3)
    mixed = answers(network(), whole, local, torch.tensor([2, 0, 3]))
    for k, code in enumerate([2, 0, 3]):
        alone = answers(network(), whole, local, code)
        torch.testing.assert_close(mixed.image[k], alone.image[k], atol=1e-6, rtol=1e-5)


def test_conditional_norm_is_instance_norm_with_the_codes_scale_and_shift():
    norm, x, code = ConditionalNorm(2, 3), torch.randn(2, 2, 4, 4), torch.tensor([2, 0])
    answer = norm(x, code)
    for b in range(2):
        for c in range(2):
            plain = (x[b, c] - x[b, c].mean()) / torch.sqrt(x[b, c].var(unbiased=False) + 1e-5)
            expected = plain * norm.scale.weight[code[b], c] + norm.shift.weight[code[b], c]
            torch.testing.assert_close(answer[b, c], expected, atol=1e-5, rtol=1e-4)
    for table in (norm.scale.weight, norm.shift.weight):
        assert len(table.unique(dim=0)) == 3  # apart before the first step


def test_a_steered_norm_adds_what_the_order_asks_for():
    norm, x, code, order = SteeredNorm(2, 3, 5), torch.randn(2, 2, 4, 4), torch.tensor([2, 0]), torch.randn(2, 5)
    answer, plain = norm(x, code, order), torch.nn.functional.instance_norm(x)
    for b in range(2):
        more = norm.order.weight @ order[b] + norm.order.bias  # scales, then shifts
        for c in range(2):
            scale = norm.scale.weight[code[b], c] + more[c]
            shift = norm.shift.weight[code[b], c] + more[2 + c]
            torch.testing.assert_close(answer[b, c], plain[b, c] * scale + shift, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm(x, code, 0 * order), ConditionalNorm.forward(norm, x, code))


def test_the_decoders_are_told_what_the_global_encoder_saw():
    """Two sources that differ far from a pixel give it another order: what its skip alone could not know."""
    whole, _ = pictures(px=32)
    net, other = network(), whole.clone()
    other[..., 16:] = torch.where(whole[..., 16:] > 0, 0.2, 0.0)
    told = [net.steering(net.encode(image, whole).seen, torch.tensor([1, 1])) for image in (whole, other)]
    assert told[0].shape == (2, net.steering.orders) and (told[0] - told[1]).abs().mean() > 0.01 * told[0].abs().mean()
    again = net.steering(net.encode(whole, other).seen, torch.tensor([1, 1]))
    assert torch.equal(told[0], again)  # the local image has no part in it
    assert not torch.equal(told[0], net.steering(net.encode(whole, whole).seen, torch.tensor([2, 2])))


def test_contrast_is_the_difference_from_an_average_brain_and_leaves_the_background_alone():
    x = torch.tensor([0.0, 0.5, 0.25, 1.0, -0.5])
    assert contrast(x).tolist() == [0.0, 0.0, -1.0, 2.0, -4.0]
    whole, local = pictures()
    with torch.no_grad():
        for net in (network(), network("no_local_encoder")):
            net.global_decoder.head.weight.zero_()
            torch.testing.assert_close(net(whole, local, torch.tensor([0, 1])).image, 0.5 * (whole != 0))


# -- background, samples


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(STRUCTURES)), st.integers(0, 3))
def test_background_stays_exactly_0(seed, structure, code):
    whole, _ = pictures(seed)
    image, tumour, _ = answers(network(structure), whole, whole + 1, code)  # a local image may say what it likes
    for answer in (image, *([] if tumour is None else [tumour])):
        assert not answer[whole == 0].any() and answer[whole != 0].all()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_no_sample_sees_another(structure):
    """What Hi-Net's batch normalisation in the fusion would break."""
    whole, local = pictures(batch=3)
    net = network(structure).train()
    for together, alone in zip(
        answers(net, whole, local, 1), answers(net, whole[:1], local[:1], 1), strict=True
    ):  # fmt: skip
        if together is not None:
            torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-4)


# -- branches and fusion


@pytest.mark.parametrize("structure", STRUCTURES)
def test_structures_have_the_parts_of_figure_4(structure):
    net = network(structure)
    parts = {"local_encoder": SEES_LOCAL, "fusion": SEES_LOCAL, "local_decoder": ANSWERS_TUMOUR}
    for name, there in parts.items():
        assert (getattr(net, name) is not None) == there[structure], name
    assert net.global_encoder is not None and net.global_decoder is not None


@pytest.mark.parametrize("structure", STRUCTURES)
def test_only_a_local_encoder_looks_at_the_local_image(structure):
    whole, local = pictures()
    net = network(structure)
    one, two = answers(net, whole, local, 1), answers(net, whole, local + 0.5, 1)
    for a, b in zip(one, two, strict=True):
        if a is not None:
            assert torch.equal(a, b) == (not SEES_LOCAL[structure])


def test_without_a_local_encoder_the_features_are_the_global_encoders():
    whole, local = pictures()
    net = network("no_local_encoder")
    with torch.no_grad():
        assert torch.equal(answers(net, whole, local, 1).features, net.global_encoder(contrast(whole))[-1])


def test_fusion_mixes_sum_product_and_maximum():
    fusion = Fusion(2)
    fusion.mix = torch.nn.Identity()
    a, b = torch.randn(1, 2, 3, 3), torch.randn(1, 2, 3, 3)
    fused = fusion(a, b)
    for c in range(2):
        for i in range(3):
            for j in range(3):
                x, y = a[0, c, i, j], b[0, c, i, j]
                assert fused[0, [c, 2 + c, 4 + c], i, j].tolist() == [x + y, x * y, max(x, y)]


def test_fusion_is_symmetric_but_the_generator_is_not():
    (one, _), (two, _) = pictures(seed=0), pictures(seed=1)  # the same brain, filled otherwise
    net = network()
    with torch.no_grad():
        a, b = net.global_encoder(one)[-1], net.local_encoder(two)[-1]
        assert torch.equal(net.fusion[-1](a, b), net.fusion[-1](b, a))
    here, swapped = answers(net, one, two, 1), answers(net, two, one, 1)
    unlike = lambda x, y: (x - y).abs().mean() > 0.1 * x.std()
    assert unlike(here.features, swapped.features)  # the encoders are two
    drawn = {name: contrast(x) for name, x in zip("abcd", (*here[:2], *swapped[:2]), strict=True)}
    assert unlike(drawn["a"], drawn["d"]) and unlike(drawn["b"], drawn["c"])  # and so are the decoders


def test_both_decoders_are_fed_by_the_features_fused_at_every_level():
    """The outline of a tumour is finer than the bottleneck: the image has to be told of it at full resolution too."""
    whole, local = pictures()
    net = network()
    found = net.encode(whole, local)
    pairs = zip(net.global_encoder(contrast(whole)), net.local_encoder(contrast(local)), strict=True)
    for features, fuse, pair in zip((*found.finer, found.features), net.fusion, pairs, strict=True):
        assert torch.equal(features, fuse(*pair))
    order = net.steering(found.seen, torch.tensor([1, 1]))
    told = found.features, found.finer, torch.tensor([1, 1]), order
    brain = whole != 0
    answer = answers(net, whole, local, 1)
    torch.testing.assert_close(answer.image, (0.5 + net.global_decoder(*told) / 4) * brain)
    torch.testing.assert_close(answer.tumour, (0.5 + net.local_decoder(*told) / 4) * brain)


@pytest.mark.parametrize("level", range(3))
def test_the_local_image_reaches_the_whole_answer_at_each_level_alone(level, monkeypatch):
    whole, local = pictures(px=32)
    net = network()
    for other in set(range(3)) - {level}:  # at the other levels nothing is said of the local image
        monkeypatch.setattr(net.fusion[other], "forward", lambda a, b: a)
    assert not torch.equal(answers(net, whole, local, 1).image, answers(net, whole, local.roll(3, -1), 1).image)


def test_the_parts_of_the_papers_size_have_the_parameters_of_its_public_code():
    count = lambda net: sum(p.numel() for p in net.parameters())
    with torch.device("meta"):
        generator, critic = TwoBranch(width=64, levels=4), PatchCritic(width=64, levels=6)
    found = [count(net) for net in (generator.global_encoder, generator.local_encoder, generator.fusion[-1], critic)]
    assert found == pytest.approx([18.8e6, 18.8e6, 37.8e6, 44.8e6], rel=0.005)


# -- critic


def test_critic_gives_a_score_and_logits_for_each_image():
    score, logits = PatchCritic(width=4, levels=2, codes=3)(torch.rand(5, 1, 16, 24), torch.tensor([0, 1, 2, 0, 1]))
    assert score.shape == (5,) and logits.shape == (5, 3)


def test_critics_answers_are_means_over_its_patches():
    critic = PatchCritic(width=4, levels=2)
    x, code = torch.rand(2, 1, 16, 16), torch.tensor([3, 1])
    with torch.no_grad():
        score, logits = critic(x, code)
        patches = critic.heads(critic.features(x))  # (2, 8, 4, 4)
    for b in range(2):
        means = [sum(patches[b, k].flatten().tolist()) / 16 for k in range(8)]
        assert [score[b].item(), *logits[b].tolist()] == pytest.approx([means[code[b]], *means[4:]], abs=1e-6)


def test_every_modality_has_a_score_of_its_own():
    critic = PatchCritic(width=4, levels=2)
    x = torch.rand(1, 1, 16, 16).expand(4, -1, -1, -1)
    score, logits = critic(x, torch.arange(4))
    assert len({round(s, 5) for s in score.tolist()}) == 4
    torch.testing.assert_close(logits, logits[:1].expand(4, -1))  # the image's name does not depend on the question
    score[2].backward()
    moved = critic.heads.weight.grad.abs().sum(dim=(1, 2, 3)) > 0
    assert moved.tolist() == [k == 2 for k in range(8)]


def test_critic_tells_no_sample_of_another():
    """Else the penalty's gradient of one image's score would reach its neighbours."""
    x = torch.rand(3, 1, 16, 16, requires_grad=True)
    score, logits = PatchCritic(width=4, levels=2).train()(x, torch.arange(3))
    (gradient,) = torch.autograd.grad(score[1] + logits[1].sum(), x)
    assert gradient[1].any() and not gradient[[0, 2]].any()


def test_critics_that_see_contrast():
    whole, _ = pictures(batch=3)
    torch.manual_seed(0)
    plain = PatchCritic(width=4, levels=2)
    brains = ContrastCritic(width=4, levels=2)
    brains.load_state_dict(plain.state_dict())
    for a, b in zip(brains(whole, torch.arange(3)), plain(contrast(whole), torch.arange(3)), strict=True):
        assert torch.equal(a, b)
