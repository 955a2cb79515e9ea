"""Saved models: what was trained comes back bit for bit, and what cannot is refused with a reason."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from medsyn_core import methods
from medsyn_core.methods import dual_d, utad
from medsyn_core.methods.saved import SavedModelError
from tests.methods import small

IMAGES = small.batch_of()["image"]


@pytest.fixture(scope="session")
def student(taught, patients, tmp_path_factory):
    """(run, file) of a trained student."""
    run = small.fit(utad.student(taught).configure(steps=1), patients)
    return run, run.save(tmp_path_factory.mktemp("models") / "student.safetensors")


def rewritten(file, path, change):
    """The saved model again, with what `change` makes of (weights, description)."""
    with safe_open(file, framework="pt") as whole:
        weights = {name: whole.get_tensor(name) for name in whole.keys()}  # noqa: SIM118 (no mapping)
        about = json.loads(whole.metadata()["medsyn"])
    change(weights, about)
    save_file(weights, path, metadata={"medsyn": json.dumps(about)})
    return path


def test_three_lines_from_a_file_to_a_translation(student):
    run, file = student
    model = methods.load(file)
    translated = model.translate(IMAGES, "t2")
    assert torch.equal(translated, run.model.translate(IMAGES, "t2"))
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("target", ["t1", "t1ce", "t2", "flair"])
def test_every_modality_comes_out_as_before(student, target):
    run, file = student
    assert torch.equal(methods.load(file).translate(IMAGES, target), run.model.translate(IMAGES, target))


def test_a_teacher_comes_back_with_its_need_of_a_mask(taught, tmp_path):
    mask = taught.recipe.method.mask(small.batch_of()["seg"], torch.zeros(4))
    model = methods.load(taught.save(tmp_path / "teacher.safetensors"))
    expected = taught.model.translate(IMAGES, "flair", mask)
    assert torch.equal(model.translate(IMAGES, "flair", mask), expected)
    assert not torch.equal(model.translate(IMAGES, "flair", 0 * mask), expected)


@pytest.mark.parametrize("structure", ["global", "no_local_encoder", "no_local_decoder"])
def test_other_structures_come_back_too(taught, patients, tmp_path, structure):
    run = small.fit(utad.student(taught, structure).configure(steps=1), patients)
    model = methods.load(run.save(tmp_path / "model.safetensors"))
    assert torch.equal(model.translate(IMAGES, "t1"), run.model.translate(IMAGES, "t1"))


def test_so_does_the_dual_discriminator_network(patients, tmp_path):
    run = small.fit(dual_d.recipe("smoke").configure(steps=1), patients)
    with torch.no_grad():
        answer = methods.load(run.save(tmp_path / "dual.safetensors"))(IMAGES)
        torch.testing.assert_close(answer, run.model(IMAGES), atol=1e-6, rtol=1e-5)  # other order of channels in memory


def test_a_saved_model_needs_neither_its_teacher_nor_its_critics(student):
    with safe_open(student[1], framework="pt") as file:
        names = set(file.keys())
    assert names == set(student[0].model.state_dict()) and all(name.startswith("generator.") for name in names)


def test_a_missing_file_is_named_with_what_would_write_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model .*gone\.safetensors; write one with run\.save\('"):
        methods.load(tmp_path / "gone.safetensors")


@pytest.mark.parametrize(
    "spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no tensors" * 50], ids=range(3)
)
def test_a_damaged_file_is_named(student, tmp_path, spoil):
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(spoil(student[1].read_bytes()))
    with pytest.raises(
        SavedModelError, match=r"damaged\.safetensors is no whole safetensors file .*save the model again"
    ):
        methods.load(path)


@pytest.mark.parametrize(
    "metadata", [None, {"format": "pt"}, {"medsyn": json.dumps({"name": "other", "settings": {}})}]
)
def test_tensors_of_something_else_are_refused(tmp_path, metadata):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
    with pytest.raises(SavedModelError, match=r"was not written by run\.save\(\); it holds 1 tensors"):
        methods.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights, about: weights.pop(next(iter(weights))),
        lambda weights, about: weights.update(more=torch.zeros(1)),
        lambda weights, about: about["settings"].update(width=8),
        lambda weights, about: about["settings"].update(unheard_of=1),
    ],
    ids=["too few", "too many", "another size", "another setting"],
)
def test_weights_that_do_not_fit_the_method_are_refused(student, tmp_path, change):
    path = rewritten(student[1], tmp_path / "changed.safetensors", change)
    with pytest.raises(SavedModelError, match=r"changed\.safetensors does not fit utad-student of this version: "):
        methods.load(path)


def test_an_untouched_copy_is_taken(student, tmp_path):
    """So that the refusals above are due to what was changed."""
    model = methods.load(rewritten(student[1], tmp_path / "same.safetensors", lambda weights, about: None))
    assert torch.equal(model.translate(IMAGES, "t1"), student[0].model.translate(IMAGES, "t1"))


def test_saving_replaces_the_file_and_leaves_nothing_else(student, tmp_path):
    path = tmp_path / "new" / "model.safetensors"
    for _ in range(2):
        assert student[0].save(str(path)) == path
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no model"):
        methods.load(tmp_path)


@pytest.mark.parametrize("about", ["{", "[]", '{"name": 3}', '{"settings": {}}'])
def test_a_description_that_is_none_is_refused(student, tmp_path, about):
    path = tmp_path / "odd.safetensors"
    save_file({"weight": torch.zeros(1)}, path, metadata={"medsyn": about})
    with pytest.raises(SavedModelError, match=r"was not written by run\.save"):
        methods.load(path)


def test_settings_that_the_method_refuses_are_named(student, tmp_path):
    path = rewritten(student[1], tmp_path / "m.safetensors", lambda w, about: about["settings"].update(region="XX"))
    with pytest.raises(SavedModelError, match="does not fit utad-student of this version: region='XX'"):
        methods.load(path)


def test_a_teacher_asks_for_a_mask_of_the_images_shape(taught):
    for others in ((), (torch.zeros(4, 16, 16),), (torch.zeros(1, 1, 16, 16),)):
        with pytest.raises(ValueError, match="has to be told where the tumour is"):
            taught.model.translate(IMAGES, "t2", *others)
