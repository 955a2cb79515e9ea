"""Dual-discriminator network: 7 equations, 6 exhibits, and the slips in its text."""

from medsyn_core.experiments.ledger.rows import Equation, Exhibit

PAGE = "book/part2/dual_discriminator.ipynb"

EQUATIONS = (
    Equation(
        "dual-1",
        "L1 or L2 synthesis loss",
        note="The norm is a mean over pixels and batch, which only changes its scale. p is 1 or 2; the paper "
        "does not say which table used which.",
        function="medsyn_core.losses.synthesis.synthesis",
        test="tests/losses/test_dual_equations.py::test_dual_1",
        status="as printed",
    ),
    Equation(
        "dual-2",
        "Global critic: Wasserstein objective with gradient penalty",
        note="The critic is described with batch normalisation, which the penalty forbids: it needs the "
        "gradient of each sample's own score, and a batch's statistics tie the samples together. The "
        "critic here has none. The norm runs over all of a sample's pixels, the interpolates are drawn "
        "uniformly, one a sample. lambda is not given; 10 is used.",
        function="medsyn_core.losses.adversarial.wasserstein_critic_gp",
        test="tests/losses/test_dual_equations.py::test_dual_2",
        status="changed because the described batch normalisation would mix the samples of a per-sample penalty",
    ),
    Equation(
        "dual-3",
        "The generator against the global critic",
        note='The text before dual-5 calls this loss "Eq. 5".',
        function="medsyn_core.losses.adversarial.wasserstein_generator",
        test="tests/losses/test_dual_equations.py::test_dual_3",
        status="as printed",
    ),
    Equation(
        "dual-4",
        "Local discriminator: dense binary cross-entropy",
        note="Whether it sees the source image is not said; the equation shows it the target alone, and so does "
        "the code.",
        function="medsyn_core.losses.adversarial.dense_discriminator",
        test="tests/losses/test_dual_equations.py::test_dual_4",
        status="changed because the sum over the image domain is taken as a mean: weights then hold at any resolution",
    ),
    Equation(
        "dual-5",
        "The generator against the local discriminator",
        note="Called L_ADV2 here and L_G_ADV2 in dual-7. A mean over pixels, as dual-4.",
        function="medsyn_core.losses.adversarial.dense_generator",
        test="tests/losses/test_dual_equations.py::test_dual_5",
        status="changed because the sum over the image domain is taken as a mean, as in dual-4",
    ),
    Equation(
        "dual-6",
        "Difficult-region attention on the synthesis loss",
        note="F = (1 - M)^beta; beta is not given, 2 is used. M is detached: otherwise the synthesis loss "
        "itself pays for fooling the discriminator. F is not renormalised, so its scale falls as the "
        "discriminator is fooled. M tells what looks real, not what is wrong.",
        function="medsyn_core.losses.synthesis.difficult_region",
        test="tests/losses/test_dual_equations.py::test_dual_6",
        status="changed because the attention map is printed times a scalar norm: the element-wise error is meant",
    ),
    Equation(
        "dual-7",
        "Total of the generator",
        note="lambda_1 and lambda_2 are not given. Both are 0.005 here, better on validation subjects than the "
        "0.05 of its authors' earlier work, which beside a mean over pixels outweighs it.",
        function="medsyn_core.training.table.LossTable.total",
        test="tests/methods/test_dual_d.py::test_dual_7",
        status="as printed",
    ),
)

EXHIBITS = (
    Exhibit("dual-T1", "T1 to T2: MAE and PSNR of FCN, U-Net, sGAN and the full method", PAGE),
    Exhibit("dual-T2", "MR to CT: MAE and PSNR of the same methods", PAGE),
    Exhibit("dual-S3.1", "Global, local and dual discriminators", PAGE),
    Exhibit("dual-S3.2", "Attention on and off: overall and inside the tumour", PAGE),
    Exhibit("dual-F3", "With and without attention, tumour close-up; the confidence map as training goes on", PAGE),
    Exhibit("dual-F4", "Methods side by side", PAGE),
)
