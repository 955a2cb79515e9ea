"""DRIT++'s parts as HiFi-Syn uses them: what content cannot hold, where the attribute acts, what is shared, and what no
sample sees of another."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medsyn_core.networks.disentangled import (
    AttributeEncoders,
    ContentCritic,
    ContentEncoders,
    DomainCritics,
    Generators,
)

WIDTH, CODE = 4, 8
KINDS = {
    "content": lambda halvings: ContentEncoders(WIDTH, halvings),
    "attribute": lambda halvings: AttributeEncoders(WIDTH, halvings),
    "generator": lambda halvings: Generators(WIDTH, halvings),
    "critic": lambda halvings: DomainCritics(WIDTH),
    "content_critic": lambda halvings: ContentCritic(WIDTH * 2**halvings),
}
both = pytest.mark.parametrize("modality", [0, 1])


def network(kind, halvings=2):
    torch.manual_seed(3)
    return KINDS[kind](halvings)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def parts(batch=2, h=4, w=4):
    """Content, memory and code of some images."""
    return (
        noise(batch, 4 * WIDTH, h, w, seed=1),
        noise(batch, 4 * WIDTH, h, w, seed=2),
        noise(batch, CODE, seed=3) - 0.5,
    )


def inputs(kind, batch=2):
    """What a network of this kind is called with, the first axis the sample."""
    if kind == "generator":
        return parts(batch)
    return (noise(batch, 4 * WIDTH, 8, 8),) if kind == "content_critic" else (noise(batch, 1, 16, 16) + 0.1,)


def answer(kind, net, given, modality=0):
    """The network's answer, (B, ...); of an attribute its code and what that is the average of, in one."""
    found = net(*given) if kind == "content_critic" else net(*given, modality)
    return torch.cat([part.flatten(1) for part in found], dim=1) if kind == "attribute" else found


@both
@pytest.mark.parametrize(("height", "width", "halvings"), [(16, 24, 1), (216, 216, 2), (40, 8, 2), (16, 16, 3)])
def test_shapes(modality, height, width, halvings):
    """At the paper's 216 pixels and 2 halvings content is 54 x 54."""
    image, h, w, channels = torch.rand(2, 1, height, width), height >> halvings, width >> halvings, WIDTH << halvings
    with torch.no_grad():
        content = network("content", halvings)(image, modality)
        code, local = network("attribute", halvings)(image, modality)
        made = network("generator", halvings)(content, torch.zeros_like(content), code, modality)
        judged, guessed = network("critic")(image, modality), network("content_critic", halvings)(content)
    assert content.shape == local.shape == (2, channels, h, w) and code.shape == (2, CODE)
    assert made.shape == image.shape and judged.shape == (2, 1, height // 8, width // 8) and guessed.shape == (2, 1)


@pytest.mark.parametrize(("kind", "size", "multiple"), [("content", (18, 16), 4), ("critic", (16, 20), 8)])
def test_sizes_that_cannot_be_halved_are_refused(kind, size, multiple):
    with pytest.raises(ValueError, match=f"cannot be halved . times; use multiples of {multiple}"):
        network(kind)(torch.rand(1, 1, *size), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_no_sample_sees_another(kind):
    """In training as well: what batch normalisation would break."""
    net, given = network(kind).train(), inputs(kind, 3)
    with torch.no_grad():
        together, alone = answer(kind, net, given), answer(kind, net, [x[:1] for x in given])
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["content", "attribute", "generator", "critic"])
def test_each_modality_has_weights_of_its_own_and_content_and_generator_share_some(kind):
    moved = []
    for modality in (0, 1):
        net = network(kind)
        answer(kind, net, inputs(kind), modality).square().sum().backward()
        moved.append({name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()})
    assert moved[0] - moved[1] and moved[1] - moved[0]
    shared = {name.split(".")[0] for name in moved[0] & moved[1]}
    assert shared == {"content": {"shared"}, "generator": {"mix", "shared"}}.get(kind, set())
    with torch.no_grad():
        assert not torch.equal(*(answer(kind, network(kind), inputs(kind), modality) for modality in (0, 1)))


# -- content and attribute


@settings(max_examples=10, deadline=None)
@given(st.floats(0.3, 3), st.integers(0, 1))
def test_content_does_not_hold_the_contrast_and_the_attribute_does(gain, modality):
    image = noise(1, 1, 16, 16)
    content, attribute = network("content"), network("attribute")
    with torch.no_grad():
        plain, brighter = (content(x, modality) for x in (image, gain * image))
        (_, local), (_, louder) = (attribute(x, modality) for x in (image, gain * image))
    torch.testing.assert_close(brighter, plain, atol=0.02, rtol=0.02)
    torch.testing.assert_close(louder, gain * local, atol=1e-4, rtol=1e-3)  # fresh biases are 0


def test_the_mean_of_content_tells_images_apart():
    """Else the comparison of whole images would compare constants: each block adds to the means, differently."""
    net, x = network("content"), noise(2, 4 * WIDTH, 8, 8)
    with torch.no_grad():
        added = (net.shared(x) - x).mean(dim=(2, 3))
    assert added.abs().mean() > 0.1 and (added[0] - added[1]).abs().mean() > 0.01


@both
def test_an_attribute_is_the_average_of_what_it_is_made_of(modality):
    net, image = network("attribute"), noise(2, 1, 16, 16)
    code, local = net(image, modality)
    torch.testing.assert_close(code, net.heads[modality](local.flatten(2).mean(dim=2)))


def test_typical_attributes_are_a_running_mean_of_each_modality():
    net, codes = network("attribute"), noise(5, CODE, seed=4)
    expected = torch.zeros(CODE)
    for _ in range(3):
        net.remember(1, codes.requires_grad_(), keep=0.9)
        expected = 0.9 * expected + 0.1 * sum(code.detach() for code in codes) / 5
    torch.testing.assert_close(net.typical[1], expected)
    assert not net.typical[0].any() and not net.typical.requires_grad
    assert "typical" in net.state_dict() and "typical" not in dict(net.named_parameters())
    for _ in range(300):
        net.remember(0, codes)
    torch.testing.assert_close(net.typical[0], codes.mean(dim=0), atol=0.01, rtol=0.01)


# -- generator


@both
@pytest.mark.parametrize("changed", [0, 1, 2], ids=["content", "memory", "code"])
def test_an_image_depends_on_content_memory_and_code(modality, changed):
    """Memory and code act in the interior too, not through the padding at the borders alone."""
    net, given = network("generator"), list(parts(h=16, w=16))
    with torch.no_grad():
        one = net(*given, modality)
        given[changed] = given[changed].roll(1, 0)  # another sample's
        two = net(*given, modality)
    inside = (slice(None), slice(None), slice(24, 40), slice(24, 40))
    assert (one - two)[inside].abs().mean() > 0.02 * one[inside].std()


def test_a_code_is_its_own_samples():
    content, memory, code = parts(3)
    net = network("generator")
    with torch.no_grad():
        mixed = net(content, memory, code, 0)
        changed = net(content, memory, torch.stack([code[0], code[2], code[2]]), 0)
    same = [torch.allclose(a, b, atol=1e-6) for a, b in zip(mixed, changed, strict=True)]
    assert same == [True, False, True]


def test_where_memory_says_it_matters_and_not_far_from_there():
    """One pixel of the memory changes the image round it most."""
    content, memory, code = parts(1, 16, 16)
    other = memory.clone()
    other[..., 8, 8] += 5
    net = network("generator")
    with torch.no_grad():
        change = (net(content, memory, code, 0) - net(content, other, code, 0)).abs()[0, 0]
    near = change[24:44, 24:44].mean()
    assert near > 3 * change[:12].mean() and near > 0


# -- critics


@both
def test_every_patch_has_a_logit_that_sees_its_surroundings_alone(modality):
    image = noise(1, 1, 64, 64).requires_grad_()
    net = network("critic")
    net(image, modality)[0, 0, 4, 4].backward()
    seen = image.grad[0, 0] != 0
    assert seen[32:40, 32:40].all() and not seen[:16].any() and not seen[56:].any()


@pytest.mark.parametrize("size", [(4, 4), (54, 54), (7, 12)])
def test_the_content_critic_takes_content_of_any_size(size):
    assert network("content_critic")(torch.rand(3, 4 * WIDTH, *size)).shape == (3, 1)


# -- nothing to see


@pytest.mark.parametrize("kind", ["content", "attribute", "critic"])
def test_a_blank_image_makes_no_nan(kind):
    net, image = network(kind), torch.zeros(2, 1, 16, 16)
    image[1, :, 4:12, 4:12] = 1
    found = answer(kind, net, (image,))
    found.square().sum().backward()
    assert found.isfinite().all()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)
