"""UTAD-Net: what its paper claims and nothing here tests."""

from medsyn_core.experiments.ledger.rows import Untested

BASELINES = "None of the five is implemented here."
SEGMENTER = "No segmenter is trained on completed modalities: the exhibit is not made."

UNTESTED = (
    Untested(
        "utad",
        "abstract, section IV.B, Table I",
        "Teachers are better than StarGAN, DRIT++, TarGAN, ReMIC and ResViT, by whichever mask and score",
        "31.57 to 31.89 against at most 30.45 dB, 159 patients of BraTS 2020",
        f"{BASELINES} And all records are made on the phantom.",
        "Plans for the five methods, then the same rows on a BraTS folder.",
        "utad-T1",
    ),
    Untested(
        "utad",
        "section IV.B, Table I",
        "Students, who see no mask, are better than all five as well",
        "30.88 to 31.48 against at most 30.45 dB; by SSIM and LPIPS the ET student is worse than ResViT",
        BASELINES,
        "Plans for the five methods.",
        "utad-T1",
    ),
    Untested(
        "utad",
        "section IV.B, Table I",
        "By LPIPS too, masks help, random maps hurt most, and students stay close to their teachers",
        "0.0655 with the WT mask, 0.0869 with zeros, 0.0884 with a random map, 0.0664 for the student",
        "The records hold no LPIPS: the weights it needs are not shipped.",
        "The files of the weights, and the rows recorded again.",
        "utad-T1",
    ),
    Untested(
        "utad",
        "section IV.B, Fig. 3",
        "Its images are more realistic, with clearer textures and richer structure",
        "shown, no number",
        "It is said of pictures, beside baselines that are not implemented here. One's own eye is no test.",
        "The baselines, and readers who do not know which method made an image.",
        "utad-F3",
    ),
    Untested(
        "utad",
        "sections I and III.B",
        "The local consistency loss keeps the anatomy of tumours and lessens their distortion",
        "",
        "No row is trained without it, in the paper or here, and no score measures a tumour's shape.",
        "A row with `local_consistency=0`, and tumours segmented on what it makes.",
    ),
    Untested(
        "utad",
        "section III.A, conclusion",
        "Distillation is what teaches the student to find tumours without a mask",
        "",
        "No row has the student's network and input without a teacher. The teacher with a map of zeros sees no tumour "
        "either, but its local branch sees no image.",
        "A student with `distillation=0`.",
        "utad-T3",
    ),
    Untested(
        "utad",
        "section IV.D, Table III",
        "Of the students' structures the global branch alone is the worst",
        "MAE 0.2514 against 0.1790 to 0.1912 without a part of the local branch",
        "The four errors are recorded and tabled; only who is best is judged.",
        "A rule for the order of all four.",
        "utad-T3",
    ),
    Untested(
        "utad",
        "section IV.C, Table II",
        "Tumours are segmented better on modalities completed by it than by any baseline",
        "Table II",
        f"{SEGMENTER} {BASELINES}",
        "A segmenter of four modalities, trained and tested on completed ones, and the five methods.",
        "utad-T2",
    ),
    Untested(
        "utad",
        "section IV.C, Table II",
        "Completed modalities are better for segmentation than the one real modality alone",
        "Table II",
        SEGMENTER,
        "A segmenter trained on single real modalities and one on completed ones.",
        "utad-T2",
    ),
    Untested(
        "utad",
        "sections IV.C and IV.D, Table II",
        "In segmentation too, teachers are ahead of students, of maps of zeros and, worst, of random maps",
        "Table II",
        SEGMENTER,
        "A segmenter of four modalities, trained and tested on what each row completes.",
        "utad-T2",
    ),
    Untested(
        "utad",
        "section IV.C, conclusion",
        "Its images have practical clinical significance",
        "",
        "Nothing here is clinical: phantoms have no patients, and no physician was asked.",
        "Radiologists, real missing modalities, and a decision that the images change.",
    ),
)
