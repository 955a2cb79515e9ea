import dataclasses

import numpy as np
import pytest

from medsyn_core.experiments import exhibits, hifi, hifi_exhibits, hifi_published, ledger, records
from medsyn_core.experiments.results import ExhibitError
from tests.experiments import small_hifi

REFERENCES = hifi_exhibits.REFERENCES
FIRST = (*REFERENCES, "full")  # without these nothing is shown
TUMOUR = ("hifi-t2", "hifi-t1ce", "hifi-flair")
SSIM = {"full": 0.1}


@pytest.fixture(autouse=True)
def plans(monkeypatch):
    """The tiny plans in place of HiFi-Syn's."""
    monkeypatch.setattr(hifi, "PLANS", small_hifi.PLANS)


def state(id):
    return next(row["state"] for row in ledger.exhibits() if row["id"] == id)


def table(id, title):
    return next(t for t in exhibits.tables(id, "laptop") if t.title.startswith(title))


def row_of(found, name):
    return dict(zip(found.columns, next(row for row in found.rows if row[0] == name), strict=True))


def answers(id):
    """(claim, score and direction) -> answer."""
    return {(row[0], row[3]): row[-1] for row in table(id, "the claims").rows}


FULL, BACKBONE = "HiFi-Syn (PGD + SGD + GGD)", "backbone alone (DRIT++ parts)"


# -- one plan beside another


def test_a_plan_that_is_not_recorded_leaves_its_columns_empty_and_says_how_to_fill_them():
    small_hifi.save("hifi", (*FIRST, "baseline"), effects={"full": 1.0})
    assert state("hifi-T1") == "recorded at laptop, 6 of 24 rows"  # two cohorts of six, and twelve baselines
    ixi, ukb = (table("hifi-T1", f"T1 and {name}") for name in ("T2", "FLAIR"))
    assert row_of(ixi, FULL)["n"] == "8"
    assert set(row_of(ukb, FULL).values()) == {FULL, "–"} and not any("mean" in note.lower() for note in ukb.notes)
    rows = "copy atlas affine-copy own-look-up baseline full"
    assert (
        f"Not yet recorded; make it: python -m medsyn_core record hifi-ukb --profile laptop --rows {rows}" in ukb.text()
    )
    claim = "HiFi-Syn is better than its backbone alone"
    assert answers("hifi-T1")[claim, "PSNR, T1 → T2, T2 → T1"] == "yes"
    assert answers("hifi-T1")[claim, "PSNR, T1 → FLAIR, FLAIR → T1"] == "not decided: not recorded yet"


def test_subjects_of_two_cohorts_are_never_taken_for_one():
    small_hifi.save("hifi", FIRST, effects={"full": 1.0})
    small_hifi.save("hifi-ukb", FIRST, effects={"full": 3.0})
    assert state("hifi-T1") == "recorded at laptop, 10 of 24 rows"
    found = exhibits.results("hifi-T1", "laptop")
    assert found.directions == (*hifi_exhibits.IXI, *hifi_exhibits.UKB)
    assert found.summary("full", "psnr").subjects == 16
    ixi, ukb = (found.summary("full", "psnr", where) for where in (hifi_exhibits.IXI, hifi_exhibits.UKB))
    assert ixi.subjects == ukb.subjects == 8
    assert ukb.mean - ixi.mean == pytest.approx(2.0, abs=0.05)
    one, other = (part.summary("full", "psnr") for part in found.parts)
    assert (one, other) == (ixi, ukb)
    assert any("averaged over 2 directions" in note for note in table("hifi-T1", "the claims").notes)
    assert found.provenance().count("8 test subjects") == 1  # both cohorts of these records have one name


def test_a_subject_is_averaged_over_the_six_directions_of_three_plans():
    for k, paper in enumerate(TUMOUR):
        small_hifi.save(paper, FIRST, effects={"full": float(k)})
    found = exhibits.results("hifi-T2", "laptop")
    assert found.directions == hifi_exhibits.TUMOUR
    values = np.array(found.values("full", "psnr"))
    assert values.shape == (3, 8)
    rows = [records.load(records.path(paper, "laptop", "full", 1)).metrics for paper in TUMOUR]
    assert values[1, 5] == pytest.approx(np.mean([m["psnr"] for plan in rows for m in plan if m["subject"] == 5]))
    psnr = row_of(table("hifi-T2", "PSNR in six"), FULL)
    assert psnr["mean PSNR [dB]"].startswith(f"{values.mean():.2f} ± ")
    where = [f"{name} PSNR [dB]" for name in ("T1 → T2", "T1 → T1ce", "T1 → FLAIR")]
    numbers = [float(psnr[name].split(" ")[0]) for name in where]
    assert np.diff(numbers) == pytest.approx([1.0, 1.0], abs=0.03)
    assert row_of(table("hifi-T2", "PSNR, tumour"), FULL)["n"] == "7"  # one has no tumour


def test_without_one_of_the_three_plans_the_others_are_shown():
    for paper in TUMOUR[:2]:
        small_hifi.save(paper, (*FIRST, "baseline"))
    assert state("hifi-T2") == "recorded at laptop, 12 of 30 rows"
    shown = row_of(table("hifi-T2", "PSNR in six"), FULL)
    assert shown["T1 → FLAIR PSNR [dB]"] == "–" and shown["T1 → T1ce PSNR [dB]"] != "–"
    assert any("mean: over 4 directions" in note for note in table("hifi-T2", "PSNR in six").notes)
    assert [part.plan.paper for part in exhibits.results("hifi-F5", "laptop").parts] == list(TUMOUR[:2])


def test_without_its_own_plan_an_exhibit_is_not_shown():
    small_hifi.save("hifi-ukb", FIRST)
    assert state("hifi-T1") == state("hifi-F4") == ledger.NOT_YET
    with pytest.raises(ExhibitError, match=r"has not been recorded yet.*record hifi --profile laptop"):
        exhibits.tables("hifi-T1", "laptop")


def test_a_row_that_one_plan_lacks_is_not_there_yet():
    small_hifi.save("hifi", (*FIRST, "baseline"))
    small_hifi.save("hifi-ukb", FIRST)
    found = exhibits.results("hifi-T1", "laptop")
    assert found.missing == ("baseline",) and found.absent == ()
    assert found.command() == "python -m medsyn_core record hifi-ukb --profile laptop --rows baseline"
    assert state("hifi-T1") == "recorded at laptop, 11 of 24 rows"


def test_a_stale_record_of_an_unfinished_plan_is_not_passed_over():
    small_hifi.save("hifi", FIRST)
    small_hifi.save("hifi-ukb", ("copy",))
    assert state("hifi-T1") != ledger.NOT_YET
    records.save(dataclasses.replace(records.load(records.path("hifi-ukb", "laptop", "copy", 0)), config_hash="0" * 12))
    assert state("hifi-T1") == ledger.NOT_YET
    with pytest.raises(ExhibitError, match=r"1 of 20 records cannot be used.*\n.*record hifi .* && .*record hifi-ukb"):
        exhibits.tables("hifi-T1", "laptop")


# -- tables of directions


def test_p_compares_with_the_full_method_in_psnr_and_in_ssim():
    small_hifi.save("hifi", (*FIRST, "baseline"), effects={"full": 2.0, "copy": -3.0}, ssim=SSIM)
    ixi = table("hifi-T1", "T1 and T2")
    assert row_of(ixi, FULL)["p, PSNR"] == row_of(ixi, FULL)["p, SSIM"] == "–"
    assert row_of(ixi, BACKBONE)["p, PSNR"] == row_of(ixi, BACKBONE)["p, SSIM"] == "0.0078"  # the least of eight
    found = exhibits.results("hifi-T1", "laptop")
    cell = row_of(ixi, BACKBONE)["T2 → T1 SSIM"]
    assert cell.startswith(f"{found.summary('baseline', 'ssim', 't2-t1').mean:.3f} ± ")


def test_the_papers_baselines_are_awaited_by_name():
    small_hifi.save("hifi", FIRST)
    names = [row[0] for row in table("hifi-T1", "T1 and T2").rows]
    assert names[4:16] == [f"{name} (not yet run)" for name in hifi_published.BASELINES]
    assert len(hifi_published.BASELINES) == 12
    assert names[16:] == [f"{BACKBONE} (not yet recorded)", FULL]


def test_the_papers_tables_are_whole():
    for heads, rows in (hifi_published.HEALTHY, hifi_published.TUMOUR, hifi_published.TISSUE):
        assert tuple(row[0] for row in rows) == (*hifi_published.BASELINES, "HiFi-Syn")
        assert {len(row) for row in rows} == {len(heads)}
    of = {row[0]: row for row in hifi_published.TUMOUR[1]}
    six = [[float(x) for x in cell.split(" / ")] for cell in of["MGUIT"][1:8]]
    assert np.mean(six[:6], axis=0) == pytest.approx(six[6], abs=2e-3)
    assert [len(hifi_published.ABLATION[1]), hifi_published.ABLATION[1][-1][0]] == [6, "PGD + SGD + GGD"]


# -- claims


def test_each_step_of_the_ablation_is_judged_in_each_direction():
    effects = {"pixel-no-map": 0.5, "pixel-no-bank": 0.6, "pixel": 1.0, "pixel-structure": 1.02, "full": 2.0}
    small_hifi.save("hifi", hifi_exhibits.T5.rows, effects=effects)
    assert state("hifi-T5") == "recorded at laptop"
    found = answers("hifi-T5")
    for where in ("T1 → T2", "T2 → T1"):
        assert found["The annotation map helps PGD", f"PSNR, {where}"] == "yes"
        assert found["The memory bank helps PGD", f"PSNR, {where}"] == "yes"
        assert found["PGD helps the backbone", f"PSNR, {where}"] == "yes"
        assert found["SGD helps on top of PGD", f"PSNR, {where}"] == "no"  # 0.02 dB: too small to name
        assert found["GGD helps on top of PGD and SGD", f"PSNR, {where}"] == "yes"
    assert len(found) == 24  # six claims, two scores, two directions
    claims = table("hifi-T5", "the claims")
    assert not any("averaged over" in note for note in claims.notes)
    said = {(row[0], row[3]): row[1] for row in claims.rows}
    assert said["GGD helps on top of PGD and SGD", "PSNR, T2 → T1"] == "24.18 against 23.63 dB (Table 5)"
    assert said["The memory bank helps PGD", "SSIM, T1 → T2"] == "0.817 against 0.806 (Table 5)"


def test_a_claim_looks_at_its_own_direction_alone():
    small_hifi.save("hifi", (*FIRST, "pixel-structure"), effects={"full": 1.0})
    for job in small_hifi.PLANS["hifi"].jobs("laptop", ["full"]):
        record = job.load()
        worse = [m | {"psnr": m["psnr"] - 3.0 * (m["direction"] == "t2-t1")} for m in record.metrics]
        records.save(dataclasses.replace(record, metrics=worse))
    found = answers("hifi-T5")
    assert found["GGD helps on top of PGD and SGD", "PSNR, T1 → T2"] == "yes"
    assert found["GGD helps on top of PGD and SGD", "PSNR, T2 → T1"] == "no"


def test_rows_of_the_ablation_that_are_missing_leave_claims_open():
    small_hifi.save("hifi", (*FIRST, "pixel"), effects={"full": 1.0})
    assert state("hifi-T5") == "recorded at laptop, 6 of 12 rows"
    assert answers("hifi-T5")["The memory bank helps PGD", "PSNR, T1 → T2"] == "not decided: not recorded yet"


def test_tumours_are_judged_by_themselves():
    for paper in TUMOUR:
        small_hifi.save(paper, (*FIRST, "baseline"), effects={"full": 1.0, "copy": -1.0, "atlas": -2.0})
    found = answers("hifi-T2")
    assert found["HiFi-Syn is better than its backbone alone inside tumours", "PSNR, tumour"] == "yes"
    assert found["HiFi-Syn is better than copying the source and than the atlas", "PSNR"] == "yes"
    assert any("averaged over 6 directions" in note for note in table("hifi-T2", "the claims").notes)


# -- tissue


def test_tissue_is_tabled_against_the_real_t1_and_against_the_labels():
    small_hifi.save("hifi", hifi_exhibits.T3.rows, tissues={"full": 0.85, "real": 0.9})
    assert state("hifi-T3") == "recorded at laptop, 6 of 18 rows"
    real, labels = (table("hifi-T3", f"tissue of T1 from T2, against the {word}") for word in ("tissue", "labels"))
    assert row_of(real, FULL)["GM Dice [%]"].startswith("90.") and row_of(labels, FULL)["GM Dice [%]"].startswith("85.")
    assert row_of(labels, "the real image")["WM VS [%]"].startswith("90.")
    assert row_of(real, "MGUIT (not yet run)")["WM Dice [%]"] == "–"
    assert "n = 8 test subjects" in labels.notes[1]
    claims = table("hifi-T3", "the claims")
    assert [row[-1] for row in claims.rows] == ["yes"] * 4 and claims.rows[0][3].startswith("+5.0 [")


def test_less_than_a_point_of_tissue_is_too_little_to_name():
    small_hifi.save("hifi", hifi_exhibits.T3.rows, tissues={"full": 0.805})
    assert [row[-1] for row in table("hifi-T3", "the claims").rows] == ["no"] * 4


def test_without_the_backbone_the_claims_about_tissue_are_open():
    small_hifi.save("hifi", tuple(row for row in hifi_exhibits.T3.rows if row != "baseline"))
    assert {row[-1] for row in table("hifi-T3", "the claims").rows} == {"not decided: not recorded yet"}


# -- content and memory


@pytest.mark.parametrize(
    ("full", "answer"), [((0.6, 0.7, 0.6), "yes"), ((0.4, 0.4, 0.5), "no"), ((0.6, 0.4, 0.6), "not decided")]
)
def test_pgd_is_judged_seed_by_seed(full, answer):
    small_hifi.save("hifi", ("full", "full-no-pixel"), features={"full": full})
    assert state("hifi-F8") == "recorded at laptop, 2 of 6 rows"
    assert state("hifi-F9") == "recorded at laptop, 2 of 8 rows"
    for id, count in (("hifi-F8", 1), ("hifi-F9", 2)):
        assert [row[-1] for row in table(id, "the claim").rows] == [answer] * count
    told = row_of(table("hifi-F9", "Query features"), FULL)["told by neighbours"]
    assert told == f"{np.mean(full):.3f} ({np.std(full, ddof=1):.3f})"


def test_a_bank_without_structures_and_no_bank_have_no_share_of_their_own():
    small_hifi.save("hifi", hifi_exhibits.F9.rows)
    nobodys = row_of(table("hifi-F8", "Affinity"), "PGD, no annotation map")
    assert nobodys["share of its own structure"] == "–" and nobodys["entropy [nats]"] == "0.50 (0.00)"
    assert row_of(table("hifi-F9", "Query"), BACKBONE)["silhouette"] == "0.500 (0.000)"
    assert nobodys["dead slots"] == "2.0 (0.0)"


def test_without_the_row_that_leaves_pgd_out_the_claim_is_open():
    small_hifi.save("hifi", ("full",))
    assert [row[-1] for row in table("hifi-F8", "the claim").rows] == ["not decided: not recorded yet"]


# -- the whole


@pytest.mark.parametrize("id", ["hifi-F3", "hifi-F4", "hifi-F5"])
def test_figures_of_images_send_to_their_page(id):
    with pytest.raises(ExhibitError, match=rf"{id} is a figure of images: see book/part2/hifi_syn\.ipynb"):
        exhibits.tables(id, "laptop")


def test_every_row_of_the_plans_stands_in_an_exhibit():
    shown = {}
    for id, need in hifi_exhibits.NEEDS.items():
        for paper in (need.plan or ledger.paper_of(id), *need.others):
            shown.setdefault(paper, set()).update(need.rows)
    assert shown == {paper: {row.name for row in plan.rows} for paper, plan in small_hifi.PLANS.items()}
