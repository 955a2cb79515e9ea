"""Ten patients of noise with four modalities, 16 x 16 pixels, and the smallest recipes: what any-to-any translation is
tested on."""

from __future__ import annotations

import numpy as np
import torch

from medsyn_core.data import Source, Split, SubjectRef, Volume, prepare
from medsyn_core.data.cut import Settings
from medsyn_core.methods import hifi_syn, utad

WITHOUT_TUMOUR, WITHOUT_T1CE = (2, 9), 8
SIZES = {
    "width": 4,
    "levels": 2,
    "critic_width": 4,
    "critic_levels": 2,
    "local_critic_levels": 1,
    "steps": 4,
    "batch_size": 4,
}


class Patients(Source):
    """p-0 to p-9: two have no tumour, one of the test set lacks T1ce."""

    name, notice, key = "patients", "made for tests", {"version": 1}

    def subjects(self):
        return [SubjectRef(f"p-{k}", f"p-{k}") for k in range(10)]

    def read(self, ref):
        number = int(ref.id[-1])
        base = np.random.default_rng(number).uniform(0.2, 1, (16, 16, 6)).astype(np.float32)
        brain = np.zeros(base.shape, bool)
        brain[2:-2, 2:-2] = True
        seg = np.zeros(base.shape, np.uint8)
        if number not in WITHOUT_TUMOUR:
            seg[4:9, 5:7], seg[4:6, 5 : 9 + number % 3] = 2, 2  # no rectangle: its box is larger
            seg[5:8, 5:7], seg[6, 6] = 4, 1
        images = {"t1": base, "t1ce": base + (seg == 4), "t2": 1.3 - base + 0.3 * (seg > 0), "flair": 1.2 - base / 2}
        if number == WITHOUT_T1CE:
            del images["t1ce"]
        images = {name: np.where(brain, image, 0).astype(np.float32) for name, image in images.items()}
        tissue = brain * np.digitize(base, (0.4, 0.6)).astype(np.uint8) + brain
        return Volume(ref.id, ref.patient, images, seg=seg, tissue=tissue, affine=np.diag([12.0, 12, 12, 1]))


def patients(cache, scaling="percentile"):
    """The cohort: six patients to train on, one to choose with, three to test on."""
    ids = [f"p-{k}" for k in range(10)]
    split = Split("small", 0, tuple(ids[:6]), tuple(ids[6:7]), tuple(ids[7:]), {name: name for name in ids})
    return prepare(Patients(), Settings(16, 2, scaling), cache=cache, jobs=1).divide(split)


def teacher(**how):
    """The teacher's recipe with the fewest weights and four steps; its student has two."""
    return utad.teacher("smoke", **how).configure(**SIZES)


def hifi(**how):
    """HiFi-Syn between T1 and T2 with the fewest weights and four steps."""
    return hifi_syn.recipe("smoke", tumour=True).configure(**{"steps": 4, "batch_size": 4, "queries": 4} | how)


WITHOUT_CONTRAST = dict.fromkeys(("pixel_discrimination", "structure_discrimination", "global_discrimination"), 0)
WORKERS = {
    "teacher": lambda: teacher(guide="random").configure(steps=3),
    "hifi": hifi,
    "hifi-without-contrast": lambda: hifi().edit(**WITHOUT_CONTRAST),
}
"""What tests.methods.worker trains."""


def fit(recipe, cohort, **options):
    return recipe.fit(cohort, **{"progress": False, "device": "cpu"} | options)


def weights(run) -> torch.Tensor:
    """All weights of a run in one tensor."""
    return torch.cat([p.detach().reshape(-1) for n in sorted(run.networks) for p in run.networks[n].parameters()])


def buffers(run) -> torch.Tensor:
    """All buffers of a run in one tensor."""
    found = (b.reshape(-1).float() for n in sorted(run.networks) for b in run.networks[n].buffers())
    return torch.cat([torch.zeros(0), *found])


def batch_of(px=16):
    """Four samples as a view gives them, the third without tumour: each has a modality and tumour of its own."""
    g = torch.Generator().manual_seed(0)
    brain = torch.zeros(4, 1, px, px)
    brain[..., 2:-2, 2:-2] = 1
    seg = torch.zeros(4, px, px, dtype=torch.int64)
    for b, corner in ((0, 3), (1, 5), (3, 8)):
        seg[b, corner : corner + 4, corner : corner + 5] = 2
        seg[b, corner : corner + 2, corner : corner + 2] = 4
    image = (torch.rand(4, 1, px, px, generator=g) + 0.1) * brain
    rest = {"tissue": brain[:, 0].long(), "subject": torch.tensor([0, 1, 2, 3]), "index": torch.tensor([5, 6, 7, 8])}
    return {"image": image, "modality": torch.tensor([0, 1, 2, 3]), "brain": brain, "seg": seg, **rest}


def pair_of(px=16):
    """Three samples as a view of two modalities gives them: two images of the first modality show one subject, and one
    image of each modality has no tissue but CSF."""
    g = torch.Generator().manual_seed(1)
    found = {}
    for side, subject in (("i", [0, 1, 0]), ("j", [2, 3, 4])):
        brain = torch.zeros(3, 1, px, px)
        brain[..., 2:-2, 2:-2] = 1
        tissue = torch.randint(1, 4, (3, px // 4, px // 4), generator=g).repeat_interleave(4, 1).repeat_interleave(4, 2)
        tissue[2 if side == "i" else 1] = 1
        seg = torch.zeros(3, px, px, dtype=torch.int64)
        seg[0, 3:7, 4:9], seg[0, 3:5, 4:9] = 2, 4
        found[f"image_{side}"] = (torch.rand(3, 1, px, px, generator=g) + 0.1) * brain
        found |= {f"brain_{side}": brain, f"tissue_{side}": tissue * brain[:, 0].long(), f"seg_{side}": seg}
        found |= {f"subject_{side}": torch.tensor(subject), f"index_{side}": torch.arange(3)}
    return found


def trace_of(recipe, moving=(), batch=None, seed=1):
    """(networks, trace) of one step, with only the networks in `moving` collecting gradients, as the engine has it."""
    torch.manual_seed(0)
    batch = batch_of() if batch is None else batch
    networks = recipe.method.networks(batch)
    for name, network in networks.items():
        network.requires_grad_(name in moving).train(name in moving)
    draws = recipe.method.draws(len(next(iter(batch.values()))), torch.Generator().manual_seed(seed))
    return networks, recipe.method.trace(networks, {**batch, **draws})
