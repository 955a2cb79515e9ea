"""HiFi-Syn: 17 equations, 13 exhibits, and the slips in its text."""

from medsyn_core.experiments.ledger.rows import Equation, Exhibit

EQUATIONS = (
    Equation(
        "hifi-1",
        "Affinity of a query to the memory keys",
        note="The sum of the softmax runs over N, the number of queries, where the slots number T. A cosine "
        "without temperature reads almost uniformly: the largest weight possible is 0.45 for T = 10, 0.17 "
        "for T = 38. Here it has one, 0.1. With labels the sum runs over the slots of the pixel's structure and the "
        "global ones.",
        function="medsyn_core.networks.memory_bank.MemoryBank.affinity",
        test="tests/networks/test_memory_equations.py::test_hifi_1",
        status="changed because a softmax over slots must sum over slots, and needs a temperature to choose among them",
    ),
    Equation(
        "hifi-2",
        "Cosine similarity of query and key",
        note="The contrastive losses use the same; a content of zeros is similar to nothing.",
        function="medsyn_core.losses.contrastive.cosine",
        test="tests/losses/test_hifi_equations.py::test_hifi_2",
        status="as printed",
    ),
    Equation(
        "hifi-3",
        "Memory read",
        note="The text gives no width of the values but B is T x C with C = 256.",
        function="medsyn_core.networks.memory_bank.MemoryBank.read",
        test="tests/networks/test_memory_equations.py::test_hifi_3",
        status="as printed",
    ),
    Equation(
        "hifi-4",
        "Momentum update of the keys",
        note="alpha_p = 0.01 stands on the old item, so one update replaces 99 % of it, while the text says "
        "momentum prevents abrupt changes: the roles are probably swapped. alpha_p is 0.99 here; 0.01 is one number "
        "away. The norm bars are a normalisation. n is left free in u^(n,t); two convex sums are added, so the news "
        "weighs 2 (1 - alpha_p), here too. The text selects the nearest queries, the formula sums over all: see "
        "hifi-6. A slot that hears no query keeps its key.",
        function="medsyn_core.networks.memory_bank.MemoryBank.write",
        test="tests/networks/test_memory_equations.py::test_hifi_4",
        status="changed because alpha_p weighs a key of unit length against queries: they have unit length too",
    ),
    Equation(
        "hifi-5",
        "Momentum update of the values",
        note="As hifi-4; z^t stands for z^a. Values are updated with what was read from them; here with the attribute "
        "encoder's features at the query's place. Normalising a value removes its scale, so it is left. write=\"read\" "
        "and unit_values=True are the printed form.",
        function="medsyn_core.networks.memory_bank.MemoryBank.write",
        test="tests/networks/test_memory_equations.py::test_hifi_5",
        status="changed because values made of what was read from them never hear of an image",
    ),
    Equation(
        "hifi-6",
        "Update weights, a softmax over queries",
        note="Sums to one over queries, so the mean weight is 3.4e-4 for 2916 queries. b_i stands for b_t. With "
        "all queries, no temperature and 0.99 on the old item the slots collapse onto one another. The text chooses "
        "the queries that have the item as their close one, and so does the code: a query speaks to the nearest slot "
        "of its structure and to the nearest global one.",
        function="medsyn_core.networks.memory_bank.MemoryBank.shares",
        test="tests/networks/test_memory_equations.py::test_hifi_6",
        status="changed because slots that hear all queries soon say the same: each hears those nearest to it, as in "
        "the text, with a temperature",
    ),
    Equation(
        "hifi-7",
        "Pixel-level granularity discrimination",
        note="Without the positives in the denominator the pull on them never ends; they are in it once. Temperature, "
        "pairs and negatives are not given; tau is 1 here, in hifi-11 and hifi-12 too. Negative are pixels of other "
        "subjects, in either modality, and of other structures of the same subject; all of an image's pixels would "
        "make a matrix of 2916 x 2916 a pair.",
        function="medsyn_core.losses.contrastive.pixel_discrimination",
        test="tests/losses/test_hifi_equations.py::test_hifi_7",
        status="changed because the sum over all pixels is a mean over some drawn at random, which bounds the matrix",
    ),
    Equation(
        "hifi-8",
        "Structure-wise content",
        note="A Hadamard product with the structure's mask. Label maps are made small by nearest neighbour.",
        function="medsyn_core.losses.contrastive.structure_means",
        test="tests/losses/test_hifi_equations.py::test_hifi_8",
        status="changed because masked maps of two structures of an image are always orthogonal: their pixels do not "
        "meet, so each is averaged over its pixels",
    ),
    Equation(
        "hifi-9",
        "Deformation of a structure",
        note="Sums over the region, so ranks follow its area: sum and mean can rank exactly in reverse. The "
        'channel axis is never reduced; here it is averaged. deformation="total" is the printed sum.',
        function="medsyn_core.losses.contrastive.mean_deformation",
        test="tests/losses/test_hifi_equations.py::test_hifi_9",
        status="changed because a sum ranks structures by their area: it is divided by it",
    ),
    Equation(
        "hifi-10",
        "Rank-based weight",
        note="Rank 0 has to be the largest deformation for larger deformations to weigh more. Only structures that are "
        "there have ranks; ties share the better one. Weights carry no gradient.",
        function="medsyn_core.losses.contrastive.rank_weights",
        test="tests/losses/test_hifi_equations.py::test_hifi_10",
        status="as printed",
    ),
    Equation(
        "hifi-11",
        "Structure-level granularity discrimination",
        note="The weight stands only in the numerator: the gradient on the positive similarity is (p - w) / "
        "tau, so where p exceeds w the loss repels the positive. The set without s_i, read literally, "
        'drops the positives too. weighting="numerator" is the printed form. A mean over the regions that are there.',
        function="medsyn_core.losses.contrastive.region_discrimination",
        test="tests/losses/test_hifi_equations.py::test_hifi_11",
        status="changed because a weight in the numerator alone repels what it should attract: it multiplies the term",
    ),
    Equation(
        "hifi-12",
        "Global-level granularity discrimination",
        note="Takes its positives from Omega_s, not Omega_g; the denominator must include them. Pooling is not given: "
        "content is averaged over its pixels.",
        function="medsyn_core.methods.hifi_step.global_term",
        test="tests/losses/test_hifi_equations.py::test_hifi_12",
        status="changed because the sum over images is taken as a mean: its weight then holds for any batch",
    ),
    Equation(
        "hifi-13",
        "Cross-cycle reconstruction, L1",
        note="The second translation swaps the attributes of the first two images made.",
        function="medsyn_core.methods.hifi_step.cross_cycle_term",
        test="tests/losses/test_hifi_equations.py::test_hifi_13",
        status="changed because the printed norm is a sum: with a mean over elements lambda_3 fits any resolution",
    ),
    Equation(
        "hifi-14",
        "Self reconstruction, L1",
        function="medsyn_core.methods.hifi_step.self_reconstruction_term",
        test="tests/losses/test_hifi_equations.py::test_hifi_14",
        status="changed because the printed norm is a sum: with a mean over elements lambda_4 fits any resolution",
    ),
    Equation(
        "hifi-15",
        "Content adversarial loss",
        note="As printed the content discriminator's optimum is 1/2 whatever its input; it is the confusion "
        "form of DRIT. The encoders' term is the printed one, negated; the content critic's is content_critic_term.",
        function="medsyn_core.methods.hifi_step.content_adversarial_term",
        test="tests/losses/test_hifi_equations.py::test_hifi_15",
        status="changed because a critic of the printed form learns nothing: it is to tell the modalities apart",
    ),
    Equation(
        "hifi-16",
        "Domain adversarial loss",
        note="Two closing brackets are missing or misplaced. Critics minimise minus what is printed, averaged over "
        "patches; the generators' term is domain_adversarial_term.",
        function="medsyn_core.methods.hifi_step.domain_critic_term",
        test="tests/losses/test_hifi_equations.py::test_hifi_16",
        status="changed because log(1 - D) teaches little where D is sure: generators get -log D of their images",
    ),
    Equation(
        "hifi-17",
        "Total",
        note="Leaves out the KL and latent terms of DRIT++, whose weights it cites; so does the code. lambda_3 and "
        "lambda_4 are 20 where DRIT++ has 10: its images span 2 units, ours about 1, and a difference between them is "
        "half as large. The sum itself is the loss table's.",
        function="medsyn_core.methods.hifi_syn.recipe",
        test="tests/losses/test_hifi_equations.py::test_hifi_17",
        status="changed because a brain spans about 1 unit instead of 2, which doubles lambda_3 and lambda_4",
    ),
)

PAGE = "book/part2/hifi_syn.ipynb"
EXHIBITS = (
    Exhibit("hifi-T1", "Healthy pairs, both directions: PSNR, SSIM, Wilcoxon p", PAGE),
    Exhibit("hifi-T2", "Tumour cohort, six directions", PAGE),
    Exhibit("hifi-T3", "Tissue segmentation of synthetic T1: Dice, volumetric similarity", PAGE),
    Exhibit("hifi-T4", "Synthetic images as augmentation of a segmentation network"),
    Exhibit("hifi-T5", "Ablation of the three granularities, the map and the bank", PAGE),
    Exhibit("hifi-T6", "Annotation maps injected into other methods"),
    Exhibit("hifi-F3", "Memory-item setting: structure-wise and global items", PAGE),
    Exhibit("hifi-F4", "Translations with error maps, healthy", PAGE),
    Exhibit("hifi-F5", "Translations with error maps, tumour", PAGE),
    Exhibit("hifi-F6", "Expert study as a rating exercise"),
    Exhibit("hifi-F7", "Downstream segmentations of synthetic images"),
    Exhibit("hifi-F8", "Affinity of queries to memory items, with and without PGD", PAGE),
    Exhibit("hifi-F9", "Query features by structure, with and without PGD", PAGE),
)
