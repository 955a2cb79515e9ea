"""One step of HiFi-Syn: who learns from what, what is computed once or not at all, and when the memory is written."""

import pytest
import torch

from medsyn_core.losses import contrastive
from medsyn_core.training import LossError
from tests.methods import small

LOSSES = small.hifi().losses
CRITICS = ("critic", "content_critic")
MOVED = {player.name: player.networks for player in small.hifi().players}
IMAGES = {"content", "attribute", "generator"}  # what a translation is made with
MOVES = {
    "content_adversarial": {"content"},
    "domain_critic": {"critic"},
    "content_critic": {"content_critic"},
}  # all other terms move IMAGES


def trace_of(recipe=None, player="generator", batch=None, seed=1):
    """(networks, trace) in the turn of one player."""
    moving = MOVED[player] if player else ()
    return small.trace_of(recipe or small.hifi(), moving, batch or small.pair_of(), seed)


def calls(network, method="forward"):
    """A list that fills with (arguments, answer) whenever the network's method is used."""
    seen, original = [], getattr(network, method)

    def spy(*args):
        seen.append((args, original(*args)))
        return seen[-1][1]

    setattr(network, method, spy)
    return seen


def moved(networks):
    return {n for n, net in networks.items() if any(p.grad is not None and p.grad.any() for p in net.parameters())}


# -- who learns from what


@pytest.mark.parametrize("name", LOSSES)
def test_every_term_moves_its_networks_and_nobody_elses(name):
    networks, trace = trace_of(player=LOSSES[name].player)
    LOSSES[name](trace).backward()
    assert moved(networks) == MOVES.get(name, IMAGES)
    assert networks["memory"].keys.grad is None and not networks["memory"].keys.requires_grad


@pytest.mark.parametrize("name", [n for n, term in LOSSES.items() if term.player == "generator"])
def test_the_memory_is_moved_by_gradients_only_where_the_recipe_says_so(name):
    networks, trace = trace_of(small.hifi(learn_memory=True), LOSSES[name].player)
    LOSSES[name](trace).backward()
    assert moved(networks) == MOVES.get(name, IMAGES | {"memory"})


@pytest.mark.parametrize("player", CRITICS)
def test_critics_see_constants_and_every_one_of_their_weights_learns(player):
    networks, trace = trace_of(player=player)
    LOSSES.total(LOSSES.parts(trace, player)).backward()
    assert not trace.content_i.requires_grad and not trace.translated_ij.requires_grad
    assert all(p.grad is not None and p.grad.isfinite().all() for p in networks[player].parameters())


def test_every_weight_of_the_generators_turn_learns():
    networks, trace = trace_of()
    LOSSES.total(LOSSES.parts(trace, "generator")).backward()
    for name in IMAGES:
        assert all(p.grad is not None and p.grad.isfinite().all() for p in networks[name].parameters()), name


# -- once, or not at all

COUNTS = {
    "generator": dict(content=4, attribute=4, generator=6, critic=2, content_critic=2, affinity=4, read=6),
    "critic": dict(content=2, attribute=2, generator=2, critic=4, affinity=2, read=2),
    "content_critic": dict(content=2, content_critic=2),
}


@pytest.mark.parametrize("player", COUNTS)
def test_each_network_runs_once_for_each_quantity_it_must_produce(player):
    networks, trace = trace_of(player=player)
    used = {name: calls(network) for name, network in networks.items()}
    used |= {name: calls(networks["memory"], name) for name in ("affinity", "read", "write")}
    LOSSES.total(LOSSES.parts(trace, player)).backward()
    assert {name: len(seen) for name, seen in used.items() if seen} == COUNTS[player]


CYCLED = {"cycled_i", "cycled_j"}


@pytest.mark.parametrize(
    ("dropped", "idle"),
    [
        (("self_reconstruction",), {"self_i", "self_j"}),
        (("cross_cycle",), CYCLED),
        (("structure_discrimination",), {"regions", "region_weights"}),
        (("content_adversarial",), {"guessed_i", "guessed_j"}),
        (("domain_adversarial",), {"fake_ij", "fake_ji"}),
        (tuple(small.WITHOUT_CONTRAST), {"contents", "regions"}),
        (("cross_cycle", *small.WITHOUT_CONTRAST), {"content_ij", "contents"} | CYCLED),
        (("pixel_discrimination", "structure_discrimination"), {"structures", "region_weights"}),
    ],
)
def test_a_term_of_weight_0_is_not_computed(dropped, idle):
    """Nor is anything that only it would read."""
    for table, computed in ((LOSSES, True), (LOSSES.edit(**dict.fromkeys(dropped, 0)), False)):
        _, trace = trace_of()
        table.parts(trace, "generator")
        assert {name for name in idle if name in vars(trace)} == (idle if computed else set())


# -- what stands where


def test_translations_swap_attributes_and_keep_content_memory_and_brain():
    networks, trace = trace_of(player=None)
    content, attribute, memory = (networks[name] for name in ("content", "attribute", "memory"))
    i, j, ij, ji = trace.content_i, trace.content_j, trace.content_ij, trace.content_ji
    code_i, code_j = trace.attribute_i.code, trace.attribute_j.code
    for name, z, code, side, target in (
        ("self_i", i, code_i, "i", 0),
        ("self_j", j, code_j, "j", 1),
        ("translated_ij", i, code_j, "i", 1),
        ("translated_ji", j, code_i, "j", 0),
        ("cycled_i", ij, attribute(trace.translated_ji, 0)[0], "i", 0),
        ("cycled_j", ji, attribute(trace.translated_ij, 1)[0], "j", 1),
    ):
        read = memory.read(memory.affinity(z, getattr(trace, f"structure_{side}")), target, z.shape[-2:])
        by_hand = networks["generator"](z, read, code, target) * getattr(trace, f"brain_{side}")
        torch.testing.assert_close(getattr(trace, name), by_hand)
    torch.testing.assert_close(ij, content(trace.translated_ij, 1))
    torch.testing.assert_close(ji, content(trace.translated_ji, 0))


def test_critics_are_asked_for_the_modality_that_an_image_has_or_should_have():
    networks, trace = trace_of(player=None)
    seen = {"real_i": ("image_i", 0), "real_j": ("image_j", 1), "fake_ij": ("translated_ij", 1)}
    for name, (image, modality) in (seen | {"fake_ji": ("translated_ji", 0)}).items():
        torch.testing.assert_close(getattr(trace, name), networks["critic"](getattr(trace, image), modality))


@pytest.mark.parametrize("annotated", [True, False])
def test_with_labels_a_pixel_reads_its_structures_slots_and_the_common_ones(annotated):
    networks, trace = trace_of(small.hifi(annotations=annotated))
    own = networks["memory"].structure
    for side in "ij":
        used = getattr(trace, f"affinity_{side}").flatten(0, 1) > 0
        if annotated:
            structure = getattr(trace, f"structure_{side}").flatten()[:, None]
            assert not used[(own != structure) & (own >= 0)].any()
        else:
            assert used.float().mean() > 0.9 and getattr(trace, f"structure_{side}") is None


def test_structures_without_annotations_are_refused_with_the_way_out():
    _, trace = trace_of(small.hifi(annotations=False))
    with pytest.raises(
        LossError, match=r"structure_discrimination needs annotations; set its weight to 0 or configure"
    ):
        LOSSES["structure_discrimination"](trace)


# -- the memory


def states(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(network, before):
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


alone = lambda z: z  # one process has nobody to gather from


@pytest.mark.parametrize(
    "how", [{}, {"alpha_p": 0.01}, {"unit_values": True}, {"annotations": False}, {"write": "read"}]
)
def test_the_memory_is_read_first_and_written_after_the_generators_turn(how):
    recipe = small.hifi(**how)
    networks, trace = trace_of(recipe)
    memory = networks["memory"]
    before = states(memory)
    losses = recipe.losses if how != {"annotations": False} else recipe.losses.edit(structure_discrimination=0)
    losses.total(losses.parts(trace, "generator")).backward()
    assert not changed(memory, before)
    pixels = lambda z: z.detach().flatten(2).transpose(1, 2).flatten(0, 1)
    told = [trace.attribute_i.local, trace.attribute_j.local]
    if how == {"write": "read"}:  # as printed: values are made of themselves
        told = [
            memory.read(w, m, trace.content_i.shape[-2:]) for m, w in enumerate((trace.affinity_i, trace.affinity_j))
        ]
    labels = None if "annotations" in how else [trace.structure_i.flatten(), trace.structure_j.flatten()]
    by_hand = recipe.method.translating()["memory"]
    by_hand.load_state_dict(before)
    queries = [pixels(z) for z in (trace.content_i, trace.content_j)]
    by_hand.write(queries, [pixels(z) for z in told], labels, recipe.method.alpha_p, recipe.method.unit_values)
    recipe.method.after_turn(networks, trace, "generator", alone)
    assert changed(memory, before) == {"keys", "values"}
    for name, value in memory.state_dict().items():
        torch.testing.assert_close(value, by_hand.state_dict()[name])


@pytest.mark.parametrize("player", CRITICS)
def test_critics_turns_leave_memory_and_typical_attributes_alone(player):
    networks, trace = trace_of(player=player)
    before = {name: states(networks[name]) for name in ("memory", "attribute")}
    LOSSES.total(LOSSES.parts(trace, player)).backward()
    small.hifi().method.after_turn(networks, trace, player, alone)
    assert not any(changed(networks[name], before[name]) for name in before)


def test_a_memory_that_learns_is_not_written_but_typical_attributes_are():
    recipe = small.hifi(learn_memory=True)
    networks, trace = trace_of(recipe)
    before, attributes = states(networks["memory"]), states(networks["attribute"])
    recipe.method.after_turn(networks, trace, "generator", alone)
    assert not changed(networks["memory"], before) and changed(networks["attribute"], attributes) == {"typical"}
    codes = torch.stack([trace.attribute_i.code.mean(dim=0), trace.attribute_j.code.mean(dim=0)])
    torch.testing.assert_close(networks["attribute"].typical, 0.02 * codes.detach())


def test_every_process_writes_what_all_of_them_have_seen():
    """All that is written passes through `gather`; here it fetches another process's share."""
    one, two = trace_of(seed=1), trace_of(seed=2)
    method, shares = small.hifi().method, {}
    for key, (networks, trace) in (("one", one), ("two", two)):
        method.after_turn(networks, trace, "generator", lambda z, key=key: shares.setdefault(key, []).append(z) or z)
    states_of = []
    for _, trace in (one, two):
        networks, _ = trace_of()
        everything = iter([torch.cat(pair) for pair in zip(shares["one"], shares["two"], strict=True)])
        method.after_turn(networks, trace, "generator", lambda z, them=everything: next(them))
        states_of.append(states(networks["memory"]) | {"typical": networks["attribute"].typical})
    assert all(torch.equal(states_of[0][name], states_of[1][name]) for name in states_of[0])
    assert not torch.equal(states_of[0]["keys"], one[0]["memory"].keys)


# -- size, precision, nothing to see


@pytest.mark.parametrize("px", [16, 48])
def test_the_matrix_of_pixels_is_bounded_by_the_queries_whatever_the_images_size(px, monkeypatch):
    _, trace = trace_of(batch=small.pair_of(px))
    sizes, contrast = [], contrastive.contrast
    monkeypatch.setattr(contrastive, "contrast", lambda s, *rest: sizes.append(tuple(s.shape)) or contrast(s, *rest))
    LOSSES["pixel_discrimination"](trace)
    assert sizes == [(6 * 4, 2 * 6 * 4)]  # six images, four queries each


def test_with_all_pixels_the_sampled_loss_is_the_exact_one():
    _, trace = trace_of()
    rows = [z.flatten(2).transpose(1, 2) for z in trace.contents]
    trace.pixels = torch.stack([torch.randperm(rows[0].shape[1]) for _ in range(3)])
    exact = contrastive.pixel_discrimination(
        *rows, trace.subjects, trace.structures.flatten(1), trace.settings.tau_pixel
    )
    torch.testing.assert_close(LOSSES["pixel_discrimination"](trace), exact)


def test_contrast_is_exact_in_bf16_autocast():
    """Of content as it comes out of the encoder; only what happens there is rounded."""
    _, trace = trace_of()
    with torch.autocast("cpu", torch.bfloat16):
        parts = LOSSES.parts(trace, "generator")
    assert trace.content_i.dtype == torch.bfloat16 or trace.translated_ij.dtype == torch.bfloat16
    for name in small.WITHOUT_CONTRAST:
        assert parts[name].dtype == torch.float32
        torch.testing.assert_close(LOSSES[name](trace), parts[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("nothing", ["labels", "image"])
def test_an_image_that_is_all_background_makes_no_nan_and_no_avalanche(nothing, precision):
    batch = small.pair_of()
    for name in ("tissue", "seg", *(("image", "brain") if nothing == "image" else ())):
        batch[f"{name}_i"][0] = batch[f"{name}_j"][1] = 0
    networks, trace = trace_of(batch=batch)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        parts = LOSSES.parts(trace, "generator")
    LOSSES.total(parts).backward()
    assert all(value.isfinite() for value in parts.values())
    norms = [p.grad.norm() for name in IMAGES for p in networks[name].parameters()]
    assert torch.stack(norms).norm() < 1e5
