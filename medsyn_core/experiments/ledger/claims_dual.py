"""Dual-discriminator network: what its paper claims and nothing here tests."""

from medsyn_core.experiments.ledger.rows import Untested

EYE = "It is said of pictures. Ours are there to look at, but nobody has been asked, and one's own eye is no test."
READERS = "Readers who compare images without knowing which method made them."

UNTESTED = (
    Untested(
        "dual",
        "abstract, section 3.3, Table 1",
        "On patients with brain tumours the full method is better than FCN, U-Net and sGAN",
        "27.5 against 26.2 dB and MAE 25.8 against 27.0, 94 patients of BraTS",
        "All records are made on the phantom. What holds there is answered above; what holds in patients is not.",
        "The same rows recorded on a BraTS folder, split by patient.",
        "dual-T1",
    ),
    Untested(
        "dual",
        "sections 3.3 and 4, Table 2",
        "It carries over to other data and another task: CT from MR of real heads",
        "28.6 against 27.3 dB and MAE 18.4 against 20.4, 16 subjects",
        "Both of our cohorts are phantoms on one anatomy, each with a training of its own. The paper does not name its "
        "brain dataset.",
        "Pairs of MR and CT of real heads, and a cohort from elsewhere that was not trained on.",
        "dual-T2",
    ),
    Untested(
        "dual",
        "section 3",
        "It is better than an atlas-based method",
        "named among those compared; no table has it",
        "The paper prints no number for it and does not say which it is. Ours is the mean of the training images.",
        "A registration of labelled atlases to each test subject.",
        "dual-T1",
    ),
    Untested(
        "dual",
        "section 3.1",
        "Two discriminators keep the generator's gradients from vanishing, and training stable",
        "",
        "Nothing here records the gradients that a discriminator hands to the generator.",
        "Norms of the two adversarial gradients over training, with one discriminator and with both.",
        "dual-S3.1",
    ),
    Untested(
        "dual",
        "section 2.2",
        "Adversarial losses make synthetic images look better",
        "",
        "MAE, PSNR and SSIM do not measure that. LPIPS does so better; the weights it needs are not shipped.",
        "Records with LPIPS, or readers who do not know which method made an image.",
    ),
    Untested(
        "dual",
        "section 3.2",
        "Tumours are made better in the end because attention turned to them early on",
        "",
        "Whether they are made better is answered above, and so is whether they were trusted less; that the one is the "
        "cause of the other is not.",
        "A row whose attention is given, such as the tumour's mask or a random map of the same mean.",
        "dual-F3",
    ),
    Untested(
        "dual",
        "section 3.2, Fig. 3",
        "With attention, images show much more detail, in tumours above all",
        "shown, no number",
        EYE,
        READERS,
        "dual-F3",
    ),
    Untested(
        "dual",
        "section 3.3, Fig. 4",
        "Its images are more continuous, coherent and smooth than those of the other methods",
        "shown, no number",
        EYE,
        READERS,
        "dual-F4",
    ),
)
